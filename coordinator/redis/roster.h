/*
 * roster: which node an instance belongs to, by the addresses of the configuration.
 *
 * Pure. Each node may have a Redis and a Sentinel. An instance of no node or of two is a stranger:
 * it is shown and is no evidence.
 */
#ifndef LOCUM_REDIS_ROSTER_H
#define LOCUM_REDIS_ROSTER_H

#include "redis/redis.h"
#include "redis/reply.h"

enum { LOCUM_STRANGERS_MAX = 8 }; /* remembered of one Sentinel */

struct locum_roster_entry {
    struct locum_address address;
    locum_node node;
};

struct locum_roster {
    struct locum_roster_entry redis[LOCUM_NODES_MAX];
    size_t redis_count;
    struct locum_roster_entry sentinels[LOCUM_NODES_MAX];
    size_t sentinel_count;
    char unusable[LOCUM_REDIS_ERROR_MAX + 1]; /* endpoints that are no address; "" */
};

/* What a Sentinel sees, by node; and whom it lists that belongs nowhere. */
struct locum_roster_view {
    uint8_t known[LOCUM_NODES_MAX];
    uint8_t down[LOCUM_NODES_MAX];
    struct locum_address strangers[LOCUM_STRANGERS_MAX];
    size_t stranger_count;
};

/* Read the endpoints of the configuration. Host names are not resolved: they go to `unusable`. */
void locum_roster_init(struct locum_roster *self, const struct locum_config *config);

/*
 * Sort what the Sentinel of `voter` lists. The Sentinel itself counts as an instance of its node
 * that is up. An address that is listed twice counts once, down only if it is down in both.
 */
void locum_roster_sort(const struct locum_roster *self, const struct locum_instances *instances,
                       locum_node voter, struct locum_roster_view *ret);

#endif
