#include "core/nodes.h"

void
locum_nodes_add(struct locum_text *text, const struct locum_core_config *config, locum_nodes set)
{
    const char *separator = "";
    for (locum_node node = 0; node < config->node_count; node++) {
        if (locum_nodes_has(set, node)) {
            locum_text_add(text, separator);
            locum_text_add(text, config->nodes[node].name);
            separator = ",";
        }
    }
    locum_text_add(text, set == 0 ? "-" : "");
}

locum_node
locum_nodes_find(const struct locum_core_config *config, struct locum_slice name)
{
    for (locum_node node = 0; node < config->node_count; node++) {
        if (locum_slice_is(name, config->nodes[node].name)) {
            return node;
        }
    }
    return LOCUM_NODE_NONE;
}
