/* cluster: heartbeat, quorum, the secret, and the daemon's own sockets. */
#include "config/load.h"

/* The core remembers LOCUM_SENT_MAX own heartbeats and needs those of 2 * timeout, early ones too.
 */
enum { INTERVALS_MIN = 2, INTERVALS_MAX = 100 };

/* The default of one key can be wrong with what is written for the other. */
static void
check_heartbeat(struct locum_bind *bind)
{
    const struct locum_config *config = bind->target;
    const struct locum_core_config *core = &config->core;
    const size_t row = locum_bind_written(bind, LOCUM_KEY_HEARTBEAT_TIMEOUT, 0)
                           ? LOCUM_KEY_HEARTBEAT_TIMEOUT
                           : LOCUM_KEY_HEARTBEAT_INTERVAL;
    if (locum_bind_bad(bind, LOCUM_KEY_HEARTBEAT, 0) ||
        locum_bind_bad(bind, LOCUM_KEY_HEARTBEAT_INTERVAL, 0) ||
        locum_bind_bad(bind, LOCUM_KEY_HEARTBEAT_TIMEOUT, 0)) {
        return;
    }
    if (core->timeout_ms < INTERVALS_MIN * core->interval_ms ||
        core->timeout_ms > INTERVALS_MAX * core->interval_ms) {
        locum_bind_error(bind, row, 0,
                         "timeout: %s does not fit the interval of %s; use %d to %d intervals "
                         "(8 are recommended)",
                         locum_text_duration(core->timeout_ms).text,
                         locum_text_duration(core->interval_ms).text, INTERVALS_MIN, INTERVALS_MAX);
    }
}

static void
check_quorum(struct locum_bind *bind)
{
    struct locum_config *config = bind->target;
    struct locum_core_config *core = &config->core;
    size_t servers = 0;
    for (size_t i = 0; i < core->node_count; i++) {
        servers += core->nodes[i].role == LOCUM_ROLE_SERVER ? 1 : 0;
    }
    if (!locum_bind_written(bind, LOCUM_KEY_QUORUM, 0)) {
        core->quorum = (uint32_t)(core->node_count / 2 + 1);
    } else if (core->quorum > core->node_count) {
        locum_bind_error(bind, LOCUM_KEY_QUORUM, 0,
                         "quorum: %u is more than the %zu nodes; use at most %zu, or remove the "
                         "key to require the majority",
                         core->quorum, core->node_count, core->node_count);
    }
    if (servers > 0 && core->min_serving > servers) {
        locum_bind_error(bind, LOCUM_KEY_MIN_SERVING, 0,
                         "min-serving: %u is more than the %zu servers; use at most %zu",
                         core->min_serving, servers, servers);
    }
}

/* Without the key: the node's own addresses with this port. */
static void
derive(const struct locum_bind *bind, size_t row, uint16_t port, struct locum_address *list,
       size_t *count)
{
    const struct locum_config *config = bind->target;
    const struct locum_config_node *node = &config->nodes[config->core.self];
    if (locum_bind_written(bind, row, 0)) {
        return;
    }
    for (size_t i = 0; i < node->address_count; i++) {
        list[i] = node->address[i];
        list[i].port = port;
    }
    *count = node->address_count;
}

/* listen.dns may not hold an address of another listener: it serves UDP and TCP. */
static void
refuse_shared(struct locum_bind *bind, size_t row, const struct locum_address *other)
{
    const struct locum_config *config = bind->target;
    for (size_t i = 0; i < config->listen_dns_count; i++) {
        if (locum_address_equal(&config->listen_dns[i], other)) {
            locum_bind_error(bind, row == LOCUM_KEY_LISTEN_PEER ? LOCUM_KEY_LISTEN_DNS : row, 0,
                             "%s: %s is in listen.dns too; use another port",
                             locum_keys.rows[row].key, locum_address_text(other).text);
        }
    }
}

static void
check_listen_status(struct locum_bind *bind)
{
    const struct locum_config *config = bind->target;
    for (size_t i = 0; i < config->listen_status_count; i++) {
        const struct locum_address *address = &config->listen_status[i];
        refuse_shared(bind, LOCUM_KEY_LISTEN_STATUS, address);
        if (config->listen_http.port != 0 && locum_address_equal(&config->listen_http, address)) {
            locum_bind_error(bind, LOCUM_KEY_LISTEN_STATUS, 0,
                             "listen.status: %s is listen.http too, which shows more; use another "
                             "port",
                             locum_address_text(address).text);
        }
    }
}

/* The daemon's own sockets, by default at the node's addresses. */
static void
load_listen(struct locum_bind *bind)
{
    struct locum_config *config = bind->target;
    derive(bind, LOCUM_KEY_LISTEN_PEER, config->nodes[config->core.self].peer_port,
           config->listen_peer, &config->listen_peer_count);
    derive(bind, LOCUM_KEY_LISTEN_DNS, LOCUM_LOAD_DNS_PORT, config->listen_dns,
           &config->listen_dns_count);
    if (config->core.nodes[config->core.self].role != LOCUM_ROLE_SERVER) {
        config->listen_dns_count = 0;
    }
    for (size_t i = 0; i < config->listen_peer_count; i++) {
        refuse_shared(bind, LOCUM_KEY_LISTEN_PEER, &config->listen_peer[i]);
    }
    if (config->listen_http.port != 0) {
        refuse_shared(bind, LOCUM_KEY_LISTEN_HTTP, &config->listen_http);
    }
    check_listen_status(bind);
}

void
locum_load_cluster(struct locum_bind *bind)
{
    struct locum_config *config = bind->target;
    char buffer[LOCUM_PATH_MAX + 200];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    check_heartbeat(bind);
    if (config->core.node_count > 0) {
        check_quorum(bind);
    }
    if (config->core.self != LOCUM_NODE_NONE) {
        load_listen(bind);
    }
    if (locum_bind_good(bind, LOCUM_KEY_SECRET_FILE, 0) &&
        locum_signature_read_secrets(config->secret_file, &config->secrets, &why) != 0) {
        locum_load_lack(bind, LOCUM_KEY_SECRET_FILE, "secret-file: %s: %s",
                        locum_problems_quote(locum_slice_of(config->secret_file)).text, buffer);
    }
}
