/* acmeclients: keys, token and listener of ACME clients, and accounts of acme-dns. */
#include "config/acmeclients.h"

#include "fixture.h"

static void
test_every_key_of_acme(void **state)
{
    (void)state;
    char subdomain[LOCUM_ACMECLIENTS_SUBDOMAIN_MAX + 1], other[sizeof(subdomain)];
    write_file("keys", TSIG_KEY, 0640);
    write_file("token", "0123456789abcdef0123456789abcdef\nnot this", 0600);
    const struct change changes[] = {
        {"    ns:", "    acme: {}\n    ns:"},
        {"service:", "acme: {keys: keys, token-file: token, listen: \"[::1]:9854\"}\nservice:"},
    };
    struct locum_config *config = load_changed(changes, LOCUM_COUNT(changes));
    assert_string_equal(report, "");
    assert_non_null(config);
    assert_int_equal(config->acme.key_count, 1);
    assert_string_equal(config->acme.keys[0].name, "ns9.example.org.");
    assert_int_equal(config->acme.keys[0].secret_length, 32);
    assert_int_equal(config->tsig_key_count, 0); /* it allows no transfer */
    assert_string_equal(config->acme.token, "0123456789abcdef0123456789abcdef");
    assert_int_equal(config->acme.listen.port, 9854);
    locum_config_free(config);
    /* The accounts of acme-dns are the same on every node and in every version. */
    locum_acmeclients_subdomain("_acme-challenge.get.example.org.", subdomain);
    locum_acmeclients_subdomain("_acme-challenge.dc2.get.example.org.", other);
    assert_string_equal(subdomain, "b1c1821f-c7b4-805e-852b-5d5e48bace2c");
    assert_string_not_equal(subdomain, other);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_key_of_acme),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
