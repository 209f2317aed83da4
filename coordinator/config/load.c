/* How the steps of a load get at what the binder has found. */
#include "config/load.h"

#include <string.h>

const struct locum_load_value *
locum_load_value(const struct locum_load *self, const char *key, size_t instance)
{
    return &self->values[locum_option_index(key)][instance];
}

bool
locum_load_good(const struct locum_load *self, const char *key, size_t instance)
{
    const struct locum_load_value *value = locum_load_value(self, key, instance);
    return value->node != NULL && !value->bad;
}

bool
locum_load_bad(const struct locum_load *self, const char *key, size_t instance)
{
    return locum_load_value(self, key, instance)->bad;
}

struct locum_position
locum_load_at(const struct locum_load *self, const char *key, size_t instance,
              struct locum_position otherwise)
{
    const struct locum_load_value *value = locum_load_value(self, key, instance);
    return value->node != NULL ? locum_document_at(value->node) : otherwise;
}

size_t
locum_load_items(const struct locum_load *self, const char *key, size_t instance)
{
    const struct locum_load_value *list = locum_load_value(self, key, instance);
    if (list->node == NULL || list->bad || list->node->type != YAML_SEQUENCE_NODE) {
        return 0;
    }
    return (size_t)(list->node->data.sequence.items.top - list->node->data.sequence.items.start);
}

const yaml_node_t *
locum_load_item(struct locum_load *self, const char *key, size_t instance, size_t index)
{
    LOCUM_INVARIANT(index < locum_load_items(self, key, instance));
    const struct locum_load_value *list = locum_load_value(self, key, instance);
    return yaml_document_get_node(&self->document, list->node->data.sequence.items.start[index]);
}

locum_node
locum_load_node(const struct locum_load *self, struct locum_slice name)
{
    for (size_t i = 0; i < self->config->core.node_count; i++) {
        const struct locum_slice key = locum_document_text(self->node_keys[i]);
        if (key.length == name.length && memcmp(key.at, name.at, name.length) == 0) {
            return (locum_node)i;
        }
    }
    return LOCUM_NODE_NONE;
}

void
locum_load_add_nodes(const struct locum_load *self, struct locum_text *text)
{
    for (size_t i = 0; i < self->config->core.node_count; i++) {
        const struct locum_slice key = locum_document_text(self->node_keys[i]);
        locum_text_add(text, i > 0 ? ", " : "");
        locum_text_add_escaped(text, key.at, key.length);
    }
}

bool
locum_load_path(const struct locum_load *self, struct locum_slice path, char *ret, size_t size)
{
    return locum_document_path(self->config->path, path, ret, size);
}
