#include "report/warnings.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text_format.h"
#include "core/degraded.h"
#include "report/certificates.h"
#include "report/report.h"

enum {
    CLOCK_WARN_MS = 5000,
    BAD_SIGNATURE_WARN_MS = 60000,
    CHECK_WARN_MS = 60000,
    FALSE_ALARM_WARN_MS = 3600 * 1000,
    TILT_WARN_MS = 5000,     /* since the last poll */
    IGNORED_WARN_MS = 60000, /* of heartbeats, and of what they acknowledge */
    ORDER_WARN_MS = 600000,
    DROPPED_WARN_MS = 3600 * 1000,
    TIMEOUT_ADVISED_MS = 1250, /* tolerates a path that loses everything for 200 ms every 2 s */
};

static bool
is_recent(locum_ms mono, locum_ms within_ms, locum_ms now)
{
    return locum_evidence_is_recent(mono, within_ms, now);
}

/* peer: its name, or that of a zone; NULL: the warning is about neither. */
__attribute__((format(printf, 4, 5))) static void
warn(json_t *warnings, const char *about, const char *peer, const char *format, ...)
{
    char text[LOCUM_REDIS_ERROR_MAX + 256];
    char key[LOCUM_DOMAIN_MAX + 80];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    (void)locum_text_format_buffer(key, sizeof(key), "%s%s%s", about, peer != NULL ? " " : "",
                                   peer != NULL ? peer : "");
    (void)json_object_set_new(warnings, key, json_string(text));
}

/* A check that could not be run for long. What is failing stays so. */
static void
warn_of_check(json_t *warnings, const struct locum_report *report)
{
    const struct locum_core *core = report->core;
    const size_t check = locum_service_not_run(&core->service, &core->config);
    if (report->now.mono - core->service.check[check].not_run_since >= CHECK_WARN_MS) {
        const struct locum_config_check *settings = &report->config->checks[check];
        warn(warnings, "check", NULL,
             "check %s %s. %s. A check that cannot be run counts as degraded", settings->name,
             report->checks[check].last,
             settings->http.lacks_value
                 ? "Repair the configuration file, which has it, and run `locum reload`"
                 : "Give this machine what it lacks: see the limits of locum.service (systemctl "
                   "show -p LimitNOFILE,TasksMax,MemoryMax locum) and free memory");
    }
}

/* Keyed by check and name: two checks may look at the same name. */
static void
warn_of_certificates(json_t *warnings, const struct locum_report *report)
{
    for (size_t check = 0; check < report->core->config.check_count; check++) {
        for (size_t i = 0; i < report->checks[check].certificate_count; i++) {
            char said[LOCUM_REDIS_ERROR_MAX + 256];
            char about[64];
            struct locum_text text = locum_text_init(said, sizeof(said));
            if (locum_certificates_warn(report, check, i, &text)) {
                const struct locum_config_check *settings = &report->config->checks[check];
                (void)locum_text_format_buffer(about, sizeof(about), "certificate %s",
                                               locum_address_text(&settings->tls.address).text);
                warn(warnings, about, report->checks[check].certificates[i].name, "%s", said);
            }
        }
    }
}

/* What is degraded and has no event of its own. The core finds it (core/degraded.h). */
static void
warn_of_degraded(json_t *warnings, const struct locum_report *report,
                 const struct locum_degraded *found)
{
    const struct locum_core_config *config = &report->core->config;
    char buffer[LOCUM_NODES_MAX * (LOCUM_NODE_NAME_MAX + 1)];
    struct locum_text peers = locum_text_init(buffer, sizeof(buffer));
    const char *name = found->node != LOCUM_NODE_NONE ? config->nodes[found->node].name : NULL;
    locum_nodes_add(&peers, config, found->peers);
    if (found->kind == LOCUM_DEGRADED_UDP) {
        warn(warnings, "udp", name,
             "%s is not heard by UDP, only through Redis: check for a firewall that blocks its "
             "heartbeats (UDP port nodes.%s.port, default 9853). Without UDP it becomes suspect "
             "as soon as Redis fails",
             name, name);
    } else if (found->kind == LOCUM_DEGRADED_PATH) {
        warn(warnings, "redis", name,
             "%s is not heard through Redis, only by UDP: run `locum status` on it. Its Redis user "
             "may lack PUBLISH on locum:%s:heartbeat (deploy/redis/locum.acl). Without Redis it "
             "becomes suspect as soon as UDP fails",
             name, config->cluster);
    } else if (found->kind == LOCUM_DEGRADED_VOTE) {
        warn(warnings, "vote", name,
             "the Sentinel of %s cannot vote on %s: it must list the Redis and the Sentinel there "
             "under their addresses in nodes.NAME.redis and nodes.NAME.sentinel, and see a third "
             "site up. Compare them with SENTINEL REPLICAS and SENTINEL SENTINELS",
             name, buffer);
    } else if (found->kind == LOCUM_DEGRADED_CHECK) {
        warn_of_check(warnings, report);
    } else if (found->kind == LOCUM_DEGRADED_REDIS && report->redis.connected &&
               report->now.mono - report->core->view.subscribed_at >= config->timeout_ms) {
        /* Not of a connection that is just new: the first heartbeat is still on its way. */
        warn(warnings, "redis", NULL,
             "this node is connected to Redis, but its heartbeats do not come back: its user needs "
             "PUBLISH and SUBSCRIBE on locum:%s:heartbeat (deploy/redis/locum.acl)",
             config->cluster);
    }
}

