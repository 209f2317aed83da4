/* What each metric says, and where it is read. */
#include <string.h>

#include "daemon/metrics.h"

/* --- this node -------------------------------------------------------------------------------- */

static void
add_info(struct locum_scrape *self)
{
    locum_scrape_add(self, self->daemon->config->core.version, self->daemon->config->core.digest,
                     1);
}

static const char *
serving_text(int kind)
{
    static const char *const texts[] = {
        [LOCUM_SERVING_SELF] = "self",       [LOCUM_SERVING_YIELDING] = "yielding",
        [LOCUM_SERVING_ALL] = "all",         [LOCUM_SERVING_FAIL_OPEN] = "fail-open",
        [LOCUM_SERVING_WITNESS] = "witness",
    };
    return texts[kind];
}

static void
add_serving(struct locum_scrape *self)
{
    locum_scrape_add_states(self, NULL, LOCUM_SERVING_WITNESS + 1,
                            (int)self->daemon->core.serving.kind, serving_text);
}

static const char *
service_text(int word)
{
    return locum_names_service((enum locum_service)word);
}

static void
add_service(struct locum_scrape *self)
{
    locum_scrape_add_states(self, NULL, LOCUM_PROBATION + 1, (int)self->daemon->core.service.state,
                            service_text);
}

static const char *
admin_text(int word)
{
    return locum_names_admin((enum locum_admin)word);
}

static void
add_admin(struct locum_scrape *self)
{
    locum_scrape_add_states(self, NULL, LOCUM_MAINT + 1, (int)self->daemon->core.admin.state,
                            admin_text);
}

static void
add_events(struct locum_scrape *self)
{
    for (size_t i = 0; i < LOCUM_TOLD_COUNT; i++) {
        locum_scrape_add(self, locum_told_rows[i].event, NULL, (int64_t)self->daemon->told[i]);
    }
}

static void
add_lag(struct locum_scrape *self)
{
    locum_scrape_add_lag(self, &self->daemon->lag);
}

/* --- nodes ------------------------------------------------------------------------------------ */

static void
add_ranks(struct locum_scrape *self)
{
    const struct locum_core *core = &self->daemon->core;
    for (locum_node node = 0; node < core->config.node_count; node++) {
        if (core->config.nodes[node].role == LOCUM_ROLE_SERVER) {
            locum_scrape_add(self, core->config.nodes[node].name, NULL, core->rank[node]);
        }
    }
}

static void
add_mirrorbits(struct locum_scrape *self)
{
    const struct locum_core *core = &self->daemon->core;
    for (locum_node node = 0; node < core->config.node_count; node++) {
        if (core->config.nodes[node].role == LOCUM_ROLE_SERVER) {
            locum_scrape_add(self, core->config.nodes[node].name, NULL,
                             locum_view_mirrorbits_seen(&core->view, node, self->now.mono));
        }
    }
}

/* The next node after *node that sends heartbeats and is not this one; false: there is none. */
static bool
next_peer(const struct locum_core_config *config, locum_node *node)
{
    do {
        *node = *node == LOCUM_NODE_NONE ? 0 : (locum_node)(*node + 1);
    } while (*node < config->node_count &&
             (*node == config->self || config->nodes[*node].role == LOCUM_ROLE_SENTINEL));
    return *node < config->node_count;
}

static const char *
condition_text(int condition)
{
    return locum_names_condition((enum locum_condition)condition);
}

static void
add_conditions(struct locum_scrape *self)
{
    const struct locum_core *core = &self->daemon->core;
    for (locum_node peer = LOCUM_NODE_NONE; next_peer(&core->config, &peer);) {
        locum_scrape_add_states(self, core->config.nodes[peer].name, LOCUM_RETURNING + 1,
                                (int)locum_core_condition(core, peer), condition_text);
    }
}

static void
add_votes(struct locum_scrape *self)
{
    const struct locum_core *core = &self->daemon->core;
    for (locum_node peer = LOCUM_NODE_NONE; next_peer(&core->config, &peer);) {
        const locum_nodes voters = locum_daemon_voters(core, peer, self->now);
        locum_scrape_add(self, core->config.nodes[peer].name, NULL, __builtin_popcount(voters));
    }
}

