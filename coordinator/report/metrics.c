/*
 * GET /metrics, in the order of the output: metric() begins one, sample() adds a line to it.
 *
 * The names are an interface: dashboards and alerts use them, and locum(8) lists them from here.
 *
 * Source: Prometheus, "Metric and label naming".
 */
#include <stdlib.h>
#include <string.h>

#include "base/text_format.h"
#include "core/vote.h"
#include "report/certificates.h"
#include "report/dnssec.h"
#include "report/exposition.h"
#include "report/report.h"

enum {
    METRICS_BYTES_MAX = 512 * 1024, /* 32 nodes, 16 checks, a name of 511 bytes each: 150 KB */
    ANSWER_BYTES_MAX = LOCUM_DOMAIN_MAX + LOCUM_NODE_NAME_MAX + 64, /* of one locum_answer */
};

static const char counter[] = "counter";
static const char gauge[] = "gauge";
static const char histogram[] = "histogram";

static const locum_ms lag_bounds[LOCUM_LAG_BUCKETS] = {1, 5, 10, 25, 50, 100, 250, 500, 1000};

#define metric locum_exposition_begin

/* A sample of the metric begun last, with a value for each of its labels. */
#define sample(out, value, ...)                                                                    \
    locum_exposition_add(out, "", (out)->labels, (const char *const[]){__VA_ARGS__},               \
                         (int64_t)(value))

/* A metric with one label, and its samples: of `value` for each i below `count` that `has` it. */
#define samples_if(out, type, name, label, help, count, has, value, label_value)                   \
    metric(out, type, name, label, help);                                                          \
    for (size_t i = 0; i < (count); i++) {                                                         \
        if (has) {                                                                                 \
            sample(out, value, label_value);                                                       \
        }                                                                                          \
    }

#define samples(out, type, name, label, help, count, value, label_value)                           \
    samples_if(out, type, name, label, help, count, true, value, label_value)

/* A metric without labels, and its one sample. */
static void
number(struct locum_exposition *self, const char *type, const char *name, const char *help,
       int64_t value)
{
    metric(self, type, name, "", help);
    locum_exposition_add(self, "", "", (const char *const[]){""}, value);
}

void
locum_report_note_lag(struct locum_lag *self, locum_ms late_ms)
{
    for (size_t i = 0; i < LOCUM_LAG_BUCKETS; i++) {
        self->at_most[i] += late_ms <= lag_bounds[i];
    }
    self->count++;
    self->sum_ms += late_ms;
    self->max_ms = late_ms > self->max_ms ? late_ms : self->max_ms;
}

static void
add_lag(struct locum_exposition *self, const struct locum_lag *lag)
{
    for (size_t i = 0; i < LOCUM_LAG_BUCKETS; i++) {
        char bound[24];
        const char *const values[] = {bound};
        struct locum_text text = locum_text_init(bound, sizeof(bound));
        locum_exposition_add_seconds(&text, lag_bounds[i]);
        locum_exposition_add(self, "_bucket", "le", values, (int64_t)lag->at_most[i]);
    }
    locum_exposition_add(self, "_bucket", "le", (const char *const[]){"+Inf"}, (int64_t)lag->count);
    locum_exposition_add(self, "_sum", "", NULL, lag->sum_ms);
    locum_exposition_add(self, "_count", "", NULL, (int64_t)lag->count);
}

/* How many samples locum_answer has. */
static size_t
count_answers(const struct locum_core *core)
{
    size_t count = 0;
    for (size_t i = 0; i < core->config.name_count; i++) {
        count += (size_t)__builtin_popcount(core->plan.answers[i][LOCUM_V4].nodes) +
                 (size_t)__builtin_popcount(core->plan.answers[i][LOCUM_V6].nodes);
    }
    return count;
}

