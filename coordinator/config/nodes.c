/* nodes: names, addresses, endpoints, successors; and which of them this is. */
#include <string.h>
#include <unistd.h>

#include "config/load.h"
#include "config/value.h"

static struct locum_position
node_at(const struct locum_load *self, size_t node)
{
    return locum_document_at(self->node_keys[node]);
}

static void
take_name(struct locum_load *self, size_t node)
{
    const struct locum_slice name = locum_document_text(self->node_keys[node]);
    struct locum_core_node *core = &self->config->core.nodes[node];
    if (!locum_value_is_name(name, LOCUM_NODE_NAME_MAX) ||
        locum_slice_copy(name, core->name, sizeof(core->name)) != 0) {
        locum_problems_error(&self->problems, node_at(self, node),
                             "node name %s is not right: write 1 to %d characters of a-z 0-9 -, "
                             "with no - at either end",
                             locum_quote(name).text, LOCUM_NODE_NAME_MAX);
    }
}

/* What forbids to send users or heartbeats to this address, or NULL. */
static const char *
address_wrong(const struct locum_address *address)
{
    static const uint8_t zero[16];
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    const uint8_t *bytes = address->bytes;
    if (address->family == LOCUM_V4) {
        return bytes[0] == 0 || bytes[0] >= 224 ? "is no address of a host" : NULL;
    }
    if (memcmp(bytes, zero, sizeof(zero)) == 0 || bytes[0] == 0xff) {
        return "is no address of a host";
    }
    if (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) {
        return "is link-local: write one that users reach";
    }
    return memcmp(bytes, mapped, sizeof(mapped)) == 0 ? "is an IPv4 address: write it as one"
                                                      : NULL;
}

static void
take_address(struct locum_load *self, size_t node, const yaml_node_t *item)
{
    struct locum_config_node *to = &self->config->nodes[node];
    struct locum_address *address = &to->address[to->address_count];
    const struct locum_slice text = locum_document_text(item);
    if (locum_address_parse(text, address) != 0) {
        locum_problems_error(&self->problems, locum_document_at(item),
                             "address %s is not right: write a numeric address without port, as in "
                             "192.0.2.12 or 2001:db8::12",
                             locum_quote(text).text);
        return;
    }
    const char *wrong = address_wrong(address);
    if (wrong != NULL) {
        locum_problems_error(&self->problems, locum_document_at(item), "address %s %s",
                             locum_quote(text).text, wrong);
        return;
    }
    self->address_at[node][to->address_count] = locum_document_at(item);
    to->address_count++;
}

static void
take_addresses(struct locum_load *self, size_t node)
{
    struct locum_core_node *core = &self->config->core.nodes[node];
    const size_t count = locum_load_items(self, "nodes.*.address", node);
    for (size_t i = 0; i < count; i++) {
        take_address(self, node, locum_load_item(self, "nodes.*.address", node, i));
    }
    for (size_t i = 0; i < self->config->nodes[node].address_count; i++) {
        core->has[self->config->nodes[node].address[i].family] |= core->role == LOCUM_ROLE_SERVER;
    }
}

/* What a node of its role must have, and must not. */
static void
check_role(struct locum_load *self, size_t node)
{
    const enum locum_role role = self->config->core.nodes[node].role;
    if (locum_load_bad(self, "nodes.*.role", node)) {
        return;
    }
    if (role != LOCUM_ROLE_SENTINEL &&
        locum_load_value(self, "nodes.*.address", node)->node == NULL) {
        locum_problems_error(&self->problems, node_at(self, node),
                             "address is missing: a server and a witness need one");
    }
    if (role == LOCUM_ROLE_SENTINEL &&
        locum_load_value(self, "nodes.*.sentinel", node)->node == NULL) {
        locum_problems_error(&self->problems, node_at(self, node),
                             "sentinel is missing: a node of role sentinel votes by it");
    }
    if (role != LOCUM_ROLE_SERVER &&
        locum_load_value(self, "nodes.*.failover", node)->node != NULL) {
        locum_problems_error(&self->problems,
                             locum_load_at(self, "nodes.*.failover", node, node_at(self, node)),
                             "failover belongs to a server: remove it here");
    }
}

