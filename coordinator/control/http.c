#include "control/http.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "base/descriptors.h"
#include "base/error.h"
#include "base/log.h"
#include "base/timeval.h"

enum {
    LOOK_MS = 250,
    LOOK_IDLE_MS = 1000, /* without a connection, for want of a descriptor or of clients */
    ASK_WITHIN_MS = 25,  /* what a client has in any case to put its request, also in a crowd */
};

/*
 * An accepted connection. The reference keeps its descriptor from being closed, and so from being
 * another's, until we let go too.
 */
struct place {
    struct bufferevent *stream;
    locum_ms since;
    bool asked; /* its request is whole: it waits for us */
};

/*
 * evhttp of libevent 2.1 takes as many connections as come and tells of none. So the listener is
 * paused with each one; `look`, in the same turn of the loop and every LOOK_MS, counts what is open
 * and lets the next one in if there is a place, or one whose holder has not asked yet.
 */
struct locum_http {
    struct evhttp *http;
    struct evconnlistener *listener; /* owned by http */
    struct event *look;
    struct place places[LOCUM_HTTP_CLIENTS_MAX + 1]; /* one over: all may have asked meanwhile */
    size_t count;                                    /* the oldest first */
    size_t clients_max;
    locum_ms life_ms;
    locum_http_request_fn *on_request;
    void *user;
};

/* evhttp's callbacks are on a stream until it closes it. */
static bool
is_open(const struct place *place)
{
    void *connection;
    bufferevent_getcb(place->stream, NULL, NULL, NULL, &connection);
    return connection != NULL;
}

static void
forget_closed(struct locum_http *self)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->count; i++) {
        if (is_open(&self->places[i])) {
            self->places[kept++] = self->places[i];
        } else {
            (void)bufferevent_decref(self->places[i].stream);
        }
    }
    self->count = kept;
}

/* evhttp sees an end of file, or fails to write, and closes. */
static void
end(const struct place *place)
{
    (void)shutdown(bufferevent_getfd(place->stream), SHUT_RDWR);
}

static void
end_old(const struct locum_http *self, locum_ms now)
{
    for (size_t i = 0; i < self->count; i++) {
        if (now - self->places[i].since > self->life_ms) {
            end(&self->places[i]);
        }
    }
}

/* The oldest that has had its time and has not asked; count: there is none. */
static size_t
oldest_idle(const struct locum_http *self, locum_ms now)
{
    for (size_t i = 0; i < self->count; i++) {
        if (!self->places[i].asked && now - self->places[i].since >= ASK_WITHIN_MS) {
            return i;
        }
    }
    return self->count;
}

/* Its place goes to another; evhttp closes it in the next turn. */
static void
evict(struct locum_http *self, locum_ms now)
{
    const size_t idle = oldest_idle(self, now);
    if (idle < self->count) {
        end(&self->places[idle]);
        (void)bufferevent_decref(self->places[idle].stream);
        self->count--;
        memmove(&self->places[idle], &self->places[idle + 1],
                (self->count - idle) * sizeof(self->places[0]));
    }
}

/* When all places are taken, as soon as the oldest that has not asked has had its time. */
static int
look_again(struct locum_http *self, locum_ms now)
{
    locum_ms wait_ms = self->count > 0 ? LOOK_MS : LOOK_IDLE_MS;
    for (size_t i = 0; self->count >= self->clients_max && i < self->count; i++) {
        const locum_ms left = self->places[i].since + ASK_WITHIN_MS - now;
        if (!self->places[i].asked && left > 0 && left < wait_ms) {
            wait_ms = left;
        }
    }
    const struct timeval wait = locum_timeval(wait_ms);
    return event_add(self->look, &wait);
}

static void
on_look(int fd, short what, void *user)
{
    (void)fd;
    (void)what;
    struct locum_http *self = user;
    const locum_ms now = locum_now_read().mono;
    forget_closed(self);
    end_old(self, now);
    if (self->count < self->clients_max ||
        (self->count == self->clients_max && oldest_idle(self, now) < self->count)) {
        (void)evconnlistener_enable(self->listener);
    }
    (void)look_again(self, now);
}

