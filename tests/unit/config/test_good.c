/* Configurations that are taken: every derived value, every default, every key. */
#include "fixture.h"

#include "config/domain.h"
#include "config/glimpse.h"

#include "base/version.h"

static void
assert_address(const struct locum_address *address, const char *expected)
{
    char buffer[LOCUM_ADDRESS_TEXT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    if (address->port != 0) {
        locum_text_add(&text, locum_address_text(address).text);
    } else {
        locum_text_add(&text, locum_address_host_text(address).text);
    }
    assert_string_equal(buffer, expected);
}

static void
assert_name(const struct locum_config *config, size_t place, const char *name, locum_node owner)
{
    assert_true(place < config->core.name_count);
    assert_string_equal(config->names[place].name, name);
    assert_int_equal(config->core.names[place].owner, owner);
}

/* What is left when only the required keys are written. */
static void
test_defaults_of_the_cluster(void **state)
{
    (void)state;
    struct locum_config *config = load_quietly("", "");
    const struct locum_core_config *core = &config->core;
    assert_string_equal(core->cluster, "get");
    assert_int_equal(core->self, 0);
    assert_int_equal(core->node_count, 3);
    assert_int_equal(core->interval_ms, 125);
    assert_int_equal(core->timeout_ms, 1000);
    assert_int_equal(core->recover_after_ms, 5000);
    assert_int_equal(core->sentinel_poll_ms, 500);
    assert_int_equal(core->quorum, 2);
    assert_int_equal(core->min_serving, 1);
    assert_string_equal(core->version, LOCUM_VERSION);
    assert_int_equal(strlen(core->digest), LOCUM_DIGEST_CHARS);
    assert_string_equal(config->state_dir, "/var/lib/locum");
    assert_string_equal(config->listen_control, "/run/locum/control.sock");
    assert_int_equal(config->events_keep, 1000);
    assert_int_equal(config->dns_workers, 1);
    assert_int_equal(config->rate_limit.responses_per_second, 200);
    assert_int_equal(config->rate_limit.slip, 2);
    assert_int_equal(config->rate_limit.exempt_count, 0);
    assert_int_equal(config->listen_http.port, 0);
    assert_int_equal(config->listen_status_count, 0);
    assert_string_equal(config->path, "locum.yaml");
    assert_int_equal(config->secrets.count, 1);
    assert_int_equal(config->secrets.key[0][31], 0x1f);
    locum_config_free(config);
}

static void
test_defaults_of_nodes(void **state)
{
    (void)state;
    struct locum_config *config = load_quietly("", "");
    const struct locum_core_node *core = config->core.nodes;
    assert_string_equal(core[1].name, "dc3");
    assert_int_equal(core[1].role, LOCUM_ROLE_SERVER);
    assert_int_equal(core[2].role, LOCUM_ROLE_WITNESS);
    assert_int_equal(core[1].failover_count, 0);
    assert_true(core[1].has[LOCUM_V4]);
    assert_false(core[1].has[LOCUM_V6]);
    assert_true(core[2].has[LOCUM_V4]); /* a witness votes by it */
    assert_int_equal(config->nodes[1].address_count, 1);
    assert_address(&config->nodes[1].address[0], "192.0.2.13");
    assert_int_equal(config->nodes[1].peer_port, 9853);
    assert_string_equal(config->nodes[1].redis.host, "10.0.0.13");
    assert_int_equal(config->nodes[1].redis.port, 6379);
    assert_string_equal(config->nodes[2].sentinel.host, "10.0.0.10");
    assert_int_equal(config->nodes[2].sentinel.port, 26379);
    assert_int_equal(config->nodes[2].redis.port, 0);
    assert_string_equal(config->nodes[1].mirrorbits, "dc3");
    locum_config_free(config);
}

static void
test_defaults_of_a_zone(void **state)
{
    (void)state;
    struct locum_config *config = load_quietly("", "");
    const struct locum_config_zone *zone = &config->zones[0];
    assert_int_equal(config->zone_count, 1);
    assert_string_equal(zone->name, "get.example.org.");
    assert_int_equal(zone->policy, LOCUM_ANSWER_SELF);
    assert_int_equal(zone->ttl_s, 60);
    assert_int_equal(zone->failover_ttl_s, 15);
    assert_int_equal(zone->ns_count, 2);
    assert_string_equal(zone->ns[1], "ns2.example.org.");
    assert_string_equal(zone->soa.mname, "ns1.example.org.");
    assert_string_equal(zone->soa.rname, "hostmaster.get.example.org.");
    assert_int_equal(zone->soa.refresh_s, 3600);
    assert_int_equal(zone->soa.retry_s, 600);
    assert_int_equal(zone->soa.expire_s, 7 * 86400);
    assert_int_equal(zone->soa.minimum_s, 15);
    assert_int_equal(zone->record_count, 0);
    assert_int_equal(zone->at.line, 9);
    assert_int_equal(zone->at.column, 5);
    assert_int_equal(config->core.name_count, 3);
    assert_name(config, 0, "get.example.org.", LOCUM_NODE_NONE);
    assert_name(config, 1, "dc2.get.example.org.", 0);
    assert_name(config, 2, "dc3.get.example.org.", 1);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(config->names[i].zone, 0);
        assert_int_equal(config->core.names[i].ttl_s, 60);
        assert_int_equal(config->core.names[i].failover_ttl_s, 15);
        assert_int_equal(config->core.names[i].policy, LOCUM_ANSWER_SELF);
    }
    locum_config_free(config);
}

