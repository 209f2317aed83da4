/* reconfigure: facts follow the name. assume: `explain --if`. */
#include "bench.h"

/* dc2's site with a new server dc4 between dc2 and dc3, and without the witness. */
static struct locum_core_config
moved_site(void)
{
    struct locum_core_config config = cluster(DC2, 2, 0, 0);
    strcpy(config.nodes[1].name, "dc4");
    site_node(&config, "dc3", LOCUM_ROLE_SERVER);
    site_name(&config, LOCUM_NODE_NONE, LOCUM_ANSWER_SELF);
    for (locum_node node = 0; node < 3; node++) {
        site_name(&config, node, LOCUM_ANSWER_SELF);
    }
    config.checks[0] = article(DC2).checks[0];
    config.check_count = 1;
    return config;
}

static void
test_facts_follow_the_name(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    const struct locum_core_config moved = moved_site();
    bench_start_without_dc3(&bench, &config);
    struct locum_view *view = &bench.core.view;
    view->peer[DC3].state_codes[NS0] = LOCUM_SUSPECT;
    view->peer[DC3].state_codes[DC2] = LOCUM_RETURNING;
    view->peer[DC3].sentinel.known[DC3] = 2;
    view->peer[DC3].sentinel.down[NS0] = 1;
    bench.core.admin.excluded = 1u << DC3 | 1u << NS0;
    const struct locum_peer_facts dc3 = view->peer[DC3];
    const uint64_t incarnation = view->incarnation;
    const uint64_t seq = view->seq;
    locum_core_reconfigure(&bench.core, &moved, 0, at(START + 1200));
    assert_int_equal(view->incarnation, incarnation);
    assert_int_equal(view->seq, seq);
    assert_int_equal(view->peer[2].order.seq, dc3.order.seq);
    assert_int_equal(view->peer[2].heard, dc3.heard);
    assert_int_equal(view->peer[2].state_codes[DC2], LOCUM_RETURNING);
    assert_int_equal(view->peer[2].state_codes[1], LOCUM_UNKNOWN);
    assert_int_equal(view->peer[2].state_codes[2], dc3.state_codes[DC3]);
    assert_int_equal(view->peer[2].sentinel.known[2], 2);
    assert_int_equal(view->peer[2].sentinel.known[1], 0);
    assert_int_equal(view->peer[2].sentinel.down[1], 0);
    assert_int_equal(condition(&bench, 2), LOCUM_DOWN); /* a reload does not end a verdict */
    assert_int_equal(condition(&bench, 1), LOCUM_UNKNOWN);
    assert_int_equal(view->peer[1].grace, START + 1200);
    assert_int_equal(bench.core.admin.excluded, 1u << 2);
    assert_int_equal(bench.core.service.state, LOCUM_UP); /* until the checks have verdicts again */
    assert_int_equal(bench.core.service.check[0].verdict, LOCUM_SERVICE_UNKNOWN);
    assert_int_equal(bench.core.plan.answers[3][LOCUM_V4].nodes, 1u << DC2);
    commit(&bench, START + 1210);
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_PLAN), 0); /* the caller has it already */
}

static void
test_a_server_becomes_a_witness(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = cluster(DC2, 2, 1, 0); /* no names */
    bench_start(&bench, &config, NULL);
    assert_int_equal(bench.core.serving.kind, LOCUM_SERVING_SELF);
    struct locum_core_config witness = config;
    witness.nodes[DC2].role = LOCUM_ROLE_WITNESS;
    locum_core_reconfigure(&bench.core, &witness, 0, at(START + 10));
    assert_int_equal(bench.core.service.state, LOCUM_UP);
    assert_int_equal(bench.core.serving.kind, LOCUM_SERVING_WITNESS);
}

/* COND-13: a node of role sentinel has no condition, whatever it was before. */
static void
test_a_witness_becomes_a_sentinel(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start_well(&bench, &config);
    assert_int_equal(condition(&bench, NS0), LOCUM_ALIVE);
    struct locum_core_config sentinel = config;
    sentinel.nodes[NS0].role = LOCUM_ROLE_SENTINEL;
    locum_core_reconfigure(&bench.core, &sentinel, 0, at(START + 200));
    assert_int_equal(condition(&bench, NS0), LOCUM_UNKNOWN);
}

/* GREEN-14: only what is silent, and is expected under another name or database than before. */
static void
test_a_silent_mirrorbits_is_forgotten_if_its_configuration_changes(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start_well(&bench, &config);
    struct locum_view *view = &bench.core.view;
    const locum_ms now = START + 3 * LOCUM_MIRRORBITS_FORGET_MS;
    const locum_ms silent = now - LOCUM_MIRRORBITS_FORGET_MS;
    const locum_nodes both = locum_nodes_of(DC2) | locum_nodes_of(DC3);
    view->subscribed = true;
    view->subscribed_at = START;
    view->own_return_since = START;
    view->own_return = now;
    view->peer[DC2].mirrorbits = now - 1;
    view->peer[DC3].mirrorbits = silent;
    locum_core_reconfigure(&bench.core, &config, 0, at(now)); /* of it nothing has changed */
    assert_int_equal(view->peer[DC3].mirrorbits, silent);
    locum_core_reconfigure(&bench.core, &config, both, at(now));
    assert_int_equal(view->peer[DC2].mirrorbits, now - 1);
    assert_int_equal(view->peer[DC3].mirrorbits, LOCUM_NEVER);
    view->peer[DC2].mirrorbits = view->peer[DC3].mirrorbits = silent;
    view->subscribed_at = now - 1; /* the master changed: they may be at the old one (SERVICE-7) */
    locum_core_reconfigure(&bench.core, &config, both, at(now));
    assert_int_equal(view->peer[DC3].mirrorbits, silent);
    view->subscribed_at = START;
    view->own_return_since = now - 1; /* Redis did not work all the time */
    locum_core_reconfigure(&bench.core, &config, both, at(now));
    assert_int_equal(view->peer[DC3].mirrorbits, silent);
}

