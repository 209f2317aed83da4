/* degraded: one thing broken at a time, GREEN-1 to 16. */
#include "fixture.h"

#include <stdio.h>

#include "core/degraded.h"
#include "core/vote.h"

enum { SN0 = 3, STEP_MS = 120 };

static struct site site;

/* "condition dc3, vote sn0 on dc3": what is found now. */
static const char *
degraded(void)
{
    static const char *const kinds[] = {"condition",  "service", "excluded", "peers",  "reported",
                                        "udp",        "path",    "sentinel", "tilt",   "vote",
                                        "quorum",     "redis",   "dns",      "family", "unheard",
                                        "mirrorbits", "check",   "fail-open"};
    static char line[1024];
    struct locum_degraded_list list;
    struct locum_text text = locum_text_init(line, sizeof(line));
    locum_degraded_find(&site.core, site.now.mono, &list);
    for (size_t i = 0; i < list.count; i++) {
        locum_text_add(&text, i > 0 ? ", " : "");
        locum_text_add(&text, kinds[list.at[i].kind]);
        if (list.at[i].node != LOCUM_NODE_NONE) {
            locum_text_add_char(&text, ' ');
            locum_text_add(&text, site.core.config.nodes[list.at[i].node].name);
        }
        if (list.at[i].peers != 0) {
            locum_text_add(&text, " on ");
            locum_nodes_add(&text, &site.core.config, list.at[i].peers);
        }
    }
    return line;
}

/* The Sentinel at this node lists both instances of dc2 and dc3, and all are up. */
static void
poll_sentinel(locum_node voter, bool tilt)
{
    struct locum_input input = {.kind = LOCUM_INPUT_SENTINEL};
    input.sentinel.voter = voter;
    input.sentinel.tilt = tilt;
    input.sentinel.known[DC2] = input.sentinel.known[DC3] = 2;
    step(&site, input);
}

/* What goes through Redis in one interval: the own heartbeat, and those of the peers. */
static void
redis_brings(locum_nodes peers)
{
    hear_own(&site, site.core.view.incarnation, site.core.view.seq);
    for (locum_node peer = DC3; peer <= NS0; peer++) {
        if (locum_nodes_has(peers, peer)) {
            hear(&site, peer, LOCUM_PATH_REDIS);
        }
    }
}

/* A second or more in which these are heard by UDP and by Redis. */
static void
pass_all(locum_ms ms, locum_nodes by_udp, locum_nodes by_redis)
{
    for (locum_ms gone = 0; gone < ms; gone += STEP_MS) {
        redis_brings(by_redis);
        pass_hearing(&site, STEP_MS, by_udp);
        poll_sentinel(SN0, false);
    }
}

enum { BOTH = 1u << DC3 | 1u << NS0 };

/* dc2 (self), dc3, ns0 and the Sentinel-only sn0, with Redis and Sentinels; all is well. */
static int
set_up(void **state)
{
    (void)state;
    struct locum_core_config config = config_of(2, 1, 1);
    config.redis = true;
    config.quorum = 2; /* so that it stays without sn0 */
    config.nodes[DC2].redis = config.nodes[DC3].redis = true;
    config.nodes[DC2].sentinel = config.nodes[DC3].sentinel = config.nodes[SN0].sentinel = true;
    begin_well(&site, &config);
    for (locum_node peer = DC3; peer <= NS0; peer++) {
        for (locum_node other = DC2; other <= NS0; other++) {
            site.say[peer].acks[other].state_code = LOCUM_ALIVE;
        }
    }
    set_subscribed(&site, true);
    for (locum_ms gone = 0; gone < 4000; gone += STEP_MS) {
        poll_sentinel(DC2, false);
        poll_sentinel(DC3, false);
        pass_all(STEP_MS, BOTH, BOTH);
    }
    assert_string_equal(degraded(), "");
    assert_int_equal(locum_degraded_own(&site.core, site.now.mono), 0);
    return 0;
}

/* Fresh polls of all Sentinels but sn0, so that only what is tested is broken. */
static void
poll_servers(void)
{
    poll_sentinel(DC2, false);
    poll_sentinel(DC3, false);
}

/* GREEN-2 */
static void
test_condition(void **state)
{
    (void)state;
    for (enum locum_condition each = LOCUM_UNKNOWN; each <= LOCUM_RETURNING; each++) {
        site.core.detector.peer[NS0].condition = each;
        assert_string_equal(degraded(), each == LOCUM_ALIVE ? "" : "condition ns0");
    }
}

