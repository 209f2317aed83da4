#include "dns/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdalign.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/thread.h"

enum {
    BATCH = 32,
    PROBE_EVERY = 8, /* plain receives between looks at whether datagrams queue */
    /* A longer datagram is cut, and so no question of ours: it gets FORMERR. */
    QUERY_BYTES_MAX = 4096,
    CONTROL_BYTES = 64, /* one in_pktinfo or in6_pktinfo */
    IDLE_S = 1,         /* an idle worker looks at `stopping` this often, should nothing wake it */
    FAILED_WAIT_MS = 10,
    STOP_WAIT_MS = 20,
};

/* All that one thread needs, on its stack. */
struct batch {
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    struct sockaddr_storage peers[BATCH];
    alignas(struct cmsghdr) uint8_t controls[BATCH][CONTROL_BYTES];
    uint8_t queries[BATCH][QUERY_BYTES_MAX];
    uint8_t replies[BATCH][LOCUM_DNS_UDP_BYTES_MAX];
};

struct loop {
    struct locum_dns_udp *worker;
    struct locum_table *table; /* NULL before the first */
    uint32_t turn;
    struct batch batch;
};

static bool
is_wildcard(const struct locum_address *address)
{
    static const uint8_t none[16];
    return memcmp(address->bytes, none, locum_address_length(address->family)) == 0;
}

static int
set_option(int fd, int level, int option)
{
    const int on = 1;
    return setsockopt(fd, level, option, &on, sizeof(on));
}

static int
set_options(int fd, const struct locum_address *address, bool shared)
{
    const bool v6 = address->family == LOCUM_V6;
    const struct timeval idle = {.tv_sec = IDLE_S};
    if (v6 && set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY) != 0) {
        return -1;
    }
    if (shared && set_option(fd, SOL_SOCKET, SO_REUSEPORT) != 0) {
        return -1;
    }
    if (is_wildcard(address) && (v6 ? set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO)
                                    : set_option(fd, IPPROTO_IP, IP_PKTINFO)) != 0) {
        return -1;
    }
    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof(idle));
}

int
locum_dns_udp_bind(const struct locum_address *address, bool shared)
{
    struct sockaddr_storage name;
    const socklen_t length = locum_address_to_sockaddr(address, &name);
    const int fd = socket(name.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    if (set_options(fd, address, shared) != 0 ||
        bind(fd, (const struct sockaddr *)&name, length) != 0) {
        const int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* Answer one datagram; returns the length of the reply, 0 for none. */
static size_t
answer(struct loop *self, const uint8_t *query, size_t length, uint8_t *reply)
{
    struct locum_reply given = {0};
    if (self->table != NULL) {
        given = locum_query_answer(self->table, query, length, self->turn++, reply,
                                   LOCUM_DNS_UDP_BYTES_MAX);
    }
    locum_tally_reply(&self->worker->tally, given);
    return given.length;
}

/* After a failed receive: false if it was no more than the time-out or a signal. */
static void
wait_if_failed(void)
{
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        const struct timespec pause = {.tv_nsec = FAILED_WAIT_MS * 1000000L};
        nanosleep(&pause, NULL);
    }
}

/* One datagram. Sending never waits: a full socket buffer costs this answer, not the next ones. */
static void
serve_one(struct loop *self)
{
    struct batch *batch = &self->batch;
    socklen_t peer_length = sizeof(batch->peers[0]);
    struct sockaddr *peer = (struct sockaddr *)&batch->peers[0];
    const ssize_t length =
        recvfrom(self->worker->fd, batch->queries[0], QUERY_BYTES_MAX, 0, peer, &peer_length);
    if (length < 0) {
        wait_if_failed();
        return;
    }
    locum_mailbox_take(&self->worker->mailbox, &self->table);
    const size_t reply = answer(self, batch->queries[0], (size_t)length, batch->replies[0]);
    if (reply > 0) {
        (void)!sendto(self->worker->fd, batch->replies[0], reply, MSG_DONTWAIT, peer, peer_length);
    }
}

static void
prepare(struct loop *self)
{
    struct batch *batch = &self->batch;
    for (size_t i = 0; i < BATCH; i++) {
        batch->parts[i] = (struct iovec){.iov_base = batch->queries[i], .iov_len = QUERY_BYTES_MAX};
        batch->messages[i].msg_hdr = (struct msghdr){
            .msg_name = &batch->peers[i],
            .msg_namelen = sizeof(batch->peers[i]),
            .msg_iov = &batch->parts[i],
            .msg_iovlen = 1,
            .msg_control = self->worker->wildcard ? batch->controls[i] : NULL,
            .msg_controllen = self->worker->wildcard ? CONTROL_BYTES : 0,
        };
    }
}

/*
 * Let the reply leave from the address that was asked, by whatever interface the routes say: the
 * received packet information is sent back (ip(7), ipv6(7)) without its interface, but for
 * link-local peers, which need it.
 */
static void
keep_source(struct msghdr *header)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            info.ipi_ifindex = 0;
            memcpy(CMSG_DATA(c), &info, sizeof(info));
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) {
                info.ipi6_ifindex = 0;
                memcpy(CMSG_DATA(c), &info, sizeof(info));
            }
        }
    }
}

