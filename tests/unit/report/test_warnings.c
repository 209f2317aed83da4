/* Each warning: what causes it, and that it says what to do. */
#include "view.h"

/* Empty while all is well; otherwise the text of the warning with this key, or NULL. */
static const char *
warning(const char *key)
{
    static char text[1024];
    json_t *warnings = locum_warnings_find(&view);
    const char *found = json_string_value(json_object_get(warnings, key));
    (void)snprintf(text, sizeof(text), "%s", found != NULL ? found : "");
    json_decref(warnings);
    return found != NULL ? text : NULL;
}

static void
assert_warned(const char *key, const char *advice)
{
    const char *text = warning(key);
    if (text == NULL || strstr(text, advice) == NULL) {
        fail_msg("%s with \"%s\": %s", key, advice, text != NULL ? text : "no such warning");
    }
}

static void
test_a_healthy_node_has_no_warnings(void **state)
{
    (void)state;
    json_t *warnings = locum_warnings_find(&view);
    assert_int_equal(json_object_size(warnings), 0);
    assert_int_equal(locum_warnings_count(&view, true), 0);
    json_decref(warnings);
}

static void
test_a_zone_that_is_served_unsigned(void **state)
{
    (void)state;
    (void)snprintf(config.zones[0].dnssec.keys, sizeof(config.zones[0].dnssec.keys), "/k");
    assert_null(warning("dnssec get.example.org."));
    view.zone_lacks_keys[0] = true;
    assert_warned("dnssec get.example.org.", "zone get.example.org. is served unsigned");
    assert_warned("dnssec get.example.org.", "(/k) from another node");
    assert_int_equal(locum_warnings_count(&view, true), 1);
}

static void
test_different_configurations(void **state)
{
    (void)state;
    site.core.view.peer[DC3].digest[0] ^= 1;
    assert_warned("configuration dc3", "compare the files");
    assert_warned("configuration dc3", "different configuration: compare");
}

/* Issue 14: "different configuration" names the key that differs. */
static void
test_the_key_of_a_different_configuration(void **state)
{
    (void)state;
    struct locum_peer_facts *facts = &site.core.view.peer[DC3];
    facts->digest[0] ^= 1;
    memcpy(site.core.config.sections, "000011112222333344445555", LOCUM_SECTIONS_CHARS + 1);
    memcpy(facts->sections, "000011102222333344445551", LOCUM_SECTIONS_CHARS + 1);
    assert_warned("configuration dc3", "different configuration, in zones, min-serving: compare");
    memcpy(facts->sections, "ffff1111", 9); /* of a version that knows fewer sections */
    assert_warned("configuration dc3", "different configuration, in nodes: compare");
}

static void
test_clocks_that_differ_by_more_than_five_seconds(void **state)
{
    (void)state;
    site.core.view.peer[DC3].wall_offset = 5000;
    assert_null(warning("clock dc3"));
    site.core.view.peer[DC3].wall_offset = 5001;
    assert_warned("clock dc3", "NTP");
    site.core.view.peer[DC3].wall_offset = -5001;
    assert_warned("clock dc3", "NTP");
}

static void
test_a_peer_that_does_not_hear_this_node(void **state)
{
    (void)state;
    site.core.view.peer[DC3].one_way = true;
    assert_warned("one-way dc3", "UDP");
    assert_int_equal(locum_warnings_count(&view, true), 0); /* the event one-way has said it */
}

/* RECEIVE-12, RECEIVE-13, INCARNATION-2 */
static void
test_heartbeats_that_no_node_sends_by_itself(void **state)
{
    (void)state;
    struct locum_peer_facts *facts = &site.core.view.peer[DC3];
    assert_null(warning("ignored dc3"));
    assert_null(warning("order dc3"));
    assert_null(warning("incarnation dc3"));
    facts->ignored = facts->order_reset = facts->beyond = view.now.mono;
    facts->beyond_incarnation = (uint64_t)1 << 53;
    assert_warned("ignored dc3", "dc3 with a valid signature were ignored");
    assert_warned("order dc3", "the order was reset");
    assert_warned("incarnation dc3", "dc3 acknowledges run 9007199254740992 of this node");
    assert_int_equal(locum_warnings_count(&view, true), 3);
    wait_ms(59999);
    assert_non_null(warning("ignored dc3"));
    assert_non_null(warning("incarnation dc3"));
    wait_ms(1);
    assert_null(warning("ignored dc3"));
    assert_null(warning("incarnation dc3"));
    wait_ms(539999);
    assert_non_null(warning("order dc3"));
    wait_ms(1);
    assert_null(warning("order dc3"));
}

