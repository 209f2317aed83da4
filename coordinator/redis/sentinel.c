#include "redis/sentinel.h"

#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/error.h"
#include "base/log.h"
#include "base/timeval.h"
#include "redis/diagnosis.h"
#include "redis/random.h"

/* Who listens is asked for a sign of life that rarely: without it events are late, not lost. */
enum { POLLS_A_PING = 4 };

struct locum_sentinel {
    struct event_base *base;
    size_t number;
    struct locum_sentinel_settings settings; /* its strings are those below */
    char login_user[64], login_password[256], login_name[64], master_name[64];
    char name[LOCUM_HOST_MAX + 1];
    const struct locum_sentinel_events *events;
    void *user;
    uint64_t *commands;

    char where[LOCUM_HOST_MAX + 9];        /* the endpoint, for people */
    const struct locum_address *addresses; /* the endpoints's */
    size_t address_count;
    size_t turn; /* counts the attempts */

    struct locum_link *ask;
    struct locum_link *listen;
    struct event *timer; /* the next poll, or the next attempt to connect */
    struct locum_backoff backoff;

    struct locum_sentinel_view view; /* being gathered */
    bool polling;                    /* replies are awaited */
    bool spoiled;                    /* a reply of this poll was no use */
    bool again;                      /* something happened meanwhile */
    size_t answers;                  /* to SUBSCRIBE since the last connect */
    bool unsubscribed;               /* the last of them was an error */
    locum_ms asked;                  /* mono time of the last poll's begin; LOCUM_NEVER */

    unsigned polls; /* counts them, for the ping */

    bool connected; /* a poll came through on this connection */
    bool tilt;      /* at the last poll */
    locum_ms polled;
    char error[LOCUM_REDIS_ERROR_MAX + 1];
};

static void ask_all(struct locum_sentinel *self);

static void
arm(struct locum_sentinel *self, locum_ms wait)
{
    const locum_ms ms = wait > 0 ? wait : 0;
    const struct timeval tv = locum_timeval(ms);
    event_add(self->timer, &tv);
}

static void
add_who(const struct locum_sentinel *self, struct locum_text *text)
{
    locum_diagnosis_add_who(text, "Sentinel", self->where);
}

/* A new sentence for status; said once in the log, when it changes. */
static void
say(struct locum_sentinel *self, const char *error)
{
    if (strcmp(self->error, error) == 0) {
        return;
    }
    struct locum_text text = locum_text_init(self->error, sizeof(self->error));
    locum_text_add(&text, error);
    if (text.length == 0) {
        return;
    }
    LOCUM_LOG(LOCUM_LOG_WARN, "sentinel", "error", self->error);
}

/* Drop both connections; try again after the back-off. */
static void
rest(struct locum_sentinel *self)
{
    locum_link_close(self->ask);
    locum_link_close(self->listen);
    self->ask = NULL;
    self->listen = NULL;
    self->polling = false;
    self->again = false;
    self->connected = false;
    self->answers = 0;
    self->unsubscribed = false;
    arm(self, locum_backoff_next(&self->backoff, locum_random()));
    self->events->lost(self->user, self->number);
}

/* Rest, because of "Sentinel 10.0.0.10:26379<what>". */
static void
rest_with(struct locum_sentinel *self, const char *what)
{
    char error[LOCUM_REDIS_ERROR_MAX + 1];
    struct locum_text text = locum_text_init(error, sizeof(error));
    add_who(self, &text);
    locum_text_add(&text, what);
    rest(self);
    say(self, error);
}

/* This poll gives nothing; the connection stays. The first reason is the one to tell. */
static void
spoil(struct locum_sentinel *self, const char *error)
{
    if (!self->spoiled) {
        say(self, error);
    }
    self->spoiled = true;
}

/* Spoil, because of "Sentinel 10.0.0.10:26379<what>". */
static void
spoil_with(struct locum_sentinel *self, const char *what)
{
    char error[LOCUM_REDIS_ERROR_MAX + 1];
    struct locum_text text = locum_text_init(error, sizeof(error));
    add_who(self, &text);
    locum_text_add(&text, what);
    spoil(self, error);
}

static void
spoil_with_error(struct locum_sentinel *self, enum locum_command command, struct locum_slice reply)
{
    char error[LOCUM_REDIS_ERROR_MAX + 1];
    struct locum_text text = locum_text_init(error, sizeof(error));
    locum_diagnosis_add(&text, "Sentinel", self->where, command, reply);
    spoil(self, error);
}

