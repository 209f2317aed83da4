/* Of a configuration that is accepted: warnings, its digest, what needs a restart. */
#include "fixture.h"

static char *
digest_after(const char *from, const char *to, const char *node, char digest[16])
{
    const struct change change = {from, to};
    struct locum_config *config = load_changed(&change, 1);
    locum_config_free(config);
    config = load_path("locum.yaml", node);
    assert_non_null(config);
    (void)snprintf(digest, 16, "%s", config->core.digest);
    locum_config_free(config);
    return digest;
}

static void
test_the_digest_is_of_what_nodes_share(void **state)
{
    (void)state;
    char good[16];
    char other[16];
    static const struct change alike[] = {
        {"node: dc2", "node: ns0"},
        {"get.example.org", "GET.example.org."},
        {"    ns:", "    ttl: 60s # as by default\n    ns:"},
        {"service:", "listen: {http: \"127.0.0.1:1\"}\nredis: {password: x}\nservice:"},
        {"http://127.0.0.1:8080/", "http://127.0.0.1:8081/"},
    };
    static const struct change unlike[] = {
        {"192.0.2.13", "192.0.2.14"},
        {"role: witness", "role: server"},
        {"10.0.0.13:6379", "10.0.0.14:6379"},
        {"cluster: get", "cluster: put"},
        {"    ns:", "    ttl: 61s\n    ns:"},
        {"ns2.", "ns3."},
        {"    ns:", "    records: [\"x TXT y\"]\n    ns:"},
        {"    ns:", "    owned: {}\n    ns:"},
        {"service:", "quorum: 3\nservice:"},
        {"service:", "redis: {db: 1}\nservice:"},
        {"address: [192.0.2.13]", "failover: [dc2], address: [192.0.2.13]"},
        {"service:", "heartbeat: {interval: 100ms}\nservice:"},
    };
    (void)digest_after("", "", "dc2", good);
    assert_string_equal(digest_after("", "", "dc3", other), good);
    for (size_t i = 0; i < LOCUM_COUNT(alike); i++) {
        assert_string_equal(digest_after(alike[i].from, alike[i].to, NULL, other), good);
    }
    for (size_t i = 0; i < LOCUM_COUNT(unlike); i++) {
        assert_string_not_equal(digest_after(unlike[i].from, unlike[i].to, "dc2", other), good);
    }
}

/* Issue 14: each change is one of the sections that a peer's warning names. */
static void
test_each_section_has_a_digest(void **state)
{
    (void)state;
    static const struct {
        enum locum_section section;
        const char *from, *to;
    } rows[] = {
        {LOCUM_SECTION_NODES, "192.0.2.13", "192.0.2.14"},
        {LOCUM_SECTION_NODES, "address: [192.0.2.13]", "failover: [dc2], address: [192.0.2.13]"},
        {LOCUM_SECTION_ZONES, "    ns:", "    ttl: 61s\n    ns:"},
        {LOCUM_SECTION_ZONES, "    ns:", "    owned: {}\n    ns:"},
        {LOCUM_SECTION_HEARTBEAT, "service:", "heartbeat: {interval: 100ms}\nservice:"},
        {LOCUM_SECTION_REDIS, "service:", "redis: {db: 1}\nservice:"},
        {LOCUM_SECTION_QUORUM, "service:", "quorum: 3\nservice:"},
        {LOCUM_SECTION_MIN_SERVING, "service:", "min-serving: 2\nservice:"},
    };
    char good[LOCUM_SECTIONS_CHARS + 1];
    struct locum_config *config = load_changed(NULL, 0);
    memcpy(good, config->core.sections, sizeof(good));
    assert_int_equal(strlen(good), LOCUM_SECTIONS_CHARS);
    locum_config_free(config);
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        const struct change change = {rows[i].from, rows[i].to};
        config = load_changed(&change, 1);
        assert_non_null(config);
        for (enum locum_section section = 0; section < LOCUM_SECTIONS; section++) {
            const size_t at = section * LOCUM_SECTION_CHARS;
            const bool equal =
                memcmp(good + at, config->core.sections + at, LOCUM_SECTION_CHARS) == 0;
            assert_int_equal(equal, section != rows[i].section);
        }
        locum_config_free(config);
    }
}

