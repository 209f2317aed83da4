/* redis.mirrorbits-config: what is taken from a real mirrorbits.conf, what is not, and errors in
 * it. */
#include "fixture.h"

#include <time.h>

#define NODES_WITHOUT                                                                              \
    "nodes:\n"                                                                                     \
    "  dc2: {address: [192.0.2.12]}\n"                                                             \
    "  dc3: {address: [192.0.2.13]}\n"                                                             \
    "  ns0: {role: witness, address: [192.0.2.10]}\n"
#define NOTHING "locum.yaml:11:28: note: mirrorbits-config: taken from mirrorbits.conf: nothing\n"
#define IMPORT  "redis: {mirrorbits-config: mirrorbits.conf}\nservice:"

/* As Mirrorbits ships it: everything is commented out, other programs' YAML is around it. */
static const char shipped[] = "# vim: set ft=yaml:\n"
                              "###################\n"
                              "##### GENERAL #####\n"
                              "###################\n"
                              "\n"
                              "## Path to the local repository\n"
                              "# Repository: /srv/repo\n"
                              "# RedisAddress: 10.0.0.1:6379\n"
                              "# RedisPassword: supersecure\n"
                              "# RedisDB: 0\n";

static const char real[] = "# vim: set ft=yaml:\n"
                           "Repository: /srv/repo\n"
                           "ListenAddress: :8080\n"
                           "Gzip: false\n"
                           "Hashes:\n"
                           "    SHA256: On\n"
                           "    SHA1: Off\n"
                           "RedisSentinelMasterName: downloads\n"
                           "RedisSentinels:\n"
                           "    - Host: 10.0.0.10:26379\n"
                           "    - Host: 192.0.2.12:26379\n"
                           "    - Host: sentinel3.example.org:26379\n"
                           "RedisAddress: 10.0.0.12:6379\n"
                           "RedisPassword: supersecure\n"
                           "RedisDB: 3\n"
                           "Fallbacks: &anchored\n"
                           "    - URL: http://fallback1.mirror/repo/\n"
                           "      CountryCode: fr\n"
                           "Other: *anchored\n";

static struct locum_config *
load_with(const char *nodes, const char *service)
{
    const struct change changes[] = {{NODES, nodes}, {"service:", service}};
    return load_changed(changes, LOCUM_COUNT(changes));
}

static void
test_everything_is_taken_where_nothing_is_written(void **state)
{
    (void)state;
    write_file("mirrorbits.conf", real, 0640);
    struct locum_config *config = load_with(NODES_WITHOUT, IMPORT);
    assert_non_null(config);
    assert_string_equal(config->redis.master_name, "downloads");
    assert_string_equal(config->redis.password, "supersecure");
    assert_string_equal(config->redis.user, "");
    assert_int_equal(config->redis.db, 3);
    assert_string_equal(config->redis.server.host, "10.0.0.12");
    assert_int_equal(config->redis.server.port, 6379);
    /* One is on dc2's host, and so dc2's; two belong to no node. */
    assert_string_equal(config->nodes[0].sentinel.host, "192.0.2.12");
    assert_int_equal(config->nodes[0].sentinel.port, 26379);
    assert_int_equal(config->nodes[1].sentinel.port, 0);
    assert_int_equal(config->redis.sentinel_count, 2);
    assert_non_null(strstr(report, "locum.yaml:11:28: note: mirrorbits-config: taken from "
                                   "mirrorbits.conf: 3 RedisSentinels, RedisAddress "
                                   "10.0.0.12:6379, RedisSentinelMasterName downloads, "
                                   "RedisDB 3, RedisPassword (not shown)\n"));
    assert_string_equal(config->redis.sentinels[0].host, "10.0.0.10");
    assert_string_equal(config->redis.sentinels[1].host, "sentinel3.example.org");
    assert_int_equal(config->redis.sentinels[1].port, 26379);
    locum_config_free(config);
}

static void
test_what_is_written_here_has_precedence(void **state)
{
    (void)state;
    write_file("mirrorbits.conf", real, 0640);
    write_file("pw", "hello\n", 0600);
    struct locum_config *config =
        load_with(NODES, "redis: {mirrorbits-config: mirrorbits.conf, master-name: mine, db: 0, "
                         "password-file: pw}\nservice:");
    assert_string_equal(report, NOTHING);
    assert_non_null(config);
    assert_string_equal(config->redis.master_name, "mine");
    assert_string_equal(config->redis.password, "hello");
    assert_int_equal(config->redis.db, 0);
    assert_int_equal(config->redis.server.port, 0);
    assert_int_equal(config->redis.sentinel_count, 0);
    assert_string_equal(config->nodes[0].sentinel.host, "10.0.0.12");
    locum_config_free(config);
}

