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
#include "base/timeval.h"

enum {
    LENGTH_BYTES = 2,
    BACKLOG = 128,
    LISTENERS_MAX = LOCUM_ADDRESSES_MAX,
    ACCEPT_PAUSE_MS = 100, /* while the process is out of descriptors */
    COMMAND_STOP = -1,     /* on the pipe; anything else is a descriptor to accept on */
};

const struct locum_dns_tcp_limits locum_dns_tcp_limits_default = {
    .connections_max = 256,
    .address_connections_max = 32,
    .output_bytes_max = 65536,
    .message_ms = 5000,
    .write_ms = 5000,
    .idle_ms = 10000,
};

struct connection {
    TAILQ_ENTRY(connection) link;
    struct locum_dns_tcp *tcp;
    struct bufferevent *stream;
    struct event *timer;
    struct locum_address peer;
    locum_ms message_by, write_by; /* deadlines, mono; LOCUM_NEVER */
    bool ended;                    /* nothing more is read: close once it has its answers */
};
TAILQ_HEAD(connections, connection);

struct locum_dns_tcp {
    struct locum_dns_tcp_limits limits;
    struct event_base *base;
    struct event *command; /* readable: the main thread wants something */
    struct event *resume;  /* timer: accept again */
    int commands[2];       /* pipe: read by the loop, written by the main thread */
    struct evconnlistener *listeners[LISTENERS_MAX];
    size_t listener_count;
    struct connections open; /* the one longest without a query first */
    _Atomic uint64_t open_count;
    _Atomic uint64_t short_count; /* how often no descriptor was left */
    struct locum_table *table;    /* NULL before the first */
    uint32_t turn;
    struct locum_mailbox mailbox;
    struct locum_tally tally;
    uint8_t reply[LENGTH_BYTES + LOCUM_DNS_TCP_BYTES_MAX];
    pthread_t thread;
};

static size_t
count_open(const struct locum_dns_tcp *self)
{
    return (size_t)atomic_load_explicit(&self->open_count, memory_order_relaxed);
}

/* bufferevent_free() alone would close the descriptor in the loop's next turn only, and within this
 * one a hundred more may be accepted. */
static void
close_stream(struct bufferevent *stream)
{
    const int fd = bufferevent_getfd(stream);
    (void)bufferevent_setfd(stream, -1);
    (void)close(fd);
    bufferevent_free(stream);
}

static void
close_connection(struct connection *connection)
{
    struct locum_dns_tcp *tcp = connection->tcp;
    TAILQ_REMOVE(&tcp->open, connection, link);
    atomic_store_explicit(&tcp->open_count, count_open(tcp) - 1, memory_order_relaxed);
    event_free(connection->timer);
    close_stream(connection->stream);
    free(connection);
}

static size_t
input_bytes(const struct connection *connection)
{
    return evbuffer_get_length(bufferevent_get_input(connection->stream));
}

static size_t
output_bytes(const struct connection *connection)
{
    return evbuffer_get_length(bufferevent_get_output(connection->stream));
}

/*
 * Arm the timer for what is waited for now: answers to be taken, else the rest of a message, else
 * any query. Deadlines are set when a wait begins and do not move while it lasts.
 */
static void
set_deadline(struct connection *connection, bool answered)
{
    const struct locum_dns_tcp_limits *limits = &connection->tcp->limits;
    const locum_ms now = locum_now_read().mono;
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
    const locum_ms left = by > now ? by - now : 0;
    const struct timeval wait = locum_timeval(left);
    event_add(connection->timer, &wait);
}

/* Answer one whole message of `length` bytes; false: the peer does not speak DNS to us. */
static bool
answer_message(struct connection *connection, const uint8_t *message, size_t length)
{
    struct locum_dns_tcp *tcp = connection->tcp;
    struct locum_reply given = {0};
    locum_mailbox_take(&tcp->mailbox, &tcp->table);
    if (tcp->table != NULL) {
        given = locum_query_answer(tcp->table, message, length, tcp->turn++,
                                   tcp->reply + LENGTH_BYTES, LOCUM_DNS_TCP_BYTES_MAX);
    }
    locum_tally_reply(&tcp->tally, given);
    locum_put_u16(tcp->reply, (uint16_t)given.length);
    return given.length > 0 &&
           bufferevent_write(connection->stream, tcp->reply, LENGTH_BYTES + given.length) == 0;
}