/* GREEN-2, also of this node. What the operator wants is not broken. */
static void
test_service(void **state)
{
    (void)state;
    site.core.service.state = LOCUM_PROBATION;
    assert_string_equal(degraded(), "service dc2");
    site.core.service.state = LOCUM_UP;
    site.core.view.peer[DC3].service = LOCUM_SERVICE_DEGRADED;
    assert_string_equal(degraded(), "service dc3");
    site.core.view.peer[DC3].service = LOCUM_FAILING;
    assert_string_equal(degraded(), "service dc3");
    site.core.view.peer[DC3].admin = LOCUM_DRAIN;
    assert_string_equal(degraded(), "service dc3");
    site.core.view.peer[DC3].admin = LOCUM_MAINT; /* it counts as failing anyway */
    assert_string_equal(degraded(), "");
    site.core.view.peer[DC3].service = LOCUM_UP;
    site.core.view.peer[DC3].admin = LOCUM_DRAIN;
    assert_string_equal(degraded(), "");
}

/* GREEN-3 */
static void
test_excluded(void **state)
{
    (void)state;
    site.core.admin.excluded = locum_nodes_of(DC3);
    assert_string_equal(degraded(), "excluded dc3");
}

/* GREEN-4: state code `a` between every two coordinators; not while the one that says it is silent.
 */
static void
test_state_codes(void **state)
{
    (void)state;
    site.core.view.peer[NS0].state_codes[DC3] = LOCUM_SUSPECT;
    assert_string_equal(degraded(), "peers ns0 on dc3");
    site.core.view.peer[NS0].state_codes[DC2] = LOCUM_UNKNOWN; /* this node counts too */
    assert_string_equal(degraded(), "peers ns0 on dc2,dc3");
    assert_int_equal(locum_degraded_own(&site.core, site.now.mono), 0); /* ns0 says it itself */
    site.core.detector.peer[DC3].condition = LOCUM_SUSPECT;             /* said once */
    assert_string_equal(degraded(), "condition dc3, peers ns0 on dc2");
    site.core.detector.peer[DC3].condition = LOCUM_ALIVE;
    site.core.view.peer[NS0].heard = site.now.mono - TIMEOUT - 1;
    assert_string_equal(degraded(), ""); /* its condition will show that */
}

/* GREEN-5: x-degraded of a peer; what is said of oneself is not said again. */
static void
test_reported(void **state)
{
    (void)state;
    site.say[DC3].degraded = 3;
    pass_all(200, BOTH, BOTH);
    assert_int_equal(site.core.view.peer[DC3].degraded, 3);
    assert_string_equal(degraded(), "reported dc3");
    assert_int_equal(locum_degraded_own(&site.core, site.now.mono), 0);
    assert_int_equal(site.core.degraded, 0);
    step(&site, (struct locum_input){.kind = LOCUM_INPUT_DEGRADED, .degraded = true});
    pass_all(200, BOTH, BOTH);
    assert_int_equal(site.core.degraded, 1); /* what the core does not know is said all the same */
    site.core.service.state = LOCUM_FAILING;
    assert_int_equal(locum_degraded_own(&site.core, site.now.mono), 1);
    assert_string_equal(degraded(), "service dc2"); /* dc3 finds that too and reports it */
    site.core.service.state = LOCUM_UP;
    site.core.view.peer[DC3].heard = site.now.mono - TIMEOUT - 1;
    assert_string_equal(degraded(), "");
}

/* GREEN-6: heard, but by one path only for 2 s beyond the limit. */
static void
test_paths(void **state)
{
    (void)state;
    poll_servers();
    pass_all(TIMEOUT + LOCUM_PATH_MS - 200, locum_nodes_of(NS0), BOTH);
    poll_servers();
    assert_string_equal(degraded(), "");
    pass_all(400, locum_nodes_of(NS0), BOTH);
    assert_string_equal(degraded(), "udp dc3");
    pass_all(200, BOTH, BOTH);
    assert_string_equal(degraded(), "");
    poll_servers();
    pass_all(TIMEOUT + LOCUM_PATH_MS - 200, BOTH, locum_nodes_of(DC3));
    poll_servers();
    assert_string_equal(degraded(), "");
    pass_all(400, BOTH, locum_nodes_of(DC3));
    assert_string_equal(degraded(), "path ns0");
}

