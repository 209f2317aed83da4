/*
 * keys_api: GET /keys and POST /keys/drop of the control socket.
 */
#ifndef LOCUM_DAEMON_KEYS_API_H
#define LOCUM_DAEMON_KEYS_API_H

#include "control/control.h"

struct locum_control_reply locum_keys_api_get(void *user,
                                              const struct locum_control_request *request);

/* {tag, zone: a name, or null if one zone alone has the key, force: true}. */
struct locum_control_reply locum_keys_api_drop(void *user,
                                               const struct locum_control_request *request);

#endif
