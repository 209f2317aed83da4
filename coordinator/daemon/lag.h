/*
 * lag: how late the loop came to a turn that time asked for, as a histogram. Nothing is told or
 * decided by it (that a stall voids all silence is the core's); it shows a starved processor before
 * that. Pure.
 */
#ifndef LOCUM_DAEMON_LAG_H
#define LOCUM_DAEMON_LAG_H

#include "core/types.h"

enum { LOCUM_LAG_BUCKETS = 9 };

/* The upper bounds in ms; what is later is in `count` alone. */
static const locum_ms locum_lag_bounds[LOCUM_LAG_BUCKETS] = {1, 5, 10, 25, 50, 100, 250, 500, 1000};

struct locum_lag {
    uint64_t at_most[LOCUM_LAG_BUCKETS]; /* turns at most that late */
    uint64_t count;
    locum_ms sum_ms, max_ms;
};

/* Count a turn that came `late_ms` after it was due; earlier than due is in time. */
static inline void
locum_lag_note(struct locum_lag *self, locum_ms late_ms)
{
    const locum_ms late = late_ms > 0 ? late_ms : 0;
    for (size_t i = 0; i < LOCUM_LAG_BUCKETS; i++) {
        self->at_most[i] += late <= locum_lag_bounds[i];
    }
    self->count++;
    self->sum_ms += late;
    self->max_ms = late > self->max_ms ? late : self->max_ms;
}

#endif
