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
#include "base/timer.h"

enum {
    REVIEW_MS = 250,
    REVIEW_IDLE_MS = 1000,  /* while there is no connection: no client, or no descriptor */
    REQUEST_WITHIN_MS = 25, /* every client has this time for its request, also in a crowd */
};

/*
 * An accepted connection. Our reference to the stream keeps its descriptor open, so that the number
 * cannot belong to another connection until we release it.
 */
struct client_slot {
    struct bufferevent *stream;
    locum_ms since;
    bool requested; /* its request is complete: it waits for our reply */
};

/*
 * evhttp of libevent 2.1 accepts any number of connections and does not report them. So the
 * listener is paused after each one. `review`, in the same iteration of the loop and every
 * REVIEW_MS, counts the open connections and lets the next one in if a slot is free, or is used by
 * a client that has not sent its request in time.
 */
struct locum_http {
    struct evhttp *http;
    struct evconnlistener *listener; /* owned by http */
    struct locum_timer review;
    struct client_slot slots[LOCUM_HTTP_CLIENTS_MAX + 1]; /* one more: all may have requested */
    size_t count;                                         /* oldest first */
    size_t clients_max;
    locum_ms life_ms;
    locum_http_request_fn *on_request;
    void *user;
};

/* evhttp's callbacks are set on a stream until it closes it. */
static void
forget_closed(struct locum_http *self)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->count; i++) {
        void *connection;
        bufferevent_getcb(self->slots[i].stream, NULL, NULL, NULL, &connection);
        if (connection != NULL) {
            self->slots[kept++] = self->slots[i];
        } else {
            (void)bufferevent_decref(self->slots[i].stream);
        }
    }
    self->count = kept;
}

/* evhttp then reads an end of file, or fails to write, and closes the connection. */
static void
end(const struct client_slot *slot)
{
    (void)shutdown(bufferevent_getfd(slot->stream), SHUT_RDWR);
}

/* The oldest client whose time for a request is over; `count`: there is none. */
static size_t
oldest_idle(const struct locum_http *self, locum_ms now)
{
    for (size_t i = 0; i < self->count; i++) {
        if (!self->slots[i].requested && now - self->slots[i].since >= REQUEST_WITHIN_MS) {
            return i;
        }
    }
    return self->count;
}

/* If all slots are used: when the oldest client without a request has had its time. */
static void
schedule_review(struct locum_http *self, locum_ms now)
{
    locum_ms wait_ms = self->count > 0 ? REVIEW_MS : REVIEW_IDLE_MS;
    for (size_t i = 0; self->count >= self->clients_max && i < self->count; i++) {
        const locum_ms left = self->slots[i].since + REQUEST_WITHIN_MS - now;
        if (!self->slots[i].requested && left > 0 && left < wait_ms) {
            wait_ms = left;
        }
    }
    locum_timer_arm(&self->review, wait_ms);
}

static void
on_review(void *user)
{
    struct locum_http *self = user;
    const locum_ms now = locum_clock_read().mono;
    forget_closed(self);
    for (size_t i = 0; i < self->count; i++) {
        if (now - self->slots[i].since > self->life_ms) {
            end(&self->slots[i]);
        }
    }
    if (self->count < self->clients_max ||
        (self->count == self->clients_max && oldest_idle(self, now) < self->count)) {
        (void)evconnlistener_enable(self->listener);
    }
    schedule_review(self, now);
}

/* evhttp asks for the stream of a connection that it has just accepted. NULL: it makes its own. */
static struct bufferevent *
on_accepted(struct event_base *base, void *user)
{
    struct locum_http *self = user;
    const locum_ms now = locum_clock_read().mono;
    (void)evconnlistener_disable(self->listener);
    forget_closed(self);
    const size_t idle = oldest_idle(self, now);
    if (self->count >= self->clients_max && idle < self->count) {
        /* Free its slot; evhttp closes it in the next iteration. */
        end(&self->slots[idle]);
        (void)bufferevent_decref(self->slots[idle].stream);
        self->count--;
        memmove(&self->slots[idle], &self->slots[idle + 1],
                (self->count - idle) * sizeof(self->slots[0]));
    }
    struct bufferevent *stream = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (stream != NULL && self->count < LOCUM_COUNT(self->slots)) {
        bufferevent_incref(stream);
        self->slots[self->count++] = (struct client_slot){.stream = stream, .since = now};
    }
    locum_timer_fire(&self->review);
    return stream;
}

/* No descriptor is left. The listener would be called again and again, so pause it; the connection
 * stays in the queue until on_review(). */
static void
on_accept_error(struct evconnlistener *listener, void *user)
{
    (void)user; /* evhttp's */
    (void)evconnlistener_disable(listener);
    LOCUM_LOG(LOCUM_LOG_WARN, "descriptors", "reason",
              "none left for a client of the API: raise LimitNOFILE in the service");
}

static void
on_whole_request(struct evhttp_request *request, void *user)
{
    struct locum_http *self = user;
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    const struct bufferevent *stream = evhttp_connection_get_bufferevent(connection);
    for (size_t i = 0; i < self->count; i++) {
        self->slots[i].requested = self->slots[i].requested || self->slots[i].stream == stream;
    }
    self->on_request(request, self->user);
}

int
locum_http_create(struct event_base *base, int fd, locum_ms life_ms,
                  locum_http_request_fn *on_request, void *user, struct locum_http **ret)
{
    struct locum_http *self = calloc(1, sizeof(*self));
    struct evconnlistener *listener =
        evconnlistener_new(base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (listener == NULL) {
        (void)close(fd);
        free(self);
        return LOCUM_ERR_MEMORY;
    }
    if (self == NULL) {
        evconnlistener_free(listener);
        return LOCUM_ERR_MEMORY;
    }
    self->clients_max = locum_descriptors_share(LOCUM_HTTP_CLIENTS_MAX);
    self->life_ms = life_ms;
    self->on_request = on_request;
    self->user = user;
    self->http = evhttp_new(base);
    locum_timer_init(&self->review, base, on_review, self);
    if (self->http == NULL || evhttp_bind_listener(self->http, listener) == NULL) {
        evconnlistener_free(listener);
        locum_http_destroy(self);
        return LOCUM_ERR_MEMORY;
    }
    self->listener = listener; /* evhttp owns it from here on */
    evconnlistener_set_error_cb(listener, on_accept_error);
    schedule_review(self, locum_clock_read().mono);
    evhttp_set_max_headers_size(self->http, LOCUM_HTTP_HEAD_BYTES_MAX);
    evhttp_set_max_body_size(self->http, LOCUM_HTTP_BODY_BYTES_MAX);
    evhttp_set_allowed_methods(self->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST);
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
    locum_timer_fini(&self->review);
    free(self);
}