static void
add_answers(struct locum_exposition *out, const struct locum_report *report)
{
    const struct locum_core *core = report->core;
    metric(out, gauge, "locum_answer", "name type node",
           "1 for each node that the answer of the current plan to the name names; while "
           "locum_answers_stale is 1, the answers that are sent may be older.");
    for (size_t i = 0; i < core->config.name_count * LOCUM_FAMILIES; i++) {
        const locum_nodes nodes = core->plan.answers[i / LOCUM_FAMILIES][i % LOCUM_FAMILIES].nodes;
        for (size_t node = 0; node < core->config.node_count; node++) {
            if (locum_nodes_has(nodes, (locum_node)node)) {
                sample(out, 1, report->config->names[i / LOCUM_FAMILIES].name,
                       i % LOCUM_FAMILIES == LOCUM_V4 ? "A" : "AAAA",
                       core->config.nodes[node].name);
            }
        }
    }
}

static void
add_node(struct locum_exposition *out, const struct locum_report *report)
{
    static const char *const servings[] = {
        [LOCUM_SERVING_SELF] = "self",       [LOCUM_SERVING_YIELDING] = "yielding",
        [LOCUM_SERVING_ALL] = "all",         [LOCUM_SERVING_FAIL_OPEN] = "fail-open",
        [LOCUM_SERVING_WITNESS] = "witness",
    };
    const struct locum_core *core = report->core;
    const struct locum_core_node *nodes = core->config.nodes;
    const struct locum_run *run = report->run;
    const locum_ms mono = report->now.mono;
    metric(out, gauge, "locum_info", "node version digest",
           "Always 1; the labels give this node's name, the program's version and the "
           "configuration's digest.");
    sample(out, 1, nodes[core->config.self].name, core->config.version, core->config.digest);
    number(out, gauge, "locum_uptime_seconds", "Time since the start.", mono - run->started_mono);
    samples(out, gauge, "locum_serving", "kind", "1 for what this node answers now.",
            LOCUM_COUNT(servings), core->serving.kind == i, servings[i]);
    number(out, gauge, "locum_serving_age_seconds", "Time since locum_serving last changed.",
           mono - run->serving_since_mono);
    number(out, gauge, "locum_takeovers", "Peers whose own names this node has taken over.",
           __builtin_popcount(core->serving.taken));
    samples(out, gauge, "locum_service", "state", "1 for the state of this node's service.",
            LOCUM_SERVICES, core->service.state == i, locum_names_service((enum locum_service)i));
    samples(out, gauge, "locum_admin", "state", "1 for the administrative state.", LOCUM_MAINT + 1,
            core->admin.state == i, locum_names_admin((enum locum_admin)i));
    samples_if(out, gauge, "locum_rank", "node",
               "Rank of a server in its better family, from 0 (A, best) to 6 (G).",
               core->config.node_count, nodes[i].role == LOCUM_ROLE_SERVER,
               locum_core_rank(core, (locum_node)i), nodes[i].name);
    metric(out, gauge, "locum_family_lost", "node family",
           "1 while the node has lost this address family.");
    for (size_t i = 0; i < core->config.node_count * LOCUM_FAMILIES; i++) {
        const enum locum_family family = (enum locum_family)(i % LOCUM_FAMILIES);
        if (nodes[i / LOCUM_FAMILIES].has[family]) {
            sample(out, core->families.at[i / LOCUM_FAMILIES][family].lost,
                   nodes[i / LOCUM_FAMILIES].name, locum_names_family(family));
        }
    }
    samples_if(out, gauge, "locum_mirrorbits_seen", "node",
               "1 while the node's Mirrorbits announces itself.", core->config.node_count,
               nodes[i].role == LOCUM_ROLE_SERVER,
               locum_view_mirrorbits_seen(&core->view, (locum_node)i, mono), nodes[i].name);
    metric(out, gauge, "locum_mirrorbits_state", "state",
           "1 for the state of this node's Mirrorbits.");
    for (size_t i = 0; nodes[core->config.self].role == LOCUM_ROLE_SERVER &&
                       locum_report_mirrorbits_state(i) != NULL;
         i++) {
        const char *state = locum_report_mirrorbits_state(i);
        sample(out, strcmp(state, locum_report_mirrorbits(report, core->config.self)) == 0, state);
    }
    add_answers(out, report);
    number(out, counter, "locum_plan_changes_total", "New answers published.",
           (int64_t)run->plan_changes);
    number(out, gauge, "locum_acme_values", "Values of ACME challenges answered now.",
           (int64_t)run->acme_values);
    number(out, gauge, "locum_answers_stale",
           "1 while the answers are older than the plan because they could not be published.",
           run->publish_failed);
    samples(out, counter, "locum_events_total", "event", "Events reported.", LOCUM_EVENTS,
            locum_events_count(report->events, (int)i), locum_events_name((int)i));
}

