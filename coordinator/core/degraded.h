/*
 * degraded: what is broken now, as this node sees it (GREEN-1 to 16). Status, exit code, warnings,
 * events and metrics are all made of this one list. It asks the same questions of the same facts as
 * the decisions do: what could not vote, or is too old, does not count here either. Pure.
 */
#ifndef LOCUM_CORE_DEGRADED_H
#define LOCUM_CORE_DEGRADED_H

#include "core/step.h"

enum locum_degraded_kind {
    LOCUM_DEGRADED_CONDITION,  /* node: a peer that is not alive */
    LOCUM_DEGRADED_SERVICE,    /* node: its service is not up */
    LOCUM_DEGRADED_EXCLUDED,   /* node: by the operator, here */
    LOCUM_DEGRADED_PEERS,      /* node says that it does not hold `peers` alive */
    LOCUM_DEGRADED_REPORTED,   /* node says that it is degraded itself */
    LOCUM_DEGRADED_UDP,        /* node is heard, but not by UDP */
    LOCUM_DEGRADED_PATH,       /* node is heard, but not through Redis */
    LOCUM_DEGRADED_SENTINEL,   /* node: its Sentinel gives no complete poll */
    LOCUM_DEGRADED_TILT,       /* node: its Sentinel is in TILT */
    LOCUM_DEGRADED_VOTE,       /* node: its Sentinel cannot vote on `peers` */
    LOCUM_DEGRADED_QUORUM,     /* node: too few could vote on it */
    LOCUM_DEGRADED_REDIS,      /* own heartbeats do not come back through Redis */
    LOCUM_DEGRADED_DNS,        /* node: its DNS fails */
    LOCUM_DEGRADED_FAMILY,     /* node, family: it has lost it */
    LOCUM_DEGRADED_UNHEARD,    /* node, family: this node does not hear it there */
    LOCUM_DEGRADED_MIRRORBITS, /* node: its Mirrorbits is silent, and Redis works */
    LOCUM_DEGRADED_CHECK,      /* node: self, a check of which could not be run */
    LOCUM_DEGRADED_FAIL_OPEN,  /* no server is known to be healthy */
    LOCUM_DEGRADED_KINDS,      /* their number */
};

struct locum_degraded {
    enum locum_degraded_kind kind;
    locum_node node; /* LOCUM_NODE_NONE: about no node */
    locum_nodes peers;
    enum locum_family family;
};

/* Each kind once a node, at most, and two of them once a family. */
enum { LOCUM_DEGRADED_MAX = (LOCUM_DEGRADED_KINDS + LOCUM_FAMILIES) * LOCUM_NODES_MAX };

struct locum_degraded_list {
    size_t count; /* 0: nothing is broken */
    struct locum_degraded at[LOCUM_DEGRADED_MAX];
};

/* Find all that is broken, in configured order of the nodes, `ret` is written up to its count. */
void locum_degraded_find(const struct locum_core *core, locum_ms now,
                         struct locum_degraded_list *ret);

/* How many of these this node finds itself, without what peers say: for its heartbeats (GREEN-5).
 */
size_t locum_degraded_own(const struct locum_core *core, locum_ms now);

#endif
