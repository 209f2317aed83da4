/* GET /metrics: Prometheus text format 0.0.4. */
#include "daemon/daemon.h"

#include <stdlib.h>
#include <string.h>

#include "core/vote.h"

enum { METRICS_BYTES_MAX = 32 * 1024 };

static void
add_head(struct locum_text *text, const char *name, const char *type, const char *help)
{
    locum_text_add(text, "# HELP ");
    locum_text_add(text, name);
    locum_text_add_char(text, ' ');
    locum_text_add(text, help);
    locum_text_add(text, "\n# TYPE ");
    locum_text_add(text, name);
    locum_text_add_char(text, ' ');
    locum_text_add(text, type);
    locum_text_add_char(text, '\n');
}

static void
add_value(struct locum_text *text, const char *name, const char *type, const char *help,
          uint64_t value)
{
    add_head(text, name, type, help);
    locum_text_add(text, name);
    locum_text_add_char(text, ' ');
    locum_text_add_u64(text, value);
    locum_text_add_char(text, '\n');
}

/* name{peer="dc3",key="word"} value */
static void
add_of_peer(struct locum_text *text, const char *name, const char *peer, const char *key,
            const char *word, uint64_t value)
{
    locum_text_add(text, name);
    locum_text_add(text, "{peer=\"");
    locum_text_add(text, peer);
    locum_text_add(text, "\",");
    locum_text_add(text, key);
    locum_text_add(text, "=\"");
    locum_text_add(text, word);
    locum_text_add(text, "\"} ");
    locum_text_add_u64(text, value);
    locum_text_add_char(text, '\n');
}

static bool
is_peer(const struct locum_core_config *config, locum_node node)
{
    return node != config->self && config->nodes[node].role != LOCUM_ROLE_SENTINEL;
}

static void
add_peers(struct locum_text *text, const struct locum_core *core)
{
    const struct locum_core_config *config = &core->config;
    add_head(text, "locum_peer_condition", "gauge",
             "1 for the condition this node holds of a peer.");
    for (locum_node node = 0; node < config->node_count; node++) {
        for (enum locum_condition c = LOCUM_UNKNOWN; is_peer(config, node) && c <= LOCUM_RETURNING;
             c++) {
            add_of_peer(text, "locum_peer_condition", config->nodes[node].name, "condition",
                        locum_condition_text(c), locum_core_condition(core, node) == c ? 1 : 0);
        }
    }
    add_head(text, "locum_peer_heartbeats_total", "counter", "Heartbeats received of a peer.");
    for (locum_node node = 0; node < config->node_count; node++) {
        for (enum locum_path path = LOCUM_PATH_REDIS;
             is_peer(config, node) && path <= LOCUM_PATH_PEER; path++) {
            add_of_peer(text, "locum_peer_heartbeats_total", config->nodes[node].name, "path",
                        locum_path_text(path), core->view.peer[node].path[path].received);
        }
    }
}

char *
locum_daemon_metrics(struct locum_daemon *self)
{
    char *buffer = malloc(METRICS_BYTES_MAX);
    if (buffer == NULL) {
        return NULL;
    }
    const struct locum_core *core = &self->core;
    const locum_nodes reachable =
        locum_vote_reachable(&core->view, &core->config, locum_daemon_now(self).mono);
    struct locum_redis_status redis;
    struct locum_dns_counts dns;
    struct locum_text text = locum_text_init(buffer, METRICS_BYTES_MAX);
    locum_redis_status(self->redis, &redis);
    locum_dns_counts(self->dns, &dns);
    add_peers(&text, core);
    add_value(&text, "locum_heartbeats_refused_total", "counter",
              "Lines that no accepted secret has sealed, by either path.",
              self->bad_lines[LOCUM_PATH_REDIS] + self->bad_lines[LOCUM_PATH_PEER]);
    add_value(&text, "locum_service_up", "gauge", "1 while the own service is up.",
              core->service.word == LOCUM_UP ? 1 : 0);
    add_value(&text, "locum_quorum_reachable_nodes", "gauge", "Nodes whose vote could be had now.",
              (uint64_t)__builtin_popcount(reachable));
    add_value(&text, "locum_redis_connected", "gauge", "1 while subscribed to the Redis master.",
              redis.connected ? 1 : 0);
    add_value(&text, "locum_redis_commands_total", "counter", "Commands sent to Redis.",
              redis.commands);
    add_value(&text, "locum_plan_changes_total", "counter", "Answer tables handed out.",
              self->plan_changes);
    add_value(&text, "locum_dns_queries_total", "counter", "DNS questions received.", dns.queries);
    add_value(&text, "locum_dns_dropped_total", "counter", "DNS messages not answered.",
              dns.dropped);
    return buffer;
}
