#include "redis/sentinel.h"

#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text_format.h"
#include "base/timer.h"
#include "redis/diagnosis.h"

/* The subscribed connection is checked with each fourth poll: without it polls are only later. */
enum { POLLS_PER_CHECK = 4 };

struct locum_sentinel {
    const struct locum_endpoints_entry *entry;
    const struct locum_sentinel_settings *settings;
    const struct locum_sentinel_events *events;
    void *user;

    size_t attempts; /* to connect: they use the addresses in turn */
    struct locum_link *poll_link;
    struct locum_link *listen;
    struct locum_timer timer; /* the next poll, or the next attempt to connect */
    struct locum_backoff backoff;

    struct locum_sentinel_view view; /* of the poll under way */
    bool polling;                    /* replies are awaited */
    bool discarded;                  /* a reply of this poll was unusable */
    bool again;                      /* an event came meanwhile */
    locum_ms asked;                  /* mono time of the last poll's begin; LOCUM_NEVER */
    unsigned polls;                  /* begun */
    size_t confirmations;            /* replies to SUBSCRIBE since the last connect */
    bool unsubscribed;               /* the last of them was an error */

    struct locum_redis_sentinel status;
};

static void poll_now(void *user);

locum_ms
locum_sentinel_fresh_ms(const struct locum_config *config)
{
    return 2 * config->core.sentinel_poll_ms + 200; /* one poll may fail, VOTE-2 */
}

static void
arm(struct locum_sentinel *self, locum_ms wait)
{
    locum_timer_arm(&self->timer, wait > 0 ? wait : 0);
}

/* Set the error in the status, "" for none; a new one is logged. */
static void
report(struct locum_sentinel *self, const char *what)
{
    char error[LOCUM_REDIS_ERROR_MAX + 1] = "";
    if (what[0] != '\0') {
        (void)locum_text_format_buffer(error, sizeof(error), "Sentinel %s: %s", self->status.where,
                                       what);
    }
    if (strcmp(self->status.error, error) != 0) {
        memcpy(self->status.error, error, sizeof(error));
        if (what[0] != '\0') {
            LOCUM_LOG(LOCUM_LOG_WARN, "sentinel", "error", error);
        }
    }
}

/* Close both connections because of `what`; try again after the back-off. */
static void
rest(void *user, const char *what)
{
    struct locum_sentinel *self = user;
    locum_link_close(self->poll_link);
    locum_link_close(self->listen);
    self->poll_link = NULL;
    self->listen = NULL;
    self->polling = false;
    self->again = false;
    self->status.connected = false;
    self->confirmations = 0;
    self->unsubscribed = false;
    arm(self, locum_backoff_next(&self->backoff, arc4random()));
    self->events->lost(self->user, self->entry);
    report(self, what);
}

/* This poll has no result; the connection stays. The first reason is reported. */
static void
discard(struct locum_sentinel *self, const char *what)
{
    if (!self->discarded) {
        report(self, what);
    }
    self->discarded = true;
}

/* It does not know the master's name: report the names it knows. */
static void
on_masters(struct locum_sentinel *self, const redisReply *reply)
{
    char what[LOCUM_REDIS_ERROR_MAX + 1];
    struct locum_text text = locum_text_init(what, sizeof(what));
    locum_text_format(&text, "no master is named '%s'; set redis.master-name to one of: ",
                      self->settings->config->redis.master_name);
    if (locum_resp_masters(reply, &text) != 0) {
        locum_text_add(&text, "(no list)");
    }
    report(self, what);
}

/* The poll's last reply has come. */
static void
finish(struct locum_sentinel *self)
{
    const locum_ms now = locum_clock_read().mono;
    const locum_ms poll_ms = self->settings->config->core.sentinel_poll_ms;
    self->polling = false;
    if (self->again) {
        arm(self, self->asked + LOCUM_SENTINEL_POLL_GAP_MS - now);
    } else { /* all Sentinels at the same moments: the process wakes once for all of them */
        arm(self, self->asked - self->asked % poll_ms + poll_ms - now);
    }
    if (self->discarded) {
        self->status.connected =
            self->status.connected &&
            now - self->status.polled_mono <= locum_sentinel_fresh_ms(self->settings->config);
        return;
    }
    if (!self->status.connected) {
        LOCUM_LOG(LOCUM_LOG_INFO, "sentinel", "address", self->status.where, "state", "connected");
    }
    self->status.connected = true;
    self->status.polled_mono = now;
    self->status.polls++;
    self->status.tilt = self->view.tilt;
    locum_backoff_reset(&self->backoff);
    if (!self->unsubscribed) {
        report(self, "");
    }
    self->events->polled(self->user, self->entry, &self->view);
}

