#include "base/timer.h"

#include "base/invariant.h"

static void
on_timeout(evutil_socket_t fd, short what, void *user)
{
    const struct locum_timer *self = user;
    (void)fd, (void)what;
    self->on_due(self->user);
}

/*
 * event_assign(3) and event_priority_set(3) fail for wrong arguments only, and event_add(3) of a
 * timeout only when the loop's list of timeouts cannot grow: then the program is restarted, because
 * a timer that never fires would stop it silently.
 */
static void
require(int status)
{
    LOCUM_INVARIANT(status == 0);
}

struct event_base *
locum_timer_base(int flags)
{
    struct event_config *config = event_config_new();
    if (config == NULL) {
        return NULL;
    }
    (void)event_config_set_flag(config, flags);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

void
locum_timer_init(struct locum_timer *self, struct event_base *base, locum_timer_fn *on_due,
                 void *user)
{
    self->on_due = on_due;
    self->user = user;
    require(evtimer_assign(&self->event, base, on_timeout, self));
}

void
locum_timer_arm(struct locum_timer *self, locum_ms delay_ms)
{
    const struct timeval delay = locum_timer_timeval(delay_ms);
    require(evtimer_add(&self->event, &delay));
}

void
locum_timer_fire(struct locum_timer *self)
{
    event_active(&self->event, EV_TIMEOUT, 0);
}

void
locum_timer_disarm(struct locum_timer *self)
{
    (void)evtimer_del(&self->event);
}

bool
locum_timer_armed(const struct locum_timer *self)
{
    return evtimer_pending(&self->event, NULL) != 0;
}

void
locum_timer_run_first(struct locum_timer *self)
{
    require(event_priority_set(&self->event, 0));
}

void
locum_timer_run_last(struct locum_timer *self)
{
    const int priorities = event_base_get_npriorities(event_get_base(&self->event));
    require(event_priority_set(&self->event, priorities - 1));
}

void
locum_timer_fini(struct locum_timer *self)
{
    if (self->on_due != NULL) {
        locum_timer_disarm(self);
        self->on_due = NULL;
    }
}