/* RECEIVE-14 */
static void
test_two_nodes_with_one_name(void **state)
{
    (void)state;
    assert_null(warning("duplicate dc3"));
    site.core.view.peer[DC3].duplicate = view.now.mono;
    assert_warned("duplicate dc3", "two nodes run as dc3");
    wait_ms(60000);
    assert_null(warning("duplicate dc3"));
}

static void
test_an_excluded_peer(void **state)
{
    (void)state;
    step(&site, (struct locum_input){.kind = LOCUM_INPUT_EXCLUDE, .exclude = {DC3, true}});
    assert_warned("excluded dc3", "locum include dc3");
    assert_int_equal(locum_warnings_count(&view, true), 0);
}

/* A firewall: heartbeats come through Redis, and by UDP never, or no more. */
static void
test_a_peer_that_is_heard_by_redis_only(void **state)
{
    (void)state;
    struct locum_peer_facts *facts = &site.core.view.peer[DC3];
    site.core.view.grace = 0;
    facts->heard = view.now.mono;
    facts->gap = view.now.mono - TIMEOUT - LOCUM_PATH_MS;
    facts->path[LOCUM_PATH_UDP].heard = LOCUM_NEVER;
    assert_null(warning("udp dc3"));
    facts->gap--;
    assert_warned("udp dc3", "firewall");
    facts->path[LOCUM_PATH_UDP].heard = facts->gap;
    assert_warned("udp dc3", "9853");
    assert_int_equal(locum_warnings_count(&view, true), 1);
    facts->heard = LOCUM_NEVER; /* not heard at all: its condition shows that */
    assert_null(warning("udp dc3"));
}

/* Own heartbeats come back through Redis, for 10 s now. */
static void
redis_works(void)
{
    site.core.config.redis = true;
    view.redis.connected = true;
    site.core.view.grace = 0;
    site.core.view.subscribed = true;
    site.core.view.own_return = view.now.mono;
    site.core.view.own_return_since = view.now.mono - 10000;
    for (locum_node peer = DC3; peer <= NS0; peer++) {
        site.core.view.peer[peer].gap = view.now.mono - 10000;
        site.core.view.peer[peer].path[LOCUM_PATH_REDIS].heard = view.now.mono;
    }
}

/* cases.md A: the Redis user may not PUBLISH. */
static void
test_the_redis_user_may_not_publish(void **state)
{
    (void)state;
    redis_works();
    assert_null(warning("redis"));
    site.core.view.peer[DC3].path[LOCUM_PATH_REDIS].heard = LOCUM_NEVER; /* dc3 may not */
    assert_warned("redis dc3", "lack PUBLISH on locum:get:heartbeat");
    site.core.view.own_return = view.now.mono - TIMEOUT; /* nor may this node */
    assert_warned("redis", "needs PUBLISH and SUBSCRIBE");
    assert_null(warning("redis dc3")); /* then nothing is known of the others */
    site.core.view.subscribed_at = view.now.mono - TIMEOUT + 1;
    assert_null(warning("redis")); /* the first one is still on its way */
    site.core.view.subscribed_at--;
    assert_warned("redis", "needs PUBLISH and SUBSCRIBE");
    view.redis.connected = false; /* the event redis-lost says that */
    assert_null(warning("redis"));
}

/* cases.md A: Sentinels list a site by host names that no node has. */
static void
test_a_sentinel_that_cannot_vote(void **state)
{
    (void)state;
    struct locum_sentinel_facts *facts = &site.core.view.peer[NS0].sentinel;
    site.core.config.nodes[NS0].sentinel = true;
    site.core.config.nodes[DC3].redis = site.core.config.nodes[DC3].sentinel = true;
    facts->polled = view.now.mono;
    facts->known[DC2] = facts->known[DC3] = 2;
    assert_null(warning("vote ns0"));
    facts->known[DC3] = 1;
    assert_warned("vote ns0", "the Sentinel of ns0 cannot vote on dc3");
}

static void
receive_proved(const char *message, struct locum_proof proof)
{
    locum_evidence_note_message(&evidence, &site.core.config, locum_slice_of(message), &proof,
                                view.now.mono);
}

