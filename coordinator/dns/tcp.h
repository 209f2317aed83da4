/*
 * tcp: DNS over TCP (RFC 7766), one thread with a loop of its own for all listen addresses.
 *
 * Queries may be pipelined, split and merged as they like. What a peer can hold is bounded: an
 * absolute deadline for each message (a byte at a time extends nothing) and for taking its answers,
 * a cap on answers not yet taken (then nothing more is read), a limit of connections per address
 * and in all (the one longest without a query makes room), and a pause of the listeners while
 * descriptors are short.
 */
#ifndef LOCUM_DNS_TCP_H
#define LOCUM_DNS_TCP_H

#include "dns/mailbox.h"
#include "dns/query.h"

struct locum_dns_tcp;

struct locum_dns_tcp_limits {
    size_t connections_max;         /* in all, >= 1 */
    size_t address_connections_max; /* of one address, >= 1 */
    size_t output_bytes_max;        /* answers not yet taken before reading pauses */
    locum_ms message_ms;            /* from the first byte of a message to its last */
    locum_ms write_ms;              /* from an answer until all answers are taken */
    locum_ms idle_ms;               /* without a byte of a message (RFC 7766 6.2.3) */
};

extern const struct locum_dns_tcp_limits locum_dns_tcp_limits_default;

/* Bind and listen; the descriptor, or -1 with errno set. */
int locum_dns_tcp_bind(const struct locum_address *address) LOCUM_MUST_CHECK;

/* Start the thread, with no listener yet. 0, LOCUM_ERR_MEMORY or LOCUM_ERR_IO. */
int locum_dns_tcp_create(const struct locum_dns_tcp_limits *limits,
                         struct locum_dns_tcp **ret) LOCUM_MUST_CHECK;

/* Accept on `fd` from now on; taken on success only. 0 or LOCUM_ERR_IO. */
int locum_dns_tcp_listen(struct locum_dns_tcp *self, int fd) LOCUM_MUST_CHECK;

/* Answer from this table from the next query on. */
void locum_dns_tcp_publish(struct locum_dns_tcp *self, struct locum_table *table);

/* Add what it has done to *ret. */
void locum_dns_tcp_sum(const struct locum_dns_tcp *self, struct locum_dns_counts *ret);

/* Stop the thread, close everything. NULL is fine. */
void locum_dns_tcp_destroy(struct locum_dns_tcp *self);

#endif
