/*
 * evidence: what the daemon notes over time about heartbeats, because the facts of a moment do not
 * show it: who signs with what, and false suspicions. For warnings and the status; no decision
 * depends on it.
 */
#ifndef LOCUM_REPORT_EVIDENCE_H
#define LOCUM_REPORT_EVIDENCE_H

#include "config/config.h"
#include "core/step.h"

enum {
    LOCUM_FALSE_ALARMS = 3,    /* so many within an hour make a warning */
    LOCUM_UNLISTED_MS = 10000, /* a sender that is no node is remembered */
};

struct locum_evidence {
    size_t signed_by[LOCUM_NODES_MAX];       /* index of the secret of its last heartbeat; 0: the
                                              * one that this node signs with, or none */
    locum_ms by_key[LOCUM_NODES_MAX];        /* mono: one in its name was signed with its key */
    locum_ms by_secret[LOCUM_NODES_MAX];     /* mono: one was signed with the secret only */
    locum_ms bad_signature[LOCUM_NODES_MAX]; /* mono: a message in its name had an invalid one */
    locum_ms bad_unknown;                    /* mono: the same from an unknown sender */
    uint64_t bad_signatures[LOCUM_NODES_MAX], bad_unknowns; /* their numbers */
    char unlisted[LOCUM_NODE_NAME_MAX + 1]; /* the last sender with a valid one that is no node */
    locum_ms unlisted_heard;                /* mono; LOCUM_NEVER */
    locum_ms false_alarm[LOCUM_NODES_MAX][LOCUM_FALSE_ALARMS]; /* mono, newest first */
};

/* Nothing noted yet. Also after a reload: nodes may have other indices, secrets another order. */
void locum_evidence_init(struct locum_evidence *self);

/* What proves who has sent a message. */
struct locum_proof {
    bool by_key;    /* signed with the key that its sender and this node share */
    bool by_secret; /* one of the accepted secrets has signed it */
    size_t secret;  /* index of that one, or of the one that the key was made with */
    bool counts;    /* that is enough (peer-keys) */
};

/* Note a message that came in on the peer port or the heartbeat channel. */
void locum_evidence_note_message(struct locum_evidence *self,
                                 const struct locum_core_config *config, struct locum_slice message,
                                 const struct locum_proof *proof, locum_ms mono);

/* What has proved in the last 10 s that a node speaks. */
enum locum_heard_by { LOCUM_HEARD_BY_NOTHING, LOCUM_HEARD_BY_SECRET, LOCUM_HEARD_BY_KEY };
enum locum_heard_by locum_evidence_heard_by(const struct locum_evidence *self, locum_node node,
                                            locum_ms mono);

/* Note a change of condition: from suspect back to alive is a false suspicion. */
void locum_evidence_note_condition(struct locum_evidence *self,
                                   const struct locum_condition_event *event, locum_ms mono);

/* Was it less than within_ms ago? Not if it is LOCUM_NEVER. */
bool locum_evidence_is_recent(locum_ms mono, locum_ms within_ms, locum_ms now);

#endif
