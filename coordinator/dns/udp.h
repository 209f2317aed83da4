/*
 * udp: one blocking thread per listen address and worker that answers datagrams.
 *
 * No event loop. While traffic is thin it is recvfrom() and sendto(); while datagrams queue,
 * recvmmsg() and sendmmsg() in batches. The thread takes a new table out of its mailbox after each
 * receive and before it answers, so publishing wakes nobody. It is stopped by a datagram to itself:
 * shutdown() would make the socket read 0 for ever, and it could not be handed on.
 */
#ifndef LOCUM_DNS_UDP_H
#define LOCUM_DNS_UDP_H

#include <pthread.h>

#include "dns/mailbox.h"
#include "dns/query.h"

struct locum_dns_udp {
    int fd;        /* owned */
    bool wildcard; /* bound to all addresses: answers must leave from the one that was asked */
    struct locum_mailbox mailbox;
    struct locum_tally tally;
    atomic_bool stopping;
    pthread_t thread;
};

/*
 * Open and bind a socket.
 *
 * shared  several workers will bind it (SO_REUSEPORT).
 * Returns its descriptor or -1 with errno set.
 */
int locum_dns_udp_bind(const struct locum_address *address, bool shared) LOCUM_MUST_CHECK;

/*
 * Start a worker in zeroed memory that stays where it is; nothing is answered before its mailbox
 * has held a table. `fd` is taken, on success only. 0 or LOCUM_ERR_IO (no thread).
 */
int locum_dns_udp_start(struct locum_dns_udp *self, int fd) LOCUM_MUST_CHECK;

/* Stop the thread, close the socket, drop the tables. */
void locum_dns_udp_stop(struct locum_dns_udp *self);

#endif
