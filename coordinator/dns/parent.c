#include "dns/parent.h"

#include <errno.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/error.h"
#include "base/resolv.h"
#include "base/socket.h"
#include "base/timer.h"
#include "dns/packet.h"

enum {
    LENGTH_BYTES = 2, /* before a message over TCP (RFC 1035 4.2.2) */
    STRAY_MAX = 16,   /* datagrams read in one iteration */
};

static const struct locum_parent_settings defaults = {.resolv_conf = "/etc/resolv.conf",
                                                      .port = 53,
                                                      .soon_ms = 2000,
                                                      .period_ms = 3600 * 1000,
                                                      .retry_first_ms = 10 * 1000,
                                                      .retry_max_ms = 600 * 1000,
                                                      .reply_ms = 3000};

struct stream {
    size_t sent, received;
    uint8_t query[LENGTH_BYTES + LOCUM_DS_QUESTION_MAX];
    uint8_t reply[LENGTH_BYTES + LOCUM_DS_REPLY_BYTES_MAX];
};

/* One zone. */
struct watched_zone {
    struct locum_parent *owner;
    size_t zone;
    char name[LOCUM_DOMAIN_MAX + 1];
    struct locum_parent_zone known;
    struct locum_backoff backoff;
    struct locum_timer due; /* the next question, or the deadline of a reply */

    /* A question that waits for its reply. */
    int fd; /* -1: none does */
    struct event ready;
    struct locum_address resolvers[LOCUM_RESOLV_MAX];
    size_t resolver_count, resolver; /* the one that is asked */
    uint8_t question[LOCUM_DS_QUESTION_MAX];
    size_t question_length;
    struct stream *stream; /* NULL: by UDP */
};

struct locum_parent {
    struct event_base *base;
    struct locum_parent_settings settings;
    locum_parent_fn *ended;
    void *user;
    struct watched_zone *zones[LOCUM_ZONES_MAX]; /* NULL: not watched */
};

static uint32_t
random_u32(void)
{
    uint32_t random = 0;
    (void)!getrandom(&random, sizeof(random), 0);
    return random;
}

static void
close_socket(struct watched_zone *self)
{
    if (self->fd >= 0) {
        (void)event_del(&self->ready);
        (void)close(self->fd);
        self->fd = -1;
    }
    free(self->stream);
    self->stream = NULL;
}

static void
ask_again(struct watched_zone *self, locum_ms most_ms, locum_ms spread_ms)
{
    locum_timer_arm(&self->due, most_ms - (locum_ms)(random_u32() % (uint32_t)(spread_ms + 1)));
}

static void
take_answer(struct watched_zone *self, const struct locum_ds_answer *answer)
{
    const locum_ms period_ms = self->owner->settings.period_ms;
    const struct locum_now now = locum_clock_read();
    close_socket(self);
    self->known = (struct locum_parent_zone){.known = true,
                                             .answer = *answer,
                                             .answered_s = now.wall / 1000,
                                             .answered_mono = now.mono,
                                             .failing_mono = LOCUM_NEVER,
                                             .why = ""};
    locum_backoff_reset(&self->backoff);
    ask_again(self, period_ms, period_ms / 6);
    self->owner->ended(self->owner->user, self->zone);
}

static void
give_up(struct watched_zone *self, const char *why)
{
    close_socket(self);
    self->known.why = why;
    if (self->known.failing_mono == LOCUM_NEVER) {
        const struct locum_now now = locum_clock_read();
        self->known.failing_mono = now.mono;
        self->known.failing_s = now.wall / 1000;
    }
    locum_timer_arm(&self->due, locum_backoff_next(&self->backoff, random_u32()));
    self->owner->ended(self->owner->user, self->zone);
}

static void ask_resolver(struct watched_zone *self, bool tcp);

/* The resolver that was asked does not say it: ask the next one. */
static void
ask_next(struct watched_zone *self, const char *why)
{
    close_socket(self);
    self->resolver++;
    if (self->resolver < self->resolver_count) {
        ask_resolver(self, false);
    } else {
        give_up(self, why);
    }
}

static const char *
why_unreachable(int error)
{
    return error == ECONNREFUSED ? "no resolver listens there" : "it cannot be reached";
}

