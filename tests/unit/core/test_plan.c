/* plan: PLAN-1 to 8; the summary and the reasons as text. */
#include "bench.h"

#define A LOCUM_RANK_A
#define B LOCUM_RANK_B
#define C LOCUM_RANK_C
#define D LOCUM_RANK_D
#define E LOCUM_RANK_E
#define F LOCUM_RANK_F
#define G LOCUM_RANK_G

/* The plan for the same ranks in both families. */
static void
make(const struct locum_core_config *config, const enum locum_rank *rank, struct locum_plan *ret)
{
    struct locum_ranks both[LOCUM_NODES_MAX] = {0};
    for (size_t i = 0; i < config->node_count; i++) {
        both[i].in[LOCUM_V4] = both[i].in[LOCUM_V6] = rank[i];
    }
    locum_plan_make(config, both, ret);
}

static locum_nodes
answer(const struct locum_core_config *config, const enum locum_rank *rank, size_t name,
       enum locum_family family)
{
    struct locum_plan plan;
    make(config, rank, &plan);
    return plan.answers[name][family].nodes;
}

/* PLAN-1: four servers dc2 dc3 dc4 dc5 and a witness between: ranks, and the named node. */
static void
test_shared_self(void **state)
{
    (void)state;
    static const struct {
        enum locum_rank rank[5];
        locum_nodes named[4]; /* by dc2, dc3, dc4, dc5 */
    } cases[] = {
        {{A, A, A, A, A}, {1, 2, 4, 8}}, {{G, A, A, A, A}, {2, 2, 4, 8}}, /* PLAN-5 */
        {{A, G, A, A, A}, {1, 4, 4, 8}}, {{A, A, A, G, A}, {1, 2, 4, 1}}, /* rotated */
        {{G, G, G, G, A}, {1, 2, 4, 8}},                                  /* all G: PLAN-8, self */
        {{D, F, G, F, A}, {1, 1, 1, 1}}, {{F, E, D, A, A}, {8, 8, 8, 8}},
        {{B, C, D, F, A}, {1, 1, 1, 1}}, {{F, G, G, E, A}, {8, 8, 8, 8}},
        {{D, E, E, G, A}, {1, 1, 1, 1}}, {{F, E, D, E, A}, {4, 4, 4, 4}}, /* RANK-D */
    };
    struct locum_core_config config = cluster(DC2, 4, 1, 0);
    site_name(&config, LOCUM_NODE_NONE, LOCUM_ANSWER_SELF);
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        for (config.self = 0; config.self < 4; config.self++) {
            assert_int_equal(answer(&config, cases[i].rank, 0, LOCUM_V4),
                             cases[i].named[config.self]);
            assert_int_equal(answer(&config, cases[i].rank, 0, LOCUM_V6), 0);
        }
    }
    config.self = 4; /* a witness has an order as well */
    assert_int_equal(answer(&config, cases[0].rank, 0, LOCUM_V4), 1);
    assert_int_equal(answer(&config, cases[6].rank, 0, LOCUM_V4), 8);
}

/* PLAN-2 */
static void
test_shared_all(void **state)
{
    (void)state;
    static const struct {
        enum locum_rank rank[4];
        locum_nodes named;
    } cases[] = {
        {{A, A, A, A}, 15},       {{A, B, A, C}, 5}, {{A, E, A, E}, 15}, {{B, E, B, G}, 7},
        {{C, E, F, G}, 3},        {{E, E, F, G}, 3}, {{F, F, G, G}, 3},  {{G, G, G, G}, 15},
        {{G, A, G, G}, 1 << DC3}, {{E, F, F, F}, 1}, {{A, D, E, D}, 5},  {{D, F, D, G}, 5},
        {{D, E, F, G}, 3},        {{E, D, C, D}, 5},
    };
    struct locum_core_config config = cluster(DC2, 4, 0, 0);
    site_name(&config, LOCUM_NODE_NONE, LOCUM_ANSWER_ALL);
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        for (config.self = 0; config.self < 4; config.self++) {
            assert_int_equal(answer(&config, cases[i].rank, 0, LOCUM_V4), cases[i].named);
        }
    }
}

