/* vote: VOTE-1, VOTE-2; each of their conditions violated once. */
#include "fixture.h"

#include "core/vote.h"

enum { NOW = 90000 };
enum { SN0 = 3 };

static struct locum_core_config config;
static struct locum_view view;

/* dc2 (self), dc3, ns0 and the Sentinel-only sn0. No peer is heard; sn0's Sentinel was polled now:
 * it reports both instances of dc2 up and both of dc3 s_down. */
static int
set_up(void **state)
{
    (void)state;
    config = config_of(2, 1, 1);
    locum_view_init(&view, (struct locum_now){.mono = 50000}, 77);
    struct locum_sentinel_facts *sentinel = &view.peer[SN0].sentinel;
    sentinel->polled = NOW;
    sentinel->known[DC2] = 2;
    sentinel->known[DC3] = 2;
    sentinel->down[DC3] = 2;
    return 0;
}

static locum_nodes
votes(void)
{
    const locum_nodes voters = locum_vote_count(&view, &config, DC3, NOW);
    assert_true(locum_nodes_has(voters, DC2)); /* VOTE-3: self always counts */
    return voters & ~locum_nodes_of(DC2);
}

/* VOTE-1: a coordinator that is heard votes with its state code: s or d. */
static void
test_coordinator(void **state)
{
    (void)state;
    static const bool expected[] = {false, false, true, true, false};
    view.peer[SN0].sentinel.polled = LOCUM_NEVER;
    view.peer[NS0].heard = NOW - TIMEOUT;
    for (unsigned code = LOCUM_UNKNOWN; code <= LOCUM_RETURNING; code++) {
        view.peer[NS0].state_codes[DC3] = code;
        assert_int_equal(votes(), expected[code] ? 1u << NS0 : 0);
    }
    view.peer[NS0].state_codes[DC3] = LOCUM_DOWN;
    view.peer[NS0].heard = NOW - TIMEOUT - 1; /* not heard within its limit */
    assert_int_equal(votes(), 0);
    view.peer[NS0].heard = LOCUM_NEVER;
    assert_int_equal(votes(), 0);
}

/* VOTE-1: neither the peer nor self (a second time) has a vote. */
static void
test_peer_and_self_have_no_vote(void **state)
{
    (void)state;
    view.peer[DC3].heard = NOW;
    view.peer[DC3].state_codes[DC3] = LOCUM_DOWN;
    view.peer[DC3].sentinel = view.peer[SN0].sentinel;
    view.peer[DC2].sentinel = view.peer[SN0].sentinel;
    view.peer[SN0].sentinel.polled = LOCUM_NEVER;
    assert_int_equal(votes(), 0);
}

/* VOTE-2: only if the coordinator is not heard does its Sentinel vote. */
static void
test_coordinator_before_sentinel(void **state)
{
    (void)state;
    view.peer[NS0].sentinel = view.peer[SN0].sentinel;
    assert_int_equal(votes(), 1u << NS0 | 1u << SN0);
    view.peer[NS0].heard = NOW;
    view.peer[NS0].state_codes[DC3] = LOCUM_ALIVE;
    assert_int_equal(votes(), 1u << SN0);
}

/* VOTE-2: a poll counts for two poll intervals and 200 ms. */
static void
test_sentinel_age(void **state)
{
    (void)state;
    view.peer[SN0].sentinel.polled = NOW - 2 * POLL - 200;
    assert_int_equal(votes(), 1u << SN0);
    view.peer[SN0].sentinel.polled = NOW - 2 * POLL - 201;
    assert_int_equal(votes(), 0);
    view.peer[SN0].sentinel.polled = LOCUM_NEVER;
    assert_int_equal(votes(), 0);
}

/* VOTE-2: not in TILT. */
static void
test_sentinel_tilt(void **state)
{
    (void)state;
    view.peer[SN0].sentinel.tilt = true;
    assert_int_equal(votes(), 0);
}

/* VOTE-2: it must see an instance of a third node up, or it may be cut off itself. */
static void
test_sentinel_cut_off(void **state)
{
    (void)state;
    struct locum_sentinel_facts *sentinel = &view.peer[SN0].sentinel;
    sentinel->down[DC2] = 1;
    assert_int_equal(votes(), 1u << SN0);
    sentinel->down[DC2] = 2;
    sentinel->known[SN0] = 1; /* its own site does not count */
    assert_int_equal(votes(), 0);
    sentinel->known[NS0] = 1;
    assert_int_equal(votes(), 1u << SN0);
}

/* VOTE-2: at least two instances at the peer, and all of them s_down. */
static void
test_sentinel_instances(void **state)
{
    (void)state;
    struct locum_sentinel_facts *sentinel = &view.peer[SN0].sentinel;
    sentinel->down[DC3] = 1;
    assert_int_equal(votes(), 0);
    sentinel->known[DC3] = 1;
    assert_int_equal(votes(), 0);
    sentinel->known[DC3] = 0;
    sentinel->down[DC3] = 0;
    assert_int_equal(votes(), 0);
    sentinel->known[DC3] = 3;
    sentinel->down[DC3] = 3;
    assert_int_equal(votes(), 1u << SN0);
}

/* For status: the Sentinels that report a peer down, with any number of instances. */
static void
test_sentinels_shown(void **state)
{
    (void)state;
    struct locum_sentinel_facts *sentinel = &view.peer[SN0].sentinel;
    assert_int_equal(locum_vote_sentinels(&view, &config, DC3, NOW), 1u << SN0);
    sentinel->known[DC3] = 1;
    assert_int_equal(locum_vote_sentinels(&view, &config, DC3, NOW), 0);
    sentinel->down[DC3] = 1;
    assert_int_equal(locum_vote_sentinels(&view, &config, DC3, NOW), 1u << SN0);
    assert_int_equal(locum_vote_sentinels(&view, &config, NS0, NOW), 0); /* knows none there */
    assert_true(locum_vote_sentinels_speak(&view, &config, NOW));
    sentinel->tilt = true;
    assert_int_equal(locum_vote_sentinels(&view, &config, DC3, NOW), 0);
    assert_false(locum_vote_sentinels_speak(&view, &config, NOW));
}

/* Reachable: self, the peers that are heard, and those whose Sentinel counts. */
static void
test_reachable(void **state)
{
    (void)state;
    assert_int_equal(locum_vote_reachable(&view, &config, NOW), 1u << DC2 | 1u << SN0);
    view.peer[NS0].heard = NOW;
    view.peer[SN0].sentinel.polled = LOCUM_NEVER;
    assert_int_equal(locum_vote_reachable(&view, &config, NOW), 1u << DC2 | 1u << NS0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_coordinator, set_up),
        cmocka_unit_test_setup(test_peer_and_self_have_no_vote, set_up),
        cmocka_unit_test_setup(test_coordinator_before_sentinel, set_up),
        cmocka_unit_test_setup(test_sentinel_age, set_up),
        cmocka_unit_test_setup(test_sentinel_tilt, set_up),
        cmocka_unit_test_setup(test_sentinel_cut_off, set_up),
        cmocka_unit_test_setup(test_sentinel_instances, set_up),
        cmocka_unit_test_setup(test_sentinels_shown, set_up),
        cmocka_unit_test_setup(test_reachable, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