/* A whole message. False: go on waiting. */
static bool
take_message(struct watched_zone *self, const uint8_t *message, size_t length)
{
    struct locum_ds_answer answer;
    const char *why = NULL;
    switch (locum_ds_read(self->question, self->question_length, message, length, &answer, &why)) {
    case LOCUM_DS_STRAY: return false;
    case LOCUM_DS_TRUNCATED:
        if (self->stream != NULL) {
            ask_next(self, "its answer by TCP is truncated");
        } else {
            close_socket(self);
            ask_resolver(self, true);
        }
        return true;
    case LOCUM_DS_FAILED: ask_next(self, why); return true;
    case LOCUM_DS_ANSWERED:
    default: take_answer(self, &answer); return true;
    }
}

static void
receive_datagrams(struct watched_zone *self)
{
    uint8_t bytes[LOCUM_DS_REPLY_BYTES_MAX];
    for (size_t i = 0; i < STRAY_MAX; i++) {
        const ssize_t got = recv(self->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (got < 0) {
            ask_next(self, why_unreachable(errno));
            return;
        }
        if (take_message(self, bytes, (size_t)got)) {
            return;
        }
    }
}

static void
receive_stream(struct watched_zone *self)
{
    struct stream *stream = self->stream;
    const ssize_t got = recv(self->fd, stream->reply + stream->received,
                             sizeof(stream->reply) - stream->received, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        ask_next(self, got < 0 ? why_unreachable(errno) : "it closes the TCP connection");
        return;
    }
    stream->received += (size_t)got;
    const size_t length = stream->received < LENGTH_BYTES ? 0 : locum_packet_u16(stream->reply);
    if (length > LOCUM_DS_REPLY_BYTES_MAX) {
        ask_next(self, "its reply is too long");
    } else if (stream->received >= LENGTH_BYTES && stream->received - LENGTH_BYTES >= length &&
               !take_message(self, stream->reply + LENGTH_BYTES, length)) {
        ask_next(self, "its reply is to another question");
    }
}

static void
on_ready(evutil_socket_t fd, short what, void *user)
{
    struct watched_zone *self = user;
    (void)fd, (void)what;
    if (self->stream != NULL) {
        receive_stream(self);
    } else {
        receive_datagrams(self);
    }
}

/* The TCP connection is made, or is not. */
static void
on_connected(evutil_socket_t fd, short what, void *user)
{
    struct watched_zone *self = user;
    struct stream *stream = self->stream;
    const size_t length = LENGTH_BYTES + self->question_length;
    const int error = locum_socket_error(fd);
    (void)what;
    const ssize_t sent = error != 0 ? 0
                                    : send(fd, stream->query + stream->sent, length - stream->sent,
                                           MSG_NOSIGNAL | MSG_DONTWAIT);
    if (error != 0 || (sent < 0 && errno != EAGAIN && errno != EINTR)) {
        ask_next(self, why_unreachable(error != 0 ? error : errno));
        return;
    }
    stream->sent += sent > 0 ? (size_t)sent : 0;
    if (stream->sent == length) {
        (void)event_del(&self->ready);
        event_assign(&self->ready, self->owner->base, fd, EV_READ | EV_PERSIST, on_ready, self);
        (void)event_add(&self->ready, NULL);
    }
}

/* Make the question to self->resolver; false: errno. */
static bool
open_question(struct watched_zone *self, bool tcp)
{
    const uint16_t id = (uint16_t)random_u32();
    self->fd = locum_socket_connect(&self->resolvers[self->resolver],
                                    (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK);
    if (self->fd < 0) {
        return false;
    }
    event_assign(&self->ready, self->owner->base, self->fd,
                 (short)((tcp ? EV_WRITE : EV_READ) | EV_PERSIST), tcp ? on_connected : on_ready,
                 self);
    self->question_length = locum_ds_question(self->name, id, self->question);
    self->stream = tcp ? calloc(1, sizeof(*self->stream)) : NULL;
    if (event_add(&self->ready, NULL) != 0 || (tcp && self->stream == NULL)) {
        errno = ENOMEM;
        return false;
    }
    if (tcp) {
        locum_packet_put_u16(self->stream->query, (uint16_t)self->question_length);
        memcpy(self->stream->query + LENGTH_BYTES, self->question, self->question_length);
        return true;
    }
    return send(self->fd, self->question, self->question_length, MSG_NOSIGNAL) >= 0;
}

static void
ask_resolver(struct watched_zone *self, bool tcp)
{
    if (open_question(self, tcp)) {
        locum_timer_arm(&self->due, self->owner->settings.reply_ms);
    } else {
        ask_next(self, why_unreachable(errno));
    }
}

static void
on_due(void *user)
{
    struct watched_zone *self = user;
    const struct locum_parent_settings *settings = &self->owner->settings;
    if (self->fd >= 0) {
        ask_next(self, "it does not answer");
    } else {
        self->resolver_count =
            locum_resolv_read(settings->resolv_conf, settings->port, self->resolvers);
        self->resolver = 0;
        if (self->resolver_count == 0) {
            give_up(self, "/etc/resolv.conf names no resolver");
        } else {
            ask_resolver(self, false);
        }
    }
}

static struct watched_zone *
create_watched(struct locum_parent *self, const char *name)
{
    struct watched_zone *watched = calloc(1, sizeof(*watched));
    if (watched != NULL) {
        watched->owner = self;
        watched->fd = -1;
        memcpy(watched->name, name, strlen(name) + 1);
        watched->known = (struct locum_parent_zone){.failing_mono = LOCUM_NEVER, .why = ""};
        watched->backoff = (struct locum_backoff){.first_ms = self->settings.retry_first_ms,
                                                  .max_ms = self->settings.retry_max_ms};
        locum_timer_init(&watched->due, self->base, on_due, watched);
    }
    return watched;
}

static void
destroy_watched(struct watched_zone *self)
{
    if (self != NULL) {
        close_socket(self);
        locum_timer_fini(&self->due);
        free(self);
    }
}

int
locum_parent_create(struct event_base *base, const struct locum_parent_settings *settings,
                    locum_parent_fn *ended, void *user, struct locum_parent **ret)
{
    struct locum_parent *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    self->base = base;
    self->settings = settings != NULL ? *settings : defaults;
    self->ended = ended;
    self->user = user;
    *ret = self;
    return 0;
}

/* Take the zone of this name out of a list; NULL: it is not there. */
static struct watched_zone *
take_out(struct watched_zone *list[LOCUM_ZONES_MAX], const char *name)
{
    for (size_t i = 0; i < LOCUM_ZONES_MAX; i++) {
        struct watched_zone *watched = list[i];
        if (watched != NULL && strcmp(watched->name, name) == 0) {
            list[i] = NULL;
            return watched;
        }
    }
    return NULL;
}

void
locum_parent_configure(struct locum_parent *self, const struct locum_config *config)
{
    const bool server = config->core.nodes[config->core.self].role == LOCUM_ROLE_SERVER;
    struct watched_zone *before[LOCUM_ZONES_MAX];
    memcpy(before, self->zones, sizeof(before));
    memset(self->zones, 0, sizeof(self->zones));
    for (size_t i = 0; i < config->zone_count && server; i++) {
        const struct locum_config_zone *zone = &config->zones[i];
        struct watched_zone *watched = NULL;
        if (zone->dnssec.keys[0] != '\0') {
            watched = take_out(before, zone->name);
            watched = watched != NULL ? watched : create_watched(self, zone->name);
        }
        if (watched != NULL) {
            close_socket(watched);
            watched->zone = i;
            ask_again(watched, self->settings.soon_ms, self->settings.soon_ms / 2);
        }
        self->zones[i] = watched;
    }
    for (size_t i = 0; i < LOCUM_ZONES_MAX; i++) {
        destroy_watched(before[i]);
    }
}

const struct locum_parent_zone *
locum_parent_of(const struct locum_parent *self, size_t zone)
{
    return self->zones[zone] != NULL ? &self->zones[zone]->known : NULL;
}

void
locum_parent_destroy(struct locum_parent *self)
{
    for (size_t i = 0; i < LOCUM_ZONES_MAX && self != NULL; i++) {
        destroy_watched(self->zones[i]);
    }
    free(self);
}
