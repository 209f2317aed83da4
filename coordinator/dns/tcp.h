/*
 * tcp: DNS over TCP (RFC 7766), one thread with a loop of its own for all listen addresses.
 *
 * Queries may be pipelined, split and merged in any way. A client's use is limited: an absolute
 * deadline for each message (single bytes do not extend it) and for taking the answers; a limit of
 * answers not yet taken, at which reading pauses; limits of connections per client and in total
 * (clients.h), at which the longest idle connection is closed; and the listeners pause while the
 * process has no descriptor left. A client that asks receives the time that a connection may be
 * idle (RFC 7828).
 */
#ifndef LOCUM_DNS_TCP_H
#define LOCUM_DNS_TCP_H

#include "dns/sending.h"

struct locum_dns_tcp;

struct locum_dns_tcp_limits {
    size_t connections_max;        /* in total, >= 1 */
    size_t client_connections_max; /* of one client, >= 1 */
    size_t output_bytes_max;       /* answers not yet taken at which reading pauses; the kernel may
                                      hold as much again that it has not sent */
    locum_ms message_ms;           /* from the first byte of a message to its last */
    locum_ms write_ms;             /* from an answer until all answers are taken */
    locum_ms idle_ms;              /* between two messages (RFC 7766 6.2.3) */
};

/*
 * They are no options: at a limit only the longest idle connection is closed, so other numbers
 * change little. In total 256 (dns.c makes it less if the process may open few files), of which one
 * client may have half: behind one address can be many resolvers. A message, and its answer, has
 * 5 s, in which a lost segment is sent again after 1 s and after 3 s (RFC 6298 2, 5.5). Idle: 10 s,
 * "on the order of a few seconds" (RFC 7766 6.2.3).
 */
extern const struct locum_dns_tcp_limits locum_dns_tcp_limits_default;

/* Start the thread, without a listener. 0, LOCUM_ERR_MEMORY or LOCUM_ERR_IO. */
int locum_dns_tcp_create(const struct locum_dns_tcp_limits *limits,
                         struct locum_dns_tcp **ret) LOCUM_MUST_CHECK;

/* Accept on `fd` (locum_socket_listen()) once a table was published; owned by self on success only.
 * 0 or LOCUM_ERR_IO. */
int locum_dns_tcp_listen(struct locum_dns_tcp *self, int fd) LOCUM_MUST_CHECK;

/* Stop accepting on `fd` and close it, soon. Its connections stay. */
void locum_dns_tcp_close(struct locum_dns_tcp *self, int fd);

/*
 * Before the program is replaced: accept nothing more, so that new connections wait in the
 * kernel's queue; answer what has been sent, and close each connection after that. Or go on.
 */
void locum_dns_tcp_pause(struct locum_dns_tcp *self, bool paused);

/* It is paused, and no connection is open. */
bool locum_dns_tcp_is_quiet(const struct locum_dns_tcp *self);

/* Write notes of transfers into this pipe (sending.h), borrowed until self is destroyed. Call
 * before the first listener. Without it every transfer is answered with SERVFAIL. */
void locum_dns_tcp_tell(struct locum_dns_tcp *self, int notes);

/* The content for a transfer, of which self takes the reference; NULL: there is none. */
void locum_dns_tcp_give(struct locum_dns_tcp *self, uint64_t id,
                        struct locum_axfr_content *content);

/* The answer to an UPDATE (updates.h), which is copied. */
void locum_dns_tcp_answer(struct locum_dns_tcp *self, uint64_t id, const uint8_t *message,
                          size_t length);

/* Answer all later queries from this table, of which self takes a reference of its own. */
void locum_dns_tcp_publish(struct locum_dns_tcp *self, struct locum_dns_table *table);

/* Add the counts to *ret. */
void locum_dns_tcp_sum(const struct locum_dns_tcp *self, struct locum_dns_counts *ret);

/* Stop the thread, close everything. NULL is fine. */
void locum_dns_tcp_destroy(struct locum_dns_tcp *self);

#endif
