/*
 * acme_api: POST /acme, which `locum acme` asks: a value is set or removed, and the reply waits
 * until all servers that are not held down have acknowledged it (acme.h).
 */
#ifndef LOCUM_DAEMON_ACME_API_H
#define LOCUM_DAEMON_ACME_API_H

#include "control/control.h"
#include "daemon/daemon.h"

/*
 * A request {"action": "set", "name", "value", "for_s"} or {"action": "unset", "name", "value"};
 * for_s and the value of unset may be missing. The reply {"name", "removed", "for_s", "answering",
 * "missing", "down"}: the last three are lists of servers.
 */
struct locum_control_reply locum_acme_api_handle(void *daemon,
                                                 const struct locum_control_request *request);

#endif