static void
test_host_names_of_the_cluster(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool known;
    } cases[] = {
        {"dc2", true},
        {"DC2.", true},
        {"ns0", true},
        {"dc4", false},
        {"get.example.org", true},
        {"dc2.get.example.org", true},
        {"any.get.example.org.", true},
        {"ns1.example.org", true}, /* a name server */
        {"ns0.example.org", true}, /* a witness has no name in a zone */
        {"ns9.example.org", false},
        {"example.org", false},
        {"ns0.org", false},
        {"ns0.evil.example", false},
        {"forget.example.org", false},
        {"get.example.org.evil.example", false},
        {"", false},
        {"a b", false},
    };
    struct locum_config *config = load_quietly("", "");
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        if (locum_domain_is_of_cluster(config, locum_slice_of(cases[i].host)) != cases[i].known) {
            fail_msg("%s", cases[i].host);
        }
    }
    locum_config_free(config);
}

static void
test_defaults_of_checks(void **state)
{
    (void)state;
    struct locum_config *config = load_quietly("", "");
    const struct locum_config_check *check = &config->checks[0];
    const struct locum_core_check *core = &config->core.checks[0];
    assert_int_equal(config->core.check_count, 1);
    assert_int_equal(check->kind, LOCUM_CHECK_HTTP);
    assert_string_equal(check->name, "http 127.0.0.1:8080");
    assert_string_equal(check->http.url, "http://127.0.0.1:8080/");
    assert_int_equal(check->http.expect[0].min, 200);
    assert_int_equal(check->http.expect[0].max, 399);
    assert_int_equal(check->http.expect[1].max, 0);
    assert_string_equal(check->http.location_not, "");
    assert_int_equal(check->http.connect_to.port, 0);
    assert_false(check->http.head);
    assert_string_equal(check->http.host, "");
    assert_int_equal(check->timeout_ms, 500);
    assert_int_equal(core->interval_ms, 500);
    assert_int_equal(core->rise, 2);
    assert_int_equal(core->fall, 3);
    assert_true(core->fast_fail);
    assert_false(core->degrades);
    assert_true(core->counts);
    assert_false(core->mirrorbits);
    locum_config_free(config);
}

