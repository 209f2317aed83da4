/* Single values at the limits of their range, and domain names. */
#include "fixture.h"

#include "config/domain.h"
#include "config/keys.h"
#include "config/value.h"

#define LABEL63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"

static const struct {
    const char *key, *text;
    bool right;
} values[] = {
    {"cluster", "", false},
    {"cluster", "a", true},
    {"cluster", "azAZ", false},
    {"cluster", "az-09", true},
    {"cluster", "-a", false},
    {"cluster", "a-", false},
    {"cluster", "-", false},
    {"cluster", "abcdefghijklmno", true},
    {"cluster", "abcdefghijklmnop", false},
    {"cluster", "a/b", false},
    {"cluster", "a:b", false},
    {"cluster", "a{b", false},
    {"cluster", "a`b", false},
    {"redis.user", "a b", true},
    {"redis.user", "a\tb", false},
    {"redis.user", "a\x7f", false},
    {"redis.user", LABEL63, true},
    {"redis.user", LABEL63 "h", false},
    {"quorum", "0", false},
    {"quorum", "1", true},
    {"quorum", "32", true},
    {"quorum", "33", false},
    {"quorum", "+1", false},
    {"min-serving", "0", true},
    {"min-serving", "00", false},
    {"nodes.*.port", "0", false},
    {"nodes.*.port", "65535", true},
    {"nodes.*.port", "65536", false},
    {"heartbeat.interval", "19ms", false},
    {"heartbeat.interval", "20ms", true},
    {"heartbeat.interval", "10s", true},
    {"heartbeat.interval", "10001ms", false},
    {"zones[].ttl", "999ms", false},
    {"zones[].ttl", "1000ms", true},
    {"zones[].ttl", "1d", true},
    {"zones[].ttl", "86401s", false},
    {"service.checks[].http.expect", "100-599", true},
    {"service.checks[].http.expect", "204", true},
    {"service.checks[].http.expect", "204-204", true},
    {"service.checks[].http.expect", "205-204", false},
    {"service.checks[].http.expect", "99", false},
    {"service.checks[].http.expect", "600", false},
    {"service.checks[].http.expect", "200-", false},
    {"service.checks[].http.expect", "-200", false},
    {"service.checks[].http.expect", "200-300-400", false},
    {"service.checks[].http.expect", "200-299,302", true},
    {"service.checks[].http.expect", "200-299, 302", true},
    {"service.checks[].http.expect", "100,101,102,103,200,201,202,203", true},
    {"service.checks[].http.expect", "100,101,102,103,200,201,202,203,204", false},
    {"service.checks[].http.expect", "200,", false},
    {"service.checks[].http.expect", ",200", false},
    {"service.checks[].http.body", "^ok$", true},
    {"service.checks[].http.body", "", false},
    {"service.checks[].http.location-not", "://fallback[12]\\.", true},
    {"service.checks[].http.location", "a(b", false},
    {"service.checks[].http.location", "a\nb", false},
    {"service.checks[].http.method", "GET", true},
    {"service.checks[].http.method", "get", false},
    {"service.checks[].http.method", "GE", false},
    {"service.checks[].http.method", "", false},
    {"service.checks[].http.url", "http://a", true},
    {"service.checks[].http.url", "https://a:1?x", true},
    {"service.checks[].http.url", "http://[::1]:80/", true},
    {"service.checks[].http.url", "http://[192.0.2.1]/", false},
    {"service.checks[].http.url", "http://[::1/", false},
    {"service.checks[].http.url", "http://", false},
    {"service.checks[].http.url", "http:///x", false},
    {"service.checks[].http.url", "http://a:", false},
    {"service.checks[].http.url", "http://a:0/", false},
    {"service.checks[].http.url", "http://a.:80/", true},
    {"service.checks[].http.url", "http://a/#f", false},
    {"service.checks[].http.url", "HTTP://a/", true},
    {"service.checks[].http.url", "http://a/\x7f", false},
    {"service.checks[].http.url", "http://a..:80/", false},
    {"service.checks[].http.url", "http://./", false},
    {"service.checks[].http.host", "Get.Example.org", true},
    {"service.checks[].http.host", "get.example.org.", false},
    {"service.checks[].http.host", "", false},
    {"service.checks[].http.host", "a..b", false},
    {"listen.http", "127.0.0.1:1", true},
    {"listen.http", "127.0.0.1", false},
    {"listen.status", "[::]:80", true},
    {"listen.status", "192.0.2.12", false},
    {"nodes.*.redis", "[::1]:6379", true},
    {"nodes.*.redis", "redis:6379", true},
    {"nodes.*.redis", "redis.example.org:6379", true},
    {"nodes.*.redis", "redis:", false},
    {"nodes.*.redis", "redis", false},
    {"nodes.*.redis", ":6379", false},
    {"nodes.*.redis", "redis.:6379", false},
    {"nodes.*.redis", "10.0.0.512:6379", false},
    {"nodes.*.redis", "10.0.0.12:65536", false},
    {"nodes.*.redis", "::1:6379", false},
};

