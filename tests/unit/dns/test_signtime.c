/* signtime: when the clock is in doubt, which time is believed, and by which is signed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/invariant.h"
#include "dns/signtime.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY_S = 86400 };

static const locum_ms right = 1800000000 * (locum_ms)1000; /* at boot time 0 */

/* A node: its clocks, and what it holds. */
struct node {
    struct locum_signtime time;
    locum_ms boot;
    locum_ms wrong; /* of the wall clock */
    bool synchronised;
};

static struct locum_now
now_of(const struct node *node)
{
    return (struct locum_now){.mono = node->boot - 5000, /* it was suspended once */
                              .boot = node->boot,
                              .wall = right + node->boot + node->wrong};
}

static struct node
start(const struct locum_signtime_kept *kept, locum_ms wrong)
{
    struct node node = {.boot = 10 * HOUR, .wrong = wrong};
    locum_signtime_init(&node.time, kept, now_of(&node));
    return node;
}

/* After some time hear peers, of whom one is `offsets[i]` after the right time. */
static void
pass(struct node *node, locum_ms ms, const locum_ms *offsets, size_t count)
{
    struct locum_signtime_peer peers[8];
    node->boot += ms;
    locum_signtime_update(&node->time, now_of(node), NULL, 0, node->synchronised);
    node->boot += SECOND;
    const struct locum_now now = now_of(node);
    for (size_t i = 0; i < count; i++) {
        peers[i] =
            (struct locum_signtime_peer){.heard = now.mono, .offset = offsets[i] - node->wrong};
    }
    locum_signtime_update(&node->time, now, peers, count, node->synchronised);
}

/* What is believed minus the right time, in seconds. */
static int64_t
error_s(const struct node *node)
{
    return locum_signtime_believed_s(&node->time, now_of(node)) - (right + node->boot) / 1000;
}

static bool
always(const void *user, int64_t signed_s, int64_t now_s)
{
    (void)user;
    assert_true(signed_s != 0 && now_s != 0);
    return true;
}

static bool
within_a_week(const void *user, int64_t signed_s, int64_t now_s)
{
    (void)user;
    return signed_s <= now_s && now_s - signed_s < 7 * (int64_t)DAY_S;
}

static int64_t
take(struct node *node, locum_signtime_usable_fn *usable)
{
    return locum_signtime_take(&node->time, now_of(node), usable, NULL);
}

static void
test_a_clock_that_nobody_sets_is_believed(void **state)
{
    (void)state;
    struct node node = start(NULL, 0);
    for (int i = 0; i < 100; i++) {
        pass(&node, HOUR, NULL, 0);
        assert_false(node.time.in_doubt);
        assert_int_equal(take(&node, always), now_of(&node).wall / 1000);
    }
}

static void
test_a_step_of_more_than_five_minutes_is_in_doubt(void **state)
{
    (void)state;
    static const struct {
        locum_ms step;
        bool in_doubt;
    } rows[] = {
        {299 * SECOND, false}, {-299 * SECOND, false}, {301 * SECOND, true},
        {-301 * SECOND, true}, {240 * HOUR, true},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        struct node node = start(NULL, 0);
        pass(&node, MINUTE, NULL, 0);
        node.wrong = rows[i].step;
        pass(&node, MINUTE, NULL, 0);
        assert_int_equal(node.time.in_doubt, rows[i].in_doubt);
        assert_int_equal(error_s(&node), rows[i].in_doubt ? 0 : rows[i].step / SECOND);
        pass(&node, 58 * MINUTE, NULL, 0);
        assert_int_equal(node.time.in_doubt, rows[i].in_doubt);
        node.wrong = 0; /* the clock is right again */
        pass(&node, SECOND, NULL, 0);
        assert_int_equal(node.time.in_doubt, false);
    }
}

static void
test_the_median_of_the_peers_decides(void **state)
{
    (void)state;
    static const struct {
        locum_ms own, peers[4];
        size_t count;
        bool in_doubt;
        locum_ms believed;
    } rows[] = {
        {0, {0}, 1, false, 0},
        {0, {HOUR}, 1, true, HOUR},
        {HOUR, {0}, 1, true, 0},
        {HOUR, {HOUR}, 1, false, HOUR},
        {4 * MINUTE, {0, 0, 0}, 3, false, 4 * MINUTE},
        {6 * MINUTE, {0, 0, 0}, 3, true, 0},
        {0, {0, HOUR}, 2, false, 0}, /* one peer is wrong, this node is not */
        {0, {HOUR, 0}, 2, false, 0},
        {0, {-HOUR, 0, HOUR}, 3, false, 0},
        {HOUR, {0, 0, HOUR}, 3, true, 0},
        {HOUR, {0, 0, HOUR, HOUR}, 4, false, HOUR}, /* two against two */
        {HOUR, {SECOND, 2 * SECOND, 3 * SECOND, HOUR}, 4, true, 3 * SECOND},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        struct node node = start(NULL, rows[i].own);
        assert_false(node.time.in_doubt); /* nothing speaks against it yet */
        pass(&node, SECOND, rows[i].peers, rows[i].count);
        assert_int_equal(node.time.in_doubt, rows[i].in_doubt);
        assert_int_equal(error_s(&node), rows[i].believed / SECOND);
    }
}

