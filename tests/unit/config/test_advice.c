/* What is told of a configuration that is taken: warnings, its digest, what needs a restart. */
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

static const struct {
    struct change changes[CHANGES_MAX];
    const char *expected;
} risky[] = {
    {{{NODES, "nodes:\n"
              "  dc2: {address: [192.0.2.12]}\n"
              "  dc3: {address: [192.0.2.13]}\n"}},
     "locum.yaml:5:3: warning: a dead node leaves 1 of the 2 votes that the quorum needs: owned "
     "names are never taken over; add a third site (a witness or a sentinel) or write quorum: 1\n"},
    {{{NODES, "nodes:\n"
              "  dc2: {address: [192.0.2.12]}\n"
              "  dc3: {address: [192.0.2.13]}\n"
              "quorum: 1\n"}},
     "locum.yaml:7:9: warning: quorum 1 is less than the majority of 2 nodes (2): nodes that only "
     "lost sight of each other take over each other's names\n"},
    {{{"service:", "quorum: 3\n"
                   "service:"}},
     "locum.yaml:11:9: warning: a dead node leaves 2 of the 3 votes that the quorum needs: owned "
     "names are never taken over; add a third site (a witness or a sentinel) or write quorum: 1\n"},
    {{{NS, NS "    ttl: 29s\n"}},
     "locum.yaml:11:10: warning: ttl 29s is under 30s: many more queries, and some resolvers keep "
     "answers longer anyway\n"},
    {{{NS, NS "    ttl: 30s\n"}}, ""},
    {{{"[192.0.2.13]", "[192.0.2.13, \"2001:db8::13\"]"}},
     "locum.yaml:5:18: warning: server dc2 has no IPv6 address and others have: it cannot stand in "
     "for them there\n"},
    {{{"service:", "heartbeat: {timeout: 500ms}\n"
                   "service:"}},
     "locum.yaml:11:22: warning: only 4 heartbeats fit into the timeout: with less than 6 a lost "
     "packet or two makes a node suspect\n"},
    {{{"service:", "heartbeat: {timeout: 750ms}\n"
                   "service:"}},
     ""},
    {{{", redis: \"10.0.0.12:6379\"", ""}, {", redis: \"10.0.0.13:6379\"", ""}},
     "locum.yaml:5:3: warning: nodes have a sentinel and none has redis: a Sentinel votes on a "
     "site "
     "by the Redis and the Sentinel there, so none can vote\n"},
    {{{", sentinel: \"10.0.0.12:26379\"", ""},
      {", sentinel: \"10.0.0.13:26379\"", ""},
      {", sentinel: \"10.0.0.10:26379\"", ""}},
     "locum.yaml:5:3: warning: nodes have redis and none has a sentinel: a failover of Redis is "
     "followed late, by trying one after the other\n"},
    {{{", sentinel: \"10.0.0.13:26379\"", ""},
      {"role: witness, address: [192.0.2.10]", "role: sentinel"}},
     "locum.yaml:6:3: warning: server dc3 has not both redis and sentinel: node ns0, of role "
     "sentinel, cannot vote on it\n"},
    {{{"role: witness, address: [192.0.2.10]", "role: sentinel"}}, ""},
    {{{CHECK, "    - http: {url: \"https://127.0.0.1/\", ca-file: absent.pem}\n"}},
     "locum.yaml:13:50: warning: ca-file absent.pem: No such file or directory: the check fails "
     "until it can be read\n"},
    {{{CHECK, "    - command: {argv: [/bin/absent]}\n"}},
     "locum.yaml:13:23: warning: program /bin/absent: No such file or directory: the check fails "
     "until it can be run\n"},
};

static void
test_each_risk_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(risky); i++) {
        struct locum_config *config = load_changed(risky[i].changes, CHANGES_MAX);
        assert_string_equal(report, risky[i].expected);
        assert_non_null(config);
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
    assert_string_equal(report, "locum.yaml:11:19: warning: a password in a file that others may "
                                "read: use password-file, or chmod o= this file\n");
    locum_config_free(config);
}

static void
test_what_needs_a_restart(void **state)
{
    (void)state;
    static const struct {
        struct change change;
        const char *key; /* NULL: reloadable */
    } cases[] = {
        {{"", ""}, NULL},
        {{"cluster: get", "cluster: put"}, "cluster"},
        {{"node: dc2", "node: dc3"}, "node"},
        {{"service:", "listen: {http: \"127.0.0.1:1\"}\nservice:"}, "listen"},
        {{"service:", "listen: {control: /tmp/x}\nservice:"}, "listen"},
        {{"service:", "listen: {dns: none}\nservice:"}, "listen"},
        {{"192.0.2.12", "192.0.2.22"}, "listen"},
        {{"192.0.2.13", "192.0.2.23"}, NULL},
        {{"    ns:", "    ttl: 5m\n    ns:"}, NULL},
        {{"service:", "quorum: 3\nservice:"}, NULL},
    };
    struct locum_config *running = load_quietly("", "");
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        const char *key = NULL;
        struct locum_config *next = load_changed(&cases[i].change, 1);
        assert_non_null(next);
        const int status = locum_config_reloadable(running, next, &key);
        assert_int_equal(status, cases[i].key == NULL ? 0 : LOCUM_ERR_REFUSED);
        if (cases[i].key != NULL) {
            assert_string_equal(key, cases[i].key);
        }
        locum_config_free(next);
    }
    locum_config_free(running);
    locum_config_free(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_digest_is_of_what_nodes_share),
        cmocka_unit_test(test_each_risk_is_told),
        cmocka_unit_test(test_a_password_that_others_may_read),
        cmocka_unit_test(test_what_needs_a_restart),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