/*
 * The master's address is asked for by name: during a failover the leading Sentinel reports the new
 * config-epoch in SENTINEL MASTER together with the dead master's address, until the replicas have
 * followed the new one.
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

/* What decode() found wrong. */
static const char *
fault(int status)
{
    switch (status) {
    case LOCUM_ERR_INVALID:
        return "it lists an instance with neither an address nor a host name; check `sentinel "
               "announce-ip` there";
    case LOCUM_ERR_SPACE:
        return "it lists more than 128 instances; `SENTINEL RESET` there forgets old ones: run it "
               "only "
               "while all sites are up";
    default: return "unexpected reply: is this a Sentinel?";
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
            locum_command_argv(LOCUM_COMMAND_SENTINEL_MASTERS, NULL);
        self->discarded = true; /* on_masters() says why */
        locum_link_send(self->poll_link, &argv, on_reply, self);
    } else if (locum_resp_error(reply, &error)) {
        discard(self, locum_diagnosis_of(true, command, error).text);
    } else if (!self->discarded) {
        const int status = decode(self, command, reply);
        if (status != 0) {
            discard(self, fault(status));
        }
    }
    if (command == LOCUM_COMMAND_INFO) {
        finish(self);
    }
}

/* Replies come in the order of the channels, then one for each check. After the last channel it
 * polls: events may have been missed before. */
static void
on_subscribed(void *user, enum locum_command command, const redisReply *reply)
{
    struct locum_sentinel *self = user;
    struct locum_slice error;
    const size_t at = self->confirmations < LOCUM_SENTINEL_CHANNELS ? self->confirmations : 0;
    self->confirmations++;
    self->unsubscribed = locum_resp_error(reply, &error);
    if (self->unsubscribed) {
        report(self, locum_diagnosis_of(true, command, error).text);
    } else if (!locum_resp_subscribed(reply, locum_sentinel_channels[at])) {
        rest(self, "unexpected reply to SUBSCRIBE: is this a Sentinel?");
    } else if (self->confirmations == LOCUM_SENTINEL_CHANNELS) {
        poll_now(self);
    }
}

static void
ask(struct locum_sentinel *self, enum locum_command command, const char *argument)
{
    const struct locum_command_argv argv = locum_command_argv(command, argument, NULL);
    const bool subscribe = command == LOCUM_COMMAND_SUBSCRIBE;
    locum_link_send(subscribe ? self->listen : self->poll_link, &argv,
                    subscribe ? on_subscribed : on_reply, self);
}

/* Poll now, or as soon as the poll under way has ended and the gap has passed. */
static void
poll_now(void *user)
{
    struct locum_sentinel *self = user;
    const locum_ms now = locum_clock_read().mono;
    const char *master_name = self->settings->config->redis.master_name;
    if (!locum_link_is_up(self->poll_link)) {
        return;
    }
    if (self->polling) {
        self->again = true;
        return;
    }
    if (self->asked != LOCUM_NEVER && now - self->asked < LOCUM_SENTINEL_POLL_GAP_MS) {
        arm(self, self->asked + LOCUM_SENTINEL_POLL_GAP_MS - now);
        return;
    }
    self->view.instances.count = 0;   /* the rest is overwritten, or the poll is discarded */
    locum_timer_disarm(&self->timer); /* armed again when the poll or the connection ends */
    self->polling = true;
    self->discarded = false;
    self->again = false;
    self->asked = now;
    ask(self, LOCUM_COMMAND_SENTINEL_ADDRESS, master_name);
    ask(self, LOCUM_COMMAND_SENTINEL_MASTER, master_name);
    ask(self, LOCUM_COMMAND_SENTINEL_REPLICAS, master_name);
    ask(self, LOCUM_COMMAND_SENTINEL_SENTINELS, master_name);
    ask(self, LOCUM_COMMAND_INFO, "sentinel");
    if (locum_link_is_up(self->listen) && self->polls++ % POLLS_PER_CHECK == 0) {
        ask(self, LOCUM_COMMAND_SUBSCRIBE, locum_sentinel_channels[0]); /* checks the connection */
    }
}