/* It knows other masters: which? */
static void
on_masters(struct locum_sentinel *self, const redisReply *reply)
{
    char error[LOCUM_REDIS_ERROR_MAX + 1];
    struct locum_text text = locum_text_init(error, sizeof(error));
    add_who(self, &text);
    locum_text_add(&text, " knows no master named '");
    locum_text_add(&text, self->settings.master_name);
    locum_text_add(&text, "': check redis.master-name; it knows: ");
    if (locum_resp_masters(reply, &text) != 0) {
        locum_text_add(&text, "(no list)");
    }
    say(self, error);
}

/* The poll's last reply has come. */
static void
finish(struct locum_sentinel *self)
{
    const locum_ms now = locum_now_read().mono;
    self->polling = false;
    const locum_ms poll_ms = self->settings.poll_ms;
    if (self->again) {
        arm(self, self->asked + LOCUM_SENTINEL_ASK_GAP_MS - now);
    } else { /* all Sentinels at the same moments: the process wakes once for all of them */
        arm(self, self->asked - self->asked % poll_ms + poll_ms - now);
    }
    if (self->spoiled) {
        return;
    }
    if (!self->connected) {
        LOCUM_LOG(LOCUM_LOG_INFO, "sentinel", "address", self->where, "state", "connected");
    }
    self->connected = true;
    self->polled = now;
    locum_backoff_reset(&self->backoff);
    self->tilt = self->view.tilt;
    if (!self->unsubscribed) {
        say(self, "");
    }
    self->events->polled(self->user, self->number, &self->view);
}

/* One decoded reply of the poll; `status` is the decoder's. */
static void
take(struct locum_sentinel *self, int status)
{
    switch (status) {
    case 0: break;
    case LOCUM_ERR_INVALID:
        spoil_with(self, " lists an instance by what is neither an address nor a host name: check "
                         "its `sentinel announce-ip`");
        break;
    case LOCUM_ERR_SPACE:
        spoil_with(self, " lists more than 128 instances: `SENTINEL RESET` forgets old ones");
        break;
    default: spoil_with(self, " sent a reply that makes no sense: is this a Sentinel?"); break;
    }
}

/*
 * The master's address is asked for by name: the leader of a failover gives SENTINEL MASTER the new
 * config-epoch while its address is still the dead one's, until the replicas have followed.
 */
static int
decode(struct locum_sentinel *self, enum locum_command command, const redisReply *reply)
{
    struct locum_sentinel_view *view = &self->view;
    switch (command) {
    case LOCUM_COMMAND_SENTINEL_ADDRESS: return locum_resp_address(reply, &view->master);
    case LOCUM_COMMAND_SENTINEL_MASTER: {
        const int status = locum_resp_epoch(reply, &view->epoch);
        return status != 0 ? status : locum_resp_instance(reply, &view->instances);
    }
    case LOCUM_COMMAND_SENTINEL_REPLICAS:
    case LOCUM_COMMAND_SENTINEL_SENTINELS: return locum_resp_instances(reply, &view->instances);
    case LOCUM_COMMAND_INFO: return locum_resp_tilt(reply, &view->tilt);
    default: return LOCUM_ERR_PROTOCOL;
    }
}

static void
on_reply(void *user, enum locum_command command, const redisReply *reply)
{
    struct locum_sentinel *self = user;
    struct locum_slice error;
    if (command == LOCUM_COMMAND_SENTINEL_MASTERS) {
        on_masters(self, reply);
        return;
    }
    if (command == LOCUM_COMMAND_SENTINEL_ADDRESS && reply->type == REDIS_REPLY_NIL) {
        const struct locum_command_argv argv =
            locum_command_argv_init(LOCUM_COMMAND_SENTINEL_MASTERS);
        self->spoiled = true; /* on_masters() says why */
        locum_link_send(self->ask, &argv, on_reply, self);
    } else if (locum_resp_error(reply, &error)) {
        spoil_with_error(self, command, error);
    } else if (!self->spoiled) {
        take(self, decode(self, command, reply));
    }
    if (command == LOCUM_COMMAND_INFO) {
        finish(self);
    }
}

static void
ask(struct locum_sentinel *self, enum locum_command command, const char *argument)
{
    struct locum_command_argv argv = locum_command_argv_init(command);
    locum_command_argv_add(&argv, argument);
    locum_link_send(self->ask, &argv, on_reply, self);
}

static void
on_login(void *user, enum locum_command command, const redisReply *reply)
{
    struct locum_sentinel *self = user;
    char error[LOCUM_REDIS_ERROR_MAX + 1];
    struct locum_text text = locum_text_init(error, sizeof(error));
    if (locum_login_refused(command, reply, "Sentinel", self->where, &text)) {
        rest(self);
        say(self, error);
    }
}

