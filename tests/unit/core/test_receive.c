/* receive: RECEIVE-1 to 10: what one authentic heartbeat changes. */
#include "bench.h"

static void
test_accepted(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start(&bench, &config, NULL);
    commit(&bench, START);
    bench.now = START + 40;
    struct locum_heartbeat *dc3 = &bench.peer[DC3];
    dc3->service = LOCUM_PROBATION;
    dc3->admin = LOCUM_DRAIN;
    dc3->interval_ms = 250;
    dc3->wall = at(bench.now).wall + 3000;
    dc3->acks[NS0].state_code = LOCUM_SUSPECT;
    strcpy(dc3->version, "0.1.0");
    hear(&bench, LOCUM_PATH_UDP, DC3);
    const struct locum_peer_facts *facts = &bench.core.view.peer[DC3];
    assert_int_equal(facts->heard, START + 40);
    assert_true(facts->state_known);
    assert_int_equal(facts->service, LOCUM_PROBATION);
    assert_int_equal(facts->admin, LOCUM_DRAIN);
    assert_int_equal(facts->interval_ms, 250);
    assert_int_equal(facts->wall_offset, 3000);
    assert_int_equal(facts->state_codes[NS0], LOCUM_SUSPECT);
    assert_string_equal(facts->version, "0.1.0");
    assert_string_equal(facts->digest, "a1b2c3d4");
    assert_int_equal(facts->path[LOCUM_PATH_UDP].heard, START + 40);
    assert_int_equal(facts->path[LOCUM_PATH_UDP].received, 1);
    assert_int_equal(facts->path[LOCUM_PATH_REDIS].heard, LOCUM_NEVER);
    assert_int_equal(condition(&bench, DC3), LOCUM_UNKNOWN); /* conditions change at the commit */
    commit(&bench, START + 40);
    assert_int_equal(condition(&bench, DC3), LOCUM_ALIVE);
}

static void
test_unknown_heartbeats_are_ignored(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start(&bench, &config, NULL);
    hear_text(&bench, LOCUM_PATH_UDP, "locum2 get dc3 1 1 125 up ready - 1 a1b2c3d4");
    hear_text(&bench, LOCUM_PATH_UDP, "nonsense");
    assert_int_equal(bench.core.ignored, 2);
    assert_int_equal(bench.actions.count, 0);
    assert_int_equal(bench.core.view.peer[DC3].path[LOCUM_PATH_UDP].received, 0);
}

/* RECEIVE-1: an own heartbeat comes back through Redis: Redis has worked since it was SENT. */
static void
test_own_return(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start(&bench, &config, NULL);
    struct locum_view *view = &bench.core.view;
    struct locum_heartbeat own = bench.peer[DC2];
    own.incarnation = view->incarnation;
    for (int i = 0; i < 3; i++) {
        commit(&bench, START + i * 130);
    }
    assert_int_equal(view->seq, 3);
    bench.now = START + 300;
    own.seq = 2;
    hear_as_is(&bench, LOCUM_PATH_UDP, &own); /* by UDP it proves nothing */
    assert_int_equal(view->own_return, LOCUM_NEVER);
    hear_as_is(&bench, LOCUM_PATH_REDIS, &own);
    assert_int_equal(view->own_return, START + 130);
    assert_int_equal(view->own_return_since, START + 130);
    own.seq = 1; /* an older one, late */
    hear_as_is(&bench, LOCUM_PATH_REDIS, &own);
    assert_int_equal(view->own_return, START + 130);
    own.seq = 4; /* never sent */
    hear_as_is(&bench, LOCUM_PATH_REDIS, &own);
    own.incarnation--; /* of another run */
    own.seq = 3;
    hear_as_is(&bench, LOCUM_PATH_REDIS, &own);
    assert_int_equal(view->own_return, START + 130);
    own.incarnation++;
    hear_as_is(&bench, LOCUM_PATH_REDIS, &own);
    assert_int_equal(view->own_return, START + 260);
    assert_int_equal(view->own_return_since, START + 130);
    assert_int_equal(bench.actions.count, 0);
    commit(&bench, START + 1260); /* after a gap of timeout the returns count again from here */
    own.seq = view->seq;
    hear_as_is(&bench, LOCUM_PATH_REDIS, &own);
    assert_int_equal(view->own_return_since, START + 1260);
}