/* A password of Mirrorbits is not one of our user. */
static void
test_its_password_is_not_our_users(void **state)
{
    (void)state;
    write_file("mirrorbits.conf", real, 0640);
    assert_null(
        load_with(NODES, "redis: {mirrorbits-config: mirrorbits.conf, user: locum}\nservice:"));
    assert_non_null(strstr(report, "error: user: a user needs a password"));
}

static void
test_a_file_without_values_gives_nothing(void **state)
{
    (void)state;
    static const char *const files_[] = {
        "", shipped, "RedisPassword:\nRedisSentinels:\nRedisAddress: ~\nRedisDB:\n"};
    for (size_t i = 0; i < LOCUM_COUNT(files_); i++) {
        write_file("mirrorbits.conf", files_[i], 0640);
        struct locum_config *config = load_with(NODES, IMPORT);
        assert_string_equal(report, NOTHING);
        assert_non_null(config);
        assert_string_equal(config->redis.master_name, "mirrorbits");
        assert_string_equal(config->redis.password, "");
        assert_int_equal(config->redis.db, 0);
        locum_config_free(config);
    }
}

/* ":6379" is this host; a Redis without Sentinels is enough. */
static void
test_an_address_without_a_host(void **state)
{
    (void)state;
    write_file("mirrorbits.conf", "RedisAddress: :6380\n", 0640);
    struct locum_config *config = load_with(NODES_WITHOUT, IMPORT);
    assert_non_null(config);
    assert_string_equal(config->redis.server.host, "127.0.0.1");
    assert_int_equal(config->redis.server.port, 6380);
    assert_string_equal(config->redis.master_name, "mirrorbits");
    locum_config_free(config);
}

/* cases.md, D. Mirrorbits' own default counts where its file says nothing. */
static void
test_case_every_redis_key_is_commented_out(void **state)
{
    (void)state;
    static const char *const files_[] = {
        "Repository: /srv/files\n# RedisAddress: 10.0.0.1:6379\n# RedisDB: 0\n", shipped, "",
        "RedisAddress:\n", "RedisAddress: ~\nRedisSentinels: []\n"};
    for (size_t i = 0; i < LOCUM_COUNT(files_); i++) {
        write_file("mirrorbits.conf", files_[i], 0640);
        struct locum_config *config = load_with(NODES_WITHOUT, IMPORT);
        assert_non_null(strstr(report,
                               "note: mirrorbits-config: taken from mirrorbits.conf: "
                               "RedisAddress 127.0.0.1:6379 (the default of Mirrorbits)\n"));
        assert_non_null(config);
        assert_string_equal(config->redis.server.host, "127.0.0.1");
        assert_int_equal(config->redis.server.port, 6379);
        assert_string_equal(config->redis.master_name, "mirrorbits");
        locum_config_free(config);
    }
    /* It asks its Sentinels first; with them the default is of no use. */
    write_file("mirrorbits.conf", "RedisSentinels:\n  - Host: 10.0.0.10:26379\n", 0640);
    struct locum_config *config = load_with(NODES_WITHOUT, IMPORT);
    assert_non_null(config);
    assert_int_equal(config->redis.server.port, 0);
    locum_config_free(config);
}

/* cases.md, D. */
static void
test_case_a_byte_order_mark(void **state)
{
    (void)state;
    static const char marked[] = "\xef\xbb\xbfRepository: /srv/files\n"
                                 "RedisAddress: 127.9.9.5:6379\n"
                                 "RedisDB: 2\n";
    write_file("mirrorbits.conf", marked, 0640);
    struct locum_config *config = load_with(NODES_WITHOUT, IMPORT);
    assert_non_null(config);
    assert_string_equal(config->redis.server.host, "127.9.9.5");
    assert_int_equal(config->redis.db, 2);
    locum_config_free(config);
}

/* cases.md, D: the kind of the byte order mark. A document that ends before the file is no file
 * that was read. */
