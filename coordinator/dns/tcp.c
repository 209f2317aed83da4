#include "dns/tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "base/error.h"
#include "base/thread.h"
#include "base/timer.h"

enum {
    LENGTH_BYTES = 2,
    LISTENERS_MAX = 2 * LOCUM_ADDRESSES_MAX, /* those of a reload, and those before it */
    ACCEPT_PAUSE_MS = 100,                   /* while the process has no descriptor left */
};

/* What the main thread writes into the pipe. */
struct dns_command {
    enum { COMMAND_LISTEN, COMMAND_CLOSE, COMMAND_PAUSE, COMMAND_RESUME, COMMAND_STOP } kind;
    int fd; /* of the listener */
};

const struct locum_dns_tcp_limits locum_dns_tcp_limits_default = {
    .connections_max = 256,
    .client_connections_max = 32,
    .output_bytes_max = 65536,
    .message_ms = 5000,
    .write_ms = 5000,
    .idle_ms = 10000,
};

/* Who has connections open: an IPv4 address, or a /64 of IPv6, which one host can have for itself.
 * Freed with its last connection. */
struct dns_client {
    struct locum_address address; /* of its first connection */
    size_t count;                 /* its open connections */
};

struct dns_connection {
    TAILQ_ENTRY(dns_connection) link;
    struct locum_dns_tcp *tcp;
    struct bufferevent *stream;
    struct locum_timer deadline;
    struct dns_client *client;
    struct locum_address peer;
    locum_ms message_by, write_by; /* deadlines (struct locum_now, mono), or LOCUM_NEVER */
    bool ended;                    /* nothing more is read; close it when its answers are sent */
    bool served;                   /* it has had an answer */
};
TAILQ_HEAD(dns_connections, dns_connection);

struct locum_dns_tcp {
    struct locum_dns_tcp_limits limits;
    struct event_base *base;
    struct event *command;     /* the pipe is readable */
    struct locum_timer resume; /* accept again */
    int commands[2];           /* pipe: read by the loop, written by the main thread */
    struct evconnlistener *listeners[LISTENERS_MAX];
    size_t listener_count;
    struct dns_connections open; /* the one whose last query is oldest first */
    _Atomic uint64_t open_count;
    _Atomic uint64_t short_count;  /* how often no descriptor was left */
    bool published;                /* the main thread's: there was a table */
    atomic_bool paused;            /* accepts nothing, and closes what has its answer */
    struct locum_dns_table *table; /* NULL until the first was published */
    uint32_t rotation;
    struct locum_dns_table_mailbox mailbox;
    struct locum_dns_tally tally;
    uint8_t reply[LENGTH_BYTES + LOCUM_DNS_TCP_BYTES_MAX];
    pthread_t thread;
};

/* user: the connection. */
static void
close_connection(void *user)
{
    struct dns_connection *connection = user;
    struct locum_dns_tcp *tcp = connection->tcp;
    TAILQ_REMOVE(&tcp->open, connection, link);
    tcp->open_count--;
    if (--connection->client->count == 0) {
        free(connection->client);
    }
    locum_timer_fini(&connection->deadline);
    /* bufferevent_free() alone would keep the descriptor open until the loop's next iteration, and
     * this one may still accept a hundred more connections. The loop lets go of it first: another
     * thread may have the number as soon as it is closed. */
    const int fd = bufferevent_getfd(connection->stream);
    (void)bufferevent_setfd(connection->stream, -1);
    (void)close(fd);
    bufferevent_free(connection->stream);
    free(connection);
}

static size_t
input_bytes(const struct dns_connection *connection)
{
    return evbuffer_get_length(bufferevent_get_input(connection->stream));
}

static size_t
output_bytes(const struct dns_connection *connection)
{
    return evbuffer_get_length(bufferevent_get_output(connection->stream));
}

/*
 * Arm the timer for what the connection waits for: until the peer has taken its answers, else for
 * the rest of a message, else for any query. A deadline is set when its wait begins and does not
 * move.
 */
static void
set_deadline(struct dns_connection *connection, bool answered)
{
    const struct locum_dns_tcp_limits *limits = &connection->tcp->limits;
    const locum_ms now = locum_clock_read().mono;
    if (output_bytes(connection) == 0) {
        connection->write_by = LOCUM_NEVER;
    } else if (connection->write_by == LOCUM_NEVER) {
        connection->write_by = now + limits->write_ms;
    }
    if (input_bytes(connection) == 0) {
        connection->message_by = LOCUM_NEVER;
    } else if (connection->message_by == LOCUM_NEVER || answered) {
        connection->message_by = now + limits->message_ms;
    }
    locum_ms by = now + limits->idle_ms;
    if (connection->write_by != LOCUM_NEVER) {
        by = connection->write_by;
    } else if (connection->message_by != LOCUM_NEVER) {
        by = connection->message_by;
    }
    locum_timer_arm(&connection->deadline, by > now ? by - now : 0);
}

