#include "redis/link.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "base/error.h"
#include "base/foreign.h"
#include "base/socket.h"
#include "base/text_format.h"
#include "base/timer.h"
#include "config/config.h"
#include "redis/diagnosis.h"
#include "redis/resp.h"
#include "redis/tls.h"
#include "redis/trim.h"

enum { CHUNK_BYTES = 4096, WHY_MAX = 255 };

struct waiting {
    enum locum_command command;
    locum_link_reply_fn *reply;
    void *user;
    locum_ms deadline; /* mono */
};

struct locum_link {
    const struct locum_link_settings *settings;
    const struct locum_link_events *events;
    void *user;

    int fd;                   /* -1 once the bufferevent owns it */
    struct event *connecting; /* the socket becomes writable: connected, or refused */
    struct bufferevent *bev;  /* once connected */
    bool tls;
    char name[LOCUM_HOST_MAX + 1];
    bool handshaking;
    struct locum_timer flush;    /* writes all commands of an iteration at once */
    struct locum_timer deadline; /* of the connect, then of the oldest waiting command */
    locum_ms due;                /* mono time of that */

    redisReader *reader;
    redisReplyObjectFunctions functions;
    struct locum_trim trim; /* of what a subscribed link receives */
    bool heard;             /* a complete reply has come */
    size_t partial_bytes;   /* received, and not part of a complete reply yet */

    struct waiting waiting[LOCUM_LINK_WAITING_MAX]; /* a ring */
    size_t first, count;

    unsigned depth; /* callbacks on the stack */
    bool over;      /* `closed` was called, or locum_link_close() */
    bool doomed;    /* free it when depth is 0 */
    char why[WHY_MAX + 1];
};

/* Release the connection; the struct remains until destroy(). */
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
    locum_timer_disarm(&self->deadline);
    locum_timer_disarm(&self->flush);
}

static void
destroy(struct locum_link *self)
{
    locum_timer_fini(&self->deadline);
    locum_timer_fini(&self->flush);
    if (self->reader != NULL) {
        redisReaderFree(self->reader);
    }
    free(self);
}

/* Every callback of libevent counts itself in `depth` until its end, so that it may close the link.
 */
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
    if (!self->over) {
        shut(self);
        self->events->closed(self->user, why);
    }
}

/* Fail from inside a function of the header: by the timer, in this iteration of the loop. */
static void
fail_later(struct locum_link *self, const char *why)
{
    if (self->why[0] == '\0') {
        (void)locum_text_format_buffer(self->why, sizeof(self->why), "%s", why);
        locum_timer_fire(&self->deadline);
    }
}

static void
arm(struct locum_link *self, locum_ms deadline)
{
    const locum_ms left = deadline - locum_clock_read().mono;
    self->due = deadline;
    locum_timer_arm(&self->deadline, left > 0 ? left : 0);
}

