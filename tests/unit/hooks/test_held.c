/* hooks: events of the cluster that are held back. The loop does not run, so what is sent stays in
 * the queue of the one hook. */
#include "tests/unit/core/fixture.h"

#include <event2/event.h>

#include "hooks/choose.h"
#include "hooks/hooks.h"

#define LINE "{}\n"

static struct event_base *base;
static struct locum_config config;
static struct locum_core core;
static struct locum_hooks *hooks;

static int
setup(void **state)
{
    struct locum_config_hook *hook = &config.hooks[0];
    (void)state;
    base = event_base_new();
    memset(&config, 0, sizeof(config));
    memcpy(hook->command.at, "/bin/true", 10);
    hook->command.count = 1;
    hook->on[0] = LOCUM_HOOK_CONDITION;
    hook->on_count = 1;
    hook->timeout_ms = 1000;
    config.hook_count = 1;
    config.core = config_of(2, 1, 0);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    locum_hooks_destroy(hooks);
    event_base_free(base);
    return 0;
}

static void
on_tested(void *user)
{
    (void)user;
    fail();
}

static void
start(void)
{
    assert_int_equal(locum_hooks_create(base, &config, on_tested, NULL, &hooks), 0);
}

static const struct locum_hooks_state *
hook(size_t index)
{
    return locum_hooks_state(hooks, index);
}

/* A change of a peer at dc3, where dc2 is the reporter. */
static void
offer_condition(enum locum_condition from, enum locum_condition to, locum_ms mono)
{
    const struct locum_event event = {.kind = LOCUM_EVENT_CONDITION,
                                      .condition = {.peer = NS0, .from = from, .to = to}};
    const struct locum_hooks_event what = {
        .on = LOCUM_HOOK_CONDITION, .event = &event, .line = LINE};
    core.detector.peer[NS0].condition = to;
    locum_hooks_offer(hooks, &core, &what, mono);
}

static void
begin_as_dc3(void)
{
    config.core.self = DC3;
    locum_core_init(&core, &config.core, NULL, beginning);
    core.detector.peer[DC2].condition = LOCUM_ALIVE;
    core.view.peer[DC2].state_known = true;
    start();
}

static void
test_an_event_is_held_until_the_reporter_has_failed(void **state)
{
    (void)state;
    begin_as_dc3();
    core.view.peer[DC2].state_codes[NS0] = LOCUM_DOWN;
    offer_condition(LOCUM_SUSPECT, LOCUM_DOWN, 0);
    locum_hooks_look(hooks, &core, 1000);
    assert_int_equal(hook(0)->queued, 0);
    core.detector.peer[DC2].condition = LOCUM_SUSPECT;
    locum_hooks_look(hooks, &core, 2000);
    assert_int_equal(hook(0)->queued, 1);
    locum_hooks_look(hooks, &core, 3000);
    assert_int_equal(hook(0)->queued, 1);
}

static void
test_an_event_that_the_reporter_has_seen_is_left(void **state)
{
    (void)state;
    begin_as_dc3();
    core.view.peer[DC2].state_codes[NS0] = LOCUM_DOWN;
    offer_condition(LOCUM_SUSPECT, LOCUM_DOWN, 0);
    locum_hooks_look(hooks, &core, LOCUM_HOOKS_HOLD_MS);
    core.detector.peer[DC2].condition = LOCUM_DOWN;
    locum_hooks_look(hooks, &core, LOCUM_HOOKS_HOLD_MS + 1000);
    assert_int_equal(hook(0)->queued, 0);
}

/* The peer comes back at the end of the hold, and the reporter's heartbeat is late by one: the
 * report of the reporter is not repeated. */
static void
test_what_the_reporter_has_seen_once_counts(void **state)
{
    (void)state;
    begin_as_dc3();
    offer_condition(LOCUM_SUSPECT, LOCUM_DOWN, 0);
    core.view.peer[DC2].state_codes[NS0] = LOCUM_DOWN;
    locum_hooks_look(hooks, &core, 1000);
    core.view.peer[DC2].state_codes[NS0] = LOCUM_RETURNING;
    offer_condition(LOCUM_RETURNING, LOCUM_ALIVE, LOCUM_HOOKS_HOLD_MS + 200);
    core.view.peer[DC2].state_codes[NS0] = LOCUM_ALIVE;
    locum_hooks_look(hooks, &core, 3 * LOCUM_HOOKS_HOLD_MS);
    assert_int_equal(hook(0)->queued, 0);
}

/* The reporter never sees what this node sees, so this node reports it, and its end. */
static void
test_a_split_view_has_its_own_begin_and_end(void **state)
{
    (void)state;
    begin_as_dc3();
    core.view.peer[DC2].state_codes[NS0] = LOCUM_ALIVE;
    offer_condition(LOCUM_SUSPECT, LOCUM_DOWN, 0);
    locum_hooks_look(hooks, &core, LOCUM_HOOKS_HOLD_MS);
    assert_int_equal(hook(0)->queued, 1);
    offer_condition(LOCUM_DOWN, LOCUM_ALIVE, LOCUM_HOOKS_HOLD_MS + 1);
    assert_int_equal(hook(0)->queued, 2);
    offer_condition(LOCUM_DOWN, LOCUM_ALIVE, 20000); /* that of the next is the reporter's again */
    assert_int_equal(hook(0)->queued, 2);
}