/* RECEIVE-2 */
static void
test_duplicate_node_is_reported(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start(&bench, &config, NULL);
    struct locum_heartbeat duplicate = bench.peer[DC2];
    duplicate.incarnation = bench.core.view.incarnation + 5;
    duplicate.seq = 1;
    hear_as_is(&bench, LOCUM_PATH_REDIS, &duplicate);
    assert_int_equal(event_of(&bench, LOCUM_EVENT_DUPLICATE_NODE)->incarnation,
                     duplicate.incarnation);
    bench.now += 9999;
    hear_as_is(&bench, LOCUM_PATH_REDIS, &duplicate); /* reported once in ten seconds */
    assert_int_equal(bench.actions.count, 0);
    bench.now += 1;
    hear_as_is(&bench, LOCUM_PATH_REDIS, &duplicate);
    assert_non_null(event_of(&bench, LOCUM_EVENT_DUPLICATE_NODE));
}

/* RECEIVE-3: a peer remembers a later incarnation: self raises its own, and persists it. */
static void
test_incarnation_is_raised(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start_well(&bench, &config);
    const uint64_t later = bench.core.view.incarnation + 1000;
    struct locum_heartbeat *dc3 = &bench.peer[DC3];
    dc3->seq++;
    dc3->acks[DC2] = (struct locum_ack){true, later, 9, LOCUM_ALIVE};
    hear_as_is(&bench, LOCUM_PATH_UDP, dc3);
    assert_int_equal(bench.core.view.incarnation, later + 1);
    assert_int_equal(event_of(&bench, LOCUM_EVENT_INCARNATION)->incarnation, later + 1);
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_PERSIST), 1);
    struct locum_saved saved;
    locum_core_saved(&bench.core, &saved);
    assert_int_equal(saved.incarnation, later + 1);
    commit(&bench, START + 130); /* at once, not an interval later */
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_HEARTBEAT), 1);
    hear(&bench, LOCUM_PATH_UDP, DC3); /* the same incarnation changes nothing */
    assert_null(event_of(&bench, LOCUM_EVENT_INCARNATION));
}

/* RECEIVE-3: two nodes with one name raise it alternately: reported and persisted once in ten
 * seconds.
 */
static void
test_repeated_raises_are_reported_rarely(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start_well(&bench, &config);
    struct locum_heartbeat *dc3 = &bench.peer[DC3];
    const locum_ms begin = bench.now;
    for (locum_ms after = 0; after <= 10000; after += 1250) {
        const uint64_t later = bench.core.view.incarnation + 1;
        bench.now = begin + after;
        dc3->seq++;
        dc3->acks[DC2] = (struct locum_ack){true, later, 9, LOCUM_ALIVE};
        hear_as_is(&bench, LOCUM_PATH_UDP, dc3);
        assert_int_equal(bench.core.view.incarnation, later + 1);
        const bool reported = after == 0 || after == 10000;
        assert_int_equal(event_of(&bench, LOCUM_EVENT_INCARNATION) != NULL, reported);
        assert_int_equal(count_actions(&bench, LOCUM_ACTION_PERSIST), reported);
    }
}

/* A heartbeat may have been delayed, as its acknowledgement shows; that is not a clock difference.
 */
static void
test_clock_difference_allows_for_the_age(void **state)
{
    static const struct {
        locum_ms age, wall, offset; /* its stamp minus the own clock at arrival */
    } cases[] = {
        {0, 0, 0},     {0, -5001, -5001},  {0, 5001, 5001},      {1500, -1500, 0},
        {1500, -1, 0}, {1500, 5001, 5001}, {1500, -6501, -5001}, {1500, -1501, -1},
    };
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        struct bench bench;
        const struct locum_core_config config = article(DC2);
        bench_start(&bench, &config, NULL);
        commit(&bench, START); /* sends the heartbeat that is acknowledged */
        bench.now = START + cases[i].age;
        bench.peer[DC3].wall = at(bench.now).wall + cases[i].wall;
        hear(&bench, LOCUM_PATH_UDP, DC3);
        assert_int_equal(bench.core.view.peer[DC3].wall_offset, cases[i].offset);
    }
}