/* Without keys of nodes. */
static void
receive(const char *message, bool valid, size_t secret)
{
    receive_proved(message,
                   (struct locum_proof){.by_secret = valid, .secret = secret, .counts = valid});
}

/* cases.md A: a coordinator with the right secret that is not in `nodes`. */
static void
test_a_coordinator_that_is_not_in_nodes(void **state)
{
    (void)state;
    receive("locum1 other dc4 1 2 ...", true, 0);
    assert_null(warning("nodes")); /* of another cluster */
    receive("locum1 get dc4-has-a-long-name 1 2 ...", true, 0);
    assert_null(warning("nodes")); /* no node can have that name */
    receive("locum1 get dc4 1 2 ...", true, 0);
    assert_warned("nodes", "dc4 uses this cluster's secret but is not in nodes");
    receive("locum1 get dc5 1 2 ...", true, 0);
    assert_warned("nodes", "dc4 "); /* one after the other */
    assert_null(warning("signature"));
    wait_ms(10000);
    assert_null(warning("nodes"));
    receive("locum1 get dc5 1 2 ...", true, 0);
    assert_warned("nodes", "dc5 ");
}

/* The same, at the new coordinator. */
static void
test_a_peer_that_does_not_list_this_node(void **state)
{
    (void)state;
    site.core.view.peer[DC3].unlisted = view.now.mono;
    assert_warned("nodes dc3", "runs with another configuration, which does not list this node");
    assert_null(warning("one-way dc3"));
    wait_ms(10000);
    assert_null(warning("nodes dc3"));
}

/* HEARTBEAT-8: who is heard by its key, and who by the secret only. */
static void
test_a_node_that_is_heard_by_the_secret_only(void **state)
{
    (void)state;
    static const char message[] = "locum1 get dc3 1 2 ...";
    const struct locum_proof by_secret = {.by_secret = true, .counts = true};
    const struct locum_proof by_both = {.by_secret = true, .by_key = true, .counts = true};
    receive_proved(message, by_secret);
    assert_null(warning("key dc3")); /* this node has no key itself: `locum check` says so */
    config.keyring = (struct locum_keyring *)&config; /* it is not looked into */
    assert_warned("key dc3", "dc3 is heard by the cluster secret only");
    assert_warned("key dc3", "nodes.dc3.key");
    receive_proved(message, by_both);
    assert_null(warning("key dc3"));
    wait_ms(9000);
    receive_proved(message, by_secret);
    assert_null(warning("key dc3"));
    wait_ms(1000);
    assert_warned("key dc3", "heard by the cluster secret only");
    wait_ms(9000);
    assert_null(warning("key dc3")); /* it is not heard any more */
    assert_null(warning("signature dc3"));
}

static void
test_a_heartbeat_by_the_secret_only_where_keys_are_required(void **state)
{
    (void)state;
    static const char message[] = "locum1 get dc3 1 2 ...";
    config.keyring = (struct locum_keyring *)&config;
    config.peer_keys = LOCUM_PEER_KEYS_REQUIRE;
    receive_proved(message, (struct locum_proof){.by_secret = true, .secret = 1});
    assert_null(warning("secret dc3"));
    receive_proved(message, (struct locum_proof){.by_key = true, .secret = 1, .counts = true});
    assert_warned("secret dc3", "first line"); /* the rotation is seen by the keys too */
    receive_proved(message, (struct locum_proof){.by_key = true, .counts = true});
    assert_warned("key dc3", "they do not count (peer-keys: require)");
    assert_warned("key dc3", "someone who knows the secret speaks in its name");
    assert_null(warning("secret dc3"));
    assert_null(warning("signature dc3"));
    assert_false(locum_warnings_matters(&view, "key dc3")); /* its own heartbeats have its key */
    wait_ms(10000);
    receive_proved(message, (struct locum_proof){.by_secret = true});
    assert_true(locum_warnings_matters(&view, "key dc3"));
    wait_ms(60000);
    assert_null(warning("key dc3"));
}

static void
test_a_rotation_of_secrets_that_is_not_finished(void **state)
{
    (void)state;
    receive("locum1 get dc3 1 2 ...", true, 0);
    assert_null(warning("secret dc3"));
    receive("locum1 get dc3 1 3 ...", true, 1);
    assert_warned("secret dc3", "first line");
    receive("locum1 get dc3 1 4 ...", true, 0);
    assert_null(warning("secret dc3"));
    receive("locum1 get dc3 1 5 ...", true, 1);
    site.core.view.peer[DC3].heard = LOCUM_NEVER; /* silent: its last secret says nothing */
    assert_null(warning("secret dc3"));
}

