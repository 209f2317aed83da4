/*
 * timeval: a duration as libevent takes it. Separate from clock.h, because core/ has no timers.
 */
#ifndef LOCUM_BASE_TIMEVAL_H
#define LOCUM_BASE_TIMEVAL_H

#include <sys/time.h>

#include "base/clock.h"

static inline struct timeval
locum_timeval(locum_ms duration_ms)
{
    return (struct timeval){.tv_sec = duration_ms / 1000, .tv_usec = duration_ms % 1000 * 1000};
}

#endif
