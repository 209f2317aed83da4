/* Events of a whole daemon that hears no peer go to its hooks, as GET /events has them. */
#include "fixture.h"

enum { GOT_BYTES = 8192 };

static char got[GOT_BYTES];

#define HOOKS                                                                                      \
    "hooks:\n"                                                                                     \
    "  - {on: [service, warning], command: [/bin/sh, -c, \"cat >> %s/got\"]}\n"                    \
    "  - {on: [warning], command: [/bin/false, hush], timeout: 5s}\n"

static void
begin(void)
{
    char more[512];
    (void)snprintf(more, sizeof(more), HOOKS, folder);
    write_config("", more);
    start();
}

static const char *
read_got(void)
{
    const int fd = open("got", O_RDONLY | O_CLOEXEC);
    const ssize_t length = fd >= 0 ? read(fd, got, sizeof(got) - 1) : 0;
    (void)close(fd);
    got[length > 0 ? length : 0] = '\0';
    return got;
}

/* A line of what the first hook got with this text; NULL: none. Freed with json_decref(). */
static json_t *
find(const char *text)
{
    const char *at = read_got();
    for (; *at != '\0'; at += strcspn(at, "\n") + 1) {
        const size_t length = strcspn(at, "\n");
        if (memmem(at, length, text, strlen(text)) != NULL) {
            json_t *line = json_loadb(at, length, 0, NULL);
            assert_non_null(line);
            return line;
        }
    }
    return NULL;
}

static bool
service_is_reported(void)
{
    json_t *line = find("\"event\":\"service\"");
    json_decref(line);
    return line != NULL;
}

static bool
something_is_delivered(void)
{
    return get_metric("locum_hook_events_total{hook=\"1\",outcome=\"delivered\"}") > 0;
}

/* Nothing listens on port 9, so the own service fails. */
static void
test_a_hook_gets_the_event_as_the_api_has_it(void **state)
{
    (void)state;
    begin();
    assert_true(wait_until(service_is_reported));
    json_t *line = find("\"event\":\"service\"");
    const struct locum_control_reply reply = locum_daemon_handlers.events(daemon_, &nothing);
    bool found = false;
    size_t i;
    const json_t *event;
    json_array_foreach(json_object_get(reply.body, "events"), i, event)
    {
        found = found ||
                (json_equal(json_object_get(event, "id"), json_object_get(line, "id")) &&
                 json_equal(json_object_get(event, "time"), json_object_get(line, "time")) &&
                 json_equal(json_object_get(event, "fields"), json_object_get(line, "fields")));
    }
    assert_true(found);
    assert_int_equal(json_object_size(line), 4);
    assert_string_equal(json_string_value(json_object_get(line, "cluster")), "get");
    json_decref(reply.body);
    json_decref(line);
    assert_true(wait_until(something_is_delivered));
    assert_int_equal(get_metric("locum_hook_queue{hook=\"2\"}"), 0);
}

static struct locum_control_reply
test_hooks(json_t *body, bool again)
{
    const struct locum_control_request request = {.body = body, .again = again};
    const struct locum_control_reply reply = locum_daemon_handlers.hooks(daemon_, &request);
    json_decref(body);
    return reply;
}

static void
assert_refused(json_t *body, int status)
{
    const struct locum_control_reply reply = test_hooks(body, false);
    assert_int_equal(reply.status, status);
    json_decref(reply.body);
}

static struct locum_control_reply late;

static bool
is_tested(void)
{
    json_decref(late.body);
    late = test_hooks(NULL, true);
    return !late.later;
}

static bool
warning_is_reported(void)
{
    json_t *line = find("\"about\":\"hook\",\"peer\":\"2\"");
    json_decref(line);
    return line != NULL;
}

/* The reply waits for the outcomes; the failure of hook 2 is a warning, which hook 1 gets. */
static void
test_hooks_are_tested(void **state)
{
    (void)state;
    begin();
    assert_refused(json_pack("{s:i}", "hook", 3), 404);
    assert_refused(json_pack("{s:s}", "hook", "1"), 404);
    assert_true(test_hooks(json_object(), false).later);
    assert_refused(json_object(), 409);
    assert_true(wait_until(is_tested));
    const json_t *hooks = json_object_get(late.body, "hooks");
    assert_int_equal(json_array_size(hooks), 2);
    assert_true(json_is_true(json_object_get(json_array_get(hooks, 0), "delivered")));
    assert_false(json_is_true(json_object_get(json_array_get(hooks, 1), "delivered")));
    assert_string_equal(json_string_value(json_object_get(json_array_get(hooks, 1), "name")),
                        "command /bin/false");
    json_decref(late.body);
    late.body = NULL;
    json_t *line = find("\"event\":\"test\"");
    assert_non_null(line);
    json_decref(line);
    assert_true(wait_until(warning_is_reported));
    assert_null(strstr(read_log(), "hush"));
    json_t *status = get_status();
    char *text = json_dumps(status, 0);
    assert_non_null(strstr(text, "hook 2 (command /bin/false) did not deliver its last event"));
    assert_null(strstr(text, "hush"));
    free(text);
    json_decref(status);
}

static void
test_a_reload_changes_hooks(void **state)
{
    json_t *messages;
    (void)state;
    begin();
    assert_true(wait_until(service_is_reported));
    write_config("", "");
    assert_int_equal(locum_daemon_wiring_reload(daemon_, &messages), 0);
    json_decref(messages);
    json_t *status = get_status();
    assert_int_equal(json_array_size(json_object_get(status, "hooks")), 0);
    json_decref(status);
    assert_refused(json_pack("{s:i}", "hook", 1), 404);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_hook_gets_the_event_as_the_api_has_it),
        TEST(test_hooks_are_tested),
        TEST(test_a_reload_changes_hooks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
