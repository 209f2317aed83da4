/* hooks: does this node report an event? Node 0, 1 ... are servers; the core's facts are set. */
#include "tests/unit/core/fixture.h"

#include "hooks/choose.h"

enum { DC4 = 2, WITNESS = 3, HOLD = LOCUM_HOOKS_HOLD_MS };

static struct locum_core core;

/* dc2, dc3, dc4 and a witness; this node is `self`, and all peers are alive and see all alive. */
static void
begin_as(locum_node self)
{
    struct locum_core_config config = config_of(3, 1, 0);
    config.self = self;
    locum_core_init(&core, &config, NULL, beginning);
    for (locum_node peer = 0; peer < config.node_count; peer++) {
        core.detector.peer[peer].condition = LOCUM_ALIVE;
        core.view.peer[peer].state_known = true;
        for (locum_node other = 0; other < config.node_count; other++) {
            core.view.peer[peer].state_codes[other] = LOCUM_ALIVE;
        }
    }
}

static int
setup(void **state)
{
    (void)state;
    begin_as(DC3);
    return 0;
}

static void
hold(locum_node peer, enum locum_condition condition)
{
    core.detector.peer[peer].condition = condition;
}

/* What the last heartbeat of `peer` says of `of`. */
static void
say_of(locum_node peer, locum_node of, enum locum_condition condition)
{
    core.view.peer[peer].state_codes[of] = condition;
}

/* With the reporter's view of now, and nothing reported. */
static enum locum_hooks_choice
choose_event(const struct locum_event *event, locum_ms age_ms)
{
    const struct locum_choose_memory memory = {.age_ms = age_ms,
                                               .agreed = locum_choose_agrees(&core, event)};
    return locum_hooks_choose(&core, event, &memory);
}

static enum locum_hooks_choice
choose(locum_node peer, enum locum_condition from, enum locum_condition to, locum_ms age_ms)
{
    const struct locum_event event = {.kind = LOCUM_EVENT_CONDITION,
                                      .condition = {.peer = peer, .from = from, .to = to}};
    return choose_event(&event, age_ms);
}

static void
test_the_first_alive_server_reports(void **state)
{
    (void)state;
    assert_int_equal(locum_choose_reporter(&core, DC4), DC2);
    assert_int_equal(locum_choose_reporter(&core, WITNESS), DC2);
    assert_int_equal(locum_choose_reporter(&core, LOCUM_NODE_NONE), DC2);
    static const enum locum_condition others[] = {LOCUM_UNKNOWN, LOCUM_SUSPECT, LOCUM_DOWN,
                                                  LOCUM_RETURNING};
    for (size_t i = 0; i < LOCUM_COUNT(others); i++) {
        hold(DC2, others[i]);
        assert_int_equal(locum_choose_reporter(&core, DC4), DC3);
    }
}

static void
test_nobody_reports_its_own_death(void **state)
{
    (void)state;
    assert_int_equal(locum_choose_reporter(&core, DC2), DC3);
    hold(DC2, LOCUM_DOWN);
    assert_int_equal(choose(DC2, LOCUM_SUSPECT, LOCUM_DOWN, 0), LOCUM_HOOKS_REPORT);
    begin_as(DC4);
    hold(DC2, LOCUM_DOWN);
    assert_int_equal(choose(DC2, LOCUM_SUSPECT, LOCUM_DOWN, 0), LOCUM_HOOKS_HOLD);
}

static void
test_without_a_server_a_witness_reports(void **state)
{
    (void)state;
    begin_as(WITNESS);
    for (locum_node server = DC2; server <= DC4; server++) {
        assert_int_equal(choose(server, LOCUM_SUSPECT, LOCUM_DOWN, 0), LOCUM_HOOKS_HOLD);
    }
    for (locum_node server = DC2; server <= DC4; server++) {
        hold(server, LOCUM_DOWN);
    }
    assert_int_equal(locum_choose_reporter(&core, DC2), WITNESS);
    assert_int_equal(choose(DC4, LOCUM_SUSPECT, LOCUM_DOWN, 0), LOCUM_HOOKS_REPORT);
}

