/*
 * detector: the condition of each peer at this node (COND-1 to 14).
 *
 * In: accepted heartbeats and the votes of others. Out: events, each with the evidence for it.
 * Pure: no clock, no I/O, no allocation. Limit: LOCUM_NODES_MAX peers.
 */
#ifndef LOCUM_CORE_DETECTOR_H
#define LOCUM_CORE_DETECTOR_H

#include "core/view.h"

struct locum_condition_state {
    enum locum_condition condition;
    bool accepted; /* a heartbeat was accepted since the last commit */
    bool adopted;  /* down was adopted from a peer (COND-2), or resumed and old (RESUME-5) */
    bool resumed;  /* down was so before this run started (COND-14) */
    bool left;     /* its last heartbeat said `leaving` when it became down */
    bool trusted;  /* COND-8: no wait: adopted, or a new run after `leaving` */
    bool silent;   /* COND-10: returning, and silent: state code s, rank G */
    bool
        was_alive; /* unknown, but alive before this node restarted, and not heard since (RANK-2) */
    locum_ms verdict;          /* mono time at which it became down */
    locum_ms down_since;       /* boot clock: the same, before a restart too; 0 */
    uint64_t down_incarnation; /* of its last accepted heartbeat when it became down */
    locum_ms returning_since;  /* mono: its trial started */
    locum_ms since_wall;       /* wall time of the last change, Unix ms; LOCUM_NEVER */
};

struct locum_detector {
    struct locum_condition_state peer[LOCUM_NODES_MAX];
};

/* One change of condition with the evidence for it. */
struct locum_condition_event {
    locum_node peer;
    enum locum_condition from, to;
    enum locum_cause cause;
    locum_nodes voters;               /* who voted for it; empty if it needed no vote */
    locum_ms age_ms[LOCUM_NODES_MAX]; /* of each voter's evidence; others are not set */
};

void locum_detector_init(struct locum_detector *self);

/* A heartbeat of `peer` was accepted. */
void locum_detector_heard(struct locum_detector *self, locum_node peer);

/*
 * Grace for the peers in `which`: suspect becomes unknown (COND-7), every trial starts again. The
 * caller has set the grace times in the view.
 * Returns the number of events written. Cannot fail.
 */
size_t locum_detector_grace(struct locum_detector *self, const struct locum_core_config *config,
                            locum_nodes which, struct locum_now now,
                            struct locum_condition_event ret_event[LOCUM_NODES_MAX]);

/*
 * Apply the table once to every peer: at most one event for each.
 *
 * view     facts received so far, borrowed; not newer than now.
 * now      never less than at the last call.
 * Returns the number of events written, 0 .. LOCUM_NODES_MAX. Cannot fail.
 */
size_t locum_detector_advance(struct locum_detector *self, const struct locum_view *view,
                              const struct locum_core_config *config, struct locum_now now,
                              struct locum_condition_event ret_event[LOCUM_NODES_MAX]);

/* RANK-2: the condition that its rank is made of: alive while it is only its last known state. */
enum locum_condition locum_detector_rank_condition(const struct locum_detector *self,
                                                   locum_node peer);

/* The state code for heartbeats: the condition, but `suspect` for a silent returning (COND-10). */
enum locum_condition locum_detector_state_code(const struct locum_detector *self, locum_node peer);

#endif
