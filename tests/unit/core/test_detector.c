/* detector: COND-1 to 13 row by row, what has no effect, and the evidence. */
#include "bench.h"

enum { NOW = START + 60000 };

/* dc2's detector of dc3 in some state, and a view in which dc3 and ns0 are heard. */
struct lookout {
    struct locum_core_config config;
    struct locum_view view;
    struct locum_detector detector;
    struct locum_condition_event event[LOCUM_NODES_MAX];
    size_t events;
};

static struct lookout
lookout_of(enum locum_condition condition)
{
    struct lookout self = {.config = article(DC2)};
    locum_view_init(&self.view, at(START), 42);
    locum_detector_init(&self.detector);
    for (locum_node peer = DC3; peer <= NS0; peer++) {
        struct locum_peer_facts *facts = &self.view.peer[peer];
        facts->heard = NOW - 100;
        facts->path[LOCUM_PATH_UDP].heard = NOW - 100;
        facts->state_known = true;
        facts->interval_ms = 125;
        facts->service = LOCUM_UP;
        facts->order.incarnation = 7;
        facts->state_codes[DC3] = LOCUM_ALIVE;
        self.detector.peer[peer].condition = LOCUM_ALIVE;
    }
    self.detector.peer[DC3].condition = condition;
    return self;
}

static void
fall_silent(struct lookout *self)
{
    self->view.peer[DC3].heard = NOW - 1000;
}

static void
ns0_says(struct lookout *self, enum locum_condition state_code)
{
    self->view.peer[NS0].state_codes[DC3] = state_code;
}

/* A heartbeat of dc3 is accepted at `now`. */
static void
hear_dc3(struct lookout *self, locum_ms now)
{
    self->view.peer[DC3].heard = now;
    self->view.peer[DC3].path[LOCUM_PATH_UDP].heard = now;
    locum_detector_heard(&self->detector, DC3);
}

/* Advance at this time; ns0 is heard. Returns the condition of dc3. */
static enum locum_condition
advance(struct lookout *self, locum_ms now)
{
    self->view.peer[NS0].heard = now - 100;
    self->view.peer[NS0].path[LOCUM_PATH_UDP].heard = now - 100;
    self->events =
        locum_detector_advance(&self->detector, &self->view, &self->config, at(now), self->event);
    return self->detector.peer[DC3].condition;
}

static void
expect_event(const struct lookout *self, enum locum_condition from, enum locum_condition to,
             enum locum_cause cause, locum_nodes voters)
{
    assert_int_equal(self->events, 1);
    assert_int_equal(self->event[0].peer, DC3);
    assert_int_equal(self->event[0].from, from);
    assert_int_equal(self->event[0].to, to);
    assert_int_equal(self->event[0].cause, cause);
    assert_int_equal(self->event[0].voters, voters);
    assert_int_equal(self->detector.peer[DC3].condition, to);
}

static void
test_nothing_happens(void **state)
{
    (void)state;
    for (enum locum_condition c = LOCUM_UNKNOWN; c <= LOCUM_RETURNING; c++) {
        struct lookout bench = lookout_of(c);
        bench.detector.peer[DC3].returning_since = NOW - 10;
        assert_int_equal(advance(&bench, NOW), c);
        assert_int_equal(bench.events, 0);
        assert_int_equal(bench.detector.peer[DC3].since_wall, LOCUM_NEVER);
    }
}

static void
test_unknown_heard(void **state)
{
    (void)state;
    struct lookout bench = lookout_of(LOCUM_UNKNOWN);
    hear_dc3(&bench, NOW);
    advance(&bench, NOW);
    expect_event(&bench, LOCUM_UNKNOWN, LOCUM_ALIVE, LOCUM_CAUSE_HEARD, 0);
    assert_int_equal(bench.detector.peer[DC3].since_wall, at(NOW).wall);
    assert_false(bench.detector.peer[DC3].accepted);
    assert_int_equal(advance(&bench, NOW + 10), LOCUM_ALIVE);
    assert_int_equal(bench.events, 0);
}

