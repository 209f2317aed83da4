/*
 * udp: one blocking thread per listen address and worker that answers datagrams.
 *
 * No event loop. With few queries the thread calls recvfrom() and sendto(); while datagrams queue,
 * recvmmsg() and sendmmsg(), a batch at a time. It takes a new table from its mailbox after each
 * receive and before it answers, so publishing does not have to wake it. A datagram to its own
 * address wakes it when it must stop: shutdown(2) is for connected sockets.
 *
 * The socket is the caller's: it may outlive the worker and the process (base/sockets.h). A batch
 * that was read is answered before the worker ends.
 */
#ifndef LOCUM_DNS_UDP_H
#define LOCUM_DNS_UDP_H

#include <pthread.h>

#include "dns/query.h"

struct locum_dns_udp {
    struct locum_address address; /* where it listens */
    int fd;                       /* borrowed */
    uint64_t dropped_before;      /* locum_socket_dropped(), when this process opened it */
    struct locum_dns_table_mailbox mailbox;
    struct locum_dns_tally tally;
    struct locum_limiter limiter;     /* kept while it is stopped */
    struct locum_packet_cache *cache; /* owned; of its thread */
    atomic_bool stopping;
    bool draining; /* set before `stopping` */
    bool running;  /* there is a thread */
    pthread_t thread;
};

/*
 * Start a worker in zeroed memory that does not move, or one that was stopped again; it reads
 * nothing until a table is put into its mailbox.
 *
 * fd  bound to `address`, blocking. If several workers share the address, each has a socket of its
 *     own (locum_socket_bind(), shared).
 * Returns 0, LOCUM_ERR_MEMORY or LOCUM_ERR_IO (no thread, no receive timeout).
 */
int locum_dns_udp_start(struct locum_dns_udp *self, const struct locum_address *address,
                        int fd) LOCUM_MUST_CHECK;

/*
 * Stop the thread, if there is one, and release the tables. The limiter stays:
 * locum_limit_fini().
 *
 * drain  the socket will be closed, while its address may have others: take it out of their group,
 *        so that nothing more arrives, and answer what is in its queue. Else the queue stays.
 */
void locum_dns_udp_stop(struct locum_dns_udp *self, bool drain);

#endif