static const struct broken risky[] = {
    {"the quorum needs every node",
     {{NODES, "nodes:\n"
              "  dc2: {address: [192.0.2.12]}\n"
              "  dc3: {address: [192.0.2.13]}\n"}},
     "5:3 quorum 2 votes 1 third site\n"},
    {"the only server",
     {{NODES, "nodes:\n"
              "  dc2: {address: [192.0.2.12]}\n"}},
     "5:3 nodes dc2 only server\n"},
    {"a quorum below the majority",
     {{NODES, "nodes:\n"
              "  dc2: {address: [192.0.2.12]}\n"
              "  dc3: {address: [192.0.2.13]}\n"
              "quorum: 1\n"}},
     "7:9 quorum 1 majority 2\n"},
    {"a written quorum needs every node",
     {{"service:", "quorum: 3\n"
                   "service:"}},
     "11:9 quorum 3 votes 2\n"},
    {"a short ttl", {{NS, NS "    ttl: 29s\n"}}, "11:10 ttl 29s 30s\n"},
    {"a ttl that is just long enough", {{NS, NS "    ttl: 30s\n"}}, ""},
    {"a server lacks a family",
     {{"[192.0.2.13]", "[192.0.2.13, \"2001:db8::13\"]"}},
     "5:18 address dc2 IPv6\n"},
    {"too few nodes have a family for a vote in it",
     {{"[192.0.2.12]", "[192.0.2.12, \"2001:db8::12\"]"},
      {"[192.0.2.13]", "[192.0.2.13, \"2001:db8::13\"]"}},
     "5:18 address 2 dc2 IPv6 vote report\n"},
    {"enough nodes have a family for a vote in it",
     {{"[192.0.2.12]", "[192.0.2.12, \"2001:db8::12\"]"},
      {"[192.0.2.13]", "[192.0.2.13, \"2001:db8::13\"]"},
      {"address: [192.0.2.10]", "address: [192.0.2.10, \"2001:db8::10\"]"}},
     ""},
    {"no common address family between two coordinators",
     {{"[192.0.2.13]", "[\"2001:db8::13\"]"}, {"[192.0.2.10]", "[192.0.2.10, \"2001:db8::10\"]"}},
     "5:18 address dc2 IPv6\n6:18 address dc3 IPv4\n"
     "6:18 address dc3 (IPv6) dc2 (IPv4) common UDP\n"},
    {"no common address family with the sockets of this node",
     {{"service:", "listen: {peer: [\"[2001:db8::12]:9853\"]}\n"
                   "service:"}},
     "6:18 address dc3 (IPv4) dc2 (IPv6) common UDP\n"
     "7:33 address ns0 (IPv4) dc2 (IPv6) common UDP\n"},
    {"few heartbeats in the timeout",
     {{"service:", "heartbeat: {timeout: 500ms}\n"
                   "service:"}},
     "11:22 timeout 4 6\n"},
    {"just enough heartbeats in the timeout",
     {{"service:", "heartbeat: {timeout: 750ms}\n"
                   "service:"}},
     ""},
    {"Sentinels without Redis",
     {{", redis: \"10.0.0.12:6379\"", ""}, {", redis: \"10.0.0.13:6379\"", ""}},
     "5:3 none redis Sentinel password\n5:3 sentinel redis vote\n"},
    {"Redis without Sentinels",
     {{", sentinel: \"10.0.0.12:26379\"", ""},
      {", sentinel: \"10.0.0.13:26379\"", ""},
      {", sentinel: \"10.0.0.10:26379\"", ""}},
     "5:3 redis sentinel failover late\n"},
    {"a Sentinel cannot vote on a server",
     {{", sentinel: \"10.0.0.13:26379\"", ""},
      {"role: witness, address: [192.0.2.10]", "role: sentinel"}},
     "6:3 dc3 redis sentinel ns0 vote\n"},
    {"a Sentinel can vote on every server",
     {{"role: witness, address: [192.0.2.10]", "role: sentinel"}},
     ""},
    {"authorities that cannot be read",
     {{CHECK, "    - http: {url: \"https://127.0.0.1/\", ca-file: absent.pem}\n"}},
     "13:50 ca-file absent.pem read\n"},
    {"authorities that are no file",
     {{CHECK, "    - http: {url: \"https://127.0.0.1/\", ca-file: .}\n"}},
     "13:50 ca-file regular\n"},
    {"authorities of a tls check that cannot be read",
     {{CHECK, "    - tls: {address: \"127.0.0.1:443\", ca-file: absent.pem}\n"}},
     "13:48 ca-file absent.pem read\n"},
    {"a program that cannot be run",
     {{CHECK, "    - command: {argv: [/bin/absent]}\n"}},
     "13:23 argv /bin/absent run\n"},
    {"a hook with a program that cannot be run",
     {{"service:", HOOK("on: [service], command: [/bin/absent]")}},
     "11:34 warning command /bin/absent run\n"},
    {"ACME clients without a zone that has challenges",
     {{"service:", "acme: {keys: keys}\nservice:"}},
     "11:7 acme dns-01\n"},
    {"signed updates without an address of Locum's own",
     {{NS, NS "    acme: {}\n"}, {"service:", "acme: {keys: keys}\nlisten: {dns: none}\nservice:"}},
     "12:14 keys listen.dns acme.listen\n"},
    {"a hook without TLS",
     {{"service:", HOOK("on: [service], url: \"http://127.a.example/\"")}},
     "11:30 warning url plain https\n"},
    {"a hook without TLS on this host",
     {{"service:", "hooks:\n  - {on: [service], url: \"http://127.0.0.1:80/x\"}\n"
                   "  - {on: [service], url: \"http://localhost/x\"}\n"
                   "  - {on: [service], url: \"http://[::1]:8080/x\"}\nservice:"}},
     ""},
};

