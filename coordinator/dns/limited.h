/*
 * limited: since when answers to which prefixes are limited, for people: one line in the log when a
 * period begins and one when it ends, a warning meanwhile.
 *
 * In: what the workers report (limit.h), once a second. Out: calls at the begin and end of a
 * period. A period ends when its prefix has not been limited for LOCUM_LIMITED_OVER_MS. Pure.
 * Anyone can forge a source, so the calls are limited: LOCUM_LIMITED_CALLS periods a minute; others
 * are counted only.
 */
#ifndef LOCUM_DNS_LIMITED_H
#define LOCUM_DNS_LIMITED_H

#include "core/types.h"
#include "dns/limit.h"

enum {
    LOCUM_LIMITED_MAX = 64, /* prefixes at once; more are not seen */
    LOCUM_LIMITED_OVER_MS = 10000,
    LOCUM_LIMITED_CALLS = 10,
};

struct locum_limited_period {
    uint64_t prefix;      /* locum_limit_prefix() */
    locum_ms since, last; /* monotonic; since <= last */
    bool judged;          /* its begin was shown, or there were too many of them */
    bool shown;           /* its begin was, so its end will be */
};

/* All zero: no period. */
struct locum_limited {
    struct locum_limited_period periods[LOCUM_LIMITED_MAX];
    size_t count;
    locum_ms minute;     /* when the minute began */
    size_t minute_calls; /* begins shown in it */
};

/* prefix: as text. seconds: how long the period was; -1: it has begun. */
typedef void locum_limited_fn(void *user, const char *prefix, int64_t seconds);

/* A prefix was limited at `last`. Of reports that are too old nothing is kept. */
void locum_limited_add(struct locum_limited *self, uint64_t prefix, locum_ms last, locum_ms now);

/* The same for what one worker reports. */
void locum_limited_take(struct locum_limited *self, const struct locum_limiter *limiter,
                        locum_ms now);

/* Call `show` for each period that has begun or ended since the last update. */
void locum_limited_update(struct locum_limited *self, locum_ms now, locum_limited_fn *show,
                          void *user);

#endif
