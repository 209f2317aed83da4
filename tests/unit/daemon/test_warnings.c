/* The begin and the end of a warning are events, each emitted once. */
#include "fixture.h"

static size_t
count_in_log(const char *words)
{
    size_t count = 0;
    for (const char *at = strstr(read_log(), words); at != NULL; at = strstr(at + 1, words)) {
        count++;
    }
    return count;
}

static bool
state_has_failed(void)
{
    return count_in_log("event=warning node=dc2 about=state reason=") > 0;
}

static bool
state_works_again(void)
{
    return count_in_log("event=warning-over node=dc2 about=state") > 0;
}

/* The state folder cannot be written for more than two seconds, then it can. */
static void
test_a_warning_begins_and_ends_with_one_event(void **state)
{
    (void)state;
    write_config("", "");
    assert_int_equal(mkdir("get.state.new", 0700), 0); /* stops root, too */
    start();
    assert_true(wait_until(state_has_failed));
    json_t *status = get_status();
    const json_t *text = json_array_get(json_object_get(status, "warnings"), 0);
    assert_non_null(strstr(json_string_value(text), "state"));
    json_decref(status);
    run_for(2200);
    assert_int_equal(count_in_log("about=state reason="), 1);
    assert_int_equal(get_metric("locum_warnings{about=\"state\"}"), 1);
    assert_int_equal(get_metric("locum_warnings{about=\"file\"}"), 0);
    assert_int_equal(rmdir("get.state.new"), 0);
    assert_true(wait_until(state_works_again));
    assert_int_equal(count_in_log("about=state"), 2);
    assert_int_equal(get_metric("locum_warnings{about=\"state\"}"), 0);
}

static bool
peer_port_is_closed(void)
{
    return count_in_log("event=warning node=dc2 about=udp reason=\"the peer port is not open at ") >
           0;
}

static bool
peer_port_is_open(void)
{
    return count_in_log("event=warning-over node=dc2 about=udp") > 0;
}

/* Another program has the port for heartbeats. Before, a line of the log was all. */
static void
test_a_peer_port_that_is_taken_is_degraded(void **state)
{
    (void)state;
    struct locum_address own;
    struct sockaddr_storage name;
    write_config("", "");
    assert_int_equal(locum_address_parse(locum_slice_of(host), &own), 0);
    own.port = 19853;
    const socklen_t length = locum_address_to_sockaddr(&own, &name);
    const int taken = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(taken, (const struct sockaddr *)&name, length), 0);
    start();
    assert_true(wait_until(peer_port_is_closed));
    json_t *status = get_status();
    char *text = json_dumps(json_object_get(status, "degraded"), 0);
    assert_non_null(strstr(text, "the peer port is not open at 127.77."));
    free(text);
    json_decref(status);
    (void)close(taken);
    assert_true(wait_until(peer_port_is_open));
    status = get_status();
    text = json_dumps(json_object_get(status, "degraded"), 0);
    assert_null(strstr(text, "peer port"));
    free(text);
    json_decref(status);
}

static bool
file_is_refused(void)
{
    return count_in_log("event=warning node=dc2 about=file reason=") > 0;
}

static bool
file_is_good_again(void)
{
    return count_in_log("event=warning-over node=dc2 about=file") > 0;
}

/* cases.md, A: before, it was "all well" until the next restart, which silenced the node. */
static void
test_case_the_file_on_the_disk_became_invalid(void **state)
{
    (void)state;
    write_config("", "");
    start();
    write_config("", "colour: red\n");
    assert_true(wait_until(file_is_refused));
    assert_non_null(strstr(read_log(), "locum.yaml:14:1: error: key \\\"colour\\\""));
    json_t *status = get_status();
    const json_t *text = json_array_get(json_object_get(status, "warnings"), 0);
    assert_non_null(strstr(json_string_value(text), "locum check"));
    json_decref(status);
    write_config("", "");
    assert_true(wait_until(file_is_good_again));
    assert_int_equal(get_metric("locum_warnings{about=\"file\"}"), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_warning_begins_and_ends_with_one_event, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_peer_port_that_is_taken_is_degraded, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_case_the_file_on_the_disk_became_invalid, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