static void
test_each_risk_is_a_warning(void **state)
{
    (void)state;
    write_file("keys", TSIG_KEY, 0600);
    for (size_t i = 0; i < LOCUM_COUNT(risky); i++) {
        struct locum_config *config = load_changed(risky[i].changes, CHANGES_MAX);
        prose_add(risky[i].name);
        if (config == NULL || !is_reported(risky[i].expected)) {
            fail_msg("%s: expected %s, reported %s", risky[i].name, risky[i].expected, report);
        }
        assert_null(strstr(report, "error:"));
        locum_config_free(config);
    }
}

static void
test_a_password_that_others_may_read(void **state)
{
    (void)state;
    const struct change change = {"service:", "redis: {password: x}\n"
                                              "service:"};
    locum_config_free(load_changed(&change, 1));
    assert_string_equal(report, "");
    assert_int_equal(chmod("locum.yaml", 0644), 0);
    struct locum_config *config = load_path("locum.yaml", NULL);
    assert_non_null(config);
    assert_true(is_reported("11:19 warning password password-file chmod\n"));
    locum_config_free(config);
}

static void
test_a_secret_header_that_others_may_read(void **state)
{
    (void)state;
    static const struct {
        const char *headers;
        const char *expected;
    } rows[] = {
        {"{Accept: x, Authorization: hush}", "13:54 warning headers Authorization chmod !hush\n"},
        {"{X-Api-Key: y, Cookie: z}", "13:54 warning headers X-Api-Key chmod\n"},
        {"{my-TOKEN: y}", "13:54 warning headers my-TOKEN chmod\n"},
        {"{X-Forwarded-Proto: token}", ""},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        char check[200];
        (void)snprintf(check, sizeof(check),
                       "    - http: {url: \"http://127.0.0.1:8080/\", headers: %s}\n",
                       rows[i].headers);
        const struct change change = {CHECK, check};
        locum_config_free(load_changed(&change, 1));
        assert_string_equal(report, "");
        assert_int_equal(chmod("locum.yaml", 0644), 0);
        locum_config_free(load_path("locum.yaml", NULL));
        if (!is_reported(rows[i].expected)) {
            fail_msg("%s: reported %s", rows[i].headers, report);
        }
    }
}