/* True for the other nodes that send heartbeats. */
static bool
is_peer(const struct locum_core *core, size_t node)
{
    return node != core->config.self && core->config.nodes[node].role != LOCUM_ROLE_SENTINEL;
}

/* A metric of each peer, and its samples: of `value` for each peer i. */
#define samples_by_peer(out, type, title, help, core, has, value)                                  \
    samples_if(out, type, title, "peer", help, (core)->config.node_count,                          \
               is_peer(core, i) && (has), value, (core)->config.nodes[i].name)

static void
add_peers(struct locum_exposition *out, const struct locum_report *report)
{
    const struct locum_core *core = report->core;
    const struct locum_peer_facts *facts = core->view.peer;
    metric(out, gauge, "locum_peer_condition", "peer condition",
           "1 for the peer's condition as this node sees it.");
    for (locum_node i = 0; i < core->config.node_count; i++) {
        const enum locum_condition current = locum_core_condition(core, i);
        for (enum locum_condition each = LOCUM_UNKNOWN; is_peer(core, i) && each <= LOCUM_RETURNING;
             each++) {
            sample(out, current == each, core->config.nodes[i].name, locum_names_condition(each));
        }
    }
    metric(out, gauge, "locum_peer_admin", "peer state",
           "1 for the peer's administrative state; the last known one of a peer that is silent.");
    for (locum_node i = 0; i < core->config.node_count; i++) {
        const enum locum_admin current = locum_core_admin(core, i);
        for (enum locum_admin each = LOCUM_READY; is_peer(core, i) && each <= LOCUM_MAINT; each++) {
            sample(out, current == each, core->config.nodes[i].name, locum_names_admin(each));
        }
    }
    samples_by_peer(out, gauge, "locum_peer_votes", "Nodes that do not hear the peer now.", core,
                    true,
                    __builtin_popcount(locum_report_voters(core, (locum_node)i, report->now)));
    samples_by_peer(out, gauge, "locum_peer_excluded",
                    "1 while the operator excludes the peer from the answers.", core, true,
                    locum_nodes_has(core->admin.excluded, (locum_node)i));
    samples_by_peer(out, gauge, "locum_peer_one_way",
                    "1 while this node hears the peer, but the peer does not hear this node.", core,
                    true, facts[i].one_way);
    samples_by_peer(out, gauge, "locum_peer_clock_offset_seconds",
                    "The peer's clock minus this node's, without the travel time of heartbeats.",
                    core, facts[i].state_known, facts[i].wall_offset);
}

static void
add_peer_dns(struct locum_exposition *out, const struct locum_report *report)
{
    const struct locum_core *core = report->core;
    samples_if(out, gauge, "locum_dns_open", "node",
               "1 if the node says that its DNS is open, 0 if it says that it is not.",
               core->config.node_count, core->view.peer[i].dns_claim >= LOCUM_DNS_OPEN,
               core->view.peer[i].dns_claim == LOCUM_DNS_OPEN, core->config.nodes[i].name);
    metric(out, gauge, "locum_peer_dns_up", "peer family transport",
           "1 while the peer's DNS answers this node's questions, 0 after two failures.");
    for (size_t i = 0; i < core->config.node_count * LOCUM_ASKED; i++) {
        const locum_node peer = (locum_node)(i / LOCUM_ASKED);
        const struct locum_asked question = locum_report_asked(report, peer, i % LOCUM_ASKED);
        if (question.state != LOCUM_DNS_UNKNOWN) {
            sample(out, question.state == LOCUM_DNS_OK, core->config.nodes[peer].name,
                   locum_names_family(question.family), locum_names_transport(question.transport));
        }
    }
}

