/* The history after a stop, a crash and a replace, on a whole daemon. */
#include "fixture.h"

#include "daemon/history.h"
#include "daemon/inside.h"

static bool
is_kept(void)
{
    return access("control.sock.history", F_OK) == 0;
}

/* GET /history; the caller drops it. */
static json_t *
get_history(void)
{
    const struct locum_control_reply reply = locum_daemon_handlers.history(daemon_, &nothing);
    assert_int_equal(reply.status, 200);
    return reply.body;
}

/* Run and end without an orderly stop. Returns since when the history is complete, Unix ms. */
static json_int_t
run_once(void)
{
    write_config("", "");
    start();
    assert_true(wait_until(is_kept));
    json_t *history = get_history();
    const json_int_t begun = json_integer_value(json_object_get(history, "from"));
    json_decref(history);
    locum_daemon_destroy(daemon_);
    daemon_ = NULL;
    return begun;
}

/* It goes on since `begun`, with so many gaps. Wall times may be seen with 1 ms more or less. */
static void
assert_goes_on(json_int_t begun, size_t gaps)
{
    run_for(50);
    json_t *history = get_history();
    assert_in_range(json_integer_value(json_object_get(history, "from")), begun - 1, begun + 1);
    assert_int_equal(json_array_size(json_object_get(history, "gaps")), gaps);
    const json_t *names = json_object_get(history, "names");
    const json_t *spans = json_object_get(json_array_get(names, 0), "answers");
    assert_true(json_array_size(spans) >= (gaps > 0 ? gaps : 1));
    json_decref(history);
    assert_null(strstr(read_log(), "event=history"));
}

static void
test_it_is_there_after_a_crash_with_a_gap(void **state)
{
    (void)state;
    const json_int_t begun = run_once();
    start();
    assert_goes_on(begun, 1);
}

static bool has_left;

static void
note_left(void *user, const struct locum_core *core, const struct locum_input *input,
          const struct locum_actions *actions)
{
    (void)user, (void)core, (void)input;
    for (size_t i = 0; i < actions->count; i++) {
        has_left = has_left || actions->at[i].kind == LOCUM_ACTION_LEFT;
    }
}

static bool
is_over(void)
{
    return has_left;
}

/* An orderly stop keeps it to the last moment. */
static void
test_it_is_there_after_a_stop(void **state)
{
    (void)state;
    struct locum_input leave = {.kind = LOCUM_INPUT_LEAVE};
    const json_int_t begun = run_once();
    start();
    run_for(50);
    has_left = false;
    locum_daemon_loop_watch(daemon_, note_left, NULL);
    const locum_ms before = locum_clock_read().wall;
    locum_daemon_loop_deliver(daemon_, &leave);
    assert_true(wait_until(is_over));
    locum_daemon_destroy(daemon_);
    start();
    assert_goes_on(begun, 2);
    json_t *history = get_history();
    const json_t *gap = json_array_get(json_object_get(history, "gaps"), 1);
    assert_true(json_integer_value(json_object_get(gap, "from")) >= before - 1);
    json_decref(history);
}

static void
assert_begins_anew(json_int_t begun, const char *logged_part)
{
    start();
    run_for(50);
    json_t *history = get_history();
    assert_true(json_integer_value(json_object_get(history, "from")) > begun + 1);
    assert_int_equal(json_array_size(json_object_get(history, "gaps")), 0);
    json_decref(history);
    assert_non_null(strstr(read_log(), "event=history"));
    assert_non_null(strstr(read_log(), logged_part));
}

static void
test_a_malformed_one_is_refused(void **state)
{
    (void)state;
    const json_int_t begun = run_once();
    write_file("control.sock.history", "locum-history 1\nof get");
    assert_begins_anew(begun, "state=malformed");
}

static void
test_one_of_another_boot_is_not_used(void **state)
{
    (void)state;
    const json_int_t begun = run_once();
    write_file("control.sock.history", "locum-history 1\nof get dc2 another-boot 1\nend\n");
    assert_begins_anew(begun, "state=\"of another boot\"");
}

static void
test_one_that_others_can_read_is_not_used(void **state)
{
    (void)state;
    const json_int_t begun = run_once();
    assert_int_equal(chmod("control.sock.history", 0644), 0);
    assert_begins_anew(begun, "control.sock.history");
}

/* Another program takes the place of this one; the file is older than what is handed over. */
static void
test_a_replace_hands_it_over(void **state)
{
    (void)state;
    static struct locum_handover given = {.version = "0.0.1", .client = -1};
    struct locum_text text = locum_text_init(given.state, sizeof(given.state));
    struct locum_sockets none;
    char number[16];
    locum_sockets_init(&none, NULL);
    write_config("", "");
    start();
    run_for(50);
    json_t *history = get_history();
    const json_int_t begun = json_integer_value(json_object_get(history, "from"));
    json_decref(history);
    locum_core_save(&daemon_->core, daemon_->boot_id, 1, locum_clock_read(), &text);
    given.state_length = text.length;
    given.history = locum_daemon_history_hand_over(daemon_);
    assert_true(given.history >= 0);
    locum_daemon_destroy(daemon_);
    write_file("control.sock.history", "not used");
    (void)snprintf(number, sizeof(number), "%d", locum_handover_write(&given, &none));
    assert_int_equal(setenv("LOCUM_HANDOVER", number, 1), 0);
    start();
    assert_goes_on(begun, 0);
    assert_int_equal(daemon_->handover.history, -1); /* it is closed */
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_it_is_there_after_a_crash_with_a_gap), TEST(test_it_is_there_after_a_stop),
        TEST(test_a_malformed_one_is_refused),           TEST(test_one_of_another_boot_is_not_used),
        TEST(test_one_that_others_can_read_is_not_used), TEST(test_a_replace_hands_it_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