static void
test_replays_and_disorder(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start_well(&bench, &config);
    const struct locum_peer_facts *facts = &bench.core.view.peer[DC3];
    const struct locum_path_facts *udp = &facts->path[LOCUM_PATH_UDP];
    const struct locum_heartbeat first = bench.peer[DC3];
    bench.now += 10;
    hear_as_is(&bench, LOCUM_PATH_UDP, &first); /* the same once more: not counted */
    assert_int_equal(udp->received, 2);
    assert_int_equal(udp->dropped, 0);
    assert_int_equal(facts->heard, START + 100);
    hear(&bench, LOCUM_PATH_UDP, DC3);
    hear(&bench, LOCUM_PATH_UDP, DC3);
    assert_int_equal(facts->heard, START + 110);
    hear_as_is(&bench, LOCUM_PATH_UDP, &first); /* an older one */
    assert_int_equal(udp->dropped, 1);
    bench.now += 10;
    hear_as_is(&bench, LOCUM_PATH_REDIS, &first); /* by the other path it is only slower */
    assert_int_equal(facts->path[LOCUM_PATH_REDIS].dropped, 0);
    assert_int_equal(facts->path[LOCUM_PATH_REDIS].heard, START + 120);
    assert_int_equal(facts->heard, START + 110);
    assert_int_equal(facts->order.seq, 3);
}

/* RECEIVE-4: heartbeats of an older run are dropped on both paths. */
static void
test_older_incarnation(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start_well(&bench, &config);
    struct locum_heartbeat old = bench.peer[DC3];
    bench.peer[DC3].incarnation = 701;
    bench.peer[DC3].seq = 0;
    bench.now += 10;
    hear(&bench, LOCUM_PATH_UDP, DC3);
    assert_int_equal(bench.core.view.peer[DC3].order.incarnation, 701);
    assert_int_equal(bench.core.view.peer[DC3].order.seq, 1);
    bench.now += 10;
    old.seq += 5;
    hear_as_is(&bench, LOCUM_PATH_REDIS, &old);
    assert_int_equal(bench.core.view.peer[DC3].order.incarnation, 701);
    assert_int_equal(bench.core.view.peer[DC3].path[LOCUM_PATH_REDIS].dropped, 1);
    assert_int_equal(bench.core.view.peer[DC3].heard, START + 110);
}

/* RECEIVE-5: the restarted peer learns at once that it is heard. */
static void
test_new_incarnation_is_acknowledged_at_once(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start_well(&bench, &config);
    commit(&bench, START + 130);
    commit(&bench, START + 150);
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_HEARTBEAT), 0);
    bench.peer[DC3].incarnation++;
    bench.peer[DC3].seq = 0;
    hear(&bench, LOCUM_PATH_UDP, DC3);
    commit(&bench, START + 160);
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_HEARTBEAT), 1);
}

/* HEARTBEAT-6, RECEIVE-7 */
static void
test_stale_acknowledgement(void **state)
{
    (void)state;
    static const struct {
        locum_ms age; /* of the own heartbeat that it acknowledges */
        bool counts;
    } cases[] = {{1999, true}, {2000, true}, {2001, false}};
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        struct bench bench;
        const struct locum_core_config config = article(DC2);
        bench_start_well(&bench, &config);
        const locum_ms sent = bench.core.last_send;
        bench.now = sent + cases[i].age;
        hear(&bench, LOCUM_PATH_UDP, DC3);
        assert_int_equal(bench.core.view.peer[DC3].heard,
                         cases[i].counts ? bench.now : START + 100);
        assert_int_equal(bench.core.view.peer[DC3].order.seq, cases[i].counts ? 2 : 1);
        assert_int_equal(bench.core.view.peer[DC3].authentic.seq, 2);
    }
}

