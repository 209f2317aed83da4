/*
 * backoff: capped exponential back-off with jitter, for every retry of this program. The caller
 * supplies the random number, so a test can replay it.
 */
#ifndef LOCUM_BASE_BACKOFF_H
#define LOCUM_BASE_BACKOFF_H

#include <stdint.h>

#include "base/clock.h"

struct locum_backoff {
    locum_ms first_ms; /* upper bound of the first wait, > 0 */
    locum_ms max_ms;   /* cap of the upper bound, >= first_ms */
    locum_ms next_ms;  /* upper bound of the next wait; 0: start at first_ms */
};

/* The next wait: uniform between half the bound and the bound. Then the bound doubles. */
locum_ms locum_backoff_next(struct locum_backoff *self, uint32_t random);

/* After a success: start at first_ms again. */
void locum_backoff_reset(struct locum_backoff *self);

#endif
