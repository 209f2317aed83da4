/* vote: who holds a peer silent; each condition violated in turn. */
#include "fixture.h"

#include "core/vote.h"

enum { NOW = 90000 };
enum { SN0 = 3 };

static struct locum_core_config config;
static struct locum_view view;

/* dc2 (me), dc3, ns0 and the Sentinel-only sn0. Nobody is heard; sn0's Sentinel was polled now: it
 * sees my two instances up and holds both of dc3 s_down. */
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
    assert_true(locum_nodes_has(voters, DC2)); /* I always count */
    return voters & ~locum_nodes_of(DC2);
}

/* A coordinator that is heard votes with its letter: s or d. */
static void
test_coordinator(void **state)
{
    (void)state;
    static const bool expected[] = {false, false, true, true, false};
    view.peer[SN0].sentinel.polled = LOCUM_NEVER;
    view.peer[NS0].heard = NOW - TIMEOUT;
    for (unsigned letter = LOCUM_UNKNOWN; letter <= LOCUM_RETURNING; letter++) {
        view.peer[NS0].state_codes[DC3] = letter;
        assert_int_equal(votes(), expected[letter] ? 1u << NS0 : 0);
    }
    view.peer[NS0].state_codes[DC3] = LOCUM_DOWN;
    view.peer[NS0].heard = NOW - TIMEOUT - 1; /* not heard within its limit */
    assert_int_equal(votes(), 0);
    view.peer[NS0].heard = LOCUM_NEVER;
    assert_int_equal(votes(), 0);
}

/* Neither the peer's own word about itself nor a second voice of mine is a vote. */
static void
test_not_the_peer_nor_me(void **state)
{
    (void)state;
    view.peer[DC3].heard = NOW;
    view.peer[DC3].state_codes[DC3] = LOCUM_DOWN;
    view.peer[DC3].sentinel = view.peer[SN0].sentinel;
    view.peer[DC2].sentinel = view.peer[SN0].sentinel;
    view.peer[SN0].sentinel.polled = LOCUM_NEVER;
    assert_int_equal(votes(), 0);
}

/* The word of a coordinator that is heard goes before that of its Sentinel. */
static void
test_word_before_sentinel(void **state)
{
    (void)state;
    view.peer[NS0].sentinel = view.peer[SN0].sentinel;
    assert_int_equal(votes(), 1u << NS0 | 1u << SN0);
    view.peer[NS0].heard = NOW;
    view.peer[NS0].state_codes[DC3] = LOCUM_ALIVE;
    assert_int_equal(votes(), 1u << SN0);
}

/* A Sentinel's vote holds for two polls and 200 ms. */
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

/* Not in TILT. */
static void
test_sentinel_tilt(void **state)
{
    (void)state;
    view.peer[SN0].sentinel.tilt = true;
    assert_int_equal(votes(), 0);
}

/* It must see an instance of a third node up: it may be the one that is cut off. */
static void
test_sentinel_cut_off(void **state)
{
    (void)state;
    struct locum_sentinel_facts *sentinel = &view.peer[SN0].sentinel;
    sentinel->down[DC2] = 1;
    assert_int_equal(votes(), 1u << SN0);
    sentinel->down[DC2] = 2;
    sentinel->known[SN0] = 1; /* its own site is no proof */
    assert_int_equal(votes(), 0);
    sentinel->known[NS0] = 1;
    assert_int_equal(votes(), 1u << SN0);
}

/* At least two instances at the peer, and all of them s_down. */
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

/* Shown in status: whose Sentinel holds a peer down, of however many instances. */
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

/* Reachable: I, who is heard, and whose Sentinel speaks. */
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
        cmocka_unit_test_setup(test_not_the_peer_nor_me, set_up),
        cmocka_unit_test_setup(test_word_before_sentinel, set_up),
        cmocka_unit_test_setup(test_sentinel_age, set_up),
        cmocka_unit_test_setup(test_sentinel_tilt, set_up),
        cmocka_unit_test_setup(test_sentinel_cut_off, set_up),
        cmocka_unit_test_setup(test_sentinel_instances, set_up),
        cmocka_unit_test_setup(test_sentinels_shown, set_up),
        cmocka_unit_test_setup(test_reachable, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