/* A metric of each peer and path, and its samples: of `value` for each that `has` it. */
#define samples_by_path(out, type, title, help, core, has, value)                                  \
    metric(out, type, title, "peer path", help);                                                   \
    for (size_t i = 0; i < (core)->config.node_count * LOCUM_PATHS; i++) {                         \
        const struct locum_path_facts *path =                                                      \
            &(core)->view.peer[i / LOCUM_PATHS].path[i % LOCUM_PATHS];                             \
        if (is_peer(core, i / LOCUM_PATHS) && (has)) {                                             \
            sample(out, value, (core)->config.nodes[i / LOCUM_PATHS].name,                         \
                   locum_names_path((enum locum_path)(i % LOCUM_PATHS)));                          \
        }                                                                                          \
    }

static void
add_heartbeats(struct locum_exposition *out, const struct locum_report *report)
{
    const struct locum_core *core = report->core;
    samples_by_path(out, gauge, "locum_peer_heard_age_seconds",
                    "Time since the last accepted heartbeat on this path.", core,
                    path->heard != LOCUM_NEVER, report->now.mono - path->heard);
    samples_by_path(out, counter, "locum_peer_heartbeats_total",
                    "Heartbeats received with a valid signature.", core, true, path->received);
    samples_by_path(out, counter, "locum_peer_heartbeats_accepted_total",
                    "Heartbeats that were new and acknowledged a recent heartbeat of this node.",
                    core, true, path->accepted);
    samples_by_path(out, counter, "locum_peer_heartbeats_late_total",
                    "Heartbeats older than the last one on this path.", core, true, path->dropped);
    number(out, gauge, "locum_quorum_needed_nodes", "Votes needed to declare a peer down.",
           core->config.quorum);
    number(out, gauge, "locum_quorum_reachable_nodes",
           "Nodes whose vote is available now, including this one.",
           __builtin_popcount(locum_vote_reachable(&core->view, &core->config, report->now.mono)));
    number(out, counter, "locum_heartbeats_sent_total",
           "Heartbeats of this node; each is sent on both paths.", (int64_t)core->view.seq);
    samples(out, counter, "locum_heartbeats_refused_total", "path",
            "Messages received without a valid signature.", LOCUM_PATHS,
            report->run->bad_signatures[i], locum_names_path((enum locum_path)i));
    number(out, counter, "locum_heartbeats_ignored_total",
           "Signed messages that are not a heartbeat of a node of this cluster.",
           (int64_t)core->ignored);
    metric(out, counter, "locum_peer_datagrams_total", "outcome", "Datagrams on the peer port.");
    sample(out, report->peer.sent, "sent");
    sample(out, report->peer.failed, "not-sent");
    sample(out, report->peer.received, "received");
    sample(out, report->peer.oversized, "too-long");
}

static void
add_checks(struct locum_exposition *out, const struct locum_report *report)
{
    const struct locum_core *core = report->core;
    samples(out, gauge, "locum_check_up", "check", "1 while the check is up.",
            core->config.check_count, core->service.check[i].verdict == LOCUM_UP,
            report->config->checks[i].name);
    samples_if(out, gauge, "locum_check_duration_seconds", "check",
               "Duration of the check's last probe.", core->config.check_count,
               report->checks[i].last_ms != LOCUM_NEVER, report->checks[i].last_ms,
               report->config->checks[i].name);
    metric(out, counter, "locum_check_probes_total", "check outcome", "Probes by outcome.");
    for (size_t i = 0; i < core->config.check_count; i++) {
        const struct locum_health_outcomes *outcomes = &report->checks[i];
        for (enum locum_sample outcome = LOCUM_SAMPLE_PASS;
             outcomes->last_ms != LOCUM_NEVER && outcome < LOCUM_SAMPLES; outcome++) {
            sample(out, outcomes->counts[outcome], report->config->checks[i].name,
                   locum_names_sample(outcome));
        }
    }
}

