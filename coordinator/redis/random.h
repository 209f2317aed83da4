/* random: jitter for the retries of this room. */
#ifndef LOCUM_REDIS_RANDOM_H
#define LOCUM_REDIS_RANDOM_H

#include <stdint.h>

#include <event2/util.h>

static inline uint32_t
locum_random(void)
{
    uint32_t value;
    evutil_secure_rng_get_bytes(&value, sizeof(value));
    return value;
}

#endif
