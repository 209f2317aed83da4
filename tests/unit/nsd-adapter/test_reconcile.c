/*
 * The reconciler with a model of NSD, disk and coordinator under virtual time: single faults, and
 * random schedules of faults, after which NSD must serve the right zone.
 */
#include "world.h"

static void
test_missing_zone_is_added_to_nsd(void **state)
{
    (void)state;
    struct world *w = begin(1);
    run(w, 100);
    assert_served(w, 1);
    assert_int_equal(w->loaded.serial, 100); /* the coordinator's serial */
    assert_int_equal(w->addzones, 1);
    assert_int_equal(w->last_state, LOCUM_NSD_SERVED);
    assert_true(w->reported);
}

static void
test_change_is_served_quickly_and_once(void **state)
{
    (void)state;
    struct world *w = begin(1);
    run(w, 2000);
    const unsigned prepared = w->prepared;
    change(w);
    run(w, 40);
    assert_served(w, 2);
    assert_int_equal(w->loaded.serial, 101);
    assert_in_range(w->core.lag_ms, 1, 40);
    run(w, 60000);
    assert_int_equal(w->prepared, prepared + 1);
    assert_int_equal(w->reloads, 2); /* addzone reads the file without a reload */
}

static void
test_lost_coordinator_means_fail_open_until_it_returns(void **state)
{
    (void)state;
    struct world *w = begin(1);
    run(w, 1000);
    w->speaks = false;
    run(w, LOST_MS + 3500);
    assert_served(w, OPEN_DIGEST);
    assert_int_equal(w->loaded.serial, 101);
    assert_int_equal(w->last_state, LOCUM_NSD_FAIL_OPEN);
    w->speaks = true; /* with its old serial, which is lower than the one served */
    run(w, 3100);
    assert_served(w, 1);
    assert_int_equal(w->loaded.serial, 102);
}

static void
test_a_signed_zone_fails_open_too(void **state)
{
    (void)state;
    struct world *w = begin(1);
    w->target = version(150, 9);
    w->target.fixed = true;
    run(w, 1000);
    assert_served(w, 9);
    w->speaks = false;
    run(w, LOST_MS + 3500);
    assert_served(w, OPEN_DIGEST);
    assert_int_equal(w->loaded.serial, 151);
    assert_int_equal(w->last_state, LOCUM_NSD_FAIL_OPEN);
    w->speaks = true; /* it hears which serial is served, and takes one above */
    w->target.serial = 153;
    run(w, 3100);
    assert_served(w, 9);
    assert_int_equal(w->loaded.serial, 153);
    assert_int_equal(w->last_state, LOCUM_NSD_SERVED);
}

static void
test_lower_serial_is_raised(void **state)
{
    (void)state;
    struct world *w = begin(1);
    run(w, 1000);
    w->target = version(5, 42);
    speak(w);
    run(w, 100);
    assert_served(w, 42);
    assert_int_equal(w->loaded.serial, 101);
    w->target = version(UINT32_C(0x80000000), 43); /* RFC 1982: after 101 */
    speak(w);
    run(w, 100);
    assert_int_equal(w->loaded.serial, UINT32_C(0x80000000));
    w->target = version(UINT32_MAX, 44);
    speak(w);
    run(w, 100);
    w->target = version(UINT32_MAX, 45); /* after 2^32 - 1 comes 1, because 0 means none */
    speak(w);
    run(w, 100);
    assert_served(w, 45);
    assert_int_equal(w->loaded.serial, 1);
}

static void
test_signed_zone_waits_for_a_higher_serial(void **state)
{
    (void)state;
    struct world *w = begin(1);
    run(w, 1000);
    w->target = version(90, 9);
    w->target.fixed = true;
    speak(w);
    run(w, 1000);
    assert_served(w, 1); /* the old zone is still served */
    assert_int_equal(w->last_state, LOCUM_NSD_FAILED);
    w->target.serial = 101;
    speak(w);
    run(w, 1000);
    assert_served(w, 9);
    assert_int_equal(w->loaded.serial, 101);
    assert_int_equal(w->last_state, LOCUM_NSD_SERVED);
}

static void
test_stopped_nsd_starts_with_the_newest_zone(void **state)
{
    (void)state;
    struct world *w = begin(1);
    run(w, 1000);
    w->up = false;
    change(w);
    run(w, 20000);
    assert_int_equal(w->last_state, LOCUM_NSD_FAILED);
    assert_int_equal(w->file.digest, 2);
    restart_nsd(w);
    run(w, 1500);
    assert_served(w, 2);
    assert_int_equal(w->last_state, LOCUM_NSD_SERVED);
}

