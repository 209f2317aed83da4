#include "health/tcp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/socket.h"
#include "base/text_format.h"
#include "base/timeval.h"

struct locum_tcp_check {
    struct event_base *base;
    const struct locum_config_check *check;
    locum_probe_fn *on_done;
    void *user;
    int fd;              /* -1: no probe is running */
    struct event *event; /* connected, failed or past the deadline; NULL while fd is -1 */
    locum_ms started;    /* mono */
};

static void
close_connection(struct locum_tcp_check *self)
{
    if (self->event != NULL) {
        event_free(self->event);
        self->event = NULL;
    }
    if (self->fd >= 0) {
        (void)close(self->fd);
        self->fd = -1;
    }
}

/* End the probe with an errno value; 0: it is connected. */
static void
finish(struct locum_tcp_check *self, int failure)
{
    char buffer[LOCUM_PROBE_TEXT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    enum locum_sample outcome = LOCUM_SAMPLE_FAIL;
    close_connection(self);
    if (failure == 0) {
        outcome = LOCUM_SAMPLE_PASS;
        locum_text_format(&text, "connected in %" PRId64 " ms",
                          locum_now_read().mono - self->started);
    } else if (failure == ECONNREFUSED) {
        outcome = LOCUM_SAMPLE_REFUSED;
        locum_text_add(&text, "connection refused");
    } else if (failure == ETIMEDOUT) {
        locum_text_format(&text, "no answer within %" PRId64 " ms", self->check->timeout_ms);
    } else {
        outcome = locum_probe_lacks(failure) ? LOCUM_PROBE_NOT_RUN : LOCUM_SAMPLE_FAIL;
        locum_text_add(&text, strerror(failure));
    }
    self->on_done(self->user, outcome, buffer);
}

/*
 * The socket is connected to itself: no program listens there, and the kernel chose the destination
 * port as our own (simultaneous open, RFC 9293 3.5).
 */
static bool
is_connected_to_itself(int fd)
{
    struct sockaddr_storage own = {0};
    struct sockaddr_storage peer = {0};
    socklen_t own_length = sizeof(own);
    socklen_t peer_length = sizeof(peer);
    return getsockname(fd, (struct sockaddr *)&own, &own_length) == 0 &&
           getpeername(fd, (struct sockaddr *)&peer, &peer_length) == 0 &&
           own_length == peer_length && memcmp(&own, &peer, own_length) == 0;
}

static void
on_socket(evutil_socket_t fd, short what, void *user)
{
    int failure = (what & EV_WRITE) != 0 ? locum_socket_error(fd) : ETIMEDOUT;
    if (failure == 0 && is_connected_to_itself(fd)) {
        failure = ECONNREFUSED;
    }
    finish(user, failure);
}

int
locum_tcp_check_create(struct event_base *base, const struct locum_config_check *check,
                       locum_probe_fn *on_done, void *user, struct locum_tcp_check **ret)
{
    struct locum_tcp_check *self = malloc(sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    *self = (struct locum_tcp_check){
        .base = base, .check = check, .on_done = on_done, .user = user, .fd = -1};
    *ret = self;
    return 0;
}

void
locum_tcp_check_start(struct locum_tcp_check *self)
{
    const struct timeval timeout = locum_timeval(self->check->timeout_ms);
    LOCUM_INVARIANT(self->fd < 0);
    self->started = locum_now_read().mono;
    self->fd = locum_socket_connect(&self->check->tcp, SOCK_STREAM);
    if (self->fd < 0) {
        finish(self, errno);
        return;
    }
    self->event = event_new(self->base, self->fd, EV_WRITE, on_socket, self);
    if (self->event == NULL || event_add(self->event, &timeout) != 0) {
        finish(self, ENOMEM);
    }
}

void
locum_tcp_check_destroy(struct locum_tcp_check *self)
{
    if (self == NULL) {
        return;
    }
    close_connection(self);
    free(self);
}