/* evhttp asks for the stream of a connection that it has just accepted. NULL: it makes its own. */
static struct bufferevent *
on_accepted(struct event_base *base, void *user)
{
    struct locum_http *self = user;
    const locum_ms now = locum_now_read().mono;
    (void)evconnlistener_disable(self->listener);
    forget_closed(self);
    if (self->count >= self->clients_max) {
        evict(self, now);
    }
    struct bufferevent *stream = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (stream != NULL && self->count < LOCUM_COUNT(self->places)) {
        bufferevent_incref(stream);
        self->places[self->count++] = (struct place){.stream = stream, .since = now};
    }
    event_active(self->look, EV_TIMEOUT, 0);
    return stream;
}

/* No descriptor is left: without a pause the listener spins. The connection stays in the queue
 * until on_look(). */
static void
on_accept_error(struct evconnlistener *listener, void *user)
{
    (void)user; /* evhttp's */
    (void)evconnlistener_disable(listener);
    LOCUM_LOG(LOCUM_LOG_WARN, "descriptors", "reason",
              "none is left for a client of the API: raise the limit (systemd: LimitNOFILE)");
}

static void
on_whole_request(struct evhttp_request *request, void *user)
{
    struct locum_http *self = user;
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    const struct bufferevent *stream = evhttp_connection_get_bufferevent(connection);
    for (size_t i = 0; i < self->count; i++) {
        self->places[i].asked = self->places[i].asked || self->places[i].stream == stream;
    }
    self->on_request(request, self->user);
}

/* The listener belongs to the evhttp from here on; on failure `fd` is closed. */
static int
listen_on(struct locum_http *self, struct event_base *base, int fd)
{
    self->listener =
        evconnlistener_new(base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (self->listener == NULL) {
        (void)close(fd);
        return LOCUM_ERR_MEMORY;
    }
    if (self->http == NULL || evhttp_bind_listener(self->http, self->listener) == NULL) {
        evconnlistener_free(self->listener);
        return LOCUM_ERR_MEMORY;
    }
    evconnlistener_set_error_cb(self->listener, on_accept_error);
    return 0;
}

int
locum_http_create(struct event_base *base, int fd, locum_ms life_ms,
                  locum_http_request_fn *on_request, void *user, struct locum_http **ret)
{
    struct locum_http *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        (void)close(fd);
        return LOCUM_ERR_MEMORY;
    }
    self->clients_max = locum_descriptors_share(LOCUM_HTTP_CLIENTS_MAX);
    self->life_ms = life_ms;
    self->on_request = on_request;
    self->user = user;
    self->http = evhttp_new(base);
    self->look = event_new(base, -1, 0, on_look, self);
    if (listen_on(self, base, fd) != 0 || self->look == NULL ||
        look_again(self, locum_now_read().mono) != 0) {
        locum_http_destroy(self);
        return LOCUM_ERR_MEMORY;
    }
    evhttp_set_max_headers_size(self->http, LOCUM_HTTP_HEAD_BYTES_MAX);
    evhttp_set_max_body_size(self->http, LOCUM_HTTP_BODY_BYTES_MAX);
    evhttp_set_allowed_methods(self->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST);
    evhttp_set_timeout(self->http, LOCUM_HTTP_IDLE_S);
    evhttp_set_bevcb(self->http, on_accepted, self);
    evhttp_set_gencb(self->http, on_whole_request, self);
    *ret = self;
    return 0;
}

void
locum_http_destroy(struct locum_http *self)
{
    if (self == NULL) {
        return;
    }
    if (self->http != NULL) {
        evhttp_free(self->http);
    }
    forget_closed(self);
    if (self->look != NULL) {
        event_free(self->look);
    }
    free(self);
}
