#include "redis/endpoints.h"

#include <string.h>

#include "base/foreign.h"
#include "base/text_format.h"
#include "core/nodes.h"

/* An endpoint without a port is not configured. */
static void
add_entry(struct locum_endpoints *self, size_t *count, locum_node node,
          const struct locum_endpoint *endpoint)
{
    struct locum_address address;
    if (endpoint->port == 0) {
        return;
    }
    struct locum_endpoints_entry *entry = &self->at[self->count++];
    ++*count;
    *entry = (struct locum_endpoints_entry){.endpoint = *endpoint, .node = node};
    entry->named = locum_address_parse(locum_slice_of(endpoint->host), &address) != 0;
    if (!entry->named) {
        locum_endpoints_set(entry, &address, 1);
    }
}

void
locum_endpoints_init(struct locum_endpoints *self, const struct locum_config *config)
{
    memset(self, 0, sizeof(*self));
    self->config = config;
    for (locum_node i = 0; i < config->core.node_count; i++) {
        add_entry(self, &self->redis_count, i, &config->nodes[i].redis);
    }
    add_entry(self, &self->redis_count, LOCUM_NODE_NONE, &config->redis.server);
    self->sentinels = &self->at[self->count];
    for (locum_node i = 0; i < config->core.node_count; i++) {
        add_entry(self, &self->sentinel_count, i, &config->nodes[i].sentinel);
    }
    for (size_t i = 0; i < config->redis.sentinel_count; i++) {
        LOCUM_INVARIANT(self->sentinel_count < LOCUM_ENDPOINTS_SENTINELS_MAX);
        add_entry(self, &self->sentinel_count, LOCUM_NODE_NONE, &config->redis.sentinels[i]);
    }
}

void
locum_endpoints_set(struct locum_endpoints_entry *entry, const struct locum_address *addresses,
                    size_t count)
{
    entry->address_count =
        count < LOCUM_ENDPOINTS_ADDRESSES_MAX ? count : LOCUM_ENDPOINTS_ADDRESSES_MAX;
    for (size_t i = 0; i < entry->address_count; i++) {
        entry->addresses[i] = addresses[i];
        entry->addresses[i].port = entry->endpoint.port;
    }
}

static bool
has_address(const struct locum_endpoints_entry *entry, const struct locum_address *address)
{
    return locum_address_is_in(address, entry->addresses, entry->address_count);
}

/* Is the instance this endpoint? Sentinel lists a host name only with announce-hostnames; then the
 * addresses of the name do not matter. Host names ignore case (RFC 4343). */
static bool
is_same(const struct locum_endpoints_entry *entry, const struct locum_instance *instance)
{
    if (instance->host[0] != '\0') {
        return entry->endpoint.port == instance->address.port &&
               strcasecmp(entry->endpoint.host, instance->host) == 0;
    }
    return has_address(entry, &instance->address);
}

bool
locum_endpoints_locate(const struct locum_endpoints *self, const struct locum_instance *instance,
                       const struct locum_address *in_use, size_t attempt,
                       struct locum_address *ret)
{
    if (instance->host[0] == '\0') {
        *ret = instance->address;
        return true;
    }
    for (size_t i = 0; i < self->redis_count; i++) {
        const struct locum_endpoints_entry *entry = &self->at[i];
        if (is_same(entry, instance) && entry->address_count > 0) {
            const bool stays = in_use != NULL && has_address(entry, in_use);
            *ret = stays ? *in_use : entry->addresses[attempt % entry->address_count];
            return true;
        }
    }
    return false;
}

locum_node
locum_endpoints_node_of_mirrorbits(const struct locum_config *config, struct locum_slice host)
{
    const char *dot = memchr(host.at, '.', host.length);
    const struct locum_slice label = {
        .at = host.at, .length = dot != NULL ? (size_t)(dot - host.at) : host.length};
    locum_node found = LOCUM_NODE_NONE;
    for (locum_node i = 0; i < config->core.node_count; i++) {
        const char *name = config->nodes[i].mirrorbits;
        name = name[0] != '\0' ? name : config->core.nodes[i].name;
        if (locum_slice_is(host, name)) {
            return i;
        }
        found = locum_slice_is(label, name) ? i : found;
    }
    return found;
}

bool
locum_endpoints_has_redis(const struct locum_endpoints *self)
{
    for (size_t i = 0; i < self->redis_count; i++) {
        if (self->at[i].node != LOCUM_NODE_NONE) {
            return true;
        }
    }
    return false;
}

const char *
locum_endpoints_name(const struct locum_endpoints *self, const struct locum_address *address)
{
    for (size_t i = 0; i < self->redis_count; i++) {
        if (self->at[i].named && has_address(&self->at[i], address)) {
            return self->at[i].endpoint.host;
        }
    }
    return NULL;
}

bool
locum_endpoints_has(const struct locum_endpoints *self, const struct locum_instance *instance)
{
    for (size_t i = 0; i < self->count; i++) {
        if (is_same(&self->at[i], instance)) {
            return true;
        }
    }
    return false;
}

/* The nodes at this address, whatever its port: their own addresses, and those of their endpoints.
 */
