#include "redis/link.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "base/error.h"
#include "base/text.h"
#include "base/timeval.h"
#include "config/config.h"
#include "redis/resp.h"
#include "redis/tls.h"

enum { CHUNK_BYTES = 4096, WHY_MAX = 191 };

struct waiting {
    enum locum_command command;
    locum_link_reply_fn *reply;
    void *user;
    locum_ms deadline; /* mono */
};

struct locum_link {
    struct event_base *base;
    const struct locum_link_events *events;
    void *user;
    uint64_t *commands;
    locum_ms timeout_ms;

    int fd;                   /* -1 once the bufferevent owns it */
    struct event *connecting; /* the socket becomes writable: connected, or refused */
    struct bufferevent *bev;  /* once connected */
    struct event *flush;      /* active: commands wait to be written, all of a turn in one go */
    struct locum_tls *tls;    /* own copy; NULL: plain text */
    char name[LOCUM_HOST_MAX + 1];
    bool handshaking;
    struct event *deadline; /* of the connect, then of the oldest waiting command */
    locum_ms due;           /* mono time of that */

    redisReader *reader;
    redisReplyObjectFunctions functions;
    bool heard;           /* a whole reply has come */
    size_t partial_bytes; /* fed, and not part of a whole reply yet */

    struct waiting waiting[LOCUM_LINK_WAITING_MAX]; /* a ring */
    size_t first, count;

    unsigned depth; /* of callbacks on the stack */
    bool over;      /* `closed` was called, or nobody wants it */
    bool doomed;    /* to be freed when depth is 0 */
    char why[WHY_MAX + 1];
};

static void
shut(struct locum_link *self)
{
    self->over = true;
    self->count = 0;
    if (self->connecting != NULL) {
        event_free(self->connecting);
        self->connecting = NULL;
    }
    if (self->bev != NULL) {
        bufferevent_free(self->bev);
        self->bev = NULL;
    }
    if (self->fd >= 0) {
        close(self->fd);
        self->fd = -1;
    }
    struct event *const mine[] = {self->deadline, self->flush};
    for (size_t i = 0; i < LOCUM_COUNT(mine); i++) {
        if (mine[i] != NULL) {
            event_del(mine[i]);
        }
    }
}

static void
destroy(struct locum_link *self)
{
    struct event *const mine[] = {self->deadline, self->flush};
    for (size_t i = 0; i < LOCUM_COUNT(mine); i++) {
        if (mine[i] != NULL) {
            event_free(mine[i]);
        }
    }
    if (self->reader != NULL) {
        redisReaderFree(self->reader);
    }
    locum_tls_destroy(self->tls);
    free(self);
}

static void
enter(struct locum_link *self)
{
    self->depth++;
}

static void
leave(struct locum_link *self)
{
    self->depth--;
    if (self->depth == 0 && self->doomed) {
        destroy(self);
    }
}

static void
fail(struct locum_link *self, const char *why)
{
    if (self->over) {
        return;
    }
    shut(self);
    self->events->closed(self->user, why);
}

/* Fail from inside a function of the header: at the loop's next turn. */
static void
fail_later(struct locum_link *self, const char *why)
{
    if (self->why[0] == '\0') {
        struct locum_text text = locum_text_init(self->why, sizeof(self->why));
        locum_text_add(&text, why);
        event_active(self->deadline, EV_TIMEOUT, 0);
    }
}

static void
arm(struct locum_link *self, locum_ms after_ms)
{
    const locum_ms wait = after_ms > 0 ? after_ms : 0;
    const struct timeval tv = locum_timeval(wait);
    self->due = locum_now_read().mono + wait;
    event_add(self->deadline, &tv);
}

/* The timer belongs to the oldest waiting command, unless fail_later() has taken it. */
static void
arm_for_oldest(struct locum_link *self)
{
    if (self->why[0] != '\0') {
        return; /* adding or deleting it would take back its activation */
    }
    if (self->count > 0) {
        arm(self, self->waiting[self->first].deadline - locum_now_read().mono);
    } else {
        event_del(self->deadline);
    }
}