static void
test_unknown_adopts_down(void **state)
{
    (void)state;
    struct lookout bench = lookout_of(LOCUM_UNKNOWN);
    ns0_says(&bench, LOCUM_DOWN);
    bench.view.peer[DC3].heard = NOW - 249;
    assert_int_equal(advance(&bench, NOW), LOCUM_UNKNOWN); /* not two intervals yet */
    advance(&bench, NOW + 1);
    expect_event(&bench, LOCUM_UNKNOWN, LOCUM_DOWN, LOCUM_CAUSE_ADOPTED, 1u << NS0);
    assert_int_equal(bench.event[0].age_ms[NS0], 100);
    assert_true(bench.detector.peer[DC3].adopted);
}

/* COND-2: with this node's own vote they must be a quorum. */
static void
test_unknown_adopts_from_a_quorum(void **state)
{
    (void)state;
    enum { DC4 = 3, DC5 = 4 };
    struct lookout bench = lookout_of(LOCUM_UNKNOWN);
    bench.config.node_count = 5;
    bench.config.quorum = 3;
    for (locum_node peer = DC4; peer <= DC5; peer++) {
        bench.config.nodes[peer] = bench.config.nodes[NS0];
        bench.view.peer[peer] = bench.view.peer[NS0];
        bench.detector.peer[peer].condition = LOCUM_ALIVE;
    }
    bench.view.peer[DC3].heard = NOW - 250;
    ns0_says(&bench, LOCUM_DOWN);
    bench.view.peer[DC4].state_codes[DC3] = LOCUM_SUSPECT; /* that is no `down` */
    assert_int_equal(advance(&bench, NOW), LOCUM_UNKNOWN);
    bench.view.peer[DC4].state_codes[DC3] = LOCUM_DOWN;
    bench.view.peer[DC4].heard = NOW - 1001; /* it is not heard */
    assert_int_equal(advance(&bench, NOW), LOCUM_UNKNOWN);
    bench.view.peer[DC4].heard = NOW - 100;
    advance(&bench, NOW);
    expect_event(&bench, LOCUM_UNKNOWN, LOCUM_DOWN, LOCUM_CAUSE_ADOPTED, 1u << NS0 | 1u << DC4);
    /* Its own vote alone is no reason, even where it is a quorum. */
    struct lookout alone = lookout_of(LOCUM_UNKNOWN);
    alone.config.quorum = 1;
    alone.view.peer[DC3].heard = NOW - 250;
    assert_int_equal(advance(&alone, NOW), LOCUM_UNKNOWN);
}

/* COND-2: before its first heartbeat the own interval counts, later its own. */
static void
test_unknown_adopts_by_the_right_interval(void **state)
{
    (void)state;
    struct lookout bench = lookout_of(LOCUM_UNKNOWN);
    ns0_says(&bench, LOCUM_DOWN);
    bench.view.peer[DC3].interval_ms = 200;
    bench.view.peer[DC3].heard = NOW - 399;
    assert_int_equal(advance(&bench, NOW), LOCUM_UNKNOWN);
    bench.view.peer[DC3].state_known = false;
    assert_int_equal(advance(&bench, NOW), LOCUM_DOWN);
}

static void
test_unknown_does_not_adopt(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        struct lookout bench = lookout_of(LOCUM_UNKNOWN);
        bench.view.peer[DC3].heard = NOW - 300;
        ns0_says(&bench, how == 0 ? LOCUM_SUSPECT : how == 1 ? LOCUM_RETURNING : LOCUM_DOWN);
        bench.view.peer[DC3].state_codes[DC3] = LOCUM_DOWN; /* its own state code has no effect */
        if (how == 2) {
            bench.view.grace = NOW - 100; /* not heard since the grace */
        }
        if (how == 3) {
            hear_dc3(&bench, NOW);
        }
        assert_int_equal(advance(&bench, NOW), how == 3 ? LOCUM_ALIVE : LOCUM_UNKNOWN);
    }
    struct lookout bench =
        lookout_of(LOCUM_UNKNOWN); /* the node that reports it is not heard itself */
    bench.view.peer[DC3].heard = NOW - 300;
    ns0_says(&bench, LOCUM_DOWN);
    bench.view.peer[NS0].heard = NOW - 1001;
    bench.events =
        locum_detector_advance(&bench.detector, &bench.view, &bench.config, at(NOW), bench.event);
    assert_int_equal(bench.detector.peer[DC3].condition, LOCUM_UNKNOWN);
}

