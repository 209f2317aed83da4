/*
 * admin: what the operator wants of this node, with a lease on the boot clock, and which peers the
 * operator excludes from this node's answers. Pure; persisted by the daemon (SAVE-1).
 */
#ifndef LOCUM_CORE_ADMIN_H
#define LOCUM_CORE_ADMIN_H

#include "core/types.h"

struct locum_admin_state {
    enum locum_admin state;
    locum_ms until_boot;               /* boot clock; LOCUM_NEVER: no lease */
    char reason[LOCUM_REASON_MAX + 1]; /* "" if none was given */
    locum_nodes excluded;              /* never holds this node itself */
};

/* True if the lease has ended and the state went back to ready. */
bool locum_admin_advance(struct locum_admin_state *self, struct locum_now now);

#endif
