/*
 * sentinel: watches one Sentinel.
 *
 * Two connections: one polls (the master's address and epoch, the master, its replicas and the
 * other Sentinels with their flags, TILT), each redis.sentinel-poll and at once after an event; the
 * other subscribes to events. An event only causes a poll: events are not repeated when one was
 * missed, and a poll is complete. Both connections open and close together, with back-off.
 *
 * Source: redis.io "High availability with Redis Sentinel".
 */
#ifndef LOCUM_REDIS_SENTINEL_H
#define LOCUM_REDIS_SENTINEL_H

#include "redis/endpoints.h"
#include "redis/link.h"
#include "redis/redis.h"
#include "redis/resp.h"

enum {
    LOCUM_SENTINEL_POLL_GAP_MS = 50,     /* least time between two polls, whatever it publishes */
    LOCUM_SENTINEL_RETRY_FIRST_MS = 400, /* bound of the first wait; half of it at least */
    LOCUM_SENTINEL_RETRY_MAX_MS = 2000,
};

struct locum_sentinel;

/* The result of a complete poll. */
struct locum_sentinel_view {
    struct locum_instance master;
    uint64_t epoch;
    bool tilt;
    struct locum_instances instances; /* master, replicas, other Sentinels, but not itself */
};

/* Never called inside a function of this header. */
struct locum_sentinel_events {
    /* A poll is complete; both borrowed; the view may be changed. */
    void (*polled)(void *user, const struct locum_endpoints_entry *entry,
                   struct locum_sentinel_view *view);
    /* The connection, or the attempt, has ended: its host name may have another address now. */
    void (*lost)(void *user, const struct locum_endpoints_entry *entry);
};

/* The same for all Sentinels. All pointers are borrowed. */
struct locum_sentinel_settings {
    struct locum_link_settings link;
    const struct locum_config *config;
};

/* Age up to which a complete poll counts. */
locum_ms locum_sentinel_fresh_ms(const struct locum_config *config);

/*
 * Begin. It connects once it has addresses.
 *
 * entry     where it is; borrowed, with its addresses.
 * settings  borrowed; may change while it lives only as link.h allows.
 * events    borrowed.
 * NULL: no memory.
 */
struct locum_sentinel *locum_sentinel_create(const struct locum_endpoints_entry *entry,
                                             const struct locum_sentinel_settings *settings,
                                             const struct locum_sentinel_events *events,
                                             void *user);

/* After a reload: if this entry is the same endpoint, use it from now on and return true. */
bool locum_sentinel_keep(struct locum_sentinel *self, const struct locum_endpoints_entry *entry);

/* The entry has other addresses now. why: the reason if it has none; "": not known yet. */
void locum_sentinel_addresses_changed(struct locum_sentinel *self, const char *why);

/* Its row of the status; borrowed. */
const struct locum_redis_sentinel *locum_sentinel_status(const struct locum_sentinel *self);

/* NULL is fine. Not from inside a callback. */
void locum_sentinel_destroy(struct locum_sentinel *self);

#endif
