/* A configuration is made once more of what is kept of it, without its files and its secrets. */
#include "fixture.h"

#include "config/glimpse.h"
#include "config/source.h"

#define REDIS(what) "redis: " what "\nservice:"

static const char mirrorbits[] = "Repository: /srv/repo\n"
                                 "RedisPassword: supersecure\n"
                                 "RPCPassword: other-secret\n"
                                 "RedisSentinelMasterName: downloads\n"
                                 "RedisSentinels: [{Host: 10.0.0.99:26379, Also: &also [*also]}]\n"
                                 "RedisDB: 3\n";

static struct locum_config *
load_one(const char *from, const char *to)
{
    const struct change change = {from, to};
    struct locum_config *config = load_changed(&change, 1);
    if (config == NULL) {
        fail_msg("%s", report);
    }
    return config;
}

/* `report`: what was said of it. */
static struct locum_config *
make_again(const struct locum_config *config)
{
    struct locum_config *again = NULL;
    struct locum_text text = locum_text_init(report, sizeof(report));
    assert_int_equal(
        locum_config_load_kept("locum.yaml", NULL, &config->source, take_problem, &text, &again),
        0);
    assert_true(again->kept);
    assert_string_equal(again->core.digest, config->core.digest);
    return again;
}

static void
test_the_file_is_not_needed(void **state)
{
    (void)state;
    struct locum_config *config =
        load_one("service:", "# a comment: with a password\n"
                             "heartbeat: {interval: '200ms', timeout: \"2s\"}\nservice:");
    assert_false(config->kept);
    assert_null(strstr(config->source.yaml, "comment"));
    assert_int_equal(unlink("locum.yaml"), 0);
    struct locum_config *again = make_again(config);
    assert_string_equal(report, "");
    assert_string_equal(again->lacks, "");
    assert_string_equal(again->secret_file, config->secret_file); /* relative to the same folder */
    assert_int_equal(again->secrets.count, 1);
    assert_int_equal(again->core.interval_ms, 200);
    assert_string_equal(again->checks[0].http.url, "http://127.0.0.1:8080/");
    assert_string_equal(again->source.yaml, config->source.yaml);
    locum_config_free(again);
    locum_config_free(config);
}

static void
test_any_text_stays_the_same(void **state)
{
    (void)state;
    static const char record[] = "a TXT \\\"x\\u2028\\x85\\tü🙂\\\\\\\\ # ~ {[\\\"";
    char zones[300];
    (void)snprintf(zones, sizeof(zones), "%s    records: [\"%s\", 'null TXT y', \"a TXT b\"]\n", NS,
                   record);
    struct locum_config *config = load_one(NS, zones);
    struct locum_config *again = make_again(config);
    assert_int_equal(again->zones[0].record_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(again->zones[0].records[i].text, config->zones[0].records[i].text);
    }
    locum_config_free(again);
    locum_config_free(config);
}

/* A secret is read where it is named; without it the rest goes on. */
static void
test_a_secret_that_cannot_be_read_is_lacking(void **state)
{
    (void)state;
    write_file("pw", "hello\n", 0600);
    struct locum_config *config =
        load_one("service:", REDIS("{user: locum, password-file: pw, sentinel-password-file: pw}"));
    struct locum_config *again = make_again(config);
    assert_string_equal(again->redis.password, "hello");
    locum_config_free(again);
    assert_int_equal(rename("secret", "away"), 0);
    assert_int_equal(unlink("pw"), 0);
    again = make_again(config);
    assert_int_equal(rename("away", "secret"), 0);
    assert_int_equal(again->secrets.count, 0);
    assert_string_equal(again->redis.password, "");
    assert_non_null(strstr(again->lacks, "password-file: \"pw\": No such file"));
    assert_non_null(strstr(again->lacks, "secret-file: \"secret\": No such file"));
    assert_non_null(strstr(report, "locum.yaml: warning: secret-file: "));
    assert_null(strstr(report, "error"));
    locum_config_free(again);
    locum_config_free(config);
}

