#include "peer/peer.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/timeval.h"

/* One own address. */
struct own_socket {
    struct locum_peer *peer;
    struct locum_address address;
    int fd;               /* -1: not bound */
    int failure;          /* errno of the last failed try that was told; 0: none */
    size_t unrested;      /* datagrams read since it rested */
    struct event *read;   /* the socket is readable; NULL while not bound */
    struct event *resume; /* after a full batch, at the lowest priority; NULL while not bound */
};

struct locum_peer {
    struct event_base *base;
    const struct locum_config *config;
    locum_peer_line_fn *on_line;
    locum_peer_report_fn *report;
    void *user;
    struct event *retry; /* one-shot, pending while some address is not bound */
    struct own_socket own[LOCUM_ADDRESSES_MAX];
    size_t own_count;
    struct locum_peer_counts counts;
};

enum { READ_MAX = 8 }; /* a whole beat of nine nodes; more are read by another call */

/* Read what is queued, by one call. Returns how many datagrams; fewer than READ_MAX: none is left.
 */
static size_t
read_some(struct own_socket *self)
{
    char line[READ_MAX][LOCUM_DATAGRAM_MAX];
    struct iovec part[READ_MAX];
    struct mmsghdr message[READ_MAX] = {0};
    struct locum_peer *peer = self->peer;
    for (size_t i = 0; i < READ_MAX; i++) {
        part[i] = (struct iovec){.iov_base = line[i], .iov_len = sizeof(line[i])};
        message[i].msg_hdr.msg_iov = &part[i];
        message[i].msg_hdr.msg_iovlen = 1;
    }
    const int got = recvmmsg(self->fd, message, READ_MAX, MSG_DONTWAIT, NULL);
    for (int i = 0; i < got; i++) {
        if ((message[i].msg_hdr.msg_flags & MSG_TRUNC) != 0) {
            peer->counts.oversized++;
        } else if (message[i].msg_len > 0) {
            peer->counts.received++;
            peer->on_line(peer->user,
                          (struct locum_slice){.at = line[i], .length = message[i].msg_len});
        }
    }
    return got > 0 ? (size_t)got : 0;
}

static void
on_readable(evutil_socket_t fd, short what, void *user)
{
    struct own_socket *self = user;
    (void)fd, (void)what;
    size_t got = READ_MAX;
    while (got == READ_MAX && self->unrested < LOCUM_PEER_BATCH) {
        got = read_some(self);
        self->unrested += got;
    }
    if (self->unrested < LOCUM_PEER_BATCH) {
        return;
    }
    self->unrested = 0;
    (void)event_del(self->read);
    (void)event_add(self->resume, &(struct timeval){0});
}

static void
on_resume(evutil_socket_t fd, short what, void *user)
{
    struct own_socket *self = user;
    (void)fd, (void)what;
    (void)event_add(self->read, NULL);
}

