#include "peer/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/socket.h"
#include "base/timer.h"

/* One own address. */
struct own_socket {
    struct locum_peer *peer;
    struct locum_address address;
    int fd;                    /* -1: not bound */
    int failure;               /* errno of the last failure that was reported; 0: none */
    size_t batch;              /* datagrams read since the last pause */
    struct event *read;        /* the socket is readable; NULL while not bound */
    struct locum_timer resume; /* after a full batch; runs after all other events */
};

struct locum_peer {
    struct event_base *base;
    const struct locum_config *config;
    struct locum_sockets *sockets; /* may be NULL */
    locum_peer_line_fn *on_line;
    locum_peer_report_fn *report;
    void *user;
    struct locum_timer retry; /* armed while an address is not bound */
    struct own_socket own[LOCUM_ADDRESSES_MAX];
    size_t own_count;
    struct locum_peer_counts counts;
};

enum { READ_MAX = 8 }; /* one heartbeat each of nine nodes; another call reads more */

/* Read queued datagrams with one call. Returns their number; fewer than READ_MAX: none is left. */
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
            peer->on_line(peer->user, self->address.family,
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
    while (got == READ_MAX && self->batch < LOCUM_PEER_BATCH) {
        got = read_some(self);
        self->batch += got;
    }
    if (self->batch < LOCUM_PEER_BATCH) {
        return;
    }
    self->batch = 0;
    (void)event_del(self->read);
    locum_timer_arm(&self->resume, 0);
}

static void
on_resume(void *user)
{
    const struct own_socket *self = user;
    (void)event_add(self->read, NULL);
}

/* Report a failed bind once for each different error. */
static void
report_failure(struct own_socket *self, int failure)
{
    char buffer[256];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    if (failure != self->failure) {
        self->failure = failure;
        locum_socket_explain_bind(&text, failure, &self->address, SOCK_DGRAM,
                                  "listen.peer or nodes.X.port");
        locum_text_add(&text, "; trying again every 2 s");
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
    locum_timer_disarm(&self->resume);
    if (self->fd >= 0) {
        (void)close(self->fd);
        self->fd = -1;
    }
}

/* Try to bind, and report the result. */
static void
open_socket(struct own_socket *self)
{
    self->fd = locum_sockets_open(self->peer->sockets, &self->address, SOCK_DGRAM | SOCK_NONBLOCK,
                                  false, 0);
    if (self->fd < 0) {
        report_failure(self, errno);
        return;
    }
    self->read = event_new(self->peer->base, self->fd, EV_READ | EV_PERSIST, on_readable, self);
    if (self->read == NULL || event_add(self->read, NULL) != 0) {
        locum_sockets_forget(self->peer->sockets, self->fd);
        close_socket(self);
        report_failure(self, ENOMEM);
        return;
    }
    if (self->failure != 0) {
        self->failure = 0;
        self->peer->report(self->peer->user, &self->address, 0, "bound");
    }
}

/* Bind every address that is not bound; try again later if one fails. */
static void
open_sockets(void *user)
{
    struct locum_peer *self = user;
    for (size_t i = 0; i < self->own_count; i++) {
        if (self->own[i].fd < 0) {
            open_socket(&self->own[i]);
        }
        if (self->own[i].fd < 0) {
            locum_timer_arm(&self->retry, LOCUM_PEER_RETRY_MS);
        }
    }
}

int
locum_peer_create(struct event_base *base, const struct locum_config *config,
                  struct locum_sockets *sockets, locum_peer_line_fn *on_line,
                  locum_peer_report_fn *report, void *user, struct locum_peer **ret)
{
    struct locum_peer *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    *self = (struct locum_peer){.base = base,
                                .config = config,
                                .sockets = sockets,
                                .on_line = on_line,
                                .report = report,
                                .user = user};
    locum_timer_init(&self->retry, base, open_sockets, self);
    self->own_count = config->listen_peer_count;
    for (size_t i = 0; i < self->own_count; i++) {
        self->own[i] =
            (struct own_socket){.peer = self, .address = config->listen_peer[i], .fd = -1};
        locum_timer_init(&self->own[i].resume, base, on_resume, &self->own[i]);
        locum_timer_run_last(&self->own[i].resume);
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
locum_peer_add_closed(const struct locum_peer *self, struct locum_text *text)
{
    for (size_t i = 0; i < self->own_count; i++) {
        if (self->own[i].fd < 0) {
            locum_text_add(text, text->length > 0 ? ", " : "");
            locum_text_add(text, locum_address_text(&self->own[i].address).text);
        }
    }
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
    locum_timer_fini(&self->retry);
    free(self);
}
