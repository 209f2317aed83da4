/* api: what the control room asks the daemon (control/control.h lists the paths). */
#ifndef LOCUM_DAEMON_API_H
#define LOCUM_DAEMON_API_H

#include "control/control.h"

extern const struct locum_control_handlers locum_daemon_handlers;

#endif