static void
test_a_step_that_the_peers_confirm_is_right(void **state)
{
    (void)state;
    static const locum_ms peers[] = {0, SECOND, -SECOND};
    struct node node = start(NULL, -2000 * (locum_ms)HOUR); /* a host without a battery */
    assert_false(node.time.in_doubt);
    pass(&node, SECOND, peers, 3);
    assert_true(node.time.in_doubt);
    assert_int_equal(error_s(&node), 0);
    node.wrong = 0; /* NTP has set it */
    pass(&node, 0, peers, 3);
    assert_false(node.time.in_doubt);
    pass(&node, HOUR, NULL, 0); /* also when they are gone */
    assert_false(node.time.in_doubt);
}

/* The offset in the last heartbeat is to the clock before its step. */
static void
test_what_was_heard_before_a_step_counts_no_more(void **state)
{
    (void)state;
    static const locum_ms peers[] = {0};
    struct node node = start(NULL, 0);
    pass(&node, SECOND, peers, 1);
    const struct locum_signtime_peer before = {.heard = now_of(&node).mono, .offset = 0};
    node.wrong = 24 * HOUR;
    node.boot += 1;
    locum_signtime_update(&node.time, now_of(&node), &before, 1, false);
    assert_true(node.time.in_doubt);
    assert_int_equal(error_s(&node), 0);
    pass(&node, SECOND, peers, 1);
    assert_true(node.time.in_doubt);
    node.wrong = 0;
    pass(&node, SECOND, peers, 1);
    assert_false(node.time.in_doubt);
}

/* A doubt that the peers have caused stays when they fall silent. */
static void
test_silence_of_the_peers_ends_no_doubt(void **state)
{
    (void)state;
    static const locum_ms peers[] = {0, 0};
    struct node node = start(NULL, HOUR);
    pass(&node, SECOND, peers, 2);
    pass(&node, 10 * HOUR, NULL, 0);
    assert_true(node.time.in_doubt);
    assert_int_equal(error_s(&node), 0);
}

static void
test_without_peers_an_hour_of_synchronisation_ends_it(void **state)
{
    (void)state;
    struct node node = start(NULL, 0);
    node.synchronised = true; /* before the step: that does not count */
    pass(&node, 5 * HOUR, NULL, 0);
    node.wrong = HOUR;
    pass(&node, SECOND, NULL, 0);
    assert_true(node.time.in_doubt);
    pass(&node, 59 * MINUTE, NULL, 0);
    assert_true(node.time.in_doubt);
    pass(&node, 2 * MINUTE, NULL, 0);
    assert_false(node.time.in_doubt);
    assert_int_equal(error_s(&node), HOUR / SECOND);
}

/* Nothing else can end the doubt of a node that has neither peers nor NTP. */
static void
test_without_peers_and_ntp_an_hour_without_a_step_ends_it(void **state)
{
    (void)state;
    static const locum_ms peers[] = {0};
    for (int had_peer = 0; had_peer < 2; had_peer++) {
        struct node node = start(NULL, 0);
        pass(&node, MINUTE, peers, (size_t)had_peer);
        node.wrong = HOUR;
        pass(&node, SECOND, NULL, 0);
        pass(&node, 58 * MINUTE, NULL, 0);
        assert_true(node.time.in_doubt);
        node.wrong = 2 * HOUR; /* set again: the hour begins again */
        pass(&node, SECOND, NULL, 0);
        pass(&node, 58 * MINUTE, NULL, 0);
        assert_true(node.time.in_doubt);
        pass(&node, 3 * MINUTE, NULL, 0);
        assert_int_equal(node.time.in_doubt, had_peer == 1);
        assert_int_equal(error_s(&node), had_peer == 1 ? 0 : 2 * HOUR / SECOND);
    }
}

