#include "redis/redis.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/foreign.h"
#include "base/log.h"
#include "base/resolver.h"
#include "base/text_format.h"
#include "base/timer.h"
#include "redis/discovery.h"
#include "redis/endpoints.h"
#include "redis/master.h"
#include "redis/sentinel.h"
#include "redis/tls.h"

enum { FORGET_POLLS = 10 }; /* a host name that no Sentinel has listed for so long makes room */

struct locum_redis {
    struct event_base *base;
    const struct locum_config *config;
    const struct locum_redis_events *events;
    void *user;
    char client[sizeof("locum-") + LOCUM_NODE_NAME_MAX]; /* "locum-dc2" */
    struct locum_master_settings master_settings;
    struct locum_sentinel_settings sentinel_settings;
    struct locum_tls *tls;                     /* NULL: plain text, or its files are unusable */
    char tls_error[LOCUM_REDIS_ERROR_MAX + 1]; /* why, at the last reading; "": they are usable */
    struct locum_endpoints endpoints;
    struct locum_resolver *resolver;
    struct locum_discovery discovery;
    struct locum_master *master;
    /* By endpoints.sentinels, and the view of the last poll of each. */
    struct locum_sentinel *sentinels[LOCUM_ENDPOINTS_SENTINELS_MAX]; /* NULL: no memory */
    struct locum_endpoints_view views[LOCUM_ENDPOINTS_SENTINELS_MAX];
    size_t attempts;          /* to connect to a master: choose among a host name's addresses */
    struct locum_timer timer; /* evaluates which master to use */
    bool subscribed;          /* as last reported */
    char error[LOCUM_REDIS_ERROR_MAX + 1];      /* why the last connection ended */
    char unresolved[LOCUM_REDIS_ERROR_MAX + 1]; /* the Sentinels name an unknown master; "" */
    struct locum_redis_status
        status; /* since_wall, other_db, unknown_mirrorbits, commands, oversized, failures */
};

static bool
is_wanted(const struct locum_redis *self)
{
    return self->config->redis.master_name[0] != '\0';
}

/* With redis.tls nothing connects before its files are usable. */
static bool
may_connect(const struct locum_redis *self)
{
    return is_wanted(self) && (!self->config->redis.tls.on || self->tls != NULL);
}

/* Report to the daemon if the subscription was gained or lost. */
static void
report(void *user)
{
    struct locum_redis *self = user;
    const bool ready = locum_master_is_ready(self->master);
    if (ready == self->subscribed) {
        return;
    }
    self->subscribed = ready;
    self->status.since_wall = ready ? locum_clock_read().wall : LOCUM_NEVER;
    if (ready) {
        self->error[0] = '\0';
        locum_discovery_worked(&self->discovery, locum_master_address(self->master));
    }
    self->events->subscribed(self->user, ready);
}

/* Close the connection in use. */
static void
leave(struct locum_redis *self, const char *why)
{
    (void)locum_text_format_buffer(self->error, sizeof(self->error), "%s", why);
    locum_master_leave(self->master);
    report(self);
}

/* Use the address that discovery chooses; leave another one at once. */
static void
evaluate(void *user)
{
    struct locum_redis *self = user;
    report(
        self); /* first: a reload may have closed the connection, and a new one must not hide it */
    if (!may_connect(self)) {
        return;
    }
    const locum_ms now = locum_clock_read().mono;
    const struct locum_address *current = locum_master_address(self->master);
    const char *tls_name = self->config->redis.tls.name;
    struct locum_address chosen;
    locum_ms not_before;
    if (current != NULL && !locum_discovery_allows(&self->discovery, current)) {
        leave(self, "nodes.X.redis no longer has its address");
        current = NULL;
    }
    if (!locum_discovery_choose(&self->discovery, current, now, &chosen, &not_before)) {
        locum_timer_arm(&self->timer, LOCUM_DISCOVERY_GAP_MS);
        return;
    }
    if (current != NULL && locum_address_equal(current, &chosen)) {
        return;
    }
    if (current != NULL) { /* a failover: the old master may still look healthy */
        char why[LOCUM_REDIS_ERROR_MAX + 1];
        (void)locum_text_format_buffer(why, sizeof(why),
                                       "the Sentinels name another master now: %s",
                                       locum_address_text(&chosen).text);
        leave(self, why);
    }
    if (not_before > now) {
        locum_timer_arm(&self->timer, not_before - now);
        return;
    }
    locum_discovery_tried(&self->discovery, &chosen, now);
    locum_master_connect(self->master, &chosen,
                         tls_name[0] != '\0' ? tls_name
                                             : locum_endpoints_name(&self->endpoints, &chosen));
    locum_timer_arm(&self->timer, LOCUM_DISCOVERY_GAP_MS);
}