enum progress { WAITING, ANSWERED, BROKEN };

/* The next message of the input, if it is whole. */
static enum progress
take_message(struct connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->stream);
    uint8_t prefix[LENGTH_BYTES];
    if (evbuffer_copyout(input, prefix, sizeof(prefix)) < (ev_ssize_t)sizeof(prefix)) {
        return WAITING;
    }
    const size_t length = locum_get_u16(prefix);
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

/* Read no more of a peer that has broken off or broken the rules; what it asked before that is
 * answered still. */
static void
end_input(struct connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->stream);
    connection->ended = true;
    bufferevent_disable(connection->stream, EV_READ);
    evbuffer_drain(input, evbuffer_get_length(input));
}

/* Answer what has come, as long as the peer takes the answers. May close the connection. */
static void
proceed(struct connection *connection)
{
    struct locum_dns_tcp *tcp = connection->tcp;
    enum progress progress = ANSWERED;
    bool answered = false;
    while (progress == ANSWERED && output_bytes(connection) < tcp->limits.output_bytes_max) {
        progress = take_message(connection);
        answered = answered || progress == ANSWERED;
    }
    if (progress == BROKEN) {
        end_input(connection);
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
    proceed(user);
}

/* All answers are taken; what waited behind the cap comes next, with a deadline of its own. */
static void
on_output_taken(struct bufferevent *stream, void *user)
{
    struct connection *connection = user;
    (void)stream;
    connection->write_by = LOCUM_NEVER;
    proceed(connection);
}

static void
on_end(struct bufferevent *stream, short what, void *user)
{
    struct connection *connection = user;
    (void)stream;
    if ((what & BEV_EVENT_EOF) != 0) {
        connection->ended = true;
        proceed(connection);
    } else {
        close_connection(connection);
    }
}

static void
on_deadline(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    close_connection(user);
}

/* Close the connection longest without a query, of `peer` only if it is given. */
static void
evict(struct locum_dns_tcp *self, const struct locum_address *peer)
{
    struct connection *connection;
    TAILQ_FOREACH(connection, &self->open, link)
    {
        if (peer == NULL || locum_address_same_host(&connection->peer, peer)) {
            close_connection(connection);
            return;
        }
    }
}

static size_t
count_of(const struct locum_dns_tcp *self, const struct locum_address *peer)
{
    const struct connection *connection;
    size_t count = 0;
    TAILQ_FOREACH(connection, &self->open, link)
    {
        count += locum_address_same_host(&connection->peer, peer);
    }
    return count;
}

/* Make the connection's parts; false: no memory, and `fd` is closed. */
static bool
open_stream(struct locum_dns_tcp *self, struct connection *connection, evutil_socket_t fd)
{
    connection->stream = bufferevent_socket_new(self->base, fd, 0);
    if (connection->stream == NULL) {
        close(fd);
        return false;
    }
    connection->timer = evtimer_new(self->base, on_deadline, connection);
    if (connection->timer == NULL) {
        close_stream(connection->stream);
        return false;
    }
    bufferevent_setcb(connection->stream, on_input, on_output_taken, on_end, connection);
    bufferevent_setwatermark(connection->stream, EV_READ, 0,
                             LENGTH_BYTES + LOCUM_DNS_TCP_BYTES_MAX);
    return true;
}

/* Accept no more for this long; 0: before the loop's next turn. */
static void
pause_accepting(struct locum_dns_tcp *self, suseconds_t pause_ms)
{
    const struct timeval pause = {.tv_usec = pause_ms * 1000};
    for (size_t i = 0; i < self->listener_count; i++) {
        evconnlistener_disable(self->listeners[i]);
    }
    evtimer_add(self->resume, &pause);
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int length,
          void *user)
{
    struct locum_dns_tcp *self = user;
    struct connection *connection = calloc(1, sizeof(*connection));
    const int on = 1;
    (void)listener;
    (void)length;
    if (connection == NULL || locum_address_from_sockaddr(from, &connection->peer) != 0) {
        close(fd);
        free(connection);
        return;
    }
    if (count_of(self, &connection->peer) >= self->limits.address_connections_max) {
        evict(self, &connection->peer);
    } else if (count_open(self) >= self->limits.connections_max) {
        evict(self, NULL);
        pause_accepting(self, 0); /* a newcomer's query is read before others put it out */
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    connection->tcp = self;
    connection->message_by = LOCUM_NEVER;
    connection->write_by = LOCUM_NEVER;
    if (!open_stream(self, connection, fd)) {
        free(connection);
        return;
    }
    TAILQ_INSERT_TAIL(&self->open, connection, link);
    atomic_store_explicit(&self->open_count, count_open(self) + 1, memory_order_relaxed);
    proceed(connection);
}

/* No descriptor left, most likely: give one back, and do not spin on the ready listener. */
static void
on_accept_error(struct evconnlistener *listener, void *user)
{
    struct locum_dns_tcp *self = user;
    (void)listener;
    atomic_fetch_add_explicit(&self->short_count, 1, memory_order_relaxed);
    evict(self, NULL);
    pause_accepting(self, ACCEPT_PAUSE_MS);
}

static void
on_resume(evutil_socket_t fd, short what, void *user)
{
    struct locum_dns_tcp *self = user;
    (void)fd;
    (void)what;
    for (size_t i = 0; i < self->listener_count; i++) {
        evconnlistener_enable(self->listeners[i]);
    }
}

static void
add_listener(struct locum_dns_tcp *self, int fd)
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
    self->listeners[self->listener_count++] = listener;
}

static void
on_command(evutil_socket_t fd, short what, void *user)
{
    struct locum_dns_tcp *self = user;
    int command;
    (void)what;
    if (read(fd, &command, sizeof(command)) != (ssize_t)sizeof(command)) {
        return;
    }
    if (command == COMMAND_STOP) {
        event_base_loopbreak(self->base);
    } else {
        add_listener(self, command);
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
send_command(struct locum_dns_tcp *self, int command)
{
    const ssize_t written = write(self->commands[1], &command, sizeof(command));
    return written == (ssize_t)sizeof(command) ? 0 : LOCUM_ERR_IO;
}

static int
bind_and_listen(int fd, const struct locum_address *address)
{
    struct sockaddr_storage name;
    const socklen_t length = locum_address_to_sockaddr(address, &name);
    const int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0) {
        return -1;
    }
    if (address->family == LOCUM_V6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) {
        return -1;
    }
    if (bind(fd, (const struct sockaddr *)&name, length) != 0) {
        return -1;
    }
    return listen(fd, BACKLOG);
}

int
locum_dns_tcp_bind(const struct locum_address *address)
{
    const int family = address->family == LOCUM_V6 ? AF_INET6 : AF_INET;
    const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && bind_and_listen(fd, address) != 0) {
        const int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* The loop and its two events of its own. */
static int
make_loop(struct locum_dns_tcp *self)
{
    struct event_config *config = event_config_new();
    if (config == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK); /* one thread only ever enters it */
    self->base = event_base_new_with_config(config);
    event_config_free(config);
    if (self->base == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    self->command =
        event_new(self->base, self->commands[0], EV_READ | EV_PERSIST, on_command, self);
    self->resume = evtimer_new(self->base, on_resume, self);
    if (self->command == NULL || self->resume == NULL || event_add(self->command, NULL) != 0) {
        return LOCUM_ERR_MEMORY;
    }
    return 0;
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
    if (self->resume != NULL) {
        event_free(self->resume);
    }
    if (self->base != NULL) {
        event_base_free(self->base);
    }
    close(self->commands[0]);
    close(self->commands[1]);
    locum_mailbox_fini(&self->mailbox);
    locum_table_release(self->table);
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

int
locum_dns_tcp_listen(struct locum_dns_tcp *self, int fd)
{
    return send_command(self, fd);
}

void
locum_dns_tcp_publish(struct locum_dns_tcp *self, struct locum_table *table)
{
    locum_mailbox_put(&self->mailbox, table);
}

void
locum_dns_tcp_sum(const struct locum_dns_tcp *self, struct locum_dns_counts *ret)
{
    locum_tally_sum(&self->tally, &ret->tcp);
    ret->tcp_connections += count_open(self);
    ret->tcp_short += atomic_load_explicit(&self->short_count, memory_order_relaxed);
}

void
locum_dns_tcp_destroy(struct locum_dns_tcp *self)
{
    if (self == NULL) {
        return;
    }
    if (send_command(self, COMMAND_STOP) == 0) {
        pthread_join(self->thread, NULL);
        dispose(self);
    }
}
