/*
 * updates: UPDATE messages on their way from the threads that receive them to the main thread, and
 * their answers on the way back.
 *
 *   worker: the signature is accepted (query.h) -> locum_dns_updates_put() -> pipe -> main thread:
 *     locum_dns_updates_take() -> update.h -> locum_dns_answer_update() -> socket, or TCP thread
 *
 * Only the main thread knows the values and can change them, and an answer waits until other nodes
 * have them; the workers go on meanwhile. Who has no key gets no further than the worker. At most
 * LOCUM_DNS_UPDATES_MAX messages have no answer yet: one more is dropped over UDP, and gets
 * SERVFAIL over TCP.
 */
#ifndef LOCUM_DNS_UPDATES_H
#define LOCUM_DNS_UPDATES_H

#include <sys/socket.h>

#include "dns/query.h"

enum { LOCUM_DNS_UPDATES_MAX = 32 };

/* The queue; all workers write, the main thread reads. */
struct locum_dns_updates;

/* A message whose signature is accepted. */
struct locum_dns_pending {
    struct locum_dns_signed_update is; /* signs the answer */
    struct locum_dns_table *table;     /* a reference: the key is in it */
    struct locum_address client;
    int fd;                       /* of UDP: a duplicate of the worker's socket; -1: by TCP */
    struct sockaddr_storage peer; /* of UDP: where the answer goes */
    socklen_t peer_length;
    uint64_t id; /* of TCP: the number that the connection gave it */
    size_t length;
    uint8_t packet[];
};

/* 0, LOCUM_ERR_MEMORY or LOCUM_ERR_IO (no descriptor). */
int locum_dns_updates_create(struct locum_dns_updates **ret) LOCUM_MUST_CHECK;

/* Drops what is in it. NULL is fine. */
void locum_dns_updates_destroy(struct locum_dns_updates *self);

/*
 * Of a worker: give a message to the main thread. Copies all of it.
 *
 * self   of the table; NULL: no main thread takes updates.
 * query  its `update` is set.
 * pending  what is known of the client: client, and fd (not owned) with peer, or id.
 * False: there is no room or no memory.
 */
bool locum_dns_updates_put(struct locum_dns_updates *self, struct locum_dns_table *table,
                           const struct locum_dns_query *query,
                           const struct locum_dns_pending *pending);

/* Of the main thread: the descriptor that is readable while there is a message, and the next one;
 * NULL: none. Give each one back with locum_dns_answer_update() (dns.h). */
int locum_dns_updates_fd(const struct locum_dns_updates *self);
struct locum_dns_pending *locum_dns_updates_take(struct locum_dns_updates *self);

/*
 * Make the answer, signed.
 *
 * zone_end  offset after the zone section, which is copied into the answer; 0: it has none.
 * edns      it gets an OPT record.
 * now_s     wall clock, seconds since 1970.
 * Returns its length, at most LOCUM_DNS_PLAIN_BYTES_MAX.
 */
size_t locum_dns_updates_compose(const uint8_t *packet, struct locum_dns_signed_update *update,
                                 enum locum_dns_rcode rcode, size_t zone_end, bool edns,
                                 uint64_t now_s, uint8_t *ret);

/* Free one, whose answer was sent, or that gets none. */
void locum_dns_updates_free(struct locum_dns_updates *self, struct locum_dns_pending *pending);

/* Messages for which there was no room, since the start. */
uint64_t locum_dns_updates_overflow(const struct locum_dns_updates *self);

#endif
