/* wiring: builds the rooms; their callbacks become inputs of the core. */
#ifndef LOCUM_DAEMON_WIRING_H
#define LOCUM_DAEMON_WIRING_H

#include "config/config.h"
#include "control/control.h"
#include "daemon/daemon.h"
#include "health/health.h"

/*
 * Build all rooms; the answers are published before the loop runs. LOCUM_ERR_IN_USE: another
 * coordinator answers on the control socket. Other errors: no memory, no thread.
 */
int locum_daemon_wiring_create(struct locum_daemon *self,
                               const struct locum_control_handlers *handlers) LOCUM_MUST_CHECK;
void locum_daemon_wiring_destroy(struct locum_daemon *self);

/* Begin the checks of a configuration, this one or the next; they deliver to self. */
int locum_daemon_wiring_create_health(struct locum_daemon *self, const struct locum_config *config,
                                      struct locum_health **ret) LOCUM_MUST_CHECK;

#endif