/* A hook that needs one sends nothing; the others do. */
static void
test_a_hook_keeps_no_secret(void **state)
{
    (void)state;
    write_file("hook-secret", "a secret of sixteen\n", 0600);
    struct locum_config *config =
        load_one("service:", "hooks:\n"
                             "  - {on: [condition, warning], command: [/bin/true, x]}\n"
                             "  - {on: [serving], url: 'https://a.example/hook?token=hush'}\n"
                             "  - {on: [service], url: 'https://a.example/hook', timeout: 3s, "
                             "secret-file: hook-secret}\n"
                             "service:");
    assert_null(strstr(config->source.yaml, "hush"));
    assert_null(strstr(config->source.yaml, "sixteen"));
    assert_int_equal(config->hook_count, 3);
    assert_int_equal(config->hooks[0].on_count, 2);
    assert_int_equal(config->hooks[0].on[1], LOCUM_HOOK_WARNING);
    assert_memory_equal(config->hooks[0].command.at, "/bin/true\0x", 12);
    assert_int_equal(config->hooks[0].timeout_ms, 10000);
    assert_string_equal(config->hooks[1].url, "https://a.example/hook?token=hush");
    assert_string_equal(config->hooks[2].secret, "a secret of sixteen");
    assert_int_equal(config->hooks[2].timeout_ms, 3000);
    struct locum_config *again = make_again(config);
    assert_false(again->hooks[0].lacks_secret);
    assert_true(again->hooks[1].lacks_secret);
    assert_false(again->hooks[2].lacks_secret);
    assert_string_equal(again->hooks[2].secret, "a secret of sixteen");
    assert_non_null(strstr(again->lacks, "a URL with a query is not kept, so hook 2"));
    assert_string_equal(again->source.yaml, config->source.yaml);
    locum_config_free(again);
    assert_int_equal(rename("hook-secret", "away"), 0);
    again = make_again(config);
    assert_true(again->hooks[2].lacks_secret);
    assert_int_equal(rename("away", "hook-secret"), 0);
    locum_config_free(again);
    locum_config_free(config);
}

/* A check that needs one is not run; the others are. */
static void
test_a_secret_header_is_not_kept(void **state)
{
    (void)state;
    struct locum_config *config = load_one(
        CHECK, "    - http: {url: \"http://127.0.0.1:81/\", headers: {Accept: x, Authorization: "
               "hush, X-Api-Key: 'hush, too'}}\n"
               "    - http: {url: \"http://127.0.0.1:82/\", headers: {accept: x, x-empty: ''}}\n"
               "    - command: {argv: [/bin/true, --token, seen]}\n");
    assert_null(strstr(config->source.yaml, "hush"));
    assert_false(config->checks[0].http.lacks_value);
    struct locum_config *again = make_again(config);
    assert_true(again->checks[0].http.lacks_value);
    assert_false(again->checks[1].http.lacks_value);
    assert_int_equal(again->core.checks[0].id, config->core.checks[0].id); /* RESUME-6 */
    assert_memory_equal(&again->checks[1].http.headers, &config->checks[1].http.headers,
                        sizeof(config->checks[1].http.headers));
    assert_memory_equal(&again->checks[2].command, &config->checks[2].command,
                        sizeof(config->checks[2].command));
    assert_non_null(strstr(again->lacks, "the value of Authorization is not kept, so check http"));
    assert_non_null(strstr(again->lacks, "X-Api-Key"));
    assert_string_equal(again->source.yaml, config->source.yaml);
    locum_config_free(again);
    locum_config_free(config);
}

static void
test_a_password_in_the_file_is_not_kept(void **state)
{
    (void)state;
    struct locum_config *config = load_one("service:", REDIS("{password: 'hush!'}"));
    assert_null(strstr(config->source.yaml, "hush"));
    write_file("locum.yaml", "colour: red\nredis: {password: other}\n", 0640);
    struct locum_config *again = make_again(config);
    assert_string_equal(again->redis.password, "other");
    assert_string_equal(again->lacks, "");
    locum_config_free(again);
    write_file("locum.yaml", "redis: {password: other\n", 0640);
    again = make_again(config);
    assert_string_equal(again->redis.password, "");
    assert_non_null(strstr(again->lacks, "password: locum.yaml, where the password of Redis"));
    locum_config_free(again);
    locum_config_free(config);
}

