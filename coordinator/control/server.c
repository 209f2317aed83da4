#include "control/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "base/error.h"

enum { ACCEPT_PAUSE_MS = 100 }; /* after a failed accept, e.g. no descriptor is left */

enum state {
    READING,   /* until the request is there */
    HELD,      /* on_request asked to wait */
    WRITING,   /* the answer goes out */
    LINGERING, /* answered before the request was read: what still comes is thrown away */
};

struct locum_server_client {
    LIST_ENTRY(locum_server_client) entry;
    struct locum_server *server;
    struct bufferevent *stream;
    struct event *timer; /* the one deadline of the state */
    enum state state;
    bool continued; /* "100 Continue" was sent */
    bool unread;    /* the answer was made before all of the request was read */
    bool bodiless;  /* HEAD: no body in the answer */
    void *held;
};

struct locum_server {
    struct event_base *base;
    struct evconnlistener *listener;
    struct event *resume; /* takes connections again after a failed accept */
    LIST_HEAD(, locum_server_client) clients;
    size_t client_count;
    locum_ms deadline_ms;
    struct locum_server_events events;
    void *user;
};

static struct timeval
timeval_of(locum_ms ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

static void
set_deadline(struct locum_server_client *self, locum_ms ms)
{
    const struct timeval wait = timeval_of(ms);
    (void)event_add(self->timer, &wait);
}

/* Close and forget; whoever holds the request is told. */
static void
drop(struct locum_server_client *self)
{
    struct locum_server *server = self->server;
    const bool held = self->state == HELD;
    LIST_REMOVE(self, entry);
    server->client_count--;
    if (held) {
        server->events.gone(server->user, self->held);
    }
    event_free(self->timer);
    bufferevent_free(self->stream);
    free(self);
    if (server->listener != NULL) {
        (void)evconnlistener_enable(server->listener);
    }
}

static const char *
status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } table[] = {
        {200, "OK"},
        {400, "Bad Request"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {417, "Expectation Failed"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(table); i++) {
        if (table[i].status == status) {
            return table[i].text;
        }
    }
    return "Other";
}

void
locum_server_answer(struct locum_server_client *client, const struct locum_server_answer *answer)
{
    char head[512];
    struct locum_text text = locum_text_init(head, sizeof(head));
    locum_text_add(&text, "HTTP/1.1 ");
    locum_text_add_i64(&text, answer->status);
    locum_text_add_char(&text, ' ');
    locum_text_add(&text, status_text(answer->status));
    locum_text_add(&text, "\r\nContent-Type: ");
    locum_text_add(&text, answer->type);
    locum_text_add(&text, "\r\nContent-Length: ");
    locum_text_add_u64(&text, strlen(answer->body));
    if (answer->allow != NULL) {
        locum_text_add(&text, "\r\nAllow: ");
        locum_text_add(&text, answer->allow);
    }
    locum_text_add(&text, "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff"
                          "\r\nConnection: close\r\n\r\n");
    LOCUM_INVARIANT(!text.truncated && (client->state == READING || client->state == HELD));
    client->state = WRITING;
    set_deadline(client, client->server->deadline_ms);
    struct evbuffer *output = bufferevent_get_output(client->stream);
    if (evbuffer_add(output, head, text.length) != 0 ||
        (!client->bodiless && evbuffer_add(output, answer->body, strlen(answer->body)) != 0)) {
        set_deadline(client, 0); /* no memory: the client sees a closed connection */
    }
}

void
locum_server_hold(struct locum_server_client *client, locum_ms wait_ms, void *held)
{
    LOCUM_INVARIANT(client->state == READING && wait_ms > 0);
    client->state = HELD;
    client->held = held;
    set_deadline(client, wait_ms);
}

static void
refuse(struct locum_server_client *self, const struct locum_http_refusal *refusal)
{
    self->unread = true;
    self->server->events.refused(self->server->user, self, refusal);
}

static void
continue_body(struct locum_server_client *self, const struct locum_http_head *head)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (head->expect_continue && !self->continued) {
        self->continued = true;
        (void)bufferevent_write(self->stream, go_on, sizeof(go_on) - 1);
    }
}

/* All bytes so far, in one piece; the request's head is parsed anew until its body is there. */
static void
read_request(struct locum_server_client *self)
{
    struct evbuffer *input = bufferevent_get_input(self->stream);
    struct locum_slice bytes = {.length = evbuffer_get_length(input)};
    bytes.at = (const char *)evbuffer_pullup(input, -1);
    if (bytes.at == NULL) {
        return;
    }
    struct locum_http_head head;
    struct locum_http_refusal refusal;
    switch (locum_http_parse(bytes, &head, &refusal)) {
    case LOCUM_HTTP_MORE: return;
    case LOCUM_HTTP_REFUSED:
        self->bodiless = head.method == LOCUM_HTTP_HEAD;
        refuse(self, &refusal);
        return;
    case LOCUM_HTTP_READ: break;
    }
    if (bytes.length - head.head_bytes < head.body_bytes) {
        continue_body(self, &head);
        return;
    }
    self->bodiless = head.method == LOCUM_HTTP_HEAD;
    self->unread = bytes.length - head.head_bytes > head.body_bytes;
    const struct locum_slice body = {.at = bytes.at + head.head_bytes, .length = head.body_bytes};
    self->server->events.request(self->server->user, self, &head, body);
    LOCUM_INVARIANT(self->state != READING);
}

