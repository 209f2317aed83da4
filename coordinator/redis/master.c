#include "redis/master.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text_format.h"
#include "base/timer.h"
#include "redis/diagnosis.h"
#include "redis/resp.h"

/* Of the event stream: fewer than a link has room for (LOCUM_LINK_WAITING_MAX). */
enum { UNCONFIRMED_MAX = 64 };

/* A node that has written nothing for 7 d is forgotten: its hash, and its name in the set. */
enum { EXPIRY_MS = 7 * 24 * 3600 * 1000 };

enum { CHANNEL_HEARTBEAT, CHANNEL_MIRRORBITS, CHANNELS };

/* One diagnosis per command; SUBSCRIBE has a second one, for the second channel. */
enum { DIAGNOSIS_MIRRORBITS = LOCUM_COMMANDS, DIAGNOSES };

struct channel {
    struct locum_master *master;
    struct locum_command_key name;
    bool subscribed;
};

struct locum_master {
    const struct locum_master_settings *settings;
    const struct locum_master_events *events;
    void *user;

    struct locum_address address; /* port 0: none */
    struct locum_link *command;
    struct locum_link *listen;
    struct channel channels[CHANNELS];
    struct locum_timer check_timer;
    locum_ms checked; /* mono time of the last check */
    bool heard;       /* a message since then: the listening connection works */
    bool is_master;   /* ROLE said so, on this connection */
    bool published;   /* the last PUBLISH was accepted */
    bool selected;    /* the right database: keys may be written */
    char diagnosis[DIAGNOSES][LOCUM_REDIS_ERROR_MAX + 1];

    uint64_t delivered; /* id of the last event that Redis has confirmed; 0: none */
    uint64_t sent;      /* id of the last event that was sent on this connection */
    uint64_t unconfirmed[UNCONFIRMED_MAX]; /* ids sent since `delivered`, a ring */
    size_t first_unconfirmed, unconfirmed_count;
    uint64_t
        late; /* id of the newest event at the time of `selected`: it and earlier ones are late */
};

bool
locum_master_is_ready(const struct locum_master *self)
{
    return self->is_master && self->published && self->channels[CHANNEL_HEARTBEAT].subscribed;
}

const struct locum_address *
locum_master_address(const struct locum_master *self)
{
    return self->address.port != 0 ? &self->address : NULL;
}

const char *
locum_master_diagnosis(const struct locum_master *self)
{
    size_t first = 0;
    while (first < DIAGNOSES - 1 && self->diagnosis[first][0] == '\0') {
        first++;
    }
    return self->diagnosis[first];
}

void
locum_master_leave(struct locum_master *self)
{
    locum_link_close(self->command);
    locum_link_close(self->listen);
    locum_timer_disarm(&self->check_timer);
    self->sent = self->delivered;
    self->unconfirmed_count = 0;
    self->command = NULL;
    self->listen = NULL;
    self->address = (struct locum_address){0};
    self->is_master = false;
    self->published = false;
    self->channels[CHANNEL_HEARTBEAT].subscribed = false;
    self->channels[CHANNEL_MIRRORBITS].subscribed = false;
    self->selected = false;
    memset(self->diagnosis, 0, sizeof(self->diagnosis));
}

/* End the attempt or the connection; `what` says what is wrong with the server. */
static void
end(struct locum_master *self, enum locum_discovery_failure failure, const char *what)
{
    const struct locum_address address = self->address;
    char why[LOCUM_REDIS_ERROR_MAX + 1];
    (void)locum_text_format_buffer(why, sizeof(why), "Redis %s: %s",
                                   locum_address_text(&address).text, what);
    locum_master_leave(self);
    self->events->left(self->user, &address, failure, why);
}

static void
update(struct locum_master *self, bool *flag, bool value)
{
    const bool before = locum_master_is_ready(self);
    *flag = value;
    if (locum_master_is_ready(self) != before) {
        self->events->changed(self->user);
    }
}

/*
 * Keep an error reply as the diagnosis number `at`, or clear it. Returns true if it was an error;
 * the connection may have ended then.
 */
