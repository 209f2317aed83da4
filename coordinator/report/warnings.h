/*
 * warnings: what needs attention although nothing is lost yet. `locum status` lists them; most also
 * begin and end with an event. Each says what to do.
 *
 * Most follow from the facts of the moment. The rest needs evidence over time, which the daemon
 * notes here as it comes. No decision depends on any of it.
 */
#ifndef LOCUM_REPORT_WARNINGS_H
#define LOCUM_REPORT_WARNINGS_H

#include <jansson.h>

#include "config/config.h"
#include "core/step.h"

enum { LOCUM_FALSE_ALARMS = 3 }; /* so many within an hour make a warning */

struct locum_evidence {
    size_t signed_by[LOCUM_NODES_MAX];       /* index of the secret of its last heartbeat; 0: the
                                              * one that this node signs with */
    locum_ms bad_signature[LOCUM_NODES_MAX]; /* mono: a message in its name had an invalid one */
    locum_ms bad_unknown;                    /* mono: the same from an unknown sender */
    char unlisted[LOCUM_NODE_NAME_MAX + 1];  /* the last sender with a valid one that is no node */
    locum_ms unlisted_heard;                 /* mono; LOCUM_NEVER */
    locum_ms false_alarm[LOCUM_NODES_MAX][LOCUM_FALSE_ALARMS]; /* mono, newest first */
};

/* Nothing noted yet. Also after a reload: nodes may have other indices, secrets another order. */
void locum_warnings_init(struct locum_evidence *self);

/*
 * Note a message that came in on the peer port or the heartbeat channel.
 *
 * valid   one of the accepted secrets has signed it, the one with this index; else `secret` is
 *         ignored.
 */
void locum_warnings_note_message(struct locum_evidence *self,
                                 const struct locum_core_config *config, struct locum_slice message,
                                 bool valid, size_t secret, locum_ms mono);

/* Note a change of condition: from suspect back to alive is a false suspicion. */
void locum_warnings_note_condition(struct locum_evidence *self,
                                   const struct locum_condition_event *event, locum_ms mono);

struct locum_report; /* report/report.h */

/* The warnings of this moment: an object, "ABOUT PEER" or "ABOUT" -> text. A new reference. */
json_t *locum_warnings_find(const struct locum_report *report);

/* Does the warning with this key begin and end with an event? The others have events of their own,
 * such as `excluded`. */
bool locum_warnings_has_event(const char *key);

/* How many of the warnings of this moment do. */
size_t locum_warnings_count(const struct locum_report *report);

/* What the i-th kind of warning with events is about, and its meaning, for locum(8); NULL: there
 * are no more. Static. */
const char *locum_warnings_about(size_t i, const char **ret_meaning);

#endif