static void
test_against_one_peer_a_synchronised_clock_is_believed(void **state)
{
    (void)state;
    static const locum_ms peers[] = {240 * (locum_ms)HOUR, 240 * (locum_ms)HOUR};
    struct node node = start(NULL, 0);
    node.synchronised = true;
    pass(&node, SECOND, peers, 1); /* not yet for a minute */
    assert_true(node.time.in_doubt);
    pass(&node, MINUTE, peers, 1);
    assert_false(node.time.in_doubt);
    assert_int_equal(error_s(&node), 0);
    pass(&node, SECOND, peers, 2); /* two are more than one */
    assert_true(node.time.in_doubt);
    pass(&node, SECOND, peers, 1);
    node.wrong = HOUR; /* set by hand; the kernel has not said yet that this ends it */
    pass(&node, SECOND, peers, 1);
    assert_true(node.time.in_doubt);
}

static int64_t
keys_s(const struct node *node)
{
    return locum_signtime_keys_s(&node->time);
}

static void
test_no_wrong_clock_makes_time_pass_for_keys(void **state)
{
    (void)state;
    static const locum_ms ahead[] = {240 * (locum_ms)HOUR};
    static const locum_ms agrees[] = {0};
    struct node node = start(NULL, 0);
    pass(&node, HOUR, NULL, 0);
    const int64_t begin_s = keys_s(&node);
    assert_int_equal(begin_s, now_of(&node).wall / 1000);
    pass(&node, HOUR, NULL, 0); /* the boot clock */
    assert_int_equal(keys_s(&node), begin_s + HOUR / SECOND + 1);
    pass(&node, 0, ahead, 1); /* one wrong peer: in doubt it stops */
    assert_true(node.time.in_doubt);
    const int64_t still_s = keys_s(&node);
    pass(&node, 5 * HOUR, ahead, 1);
    assert_int_equal(keys_s(&node), still_s);
    assert_int_equal(locum_signtime_set_keys(&node.time, now_of(&node)), 0);
    pass(&node, 0, agrees, 1); /* it is right again: the time that moves does not count */
    const int64_t before_s = keys_s(&node);
    const int64_t by_s = locum_signtime_set_keys(&node.time, now_of(&node));
    assert_int_equal(keys_s(&node), before_s + by_s);
    assert_int_equal(keys_s(&node), now_of(&node).wall / 1000);
}

static void
test_a_boot_with_a_wrong_clock_makes_no_time_pass_for_keys(void **state)
{
    (void)state;
    static const locum_ms peers[] = {0};
    struct node node = start(NULL, 0);
    pass(&node, HOUR, peers, 1);
    struct locum_signtime_kept kept = locum_signtime_keep(&node.time, now_of(&node));
    node = start(&kept, 0); /* the program alone: as the boot clock says */
    assert_int_equal(keys_s(&node), (kept.keys + node.boot - kept.boot < kept.keys
                                         ? kept.keys
                                         : kept.keys + node.boot - kept.boot) /
                                        1000);
    kept.same_boot = false;
    node = start(&kept, 240 * (locum_ms)HOUR);
    assert_int_equal(keys_s(&node), kept.keys / 1000);
    pass(&node, HOUR, NULL, 0); /* nobody confirms the clock */
    assert_int_equal(locum_signtime_set_keys(&node.time, now_of(&node)), 0);
    assert_int_equal(keys_s(&node), kept.keys / 1000 + HOUR / SECOND + 1);
    pass(&node, 0, peers, 1); /* it is wrong */
    assert_int_equal(locum_signtime_set_keys(&node.time, now_of(&node)), 0);
    node.wrong = 0; /* NTP has set it */
    pass(&node, 24 * HOUR, peers, 1);
    const int64_t before_s = keys_s(&node);
    const int64_t by_s = locum_signtime_set_keys(&node.time, now_of(&node));
    assert_int_equal(before_s + by_s, now_of(&node).wall / 1000);
    assert_true(by_s != 0);
}

static void
test_small_steps_do_not_add_up(void **state)
{
    (void)state;
    struct node node = start(NULL, 0);
    for (int i = 0; i < 20; i++) {
        pass(&node, 2 * HOUR, NULL, 0);
        node.wrong += MINUTE;
        assert_false(node.time.in_doubt);
    }
}

static void
test_a_restart_in_the_same_boot_keeps_the_doubt(void **state)
{
    (void)state;
    struct node node = start(NULL, 0);
    assert_true(take(&node, always) > 0);
    node.wrong = 24 * HOUR;
    pass(&node, MINUTE, NULL, 0);
    assert_true(node.time.in_doubt);
    const int64_t signed_s = take(&node, always);
    const struct locum_signtime_kept kept = locum_signtime_keep(&node.time, now_of(&node));
    assert_int_equal(kept.newest, 0); /* nobody confirmed it */
    node = start(&kept, 24 * HOUR);
    assert_true(node.time.in_doubt);
    assert_int_equal(take(&node, always), signed_s);
    node = start(&kept, 0);
    assert_false(node.time.in_doubt);
}