static void
test_failed_control_channel_is_reported_and_retried(void **state)
{
    (void)state;
    struct world *w = begin(1);
    run(w, 1000);
    w->controllable = false;
    change(w);
    run(w, 5000);
    assert_served(w, 1);
    assert_int_equal(w->last_state, LOCUM_NSD_FAILED);
    w->controllable = true;
    run(w, LOCUM_NSD_RETRY_MAX_MS + 100);
    assert_served(w, 2);
    assert_int_equal(w->last_state, LOCUM_NSD_SERVED);
}

static void
test_zone_that_nsd_drops_is_restored(void **state)
{
    (void)state;
    struct world *w = begin(1);
    run(w, 1000);
    w->refuses = true;
    change(w);
    run(w, LOCUM_NSD_CONFIRM_MS);
    assert_false(w->loaded.known);
    w->refuses = false;
    run(w, 300);
    assert_int_equal(w->restored, 1);
    assert_true(w->loaded.known);
    run(w, 15000);
    assert_served(w, 2);
    assert_int_equal(w->last_state, LOCUM_NSD_SERVED);
}

static void
test_zone_that_nsd_drops_while_the_adapter_restarts_is_restored(void **state)
{
    (void)state;
    struct world *w = begin(1);
    run(w, 1000);
    w->refuses = true;
    change(w);
    run(w, 100);
    assert_false(w->loaded.known);
    restart_adapter(w);
    run(w, LOCUM_NSD_CONFIRM_MS);
    w->refuses = false;
    run(w, 1000);
    assert_int_equal(w->restored, 1);
    assert_true(w->loaded.known);
}

static void
test_slow_nsd_never_serves_an_older_zone(void **state)
{
    (void)state;
    struct world *w = begin(1);
    run(w, 1000);
    w->reload_ms = LOCUM_NSD_CONFIRM_MS + 2000;
    change(w);
    run(w, 60000);
    w->reload_ms = 8;
    run(w, 30000);
    assert_served(w, 2);
    assert_int_equal(w->last_state, LOCUM_NSD_SERVED);
}

static void
test_full_disk_keeps_the_served_zone(void **state)
{
    (void)state;
    struct world *w = begin(1);
    run(w, 1000);
    w->full = true;
    change(w);
    run(w, 30000);
    assert_served(w, 1);
    assert_int_equal(w->last_state, LOCUM_NSD_FAILED);
    w->full = false;
    run(w, LOCUM_NSD_RETRY_MAX_MS + 1000);
    assert_served(w, 2);
}

static void
test_edited_file_is_replaced_with_a_higher_serial(void **state)
{
    (void)state;
    struct world *w = begin(1);
    run(w, 1000);
    w->file = version(500, 66);
    w->fresh_mtime = true;
    load(w, false); /* and NSD was reloaded */
    step(w, &(struct locum_nsd_input){.kind = LOCUM_NSD_INPUT_FILE, .version = w->file});
    run(w, 1000);
    assert_served(w, 1);
    assert_int_equal(w->loaded.serial, 501);
}

static void
test_pause_of_the_adapter_is_not_silence_of_the_coordinator(void **state)
{
    (void)state;
    struct world *w = begin(1);
    run(w, 1000);
    w->now += 5 * LOST_MS; /* SIGSTOP, SIGCONT */
    step(w, &(struct locum_nsd_input){.kind = LOCUM_NSD_INPUT_TIME});
    assert_int_equal(w->last_state, LOCUM_NSD_SERVED);
    run(w, 1000);
    assert_served(w, 1);
}

static void
test_restart_with_a_served_zone_changes_nothing(void **state)
{
    (void)state;
    struct world *w = begin(1);
    run(w, 1000);
    const unsigned prepared = w->prepared;
    const unsigned reloads = w->reloads;
    restart_adapter(w);
    run(w, 10000);
    assert_int_equal(w->prepared, prepared);
    assert_int_equal(w->reloads, reloads);
    assert_int_equal(w->last_state, LOCUM_NSD_SERVED);
}