/* Hand a reply to the command that waits for it. */
static void
answer(struct locum_link *self, const redisReply *reply)
{
    const struct waiting waiting = self->waiting[self->first];
    self->first = (self->first + 1) % LOCUM_LINK_WAITING_MAX;
    self->count--;
    arm_for_oldest(self);
    if (waiting.reply != NULL) {
        waiting.reply(waiting.user, waiting.command, reply);
    }
}

/* A reply nobody asked for; some errors come so, before the connection is closed. */
static void
fail_unasked(struct locum_link *self, const redisReply *reply)
{
    char why[WHY_MAX + 1];
    struct locum_text text = locum_text_init(why, sizeof(why));
    struct locum_slice error;
    if (locum_resp_error(reply, &error)) {
        locum_text_add(&text, "it said: ");
        locum_resp_add_printable(&text, error);
    } else {
        locum_text_add(&text, "it sent a reply to a question nobody asked: is this a Redis?");
    }
    fail(self, why);
}

static void
dispatch(struct locum_link *self, const redisReply *reply)
{
    struct locum_slice channel;
    struct locum_slice payload;
    if (self->events->message != NULL && locum_resp_message(reply, &channel, &payload)) {
        self->events->message(self->user, channel, payload);
    } else if (self->count > 0) {
        answer(self, reply);
    } else {
        fail_unasked(self, reply);
    }
}

/* Take every whole reply out of the reader. */
static void
drain(struct locum_link *self)
{
    void *reply = NULL;
    while (!self->over) {
        if (redisReaderGetReply(self->reader, &reply) != REDIS_OK) {
            char why[WHY_MAX + 1];
            struct locum_text text = locum_text_init(why, sizeof(why));
            locum_text_add(&text, "it does not speak Redis' protocol: ");
            locum_resp_add_printable(&text, locum_slice_of(self->reader->errstr));
            fail(self, why);
            return;
        }
        if (reply == NULL) {
            return;
        }
        self->partial_bytes = self->reader->len - self->reader->pos;
        self->heard = true;
        dispatch(self, reply);
        freeReplyObject(reply);
    }
}

/* Bytes that have come. */
static void
take(struct locum_link *self, const char *bytes, size_t length)
{
    self->partial_bytes += length;
    if (redisReaderFeed(self->reader, bytes, length) != REDIS_OK) {
        fail(self, "out of memory for a reply");
        return;
    }
    drain(self);
    if (self->partial_bytes > LOCUM_LINK_REPLY_BYTES_MAX) {
        fail(self, "it sent a reply longer than 256 KiB");
    }
}

static void
on_read(struct bufferevent *bev, void *user)
{
    struct locum_link *self = user;
    char chunk[CHUNK_BYTES];
    enter(self);
    while (!self->over) {
        const size_t length = bufferevent_read(bev, chunk, sizeof(chunk));
        if (length == 0) {
            break;
        }
        take(self, chunk, length);
    }
    leave(self);
}

/* The deadline has passed, or fail_later() has its turn. */
static void
fail_late(struct locum_link *self)
{
    if (self->why[0] == '\0') {
        struct locum_text text = locum_text_init(self->why, sizeof(self->why));
        locum_text_add(&text, self->bev == NULL   ? "no connection"
                              : self->handshaking ? "no TLS handshake"
                                                  : "no reply");
        if (self->bev != NULL && self->count > 0) {
            locum_text_add(&text, " to ");
            locum_command_add_name(self->waiting[self->first].command, &text);
        }
        locum_text_add(&text, " within ");
        locum_text_add_duration(&text, self->timeout_ms);
        locum_text_add(&text, self->handshaking ? ": is it a port without TLS?" : "");
    }
    fail(self, self->why);
}

static void
on_deadline(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    struct locum_link *self = user;
    const locum_ms left = self->due - locum_now_read().mono;
    if (self->why[0] == '\0' && left > 0) {
        arm(self, left); /* libevent counts from the beginning of the iteration that armed it */
        return;
    }
    enter(self);
    fail_late(self);
    leave(self);
}

