/*
 * What is degraded, and what the loss of one more node would cost, in words. What is wrong with the
 * cluster the core finds (core/degraded.h, core/loss.h); what is wrong with this node's own
 * connections and sockets is added here.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/text_format.h"
#include "core/degraded.h"
#include "core/loss.h"
#include "report/report.h"

enum { TEXT_BYTES_MAX = LOCUM_REDIS_ERROR_MAX + 1024 };

/* What each is about: by kind, and what the core cannot know. */
static const char *const abouts[] = {
    [LOCUM_DEGRADED_CONDITION] = "condition",
    [LOCUM_DEGRADED_SERVICE] = "service",
    [LOCUM_DEGRADED_EXCLUDED] = "excluded",
    [LOCUM_DEGRADED_PEERS] = "peers",
    [LOCUM_DEGRADED_REPORTED] = "reported",
    [LOCUM_DEGRADED_UDP] = "udp",
    [LOCUM_DEGRADED_PATH] = "redis-path",
    [LOCUM_DEGRADED_SENTINEL] = "sentinel",
    [LOCUM_DEGRADED_TILT] = "tilt",
    [LOCUM_DEGRADED_VOTE] = "vote",
    [LOCUM_DEGRADED_QUORUM] = "quorum",
    [LOCUM_DEGRADED_REDIS] = "redis",
    [LOCUM_DEGRADED_DNS] = "dns",
    [LOCUM_DEGRADED_FAMILY] = "family",
    [LOCUM_DEGRADED_UNHEARD] = "unheard",
    [LOCUM_DEGRADED_MIRRORBITS] = "mirrorbits",
    [LOCUM_DEGRADED_CHECK] = "check",
    [LOCUM_DEGRADED_FAIL_OPEN] = "fail-open",
    "nsd",
    "answers",
    "file",
    "secret",
};

const char *
locum_report_degraded_about(size_t i)
{
    return i < LOCUM_COUNT(abouts) ? abouts[i] : NULL;
}