/* GREEN-6: by which path a peer is heard shows only after it has had the time. */
static void
test_paths_of_a_peer_that_returns(void **state)
{
    (void)state;
    pass_all(10000, locum_nodes_of(NS0), locum_nodes_of(NS0));
    hear(&site, DC3, LOCUM_PATH_UDP);
    commit(&site);
    poll_servers();
    assert_string_equal(degraded(), "");
    pass_all(TIMEOUT + LOCUM_PATH_MS + 200, BOTH, locum_nodes_of(NS0));
    poll_servers();
    assert_string_equal(degraded(), "path dc3");
    site.core.view.grace = site.now.mono; /* after a stall of this node */
    assert_string_equal(degraded(), "");
    site.core.view.grace = 0;
    site.core.view.peer[DC3].grace = site.now.mono;
    assert_string_equal(degraded(), "");
}

/* GREEN-7: own heartbeats come back; a connection alone is not enough. Says nothing of the peers.
 */
static void
test_redis(void **state)
{
    (void)state;
    site.core.view.own_return = site.now.mono - TIMEOUT;
    site.core.view.peer[DC3].path[LOCUM_PATH_REDIS].heard = LOCUM_NEVER;
    site.core.view.peer[DC3].gap = LOCUM_NEVER;
    assert_string_equal(degraded(), "redis");
    set_subscribed(&site, false);
    assert_string_equal(degraded(), "redis");
    site.core.config.redis = false; /* there is none */
    assert_string_equal(degraded(), "");
}

/* GREEN-8: no complete poll of late, or TILT; of this node's own Sentinel too. */
static void
test_sentinel(void **state)
{
    (void)state;
    struct locum_peer_facts *peer = site.core.view.peer;
    peer[DC2].sentinel.polled = site.now.mono - 2 * POLL - 201;
    assert_string_equal(degraded(), "sentinel dc2");
    peer[DC2].sentinel.polled++;
    assert_string_equal(degraded(), "");
    peer[SN0].sentinel.polled = LOCUM_NEVER;
    assert_string_equal(degraded(), "sentinel sn0");
    poll_sentinel(SN0, true);
    assert_string_equal(degraded(), "tilt sn0");
    site.core.config.nodes[SN0].sentinel = false; /* none is configured */
    assert_string_equal(degraded(), "");
}

/* GREEN-9: it answers, but the vote would not count. Not where the configuration cannot have it. */
static void
test_vote(void **state)
{
    (void)state;
    struct locum_sentinel_facts *facts = &site.core.view.peer[SN0].sentinel;
    facts->known[DC3] = 1;
    assert_string_equal(degraded(), "vote sn0 on dc3");
    site.core.config.nodes[DC3].redis = false;
    assert_string_equal(degraded(), "");
    site.core.config.nodes[DC3].redis = true;
    site.core.config.nodes[DC3].sentinel = false;
    assert_string_equal(degraded(), ""); /* its own Sentinel is not asked either */
    site.core.config.nodes[DC3].sentinel = true;
    facts->known[DC3] = 2;
    facts->down[DC2] = 2; /* it sees nobody else up */
    assert_string_equal(degraded(), "vote sn0 on dc3");
    facts->known[DC2] = facts->down[DC2] = 0; /* this node itself needs no vote */
    facts->known[NS0] = 1;
    assert_string_equal(degraded(), "");
    site.core.view.peer[DC2].sentinel.known[DC3] = 0; /* the own Sentinel does not vote here */
    assert_string_equal(degraded(), "");
}

/* GREEN-10: of four, three must agree on dc3: this node, ns0 and the Sentinel. */
static void
test_quorum(void **state)
{
    (void)state;
    site.core.view.peer[SN0].sentinel.polled = LOCUM_NEVER;
    assert_string_equal(degraded(), "sentinel sn0");
    site.core.config.quorum = 3;
    assert_string_equal(degraded(), "quorum dc3, sentinel sn0");
    site.core.detector.peer[DC3].condition = LOCUM_DOWN; /* needs none any more */
    assert_string_equal(degraded(), "condition dc3, sentinel sn0");
    site.core.detector.peer[DC3].condition = LOCUM_ALIVE;
    site.core.config.quorum = 4; /* by configuration (LOSS-5) */
    assert_string_equal(degraded(), "sentinel sn0");
}

/* GREEN-12: by its own word, this node's too, or because questions to it fail. */
static void
test_dns(void **state)
{
    (void)state;
    struct locum_input asked = {
        .kind = LOCUM_INPUT_DNS,
        .dns = {DC3, LOCUM_V4, LOCUM_TRANSPORT_UDP, LOCUM_DNS_SILENT},
    };
    step(&site, asked);
    assert_string_equal(degraded(), ""); /* one may be lost */
    step(&site, asked);
    assert_string_equal(degraded(), "dns dc3");
    asked.dns.state = LOCUM_DNS_OK;
    step(&site, asked);
    assert_string_equal(degraded(), "");
    site.core.view.peer[DC2].dns_claim = LOCUM_DNS_CLOSED;
    assert_string_equal(degraded(), "dns dc2");
}

