/*
 * loss: what the loss of one more node would cost: the names that would have no healthy answer
 * (LOSS-1 to 5). Pure.
 */
#ifndef LOCUM_CORE_LOSS_H
#define LOCUM_CORE_LOSS_H

#include "core/step.h"

/* If `node` is lost, these names have no healthy answer. */
struct locum_loss {
    locum_node node;
    bool by_configuration; /* so it is also with every node alive: LOSS-5 */
    bool lost[LOCUM_FAMILIES][LOCUM_NAMES_MAX];
    size_t count; /* of the true ones in `lost` */
};

/* For each node one that its configuration cannot prevent, and one that it can. */
enum { LOCUM_LOSSES_MAX = 2 * LOCUM_NODES_MAX };

struct locum_losses {
    size_t count; /* 0: if one more node fails, every name still has a healthy answer */
    struct locum_loss at[LOCUM_LOSSES_MAX];
};

/* What each loss would cost now. A node that is down already is not listed. */
void locum_loss_find(const struct locum_core *core, locum_ms now, struct locum_losses *ret);

/* The plan if this node, which may be self, were lost now. */
void locum_loss_plan(const struct locum_core *core, locum_node node, struct locum_plan *ret);

/* What each loss costs by configuration alone, with every node alive, for `locum check`. */
void locum_loss_of_config(const struct locum_core_config *config, struct locum_losses *ret);

/* VOTE-3: enough nodes are configured so that they could vote on `peer` (with self's own). */
bool locum_loss_has_quorum(const struct locum_core_config *config, locum_node peer);

#endif