__attribute__((format(printf, 4, 5))) static void
add(json_t *list, const char *about, const char *node, const char *format, ...)
{
    char buffer[TEXT_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(buffer, sizeof(buffer), format, arguments);
    va_end(arguments);
    (void)json_array_append_new(list, json_pack("{s:s, s:s?, s:o}", "about", about, "node", node,
                                                "text", locum_report_text(buffer)));
}

/* "dc3 is suspect": the states that the plan is made of. */
static void
add_state(json_t *list, const struct locum_core *core, const struct locum_degraded *found)
{
    const char *about = abouts[found->kind];
    const char *name = core->config.nodes[found->node].name;
    const enum locum_service service = locum_core_service(core, found->node);
    if (found->kind == LOCUM_DEGRADED_CONDITION) {
        add(list, about, name, "%s is %s", name,
            locum_names_condition(locum_core_condition(core, found->node)));
    } else if (found->kind == LOCUM_DEGRADED_SERVICE) {
        add(list, about, name, "the service of %s is %s%s", name,
            service == LOCUM_PROBATION ? "in " : "", locum_names_service(service));
    } else {
        add(list, about, name, "%s is excluded on this node: `locum include %s` ends that", name,
            name);
    }
}

static void
add_mirrorbits(json_t *list, const struct locum_core *core, locum_node node)
{
    const char *about = abouts[LOCUM_DEGRADED_MIRRORBITS];
    const char *name = core->config.nodes[node].name;
    if (core->view.peer[node].mirrorbits == LOCUM_NEVER) {
        add(list, about, name,
            "the Mirrorbits of %s has never announced itself, although Redis works: it is not "
            "running, or hangs, or it announces another host name than nodes.%s.mirrorbits, or "
            "another database than redis.db; see its log, its host name and its RedisDB",
            name, name);
    } else {
        add(list, about, name,
            "the Mirrorbits of %s does not announce itself, although Redis works: it hangs or is "
            "not running; see its log and locum-unstick(8). If it was removed for good, %s",
            name,
            locum_view_mirrorbits_checked(&core->config, node)
                ? "remove the check mirrorbits from locum.yaml and run `locum reload`"
                : "`locum replace` forgets it");
    }
}

static void
add_check(json_t *list, const struct locum_report *report)
{
    const struct locum_core_config *config = &report->core->config;
    const size_t check = locum_service_not_run(&report->core->service, config);
    add(list, abouts[LOCUM_DEGRADED_CHECK], config->nodes[config->self].name, "check %s %s",
        report->config->checks[check].name, report->checks[check].last);
}

static void
add_found(json_t *list, const struct locum_report *report, const struct locum_degraded *found)
{
    char buffer[LOCUM_NODES_MAX * (LOCUM_NODE_NAME_MAX + 1)];
    struct locum_text peers = locum_text_init(buffer, sizeof(buffer));
    const struct locum_core *core = report->core;
    const char *about = abouts[found->kind];
    const char *name = found->node != LOCUM_NODE_NONE ? core->config.nodes[found->node].name : NULL;
    const char *family = locum_names_family(found->family);
    char failures[256];
    struct locum_text dns = locum_text_init(failures, sizeof(failures));
    locum_nodes_add(&peers, &core->config, found->peers);
    switch (found->kind) {
    case LOCUM_DEGRADED_CONDITION:
    case LOCUM_DEGRADED_SERVICE:
    case LOCUM_DEGRADED_EXCLUDED: add_state(list, core, found); break;
    case LOCUM_DEGRADED_PEERS:
        add(list, about, name, "%s does not report %s as alive", name, buffer);
        break;
    case LOCUM_DEGRADED_REPORTED:
        add(list, about, name, "%s reports that it is degraded: run `locum status` on it", name);
        break;
    case LOCUM_DEGRADED_UDP: add(list, about, name, "%s is not heard by UDP", name); break;
    case LOCUM_DEGRADED_PATH: add(list, about, name, "%s is not heard through Redis", name); break;
    case LOCUM_DEGRADED_SENTINEL:
        add(list, about, name, "the Sentinel of %s is not connected", name);
        break;
    case LOCUM_DEGRADED_TILT: add(list, about, name, "the Sentinel of %s is in TILT", name); break;
    case LOCUM_DEGRADED_VOTE:
        add(list, about, name, "the Sentinel of %s cannot vote on %s", name, buffer);
        break;
    case LOCUM_DEGRADED_QUORUM:
        add(list, about, name, "no quorum: if %s fails, its names cannot be taken over", name);
        break;
    case LOCUM_DEGRADED_MIRRORBITS: add_mirrorbits(list, core, found->node); break;
    case LOCUM_DEGRADED_DNS:
        if (found->node != core->config.self) { /* what fails here, add_own_dns() tells */
            locum_report_add_dns(report, found->node, &dns);
            add(list, about, name, "the DNS of %s fails: %s", name,
                dns.length > 0 ? failures : locum_report_dns_state(report, found->node));
        }
        break;
    case LOCUM_DEGRADED_FAMILY:
        add(list, about, name, "%s has lost %s: %s answers name another server if one still has it",
            name, family, found->family == LOCUM_V4 ? "A" : "AAAA");
        break;
    case LOCUM_DEGRADED_UNHEARD:
        add(list, about, name, "%s is not heard over %s", name, family);
        break;
    case LOCUM_DEGRADED_CHECK: add_check(list, report); break;
    case LOCUM_DEGRADED_FAIL_OPEN:
        add(list, about, NULL,
            "no server is known to be healthy: %s answers with the best it has (fail-open)",
            core->config.nodes[core->config.self].name);
        break;
    case LOCUM_DEGRADED_REDIS: /* add_redis() */
    case LOCUM_DEGRADED_KINDS:
    default: break;
    }
}

/* Sentinels of no node have no vote; a lost one only makes a failover of Redis be noticed late. */
static void
add_sentinels(json_t *list, const struct locum_report *report)
{
    const struct locum_redis_status *redis = &report->redis;
    for (size_t i = 0; i < redis->sentinel_count; i++) {
        const struct locum_redis_sentinel *sentinel = &redis->sentinels[i];
        const bool judged = sentinel->node != LOCUM_NODE_NONE &&
                            report->core->config.nodes[sentinel->node].sentinel;
        if (!judged && !sentinel->connected) {
            add(list, "sentinel", NULL, "the Sentinel at %s is not connected", sentinel->where);
        } else if (!judged && sentinel->tilt) {
            add(list, "sentinel", NULL, "the Sentinel at %s is in TILT", sentinel->where);
        }
    }
}

/* returns: own heartbeats come back through it. */
static void
add_redis(json_t *list, const struct locum_report *report, bool returns)
{
    const struct locum_redis_status *redis = &report->redis;
    const bool error = redis->error[0] != '\0';
    if (!report->core->config.redis || (returns && !error)) {
        return;
    }
    add(list, "redis", NULL, "%s%s%s",
        !redis->connected ? error ? "Redis is not connected"
                                  : "Redis is not connected: check that it runs, and that this "
                                    "node reaches it and its Sentinels"
        : !returns        ? "Redis does not return this node's heartbeats"
                          : "Redis refuses commands",
        error ? ": " : "", redis->error);
}

/* The own port for heartbeats. */
static void
add_own_peer(json_t *list, const struct locum_report *report)
{
    if (report->peer_closed[0] != '\0') {
        add(list, "udp", NULL,
            "the peer port is not open at %s: no heartbeat arrives there by UDP; see the log",
            report->peer_closed);
    }
}

const char *
locum_report_answers_problem(const struct locum_run *run)
{
    return run->publish_failed
               ? "the answers are out of date because publishing the new ones failed: see the log"
           : run->signing_failed
               ? "new signatures of signed zones cannot be made, so the previous ones stay until "
                 "they end: the log (publish-failed) says why"
               : NULL;
}

/* The own DNS; what locum-nsd reports is a part of it. */
static void
add_own_dns(json_t *list, const struct locum_report *report)
{
    if (report->run->dns_closed > 0) {
        add(list, "dns", NULL,
            "some addresses of listen.dns are not open: queries to them get no answer; see the "
            "log");
    }
    for (size_t zone = 0; zone < report->config->zone_count; zone++) {
        json_t *nsd = locum_report_nsd_zone(report, zone);
        const char *error = locum_report_nsd_problem(nsd);
        if (error != NULL) {
            add(list, "nsd", NULL, "nsd: zone %s: %s", report->config->zones[zone].name, error);
        }
        json_decref(nsd);
    }
    const char *answers = locum_report_answers_problem(report->run);
    if (answers != NULL) {
        add(list, "answers", NULL, "%s", answers);
    }
}

/* GREEN-15 */
static void
add_configuration(json_t *list, const struct locum_report *report)
{
    const struct locum_config *config = report->config;
    if (config->kept) {
        add(list, "file", NULL,
            report->file_error[0] != '\0'
                ? "the configuration file is refused, so this node runs with the one that took "
                  "effect at %s. Correct the file, then run `locum reload`: %s"
                : "this node runs with the configuration that took effect at %s, and the file is "
                  "good now: run `locum reload`%s",
            report->run->kept_since, report->file_error);
    }
    if (config->lacks[0] != '\0') {
        add(list, "secret", NULL, "%s%s. Restore what is missing, then run `locum reload`",
            !locum_config_speaks(config) ? "this node sends and accepts no heartbeats: " : "",
            config->lacks);
    }
}

json_t *
locum_report_degraded(const struct locum_report *report)
{
    struct locum_degraded_list found;
    bool returns = true;
    json_t *list = json_array();
    locum_degraded_find(report->core, report->now.mono, &found);
    for (size_t i = 0; i < found.count; i++) {
        add_found(list, report, &found.at[i]);
        returns = returns && found.at[i].kind != LOCUM_DEGRADED_REDIS;
    }
    add_sentinels(list, report);
    add_redis(list, report, returns);
    add_own_peer(list, report);
    add_own_dns(list, report);
    add_configuration(list, report);
    return list;
}

bool
locum_report_is_degraded_besides(const struct locum_report *report)
{
    json_t *list = json_array();
    add_sentinels(list, report);
    add_redis(list, report, true);
    add_own_peer(list, report);
    add_own_dns(list, report);
    add_configuration(list, report);
    const bool any = json_array_size(list) > 0;
    json_decref(list);
    return any;
}

/* --- one more loss ---------------------------------------------------------------------------- */

/* Is every RRset of this family lost? `any`: there is one. */
static bool
is_family_lost(const struct locum_core *core, const struct locum_loss *loss, size_t family,
               bool *ret_any)
{
    bool all = true;
    *ret_any = false;
    for (size_t i = 0; i < core->config.name_count; i++) {
        if (core->plan.answers[i][family].nodes != 0) {
            *ret_any = true;
            all = all && loss->lost[family][i];
        }
    }
    return all && *ret_any;
}

/* "everything", "every A answer", or NULL: single names. */
static const char *
whole_of(const struct locum_core *core, const struct locum_loss *loss)
{
    bool has_v4;
    bool has_v6;
    const bool v4 = is_family_lost(core, loss, LOCUM_V4, &has_v4);
    const bool v6 = is_family_lost(core, loss, LOCUM_V6, &has_v6);
    return (v4 || !has_v4) && (v6 || !has_v6) ? "everything"
           : v4                               ? "every A answer"
           : v6                               ? "every AAAA answer"
                                              : NULL;
}

/* ["dc3.get.example.org./A", ...], and the same as one text: each name once. */
static json_t *
names_of(const struct locum_report *report, const struct locum_loss *loss, struct locum_text *text)
{
    json_t *names = json_array();
    for (size_t i = 0; i < report->core->config.name_count; i++) {
        const char *name = report->config->names[i].name;
        const bool *const lost[] = {&loss->lost[LOCUM_V4][i], &loss->lost[LOCUM_V6][i]};
        if (*lost[LOCUM_V4] || *lost[LOCUM_V6]) {
            locum_text_format(text, "%s%s", text->length > 0 ? ", " : "", name);
        }
        for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
            if (*lost[family]) {
                (void)json_array_append_new(
                    names, json_sprintf("%s/%s", name, family == LOCUM_V4 ? "A" : "AAAA"));
            }
        }
    }
    return names;
}

