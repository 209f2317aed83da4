/* GET /status: the node as it sees itself and the others. Every key is always there. */
#include "core/degraded.h"
#include "core/vote.h"
#include "report/certificates.h"
#include "report/dnssec.h"
#include "report/report.h"

enum { SERVING_BYTES_MAX = 1024 };

static json_t *
time_of(locum_ms wall)
{
    return wall == LOCUM_NEVER ? json_null() : json_string(locum_text_time(wall).text);
}

/* Milliseconds since a mono time; null: never. */
static json_t *
age_of(locum_ms mono, struct locum_now now)
{
    return mono == LOCUM_NEVER ? json_null() : json_integer(now.mono - mono);
}

/* The Sentinels that see all its instances down; null: no Sentinel can be asked. */
static json_t *
sentinel_down_of(const struct locum_core *core, locum_node node, locum_ms mono)
{
    if (!locum_vote_sentinels_speak(&core->view, &core->config, mono)) {
        return json_null();
    }
    return locum_report_names(&core->config,
                              locum_vote_sentinels(&core->view, &core->config, node, mono));
}

/* What its DNS answers to this node; null: it was not asked lately, or has no such address. */
static json_t *
dns_of(const struct locum_report *report, locum_node node)
{
    json_t *dns = json_pack("{s:s}", "state", locum_report_dns_state(report, node));
    locum_ms asked = LOCUM_NEVER;
    for (enum locum_family family = LOCUM_V4; family <= LOCUM_V6; family++) {
        json_t *by_transport = json_object();
        for (size_t i = 0; i < LOCUM_TRANSPORTS; i++) {
            const enum locum_transport transport = (enum locum_transport)i;
            const struct locum_dns_facts *facts =
                &report->core->view.peer[node].dns[family][transport];
            const enum locum_dns_state state =
                locum_view_dns(&report->core->view, node, family, transport, report->now.mono);
            asked = facts->asked > asked ? facts->asked : asked;
            (void)json_object_set_new(by_transport, locum_names_transport(transport),
                                      state == LOCUM_DNS_UNKNOWN
                                          ? json_null()
                                          : json_string(locum_names_dns_state(state)));
        }
        (void)json_object_set_new(dns, locum_names_family(family), by_transport);
    }
    (void)json_object_set_new(dns, "asked_ms", age_of(asked, report->now));
    return dns;
}

/* null: the node has no address of the family. */
static json_t *
family_of(const struct locum_report *report, locum_node node, enum locum_family family)
{
    const struct locum_core *core = report->core;
    const struct locum_family_state *state = &core->families.at[node][family];
    if (!core->config.nodes[node].has[family]) {
        return json_null();
    }
    return json_pack(
        "{s:b, s:s, s:o, s:o, s:o, s:b}", "lost", state->lost, "rank",
        locum_names_rank(core->rank[node].in[family]), "heard_ms",
        age_of(core->view.peer[node].family[family].heard, report->now), "since",
        time_of(state->since_wall), "votes",
        locum_report_names(&core->config,
                           locum_family_votes(&core->families, &core->view, &core->config, node,
                                              family, report->now.mono)),
        "votable", locum_family_votable(&core->config, node, family));
}

/* null: not heard of late, or this node itself. */
static json_t *
by_key_of(const struct locum_report *report, locum_node node)
{
    const enum locum_heard_by by =
        locum_evidence_heard_by(report->evidence, node, report->now.mono);
    return by == LOCUM_HEARD_BY_NOTHING || node == report->core->config.self
               ? json_null()
               : json_boolean(by == LOCUM_HEARD_BY_KEY);
}