static void
test_invalid_signatures_of_the_last_minute(void **state)
{
    (void)state;
    receive("locum1 get dc3 1 2 ...", false, 0);
    assert_warned("signature dc3", "secret file");
    assert_null(warning("signature"));
    receive("GET / HTTP/1.1", false, 0);
    assert_warned("signature", "unknown sender");
    receive("", false, 0);
    wait_ms(60000);
    assert_null(warning("signature"));
    assert_null(warning("signature dc3"));
}

static void
change_from_suspect(enum locum_condition to)
{
    const struct locum_condition_event event = {.peer = DC3, .from = LOCUM_SUSPECT, .to = to};
    locum_evidence_note_condition(&evidence, &event, view.now.mono);
}

static void
test_three_false_suspicions_within_an_hour(void **state)
{
    (void)state;
    change_from_suspect(LOCUM_DOWN); /* was not false */
    change_from_suspect(LOCUM_ALIVE);
    change_from_suspect(LOCUM_ALIVE);
    assert_null(warning("path dc3"));
    change_from_suspect(LOCUM_ALIVE);
    assert_warned("path dc3", "heartbeat.timeout to 1250ms");
    site.core.config.timeout_ms = 2000;
    assert_warned("path dc3", "2500ms");
    wait_ms(3600000);
    assert_null(warning("path dc3"));
}

static void
test_a_sentinel_in_tilt_where_no_coordinator_votes(void **state)
{
    (void)state;
    struct locum_sentinel_facts *facts = &site.core.view.peer[DC3].sentinel;
    facts->polled = view.now.mono;
    facts->tilt = true;
    assert_null(warning("tilt dc3")); /* its coordinator votes */
    site.core.view.peer[DC3].heard = LOCUM_NEVER;
    assert_warned("tilt dc3", "clock and load");
    facts->tilt = false;
    assert_null(warning("tilt dc3"));
}

/* Another cluster of Mirrorbits on the same Redis, or a wrong redis.db. */
static void
test_a_mirrorbits_of_another_database(void **state)
{
    (void)state;
    view.redis.other_db[DC3] = (struct locum_redis_other_db){.db = 3, .heard_mono = view.now.mono};
    assert_warned("mirrorbits dc3", "database 3, and redis.db is 0");
    site.core.view.peer[DC3].mirrorbits = view.now.mono;
    assert_null(warning("mirrorbits dc3")); /* the one of this cluster is heard too */
    site.core.view.peer[DC3].mirrorbits = LOCUM_NEVER;
    wait_ms(LOCUM_MIRRORBITS_FORGET_MS);
    assert_null(warning("mirrorbits dc3"));
}

/* Case D: "Mirrorbits announces its full host name", if its first label is no node's. */
static void
test_a_mirrorbits_of_no_node(void **state)
{
    (void)state;
    struct locum_redis_mirrorbits *unknown = &view.redis.unknown_mirrorbits;
    *unknown = (struct locum_redis_mirrorbits){"web7.example.org", view.now.mono};
    assert_warned("mirrorbits", "announces itself as web7.example.org");
    assert_warned("mirrorbits", "set nodes.NAME.mirrorbits to that name");
    wait_ms(LOCUM_MIRRORBITS_FORGET_MS);
    assert_null(warning("mirrorbits"));
}

static void
test_instances_that_belong_to_no_node(void **state)
{
    (void)state;
    memcpy(view.redis.unknown_instances, "10.0.0.99:6379", 15);
    assert_warned("unknown-instances", "10.0.0.99:6379");
    assert_warned("unknown-instances", "SENTINEL RESET, but only while all sites are up");
}

static void
test_a_sentinel_that_names_an_unknown_master(void **state)
{
    (void)state;
    struct locum_redis_sentinel *sentinel = &view.redis.sentinels[0];
    view.redis.sentinel_count = 1;
    memcpy(sentinel->where, "10.0.0.10:26379", 16);
    sentinel->node = DC3;
    sentinel->connected = true;
    assert_int_equal(
        locum_address_parse_port(locum_slice_of("10.0.0.99:6379"), &sentinel->unlisted_master), 0);
    assert_warned("unknown-master dc3", "10.0.0.10:26379 names the master 10.0.0.99:6379");
    assert_warned("unknown-master dc3", "set nodes.NAME.redis");
    sentinel->node = LOCUM_NODE_NONE;
    assert_warned("unknown-master", "10.0.0.99:6379");
    sentinel->connected = false;
    assert_null(warning("unknown-master"));
}

