/*
 * endpoints: every Redis server and Sentinel of the configuration, the addresses each one has now,
 * and the node to which an instance belongs.
 *
 * Pure. Each node may have a Redis and a Sentinel; mirrorbits-config may add some that belong to no
 * node. Host names get their addresses from resolver.h. An instance that a Sentinel lists and that
 * is no endpoint belongs to the node that has its address. One that belongs to no node that way, or
 * to two, is unknown: status and warnings show it, and it is no evidence.
 */
#ifndef LOCUM_REDIS_ENDPOINTS_H
#define LOCUM_REDIS_ENDPOINTS_H

#include "redis/redis.h"
#include "redis/resp.h"

enum {
    LOCUM_ENDPOINTS_REDIS_MAX = LOCUM_NODES_MAX + 1, /* of nodes, and one of mirrorbits-config */
    LOCUM_ENDPOINTS_SENTINELS_MAX = LOCUM_NODES_MAX,
    LOCUM_ENDPOINTS_MAX = LOCUM_ENDPOINTS_REDIS_MAX + LOCUM_ENDPOINTS_SENTINELS_MAX,
    LOCUM_ENDPOINTS_ADDRESSES_MAX = 4, /* of one host name */
    LOCUM_ENDPOINTS_UNKNOWN_MAX = 8,   /* unknown instances kept of one Sentinel */
};

struct locum_endpoints_entry {
    struct locum_endpoint endpoint; /* as it is written */
    locum_node node;                /* LOCUM_NODE_NONE: it belongs to none */
    bool named;                     /* its host is a name, not an address */
    struct locum_address addresses[LOCUM_ENDPOINTS_ADDRESSES_MAX]; /* with the port */
    size_t address_count;                                          /* 0: not resolved yet */
};

struct locum_endpoints {
    const struct locum_config *config;                    /* borrowed */
    struct locum_endpoints_entry at[LOCUM_ENDPOINTS_MAX]; /* Redis servers, then Sentinels */
    size_t count;                                         /* of both */
    size_t redis_count;
    struct locum_endpoints_entry *sentinels; /* the first Sentinel, within `at` */
    size_t sentinel_count;
};

/* What a Sentinel sees, by node; and the instances it lists that are unknown. */
struct locum_endpoints_view {
    uint8_t known[LOCUM_NODES_MAX];
    uint8_t down[LOCUM_NODES_MAX];
    char unknown_instances[LOCUM_ENDPOINTS_UNKNOWN_MAX][LOCUM_INSTANCE_HOST_MAX + 8];
    size_t unknown_count;
    /* The master that it names, if that is not allowed; port 0: it is. */
    struct locum_address unlisted_master;
};

/* Read the endpoints of the configuration. Host names have no address yet. */
void locum_endpoints_init(struct locum_endpoints *self, const struct locum_config *config);

/* Set the addresses of a host name: at most LOCUM_ENDPOINTS_ADDRESSES_MAX are kept, with the port
 * of the endpoint. */
void locum_endpoints_set(struct locum_endpoints_entry *entry, const struct locum_address *addresses,
                         size_t count);

/*
 * The address of a Redis instance that a Sentinel names: its own, or an address of the endpoint
 * with that host name. That is the one in use, if the name still has it (another order, or fewer
 * addresses, is no reason to leave a connection), else number `attempt`, modulo their count.
 *
 * in_use  NULL: none.
 * Returns false if no endpoint has this host name, or it is not resolved.
 */
bool locum_endpoints_locate(const struct locum_endpoints *self,
                            const struct locum_instance *instance,
                            const struct locum_address *in_use, size_t attempt,
                            struct locum_address *ret);

/* Does the configuration name the Redis of any node? Then these are the only ones to log in to. */
bool locum_endpoints_has_redis(const struct locum_endpoints *self);

/* Is the instance an endpoint? */
bool locum_endpoints_has(const struct locum_endpoints *self, const struct locum_instance *instance);

/*
 * Replace the host name of an instance by the first of its addresses that is a node's; if there is
 * none, the name stays.
 *
 * addresses  of that host name; their ports do not matter.
 */
void locum_endpoints_place(const struct locum_endpoints *self, struct locum_instance *instance,
                           const struct locum_address *addresses, size_t count);

/*
 * The node whose Mirrorbits announces this host name; LOCUM_NODE_NONE: none. If no node has the
 * whole name, its first label is one's: many hosts announce dc2.example.org.
 */
locum_node locum_endpoints_node_of_mirrorbits(const struct locum_config *config,
                                              struct locum_slice host);

/* The host name of the Redis at this address; NULL: it is known by its address only. */
const char *locum_endpoints_name(const struct locum_endpoints *self,
                                 const struct locum_address *address);

/*
 * Sort the instances that the Sentinel of `voter` lists by node. The Sentinel itself counts as an
 * instance of its node that is up. An instance that is listed twice counts once, and is down only
 * if it is down both times.
 *
 * voter  LOCUM_NODE_NONE: the Sentinel belongs to no node.
 */
void locum_endpoints_sort(const struct locum_endpoints *self,
                          const struct locum_instances *instances, locum_node voter,
                          struct locum_endpoints_view *ret);

/* Append the unknown instances of all views, each once: "a, b". */
void locum_endpoints_add_unknown(const struct locum_endpoints_view *views, size_t count,
                                 struct locum_text *text);

#endif
