/*
 * adapter: the API of the adapters (locum-nsd, one a zone): they read their zone and report what
 * NSD serves.
 *
 * The reports are shown in status, metrics and warnings and are no input to the plan, with one
 * exception: if NSD serves a higher serial than ours, as after the loss of our state, our next
 * serial is above it, because NSD's secondaries ignore a zone whose serial goes back.
 */
#ifndef LOCUM_DAEMON_ADAPTER_H
#define LOCUM_DAEMON_ADAPTER_H

#include "control/control.h"

/* GET /zone and POST /nsd; user: the daemon. */
struct locum_control_reply locum_daemon_adapter_zone(void *user,
                                                     const struct locum_control_request *request);
struct locum_control_reply locum_daemon_adapter_report(void *user,
                                                       const struct locum_control_request *request);

/* Is `written`, with or without the last dot and in any case, this absolute name? */
bool locum_daemon_adapter_is_name(const char *name, const char *written);

#endif