static void
test_silent_is_suspect(void **state)
{
    (void)state;
    for (enum locum_condition from = LOCUM_UNKNOWN; from <= LOCUM_ALIVE; from++) {
        struct lookout bench = lookout_of(from);
        fall_silent(&bench);
        advance(&bench, NOW);
        expect_event(&bench, from, LOCUM_SUSPECT, LOCUM_CAUSE_SILENT, 0);
        assert_int_equal(locum_detector_state_code(&bench.detector, DC3), LOCUM_SUSPECT);
    }
}

static void
test_suspect_heard(void **state)
{
    (void)state;
    struct lookout bench = lookout_of(LOCUM_SUSPECT);
    ns0_says(&bench, LOCUM_DOWN); /* COND-4 before COND-5 */
    hear_dc3(&bench, NOW);
    advance(&bench, NOW);
    expect_event(&bench, LOCUM_SUSPECT, LOCUM_ALIVE, LOCUM_CAUSE_HEARD, 0);
}

static void
test_suspect_without_quorum(void **state)
{
    (void)state;
    struct lookout bench = lookout_of(LOCUM_SUSPECT);
    fall_silent(&bench);
    assert_int_equal(advance(&bench, NOW), LOCUM_SUSPECT);
    assert_int_equal(advance(&bench, NOW + 3600000), LOCUM_SUSPECT); /* without limit */
}

static void
test_suspect_with_quorum(void **state)
{
    (void)state;
    struct lookout bench = lookout_of(LOCUM_SUSPECT);
    fall_silent(&bench);
    ns0_says(&bench, LOCUM_SUSPECT);
    advance(&bench, NOW);
    expect_event(&bench, LOCUM_SUSPECT, LOCUM_DOWN, LOCUM_CAUSE_QUORUM, 1u << DC2 | 1u << NS0);
    assert_int_equal(bench.event[0].age_ms[DC2], 1000);
    assert_int_equal(bench.event[0].age_ms[NS0], 100);
    assert_false(bench.detector.peer[DC3].adopted);
    assert_int_equal(bench.detector.peer[DC3].verdict, NOW);
}

/* COND-5: the evidence of a Sentinel is as old as its poll. */
static void
test_suspect_with_a_sentinels_vote(void **state)
{
    (void)state;
    struct lookout bench = lookout_of(LOCUM_SUSPECT);
    fall_silent(&bench);
    bench.config.nodes[NS0].role = LOCUM_ROLE_SENTINEL;
    bench.view.peer[NS0].sentinel =
        (struct locum_sentinel_facts){.polled = NOW - 400, .known = {2, 2}, .down = {0, 2}};
    bench.view.peer[NS0].heard = LOCUM_NEVER;
    bench.events =
        locum_detector_advance(&bench.detector, &bench.view, &bench.config, at(NOW), bench.event);
    expect_event(&bench, LOCUM_SUSPECT, LOCUM_DOWN, LOCUM_CAUSE_QUORUM, 1u << DC2 | 1u << NS0);
    assert_int_equal(bench.event[0].age_ms[NS0], 400);
}

static void
test_suspect_that_left(void **state)
{
    (void)state;
    struct lookout bench = lookout_of(LOCUM_SUSPECT);
    fall_silent(&bench);
    bench.view.peer[DC3].leaving = true;
    advance(&bench, NOW);
    expect_event(&bench, LOCUM_SUSPECT, LOCUM_DOWN, LOCUM_CAUSE_LEFT, 1u << DC2);
    assert_true(bench.detector.peer[DC3].left);
}

/* LEAVE-2: `leaving` alone has no effect: the peer must be silent as well. */
static void
test_alive_and_leaving(void **state)
{
    (void)state;
    struct lookout bench = lookout_of(LOCUM_ALIVE);
    bench.view.peer[DC3].leaving = true;
    assert_int_equal(advance(&bench, NOW), LOCUM_ALIVE);
}