/* dc3 is in its trial when dc2, the first server, comes back from a boot: to dc2 that is no end of
 * a loss, which it has not seen. */
static void
test_who_reported_the_loss_reports_the_end(void **state)
{
    (void)state;
    begin_as_dc3();
    core.detector.peer[DC2].condition = LOCUM_DOWN;
    offer_condition(LOCUM_SUSPECT, LOCUM_DOWN, 0);
    assert_int_equal(hook(0)->queued, 1);
    offer_condition(LOCUM_DOWN, LOCUM_RETURNING, 60000);
    core.detector.peer[DC2].condition = LOCUM_ALIVE;
    core.view.peer[DC2].state_codes[NS0] = LOCUM_ALIVE;
    offer_condition(LOCUM_RETURNING, LOCUM_ALIVE, 63000);
    locum_hooks_look(hooks, &core, 63000 + LOCUM_HOOKS_HOLD_MS);
    assert_int_equal(hook(0)->queued, 2);
}

/* Another reporter has not seen it. */
static void
test_what_a_former_reporter_has_seen_does_not_count(void **state)
{
    (void)state;
    config.core = config_of(3, 1, 0);
    config.core.self = 2;
    locum_core_init(&core, &config.core, NULL, beginning);
    for (locum_node node = DC2; node <= DC3; node++) {
        core.detector.peer[node].condition = LOCUM_ALIVE;
        core.view.peer[node].state_known = true;
    }
    start();
    const struct locum_event event = {
        .kind = LOCUM_EVENT_CONDITION,
        .condition = {.peer = 3, .from = LOCUM_SUSPECT, .to = LOCUM_DOWN}};
    const struct locum_hooks_event what = {
        .on = LOCUM_HOOK_CONDITION, .event = &event, .line = LINE};
    core.view.peer[DC2].state_codes[3] = LOCUM_DOWN;
    locum_hooks_offer(hooks, &core, &what, 0);
    core.detector.peer[DC2].condition = LOCUM_DOWN;
    locum_hooks_look(hooks, &core, 1000);
    assert_int_equal(hook(0)->queued, 0);
    locum_hooks_look(hooks, &core, LOCUM_HOOKS_HOLD_MS);
    assert_int_equal(hook(0)->queued, 1);
}

/* The alert of a suspicion that lasted is followed by that of its end, from the node that reports
 * it. */
static void
test_the_end_of_a_suspicion_follows_its_report(void **state)
{
    (void)state;
    begin_as_dc3();
    core.view.peer[DC2].state_codes[NS0] = LOCUM_SUSPECT;
    offer_condition(LOCUM_ALIVE, LOCUM_SUSPECT, 0);
    locum_hooks_look(hooks, &core, LOCUM_HOOKS_HOLD_MS); /* dc2 reports it */
    assert_int_equal(hook(0)->queued, 0);
    locum_hooks_reconfigure(hooks, &config, &config);
    core.detector.peer[DC2].condition = LOCUM_DOWN;
    offer_condition(LOCUM_SUSPECT, LOCUM_ALIVE, LOCUM_HOOKS_HOLD_MS + 1);
    assert_int_equal(hook(0)->queued, 1);
    offer_condition(LOCUM_ALIVE, LOCUM_SUSPECT, 10000); /* short: no report, and no end */
    offer_condition(LOCUM_SUSPECT, LOCUM_ALIVE, 10100);
    locum_hooks_look(hooks, &core, 20000);
    assert_int_equal(hook(0)->queued, 1);
}

static void
test_held_events_are_sent_at_a_reload_or_if_there_are_many(void **state)
{
    const int many = LOCUM_HOOKS_HELD_MAX + 1;
    (void)state;
    begin_as_dc3();
    for (int i = 0; i < many; i++) {
        offer_condition(LOCUM_SUSPECT, LOCUM_DOWN, 0);
    }
    assert_int_equal(hook(0)->queued, 1);
    locum_hooks_reconfigure(hooks, &config, &config);
    assert_int_equal(hook(0)->queued, many);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_event_is_held_until_the_reporter_has_failed),
        TEST(test_an_event_that_the_reporter_has_seen_is_left),
        TEST(test_what_the_reporter_has_seen_once_counts),
        TEST(test_a_split_view_has_its_own_begin_and_end),
        TEST(test_who_reported_the_loss_reports_the_end),
        TEST(test_what_a_former_reporter_has_seen_does_not_count),
        TEST(test_the_end_of_a_suspicion_follows_its_report),
        TEST(test_held_events_are_sent_at_a_reload_or_if_there_are_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
