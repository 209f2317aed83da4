/*
 * show: the API's JSON as text for a terminal. Any member may be null or absent; it is then shown
 * as
 * "-".
 */
#ifndef LOCUM_CLI_SHOW_H
#define LOCUM_CLI_SHOW_H

#include "cli/print.h"

/*
 * What is degraded? `locum status` exits with 1 if there is anything:
 *
 *   - no node in the answer
 *   - a coordinator (role server or witness) that is not alive, or not up, or excluded; in maint
 *     it need not be up
 *   - fewer nodes reachable than the quorum needs
 *   - Redis configured and not connected; a Sentinel not connected or in TILT
 *   - no server is known to be healthy (fail-open)
 *   - some addresses of listen.dns are not open
 *   - the NSD beside this node reports an error
 *
 * Warnings do not count: one forged packet must not make a monitor alert. Nor does what an operator
 * wants (drain, maint): the status shows it beside the node.
 *
 * print  where to print one line "degraded: ..." for each; NULL: only count.
 * Returns the number of them.
 */
size_t locum_show_degraded(const json_t *status, const struct locum_print *print);

/* The whole status, with locum_show_degraded() at its end. */
void locum_show_status(const json_t *status, const struct locum_print *print);

/* GET /explain. */
void locum_show_explain(const json_t *explain, const struct locum_print *print);

/* GET /events: one line for each event. */
void locum_show_events(const json_t *events, const struct locum_print *print);

#endif
