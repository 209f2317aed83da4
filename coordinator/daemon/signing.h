/*
 * signing: lets dns/ make signatures beside the loop (dns/renewal.h), also of the plans that may
 * come.
 */
#ifndef LOCUM_DAEMON_SIGNING_H
#define LOCUM_DAEMON_SIGNING_H

#include "daemon/daemon.h"

/* Once a second: let the thread begin if there is something to sign. */
void locum_daemon_signing_each_second(struct locum_daemon *self);

#endif
