/* The history: spans of what was noted, in virtual time. */
#include "history.h"

static void
test_each_row_has_the_spans_of_its_changes(void **state)
{
    (void)state;
    run_for(1000);
    set_condition(DC3, LOCUM_SUSPECT);
    run_for(500);
    set_condition(DC3, LOCUM_DOWN);
    set_answer(0, locum_nodes_of(DC2));
    run_for(2000);
    assert_condition("dc3", "0-1000 alive, 1000-1500 suspect, 1500-3500 down");
    assert_condition("dc2", "0-3500 alive");
    assert_answers("get.example.org.", "0-1500 dc2+dc3, 1500-3500 dc2");
    assert_answers("dc3.get.example.org.", "0-3500 dc3");
    site.core.admin.state = LOCUM_DRAIN;
    site.core.service.state = LOCUM_FAILING;
    run_for(1);
    assert_string_equal(spans(LOCUM_HISTORY_ADMIN, "dc2"), "0-3501 ready");
    run_for(10);
    assert_string_equal(spans(LOCUM_HISTORY_ADMIN, "dc2"), "0-3501 ready, 3501-3511 drain");
    assert_string_equal(spans(LOCUM_HISTORY_SERVICE, "dc2"), "0-3501 up, 3501-3511 failing");
    assert_string_equal(spans(LOCUM_HISTORY_SERVICE, "dc3"), "0-3511 up");
    assert_string_equal(gaps(), "");
    assert_int_equal(from(), 0);
}

/* Nobody has got an answer of a plan that could not be published. */
static void
test_answers_of_a_plan_that_is_not_published_are_not_noted(void **state)
{
    (void)state;
    run_for(1000);
    site.core.plan.answers[0][LOCUM_V4].nodes = locum_nodes_of(DC2);
    locum_history_note(history, &site.core, false, site.now);
    sleep_ms(&site, 1000);
    locum_history_note(history, &site.core, false, site.now);
    assert_answers("get.example.org.", "0-2000 dc2+dc3");
    run_for(500);
    run_for(500);
    assert_answers("get.example.org.", "0-2500 dc2+dc3, 2500-3000 dc2");
}

/* Either family counts. */
static void
test_an_answer_names_the_nodes_of_both_families(void **state)
{
    (void)state;
    site.core.plan.answers[0][LOCUM_V6].nodes = locum_nodes_of(DC3);
    site.core.plan.answers[0][LOCUM_V4].nodes = locum_nodes_of(DC2);
    run_for(1000);
    assert_answers("get.example.org.", "0-1000 dc2+dc3");
}

static void
test_a_step_of_the_wall_clock_changes_no_order(void **state)
{
    (void)state;
    run_for(1000);
    set_condition(DC3, LOCUM_DOWN);
    site.now.wall -= 3600000;
    run_for(1000);
    set_condition(DC3, LOCUM_RETURNING);
    run_for(1000);
    begun -= 3600000; /* all of it is shown by the clock as it is now */
    assert_condition("dc3", "0-1000 alive, 1000-2000 down, 2000-3000 returning");
    assert_string_equal(gaps(), "");
}

/* Suspended, or stopped by a signal. */
static void
test_a_time_without_notes_is_a_gap(void **state)
{
    (void)state;
    run_for(1000);
    sleep_ms(&site, LOCUM_HISTORY_GAP_MS);
    note();
    assert_string_equal(gaps(), "");
    sleep_ms(&site, LOCUM_HISTORY_GAP_MS + 1);
    set_condition(DC3, LOCUM_DOWN);
    run_for(1000);
    assert_string_equal(gaps(), "6000-11001");
    assert_condition("dc3", "0-6000 alive, 11001-12001 down");
    assert_condition("dc2", "0-6000 alive, 11001-12001 alive");
    assert_answers("get.example.org.", "0-6000 dc2+dc3, 11001-12001 dc2+dc3");
    assert_int_equal(from(), 0);
}

