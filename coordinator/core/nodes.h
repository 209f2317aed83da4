/*
 * nodes: a node is an index of the configuration, a set of nodes is one mask; both are written as
 * names. Pure.
 */
#ifndef LOCUM_CORE_NODES_H
#define LOCUM_CORE_NODES_H

#include "base/text.h"
#include "core/types.h"

/* The set of this node alone. */
static inline locum_nodes
locum_nodes_of(locum_node node)
{
    return (locum_nodes)1 << node;
}

/* Is the node in the set? */
static inline bool
locum_nodes_has(locum_nodes set, locum_node node)
{
    return (set >> node & 1u) != 0;
}

/* Append the names of a set, in configured order, separated by commas; "-" for the empty set. */
void locum_nodes_add(struct locum_text *text, const struct locum_core_config *config,
                     locum_nodes set);

/* The configured node of this name, or LOCUM_NODE_NONE. */
locum_node locum_nodes_find(const struct locum_core_config *config, struct locum_slice name);

#endif
