/* listen.control of a file that need not be valid: a broken file must not hide the daemon. */
#include <string.h>

#include "config/config.h"
#include "config/document.h"
#include "config/options.h"

/* The value in the file, or an empty slice. */
static struct locum_slice
find_control(yaml_document_t *document)
{
    const yaml_node_t *listen =
        locum_document_find(document, yaml_document_get_root_node(document), "listen");
    const yaml_node_t *control = locum_document_find(document, listen, "control");
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
