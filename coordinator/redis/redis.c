#include "redis/redis.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/timeval.h"
#include "redis/private.h"
#include "redis/random.h"

enum { RETRY_MS = LOCUM_DISCOVERY_GAP_MS };

static void
wake_in(struct locum_redis *self, locum_ms wait)
{
    const locum_ms ms = wait > 0 ? wait : 0;
    const struct timeval tv = locum_timeval(ms);
    event_add(self->wake, &tv);
}

/* Tell the daemon if the channel was won or lost. */
static void
tell(struct locum_redis *self)
{
    const bool ready = locum_master_is_ready(self->master);
    if (ready == self->told) {
        return;
    }
    self->told = ready;
    self->since_wall = ready ? locum_now_read().wall : LOCUM_NEVER;
    if (ready) {
        self->error[0] = '\0';
        locum_discovery_worked(&self->discovery, locum_master_address(self->master));
    }
    self->events->subscribed(self->user, ready);
}

/* Leave the connection, for the address that is to be used instead; its evidence is void. */
static void
leave_for(struct locum_redis *self, const struct locum_address *chosen)
{
    struct locum_text text = locum_text_init(self->error, sizeof(self->error));
    locum_text_add(&text, "the Sentinels name another master now: ");
    locum_address_add_port(chosen, &text);
    locum_master_leave(self->master);
    tell(self);
}

/* What the certificate of the Redis at this address must be for; NULL: the address. */
static const char *
certificate_name(const struct locum_redis *self, const struct locum_address *address)
{
    const char *name = self->settings.redis.tls.name;
    return name[0] != '\0' ? name : locum_endpoints_name(&self->endpoints, address);
}

/* Use the address that discovery names; leave another at once. */
static void
evaluate(struct locum_redis *self)
{
    tell(self); /* what a reload has left must not seem to be the connection that comes now */
    const locum_ms now = locum_now_read().mono;
    const struct locum_address *current = locum_master_address(self->master);
    struct locum_address chosen;
    locum_ms not_before;
    if (!locum_discovery_choose(&self->discovery, current, now, &chosen, &not_before)) {
        wake_in(self, RETRY_MS);
        return;
    }
    if (current != NULL && locum_address_equal(current, &chosen)) {
        return;
    }
    if (current != NULL) {
        leave_for(self, &chosen);
    }
    if (not_before > now) {
        wake_in(self, not_before - now);
        return;
    }
    locum_discovery_tried(&self->discovery, &chosen, now);
    locum_master_connect(self->master, &chosen, certificate_name(self, &chosen));
    wake_in(self, RETRY_MS);
}

static void
on_wake(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    struct locum_redis *self = user;
    if (locum_redis_is_wanted(self) && locum_redis_may_connect(self)) {
        evaluate(self);
    } else {
        tell(self);
    }
}

static void
on_master_changed(void *user)
{
    tell(user);
}

/* The host names of Redis servers may have other addresses now. */
static void
refresh_redis(struct locum_redis *self)
{
    for (size_t i = 0; i < self->endpoints.redis_count; i++) {
        if (self->endpoints.redis[i].named) {
            locum_resolver_refresh(self->resolver, self->endpoints.redis[i].endpoint.host);
        }
    }
}

static void
on_master_left(void *user, const struct locum_address *address,
               enum locum_discovery_failure failure, const char *why)
{
    struct locum_redis *self = user;
    const bool is_new = strcmp(self->error, why) != 0;
    self->failures++;
    struct locum_text text = locum_text_init(self->error, sizeof(self->error));
    locum_text_add(&text, why);
    if (is_new && !self->told) {
        LOCUM_LOG(LOCUM_LOG_WARN, "redis", "error", self->error);
    }
    locum_discovery_failed(&self->discovery, address, failure, locum_random(),
                           locum_now_read().mono);
    self->turn++;
    refresh_redis(self);
    tell(self);
    wake_in(self, 0);
}

static void
on_heartbeat(void *user, struct locum_slice line)
{
    struct locum_redis *self = user;
    self->events->line(self->user, line);
}