static void
test_the_reporter_reports_at_once(void **state)
{
    (void)state;
    begin_as(DC2);
    assert_int_equal(choose(DC3, LOCUM_SUSPECT, LOCUM_DOWN, 0), LOCUM_HOOKS_REPORT);
    assert_int_equal(choose(DC3, LOCUM_RETURNING, LOCUM_ALIVE, 0), LOCUM_HOOKS_REPORT);
    assert_int_equal(choose(DC3, LOCUM_DOWN, LOCUM_ALIVE, 0), LOCUM_HOOKS_REPORT);
}

static void
test_the_others_leave_it_to_one_that_sees_the_same(void **state)
{
    (void)state;
    hold(DC4, LOCUM_DOWN);
    say_of(DC2, DC4, LOCUM_DOWN);
    assert_int_equal(choose(DC4, LOCUM_SUSPECT, LOCUM_DOWN, 0), LOCUM_HOOKS_HOLD);
    assert_int_equal(choose(DC4, LOCUM_SUSPECT, LOCUM_DOWN, HOLD - 1), LOCUM_HOOKS_HOLD);
    assert_int_equal(choose(DC4, LOCUM_SUSPECT, LOCUM_DOWN, HOLD), LOCUM_HOOKS_LEAVE);
}

static void
test_a_split_view_makes_two_reports(void **state)
{
    (void)state;
    hold(DC4, LOCUM_DOWN); /* dc2 says alive */
    assert_int_equal(choose(DC4, LOCUM_SUSPECT, LOCUM_DOWN, HOLD), LOCUM_HOOKS_REPORT);
    say_of(DC2, DC4, LOCUM_DOWN);
    core.view.peer[DC2].state_known = false;
    assert_int_equal(choose(DC4, LOCUM_SUSPECT, LOCUM_DOWN, HOLD), LOCUM_HOOKS_REPORT);
}

static void
test_the_reporter_fails_while_an_event_is_held(void **state)
{
    (void)state;
    hold(DC4, LOCUM_DOWN);
    say_of(DC2, DC4, LOCUM_DOWN);
    assert_int_equal(choose(DC4, LOCUM_SUSPECT, LOCUM_DOWN, 900), LOCUM_HOOKS_HOLD);
    hold(DC2, LOCUM_SUSPECT);
    assert_int_equal(choose(DC4, LOCUM_SUSPECT, LOCUM_DOWN, 1000), LOCUM_HOOKS_REPORT);
}

static void
test_the_hold_is_longer_than_a_silence(void **state)
{
    (void)state;
    assert_int_equal(locum_choose_hold_ms(&core.config), HOLD);
    core.config.timeout_ms = 4000;
    assert_int_equal(locum_choose_hold_ms(&core.config), 8000);
}

static void
test_a_suspicion_is_reported_if_it_lasts(void **state)
{
    (void)state;
    begin_as(DC2);
    hold(DC3, LOCUM_SUSPECT);
    assert_int_equal(choose(DC3, LOCUM_ALIVE, LOCUM_SUSPECT, 0), LOCUM_HOOKS_HOLD);
    assert_int_equal(choose(DC3, LOCUM_ALIVE, LOCUM_SUSPECT, HOLD), LOCUM_HOOKS_REPORT);
    hold(DC3, LOCUM_DOWN);
    assert_int_equal(choose(DC3, LOCUM_ALIVE, LOCUM_SUSPECT, 100), LOCUM_HOOKS_LEAVE);
    hold(DC3, LOCUM_ALIVE);
    assert_int_equal(choose(DC3, LOCUM_ALIVE, LOCUM_SUSPECT, HOLD), LOCUM_HOOKS_LEAVE);
    begin_as(DC3);
    hold(DC4, LOCUM_SUSPECT);
    say_of(DC2, DC4, LOCUM_SUSPECT);
    assert_int_equal(choose(DC4, LOCUM_ALIVE, LOCUM_SUSPECT, HOLD), LOCUM_HOOKS_LEAVE);
    say_of(DC2, DC4, LOCUM_DOWN); /* it has reported more than this */
    assert_int_equal(choose(DC4, LOCUM_ALIVE, LOCUM_SUSPECT, HOLD), LOCUM_HOOKS_LEAVE);
    say_of(DC2, DC4, LOCUM_RETURNING);
    assert_int_equal(choose(DC4, LOCUM_ALIVE, LOCUM_SUSPECT, HOLD), LOCUM_HOOKS_REPORT);
}