static void
test_grace(void **state)
{
    (void)state;
    for (enum locum_condition c = LOCUM_UNKNOWN; c <= LOCUM_RETURNING; c++) {
        struct lookout bench = lookout_of(c);
        bench.events =
            locum_detector_grace(&bench.detector, &bench.config, ~0u, at(NOW), bench.event);
        if (c == LOCUM_SUSPECT) {
            expect_event(&bench, LOCUM_SUSPECT, LOCUM_UNKNOWN, LOCUM_CAUSE_GRACE, 0);
            assert_int_equal(bench.detector.peer[DC3].since_wall, at(NOW).wall);
        } else {
            assert_int_equal(bench.events, 0); /* also down */
            assert_int_equal(bench.detector.peer[DC3].condition, c);
        }
        assert_int_equal(bench.detector.peer[DC3].returning_since, NOW);
    }
    struct lookout bench = lookout_of(LOCUM_SUSPECT); /* for others only */
    bench.events =
        locum_detector_grace(&bench.detector, &bench.config, 1u << NS0, at(NOW), bench.event);
    assert_int_equal(bench.events, 0);
    assert_int_equal(bench.detector.peer[DC3].condition, LOCUM_SUSPECT);
}

static void
test_down_is_latched(void **state)
{
    (void)state;
    struct lookout bench = lookout_of(LOCUM_DOWN);
    fall_silent(&bench);
    assert_int_equal(advance(&bench, NOW + 86400000), LOCUM_DOWN);
    ns0_says(&bench, LOCUM_ALIVE); /* others may hear it: that does not end the own verdict */
    assert_int_equal(advance(&bench, NOW + 86400000), LOCUM_DOWN);
}

/* COND-8, COND-9: down by verdict, by adoption or after leaving; then heard, in the same run or a
 * new one. */
static void
test_down_heard(void **state)
{
    (void)state;
    static const struct {
        bool adopted, left;
        uint64_t incarnation; /* it went down in run 7 */
        enum locum_service service;
        enum locum_condition to;
        bool trusted;
    } cases[] = {
        {false, false, 7, LOCUM_UP, LOCUM_RETURNING, false},
        {false, false, 8, LOCUM_UP, LOCUM_RETURNING, false},
        {true, false, 7, LOCUM_UP, LOCUM_ALIVE, true},
        {true, false, 7, LOCUM_FAILING, LOCUM_RETURNING, true},
        {true, false, 7, LOCUM_SERVICE_UNKNOWN, LOCUM_RETURNING, true},
        {false, true, 8, LOCUM_UP, LOCUM_ALIVE, true},
        {false, true, 8, LOCUM_PROBATION, LOCUM_RETURNING, true},
        {false, true, 7, LOCUM_UP, LOCUM_RETURNING, false}, /* still the run that left */
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        struct lookout bench = lookout_of(LOCUM_DOWN);
        struct locum_condition_state *dc3 = &bench.detector.peer[DC3];
        dc3->adopted = cases[i].adopted;
        dc3->left = cases[i].left;
        dc3->down_incarnation = 7;
        bench.view.peer[DC3].order.incarnation = cases[i].incarnation;
        bench.view.peer[DC3].service = cases[i].service;
        hear_dc3(&bench, NOW);
        advance(&bench, NOW);
        expect_event(&bench, LOCUM_DOWN, cases[i].to, LOCUM_CAUSE_HEARD, 0);
        assert_int_equal(dc3->trusted, cases[i].trusted);
    }
}

/* dc3 has come back at NOW, and is heard every 125 ms until `until`. */
static struct lookout
returned(void)
{
    struct lookout bench = lookout_of(LOCUM_DOWN);
    hear_dc3(&bench, NOW);
    assert_int_equal(advance(&bench, NOW), LOCUM_RETURNING);
    return bench;
}

static void
hear_until(struct lookout *self, locum_ms from, locum_ms until)
{
    for (locum_ms now = from; now < until; now += 125) {
        hear_dc3(self, now);
        assert_int_equal(advance(self, now), LOCUM_RETURNING);
    }
}

