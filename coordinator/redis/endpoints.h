/*
 * endpoints: every Redis and Sentinel of the configuration, the addresses it has now, and which
 * node an instance belongs to.
 *
 * Pure. Each node may have a Redis and a Sentinel; mirrorbits-config may add some that belong to no
 * node. Host names get their addresses from resolver.h. An instance that a Sentinel lists and that
 * belongs nowhere, or to two nodes, is a stranger: it is shown and is no evidence.
 */
#ifndef LOCUM_REDIS_ENDPOINTS_H
#define LOCUM_REDIS_ENDPOINTS_H

#include "redis/redis.h"
#include "redis/resp.h"

enum {
    LOCUM_ENDPOINTS_REDIS_MAX = LOCUM_NODES_MAX + 1, /* of nodes, and one of mirrorbits-config */
    LOCUM_ENDPOINTS_SENTINELS_MAX = LOCUM_NODES_MAX,
    LOCUM_ENDPOINTS_ADDRESSES_MAX = 4, /* of one host name */
    LOCUM_ENDPOINTS_UNKNOWN_MAX = 8,   /* remembered of one Sentinel */
};

struct locum_endpoints_entry {
    struct locum_endpoint endpoint; /* as it is written */
    locum_node node;                /* LOCUM_NODE_NONE: it belongs to none */
    bool named;                     /* by a host name */
    struct locum_address addresses[LOCUM_ENDPOINTS_ADDRESSES_MAX]; /* with the port */
    size_t address_count;                                          /* 0: not resolved yet */
};

struct locum_endpoints {
    struct locum_endpoints_entry redis[LOCUM_ENDPOINTS_REDIS_MAX];
    size_t redis_count;
    struct locum_endpoints_entry sentinels[LOCUM_ENDPOINTS_SENTINELS_MAX];
    size_t sentinel_count;
};

/* What a Sentinel sees, by node; and whom it lists that belongs nowhere. */
struct locum_endpoints_view {
    uint8_t known[LOCUM_NODES_MAX];
    uint8_t down[LOCUM_NODES_MAX];
    char unknown_instances[LOCUM_ENDPOINTS_UNKNOWN_MAX][LOCUM_INSTANCE_HOST_MAX + 8];
    size_t unknown_count;
};

/* Read the endpoints of the configuration. Host names have no address yet. */
void locum_endpoints_init(struct locum_endpoints *self, const struct locum_config *config);

/* The addresses of a host name; at most LOCUM_ENDPOINTS_ADDRESSES_MAX are kept, ports are set. */
void locum_endpoints_set(struct locum_endpoints_entry *entry, const struct locum_address *addresses,
                         size_t count);

/*
 * Where a Redis is that a Sentinel told: the address itself, or an address of the entry with that
 * host name: the one in use, if that is one of them (a lookup that brings another order, or fewer,
 * is no reason to leave a connection), else `turn` chooses. False: nobody knows the name, or it is
 * not resolved.
 *
 * in_use  NULL: none.
 */
bool locum_endpoints_locate(const struct locum_endpoints *self, const struct locum_instance *told,
                            const struct locum_address *in_use, size_t turn,
                            struct locum_address *ret);

/* The host name of the Redis at this address; NULL: it is known by its address only. */
const char *locum_endpoints_name(const struct locum_endpoints *self,
                                 const struct locum_address *address);

/*
 * Sort what the Sentinel of `voter` lists. The Sentinel itself counts as an instance of its node
 * that is up. One that is listed twice counts once, down only if it is down in both.
 *
 * voter  LOCUM_NODE_NONE: it belongs to none.
 */
void locum_endpoints_sort(const struct locum_endpoints *self,
                          const struct locum_instances *instances, locum_node voter,
                          struct locum_endpoints_view *ret);

#endif