static void
add_excluded(struct locum_scrape *self)
{
    const struct locum_core *core = &self->daemon->core;
    for (locum_node peer = LOCUM_NODE_NONE; next_peer(&core->config, &peer);) {
        locum_scrape_add(self, core->config.nodes[peer].name, NULL,
                         locum_nodes_has(core->admin.excluded, peer));
    }
}

static void
add_deaf(struct locum_scrape *self)
{
    const struct locum_core *core = &self->daemon->core;
    for (locum_node peer = LOCUM_NODE_NONE; next_peer(&core->config, &peer);) {
        locum_scrape_add(self, core->config.nodes[peer].name, NULL, core->view.peer[peer].one_way);
    }
}

static void
add_clock_offsets(struct locum_scrape *self)
{
    const struct locum_core *core = &self->daemon->core;
    for (locum_node peer = LOCUM_NODE_NONE; next_peer(&core->config, &peer);) {
        if (core->view.peer[peer].state_known) {
            locum_scrape_add(self, core->config.nodes[peer].name, NULL,
                             core->view.peer[peer].wall_offset);
        }
    }
}

/* One sample for each peer and path: the number there is of it, LOCUM_NEVER: none. */
static void
add_by_path(struct locum_scrape *self,
            int64_t (*number)(const struct locum_scrape *self, const struct locum_path_facts *path))
{
    const struct locum_core *core = &self->daemon->core;
    for (locum_node peer = LOCUM_NODE_NONE; next_peer(&core->config, &peer);) {
        for (enum locum_path path = LOCUM_PATH_REDIS; path <= LOCUM_PATH_UDP; path++) {
            const int64_t value = number(self, &core->view.peer[peer].path[path]);
            if (value != LOCUM_NEVER) {
                locum_scrape_add(self, core->config.nodes[peer].name, locum_names_path(path),
                                 value);
            }
        }
    }
}

static int64_t
heard_age(const struct locum_scrape *self, const struct locum_path_facts *path)
{
    return path->heard == LOCUM_NEVER ? LOCUM_NEVER : self->now.mono - path->heard;
}

static void
add_heard(struct locum_scrape *self)
{
    add_by_path(self, heard_age);
}

static int64_t
received(const struct locum_scrape *self, const struct locum_path_facts *path)
{
    (void)self;
    return (int64_t)path->received;
}

static void
add_received(struct locum_scrape *self)
{
    add_by_path(self, received);
}

static int64_t
accepted(const struct locum_scrape *self, const struct locum_path_facts *path)
{
    (void)self;
    return (int64_t)path->accepted;
}

static void
add_accepted(struct locum_scrape *self)
{
    add_by_path(self, accepted);
}

static int64_t
dropped(const struct locum_scrape *self, const struct locum_path_facts *path)
{
    (void)self;
    return (int64_t)path->dropped;
}

static void
add_late(struct locum_scrape *self)
{
    add_by_path(self, dropped);
}

static void
add_refused(struct locum_scrape *self)
{
    for (enum locum_path path = LOCUM_PATH_REDIS; path <= LOCUM_PATH_UDP; path++) {
        locum_scrape_add(self, locum_names_path(path), NULL,
                         (int64_t)self->daemon->bad_lines[path]);
    }
}

static void
add_datagrams(struct locum_scrape *self)
{
    struct locum_peer_counts counts;
    locum_peer_counts(self->daemon->peer, &counts);
    locum_scrape_add(self, "sent", NULL, (int64_t)counts.sent);
    locum_scrape_add(self, "not-sent", NULL, (int64_t)counts.failed);
    locum_scrape_add(self, "received", NULL, (int64_t)counts.received);
    locum_scrape_add(self, "too-long", NULL, (int64_t)counts.oversized);
}

/* --- checks ----------------------------------------------------------------------------------- */

static const char *
check_name(const struct locum_scrape *self, size_t check)
{
    return self->daemon->config->checks[check].name;
}

static void
add_checks_up(struct locum_scrape *self)
{
    const struct locum_core *core = &self->daemon->core;
    for (size_t i = 0; i < core->config.check_count; i++) {
        locum_scrape_add(self, check_name(self, i), NULL,
                         core->service.check[i].verdict == LOCUM_UP);
    }
}

