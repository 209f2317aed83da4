/* view: what follows directly from the facts (SILENCE-1 to 5). */
#include "fixture.h"

static struct locum_core_config config;
static struct locum_view view;
static struct locum_peer_facts *const dc3 = &view.peer[DC3];

static int
set_up(void **state)
{
    (void)state;
    config = config_of(2, 1, 0);
    locum_view_init(&view, (struct locum_now){.mono = 50000}, 77);
    return 0;
}

/* Heard at these times by UDP and by Redis. */
static void
heard_by(locum_ms udp, locum_ms redis)
{
    dc3->path[LOCUM_PATH_UDP].heard = udp;
    dc3->path[LOCUM_PATH_REDIS].heard = redis;
}

/* Only recent heartbeats of this run have a time. */
static void
test_sent_ring(void **state)
{
    (void)state;
    assert_int_equal(locum_view_sent(&view, 77, 0), LOCUM_NEVER);
    assert_int_equal(locum_view_sent(&view, 77, 1), LOCUM_NEVER);
    for (uint64_t seq = 1; seq <= 1000; seq++) {
        view.seq = seq;
        view.sent[seq % LOCUM_SENT_MAX] = (locum_ms)(50000 + seq);
        view.sent_as[seq % LOCUM_SENT_MAX] = seq <= 990 ? 70 : 77; /* INCARNATION-4 */
    }
    assert_int_equal(locum_view_sent(&view, 77, 1000), 51000);
    assert_int_equal(locum_view_sent(&view, 77, 990), LOCUM_NEVER);
    assert_int_equal(locum_view_sent(&view, 70, 991), LOCUM_NEVER);
    assert_int_equal(locum_view_sent(&view, 70, 1000 - LOCUM_SENT_MAX + 1), 51001 - LOCUM_SENT_MAX);
    assert_int_equal(locum_view_sent(&view, 70, 1000 - LOCUM_SENT_MAX), LOCUM_NEVER);
    assert_int_equal(locum_view_sent(&view, 77, 1001), LOCUM_NEVER);
    assert_int_equal(locum_view_sent(&view, 76, 1000), LOCUM_NEVER);
    assert_int_equal(locum_view_sent(&view, 78, 1000), LOCUM_NEVER);
}

/* SILENCE-2; before the first heartbeat with the own interval. */
static void
test_limit(void **state)
{
    (void)state;
    assert_int_equal(locum_view_limit(&view, &config, DC3), 1000);
    config.interval_ms = 300;
    assert_int_equal(locum_view_limit(&view, &config, DC3), 1200);
    dc3->state_known = true;
    dc3->interval_ms = 250;
    assert_int_equal(locum_view_limit(&view, &config, DC3), 1000);
    dc3->interval_ms = 251;
    assert_int_equal(locum_view_limit(&view, &config, DC3), 1004);
}

/* SILENCE-3 */
static void
test_base(void **state)
{
    (void)state;
    assert_int_equal(locum_view_base(&view, DC3), 50000);
    dc3->heard = 51000;
    assert_int_equal(locum_view_base(&view, DC3), 51000);
    view.grace = 52000;
    assert_int_equal(locum_view_base(&view, DC3), 52000);
    dc3->grace = 53000;
    assert_int_equal(locum_view_base(&view, DC3), 53000);
    dc3->heard = 54000;
    assert_int_equal(locum_view_base(&view, DC3), 54000);
}

/* SILENCE-1 */
static void
test_direct(void **state)
{
    (void)state;
    assert_false(locum_view_direct(&view, DC3, 59999));
    assert_true(locum_view_direct(&view, DC3, 60000));
    heard_by(LOCUM_NEVER, 51000);
    assert_false(locum_view_direct(&view, DC3, 99000));
    heard_by(51000, LOCUM_NEVER);
    assert_true(locum_view_direct(&view, DC3, 51000));
    heard_by(51000, 61000);
    assert_true(locum_view_direct(&view, DC3, 61000));
    heard_by(51000, 61001);
    assert_false(locum_view_direct(&view, DC3, 61001));
    heard_by(99000, 51000);
    assert_true(locum_view_direct(&view, DC3, 99000));
}

/* SILENCE-4 */
static void
test_silent_direct(void **state)
{
    (void)state;
    heard_by(60000, 60000);
    dc3->heard = 60000;
    assert_false(locum_view_silent(&view, &config, DC3, 60999));
    assert_true(locum_view_silent(&view, &config, DC3, 61000));
    heard_by(LOCUM_NEVER, 60000);
    assert_false(locum_view_silent(&view, &config, DC3, 99000));
}

/* SILENCE-5 */
static void
test_silent_redis(void **state)
{
    (void)state;
    heard_by(LOCUM_NEVER, 60000);
    dc3->heard = 60000;
    view.subscribed = true;
    view.subscribed_at = 55000;
    assert_false(locum_view_silent(&view, &config, DC3, 99000)); /* nothing came back yet */
    view.own_return = 60999;
    assert_false(locum_view_silent(&view, &config, DC3, 99000));
    view.own_return = 61000;
    assert_true(locum_view_silent(&view, &config, DC3, 61000));
    view.subscribed = false;
    assert_false(locum_view_silent(&view, &config, DC3, 61000));
    view.subscribed = true;
    view.subscribed_at = 60001; /* what was sent before the subscription cannot be heard */
    assert_false(locum_view_silent(&view, &config, DC3, 61000));
    view.own_return = 61001;
    assert_true(locum_view_silent(&view, &config, DC3, 61001));
}

/* heard within limit: up to the last millisecond; false if never heard. */
static void
test_heard_within_limit(void **state)
{
    (void)state;
    assert_false(locum_view_heard_within_limit(&view, &config, DC3, 50001));
    dc3->heard = 60000;
    assert_true(locum_view_heard_within_limit(&view, &config, DC3, 61000));
    assert_false(locum_view_heard_within_limit(&view, &config, DC3, 61001));
}

/* Redis worked for a window: subscribed, and own heartbeats came back all the time. */
static void
test_redis_worked(void **state)
{
    (void)state;
    assert_false(locum_view_redis_worked(&view, &config, 5000, 60000)); /* nothing came back */
    view.subscribed = true;
    assert_false(locum_view_redis_worked(&view, &config, 5000, 60000));
    view.own_return_since = 55000;
    view.own_return = 59001;
    assert_true(locum_view_redis_worked(&view, &config, 5000, 60000));
    assert_false(locum_view_redis_worked(&view, &config, 5001, 60000));
    view.own_return = 59000;
    assert_false(locum_view_redis_worked(&view, &config, 5000, 60000));
    view.own_return = 59001;
    view.subscribed = false;
    assert_false(locum_view_redis_worked(&view, &config, 5000, 60000));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_redis_worked, set_up),
        cmocka_unit_test_setup(test_sent_ring, set_up),
        cmocka_unit_test_setup(test_limit, set_up),
        cmocka_unit_test_setup(test_base, set_up),
        cmocka_unit_test_setup(test_direct, set_up),
        cmocka_unit_test_setup(test_silent_direct, set_up),
        cmocka_unit_test_setup(test_silent_redis, set_up),
        cmocka_unit_test_setup(test_heard_within_limit, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