/* One node. What only the node itself knows (lease, reason) is null for the others. */
static json_t *
node_of(const struct locum_report *report, locum_node node)
{
    const struct locum_core *core = report->core;
    const struct locum_core_config *config = &core->config;
    const struct locum_peer_facts *facts = &core->view.peer[node];
    const struct locum_now now = report->now;
    const bool own = node == config->self;
    const bool leased = own && core->admin.until_boot != LOCUM_NEVER;
    const bool sentinel_only = config->nodes[node].role == LOCUM_ROLE_SENTINEL;
    return json_pack(
        "{s:s, s:s, s:b, s:o, s:s, s:{s:s, s:o, s:o}, s:s, s:{s:o, s:o}, s:b, s:{s:o, s:o}, s:o, "
        "s:o, s:o, s:{s:b, s:s, s:o}, s:o, s:o, s:o, s:o}",
        "name", config->nodes[node].name, "role", locum_names_role(config->nodes[node].role),
        "self", own, "condition",
        sentinel_only ? json_null()
                      : json_string(locum_names_condition(locum_core_condition(core, node))),
        "service", locum_names_service(locum_core_service(core, node)), "admin", "state",
        locum_names_admin(locum_core_admin(core, node)), "left_ms",
        leased ? json_integer(core->admin.until_boot - now.boot) : json_null(), "reason",
        own ? locum_report_text(core->admin.reason) : json_null(), "rank",
        locum_names_rank(locum_core_rank(core, node)), "families", "ipv4",
        family_of(report, node, LOCUM_V4), "ipv6", family_of(report, node, LOCUM_V6), "excluded",
        locum_nodes_has(core->admin.excluded, node), "heard_ms", "redis",
        age_of(facts->path[LOCUM_PATH_REDIS].heard, now), "udp",
        age_of(facts->path[LOCUM_PATH_UDP].heard, now), "since",
        time_of(own ? report->run->serving_since : core->detector.peer[node].since_wall), "votes",
        locum_report_names(config, own || sentinel_only ? 0 : locum_report_voters(core, node, now)),
        "sentinel_down", sentinel_down_of(core, node, now.mono), "mirrorbits", "seen",
        locum_view_mirrorbits_seen(&core->view, node, now.mono), "state",
        locum_report_mirrorbits(report, node), "heard_ms", age_of(facts->mirrorbits, now), "dns",
        dns_of(report, node), "digest", locum_report_text(own ? config->digest : facts->digest),
        "version", locum_report_text(own ? config->version : facts->version), "by_key",
        by_key_of(report, node));
}

/* The servers on which the Sentinel there cannot vote, although it is connected. */
static json_t *
cannot_vote(const struct locum_report *report, const struct locum_degraded_list *found,
            locum_node node)
{
    locum_nodes peers = 0;
    for (size_t i = 0; i < found->count; i++) {
        if (found->at[i].kind == LOCUM_DEGRADED_VOTE && found->at[i].node == node) {
            peers = found->at[i].peers;
        }
    }
    return locum_report_names(&report->core->config, peers);
}

static json_t *
address_or_null(const struct locum_address *address)
{
    return address->port != 0 ? json_string(locum_address_text(address).text) : json_null();
}

static json_t *
sentinels_of(const struct locum_report *report)
{
    const struct locum_redis_status *redis = &report->redis;
    json_t *sentinels = json_array();
    struct locum_degraded_list found;
    locum_degraded_find(report->core, report->now.mono, &found);
    for (size_t i = 0; i < redis->sentinel_count; i++) {
        const locum_node node = redis->sentinels[i].node;
        (void)json_array_append_new(
            sentinels,
            json_pack("{s:s, s:s?, s:b, s:b, s:o, s:o, s:o, s:o}", "address",
                      redis->sentinels[i].where, "node",
                      node != LOCUM_NODE_NONE ? report->core->config.nodes[node].name : NULL,
                      "connected", redis->sentinels[i].connected, "tilt", redis->sentinels[i].tilt,
                      "polled_ms", age_of(redis->sentinels[i].polled_mono, report->now),
                      "cannot_vote", cannot_vote(report, &found, node), "unlisted_master",
                      address_or_null(&redis->sentinels[i].unlisted_master), "error",
                      locum_report_text(redis->sentinels[i].error)));
    }
    return sentinels;
}

/* null: no Redis is configured. */
static json_t *
redis_of(const struct locum_report *report)
{
    const struct locum_redis_status *redis = &report->redis;
    if (report->config->redis.master_name[0] == '\0') {
        return json_null();
    }
    return json_pack("{s:b, s:o, s:o, s:o}", "connected", redis->connected, "master",
                     address_or_null(&redis->master), "since", time_of(redis->since_wall), "error",
                     locum_report_text(redis->error));
}

static json_t *
checks_of(const struct locum_report *report)
{
    json_t *checks = json_array();
    char last[LOCUM_CHECK_SAID_MAX];
    for (size_t i = 0; i < report->core->config.check_count; i++) {
        const struct locum_check_state *state = &report->core->service.check[i];
        struct locum_text text = locum_text_init(last, sizeof(last));
        locum_report_add_check(report, i, &text);
        (void)json_array_append_new(
            checks, json_pack("{s:s, s:s, s:o, s:o}", "name", report->config->checks[i].name,
                              "state", locum_names_service(state->verdict), "last",
                              locum_report_text(last), "since", time_of(state->since_wall)));
    }
    return checks;
}

static json_t *
warnings_of(const struct locum_report *report)
{
    const char *key;
    json_t *text;
    json_t *texts = json_array();
    json_t *warnings = locum_warnings_find(report);
    json_object_foreach(warnings, key, text)
    {
        (void)json_array_append(texts, text);
    }
    json_decref(warnings);
    return texts;
}

