/*
 * show: the API's JSON as text for people. Pure formatting: every member may be null or absent and
 * is then shown as "-".
 */
#ifndef LOCUM_CLI_SHOW_H
#define LOCUM_CLI_SHOW_H

#include "cli/print.h"

/*
 * Is anything lost already? What `locum status` exits with 1 for:
 *
 *   - no node in the answer
 *   - a coordinator (role server or witness) that is not alive, or not up, or excluded
 *   - a server that is not ready
 *   - fewer nodes reachable than the quorum needs
 *   - Redis configured and not connected; a Sentinel not connected or in TILT
 *   - this node fails open: nobody is known to be good
 *   - the NSD beside this node reports an error
 *
 * Warnings ask for attention and do not count: one forged packet must not turn a monitor red.
 *
 * print  one line "degraded: ..." for each; NULL: only count.
 * Returns how many there are.
 */
size_t locum_show_degraded(const json_t *status, const struct locum_print *print);

/* The cluster at a glance, and locum_show_degraded() at its end. */
void locum_show_status(const json_t *status, const struct locum_print *print);

/* GET /explain. */
void locum_show_explain(const json_t *explain, const struct locum_print *print);

/* GET /events: a line for each event. */
void locum_show_events(const json_t *events, const struct locum_print *print);

#endif