static void
test_the_end_of_a_suspicion_is_reported_if_it_was(void **state)
{
    const struct locum_event event = {
        .kind = LOCUM_EVENT_CONDITION,
        .condition = {.peer = DC3, .from = LOCUM_SUSPECT, .to = LOCUM_ALIVE}};
    (void)state;
    begin_as(DC2);
    struct locum_choose_memory memory = {0};
    assert_int_equal(locum_hooks_choose(&core, &event, &memory), LOCUM_HOOKS_LEAVE);
    memory.reported = true;
    assert_int_equal(locum_hooks_choose(&core, &event, &memory), LOCUM_HOOKS_REPORT);
}

/* The reporter did not report the begin, so it will not report the end. */
static void
test_the_end_of_an_own_report_is_reported(void **state)
{
    const struct locum_event event = {
        .kind = LOCUM_EVENT_CONDITION,
        .condition = {.peer = DC4, .from = LOCUM_RETURNING, .to = LOCUM_ALIVE}};
    struct locum_choose_memory memory = {.agreed = true};
    (void)state;
    assert_int_equal(locum_hooks_choose(&core, &event, &memory), LOCUM_HOOKS_HOLD);
    memory.own = true;
    assert_int_equal(locum_hooks_choose(&core, &event, &memory), LOCUM_HOOKS_REPORT);
}

static void
test_what_is_no_news_is_left(void **state)
{
    (void)state;
    begin_as(DC2);
    assert_int_equal(choose(DC3, LOCUM_UNKNOWN, LOCUM_ALIVE, 0), LOCUM_HOOKS_LEAVE);
    assert_int_equal(choose(DC3, LOCUM_DOWN, LOCUM_RETURNING, 0), LOCUM_HOOKS_LEAVE);
    assert_int_equal(choose(DC3, LOCUM_SUSPECT, LOCUM_UNKNOWN, 0), LOCUM_HOOKS_LEAVE);
}

static enum locum_hooks_choice
choose_serving(struct locum_serving from, struct locum_serving to, locum_ms age_ms)
{
    const struct locum_event event = {.kind = LOCUM_EVENT_SERVING,
                                      .serving = {.from = from, .to = to}};
    return choose_event(&event, age_ms);
}

#define SERVING(what, of, taken_over)                                                              \
    (struct locum_serving)                                                                         \
    {                                                                                              \
        .kind = LOCUM_SERVING_##what, .named = (of), .taken = (taken_over)                         \
    }

static void
test_what_one_server_answers_it_reports(void **state)
{
    (void)state;
    begin_as(DC4); /* not the first alive server */
    assert_int_equal(choose_serving(SERVING(SELF, 4, 0), SERVING(SELF, 4, 2), 0),
                     LOCUM_HOOKS_REPORT);
    assert_int_equal(choose_serving(SERVING(SELF, 4, 0), SERVING(YIELDING, 1, 0), 0),
                     LOCUM_HOOKS_REPORT);
    assert_int_equal(choose_serving(SERVING(ALL, 7, 0), SERVING(ALL, 7, 2), 0), LOCUM_HOOKS_REPORT);
    /* only the successor of dc3 takes over, while all servers name one less */
    assert_int_equal(choose_serving(SERVING(ALL, 7, 0), SERVING(ALL, 5, 2), 0), LOCUM_HOOKS_REPORT);
    assert_int_equal(choose_serving(SERVING(ALL, 5, 2), SERVING(ALL, 7, 0), 0), LOCUM_HOOKS_REPORT);
}

