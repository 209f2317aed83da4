/*
 * alerts: POST /hooks: a test event for the hooks (hooks/hooks.h), and what became of it.
 */
#ifndef LOCUM_DAEMON_ALERTS_H
#define LOCUM_DAEMON_ALERTS_H

#include "control/control.h"

/* A handler of control.h; user: the daemon. Send a test event; the reply waits for the outcomes. */
struct locum_control_reply locum_alerts_test(void *user,
                                             const struct locum_control_request *request);

#endif
