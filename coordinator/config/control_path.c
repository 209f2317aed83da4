/* listen.control of a file that need not be valid: a broken file must not hide the daemon. */
#include <string.h>

#include "config/config.h"
#include "config/document.h"
#include "config/options.h"

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

/* The value in the file, or an empty slice. */
static struct locum_slice
find_control(yaml_document_t *document)
{
    const yaml_node_t *listen = find(document, yaml_document_get_root_node(document), "listen");
    const yaml_node_t *control = find(document, listen, "control");
    return control != NULL && control->type == YAML_SCALAR_NODE ? locum_document_text(control)
                                                                : (struct locum_slice){0};
}

bool
locum_config_control_path(const char *path, char ret_path[LOCUM_PATH_MAX + 1])
{
    struct locum_problems unheard = {0};
    const char *usual = locum_options[locum_option_index("listen.control")].fallback;
    yaml_document_t document;
    bool shared;
    bool found = false;
    bool read = false;
    if (locum_document_load(path, &unheard, &document, &shared) == 0) {
        const yaml_node_t *root = yaml_document_get_root_node(&document);
        read = root == NULL || root->type == YAML_MAPPING_NODE;
        const struct locum_slice control = find_control(&document);
        found =
            control.length > 0 && locum_document_path(path, control, ret_path, LOCUM_PATH_MAX + 1);
        yaml_document_delete(&document);
    }
    if (!found) {
        memcpy(ret_path, usual, strlen(usual) + 1);
    }
    return read;
}