static void
test_defaults_of_redis(void **state)
{
    (void)state;
    struct locum_config *config = load_quietly("", "");
    assert_string_equal(config->redis.master_name, "mirrorbits");
    assert_string_equal(config->redis.user, "");
    assert_string_equal(config->redis.password, "");
    assert_int_equal(config->redis.db, 0);
    assert_int_equal(config->redis.timeout_ms, 1000);
    locum_config_free(config);
    config = load_quietly(NODES, "nodes:\n"
                                 "  dc2: {address: [192.0.2.12]}\n"
                                 "  dc3: {address: [192.0.2.13]}\n"
                                 "  ns0: {role: witness, address: [192.0.2.10]}\n");
    assert_string_equal(config->redis.master_name, "");
    assert_int_equal(config->core.quorum, 2);
    locum_config_free(config);
}

static void
test_listen_follows_the_node(void **state)
{
    (void)state;
    const struct change change = {"[192.0.2.12]", "[192.0.2.12, \"2001:db8::12\"], port: 9999"};
    struct locum_config *config = load_changed(&change, 1);
    assert_int_equal(config->listen_dns_count, 2);
    assert_address(&config->listen_dns[0], "192.0.2.12:53");
    assert_address(&config->listen_dns[1], "[2001:db8::12]:53");
    assert_int_equal(config->listen_peer_count, 2);
    assert_address(&config->listen_peer[0], "192.0.2.12:9999");
    assert_address(&config->listen_peer[1], "[2001:db8::12]:9999");
    locum_config_free(config);
}

static void
test_listen_as_written(void **state)
{
    (void)state;
    struct locum_config *config = load_quietly(
        "service:",
        "listen: {dns: [\"10.0.0.1:5353\"], peer: [\"10.0.0.1:7000\", \"[::1]:7000\"], http: "
        "\"0.0.0.0:80\", status: [\"0.0.0.0:81\", \"[::]:81\"], control: run/c.sock}\n"
        "service:");
    assert_int_equal(config->listen_dns_count, 1);
    assert_address(&config->listen_dns[0], "10.0.0.1:5353");
    assert_int_equal(config->listen_peer_count, 2);
    assert_address(&config->listen_peer[0], "10.0.0.1:7000");
    assert_address(&config->listen_peer[1], "[::1]:7000");
    assert_address(&config->listen_http, "0.0.0.0:80");
    assert_int_equal(config->listen_status_count, 2);
    assert_address(&config->listen_status[1], "[::]:81");
    assert_string_equal(config->listen_control, "run/c.sock");
    locum_config_free(config);
    config = load_quietly("service:", "listen: {dns: none}\n"
                                      "service:");
    assert_int_equal(config->listen_dns_count, 0);
    assert_int_equal(config->listen_peer_count, 1);
    locum_config_free(config);
}

static void
test_a_witness_serves_nothing(void **state)
{
    (void)state;
    struct locum_config *config = load_quietly("node: dc2", "node: ns0");
    assert_int_equal(config->core.self, 2);
    assert_int_equal(config->listen_dns_count, 0);
    assert_int_equal(config->listen_peer_count, 1);
    assert_address(&config->listen_peer[0], "192.0.2.10:9853");
    assert_int_equal(config->core.check_count, 0);
    locum_config_free(config);
    const struct change changes[] = {{"node: dc2", "node: ns0"},
                                     {"service:\n  checks:\n" CHECK, ""}};
    config = load_changed(changes, 2);
    assert_string_equal(report, "");
    locum_config_free(config);
}

static void
test_every_key_of_the_cluster(void **state)
{
    (void)state;
    struct locum_config *config = load_quietly(
        "service:", "state-dir: /srv/locum\n"
                    "quorum: 2\n"
                    "min-serving: 2\n"
                    "heartbeat: {interval: 250ms, timeout: 2s, recover-after: 10s}\n"
                    "events: {keep: 50}\n"
                    "dns: {workers: 4, rate-limit: {responses-per-second: 50, slip: 1,\n"
                    "      exempt: [192.0.2.53, 203.0.113.0/24, \"2001:db8::/32\"]}}\n"
                    "service:");
    assert_string_equal(config->state_dir, "/srv/locum");
    assert_int_equal(config->core.quorum, 2);
    assert_int_equal(config->core.min_serving, 2);
    assert_int_equal(config->core.interval_ms, 250);
    assert_int_equal(config->core.timeout_ms, 2000);
    assert_int_equal(config->core.recover_after_ms, 10000);
    assert_int_equal(config->events_keep, 50);
    assert_int_equal(config->dns_workers, 4);
    assert_int_equal(config->rate_limit.responses_per_second, 50);
    assert_int_equal(config->rate_limit.slip, 1);
    assert_int_equal(config->rate_limit.exempt_count, 3);
    assert_int_equal(config->rate_limit.exempt[2].bits, 32);
    locum_config_free(config);
}

