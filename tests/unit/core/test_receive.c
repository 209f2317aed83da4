/* step, the rule RECEIVE line by line: what one authentic heartbeat changes. */
#include "bench.h"

static void
test_accepted(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start(&bench, &config, NULL);
    tick(&bench, START);
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
    assert_int_equal(condition(&bench, DC3), LOCUM_UNKNOWN); /* conditions move at the turn */
    tick(&bench, START + 40);
    assert_int_equal(condition(&bench, DC3), LOCUM_ALIVE);
}

static void
test_not_understood(void **state)
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

/* The own heartbeat, back through Redis: Redis carried it from when it was SENT. */
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
        tick(&bench, START + i * 130);
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
    tick(&bench, START + 1260); /* after a gap of timeout the returns count from anew */
    own.seq = view->seq;
    hear_as_is(&bench, LOCUM_PATH_REDIS, &own);
    assert_int_equal(view->own_return_since, START + 1260);
}

static void
test_twin(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start(&bench, &config, NULL);
    struct locum_heartbeat twin = bench.peer[DC2];
    twin.incarnation = bench.core.view.incarnation + 5;
    twin.seq = 1;
    hear_as_is(&bench, LOCUM_PATH_REDIS, &twin);
    assert_int_equal(event_of(&bench, LOCUM_EVENT_DUPLICATE_NODE)->incarnation, twin.incarnation);
    bench.now += 9999;
    hear_as_is(&bench, LOCUM_PATH_REDIS, &twin); /* told once in ten seconds */
    assert_int_equal(bench.actions.count, 0);
    bench.now += 1;
    hear_as_is(&bench, LOCUM_PATH_REDIS, &twin);
    assert_non_null(event_of(&bench, LOCUM_EVENT_DUPLICATE_NODE));
}

/* A peer remembers a later run of mine: I outdo it, and it is persisted. */
static void
test_incarnation_is_outdone(void **state)
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
    tick(&bench, START + 130); /* at once, and not only in an interval */
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_HEARTBEAT), 1);
    hear(&bench, LOCUM_PATH_UDP, DC3); /* the same incarnation changes nothing */
    assert_null(event_of(&bench, LOCUM_EVENT_INCARNATION));
}

/* Two nodes under my name outdo each other in turn: told and persisted once in ten seconds. */
static void
test_outdoing_without_end_is_quiet(void **state)
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
        const bool told = after == 0 || after == 10000;
        assert_int_equal(event_of(&bench, LOCUM_EVENT_INCARNATION) != NULL, told);
        assert_int_equal(count_actions(&bench, LOCUM_ACTION_PERSIST), told);
    }
}

/* A heartbeat may have been long on its way, as its acknowledgement shows; that is no difference.
 */
static void
test_clocks_are_compared_with_the_age_allowed_for(void **state)
{
    static const struct {
        locum_ms age, wall, offset; /* its stamp minus my clock when it comes */
    } cases[] = {
        {0, 0, 0},     {0, -5001, -5001},  {0, 5001, 5001},      {1500, -1500, 0},
        {1500, -1, 0}, {1500, 5001, 5001}, {1500, -6501, -5001}, {1500, -1501, -1},
    };
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        struct bench bench;
        const struct locum_core_config config = article(DC2);
        bench_start(&bench, &config, NULL);
        tick(&bench, START); /* sends the one that is acknowledged */
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
    hear_as_is(&bench, LOCUM_PATH_REDIS, &first); /* by the other path it is merely slower */
    assert_int_equal(facts->path[LOCUM_PATH_REDIS].dropped, 0);
    assert_int_equal(facts->path[LOCUM_PATH_REDIS].heard, START + 120);
    assert_int_equal(facts->heard, START + 110);
    assert_int_equal(facts->seq, 3);
}

/* A run that is over has nothing to say, by whichever path it comes late. */
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
    assert_int_equal(bench.core.view.peer[DC3].incarnation, 701);
    assert_int_equal(bench.core.view.peer[DC3].seq, 1);
    bench.now += 10;
    old.seq += 5;
    hear_as_is(&bench, LOCUM_PATH_REDIS, &old);
    assert_int_equal(bench.core.view.peer[DC3].incarnation, 701);
    assert_int_equal(bench.core.view.peer[DC3].path[LOCUM_PATH_REDIS].dropped, 1);
    assert_int_equal(bench.core.view.peer[DC3].heard, START + 110);
}

/* So that a restart costs no takeover: it learns at once that I hear it. */
static void
test_new_incarnation_is_answered_at_once(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start_well(&bench, &config);
    tick(&bench, START + 130);
    tick(&bench, START + 150);
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_HEARTBEAT), 0);
    bench.peer[DC3].incarnation++;
    bench.peer[DC3].seq = 0;
    hear(&bench, LOCUM_PATH_UDP, DC3);
    tick(&bench, START + 160);
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_HEARTBEAT), 1);
}

