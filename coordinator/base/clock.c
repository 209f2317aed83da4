#include "base/clock.h"

#include <sys/timex.h>
#include <time.h>

#include "base/invariant.h"

static locum_ms
read_ms(clockid_t clock)
{
    struct timespec now;
    const int status = clock_gettime(clock, &now);
    LOCUM_INVARIANT(status == 0);
    return (locum_ms)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct locum_now
locum_clock_read(void)
{
    return (struct locum_now){.mono = read_ms(CLOCK_MONOTONIC),
                              .boot = read_ms(CLOCK_BOOTTIME),
                              .wall = read_ms(CLOCK_REALTIME)};
}

bool
locum_clock_is_synchronised(void)
{
    struct timex clock = {.modes = 0}; /* it only reads */
    return adjtimex(&clock) >= 0 && (clock.status & STA_UNSYNC) == 0;
}