static const struct locum_schema_row *row_of(const char *key);

/* cases.md, B: URL with a letter outside ASCII, a blank, `HTTP://`, a dot behind the host. */
static void
test_case_the_url_of_a_check(void **state)
{
    (void)state;
    static const struct {
        const char *url, *stored, *why;
    } cases[] = {
        {"HTTP://A.example/X", "http://A.example/X", ""},
        {"HttpS://a.example:444", "https://a.example:444", ""},
        {"http://a.example./x.", "http://a.example/x.", ""},
        {"https://a.example.:444?q", "https://a.example:444?q", ""},
        {"http://[::1]:80/", "http://[::1]:80/", ""},
        {"http://a.example/\u00fc", NULL, "character 18 is not ASCII; write it as %C3%BC"},
        {"http://a/\u00fc\u20ac", NULL, "character 10 is not ASCII; write it as %C3%BC"},
        {"http://a/?q=\u20ac", NULL, "character 13 is not ASCII; write it as %E2%82%AC"},
        {"http://b\u00fccher.example/", NULL,
         "character 9 is not ASCII; write the host in its xn-- form"},
        {"http://a/b c", NULL, "character 11 is a blank; write it as %20"},
        {"http://a b/", NULL, "character 9 is a blank; remove it"},
        {" http://a/", NULL, "it begins with neither http:// nor https://"},
        {"http://a/\t", NULL, "character 10 is a control character; write it as %09"},
        {"http://a/#f", NULL, "a fragment is never sent; remove # and what follows it"},
        {"http://me@a/", NULL, "it names a user; remove what is before @"},
        {"a.example/", NULL, "it begins with neither http:// nor https://"},
        {"http://a:99999/", NULL, "its host or its port is invalid"},
    };
    const struct locum_schema_row *row = row_of("service.checks[].http.url");
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        char field[LOCUM_STRING_MAX + 1];
        char reason[200];
        struct locum_text why = locum_text_init(reason, sizeof(reason));
        const int status = locum_value_parse(row, locum_slice_of(cases[i].url), field, &why);
        assert_string_equal(reason, cases[i].why);
        assert_int_equal(status, cases[i].stored != NULL ? 0 : LOCUM_ERR_INVALID);
        assert_string_equal(status == 0 ? field : "",
                            cases[i].stored != NULL ? cases[i].stored : "");
    }
}

static const struct locum_schema_row *
row_of(const char *key)
{
    size_t i = 0;
    while (strcmp(locum_keys.rows[i].key, key) != 0) {
        i++;
        assert_true(i < locum_keys.count);
    }
    return &locum_keys.rows[i];
}

static void
test_values_at_the_limits_of_their_range(void **state)
{
    (void)state;
    union {
        uint64_t align;
        char bytes[1024];
    } field;
    char reason[100];
    struct locum_text why = locum_text_init(reason, sizeof(reason));
    for (size_t i = 0; i < LOCUM_COUNT(values); i++) {
        const struct locum_schema_row *row = row_of(values[i].key);
        const bool right =
            locum_value_parse(row, locum_slice_of(values[i].text), &field, &why) == 0;
        if (right != values[i].right) {
            print_error("%s: %s\n", values[i].key, values[i].text);
        }
        assert_int_equal(right, values[i].right);
    }
}