static void
add_hooks(struct locum_exposition *out, const struct locum_report *report)
{
    char numbers[LOCUM_HOOKS_MAX][12];
    for (size_t i = 0; i < report->hook_count; i++) {
        (void)locum_text_format_buffer(numbers[i], sizeof(numbers[i]), "%zu", i + 1);
    }
    metric(out, counter, "locum_hook_events_total", "hook outcome",
           "Events for a hook: delivered, failed, or dropped because its queue was full.");
    for (size_t i = 0; i < report->hook_count; i++) {
        sample(out, report->hooks[i]->delivered, numbers[i], "delivered");
        sample(out, report->hooks[i]->failed, numbers[i], "failed");
        sample(out, report->hooks[i]->dropped, numbers[i], "dropped");
    }
    samples(out, gauge, "locum_hook_queue", "hook", "Events that wait for the hook.",
            report->hook_count, report->hooks[i]->queued, numbers[i]);
    samples(out, gauge, "locum_hook_failing", "hook",
            "1 while the hook's last event was not delivered.", report->hook_count,
            report->hooks[i]->failing, numbers[i]);
}

static void
add_redis(struct locum_exposition *out, const struct locum_report *report)
{
    const struct locum_redis_status *redis = &report->redis;
    const char *names[LOCUM_NODES_MAX];
    for (size_t i = 0; i < redis->sentinel_count; i++) {
        const locum_node node = redis->sentinels[i].node;
        names[i] = node != LOCUM_NODE_NONE ? report->core->config.nodes[node].name
                                           : redis->sentinels[i].where;
    }
    number(out, gauge, "locum_redis_connected", "1 while subscribed to the Redis master.",
           redis->connected);
    number(out, gauge, "locum_redis_failing",
           "1 while there is a problem with Redis; locum status shows it.",
           redis->error[0] != '\0');
    number(out, counter, "locum_redis_failures_total",
           "Lost connections to a master, and failed attempts to connect.",
           (int64_t)redis->failures);
    number(out, counter, "locum_redis_commands_total", "Commands sent to Redis and the Sentinels.",
           (int64_t)redis->commands);
    number(
        out, counter, "locum_redis_messages_dropped_total",
        "Messages on a subscribed channel that were dropped because they were longer than 64 KiB.",
        (int64_t)redis->oversized);
    samples(out, gauge, "locum_sentinel_connected", "node",
            "1 while this node is connected to the node's Sentinel.", redis->sentinel_count,
            redis->sentinels[i].connected, names[i]);
    samples(out, gauge, "locum_sentinel_tilt", "node",
            "1 while the Sentinel is in TILT and therefore has no vote.", redis->sentinel_count,
            redis->sentinels[i].tilt, names[i]);
    samples(out, counter, "locum_sentinel_polls_total", "node", "Completed polls of the Sentinel.",
            redis->sentinel_count, redis->sentinels[i].polls, names[i]);
    samples_if(out, gauge, "locum_sentinel_poll_age_seconds", "node",
               "Time since the last completed poll.", redis->sentinel_count,
               redis->sentinels[i].polled_mono != LOCUM_NEVER,
               report->now.mono - redis->sentinels[i].polled_mono, names[i]);
}

static void
add_dns_tcp(struct locum_exposition *out, const struct locum_dns_counts *counts)
{
    static const char *const reasons[] = {
        [LOCUM_DNS_TCP_IDLE] = "idle",
        [LOCUM_DNS_TCP_SLOW_QUERY] = "slow-query",
        [LOCUM_DNS_TCP_SLOW_READER] = "slow-reader",
        [LOCUM_DNS_TCP_MALFORMED] = "malformed",
        [LOCUM_DNS_TCP_CLIENT_LIMIT] = "client-limit",
        [LOCUM_DNS_TCP_LIMIT] = "limit",
        [LOCUM_DNS_TCP_DESCRIPTORS] = "descriptors",
    };
    number(out, gauge, "locum_dns_tcp_connections", "TCP connections open now.",
           (int64_t)counts->tcp_connections);
    samples(out, counter, "locum_dns_tcp_closed_total", "reason",
            "TCP connections that the server closed: idle for 10 s; slow-query, slow-reader: a "
            "message, or reading its answer, took longer than 5 s; malformed: no query. Or for a "
            "new one the longest idle, of a client with 128 (client-limit), of the client that has "
            "most of 256 (limit), or because no file was left (descriptors).",
            LOCUM_DNS_TCP_CLOSED, counts->tcp_closed[i], reasons[i]);
    number(out, counter, "locum_dns_tcp_refused_total",
           "Attempts to accept a TCP connection that failed for lack of a file descriptor or "
           "memory.",
           (int64_t)counts->tcp_short);
}

