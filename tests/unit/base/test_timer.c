/* timer: when a timer calls its owner, and when it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/timer.h"

struct fixture {
    struct event_base *base;
    struct locum_timer timer;
    struct locum_timer other;
    char order[8];
    size_t count;
};

static struct fixture fixture;

static void
on_timer(void *user)
{
    fixture.order[fixture.count++] = *(const char *)user;
}

static void
on_timer_arm_again(void *user)
{
    on_timer(user);
    if (fixture.count < 3) {
        locum_timer_arm(&fixture.timer, 0);
    }
}

static int
set_up(void **state)
{
    static char a[] = "a";
    static char b[] = "b";
    (void)state;
    fixture = (struct fixture){.base = event_base_new()};
    (void)event_base_priority_init(fixture.base, 3);
    locum_timer_init(&fixture.timer, fixture.base, on_timer, a);
    locum_timer_init(&fixture.other, fixture.base, on_timer, b);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    locum_timer_fini(&fixture.timer);
    locum_timer_fini(&fixture.other);
    event_base_free(fixture.base);
    return 0;
}

/* Run until no timer is armed. */
static void
run(void)
{
    (void)event_base_dispatch(fixture.base);
}

static void
test_armed_timer_fires_once(void **state)
{
    (void)state;
    assert_false(locum_timer_armed(&fixture.timer));
    locum_timer_arm(&fixture.timer, 1);
    assert_true(locum_timer_armed(&fixture.timer));
    run();
    assert_string_equal(fixture.order, "a");
    assert_false(locum_timer_armed(&fixture.timer));
}

static void
test_timers_fire_in_the_order_of_their_delays(void **state)
{
    (void)state;
    locum_timer_arm(&fixture.timer, 20);
    locum_timer_arm(&fixture.other, 1);
    run();
    assert_string_equal(fixture.order, "ba");
}

static void
test_second_arm_replaces_the_first(void **state)
{
    (void)state;
    locum_timer_arm(&fixture.timer, 60000);
    locum_timer_arm(&fixture.timer, 1);
    run();
    assert_string_equal(fixture.order, "a");
}

static void
test_disarmed_timer_does_not_fire(void **state)
{
    (void)state;
    locum_timer_arm(&fixture.timer, 1);
    locum_timer_fire(&fixture.other);
    locum_timer_disarm(&fixture.timer);
    locum_timer_disarm(&fixture.other);
    locum_timer_disarm(&fixture.other);
    run();
    assert_string_equal(fixture.order, "");
}

static void
test_fire_needs_no_delay_and_disarms(void **state)
{
    (void)state;
    locum_timer_arm(&fixture.timer, 60000);
    locum_timer_fire(&fixture.timer);
    assert_true(locum_timer_armed(&fixture.timer));
    assert_string_equal(fixture.order, "");
    run();
    assert_string_equal(fixture.order, "a");
}

static void
test_timer_can_be_armed_again_by_its_callback(void **state)
{
    static char again[] = "r";
    (void)state;
    locum_timer_init(&fixture.timer, fixture.base, on_timer_arm_again, again);
    locum_timer_arm(&fixture.timer, 0);
    run();
    assert_string_equal(fixture.order, "rrr");
}

static void
test_first_and_last_decide_the_order_within_an_iteration(void **state)
{
    (void)state;
    locum_timer_run_last(&fixture.timer);
    locum_timer_run_first(&fixture.other);
    locum_timer_fire(&fixture.timer);
    locum_timer_fire(&fixture.other);
    run();
    assert_string_equal(fixture.order, "ba");
}

static void
test_fini_of_a_timer_never_initialised_is_fine(void **state)
{
    struct locum_timer timer = {.on_due = NULL};
    (void)state;
    locum_timer_fini(&timer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_armed_timer_fires_once),
        TEST(test_timers_fire_in_the_order_of_their_delays),
        TEST(test_second_arm_replaces_the_first),
        TEST(test_disarmed_timer_does_not_fire),
        TEST(test_fire_needs_no_delay_and_disarms),
        TEST(test_timer_can_be_armed_again_by_its_callback),
        TEST(test_first_and_last_decide_the_order_within_an_iteration),
        TEST(test_fini_of_a_timer_never_initialised_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
