/* GET /status: what this node holds to be true, every key always there. */
#include "daemon/daemon.h"

#include <stdlib.h>
#include <string.h>

#include "core/vote.h"

enum { SERVING_BYTES_MAX = 1024 };

json_t *
locum_daemon_names_of(const struct locum_core_config *config, locum_nodes set)
{
    json_t *names = json_array();
    for (locum_node node = 0; node < config->node_count; node++) {
        if (locum_nodes_has(set, node)) {
            (void)json_array_append_new(names, json_string(config->nodes[node].name));
        }
    }
    return names;
}

static json_t *
time_of(locum_ms wall)
{
    char buffer[32];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    if (wall == LOCUM_NEVER) {
        return json_null();
    }
    locum_text_add_time(&text, wall);
    return json_string(buffer);
}

/* Milliseconds since a mono time; null: never. */
static json_t *
age_of(locum_ms mono, struct locum_now now)
{
    return mono == LOCUM_NEVER ? json_null() : json_integer(now.mono - mono);
}

/* null also for what is no UTF-8: a NULL would take the whole object away. */
static json_t *
text_or_null(const char *text)
{
    json_t *string = text[0] == '\0' ? NULL : json_string(text);
    return string != NULL ? string : json_null();
}

static json_t *
admin_of(const struct locum_daemon *self, locum_node node, struct locum_now now)
{
    const struct locum_core *core = &self->core;
    const bool own = node == core->config.self;
    const bool leased = own && core->admin.until_boot != LOCUM_NEVER;
    return json_pack("{s:s, s:o, s:o}", "state", locum_names_admin(locum_core_admin(core, node)),
                     "left_ms",
                     leased ? json_integer(core->admin.until_boot - now.boot) : json_null(),
                     "reason", own ? text_or_null(core->admin.reason) : json_null());
}

locum_nodes
locum_daemon_voters(const struct locum_core *core, locum_node node, struct locum_now now)
{
    const enum locum_condition letter = locum_detector_state_code(&core->detector, node);
    const locum_nodes voters = locum_vote_count(&core->view, &core->config, node, now.mono);
    return letter == LOCUM_SUSPECT || letter == LOCUM_DOWN
               ? voters
               : voters & ~locum_nodes_of(core->config.self);
}

static json_t *
mirrorbits_of(const struct locum_core *core, locum_node node, struct locum_now now)
{
    const locum_ms heard = core->view.peer[node].mirrorbits;
    return json_pack("{s:b, s:o}", "seen", locum_view_mirrorbits_seen(&core->view, node, now.mono),
                     "heard_ms", age_of(heard, now));
}

/* Who holds all its instances down; null: no Sentinel can be asked. */
static json_t *
sentinel_down_of(const struct locum_core *core, locum_node node, struct locum_now now)
{
    if (!locum_vote_sentinels_speak(&core->view, &core->config, now.mono)) {
        return json_null();
    }
    return locum_daemon_names_of(&core->config,
                                 locum_vote_sentinels(&core->view, &core->config, node, now.mono));
}

static json_t *
node_of(const struct locum_daemon *self, locum_node node, struct locum_now now)
{
    const struct locum_core *core = &self->core;
    const struct locum_core_config *config = &core->config;
    const struct locum_peer_facts *facts = &core->view.peer[node];
    const bool own = node == config->self;
    const bool sentinel_only = config->nodes[node].role == LOCUM_ROLE_SENTINEL;
    return json_pack(
        "{s:s, s:s, s:b, s:o, s:s, s:o, s:s, s:b, s:{s:o, s:o}, s:o, s:o, s:o, s:o, s:o, s:o}",
        "name", config->nodes[node].name, "role", locum_names_role(config->nodes[node].role),
        "self", own, "condition",
        sentinel_only ? json_null()
                      : json_string(locum_names_condition(locum_core_condition(core, node))),
        "service", locum_names_service(locum_core_service(core, node)), "admin",
        admin_of(self, node, now), "rank", locum_names_rank(core->rank[node]), "excluded",
        locum_nodes_has(core->admin.excluded, node), "heard_ms", "redis",
        age_of(facts->path[LOCUM_PATH_REDIS].heard, now), "udp",
        age_of(facts->path[LOCUM_PATH_UDP].heard, now), "since",
        time_of(own ? self->serving_since : core->detector.peer[node].since_wall), "votes",
        locum_daemon_names_of(config,
                              own || sentinel_only ? 0 : locum_daemon_voters(core, node, now)),
        "sentinel_down", sentinel_down_of(core, node, now), "mirrorbits",
        mirrorbits_of(core, node, now), "digest",
        text_or_null(own ? config->digest : facts->digest), "version",
        text_or_null(own ? config->version : facts->version));
}

static json_t *
nodes_of(const struct locum_daemon *self, struct locum_now now)
{
    json_t *nodes = json_array();
    for (locum_node node = 0; node < self->core.config.node_count; node++) {
        (void)json_array_append_new(nodes, node_of(self, node, now));
    }
    return nodes;
}

static json_t *
addresses_of(const struct locum_config *config, locum_nodes set, enum locum_family family)
{
    json_t *addresses = json_array();
    for (locum_node node = 0; node < config->core.node_count; node++) {
        for (size_t i = 0; locum_nodes_has(set, node) && i < config->nodes[node].address_count;
             i++) {
            const struct locum_address *address = &config->nodes[node].address[i];
            char buffer[LOCUM_ADDRESS_TEXT_MAX];
            struct locum_text text = locum_text_init(buffer, sizeof(buffer));
            if (address->family == family) {
                locum_address_add(address, &text);
                (void)json_array_append_new(addresses, json_string(buffer));
            }
        }
    }
    return addresses;
}

