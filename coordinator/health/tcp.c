/*
 * A check that connects to an address and closes the connection at once. Pass: connected within the
 * timeout.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/socket.h"
#include "base/text_format.h"
#include "base/timer.h"
#include "health/probe.h"

struct tcp_check {
    const struct locum_probe *probe;
    int fd;              /* -1: no probe is running */
    struct event *event; /* connected, failed or past the deadline; NULL while fd is -1 */
};

static void
close_connection(struct tcp_check *self)
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
finish(struct tcp_check *self, int failure)
{
    char buffer[LOCUM_PROBE_TEXT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    enum locum_sample outcome = LOCUM_SAMPLE_FAIL;
    close_connection(self);
    if (failure == 0) {
        outcome = LOCUM_SAMPLE_PASS;
        locum_text_format(&text, "connected in %" PRId64 " ms",
                          locum_clock_read().mono - self->probe->started);
    } else if (failure == ECONNREFUSED) {
        outcome = LOCUM_SAMPLE_REFUSED;
        locum_text_add(&text, "connection refused");
    } else if (failure == ETIMEDOUT) {
        locum_text_format(&text, "no answer within %" PRId64 " ms", self->probe->check->timeout_ms);
    } else {
        outcome = locum_error_is_lack(failure) ? LOCUM_SAMPLE_NOT_RUN : LOCUM_SAMPLE_FAIL;
        locum_text_add(&text, strerror(failure));
    }
    self->probe->on_done(self->probe->user, outcome, buffer);
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

static void *
create(const struct locum_probe *probe)
{
    struct tcp_check *self = malloc(sizeof(*self));
    if (self != NULL) {
        *self = (struct tcp_check){.probe = probe, .fd = -1};
    }
    return self;
}

static void
start(void *check)
{
    struct tcp_check *self = check;
    const struct timeval timeout = locum_timer_timeval(self->probe->check->timeout_ms);
    LOCUM_INVARIANT(self->fd < 0);
    self->fd = locum_socket_connect(&self->probe->check->tcp, SOCK_STREAM);
    if (self->fd < 0) {
        finish(self, errno);
        return;
    }
    self->event = event_new(self->probe->base, self->fd, EV_WRITE, on_socket, self);
    if (self->event == NULL || event_add(self->event, &timeout) != 0) {
        finish(self, ENOMEM);
    }
}

static void
destroy(void *check)
{
    close_connection(check);
    free(check);
}

const struct locum_probe_kind locum_probe_tcp = {create, start, destroy, NULL};
