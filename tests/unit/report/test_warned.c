/* Which events warnings make over time, above all those that others than the nodes can cause. */
#include "view.h"

#include "report/warned.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

static struct locum_warned warned;
static unsigned begun, over;
static char last[1024];

static void
on_event(void *user, const char *key, const char *text)
{
    (void)user;
    begun += text != NULL;
    over += text == NULL;
    (void)snprintf(last, sizeof(last), "%s", text != NULL ? text : key);
}

static int
setup(void **state)
{
    locum_warned_init(&warned);
    begun = over = 0;
    return setup_view(state);
}

static int
teardown(void **state)
{
    (void)state;
    locum_warned_fini(&warned);
    return 0;
}

static void
receive(const char *message)
{
    locum_evidence_note_message(&evidence, &site.core.config, locum_slice_of(message),
                                &(struct locum_proof){0}, view.now.mono);
}

/* Time passes, and each second the warnings are looked at. */
static void
pass_ms(locum_ms ms)
{
    for (const locum_ms end = view.now.mono + ms; view.now.mono < end;) {
        view.now.mono += SECOND;
        json_t *warnings = locum_warnings_find(&view);
        locum_warned_update(&warned, warnings, view.now.mono, on_event, NULL);
        json_decref(warnings);
    }
}

/* The peers are heard as well: facts of the core have the time of the view. */
static void
hear_peers(void)
{
    site.core.view.peer[DC3].heard = site.core.view.peer[NS0].heard = view.now.mono;
}

static const char *
summary(void)
{
    static char text[128];
    json_t *none = json_array();
    json_t *value = locum_report_summary(&view, none, none);
    (void)snprintf(text, sizeof(text), "%s", json_string_value(value));
    json_decref(value);
    json_decref(none);
    return text;
}

static void
test_a_warning_begins_changes_and_ends_at_once(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 10; i++) {
        memcpy(view.state_error, "disk full", 10);
        pass_ms(10 * SECOND);
        assert_int_equal(begun, 2 * i - 1);
        memcpy(view.state_error, "read-only", 10);
        pass_ms(10 * SECOND);
        assert_int_equal(begun, 2 * i);
        assert_string_equal(last, "read-only");
        view.state_error[0] = '\0';
        pass_ms(10 * SECOND);
        assert_int_equal(over, i);
        assert_string_equal(last, "state");
    }
}

/* One datagram every two minutes made two events each time; every second, one with each count. */
static void
test_garbage_makes_one_event_an_hour(void **state)
{
    (void)state;
    const locum_ms pauses[] = {SECOND, 2 * MINUTE};
    for (size_t i = 0; i < LOCUM_COUNT(pauses); i++) {
        begun = over = 0;
        for (const locum_ms end = view.now.mono + 10 * HOUR; view.now.mono < end;) {
            receive("GET / HTTP/1.1");
            receive("locum1 get dc3 1 2 ...");
            pass_ms(pauses[i]);
        }
        assert_in_range(begun, 2 * 9, 2 * 11); /* signature, signature dc3 */
        assert_in_range(over, 0, 2 * 11);
    }
    pass_ms(HOUR);
    assert_int_equal(json_object_size(warned.shown), 0);
    assert_int_equal(json_object_size(warned.since), 0);
}

static void
test_names_of_unknown_mirrorbits_make_one_event_an_hour(void **state)
{
    (void)state;
    for (int second = 0; second < 7200; second++) {
        (void)snprintf(view.redis.unknown_mirrorbits.host, LOCUM_HOST_MAX, "host-%d", second);
        view.redis.unknown_mirrorbits.heard_mono = view.now.mono;
        pass_ms(SECOND);
    }
    assert_in_range(begun, 2, 3);
    assert_int_equal(over, 0);
}

/* Nor does what a node has sent before its key was required, and someone repeats. */
static void
test_replays_by_the_secret_make_one_event_an_hour(void **state)
{
    (void)state;
    config.keyring = (struct locum_keyring *)&config; /* it is not looked into */
    config.peer_keys = LOCUM_PEER_KEYS_REQUIRE;
    for (const locum_ms end = view.now.mono + 10 * HOUR; view.now.mono < end;) {
        locum_evidence_note_message(&evidence, &site.core.config,
                                    locum_slice_of("locum1 get dc3 1 2 ..."),
                                    &(struct locum_proof){.by_secret = true}, view.now.mono);
        pass_ms(2 * MINUTE);
    }
    config.keyring = NULL;
    assert_in_range(begun, 5, 11);
}

static void
test_garbage_does_not_keep_the_status_from_being_ok(void **state)
{
    (void)state;
    hear_peers();
    assert_string_equal(summary(), "OK");
    receive("GET / HTTP/1.1");
    receive("locum1 get dc3 1 2 ...");
    receive("locum1 get dc3 1 2 ...");
    assert_string_equal(summary(), "OK");
    assert_int_equal(locum_warnings_count(&view, false), 0);
    pass_ms(SECOND);
    assert_int_equal(begun, 2); /* and the warnings are there */
    json_t *warnings = locum_warnings_find(&view);
    const json_t *text = json_object_get(warnings, "signature dc3");
    assert_non_null(strstr(json_string_value(text), "(2 so far)"));
    json_decref(warnings);
    view.now.mono += 10 * SECOND; /* a peer that is not heard may have another secret */
    assert_int_equal(locum_warnings_count(&view, false), 1);
    assert_string_equal(summary(), "OK, with warnings");
    memcpy(view.state_error, "disk full", 10);
    hear_peers();
    assert_string_equal(summary(), "OK, with warnings");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_warning_begins_changes_and_ends_at_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_garbage_makes_one_event_an_hour, setup, teardown),
        cmocka_unit_test_setup_teardown(test_replays_by_the_secret_make_one_event_an_hour, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_names_of_unknown_mirrorbits_make_one_event_an_hour,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_garbage_does_not_keep_the_status_from_being_ok, setup,
                                        teardown),
    };
    return cmocka_run_group_tests_name("report/warned", tests, NULL, NULL);
}