/* The node whose Mirrorbits runs on this host. */
static locum_node
node_of_mirrorbits(const struct locum_config *config, struct locum_slice host)
{
    for (size_t i = 0; i < config->core.node_count; i++) {
        const char *name = config->nodes[i].mirrorbits[0] != '\0' ? config->nodes[i].mirrorbits
                                                                  : config->core.nodes[i].name;
        if (locum_slice_is(host, name)) {
            return (locum_node)i;
        }
    }
    return LOCUM_NODE_NONE;
}

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
    const locum_node node = node_of_mirrorbits(self->config, host);
    if (node == LOCUM_NODE_NONE) {
        return;
    }
    if (db == self->settings.redis.db) {
        self->events->mirrorbits(self->user, node, text);
    } else { /* channels know no database: it is of another cluster of Mirrorbits */
        self->other_db[node].db = db;
        self->other_db[node].heard_mono = locum_now_read().mono;
    }
}

/* What the Sentinel told of the master, if that is a place that can be reached. */
static void
take_claim(struct locum_redis *self, size_t number, const struct locum_sentinel_view *view)
{
    struct locum_address address;
    const struct locum_address *in_use = locum_master_address(self->master);
    self->lost[0] = '\0';
    if (locum_endpoints_locate(&self->endpoints, &view->master, in_use, self->turn, &address)) {
        locum_discovery_report(&self->discovery, number, &address, view->epoch,
                               locum_now_read().mono);
        return;
    }
    struct locum_text text = locum_text_init(self->lost, sizeof(self->lost));
    locum_text_add(&text, "the Sentinels name the master ");
    locum_text_add(&text, view->master.host);
    locum_text_add_char(&text, ':');
    locum_text_add_u64(&text, view->master.address.port);
    locum_text_add(&text, ", which is no nodes.X.redis, or has no address: write it there as it "
                          "stands here, or set `sentinel announce-hostnames no`");
}

static void
on_polled(void *user, size_t number, const struct locum_sentinel_view *view)
{
    struct locum_redis *self = user;
    const locum_node node = self->endpoints.sentinels[number].node;
    struct locum_endpoints_view *seen = &self->seen[number];
    self->polls[number]++;
    locum_endpoints_sort(&self->endpoints, &view->instances, node, seen);
    take_claim(self, number, view);
    evaluate(self);
    if (node != LOCUM_NODE_NONE) {
        self->events->sentinel(self->user, node, view->tilt, seen->known, seen->down);
    }
}

static void
on_sentinel_lost(void *user, size_t number)
{
    struct locum_redis *self = user;
    if (self->endpoints.sentinels[number].named) {
        locum_resolver_refresh(self->resolver, self->endpoints.sentinels[number].endpoint.host);
    }
}

static const struct locum_master_events master_events = {
    .changed = on_master_changed,
    .heartbeat = on_heartbeat,
    .announcement = on_announcement,
    .left = on_master_left,
};
static const struct locum_sentinel_events sentinel_events = {.polled = on_polled,
                                                             .lost = on_sentinel_lost};

static void
copy_settings(struct locum_redis_settings *self, const struct locum_config *config)
{
    memset(self, 0, sizeof(*self));
    const char *node = config->core.nodes[config->core.self].name;
    struct locum_text text = locum_text_init(self->cluster, sizeof(self->cluster));
    locum_text_add(&text, config->core.cluster);
    text = locum_text_init(self->node, sizeof(self->node));
    locum_text_add(&text, node);
    text = locum_text_init(self->client, sizeof(self->client));
    locum_text_add(&text, "locum-");
    locum_text_add(&text, node);
    self->redis = config->redis;
    self->poll_ms = config->core.sentinel_poll_ms;
}

static struct locum_master_settings
master_settings(const struct locum_redis *self)
{
    const struct locum_redis_settings *from = &self->settings;
    return (struct locum_master_settings){
        .login = {from->redis.user, from->redis.password, from->client},
        .tls = self->tls,
        .db = from->redis.db,
        .timeout_ms = from->redis.timeout_ms,
        .cluster = from->cluster,
        .node = from->node,
    };
}