/* "nodes, zones": nothing if the peer sends no digests of its sections. */
static void
add_differing_sections(struct locum_text *text, const char *theirs, const char *ours)
{
    const size_t count = strlen(theirs) / LOCUM_SECTION_CHARS;
    for (size_t i = 0; i < count && i < LOCUM_SECTIONS; i++) {
        const size_t at = i * LOCUM_SECTION_CHARS;
        if (strncmp(theirs + at, ours + at, LOCUM_SECTION_CHARS) != 0) {
            locum_text_add(text, text->length > 0 ? ", " : "");
            locum_text_add(text, locum_names_section((enum locum_section)i));
        }
    }
}

/* What a peer's own heartbeats show. */
static void
warn_of_heartbeats(json_t *warnings, const struct locum_report *report, locum_node node)
{
    const struct locum_core *core = report->core;
    const struct locum_peer_facts *facts = &core->view.peer[node];
    const char *name = core->config.nodes[node].name;
    if (strcmp(facts->digest, core->config.digest) != 0) {
        char buffer[128];
        struct locum_text differ = locum_text_init(buffer, sizeof(buffer));
        add_differing_sections(&differ, facts->sections, core->config.sections);
        warn(warnings, "configuration", name,
             "%s runs with a different configuration%s%s: compare the files, then reload", name,
             differ.length > 0 ? ", in " : "", differ.at);
    }
    if (llabs(facts->wall_offset) > CLOCK_WARN_MS) {
        warn(warnings, "clock", name,
             "the clock of %s differs from this node's by more than 5 s: check NTP on both. The "
             "times of events cannot be compared; no decision depends on them",
             name);
    }
    if (facts->one_way) {
        warn(warnings, "one-way", name,
             "%s does not hear this node: check its firewall for UDP on the peer port", name);
    }
    if (report->evidence->signed_by[node] != 0 &&
        locum_view_heard_within_limit(&core->view, &core->config, node, report->now.mono)) {
        warn(warnings, "secret", name,
             "%s signs with another accepted secret than this node. No heartbeat is lost, but the "
             "rotation is not finished: put the same secret in the first line of the "
             "secret file of every node, then reload",
             name);
    }
}

/* Of a node with a key: who is not known by its own. */
static void
warn_of_keys(json_t *warnings, const struct locum_report *report, locum_node node)
{
    const struct locum_evidence *evidence = report->evidence;
    const char *name = report->core->config.nodes[node].name;
    const locum_ms mono = report->now.mono;
    if (report->config->keyring == NULL) {
        return;
    }
    if (report->config->peer_keys == LOCUM_PEER_KEYS_REQUIRE &&
        is_recent(evidence->by_secret[node], BAD_SIGNATURE_WARN_MS, mono)) {
        warn(warnings, "key", name,
             "heartbeats in the name of %s that are signed with the cluster secret only arrived in "
             "the last minute; they do not count (peer-keys: require). If %s does not use its key, "
             "set key-file there and nodes.%s.key on every node, then reload. If heartbeats "
             "signed with the key of %s arrive too, someone who knows the secret speaks in its "
             "name, or repeats what it has sent once",
             name, name, name, name);
    } else if (locum_evidence_heard_by(evidence, node, mono) == LOCUM_HEARD_BY_SECRET) {
        warn(warnings, "key", name,
             "%s is heard by the cluster secret only, so every node with the secret can speak in "
             "its name: make its key pair there with `locum keygen --node`, put the public key in "
             "nodes.%s.key on every node, then reload",
             name, name);
    }
}

