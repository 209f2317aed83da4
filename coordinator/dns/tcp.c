#include "dns/tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/listener.h>

#include "base/error.h"
#include "base/thread.h"
#include "base/timer.h"
#include "dns/connection.h"

enum {
    LISTENERS_MAX = 2 * LOCUM_ADDRESSES_MAX, /* those of a reload, and those before it */
    ACCEPT_PAUSE_MS = 100,                   /* while the process has no descriptor left */
};

/* What the main thread writes into the pipe. */
struct dns_command {
    enum {
        COMMAND_LISTEN,
        COMMAND_CLOSE,
        COMMAND_PAUSE,
        COMMAND_RESUME,
        COMMAND_GIVE,
        COMMAND_ANSWER,
        COMMAND_STOP
    } kind;
    int fd;                             /* of the listener */
    uint64_t id;                        /* of a transfer, or of an UPDATE, */
    struct locum_axfr_content *content; /* and its content, or */
    uint8_t *message;                   /* its answer, on the heap, */
    size_t length;                      /* of this length */
};

const struct locum_dns_tcp_limits locum_dns_tcp_limits_default = {
    .connections_max = 256,
    .client_connections_max = 128,
    .output_bytes_max = 65536,
    .message_ms = 5000,
    .write_ms = 5000,
    .idle_ms = 10000,
};

struct locum_dns_tcp {
    struct locum_dns_service service;
    struct event *command;     /* the pipe is readable */
    struct locum_timer resume; /* accept again */
    int commands[2];           /* pipe: read by the loop, written by the main thread */
    struct evconnlistener *listeners[LISTENERS_MAX];
    size_t listener_count;
    _Atomic uint64_t short_count; /* how often no descriptor or memory was left */
    bool published;               /* the main thread's: there was a table */
    pthread_t thread;
};

/* Accept nothing for this long; 0: until the loop's next iteration. */
static void
pause_accepting(struct locum_dns_tcp *self, locum_ms pause_ms)
{
    for (size_t i = 0; i < self->listener_count; i++) {
        evconnlistener_disable(self->listeners[i]);
    }
    locum_timer_arm(&self->resume, pause_ms);
}

static void
close_idle_of_most(struct locum_dns_tcp *self, enum locum_dns_tcp_closed reason)
{
    struct locum_dns_seat *seat = locum_dns_clients_idle_of_most(&self->service.clients);
    if (seat != NULL) {
        locum_dns_connection_close_for(locum_dns_connection_of(seat), reason);
    }
}

/* The new connection is the one used last, so it is not the one that is closed. */
static void
keep_limits(struct locum_dns_tcp *self, const struct locum_dns_client *client)
{
    if (client->count > self->service.limits.client_connections_max) {
        struct locum_dns_seat *seat = locum_dns_clients_idle_of(&self->service.clients, client);
        locum_dns_connection_close_for(locum_dns_connection_of(seat), LOCUM_DNS_TCP_CLIENT_LIMIT);
    } else if (self->service.clients.count > self->service.limits.connections_max) {
        close_idle_of_most(self, LOCUM_DNS_TCP_LIMIT);
        pause_accepting(self, 0); /* read this one's query before another one evicts it */
    }
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int length,
          void *user)
{
    struct locum_dns_tcp *self = user;
    struct locum_dns_connection *connection = locum_dns_connection_create(&self->service, fd, from);
    (void)listener, (void)length;
    if (connection == NULL) {
        self->short_count++;
        return;
    }
    keep_limits(self, locum_dns_connection_client(connection));
    locum_dns_connection_serve(connection);
}

/*
 * Mostly EMFILE or ENFILE: free a descriptor. The listener stays readable, so pause whatever the
 * error is: the loop must not spin.
 */
static void
on_accept_error(struct evconnlistener *listener, void *user)
{
    struct locum_dns_tcp *self = user;
    const int error = errno;
    struct pollfd waiting = {.fd = evconnlistener_get_fd(listener), .events = POLLIN};
    if (poll(&waiting, 1, 0) == 0) {
        return; /* the kernel looks for a descriptor before it looks for a connection */
    }
    if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
        self->short_count++;
        close_idle_of_most(self, LOCUM_DNS_TCP_DESCRIPTORS);
    }
    pause_accepting(self, ACCEPT_PAUSE_MS);
}

static void
on_resume(void *user)
{
    struct locum_dns_tcp *self = user;
    for (size_t i = 0; i < self->listener_count && !self->service.paused; i++) {
        evconnlistener_enable(self->listeners[i]);
    }
}