/* A bound socket, or -1 with errno. */
static int
bound_socket(const struct locum_address *address)
{
    struct sockaddr_storage name;
    const socklen_t length = locum_address_to_sockaddr(address, &name);
    const int on = 1;
    const int fd = socket(name.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    if ((address->family == LOCUM_V6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) ||
        bind(fd, (struct sockaddr *)&name, length) != 0) {
        const int failure = errno;
        (void)close(fd);
        errno = failure;
        return -1;
    }
    return fd;
}

static void
add_advice(struct locum_text *text, int failure, const struct locum_address *address)
{
    locum_text_add(text, strerror(failure));
    switch (failure) {
    case EADDRINUSE:
        locum_text_add(text, ": another program has this UDP port; `ss -lunp sport = :");
        locum_text_add_u64(text, address->port);
        locum_text_add(text, "` names it. Stop it, or choose another `nodes.X.port`");
        break;
    case EADDRNOTAVAIL:
        locum_text_add(text, ": no interface of this host has it. Add it, or name the host's own "
                             "address in `listen.peer` (behind NAT)");
        break;
    case EACCES:
    case EPERM:
        locum_text_add(text, ": ports below 1024 need CAP_NET_BIND_SERVICE. Choose a port above in "
                             "`nodes.X.port`");
        break;
    case EAFNOSUPPORT:
        locum_text_add(text, ": this host has no IPv6. Switch it on (sysctl "
                             "net.ipv6.conf.all.disable_ipv6=0), or leave the address out");
        break;
    default: break;
    }
    locum_text_add(text, "; trying again every 2 s");
}

static void
tell_failure(struct own_socket *self, int failure)
{
    char buffer[256];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    if (failure != self->failure) {
        self->failure = failure;
        add_advice(&text, failure, &self->address);
        self->peer->report(self->peer->user, &self->address, locum_error_from_errno(failure),
                           buffer);
    }
}

static void
close_socket(struct own_socket *self)
{
    if (self->read != NULL) {
        event_free(self->read);
        self->read = NULL;
    }
    if (self->resume != NULL) {
        event_free(self->resume);
        self->resume = NULL;
    }
    if (self->fd >= 0) {
        (void)close(self->fd);
        self->fd = -1;
    }
}

/* Try to bind; tells what came of it. */
static void
open_socket(struct own_socket *self)
{
    struct event_base *base = self->peer->base;
    self->fd = bound_socket(&self->address);
    if (self->fd < 0) {
        tell_failure(self, errno);
        return;
    }
    self->read = event_new(base, self->fd, EV_READ | EV_PERSIST, on_readable, self);
    self->resume = event_new(base, -1, 0, on_resume, self);
    if (self->read == NULL || self->resume == NULL ||
        event_priority_set(self->resume, event_base_get_npriorities(base) - 1) != 0 ||
        event_add(self->read, NULL) != 0) {
        close_socket(self);
        tell_failure(self, ENOMEM);
        return;
    }
    if (self->failure != 0) {
        self->failure = 0;
        self->peer->report(self->peer->user, &self->address, 0, "bound");
    }
}

/* Bind what is not bound; come again while something is missing. */
static void
open_sockets(struct locum_peer *self)
{
    const struct timeval wait = locum_timeval(LOCUM_PEER_RETRY_MS);
    bool missing = false;
    for (size_t i = 0; i < self->own_count; i++) {
        if (self->own[i].fd < 0) {
            open_socket(&self->own[i]);
            missing = missing || self->own[i].fd < 0;
        }
    }
    if (missing) {
        (void)event_add(self->retry, &wait);
    }
}

static void
on_retry(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what;
    open_sockets(user);
}

int
locum_peer_create(struct event_base *base, const struct locum_config *config,
                  locum_peer_line_fn *on_line, locum_peer_report_fn *report, void *user,
                  struct locum_peer **ret)
{
    struct locum_peer *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    *self = (struct locum_peer){
        .base = base, .config = config, .on_line = on_line, .report = report, .user = user};
    self->retry = evtimer_new(base, on_retry, self);
    if (self->retry == NULL) {
        free(self);
        return LOCUM_ERR_MEMORY;
    }
    self->own_count = config->listen_peer_count;
    for (size_t i = 0; i < self->own_count; i++) {
        self->own[i] =
            (struct own_socket){.peer = self, .address = config->listen_peer[i], .fd = -1};
    }
    open_sockets(self);
    *ret = self;
    return 0;
}

void
locum_peer_reconfigure(struct locum_peer *self, const struct locum_config *config)
{
    self->config = config;
}

/* The first bound socket of this family, or -1. */
static int
socket_of(const struct locum_peer *self, enum locum_family family)
{
    for (size_t i = 0; i < self->own_count; i++) {
        if (self->own[i].fd >= 0 && self->own[i].address.family == family) {
            return self->own[i].fd;
        }
    }
    return -1;
}

void
locum_peer_send(struct locum_peer *self, locum_node node, struct locum_slice line)
{
    LOCUM_INVARIANT(node < self->config->core.node_count);
    const struct locum_config_node *peer = &self->config->nodes[node];
    for (size_t i = 0; i < peer->address_count; i++) {
        struct locum_address address = peer->address[i];
        struct sockaddr_storage name;
        const int fd = socket_of(self, address.family);
        if (fd < 0) {
            continue;
        }
        address.port = peer->peer_port;
        const socklen_t length = locum_address_to_sockaddr(&address, &name);
        if (line.length <= LOCUM_DATAGRAM_MAX &&
            sendto(fd, line.at, line.length, 0, (struct sockaddr *)&name, length) >= 0) {
            self->counts.sent++;
        } else {
            self->counts.failed++;
        }
    }
}

void
locum_peer_counts(const struct locum_peer *self, struct locum_peer_counts *ret)
{
    *ret = self->counts;
}

void
locum_peer_destroy(struct locum_peer *self)
{
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < self->own_count; i++) {
        close_socket(&self->own[i]);
    }
    event_free(self->retry);
    free(self);
}