/* What to look at, by the first of its failures; NULL: there is none. What fails in a family that
 * the node has lost is the warning `family`. */
static const char *
dns_advice(const struct locum_report *report, locum_node node)
{
    static const char *const texts[] = {
        [LOCUM_DNS_SILENT] = "A firewall drops port 53 (UDP and TCP), or nothing answers there",
        [LOCUM_DNS_UNREACHABLE] =
            "Nothing listens on port 53 of this address, or a firewall rejects it",
        [LOCUM_DNS_REFUSED] = "Another program may have port 53 (run `ss -lntup sport = :53` "
                              "there), or the DNS server there lacks a zone",
        [LOCUM_DNS_RCODE] = "Another program may have port 53 (run `ss -lntup sport = :53` there)",
        [LOCUM_DNS_NO_AUTHORITY] = "A resolver has port 53 (run `ss -lntup sport = :53` there): "
                                   "stop it, or let it listen on 127.0.0.1 only",
        [LOCUM_DNS_OTHER_SOA] = "Another program may have port 53 (run `ss -lntup sport = :53` "
                                "there), or soa differs in its configuration",
    };
    for (size_t i = 0; i < LOCUM_ASKED; i++) {
        const struct locum_asked question = locum_report_asked(report, node, i);
        if (question.state > LOCUM_DNS_OK &&
            !report->core->families.at[node][question.family].lost) {
            return texts[question.state];
        }
    }
    return NULL;
}

/* The DNS of a peer that is heard: one that is not has more than this. */
static void
warn_of_dns(json_t *warnings, const struct locum_report *report, locum_node node)
{
    const struct locum_core *core = report->core;
    const char *name = core->config.nodes[node].name;
    const char *advice = dns_advice(report, node);
    char failures[256];
    struct locum_text text = locum_text_init(failures, sizeof(failures));
    if (!locum_view_heard_within_limit(&core->view, &core->config, node, report->now.mono) ||
        !locum_view_dns_fails(&core->view, node, report->now.mono)) {
        return;
    }
    locum_report_add_dns(report, node, &text);
    if (core->view.peer[node].dns_claim == LOCUM_DNS_CLOSED) {
        warn(
            warnings, "dns", name,
            "%s reports that its own DNS is not open%s%s: run `locum status` on it. Users get late "
            "answers or none until another name server is asked",
            name, failures[0] != '\0' ? "; this node finds " : "", failures);
    } else if (advice != NULL) {
        warn(
            warnings, "dns", name,
            "the DNS of %s does not answer this node: %s. %s. Users get late answers or none until "
            "another name server is asked",
            name, failures, advice);
    }
}

/* "IPv6", "IPv4 and IPv6": what the node has lost. False: nothing. */
static bool
add_lost_families(struct locum_text *text, const struct locum_core *core, locum_node node)
{
    static const char *const names[LOCUM_FAMILIES] = {"IPv4", "IPv6"};
    for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
        if (core->families.at[node][family].lost) {
            locum_text_format(text, "%s%s", text->length > 0 ? " and " : "", names[family]);
        }
    }
    return text->length > 0;
}

static void
warn_of_families(json_t *warnings, const struct locum_report *report, locum_node node)
{
    char lost[32];
    const struct locum_core *core = report->core;
    struct locum_text text = locum_text_init(lost, sizeof(lost));
    if (!add_lost_families(&text, core, node)) {
        return;
    }
    if (node != core->config.self) {
        const char *name = core->config.nodes[node].name;
        warn(warnings, "family", name,
             "%s has lost %s: answers of that type name another server if one still has it. "
             "Check the addresses, routes and firewall of %s for %s",
             name, lost, name, lost);
        return;
    }
    const bool gone = core->families.absent_since[LOCUM_V4] != LOCUM_NEVER ||
                      core->families.absent_since[LOCUM_V6] != LOCUM_NEVER;
    warn(warnings, "family", NULL,
         gone ? "this node has lost %s: one of its addresses (nodes.%s.address) is not on this "
                "host any more. Add it again, or change the configuration of every node"
              : "this node has lost %s: its peers hear %s over the other family only. Check its "
                "routes and firewall, for UDP on the peer port too",
         lost, core->config.nodes[node].name);
}