/* Answer one whole message. False: it is no query, or out of memory. */
static bool
answer_message(struct dns_connection *connection, const uint8_t *message, size_t length)
{
    struct locum_dns_tcp *tcp = connection->tcp;
    struct locum_dns_reply given = {0};
    locum_dns_table_mailbox_take(&tcp->mailbox, &tcp->table);
    if (tcp->table != NULL) {
        const struct locum_address *peer = &connection->peer;
        const struct locum_dns_query query = {
            .packet = message,
            .length = length,
            .client = {peer->bytes, peer->family == LOCUM_V6 ? 16 : 4},
            .wall_s = (uint32_t)(locum_clock_read().wall / 1000),
            .rotation = tcp->rotation++,
            .bytes_max = LOCUM_DNS_TCP_BYTES_MAX,
        };
        given = locum_query_answer(tcp->table, &query, tcp->reply + LENGTH_BYTES);
    }
    locum_query_count(&tcp->tally, given);
    locum_packet_put_u16(tcp->reply, (uint16_t)given.length);
    return given.length > 0 &&
           bufferevent_write(connection->stream, tcp->reply, LENGTH_BYTES + given.length) == 0;
}

enum message_outcome { WAITING, ANSWERED, BROKEN };

/* Answer the next message of the input, if it is whole. */
static enum message_outcome
answer_next(struct dns_connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->stream);
    uint8_t prefix[LENGTH_BYTES];
    if (evbuffer_copyout(input, prefix, sizeof(prefix)) < (ev_ssize_t)sizeof(prefix)) {
        return WAITING;
    }
    const size_t length = locum_packet_u16(prefix);
    if (length < LOCUM_DNS_HEADER_BYTES) {
        return BROKEN;
    }
    if (evbuffer_get_length(input) < LENGTH_BYTES + length) {
        return WAITING;
    }
    const uint8_t *message = evbuffer_pullup(input, (ev_ssize_t)(LENGTH_BYTES + length));
    if (message == NULL || !answer_message(connection, message + LENGTH_BYTES, length)) {
        return BROKEN;
    }
    evbuffer_drain(input, LENGTH_BYTES + length);
    return ANSWERED;
}

/* Answer what has arrived, as long as the peer takes the answers. May close the connection. */
static void
serve_input(struct dns_connection *connection)
{
    struct locum_dns_tcp *tcp = connection->tcp;
    enum message_outcome outcome = ANSWERED;
    bool answered = false;
    while (outcome == ANSWERED && output_bytes(connection) < tcp->limits.output_bytes_max) {
        outcome = answer_next(connection);
        answered = answered || outcome == ANSWERED;
    }
    if (outcome == BROKEN) {
        connection->ended = true; /* its earlier queries are still answered */
        evbuffer_drain(bufferevent_get_input(connection->stream), input_bytes(connection));
    }
    connection->served = connection->served || answered;
    if (tcp->paused && connection->served && input_bytes(connection) == 0) {
        connection->ended = true;
    }
    if (connection->ended && output_bytes(connection) == 0) {
        close_connection(connection);
        return;
    }
    if (answered) {
        TAILQ_REMOVE(&tcp->open, connection, link);
        TAILQ_INSERT_TAIL(&tcp->open, connection, link);
    }
    if (output_bytes(connection) >= tcp->limits.output_bytes_max || connection->ended) {
        bufferevent_disable(connection->stream, EV_READ);
    } else {
        bufferevent_enable(connection->stream, EV_READ);
    }
    set_deadline(connection, answered);
}

static void
on_input(struct bufferevent *stream, void *user)
{
    (void)stream;
    serve_input(user);
}

/* All answers were taken: go on with queries that waited because of output_bytes_max. */
static void
on_output_taken(struct bufferevent *stream, void *user)
{
    struct dns_connection *connection = user;
    (void)stream;
    connection->write_by = LOCUM_NEVER;
    serve_input(connection);
}

static void
on_end(struct bufferevent *stream, short what, void *user)
{
    struct dns_connection *connection = user;
    (void)stream;
    if ((what & BEV_EVENT_EOF) != 0) {
        connection->ended = true;
        serve_input(connection);
    } else {
        close_connection(connection);
    }
}

/* Of the clients that have most connections, close the one whose last query is oldest. */
static void
evict_of_most(struct locum_dns_tcp *self)
{
    struct dns_connection *connection;
    size_t most = 0;
    TAILQ_FOREACH(connection, &self->open, link)
    {
        most = connection->client->count > most ? connection->client->count : most;
    }
    TAILQ_FOREACH(connection, &self->open, link)
    {
        if (connection->client->count == most) {
            close_connection(connection);
            return;
        }
    }
}