static locum_nodes
nodes_at(const struct locum_endpoints *self, const struct locum_address *address)
{
    locum_nodes nodes = 0;
    for (locum_node node = 0; node < self->config->core.node_count; node++) {
        for (size_t i = 0; i < self->config->nodes[node].address_count; i++) {
            if (locum_address_same_host(&self->config->nodes[node].address[i], address)) {
                nodes |= locum_nodes_of(node);
            }
        }
    }
    for (size_t i = 0; i < self->count; i++) {
        const struct locum_endpoints_entry *entry = &self->at[i];
        for (size_t j = 0; j < entry->address_count && entry->node != LOCUM_NODE_NONE; j++) {
            if (locum_address_same_host(&entry->addresses[j], address)) {
                nodes |= locum_nodes_of(entry->node);
            }
        }
    }
    return nodes;
}

void
locum_endpoints_place(const struct locum_endpoints *self, struct locum_instance *instance,
                      const struct locum_address *addresses, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (nodes_at(self, &addresses[i]) != 0) {
            const uint16_t port = instance->address.port;
            instance->address = addresses[i];
            instance->address.port = port;
            instance->host[0] = '\0';
            return;
        }
    }
}

/*
 * The nodes to which an instance belongs: those of the endpoints that it is, else those at its
 * address. If two nodes share an address (behind NAT, or by mistake), its state says nothing about
 * either of them.
 */
static locum_nodes
owners_of(const struct locum_endpoints *self, const struct locum_instance *instance)
{
    locum_nodes nodes = 0;
    for (size_t i = 0; i < self->count; i++) {
        if (is_same(&self->at[i], instance) && self->at[i].node != LOCUM_NODE_NONE) {
            nodes |= locum_nodes_of(self->at[i].node);
        }
    }
    return nodes == 0 && instance->host[0] == '\0' ? nodes_at(self, &instance->address) : nodes;
}

/* Keep the instance for the status, once. */
static void
add_unknown(struct locum_endpoints_view *view, const struct locum_instance *instance)
{
    if (view->unknown_count == LOCUM_ENDPOINTS_UNKNOWN_MAX) {
        return;
    }
    char *name = view->unknown_instances[view->unknown_count];
    const size_t size = sizeof(view->unknown_instances[0]);
    if (instance->host[0] != '\0') {
        struct locum_text text = locum_text_init(name, size);
        locum_foreign_add(&text, locum_slice_of(instance->host), LOCUM_INSTANCE_HOST_MAX);
        locum_text_format(&text, ":%u", instance->address.port);
    } else {
        (void)locum_text_format_buffer(name, size, "%s",
                                       locum_address_text(&instance->address).text);
    }
    for (size_t i = 0; i < view->unknown_count; i++) {
        if (strcmp(view->unknown_instances[i], name) == 0) {
            return;
        }
    }
    view->unknown_count++;
}

/* What is listed: an endpoint, or the first listing of an instance that is none. */
struct seat {
    bool listed;
    bool up; /* in one listing at least */
    locum_node node;
};

/* The number of its seat: one instance may be listed twice. */
static size_t
seat_of(const struct locum_endpoints *self, const struct locum_instances *instances,
        const struct locum_instance *instance)
{
    size_t at = 0;
    while (at < self->count && !is_same(&self->at[at], instance)) {
        at++;
    }
    if (at == self->count) {
        at = LOCUM_ENDPOINTS_MAX;
        while (!locum_address_equal(&instances->at[at - LOCUM_ENDPOINTS_MAX].address,
                                    &instance->address)) {
            at++;
        }
    }
    return at;
}

void
locum_endpoints_sort(const struct locum_endpoints *self, const struct locum_instances *instances,
                     locum_node voter, struct locum_endpoints_view *ret)
{
    struct seat seats[LOCUM_ENDPOINTS_MAX + LOCUM_INSTANCES_MAX] = {0};
    memset(ret, 0, sizeof(*ret));
    for (size_t i = 0; i < instances->count; i++) {
        const struct locum_instance *instance = &instances->at[i];
        const locum_nodes nodes = owners_of(self, instance);
        if (nodes != 0 && (nodes & (nodes - 1)) == 0) {
            struct seat *seat = &seats[seat_of(self, instances, instance)];
            seat->listed = true;
            seat->up |= !instance->down;
            seat->node = (locum_node)__builtin_ctz(nodes);
        } else if (nodes != 0 || !locum_endpoints_has(self, instance)) {
            add_unknown(ret, instance);
        }
    }
    if (voter != LOCUM_NODE_NONE) {
        ret->known[voter] = 1;
    }
    for (size_t i = 0; i < LOCUM_COUNT(seats); i++) {
        if (seats[i].listed) {
            ret->known[seats[i].node]++;
            ret->down[seats[i].node] = (uint8_t)(ret->down[seats[i].node] + !seats[i].up);
        }
    }
}

/* Does a Sentinel before number `number` list this unknown instance, too? */
static bool
is_repeated(const struct locum_endpoints_view *views, size_t number, const char *instance)
{
    for (size_t i = 0; i < number; i++) {
        for (size_t j = 0; j < views[i].unknown_count; j++) {
            if (strcmp(views[i].unknown_instances[j], instance) == 0) {
                return true;
            }
        }
    }
    return false;
}

void
locum_endpoints_add_unknown(const struct locum_endpoints_view *views, size_t count,
                            struct locum_text *text)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < views[i].unknown_count; j++) {
            const char *instance = views[i].unknown_instances[j];
            if (!is_repeated(views, i, instance)) {
                locum_text_format(text, "%s%s", text->length > 0 ? ", " : "", instance);
            }
        }
    }
}
