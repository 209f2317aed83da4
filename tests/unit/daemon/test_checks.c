/* The event of the service says which check fails, and why. */
#include "fixture.h"

static bool
service_is_logged(void)
{
    return strstr(read_log(), "event=service") != NULL;
}

static void
test_the_event_says_which_check_and_why(void **state)
{
    (void)state;
    write_config("", "");
    start();
    assert_true(wait_until(service_is_logged));
    assert_non_null(strstr(read_log(),
                           "event=service node=dc2 from=unknown to=failing reason=checks "
                           "checks=\"tcp 127.0.0.1:9 (connection refused)\""));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_event_says_which_check_and_why, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