/* RECEIVE-7: after two timeouts without an acknowledgement the peer does not hear self. */
static void
test_one_way_is_reported(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start_well(&bench, &config);
    struct locum_heartbeat *dc3 = &bench.peer[DC3];
    dc3->acks[DC2] = (struct locum_ack){true, bench.core.view.incarnation, 999, LOCUM_SUSPECT};
    for (locum_ms now = START + 200; now < START + 2200; now += 100) {
        commit(&bench, now);
        dc3->seq++;
        hear_as_is(&bench, LOCUM_PATH_UDP, dc3);
        assert_null(event_of(&bench, LOCUM_EVENT_ONE_WAY));
    }
    bench.now = START + 2200;
    hear_as_is(&bench, LOCUM_PATH_REDIS, dc3); /* not the newest: no effect */
    assert_null(event_of(&bench, LOCUM_EVENT_ONE_WAY));
    dc3->seq++;
    hear_as_is(&bench, LOCUM_PATH_UDP, dc3);
    assert_int_equal(event_of(&bench, LOCUM_EVENT_ONE_WAY)->peer, DC3);
    dc3->seq++;
    hear_as_is(&bench, LOCUM_PATH_UDP, dc3);
    assert_null(event_of(&bench, LOCUM_EVENT_ONE_WAY)); /* reported once */
    hear(&bench, LOCUM_PATH_UDP, DC3);
    assert_int_equal(event_of(&bench, LOCUM_EVENT_TWO_WAY)->peer, DC3);
}

/* RECEIVE-11: a node that crashed or restarted is an event at its peers. */
static void
test_a_node_that_crashed_or_restarted_is_an_event_at_its_peers(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start_well(&bench, &config); /* hears DC3's first run: no event */
    assert_null(event_of(&bench, LOCUM_EVENT_RESTART));
    struct locum_heartbeat *dc3 = &bench.peer[DC3];
    dc3->incarnation++; /* without `leaving` */
    dc3->seq = 0;
    hear(&bench, LOCUM_PATH_UDP, DC3);
    assert_int_equal(event_of(&bench, LOCUM_EVENT_RESTART)->restart.peer, DC3);
    assert_false(event_of(&bench, LOCUM_EVENT_RESTART)->restart.left);
    hear(&bench, LOCUM_PATH_UDP, DC3);
    assert_null(event_of(&bench, LOCUM_EVENT_RESTART));
    commit(&bench, bench.now + 9999); /* so that there is a fresh one to acknowledge */
    dc3->incarnation++;               /* reported once in ten seconds */
    hear(&bench, LOCUM_PATH_UDP, DC3);
    assert_null(event_of(&bench, LOCUM_EVENT_RESTART));
    dc3->leaving = true;
    hear(&bench, LOCUM_PATH_UDP, DC3);
    dc3->leaving = false;
    dc3->incarnation++;
    dc3->seq = 0;
    bench.now += 1;
    hear(&bench, LOCUM_PATH_UDP, DC3);
    assert_true(event_of(&bench, LOCUM_EVENT_RESTART)->restart.left);
}

/* RECEIVE-8 */
static void
test_second_copy_is_only_counted(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start_well(&bench, &config);
    struct locum_heartbeat same = bench.peer[DC3];
    same.service = LOCUM_FAILING;
    bench.now += 50;
    hear_as_is(&bench, LOCUM_PATH_REDIS, &same);
    const struct locum_peer_facts *facts = &bench.core.view.peer[DC3];
    assert_int_equal(facts->path[LOCUM_PATH_REDIS].heard, START + 150);
    assert_int_equal(facts->heard, START + 100);
    assert_int_equal(facts->service, LOCUM_UP);
}

/* RECEIVE-9: a late heartbeat has no effect; an answer to a heartbeat sent after the verdict has.
 */