/* A connection to this endpoint failed: its host name may have another address now. */
static void
refresh(void *user, const struct locum_endpoints_entry *entry)
{
    struct locum_redis *self = user;
    if (entry->named) {
        locum_resolver_refresh(self->resolver, entry->endpoint.host);
    }
}

/* Try again, or another address, when discovery allows it. A reason is logged when it is new, and
 * only while no connection works: the event redis-lost reports the end of one that did. */
static void
on_master_left(void *user, const struct locum_address *address,
               enum locum_discovery_failure failure, const char *why)
{
    struct locum_redis *self = user;
    const bool is_new = strcmp(self->error, why) != 0;
    self->status.failures++;
    (void)locum_text_format_buffer(self->error, sizeof(self->error), "%s", why);
    if (is_new && !self->subscribed) {
        LOCUM_LOG(LOCUM_LOG_WARN, "redis", "error", self->error);
    }
    locum_discovery_failed(&self->discovery, address, failure, arc4random(),
                           locum_clock_read().mono);
    self->attempts++;
    for (size_t i = 0; i < self->endpoints.redis_count; i++) {
        refresh(self, &self->endpoints.at[i]);
    }
    report(self);
    locum_timer_arm(&self->timer, 0);
}

/* An announcement of a Mirrorbits that runs on no node is only noted. */
static void
on_announcement(void *user, struct locum_slice payload)
{
    struct locum_redis *self = user;
    struct locum_slice host;
    struct locum_slice instance;
    uint32_t db;
    char text[LOCUM_HOST_MAX + 8];
    if (locum_resp_mirrorbits(payload, &db, &host, &instance) != 0 ||
        locum_slice_copy(instance, text, sizeof(text)) != 0) {
        return;
    }
    const locum_node node = locum_endpoints_node_of_mirrorbits(self->config, host);
    if (node == LOCUM_NODE_NONE) {
        struct locum_redis_mirrorbits *unknown = &self->status.unknown_mirrorbits;
        if (db == self->config->redis.db) {
            struct locum_text name = locum_text_init(unknown->host, sizeof(unknown->host));
            locum_foreign_add(&name, host, LOCUM_HOST_MAX);
            unknown->heard_mono = locum_clock_read().mono;
        }
        return;
    }
    if (db == self->config->redis.db) {
        self->events->mirrorbits(self->user, node, text);
    } else { /* a channel has no database: it may belong to another cluster of Mirrorbits */
        self->status.other_db[node] = (struct locum_redis_other_db){db, locum_clock_read().mono};
    }
}

/*
 * Sentinels may list other host names than the configuration has (`announce-hostnames`): look them
 * up, so that each is assigned to the node that has its address.
 *
 * anywhere  an address that is no node's will do: one connects there, and it gives no evidence.
 */
