/*
 * The reconciler against a model of NSD, disk and coordinator under virtual time: stories, and
 * random schedules of faults after each of which it must come to rest on the right zone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nsd-adapter/reconcile.h"

enum { LOST_MS = 10000, START_MS = 1000, OPEN_DIGEST = 7777, WIPED = 0 };

struct pending {
    locum_ms at; /* 0: none */
    struct locum_nsd_input event;
};

struct world {
    struct locum_nsd_reconciler core;
    locum_ms now;
    uint32_t seed;
    /* the coordinator */
    bool speaks;
    struct locum_nsd_version word;
    locum_ms speak_at;
    /* the disk */
    struct locum_nsd_version fresh, file, last;
    bool full;
    /* NSD */
    bool up, controllable, knows, refuses; /* refuses: wipes the zone at a reload */
    bool fresh_mtime;                      /* the file's is another than the one that it loaded */
    locum_ms reload_ms, reload_at;
    struct locum_nsd_version loaded; /* unknown: wiped */
    bool late_load; /* of a slow reload: the file as it was when it was asked for */
    /* outcomes under way */
    struct pending work, answer;
    /* what must hold */
    uint32_t highest; /* ever served */
    bool served_once, reported;
    enum locum_nsd_state last_state;
    unsigned prepared, restored, reloads, addzones;
};

static uint32_t
dice(struct world *w)
{
    w->seed = w->seed * 1664525u + 1013904223u;
    return w->seed >> 8;
}

static struct locum_nsd_version
version(uint32_t serial, uint64_t digest)
{
    return (struct locum_nsd_version){.known = true, .serial = serial, .digest = digest};
}

static void
load(struct world *w, bool restart)
{
    if (w->refuses) {
        w->loaded.known = false;
    } else if (w->file.known) {
        w->loaded = w->file;
        /* Never an older zone: not after a reload, not after a restart. */
        if (w->served_once) {
            assert_true(w->loaded.serial - w->highest < UINT32_C(1) << 31);
        }
        w->highest = w->loaded.serial;
        w->served_once = true;
    } else if (restart) {
        w->loaded.known = false;
    }
    w->fresh_mtime = false;
}

static void step(struct world *w, const struct locum_nsd_input *event);

static void
perform(struct world *w, const struct locum_nsd_action *action)
{
    struct locum_nsd_input event = {.ok = true, .why = "why"};
    switch (action->kind) {
    case LOCUM_NSD_PREPARE:
        w->prepared++;
        event.kind = LOCUM_NSD_INPUT_PREPARED;
        event.ok = !w->full;
        w->fresh = action->source == LOCUM_NSD_OPEN ? version(action->serial, OPEN_DIGEST)
                                                    : version(action->serial, w->word.digest);
        w->work = (struct pending){w->now + 5, event};
        break;
    case LOCUM_NSD_PLACE:
    case LOCUM_NSD_RESTORE:
        if (action->kind == LOCUM_NSD_RESTORE) {
            assert_true(w->last.known); /* one that was seen served */
            w->restored++;
            w->file = w->last;
            w->file.serial = action->serial;
        } else {
            w->last = action->keep ? w->file : w->last;
            w->file = w->fresh;
        }
        w->fresh_mtime = true;
        event.kind = LOCUM_NSD_INPUT_PLACED;
        step(w, &event);
        break;
    case LOCUM_NSD_RELOAD:
    case LOCUM_NSD_ADDZONE:
        w->reloads += action->kind == LOCUM_NSD_RELOAD;
        w->addzones += action->kind == LOCUM_NSD_ADDZONE;
        w->fresh_mtime = w->fresh_mtime || action->touch;
        event.kind = LOCUM_NSD_INPUT_CONTROL;
        if (!w->up || !w->controllable) {
            event.control = LOCUM_NSD_CONTROL_FAILED;
        } else if (action->kind == LOCUM_NSD_RELOAD && !w->knows) {
            event.control = LOCUM_NSD_CONTROL_NO_ZONE;
        } else {
            w->knows = true;
            w->reload_at = w->now + w->reload_ms;
        }
        w->work = (struct pending){w->now + 1, event};
        break;
    case LOCUM_NSD_ASK:
        event.kind = LOCUM_NSD_INPUT_SOA;
        event.soa = !w->up                        ? LOCUM_NSD_SOA_SILENT
                    : w->knows && w->loaded.known ? LOCUM_NSD_SOA_SERIAL
                                                  : LOCUM_NSD_SOA_NONE;
        event.serial = event.soa == LOCUM_NSD_SOA_SERIAL ? w->loaded.serial : 0;
        w->answer = (struct pending){w->now + (w->up ? 1 : 250), event};
        break;
    case LOCUM_NSD_REPORT: w->reported = true; break;
    }
}

static void
step(struct world *w, const struct locum_nsd_input *event)
{
    struct locum_nsd_actions actions;
    locum_nsd_step(&w->core, event, w->now, dice(w), &actions);
    w->last_state = locum_nsd_state_of(&w->core, w->now);
    for (size_t i = 0; i < actions.count; i++) {
        perform(w, &actions.at[i]);
    }
}