static void
test_this_node_itself(void **state)
{
    (void)state;
    run.publish_failed = true;
    assert_warned("answers", "out of date");
    run.publish_failed = false;
    assert_null(warning("answers"));
    run.signing_failed = true;
    assert_warned("answers", "new signatures of signed zones cannot be made");
    assert_true(is_degraded("new signatures of signed zones cannot be made, so the previous ones "
                            "stay until they end: the log (publish-failed) says why"));
    assert_int_equal(locum_warnings_count(&view, true), 0);
    run.dns_closed = 1;
    assert_warned("dns", "log");
    memcpy(view.peer_closed, "192.0.2.12:9853", 16);
    assert_warned("udp", "192.0.2.12:9853");
    assert_true(is_degraded("the peer port is not open at 192.0.2.12:9853: no heartbeat arrives "
                            "there by UDP; see the log"));
    memcpy(view.state_error, "disk full", 10);
    assert_warned("state", "disk full");
    nsd.heard[0] = view.now.mono;
    nsd.report[0] = json_pack("{s:s, s:s}", "state", "failed", "error", "no room");
    assert_warned("nsd get.example.org.", "zone get.example.org.: no room");
    assert_int_equal(locum_warnings_count(&view, true), 4);
    json_decref(nsd.report[0]);
}

/* Anyone can cause it with forged sources, so the status stays OK. */
static void
test_answers_that_are_limited(void **state)
{
    (void)state;
    view.dns.limited = 1;
    memcpy(view.dns.limited_prefix, "198.51.100.0/24", 16);
    assert_warned("rate-limit", "to 198.51.100.0/24 are limited");
    assert_warned("rate-limit", "dns.rate-limit.exempt");
    view.dns.limited = 2;
    assert_warned("rate-limit", "to 198.51.100.0/24 and others are limited");
    assert_true(locum_warnings_has_event("rate-limit"));
    assert_true(locum_warnings_is_limited("rate-limit"));
    assert_int_equal(locum_warnings_count(&view, false), 0);
}

static void
test_a_secondary_that_does_not_confirm_notify(void **state)
{
    (void)state;
    memcpy(view.secondaries.failed, "192.0.2.53:53", 14);
    assert_warned("secondary", "NOTIFY from 192.0.2.53:53 for about");
    assert_warned("secondary", "`locum reload` sends NOTIFY again");
    assert_warned("secondary", "remove it from transfer.notify");
    assert_true(locum_warnings_has_event("secondary"));
    assert_true(locum_warnings_is_limited("secondary"));
    assert_int_equal(locum_warnings_count(&view, true), 1);
}

static void
test_a_family_that_is_lost(void **state)
{
    (void)state;
    site.core.families.at[DC3][LOCUM_V6].lost = true;
    assert_warned("family dc3", "dc3 has lost IPv6: ");
    assert_warned("family dc3", "firewall of dc3 for IPv6");
    site.core.families.at[DC3][LOCUM_V4].lost = true;
    assert_warned("family dc3", "dc3 has lost IPv4 and IPv6: ");
    assert_null(warning("family"));
    site.core.families.at[DC2][LOCUM_V6].lost = true;
    assert_warned("family", "this node has lost IPv6: its peers hear dc2 over the other family");
    site.core.families.absent_since[LOCUM_V6] = view.now.mono;
    assert_warned("family", "one of its addresses (nodes.dc2.address) is not on this host");
    assert_true(locum_warnings_has_event("family"));
}