static void
test_what_all_servers_answer_one_reports(void **state)
{
    const struct locum_serving all = SERVING(ALL, 7, 0);
    const struct locum_serving two = SERVING(ALL, 5, 0);
    const struct locum_serving open = SERVING(FAIL_OPEN, 7, 0);
    const struct locum_serving own = SERVING(SELF, 4, 0);
    (void)state;
    begin_as(DC2);
    assert_int_equal(choose_serving(all, two, 0), LOCUM_HOOKS_REPORT);
    begin_as(DC4);
    assert_int_equal(choose_serving(all, two, 0), LOCUM_HOOKS_HOLD);
    assert_int_equal(choose_serving(own, open, 0), LOCUM_HOOKS_HOLD);
    assert_int_equal(choose_serving(open, own, 0), LOCUM_HOOKS_HOLD);
    assert_int_equal(choose_serving(own, all, 0), LOCUM_HOOKS_HOLD);
    assert_int_equal(choose_serving(all, own, 0), LOCUM_HOOKS_HOLD);
    assert_int_equal(choose_serving(all, two, HOLD), LOCUM_HOOKS_LEAVE);
    hold(DC3, LOCUM_DOWN); /* which dc2 does not see */
    assert_int_equal(choose_serving(all, two, HOLD), LOCUM_HOOKS_REPORT);
    say_of(DC2, DC3, LOCUM_DOWN);
    assert_int_equal(choose_serving(all, two, HOLD), LOCUM_HOOKS_LEAVE);
    core.admin.excluded = locum_nodes_of(DC3); /* here; dc2 may name it */
    assert_int_equal(choose_serving(all, two, HOLD), LOCUM_HOOKS_REPORT);
}

static enum locum_hooks_choice
choose_service(enum locum_service from, enum locum_service to)
{
    const struct locum_event event = {.kind = LOCUM_EVENT_SERVICE,
                                      .service = {.from = from, .to = to}};
    return choose_event(&event, 0);
}

static void
test_each_node_reports_its_service_and_warnings(void **state)
{
    (void)state;
    begin_as(DC4);
    assert_int_equal(choose_service(LOCUM_UP, LOCUM_FAILING), LOCUM_HOOKS_REPORT);
    assert_int_equal(choose_service(LOCUM_UP, LOCUM_SERVICE_DEGRADED), LOCUM_HOOKS_REPORT);
    assert_int_equal(choose_service(LOCUM_PROBATION, LOCUM_UP), LOCUM_HOOKS_REPORT);
    assert_int_equal(choose_service(LOCUM_FAILING, LOCUM_PROBATION), LOCUM_HOOKS_LEAVE);
    assert_int_equal(choose_service(LOCUM_SERVICE_UNKNOWN, LOCUM_UP), LOCUM_HOOKS_LEAVE);
    assert_int_equal(choose_service(LOCUM_UP, LOCUM_SERVICE_UNKNOWN), LOCUM_HOOKS_LEAVE);
    assert_int_equal(locum_hooks_choose(&core, NULL, &(struct locum_choose_memory){0}),
                     LOCUM_HOOKS_REPORT);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_first_alive_server_reports),
        TEST(test_nobody_reports_its_own_death),
        TEST(test_without_a_server_a_witness_reports),
        TEST(test_the_reporter_reports_at_once),
        TEST(test_the_others_leave_it_to_one_that_sees_the_same),
        TEST(test_a_split_view_makes_two_reports),
        TEST(test_the_reporter_fails_while_an_event_is_held),
        TEST(test_the_hold_is_longer_than_a_silence),
        TEST(test_a_suspicion_is_reported_if_it_lasts),
        TEST(test_the_end_of_a_suspicion_is_reported_if_it_was),
        TEST(test_the_end_of_an_own_report_is_reported),
        TEST(test_what_is_no_news_is_left),
        TEST(test_what_one_server_answers_it_reports),
        TEST(test_what_all_servers_answer_one_reports),
        TEST(test_each_node_reports_its_service_and_warnings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