/* PLAN-3: a name of dc3: dc3 while it is A or E, else best(dc3); the same at every node. */
static void
test_owned(void **state)
{
    (void)state;
    static const struct {
        enum locum_rank rank[4];
        locum_nodes named;
    } cases[] = {
        {{A, A, A, A}, 1 << 1}, {{A, E, A, A}, 1 << 1}, {{A, B, A, A}, 1 << 2},
        {{A, C, B, A}, 1 << 3}, {{A, F, G, B}, 1 << 0}, {{A, G, A, A}, 1 << 2},
        {{F, F, F, F}, 1 << 1}, {{G, G, G, G}, 1 << 1}, {{E, G, G, G}, 1 << 0},
        {{C, B, C, C}, 1 << 1}, {{E, C, E, E}, 1 << 1}, {{F, D, F, G}, 1 << 1},
        {{E, D, F, G}, 1 << 1}, {{D, D, D, B}, 1 << 3}, {{D, E, D, D}, 1 << 1},
    };
    struct locum_core_config config = cluster(DC2, 4, 0, 0);
    site_name(&config, DC3, LOCUM_ANSWER_ALL); /* the zone's policy does not matter */
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        for (config.self = 0; config.self < 4; config.self++) {
            assert_int_equal(answer(&config, cases[i].rank, 0, LOCUM_V4), cases[i].named);
        }
    }
}

/* PLAN-6: each family chooses its own successor. */
static void
test_families(void **state)
{
    (void)state;
    struct locum_core_config config = cluster(DC2, 3, 0, 0);
    site_name(&config, LOCUM_NODE_NONE, LOCUM_ANSWER_SELF);
    site_name(&config, LOCUM_NODE_NONE, LOCUM_ANSWER_ALL);
    site_name(&config, DC2, LOCUM_ANSWER_SELF);
    site_name(&config, 2, LOCUM_ANSWER_SELF);
    config.nodes[DC3].has[LOCUM_V6] = config.nodes[2].has[LOCUM_V6] = true;
    const enum locum_rank well[] = {A, A, A};
    assert_int_equal(answer(&config, well, 0, LOCUM_V6), 2); /* dc2 has none: its successor */
    assert_int_equal(answer(&config, well, 1, LOCUM_V6), 6);
    assert_int_equal(answer(&config, well, 2, LOCUM_V6), 0); /* its owner has none */
    assert_int_equal(answer(&config, well, 3, LOCUM_V6), 4);
    const enum locum_rank dc4_down[] = {A, F, G};
    assert_int_equal(answer(&config, dc4_down, 3, LOCUM_V4), 1);
    assert_int_equal(answer(&config, dc4_down, 3, LOCUM_V6), 2); /* F, but better than G */
}

static void
expect_order(const struct locum_core_config *config, locum_node first, const char *names)
{
    locum_node order[LOCUM_NODES_MAX];
    char buffer[128];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    const size_t count = locum_plan_successors(config, first, order);
    for (size_t i = 0; i < count; i++) {
        locum_text_add(&text, i == 0 ? "" : " ");
        locum_text_add(&text, config->nodes[order[i]].name);
    }
    assert_string_equal(buffer, names);
}

static void
test_successors(void **state)
{
    (void)state;
    struct locum_core_config config = cluster(DC2, 4, 1, 1);
    expect_order(&config, 0, "dc3 dc4 dc5");
    expect_order(&config, 2, "dc5 dc2 dc3");
    expect_order(&config, 3, "dc2 dc3 dc4");
    expect_order(&config, 4, "dc2 dc3 dc4 dc5"); /* after the witness */
    config.nodes[2].failover[0] = 3;
    config.nodes[2].failover[1] = 1;
    config.nodes[2].failover_count = 2;
    expect_order(&config, 2, "dc5 dc3 dc2"); /* the others in configured order */
    config.nodes[2].failover_count = 1;
    expect_order(&config, 2, "dc5 dc2 dc3");
}

