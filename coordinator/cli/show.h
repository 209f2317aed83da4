/*
 * show: the API's JSON as text for a terminal. Any member may be null or absent; it is then shown
 * as
 * "-".
 */
#ifndef LOCUM_CLI_SHOW_H
#define LOCUM_CLI_SHOW_H

#include "cli/print.h"

/*
 * How much is degraded, as the daemon says; 1 if it says nothing. `locum status` exits with 1 if
 * there is anything. Warnings do not count: one forged packet must not make a monitor alert. Nor
 * does what an operator wants (drain, maint): the status shows it beside the node.
 */
size_t locum_show_degraded(const json_t *status);

/* The whole status; at its end what is degraded, or that all is well. */
void locum_show_status(const json_t *status, const struct locum_print *print);

/* GET /explain. */
void locum_show_explain(const json_t *explain, const struct locum_print *print);

/* GET /events: one line for each event. */
void locum_show_events(const json_t *events, const struct locum_print *print);

/* GET /history: one line for each span, in the order of time. */
void locum_show_history(const json_t *history, const struct locum_print *print);

/* GET /keys: a table for each zone, and a line for each key. */
void locum_show_keys(const json_t *keys, const struct locum_print *print);

#endif
