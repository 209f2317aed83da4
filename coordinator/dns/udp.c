#include "dns/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/socket.h"
#include "base/thread.h"
#include "dns/packet_cache.h"
#include "dns/updates.h"

enum {
    BATCH = 32,
    PROBE_EVERY = 8, /* single receives between two that look whether datagrams queue */
    /* What an Ethernet frame holds; the OPT records of answers ask for no more than 1232. A longer
     * datagram is cut, which makes it no valid query: it gets FORMERR. A multiple of 4096 would put
     * the beginnings of all buffers into the same few sets of the first cache. */
    QUERY_BYTES_MAX = 1472,
    IDLE_S = 1,          /* without queries, a worker checks `stopping` this often */
    FAILED_WAIT_MS = 10, /* pause after a failed receive, so that the thread does not spin */
    STOP_WAIT_MS = 1,
    TABLE_WAIT_MS = 1, /* only before the first table of a run */
    DRAINED_MS = 5,    /* the queue is empty when nothing has come for this long */
};

/* Buffers of one thread, on its stack. */
struct batch {
    struct mmsghdr received[BATCH], sent[BATCH];
    struct iovec received_parts[BATCH], sent_parts[BATCH];
    struct sockaddr_storage peers[BATCH];
    uint8_t packets[BATCH][QUERY_BYTES_MAX]; /* queries, each of which its answer replaces */
    struct locum_dns_query queries[BATCH];
    struct locum_dns_reply replies[BATCH];
    struct locum_dns_signed_update updates[BATCH]; /* of queries that are one */
};

struct worker_loop {
    struct locum_dns_udp *worker;
    struct locum_dns_table *table; /* NULL until the first was published */
    uint32_t rotation;
    uint32_t wall_s; /* when the datagrams were received; read once a second */
    time_t mono_s;   /* when it was */
    struct batch batch;
};

static struct locum_dns_source
client_of(const struct sockaddr_storage *peer)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)peer;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)peer;
    return peer->ss_family == AF_INET
               ? (struct locum_dns_source){(const uint8_t *)&v4->sin_addr, sizeof(v4->sin_addr)}
               : (struct locum_dns_source){(const uint8_t *)&v6->sin6_addr, sizeof(v6->sin6_addr)};
}

/* Answer datagram number i, before the limiter is asked. */
static void
compose(struct worker_loop *self, size_t i, size_t length)
{
    struct batch *batch = &self->batch;
    if (self->table == NULL) { /* it was stopped before it had one */
        batch->replies[i] = (struct locum_dns_reply){0};
        return;
    }
    batch->queries[i] = (struct locum_dns_query){
        .packet = batch->packets[i],
        .length = length,
        .client = client_of(&batch->peers[i]),
        .wall_s = self->wall_s,
        .rotation = self->rotation++,
        .limiter = &self->worker->limiter,
        .cache = self->worker->cache,
        .bytes_max = LOCUM_DNS_UDP_BYTES_MAX,
        .update = &batch->updates[i],
    };
    batch->replies[i] = locum_query_compose(self->table, &batch->queries[i], batch->packets[i]);
}

/* The main thread answers it. Without room there it is lost, and its client sends it again. */
static void
pass_update(struct worker_loop *self, size_t i)
{
    struct batch *batch = &self->batch;
    struct locum_dns_pending pending = {.fd = self->worker->fd,
                                        .peer = batch->peers[i],
                                        .peer_length = batch->peers[i].ss_family == AF_INET
                                                           ? sizeof(struct sockaddr_in)
                                                           : sizeof(struct sockaddr_in6)};
    if (locum_address_from_sockaddr((struct sockaddr *)&batch->peers[i], &pending.client) == 0) {
        (void)locum_dns_updates_put(self->table->updates, self->table, &batch->queries[i],
                                    &pending);
    }
}