static void
test_returning_recovers(void **state)
{
    (void)state;
    struct lookout bench = returned();
    assert_int_equal(locum_detector_state_code(&bench.detector, DC3), LOCUM_RETURNING);
    hear_until(&bench, NOW + 125, NOW + 5000);
    hear_dc3(&bench, NOW + 4999);
    assert_int_equal(advance(&bench, NOW + 4999), LOCUM_RETURNING);
    advance(&bench, NOW + 5000);
    expect_event(&bench, LOCUM_RETURNING, LOCUM_ALIVE, LOCUM_CAUSE_RECOVERED, 0);
}

static void
test_returning_waits_for_its_service(void **state)
{
    (void)state;
    struct lookout bench = returned();
    bench.view.peer[DC3].service = LOCUM_PROBATION;
    hear_until(&bench, NOW + 125, NOW + 8000);
    bench.view.peer[DC3].service = LOCUM_UP;
    assert_int_equal(advance(&bench, NOW + 8000), LOCUM_ALIVE);
}

/* COND-8: a trusted peer waits only for its service. */
static void
test_returning_without_the_wait(void **state)
{
    (void)state;
    struct lookout bench = lookout_of(LOCUM_DOWN);
    bench.detector.peer[DC3].adopted = true;
    bench.view.peer[DC3].service = LOCUM_SERVICE_UNKNOWN;
    hear_dc3(&bench, NOW);
    assert_int_equal(advance(&bench, NOW), LOCUM_RETURNING);
    assert_int_equal(advance(&bench, NOW + 10), LOCUM_RETURNING);
    bench.view.peer[DC3].service = LOCUM_UP;
    advance(&bench, NOW + 20);
    expect_event(&bench, LOCUM_RETURNING, LOCUM_ALIVE, LOCUM_CAUSE_RECOVERED, 0);
}

/* COND-12: a gap of its limit between two heartbeats restarts the trial and ends the trust. */
static void
test_returning_with_a_gap(void **state)
{
    (void)state;
    struct lookout bench = returned();
    bench.detector.peer[DC3].trusted = true;
    bench.view.peer[DC3].service = LOCUM_FAILING;
    hear_dc3(&bench, NOW + 900);
    assert_int_equal(advance(&bench, NOW + 900), LOCUM_RETURNING);
    bench.view.peer[DC3].gap = NOW + 1950; /* as accept() sets it */
    bench.view.peer[DC3].service = LOCUM_UP;
    hear_dc3(&bench, NOW + 1950);
    assert_int_equal(advance(&bench, NOW + 1950), LOCUM_RETURNING);
    assert_false(bench.detector.peer[DC3].trusted);
    hear_until(&bench, NOW + 2075, NOW + 1950 + 5000);
    assert_int_equal(advance(&bench, NOW + 1950 + 5000), LOCUM_ALIVE);
}

static void
test_returning_and_silent(void **state)
{
    (void)state;
    struct lookout bench = returned();
    bench.detector.peer[DC3].trusted = true;
    assert_int_equal(advance(&bench, NOW + 1000), LOCUM_RETURNING);
    assert_int_equal(bench.events, 0);
    assert_int_equal(locum_detector_state_code(&bench.detector, DC3), LOCUM_SUSPECT);
    assert_false(bench.detector.peer[DC3].trusted);
    assert_int_equal(bench.detector.peer[DC3].returning_since, NOW + 1000);
    bench.view.grace = NOW + 1100; /* grace does not make it heard */
    assert_int_equal(advance(&bench, NOW + 1500), LOCUM_RETURNING);
    assert_int_equal(locum_detector_state_code(&bench.detector, DC3), LOCUM_SUSPECT);
    assert_int_equal(advance(&bench, NOW + 1500), LOCUM_RETURNING);
    hear_dc3(&bench, NOW + 1600);
    assert_int_equal(advance(&bench, NOW + 1600), LOCUM_RETURNING);
    assert_int_equal(locum_detector_state_code(&bench.detector, DC3), LOCUM_RETURNING);
}