/* GREEN-13: each family of each node is a leg of its own. */
static void
test_families(void **state)
{
    (void)state;
    site.core.families.unheard[LOCUM_V6] = locum_nodes_of(DC3);
    assert_string_equal(degraded(), "unheard dc3");
    site.core.families.at[DC3][LOCUM_V6].lost = true;
    assert_string_equal(degraded(), "family dc3");
    site.core.families.at[DC3][LOCUM_V4].lost = true;
    site.core.families.at[DC2][LOCUM_V4].lost = true; /* this node knows it of itself */
    assert_string_equal(degraded(), "family dc2, family dc3, family dc3");
}

/* GREEN-14: it was heard, and is not any more, although Redis works. */
static void
test_mirrorbits(void **state)
{
    (void)state;
    struct locum_peer_facts *facts = &site.core.view.peer[DC3];
    site.core.view.own_return_since = site.now.mono - 2 * LOCUM_MIRRORBITS_FORGET_MS;
    assert_string_equal(degraded(), "");
    facts->mirrorbits = site.now.mono - LOCUM_MIRRORBITS_FORGET_MS + 1;
    assert_string_equal(degraded(), "");
    facts->mirrorbits = site.now.mono - LOCUM_MIRRORBITS_FORGET_MS;
    assert_string_equal(degraded(), "mirrorbits dc3");
    facts->admin = LOCUM_MAINT;
    assert_string_equal(degraded(), "");
    site.core.config.check_count = 1; /* that of this node is expected, though never heard */
    site.core.config.checks[0].mirrorbits = true;
    assert_string_equal(degraded(), "mirrorbits dc2");
    site.core.config.check_count = 0;
    facts->admin = LOCUM_READY;
    site.core.view.own_return_since =
        site.now.mono - LOCUM_MIRRORBITS_FORGET_MS + 1; /* Redis did not */
    assert_string_equal(degraded(), "");
}

/* GREEN-16: of this node, until a probe could be run. */
static void
test_check_that_could_not_be_run(void **state)
{
    (void)state;
    site.core.config.check_count = 2;
    site.core.config.checks[1].counts = true;
    site.core.service.check[0].not_run = true;
    assert_string_equal(degraded(), ""); /* it does not count */
    site.core.service.check[1].not_run = true;
    assert_string_equal(degraded(), "check dc2");
    site.core.admin.state = LOCUM_MAINT;
    assert_string_equal(degraded(), "");
    site.core.admin.state = LOCUM_READY;
    site.core.service.check[1].not_run = false;
    assert_string_equal(degraded(), "");
    site.core.config.check_count = 0;
}

/* GREEN-11 */
static void
test_fail_open(void **state)
{
    (void)state;
    site.core.serving.kind = LOCUM_SERVING_FAIL_OPEN;
    assert_string_equal(degraded(), "fail-open");
}

/* VOTE-1, VOTE-2: could vote now, whatever the verdict would be. */
static void
test_a_vote_is_possible_if_all_its_conditions_hold(void **state)
{
    (void)state;
    const locum_ms now = site.now.mono;
    const struct locum_core_config *config = &site.core.config;
    struct locum_view *view = &site.core.view;
    assert_true(locum_vote_possible(view, config, NS0, DC3, now));
    assert_true(locum_vote_possible(view, config, SN0, DC3, now));
    assert_int_equal(locum_vote_reachable(view, config, now), 0xf);
    view->peer[SN0].sentinel.known[DC3] = 1;
    assert_false(locum_vote_possible(view, config, SN0, DC3, now));
    assert_int_equal(locum_vote_reachable(view, config, now), 0x7);
    view->peer[NS0].heard = now - TIMEOUT - 1;
    assert_false(locum_vote_possible(view, config, NS0, DC3, now));
    assert_int_equal(locum_vote_reachable(view, config, now), 0x3);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        TEST(test_condition),
        TEST(test_service),
        TEST(test_excluded),
        TEST(test_state_codes),
        TEST(test_reported),
        TEST(test_paths),
        TEST(test_paths_of_a_peer_that_returns),
        TEST(test_redis),
        TEST(test_sentinel),
        TEST(test_vote),
        TEST(test_quorum),
        TEST(test_dns),
        TEST(test_families),
        TEST(test_mirrorbits),
        TEST(test_check_that_could_not_be_run),
        TEST(test_fail_open),
        TEST(test_a_vote_is_possible_if_all_its_conditions_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