static void
on_listen_up(void *user)
{
    for (size_t i = 0; i < LOCUM_SENTINEL_CHANNELS; i++) {
        ask(user, LOCUM_COMMAND_SUBSCRIBE, locum_sentinel_channels[i]);
    }
}

static void
on_message(void *user, struct locum_slice channel, struct locum_slice payload)
{
    (void)channel, (void)payload;
    poll_now(user);
}

static const struct locum_link_events poll_events = {poll_now, NULL, rest};
static const struct locum_link_events listen_events = {on_listen_up, on_message, rest};

static void
connect_both(struct locum_sentinel *self)
{
    const struct locum_sentinel_settings *settings = self->settings;
    const char *tls_name = settings->config->redis.tls.name;
    const char *name = tls_name[0] != '\0' ? tls_name : self->entry->endpoint.host;
    if (self->entry->address_count == 0) {
        return; /* locum_sentinel_addresses_changed() */
    }
    const struct locum_address *address =
        &self->entry->addresses[self->attempts++ % self->entry->address_count];
    self->asked = LOCUM_NEVER;
    self->poll_link = locum_link_open(&settings->link, address, name, &poll_events, self);
    self->listen = locum_link_open(&settings->link, address, name, &listen_events, self);
    if (self->poll_link == NULL || self->listen == NULL) {
        rest(self, "out of memory");
    }
}

static void
on_timer(void *user)
{
    struct locum_sentinel *self = user;
    if (self->poll_link == NULL) {
        connect_both(self);
    } else {
        poll_now(self);
    }
}

struct locum_sentinel *
locum_sentinel_create(const struct locum_endpoints_entry *entry,
                      const struct locum_sentinel_settings *settings,
                      const struct locum_sentinel_events *events, void *user)
{
    struct locum_sentinel *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return NULL;
    }
    self->entry = entry;
    self->settings = settings;
    self->events = events;
    self->user = user;
    self->backoff.first_ms = LOCUM_SENTINEL_RETRY_FIRST_MS;
    self->backoff.max_ms = LOCUM_SENTINEL_RETRY_MAX_MS;
    self->status.node = entry->node;
    self->status.polled_mono = LOCUM_NEVER;
    struct locum_text where = locum_text_init(self->status.where, sizeof(self->status.where));
    locum_config_endpoint_add(&entry->endpoint, &where);
    locum_timer_init(&self->timer, settings->link.base, on_timer, self);
    arm(self, 0);
    return self;
}

bool
locum_sentinel_keep(struct locum_sentinel *self, const struct locum_endpoints_entry *entry)
{
    char buffer[sizeof(self->status.where)];
    struct locum_text where = locum_text_init(buffer, sizeof(buffer));
    locum_config_endpoint_add(&entry->endpoint, &where);
    if (strcmp(buffer, self->status.where) != 0) {
        return false;
    }
    self->entry = entry;
    self->status.node = entry->node;
    return true;
}

void
locum_sentinel_addresses_changed(struct locum_sentinel *self, const char *why)
{
    if (self->entry->address_count > 0) {
        if (self->poll_link == NULL && !locum_timer_armed(&self->timer)) {
            arm(self, 0); /* it waits for an address, not for the back-off */
        }
    } else if (why[0] != '\0') {
        char what[LOCUM_REDIS_ERROR_MAX + 1];
        (void)locum_text_format_buffer(what, sizeof(what), "the host name has no address: %s", why);
        report(self, what);
    }
}

const struct locum_redis_sentinel *
locum_sentinel_status(const struct locum_sentinel *self)
{
    return &self->status;
}

void
locum_sentinel_destroy(struct locum_sentinel *self)
{
    if (self == NULL) {
        return;
    }
    locum_link_close(self->poll_link);
    locum_link_close(self->listen);
    locum_timer_fini(&self->timer);
    free(self);
}