static void
on_event(struct bufferevent *bev, short what, void *user)
{
    struct locum_link *self = user;
    const int error = EVUTIL_SOCKET_ERROR();
    enter(self);
    if ((what & BEV_EVENT_CONNECTED) != 0) {
        event_del(self->deadline);
        self->handshaking = false;
        self->events->up(self->user);
    } else if (self->tls != NULL && !self->heard && self->partial_bytes == 0) {
        char why[WHY_MAX + LOCUM_HOST_MAX + 1];
        struct locum_text text = locum_text_init(why, sizeof(why));
        locum_tls_explain(bev, self->name, &text);
        fail(self, why);
    } else if ((what & BEV_EVENT_EOF) != 0 || error == ECONNRESET || error == EPIPE) {
        fail(self, self->partial_bytes > 0 ? "it closed the connection in the middle of a reply"
                   : self->heard           ? "it closed the connection"
                                           : "it closed the connection without a word: is it a "
                                             "port with TLS? Then set redis.tls");
    } else {
        fail(self, locum_error_text(locum_error_from_errno(error)));
    }
    leave(self);
}

/*
 * A plain bufferevent asks the kernel when it may write, and then that it need not know any more:
 * two calls and a round of the loop for each command of some hundred bytes. So without TLS it does
 * not write by itself, unless the socket's buffer is full.
 */
void
locum_link_flush(struct locum_link *self)
{
    if (!locum_link_is_up(self) || (bufferevent_get_enabled(self->bev) & EV_WRITE) != 0) {
        return;
    }
    event_del(self->flush);
    struct evbuffer *output = bufferevent_get_output(self->bev);
    evbuffer_unfreeze(output, 1);
    (void)evbuffer_write(output, bufferevent_getfd(self->bev)); /* an error shows again below */
    evbuffer_freeze(output, 1);
    if (evbuffer_get_length(output) > 0 && bufferevent_enable(self->bev, EV_WRITE) != 0) {
        fail_later(self, "out of memory for a command");
    }
}

static void
on_flush(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what;
    locum_link_flush(user);
}

/* What the socket did not take at once is written. */
static void
on_written(struct bufferevent *bev, void *user)
{
    const struct locum_link *self = user;
    if (self->tls == NULL) {
        (void)bufferevent_disable(bev, EV_WRITE);
    }
}

/* The connected socket becomes a bufferevent; here, and only here, TLS goes in between. */
static struct bufferevent *
make_transport(struct locum_link *self)
{
    struct bufferevent *bev =
        self->tls != NULL ? locum_tls_begin(self->tls, self->base, self->fd, self->name)
                          : bufferevent_socket_new(self->base, self->fd, BEV_OPT_CLOSE_ON_FREE);
    if (bev != NULL) {
        self->fd = -1;
        self->handshaking = self->tls != NULL;
        bufferevent_setcb(bev, on_read, on_written, on_event, self);
        if (bufferevent_enable(bev, EV_READ) != 0 ||
            (self->tls == NULL && bufferevent_disable(bev, EV_WRITE) != 0)) {
            bufferevent_free(bev);
            bev = NULL;
        }
    }
    return bev;
}

static void
on_connected(evutil_socket_t fd, short what, void *user)
{
    (void)what;
    struct locum_link *self = user;
    int error = 0;
    socklen_t length = sizeof(error);
    enter(self);
    event_free(self->connecting);
    self->connecting = NULL;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) {
        error = errno;
    }
    if (error == 0) {
        self->bev = make_transport(self);
        error = self->bev == NULL ? ENOMEM : 0;
    }
    if (error == 0 && !self->handshaking) {
        event_del(self->deadline);
        self->events->up(self->user);
    } else if (error != 0) {
        fail(self, error == ECONNREFUSED ? "connection refused"
                                         : locum_error_text(locum_error_from_errno(error)));
    }
    leave(self);
}

