/* listen.control of a file that need not be valid: a broken file must not hide the daemon. */
#include <string.h>

#include "config/config.h"
#include "config/document.h"

static const char default_path[] = "/run/locum/control.sock";

/* The value of a key of a mapping; NULL: there is none. */
static const yaml_node_t *
find(yaml_document_t *document, const yaml_node_t *mapping, const char *key)
{
    if (mapping == NULL || mapping->type != YAML_MAPPING_NODE) {
        return NULL;
    }
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = yaml_document_get_node(document, pair->key);
        if (name->type == YAML_SCALAR_NODE && locum_slice_is(locum_document_text(name), key)) {
            return yaml_document_get_node(document, pair->value);
        }
    }
    return NULL;
}

void
locum_config_control_path(const char *path, char ret_path[LOCUM_PATH_MAX + 1])
{
    struct locum_problems problems = {0};
    yaml_document_t document;
    bool shared;
    memcpy(ret_path, default_path, sizeof(default_path));
    if (locum_document_load(path, &problems, &document, &shared) == 0) {
        const yaml_node_t *listen =
            find(&document, yaml_document_get_root_node(&document), "listen");
        const yaml_node_t *control = find(&document, listen, "control");
        if (control != NULL && control->type == YAML_SCALAR_NODE &&
            locum_slice_copy(locum_document_text(control), ret_path, LOCUM_PATH_MAX + 1) != 0) {
            memcpy(ret_path, default_path, sizeof(default_path));
        }
        yaml_document_delete(&document);
    }
}
