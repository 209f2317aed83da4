#include "redis/master.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/timeval.h"
#include "redis/backlog.h"
#include "redis/diagnosis.h"
#include "redis/resp.h"

/* One place for the trouble of each command; SUBSCRIBE has a second, for the second channel. */
enum { TROUBLE_MIRRORBITS = LOCUM_COMMANDS, TROUBLES };

struct locum_master {
    struct event_base *base;
    struct locum_master_settings settings;
    const struct locum_master_events *events;
    void *user;
    uint64_t *commands;

    struct locum_address address; /* port 0: none */
    char where[LOCUM_ADDRESS_TEXT_MAX];
    struct locum_link *command;
    struct locum_link *listen;
    struct event *pulse;
    locum_ms pulsed; /* mono time of the last pulse */
    bool heard;      /* a message since then: the listening connection lives */
    struct locum_command_key channel;
    bool is_master;  /* ROLE said so, on this connection */
    bool subscribed; /* to the heartbeat channel */
    bool announced;  /* subscribed to Mirrorbits' channel */
    bool selected;   /* the right database: keys may be written */
    char trouble[TROUBLES][LOCUM_REDIS_ERROR_MAX + 1];
    struct locum_backlog backlog; /* events that Redis has not confirmed */
    uint32_t keep;                /* entries of the stream */
};

bool
locum_master_is_ready(const struct locum_master *self)
{
    return self->is_master && self->subscribed;
}

const struct locum_address *
locum_master_address(const struct locum_master *self)
{
    return self->address.port != 0 ? &self->address : NULL;
}

const char *
locum_master_diagnosis(const struct locum_master *self)
{
    for (size_t i = 0; i < TROUBLES; i++) {
        if (self->trouble[i][0] != '\0') {
            return self->trouble[i];
        }
    }
    return "";
}

void
locum_master_leave(struct locum_master *self)
{
    locum_link_close(self->command);
    locum_link_close(self->listen);
    event_del(self->pulse);
    locum_backlog_again(&self->backlog);
    self->command = NULL;
    self->listen = NULL;
    self->address = (struct locum_address){0};
    self->is_master = false;
    self->subscribed = false;
    self->announced = false;
    self->selected = false;
    for (size_t i = 0; i < TROUBLES; i++) {
        self->trouble[i][0] = '\0';
    }
}

static void
end(struct locum_master *self, enum locum_discovery_failure failure, const char *why)
{
    const struct locum_address address = self->address;
    locum_master_leave(self);
    self->events->left(self->user, &address, failure, why);
}