json_t *
locum_daemon_answers(const struct locum_daemon *self, const struct locum_core *core, size_t name)
{
    static const char *const types[] = {"A", "AAAA"};
    json_t *answers = json_array();
    for (enum locum_family family = LOCUM_V4; family <= LOCUM_V6; family++) {
        const struct locum_answer *answer = &core->plan.answers[name][family];
        char reason[SERVING_BYTES_MAX];
        struct locum_text text = locum_text_init(reason, sizeof(reason));
        if (answer->nodes == 0) {
            continue;
        }
        locum_plan_reason_add(&text, &core->config, name, answer);
        (void)json_array_append_new(
            answers,
            json_pack("{s:s, s:s, s:I, s:o, s:o, s:s}", "name", self->config->names[name].name,
                      "type", types[family], "ttl_s", (json_int_t)answer->ttl_s, "answers",
                      addresses_of(self->config, answer->nodes, family), "nodes",
                      locum_daemon_names_of(&core->config, answer->nodes), "reason", reason));
    }
    return answers;
}

static json_t *
names_of(const struct locum_daemon *self)
{
    json_t *names = json_array();
    for (size_t i = 0; i < self->core.config.name_count; i++) {
        json_t *answers = locum_daemon_answers(self, &self->core, i);
        (void)json_array_extend(names, answers);
        json_decref(answers);
    }
    return names;
}

static json_t *
sentinels_of(const struct locum_daemon *self, const struct locum_redis_status *redis,
             struct locum_now now)
{
    json_t *sentinels = json_array();
    for (size_t i = 0; i < redis->sentinel_count; i++) {
        const locum_node node = redis->sentinels[i].node;
        json_t *name =
            node != LOCUM_NODE_NONE ? json_string(self->core.config.nodes[node].name) : json_null();
        (void)json_array_append_new(
            sentinels, json_pack("{s:s, s:o, s:b, s:b, s:o, s:o}", "address",
                                 redis->sentinels[i].where, "node", name, "connected",
                                 redis->sentinels[i].connected, "tilt", redis->sentinels[i].tilt,
                                 "polled_ms", age_of(redis->sentinels[i].polled_mono, now), "error",
                                 text_or_null(redis->sentinels[i].error)));
    }
    return sentinels;
}

/* null: none is configured. */
static json_t *
redis_of(const struct locum_daemon *self, const struct locum_redis_status *redis)
{
    if (self->config->redis.master_name[0] == '\0') {
        return json_null();
    }
    char master[LOCUM_ADDRESS_TEXT_MAX];
    struct locum_text text = locum_text_init(master, sizeof(master));
    if (redis->master.port != 0) {
        locum_address_add_port(&redis->master, &text);
    }
    return json_pack("{s:b, s:o, s:o, s:o}", "connected", redis->connected, "master",
                     text_or_null(master), "since", time_of(redis->since_wall), "error",
                     text_or_null(redis->error));
}

static json_t *
checks_of(struct locum_daemon *self)
{
    json_t *checks = json_array();
    char last[LOCUM_CHECK_SAID_MAX];
    for (size_t i = 0; i < self->core.config.check_count; i++) {
        const struct locum_check_state *state = &self->core.service.check[i];
        struct locum_text text = locum_text_init(last, sizeof(last));
        locum_daemon_add_check(self, i, &text);
        (void)json_array_append_new(
            checks, json_pack("{s:s, s:s, s:o, s:o}", "name", self->config->checks[i].name, "state",
                              locum_names_service(state->verdict), "last", text_or_null(last),
                              "since", time_of(state->since_wall)));
    }
    return checks;
}

json_t *
locum_daemon_status(struct locum_daemon *self)
{
    const struct locum_core *core = &self->core;
    const struct locum_core_config *config = &core->config;
    const struct locum_now now = locum_daemon_now(self);
    struct locum_redis_status redis;
    struct locum_dns_counts dns;
    char serving[SERVING_BYTES_MAX];
    struct locum_text text = locum_text_init(serving, sizeof(serving));
    locum_plan_serving_add(&text, config, core->serving);
    locum_redis_status(self->redis, &redis);
    locum_dns_counts(self->dns, &dns);
    const locum_nodes reachable = locum_vote_reachable(&core->view, config, now.mono);
    return json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:{s:i, s:i}, s:o, s:o, s:o, s:o, s:o, s:{s:I, s:I, "
        "s:I}, "
        "s:o, s:o, s:o}",
        "cluster", config->cluster, "node", config->nodes[config->self].name, "version",
        config->version, "incarnation", (json_int_t)core->view.incarnation, "uptime_ms",
        (json_int_t)(now.mono - self->started_mono), "mode", "normal", "serving", serving, "quorum",
        "needed", (int)config->quorum, "reachable", __builtin_popcount(reachable), "nodes",
        nodes_of(self, now), "names", names_of(self), "redis", redis_of(self, &redis), "sentinels",
        sentinels_of(self, &redis, now), "checks", checks_of(self), "dns", "serial",
        (json_int_t)self->serial, "queries", (json_int_t)(dns.udp.queries + dns.tcp.queries),
        "closed", (json_int_t)self->dns_closed, "nsd", locum_daemon_nsd(self), "next_loss",
        locum_daemon_next_loss(core, now), "warnings", locum_daemon_warnings(self));
}