static void
place(struct locum_redis *self, struct locum_instance *instance, bool anywhere)
{
    const struct locum_address *addresses;
    const char *why;
    if (instance->host[0] == '\0' || locum_endpoints_has(&self->endpoints, instance)) {
        return;
    }
    locum_resolver_list(self->resolver, instance->host,
                        FORGET_POLLS * self->config->core.sentinel_poll_ms);
    const size_t count = locum_resolver_addresses(self->resolver, instance->host, &addresses, &why);
    locum_endpoints_place(&self->endpoints, instance, addresses, count);
    if (instance->host[0] != '\0' && anywhere && count > 0) {
        const uint16_t port = instance->address.port;
        *instance = (struct locum_instance){.address = addresses[0], .down = instance->down};
        instance->address.port = port;
    }
}

/* Is the address of a configured Redis not known yet, because its name is still being looked up? */
static bool
is_looking_up(const struct locum_redis *self)
{
    for (size_t i = 0; i < self->endpoints.redis_count; i++) {
        const struct locum_endpoints_entry *entry = &self->endpoints.at[i];
        const struct locum_address *addresses;
        const char *why = "";
        if (entry->named &&
            locum_resolver_addresses(self->resolver, entry->endpoint.host, &addresses, &why) == 0 &&
            why[0] == '\0') {
            return true;
        }
    }
    return false;
}

/* Hand the master that a Sentinel names to discovery, if it has an address. */
static void
consider_master(struct locum_redis *self, size_t number, const struct locum_sentinel_view *view)
{
    struct locum_address address;
    self->unresolved[0] = '\0';
    if (locum_endpoints_locate(&self->endpoints, &view->master, locum_master_address(self->master),
                               self->attempts, &address)) {
        if (!locum_discovery_allows(&self->discovery, &address) && !is_looking_up(self)) {
            self->views[number].unlisted_master = address;
        }
        locum_discovery_report(&self->discovery, number, &address, view->epoch,
                               locum_clock_read().mono);
        return;
    }
    struct locum_text text = locum_text_init(self->unresolved, sizeof(self->unresolved));
    locum_text_add(&text, "the Sentinels name the master ");
    locum_foreign_add(&text, locum_slice_of(view->master.host), LOCUM_INSTANCE_HOST_MAX);
    locum_text_format(&text,
                      ":%u, which is no nodes.X.redis or has no address; set nodes.X.redis to this "
                      "name, or `sentinel announce-hostnames no` at the Sentinels",
                      view->master.address.port);
}

static void
on_polled(void *user, const struct locum_endpoints_entry *entry, struct locum_sentinel_view *view)
{
    struct locum_redis *self = user;
    const size_t number = (size_t)(entry - self->endpoints.sentinels);
    struct locum_endpoints_view *sorted = &self->views[number];
    place(self, &view->master, true);
    for (size_t i = 0; i < view->instances.count; i++) {
        place(self, &view->instances.at[i], false);
    }
    locum_endpoints_sort(&self->endpoints, &view->instances, entry->node, sorted);
    consider_master(self, number, view);
    evaluate(self);
    if (entry->node != LOCUM_NODE_NONE) {
        self->events->sentinel(self->user, entry->node, view->tilt, sorted->known, sorted->down);
    }
}

static const struct locum_master_events master_events = {
    .changed = report, .announcement = on_announcement, .left = on_master_left};
static const struct locum_sentinel_events sentinel_events = {.polled = on_polled, .lost = refresh};

/* Take the settings of the connections from self->config and self->tls. */
static void
set_settings(struct locum_redis *self)
{
    const struct locum_config_redis *redis = &self->config->redis;
    struct locum_link_settings link = {
        .base = self->base,
        .timeout_ms = redis->timeout_ms,
        .tls = redis->tls.to != LOCUM_TLS_FOR_SENTINELS ? self->tls : NULL,
        .login = {false, redis->user, redis->password, self->client},
        .commands = &self->status.commands,
        .oversized = &self->status.oversized,
    };
    self->master_settings = (struct locum_master_settings){
        .link = link,
        .config = self->config,
        .owner = self->events,
        .owner_user = self->user,
    };
    link.login = (struct locum_link_login){true, redis->sentinel_user, redis->sentinel_password,
                                           self->client};
    link.tls = redis->tls.to != LOCUM_TLS_FOR_REDIS ? self->tls : NULL;
    self->sentinel_settings =
        (struct locum_sentinel_settings){.link = link, .config = self->config};
}