static void
test_every_key_of_a_node(void **state)
{
    (void)state;
    const struct change change = {
        NODES,
        "nodes:\n"
        "  dc2: {address: [\"2001:DB8::12\"], port: 1, mirrorbits: vm-2.example, failover: [dc4]}\n"
        "  dc3: {address: [\"2001:db8::13\"], failover: [dc4, dc2]}\n"
        "  dc4: {address: [\"2001:db8::14\"], redis: \"[2001:DB8::1]:6379\"}\n"
        "  s1: {role: sentinel, sentinel: \"10.0.0.9:26379\"}\n"};
    struct locum_config *config = load_changed(&change, 1); /* with warnings */
    assert_non_null(config);
    assert_int_equal(config->core.quorum, 3);
    assert_int_equal(config->nodes[0].peer_port, 1);
    assert_string_equal(config->nodes[0].mirrorbits, "vm-2.example");
    assert_true(config->core.nodes[0].has[LOCUM_V6]);
    assert_false(config->core.nodes[0].has[LOCUM_V4]);
    assert_int_equal(config->core.nodes[0].failover_count, 1);
    assert_int_equal(config->core.nodes[0].failover[0], 2);
    assert_int_equal(config->core.nodes[1].failover_count, 2);
    assert_int_equal(config->core.nodes[1].failover[0], 2);
    assert_int_equal(config->core.nodes[1].failover[1], 0);
    assert_string_equal(config->nodes[2].redis.host, "2001:db8::1");
    assert_int_equal(config->core.nodes[3].role, LOCUM_ROLE_SENTINEL);
    assert_int_equal(config->nodes[3].address_count, 0);
    assert_int_equal(config->core.name_count, 4); /* a role sentinel owns nothing */
    locum_config_free(config);
}

static void
test_every_key_of_a_zone(void **state)
{
    (void)state;
    struct locum_config *config = load_quietly(
        NS, "    answer: all\n"
            "    ttl: 5m\n"
            "    failover-ttl: 30s\n"
            "    shared: [\"@\", WWW, a.b]\n"
            "    owned: {dc3: [Three, 3.x], dc2: []}\n"
            "    ns: [NS1.Example.org.]\n"
            "    soa: {mname: hidden.example.org, rname: noc.example.org, refresh: 2h, retry: 5m,\n"
            "          expire: 14d, minimum: 1m}\n"
            "    records:\n"
            "      - \"@ CAA 0 issue \\\"letsencrypt.org\\\"\"\n"
            "      - txt TXT hello\n"
            "  - {name: other.example., ns: [ns1.example.org], shared: [x], ttl: 10m}\n");
    const struct locum_config_zone *zone = &config->zones[0];
    assert_int_equal(zone->policy, LOCUM_ANSWER_ALL);
    assert_int_equal(zone->ttl_s, 300);
    assert_int_equal(zone->failover_ttl_s, 30);
    assert_int_equal(zone->ns_count, 1);
    assert_string_equal(zone->ns[0], "ns1.example.org.");
    assert_string_equal(zone->soa.mname, "hidden.example.org.");
    assert_string_equal(zone->soa.rname, "noc.example.org.");
    assert_int_equal(zone->soa.refresh_s, 7200);
    assert_int_equal(zone->soa.retry_s, 300);
    assert_int_equal(zone->soa.expire_s, 14 * 86400);
    assert_int_equal(zone->soa.minimum_s, 60);
    assert_int_equal(zone->record_count, 2);
    assert_string_equal(zone->records[0].text, "@ CAA 0 issue \"letsencrypt.org\"");
    assert_int_equal(zone->records[1].at.line, 20);
    assert_int_equal(zone->records[1].at.column, 9);
    assert_int_equal(config->zone_count, 2);
    assert_string_equal(config->zones[1].soa.mname, "ns1.example.org.");
    assert_int_equal(config->core.name_count, 8);
    assert_name(config, 1, "www.get.example.org.", LOCUM_NODE_NONE);
    assert_name(config, 2, "a.b.get.example.org.", LOCUM_NODE_NONE);
    assert_name(config, 3, "three.get.example.org.", 1);
    assert_name(config, 4, "3.x.get.example.org.", 1);
    assert_name(config, 5, "x.other.example.", LOCUM_NODE_NONE);
    assert_name(config, 6, "dc2.other.example.", 0);
    assert_int_equal(config->names[6].zone, 1);
    assert_int_equal(config->core.names[0].policy, LOCUM_ANSWER_ALL);
    assert_int_equal(config->core.names[0].ttl_s, 300);
    assert_int_equal(config->core.names[6].policy, LOCUM_ANSWER_SELF);
    assert_int_equal(config->core.names[6].ttl_s, 600);
    locum_config_free(config);
}