static void
test_case_the_rest_of_a_file_is_never_dropped(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        {" RedisDB: 1\nRedisAddress: 10.0.0.1:6379\n", "mirrorbits.conf:2:1: not YAML"},
        {"RedisDB: 1\n---\nRedisAddress: 10.0.0.1:6379\n", "mirrorbits.conf:3:1: the first YAML"},
        {"RedisDB: 1\n...\nRedisAddress: 10.0.0.1:6379\n", "mirrorbits.conf:3:1: "},
        {"RedisDB: 1\n...\n]\n", "mirrorbits.conf:3:1: not YAML"},
        {"---\n---\nRedisDB: 1\n", "mirrorbits.conf:3:1: the first YAML"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        write_file("mirrorbits.conf", rows[i].text, 0640);
        struct locum_config *config = load_with(NODES_WITHOUT, IMPORT);
        if (config != NULL || strstr(report, rows[i].want) == NULL) {
            fail_msg("row %zu: %s", i, report);
        }
    }
    write_file("mirrorbits.conf", "---\nRedisDB: 1\n...\n# end\n", 0640);
    locum_config_free(load_with(NODES, IMPORT));
    assert_non_null(strstr(report, "mirrorbits.conf: RedisDB 1\n"));
}

/* With a file two more checks, made of ListenAddress and Fallbacks. */
static void
test_a_file_adds_two_checks(void **state)
{
    (void)state;
    static const char text[] = "ListenAddress: :8081\n"
                               "OutputMode: auto\n"
                               "Fallbacks:\n"
                               "    - URL: http://fallback1.mirror/repo/\n"
                               "      CountryCode: fr\n"
                               "    - URL: f2.example.org/a+b\n"
                               "    - URL: http://f3.example.org\n";
    const struct change changes[] = {
        {"service:", IMPORT},
        {CHECK, "    - mirrorbits: {file: /pool/x, interval: 1s, rise: 4}\n"},
    };
    write_file("mirrorbits.conf", text, 0640);
    struct locum_config *config = load_changed(changes, LOCUM_COUNT(changes));
    assert_non_null(config);
    assert_non_null(strstr(report, "ListenAddress (127.0.0.1:8081), 3 Fallbacks"));
    assert_int_equal(config->core.check_count, 3);
    assert_string_equal(config->checks[0].name, "mirrorbits");
    assert_true(config->core.checks[0].mirrorbits);
    assert_false(config->core.checks[0].counts);
    const struct locum_config_check *file = &config->checks[config->mirrorbits.file_check];
    const struct locum_core_check *core = &config->core.checks[config->mirrorbits.file_check];
    assert_string_equal(file->name, "mirrorbits file");
    assert_int_equal(file->kind, LOCUM_CHECK_HTTP);
    assert_string_equal(file->http.url, "http://127.0.0.1:8081/pool/x");
    assert_true(file->http.head);
    assert_int_equal(file->http.expect[0].min, 300);
    assert_string_equal(file->http.location_not,
                        "^https?://(fallback1\\.mirror/repo/|f2\\.example\\.org/a\\+b/|"
                        "f3\\.example\\.org/)");
    assert_true(core->counts && core->fast_fail && !core->degrades && !core->mirrorbits);
    assert_int_equal(core->interval_ms, 1000);
    assert_int_equal(core->rise, 4);
    const struct locum_config_check *database = &config->checks[config->mirrorbits.database_check];
    core = &config->core.checks[config->mirrorbits.database_check];
    assert_string_equal(database->name, "mirrorbits database");
    assert_string_equal(database->http.url, "http://127.0.0.1:8081/?mirrorstats");
    assert_false(database->http.head);
    assert_non_null(strstr(database->http.body_absent, "Redis has no mirror: restore"));
    assert_true(core->counts && !core->fast_fail && core->degrades);
    assert_int_equal(core->fall, 6);
    locum_config_free(config);
}

/* Where Mirrorbits listens, and where this node asks it. */
static void
test_listen_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *url;
    } rows[] = {
        {"Gzip: false\n", "http://127.0.0.1:8080/pool/x"},
        {"ListenAddress:\n", "http://127.0.0.1:8080/pool/x"},
        {"ListenAddress: 0.0.0.0:80\n", "http://127.0.0.1:80/pool/x"},
        {"ListenAddress: \"[::]:80\"\n", "http://[::1]:80/pool/x"},
        {"ListenAddress: 192.0.2.12:8082\n", "http://192.0.2.12:8082/pool/x"},
        {"ListenAddress: localhost:8082\n", "http://localhost:8082/pool/x"},
    };
    const struct change changes[] = {{"service:", IMPORT},
                                     {CHECK, "    - mirrorbits: {file: /pool/x}\n"}};
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        write_file("mirrorbits.conf", rows[i].text, 0640);
        struct locum_config *config = load_changed(changes, LOCUM_COUNT(changes));
        assert_non_null(config);
        assert_string_equal(config->checks[1].http.url, rows[i].url);
        assert_string_equal(config->checks[1].http.location_not, "");
        locum_config_free(config);
    }
}

