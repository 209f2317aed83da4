/*
 * sentinel: watching one Sentinel.
 *
 * Two connections: one asks (the master's address and epoch, the master, replicas and other
 * Sentinels with their flags, TILT), each redis.sentinel-poll and at once after an event; the other
 * listens for events. An event is a reason to ask, never a fact: events are not replayed, what is
 * asked for is whole. Both connections live and die together and are made anew with back-off.
 *
 * Source: redis.io "High availability with Redis Sentinel".
 */
#ifndef LOCUM_REDIS_SENTINEL_H
#define LOCUM_REDIS_SENTINEL_H

#include "core/types.h"
#include "redis/login.h"
#include "redis/redis.h"
#include "redis/resp.h"

enum {
    LOCUM_SENTINEL_ASK_GAP_MS = 50,      /* least time between two polls, whatever it publishes */
    LOCUM_SENTINEL_RETRY_FIRST_MS = 400, /* bound of the first wait; half of it at least */
    LOCUM_SENTINEL_RETRY_MAX_MS = 2000,
};

struct locum_sentinel;

/* What one complete poll told. */
struct locum_sentinel_view {
    struct locum_instance master;
    uint64_t epoch;
    bool tilt;
    struct locum_instances instances; /* master, replicas, other Sentinels, but not itself */
};

struct locum_sentinel_events {
    /* A poll is complete; borrowed. Never called inside a function of this header. */
    void (*polled)(void *user, size_t number, const struct locum_sentinel_view *view);
    /* The connection, or the attempt, is over: its host name may have another address now. */
    void (*lost)(void *user, size_t number);
};

struct locum_sentinel_settings {
    struct locum_endpoint endpoint; /* where it is, as it is written */
    struct locum_login login;
    const struct locum_tls *tls; /* NULL: plain text; borrowed */
    const char *name;            /* what its certificate must be for; "": its endpoint */
    const char *master_name;
    locum_ms timeout_ms;
    locum_ms poll_ms;
};

/*
 * Begin. It connects once it has addresses.
 *
 * number  which one it is, for the callbacks.
 * Strings are copied, events and commands borrowed. NULL: no memory.
 */
struct locum_sentinel *locum_sentinel_create(struct event_base *base, size_t number,
                                             const struct locum_sentinel_settings *settings,
                                             const struct locum_sentinel_events *events, void *user,
                                             uint64_t *commands);

/* After a reload: are these settings the same in value? Then keep it, with its new number. */
bool locum_sentinel_keep(struct locum_sentinel *self, size_t number,
                         const struct locum_sentinel_settings *settings);

/*
 * The addresses to connect to from now on, in turn; borrowed for good.
 *
 * why  why there is none; "": not known yet.
 */
void locum_sentinel_addresses_set(struct locum_sentinel *self,
                                  const struct locum_address *addresses, size_t count,
                                  const char *why);

bool locum_sentinel_is_connected(const struct locum_sentinel *self); /* a poll has come through */
bool locum_sentinel_tilt(const struct locum_sentinel *self);
locum_ms locum_sentinel_polled(const struct locum_sentinel *self);   /* mono; LOCUM_NEVER */
const char *locum_sentinel_error(const struct locum_sentinel *self); /* "": nothing */

/* NULL is fine. Not from inside a callback. */
void locum_sentinel_destroy(struct locum_sentinel *self);

#endif
