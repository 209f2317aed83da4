#include "redis/redis.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "redis/discovery.h"
#include "redis/master.h"
#include "redis/random.h"
#include "redis/roster.h"
#include "redis/sentinel.h"
#include "redis/trouble.h"

enum { RETRY_MS = LOCUM_DISCOVERY_GAP_MS, NAME_MAX_BYTES = 6 + LOCUM_NODE_NAME_MAX + 1 };

/*
 * What the connections were made with, copied: the configuration may be gone while they are
 * compared with the next one.
 */
struct settings {
    char cluster[LOCUM_CLUSTER_NAME_MAX + 1];
    char node[LOCUM_NODE_NAME_MAX + 1];
    char client[NAME_MAX_BYTES]; /* "locum-dc2" */
    struct locum_config_redis redis;
    locum_ms poll_ms;
};

struct locum_redis {
    struct event_base *base;
    const struct locum_config *config;
    struct settings settings;
    const struct locum_redis_events *events;
    void *user;
    struct locum_roster roster;
    struct locum_discovery discovery;
    struct locum_master *master;
    struct locum_sentinel *sentinels[LOCUM_NODES_MAX]; /* by node; NULL: none */
    struct locum_roster_view seen[LOCUM_NODES_MAX];    /* of each Sentinel's last poll */
    struct event *wake; /* see to it that the right master is used, and tell what changed */
    bool told;          /* the last `subscribed` */
    locum_ms since_wall;
    char error[LOCUM_REDIS_ERROR_MAX + 1]; /* why the last connection ended */
    uint64_t commands;
    uint64_t failures;
    uint64_t polls[LOCUM_NODES_MAX]; /* of the Sentinel at each node */
};

static void
wake_in(struct locum_redis *self, locum_ms wait)
{
    const locum_ms ms = wait > 0 ? wait : 0;
    const struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_add(self->wake, &tv);
}

static bool
is_wanted(const struct locum_redis *self)
{
    return self->settings.redis.master_name[0] != '\0';
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

/* Use the address that discovery names; leave another at once. */
static void
evaluate(struct locum_redis *self)
{
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
    locum_master_connect(self->master, &chosen);
    wake_in(self, RETRY_MS);
}

static void
on_wake(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    struct locum_redis *self = user;
    tell(self);
    if (is_wanted(self)) {
        evaluate(self);
    }
}

static void
on_master_changed(void *user)
{
    tell(user);
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
    char text[LOCUM_HOST_MAX + 8];
    if (locum_mirrorbits_hello(payload, &host, &instance) != 0 ||
        locum_slice_copy(instance, text, sizeof(text)) != 0) {
        return;
    }
    const locum_node node = node_of_mirrorbits(self->config, host);
    if (node != LOCUM_NODE_NONE) {
        self->events->mirrorbits(self->user, node, text);
    }
}

static void
on_polled(void *user, locum_node node, const struct locum_sentinel_view *view)
{
    struct locum_redis *self = user;
    struct locum_roster_view *seen = &self->seen[node];
    self->polls[node]++;
    locum_roster_sort(&self->roster, &view->instances, node, seen);
    locum_discovery_claim(&self->discovery, node, &view->master, view->epoch,
                          locum_now_read().mono);
    evaluate(self);
    self->events->sentinel(self->user, node, view->tilt, seen->known, seen->down);
}

static const struct locum_master_events master_events = {
    .changed = on_master_changed,
    .heartbeat = on_heartbeat,
    .announcement = on_announcement,
    .left = on_master_left,
};
static const struct locum_sentinel_events sentinel_events = {.polled = on_polled};

static void
copy_settings(struct settings *self, const struct locum_config *config)
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
    const struct settings *from = &self->settings;
    return (struct locum_master_settings){
        .login = {from->redis.user, from->redis.password, from->client},
        .db = from->redis.db,
        .timeout_ms = from->redis.timeout_ms,
        .cluster = from->cluster,
        .node = from->node,
    };
}

