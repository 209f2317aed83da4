#include "redis/endpoints.h"

#include <string.h>

/* What a Sentinel said of one entry. */
struct mark {
    bool listed;
    bool up; /* in one place at least */
};
struct marks {
    struct mark redis[LOCUM_ENDPOINTS_REDIS_MAX];
    struct mark sentinels[LOCUM_ENDPOINTS_SENTINELS_MAX];
};

static void
add_entry(struct locum_endpoints_entry *entries, size_t *count, locum_node node,
          const struct locum_endpoint *endpoint)
{
    struct locum_address address;
    if (endpoint->port == 0) {
        return;
    }
    struct locum_endpoints_entry *entry = &entries[(*count)++];
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
    for (size_t i = 0; i < config->core.node_count; i++) {
        const struct locum_config_node *node = &config->nodes[i];
        add_entry(self->redis, &self->redis_count, (locum_node)i, &node->redis);
        add_entry(self->sentinels, &self->sentinel_count, (locum_node)i, &node->sentinel);
    }
    add_entry(self->redis, &self->redis_count, LOCUM_NODE_NONE, &config->redis.server);
    for (size_t i = 0; i < config->redis.sentinel_count; i++) {
        LOCUM_INVARIANT(self->sentinel_count < LOCUM_ENDPOINTS_SENTINELS_MAX);
        add_entry(self->sentinels, &self->sentinel_count, LOCUM_NODE_NONE,
                  &config->redis.sentinels[i]);
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
is_at(const struct locum_endpoints_entry *entry, const struct locum_address *address)
{
    for (size_t i = 0; i < entry->address_count; i++) {
        if (locum_address_equal(&entry->addresses[i], address)) {
            return true;
        }
    }
    return false;
}

/* Is this entry meant, by name or by address? */
static bool
is_meant(const struct locum_endpoints_entry *entry, const struct locum_instance *told)
{
    if (told->host[0] != '\0') {
        return entry->endpoint.port == told->address.port &&
               strcasecmp(entry->endpoint.host, told->host) == 0;
    }
    return is_at(entry, &told->address);
}

bool
locum_endpoints_locate(const struct locum_endpoints *self, const struct locum_instance *told,
                       const struct locum_address *in_use, size_t turn, struct locum_address *ret)
{
    if (told->host[0] == '\0') {
        *ret = told->address;
        return true;
    }
    for (size_t i = 0; i < self->redis_count; i++) {
        const struct locum_endpoints_entry *entry = &self->redis[i];
        if (is_meant(entry, told) && entry->address_count > 0) {
            const bool stays = in_use != NULL && is_at(entry, in_use);
            *ret = stays ? *in_use : entry->addresses[turn % entry->address_count];
            return true;
        }
    }
    return false;
}

const char *
locum_endpoints_name(const struct locum_endpoints *self, const struct locum_address *address)
{
    const struct locum_instance place = {.address = *address};
    for (size_t i = 0; i < self->redis_count; i++) {
        if (self->redis[i].named && is_meant(&self->redis[i], &place)) {
            return self->redis[i].endpoint.host;
        }
    }
    return NULL;
}

/* Mark the entries that are meant; returns the nodes they belong to, *ret_any if there are any. */
static locum_nodes
mark(const struct locum_endpoints_entry *entries, size_t count, const struct locum_instance *told,
     struct mark *marks, bool *ret_any)
{
    locum_nodes nodes = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_meant(&entries[i], told)) {
            *ret_any = true;
            nodes |= entries[i].node != LOCUM_NODE_NONE ? locum_nodes_of(entries[i].node) : 0;
            if (marks != NULL) {
                marks[i].listed = true;
                marks[i].up |= !told->down;
            }
        }
    }
    return nodes;
}

static bool
is_known(const struct locum_endpoints *self, const struct locum_instance *told)
{
    bool any = false;
    const locum_nodes nodes = mark(self->redis, self->redis_count, told, NULL, &any) |
                              mark(self->sentinels, self->sentinel_count, told, NULL, &any);
    return any && (nodes & (nodes - 1)) == 0;
}

static void
add_stranger(struct locum_endpoints_view *view, const struct locum_instance *told)
{
    if (view->unknown_count == LOCUM_ENDPOINTS_UNKNOWN_MAX) {
        return;
    }
    char *name = view->unknown_instances[view->unknown_count];
    struct locum_text text = locum_text_init(name, sizeof(view->unknown_instances[0]));
    if (told->host[0] == '\0') {
        locum_address_add_port(&told->address, &text);
    } else {
        locum_text_add(&text, told->host);
        locum_text_add_char(&text, ':');
        locum_text_add_u64(&text, told->address.port);
    }
    for (size_t i = 0; i < view->unknown_count; i++) {
        if (strcmp(view->unknown_instances[i], name) == 0) {
            return;
        }
    }
    view->unknown_count++;
}

static void
count_marks(const struct locum_endpoints_entry *entries, size_t count, const struct mark *marks,
            struct locum_endpoints_view *view)
{
    for (size_t i = 0; i < count; i++) {
        const locum_node node = entries[i].node;
        if (marks[i].listed && node != LOCUM_NODE_NONE) {
            view->known[node]++;
            view->down[node] = (uint8_t)(view->down[node] + !marks[i].up);
        }
    }
}

void
locum_endpoints_sort(const struct locum_endpoints *self, const struct locum_instances *instances,
                     locum_node voter, struct locum_endpoints_view *ret)
{
    struct marks marks = {0};
    bool any;
    memset(ret, 0, sizeof(*ret));
    for (size_t i = 0; i < instances->count; i++) {
        const struct locum_instance *told = &instances->at[i];
        if (is_known(self, told)) {
            (void)mark(self->redis, self->redis_count, told, marks.redis, &any);
            (void)mark(self->sentinels, self->sentinel_count, told, marks.sentinels, &any);
        } else {
            add_stranger(ret, told);
        }
    }
    if (voter != LOCUM_NODE_NONE) {
        ret->known[voter] = 1;
    }
    count_marks(self->redis, self->redis_count, marks.redis, ret);
    count_marks(self->sentinels, self->sentinel_count, marks.sentinels, ret);
}