static void
keep_or_create(struct locum_redis *self, size_t number,
               struct locum_sentinel *old[LOCUM_ENDPOINTS_SENTINELS_MAX])
{
    const struct locum_redis_settings *from = &self->settings;
    const struct locum_sentinel_settings settings = {
        .endpoint = self->endpoints.sentinels[number].endpoint,
        .login = {from->redis.sentinel_user, from->redis.sentinel_password, from->client},
        .tls = self->tls,
        .name = from->redis.tls.name,
        .master_name = from->redis.master_name,
        .timeout_ms = from->redis.timeout_ms,
        .poll_ms = from->poll_ms,
    };
    struct locum_sentinel **slot = &self->sentinels[number];
    for (size_t i = 0; i < LOCUM_ENDPOINTS_SENTINELS_MAX && *slot == NULL; i++) {
        if (old[i] != NULL && locum_sentinel_keep(old[i], number, &settings)) {
            *slot = old[i];
            old[i] = NULL;
        }
    }
    if (*slot == NULL) {
        *slot = locum_sentinel_create(self->base, number, &settings, &sentinel_events, self,
                                      &self->commands);
    }
    if (*slot == NULL) {
        LOCUM_LOG(LOCUM_LOG_ERR, "sentinel", "error", "out of memory: it is not watched");
    }
}

/* Look after the host names of the endpoints, and no others. */
static void
watch_names(struct locum_redis *self)
{
    for (size_t i = 0; i < self->endpoints.redis_count; i++) {
        if (self->endpoints.redis[i].named) {
            locum_resolver_add(self->resolver, self->endpoints.redis[i].endpoint.host);
        }
    }
    for (size_t i = 0; i < self->endpoints.sentinel_count; i++) {
        if (self->endpoints.sentinels[i].named) {
            locum_resolver_add(self->resolver, self->endpoints.sentinels[i].endpoint.host);
        }
    }
    locum_resolver_trim(self->resolver);
}

static void
take_addresses(struct locum_redis *self, struct locum_endpoints_entry *entry)
{
    const struct locum_address *addresses = NULL;
    if (entry->named) {
        const size_t count =
            locum_resolver_addresses(self->resolver, entry->endpoint.host, &addresses);
        locum_endpoints_set(entry, addresses, count);
    }
}

/* Everybody gets the addresses that the resolver has now. */
static void
spread_addresses(struct locum_redis *self)
{
    struct locum_discovery *discovery = &self->discovery;
    discovery->server_count = 0;
    for (size_t i = 0; i < self->endpoints.redis_count; i++) {
        struct locum_endpoints_entry *entry = &self->endpoints.redis[i];
        take_addresses(self, entry);
        for (size_t j = 0;
             j < entry->address_count && discovery->server_count < LOCUM_DISCOVERY_SERVERS_MAX;
             j++) {
            discovery->servers[discovery->server_count++] = entry->addresses[j];
        }
    }
    for (size_t i = 0; i < self->endpoints.sentinel_count; i++) {
        struct locum_endpoints_entry *entry = &self->endpoints.sentinels[i];
        take_addresses(self, entry);
        if (self->sentinels[i] != NULL) {
            locum_sentinel_addresses_set(
                self->sentinels[i], entry->addresses, entry->address_count,
                locum_resolver_error(self->resolver, entry->endpoint.host));
        }
    }
}

static void
on_addresses(void *user)
{
    struct locum_redis *self = user;
    spread_addresses(self);
    wake_in(self, 0);
}

/* Begin, or go on, with self->config. */
static void
begin(struct locum_redis *self, struct locum_sentinel *old[LOCUM_ENDPOINTS_SENTINELS_MAX])
{
    memset(self->seen, 0, sizeof(self->seen));
    memset(self->polls, 0, sizeof(self->polls));
    memset(&self->endpoints, 0, sizeof(self->endpoints));
    self->lost[0] = '\0';
    wake_in(self, 0);
    if (locum_redis_is_wanted(self)) {
        locum_endpoints_init(&self->endpoints, self->config);
    }
    locum_discovery_init(&self->discovery, self->endpoints.sentinel_count > 0,
                         2 * self->settings.poll_ms + 200, self->settings.redis.timeout_ms,
                         locum_now_read().mono);
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        self->other_db[i].heard_mono = LOCUM_NEVER;
    }
    watch_names(self);
    for (size_t i = 0; i < self->endpoints.sentinel_count && locum_redis_may_connect(self); i++) {
        keep_or_create(self, i, old);
    }
    spread_addresses(self);
}

