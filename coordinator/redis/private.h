/*
 * private: struct locum_redis, for redis.c and status.c only.
 */
#ifndef LOCUM_REDIS_PRIVATE_H
#define LOCUM_REDIS_PRIVATE_H

#include "base/timer.h"
#include "redis/discovery.h"
#include "redis/endpoints.h"
#include "redis/master.h"
#include "redis/resolver.h"
#include "redis/sentinel.h"
#include "redis/tls.h"

struct locum_redis {
    struct event_base *base;
    const struct locum_config *config;
    const struct locum_redis_events *events;
    void *user;
    char client[sizeof("locum-") + LOCUM_NODE_NAME_MAX]; /* "locum-dc2" */
    struct locum_master_settings master_settings;
    struct locum_sentinel_settings sentinel_settings;
    struct locum_tls *tls;                     /* NULL: plain text, or its files are unusable */
    char tls_error[LOCUM_REDIS_ERROR_MAX + 1]; /* why, at the last reading; "": they are usable */
    struct locum_endpoints endpoints;
    struct locum_resolver *resolver;
    struct locum_discovery discovery;
    struct locum_master *master;
    /* By endpoints.sentinels, and the view of the last poll of each. */
    struct locum_sentinel *sentinels[LOCUM_ENDPOINTS_SENTINELS_MAX]; /* NULL: no memory */
    struct locum_endpoints_view views[LOCUM_ENDPOINTS_SENTINELS_MAX];
    size_t attempts;          /* to connect to a master: choose among a host name's addresses */
    struct locum_timer timer; /* evaluates which master to use */
    bool subscribed;          /* as last reported */
    locum_ms since_wall;      /* of that */
    char error[LOCUM_REDIS_ERROR_MAX + 1];      /* why the last connection ended */
    char unresolved[LOCUM_REDIS_ERROR_MAX + 1]; /* the Sentinels name an unknown master; "" */
    uint64_t commands;
    uint64_t failures;
    struct locum_redis_other_db other_db[LOCUM_NODES_MAX]; /* by node */
};

#endif
