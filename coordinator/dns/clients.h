/*
 * clients: the open connections of DNS over TCP, whose they are, and which one is closed when there
 * are too many. No I/O, no clock.
 *
 * A client is an IPv4 address, or a /64 of IPv6, which one host can have for itself. The
 * connections are in the order of their last use, longest idle first. When a client has more than
 * its limit, its longest idle connection is closed; when all have more than theirs together, the
 * longest idle one of the client that has most. So one client with many connections cannot take
 * those of the others, and on an idle server it may have half of all.
 */
#ifndef LOCUM_DNS_CLIENTS_H
#define LOCUM_DNS_CLIENTS_H

#include <sys/queue.h>

#include "base/address.h"

/* Freed with its last connection. */
struct locum_dns_client {
    struct locum_address address; /* of its first connection */
    size_t count;                 /* its open connections, >= 1 */
};

/* The part of a connection that this file knows; in the caller's memory, which does not move. */
struct locum_dns_seat {
    TAILQ_ENTRY(locum_dns_seat) link;
    struct locum_dns_client *client;
};
TAILQ_HEAD(locum_dns_seats, locum_dns_seat);

struct locum_dns_clients {
    struct locum_dns_seats seats; /* the longest idle first */
    size_t count;                 /* of all seats */
};

void locum_dns_clients_init(struct locum_dns_clients *self);

/* A new connection, as the one used last. 0, or LOCUM_ERR_MEMORY: then it is not among them. */
int locum_dns_clients_add(struct locum_dns_clients *self, struct locum_dns_seat *seat,
                          const struct locum_address *address) LOCUM_MUST_CHECK;

/* It has been used. */
void locum_dns_clients_use(struct locum_dns_clients *self, struct locum_dns_seat *seat);

void locum_dns_clients_remove(struct locum_dns_clients *self, struct locum_dns_seat *seat);

/* The longest idle connection of this client, which has one. */
struct locum_dns_seat *locum_dns_clients_idle_of(const struct locum_dns_clients *self,
                                                 const struct locum_dns_client *client);

/* The longest idle connection of the clients that have most; NULL: there is none. */
struct locum_dns_seat *locum_dns_clients_idle_of_most(const struct locum_dns_clients *self);

#endif
