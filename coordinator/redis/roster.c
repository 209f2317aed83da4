#include "redis/roster.h"

#include <string.h>

static bool
endpoint_address(const struct locum_endpoint *endpoint, struct locum_address *ret)
{
    if (locum_address_parse(locum_slice_of(endpoint->host), ret) != 0) {
        return false;
    }
    ret->port = endpoint->port;
    return true;
}

static void
add_endpoint(struct locum_roster_entry *entries, size_t *count, locum_node node,
             const struct locum_endpoint *endpoint, struct locum_text *unusable)
{
    struct locum_address address;
    if (endpoint->port == 0) {
        return;
    }
    if (endpoint_address(endpoint, &address)) {
        entries[(*count)++] = (struct locum_roster_entry){.address = address, .node = node};
        return;
    }
    locum_text_add(unusable, unusable->length > 0 ? ", " : "write an address, not a host name: ");
    locum_text_add(unusable, endpoint->host);
}

void
locum_roster_init(struct locum_roster *self, const struct locum_config *config)
{
    memset(self, 0, sizeof(*self));
    struct locum_text unusable = locum_text_init(self->unusable, sizeof(self->unusable));
    for (size_t i = 0; i < config->core.node_count; i++) {
        const struct locum_config_node *node = &config->nodes[i];
        add_endpoint(self->redis, &self->redis_count, (locum_node)i, &node->redis, &unusable);
        add_endpoint(self->sentinels, &self->sentinel_count, (locum_node)i, &node->sentinel,
                     &unusable);
    }
}

static void
look_up(const struct locum_roster_entry *entries, size_t count, const struct locum_address *address,
        locum_nodes *nodes)
{
    for (size_t i = 0; i < count; i++) {
        if (locum_address_equal(&entries[i].address, address)) {
            *nodes |= locum_nodes_of(entries[i].node);
        }
    }
}

/* The one node of an address; LOCUM_NODE_NONE if there is none or more than one. */
static locum_node
node_of(const struct locum_roster *self, const struct locum_address *address)
{
    locum_nodes nodes = 0;
    look_up(self->redis, self->redis_count, address, &nodes);
    look_up(self->sentinels, self->sentinel_count, address, &nodes);
    if (nodes == 0 || (nodes & (nodes - 1)) != 0) {
        return LOCUM_NODE_NONE;
    }
    return (locum_node)__builtin_ctz(nodes);
}

static bool
is_listed_before(const struct locum_instances *instances, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (locum_address_equal(&instances->at[i].address, &instances->at[at].address)) {
            return true;
        }
    }
    return false;
}

static bool
is_down_everywhere(const struct locum_instances *instances, size_t at)
{
    for (size_t i = 0; i < instances->count; i++) {
        if (!instances->at[i].down &&
            locum_address_equal(&instances->at[i].address, &instances->at[at].address)) {
            return false;
        }
    }
    return true;
}

void
locum_roster_sort(const struct locum_roster *self, const struct locum_instances *instances,
                  locum_node voter, struct locum_roster_view *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->known[voter] = 1;
    for (size_t i = 0; i < instances->count; i++) {
        const struct locum_address *address = &instances->at[i].address;
        const locum_node node = node_of(self, address);
        if (is_listed_before(instances, i)) {
            continue;
        }
        if (node != LOCUM_NODE_NONE) {
            ret->known[node]++;
            ret->down[node] = (uint8_t)(ret->down[node] + is_down_everywhere(instances, i));
        } else if (ret->stranger_count < LOCUM_STRANGERS_MAX) {
            ret->strangers[ret->stranger_count++] = *address;
        }
    }
}