/* The same among the connections of one client. */
static void
evict_of_client(struct locum_dns_tcp *self, const struct dns_client *client)
{
    struct dns_connection *connection;
    TAILQ_FOREACH(connection, &self->open, link)
    {
        if (connection->client == client) {
            close_connection(connection);
            return;
        }
    }
}

/* The client at this address, new if it has no connection open; NULL: out of memory. */
static struct dns_client *
find_client(const struct locum_dns_tcp *self, const struct locum_address *address)
{
    const struct dns_connection *connection;
    TAILQ_FOREACH(connection, &self->open, link)
    {
        if (locum_address_same_client(&connection->client->address, address)) {
            return connection->client;
        }
    }
    struct dns_client *client = calloc(1, sizeof(*client));
    if (client != NULL) {
        client->address = *address;
    }
    return client;
}

/* Accept nothing for this long; 0: until the loop's next iteration. */
static void
pause_accepting(struct locum_dns_tcp *self, locum_ms pause_ms)
{
    for (size_t i = 0; i < self->listener_count; i++) {
        evconnlistener_disable(self->listeners[i]);
    }
    locum_timer_arm(&self->resume, pause_ms);
}

/* The new connection is the last in the list, so it is not the one that is closed. */
static void
keep_limits(struct locum_dns_tcp *self, const struct dns_client *client)
{
    if (client->count > self->limits.client_connections_max) {
        evict_of_client(self, client);
    } else if (self->open_count > self->limits.connections_max) {
        evict_of_most(self);
        pause_accepting(self, 0); /* read this one's query before another one evicts it */
    }
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int length,
          void *user)
{
    struct locum_dns_tcp *self = user;
    struct dns_connection *connection = calloc(1, sizeof(*connection));
    const int on = 1;
    (void)listener, (void)length;
    if (connection == NULL || locum_address_from_sockaddr(from, &connection->peer) != 0 ||
        (connection->stream = bufferevent_socket_new(self->base, fd, 0)) == NULL ||
        (connection->client = find_client(self, &connection->peer)) == NULL) {
        if (connection != NULL && connection->stream != NULL) {
            bufferevent_free(connection->stream);
        }
        close(fd);
        free(connection);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    connection->tcp = self;
    connection->message_by = LOCUM_NEVER;
    connection->write_by = LOCUM_NEVER;
    locum_timer_init(&connection->deadline, self->base, close_connection, connection);
    bufferevent_setcb(connection->stream, on_input, on_output_taken, on_end, connection);
    bufferevent_setwatermark(connection->stream, EV_READ, 0,
                             LENGTH_BYTES + LOCUM_DNS_TCP_BYTES_MAX);
    TAILQ_INSERT_TAIL(&self->open, connection, link);
    self->open_count++;
    connection->client->count++;
    keep_limits(self, connection->client);
    serve_input(connection);
}

/* Mostly EMFILE: free a descriptor, and pause, because the listener stays readable. */
static void
on_accept_error(struct evconnlistener *listener, void *user)
{
    struct locum_dns_tcp *self = user;
    (void)listener;
    self->short_count++;
    evict_of_most(self);
    pause_accepting(self, ACCEPT_PAUSE_MS);
}

static void
on_resume(void *user)
{
    struct locum_dns_tcp *self = user;
    for (size_t i = 0; i < self->listener_count && !self->paused; i++) {
        evconnlistener_enable(self->listeners[i]);
    }
}

static void
begin_listening(struct locum_dns_tcp *self, int fd)
{
    struct evconnlistener *listener = NULL;
    if (self->listener_count < LISTENERS_MAX) {
        listener = evconnlistener_new(self->base, on_accept, self,
                                      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    }
    if (listener == NULL) {
        close(fd);
        return;
    }
    evconnlistener_set_error_cb(listener, on_accept_error);
    if (self->paused) {
        evconnlistener_disable(listener);
    }
    self->listeners[self->listener_count++] = listener;
}

static void
end_listening(struct locum_dns_tcp *self, int fd)
{
    for (size_t i = 0; i < self->listener_count; i++) {
        if (evconnlistener_get_fd(self->listeners[i]) == fd) {
            evconnlistener_free(self->listeners[i]);
            self->listeners[i] = self->listeners[--self->listener_count];
            return;
        }
    }
}

/* Accept no more; close what waits for nothing. A connection that has not had an answer may have
 * its query on the way. */
static void
begin_pause(struct locum_dns_tcp *self)
{
    struct dns_connection *next;
    for (size_t i = 0; i < self->listener_count; i++) {
        evconnlistener_disable(self->listeners[i]);
    }
    for (struct dns_connection *at = TAILQ_FIRST(&self->open); at != NULL; at = next) {
        next = TAILQ_NEXT(at, link);
        if (at->served && input_bytes(at) == 0 && output_bytes(at) == 0) {
            close_connection(at);
        }
    }
    self->paused = true;
}

static void
on_command(evutil_socket_t fd, short what, void *user)
{
    struct locum_dns_tcp *self = user;
    struct dns_command command;
    (void)what;
    if (read(fd, &command, sizeof(command)) != (ssize_t)sizeof(command)) {
        return;
    }
    switch (command.kind) {
    case COMMAND_LISTEN: begin_listening(self, command.fd); break;
    case COMMAND_CLOSE: end_listening(self, command.fd); break;
    case COMMAND_PAUSE: begin_pause(self); break;
    case COMMAND_RESUME:
        self->paused = false;
        on_resume(self);
        break;
    case COMMAND_STOP: event_base_loopbreak(self->base); break;
    }
}

static void *
run(void *argument)
{
    struct locum_dns_tcp *self = argument;
    event_base_dispatch(self->base);
    return NULL;
}

static int
make_loop(struct locum_dns_tcp *self)
{
    self->base = locum_timer_base(EVENT_BASE_FLAG_NOLOCK); /* for one thread only */
    if (self->base == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    self->command =
        event_new(self->base, self->commands[0], EV_READ | EV_PERSIST, on_command, self);
    locum_timer_init(&self->resume, self->base, on_resume, self);
    return self->command != NULL && event_add(self->command, NULL) == 0 ? 0 : LOCUM_ERR_MEMORY;
}

/* Free all but the thread. */
static void
dispose(struct locum_dns_tcp *self)
{
    while (!TAILQ_EMPTY(&self->open)) {
        close_connection(TAILQ_FIRST(&self->open));
    }
    for (size_t i = 0; i < self->listener_count; i++) {
        evconnlistener_free(self->listeners[i]);
    }
    if (self->command != NULL) {
        event_free(self->command);
    }
    locum_timer_fini(&self->resume);
    if (self->base != NULL) {
        event_base_free(self->base);
    }
    close(self->commands[0]);
    close(self->commands[1]);
    locum_dns_table_mailbox_put(&self->mailbox, NULL);
    locum_dns_table_release(self->table);
    free(self);
}

int
locum_dns_tcp_create(const struct locum_dns_tcp_limits *limits, struct locum_dns_tcp **ret)
{
    struct locum_dns_tcp *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    if (pipe2(self->commands, O_CLOEXEC) != 0) {
        free(self);
        return LOCUM_ERR_IO;
    }
    self->limits = *limits;
    self->paused = true; /* until there is a table */
    TAILQ_INIT(&self->open);
    int status = make_loop(self);
    if (status == 0) {
        status = locum_thread_start(&self->thread, "locum-tcp", run, self);
    }
    if (status != 0) {
        dispose(self);
        return status;
    }
    *ret = self;
    return 0;
}

static int
send_command(struct locum_dns_tcp *self, struct dns_command command)
{
    return write(self->commands[1], &command, sizeof(command)) == (ssize_t)sizeof(command)
               ? 0
               : LOCUM_ERR_IO;
}

int
locum_dns_tcp_listen(struct locum_dns_tcp *self, int fd)
{
    return send_command(self, (struct dns_command){.kind = COMMAND_LISTEN, .fd = fd});
}

void
locum_dns_tcp_close(struct locum_dns_tcp *self, int fd)
{
    (void)!send_command(self, (struct dns_command){.kind = COMMAND_CLOSE, .fd = fd});
}

void
locum_dns_tcp_pause(struct locum_dns_tcp *self, bool paused)
{
    (void)!send_command(
        self, (struct dns_command){.kind = paused ? COMMAND_PAUSE : COMMAND_RESUME, .fd = -1});
}

bool
locum_dns_tcp_is_quiet(const struct locum_dns_tcp *self)
{
    return self->paused && self->open_count == 0;
}

void
locum_dns_tcp_publish(struct locum_dns_tcp *self, struct locum_dns_table *table)
{
    locum_dns_table_mailbox_put(&self->mailbox, table);
    if (!self->published) {
        self->published = true;
        locum_dns_tcp_pause(self, false);
    }
}

void
locum_dns_tcp_sum(const struct locum_dns_tcp *self, struct locum_dns_counts *ret)
{
    locum_query_sum(&self->tally, &ret->tcp);
    ret->tcp_connections += self->open_count;
    ret->tcp_short += self->short_count;
}

void
locum_dns_tcp_destroy(struct locum_dns_tcp *self)
{
    if (self != NULL && send_command(self, (struct dns_command){.kind = COMMAND_STOP}) == 0) {
        pthread_join(self->thread, NULL);
        dispose(self);
    }
}