static void
begin_listening(struct locum_dns_tcp *self, int fd)
{
    struct evconnlistener *listener = NULL;
    if (self->listener_count < LISTENERS_MAX) {
        listener = evconnlistener_new(self->service.base, on_accept, self,
                                      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    }
    if (listener == NULL) {
        close(fd);
        return;
    }
    evconnlistener_set_error_cb(listener, on_accept_error);
    if (self->service.paused) {
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
    struct locum_dns_seat *next;
    for (size_t i = 0; i < self->listener_count; i++) {
        evconnlistener_disable(self->listeners[i]);
    }
    for (struct locum_dns_seat *seat = TAILQ_FIRST(&self->service.clients.seats); seat != NULL;
         seat = next) {
        struct locum_dns_connection *at = locum_dns_connection_of(seat);
        next = TAILQ_NEXT(seat, link);
        if (locum_dns_connection_is_done(at)) {
            locum_dns_connection_close(at);
        }
    }
    self->service.paused = true;
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
        self->service.paused = false;
        on_resume(self);
        break;
    case COMMAND_GIVE:
        locum_dns_connection_give(&self->service, command.id, command.content);
        break;
    case COMMAND_ANSWER:
        locum_dns_connection_answer(&self->service, command.id, command.message, command.length);
        free(command.message);
        break;
    case COMMAND_STOP: event_base_loopbreak(self->service.base); break;
    }
}

static void *
run(void *argument)
{
    struct locum_dns_tcp *self = argument;
    event_base_dispatch(self->service.base);
    return NULL;
}

static int
make_loop(struct locum_dns_tcp *self)
{
    self->service.base = locum_timer_base(EVENT_BASE_FLAG_NOLOCK); /* for one thread only */
    if (self->service.base == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    self->command =
        event_new(self->service.base, self->commands[0], EV_READ | EV_PERSIST, on_command, self);
    locum_timer_init(&self->resume, self->service.base, on_resume, self);
    return self->command != NULL && event_add(self->command, NULL) == 0 ? 0 : LOCUM_ERR_MEMORY;
}

/* Release what is in the commands that the thread has not read. */
static void
drop_commands(struct locum_dns_tcp *self)
{
    struct dns_command command;
    (void)fcntl(self->commands[0], F_SETFL, O_NONBLOCK);
    while (read(self->commands[0], &command, sizeof(command)) == (ssize_t)sizeof(command)) {
        locum_axfr_content_release(command.content);
        free(command.message);
    }
}

/* Free all but the thread. */
static void
dispose(struct locum_dns_tcp *self)
{
    while (!TAILQ_EMPTY(&self->service.clients.seats)) {
        locum_dns_connection_close(
            locum_dns_connection_of(TAILQ_FIRST(&self->service.clients.seats)));
    }
    for (size_t i = 0; i < self->listener_count; i++) {
        evconnlistener_free(self->listeners[i]);
    }
    if (self->command != NULL) {
        event_free(self->command);
    }
    locum_timer_fini(&self->resume);
    if (self->service.base != NULL) {
        event_base_free(self->service.base);
    }
    drop_commands(self);
    close(self->commands[0]);
    close(self->commands[1]);
    locum_dns_table_mailbox_put(&self->service.mailbox, NULL);
    locum_dns_table_release(self->service.table);
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
    self->service.limits = *limits;
    self->service.paused = true; /* until there is a table */
    locum_dns_clients_init(&self->service.clients);
    locum_dns_sending_init(&self->service.sendings);
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
    return self->service.paused && self->service.open_count == 0;
}

void
locum_dns_tcp_tell(struct locum_dns_tcp *self, int notes)
{
    self->service.sendings.notes = notes;
}

void
locum_dns_tcp_give(struct locum_dns_tcp *self, uint64_t id, struct locum_axfr_content *content)
{
    if (send_command(self,
                     (struct dns_command){
                         .kind = COMMAND_GIVE, .fd = -1, .id = id, .content = content}) != 0) {
        locum_axfr_content_release(content);
    }
}

void
locum_dns_tcp_answer(struct locum_dns_tcp *self, uint64_t id, const uint8_t *message, size_t length)
{
    struct dns_command command = {
        .kind = COMMAND_ANSWER, .fd = -1, .id = id, .message = malloc(length), .length = length};
    if (command.message != NULL) {
        memcpy(command.message, message, length);
    }
    if (command.message == NULL || send_command(self, command) != 0) {
        free(command.message); /* the client waits until its connection is idle for too long */
    }
}

void
locum_dns_tcp_publish(struct locum_dns_tcp *self, struct locum_dns_table *table)
{
    locum_dns_table_mailbox_put(&self->service.mailbox, table);
    if (!self->published) {
        self->published = true;
        locum_dns_tcp_pause(self, false);
    }
}

void
locum_dns_tcp_sum(const struct locum_dns_tcp *self, struct locum_dns_counts *ret)
{
    locum_query_sum(&self->service.tally, &ret->tcp);
    ret->tcp_connections += self->service.open_count;
    ret->tcp_short += self->short_count;
    for (size_t i = 0; i < LOCUM_DNS_TCP_CLOSED; i++) {
        ret->tcp_closed[i] += self->service.closed_counts[i];
    }
}

void
locum_dns_tcp_destroy(struct locum_dns_tcp *self)
{
    if (self != NULL && send_command(self, (struct dns_command){.kind = COMMAND_STOP}) == 0) {
        pthread_join(self->thread, NULL);
        dispose(self);
    }
}
