/* The reconciler where another program changes the zone in NSD. */
#include "world.h"

/* For so long, NSD serves a later serial as soon as the adapter has seen its own. */
static void
run_with_a_serial_that_moves(struct world *w, locum_ms duration)
{
    for (const locum_ms end = w->now + duration; w->now < end;) {
        if (w->loaded.serial == w->file.serial && w->core.seen_serial == w->file.serial) {
            w->loaded.serial += 5;
            w->highest = w->loaded.serial;
        }
        run(w, 1);
    }
}

static void
test_serial_that_moves_once_is_put_right_at_once(void **state)
{
    (void)state;
    struct world *w = begin(1);
    run(w, 1000);
    w->loaded = version(500, 66);
    w->highest = 500;
    run(w, LOCUM_NSD_LOOK_MS + 500);
    assert_served(w, 1);
    assert_int_equal(w->loaded.serial, 501);
    assert_int_equal(w->last_state, LOCUM_NSD_SERVED);
}

static void
test_serial_that_moves_by_itself_is_a_failure_with_back_off(void **state)
{
    (void)state;
    struct world *w = begin(1);
    run(w, 1000);
    run_with_a_serial_that_moves(w, 10000);
    const unsigned before = w->prepared;
    for (int i = 0; i < 600; i++) { /* ten minutes; with a pause of about a second, 500 times */
        run_with_a_serial_that_moves(w, 1000);
        assert_int_equal(w->last_state, LOCUM_NSD_FAILED); /* also while NSD serves the zone */
    }
    assert_in_range(w->prepared - before, 600 / 15, 600 / 5);
    assert_non_null(strstr(w->core.why, "by itself"));
    run(w, LOCUM_NSD_RETRY_MAX_MS + LOCUM_NSD_CONFIRM_MS);
    assert_served(w, 1);
    assert_int_equal(w->last_state, LOCUM_NSD_FAILED);
    run(w, LOCUM_NSD_STEADY_MS);
    assert_int_equal(w->last_state, LOCUM_NSD_SERVED);
    change(w);
    run(w, 100);
    assert_served(w, 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_serial_that_moves_once_is_put_right_at_once),
        cmocka_unit_test(test_serial_that_moves_by_itself_is_a_failure_with_back_off),
    };
    return cmocka_run_group_tests_name("nsd-adapter/unsteady", tests, NULL, NULL);
}