static void
test_late_heartbeat_after_the_verdict(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start_well(&bench, &config);
    const locum_ms first = bench.core.view.peer[DC3].gap;
    assert_true(first >= START);
    run_without_dc3(&bench, START + 1090);
    struct locum_heartbeat last = bench.peer[DC3];
    last.seq++;
    last.acks[DC2].seq = bench.core.view.seq; /* of something sent before the verdict */
    run_without_dc3(&bench, START + 1100);
    bench.peer[NS0].acks[DC3].state_code = LOCUM_SUSPECT;
    hear(&bench, LOCUM_PATH_UDP, NS0);
    commit(&bench, START + 1110);
    assert_int_equal(condition(&bench, DC3), LOCUM_DOWN);
    bench.now = START + 1120;
    hear_as_is(&bench, LOCUM_PATH_UDP, &last);
    commit(&bench, START + 1120);
    assert_int_equal(condition(&bench, DC3), LOCUM_DOWN);
    run_without_dc3(&bench, START + 1300);
    bench.peer[DC3].seq += 3;
    hear(&bench, LOCUM_PATH_UDP, DC3);
    commit(&bench, START + 1300);
    assert_int_equal(condition(&bench, DC3), LOCUM_RETURNING);
}

/* RECEIVE-10: service `unknown` keeps the last verdict of the peer. */
static void
test_unknown_service_keeps_the_verdict(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start(&bench, &config, NULL);
    commit(&bench, START);
    static const enum locum_service said[] = {LOCUM_SERVICE_UNKNOWN, LOCUM_UP,
                                              LOCUM_SERVICE_UNKNOWN, LOCUM_FAILING,
                                              LOCUM_SERVICE_UNKNOWN};
    static const enum locum_service held[] = {LOCUM_SERVICE_UNKNOWN, LOCUM_UP, LOCUM_UP,
                                              LOCUM_FAILING, LOCUM_FAILING};
    for (size_t i = 0; i < LOCUM_COUNT(said); i++) {
        bench.peer[DC3].service = said[i];
        hear(&bench, LOCUM_PATH_UDP, DC3);
        assert_int_equal(locum_core_service(&bench.core, DC3), held[i]);
    }
}

/* COND-12: a heartbeat a limit after the one before: the trial of a returning restarts. */
static void
test_gap_restarts_the_trial(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start_well(&bench, &config);
    const locum_ms first = bench.core.view.peer[DC3].gap;
    assert_true(first >= START);
    run_without_dc3(&bench, START + 1090);
    bench.now = START + 1099;
    hear(&bench, LOCUM_PATH_UDP, DC3);
    assert_int_equal(bench.core.view.peer[DC3].gap, first); /* nothing before the first one */
    run_without_dc3(&bench, START + 2099);
    hear(&bench, LOCUM_PATH_UDP, DC3);
    assert_int_equal(bench.core.view.peer[DC3].gap, START + 2099);
    commit(&bench, START + 9000); /* all silence counts from the stall */
    bench.now = START + 9100;
    hear(&bench, LOCUM_PATH_UDP, DC3);
    assert_int_equal(bench.core.view.peer[DC3].gap, START + 2099);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_unknown_heartbeats_are_ignored),
        cmocka_unit_test(test_own_return),
        cmocka_unit_test(test_duplicate_node_is_reported),
        cmocka_unit_test(test_incarnation_is_raised),
        cmocka_unit_test(test_repeated_raises_are_reported_rarely),
        cmocka_unit_test(test_clock_difference_allows_for_the_age),
        cmocka_unit_test(test_replays_and_disorder),
        cmocka_unit_test(test_older_incarnation),
        cmocka_unit_test(test_new_incarnation_is_acknowledged_at_once),
        cmocka_unit_test(test_stale_acknowledgement),
        cmocka_unit_test(test_one_way_is_reported),
        cmocka_unit_test(test_a_node_that_crashed_or_restarted_is_an_event_at_its_peers),
        cmocka_unit_test(test_second_copy_is_only_counted),
        cmocka_unit_test(test_late_heartbeat_after_the_verdict),
        cmocka_unit_test(test_unknown_service_keeps_the_verdict),
        cmocka_unit_test(test_gap_restarts_the_trial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