static bool
note(struct locum_master *self, size_t at, enum locum_command command, const redisReply *reply)
{
    struct locum_slice error;
    char sentence[LOCUM_REDIS_ERROR_MAX + 1];
    if (!locum_resp_error(reply, &error)) {
        self->diagnosis[at][0] = '\0';
        return false;
    }
    const struct locum_diagnosis found = locum_diagnosis_of(false, command, error);
    if (locum_diagnosis_is_not_master(error)) {
        end(self, LOCUM_DISCOVERY_NOT_MASTER, found.text);
        return true;
    }
    (void)locum_text_format_buffer(sentence, sizeof(sentence), "Redis %s: %s",
                                   locum_address_text(&self->address).text, found.text);
    if (strcmp(sentence, self->diagnosis[at]) != 0) {
        LOCUM_LOG(LOCUM_LOG_WARN, "redis", "error", sentence);
        memcpy(self->diagnosis[at], sentence, sizeof(sentence));
    }
    return true;
}

static void on_reply(void *user, enum locum_command command, const redisReply *reply);

static void
send_command(struct locum_master *self, const struct locum_command_argv *argv)
{
    locum_link_send(self->command, argv, on_reply, self);
}

/* An empty message only shows that PUBLISH works: every receiver ignores it. */
static void
send_message(struct locum_master *self, struct locum_slice message)
{
    struct locum_command_argv argv = locum_command_argv(
        LOCUM_COMMAND_PUBLISH, self->channels[CHANNEL_HEARTBEAT].name.text, NULL);
    locum_command_add_slice(&argv, message);
    send_command(self, &argv);
}

static void
on_role(struct locum_master *self, const redisReply *reply)
{
    struct locum_slice error;
    struct locum_slice role = locum_slice_of("");
    if (locum_resp_error(reply, &error)) {
        end(self, LOCUM_DISCOVERY_UNREACHABLE,
            locum_diagnosis_of(false, LOCUM_COMMAND_ROLE, error).text);
    } else if (locum_resp_role(reply, &role) == 0 && locum_slice_is(role, "master")) {
        if (!self->is_master) { /* the next heartbeat may be long away */
            send_message(self, locum_slice_of(""));
        }
        update(self, &self->is_master, true);
    } else if (locum_slice_is(role, "slave")) {
        end(self, LOCUM_DISCOVERY_NOT_MASTER,
            "it is a replica, not the master; searching for the master");
    } else if (locum_slice_is(role, "sentinel")) {
        end(self, LOCUM_DISCOVERY_NOT_MASTER,
            "it is a Sentinel, not a Redis server; check the port in nodes.X.redis");
    } else {
        end(self, LOCUM_DISCOVERY_UNREACHABLE, "unexpected reply to ROLE: is this a Redis server?");
    }
}

static void
add_fields(struct locum_command_argv *argv, const struct locum_field *fields, size_t count)
{
    LOCUM_INVARIANT(count <= LOCUM_REDIS_FIELDS_MAX);
    for (size_t i = 0; i < count; i++) {
        locum_command_add(argv, fields[i].key);
        locum_command_add(argv, fields[i].value);
    }
}

static void
send_event(struct locum_master *self, const struct locum_redis_event *event)
{
    const struct locum_config *config = self->settings->config;
    const struct locum_command_key key = locum_command_key(config->core.cluster, "events", NULL);
    char keep[24];
    (void)locum_text_format_buffer(keep, sizeof(keep), "%" PRIu32, config->events_keep);
    struct locum_command_argv argv =
        locum_command_argv(LOCUM_COMMAND_XADD, key.text, "MAXLEN", "~", keep, "*", NULL);
    add_fields(&argv, event->fields, event->count);
    if (event->id <= self->late) {
        locum_command_add(&argv, "at");
        locum_command_add(&argv, event->time);
    }
    send_command(self, &argv);
}

static bool
next_event(const struct locum_master *self, uint64_t after, struct locum_redis_event *ret)
{
    return self->settings->owner->next_event(self->settings->owner_user, after, ret);
}

/* Send some at a time, if this is a master and the right database is selected. */
void
locum_master_events_added(struct locum_master *self)
{
    struct locum_redis_event event;
    while (self->is_master && self->selected && self->unconfirmed_count < UNCONFIRMED_MAX &&
           next_event(self, self->sent, &event)) {
        send_event(self, &event);
        const size_t end = self->first_unconfirmed + self->unconfirmed_count++;
        self->unconfirmed[end % UNCONFIRMED_MAX] = event.id;
        self->sent = event.id;
    }
}