/* Heartbeats with a valid signature that no node of this version sends by itself. */
static void
warn_of_order(json_t *warnings, const struct locum_report *report, locum_node node)
{
    const struct locum_peer_facts *facts = &report->core->view.peer[node];
    const char *name = report->core->config.nodes[node].name;
    const locum_ms mono = report->now.mono;
    if (is_recent(facts->ignored, IGNORED_WARN_MS, mono)) {
        warn(warnings, "ignored", name,
             "heartbeats in the name of %s with a valid signature were ignored in the last minute: "
             "they are malformed, of another version, or %s has role sentinel here. Compare the "
             "versions and the configuration of the nodes",
             name, name);
    }
    if (is_recent(facts->duplicate, IGNORED_WARN_MS, mono)) {
        warn(
            warnings, "duplicate", name,
            "two nodes run as %s: heartbeats of two runs came in the last minute, and only one run "
            "is accepted. Find the other node (`node:` in its configuration) and stop it. If there "
            "is none, someone replays heartbeats of %s",
            name, name);
    }
    if (is_recent(facts->order_reset, ORDER_WARN_MS, mono)) {
        warn(warnings, "order", name,
             "%s was not accepted for a while, because a heartbeat in its name had a far higher "
             "number than the others; the order was reset. If its clock was set back and its state "
             "folder lost, this is over. Otherwise someone has the secret and forges heartbeats: "
             "rotate it",
             name);
    }
    if (is_recent(facts->beyond, IGNORED_WARN_MS, mono)) {
        warn(warnings, "incarnation", name,
             "%s acknowledges run %" PRIu64 " of this node, more than a day ahead of its clock: "
             "ignored. Check the clocks of all nodes. If they are right, someone has the secret "
             "and forges heartbeats: rotate it",
             name, facts->beyond_incarnation);
    }
}

static void
warn_of_peer(json_t *warnings, const struct locum_report *report, locum_node node)
{
    const struct locum_core *core = report->core;
    const struct locum_evidence *evidence = report->evidence;
    const locum_ms mono = report->now.mono;
    const char *name = core->config.nodes[node].name;
    const struct locum_sentinel_facts *sentinel = &core->view.peer[node].sentinel;
    if (locum_nodes_has(core->admin.excluded, node)) {
        warn(warnings, "excluded", name,
             "%s is excluded on this node: `locum include %s` ends that", name, name);
    }
    if (core->view.peer[node].state_known) {
        warn_of_heartbeats(warnings, report, node);
        warn_of_dns(warnings, report, node);
    }
    if (is_recent(core->view.peer[node].unlisted, LOCUM_UNLISTED_MS, mono)) {
        warn(warnings, "nodes", name,
             "%s runs with another configuration, which does not list this node: put the same file "
             "on every node, then reload",
             name);
    }
    warn_of_keys(warnings, report, node);
    warn_of_order(warnings, report, node);
    if (is_recent(evidence->bad_signature[node], BAD_SIGNATURE_WARN_MS, mono)) {
        warn(warnings, "signature", name,
             "heartbeats with an invalid signature arrived in the name of %s in the last minute: "
             "put the same secret file on every node, then reload. If valid heartbeats of %s "
             "arrive too, someone forges them (%" PRIu64 " so far)",
             name, name, evidence->bad_signatures[node]);
    }
    if (is_recent(evidence->false_alarm[node][LOCUM_FALSE_ALARMS - 1], FALSE_ALARM_WARN_MS, mono)) {
        /* Lost heartbeats alone cause no takeover, but each suspicion needs only other votes to
         * become one. */
        const locum_ms more_ms = core->config.timeout_ms + core->config.timeout_ms / 4;
        warn(warnings, "path", name,
             "%s: 3 false suspicions in the last hour: heartbeats are being lost. Check the "
             "network path, or raise heartbeat.timeout to %s on every node",
             name,
             locum_text_duration(more_ms > TIMEOUT_ADVISED_MS ? more_ms : TIMEOUT_ADVISED_MS).text);
    }
    /* A Sentinel in TILT has no vote. That matters where no coordinator votes for its site. */
    if (sentinel->tilt && is_recent(sentinel->polled, TILT_WARN_MS, mono) &&
        !locum_view_heard_within_limit(&core->view, &core->config, node, mono)) {
        warn(warnings, "tilt", name,
             "the Sentinel of %s is in TILT and no coordinator votes for that site: it has no vote "
             "until 30 s after its host's clock and load are normal again",
             name);
    }
}

