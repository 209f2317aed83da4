/*
 * heartbeats: what is sent to the peers, and what proves who has sent a message. The text of a
 * heartbeat is signed with the keys of this node (base/keyring.h) and with the cluster secret
 * (HEARTBEAT-4, HEARTBEAT-8).
 */
#ifndef LOCUM_DAEMON_HEARTBEATS_H
#define LOCUM_DAEMON_HEARTBEATS_H

#include "daemon/daemon.h"
#include "report/evidence.h"

/* Append the signatures of a text for these nodes. False: it must not be sent. */
bool locum_daemon_heartbeats_sign(const struct locum_config *config, locum_nodes receivers,
                                  struct locum_text *text) LOCUM_MUST_CHECK;

/* Send one heartbeat on both paths; none without the secret or a required key (GREEN-15). */
void locum_daemon_heartbeats_send(struct locum_daemon *self);

/*
 * Check a message of anyone. One of more than LOCUM_DAEMON_HEARTBEATS_LINE_MAX bytes, which no
 * version sends, does not count: its signature would cost too much time, and who may publish at
 * Redis may send 64 KiB. Returns its text without signatures, borrowed from `line`, for the core if
 * it counts.
 */
enum { LOCUM_DAEMON_HEARTBEATS_LINE_MAX = 8192 };
struct locum_slice locum_daemon_heartbeats_prove(const struct locum_config *config,
                                                 struct locum_slice line, struct locum_proof *ret);

#endif