static void
add_transfers(struct locum_exposition *out, const struct locum_report *report)
{
    static const char *const errors[] = {"verified", "badkey", "badsig", "badtime", "badtrunc"};
    static const char *const results[] = {"sent", "broken", "failed", "refused"};
    const struct locum_dns_tallied *udp = &report->dns.udp, *tcp = &report->dns.tcp;
    const struct locum_primary_counts *of = &report->transfers;
    const uint64_t counts[] = {of->sent, of->broken, of->failed + tcp->transfers_failed,
                               udp->transfers_refused + tcp->transfers_refused};
    samples(out, counter, "locum_dns_signed_total", "result",
            "Signed DNS queries (TSIG): verified, or refused with this error.", LOCUM_COUNT(errors),
            udp->signed_as[i + 1] + tcp->signed_as[i + 1], errors[i]);
    samples(
        out, counter, "locum_dns_transfers_total", "result",
        "Zone transfers: sent; broken by the client or a deadline; failed, because there was no "
        "content or 16 ran already; refused by zones.transfer.",
        LOCUM_COUNT(results), counts[i], results[i]);
    metric(out, counter, "locum_dns_notify_total", "result",
           "NOTIFY to secondaries: messages sent; serials acknowledged; serials given up.");
    sample(out, report->secondaries.sent, "sent");
    sample(out, report->secondaries.acknowledged, "acknowledged");
    sample(out, report->secondaries.unanswered, "unanswered");
    number(out, gauge, "locum_dns_secondaries_silent",
           "Secondaries that have not acknowledged the newest serial.",
           (int64_t)report->secondaries.silent);
}

static void
add_acme_clients(struct locum_exposition *out, const struct locum_report *report)
{
    const struct locum_report_updates *updates = &report->updates;
    const struct locum_report_acmehttp *http = &report->acmehttp;
    metric(
        out, counter, "locum_dns_updates_total", "result",
        "UPDATE messages that a key of acme.keys has signed: done; unmet, because a prerequisite "
        "did not hold; refused because of a name, a type, the zone or the form; replayed; failed "
        "for lack of room; overflow, because too many waited.");
    sample(out, updates->done, "done");
    sample(out, updates->unmet, "unmet");
    sample(out, updates->refused, "refused");
    sample(out, updates->replayed, "replayed");
    sample(out, updates->failed, "failed");
    sample(out, report->dns.updates_overflow, "overflow");
    metric(
        out, counter, "locum_acme_requests_total", "result",
        "Requests of ACME clients over HTTP: done; refused because of the name, the value or the "
        "body; denied, with another token than that of acme.token-file.");
    sample(out, http->done, "done");
    sample(out, http->refused, "refused");
    sample(out, http->denied, "denied");
}