/* GREEN-14: it was removed from this node, and its check with it. */
static void
test_a_silent_mirrorbits_is_forgotten_without_its_check(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    struct locum_core_config checked = config;
    checked.checks[checked.check_count++] =
        (struct locum_core_check){.mirrorbits = true, .rise = 1, .fall = 2, .interval_ms = 1000};
    bench_start_well(&bench, &checked);
    struct locum_view *view = &bench.core.view;
    const locum_ms now = START + 3 * LOCUM_MIRRORBITS_FORGET_MS;
    const locum_ms silent = now - LOCUM_MIRRORBITS_FORGET_MS;
    view->subscribed = true;
    view->subscribed_at = view->own_return_since = START;
    view->own_return = now;
    view->peer[DC2].mirrorbits = view->peer[DC3].mirrorbits = silent;
    locum_core_reconfigure(&bench.core, &checked, 0, at(now));
    assert_int_equal(view->peer[DC2].mirrorbits, silent);
    locum_core_reconfigure(&bench.core, &config, 0, at(now));
    assert_int_equal(view->peer[DC2].mirrorbits, LOCUM_NEVER);
    assert_int_equal(view->peer[DC3].mirrorbits, silent);
}

static void
test_assume(void **state)
{
    (void)state;
    static const struct {
        locum_node node;
        const char *state;
        enum locum_rank dc2, dc3;
        locum_nodes shared, of_dc3;
    } cases[] = {
        {DC3, "down", LOCUM_RANK_A, LOCUM_RANK_G, 1, 1},
        {DC3, "suspect", LOCUM_RANK_A, LOCUM_RANK_E, 1, 2},
        {DC3, "unknown", LOCUM_RANK_A, LOCUM_RANK_E, 1, 2},
        {DC3, "alive", LOCUM_RANK_A, LOCUM_RANK_A, 1, 2},
        {DC3, "returning", LOCUM_RANK_A, LOCUM_RANK_B, 1, 1},
        {DC3, "failing", LOCUM_RANK_A, LOCUM_RANK_F, 1, 1},
        {DC3, "degraded", LOCUM_RANK_A, LOCUM_RANK_D, 1, 1},
        {DC3, "probation", LOCUM_RANK_A, LOCUM_RANK_B, 1, 1},
        {DC3, "up", LOCUM_RANK_A, LOCUM_RANK_A, 1, 2},
        {DC3, "drain", LOCUM_RANK_A, LOCUM_RANK_C, 1, 1},
        {DC3, "maint", LOCUM_RANK_A, LOCUM_RANK_F, 1, 1},
        {DC3, "ready", LOCUM_RANK_A, LOCUM_RANK_A, 1, 2},
        {DC3, "excluded", LOCUM_RANK_A, LOCUM_RANK_G, 1, 1},
        {DC2, "failing", LOCUM_RANK_F, LOCUM_RANK_A, 2, 2},
        {DC2, "degraded", LOCUM_RANK_D, LOCUM_RANK_A, 2, 2},
        {DC2, "drain", LOCUM_RANK_C, LOCUM_RANK_A, 2, 2},
        {DC2, "down", LOCUM_RANK_G, LOCUM_RANK_A, 2, 2},
        {DC2, "excluded", LOCUM_RANK_G, LOCUM_RANK_A, 2, 2},
        {DC2, "unknown", LOCUM_RANK_E, LOCUM_RANK_A, 2, 2}, /* of self: the service */
    };
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start_well(&bench, &config);
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        static struct locum_core copy;
        copy = bench.core;
        assert_int_equal(locum_core_assume(&copy, cases[i].node, locum_slice_of(cases[i].state)),
                         0);
        assert_int_equal(copy.rank[DC2].in[LOCUM_V4], cases[i].dc2);
        assert_int_equal(copy.rank[DC3].in[LOCUM_V4], cases[i].dc3);
        assert_int_equal(copy.plan.answers[0][LOCUM_V4].nodes, cases[i].shared);
        assert_int_equal(copy.plan.answers[2][LOCUM_V4].nodes, cases[i].of_dc3);
    }
}

static void
test_impossible_assumptions_are_refused(void **state)
{
    (void)state;
    static const struct {
        locum_node node;
        const char *state;
    } cases[] = {{DC3, "gone"}, {DC3, ""},         {DC2, "suspect"}, {DC2, "returning"},
                 {NS0, "down"}, {NS0, "excluded"}, {NS0, "failing"}, {NS0, "drain"}};
    struct bench bench;
    const struct locum_core_config config = article_sentinel(DC2);
    bench_start(&bench, &config, NULL);
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        static struct locum_core copy;
        copy = bench.core;
        assert_int_equal(locum_core_assume(&copy, cases[i].node, locum_slice_of(cases[i].state)),
                         LOCUM_ERR_INVALID);
        assert_memory_equal(&copy, &bench.core, sizeof(copy));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts_follow_the_name),
        cmocka_unit_test(test_a_server_becomes_a_witness),
        cmocka_unit_test(test_a_witness_becomes_a_sentinel),
        cmocka_unit_test(test_a_silent_mirrorbits_is_forgotten_if_its_configuration_changes),
        cmocka_unit_test(test_a_silent_mirrorbits_is_forgotten_without_its_check),
        cmocka_unit_test(test_assume),
        cmocka_unit_test(test_impossible_assumptions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