/* Watch a Sentinel; if it was watched before, keep its connections. */
static void
keep_or_create(struct locum_redis *self, size_t number,
               struct locum_sentinel *old[LOCUM_ENDPOINTS_SENTINELS_MAX])
{
    const struct locum_endpoints_entry *entry = &self->endpoints.sentinels[number];
    struct locum_sentinel **slot = &self->sentinels[number];
    for (size_t i = 0; i < LOCUM_ENDPOINTS_SENTINELS_MAX && *slot == NULL; i++) {
        if (old[i] != NULL && locum_sentinel_keep(old[i], entry)) {
            *slot = old[i];
            old[i] = NULL;
        }
    }
    if (*slot == NULL) {
        *slot = locum_sentinel_create(entry, &self->sentinel_settings, &sentinel_events, self);
    }
    if (*slot == NULL) {
        LOCUM_LOG(LOCUM_LOG_ERR, "sentinel", "error", "out of memory: a Sentinel is not watched");
    }
}

/* Give the addresses that the resolver has now to the endpoints, to discovery and the Sentinels. */
static void
spread_addresses(struct locum_redis *self)
{
    struct locum_discovery *discovery = &self->discovery;
    discovery->server_count = 0;
    for (size_t i = 0; i < self->endpoints.count; i++) {
        struct locum_endpoints_entry *entry = &self->endpoints.at[i];
        const char *host = entry->endpoint.host;
        const struct locum_address *addresses = NULL;
        const char *why = "";
        if (entry->named) {
            const size_t count = locum_resolver_addresses(self->resolver, host, &addresses, &why);
            locum_endpoints_set(entry, addresses, count);
        }
        if (i < self->endpoints.redis_count) {
            for (size_t j = 0; j < entry->address_count; j++) {
                locum_discovery_add_server(discovery, &entry->addresses[j]);
            }
        } else if (self->sentinels[i - self->endpoints.redis_count] != NULL) {
            locum_sentinel_addresses_changed(self->sentinels[i - self->endpoints.redis_count], why);
        }
    }
}

static void
on_addresses(void *user)
{
    struct locum_redis *self = user;
    spread_addresses(self);
    locum_timer_arm(&self->timer, 0);
}

/*
 * Begin, or continue, with self->config.
 *
 * old  the Sentinels of before; those that are kept are taken out.
 */
static void
begin(struct locum_redis *self, struct locum_sentinel *old[LOCUM_ENDPOINTS_SENTINELS_MAX])
{
    memset(self->views, 0, sizeof(self->views));
    memset(&self->endpoints, 0, sizeof(self->endpoints));
    self->unresolved[0] = '\0';
    locum_timer_arm(&self->timer, 0);
    set_settings(self);
    if (is_wanted(self)) {
        locum_endpoints_init(&self->endpoints, self->config);
    }
    locum_discovery_init(&self->discovery, self->endpoints.sentinel_count > 0,
                         locum_sentinel_fresh_ms(self->config), self->config->redis.timeout_ms,
                         locum_clock_read().mono);
    self->discovery.servers_only = locum_endpoints_has_redis(&self->endpoints);
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        self->status.other_db[i].heard_mono = LOCUM_NEVER;
    }
    self->status.unknown_mirrorbits.heard_mono = LOCUM_NEVER;
    for (size_t i = 0; i < self->endpoints.count; i++) {
        if (self->endpoints.at[i].named) {
            locum_resolver_add(self->resolver, self->endpoints.at[i].endpoint.host);
        }
    }
    locum_resolver_trim(self->resolver);
    for (size_t i = 0; i < self->endpoints.sentinel_count && may_connect(self); i++) {
        keep_or_create(self, i, old);
    }
    spread_addresses(self);
}