/* Silent at the grace: the trial restarts; without being heard it does not become alive. */
static void
test_returning_silent_never_recovers_unheard(void **state)
{
    (void)state;
    struct lookout bench = returned();
    bench.detector.peer[DC3].silent = true;
    bench.detector.peer[DC3].returning_since = NOW - 6000;
    assert_int_equal(advance(&bench, NOW + 10), LOCUM_RETURNING);
    hear_dc3(&bench, NOW + 20);
    assert_int_equal(advance(&bench, NOW + 20), LOCUM_ALIVE);
}

static void
test_returning_silent_for_a_quorum(void **state)
{
    (void)state;
    struct lookout bench = returned();
    ns0_says(&bench, LOCUM_SUSPECT);
    advance(&bench, NOW + 1000);
    expect_event(&bench, LOCUM_RETURNING, LOCUM_DOWN, LOCUM_CAUSE_QUORUM, 1u << DC2 | 1u << NS0);
    assert_int_equal(bench.detector.peer[DC3].verdict, NOW + 1000);
}

/* COND-13: role sentinel is never suspect, nor is self. */
static void
test_self_and_role_sentinel_have_no_condition(void **state)
{
    (void)state;
    struct lookout bench = lookout_of(LOCUM_ALIVE);
    bench.config = article_sentinel(DC2);
    bench.detector.peer[NS0].condition = LOCUM_UNKNOWN;
    bench.view.peer[NS0].heard = LOCUM_NEVER;
    hear_dc3(&bench, NOW);
    bench.events =
        locum_detector_advance(&bench.detector, &bench.view, &bench.config, at(NOW), bench.event);
    assert_int_equal(bench.events, 0);
    assert_int_equal(bench.detector.peer[NS0].condition, LOCUM_UNKNOWN);
    bench.detector.peer[NS0].condition = LOCUM_SUSPECT; /* as by a change of its role */
    bench.events = locum_detector_grace(&bench.detector, &bench.config, ~0u, at(NOW), bench.event);
    assert_int_equal(bench.events, 0);
}

/* All peers at once: one event for each. */
static void
test_one_event_for_each_peer(void **state)
{
    (void)state;
    struct lookout bench = lookout_of(LOCUM_ALIVE);
    bench.view.peer[DC3].heard = NOW - 1000;
    bench.view.peer[NS0].heard = NOW - 2000;
    bench.events =
        locum_detector_advance(&bench.detector, &bench.view, &bench.config, at(NOW), bench.event);
    assert_int_equal(bench.events, 2);
    assert_int_equal(bench.event[0].peer, DC3);
    assert_int_equal(bench.event[1].peer, NS0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_happens),
        cmocka_unit_test(test_unknown_heard),
        cmocka_unit_test(test_unknown_adopts_down),
        cmocka_unit_test(test_unknown_adopts_from_a_quorum),
        cmocka_unit_test(test_unknown_adopts_by_the_right_interval),
        cmocka_unit_test(test_unknown_does_not_adopt),
        cmocka_unit_test(test_silent_is_suspect),
        cmocka_unit_test(test_suspect_heard),
        cmocka_unit_test(test_suspect_without_quorum),
        cmocka_unit_test(test_suspect_with_quorum),
        cmocka_unit_test(test_suspect_with_a_sentinels_vote),
        cmocka_unit_test(test_suspect_that_left),
        cmocka_unit_test(test_alive_and_leaving),
        cmocka_unit_test(test_grace),
        cmocka_unit_test(test_down_is_latched),
        cmocka_unit_test(test_down_heard),
        cmocka_unit_test(test_returning_recovers),
        cmocka_unit_test(test_returning_waits_for_its_service),
        cmocka_unit_test(test_returning_without_the_wait),
        cmocka_unit_test(test_returning_with_a_gap),
        cmocka_unit_test(test_returning_and_silent),
        cmocka_unit_test(test_returning_silent_never_recovers_unheard),
        cmocka_unit_test(test_returning_silent_for_a_quorum),
        cmocka_unit_test(test_self_and_role_sentinel_have_no_condition),
        cmocka_unit_test(test_one_event_for_each_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