static void
test_a_short_ttl_bounds_the_failover_ttl(void **state)
{
    (void)state;
    const struct change change = {NS, NS "    ttl: 10s\n"};
    struct locum_config *config = load_changed(&change, 1);
    assert_int_equal(config->zones[0].failover_ttl_s, 10);
    assert_int_equal(config->zones[0].soa.minimum_s, 10);
    locum_config_free(config);
}

static void
test_every_key_of_checks(void **state)
{
    (void)state;
    struct locum_config *config = load_quietly(
        CHECK, "    - http: {url: \"https://[::1]:8443/x?y\", expect: \"302\", method: HEAD, host: "
               "get.example.org,\n"
               "             interval: 250ms, timeout: 1s, rise: 3, fall: 1, fast-fail: false, "
               "severity: degraded}\n"
               "    - tcp: {address: \"[::1]:80\", interval: 1s}\n"
               "    - mirrorbits: {gate: true, fall: 9}\n");
    assert_int_equal(config->core.check_count, 3);
    assert_string_equal(config->checks[0].name, "https HEAD [::1]:8443/x?y host get.example.org");
    assert_int_equal(config->checks[0].http.expect[0].min, 302);
    assert_int_equal(config->checks[0].http.expect[0].max, 302);
    assert_true(config->checks[0].http.head);
    assert_string_equal(config->checks[0].http.host, "get.example.org");
    assert_int_equal(config->checks[0].timeout_ms, 1000);
    assert_int_equal(config->core.checks[0].interval_ms, 250);
    assert_int_equal(config->core.checks[0].rise, 3);
    assert_int_equal(config->core.checks[0].fall, 1);
    assert_false(config->core.checks[0].fast_fail);
    assert_true(config->core.checks[0].degrades);
    assert_int_equal(config->checks[1].kind, LOCUM_CHECK_TCP);
    assert_string_equal(config->checks[1].name, "tcp [::1]:80");
    assert_address(&config->checks[1].tcp, "[::1]:80");
    assert_int_equal(config->core.checks[1].interval_ms, 1000);
    assert_int_equal(config->core.checks[1].rise, 2);
    assert_true(config->core.checks[1].counts);
    assert_int_equal(config->checks[2].kind, LOCUM_CHECK_MIRRORBITS);
    assert_string_equal(config->checks[2].name, "mirrorbits");
    assert_true(config->core.checks[2].mirrorbits);
    assert_true(config->core.checks[2].counts);
    assert_int_equal(config->core.checks[2].fall, 9);
    locum_config_free(config);
    config = load_quietly(CHECK, "    - http: {url: \"http://[::1]?q\"}\n"
                                 "    - http: {url: \"http://get.example.org:80\"}\n");
    assert_string_equal(config->checks[0].name, "http [::1]?q");
    assert_string_equal(config->checks[1].name, "http get.example.org:80");
    locum_config_free(config);
    config = load_quietly(
        CHECK, "    - http: {url: \"https://get.example.org/f\", connect-to: \"127.0.0.1:8443\", "
               "ca-file: secret, expect: \"200-299,302\",\n"
               "             body: \"^ok$\", body-not: error, location: \"^https:\", "
               "location-not: \"://fallback\"}\n");
    const struct locum_config_check *check = &config->checks[0];
    assert_string_equal(check->name, "https get.example.org/f at 127.0.0.1:8443");
    assert_address(&check->http.connect_to, "127.0.0.1:8443");
    assert_string_equal(check->http.ca_file, "secret");
    assert_int_equal(check->http.expect[0].max, 299);
    assert_int_equal(check->http.expect[1].min, 302);
    assert_int_equal(check->http.expect[2].max, 0);
    assert_string_equal(check->http.body, "^ok$");
    assert_string_equal(check->http.body_not, "error");
    assert_string_equal(check->http.location, "^https:");
    assert_string_equal(check->http.location_not, "://fallback");
    locum_config_free(config);
    config = load_quietly(CHECK, "    - command: {argv: [/bin/sh, -c, \"\", \"a b\\nc\"]}\n");
    assert_int_equal(config->checks[0].kind, LOCUM_CHECK_COMMAND);
    assert_string_equal(config->checks[0].name, "command /bin/sh -c  a b?c");
    assert_int_equal(config->checks[0].command.count, 4);
    assert_memory_equal(config->checks[0].command.at, "/bin/sh\0-c\0\0a b\nc", 18);
    assert_true(config->core.checks[0].counts);
    locum_config_free(config);
    config = load_quietly(CHECK, CHECK "    - mirrorbits: {}\n");
    assert_false(config->core.checks[1].counts); /* it reports only */
    locum_config_free(config);
}

