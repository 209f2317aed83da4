/* reload: read the configuration again; all of it takes effect, or nothing of it. */
#ifndef LOCUM_DAEMON_RELOAD_H
#define LOCUM_DAEMON_RELOAD_H

#include <jansson.h>

#include "daemon/daemon.h"

/*
 * ret_messages  an array of texts, owned by the caller: the errors if the configuration is refused,
 *               else its warnings. NULL: out of memory. They have been logged too.
 * Returns 0 or the error for which it was refused; then nothing has changed.
 */
int locum_daemon_reload(struct locum_daemon *self, json_t **ret_messages) LOCUM_MUST_CHECK;

#endif