static void
give(struct world *w, struct pending *pending)
{
    if (pending->at != 0 && pending->at <= w->now) {
        const struct locum_nsd_input event = pending->event;
        pending->at = 0;
        step(w, &event);
    }
}

static void
speak(struct world *w)
{
    if (w->speaks) {
        step(w, &(struct locum_nsd_input){.kind = LOCUM_NSD_INPUT_WORD,
                                          .word = w->word,
                                          .open = version(w->word.serial, OPEN_DIGEST)});
        w->speak_at = w->now + 3000;
    }
}

static void
run(struct world *w, locum_ms duration)
{
    for (const locum_ms end = w->now + duration; w->now < end; w->now++) {
        give(w, &w->work);
        give(w, &w->answer);
        if (w->now >= w->speak_at) {
            speak(w);
        }
        if (w->up && w->reload_at != 0 && w->now >= w->reload_at) {
            w->reload_at = 0;
            if (w->fresh_mtime) {
                load(w, false);
            }
        }
        if (w->now >= locum_nsd_next(&w->core)) {
            step(w, &(struct locum_nsd_input){.kind = LOCUM_NSD_INPUT_TICK});
        }
    }
}

static void
restart_nsd(struct world *w)
{
    w->up = true;
    w->reload_at = 0;
    load(w, true);
}

static struct world *
begin(uint32_t seed)
{
    static struct world w;
    w = (struct world){.now = START_MS,
                       .seed = seed,
                       .speaks = true,
                       .word = version(100, 1),
                       .up = true,
                       .controllable = true,
                       .reload_ms = 8};
    locum_nsd_reconciler_init(&w.core, LOST_MS, w.now);
    step(&w, &(struct locum_nsd_input){.kind = LOCUM_NSD_INPUT_FILE});
    return &w;
}

static void
change(struct world *w)
{
    w->word = version(w->word.serial + 1, w->word.digest + 1);
    speak(w);
}

#define assert_served(w, what)                                                                     \
    do {                                                                                           \
        assert_true((w)->loaded.known);                                                            \
        assert_int_equal((w)->loaded.digest, (what));                                              \
        assert_int_equal((w)->loaded.serial, (w)->core.seen_serial);                               \
    } while (0)

static void
test_a_zone_that_nsd_does_not_know_is_added(void **state)
{
    (void)state;
    struct world *w = begin(1);
    run(w, 100);
    assert_served(w, 1);
    assert_int_equal(w->loaded.serial, 100); /* the coordinator's own */
    assert_int_equal(w->addzones, 1);
    assert_int_equal(w->last_state, LOCUM_NSD_SERVED);
    assert_true(w->reported);
}

static void
test_a_change_is_served_within_moments_and_once(void **state)
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
    assert_int_equal(w->reloads, 2); /* addzone reads the file by itself */
}

static void
test_a_silent_coordinator_opens_the_zone_and_its_return_closes_it(void **state)
{
    (void)state;
    struct world *w = begin(1);
    run(w, 1000);
    w->speaks = false;
    run(w, LOST_MS + 3500);
    assert_served(w, OPEN_DIGEST);
    assert_int_equal(w->loaded.serial, 101);
    assert_int_equal(w->last_state, LOCUM_NSD_FAIL_OPEN);
    w->speaks = true; /* with the serial it had: lower than what is served */
    run(w, 3100);
    assert_served(w, 1);
    assert_int_equal(w->loaded.serial, 102);
}

static void
test_a_lower_serial_of_the_coordinator_is_lifted(void **state)
{
    (void)state;
    struct world *w = begin(1);
    run(w, 1000);
    w->word = version(5, 42);
    speak(w);
    run(w, 100);
    assert_served(w, 42);
    assert_int_equal(w->loaded.serial, 101);
    w->word = version(UINT32_C(0x80000000), 43); /* RFC 1982: after 101 */
    speak(w);
    run(w, 100);
    assert_int_equal(w->loaded.serial, UINT32_C(0x80000000));
    w->word = version(UINT32_MAX, 44);
    speak(w);
    run(w, 100);
    w->word = version(UINT32_MAX, 45); /* the next one after 2^32 - 1 is not 0, which means none */
    speak(w);
    run(w, 100);
    assert_served(w, 45);
    assert_int_equal(w->loaded.serial, 1);
}

static void
test_a_signed_zone_waits_for_a_serial_that_grows(void **state)
{
    (void)state;
    struct world *w = begin(1);
    run(w, 1000);
    w->word = version(90, 9);
    w->word.fixed = true;
    speak(w);
    run(w, 1000);
    assert_served(w, 1); /* the old one goes on */
    assert_int_equal(w->last_state, LOCUM_NSD_FAILED);
    w->word.serial = 101;
    speak(w);
    run(w, 1000);
    assert_served(w, 9);
    assert_int_equal(w->loaded.serial, 101);
    assert_int_equal(w->last_state, LOCUM_NSD_SERVED);
}