/* PLAN-4 */
static void
test_ttl(void **state)
{
    (void)state;
    struct locum_core_config config = article(DC2);
    site_name(&config, LOCUM_NODE_NONE, LOCUM_ANSWER_ALL);
    struct locum_plan plan;
    const enum locum_rank well[] = {A, A, A};
    const enum locum_rank drained[] = {A, C, A};
    const enum locum_rank suspect[] = {A, E, A};
    make(&config, well, &plan);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(plan.answers[i][LOCUM_V4].ttl_s, 60);
    }
    make(&config, suspect, &plan); /* PLAN-4: equal answers, but dc3 is in the last two */
    assert_int_equal(plan.answers[0][LOCUM_V4].ttl_s, 60);
    assert_int_equal(plan.answers[1][LOCUM_V4].ttl_s, 60);
    assert_int_equal(plan.answers[2][LOCUM_V4].ttl_s, 15);
    assert_int_equal(plan.answers[3][LOCUM_V4].ttl_s, 15);
    const enum locum_rank degraded[] = {D, D, A}; /* the usual nodes, none of them well */
    make(&config, degraded, &plan);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(plan.answers[i][LOCUM_V4].ttl_s, 15);
        assert_int_equal(plan.answers[i][LOCUM_V6].ttl_s, 60); /* there is no answer */
    }
    make(&config, drained, &plan);
    assert_int_equal(plan.answers[0][LOCUM_V4].ttl_s, 60);
    assert_int_equal(plan.answers[1][LOCUM_V4].ttl_s, 60);
    assert_int_equal(plan.answers[2][LOCUM_V4].ttl_s, 15);
    assert_int_equal(plan.answers[3][LOCUM_V4].ttl_s, 15);
}