static void
test_a_reboot_never_goes_before_the_time_that_was_kept(void **state)
{
    (void)state;
    static const locum_ms peers[] = {0};
    struct node node = start(NULL, 0);
    pass(&node, 0, peers, 1);
    (void)take(&node, always);
    struct locum_signtime_kept kept = locum_signtime_keep(&node.time, now_of(&node));
    kept.same_boot = false;
    node = start(&kept, -2000 * (locum_ms)HOUR);
    assert_true(node.time.in_doubt);
    assert_int_equal(error_s(&node), 1); /* it was kept a second after this boot time */
    pass(&node, 3 * HOUR, NULL, 0);      /* a time that was confirmed is over */
    assert_true(node.time.in_doubt);
    assert_true(locum_signtime_believed_s(&node.time, now_of(&node)) >= kept.newest / 1000);
    node = start(&kept, 2000 * (locum_ms)HOUR); /* alone it cannot know that it is ahead, */
    assert_false(node.time.in_doubt);
    pass(&node, SECOND, peers, 1); /* until it hears one */
    assert_true(node.time.in_doubt);
    kept.newest += 48 * HOUR; /* kept by a clock that was ahead: the peers are right */
    node = start(&kept, 0);
    assert_true(node.time.in_doubt);
    pass(&node, SECOND, peers, 1);
    assert_false(node.time.in_doubt);
}

static void
test_in_doubt_nothing_is_signed_again_while_it_is_of_use(void **state)
{
    (void)state;
    static const locum_ms peers[] = {0, 0};
    struct node node = start(NULL, 0);
    pass(&node, SECOND, peers, 2);
    const int64_t signed_s = take(&node, within_a_week);
    assert_int_equal(signed_s, now_of(&node).wall / 1000);
    node.wrong = -HOUR;
    for (int day = 0; day < 6; day++) {
        pass(&node, 24 * HOUR, peers, 2);
        assert_int_equal(take(&node, within_a_week), signed_s);
    }
    pass(&node, 36 * HOUR, peers, 2); /* of no use any more: by the median, */
    const int64_t later_s = take(&node, within_a_week);
    assert_int_equal(later_s, (right + node.boot) / 1000);
    pass(&node, HOUR, peers, 2); /* once */
    assert_int_equal(take(&node, within_a_week), later_s);
    node.wrong = 0;
    pass(&node, SECOND, peers, 2);
    assert_int_equal(take(&node, within_a_week), now_of(&node).wall / 1000);
}

static void
test_in_doubt_without_earlier_signatures_the_median_signs(void **state)
{
    (void)state;
    static const locum_ms peers[] = {0, 0};
    struct node node = start(NULL, 300 * (locum_ms)HOUR);
    pass(&node, SECOND, peers, 2);
    assert_int_equal(take(&node, within_a_week), (right + node.boot) / 1000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_clock_that_nobody_sets_is_believed),
        cmocka_unit_test(test_a_step_of_more_than_five_minutes_is_in_doubt),
        cmocka_unit_test(test_the_median_of_the_peers_decides),
        cmocka_unit_test(test_a_step_that_the_peers_confirm_is_right),
        cmocka_unit_test(test_what_was_heard_before_a_step_counts_no_more),
        cmocka_unit_test(test_silence_of_the_peers_ends_no_doubt),
        cmocka_unit_test(test_without_peers_an_hour_of_synchronisation_ends_it),
        cmocka_unit_test(test_without_peers_and_ntp_an_hour_without_a_step_ends_it),
        cmocka_unit_test(test_against_one_peer_a_synchronised_clock_is_believed),
        cmocka_unit_test(test_no_wrong_clock_makes_time_pass_for_keys),
        cmocka_unit_test(test_a_boot_with_a_wrong_clock_makes_no_time_pass_for_keys),
        cmocka_unit_test(test_small_steps_do_not_add_up),
        cmocka_unit_test(test_a_restart_in_the_same_boot_keeps_the_doubt),
        cmocka_unit_test(test_a_reboot_never_goes_before_the_time_that_was_kept),
        cmocka_unit_test(test_in_doubt_nothing_is_signed_again_while_it_is_of_use),
        cmocka_unit_test(test_in_doubt_without_earlier_signatures_the_median_signs),
    };
    return cmocka_run_group_tests_name("dns/signtime", tests, NULL, NULL);
}
