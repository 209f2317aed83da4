/*
 * signing: lets dns/ make signatures beside the loop (dns/renewal.h), also of the plans that may
 * come.
 */
#ifndef LOCUM_DAEMON_SIGNING_H
#define LOCUM_DAEMON_SIGNING_H

#include "core/step.h"
#include "daemon/daemon.h"

/* The plan that is answered, and that after the loss of each server. Returns their number. */
enum { LOCUM_DAEMON_SIGNING_PLANS = 1 + LOCUM_NODES_MAX };
size_t locum_daemon_signing_plans(const struct locum_core *core,
                                  struct locum_plan ret[LOCUM_DAEMON_SIGNING_PLANS]);

/* Once a second: let the thread begin if there is something to sign. */
void locum_daemon_signing_each_second(struct locum_daemon *self);

#endif