json_t *
locum_report_next_loss(const struct locum_report *report)
{
    static struct locum_losses losses; /* too large for a stack */
    static char buffer[LOCUM_NAMES_MAX * (LOCUM_DOMAIN_MAX + 2)];
    json_t *list = json_array();
    locum_loss_find(report->core, report->now.mono, &losses);
    for (size_t i = 0; i < losses.count; i++) {
        const struct locum_loss *loss = &losses.at[i];
        struct locum_text text = locum_text_init(buffer, sizeof(buffer));
        json_t *names = names_of(report, loss, &text);
        const char *whole = whole_of(report->core, loss);
        (void)json_array_append_new(list,
                                    json_pack("{s:s, s:s, s:b, s:o}", "node",
                                              report->core->config.nodes[loss->node].name, "lost",
                                              whole != NULL ? whole : buffer, "by_configuration",
                                              loss->by_configuration, "names", names));
    }
    return list;
}

json_t *
locum_report_summary(const struct locum_report *report, const json_t *degraded,
                     const json_t *next_loss)
{
    char buffer[512];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_nodes nodes = 0;
    size_t i;
    const json_t *loss;
    json_array_foreach(next_loss, i, loss)
    {
        const char *name = json_string_value(json_object_get(loss, "node"));
        nodes |= locum_nodes_of(locum_nodes_find(&report->core->config, locum_slice_of(name)));
    }
    if (json_array_size(degraded) > 0) {
        locum_text_add(&text, "degraded");
    } else if (nodes != 0) {
        locum_text_add(&text, "OK, not redundant: without ");
        locum_nodes_add(&text, &report->core->config, nodes);
        locum_text_add(&text, " some names have no healthy answer");
    } else {
        locum_text_add(&text, locum_warnings_count(report, false) > 0 ? "OK, with warnings" : "OK");
    }
    return json_string(buffer);
}