/* Send the first `count` messages; one that cannot be sent is left out. */
static void
send_batch(int fd, struct mmsghdr *messages, size_t count)
{
    size_t sent = 0;
    while (sent < count) {
        const int n = sendmmsg(fd, messages + sent, (unsigned)(count - sent), MSG_DONTWAIT);
        sent += n > 0 ? (size_t)n : 1;
    }
}

/* All datagrams that queue, up to a batch; returns how many there were. */
static size_t
serve_batch(struct loop *self)
{
    struct batch *batch = &self->batch;
    prepare(self);
    const int received = recvmmsg(self->worker->fd, batch->messages, BATCH, MSG_WAITFORONE, NULL);
    if (received < 0) {
        wait_if_failed();
        return 0;
    }
    locum_mailbox_take(&self->worker->mailbox, &self->table);
    size_t replies = 0;
    for (size_t i = 0; i < (size_t)received; i++) {
        struct mmsghdr *message = &batch->messages[i];
        const size_t length = answer(self, batch->queries[i], message->msg_len, batch->replies[i]);
        if (length > 0) {
            batch->parts[i] = (struct iovec){.iov_base = batch->replies[i], .iov_len = length};
            keep_source(&message->msg_hdr);
            batch->messages[replies++] = *message;
        }
    }
    send_batch(self->worker->fd, batch->messages, replies);
    return (size_t)received;
}

static void *
run(void *argument)
{
    struct locum_dns_udp *worker = argument;
    struct loop self = {.worker = worker};
    size_t plain = 0;
    while (!atomic_load_explicit(&worker->stopping, memory_order_acquire)) {
        if (!worker->wildcard && plain < PROBE_EVERY) {
            serve_one(&self);
            plain++;
        } else if (serve_batch(&self) < 2) {
            plain = 0;
        }
    }
    locum_table_release(self.table);
    return NULL;
}

int
locum_dns_udp_start(struct locum_dns_udp *self, int fd)
{
    struct sockaddr_storage name;
    struct locum_address bound;
    socklen_t length = sizeof(name);
    if (getsockname(fd, (struct sockaddr *)&name, &length) != 0 ||
        locum_address_from_sockaddr((const struct sockaddr *)&name, &bound) != 0) {
        return LOCUM_ERR_IO;
    }
    self->fd = fd;
    self->wildcard = is_wildcard(&bound);
    return locum_thread_start(&self->thread, "locum-udp", run, self);
}

/* An empty datagram to the socket's own address, from a port of its own each time. */
static void
nudge(int fd)
{
    struct sockaddr_storage name;
    socklen_t length = sizeof(name);
    if (getsockname(fd, (struct sockaddr *)&name, &length) != 0) {
        return;
    }
    const int from = socket(name.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (from >= 0) {
        (void)!sendto(from, "", 0, 0, (const struct sockaddr *)&name, length);
        close(from);
    }
}

void
locum_dns_udp_stop(struct locum_dns_udp *self)
{
    atomic_store_explicit(&self->stopping, true, memory_order_release);
    /* Another worker on the same port may get the datagram: so again, until it is the right one. */
    struct timespec until;
    do {
        nudge(self->fd);
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += STOP_WAIT_MS * 1000000L;
        if (until.tv_nsec >= 1000000000L) {
            until.tv_nsec -= 1000000000L;
            until.tv_sec++;
        }
    } while (pthread_timedjoin_np(self->thread, NULL, &until) != 0);
    close(self->fd);
    locum_mailbox_fini(&self->mailbox);
}
