/*
 * udp: one blocking thread per listen address and worker that answers datagrams.
 *
 * No event loop. With few queries the thread calls recvfrom() and sendto(); while datagrams queue,
 * recvmmsg() and sendmmsg(), a batch at a time. It takes a new table from its mailbox after each
 * receive and before it answers, so publishing does not have to wake it. A datagram to its own
 * address wakes it when it must stop: shutdown(2) is for connected sockets.
 */
#ifndef LOCUM_DNS_UDP_H
#define LOCUM_DNS_UDP_H

#include <pthread.h>

#include "dns/query.h"

struct locum_dns_udp {
    struct locum_address address; /* where it listens */
    int fd;                       /* owned */
    struct locum_dns_table_mailbox mailbox;
    struct locum_dns_tally tally;
    atomic_bool stopping;
    pthread_t thread;
};

/*
 * Start a worker in zeroed memory that does not move; it answers nothing until a table is put into
 * its mailbox.
 *
 * fd  bound to `address`; owned by the worker on success only. If several workers share the
 *     address, each has a socket of its own (locum_socket_bind(), shared).
 * Returns 0 or LOCUM_ERR_IO (no thread, no receive timeout).
 */
int locum_dns_udp_start(struct locum_dns_udp *self, const struct locum_address *address,
                        int fd) LOCUM_MUST_CHECK;

/* Stop the thread, close the socket, release the tables. */
void locum_dns_udp_stop(struct locum_dns_udp *self);

#endif