static void
test_what_is_older_than_a_day_goes(void **state)
{
    (void)state;
    run_for(1000);
    set_condition(DC3, LOCUM_DOWN);
    run_for(1000);
    sleep_ms(&site, 7000);
    set_condition(DC3, LOCUM_ALIVE);
    const size_t bytes = locum_history_save_bytes(history);
    for (int minutes = 0; minutes < 1440; minutes++) {
        run_for(60000);
        assert_int_equal(from(), minutes == 1439 ? 9000 : 0);
    }
    assert_string_equal(gaps(), "");
    assert_condition("dc3", "9000-86409000 alive");
    run_for(1000);
    assert_int_equal(from(), 10000);
    assert_condition("dc3", "10000-86410000 alive");
    assert_true(locum_history_save_bytes(history) + 400 < bytes); /* 14 changes are gone */
}

/* The part of a span or a gap that is older is cut off. */
static void
test_a_span_begins_a_day_ago_at_the_earliest(void **state)
{
    (void)state;
    run_for(1000);
    sleep_ms(&site, 10000);
    set_condition(DC3, LOCUM_DOWN);
    for (int hours = 0; hours < 24; hours++) {
        run_for(3600000 - 250);
    }
    assert_int_equal(from(), 5000);
    assert_string_equal(gaps(), "5000-11000");
    assert_condition("dc3", "11000-86405000 down");
}

static size_t
count_spans(enum locum_history_kind kind, const char *name)
{
    struct locum_history_cursor cursor = {.begun = false};
    struct locum_history_span span;
    const size_t row = find_row(kind, name);
    size_t count = 0;
    locum_ms last = 0;
    while (locum_history_next(history, row, site.now, &cursor, &span)) {
        assert_true(span.from < span.until && (count == 0 || span.from == last));
        last = span.until;
        count++;
    }
    assert_int_equal(last, site.now.wall);
    return count;
}

static void
test_when_it_is_full_the_oldest_changes_go(void **state)
{
    (void)state;
    set_condition(NS0, LOCUM_DOWN);
    for (int i = 0; i < 2 * LOCUM_HISTORY_CHANGES; i++) {
        sleep_ms(&site, 10);
        set_condition(DC3, i % 2 == 0 ? LOCUM_DOWN : LOCUM_ALIVE);
        assert_true(count_spans(LOCUM_HISTORY_CONDITION, "dc3") <= LOCUM_HISTORY_CHANGES + 1);
    }
    sleep_ms(&site, 10);
    note();
    const size_t count = count_spans(LOCUM_HISTORY_CONDITION, "dc3");
    assert_in_range(count, LOCUM_HISTORY_CHANGES * 9 / 10, LOCUM_HISTORY_CHANGES + 1);
    assert_int_equal(from(), (2 * LOCUM_HISTORY_CHANGES - (locum_ms)count + 1) * 10);
    assert_int_equal(count_spans(LOCUM_HISTORY_CONDITION, "ns0"), 1);
    assert_non_null(strstr(spans(LOCUM_HISTORY_CONDITION, "ns0"), " down"));
}

static void
test_when_there_are_too_many_gaps_the_oldest_go(void **state)
{
    (void)state;
    struct locum_history_span gap;
    for (int i = 0; i < LOCUM_HISTORY_GAPS + 2; i++) {
        run_for(500);
        set_condition(DC3, i % 2 == 0 ? LOCUM_DOWN : LOCUM_ALIVE);
        run_for(500);
        sleep_ms(&site, 9000);
        note();
    }
    assert_true(locum_history_gap(history, LOCUM_HISTORY_GAPS - 1, site.now, &gap));
    assert_false(locum_history_gap(history, LOCUM_HISTORY_GAPS, site.now, &gap));
    assert_int_equal(from(), 20000);
    assert_memory_equal(spans(LOCUM_HISTORY_CONDITION, "dc3"),
                        "20000-20500 alive, 20500-21000 down", 34);
}