static void
add_check_durations(struct locum_scrape *self)
{
    for (size_t i = 0; i < self->daemon->core.config.check_count; i++) {
        struct locum_health_counts counts;
        locum_health_counts(self->daemon->health, i, &counts);
        if (counts.last_ms != LOCUM_NEVER) {
            locum_scrape_add(self, check_name(self, i), NULL, counts.last_ms);
        }
    }
}

static void
add_check_probes(struct locum_scrape *self)
{
    for (size_t i = 0; i < self->daemon->core.config.check_count; i++) {
        struct locum_health_counts counts;
        locum_health_counts(self->daemon->health, i, &counts);
        for (enum locum_sample outcome = LOCUM_SAMPLE_PASS;
             counts.last_ms != LOCUM_NEVER && outcome <= LOCUM_SAMPLE_REFUSED; outcome++) {
            locum_scrape_add(self, check_name(self, i), locum_names_sample(outcome),
                             (int64_t)counts.outcomes[outcome]);
        }
    }
}

/* --- Sentinels -------------------------------------------------------------------------------- */

static const char *
sentinel_name(const struct locum_scrape *self, size_t i)
{
    const locum_node node = self->redis.sentinels[i].node;
    return node != LOCUM_NODE_NONE ? self->daemon->core.config.nodes[node].name
                                   : self->redis.sentinels[i].where;
}

static void
add_sentinels_connected(struct locum_scrape *self)
{
    for (size_t i = 0; i < self->redis.sentinel_count; i++) {
        locum_scrape_add(self, sentinel_name(self, i), NULL, self->redis.sentinels[i].connected);
    }
}

static void
add_sentinels_tilt(struct locum_scrape *self)
{
    for (size_t i = 0; i < self->redis.sentinel_count; i++) {
        locum_scrape_add(self, sentinel_name(self, i), NULL, self->redis.sentinels[i].tilt);
    }
}

static void
add_sentinel_polls(struct locum_scrape *self)
{
    for (size_t i = 0; i < self->redis.sentinel_count; i++) {
        locum_scrape_add(self, sentinel_name(self, i), NULL,
                         (int64_t)self->redis.sentinels[i].polls);
    }
}

static void
add_sentinel_ages(struct locum_scrape *self)
{
    for (size_t i = 0; i < self->redis.sentinel_count; i++) {
        const locum_ms polled = self->redis.sentinels[i].polled_mono;
        if (polled != LOCUM_NEVER) {
            locum_scrape_add(self, sentinel_name(self, i), NULL, self->now.mono - polled);
        }
    }
}

/* --- DNS -------------------------------------------------------------------------------------- */

static void
add_queries(struct locum_scrape *self)
{
    locum_scrape_add(self, "udp", NULL, (int64_t)self->dns.udp.queries);
    locum_scrape_add(self, "tcp", NULL, (int64_t)self->dns.tcp.queries);
}

static void
add_answers_of(struct locum_scrape *self, const char *transport,
               const struct locum_dns_tallied *tallied)
{
    static const struct {
        size_t rcode;
        const char *text;
    } rcodes[] = {{0, "NOERROR"}, {1, "FORMERR"}, {3, "NXDOMAIN"},
                  {4, "NOTIMP"},  {5, "REFUSED"}, {16, "BADVERS"}};
    for (size_t i = 0; i < LOCUM_COUNT(rcodes); i++) {
        locum_scrape_add(self, transport, rcodes[i].text,
                         (int64_t)tallied->answers_by_rcode[rcodes[i].rcode]);
    }
}

static void
add_answers(struct locum_scrape *self)
{
    add_answers_of(self, "udp", &self->dns.udp);
    add_answers_of(self, "tcp", &self->dns.tcp);
}

static void
add_truncated(struct locum_scrape *self)
{
    locum_scrape_add(self, "udp", NULL, (int64_t)self->dns.udp.truncated);
    locum_scrape_add(self, "tcp", NULL, (int64_t)self->dns.tcp.truncated);
}

static void
add_unanswered(struct locum_scrape *self)
{
    locum_scrape_add(self, "udp", NULL, (int64_t)self->dns.udp.dropped);
    locum_scrape_add(self, "tcp", NULL, (int64_t)self->dns.tcp.dropped);
}

/* --- the table -------------------------------------------------------------------------------- */

#define COUNTER        LOCUM_METRIC_COUNTER
#define GAUGE          LOCUM_METRIC_GAUGE
#define HISTOGRAM      LOCUM_METRIC_HISTOGRAM
#define NUMBER(member) NULL, offsetof(struct locum_scrape, member)
#define BY(function)   function, 0