static json_t *
zones_of(const struct locum_report *report)
{
    json_t *zones = json_array();
    for (size_t i = 0; i < report->config->zone_count; i++) {
        (void)json_array_append_new(zones, json_pack("{s:s, s:o?, s:o}", "name",
                                                     report->config->zones[i].name, "nsd",
                                                     locum_report_nsd_zone(report, i), "dnssec",
                                                     locum_dnssec_of_zone(report, i)));
    }
    return zones;
}

void
locum_report_note_queries(struct locum_queries *self, uint64_t count, locum_ms mono)
{
    const size_t at = self->noted++ % LOCUM_QUERIES_NOTED;
    self->count[at] = count;
    self->at[at] = mono;
}

/* Of the last 10 s, or since the start; null: too early. */
static json_t *
queries_per_s(const struct locum_queries *self)
{
    if (self->noted < 2) {
        return json_null();
    }
    const size_t newest = (self->noted - 1) % LOCUM_QUERIES_NOTED;
    const size_t oldest = self->noted < LOCUM_QUERIES_NOTED ? 0 : self->noted % LOCUM_QUERIES_NOTED;
    const locum_ms ms = self->at[newest] - self->at[oldest];
    const uint64_t tenths =
        ms > 0 ? (self->count[newest] - self->count[oldest]) * 10000 / (uint64_t)ms : 0;
    return json_real((double)tenths / 10);
}

static json_t *
hooks_of(const struct locum_report *report)
{
    json_t *hooks = json_array();
    for (size_t i = 0; i < report->hook_count; i++) {
        const struct locum_hooks_state *hook = report->hooks[i];
        (void)json_array_append_new(
            hooks,
            json_pack("{s:i, s:s, s:b, s:b, s:I, s:I, s:I, s:I, s:o}", "hook", (int)i + 1, "name",
                      hook->name, "off", hook->off, "failing", hook->failing, "delivered",
                      (json_int_t)hook->delivered, "failed", (json_int_t)hook->failed, "dropped",
                      (json_int_t)hook->dropped, "queued", (json_int_t)hook->queued, "last",
                      locum_report_text(hook->last)));
    }
    return hooks;
}

/* NULL: no value of a challenge is answered, which is how it nearly always is. */
static json_t *
acme_of(const struct locum_run *run)
{
    return run->acme_values > 0 ? json_pack("{s:I}", "values", (json_int_t)run->acme_values) : NULL;
}

json_t *
locum_report_status(const struct locum_report *report)
{
    const struct locum_core *core = report->core;
    const struct locum_core_config *config = &core->config;
    const struct locum_now now = report->now;
    json_t *nodes = json_array();
    json_t *names = json_array();
    json_t *warnings = warnings_of(report);
    json_t *degraded = locum_report_degraded(report);
    json_t *next_loss = locum_report_next_loss(report);
    char serving[SERVING_BYTES_MAX];
    struct locum_text text = locum_text_init(serving, sizeof(serving));
    locum_plan_serving_add(&text, config, core->serving);
    const locum_nodes reachable = locum_vote_reachable(&core->view, config, now.mono);
    for (locum_node node = 0; node < config->node_count; node++) {
        (void)json_array_append_new(nodes, node_of(report, node));
    }
    for (size_t i = 0; i < config->name_count; i++) {
        locum_report_add_answers(report->config, core, i, names);
    }
    return json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:s, s:{s:i, s:i}, s:o, s:o, s:o, s:o, s:o, "
        "s:{s:I, s:I, s:o, s:I}, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o*}",
        "cluster", config->cluster, "node", config->nodes[config->self].name, "version",
        config->version, "incarnation", (json_int_t)core->view.incarnation, "uptime_ms",
        (json_int_t)(now.mono - report->run->started_mono), "serving", serving, "quorum", "needed",
        (int)config->quorum, "reachable", __builtin_popcount(reachable), "nodes", nodes, "names",
        names, "redis", redis_of(report), "sentinels", sentinels_of(report), "checks",
        checks_of(report), "dns", "serial", (json_int_t)report->run->serial, "queries",
        (json_int_t)(report->dns.udp.queries + report->dns.tcp.queries), "queries_per_s",
        queries_per_s(&report->run->queries), "closed", (json_int_t)report->run->dns_closed,
        "zones", zones_of(report), "nsd", locum_report_nsd(report), "hooks", hooks_of(report),
        "next_loss", next_loss, "warnings", warnings, "counted_warnings",
        (json_int_t)locum_warnings_count(report, false), "degraded", degraded, "summary",
        locum_report_summary(report, degraded, next_loss), "certificates",
        locum_certificates_list(report), "acme", acme_of(report->run));
}