/* A Sentinel for each node that has one: kept from `old` where nothing changed, else made anew. */
static void
make_sentinels(struct locum_redis *self, struct locum_sentinel *old[LOCUM_NODES_MAX])
{
    const struct settings *from = &self->settings;
    for (size_t i = 0; i < self->roster.sentinel_count; i++) {
        const struct locum_roster_entry *entry = &self->roster.sentinels[i];
        const struct locum_sentinel_settings settings = {
            .address = entry->address,
            .login = {from->redis.sentinel_user, from->redis.sentinel_password, from->client},
            .master_name = from->redis.master_name,
            .timeout_ms = from->redis.timeout_ms,
            .poll_ms = from->poll_ms,
        };
        struct locum_sentinel **slot = &self->sentinels[entry->node];
        for (size_t j = 0; j < LOCUM_NODES_MAX && *slot == NULL; j++) {
            if (old[j] != NULL && locum_sentinel_keep(old[j], entry->node, &settings)) {
                *slot = old[j];
                old[j] = NULL;
            }
        }
        if (*slot == NULL) {
            *slot = locum_sentinel_create(self->base, entry->node, &settings, &sentinel_events,
                                          self, &self->commands);
        }
        if (*slot == NULL) {
            LOCUM_LOG(LOCUM_LOG_ERR, "sentinel", "error", "out of memory: it is not watched");
        }
    }
}

/* Begin, or go on, with self->config. */
static void
begin(struct locum_redis *self, struct locum_sentinel *old[LOCUM_NODES_MAX])
{
    memset(self->seen, 0, sizeof(self->seen));
    memset(self->polls, 0, sizeof(self->polls));
    memset(&self->roster, 0, sizeof(self->roster));
    wake_in(self, 0);
    if (!is_wanted(self)) {
        return;
    }
    locum_roster_init(&self->roster, self->config);
    locum_discovery_init(&self->discovery, self->roster.sentinel_count > 0,
                         2 * self->settings.poll_ms + 200, self->settings.redis.timeout_ms,
                         locum_now_read().mono);
    for (size_t i = 0; i < self->roster.redis_count; i++) {
        self->discovery.servers[self->discovery.server_count++] = self->roster.redis[i].address;
    }
    make_sentinels(self, old);
}

int
locum_redis_create(struct event_base *base, const struct locum_config *config,
                   const struct locum_redis_events *events, void *user, struct locum_redis **ret)
{
    struct locum_sentinel *none[LOCUM_NODES_MAX] = {0};
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
    const struct locum_master_settings settings = master_settings(self);
    self->master = locum_master_create(base, &settings, &master_events, self, &self->commands);
    self->wake = event_new(base, -1, 0, on_wake, self);
    if (self->master == NULL || self->wake == NULL) {
        locum_redis_destroy(self);
        return LOCUM_ERR_MEMORY;
    }
    begin(self, none);
    *ret = self;
    return 0;
}

/* Is the connection to the master to be made anew? */
static bool
master_differs(const struct settings *a, const struct settings *b)
{
    return strcmp(a->cluster, b->cluster) != 0 || strcmp(a->node, b->node) != 0 ||
           strcmp(a->redis.master_name, b->redis.master_name) != 0 ||
           strcmp(a->redis.user, b->redis.user) != 0 ||
           strcmp(a->redis.password, b->redis.password) != 0 || a->redis.db != b->redis.db ||
           a->redis.timeout_ms != b->redis.timeout_ms;
}