/* A reply to XADD. A refused event counts as delivered: it would be refused again. */
static void
confirm_event(struct locum_master *self)
{
    self->delivered = self->unconfirmed[self->first_unconfirmed];
    self->first_unconfirmed = (self->first_unconfirmed + 1) % UNCONFIRMED_MAX;
    self->unconfirmed_count--;
    locum_master_events_added(self);
}

static void
on_reply(void *user, enum locum_command command, const redisReply *reply)
{
    struct locum_master *self = user;
    if (command == LOCUM_COMMAND_ROLE) {
        on_role(self, reply);
        return;
    }
    const bool failed = note(self, command, command, reply);
    if (self->command == NULL) {
        return; /* ended by note() */
    }
    if (command == LOCUM_COMMAND_SELECT) {
        struct locum_redis_event event;
        for (self->late = self->sent; next_event(self, self->late, &event);) {
            self->late = event.id;
        }
        self->selected = !failed;
        locum_master_events_added(self);
    } else if (command == LOCUM_COMMAND_XADD) {
        confirm_event(self);
    } else if (command == LOCUM_COMMAND_PUBLISH) {
        update(self, &self->published, !failed);
    }
}

/* A reply to SUBSCRIBE: the confirmation, or an error. Anything else ends the connection. */
static void
on_subscribed(void *user, enum locum_command command, const redisReply *reply)
{
    struct channel *channel = user;
    struct locum_master *self = channel->master;
    const bool mirrorbits = channel == &self->channels[CHANNEL_MIRRORBITS];
    const bool refused = note(self, mirrorbits ? DIAGNOSIS_MIRRORBITS : command, command, reply);
    if (!refused && !locum_resp_subscribed(reply, channel->name.text)) {
        end(self, LOCUM_DISCOVERY_UNREACHABLE,
            "unexpected reply to SUBSCRIBE: is this a Redis server?");
    }
    if (self->listen != NULL) { /* not ended by note() or here */
        update(self, &channel->subscribed, !refused);
    }
}

static void
subscribe(struct channel *channel)
{
    const struct locum_command_argv argv =
        locum_command_argv(LOCUM_COMMAND_SUBSCRIBE, channel->name.text, NULL);
    locum_link_send(channel->master->listen, &argv, on_subscribed, channel);
}

/* argument  NULL: none. */
static void
ask(struct locum_master *self, enum locum_command command, const char *argument)
{
    const struct locum_command_argv argv = locum_command_argv(command, argument, NULL);
    send_command(self, &argv);
}

static void
select_database(struct locum_master *self)
{
    char db[24];
    (void)locum_text_format_buffer(db, sizeof(db), "%" PRIu32, self->settings->config->redis.db);
    ask(self, LOCUM_COMMAND_SELECT, db);
}

/* Ask something on both connections; nothing is sent on one that is not up yet. */
static void
check(void *user)
{
    struct locum_master *self = user;
    ask(self, LOCUM_COMMAND_ROLE, NULL);
    if (!self->selected) {
        select_database(self);
    }
    if (!self->heard) {
        subscribe(&self->channels[CHANNEL_HEARTBEAT]);
    }
    if (!self->channels[CHANNEL_MIRRORBITS].subscribed) {
        subscribe(&self->channels[CHANNEL_MIRRORBITS]);
    }
    self->heard = false;
    self->checked = locum_clock_read().mono;
    locum_timer_arm(&self->check_timer, self->settings->link.timeout_ms / 4 + 1);
}

static void
on_command_up(void *user)
{
    ask(user, LOCUM_COMMAND_ROLE, NULL);
    select_database(user);
}

static void
on_listen_up(void *user)
{
    struct locum_master *self = user;
    subscribe(&self->channels[CHANNEL_HEARTBEAT]);
    subscribe(&self->channels[CHANNEL_MIRRORBITS]);
}