/* Ask the limiter about it, and count it. The length of the answer; 0: none. */
static size_t
limit(struct worker_loop *self, size_t i)
{
    struct batch *batch = &self->batch;
    locum_query_limit(self->table, &batch->queries[i], batch->packets[i], &batch->replies[i]);
    locum_query_count(&self->worker->tally, &batch->replies[i]);
    if (batch->replies[i].update) {
        pass_update(self, i);
    }
    return batch->replies[i].length;
}

/* Take a new table, if there is one; the cache has answers of the old one. */
static void
take_table(struct worker_loop *self)
{
    if (locum_dns_table_mailbox_take(&self->worker->mailbox, &self->table)) {
        locum_packet_cache_empty(self->worker->cache);
    }
}

/* After a receive: the table and the time to answer with. Coarse clocks are read without a system
 * call. */
static void
refresh(struct worker_loop *self)
{
    struct timespec wall, mono;
    take_table(self);
    (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &mono);
    if (mono.tv_sec != self->mono_s) {
        (void)clock_gettime(CLOCK_REALTIME_COARSE, &wall);
        self->wall_s = (uint32_t)wall.tv_sec;
        self->mono_s = mono.tv_sec;
    }
    self->worker->limiter.now_us = (uint64_t)mono.tv_sec * 1000000 + (uint64_t)mono.tv_nsec / 1000;
}

/* After a failed receive. */
static void
wait_if_failed(void)
{
    if (errno != EAGAIN && errno != EINTR) {
        (void)poll(NULL, 0, FAILED_WAIT_MS);
    }
}

/* Serve one datagram. Sending does not wait: if the socket buffer is full, this answer is lost.
 * False: none came. */
static bool
serve_one(struct worker_loop *self)
{
    struct batch *batch = &self->batch;
    socklen_t peer_length = sizeof(batch->peers[0]);
    struct sockaddr *peer = (struct sockaddr *)&batch->peers[0];
    const ssize_t length =
        recvfrom(self->worker->fd, batch->packets[0], QUERY_BYTES_MAX, 0, peer, &peer_length);
    if (length < 0) {
        wait_if_failed();
        return false;
    }
    refresh(self);
    compose(self, 0, (size_t)length);
    const size_t reply = limit(self, 0);
    if (reply > 0) {
        (void)!sendto(self->worker->fd, batch->packets[0], reply, MSG_DONTWAIT, peer, peer_length);
    }
    return true;
}

/* What recvmmsg() needs to know; of this it changes only the lengths of the addresses. */
static void
prepare_batch(struct batch *self)
{
    for (size_t i = 0; i < BATCH; i++) {
        self->received_parts[i] =
            (struct iovec){.iov_base = self->packets[i], .iov_len = QUERY_BYTES_MAX};
        self->received[i].msg_hdr = (struct msghdr){
            .msg_name = &self->peers[i],
            .msg_namelen = sizeof(self->peers[i]),
            .msg_iov = &self->received_parts[i],
            .msg_iovlen = 1,
        };
        self->sent[i].msg_hdr = (struct msghdr){.msg_iov = &self->sent_parts[i], .msg_iovlen = 1};
    }
}

/* Answer the datagrams that were received. How many answers there are to send. */
static size_t
answer_batch(struct worker_loop *self, size_t received)
{
    struct batch *batch = &self->batch;
    size_t replies = 0;
    for (size_t i = 0; i < received; i++) {
        compose(self, i, batch->received[i].msg_len);
    }
    for (size_t i = 0; i < received; i++) {
        struct msghdr *from = &batch->received[i].msg_hdr;
        const size_t length = limit(self, i);
        if (length > 0) {
            struct msghdr *to = &batch->sent[replies].msg_hdr;
            to->msg_name = from->msg_name;
            to->msg_namelen = from->msg_namelen;
            batch->sent_parts[replies++] =
                (struct iovec){.iov_base = batch->packets[i], .iov_len = length};
        }
        from->msg_namelen = sizeof(batch->peers[i]);
    }
    return replies;
}