/* NSD serves an old zone, so the coordinator gets its time. */
static void
test_start_without_coordinator_waits_then_fails_open(void **state)
{
    (void)state;
    struct world *w = begin(1);
    w->speaks = false;
    w->knows = true;
    w->file = version(80, 3);
    load(w, true);
    step(w, &(struct locum_nsd_input){.kind = LOCUM_NSD_INPUT_FILE, .version = w->file});
    step(w,
         &(struct locum_nsd_input){.kind = LOCUM_NSD_INPUT_OPEN, .open = version(79, OPEN_DIGEST)});
    run(w, LOST_MS - 100);
    assert_int_equal(w->prepared, 0);
    assert_int_equal(w->last_state, LOCUM_NSD_STARTING);
    run(w, 200);
    assert_served(w, OPEN_DIGEST);
    assert_int_equal(w->loaded.serial, 81);
    assert_int_equal(w->last_state, LOCUM_NSD_FAIL_OPEN);
}

static void
test_empty_nsd_gets_the_kept_zone_at_once(void **state)
{
    (void)state;
    struct world *w = begin(1);
    w->speaks = false;
    step(w,
         &(struct locum_nsd_input){.kind = LOCUM_NSD_INPUT_OPEN, .open = version(80, OPEN_DIGEST)});
    run(w, 500);
    assert_served(w, OPEN_DIGEST);
    w->speaks = true;
    speak(w);
    run(w, 100);
    assert_served(w, 1);
}

static void
one_fault(struct world *w)
{
    switch (dice(w) % 13) {
    case 0: w->up = false; break;
    case 1: w->controllable = false; break;
    case 2: w->refuses = true; break;
    case 3: w->full = true; break;
    case 4: w->speaks = false; break;
    case 5: w->reload_ms = 1 + dice(w) % 9000; break;
    case 6: w->loaded.known = false; break;
    case 7: w->target = version(dice(w), w->target.digest + 1); break;
    case 8:
        if (w->up) {
            restart_nsd(w);
        }
        break;
    case 12: restart_adapter(w); break;
    case 9: w->now += dice(w) % 30000; break;
    default: change(w); break;
    }
}

static void
heal(struct world *w)
{
    w->controllable = true;
    w->refuses = w->full = false;
    w->speaks = true;
    w->reload_ms = 8;
    if (!w->up) {
        restart_nsd(w);
    }
}

static void
test_right_zone_is_served_after_random_faults(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 300; seed++) {
        struct world *w = begin(seed);
        print_message("seed %u\n", seed);
        run(w, 500);
        for (int i = 0; i < 12; i++) {
            one_fault(w);
            run(w, dice(w) % 8000);
            if (dice(w) % 3 == 0) {
                heal(w);
            }
        }
        heal(w);
        run(w, 2 * LOCUM_NSD_RETRY_MAX_MS + LOCUM_NSD_CONFIRM_MS);
        assert_served(w, w->target.digest);
        assert_int_equal(w->last_state, LOCUM_NSD_SERVED);
        assert_string_equal(w->core.why, "");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing_zone_is_added_to_nsd),
        cmocka_unit_test(test_change_is_served_quickly_and_once),
        cmocka_unit_test(test_lost_coordinator_means_fail_open_until_it_returns),
        cmocka_unit_test(test_a_signed_zone_fails_open_too),
        cmocka_unit_test(test_lower_serial_is_raised),
        cmocka_unit_test(test_signed_zone_waits_for_a_higher_serial),
        cmocka_unit_test(test_stopped_nsd_starts_with_the_newest_zone),
        cmocka_unit_test(test_failed_control_channel_is_reported_and_retried),
        cmocka_unit_test(test_zone_that_nsd_drops_is_restored),
        cmocka_unit_test(test_zone_that_nsd_drops_while_the_adapter_restarts_is_restored),
        cmocka_unit_test(test_slow_nsd_never_serves_an_older_zone),
        cmocka_unit_test(test_full_disk_keeps_the_served_zone),
        cmocka_unit_test(test_edited_file_is_replaced_with_a_higher_serial),
        cmocka_unit_test(test_pause_of_the_adapter_is_not_silence_of_the_coordinator),
        cmocka_unit_test(test_restart_with_a_served_zone_changes_nothing),
        cmocka_unit_test(test_start_without_coordinator_waits_then_fails_open),
        cmocka_unit_test(test_empty_nsd_gets_the_kept_zone_at_once),
        cmocka_unit_test(test_right_zone_is_served_after_random_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