/* Without a check that needs them, these keys are not read. */
static void
test_errors_of_the_web_service(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"ListenAddress: 8080\n", "mirrorbits.conf:1:16: ListenAddress: \"8080\" is not valid"},
        {"Fallbacks: http://f/\n", "mirrorbits.conf:1:12: Fallbacks: expected a list"},
        {"Fallbacks:\n  - CountryCode: fr\n",
         "mirrorbits.conf:2:5: Fallbacks: this item has no URL"},
        {"Fallbacks:\n  - URL: [a]\n", "mirrorbits.conf:2:10: Fallbacks: this item has no URL"},
        {"OutputMode: json\n", "mirrorbits.conf:1:13: OutputMode: json"},
    };
    const struct change changes[] = {{"service:", IMPORT},
                                     {CHECK, "    - mirrorbits: {file: /pool/x}\n"}};
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        write_file("mirrorbits.conf", rows[i].text, 0640);
        struct locum_config *config = load_changed(changes, LOCUM_COUNT(changes));
        if (config != NULL || strstr(report, rows[i].want) == NULL) {
            fail_msg("row %zu: %s", i, report);
        }
        config = load_changed(changes, 1);
        assert_non_null(config);
        locum_config_free(config);
    }
}

static void
test_errors_in_it_are_reported_with_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"Gzip: false\nRedisAddress: nowhere\n",
         "locum.yaml:11:28: error: mirrorbits.conf:2:15: RedisAddress: \"nowhere\" is not valid; "
         "expected an address"},
        {"RedisDB: many\n", "mirrorbits.conf:1:10: RedisDB: \"many\" is"},
        {"RedisDB: [1]\n", "mirrorbits.conf:1:10: RedisDB: the value is"},
        {"RedisSentinels: 10.0.0.1:26379\n",
         "mirrorbits.conf:1:17: RedisSentinels: expected a list"},
        {"RedisSentinels:\n  - Host: 10.0.0.1\n", "mirrorbits.conf:2:11: Host: \"10.0.0.1\" is"},
        {"RedisSentinels: [10.0.0.1:26379]\n",
         "mirrorbits.conf:1:18: RedisSentinels: this item has no Host"},
        {"RedisSentinels:\n  - host: 10.0.0.1:26379\n",
         "mirrorbits.conf:2:5: RedisSentinels: this item has no Host"},
        {"RedisSentinelMasterName: [a]\n",
         "mirrorbits.conf:1:26: RedisSentinelMasterName: the value"},
        {"RedisPassword: {a: b}\n", "mirrorbits.conf:1:16: RedisPassword: the value"},
        {"RedisDB: 1\n RedisDB: 2\n", "mirrorbits.conf:2:9: not YAML"},
        {"- a\n", "mirrorbits.conf:1:1: found no keys"},
        {"\x01\n", "mirrorbits.conf:1:1: byte 0x01"},
        {"RedisAddress: x:0\nRedisDB: x\n", "mirrorbits.conf:2:10: RedisDB"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        write_file("mirrorbits.conf", rows[i].text, 0640);
        struct locum_config *config = load_with(NODES_WITHOUT, IMPORT);
        if (config != NULL || strstr(report, rows[i].want) == NULL) {
            fail_msg("row %zu: %s", i, report);
        }
    }
    /* A password is never shown. */
    write_file("mirrorbits.conf", "RedisPassword: \"a\\tsecret\"\n", 0640);
    assert_null(load_with(NODES_WITHOUT, IMPORT));
    assert_non_null(strstr(report, "RedisPassword: the value"));
    assert_null(strstr(report, "secret\""));
}

