/*
 * room: what redis.c and status.c share: the state of the room. Nobody else includes this.
 */
#ifndef LOCUM_REDIS_PRIVATE_H
#define LOCUM_REDIS_PRIVATE_H

#include "redis/discovery.h"
#include "redis/endpoints.h"
#include "redis/master.h"
#include "redis/resolver.h"
#include "redis/sentinel.h"
#include "redis/tls.h"

enum { LOCUM_REDIS_CLIENT_BYTES = 6 + LOCUM_NODE_NAME_MAX + 1 };

/*
 * What the connections were made with, copied: the configuration may be gone while they are
 * compared with the next one.
 */
struct locum_redis_settings {
    char cluster[LOCUM_CLUSTER_NAME_MAX + 1];
    char node[LOCUM_NODE_NAME_MAX + 1];
    char client[LOCUM_REDIS_CLIENT_BYTES]; /* "locum-dc2" */
    struct locum_config_redis redis;
    locum_ms poll_ms;
};

struct locum_redis {
    struct event_base *base;
    const struct locum_config *config;
    struct locum_redis_settings settings;
    const struct locum_redis_events *events;
    void *user;
    struct locum_tls *tls;                     /* NULL: plain text, or its files are no use */
    char tls_error[LOCUM_REDIS_ERROR_MAX + 1]; /* why they were no use at the last reading; "" */
    struct locum_endpoints endpoints;
    struct locum_resolver *resolver;
    struct locum_discovery discovery;
    struct locum_master *master;
    /* As in the endpoints, and what each of them saw at its last poll. */
    struct locum_sentinel *sentinels[LOCUM_ENDPOINTS_SENTINELS_MAX]; /* NULL: no memory */
    struct locum_endpoints_view seen[LOCUM_ENDPOINTS_SENTINELS_MAX];
    size_t turn;                          /* which address of a host name is tried */
    char lost[LOCUM_REDIS_ERROR_MAX + 1]; /* a master told by an unknown host name; "" */
    struct event *wake; /* see to it that the right master is used, and tell what changed */
    bool told;          /* the last `subscribed` */
    locum_ms since_wall;
    char error[LOCUM_REDIS_ERROR_MAX + 1]; /* why the last connection ended */
    uint64_t commands;
    uint64_t failures;
    struct locum_redis_other_db other_db[LOCUM_NODES_MAX]; /* by node */
    uint64_t polls[LOCUM_ENDPOINTS_SENTINELS_MAX];         /* of each Sentinel */
};

/* Is a Redis configured at all? */
static inline bool
locum_redis_is_wanted(const struct locum_redis *self)
{
    return self->settings.redis.master_name[0] != '\0';
}

/* With redis.tls nothing is ever connected in plain text. */
static inline bool
locum_redis_may_connect(const struct locum_redis *self)
{
    return !self->settings.redis.tls.on || self->tls != NULL;
}

#endif
