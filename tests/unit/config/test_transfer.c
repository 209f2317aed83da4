/* transfer: who may have a zone, with which keys. */
#include "fixture.h"

#define KEY(name, digits)                                                                          \
    "key \"" name "\" { algorithm hmac-sha256; secret \"" digits "AECAwQFBgcICQoLDA0ODw==\"; };\n"
#define ALL "    answer: all\n    ns:"

static const struct locum_config_transfer *
transfer_of(const struct locum_config *config, size_t zone)
{
    return &config->zones[zone].transfer;
}

static void
assert_allowed(const struct locum_config *config, const char *expected)
{
    char text[512];
    struct locum_text out = locum_text_init(text, sizeof(text));
    for (size_t i = 0; i < transfer_of(config, 0)->allow_count; i++) {
        locum_text_add(&out, i > 0 ? " " : "");
        locum_text_add(&out, locum_address_prefix_text(&transfer_of(config, 0)->allow[i]).text);
    }
    assert_string_equal(text, expected);
}

static void
test_this_host_is_the_default(void **state)
{
    (void)state;
    struct locum_config *config = load_quietly("service:", "listen: {dns: [\"10.0.0.12:53\", "
                                                           "\"[2001:db8::12]:5300\"]}\nservice:");
    assert_allowed(config, "127.0.0.0/8 ::1/128 10.0.0.12/32 2001:db8::12/128");
    assert_int_equal(config->tsig_key_count, 0);
    locum_config_free(config);
    config = load_quietly("service:", "listen: {dns: none}\nservice:");
    assert_allowed(config, "127.0.0.0/8 ::1/128");
    locum_config_free(config);
}

static void
test_what_is_written_is_all(void **state)
{
    (void)state;
    struct locum_config *config =
        load_quietly("    ns:", "    transfer: {allow: [192.0.2.53, \"2001:db8::/32\"]}\n" ALL);
    assert_allowed(config, "192.0.2.53/32 2001:db8::/32");
    locum_config_free(config);
    config = load_quietly("    ns:", "    transfer: {allow: []}\n    ns:");
    assert_allowed(config, "");
    locum_config_free(config);
    /* Of servers that answer with themselves only this host may have a copy. */
    config = load_quietly("    ns:", "    transfer: {allow: [192.0.2.12, 127.1.2.3]}\n    ns:");
    assert_allowed(config, "192.0.2.12/32 127.1.2.3/32");
    locum_config_free(config);
    config =
        load_quietly("    ns:", "    transfer: {allow: [192.0.2.53]}\n    shared: []\n    ns:");
    locum_config_free(config); /* no name is answered so */
}

static void
test_secondaries(void **state)
{
    (void)state;
    struct locum_config *config =
        load_quietly("    ns:", "    transfer: {allow: [192.0.2.53, \"2001:db8::53\"], "
                                "notify: [192.0.2.53, \"[2001:db8::53]:5300\"]}\n" ALL);
    assert_int_equal(transfer_of(config, 0)->notify_count, 2);
    assert_string_equal(locum_address_text(&transfer_of(config, 0)->notify[0]).text,
                        "192.0.2.53:53");
    assert_int_equal(transfer_of(config, 0)->notify[1].port, 5300);
    locum_config_free(config);
    const struct change outside = {"    ns:", "    transfer: {notify: [192.0.2.53]}\n" ALL};
    config = load_changed(&outside, 1);
    assert_true(is_reported("10:24 warning notify 192.0.2.53 transfer.allow\n"));
    locum_config_free(config);
    const struct change own = {"    ns:", "    transfer: {notify: [192.0.2.12]}\n" ALL};
    assert_null(load_changed(&own, 1));
    assert_true(is_reported("10:25 notify 192.0.2.12:53 itself\n"));
}

static void
test_secondaries_that_are_no_hosts(void **state)
{
    (void)state;
    static const struct {
        const char *written, *named;
    } cases[] = {{"224.0.0.1", "224.0.0.1"},     {"255.255.255.255", "255.255.255.255"},
                 {"0.0.0.0", "0.0.0.0"},         {"0.0.0.0:5300", "0.0.0.0"},
                 {"\"[::]:53\"", "::"},          {"\"::\"", "::"},
                 {"\"[ff02::1]:53\"", "ff02::1"}};
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        char text[200], expected[100];
        (void)snprintf(text, sizeof(text), "    transfer: {notify: [%s]}\n" ALL, cases[i].written);
        (void)snprintf(expected, sizeof(expected), "10:25 notify %s host\n", cases[i].named);
        const struct change change = {"    ns:", text};
        assert_null(load_changed(&change, 1));
        assert_true(is_reported(expected));
    }
}