static void
test_every_key_of_redis(void **state)
{
    (void)state;
    write_file("pw", "first line\nsecond", 0600);
    write_file("spw", "sentinels'", 0640);
    struct locum_config *config = load_quietly(
        "service:", "redis: {master-name: my-master, user: locum, password-file: pw, db: 3,\n"
                    "        sentinel-user: s, sentinel-password-file: spw, timeout: 2s,\n"
                    "        sentinel-poll: 250ms}\n"
                    "service:");
    assert_string_equal(config->redis.master_name, "my-master");
    assert_string_equal(config->redis.user, "locum");
    assert_string_equal(config->redis.password, "first line");
    assert_string_equal(config->redis.sentinel_user, "s");
    assert_string_equal(config->redis.sentinel_password, "sentinels'");
    assert_int_equal(config->redis.db, 3);
    assert_int_equal(config->redis.timeout_ms, 2000);
    assert_int_equal(config->core.sentinel_poll_ms, 250);
    locum_config_free(config);
    config = load_quietly("service:", "redis: {password: \" a secret \"}\n"
                                      "service:");
    assert_string_equal(config->redis.password, " a secret ");
    locum_config_free(config);
}

static void
test_utf8_and_a_byte_order_mark(void **state)
{
    (void)state;
    struct locum_config *config = load_quietly(
        "cluster: get", "\xef\xbb\xbf# gr\u00fc\u00dfe \u20ac \U0001f600\ncluster: get");
    locum_config_free(config);
    config = load_quietly("service:", "redis: {password: \"\u20ac\U0001f600\"}\nservice:");
    assert_string_equal(config->redis.password, "\u20ac\U0001f600");
    locum_config_free(config);
}

static void
test_relative_paths_start_at_the_file(void **state)
{
    (void)state;
    char path[256];
    char expected[256];
    const struct change change = {"service:", "state-dir: state/get\n"
                                              "service:"};
    struct locum_config *config = load_changed(&change, 1);
    assert_string_equal(config->state_dir, "state/get");
    locum_config_free(config);
    (void)snprintf(path, sizeof(path), "%s/locum.yaml", folder);
    (void)snprintf(expected, sizeof(expected), "%s/state/get", folder);
    assert_int_equal(chdir("/"), 0);
    config = load_path(path, NULL);
    assert_int_equal(chdir(folder), 0);
    assert_string_equal(report, "");
    assert_string_equal(config->state_dir, expected);
    assert_string_equal(config->path, path);
    locum_config_free(config);
}