/* Begin to connect; 0 or an errno value. */
static int
begin(struct locum_link *self, const struct locum_address *address)
{
    static const int one = 1;
    struct sockaddr_storage to;
    const socklen_t length = locum_address_to_sockaddr(address, &to);
    self->fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (self->fd < 0) {
        return errno;
    }
    setsockopt(self->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(self->fd, (const struct sockaddr *)&to, length) != 0 && errno != EINPROGRESS) {
        return errno;
    }
    self->connecting = event_new(self->base, self->fd, EV_WRITE, on_connected, self);
    if (self->connecting == NULL || event_add(self->connecting, NULL) != 0) {
        return ENOMEM;
    }
    arm(self, self->timeout_ms);
    return 0;
}

struct locum_link *
locum_link_open(struct event_base *base, const struct locum_link_target *target,
                locum_ms timeout_ms, const struct locum_link_events *events, void *user,
                uint64_t *commands)
{
    struct locum_link *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return NULL;
    }
    self->base = base;
    self->events = events;
    self->user = user;
    self->commands = commands;
    self->timeout_ms = timeout_ms;
    if (target->tls != NULL) {
        struct locum_text name = locum_text_init(self->name, sizeof(self->name));
        locum_text_add(&name, target->name);
        self->tls = locum_tls_copy(target->tls);
    }
    self->fd = -1;
    self->reader = locum_resp_reader(&self->functions);
    self->deadline = event_new(base, -1, 0, on_deadline, self);
    self->flush = event_new(base, -1, 0, on_flush, self);
    if (self->reader == NULL || self->deadline == NULL || self->flush == NULL ||
        (target->tls != NULL && self->tls == NULL)) {
        destroy(self);
        return NULL;
    }
    /* Last in a turn: what has arrived is read before it is held to be late. */
    event_priority_set(self->deadline, event_base_get_npriorities(base) - 1);
    const int error = begin(self, &target->address);
    if (error != 0) {
        fail_later(self, locum_error_text(locum_error_from_errno(error)));
    }
    return self;
}

bool
locum_link_is_up(const struct locum_link *self)
{
    return self != NULL && self->bev != NULL && !self->handshaking && !self->over &&
           self->why[0] == '\0';
}

static void
enqueue(struct locum_link *self, enum locum_command command, locum_link_reply_fn *reply, void *user)
{
    const size_t at = (self->first + self->count) % LOCUM_LINK_WAITING_MAX;
    self->waiting[at] = (struct waiting){
        .command = command,
        .reply = reply,
        .user = user,
        .deadline = locum_now_read().mono + self->timeout_ms,
    };
    self->count++;
    if (self->count == 1) {
        arm_for_oldest(self);
    }
}

void
locum_link_send(struct locum_link *self, const struct locum_command_argv *argv,
                locum_link_reply_fn *reply, void *user)
{
    if (!locum_link_is_up(self)) {
        return;
    }
    char *bytes = NULL;
    struct locum_command_argv words = *argv; /* hiredis takes pointers to non-const */
    const int length = redisFormatCommandArgv(&bytes, (int)words.count, words.at, words.length);
    if (length < 0) {
        fail_later(self, "out of memory for a command");
        return;
    }
    const size_t waiting = evbuffer_get_length(bufferevent_get_output(self->bev));
    if (self->count == LOCUM_LINK_WAITING_MAX ||
        waiting + (size_t)length > LOCUM_LINK_OUTPUT_BYTES_MAX) {
        fail_later(self, "too many commands wait for it");
    } else if (bufferevent_write(self->bev, bytes, (size_t)length) != 0) {
        fail_later(self, "out of memory for a command");
    } else {
        enqueue(self, argv->command, reply, user);
        event_active(self->flush, EV_WRITE, 0);
        ++*self->commands;
    }
    redisFreeCommand(bytes);
}

void
locum_link_close(struct locum_link *self)
{
    if (self == NULL) {
        return;
    }
    shut(self);
    self->doomed = true;
    if (self->depth == 0) {
        destroy(self);
    }
}