static void
test_stale_acknowledgement(void **state)
{
    (void)state;
    static const struct {
        locum_ms age; /* of my heartbeat that it acknowledges */
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
        assert_int_equal(bench.core.view.peer[DC3].seq, 2); /* authentic: it is acknowledged */
    }
}

/* Two timeouts of heartbeats that acknowledge nothing: it does not hear me. */
static void
test_deaf(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start_well(&bench, &config);
    struct locum_heartbeat *dc3 = &bench.peer[DC3];
    dc3->acks[DC2] = (struct locum_ack){true, bench.core.view.incarnation, 999, LOCUM_SUSPECT};
    for (locum_ms now = START + 200; now < START + 2200; now += 100) {
        tick(&bench, now);
        dc3->seq++;
        hear_as_is(&bench, LOCUM_PATH_UDP, dc3);
        assert_null(event_of(&bench, LOCUM_EVENT_ONE_WAY));
    }
    bench.now = START + 2200;
    hear_as_is(&bench, LOCUM_PATH_REDIS, dc3); /* not the newest: says nothing */
    assert_null(event_of(&bench, LOCUM_EVENT_ONE_WAY));
    dc3->seq++;
    hear_as_is(&bench, LOCUM_PATH_UDP, dc3);
    assert_int_equal(event_of(&bench, LOCUM_EVENT_ONE_WAY)->peer, DC3);
    dc3->seq++;
    hear_as_is(&bench, LOCUM_PATH_UDP, dc3);
    assert_null(event_of(&bench, LOCUM_EVENT_ONE_WAY)); /* told once */
    hear(&bench, LOCUM_PATH_UDP, DC3);
    assert_int_equal(event_of(&bench, LOCUM_EVENT_TWO_WAY)->peer, DC3);
}

static void
test_the_other_path_was_quicker(void **state)
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

/* Last words that arrive late revive nobody; an answer to what I sent since does. */
static void
test_last_words(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start_well(&bench, &config);
    run_without_dc3(&bench, START + 1090);
    struct locum_heartbeat last = bench.peer[DC3];
    last.seq++;
    last.acks[DC2].seq = bench.core.view.seq; /* of something sent before the verdict */
    run_without_dc3(&bench, START + 1100);
    bench.peer[NS0].acks[DC3].state_code = LOCUM_SUSPECT;
    hear(&bench, LOCUM_PATH_UDP, NS0);
    tick(&bench, START + 1110);
    assert_int_equal(condition(&bench, DC3), LOCUM_DOWN);
    bench.now = START + 1120;
    hear_as_is(&bench, LOCUM_PATH_UDP, &last);
    tick(&bench, START + 1120);
    assert_int_equal(condition(&bench, DC3), LOCUM_DOWN);
    run_without_dc3(&bench, START + 1300);
    bench.peer[DC3].seq += 3;
    hear(&bench, LOCUM_PATH_UDP, DC3);
    tick(&bench, START + 1300);
    assert_int_equal(condition(&bench, DC3), LOCUM_RETURNING);
}

/* `unknown` leaves the last verdict heard of it standing. */
static void
test_unknown_service_leaves_the_verdict(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start(&bench, &config, NULL);
    tick(&bench, START);
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

/* A heartbeat that came its limit after the one before it: the clock of a returning counts anew. */
static void
test_gap_is_noted(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start_well(&bench, &config);
    run_without_dc3(&bench, START + 1090);
    bench.now = START + 1099;
    hear(&bench, LOCUM_PATH_UDP, DC3);
    assert_int_equal(bench.core.view.peer[DC3].gap, LOCUM_NEVER);
    run_without_dc3(&bench, START + 2099);
    hear(&bench, LOCUM_PATH_UDP, DC3);
    assert_int_equal(bench.core.view.peer[DC3].gap, START + 2099);
    tick(&bench, START + 9000); /* all silence counts from my stall */
    bench.now = START + 9100;
    hear(&bench, LOCUM_PATH_UDP, DC3);
    assert_int_equal(bench.core.view.peer[DC3].gap, START + 2099);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_not_understood),
        cmocka_unit_test(test_own_return),
        cmocka_unit_test(test_twin),
        cmocka_unit_test(test_incarnation_is_outdone),
        cmocka_unit_test(test_outdoing_without_end_is_quiet),
        cmocka_unit_test(test_clocks_are_compared_with_the_age_allowed_for),
        cmocka_unit_test(test_replays_and_disorder),
        cmocka_unit_test(test_older_incarnation),
        cmocka_unit_test(test_new_incarnation_is_answered_at_once),
        cmocka_unit_test(test_stale_acknowledgement),
        cmocka_unit_test(test_deaf),
        cmocka_unit_test(test_the_other_path_was_quicker),
        cmocka_unit_test(test_last_words),
        cmocka_unit_test(test_unknown_service_leaves_the_verdict),
        cmocka_unit_test(test_gap_is_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