/* A warning, unless a key is needed too. */
static void
test_zones_for_everyone(void **state)
{
    (void)state;
    static const char *const wide[] = {"0.0.0.0/0", "128.0.0.0/1", "\"::/0\""};
    char text[200];
    struct locum_config *config;
    write_file("one.key", KEY("ns1", "A"), 0600);
    for (size_t i = 0; i < LOCUM_COUNT(wide); i++) {
        (void)snprintf(text, sizeof(text), "    transfer: {allow: [%s]}\n" ALL, wide[i]);
        const struct change change = {"    ns:", text};
        config = load_changed(&change, 1);
        assert_true(is_reported("10:23 warning allow anyone key-file\n"));
        locum_config_free(config);
        (void)snprintf(text, sizeof(text), "    transfer: {allow: [%s], key-file: one.key}\n" ALL,
                       wide[i]);
        config = load_quietly("    ns:", text);
        locum_config_free(config);
    }
    config = load_quietly("    ns:", "    transfer: {allow: [10.0.0.0/8, \"fc00::/7\"]}\n" ALL);
    locum_config_free(config);
}

static const char two_zones[] = "zones:\n"
                                "  - name: a.example.org\n"
                                "    transfer: {key-file: one.key}\n" NS "  - name: b.example.org\n"
                                "    transfer: {key-file: two.key}\n" NS;

static void
test_files_may_share_keys(void **state)
{
    (void)state;
    write_file("one.key", KEY("ns1", "A") KEY("ns2", "B"), 0600);
    write_file("two.key", KEY("ns3", "C") KEY("NS2.", "B"), 0640);
    struct locum_config *config = load_quietly(ZONES, two_zones);
    assert_int_equal(config->tsig_key_count, 3);
    assert_string_equal(config->tsig_keys[1].name, "ns2.");
    assert_int_equal(transfer_of(config, 0)->keys, 3);
    assert_int_equal(transfer_of(config, 1)->keys, 6);
    locum_config_free(config);
}

static void
test_a_name_has_one_secret(void **state)
{
    (void)state;
    const struct change change = {ZONES, two_zones};
    write_file("one.key", KEY("ns1", "A"), 0600);
    write_file("two.key", KEY("ns1", "B"), 0600);
    assert_null(load_changed(&change, 1));
    assert_true(is_reported("13:26 key-file ns1. twice\n"));
}

/* Without its file a kept configuration refuses every transfer of that zone. */
static void
test_kept_without_keys(void **state)
{
    (void)state;
    write_file("one.key", KEY("ns1", "A"), 0600);
    struct locum_config *config =
        load_quietly("    ns:", "    transfer: {key-file: one.key}\n    ns:");
    struct locum_config *again = NULL;
    struct locum_text text = locum_text_init(report, sizeof(report));
    assert_int_equal(unlink("one.key"), 0);
    assert_int_equal(
        locum_config_load_kept("locum.yaml", NULL, &config->source, take_problem, &text, &again),
        0);
    assert_non_null(strstr(report, "key-file"));
    assert_non_null(strstr(again->lacks, "one.key"));
    assert_int_equal(again->tsig_key_count, 0);
    assert_int_equal(transfer_of(again, 0)->keys, 0);
    assert_string_not_equal(transfer_of(again, 0)->key_file, "");
    locum_config_free(again);
    locum_config_free(config);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_this_host_is_the_default),
        cmocka_unit_test(test_what_is_written_is_all),
        cmocka_unit_test(test_secondaries),
        cmocka_unit_test(test_secondaries_that_are_no_hosts),
        cmocka_unit_test(test_zones_for_everyone),
        cmocka_unit_test(test_files_may_share_keys),
        cmocka_unit_test(test_a_name_has_one_secret),
        cmocka_unit_test(test_kept_without_keys),
    };
    return cmocka_run_group_tests_name("config/transfer", tests, setup, teardown);
}
