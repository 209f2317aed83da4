/*
 * recorder: however long it has recorded, what is left is bounded and can be replayed exactly, with
 * the program that people use for it (tests/sim/dump.c).
 */
#include "../core/fixture.h"

#include <stdlib.h>

#include "../../sim/dump.c"

enum { NODES = 3, EACH_MS = 125 };

/* Three cores that hear each other; the first one is recorded. */
static struct locum_core cores[NODES];
static struct locum_recorder recorder;
static struct locum_now now;

static void
feed(size_t core, struct locum_input input)
{
    static struct locum_actions actions;
    input.now = now;
    locum_core_step(&cores[core], &input, &actions);
    if (core == 0) {
        locum_recorder_note(&recorder, &cores[0], &input, &actions);
    }
}

/* Each of `speakers` sends one heartbeat to all others. extra: at the end of its text. */
static void
live(size_t rounds, unsigned speakers, const char *extra)
{
    for (; rounds > 0; rounds--) {
        now.mono += EACH_MS, now.boot += EACH_MS, now.wall += EACH_MS;
        for (locum_node from = 0; from < NODES; from++) {
            for (locum_node to = 0; to < NODES; to++) {
                char buffer[LOCUM_HEARTBEAT_MAX];
                struct locum_text text = locum_text_init(buffer, sizeof(buffer));
                if (from == to || (speakers >> from & 1) == 0) {
                    continue;
                }
                locum_core_heartbeat(&cores[from], to, now, &text);
                locum_text_add(&text, extra);
                feed(to, (struct locum_input){.kind = LOCUM_INPUT_HEARTBEAT,
                                              .heartbeat = {.path = LOCUM_PATH_UDP,
                                                            .text = locum_slice_of(buffer)}});
            }
        }
        for (size_t core = 0; core < NODES; core++) {
            feed(core, (struct locum_input){.kind = LOCUM_INPUT_COMMIT});
        }
    }
}

static int
begin_all(void **state)
{
    (void)state;
    struct locum_core_config config = config_of(2, 1, 0);
    now = beginning;
    for (locum_node self = 0; self < NODES; self++) {
        config.self = self;
        locum_core_init(&cores[self], &config, NULL, now);
    }
    locum_recorder_open(&recorder);
    locum_recorder_begin(&recorder, &cores[0], "start");
    return recorder.is_open ? 0 : -1;
}

static int
end_all(void **state)
{
    (void)state;
    locum_recorder_close(&recorder);
    return 0;
}

/* The recording, which replays as it was. free() both. */
static char *
replayed(char **ret_shown)
{
    char *shown = NULL;
    char *errors = NULL;
    size_t size, errors_size;
    char *text = locum_recorder_text(&recorder);
    assert_non_null(text);
    assert_true(strlen(text) <= LOCUM_RECORDER_BYTES_MAX);
    FILE *out = open_memstream(&shown, &size);
    FILE *err = open_memstream(&errors, &errors_size);
    const int status = sim_dump_replay(locum_slice_of(text), out, err);
    (void)fclose(out);
    (void)fclose(err);
    if (status != 0) {
        fail_msg("%s", errors);
    }
    free(errors);
    *ret_shown = shown;
    return text;
}

static size_t
count(const char *text, const char *part)
{
    size_t found = 0;
    for (text = strstr(text, part); text != NULL; text = strstr(text + 1, part)) {
        found++;
    }
    return found;
}

static void
test_a_failover(void **state)
{
    (void)state;
    char *shown;
    live(20, 7, "");
    live(20, 5, ""); /* dc3 is silent */
    char *text = replayed(&shown);
    assert_int_equal(count(text, "\nbegin "), 1);
    assert_int_equal(count(shown, "condition peer=dc3 from=suspect to=down votes=dc2,ns0"), 1);
    free(text);
    free(shown);
}

/* The beginning is lost, and the state is that of a later moment. */
static void
test_what_is_left_of_a_long_recording(void **state)
{
    (void)state;
    char *shown;
    size_t halves = 0;
    for (size_t i = 0; i < 400 && halves < 3; i++) {
        const int half = recorder.current;
        live(100, i % 7 == 6 ? 5 : 7,
             " x-some=thing-that-a-later-version-says-in-so-many-characters");
        halves += recorder.current != half ? 1 : 0;
    }
    assert_int_equal(halves, 3);
    char *text = replayed(&shown);
    assert_int_equal(count(text, "\nbegin start\n"), 0);
    assert_int_equal(count(text, "\nbegin next\n"), 2);
    assert_true(count(text, "\n> ") > 1000);
    free(text);
    free(shown);
}

/* It cannot be one line of text: the recording begins again after it. */
static void
test_what_no_line_can_hold(void **state)
{
    (void)state;
    char *shown;
    live(5, 7, "");
    feed(0, (struct locum_input){.kind = LOCUM_INPUT_ADMIN,
                                 .admin = {.state = LOCUM_DRAIN,
                                           .for_ms = LOCUM_NEVER,
                                           .reason = "neue Platte f\xc3\xbcr dc2"}});
    live(5, 7, "");
    char *text = replayed(&shown);
    assert_int_equal(count(text, "\nbegin gap\n"), 1);
    assert_int_equal(count(text, "Platte"), 0); /* in hex, in the state */
    free(text);
    free(shown);
}

static void
test_signatures_are_left_out(void **state)
{
    (void)state;
    char *shown;
    live(5, 7, " x-mac=dc2:0123456789abcdef0123456789abcdef");
    char *text = replayed(&shown);
    assert_int_equal(count(text, "x-mac"), 0);
    assert_int_equal(count(text, "0123456789abcdef"), 0);
    assert_true(count(text, " heartbeat udp4 locum1 get dc3 ") > 0);
    free(text);
    free(shown);
}

static void
test_without_memory_nothing_is_recorded(void **state)
{
    (void)state;
    struct locum_recorder none = {.is_open = false};
    struct locum_input input = {.kind = LOCUM_INPUT_COMMIT, .now = now};
    const struct locum_actions actions = {.count = 0};
    locum_recorder_begin(&none, &cores[0], "start");
    locum_recorder_note(&none, &cores[0], &input, &actions);
    assert_null(locum_recorder_text(&none));
    locum_recorder_close(&none);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_failover, begin_all, end_all),
        cmocka_unit_test_setup_teardown(test_what_is_left_of_a_long_recording, begin_all, end_all),
        cmocka_unit_test_setup_teardown(test_what_no_line_can_hold, begin_all, end_all),
        cmocka_unit_test_setup_teardown(test_signatures_are_left_out, begin_all, end_all),
        cmocka_unit_test_setup_teardown(test_without_memory_nothing_is_recorded, begin_all,
                                        end_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