/* Ranks of dc2, dc3; the summary of dc2, and the reason of each answer. */
static void
test_serving_and_reasons(void **state)
{
    (void)state;
    static const struct {
        enum locum_policy policy;
        enum locum_rank rank[3];
        const char *serving, *shared, *dc2, *dc3;
    } cases[] = {
        {LOCUM_ANSWER_SELF, {A, A, A}, "self", "self", "owner", "owner"},
        {LOCUM_ANSWER_SELF, {A, G, A}, "self+takeover(dc3)", "self", "owner", "takeover(dc3)"},
        {LOCUM_ANSWER_SELF, {F, A, A}, "yielding(dc3)", "yielding(dc3)", "takeover(dc2)", "owner"},
        {LOCUM_ANSWER_SELF, {F, F, A}, "fail-open", "fail-open", "owner", "owner"},
        {LOCUM_ANSWER_SELF,
         {F, G, A},
         "fail-open+takeover(dc3)",
         "fail-open",
         "owner",
         "takeover(dc3)"},
        {LOCUM_ANSWER_SELF, {D, F, A}, "self+takeover(dc3)", "self", "owner", "takeover(dc3)"},
        {LOCUM_ANSWER_SELF, {D, D, A}, "self", "self", "owner", "owner"},
        {LOCUM_ANSWER_SELF, {D, E, A}, "self", "self", "owner", "owner"},
        {LOCUM_ANSWER_ALL, {D, E, A}, "all(dc2,dc3)", "all(dc2,dc3)", "owner", "owner"},
        {LOCUM_ANSWER_ALL, {A, A, A}, "all(dc2,dc3)", "all(dc2,dc3)", "owner", "owner"},
        {LOCUM_ANSWER_ALL,
         {A, G, A},
         "all(dc2)+takeover(dc3)",
         "all(dc2)",
         "owner",
         "takeover(dc3)"},
        {LOCUM_ANSWER_ALL, {G, G, A}, "fail-open", "fail-open", "owner", "owner"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        const char *const reasons[] = {cases[i].shared, cases[i].dc2, cases[i].dc3};
        struct locum_core_config config = article(DC2);
        struct locum_plan plan;
        char buffer[64];
        struct locum_text text = locum_text_init(buffer, sizeof(buffer));
        config.names[0].policy = cases[i].policy;
        make(&config, cases[i].rank, &plan);
        locum_plan_serving_add(&text, &config, locum_plan_serving(&config, &plan));
        assert_string_equal(buffer, cases[i].serving);
        for (size_t name = 0; name < 3; name++) {
            text = locum_text_init(buffer, sizeof(buffer));
            locum_plan_reason_add(&text, &config, name, &plan.answers[name][LOCUM_V4]);
            assert_string_equal(buffer, reasons[name]);
        }
        text = locum_text_init(buffer, sizeof(buffer));
        locum_plan_reason_add(&text, &config, 0, &plan.answers[0][LOCUM_V6]);
        assert_string_equal(buffer, "none");
    }
}

/* No shared name, or none with an answer; a witness. */
static void
test_serving_without_shared_names(void **state)
{
    (void)state;
    const enum locum_rank well[] = {A, A, A};
    struct locum_core_config config = cluster(DC2, 2, 1, 0);
    struct locum_plan plan;
    char buffer[64];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    site_name(&config, DC3, LOCUM_ANSWER_SELF);
    make(&config, well, &plan);
    const struct locum_serving alone = locum_plan_serving(&config, &plan);
    assert_int_equal(alone.kind, LOCUM_SERVING_SELF);
    assert_int_equal(alone.named, 1u << DC2);
    config = article(DC2);
    config.nodes[DC2].has[LOCUM_V4] = config.nodes[DC3].has[LOCUM_V4] = false;
    config.nodes[DC3].has[LOCUM_V6] = true; /* the shared name has v6 alone */
    make(&config, well, &plan);
    const struct locum_serving yielding = locum_plan_serving(&config, &plan);
    assert_int_equal(yielding.kind, LOCUM_SERVING_YIELDING);
    config.nodes[DC3].has[LOCUM_V6] = false; /* no node has an address */
    make(&config, well, &plan);
    assert_int_equal(plan.answers[0][LOCUM_V4].reason, LOCUM_REASON_NONE);
    assert_int_equal(locum_plan_serving(&config, &plan).kind, LOCUM_SERVING_SELF);
    config = article(NS0);
    make(&config, well, &plan);
    locum_plan_serving_add(&text, &config, locum_plan_serving(&config, &plan));
    assert_string_equal(buffer, "witness");
}

static void
test_serving_equal(void **state)
{
    (void)state;
    const struct locum_serving a = {LOCUM_SERVING_SELF, 1, 0};
    const struct locum_serving others[] = {
        {LOCUM_SERVING_ALL, 1, 0}, {LOCUM_SERVING_SELF, 3, 0}, {LOCUM_SERVING_SELF, 1, 2}};
    assert_true(locum_plan_serving_equal(a, a));
    for (size_t i = 0; i < LOCUM_COUNT(others); i++) {
        assert_false(locum_plan_serving_equal(a, others[i]));
    }
}

/* FAMILY-4: a server that has lost one family keeps its names in the other. */
static void
test_one_family_lost(void **state)
{
    (void)state;
    struct locum_ranks rank[LOCUM_NODES_MAX] = {[DC2] = {.in = {A, F}}};
    struct locum_core_config config = article(DC2);
    struct locum_plan plan;
    config.nodes[DC2].has[LOCUM_V6] = config.nodes[DC3].has[LOCUM_V6] = true;
    for (config.self = DC2; config.self <= NS0; config.self++) {
        locum_plan_make(&config, rank, &plan);
        for (size_t i = 0; i < config.name_count; i++) {
            const bool of_dc3 = config.names[i].owner == DC3 ||
                                (config.names[i].owner == LOCUM_NODE_NONE && config.self == DC3);
            assert_int_equal(plan.answers[i][LOCUM_V4].nodes, 1u << (of_dc3 ? DC3 : DC2));
            assert_int_equal(plan.answers[i][LOCUM_V4].ttl_s, 60);
            assert_int_equal(plan.answers[i][LOCUM_V6].nodes, 1u << DC3);
        }
    }
    config.self = DC2;
    rank[DC3].in[LOCUM_V6] = F; /* PLAN-8: nobody is left with it */
    locum_plan_make(&config, rank, &plan);
    for (size_t i = 0; i < config.name_count; i++) {
        assert_int_not_equal(plan.answers[i][LOCUM_V6].nodes, 0);
        assert_int_equal(plan.answers[i][LOCUM_V6].nodes,
                         1u << (config.names[i].owner == DC3 ? DC3 : DC2));
    }
    assert_int_equal(plan.answers[0][LOCUM_V6].reason, LOCUM_REASON_FAIL_OPEN);
    assert_int_equal(plan.answers[0][LOCUM_V4].reason, LOCUM_REASON_SELF);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared_self),
        cmocka_unit_test(test_shared_all),
        cmocka_unit_test(test_owned),
        cmocka_unit_test(test_families),
        cmocka_unit_test(test_successors),
        cmocka_unit_test(test_ttl),
        cmocka_unit_test(test_serving_and_reasons),
        cmocka_unit_test(test_serving_without_shared_names),
        cmocka_unit_test(test_serving_equal),
        cmocka_unit_test(test_one_family_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
