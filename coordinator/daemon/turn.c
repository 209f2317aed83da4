/* A turn of the loop: every event that has arrived, then one tick, all with one time. */
#include "daemon/daemon.h"

#include <sys/time.h>

#include "base/error.h"
#include "base/timeval.h"

/*
 * Sockets that never run dry must not put off the tick for ever: a turn in which this time passes
 * twice is ended in the middle. Far below any timeout, far above what reading all sockets takes.
 */
static const struct timeval press_after = {.tv_usec = 50 * 1000};

/*
 * A turn in time ends when the sockets that the kernel reported have been read. One that comes
 * later than this ends when the kernel reports no more: a stall leaves more than one round reads.
 */
enum { IN_TIME_MS = 20 };

/* People are told each second, and no turn of its own is made for that while others come often. */
enum { SECOND_MS = 1000 };

static void
begin_turn(struct locum_daemon *self)
{
    self->now = locum_now_read();
    self->in_turn = true;
}

/* Whoever asks for the time begins a turn, and a turn ends with a tick. */
struct locum_now
locum_daemon_now(struct locum_daemon *self)
{
    if (!self->in_turn) {
        begin_turn(self);
        event_active(self->tick, EV_READ, 1);
        (void)event_add(self->press, &press_after);
    }
    return self->now;
}

static void
step(struct locum_daemon *self, const struct locum_input *event)
{
    locum_core_step(&self->core, event, &self->actions);
    if (self->watch != NULL) {
        self->watch(self->watch_user, event, &self->actions);
    }
    locum_daemon_perform(self);
}

/* Time alone asks for the next turn; if it cannot have it, `press` sees to it. */
static void
arm(struct locum_daemon *self)
{
    const locum_ms wait = self->core.next_commit - self->now.mono;
    const locum_ms ms = wait < SECOND_MS ? wait : SECOND_MS;
    const struct timeval tick = locum_timeval(ms);
    struct timeval press;
    timeradd(&tick, &press_after, &press);
    (void)event_add(self->tick, &tick);
    (void)event_add(self->press, &press);
}

/* Nearly a second has passed: half an interval more, and it would need a turn of its own. */
static void
look_at_second(struct locum_daemon *self)
{
    const locum_ms half = self->config->core.interval_ms / 2;
    const locum_ms early = half < SECOND_MS / 8 ? half : SECOND_MS / 8;
    if (self->now.mono - self->second_at >= SECOND_MS - early) {
        self->second_at = self->now.mono;
        locum_daemon_each_second(self);
    }
}

static void
end_turn(struct locum_daemon *self)
{
    begin_turn(self);
    self->turns++;
    if (self->core.next_commit != LOCUM_NEVER && self->now.mono >= self->core.next_commit) {
        locum_lag_note(&self->lag, self->now.mono - self->core.next_commit);
    }
    const struct locum_input event = {.kind = LOCUM_INPUT_COMMIT, .now = self->now};
    step(self, &event);
    look_at_second(self);
    (void)event_del(self->late); /* `press` can come while it waits for its turn */
    arm(self);
    locum_notify_iteration(&self->notify, self->now.mono);
    self->pressed = false;
    self->in_turn = false;
}

void
locum_daemon_deliver(struct locum_daemon *self, struct locum_input *event)
{
    event->now = locum_daemon_now(self);
    step(self, event);
}

static void
on_tick(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    struct locum_daemon *self = user;
    if (!self->in_turn) {
        begin_turn(self);
    }
    if (self->core.next_commit != LOCUM_NEVER &&
        self->now.mono - self->core.next_commit > IN_TIME_MS) {
        event_active(self->late, EV_READ, 1);
    } else {
        end_turn(self);
    }
}

static void
on_late(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    end_turn(user);
}

/*
 * It comes before all sockets, so once is not enough: after a stall they hold what would be taken
 * for silence. The second time they were read for as long as it waits.
 */
static void
on_press(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    struct locum_daemon *self = user;
    if (self->pressed) {
        end_turn(self);
        return;
    }
    self->pressed = true;
    (void)event_add(self->press, &press_after);
}

int
locum_daemon_turn_create(struct locum_daemon *self)
{
    self->tick = evtimer_new(self->base, on_tick, self);
    self->late = evtimer_new(self->base, on_late, self);
    self->press = evtimer_new(self->base, on_press, self);
    if (self->tick == NULL || self->late == NULL || self->press == NULL ||
        event_priority_set(self->late, LOCUM_DAEMON_PRIORITIES - 1) != 0 ||
        event_priority_set(self->press, 0) != 0) {
        return LOCUM_ERR_MEMORY;
    }
    return 0;
}