static void
default_mirrorbits(struct locum_load *self, size_t node)
{
    struct locum_config_node *to = &self->config->nodes[node];
    if (to->mirrorbits[0] == '\0') {
        memcpy(to->mirrorbits, self->config->core.nodes[node].name, LOCUM_NODE_NAME_MAX + 1);
    }
}

static void
check_addresses_differ(struct locum_load *self, size_t node, size_t index)
{
    const struct locum_config *config = self->config;
    const struct locum_address *address = &config->nodes[node].address[index];
    for (size_t i = 0; i <= node; i++) {
        const size_t count = i == node ? index : config->nodes[i].address_count;
        for (size_t j = 0; j < count; j++) {
            if (locum_address_same_host(address, &config->nodes[i].address[j])) {
                char buffer[LOCUM_ADDRESS_TEXT_MAX];
                struct locum_text text = locum_text_init(buffer, sizeof(buffer));
                locum_address_add(address, &text);
                locum_problems_error(&self->problems, self->address_at[node][index],
                                     "address %s stands at line %u too: every node has its own",
                                     buffer, self->address_at[i][j].line);
                return;
            }
        }
    }
}

static bool
same_endpoint(const struct locum_endpoint *a, const struct locum_endpoint *b)
{
    return a->port != 0 && a->port == b->port && strcmp(a->host, b->host) == 0;
}

static void
check_endpoint_differs(struct locum_load *self, size_t node, const char *key,
                       const struct locum_endpoint *endpoint)
{
    for (size_t i = 0; i < self->config->core.node_count; i++) {
        const struct locum_config_node *other = &self->config->nodes[i];
        const char *where = same_endpoint(endpoint, &other->redis)      ? "nodes.*.redis"
                            : same_endpoint(endpoint, &other->sentinel) ? "nodes.*.sentinel"
                                                                        : NULL;
        if (where == NULL || &other->redis == endpoint || &other->sentinel == endpoint) {
            continue;
        }
        const struct locum_position first = locum_load_at(self, where, i, node_at(self, i));
        const struct locum_position second = locum_load_at(self, key, node, node_at(self, node));
        if (first.line < second.line ||
            (first.line == second.line && first.column < second.column)) {
            locum_problems_error(&self->problems, second,
                                 "%s:%u stands at line %u too: one instance belongs to one node",
                                 endpoint->host, endpoint->port, first.line);
            return;
        }
    }
}

static void
check_mirrorbits_differs(struct locum_load *self, size_t node)
{
    const char *name = self->config->nodes[node].mirrorbits;
    for (size_t i = 0; i < node && name[0] != '\0'; i++) {
        if (strcmp(name, self->config->nodes[i].mirrorbits) == 0) {
            locum_problems_error(
                &self->problems,
                locum_load_at(self, "nodes.*.mirrorbits", node, node_at(self, node)),
                "mirrorbits name \"%s\" is that of node %s too: write each node's own", name,
                self->config->core.nodes[i].name);
            return;
        }
    }
}

static void
check_all_differ(struct locum_load *self)
{
    for (size_t node = 0; node < self->config->core.node_count; node++) {
        const struct locum_config_node *at = &self->config->nodes[node];
        for (size_t i = 0; i < at->address_count; i++) {
            check_addresses_differ(self, node, i);
        }
        check_endpoint_differs(self, node, "nodes.*.redis", &at->redis);
        check_endpoint_differs(self, node, "nodes.*.sentinel", &at->sentinel);
        check_mirrorbits_differs(self, node);
    }
}

