/*
 * peer: the peer port. Sealed heartbeats as UDP datagrams, one line each, to every address of every
 * peer and from each of the own ones, since evidence must travel the path that users use.
 *
 * In: datagrams -> callback with the raw line (the daemon opens the seal; the sender is told by the
 * line, never by its address). Out: locum_peer_send(). An address that cannot be bound is retried.
 */
#ifndef LOCUM_PEER_PEER_H
#define LOCUM_PEER_PEER_H

#include <event2/event.h>

#include "config/config.h"

struct locum_peer;

/* One datagram; `line` is borrowed and at most LOCUM_DATAGRAM_MAX bytes. From the loop only. */
typedef void locum_peer_line_fn(void *user, struct locum_slice line);

/* A socket could not be bound (error < 0, `text` says what to do) or could at last (0). */
typedef void locum_peer_report_fn(void *user, const struct locum_address *address, int error,
                                  const char *text);

/* Begin; config is borrowed until reconfigure or destroy. 0 or LOCUM_ERR_MEMORY. */
int locum_peer_create(struct event_base *base, const struct locum_config *config,
                      locum_peer_line_fn *on_line, locum_peer_report_fn *report, void *user,
                      struct locum_peer **ret) LOCUM_MUST_CHECK;

/* The peers' addresses may have changed; the sockets stay. */
void locum_peer_reconfigure(struct locum_peer *self, const struct locum_config *config);

/*
 * Send one line to every address of `node` (of a family that is bound here). Never blocks; a full
 * buffer or an unreachable host is counted and forgotten: the next heartbeat comes soon.
 */
void locum_peer_send(struct locum_peer *self, locum_node node, struct locum_slice line);

struct locum_peer_counts {
    uint64_t sent, failed, received, oversized;
};
void locum_peer_counts(const struct locum_peer *self, struct locum_peer_counts *ret);

void locum_peer_destroy(struct locum_peer *self);

#endif