static void
on_message(void *user, struct locum_slice channel, struct locum_slice payload)
{
    struct locum_master *self = user;
    if (!self->is_master) {
        return;
    }
    self->heard = true;
    if (payload.length == 0) {
        return; /* send_message() */
    }
    if (locum_slice_is(channel, self->channels[CHANNEL_HEARTBEAT].name.text)) {
        self->settings->owner->heartbeat(self->settings->owner_user, payload);
    } else if (locum_slice_is(channel, LOCUM_CHANNEL_MIRRORBITS)) {
        self->events->announcement(self->user, payload);
    }
}

static void
on_closed(void *user, const char *why)
{
    end(user, LOCUM_DISCOVERY_UNREACHABLE, why);
}

static const struct locum_link_events command_events = {on_command_up, NULL, on_closed};
static const struct locum_link_events listen_events = {on_listen_up, on_message, on_closed};

struct locum_master *
locum_master_create(const struct locum_master_settings *settings,
                    const struct locum_master_events *events, void *user)
{
    struct locum_master *self = calloc(1, sizeof(*self));
    if (self != NULL) {
        self->settings = settings;
        self->events = events;
        self->user = user;
        self->channels[CHANNEL_HEARTBEAT].master = self;
        self->channels[CHANNEL_MIRRORBITS] =
            (struct channel){self, {LOCUM_CHANNEL_MIRRORBITS}, false};
        locum_timer_init(&self->check_timer, settings->link.base, check, self);
    }
    return self;
}

void
locum_master_connect(struct locum_master *self, const struct locum_address *address,
                     const char *name)
{
    const struct locum_address_text host = locum_address_host_text(address);
    const struct locum_link_settings *link = &self->settings->link;
    name = name != NULL ? name : host.text;
    self->address = *address;
    self->channels[CHANNEL_HEARTBEAT].name =
        locum_command_key(self->settings->config->core.cluster, "heartbeat", NULL);
    self->command = locum_link_open(link, address, name, &command_events, self);
    self->listen = locum_link_open(link, address, name, &listen_events, self);
    if (self->command == NULL || self->listen == NULL) {
        locum_master_leave(self);
        return;
    }
    check(self);
}

void
locum_master_publish(struct locum_master *self, struct locum_slice message)
{
    if (!self->is_master) {
        return;
    }
    send_message(self, message);
    if (locum_clock_read().mono - self->checked >= self->settings->link.timeout_ms / 5) {
        check(self); /* nearly due: sent in the same packet, it needs no wake-up of its own */
    }
    locum_link_flush(self->command);
}

void
locum_master_write_node(struct locum_master *self, const struct locum_field *fields, size_t count,
                        locum_ms wall)
{
    if (!self->is_master || !self->selected || count == 0) {
        return;
    }
    const struct locum_core_config *core = &self->settings->config->core;
    const char *node = core->nodes[core->self].name;
    const struct locum_command_key key = locum_command_key(core->cluster, "node", node);
    const struct locum_command_key nodes = locum_command_key(core->cluster, "nodes", NULL);
    char expiry[24];
    char score[24];
    char oldest[24];
    (void)locum_text_format_buffer(expiry, sizeof(expiry), "%d", EXPIRY_MS);
    (void)locum_text_format_buffer(oldest, sizeof(oldest), "%" PRId64, wall - EXPIRY_MS);
    (void)locum_text_format_buffer(score, sizeof(score), "%" PRId64, wall);
    struct locum_command_argv argv = locum_command_argv(LOCUM_COMMAND_HSET, key.text, NULL);
    add_fields(&argv, fields, count);
    send_command(self, &argv);
    argv = locum_command_argv(LOCUM_COMMAND_PEXPIRE, key.text, expiry, NULL);
    send_command(self, &argv);
    argv = locum_command_argv(LOCUM_COMMAND_ZADD, nodes.text, score, node, NULL);
    send_command(self, &argv);
    argv = locum_command_argv(LOCUM_COMMAND_ZREMRANGEBYSCORE, nodes.text, "-inf", oldest, NULL);
    send_command(self, &argv);
}

void
locum_master_destroy(struct locum_master *self)
{
    if (self == NULL) {
        return;
    }
    locum_master_leave(self);
    locum_timer_fini(&self->check_timer);
    free(self);
}