/* Commands find the daemon through a file that it would refuse, too. */
static void
test_the_control_socket_of_any_file(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
        bool read;
    } cases[] = {
        {"listen: {control: /tmp/c.sock}\nnonsense: 1\n", "/tmp/c.sock", true},
        {"listen: {control: c.sock}\n", "./c.sock", true},
        {"listen: {control: \"\"}\n", "/run/locum/control.sock", true},
        {"listen: {control: [a]}\n", "/run/locum/control.sock", true},
        {"listen: none\n", "/run/locum/control.sock", true},
        {"cluster: get\n", "/run/locum/control.sock", true},
        {"- a\n", "/run/locum/control.sock", false},
        {"example.org\n", "/run/locum/control.sock", false},
        {"listen: {control\n", "/run/locum/control.sock", false},
    };
    char path[LOCUM_PATH_MAX + 1];
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        write_file("locum.yaml", cases[i].text, 0640);
        assert_int_equal(locum_glimpse_control("./locum.yaml", path), cases[i].read);
        assert_string_equal(path, cases[i].expected);
    }
    assert_false(locum_glimpse_control("nothing.yaml", path));
    assert_string_equal(path, "/run/locum/control.sock");
}

static void
test_the_node_is_the_host(void **state)
{
    (void)state;
    char host[LOCUM_HOST_MAX + 1] = "";
    char nodes[1024];
    assert_int_equal(gethostname(host, sizeof(host) - 1), 0);
    host[strcspn(host, ".")] = '\0';
    if (strlen(host) > LOCUM_NODE_NAME_MAX ||
        strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(host)) {
        skip(); /* this host's name can be no node's */
    }
    (void)snprintf(nodes, sizeof(nodes), "  %s: {address: [192.0.2.99]}\nzones:", host);
    const struct change changes[] = {{"node: dc2\n", ""}, {"zones:", nodes}};
    struct locum_config *config = load_changed(changes, 2);
    assert_string_equal(report, "");
    assert_int_equal(config->core.self, 3);
    locum_config_free(config);
}

static void
test_the_caller_chooses_the_node(void **state)
{
    (void)state;
    write_file("locum.yaml", GOOD, 0640);
    struct locum_config *config = load_path("locum.yaml", "dc3");
    assert_int_equal(config->core.self, 1);
    assert_address(&config->listen_dns[0], "192.0.2.13:53");
    locum_config_free(config);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_of_the_cluster),
        cmocka_unit_test(test_defaults_of_nodes),
        cmocka_unit_test(test_defaults_of_a_zone),
        cmocka_unit_test(test_host_names_of_the_cluster),
        cmocka_unit_test(test_defaults_of_checks),
        cmocka_unit_test(test_defaults_of_redis),
        cmocka_unit_test(test_listen_follows_the_node),
        cmocka_unit_test(test_listen_as_written),
        cmocka_unit_test(test_a_witness_serves_nothing),
        cmocka_unit_test(test_every_key_of_the_cluster),
        cmocka_unit_test(test_every_key_of_a_node),
        cmocka_unit_test(test_every_key_of_a_zone),
        cmocka_unit_test(test_a_short_ttl_bounds_the_failover_ttl),
        cmocka_unit_test(test_every_key_of_checks),
        cmocka_unit_test(test_every_key_of_redis),
        cmocka_unit_test(test_utf8_and_a_byte_order_mark),
        cmocka_unit_test(test_relative_paths_start_at_the_file),
        cmocka_unit_test(test_the_control_socket_of_any_file),
        cmocka_unit_test(test_the_node_is_the_host),
        cmocka_unit_test(test_the_caller_chooses_the_node),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