static bool
tls_differs(const struct locum_config_tls *a, const struct locum_config_tls *b)
{
    return a->on != b->on || strcmp(a->ca_file, b->ca_file) != 0 ||
           strcmp(a->cert_file, b->cert_file) != 0 || strcmp(a->key_file, b->key_file) != 0 ||
           strcmp(a->name, b->name) != 0;
}

/*
 * Read the files of redis.tls, again at each reload: certificates are renewed.
 *
 * same  they are those of the last time: if they went bad meanwhile, what was read then stays.
 */
static void
read_tls(struct locum_redis *self, bool same)
{
    const struct locum_config_tls *config = &self->settings.redis.tls;
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
    self->since_wall = LOCUM_NEVER;
    copy_settings(&self->settings, config);
    read_tls(self, false);
    const struct locum_master_settings settings = master_settings(self);
    self->master = locum_master_create(base, &settings, &master_events, self, &self->commands);
    self->wake = event_new(base, -1, 0, on_wake, self);
    self->resolver = locum_resolver_create(base, NULL, on_addresses, self);
    if (self->master == NULL || self->wake == NULL || self->resolver == NULL) {
        locum_redis_destroy(self);
        return LOCUM_ERR_MEMORY;
    }
    begin(self, none);
    *ret = self;
    return 0;
}

/* Is the connection to the master to be made anew? */
static bool
master_differs(const struct locum_redis_settings *a, const struct locum_redis_settings *b)
{
    return strcmp(a->cluster, b->cluster) != 0 || strcmp(a->node, b->node) != 0 ||
           strcmp(a->redis.master_name, b->redis.master_name) != 0 ||
           strcmp(a->redis.user, b->redis.user) != 0 ||
           strcmp(a->redis.password, b->redis.password) != 0 || a->redis.db != b->redis.db ||
           tls_differs(&a->redis.tls, &b->redis.tls) || a->redis.timeout_ms != b->redis.timeout_ms;
}

void
locum_redis_reconfigure(struct locum_redis *self, const struct locum_config *config)
{
    struct locum_sentinel *old[LOCUM_ENDPOINTS_SENTINELS_MAX];
    struct locum_redis_settings before = self->settings;
    memcpy(old, self->sentinels, sizeof(old));
    memset(self->sentinels, 0, sizeof(self->sentinels));
    self->config = config;
    copy_settings(&self->settings, config);
    const bool other_tls = tls_differs(&before.redis.tls, &self->settings.redis.tls);
    read_tls(self, !other_tls);
    const struct locum_master_settings settings = master_settings(self);
    if (master_differs(&before, &self->settings)) {
        locum_master_leave(self->master);
        self->error[0] = '\0';
    }
    locum_master_settings_set(self->master, &settings);
    for (size_t i = 0; i < LOCUM_ENDPOINTS_SENTINELS_MAX && other_tls; i++) {
        locum_sentinel_destroy(old[i]);
        old[i] = NULL;
    }
    begin(self, old);
    for (size_t i = 0; i < LOCUM_ENDPOINTS_SENTINELS_MAX; i++) {
        locum_sentinel_destroy(old[i]);
    }
}

void
locum_redis_publish(struct locum_redis *self, struct locum_slice line)
{
    locum_master_publish(self->master, line);
}

void
locum_redis_write_node(struct locum_redis *self, const struct locum_field *fields, size_t count,
                       locum_ms wall)
{
    locum_master_write_node(self->master, fields, count, wall);
}

void
locum_redis_add_event(struct locum_redis *self, const struct locum_field *fields, size_t count)
{
    locum_master_add_event(self->master, fields, count, self->config->events_keep);
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
    if (self->wake != NULL) {
        event_free(self->wake);
    }
    explicit_bzero(&self->settings, sizeof(self->settings));
    free(self);
}