/* End with "Redis 10.0.0.12:6379<what>". */
static void
end_with(struct locum_master *self, enum locum_discovery_failure failure, const char *what)
{
    char why[LOCUM_REDIS_ERROR_MAX + 1];
    struct locum_text text = locum_text_init(why, sizeof(why));
    locum_diagnosis_add_who(&text, "Redis", self->where);
    locum_text_add(&text, what);
    end(self, failure, why);
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
 * Note an error reply as the trouble `place`, or clear it. Returns true if it was an error; the
 * connection may have ended then.
 */
static bool
note(struct locum_master *self, size_t place, enum locum_command command, const redisReply *reply)
{
    struct locum_slice error;
    char sentence[LOCUM_REDIS_ERROR_MAX + 1];
    struct locum_text text = locum_text_init(sentence, sizeof(sentence));
    if (!locum_resp_error(reply, &error)) {
        self->trouble[place][0] = '\0';
        return false;
    }
    locum_diagnosis_add(&text, "Redis", self->where, command, error);
    if (locum_diagnosis_is_not_master(error)) {
        end(self, LOCUM_DISCOVERY_NOT_MASTER, sentence);
    } else if (strcmp(sentence, self->trouble[place]) != 0) {
        LOCUM_LOG(LOCUM_LOG_WARN, "redis", "error", sentence);
        text = locum_text_init(self->trouble[place], sizeof(self->trouble[place]));
        locum_text_add(&text, sentence);
    }
    return true;
}

static void
on_role(struct locum_master *self, const redisReply *reply)
{
    struct locum_slice error;
    enum locum_redis_role role;
    if (locum_resp_error(reply, &error)) {
        char why[LOCUM_REDIS_ERROR_MAX + 1];
        struct locum_text text = locum_text_init(why, sizeof(why));
        locum_diagnosis_add(&text, "Redis", self->where, LOCUM_COMMAND_ROLE, error);
        end(self, LOCUM_DISCOVERY_UNREACHABLE, why);
    } else if (locum_resp_role(reply, &role) != 0) {
        end_with(self, LOCUM_DISCOVERY_UNREACHABLE,
                 " answers ROLE with something else: is this a Redis?");
    } else if (role == LOCUM_REDIS_SENTINEL) {
        end_with(self, LOCUM_DISCOVERY_NOT_MASTER,
                 " is a Sentinel, not a Redis server: check the port of nodes.X.redis");
    } else if (role != LOCUM_REDIS_MASTER) {
        end_with(self, LOCUM_DISCOVERY_NOT_MASTER,
                 " is a replica, not the master: looking for the master");
    } else {
        update(self, &self->is_master, true);
    }
}

/* AUTH and CLIENT SETNAME: if we are not let in, that ends the attempt. */
static void
on_login(struct locum_master *self, enum locum_command command, const redisReply *reply)
{
    char why[LOCUM_REDIS_ERROR_MAX + 1];
    struct locum_text text = locum_text_init(why, sizeof(why));
    if (locum_login_refused(command, reply, "Redis", self->where, &text)) {
        end(self, LOCUM_DISCOVERY_UNREACHABLE, why);
    }
}

static void on_reply(void *user, enum locum_command command, const redisReply *reply);

static void
add_fields(struct locum_command_argv *argv, const struct locum_field *fields, size_t count)
{
    LOCUM_INVARIANT(count <= LOCUM_REDIS_FIELDS_MAX);
    for (size_t i = 0; i < count; i++) {
        locum_command_argv_add(argv, fields[i].key);
        locum_command_argv_add(argv, fields[i].value);
    }
}

static void
send_event(struct locum_master *self, const struct locum_backlog_entry *entry,
           const struct locum_field *fields)
{
    const struct locum_command_key key = locum_command_key_events(self->settings.cluster);
    char number[24];
    char when[32];
    struct locum_text text = locum_text_init(number, sizeof(number));
    locum_text_add_u64(&text, self->keep);
    struct locum_command_argv argv = locum_command_argv_init(LOCUM_COMMAND_XADD);
    locum_command_argv_add(&argv, key.text);
    locum_command_argv_add(&argv, "MAXLEN");
    locum_command_argv_add(&argv, "~");
    locum_command_argv_add(&argv, number);
    locum_command_argv_add(&argv, "*");
    add_fields(&argv, fields, entry->count);
    if (entry->late) {
        text = locum_text_init(when, sizeof(when));
        locum_text_add_time(&text, entry->wall);
        locum_command_argv_add(&argv, "at");
        locum_command_argv_add(&argv, when);
    }
    locum_link_send(self->command, &argv, on_reply, self);
}

/* Send the events that wait, if this is a master and the right database is selected. */
static void
send_events(struct locum_master *self)
{
    struct locum_field fields[LOCUM_REDIS_FIELDS_MAX];
    const struct locum_backlog_entry *entry;
    while (self->is_master && self->selected &&
           (entry = locum_backlog_take(&self->backlog, fields, LOCUM_COUNT(fields))) != NULL) {
        send_event(self, entry, fields);
    }
}

/* An event that is refused is given up, unless the connection ended with it. */
static void
on_event_added(struct locum_master *self, const redisReply *reply)
{
    if (!note(self, LOCUM_COMMAND_XADD, LOCUM_COMMAND_XADD, reply) || self->command != NULL) {
        locum_backlog_done(&self->backlog);
    }
}

static void
on_reply(void *user, enum locum_command command, const redisReply *reply)
{
    struct locum_master *self = user;
    switch (command) {
    case LOCUM_COMMAND_AUTH:
    case LOCUM_COMMAND_CLIENT_SETNAME: on_login(self, command, reply); break;
    case LOCUM_COMMAND_ROLE: on_role(self, reply); break;
    case LOCUM_COMMAND_SELECT:
        self->selected = !note(self, command, command, reply);
        send_events(self);
        break;
    case LOCUM_COMMAND_XADD: on_event_added(self, reply); break;
    default: (void)note(self, command, command, reply); break;
    }
}

/* A reply to SUBSCRIBE: the confirmation, or an error. Anything else ends the connection. */
static bool
is_confirmed(struct locum_master *self, size_t place, const char *channel, const redisReply *reply,
             bool *ret_confirmed)
{
    *ret_confirmed = false;
    if (note(self, place, LOCUM_COMMAND_SUBSCRIBE, reply)) {
        return self->listen != NULL;
    }
    if (locum_resp_subscribed(reply, channel) != 0) {
        end_with(self, LOCUM_DISCOVERY_UNREACHABLE,
                 " answers SUBSCRIBE with something else: is this a Redis?");
        return false;
    }
    *ret_confirmed = true;
    return true;
}

static void
on_subscribed(void *user, enum locum_command command, const redisReply *reply)
{
    struct locum_master *self = user;
    bool confirmed;
    if (is_confirmed(self, command, self->channel.text, reply, &confirmed)) {
        update(self, &self->subscribed, confirmed);
    }
}

static void
on_mirrorbits_subscribed(void *user, enum locum_command command, const redisReply *reply)
{
    (void)command;
    struct locum_master *self = user;
    bool confirmed;
    if (is_confirmed(self, TROUBLE_MIRRORBITS, LOCUM_CHANNEL_MIRRORBITS, reply, &confirmed)) {
        self->announced = confirmed;
    }
}

static void
subscribe(struct locum_master *self, const char *channel, locum_link_reply_fn *reply)
{
    struct locum_command_argv argv = locum_command_argv_init(LOCUM_COMMAND_SUBSCRIBE);
    locum_command_argv_add(&argv, channel);
    locum_link_send(self->listen, &argv, reply, self);
}

static void
ask_role(struct locum_master *self)
{
    const struct locum_command_argv argv = locum_command_argv_init(LOCUM_COMMAND_ROLE);
    locum_link_send(self->command, &argv, on_reply, self);
}

static void
arm_pulse(struct locum_master *self)
{
    const locum_ms wait = self->settings.timeout_ms / 4 + 1;
    const struct timeval tv = locum_timeval(wait);
    event_add(self->pulse, &tv);
    self->pulsed = locum_now_read().mono;
}

static void
pulse(struct locum_master *self)
{
    if (locum_link_is_up(self->command)) {
        ask_role(self);
    }
    if (locum_link_is_up(self->listen)) {
        if (!self->heard) {
            subscribe(self, self->channel.text, on_subscribed);
        }
        if (!self->announced) {
            subscribe(self, LOCUM_CHANNEL_MIRRORBITS, on_mirrorbits_subscribed);
        }
    }
    self->heard = false;
    arm_pulse(self);
}

static void
on_pulse(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what;
    pulse(user);
}

static void
on_command_up(void *user)
{
    struct locum_master *self = user;
    char number[24];
    struct locum_text db = locum_text_init(number, sizeof(number));
    struct locum_command_argv argv = locum_command_argv_init(LOCUM_COMMAND_SELECT);
    locum_login_send(&self->settings.login, self->command, on_reply, self);
    locum_text_add_u64(&db, self->settings.db);
    locum_command_argv_add(&argv, number);
    ask_role(self);
    locum_link_send(self->command, &argv, on_reply, self);
}

static void
on_listen_up(void *user)
{
    struct locum_master *self = user;
    locum_login_send(&self->settings.login, self->listen, on_reply, self);
    subscribe(self, self->channel.text, on_subscribed);
    subscribe(self, LOCUM_CHANNEL_MIRRORBITS, on_mirrorbits_subscribed);
}

static void
on_message(void *user, struct locum_slice channel, struct locum_slice payload)
{
    struct locum_master *self = user;
    if (!locum_master_is_ready(self)) {
        return;
    }
    self->heard = true;
    if (locum_slice_is(channel, self->channel.text)) {
        self->events->heartbeat(self->user, payload);
    } else if (locum_slice_is(channel, LOCUM_CHANNEL_MIRRORBITS)) {
        self->events->announcement(self->user, payload);
    }
}

static void
on_closed(void *user, const char *why)
{
    struct locum_master *self = user;
    char what[LOCUM_REDIS_ERROR_MAX + 1];
    struct locum_text text = locum_text_init(what, sizeof(what));
    locum_text_add(&text, ": ");
    locum_text_add(&text, why);
    end_with(self, LOCUM_DISCOVERY_UNREACHABLE, what);
}

static const struct locum_link_events command_events = {on_command_up, NULL, on_closed};
static const struct locum_link_events listen_events = {on_listen_up, on_message, on_closed};

struct locum_master *
locum_master_create(struct event_base *base, const struct locum_master_settings *settings,
                    const struct locum_master_events *events, void *user, uint64_t *commands)
{
    struct locum_master *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return NULL;
    }
    self->base = base;
    self->events = events;
    self->user = user;
    self->commands = commands;
    locum_master_settings_set(self, settings);
    self->pulse = event_new(base, -1, 0, on_pulse, self);
    if (self->pulse == NULL) {
        free(self);
        return NULL;
    }
    return self;
}

