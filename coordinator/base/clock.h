/*
 * clock: the three clocks, read together once per iteration of the loop. core/ uses the types only.
 */
#ifndef LOCUM_BASE_CLOCK_H
#define LOCUM_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

typedef int64_t locum_ms; /* milliseconds; a point in time or a duration */

struct locum_now {
    locum_ms mono; /* CLOCK_MONOTONIC: every decision; never goes back, stops in suspend */
    locum_ms boot; /* CLOCK_BOOTTIME: leases; continues in suspend */
    locum_ms wall; /* CLOCK_REALTIME, Unix ms: shown to people, seeds the incarnation; may jump */
};

/* Read all three. Cannot fail on Linux. */
struct locum_now locum_clock_read(void);

/* The kernel calls the wall clock synchronised (adjtimex(2), STA_UNSYNC), as chrony and other NTP
 * clients tell it. False also if it may not be asked (a sandbox). */
bool locum_clock_is_synchronised(void);

#endif
