/*
 * incarnation: the number of this run, raised above those that peers acknowledge (INCARNATION-1 to
 * 4). Part of step.
 */
#ifndef LOCUM_CORE_INCARNATION_H
#define LOCUM_CORE_INCARNATION_H

#include "core/step.h"

/* The newest heartbeat of `peer` acknowledges this incarnation of this node; 0: none. */
void locum_incarnation_acknowledged(struct locum_core *self, locum_node peer, uint64_t incarnation,
                                    struct locum_now now, struct locum_actions *actions);

#endif
