/* A tls check: its defaults, and which names it looks at. */
#include "fixture.h"

static void
test_tls_checks(void **state)
{
    const char *names[LOCUM_NAMES_MAX];
    (void)state;
    struct locum_config *config = load_quietly(
        CHECK,
        CHECK "    - tls: {address: \"[::1]:443\"}\n"
              "    - tls: {address: \"127.0.0.1:853\", names: [NS1.example.org], warn-days: 3, "
              "expiry: fail, interval: 5s, timeout: 1s}\n");
    const struct locum_config_check *check = &config->checks[1];
    assert_int_equal(check->kind, LOCUM_CHECK_TLS);
    assert_string_equal(check->name, "tls [::1]:443");
    assert_int_equal(check->tls.warn_days, 14);
    assert_false(check->tls.expiry_fails);
    assert_int_equal(check->timeout_ms, 5000);
    assert_int_equal(config->core.checks[1].interval_ms, 60000);
    assert_true(config->core.checks[1].counts);
    assert_int_equal(locum_config_tls_names(config, check, names), 2);
    assert_string_equal(names[0], "get.example.org.");
    assert_string_equal(names[1], "dc2.get.example.org.");
    check++;
    assert_string_equal(check->name, "tls 127.0.0.1:853 ns1.example.org");
    assert_int_equal(check->tls.warn_days, 3);
    assert_true(check->tls.expiry_fails);
    assert_int_equal(check->timeout_ms, 1000);
    assert_int_equal(config->core.checks[2].interval_ms, 5000);
    assert_int_equal(locum_config_tls_names(config, check, names), 1);
    assert_string_equal(names[0], "ns1.example.org.");
    locum_config_free(config);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tls_checks)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