/* Replies come in the order of the table, then one for each ping; the last of the first round is a
 * reason to ask. */
static void
on_subscribed(void *user, enum locum_command command, const redisReply *reply)
{
    struct locum_sentinel *self = user;
    struct locum_slice error;
    const size_t at = self->answers < LOCUM_SENTINEL_CHANNELS ? self->answers : 0;
    self->answers++;
    self->unsubscribed = locum_resp_error(reply, &error);
    if (self->unsubscribed) {
        char sentence[LOCUM_REDIS_ERROR_MAX + 1];
        struct locum_text text = locum_text_init(sentence, sizeof(sentence));
        locum_diagnosis_add(&text, "Sentinel", self->where, command, error);
        say(self, sentence);
    } else if (locum_resp_subscribed(reply, locum_sentinel_channels[at]) != 0) {
        rest_with(self, " answers SUBSCRIBE with something else: is this a Sentinel?");
    } else if (self->answers == LOCUM_SENTINEL_CHANNELS) {
        ask_all(self);
    }
}

static void
subscribe(struct locum_sentinel *self, const char *channel)
{
    struct locum_command_argv argv = locum_command_argv_init(LOCUM_COMMAND_SUBSCRIBE);
    locum_command_argv_add(&argv, channel);
    locum_link_send(self->listen, &argv, on_subscribed, self);
}

/* Ask for everything now, or as soon as the poll that is on its way is through. */
static void
ask_all(struct locum_sentinel *self)
{
    const locum_ms now = locum_now_read().mono;
    if (!locum_link_is_up(self->ask)) {
        return;
    }
    if (self->polling) {
        self->again = true;
        return;
    }
    if (self->asked != LOCUM_NEVER && now - self->asked < LOCUM_SENTINEL_ASK_GAP_MS) {
        arm(self, self->asked + LOCUM_SENTINEL_ASK_GAP_MS - now);
        return;
    }
    self->view.instances.count = 0; /* the rest is overwritten, or the poll is spoiled */
    event_del(self->timer);         /* the end of the poll sets it, or that of the connection */
    self->polling = true;
    self->spoiled = false;
    self->again = false;
    self->asked = now;
    ask(self, LOCUM_COMMAND_SENTINEL_ADDRESS, self->settings.master_name);
    ask(self, LOCUM_COMMAND_SENTINEL_MASTER, self->settings.master_name);
    ask(self, LOCUM_COMMAND_SENTINEL_REPLICAS, self->settings.master_name);
    ask(self, LOCUM_COMMAND_SENTINEL_SENTINELS, self->settings.master_name);
    ask(self, LOCUM_COMMAND_INFO, "sentinel");
    if (locum_link_is_up(self->listen) && self->polls++ % POLLS_A_PING == 0) {
        subscribe(self, locum_sentinel_channels[0]); /* its ping */
    }
}

static void
on_ask_up(void *user)
{
    struct locum_sentinel *self = user;
    locum_login_send(&self->settings.login, self->ask, on_login, self);
    ask_all(self);
}

static void
on_listen_up(void *user)
{
    struct locum_sentinel *self = user;
    locum_login_send(&self->settings.login, self->listen, on_login, self);
    for (size_t i = 0; i < LOCUM_SENTINEL_CHANNELS; i++) {
        subscribe(self, locum_sentinel_channels[i]);
    }
}

static void
on_message(void *user, struct locum_slice channel, struct locum_slice payload)
{
    (void)channel;
    (void)payload;
    ask_all(user);
}

static void
on_closed(void *user, const char *why)
{
    char what[LOCUM_REDIS_ERROR_MAX + 1];
    struct locum_text text = locum_text_init(what, sizeof(what));
    locum_text_add(&text, ": ");
    locum_text_add(&text, why);
    rest_with(user, what);
}

static const struct locum_link_events ask_events = {on_ask_up, NULL, on_closed};
static const struct locum_link_events listen_events = {on_listen_up, on_message, on_closed};

static void
connect_both(struct locum_sentinel *self)
{
    const locum_ms timeout_ms = self->settings.timeout_ms;
    if (self->address_count == 0) {
        arm(self, LOCUM_SENTINEL_RETRY_FIRST_MS); /* sooner, when there is one */
        return;
    }
    const struct locum_sentinel_settings *settings = &self->settings;
    const struct locum_link_target target = {
        .address = self->addresses[self->turn++ % self->address_count],
        .tls = settings->tls,
        .name = settings->name[0] != '\0' ? settings->name : settings->endpoint.host,
    };
    self->asked = LOCUM_NEVER;
    self->ask = locum_link_open(self->base, &target, timeout_ms, &ask_events, self, self->commands);
    self->listen =
        locum_link_open(self->base, &target, timeout_ms, &listen_events, self, self->commands);
    if (self->ask == NULL || self->listen == NULL) {
        rest(self);
    }
}

