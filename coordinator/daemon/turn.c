/* A turn of the loop: every event that has arrived, then one tick, all with one time. */
#include "daemon/daemon.h"

#include "base/error.h"

/*
 * Sockets that never run dry must not put off the tick for ever: a turn in which this time passes
 * twice is ended in the middle. Far below any timeout, far above what reading all sockets takes.
 */
enum { PRESS_MS = 50 };

struct locum_now
locum_daemon_now(struct locum_daemon *self)
{
    if (!self->in_turn) {
        self->now = locum_now_read();
        self->in_turn = true;
    }
    return self->now;
}

static void
step(struct locum_daemon *self, const struct locum_event *event)
{
    locum_core_step(&self->core, event, &self->actions);
    locum_daemon_perform(self);
}

static void
end_turn(struct locum_daemon *self)
{
    self->in_turn = false;
    const struct locum_event event = {.kind = LOCUM_EVENT_TICK, .now = locum_daemon_now(self)};
    step(self, &event);
    self->in_turn = false;
}

void
locum_daemon_deliver(struct locum_daemon *self, struct locum_event *event)
{
    event->now = locum_daemon_now(self);
    step(self, event);
    /* Not EV_TIMEOUT: each would move the next tick by one interval further, as of libevent 2.1. */
    event_active(self->tick, EV_READ, 1);
}

static void
on_tick(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    end_turn(user);
}

/*
 * It comes before all sockets, so once is not enough: after a stall they hold what would be taken
 * for silence. The second time they were read for PRESS_MS.
 */
static void
on_press(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    struct locum_daemon *self = user;
    if (self->pressed_at == self->core.last_tick) {
        end_turn(self);
    }
    self->pressed_at = self->core.last_tick;
}

static void
on_second(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    locum_daemon_each_second(user);
}

int
locum_daemon_turn_start(struct locum_daemon *self)
{
    const struct timeval tick = {.tv_usec = LOCUM_TICK_MS * 1000};
    const struct timeval press = {.tv_usec = PRESS_MS * 1000};
    const struct timeval second = {.tv_sec = 1};
    self->tick = event_new(self->base, -1, EV_PERSIST, on_tick, self);
    self->press = event_new(self->base, -1, EV_PERSIST, on_press, self);
    self->second = event_new(self->base, -1, EV_PERSIST, on_second, self);
    if (self->tick == NULL || self->press == NULL || self->second == NULL ||
        event_priority_set(self->tick, LOCUM_DAEMON_PRIORITIES - 1) != 0 ||
        event_priority_set(self->press, 0) != 0 || event_add(self->tick, &tick) != 0 ||
        event_add(self->press, &press) != 0 || event_add(self->second, &second) != 0) {
        return LOCUM_ERR_MEMORY;
    }
    return 0;
}