void
locum_redis_reconfigure(struct locum_redis *self, const struct locum_config *config)
{
    struct locum_sentinel *old[LOCUM_NODES_MAX];
    struct settings before = self->settings;
    memcpy(old, self->sentinels, sizeof(old));
    memset(self->sentinels, 0, sizeof(self->sentinels));
    self->config = config;
    copy_settings(&self->settings, config);
    if (master_differs(&before, &self->settings)) {
        const struct locum_master_settings settings = master_settings(self);
        locum_master_leave(self->master);
        locum_master_settings_set(self->master, &settings);
        self->error[0] = '\0';
    }
    begin(self, old);
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
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

/* Is this stranger of the Sentinel at `node` one that an earlier Sentinel lists too? */
static bool
is_told_before(const struct locum_redis *self, size_t node, const struct locum_address *stranger)
{
    for (size_t i = 0; i < node; i++) {
        for (size_t j = 0; j < self->seen[i].stranger_count; j++) {
            if (locum_address_equal(&self->seen[i].strangers[j], stranger)) {
                return true;
            }
        }
    }
    return false;
}

static void
add_strangers(const struct locum_redis *self, struct locum_text *text)
{
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        for (size_t j = 0; j < self->seen[i].stranger_count; j++) {
            const struct locum_address *stranger = &self->seen[i].strangers[j];
            if (!is_told_before(self, i, stranger)) {
                locum_text_add(text, text->length > 0 ? ", " : "");
                locum_address_add_port(stranger, text);
            }
        }
    }
}

/* The sentence an operator should see first. */
static void
add_error(const struct locum_redis *self, struct locum_text *text)
{
    locum_text_add(text, locum_master_trouble(self->master));
    if (text->length > 0 || self->told || !is_wanted(self)) {
        return;
    }
    locum_text_add(text, self->error);
    for (size_t i = 0; i < LOCUM_NODES_MAX && text->length == 0; i++) {
        if (self->sentinels[i] != NULL) {
            locum_text_add(text, locum_sentinel_error(self->sentinels[i]));
        }
    }
    if (text->length == 0) {
        locum_text_add(text, self->roster.unusable);
    }
    if (text->length == 0 && self->roster.sentinel_count + self->roster.redis_count == 0) {
        locum_text_add(text, "no node has a redis or sentinel address: set nodes.X.redis and "
                             "nodes.X.sentinel");
    }
}

static void
add_sentinel(const struct locum_redis *self, size_t node, struct locum_redis_status *ret)
{
    const struct locum_sentinel *sentinel = self->sentinels[node];
    const size_t at = ret->sentinel_count++;
    struct locum_text text =
        locum_text_init(ret->sentinels[at].error, sizeof(ret->sentinels[at].error));
    ret->sentinels[at].node = (locum_node)node;
    ret->sentinels[at].connected = locum_sentinel_is_connected(sentinel);
    ret->sentinels[at].tilt = locum_sentinel_tilt(sentinel);
    ret->sentinels[at].polled_mono = locum_sentinel_polled(sentinel);
    ret->sentinels[at].polls = self->polls[node];
    locum_text_add(&text, locum_sentinel_error(sentinel));
}

void
locum_redis_status(const struct locum_redis *self, struct locum_redis_status *ret)
{
    memset(ret, 0, sizeof(*ret));
    struct locum_text error = locum_text_init(ret->error, sizeof(ret->error));
    struct locum_text strangers = locum_text_init(ret->strangers, sizeof(ret->strangers));
    const struct locum_address *master = locum_master_address(self->master);
    ret->connected = locum_master_is_ready(self->master);
    ret->since_wall = self->since_wall;
    ret->commands = self->commands;
    ret->failures = self->failures;
    if (master != NULL) {
        ret->master = *master;
    }
    add_error(self, &error);
    add_strangers(self, &strangers);
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        if (self->sentinels[i] != NULL) {
            add_sentinel(self, i, ret);
        }
    }
}

void
locum_redis_destroy(struct locum_redis *self)
{
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        locum_sentinel_destroy(self->sentinels[i]);
    }
    locum_master_destroy(self->master);
    if (self->wake != NULL) {
        event_free(self->wake);
    }
    explicit_bzero(&self->settings, sizeof(self->settings));
    free(self);
}
