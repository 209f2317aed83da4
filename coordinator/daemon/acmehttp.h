/*
 * acmehttp: challenges that are set over HTTP, as the programs of others speak it: lego's provider
 * httpreq (POST /present, POST /cleanup) and acme-dns (POST /update).
 *
 * A request is held until every server that is not held down has the change, or for
 * LOCUM_ACMEHTTP_WAIT_MS. The reply is 200 in either case, with the nodes that have not
 * acknowledged in `missing`: the client looks itself whether the value can be seen.
 *
 * Of an account of acme-dns the last two values at this node stay, as there: a wildcard and its
 * base need two at once, and such clients never remove one. Those of other nodes stay too: the
 * client of another node may wait for its own.
 */
#ifndef LOCUM_DAEMON_ACMEHTTP_H
#define LOCUM_DAEMON_ACMEHTTP_H

#include "control/control.h"
#include "daemon/daemon.h"

enum {
    LOCUM_ACMEHTTP_WAIT_MS = 2000, /* for the other nodes */
    LOCUM_ACMEHTTP_TXT_CHARS = 43, /* of a value of acme-dns: SHA-256 in base64 */
};

/* Handlers of control.h; user: the daemon. */
struct locum_control_reply locum_acmehttp_present(void *user,
                                                  const struct locum_control_request *request);
struct locum_control_reply locum_acmehttp_cleanup(void *user,
                                                  const struct locum_control_request *request);
struct locum_control_reply locum_acmehttp_update(void *user,
                                                 const struct locum_control_request *request);
bool locum_acmehttp_knows_token(void *user, const char *token);

#endif