static void
add_dns(struct locum_exposition *out, const struct locum_report *report)
{
    static const struct {
        size_t rcode;
        const char *text;
    } rcodes[] = {{0, "NOERROR"},  {1, "FORMERR"},   {2, "SERVFAIL"}, {3, "NXDOMAIN"},
                  {4, "NOTIMP"},   {5, "REFUSED"},   {6, "YXDOMAIN"}, {9, "NOTAUTH"},
                  {16, "BADVERS"}, {23, "BADCOOKIE"}};
    static const char *const transports[] = {"udp", "tcp"};
    const struct locum_report_signing *signing = &report->signing;
    const struct locum_dns_tallied *const of[] = {&report->dns.udp, &report->dns.tcp};
    samples(out, counter, "locum_dns_queries_total", "transport", "DNS queries answered.", 2,
            of[i]->queries, transports[i]);
    metric(out, counter, "locum_dns_answers_total", "transport rcode",
           "DNS queries answered, by response code.");
    for (size_t i = 0; i < 2 * LOCUM_COUNT(rcodes); i++) {
        const size_t each = i % LOCUM_COUNT(rcodes);
        const size_t transport = i / LOCUM_COUNT(rcodes);
        sample(out, of[transport]->answers_by_rcode[rcodes[each].rcode], transports[transport],
               rcodes[each].text);
    }
    samples(out, counter, "locum_dns_truncated_total", "transport",
            "Answers that did not fit and were sent with the TC bit.", 2, of[i]->truncated,
            transports[i]);
    samples(out, counter, "locum_dns_dropped_total", "transport",
            "DNS messages that got no answer.", 2, of[i]->dropped, transports[i]);
    number(out, counter, "locum_dns_udp_overflow_total",
           "Datagrams that the kernel dropped because the queue of a DNS socket was full.",
           (int64_t)report->dns.udp_overflow);
    metric(out, counter, "locum_dns_rate_limited_total", "action",
           "Answers by UDP over dns.rate-limit: short, badcookie or drop.");
    sample(out, report->dns.udp.limited_short, "short", NULL);
    sample(out, report->dns.udp.limited_badcookie, "badcookie", NULL);
    sample(out, report->dns.udp.limited_dropped, "drop", NULL);
    number(out, gauge, "locum_dns_rate_limited_prefixes",
           "Prefixes of clients whose answers are limited now.", (int64_t)report->dns.limited);
    number(out, gauge, "locum_dns_rate_limit_bytes",
           "Size of the tables of dns.rate-limit; a page counts as memory once it is used.",
           (int64_t)report->dns.limiter_bytes);
    add_dns_tcp(out, &report->dns);
    add_transfers(out, report);
    add_acme_clients(out, report);
    number(out, gauge, "locum_zone_serial", "SOA serial of the answers.", report->run->serial);
    number(out, counter, "locum_signatures_made_total",
           "Signatures of signed zones (RRSIG) made by this run.", (int64_t)signing->counts.made);
    number(out, gauge, "locum_signatures_unverified",
           "Signatures that were made and are not verified yet.",
           (int64_t)signing->counts.unverified);
    number(out, counter, "locum_signatures_bad_total",
           "Signatures that did not verify, and were made again.", (int64_t)signing->counts.bad);
    number(out, gauge, "locum_clock_in_doubt",
           "1 while this node signs zones and its clock is more than 5 minutes off its peers, or "
           "was set by more than that: signatures that are valid stay.",
           signing->clock_in_doubt);
}

/* A key of the zones' reports: an integer, or 1 if it is the text "served". */
static void
add_reported(struct locum_exposition *out, const struct locum_report *report, const char *key)
{
    for (size_t zone = 0; zone < report->config->zone_count; zone++) {
        json_t *reported = locum_report_nsd_zone(report, zone);
        const json_t *value = json_object_get(reported, key);
        const char *name = report->config->zones[zone].name;
        if (json_is_integer(value)) {
            sample(out, json_integer_value(value), name);
        } else if (json_is_string(value)) {
            sample(out, strcmp(json_string_value(value), "served") == 0, name);
        }
        json_decref(reported);
    }
}

static void
add_nsd(struct locum_exposition *out, const struct locum_report *report)
{
    metric(out, gauge, "locum_nsd_served", "zone",
           "1 while NSD serves the current zone, as reported by locum-nsd.");
    add_reported(out, report, "state");
    metric(out, gauge, "locum_nsd_serial", "zone", "SOA serial that NSD serves.");
    add_reported(out, report, "serial");
    metric(out, gauge, "locum_nsd_lag_seconds", "zone",
           "Time from the last decision until NSD served it.");
    add_reported(out, report, "lag_ms");
    metric(out, gauge, "locum_nsd_report_age_seconds", "zone",
           "Time since the last report of locum-nsd.");
    add_reported(out, report, "heard_ms");
}

/* How many of the items of an array have this text as `key`. */
static int64_t
count_items(const json_t *items, const char *key, const char *text, const char *weight)
{
    int64_t count = 0;
    size_t i;
    const json_t *item;
    json_array_foreach(items, i, item)
    {
        if (strcmp(json_string_value(json_object_get(item, key)), text) == 0) {
            count += weight == NULL ? 1 : (int64_t)json_array_size(json_object_get(item, weight));
        }
    }
    return count;
}

