/*
 * peer: heartbeats over UDP. Each one is a datagram with one signed line, sent to every address of
 * a peer from our own address of that family: heartbeats must take the network path that clients
 * use.
 *
 * In: datagrams -> callback with the raw line. The daemon checks the signature; the line names its
 * sender, the source address is not used. Out: locum_peer_send(). An address that cannot be bound
 * is tried again every LOCUM_PEER_RETRY_MS.
 *
 * A flood of datagrams cannot starve the loop: after LOCUM_PEER_BATCH datagrams a socket pauses
 * until an event of the base's lowest priority has run. (libevent runs no event while one of higher
 * priority is active, so a limit alone would not let the core's iteration be committed.)
 */
#ifndef LOCUM_PEER_PEER_H
#define LOCUM_PEER_PEER_H

#include <event2/event.h>

#include "base/sockets.h"
#include "config/config.h"
#include "core/heartbeat.h"

struct locum_peer;

enum {
    LOCUM_PEER_BATCH = 256,     /* datagrams read from a socket before it pauses: 1 s of 32 nodes */
    LOCUM_PEER_RETRY_MS = 2000, /* between two tries to bind an address */
};

/* One datagram, and the family it came by; `line` is borrowed and at most LOCUM_DATAGRAM_MAX bytes.
 * From the loop only. */
typedef void locum_peer_line_fn(void *user, enum locum_family family, struct locum_slice line);

/*
 * A socket could not be bound (error < 0; `text` says what to do), reported once for each different
 * error, or is bound after a failure (0, `text` is "bound"). May run before locum_peer_create()
 * returns.
 */
typedef void locum_peer_report_fn(void *user, const struct locum_address *address, int error,
                                  const char *text);

/*
 * Bind config->listen_peer and start. config is borrowed until reconfigure or destroy; both
 * callbacks must not destroy the peer. 0 or LOCUM_ERR_MEMORY.
 *
 * sockets  borrowed, may be NULL: where the sockets come from.
 */
int locum_peer_create(struct event_base *base, const struct locum_config *config,
                      struct locum_sockets *sockets, locum_peer_line_fn *on_line,
                      locum_peer_report_fn *report, void *user,
                      struct locum_peer **ret) LOCUM_MUST_CHECK;

/* The peers' addresses may have changed; the sockets stay. */
void locum_peer_reconfigure(struct locum_peer *self, const struct locum_config *config);

/*
 * Send one line to every address of `node`, from our first bound address of its family; a family
 * without one is skipped. Never blocks. A full buffer or an unreachable host is only counted: the
 * next heartbeat follows soon. The caller skips nodes of role sentinel, which do not listen.
 */
void locum_peer_send(struct locum_peer *self, locum_node node, struct locum_slice line);

/* Since the start; datagrams. */
struct locum_peer_counts {
    uint64_t sent;      /* handed to the kernel */
    uint64_t failed;    /* not taken by the kernel, or longer than LOCUM_DATAGRAM_MAX */
    uint64_t received;  /* handed to on_line */
    uint64_t oversized; /* longer than LOCUM_DATAGRAM_MAX, dropped; empty ones are not counted */
};
void locum_peer_counts(const struct locum_peer *self, struct locum_peer_counts *ret);

/* Append the addresses that are not bound, "192.0.2.12:9853, [2001:db8::12]:9853"; nothing: all
 * are. */
void locum_peer_add_closed(const struct locum_peer *self, struct locum_text *text);

/* Close the sockets; they stay in the manager's store. NULL is fine. */
void locum_peer_destroy(struct locum_peer *self);

#endif
