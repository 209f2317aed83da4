/*
 * wiring: builds the rooms; their callbacks become inputs of the core. A reload gives the rooms a
 * new configuration: all of it takes effect, or nothing of it.
 */
#ifndef LOCUM_DAEMON_WIRING_H
#define LOCUM_DAEMON_WIRING_H

#include <jansson.h>

#include "control/control.h"
#include "daemon/daemon.h"

/* What the control room asks the daemon (api.c). */
extern const struct locum_control_handlers locum_daemon_handlers;

/*
 * Build all rooms; the answers are published before the loop runs. LOCUM_ERR_IN_USE: another
 * coordinator answers on the control socket. Other errors: no memory, no thread.
 */
int locum_daemon_wiring_create(struct locum_daemon *self,
                               const struct locum_control_handlers *handlers) LOCUM_MUST_CHECK;
void locum_daemon_wiring_destroy(struct locum_daemon *self);

/*
 * Read the configuration again.
 *
 * ret_messages  an array of texts, owned by the caller: the errors if the configuration is refused,
 *               else its warnings. NULL: out of memory. They have been logged too.
 * Returns 0 or the error for which it was refused; then nothing has changed. LOCUM_ERR_TIMEOUT: it
 * takes effect when its signatures are made. There are no messages yet: they will be
 * self->reload_warnings or self->reload_errors. An earlier one that waits is given up.
 */
int locum_daemon_wiring_reload(struct locum_daemon *self, json_t **ret_messages) LOCUM_MUST_CHECK;

#endif