/* What is wrong with `successor` as the next in `node`'s list, or NULL. */
static const char *
successor_wrong(const struct locum_load *self, size_t node, locum_node successor)
{
    const struct locum_core_node *core = &self->config->core.nodes[node];
    if (successor == LOCUM_NODE_NONE) {
        return "is none of nodes";
    }
    if (successor == node) {
        return "is the node itself";
    }
    if (self->config->core.nodes[successor].role != LOCUM_ROLE_SERVER) {
        return "is no server";
    }
    for (size_t i = 0; i < core->failover_count; i++) {
        if (core->failover[i] == successor) {
            return "stands here twice";
        }
    }
    return NULL;
}

static void
take_failover(struct locum_load *self, size_t node)
{
    struct locum_core_node *core = &self->config->core.nodes[node];
    for (size_t i = 0; i < locum_load_items(self, "nodes.*.failover", node); i++) {
        const yaml_node_t *item = locum_load_item(self, "nodes.*.failover", node, i);
        const locum_node successor = locum_load_node(self, locum_document_text(item));
        const char *wrong = successor_wrong(self, node, successor);
        if (wrong != NULL) {
            locum_problems_error(&self->problems, locum_document_at(item),
                                 "failover %s %s: write other servers, each once",
                                 locum_quote(locum_document_text(item)).text, wrong);
        } else {
            core->failover[core->failover_count++] = successor;
        }
    }
}

/* The node that this host's name means: as it is, or its first label. */
static locum_node
find_by_host_name(const struct locum_load *self, struct locum_slice host)
{
    struct locum_slice label;
    const locum_node node = locum_load_node(self, host);
    (void)locum_slice_cut(&host, '.', &label);
    return node != LOCUM_NODE_NONE ? node : locum_load_node(self, label);
}

static void
refuse_self(struct locum_load *self, struct locum_position at, const char *what,
            struct locum_slice name)
{
    char known[LOCUM_NODES_MAX * (LOCUM_NODE_NAME_MAX + 2) + 1];
    struct locum_text list = locum_text_init(known, sizeof(known));
    locum_load_add_nodes(self, &list);
    locum_problems_error(&self->problems, at,
                         "%s %s is none of nodes: write `node:` with one of %s", what,
                         locum_quote(name).text, known);
}

static void
take_self(struct locum_load *self, const char *self_name)
{
    char host[LOCUM_HOST_MAX + 1] = "";
    const struct locum_load_value *written = locum_load_value(self, "node", 0);
    struct locum_position at = {0};
    struct locum_slice name;
    locum_node node;
    if (self_name == NULL && written->bad) {
        return;
    }
    if (self_name == NULL && written->node == NULL) {
        (void)gethostname(host, sizeof(host) - 1); /* longer ones are cut, and then match nothing */
        name = locum_slice_of(host);
        node = find_by_host_name(self, name);
    } else {
        at = self_name != NULL ? at : locum_document_at(written->node);
        name = self_name != NULL ? locum_slice_of(self_name) : locum_document_text(written->node);
        node = locum_load_node(self, name);
    }
    if (node == LOCUM_NODE_NONE) {
        refuse_self(self, at, host[0] != '\0' ? "this host's name" : "node", name);
    } else if (self->config->core.nodes[node].role == LOCUM_ROLE_SENTINEL) {
        locum_problems_error(&self->problems, at,
                             "node %s has role sentinel: no coordinator runs there",
                             locum_quote(name).text);
    } else {
        self->config->core.self = node;
    }
}

void
locum_load_nodes(struct locum_load *self, const char *self_name)
{
    const size_t count = self->config->core.node_count;
    bool server = false;
    for (size_t node = 0; node < count; node++) {
        take_name(self, node);
        take_addresses(self, node);
        check_role(self, node);
        default_mirrorbits(self, node);
        server |= self->config->core.nodes[node].role == LOCUM_ROLE_SERVER;
    }
    if (count == 0) {
        return;
    }
    if (!server) {
        locum_problems_error(&self->problems, node_at(self, 0),
                             "no node has role server: write at least one");
    }
    for (size_t node = 0; node < count; node++) {
        take_failover(self, node);
    }
    check_all_differ(self);
    take_self(self, self_name);
}