static void
add_warnings(struct locum_exposition *out, const struct locum_report *report)
{
    const char *meaning;
    json_t *warnings = out->each == NULL ? locum_warnings_find(report) : NULL;
    metric(out, gauge, "locum_warnings", "about",
           "Current warnings by what they are about, without those of which the status stays OK.");
    for (size_t i = 0; locum_warnings_about(i, &meaning) != NULL; i++) {
        const char *about = locum_warnings_about(i, &meaning);
        sample(out, locum_warnings_count_about(report, warnings, about), about);
    }
    json_decref(warnings);
}

static void
add_program(struct locum_exposition *out, const struct locum_report *report)
{
    const struct locum_run *run = report->run;
    json_t *degraded = locum_report_degraded(report);
    json_t *losses = locum_report_next_loss(report);
    metric(out, gauge, "locum_degraded", "about",
           "How much is degraded, by what it is about; locum status lists it.");
    for (size_t i = 0; locum_report_degraded_about(i) != NULL; i++) {
        const char *about = locum_report_degraded_about(i);
        sample(out, count_items(degraded, "about", about, NULL), about);
    }
    metric(out, gauge, "locum_next_loss_names", "node",
           "Answers that would not be healthy if this node were lost too.");
    for (size_t i = 0; i < report->core->config.node_count; i++) {
        const char *name = report->core->config.nodes[i].name;
        sample(out, count_items(losses, "node", name, "names"), name);
    }
    json_decref(degraded);
    json_decref(losses);
    add_warnings(out, report);
    number(out, gauge, "locum_state_failed", "1 while the state file cannot be written.",
           report->state_error[0] != '\0');
    metric(out, gauge, "locum_state_age_seconds", "", "Time since the state was last written.");
    if (report->state_written != LOCUM_NEVER) {
        locum_exposition_add(out, "", "", NULL, report->now.mono - report->state_written);
    }
    number(out, counter, "locum_loop_iterations_total", "Iterations of the event loop.",
           (int64_t)run->iterations);
    metric(out, histogram, "locum_loop_lag_seconds", "",
           "Delay of iterations that were due at a certain time.");
    add_lag(out, &run->lag);
    number(out, gauge, "locum_loop_lag_max_seconds", "Longest such delay since the start.",
           run->lag.max_ms);
}

static void
add_all(struct locum_exposition *out, const struct locum_report *report)
{
    add_node(out, report);
    add_peers(out, report);
    add_peer_dns(out, report);
    add_heartbeats(out, report);
    add_checks(out, report);
    locum_certificates_add_metrics(out, report);
    add_hooks(out, report);
    add_redis(out, report);
    add_dns(out, report);
    locum_dnssec_add_metrics(out, report);
    add_nsd(out, report);
    add_program(out, report);
}

char *
locum_report_metrics(const struct locum_report *report)
{
    const size_t size = METRICS_BYTES_MAX + count_answers(report->core) * ANSWER_BYTES_MAX +
                        locum_certificates_metrics_bytes(report) +
                        locum_dnssec_metrics_bytes(report);
    char *buffer = malloc(size);
    if (buffer == NULL) {
        return NULL;
    }
    struct locum_exposition out = {.text = locum_text_init(buffer, size)};
    add_all(&out, report);
    if (out.text.truncated) {
        free(buffer);
        return NULL;
    }
    return buffer;
}

void
locum_report_metric_list(locum_metric_fn *each, void *user)
{
    /* Without nodes, checks and zones there is nothing to take samples of. */
    static struct locum_config config; /* not const: zeros would take room in the program's file */
    static struct locum_core core;
    static const struct locum_run run;
    static const struct locum_evidence evidence;
    static const struct locum_nsd_reports nsd;
    const struct locum_report report = {
        .config = &config, .core = &core, .run = &run, .evidence = &evidence, .nsd = &nsd};
    char nothing[1];
    struct locum_exposition out = {
        .text = locum_text_init(nothing, sizeof(nothing)), .each = each, .user = user};
    add_all(&out, &report);
}