/* A text again and again. The caller frees it. */
static char *
repeat(const char *before, const char *text, size_t count, const char *after)
{
    const size_t size = strlen(before) + count * strlen(text) + strlen(after) + 1;
    char *ret = malloc(size);
    assert_non_null(ret);
    struct locum_text all = locum_text_init(ret, size);
    locum_text_add(&all, before);
    for (size_t i = 0; i < count; i++) {
        locum_text_add(&all, text);
    }
    locum_text_add(&all, after);
    return ret;
}

/* The program reads the file in its loop, and another user may write it: it costs next to nothing,
 * whatever is in it. */
static void
test_a_hostile_file_is_cheap(void **state)
{
    (void)state;
    static const struct {
        const char *before, *text, *after, *want;
        size_t count;
    } rows[] = {
        {"", "[", "", "mirrorbits.conf:1:17: nested deeper than 16 levels", 30000},
        {"", "{", "", "mirrorbits.conf:1:17: nested deeper than 16 levels", 30000},
        {"", "[a,\n", "", "mirrorbits.conf:17:1: nested deeper than 16 levels", 60000},
        {"a: ", "- ", "", "mirrorbits.conf:", 60000},
        {"a: [", "&a x, ", "x]\n", "mirrorbits.conf:1:53: more than 8 anchors and aliases", 40000},
        {"a: &a [x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x,x]\nFallbacks: [", "*a,",
         "*a]\n", "mirrorbits.conf:2:34: more than 8 anchors and aliases", 80000},
    };
    const clock_t begin = clock();
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        char *text = repeat(rows[i].before, rows[i].text, rows[i].count, rows[i].after);
        write_file("mirrorbits.conf", text, 0640);
        free(text);
        struct locum_config *config = load_with(NODES_WITHOUT, IMPORT);
        if (config != NULL || strstr(report, rows[i].want) == NULL) {
            fail_msg("row %zu: %s", i, report);
        }
    }
    assert_true(clock() - begin < 5 * CLOCKS_PER_SEC); /* of this process; each took up to 20 s */
}

/* What Mirrorbits itself accepts: its own keys may be nested, and named once for several places. */
static void
test_depth_and_references_of_another_program(void **state)
{
    (void)state;
    write_file(
        "mirrorbits.conf",
        "A: [[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]\nB: &b [x]\nC: &c x\nD: [*b, *c, *b, *c, *b, *c]\n",
        0640);
    struct locum_config *config = load_with(NODES_WITHOUT, IMPORT);
    assert_non_null(config);
    locum_config_free(config);
}

static void
test_an_absent_file(void **state)
{
    (void)state;
    static const char absent[] = "redis: {mirrorbits-config: absent.conf}\nservice:";
    assert_null(load_with(NODES_WITHOUT, absent));
    assert_non_null(strstr(report, "error: mirrorbits-config: \"absent.conf\" does not exist"));
    assert_null(load_with(NODES, absent));
    struct locum_config *config = load_with(
        NODES, "redis: {mirrorbits-config: absent.conf, master-name: mirrorbits}\nservice:");
    assert_true(is_reported("11:28 warning mirrorbits-config absent.conf\n"));
    assert_non_null(config);
    locum_config_free(config);
    config = load_path("locum.yaml", "ns0");
    assert_non_null(config);
    assert_string_equal(report, ""); /* a witness has no Mirrorbits */
    locum_config_free(config);
    /* What is there and cannot be read is an error. */
    assert_null(
        load_with(NODES, "redis: {mirrorbits-config: ., master-name: mirrorbits}\nservice:"));
    assert_non_null(strstr(report, "not a regular file"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_is_taken_where_nothing_is_written),
        cmocka_unit_test(test_what_is_written_here_has_precedence),
        cmocka_unit_test(test_its_password_is_not_our_users),
        cmocka_unit_test(test_a_file_without_values_gives_nothing),
        cmocka_unit_test(test_an_address_without_a_host),
        cmocka_unit_test(test_case_every_redis_key_is_commented_out),
        cmocka_unit_test(test_case_a_byte_order_mark),
        cmocka_unit_test(test_case_the_rest_of_a_file_is_never_dropped),
        cmocka_unit_test(test_a_file_adds_two_checks),
        cmocka_unit_test(test_listen_addresses),
        cmocka_unit_test(test_errors_of_the_web_service),
        cmocka_unit_test(test_errors_in_it_are_reported_with_their_place),
        cmocka_unit_test(test_a_hostile_file_is_cheap),
        cmocka_unit_test(test_depth_and_references_of_another_program),
        cmocka_unit_test(test_an_absent_file),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
