/*
 * acme_held: requests over HTTP that change challenges, and whose reply is held until every server
 * that is not held down has the change (acme.h). For the handlers of acme_api.h and acmehttp.h.
 *
 *   begin -> set, unset -> locum_acme_held_commit() -> the handler replies `later`
 *   the handler is called again -> locum_acme_held_end()
 */
#ifndef LOCUM_DAEMON_ACME_HELD_H
#define LOCUM_DAEMON_ACME_HELD_H

#include "control/control.h"
#include "daemon/daemon.h"

/*
 * Commit the change that was begun, and hold the reply to `request`.
 *
 * body     what is known of the reply now; taken, also on failure.
 * wait_ms  less than the control room holds the request.
 * Returns 0 or LOCUM_ERR_MEMORY: then all since begin is undone.
 */
int locum_acme_held_commit(struct locum_daemon *self, const struct locum_control_request *request,
                           json_t *body, locum_ms wait_ms) LOCUM_MUST_CHECK;

/*
 * A handler was called again. True: the wait is over.
 *
 * ret_reply    if true: 200 with `body` of the commit, which the caller may complete; else what to
 *              return now.
 * ret_missing  if true: the servers that are not held down and have not acknowledged the change.
 */
bool locum_acme_held_end(struct locum_daemon *self, const struct locum_control_request *request,
                         struct locum_control_reply *ret_reply, locum_nodes *ret_missing);

/* The reply to a change that was refused, with an error of acme.h. */
struct locum_control_reply locum_acme_held_refusal(int error);

/* Nobody is replied to any more. */
void locum_acme_held_destroy(struct locum_daemon *self);

#endif
