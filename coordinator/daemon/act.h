/*
 * act: performs the actions of the core, and what is done once a second; what leaves the daemon for
 * people: the view that report/ reads, and events, which go to the log, the kept events, the stream
 * in Redis and the clients that wait for them. All of it uses the time of the iteration.
 */
#ifndef LOCUM_DAEMON_ACT_H
#define LOCUM_DAEMON_ACT_H

#include "daemon/daemon.h"
#include "report/report.h"

/* Perform self->actions, heartbeats first. */
void locum_daemon_act_perform(struct locum_daemon *self);

/* The serial of the fail-open zone: above that of the published one, because locum-nsd cannot
 * change the serial of a signed zone; no publication has it. */
uint32_t locum_daemon_act_open_serial(const struct locum_daemon *self);

/* Publish the plan's answers with a new serial. If that fails, the last answers stay and it is
 * tried again each second. */
void locum_daemon_act_publish(struct locum_daemon *self);

/* How long after `mono` resolvers may still use answers that name this node, in ms. */
locum_ms locum_daemon_act_named_ms(const struct locum_daemon *self, locum_ms mono);

/* Fill the view. It borrows from self: use it at once. */
void locum_daemon_act_view(const struct locum_daemon *self, struct locum_report *ret);

/*
 * Emit an event whose fields are texts.
 *
 * kind   one that is the daemon's own (report/events.h), or LOCUM_EVENT_SERVING.
 * a b c  its fields in the order of its row; NULL: left out, or it has fewer.
 */
void locum_daemon_act_emit(struct locum_daemon *self, int kind, const char *a, const char *b,
                           const char *c);

/* DNS-1: what is open here. */
enum locum_dns_claim locum_daemon_act_dns_claim(const struct locum_daemon *self);

/* Something of this node's own status the core cannot know (GREEN-5). */
bool locum_daemon_act_is_degraded_besides(const struct locum_daemon *self);

/*
 * Close the DNS sockets that are too many (dns.h), once the service manager has dropped them: until
 * then they must be read.
 */
void locum_daemon_act_close_surplus(struct locum_daemon *self);

/* Once a second: warnings, the node's hash, the service manager, sockets that are not open. */
void locum_daemon_act_each_second(struct locum_daemon *self);

/* Log that a socket was opened (error 0) or could not be: for dns/ (user: the daemon) and peer/. */
void locum_daemon_act_log_dns(void *user, const struct locum_address *address, int error,
                              const char *text);
void locum_daemon_act_log_peer(void *user, const struct locum_address *address, int error,
                               const char *text);

/* What a secondary gets: what is answered (dns/primary.h). `user` is the daemon. */
struct locum_primary_state;
bool locum_daemon_act_give_state(void *user, struct locum_primary_state *ret);

#endif
