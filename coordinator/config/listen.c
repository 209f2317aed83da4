/* listen: the daemon's own sockets, by default at the node's addresses. */
#include <string.h>

#include "config/load.h"

enum { DNS_PORT = 53 };

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

void
locum_load_listen(struct locum_bind *bind)
{
    struct locum_config *config = bind->target;
    if (config->core.self == LOCUM_NODE_NONE) {
        return;
    }
    derive(bind, LOCUM_KEY_LISTEN_PEER, config->nodes[config->core.self].peer_port,
           config->listen_peer, &config->listen_peer_count);
    derive(bind, LOCUM_KEY_LISTEN_DNS, DNS_PORT, config->listen_dns, &config->listen_dns_count);
    if (config->core.nodes[config->core.self].role != LOCUM_ROLE_SERVER) {
        config->listen_dns_count = 0;
    }
    for (size_t i = 0; i < config->listen_peer_count; i++) {
        refuse_shared(bind, LOCUM_KEY_LISTEN_PEER, &config->listen_peer[i]);
    }
    if (config->listen_http.port != 0) {
        refuse_shared(bind, LOCUM_KEY_LISTEN_HTTP, &config->listen_http);
    }
}