/* A row of the cases from the field: port 53 is NSD's, and locum-nsd carries one of two zones. */
static void
test_locum_nsd_carries_one_of_two_zones(void **state)
{
    (void)state;
    memcpy(config.zones[1].name, "cdn.example.org.", 17);
    config.zone_count = 2;
    config.listen_dns_count = 0;
    nsd.report[0] = json_pack("{s:s, s:n}", "state", "served", "error");
    wait_ms(LOCUM_NSD_SILENT_MS - 3000);
    nsd.heard[0] = view.now.mono;
    assert_int_equal(locum_warnings_count(&view, true), 0); /* the adapters may still be starting */
    wait_ms(1);
    assert_warned("nsd cdn.example.org.", "no DNS server on this node serves it");
    assert_int_equal(locum_warnings_count(&view, true), 1);
    json_t *worst = locum_report_nsd(&view);
    assert_string_equal(json_string_value(json_object_get(worst, "zone")), "cdn.example.org.");
    json_decref(worst);
    json_decref(nsd.report[0]);
    /* Our own DNS serves both. */
    nsd.report[0] = NULL;
    config.listen_dns_count = 1;
    assert_int_equal(locum_warnings_count(&view, true), 0);
}

static void
test_a_check_that_could_not_be_run_for_a_minute(void **state)
{
    (void)state;
    struct locum_check_state *check = &site.core.service.check[0];
    site.core.config.check_count = 1;
    site.core.config.checks[0].counts = true;
    (void)snprintf(config.checks[0].name, sizeof(config.checks[0].name), "tcp 127.0.0.1:80");
    view.checks[0].last = "could not be run for 1 min 0 s: Too many open files";
    check->not_run = true;
    check->not_run_since = view.now.mono - 59999;
    assert_null(warning("check"));
    check->not_run_since--;
    assert_warned("check", "check tcp 127.0.0.1:80 could not be run for 1 min 0 s: Too many open");
    assert_warned("check", "LimitNOFILE");
    check->not_run = false;
    assert_null(warning("check"));
}

static void
test_a_hook_that_fails(void **state)
{
    struct locum_hooks_state hook = {.name = "url https://a.example", .dropped_at = LOCUM_NEVER};
    (void)state;
    view.hooks[0] = &hook;
    view.hook_count = 1;
    assert_null(warning("hook 1"));
    (void)snprintf(hook.last, sizeof(hook.last), "status 403 in 3 ms");
    hook.failing = true;
    assert_warned("hook 1", "(url https://a.example) did not deliver its last event: status 403");
    assert_warned("hook 1", "run `locum hooks test 1`");
    hook.failing = false;
    hook.dropped = 7;
    hook.dropped_at = view.now.mono - 3599999;
    assert_warned("hook 1", "64 waited for it already (7 so far)");
    hook.dropped_at -= 2;
    assert_null(warning("hook 1"));
    hook.off = true;
    assert_warned("hook 1", "sends nothing");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup_view)
    const struct CMUnitTest tests[] = {
        TEST(test_a_healthy_node_has_no_warnings),
        TEST(test_a_zone_that_is_served_unsigned),
        TEST(test_different_configurations),
        TEST(test_the_key_of_a_different_configuration),
        TEST(test_clocks_that_differ_by_more_than_five_seconds),
        TEST(test_a_peer_that_does_not_hear_this_node),
        TEST(test_heartbeats_that_no_node_sends_by_itself),
        TEST(test_two_nodes_with_one_name),
        TEST(test_an_excluded_peer),
        TEST(test_a_peer_that_is_heard_by_redis_only),
        TEST(test_the_redis_user_may_not_publish),
        TEST(test_a_sentinel_that_cannot_vote),
        TEST(test_a_coordinator_that_is_not_in_nodes),
        TEST(test_a_peer_that_does_not_list_this_node),
        TEST(test_a_node_that_is_heard_by_the_secret_only),
        TEST(test_a_heartbeat_by_the_secret_only_where_keys_are_required),
        TEST(test_a_rotation_of_secrets_that_is_not_finished),
        TEST(test_invalid_signatures_of_the_last_minute),
        TEST(test_three_false_suspicions_within_an_hour),
        TEST(test_a_sentinel_in_tilt_where_no_coordinator_votes),
        TEST(test_a_mirrorbits_of_another_database),
        TEST(test_a_mirrorbits_of_no_node),
        TEST(test_instances_that_belong_to_no_node),
        TEST(test_a_sentinel_that_names_an_unknown_master),
        TEST(test_this_node_itself),
        TEST(test_answers_that_are_limited),
        TEST(test_a_secondary_that_does_not_confirm_notify),
        TEST(test_a_family_that_is_lost),
        TEST(test_locum_nsd_carries_one_of_two_zones),
        TEST(test_a_check_that_could_not_be_run_for_a_minute),
        TEST(test_a_hook_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
