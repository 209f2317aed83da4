/*
 * signing: lets dns/ make signatures beside the loop (dns/renewal.h): with the plans that may come,
 * and what is to be done when they are made.
 */
#ifndef LOCUM_DAEMON_SIGNING_H
#define LOCUM_DAEMON_SIGNING_H

#include "base/invariant.h"
#include "daemon/daemon.h"

/* After the first publication. 0 or LOCUM_ERR_MEMORY. */
int locum_daemon_signing_create(struct locum_daemon *self) LOCUM_MUST_CHECK;
void locum_daemon_signing_destroy(struct locum_daemon *self);

/* Once a second: let the thread begin if there is something to sign. */
void locum_daemon_signing_each_second(struct locum_daemon *self);

#endif