/* The nodes of a reload, as config/ would have read them. */
static void
reload(const char *const *nodes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct locum_core_node *node = &config.core.nodes[i];
        memset(node, 0, sizeof(*node));
        memcpy(node->name, nodes[i], strlen(nodes[i]));
        node->has[LOCUM_V4] = true;
        if (strcmp(nodes[i], "dc2") == 0) {
            config.core.self = (locum_node)i;
        }
    }
    config.core.node_count = count;
    locum_core_reconfigure(&site.core, &config.core, 0, site.now);
    locum_history_configure(history, &config);
}

static void
test_a_reload_keeps_what_is_still_there(void **state)
{
    (void)state;
    const char *const nodes[] = {"dc9", "ns0", "dc2"};
    run_for(1000);
    set_condition(NS0, LOCUM_DOWN);
    run_for(1000);
    memcpy(config.names[2].name, "dc9.get.example.org.", 21);
    reload(nodes, 3);
    set_answer(0, locum_nodes_of(0) | locum_nodes_of(2));
    run_for(1000);
    assert_condition("ns0", "0-1000 alive, 1000-3000 down");
    assert_condition("dc9", "2000-3000 unknown");
    assert_int_equal(find_row(LOCUM_HISTORY_CONDITION, "dc3"), LOCUM_HISTORY_ROWS);
    assert_int_equal(find_row(LOCUM_HISTORY_ANSWERS, "dc3.get.example.org."), LOCUM_HISTORY_ROWS);
    assert_answers("get.example.org.", "0-2000 dc2+dc3, 2000-3000 dc2+dc9");
    assert_int_equal(find_row(LOCUM_HISTORY_ANSWERS, "dc9.get.example.org.") < LOCUM_HISTORY_ROWS,
                     true);
    assert_int_equal(from(), 0);
    /* It comes back: what happened before is not its. */
    const char *const before[] = {"dc2", "dc3", "ns0"};
    reload(before, 3);
    note();
    run_for(1000);
    assert_condition("dc3", "3000-4000 unknown");
}

/* The node at the same place of the configuration is another one. */
static void
test_a_reload_that_renames_a_node(void **state)
{
    (void)state;
    const char *const nodes[] = {"dc2", "dc9", "ns0"};
    run_for(1000);
    reload(nodes, 3);
    set_answer(0, locum_nodes_of(DC2) | locum_nodes_of(DC3));
    run_for(1000);
    assert_answers("get.example.org.", "0-1000 dc2+dc3, 1000-2000 dc2+dc9");
    assert_condition("dc9", "1000-2000 unknown");
    assert_int_equal(find_row(LOCUM_HISTORY_CONDITION, "dc3"), LOCUM_HISTORY_ROWS);
}

/* Names of nodes that are gone stay in the answers, as long as there is room. */
static void
test_reloads_without_end_find_room(void **state)
{
    (void)state;
    char names[LOCUM_NODES_MAX][8] = {"dc2"};
    const char *nodes[LOCUM_NODES_MAX];
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
            if (i > 0) {
                (void)snprintf(names[i], sizeof(names[i]), "n%d-%zu", round, i);
            }
            nodes[i] = names[i];
        }
        reload(nodes, LOCUM_NODES_MAX);
        set_answer(0, ~(locum_nodes)0);
        run_for(1000);
        set_answer(0, locum_nodes_of(DC2));
        run_for(1000);
    }
    assert_condition("n4-31", "8000-10000 unknown");
    const char *answers = spans(LOCUM_HISTORY_ANSWERS, "get.example.org.");
    assert_non_null(strstr(answers, "+n3-30+n3-31"));
    assert_null(strstr(answers, "n2-31"));
    assert_in_range(from(), 4000, 6000);
}