static void
test_absolute_names(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name, *why;
    } cases[] = {
        {"azAZ09-_.org", "azaz09-_.org.", NULL},
        {"org.", "org.", NULL},
        {"ns1.Example.ORG.", "ns1.example.org.", NULL},
        {LABEL63 ".org", LABEL63 ".org.", NULL},
        {LABEL63 "h.org", NULL, "a label is longer than 63 characters"},
        {"", NULL, "it has an empty label"},
        {".", NULL, "it has an empty label"},
        {"..", NULL, "it has an empty label"},
        {".org", NULL, "it has an empty label"},
        {"a..org", NULL, "it has an empty label"},
        {"-a.org", NULL, "a label begins or ends with -"},
        {"a-.org", NULL, "a label begins or ends with -"},
        {"a@b.org", NULL, "only a-z, 0-9, -, _ and dots are allowed"},
        {"a`.org", NULL, "only a-z, 0-9, -, _ and dots are allowed"},
        {"a{.org", NULL, "only a-z, 0-9, -, _ and dots are allowed"},
        {"a[.org", NULL, "only a-z, 0-9, -, _ and dots are allowed"},
        {"a/.org", NULL, "only a-z, 0-9, -, _ and dots are allowed"},
        {"a:.org", NULL, "only a-z, 0-9, -, _ and dots are allowed"},
        {"\xc3\xa9.org", NULL, "only a-z, 0-9, -, _ and dots are allowed"},
        {LABEL63 "." LABEL63 "." LABEL63 "." LABEL63, NULL, "it is longer than 253 characters"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        char name[LOCUM_DOMAIN_MAX + 1] = "untouched";
        const char *why = NULL;
        const int status = locum_domain_absolute(locum_slice_of(cases[i].text), name, &why);
        assert_int_equal(status, cases[i].why == NULL ? 0 : LOCUM_ERR_INVALID);
        assert_string_equal(name, cases[i].name != NULL ? cases[i].name : "untouched");
        if (cases[i].why != NULL) {
            assert_string_equal(why, cases[i].why);
        }
    }
}

/* 253 characters fit, with their last dot 254 (RFC 1035 2.3.4: 255 bytes on the wire). */
static void
test_the_longest_name(void **state)
{
    (void)state;
    static const char longest[] =
        LABEL63 "." LABEL63 "." LABEL63 "."
                "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffg";
    char name[LOCUM_DOMAIN_MAX + 1];
    char text[300];
    const char *why = NULL;
    assert_int_equal(strlen(longest), 253);
    assert_int_equal(locum_domain_absolute(locum_slice_of(longest), name, &why), 0);
    assert_int_equal(strlen(name), 254);
    (void)snprintf(text, sizeof(text), "%sh", longest);
    assert_int_equal(locum_domain_absolute(locum_slice_of(text), name, &why), LOCUM_ERR_INVALID);
}

static void
test_relative_names(void **state)
{
    (void)state;
    char name[LOCUM_DOMAIN_MAX + 1];
    const char *why = NULL;
    assert_int_equal(locum_domain_relative(locum_slice_of("@"), "a.org.", name, &why), 0);
    assert_string_equal(name, "a.org.");
    assert_int_equal(locum_domain_relative(locum_slice_of("X.y"), "a.org.", name, &why), 0);
    assert_string_equal(name, "x.y.a.org.");
    assert_int_equal(locum_domain_relative(locum_slice_of("@.y"), "a.org.", name, &why),
                     LOCUM_ERR_INVALID);
    assert_int_equal(locum_domain_relative(locum_slice_of("*"), "a.org.", name, &why), 0);
    assert_string_equal(name, "*.a.org.");
    assert_int_equal(locum_domain_relative(locum_slice_of("*.X"), "a.org.", name, &why), 0);
    assert_string_equal(name, "*.x.a.org.");
    assert_int_equal(locum_domain_relative(locum_slice_of("x.*"), "a.org.", name, &why),
                     LOCUM_ERR_INVALID);
    assert_non_null(strstr(why, "first label"));
    assert_int_equal(locum_domain_relative(locum_slice_of("*x"), "a.org.", name, &why),
                     LOCUM_ERR_INVALID);
    assert_int_equal(locum_domain_absolute(locum_slice_of("*.a.org"), name, &why),
                     LOCUM_ERR_INVALID);
}

static void
test_host_of_a_name(void **state)
{
    (void)state;
    char buffer[64];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_domain_add_host("x.a.org.", &text);
    locum_text_add_char(&text, ' ');
    locum_domain_add_host("*.x.a.org.", &text);
    assert_string_equal(buffer, "x.a.org locum-doctor.x.a.org");
}

static void
test_within(void **state)
{
    (void)state;
    assert_true(locum_domain_within("a.org.", "a.org."));
    assert_true(locum_domain_within("x.a.org.", "a.org."));
    assert_false(locum_domain_within("xa.org.", "a.org."));
    assert_false(locum_domain_within("org.", "a.org."));
    assert_false(locum_domain_within("a.org.x.", "a.org."));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_the_url_of_a_check),
        cmocka_unit_test(test_values_at_the_limits_of_their_range),
        cmocka_unit_test(test_absolute_names),
        cmocka_unit_test(test_the_longest_name),
        cmocka_unit_test(test_relative_names),
        cmocka_unit_test(test_host_of_a_name),
        cmocka_unit_test(test_within),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
