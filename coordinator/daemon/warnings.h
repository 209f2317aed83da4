/*
 * warnings: what asks for attention though nothing is lost yet: in `status`, and in log and event
 * stream once when it begins and once when it is over. Each says what to do.
 *
 * Most follow from the core's facts at the moment of asking. What needs evidence over time is kept
 * here: who seals with which secret, lines that no accepted secret has sealed, suspicions in vain.
 * Nothing of it is an input to any decision.
 */
#ifndef LOCUM_DAEMON_WARNINGS_H
#define LOCUM_DAEMON_WARNINGS_H

#include "config/config.h"
#include "core/step.h"

enum { LOCUM_FALSE_ALARMS = 3 }; /* so many in an hour, and the line to that peer is warned of */

/* The words that events say they are about. locum(8) is compared with them. */
extern const char *const locum_warning_abouts[];
extern const size_t locum_warning_about_count;

struct locum_evidence {
    size_t sealed_by[LOCUM_NODES_MAX];  /* index of the secret of its last heartbeat; 0: mine */
    locum_ms bad_seal[LOCUM_NODES_MAX]; /* mono: a line in its name had no accepted seal */
    locum_ms bad_line;                  /* mono: the same in no configured node's name */
    locum_ms false_alarm[LOCUM_NODES_MAX][LOCUM_FALSE_ALARMS]; /* mono, newest first */
};

/* Nothing seen yet. Also after a reload: a node may have another index, a secret another place. */
void locum_evidence_init(struct locum_evidence *self);

/*
 * A line came in; its sender is who it says to be.
 *
 * sealed  an accepted secret has sealed it, the one with this index; else `secret` is ignored.
 */
void locum_evidence_line(struct locum_evidence *self, const struct locum_core_config *config,
                         struct locum_slice line, bool sealed, size_t secret, locum_ms mono);

/* A condition has changed: a suspect that is heard after all was suspected in vain. */
void locum_evidence_event(struct locum_evidence *self, const struct locum_condition_event *edge,
                          locum_ms mono);

#endif