static void
warn_of_unknown_mirrorbits(json_t *warnings, const struct locum_report *report)
{
    const struct locum_redis_mirrorbits *unknown = &report->redis.unknown_mirrorbits;
    if (is_recent(unknown->heard_mono, LOCUM_MIRRORBITS_FORGET_MS, report->now.mono)) {
        warn(warnings, "mirrorbits", NULL,
             "a Mirrorbits announces itself as %s, which is no node's host name: if it runs on a "
             "node, set nodes.NAME.mirrorbits to that name",
             unknown->host);
    }
}

/* Who controls a Sentinel, or may PUBLISH on its hello channel, chooses this address. */
static void
warn_of_unknown_masters(json_t *warnings, const struct locum_report *report)
{
    for (size_t i = 0; i < report->redis.sentinel_count; i++) {
        const struct locum_redis_sentinel *sentinel = &report->redis.sentinels[i];
        const locum_node node = sentinel->node;
        if (!sentinel->connected || sentinel->unlisted_master.port == 0) {
            continue;
        }
        warn(warnings, "unknown-master",
             node != LOCUM_NODE_NONE ? report->core->config.nodes[node].name : NULL,
             "the Sentinel %s names the master %s, which is in no nodes.NAME.redis: this node does "
             "not log in there. If that is one of your Redis servers, set nodes.NAME.redis and its "
             "replica-announce-ip to the same address. Otherwise someone else has moved the "
             "master: cut off that address and load deploy/redis/locum-sentinel.acl; Mirrorbits, "
             "the replicas and the Sentinels may have sent their passwords there",
             sentinel->where, locum_address_text(&sentinel->unlisted_master).text);
    }
}

static void
warn_of_redis(json_t *warnings, const struct locum_report *report)
{
    for (locum_node node = 0; node < report->core->config.node_count; node++) {
        /* Mirrorbits of another cluster are ignored; a wrong redis.db looks the same. */
        const struct locum_redis_other_db *other = &report->redis.other_db[node];
        const char *name = report->core->config.nodes[node].name;
        if (is_recent(other->heard_mono, LOCUM_MIRRORBITS_FORGET_MS, report->now.mono) &&
            !locum_view_mirrorbits_seen(&report->core->view, node, report->now.mono)) {
            warn(warnings, "mirrorbits", name,
                 "the Mirrorbits of %s announces itself for database %u, and redis.db is %u: set "
                 "redis.db to the RedisDB of Mirrorbits",
                 name, other->db, report->config->redis.db);
        }
    }
    warn_of_unknown_mirrorbits(warnings, report);
    warn_of_unknown_masters(warnings, report);
    if (report->redis.unknown_instances[0] != '\0') {
        warn(warnings, "unknown-instances", NULL,
             "a Sentinel lists instances that belong to no node, or to two: %s. Set "
             "nodes.NAME.redis and nodes.NAME.sentinel. If the instances are gone, run SENTINEL "
             "RESET, but only while all sites are up: a Sentinel forgets those that do not "
             "answer, and cannot vote on them",
             report->redis.unknown_instances);
    }
}

static void
warn_of_hooks(json_t *warnings, const struct locum_report *report)
{
    for (size_t i = 0; i < report->hook_count; i++) {
        const struct locum_hooks_state *hook = report->hooks[i];
        char number[12];
        (void)locum_text_format_buffer(number, sizeof(number), "%zu", i + 1);
        if (hook->off) {
            warn(warnings, "hook", number,
                 "hook %zu (%s) sends nothing: %s. Repair the configuration file, which has it, "
                 "and run `locum reload`",
                 i + 1, hook->name, hook->last);
        } else if (hook->failing) {
            warn(warnings, "hook", number,
                 "hook %zu (%s) did not deliver its last event: %s. Repair what it leads to, then "
                 "run `locum hooks test %zu`",
                 i + 1, hook->name, hook->last, i + 1);
        } else if (is_recent(hook->dropped_at, DROPPED_WARN_MS, report->now.mono)) {
            warn(warnings, "hook", number,
                 "hook %zu (%s): events were dropped in the last hour, because %d waited for it "
                 "already (%" PRIu64 " so far). It is too slow: let it return earlier, or take "
                 "values from `on`",
                 i + 1, hook->name, LOCUM_HOOKS_QUEUE_MAX, hook->dropped);
        }
    }
}

