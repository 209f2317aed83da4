/* What a check last said, where people look for it: the status, and the event of the service. */
#include "fixture.h"

/* The configuration with a Mirrorbits check beside the one that nobody answers. */
static void
write_checks(void)
{
    static const char one[] = "127.0.0.1:9\"}}";
    char text[CONFIG_BYTES] = "";
    char changed[CONFIG_BYTES];
    write_config("", "redis: {master-name: mirrorbits, db: 2}\n");
    FILE *file = fopen("locum.yaml", "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    (void)fclose(file);
    const char *at = strstr(text, one);
    assert_non_null(at);
    (void)snprintf(changed, sizeof(changed), "%.*s%s, {mirrorbits: {}}%s", (int)(at - text), text,
                   one, at + strlen(one));
    write_file("locum.yaml", changed);
}

static bool
service_is_told(void)
{
    return strstr(read_log(), "event=service") != NULL;
}

static void
test_the_event_says_which_check_and_why(void **state)
{
    (void)state;
    write_config("", "");
    start();
    assert_true(wait_until(service_is_told));
    assert_non_null(strstr(read_log(),
                           "event=service node=dc2 from=unknown to=failing reason=checks "
                           "checks=\"tcp 127.0.0.1:9 (connection refused)\""));
}

/* What the status says of the second check; `end`: with these words it stops. */
static void
assert_last(const char *want, const char *end)
{
    json_t *status = locum_daemon_status(daemon_);
    const json_t *check = json_array_get(json_object_get(status, "checks"), 1);
    assert_string_equal(json_string_value(json_object_get(check, "name")), "mirrorbits");
    const char *last = json_string_value(json_object_get(check, "last"));
    assert_non_null(last);
    const size_t length = strlen(last);
    if (strncmp(last, want, strlen(want)) != 0 || length < strlen(end) ||
        strcmp(last + length - strlen(end), end) != 0) {
        fail_msg("\"%s\" is not \"%s ... %s\"", last, want, end);
    }
    json_decref(status);
}

static void
test_the_mirrorbits_check_speaks(void **state)
{
    (void)state;
    write_checks();
    start();
    turn_for(1);
    assert_last("never announced itself, and Redis was not heard", "the last verdict stands");
    struct locum_input event = {.kind = LOCUM_INPUT_MIRRORBITS, .node = 0};
    locum_daemon_deliver(daemon_, &event);
    turn_for(1);
    assert_last("announced itself ", " ms ago");
    daemon_->core.view.peer[0].mirrorbits -= LOCUM_MIRRORBITS_FORGET_MS;
    daemon_->core.view.subscribed = true;
    daemon_->core.view.own_return = locum_now_read().mono;
    daemon_->core.view.own_return_since = locum_now_read().mono - 2 * LOCUM_MIRRORBITS_FORGET_MS;
    assert_last("announced itself 5", " ms ago");
    json_t *status = locum_daemon_status(daemon_);
    const json_t *node = json_array_get(json_object_get(status, "nodes"), 0);
    assert_true(json_is_false(json_object_get(json_object_get(node, "mirrorbits"), "seen")));
    json_decref(status);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_event_says_which_check_and_why, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_mirrorbits_check_speaks, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
