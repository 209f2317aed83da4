/*
 * detector: what I hold each peer to be (the table "COND of P at me").
 *
 * In: accepted heartbeats and the votes of others. Out: events, each with the evidence for it.
 * Pure: no clock, no I/O, no allocation. Limit: LOCUM_NODES_MAX peers.
 */
#ifndef LOCUM_CORE_DETECTOR_H
#define LOCUM_CORE_DETECTOR_H

#include "core/view.h"

/* Why a condition changed. */
enum locum_cause {
    LOCUM_CAUSE_HEARD,     /* an accepted heartbeat */
    LOCUM_CAUSE_SILENT,    /* silent for its limit */
    LOCUM_CAUSE_QUORUM,    /* silent for a quorum */
    LOCUM_CAUSE_LEFT,      /* its last word was leaving, and it is silent */
    LOCUM_CAUSE_ADOPTED,   /* a peer that is heard holds it down */
    LOCUM_CAUSE_GRACE,     /* I could not have heard anybody */
    LOCUM_CAUSE_RECOVERED, /* on probation long enough, and its service is up */
    LOCUM_CAUSE_OPERATOR,
    LOCUM_CAUSE_LEASE,  /* an admin lease has ended */
    LOCUM_CAUSE_CHECKS, /* the service checks */
};
const char *locum_cause_text(enum locum_cause cause);

struct locum_condition_state {
    enum locum_condition condition;
    bool accepted;             /* a heartbeat was accepted since the last turn */
    bool adopted;              /* down was adopted from a peer, not found by me */
    bool left;                 /* its last word was leaving when it became down */
    bool trusted;              /* returning without the wait: adopted, or a new run after leaving */
    bool silent;               /* returning, and silent: code s, rank F */
    locum_ms verdict;          /* mono time at which it became down */
    uint64_t down_incarnation; /* of its last word when it became down */
    locum_ms returning_since;  /* the clock of a returning */
    locum_ms since_wall;       /* wall time of the last event, Unix ms; LOCUM_NEVER */
};

struct locum_detector {
    struct locum_condition_state peer[LOCUM_NODES_MAX];
};

/* One change of condition with the evidence for it. */
struct locum_condition_event {
    locum_node peer;
    enum locum_condition from, to;
    enum locum_cause cause;
    locum_nodes voters; /* who voted for it; empty where no vote was needed */
    locum_ms
        age_ms[LOCUM_NODES_MAX]; /* of each voter's evidence; LOCUM_NEVER where there is none */
};

void locum_detector_init(struct locum_detector *self);

/* A heartbeat of `peer` was accepted. */
void locum_detector_heard(struct locum_detector *self, locum_node peer);

/*
 * GRACE for the peers in `which`: suspect becomes unknown, the clock of every returning starts
 * again. The caller has set the grace times in the view.
 * Returns the number of events written. Cannot fail.
 */
size_t locum_detector_grace(struct locum_detector *self, const struct locum_core_config *config,
                            locum_nodes which, struct locum_now now,
                            struct locum_condition_event ret_event[LOCUM_NODES_MAX]);

/*
 * Move every peer whose time or votes have come; at most one event a peer.
 *
 * view     facts received so far, borrowed; not newer than now.
 * now      never less than at the last call.
 * Returns the number of events written, 0 .. LOCUM_NODES_MAX. Cannot fail.
 */
size_t locum_detector_advance(struct locum_detector *self, const struct locum_view *view,
                              const struct locum_core_config *config, struct locum_now now,
                              struct locum_condition_event ret_event[LOCUM_NODES_MAX]);

/* The code to tell others: the condition, but `suspect` for a returning that is silent. */
enum locum_condition locum_detector_state_code(const struct locum_detector *self, locum_node peer);

#endif