static void
on_readable(struct bufferevent *stream, void *user)
{
    struct locum_server_client *self = user;
    if (self->state == READING) {
        read_request(self);
    }
    if (self->state != READING) {
        struct evbuffer *input = bufferevent_get_input(stream);
        (void)evbuffer_drain(input, evbuffer_get_length(input));
    }
}

/* The output is empty: all of the answer is with the kernel. */
static void
on_written(struct bufferevent *stream, void *user)
{
    struct locum_server_client *self = user;
    if (self->state != WRITING) {
        return; /* it was "100 Continue" */
    }
    if (!self->unread) {
        drop(self);
        return;
    }
    /* Closing with bytes unread would reset the connection and lose the answer: RFC 9112 9.6. */
    self->state = LINGERING;
    (void)shutdown(bufferevent_getfd(stream), SHUT_WR);
    set_deadline(self, LOCUM_SERVER_LINGER_MS);
}

static void
on_stream_event(struct bufferevent *stream, short what, void *user)
{
    (void)stream;
    struct locum_server_client *self = user;
    const bool half_closed = (what & BEV_EVENT_EOF) != 0 && (what & BEV_EVENT_READING) != 0;
    if (self->state == WRITING && half_closed) {
        return; /* it sends no more, and may still read */
    }
    drop(self);
}

static void
on_deadline(int fd, short what, void *user)
{
    (void)fd;
    (void)what;
    struct locum_server_client *self = user;
    static const struct locum_http_refusal slow = {
        .status = 408, .text = "the request did not arrive whole within 10 s"};
    switch (self->state) {
    case HELD: self->server->events.wait_over(self->server->user, self->held); break;
    case READING: refuse(self, &slow); break;
    case WRITING:
    case LINGERING: drop(self); break;
    }
}

static int
client_create(struct locum_server *server, int fd)
{
    struct locum_server_client *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        goto failed;
    }
    self->server = server;
    self->timer = event_new(server->base, -1, 0, on_deadline, self);
    self->stream = bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (self->timer == NULL || self->stream == NULL) {
        goto failed;
    }
    bufferevent_setcb(self->stream, on_readable, on_written, on_stream_event, self);
    bufferevent_setwatermark(self->stream, EV_READ, 0,
                             LOCUM_HTTP_HEAD_BYTES_MAX + LOCUM_HTTP_BODY_BYTES_MAX + 1);
    LIST_INSERT_HEAD(&server->clients, self, entry);
    server->client_count++;
    set_deadline(self, server->deadline_ms);
    (void)bufferevent_enable(self->stream, EV_READ | EV_WRITE);
    return 0;

failed:
    if (self != NULL && self->timer != NULL) {
        event_free(self->timer);
    }
    if (self != NULL && self->stream != NULL) {
        bufferevent_free(self->stream);
    } else {
        (void)close(fd);
    }
    free(self);
    return LOCUM_ERR_MEMORY;
}

static void
on_accept(struct evconnlistener *listener, int fd, struct sockaddr *from, int length, void *user)
{
    (void)from;
    (void)length;
    struct locum_server *self = user;
    if (client_create(self, fd) == 0 && self->client_count >= LOCUM_SERVER_CLIENTS_MAX) {
        (void)evconnlistener_disable(listener);
    }
}

/* Without a pause a listener that cannot accept spins: the connection stays in the queue. */
static void
on_accept_error(struct evconnlistener *listener, void *user)
{
    struct locum_server *self = user;
    const struct timeval pause = timeval_of(ACCEPT_PAUSE_MS);
    (void)evconnlistener_disable(listener);
    (void)event_add(self->resume, &pause);
}

static void
on_resume(int fd, short what, void *user)
{
    (void)fd;
    (void)what;
    struct locum_server *self = user;
    if (self->client_count < LOCUM_SERVER_CLIENTS_MAX) {
        (void)evconnlistener_enable(self->listener);
    }
}

int
locum_server_create(struct event_base *base, int fd, locum_ms deadline_ms,
                    const struct locum_server_events *events, void *user, struct locum_server **ret)
{
    struct locum_server *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        (void)close(fd);
        return LOCUM_ERR_MEMORY;
    }
    *self = (struct locum_server){
        .base = base, .deadline_ms = deadline_ms, .events = *events, .user = user};
    LIST_INIT(&self->clients);
    self->listener = evconnlistener_new(base, on_accept, self,
                                        LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (self->listener == NULL) {
        (void)close(fd);
    }
    self->resume = event_new(base, -1, 0, on_resume, self);
    if (self->listener == NULL || self->resume == NULL) {
        locum_server_destroy(self);
        return LOCUM_ERR_MEMORY;
    }
    evconnlistener_set_error_cb(self->listener, on_accept_error);
    *ret = self;
    return 0;
}

void
locum_server_destroy(struct locum_server *self)
{
    if (self == NULL) {
        return;
    }
    struct evconnlistener *listener = self->listener;
    self->listener = NULL;
    while (!LIST_EMPTY(&self->clients)) {
        drop(LIST_FIRST(&self->clients));
    }
    if (self->resume != NULL) {
        event_free(self->resume);
    }
    if (listener != NULL) {
        evconnlistener_free(listener);
    }
    free(self);
}
