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

/* Is the instance an endpoint, and of one node at most? If two nodes share an address (behind NAT,
 * or by mistake), its state says nothing about either of them. */
static bool
is_known(const struct locum_endpoints *self, const struct locum_instance *instance)
{
    bool any = false;
    locum_nodes nodes = 0;
    for (size_t i = 0; i < self->count; i++) {
        const struct locum_endpoints_entry *entry = &self->at[i];
        if (is_same(entry, instance)) {
            any = true;
            nodes |= entry->node != LOCUM_NODE_NONE ? locum_nodes_of(entry->node) : 0;
        }
    }
    return any && (nodes & (nodes - 1)) == 0;
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

void
locum_endpoints_sort(const struct locum_endpoints *self, const struct locum_instances *instances,
                     locum_node voter, struct locum_endpoints_view *ret)
{
    bool listed[LOCUM_ENDPOINTS_MAX] = {0};
    bool up[LOCUM_ENDPOINTS_MAX] = {0}; /* in one listing at least */
    memset(ret, 0, sizeof(*ret));
    for (size_t i = 0; i < instances->count; i++) {
        const struct locum_instance *instance = &instances->at[i];
        if (!is_known(self, instance)) {
            add_unknown(ret, instance);
            continue;
        }
        for (size_t j = 0; j < self->count; j++) {
            if (is_same(&self->at[j], instance)) {
                listed[j] = true;
                up[j] |= !instance->down;
            }
        }
    }
    if (voter != LOCUM_NODE_NONE) {
        ret->known[voter] = 1;
    }
    for (size_t i = 0; i < self->count; i++) {
        const locum_node node = self->at[i].node;
        if (listed[i] && node != LOCUM_NODE_NONE) {
            ret->known[node]++;
            ret->down[node] = (uint8_t)(ret->down[node] + !up[i]);
        }
    }
}