static void
test_the_query_of_a_hook_that_others_may_read(void **state)
{
    (void)state;
    const struct change change = {"service:",
                                  HOOK("on: [service], url: \"https://a.example/?token=hush\"")};
    locum_config_free(load_changed(&change, 1));
    assert_string_equal(report, "");
    assert_int_equal(chmod("locum.yaml", 0644), 0);
    locum_config_free(load_path("locum.yaml", NULL));
    assert_true(is_reported("11:30 warning url query chmod !hush\n"));
    write_file("locum.yaml", GOOD, 0640);
}

static void
test_a_secret_that_can_be_guessed(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        const char *expected; /* NULL: no warning */
    } cases[] = {
        {"0000000000000000000000000000000000000000000000000000000000000000\n", "secret number 1 "},
        {"abababababababababababababababababababababababababababababababab\n", "secret number 1 "},
        {"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n", "secret number 1 "},
        {SECRET_LINE "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\n",
         "secret number 2 "},
        {SECRET_LINE, NULL},
        {"0000000000000000000000000000000000000000000000000000000000000001\n", NULL},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        write_file("secret", cases[i].file, 0640);
        locum_config_free(load_path("locum.yaml", NULL));
        if (cases[i].expected != NULL ? strstr(report, cases[i].expected) == NULL
                                      : report[0] != '\0') {
            fail_msg("%zu: reported %s", i, report);
        }
    }
    write_file("secret", SECRET_LINE, 0640);
}

static void
test_a_change_that_needs_a_restart(void **state)
{
    (void)state;
    static const struct {
        struct change change;
        const char *key; /* NULL: reloadable */
    } cases[] = {
        {{"", ""}, NULL},
        {{"cluster: get", "cluster: put"}, "cluster"},
        {{"node: dc2", "node: dc3"}, "node"},
        {{"service:", "listen: {http: \"127.0.0.1:1\"}\nservice:"}, "listen.http"},
        {{"service:", "listen: {control: /tmp/x}\nservice:"}, "listen.control"},
        {{"service:", "listen: {dns: none}\nservice:"}, NULL},
        {{"192.0.2.12", "192.0.2.22"}, "listen.peer follows nodes.dc2.address, which"},
        {{"service:", "state-dir: /tmp\nservice:"}, "state-dir"},
        {{"service:", "dns: {workers: 2}\nservice:"}, "dns.workers"},
        {{"  dc2: {address", "  dc2: {port: 1, address"},
         "listen.peer follows nodes.dc2.port, which"},
        {{"service:", "listen: {peer: [\"192.0.2.12:1\"]}\nservice:"}, "listen.peer"},
        {{"192.0.2.13", "192.0.2.23"}, NULL},
        {{"    ns:", "    ttl: 5m\n    ns:"}, NULL},
        {{"service:", "quorum: 3\nservice:"}, NULL},
    };
    struct locum_config *running = load_quietly("", "");
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        char buffer[200];
        struct locum_text key = locum_text_init(buffer, sizeof(buffer));
        struct locum_config *next = load_changed(&cases[i].change, 1);
        assert_non_null(next);
        const int status = locum_config_reloadable(running, next, &key);
        assert_int_equal(status, cases[i].key == NULL ? 0 : LOCUM_ERR_REFUSED);
        if (cases[i].key != NULL) {
            char expected[200];
            (void)snprintf(expected, sizeof(expected), "%s changed", cases[i].key);
            assert_string_equal(buffer, expected);
        }
        locum_config_free(next);
    }
    locum_config_free(running);
    locum_config_free(NULL);
}

static int
begin(void **state)
{
    return prose_begin("test_advice") ? setup(state) : 1;
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_digest_is_of_what_nodes_share),
        cmocka_unit_test(test_each_section_has_a_digest),
        cmocka_unit_test(test_each_risk_is_a_warning),
        cmocka_unit_test(test_the_prose_is_as_kept),
        cmocka_unit_test(test_a_password_that_others_may_read),
        cmocka_unit_test(test_a_secret_header_that_others_may_read),
        cmocka_unit_test(test_the_query_of_a_hook_that_others_may_read),
        cmocka_unit_test(test_a_secret_that_can_be_guessed),
        cmocka_unit_test(test_a_change_that_needs_a_restart),
    };
    const int failed = cmocka_run_group_tests(tests, begin, teardown);
    return prose_write(argc, argv) != 0 ? 1 : failed;
}
