/* When the tick comes: after all sockets, and whatever they do. */
#include "fixture.h"

#include <sys/time.h>

enum { BURST = 200 };

static struct event *noise;
static size_t left;

static void
on_noise(evutil_socket_t fd, short what, void *user)
{
    const struct timeval soon = {.tv_usec = 1000};
    (void)fd, (void)what, (void)user;
    struct locum_event event = {.kind = LOCUM_EVENT_MIRRORBITS, .node = 1};
    locum_daemon_deliver(daemon_, &event);
    if (--left > 0) {
        (void)event_add(noise, &soon);
    }
}

static bool
noise_is_over(void)
{
    return left == 0;
}

/* Events, each of which ends a turn, must not move the time of the next tick. */
static void
test_many_events_put_off_no_tick(void **state)
{
    (void)state;
    struct timeval due;
    struct timeval now;
    struct timeval wait;
    write_config("", "");
    start();
    left = BURST;
    noise = event_new(daemon_->base, -1, 0, on_noise, NULL);
    assert_int_equal(event_add(noise, &(struct timeval){0}), 0);
    assert_true(wait_until(noise_is_over));
    assert_true(event_pending(daemon_->tick, EV_TIMEOUT, &due));
    (void)gettimeofday(&now, NULL);
    timersub(&due, &now, &wait);
    event_free(noise);
    assert_in_range(wait.tv_sec * 1000 + wait.tv_usec / 1000 + 1000, 0, 1000 + 2 * LOCUM_TICK_MS);
}

static void
on_endless(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what, (void)user; /* it stays readable */
}

/* A socket that never runs dry, and brings nothing that is an event of the core. */
static void
test_an_endless_socket_keeps_no_tick_away(void **state)
{
    (void)state;
    write_config("", "");
    start();
    int pipes[2];
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_int_equal(write(pipes[1], "", 1), 1);
    noise = event_new(daemon_->base, pipes[0], EV_READ | EV_PERSIST, on_endless, NULL);
    assert_int_equal(event_add(noise, NULL), 0);
    turn_for(300);
    const uint64_t before = daemon_->core.view.seq;
    turn_for(600);
    event_free(noise);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
    assert_true(daemon_->core.view.seq - before >= 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_many_events_put_off_no_tick, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_endless_socket_keeps_no_tick_away, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