/* --- NSD -------------------------------------------------------------------------------------- */

/* The number of a key of every report; `served`: 1 where its state is that word. */
static void
add_nsd(struct locum_scrape *self, const char *key, const char *served)
{
    const struct locum_config *config = self->daemon->config;
    for (size_t zone = 0; zone < config->zone_count; zone++) {
        json_t *report = locum_daemon_nsd_of(self->daemon, zone);
        const json_t *value = json_object_get(report, key);
        if (json_is_integer(value)) {
            locum_scrape_add(self, config->zones[zone].name, NULL, json_integer_value(value));
        } else if (served != NULL && json_is_string(value)) {
            locum_scrape_add(self, config->zones[zone].name, NULL,
                             strcmp(json_string_value(value), served) == 0);
        }
        json_decref(report);
    }
}

static void
add_nsd_served(struct locum_scrape *self)
{
    add_nsd(self, "state", "served");
}

static void
add_nsd_serials(struct locum_scrape *self)
{
    add_nsd(self, "serial", NULL);
}

static void
add_nsd_lags(struct locum_scrape *self)
{
    add_nsd(self, "lag_ms", NULL);
}

static void
add_nsd_ages(struct locum_scrape *self)
{
    add_nsd(self, "heard_ms", NULL);
}

/* clang-format off */
const struct locum_metric locum_metrics[] = {
/* name, type, labels, help, how it is read */
{"locum_info", GAUGE, "version digest",
 "1, with the program's version and the digest of the configuration.", BY(add_info)},
{"locum_uptime_seconds", GAUGE, "", "Time since the start.", NUMBER(uptime)},
{"locum_serving", GAUGE, "kind", "1 for what this node answers now.", BY(add_serving)},
{"locum_serving_age_seconds", GAUGE, "", "Time since that changed.", NUMBER(serving_age)},
{"locum_takeovers", GAUGE, "", "Peers whose own names this node has taken over.",
 NUMBER(takeovers)},
{"locum_service", GAUGE, "state", "1 for the verdict on this node's service.", BY(add_service)},
{"locum_admin", GAUGE, "state", "1 for the administrative state.", BY(add_admin)},
{"locum_rank", GAUGE, "node", "How good a server is to name now, 0 (A, best) to 6 (G).",
 BY(add_ranks)},
{"locum_mirrorbits_seen", GAUGE, "node", "1 while the node's Mirrorbits announces itself.",
 BY(add_mirrorbits)},
{"locum_plan_changes_total", COUNTER, "", "Answers handed out anew.", NUMBER(plan_changes)},
{"locum_answers_stale", GAUGE, "", "1 while the answers could not be made anew.",
 NUMBER(answers_stale)},
{"locum_events_total", COUNTER, "event", "Events told.", BY(add_events)},

{"locum_peer_condition", GAUGE, "peer condition", "1 for what this node holds of the peer.",
 BY(add_conditions)},
{"locum_peer_votes", GAUGE, "peer", "Nodes that find the peer silent now.", BY(add_votes)},
{"locum_peer_excluded", GAUGE, "peer", "1 while the operator keeps the peer out of the answers.",
 BY(add_excluded)},
{"locum_peer_one_way", GAUGE, "peer", "1 while the peer is heard and does not hear this node.",
 BY(add_deaf)},
{"locum_peer_clock_offset_seconds", GAUGE, "peer",
 "The peer's clock minus this node's, as far as the way of a heartbeat does not explain it.",
 BY(add_clock_offsets)},
{"locum_peer_heard_age_seconds", GAUGE, "peer path",
 "Time since the last heartbeat by this path that was accepted.", BY(add_heard)},
{"locum_peer_heartbeats_total", COUNTER, "peer path", "Heartbeats received, well sealed.",
 BY(add_received)},
{"locum_peer_heartbeats_accepted_total", COUNTER, "peer path",
 "Those that were new and acknowledged a fresh one of this node.", BY(add_accepted)},
{"locum_peer_heartbeats_late_total", COUNTER, "peer path",
 "Those older than the last one by this path.", BY(add_late)},
{"locum_quorum_needed_nodes", GAUGE, "", "Votes needed to hold a peer down.",
 NUMBER(quorum_needed)},
{"locum_quorum_reachable_nodes", GAUGE, "", "Nodes whose vote could be had now, this one too.",
 NUMBER(quorum_reachable)},
{"locum_heartbeats_sent_total", COUNTER, "", "Heartbeats of this node, each sent by both paths.",
 NUMBER(heartbeats_sent)},
{"locum_heartbeats_refused_total", COUNTER, "path",
 "Received lines that no accepted secret has sealed.", BY(add_refused)},
{"locum_heartbeats_ignored_total", COUNTER, "",
 "Received lines that are no heartbeat of this cluster's nodes.", NUMBER(heartbeats_ignored)},
{"locum_peer_datagrams_total", COUNTER, "outcome", "Datagrams of the peer port.",
 BY(add_datagrams)},

{"locum_check_up", GAUGE, "check", "1 while the check is up.", BY(add_checks_up)},
{"locum_check_duration_seconds", GAUGE, "check", "How long its last probe took.",
 BY(add_check_durations)},
{"locum_check_probes_total", COUNTER, "check outcome", "Its probes.", BY(add_check_probes)},

{"locum_redis_connected", GAUGE, "", "1 while subscribed to the Redis master.",
 NUMBER(redis_connected)},
{"locum_redis_failing", GAUGE, "", "1 while something is wrong with Redis; locum status says what.",
 NUMBER(redis_trouble)},
{"locum_redis_failures_total", COUNTER, "",
 "Connections to a master that ended, and attempts that failed.", NUMBER(redis_failures)},
{"locum_redis_commands_total", COUNTER, "", "Commands sent to Redis and the Sentinels.",
 NUMBER(redis_commands)},
{"locum_sentinel_connected", GAUGE, "node", "1 while the node's Sentinel answers.",
 BY(add_sentinels_connected)},
{"locum_sentinel_tilt", GAUGE, "node", "1 while it is in TILT, and no evidence.",
 BY(add_sentinels_tilt)},
{"locum_sentinel_polls_total", COUNTER, "node", "Looks at it that were complete.",
 BY(add_sentinel_polls)},
{"locum_sentinel_poll_age_seconds", GAUGE, "node", "Time since the last of them.",
 BY(add_sentinel_ages)},

{"locum_dns_queries_total", COUNTER, "transport", "DNS questions answered.", BY(add_queries)},
{"locum_dns_answers_total", COUNTER, "transport rcode", "The same by what was answered.",
 BY(add_answers)},
{"locum_dns_truncated_total", COUNTER, "transport", "Answers that did not fit.",
 BY(add_truncated)},
{"locum_dns_dropped_total", COUNTER, "transport", "DNS messages that got no answer.",
 BY(add_unanswered)},
{"locum_dns_tcp_connections", GAUGE, "", "TCP connections open now.", NUMBER(tcp_connections)},
{"locum_zone_serial", GAUGE, "", "SOA serial of the answers.", NUMBER(zone_serial)},
{"locum_nsd_served", GAUGE, "zone", "1 while NSD serves what this node means, as locum-nsd says.",
 BY(add_nsd_served)},
{"locum_nsd_serial", GAUGE, "zone", "SOA serial that NSD serves.", BY(add_nsd_serials)},
{"locum_nsd_lag_seconds", GAUGE, "zone", "From the decision until NSD served it.",
 BY(add_nsd_lags)},
{"locum_nsd_report_age_seconds", GAUGE, "zone", "Time since locum-nsd last reported.",
 BY(add_nsd_ages)},

{"locum_warnings", GAUGE, "", "Warnings of locum status that begin and end as events.",
 NUMBER(warnings)},
{"locum_state_failed", GAUGE, "", "1 while the state folder cannot be written.",
 NUMBER(state_failed)},
{"locum_state_age_seconds", GAUGE, "", "Time since the state was last written.",
 NUMBER(persist_age)},
{"locum_loop_iterations_total", COUNTER, "", "Turns of the loop.", NUMBER(turns)},
{"locum_loop_lag_seconds", HISTOGRAM, "", "How late the loop came to a turn that was due.",
 BY(add_lag)},
{"locum_loop_lag_max_seconds", GAUGE, "", "The most since the start.", NUMBER(lag_max)},
};
/* clang-format on */

const size_t locum_metric_count = LOCUM_COUNT(locum_metrics);
