/* nodes: roles, addresses and endpoints that may occur once only, and which of the nodes this is.
 */
#include <string.h>
#include <unistd.h>

#include "config/load.h"

void
locum_load_count(const struct locum_config *config, size_t *ret_redis, size_t *ret_sentinels)
{
    *ret_redis = *ret_sentinels = 0;
    for (size_t i = 0; i < config->core.node_count; i++) {
        *ret_redis += config->nodes[i].redis.port != 0;
        *ret_sentinels += config->nodes[i].sentinel.port != 0;
    }
}

/* What a node of its role must have, and must not. */
static void
check_role(struct locum_bind *bind, size_t node)
{
    struct locum_config *config = bind->target;
    struct locum_core_node *core = &config->core.nodes[node];
    for (size_t i = 0; i < config->nodes[node].address_count; i++) {
        core->has[config->nodes[node].address[i].family] |= core->role != LOCUM_ROLE_SENTINEL;
    }
    if (locum_bind_bad(bind, LOCUM_KEY_NODE_ROLE, node)) {
        return;
    }
    const bool votes_only = core->role == LOCUM_ROLE_SENTINEL;
    const size_t needed = votes_only ? LOCUM_KEY_NODE_SENTINEL : LOCUM_KEY_NODE_ADDRESS;
    if (!locum_bind_written(bind, needed, node)) {
        locum_bind_error(bind, needed, node,
                         votes_only
                             ? "sentinel: this key is missing; a node of role sentinel votes by it"
                             : "address: this key is missing; a server and a witness need it");
    }
    if (core->role != LOCUM_ROLE_SERVER &&
        locum_bind_written(bind, LOCUM_KEY_NODE_FAILOVER, node)) {
        locum_bind_error(bind, LOCUM_KEY_NODE_FAILOVER, node,
                         "failover: only a server owns names; remove this key here");
    }
}

/* No address belongs to two nodes; the binder refuses one that is listed twice at a node. */
static void
check_addresses(struct locum_bind *bind, size_t node)
{
    const struct locum_config *config = bind->target;
    for (size_t a = 0; a < locum_bind_items(bind, LOCUM_KEY_NODE_ADDRESS, node); a++) {
        const struct locum_address *address = &config->nodes[node].address[a];
        for (size_t i = 0; i < node; i++) {
            for (size_t b = 0; b < locum_bind_items(bind, LOCUM_KEY_NODE_ADDRESS, i); b++) {
                if (!locum_address_same_host(address, &config->nodes[i].address[b])) {
                    continue;
                }
                const yaml_node_t *item = locum_bind_item(bind, LOCUM_KEY_NODE_ADDRESS, node, a);
                LOCUM_BIND_ERROR(
                    bind, item, "address: %s is already used at line %u; addresses must be unique",
                    locum_problems_quote(locum_document_text(item)).text,
                    locum_document_at(locum_bind_item(bind, LOCUM_KEY_NODE_ADDRESS, i, b)).line);
            }
        }
    }
}

/* Refuse the endpoint if an earlier one in the file is the same. */
static void
check_endpoint(struct locum_bind *bind, size_t row, size_t node,
               const struct locum_endpoint *endpoint)
{
    const struct locum_config *config = bind->target;
    for (size_t i = 0; endpoint->port != 0; i++) {
        const struct locum_config_node *of = &config->nodes[i / 2];
        const struct locum_endpoint *other = i % 2 == 0 ? &of->redis : &of->sentinel;
        const size_t other_row = i % 2 == 0 ? LOCUM_KEY_NODE_REDIS : LOCUM_KEY_NODE_SENTINEL;
        if (other == endpoint) {
            return;
        }
        if (other->port != endpoint->port || strcmp(other->host, endpoint->host) != 0) {
            continue;
        }
        locum_bind_error(bind, row, node,
                         "%s: %s:%u is already used at line %u; an instance belongs to one node",
                         locum_schema_name(&locum_keys.rows[row]), endpoint->host, endpoint->port,
                         locum_bind_at(bind, other_row, i / 2).line);
        return;
    }
}

