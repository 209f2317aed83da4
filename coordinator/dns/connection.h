/*
 * connection: one client's stream of DNS over TCP: messages in, answers out (RFC 7766), deadlines
 * and limits. tcp.h says what they are; only its thread calls these functions.
 *
 * Answers are sent in the order of their queries, each with its length in one write (RFC 7766 8).
 * A connection frees itself; any function but create may do so, and so may its events.
 */
#ifndef LOCUM_DNS_CONNECTION_H
#define LOCUM_DNS_CONNECTION_H

#include "dns/clients.h"
#include "dns/sending.h"
#include "dns/tcp.h"

enum { LOCUM_DNS_LENGTH_BYTES = 2 }; /* before each message (RFC 1035 4.2.2) */

struct event_base;
struct locum_dns_connection;

/* What all connections of the thread have in common. The main thread reads what is atomic. */
struct locum_dns_service {
    struct locum_dns_tcp_limits limits;
    struct event_base *base;
    struct locum_dns_clients clients;
    struct locum_dns_sendings sendings;
    _Atomic uint64_t open_count;                          /* connections */
    _Atomic uint64_t closed_counts[LOCUM_DNS_TCP_CLOSED]; /* by this server, of each reason */
    atomic_bool paused;                                   /* what has its answer is closed */
    struct locum_dns_table *table;                        /* NULL until the first was published */
    uint32_t rotation;
    uint64_t last_update; /* number of the last UPDATE that the main thread got */
    struct locum_dns_table_mailbox mailbox;
    struct locum_dns_tally tally;
    uint8_t reply[LOCUM_DNS_LENGTH_BYTES + LOCUM_DNS_TCP_BYTES_MAX];
};

/* A new connection, which takes `fd`; NULL: out of memory, and `fd` is closed. */
struct locum_dns_connection *locum_dns_connection_create(struct locum_dns_service *service, int fd,
                                                         const struct sockaddr *from);

/* Answer what has arrived, as long as the peer takes the answers. */
void locum_dns_connection_serve(struct locum_dns_connection *self);

/*
 * The content for a transfer that waits for it (sending.h), of which this takes the reference.
 * NULL: there is none, and the client gets SERVFAIL. If the transfer has ended, nothing happens.
 */
void locum_dns_connection_give(struct locum_dns_service *service, uint64_t id,
                               struct locum_axfr_content *content);

/* The answer to the UPDATE with this number, without its length. If the connection has ended,
 * nothing happens. */
void locum_dns_connection_answer(struct locum_dns_service *service, uint64_t id,
                                 const uint8_t *message, size_t length);

/* The connection of a seat, and its client. */
struct locum_dns_connection *locum_dns_connection_of(struct locum_dns_seat *seat);
const struct locum_dns_client *locum_dns_connection_client(const struct locum_dns_connection *self);

/* It has had an answer and waits for nothing. */
bool locum_dns_connection_is_done(const struct locum_dns_connection *self);

void locum_dns_connection_close(struct locum_dns_connection *self);

/* Close it although its peer might go on, and count the reason. */
void locum_dns_connection_close_for(struct locum_dns_connection *self,
                                    enum locum_dns_tcp_closed reason);

#endif
