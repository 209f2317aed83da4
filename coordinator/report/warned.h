/*
 * warned: which warnings have begun, changed and ended, for the events `warning` and
 * `warning-over`.
 *
 * In: the warnings of each moment (warnings.h). Out: a call for each event. A warning that others
 * than the nodes of the cluster can cause (locum_warnings_is_limited()) changes or ends at least
 * LOCUM_WARNED_LIMIT_MS after its last event, so it cannot fill the history.
 */
#ifndef LOCUM_REPORT_WARNED_H
#define LOCUM_REPORT_WARNED_H

#include <jansson.h>

#include "core/types.h"

enum { LOCUM_WARNED_LIMIT_MS = 3600 * 1000 };

struct locum_warned {
    json_t *shown; /* key -> text of the last event */
    json_t *since; /* key -> mono of that */
};

/* key: "ABOUT PEER" or "ABOUT"; text: NULL if the warning is over. */
typedef void locum_warned_fn(void *user, const char *key, const char *text);

void locum_warned_init(struct locum_warned *self);
void locum_warned_fini(struct locum_warned *self);

/* The warnings are now these (locum_warnings_find(), borrowed). */
void locum_warned_update(struct locum_warned *self, json_t *warnings, locum_ms mono,
                         locum_warned_fn *emit, void *user);

#endif