/* Serve the datagrams in the queue, at most a batch. Their number. */
static size_t
serve_batch(struct worker_loop *self)
{
    struct batch *batch = &self->batch;
    const int received = recvmmsg(self->worker->fd, batch->received, BATCH, MSG_WAITFORONE, NULL);
    if (received < 0) {
        wait_if_failed();
        return 0;
    }
    refresh(self);
    const size_t replies = answer_batch(self, (size_t)received);
    for (size_t sent = 0; sent < replies;) { /* skip any that cannot be sent */
        const int n = sendmmsg(self->worker->fd, batch->sent + sent, (unsigned)(replies - sent),
                               MSG_DONTWAIT);
        sent += n > 0 ? (size_t)n : 1;
    }
    return (size_t)received;
}

/*
 * Serve what is left of a socket that will be closed. A datagram that arrived at it later would be
 * lost, so first it leaves the group of its address: the kernel gives a connected socket only the
 * datagrams of its peer, which is this socket itself.
 */
static void
drain(struct worker_loop *self)
{
    static const struct timeval patience = {.tv_usec = DRAINED_MS * 1000};
    const int fd = self->worker->fd;
    struct sockaddr_storage own;
    const socklen_t length = locum_address_to_sockaddr(&self->worker->address, &own);
    if (connect(fd, (const struct sockaddr *)&own, length) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0) {
        while (serve_one(self)) {
        }
    }
}

/* Queries wait in the socket until there is something to answer. */
static void
wait_for_table(struct worker_loop *self)
{
    while (!atomic_load_explicit(&self->worker->stopping, memory_order_acquire)) {
        take_table(self);
        if (self->table != NULL) {
            return;
        }
        (void)poll(NULL, 0, TABLE_WAIT_MS);
    }
}

/* With few queries, plain calls cost less than batches; PROBE_EVERY finds out when many queue. */
static void *
run(void *argument)
{
    struct locum_dns_udp *worker = argument;
    struct worker_loop self = {.worker = worker};
    size_t plain = 0;
    prepare_batch(&self.batch);
    wait_for_table(&self);
    while (!atomic_load_explicit(&worker->stopping, memory_order_acquire)) {
        if (plain < PROBE_EVERY) {
            (void)serve_one(&self);
            plain++;
        } else if (serve_batch(&self) < 2) {
            plain = 0;
        }
    }
    if (worker->draining) {
        drain(&self);
    }
    locum_dns_table_release(self.table);
    return NULL;
}

static void
drop_cache(struct locum_dns_udp *self)
{
    locum_packet_cache_destroy(self->cache);
    self->cache = NULL;
}

int
locum_dns_udp_start(struct locum_dns_udp *self, const struct locum_address *address, int fd)
{
    static const struct timeval idle = {.tv_sec = IDLE_S};
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof(idle)) != 0) {
        return LOCUM_ERR_IO;
    }
    self->address = *address;
    self->fd = fd;
    atomic_store_explicit(&self->stopping, false, memory_order_relaxed);
    self->cache = locum_packet_cache_create();
    int status = self->cache == NULL ? LOCUM_ERR_MEMORY : locum_limit_init(&self->limiter);
    if (status == 0) {
        status = locum_thread_start(&self->thread, "locum-udp", run, self);
    }
    self->running = status == 0;
    if (!self->running) {
        drop_cache(self);
    }
    return status;
}

void
locum_dns_udp_stop(struct locum_dns_udp *self, bool drain)
{
    self->draining = drain;
    atomic_store_explicit(&self->stopping, true, memory_order_release);
    /* Wake it with an empty datagram, each time from another port: the kernel may give one to
     * another worker of this address. */
    while (self->running && pthread_tryjoin_np(self->thread, NULL) != 0) {
        const int fd = locum_socket_connect(&self->address, SOCK_DGRAM);
        if (fd >= 0) {
            (void)!send(fd, "", 0, 0);
            close(fd);
        }
        (void)poll(NULL, 0, STOP_WAIT_MS);
    }
    self->running = false;
    drop_cache(self);
    locum_dns_table_mailbox_put(&self->mailbox, NULL);
}