/* The timer belongs to the oldest waiting command, unless fail_later() has fired it. */
static void
arm_for_oldest(struct locum_link *self)
{
    if (self->why[0] != '\0') {
        return; /* arming or disarming would cancel that */
    }
    if (self->count > 0) {
        arm(self, self->waiting[self->first].deadline);
    } else {
        locum_timer_disarm(&self->deadline);
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

/* Fail with `what` and a text that the server may have a part in. */
static void
fail_with(struct locum_link *self, const char *what, struct locum_slice foreign)
{
    char why[WHY_MAX + 1];
    struct locum_text text = locum_text_init(why, sizeof(why));
    locum_text_add(&text, what);
    locum_foreign_add(&text, foreign, LOCUM_RESP_SHOWN_MAX);
    fail(self, why);
}

static void
dispatch(struct locum_link *self, const redisReply *reply)
{
    struct locum_slice channel;
    struct locum_slice payload;
    struct locum_slice error;
    if (self->events->message != NULL && locum_resp_message(reply, &channel, &payload)) {
        self->events->message(self->user, channel, payload);
    } else if (self->count > 0) {
        answer(self, reply);
    } else if (locum_resp_error(reply, &error)) { /* e.g. protected mode, before it closes */
        fail_with(self, "connection refused by the server: ", error);
    } else {
        fail(self, "unexpected reply, no command waits for one: is this a Redis server?");
    }
}

/* Dispatch every complete reply that the reader has. */
static void
drain(struct locum_link *self)
{
    void *reply = NULL;
    while (!self->over) {
        if (redisReaderGetReply(self->reader, &reply) != REDIS_OK) {
            fail_with(self, "invalid Redis protocol: ",
                      locum_slice_of(self->reader->err == REDIS_ERR_OOM
                                         ? "an array of more than 4096 elements or nested deeper "
                                           "than 4 (or out of memory)"
                                         : self->reader->errstr));
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

/* Messages that are too long become empty, and are counted. Returns the length of *ret. */
static size_t
trim(struct locum_link *self, const char *bytes, size_t length, char *ret)
{
    const uint64_t before = self->trim.trimmed;
    length = locum_trim(&self->trim, bytes, length, ret);
    *self->settings->oversized += self->trim.trimmed - before;
    return length;
}

static void
on_read(struct bufferevent *bev, void *user)
{
    struct locum_link *self = user;
    char chunk[CHUNK_BYTES];
    char trimmed[CHUNK_BYTES + LOCUM_TRIM_ROOM];
    size_t length;
    self->depth++;
    while (!self->over && (length = bufferevent_read(bev, chunk, sizeof(chunk))) > 0) {
        const char *bytes = chunk;
        if (self->events->message != NULL) {
            bytes = trimmed;
            length = trim(self, chunk, length, trimmed);
        }
        self->partial_bytes += length;
        if (redisReaderFeed(self->reader, bytes, length) != REDIS_OK) {
            fail(self, "out of memory for a reply");
            break;
        }
        drain(self);
        if (self->partial_bytes > LOCUM_LINK_REPLY_BYTES_MAX) {
            fail(self, "reply longer than 256 KiB");
        }
    }
    leave(self);
}

/* What has not come in time: the connection, the TLS handshake, or the reply to a command. */
static void
explain_timeout(struct locum_link *self)
{
    struct locum_text text = locum_text_init(self->why, sizeof(self->why));
    locum_text_add(&text, self->bev == NULL   ? "no connection"
                          : self->handshaking ? "no TLS handshake"
                                              : "no reply to ");
    if (self->bev != NULL && !self->handshaking) {
        locum_command_add_name(self->waiting[self->first].command, &text);
    }
    locum_text_format(&text, " within %s%s", locum_text_duration(self->settings->timeout_ms).text,
                      self->handshaking ? ": is this a port without TLS? Then set redis.tls.for"
                                        : "");
}

static void
on_deadline(void *user)
{
    struct locum_link *self = user;
    if (self->why[0] == '\0') { /* not fail_later() */
        if (locum_clock_read().mono < self->due) {
            arm(self,
                self->due); /* libevent counts from the start of the iteration that armed it */
            return;
        }
        explain_timeout(self);
    }
    self->depth++;
    fail(self, self->why);
    leave(self);
}

/* A rejected user or password ends the link; a refused client name alone does not. */
static void
on_login(void *user, enum locum_command command, const redisReply *reply)
{
    struct locum_link *self = user;
    struct locum_slice error;
    if (locum_resp_error(reply, &error) && locum_diagnosis_ends_login(command, error)) {
        fail(self, locum_diagnosis_of(self->settings->login.sentinel, command, error).text);
    }
}

static void
send_login(struct locum_link *self)
{
    const struct locum_link_login *login = &self->settings->login;
    if (login->name == NULL) {
        return;
    }
    if (login->password[0] != '\0') {
        struct locum_command_argv auth = locum_command_argv(LOCUM_COMMAND_AUTH, NULL);
        if (login->user[0] != '\0') {
            locum_command_add(&auth, login->user);
        }
        locum_command_add(&auth, login->password);
        locum_link_send(self, &auth, on_login, self);
    }
    const struct locum_command_argv name =
        locum_command_argv(LOCUM_COMMAND_CLIENT_SETNAME, login->name, NULL);
    locum_link_send(self, &name, on_login, self);
}

/* Connected, and with TLS the handshake is done. */
static void
begin_session(struct locum_link *self)
{
    locum_timer_disarm(&self->deadline);
    self->handshaking = false;
    send_login(self);
    self->events->up(self->user);
}

static void
on_event(struct bufferevent *bev, short what, void *user)
{
    struct locum_link *self = user;
    const int error = EVUTIL_SOCKET_ERROR();
    self->depth++;
    if ((what & BEV_EVENT_CONNECTED) != 0) {
        begin_session(self);
    } else if (self->tls && !self->heard && self->partial_bytes == 0) {
        char why[WHY_MAX + LOCUM_HOST_MAX + 1];
        struct locum_text text = locum_text_init(why, sizeof(why));
        locum_tls_explain(bev, self->name, &text);
        fail(self, why);
    } else if ((what & BEV_EVENT_EOF) != 0 || error == ECONNRESET || error == EPIPE) {
        fail(self, self->partial_bytes > 0 ? "connection closed in the middle of a reply"
                   : self->heard           ? "connection closed by the server"
                                           : "connection closed before any reply: if this is a "
                                             "TLS port, set redis.tls, and see redis.tls.for");
    } else {
        fail(self, locum_error_text(locum_error_from_errno(error)));
    }
    leave(self);
}

/*
 * A plain bufferevent asks the kernel when it may write, and then to stop telling: two system calls
 * and an iteration of the loop for each command of some hundred bytes. So without TLS the commands
 * are written here, and by the bufferevent only while the socket's buffer is full.
 */
void
locum_link_flush(struct locum_link *self)
{
    if (!locum_link_is_up(self) || (bufferevent_get_enabled(self->bev) & EV_WRITE) != 0) {
        return;
    }
    locum_timer_disarm(&self->flush);
    struct evbuffer *output = bufferevent_get_output(self->bev);
    evbuffer_unfreeze(output, 1);
    (void)evbuffer_write(output, bufferevent_getfd(self->bev)); /* on_event() reports an error */
    evbuffer_freeze(output, 1);
    if (evbuffer_get_length(output) > 0 && bufferevent_enable(self->bev, EV_WRITE) != 0) {
        fail_later(self, "out of memory for a command");
    }
}

static void
on_flush(void *user)
{
    locum_link_flush(user);
}

/* The bufferevent has written what a full socket held back. */
static void
on_written(struct bufferevent *bev, void *user)
{
    const struct locum_link *self = user;
    if (!self->tls) {
        (void)bufferevent_disable(bev, EV_WRITE);
    }
}

/* Make a bufferevent of the connected socket, with TLS or without. Returns 0 or ENOMEM. */
static int
make_transport(struct locum_link *self)
{
    struct bufferevent *bev =
        self->tls ? locum_tls_begin(self->settings->tls, self->settings->base, self->fd, self->name)
                  : bufferevent_socket_new(self->settings->base, self->fd, BEV_OPT_CLOSE_ON_FREE);
    if (bev == NULL) {
        return ENOMEM;
    }
    self->bev = bev;
    self->fd = -1;
    self->handshaking = self->tls;
    bufferevent_setcb(bev, on_read, on_written, on_event, self);
    return bufferevent_enable(bev, EV_READ) != 0 ||
                   (!self->tls && bufferevent_disable(bev, EV_WRITE) != 0)
               ? ENOMEM
               : 0;
}

static void
on_connected(evutil_socket_t fd, short what, void *user)
{
    (void)what;
    struct locum_link *self = user;
    int error = locum_socket_error(fd);
    self->depth++;
    event_free(self->connecting);
    self->connecting = NULL;
    error = error == 0 ? make_transport(self) : error;
    if (error != 0) {
        fail(self, error == ECONNREFUSED ? "connection refused"
                                         : locum_error_text(locum_error_from_errno(error)));
    } else if (!self->handshaking) {
        begin_session(self);
    }
    leave(self);
}

/* Begin to connect; 0 or an errno value. */
static int
begin(struct locum_link *self, const struct locum_address *address)
{
    static const int one = 1;
    self->fd = locum_socket_connect(address, SOCK_STREAM);
    if (self->fd < 0) {
        return errno;
    }
    setsockopt(self->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    self->connecting = event_new(self->settings->base, self->fd, EV_WRITE, on_connected, self);
    if (self->connecting == NULL || event_add(self->connecting, NULL) != 0) {
        return ENOMEM;
    }
    arm(self, locum_clock_read().mono + self->settings->timeout_ms);
    return 0;
}

struct locum_link *
locum_link_open(const struct locum_link_settings *settings, const struct locum_address *address,
                const char *name, const struct locum_link_events *events, void *user)
{
    struct locum_link *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return NULL;
    }
    self->settings = settings;
    self->events = events;
    self->user = user;
    self->fd = -1;
    self->tls = settings->tls != NULL;
    (void)locum_text_format_buffer(self->name, sizeof(self->name), "%s", self->tls ? name : "");
    self->reader = locum_resp_reader(&self->functions);
    if (self->reader == NULL) {
        destroy(self);
        return NULL;
    }
    locum_timer_init(&self->flush, self->settings->base, on_flush, self);
    locum_timer_init(&self->deadline, self->settings->base, on_deadline, self);
    locum_timer_run_last(&self->deadline); /* what has arrived is read before it is called late */
    const int error = begin(self, address);
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
        .deadline = locum_clock_read().mono + self->settings->timeout_ms,
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
    struct locum_command_argv copy = *argv; /* hiredis takes pointers to non-const */
    const long long length = redisFormatCommandArgv(&bytes, (int)copy.count, copy.at, copy.length);
    if (length < 0) {
        fail_later(self, "out of memory for a command");
        return;
    }
    const size_t unsent = evbuffer_get_length(bufferevent_get_output(self->bev));
    if (self->count == LOCUM_LINK_WAITING_MAX ||
        unsent + (size_t)length > LOCUM_LINK_OUTPUT_BYTES_MAX) {
        fail_later(self, "too many commands wait for a reply");
    } else if (bufferevent_write(self->bev, bytes, (size_t)length) != 0) {
        fail_later(self, "out of memory for a command");
    } else {
        enqueue(self, argv->command, reply, user);
        locum_timer_fire(&self->flush);
        ++*self->settings->commands;
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
