/*
 * act: performs the actions of the core, and what is done once a second. All of it happens within
 * an iteration and uses that one's time.
 */
#ifndef LOCUM_DAEMON_ACT_H
#define LOCUM_DAEMON_ACT_H

#include "base/address.h"
#include "base/clock.h"
#include "daemon/daemon.h"

/* Perform self->actions, heartbeats first. */
void locum_daemon_act_perform(struct locum_daemon *self);

/* Publish the plan's answers with a new serial. If that fails, the last answers stay and it is
 * tried again each second. */
void locum_daemon_act_publish(struct locum_daemon *self);

/* How long after `mono` resolvers may still use answers that name this node, in ms. */
locum_ms locum_daemon_act_named_ms(const struct locum_daemon *self, locum_ms mono);

/* Once a second: warnings, the node's hash, the service manager, sockets that are not open. */
void locum_daemon_act_each_second(struct locum_daemon *self);

/* Log that a socket was opened (error 0) or could not be: for dns/ (user: the daemon) and peer/. */
void locum_daemon_act_log_dns(void *user, const struct locum_address *address, int error,
                              const char *text);
void locum_daemon_act_log_peer(void *user, const struct locum_address *address, int error,
                               const char *text);

#endif