static void
test_what_mirrorbits_says_is_kept(void **state)
{
    (void)state;
    write_file("mirrorbits.conf", mirrorbits, 0640);
    struct locum_config *config =
        load_one("service:", REDIS("{mirrorbits-config: mirrorbits.conf}"));
    assert_string_equal(config->redis.password, "supersecure");
    assert_null(strstr(config->source.mirrorbits, "secure"));
    assert_null(strstr(config->source.mirrorbits, "other"));
    assert_null(strstr(config->source.mirrorbits, "srv"));
    write_file("mirrorbits.conf", "RedisDB: -1\nRedisPassword: newer\n", 0640);
    struct locum_config *again = make_again(config);
    assert_string_equal(again->redis.master_name, "downloads");
    assert_int_equal(again->redis.db, 3);
    assert_string_equal(again->redis.password, "newer");
    locum_config_free(again);
    assert_int_equal(unlink("mirrorbits.conf"), 0);
    again = make_again(config);
    assert_int_equal(again->redis.db, 3);
    assert_string_equal(again->redis.password, "");
    assert_non_null(strstr(again->lacks, "mirrorbits-config: mirrorbits.conf, where"));
    locum_config_free(again);
    locum_config_free(config);
}

/* It did not exist then; what is in it now is not what took effect. */
static void
test_a_file_of_mirrorbits_that_came_later(void **state)
{
    (void)state;
    (void)unlink("mirrorbits.conf");
    struct locum_config *config =
        load_one("service:", REDIS("{mirrorbits-config: mirrorbits.conf, master-name: x}"));
    assert_null(config->source.mirrorbits);
    write_file("mirrorbits.conf", mirrorbits, 0640);
    struct locum_config *again = make_again(config);
    assert_int_equal(again->redis.db, 0);
    locum_config_free(again);
    locum_config_free(config);
}

static void
test_a_glimpse_of_any_file(void **state)
{
    (void)state;
    static const struct {
        const char *text, *state_dir, *cluster, *node;
    } cases[] = {
        {"cluster: get\nnode: dc2\nstate-dir: /x\ncolour: red\n", "/x", "get", "dc2"},
        {"cluster: [get]\nstate-dir: here\n", "./here", "", ""},
        {"cluster: get\n nodes: {\nstate-dir: /x # here\n", "/x", "", ""},
        {"\tstate-dir: /x\n- y\n", "", "", ""},
        {"state-dir: \n- x", "", "", ""},
        {"node: a-name-that-is-longer-than-any\n", "", "", ""},
    };
    struct locum_glimpse glimpse;
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        write_file("locum.yaml", cases[i].text, 0640);
        locum_glimpse_file("./locum.yaml", &glimpse);
        assert_string_equal(glimpse.state_dir, cases[i].state_dir);
        assert_string_equal(glimpse.cluster, cases[i].cluster);
        assert_string_equal(glimpse.node, cases[i].node);
    }
    locum_glimpse_file("nothing.yaml", &glimpse);
    assert_string_equal(glimpse.state_dir, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_file_is_not_needed),
        cmocka_unit_test(test_any_text_stays_the_same),
        cmocka_unit_test(test_a_secret_that_cannot_be_read_is_lacking),
        cmocka_unit_test(test_a_hook_keeps_no_secret),
        cmocka_unit_test(test_a_secret_header_is_not_kept),
        cmocka_unit_test(test_a_password_in_the_file_is_not_kept),
        cmocka_unit_test(test_what_mirrorbits_says_is_kept),
        cmocka_unit_test(test_a_file_of_mirrorbits_that_came_later),
        cmocka_unit_test(test_a_glimpse_of_any_file),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
