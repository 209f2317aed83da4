/*
 * family: does a node work in each address family (FAMILY-1 to 7)? A link or an address of one
 * family can break alone; then the node keeps its condition and its names in the other one.
 *
 * In: heartbeats by UDP with their family, the votes of others, what a node says about itself, and
 * the own addresses. Out: events. Pure. Limit: LOCUM_NODES_MAX nodes.
 */
#ifndef LOCUM_CORE_FAMILY_H
#define LOCUM_CORE_FAMILY_H

#include "core/view.h"

struct locum_family_state {
    bool lost;           /* FAMILY-4: rank F in this family */
    bool voted;          /* by a quorum; of this node itself also because its address is gone */
    bool held;           /* FAMILY-5: a reason for it holds now */
    locum_ms trial;      /* mono: none has held since then */
    locum_ms since_wall; /* of the last change of `lost`, Unix ms; LOCUM_NEVER */
};

struct locum_families {
    struct locum_family_state at[LOCUM_NODES_MAX][LOCUM_FAMILIES];
    locum_nodes unheard[LOCUM_FAMILIES];   /* FAMILY-2: this node's votes, as it sends them */
    locum_ms absent_since[LOCUM_FAMILIES]; /* mono: an own address is gone; LOCUM_NEVER */
};

/* One change with the reason for it. */
struct locum_family_event {
    locum_node node; /* this node too */
    enum locum_family family;
    bool lost; /* false: it is back */
    enum locum_cause cause;
    locum_nodes voters; /* empty if it needed no vote */
};

void locum_family_init(struct locum_families *self);

/* An own address of the family is gone, or all are there again (FAMILY-6). */
void locum_family_address(struct locum_families *self, enum locum_family family, bool absent,
                          locum_ms now);

/*
 * Cast the votes and judge each node once.
 *
 * Returns the number of events written. Cannot fail.
 */
size_t locum_family_advance(struct locum_families *self, const struct locum_view *view,
                            const struct locum_core_config *config, struct locum_now now,
                            struct locum_family_event ret[LOCUM_NODES_MAX * LOCUM_FAMILIES]);

/* FAMILY-3: the nodes that vote now that `node` is not heard in the family. */
locum_nodes locum_family_votes(const struct locum_families *self, const struct locum_view *view,
                               const struct locum_core_config *config, locum_node node,
                               enum locum_family family, locum_ms now);

/* FAMILY-7: enough other nodes have the family to vote against `node`; otherwise only it can say
 * that it has lost the family. */
bool locum_family_votable(const struct locum_core_config *config, locum_node node,
                          enum locum_family family);

#endif