static void
check_mirrorbits(struct locum_bind *bind, size_t node)
{
    const struct locum_config *config = bind->target;
    const char *name = config->nodes[node].mirrorbits;
    for (size_t i = 0; i < node && name[0] != '\0'; i++) {
        if (strcmp(name, config->nodes[i].mirrorbits) == 0) {
            locum_bind_error(bind, LOCUM_KEY_NODE_MIRRORBITS, node,
                             "mirrorbits: \"%s\" is already used at node %s; names must be unique",
                             name, config->core.nodes[i].name);
            return;
        }
    }
}

/* Successors are other servers; the binder has reported those that are no nodes. */
static void
check_failover(struct locum_bind *bind, size_t node)
{
    const struct locum_config *config = bind->target;
    const yaml_node_t *list = bind->values[LOCUM_KEY_NODE_FAILOVER][node].node;
    if (list == NULL || list->type != YAML_SEQUENCE_NODE) {
        return;
    }
    for (const yaml_node_item_t *at = list->data.sequence.items.start;
         at < list->data.sequence.items.top; at++) {
        const yaml_node_t *item = yaml_document_get_node(&bind->document, *at);
        const locum_node successor = item->type == YAML_SCALAR_NODE
                                         ? locum_bind_find(bind, locum_document_text(item))
                                         : LOCUM_NODE_NONE;
        if (successor != LOCUM_NODE_NONE &&
            (successor == node || config->core.nodes[successor].role != LOCUM_ROLE_SERVER)) {
            LOCUM_BIND_ERROR(bind, item, "failover: %s is %s; list other servers",
                             locum_problems_quote(locum_document_text(item)).text,
                             successor == node ? "the node itself" : "not a server");
        }
    }
}

/* Which node this is: as the caller says, else the file, else the host's name or its first label.
 */
static void
find_self(struct locum_bind *bind, const char *name)
{
    struct locum_config *config = bind->target;
    char host[LOCUM_HOST_MAX + 1] = "";
    const char *what = "node";
    locum_node self = config->core.self; /* of the file, from the binder */
    if (name == NULL && locum_bind_bad(bind, LOCUM_KEY_NODE, 0)) {
        return;
    }
    if (name == NULL && self == LOCUM_NODE_NONE) {
        (void)gethostname(host, sizeof(host) - 1); /* a longer one is cut, and matches none */
        what = "node is not set, and the host name";
        name = host;
    }
    if (name != NULL) {
        const size_t length = strcspn(name, name == host ? "." : ""); /* a name has no dot */
        self = locum_bind_find(bind, (struct locum_slice){.at = name, .length = length});
    }
    if (self == LOCUM_NODE_NONE) {
        locum_bind_no_node(bind, (struct locum_position){0}, what, locum_slice_of(name));
    } else if (config->core.nodes[self].role == LOCUM_ROLE_SENTINEL) {
        locum_bind_error(bind, LOCUM_KEY_NODE, 0,
                         "node: \"%s\" has role sentinel; no coordinator runs at such a node",
                         config->core.nodes[self].name);
        self = LOCUM_NODE_NONE;
    }
    config->core.self = self;
}

void
locum_load_nodes(struct locum_bind *bind, const char *self_name)
{
    struct locum_config *config = bind->target;
    const size_t count = config->core.node_count;
    bool server = false;
    for (size_t node = 0; node < count; node++) {
        char *mirrorbits = config->nodes[node].mirrorbits;
        if (mirrorbits[0] == '\0') {
            memcpy(mirrorbits, config->core.nodes[node].name, LOCUM_NODE_NAME_MAX + 1);
        }
        check_role(bind, node);
        server |= config->core.nodes[node].role == LOCUM_ROLE_SERVER;
    }
    if (count == 0) {
        config->core.self = LOCUM_NODE_NONE;
        return;
    }
    if (!server) {
        LOCUM_BIND_ERROR(bind, locum_bind_item_key(bind, LOCUM_KEY_NODES, 0, 0),
                         "nodes: no node has role server; at least one is needed");
    }
    for (size_t node = 0; node < count; node++) {
        check_failover(bind, node);
        check_addresses(bind, node);
        check_endpoint(bind, LOCUM_KEY_NODE_REDIS, node, &config->nodes[node].redis);
        check_endpoint(bind, LOCUM_KEY_NODE_SENTINEL, node, &config->nodes[node].sentinel);
        check_mirrorbits(bind, node);
    }
    find_self(bind, self_name);
}