void
locum_master_settings_set(struct locum_master *self, const struct locum_master_settings *settings)
{
    self->settings = *settings;
    self->channel = locum_command_key_heartbeat(settings->cluster);
}

void
locum_master_connect(struct locum_master *self, const struct locum_address *address,
                     const char *name)
{
    char host[LOCUM_ADDRESS_TEXT_MAX];
    struct locum_text host_text = locum_text_init(host, sizeof(host));
    locum_address_add(address, &host_text);
    const struct locum_link_target target = {
        .address = *address,
        .tls = self->settings.tls,
        .name = name != NULL ? name : host,
    };
    const locum_ms timeout_ms = self->settings.timeout_ms;
    struct locum_text where = locum_text_init(self->where, sizeof(self->where));
    locum_address_add_port(address, &where);
    self->address = *address;
    self->command =
        locum_link_open(self->base, &target, timeout_ms, &command_events, self, self->commands);
    self->listen =
        locum_link_open(self->base, &target, timeout_ms, &listen_events, self, self->commands);
    if (self->command == NULL || self->listen == NULL) {
        locum_master_leave(self);
        return;
    }
    arm_pulse(self);
}

void
locum_master_publish(struct locum_master *self, struct locum_slice line)
{
    if (!self->is_master) {
        return;
    }
    struct locum_command_argv argv = locum_command_argv_init(LOCUM_COMMAND_PUBLISH);
    locum_command_argv_add(&argv, self->channel.text);
    locum_command_argv_add_slice(&argv, line);
    locum_link_send(self->command, &argv, on_reply, self);
    if (locum_now_read().mono - self->pulsed >= self->settings.timeout_ms / 5) {
        pulse(self); /* nearly due: it goes in the same packet, and costs no waking up of its own */
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
    const struct locum_command_key key =
        locum_command_key_node(self->settings.cluster, self->settings.node);
    const struct locum_command_key nodes = locum_command_key_nodes(self->settings.cluster);
    char number[24];
    struct locum_text text = locum_text_init(number, sizeof(number));
    struct locum_command_argv argv = locum_command_argv_init(LOCUM_COMMAND_HSET);
    locum_command_argv_add(&argv, key.text);
    add_fields(&argv, fields, count);
    locum_link_send(self->command, &argv, on_reply, self);

    locum_text_add_u64(&text, LOCUM_KEY_EXPIRY_MS);
    argv = locum_command_argv_init(LOCUM_COMMAND_PEXPIRE);
    locum_command_argv_add(&argv, key.text);
    locum_command_argv_add(&argv, number);
    locum_link_send(self->command, &argv, on_reply, self);

    text = locum_text_init(number, sizeof(number));
    locum_text_add_i64(&text, wall);
    argv = locum_command_argv_init(LOCUM_COMMAND_ZADD);
    locum_command_argv_add(&argv, nodes.text);
    locum_command_argv_add(&argv, number);
    locum_command_argv_add(&argv, self->settings.node);
    locum_link_send(self->command, &argv, on_reply, self);
}

void
locum_master_add_event(struct locum_master *self, const struct locum_field *fields, size_t count,
                       uint32_t keep)
{
    LOCUM_INVARIANT(count <= LOCUM_REDIS_FIELDS_MAX);
    self->keep = keep;
    locum_backlog_add(&self->backlog, fields, count, locum_now_read().wall);
    send_events(self);
    if (!self->is_master || !self->selected) {
        locum_backlog_again(&self->backlog); /* late */
    }
}

void
locum_master_destroy(struct locum_master *self)
{
    if (self == NULL) {
        return;
    }
    locum_master_leave(self);
    locum_backlog_fini(&self->backlog);
    event_free(self->pulse);
    free(self);
}