static void
on_timer(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    struct locum_sentinel *self = user;
    if (self->ask == NULL) {
        connect_both(self);
    } else {
        ask_all(self);
    }
}

static const char *
copy(char *buffer, size_t size, const char *string)
{
    struct locum_text text = locum_text_init(buffer, size);
    locum_text_add(&text, string);
    return buffer;
}

static void
copy_settings(struct locum_sentinel *self, const struct locum_sentinel_settings *from)
{
    struct locum_sentinel_settings *to = &self->settings;
    *to = *from;
    to->login.user = copy(self->login_user, sizeof(self->login_user), from->login.user);
    to->login.password =
        copy(self->login_password, sizeof(self->login_password), from->login.password);
    to->login.name = copy(self->login_name, sizeof(self->login_name), from->login.name);
    to->name = copy(self->name, sizeof(self->name), from->name);
    to->master_name = copy(self->master_name, sizeof(self->master_name), from->master_name);
    struct locum_text where = locum_text_init(self->where, sizeof(self->where));
    locum_endpoint_add(&to->endpoint, &where);
}

struct locum_sentinel *
locum_sentinel_create(struct event_base *base, size_t number,
                      const struct locum_sentinel_settings *settings,
                      const struct locum_sentinel_events *events, void *user, uint64_t *commands)
{
    struct locum_sentinel *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return NULL;
    }
    self->base = base;
    self->number = number;
    copy_settings(self, settings);
    self->events = events;
    self->user = user;
    self->commands = commands;
    self->polled = LOCUM_NEVER;
    self->backoff.first_ms = LOCUM_SENTINEL_RETRY_FIRST_MS;
    self->backoff.max_ms = LOCUM_SENTINEL_RETRY_MAX_MS;
    self->timer = event_new(base, -1, 0, on_timer, self);
    if (self->timer == NULL) {
        free(self);
        return NULL;
    }
    arm(self, 0);
    return self;
}

bool
locum_sentinel_keep(struct locum_sentinel *self, size_t number,
                    const struct locum_sentinel_settings *settings)
{
    const struct locum_sentinel_settings *mine = &self->settings;
    if (strcmp(mine->endpoint.host, settings->endpoint.host) != 0 ||
        mine->endpoint.port != settings->endpoint.port ||
        strcmp(mine->login.user, settings->login.user) != 0 ||
        strcmp(mine->login.password, settings->login.password) != 0 ||
        strcmp(mine->login.name, settings->login.name) != 0 ||
        strcmp(mine->master_name, settings->master_name) != 0 ||
        strcmp(mine->name, settings->name) != 0 || mine->timeout_ms != settings->timeout_ms ||
        mine->poll_ms != settings->poll_ms) {
        return false;
    }
    self->number = number;
    self->settings.tls = settings->tls;
    return true;
}

void
locum_sentinel_addresses_set(struct locum_sentinel *self, const struct locum_address *addresses,
                             size_t count, const char *why)
{
    const bool first = self->address_count == 0 && count > 0;
    self->addresses = addresses;
    self->address_count = count;
    if (first && self->ask == NULL) {
        arm(self, 0);
    } else if (count == 0 && why[0] != '\0') {
        char error[LOCUM_REDIS_ERROR_MAX + 1];
        struct locum_text text = locum_text_init(error, sizeof(error));
        add_who(self, &text);
        locum_text_add(&text, ": the host name has no address: ");
        locum_text_add(&text, why);
        say(self, error);
    }
}

bool
locum_sentinel_is_connected(const struct locum_sentinel *self)
{
    return self->connected;
}

bool
locum_sentinel_tilt(const struct locum_sentinel *self)
{
    return self->tilt;
}

locum_ms
locum_sentinel_polled(const struct locum_sentinel *self)
{
    return self->polled;
}

const char *
locum_sentinel_error(const struct locum_sentinel *self)
{
    return self->error;
}

void
locum_sentinel_destroy(struct locum_sentinel *self)
{
    if (self == NULL) {
        return;
    }
    locum_link_close(self->ask);
    locum_link_close(self->listen);
    event_free(self->timer);
    free(self);
}