/*
 * Read the files of redis.tls, again at each reload: certificates are renewed.
 *
 * same  they are the files of the last time: if they are unusable now, what was read then stays.
 */
static void
read_tls(struct locum_redis *self, bool same)
{
    const struct locum_config_tls *config = &self->config->redis.tls;
    struct locum_text why = locum_text_init(self->tls_error, sizeof(self->tls_error));
    struct locum_tls *next = config->on ? locum_tls_create(config, &why) : NULL;
    if (why.length > 0) {
        LOCUM_LOG(LOCUM_LOG_ERR, "redis", "error", self->tls_error);
    }
    if (why.length == 0 || !same) {
        locum_tls_destroy(self->tls);
        self->tls = next;
    }
}

int
locum_redis_create(struct event_base *base, const struct locum_config *config,
                   const struct locum_redis_events *events, void *user, struct locum_redis **ret)
{
    struct locum_sentinel *none[LOCUM_ENDPOINTS_SENTINELS_MAX] = {0};
    struct locum_redis *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    self->base = base;
    self->config = config;
    self->events = events;
    self->user = user;
    self->status.since_wall = LOCUM_NEVER;
    (void)locum_text_format_buffer(self->client, sizeof(self->client), "locum-%s",
                                   config->core.nodes[config->core.self].name);
    set_settings(self);
    locum_timer_init(&self->timer, base, evaluate, self);
    self->master = locum_master_create(&self->master_settings, &master_events, self);
    self->resolver = locum_resolver_create(base, NULL, on_addresses, self);
    if (self->master == NULL || self->resolver == NULL) {
        locum_redis_destroy(self);
        return LOCUM_ERR_MEMORY;
    }
    read_tls(self, false);
    begin(self, none);
    *ret = self;
    return 0;
}

static bool
differs(const char *a, const char *b)
{
    return strcmp(a, b) != 0;
}

static bool
tls_differs(const struct locum_config_tls *a, const struct locum_config_tls *b)
{
    return a->on != b->on || a->to != b->to || differs(a->ca_file, b->ca_file) ||
           differs(a->cert_file, b->cert_file) || differs(a->key_file, b->key_file) ||
           differs(a->name, b->name);
}

void
locum_redis_reconfigure(struct locum_redis *self, const struct locum_config *config)
{
    const struct locum_config_redis *a = &self->config->redis;
    const struct locum_config_redis *b = &config->redis;
    struct locum_sentinel *old[LOCUM_ENDPOINTS_SENTINELS_MAX];
    memcpy(old, self->sentinels, sizeof(old));
    memset(self->sentinels, 0, sizeof(self->sentinels));
    const bool other_tls = tls_differs(&a->tls, &b->tls);
    const bool other_all =
        other_tls || differs(a->master_name, b->master_name) || a->timeout_ms != b->timeout_ms;
    const bool other_poll = self->config->core.sentinel_poll_ms != config->core.sentinel_poll_ms;
    self->config = config;
    read_tls(self, !other_tls);
    if (other_all || differs(a->user, b->user) || differs(a->password, b->password) ||
        a->db != b->db) {
        locum_master_leave(self->master);
        self->error[0] = '\0';
    }
    const bool other_sentinels = other_all || differs(a->sentinel_user, b->sentinel_user) ||
                                 differs(a->sentinel_password, b->sentinel_password) || other_poll;
    struct locum_sentinel *none[LOCUM_ENDPOINTS_SENTINELS_MAX] = {0};
    begin(self, other_sentinels ? none : old);
    for (size_t i = 0; i < LOCUM_ENDPOINTS_SENTINELS_MAX; i++) {
        locum_sentinel_destroy(old[i]);
    }
}

void
locum_redis_publish(struct locum_redis *self, struct locum_slice message)
{
    locum_master_publish(self->master, message);
}

void
locum_redis_write_node(struct locum_redis *self, const struct locum_field *fields, size_t count,
                       locum_ms wall)
{
    locum_master_write_node(self->master, fields, count, wall);
}

