/*
 * timer: one timeout on a libevent loop, held in its owner's memory.
 *
 * The owner must not move while the timer exists. A timer is used only in its loop's thread.
 */
#ifndef LOCUM_BASE_TIMER_H
#define LOCUM_BASE_TIMER_H

#include <stdbool.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/invariant.h"

/* A duration as libevent takes it. */
static inline struct timeval
locum_timer_timeval(locum_ms duration_ms)
{
    return (struct timeval){.tv_sec = duration_ms / 1000, .tv_usec = duration_ms % 1000 * 1000};
}

/* A loop with these flags of event_config_set_flag(). NULL: out of memory. */
struct event_base *locum_timer_base(int flags) LOCUM_MUST_CHECK;

/* Called from the loop; the timer is disarmed, and may be armed again or freed from here. */
typedef void locum_timer_fn(void *user);

struct locum_timer {
    struct event event;
    locum_timer_fn *on_due; /* NULL: not initialised */
    void *user;
};

/* Prepare a disarmed timer. base is borrowed. Cannot fail: nothing is allocated. */
void locum_timer_init(struct locum_timer *self, struct event_base *base, locum_timer_fn *on_due,
                      void *user);

/* Call on_due after delay_ms (>= 0). An armed timer is set to the new time. */
void locum_timer_arm(struct locum_timer *self, locum_ms delay_ms);

/* Call on_due in this iteration of the loop, without asking the kernel first; never from here. */
void locum_timer_fire(struct locum_timer *self);

/* Do not call on_due; a disarmed timer stays as it is. */
void locum_timer_disarm(struct locum_timer *self);

/* True from arm or fire until on_due is called. */
bool locum_timer_armed(const struct locum_timer *self);

/*
 * Let on_due run before or after all other events of an iteration, with the first or the last of
 * the base's priorities (event_base_priority_init(3)). Call while disarmed.
 */
void locum_timer_run_first(struct locum_timer *self);
void locum_timer_run_last(struct locum_timer *self);

/* Disarm; required before the memory is freed. A timer of zeros, never initialised, is fine. */
void locum_timer_fini(struct locum_timer *self);

#endif