static void
warn_of_self(json_t *warnings, const struct locum_report *report)
{
    if (report->state_error[0] != '\0') {
        warn(warnings, "state", NULL, "%s", report->state_error);
    }
    if (report->file_error[0] != '\0') {
        warn(
            warnings, "file", NULL,
            "the configuration file is refused as it is now: a restart would go on with the one in "
            "use, degraded. Correct it, then run `locum reload`; `locum check` shows all errors: "
            "%s",
            report->file_error);
    }
    if (is_recent(report->evidence->bad_unknown, BAD_SIGNATURE_WARN_MS, report->now.mono)) {
        warn(warnings, "signature", NULL,
             "heartbeats with an invalid signature from an unknown sender arrived in the last "
             "minute: if a coordinator of this cluster has another secret file, copy the right one "
             "to it; otherwise allow only the other nodes to reach the peer port (%" PRIu64
             " so far)",
             report->evidence->bad_unknowns);
    }
    if (is_recent(report->evidence->unlisted_heard, LOCUM_UNLISTED_MS, report->now.mono)) {
        warn(warnings, "nodes", NULL,
             "%s uses this cluster's secret but is not in nodes: add it to nodes on every node, or "
             "stop it",
             report->evidence->unlisted);
    }
    if (report->peer_closed[0] != '\0') {
        warn(warnings, "udp", NULL,
             "the peer port is not open at %s: no heartbeat arrives there by UDP, and as soon as "
             "Redis fails the peers are suspect. The log (not-listening) says why and what to do",
             report->peer_closed);
    }
    for (size_t zone = 0; zone < report->config->zone_count; zone++) {
        const char *name = report->config->zones[zone].name;
        json_t *nsd = locum_report_nsd_zone(report, zone);
        const char *error = locum_report_nsd_problem(nsd);
        if (error != NULL) {
            warn(warnings, "nsd", name, "zone %s: %s", name, error);
        }
        json_decref(nsd);
    }
}

static void
warn_of_own_dns(json_t *warnings, const struct locum_report *report)
{
    if (report->run->dns_closed > 0) {
        warn(warnings, "dns", NULL,
             "some addresses of listen.dns are not open: queries to them get no answer; the log "
             "says which and why");
    }
    const char *answers = locum_report_answers_problem(report->run);
    if (answers != NULL) {
        warn(warnings, "answers", NULL, "%s", answers);
    }
    if (report->dns.limited > 0) {
        warn(warnings, "rate-limit", NULL,
             "answers by UDP to %s%s are limited (dns.rate-limit): a flood with forged sources, or "
             "a client that asks too often. If it is a resolver that you know, add it to "
             "dns.rate-limit.exempt and reload; the log (rate-limit) names the networks",
             report->dns.limited_prefix, report->dns.limited > 1 ? " and others" : "");
    }
    if (report->secondaries.failed[0] != '\0') {
        warn(warnings, "secondary", NULL,
             "no confirmation of NOTIFY from %s for about two minutes: its zone may be old. The "
             "log (secondary) says why; `locum reload` sends NOTIFY again. If the secondary is "
             "gone, remove it from transfer.notify",
             report->secondaries.failed);
    }
}

json_t *
locum_warnings_find(const struct locum_report *report)
{
    json_t *warnings = json_object();
    struct locum_degraded_list degraded;
    locum_degraded_find(report->core, report->now.mono, &degraded);
    for (size_t i = 0; i < degraded.count; i++) {
        warn_of_degraded(warnings, report, &degraded.at[i]);
    }
    for (locum_node node = 0; node < report->core->config.node_count; node++) {
        warn_of_families(warnings, report, node);
        if (node != report->core->config.self) {
            warn_of_peer(warnings, report, node);
        }
    }
    warn_of_redis(warnings, report);
    warn_of_self(warnings, report);
    warn_of_own_dns(warnings, report);
    locum_warnings_of_zones(warnings, report);
    warn_of_hooks(warnings, report);
    warn_of_certificates(warnings, report);
    return warnings;
}