static void
test_an_nsd_that_is_down_starts_with_the_newest_zone(void **state)
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
test_a_control_channel_that_is_gone_is_told_and_tried_again(void **state)
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
test_a_wiped_zone_gets_its_last_good_file_back(void **state)
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
test_a_slow_nsd_never_goes_back(void **state)
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
test_a_full_disk_leaves_what_is_served(void **state)
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
test_a_file_edited_by_hand_is_written_again_above_its_serial(void **state)
{
    (void)state;
    struct world *w = begin(1);
    run(w, 1000);
    w->file = version(500, 66);
    w->fresh_mtime = true;
    load(w, false); /* and loaded by hand */
    step(w, &(struct locum_nsd_input){.kind = LOCUM_NSD_INPUT_FILE, .word = w->file});
    run(w, 1000);
    assert_served(w, 1);
    assert_int_equal(w->loaded.serial, 501);
}

static void
test_a_pause_of_our_own_is_no_silence_of_the_coordinator(void **state)
{
    (void)state;
    struct world *w = begin(1);
    run(w, 1000);
    w->now += 5 * LOST_MS; /* SIGSTOP, SIGCONT */
    step(w, &(struct locum_nsd_input){.kind = LOCUM_NSD_INPUT_TICK});
    assert_int_equal(w->last_state, LOCUM_NSD_SERVED);
    run(w, 1000);
    assert_served(w, 1);
}

static void
test_a_restart_of_the_adapter_on_a_good_zone_changes_nothing(void **state)
{
    (void)state;
    struct world *w = begin(1);
    run(w, 1000);
    const unsigned prepared = w->prepared;
    const unsigned reloads = w->reloads;
    w->work.at = w->answer.at = 0;
    locum_nsd_reconciler_init(&w->core, LOST_MS, w->now);
    step(w, &(struct locum_nsd_input){.kind = LOCUM_NSD_INPUT_FILE, .word = w->file});
    run(w, 10000);
    assert_int_equal(w->prepared, prepared);
    assert_int_equal(w->reloads, reloads);
    assert_int_equal(w->last_state, LOCUM_NSD_SERVED);
}

/* NSD serves something, if only of yesterday: the coordinator has its time. */
static void
test_started_without_a_coordinator_it_opens_with_what_it_kept(void **state)
{
    (void)state;
    struct world *w = begin(1);
    w->speaks = false;
    w->knows = true;
    w->file = version(80, 3);
    load(w, true);
    step(w, &(struct locum_nsd_input){.kind = LOCUM_NSD_INPUT_FILE, .word = w->file});
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
test_an_nsd_that_serves_nothing_is_given_what_was_kept_at_once(void **state)
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
    switch (dice(w) % 12) {
    case 0: w->up = false; break;
    case 1: w->controllable = false; break;
    case 2: w->refuses = true; break;
    case 3: w->full = true; break;
    case 4: w->speaks = false; break;
    case 5: w->reload_ms = 1 + dice(w) % 9000; break;
    case 6: w->loaded.known = false; break;
    case 7: w->word = version(dice(w), w->word.digest + 1); break;
    case 8:
        if (w->up) {
            restart_nsd(w);
        }
        break;
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
test_whatever_happens_it_comes_to_rest_on_the_right_zone(void **state)
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
        assert_served(w, w->word.digest);
        assert_int_equal(w->last_state, LOCUM_NSD_SERVED);
        assert_string_equal(w->core.why, "");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_zone_that_nsd_does_not_know_is_added),
        cmocka_unit_test(test_a_change_is_served_within_moments_and_once),
        cmocka_unit_test(test_a_silent_coordinator_opens_the_zone_and_its_return_closes_it),
        cmocka_unit_test(test_a_lower_serial_of_the_coordinator_is_lifted),
        cmocka_unit_test(test_a_signed_zone_waits_for_a_serial_that_grows),
        cmocka_unit_test(test_an_nsd_that_is_down_starts_with_the_newest_zone),
        cmocka_unit_test(test_a_control_channel_that_is_gone_is_told_and_tried_again),
        cmocka_unit_test(test_a_wiped_zone_gets_its_last_good_file_back),
        cmocka_unit_test(test_a_slow_nsd_never_goes_back),
        cmocka_unit_test(test_a_full_disk_leaves_what_is_served),
        cmocka_unit_test(test_a_file_edited_by_hand_is_written_again_above_its_serial),
        cmocka_unit_test(test_a_pause_of_our_own_is_no_silence_of_the_coordinator),
        cmocka_unit_test(test_a_restart_of_the_adapter_on_a_good_zone_changes_nothing),
        cmocka_unit_test(test_started_without_a_coordinator_it_opens_with_what_it_kept),
        cmocka_unit_test(test_an_nsd_that_serves_nothing_is_given_what_was_kept_at_once),
        cmocka_unit_test(test_whatever_happens_it_comes_to_rest_on_the_right_zone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