void
locum_redis_events_added(struct locum_redis *self)
{
    locum_master_events_added(self->master);
}

/* Every Sentinel that is connected names a master that is not allowed: say so of the first. */
static void
add_unlisted_master(const struct locum_redis_status *status, struct locum_text *text)
{
    const struct locum_redis_sentinel *first = NULL;
    for (size_t i = 0; i < status->sentinel_count; i++) {
        const struct locum_redis_sentinel *sentinel = &status->sentinels[i];
        if (sentinel->connected && sentinel->unlisted_master.port == 0) {
            return;
        }
        first = first == NULL && sentinel->connected ? sentinel : first;
    }
    if (first != NULL && text->length == 0) {
        locum_text_format(
            text,
            "the Sentinel %s names the master %s, which is no nodes.X.redis: this node "
            "does not log in there; see the warning unknown-master",
            first->where, locum_address_text(&first->unlisted_master).text);
    }
}

/* The error that an operator should see first: the first of these that there is. */
static void
add_error(const struct locum_redis *self, const struct locum_redis_status *status,
          struct locum_text *text)
{
    locum_text_add(text, self->tls_error);
    locum_text_add(text, text->length == 0 ? locum_master_diagnosis(self->master) : "");
    if (self->subscribed || self->config->redis.master_name[0] == '\0') {
        return;
    }
    add_unlisted_master(status, text);
    locum_text_add(text, text->length == 0 ? self->error : "");
    locum_text_add(text, text->length == 0 ? self->unresolved : "");
    for (size_t i = 0; i < self->endpoints.sentinel_count && text->length == 0; i++) {
        if (self->sentinels[i] != NULL) {
            locum_text_add(text, locum_sentinel_status(self->sentinels[i])->error);
        }
    }
    for (size_t i = 0; i < self->endpoints.redis_count && text->length == 0; i++) {
        const struct locum_endpoint *endpoint = &self->endpoints.at[i].endpoint;
        const struct locum_address *addresses;
        const char *why;
        (void)locum_resolver_addresses(self->resolver, endpoint->host, &addresses, &why);
        if (why[0] != '\0') {
            locum_text_format(text, "Redis %s:%u: the host name has no address: %s", endpoint->host,
                              endpoint->port, why);
        }
    }
    if (text->length == 0 && self->endpoints.count == 0) {
        locum_text_add(text, "no node has a Redis or a Sentinel; set nodes.X.redis and "
                             "nodes.X.sentinel");
    }
}

void
locum_redis_status(const struct locum_redis *self, struct locum_redis_status *ret)
{
    *ret = self->status;
    struct locum_text error = locum_text_init(ret->error, sizeof(ret->error));
    struct locum_text unknown =
        locum_text_init(ret->unknown_instances, sizeof(ret->unknown_instances));
    const struct locum_address *master = locum_master_address(self->master);
    ret->connected = locum_master_is_ready(self->master);
    if (master != NULL) {
        ret->master = *master;
    }
    locum_endpoints_add_unknown(self->views, self->endpoints.sentinel_count, &unknown);
    for (size_t i = 0; i < self->endpoints.sentinel_count; i++) {
        if (self->sentinels[i] != NULL) {
            struct locum_redis_sentinel *sentinel = &ret->sentinels[ret->sentinel_count++];
            *sentinel = *locum_sentinel_status(self->sentinels[i]);
            sentinel->unlisted_master = self->views[i].unlisted_master;
        }
    }
    add_error(self, ret, &error);
}

void
locum_redis_destroy(struct locum_redis *self)
{
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < LOCUM_ENDPOINTS_SENTINELS_MAX; i++) {
        locum_sentinel_destroy(self->sentinels[i]);
    }
    locum_resolver_destroy(self->resolver);
    locum_master_destroy(self->master);
    locum_tls_destroy(self->tls);
    locum_timer_fini(&self->timer);
    free(self);
}