static void
test_a_node_of_role_sentinel_has_no_rows(void **state)
{
    (void)state;
    config.core.nodes[NS0].role = LOCUM_ROLE_SENTINEL;
    locum_core_reconfigure(&site.core, &config.core, 0, site.now);
    locum_history_configure(history, &config);
    run_for(1000);
    assert_int_equal(find_row(LOCUM_HISTORY_CONDITION, "ns0"), LOCUM_HISTORY_ROWS);
    assert_condition("dc3", "0-1000 alive");
}

static void
test_the_api_shows_all_of_it(void **state)
{
    (void)state;
    run_for(1000);
    set_condition(DC3, LOCUM_DOWN);
    set_answer(0, locum_nodes_of(DC2));
    sleep_ms(&site, 6000);
    note();
    run_for(1000);
    json_t *got = locum_history_json(history, site.now);
    json_t *expected = json_pack("{s:I, s:I, s:[{s:I, s:I}]}", "from", (json_int_t)begun, "until",
                                 (json_int_t)(begun + 8000), "gaps", "from",
                                 (json_int_t)(begun + 1000), "until", (json_int_t)(begun + 7000));
    json_t *nodes = json_object_get(got, "nodes");
    json_t *names = json_object_get(got, "names");
    assert_int_equal(json_array_size(nodes), 3);
    assert_int_equal(json_array_size(names), 3);
    json_t *dc3 = json_pack(
        "{s:s, s:[{s:I, s:I, s:s}, {s:I, s:I, s:s}], s:[{s:I, s:I, s:s}, {s:I, s:I, s:s}], "
        "s:[{s:I, s:I, s:s}, {s:I, s:I, s:s}]}",
        "node", "dc3", "condition", "from", (json_int_t)begun, "until", (json_int_t)(begun + 1000),
        "value", "alive", "from", (json_int_t)(begun + 7000), "until", (json_int_t)(begun + 8000),
        "value", "down", "service", "from", (json_int_t)begun, "until", (json_int_t)(begun + 1000),
        "value", "up", "from", (json_int_t)(begun + 7000), "until", (json_int_t)(begun + 8000),
        "value", "up", "admin", "from", (json_int_t)begun, "until", (json_int_t)(begun + 1000),
        "value", "ready", "from", (json_int_t)(begun + 7000), "until", (json_int_t)(begun + 8000),
        "value", "ready");
    assert_non_null(dc3);
    assert_true(json_equal(json_array_get(nodes, 1), dc3));
    json_t *shared = json_pack(
        "{s:s, s:[{s:I, s:I, s:[s,s]}, {s:I, s:I, s:[s]}]}", "name", "get.example.org.", "answers",
        "from", (json_int_t)begun, "until", (json_int_t)(begun + 1000), "nodes", "dc2", "dc3",
        "from", (json_int_t)(begun + 7000), "until", (json_int_t)(begun + 8000), "nodes", "dc2");
    assert_non_null(shared);
    assert_true(json_equal(json_array_get(names, 0), shared));
    (void)json_object_del(got, "nodes");
    (void)json_object_del(got, "names");
    assert_true(json_equal(got, expected));
    json_decref(got);
    json_decref(expected);
    json_decref(dc3);
    json_decref(shared);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_history, teardown_history)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_row_has_the_spans_of_its_changes),
        TEST(test_answers_of_a_plan_that_is_not_published_are_not_noted),
        TEST(test_an_answer_names_the_nodes_of_both_families),
        TEST(test_a_step_of_the_wall_clock_changes_no_order),
        TEST(test_a_time_without_notes_is_a_gap),
        TEST(test_what_is_older_than_a_day_goes),
        TEST(test_a_span_begins_a_day_ago_at_the_earliest),
        TEST(test_when_it_is_full_the_oldest_changes_go),
        TEST(test_when_there_are_too_many_gaps_the_oldest_go),
        TEST(test_a_reload_keeps_what_is_still_there),
        TEST(test_a_reload_that_renames_a_node),
        TEST(test_reloads_without_end_find_room),
        TEST(test_a_node_of_role_sentinel_has_no_rows),
        TEST(test_the_api_shows_all_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
