/* step: heartbeat times, grace, leaving, the operator, the plan. */
#include "bench.h"

static void
test_begin(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start(&bench, &config, NULL);
    assert_int_equal(bench.core.view.incarnation, at(START).wall);
    assert_int_equal(bench.core.plan.answers[0][LOCUM_V4].nodes, 1u << DC2); /* from the start */
    commit(&bench, START);
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_PLAN), 1);
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_HEARTBEAT), 1);
    commit(&bench, START + 10);
    assert_int_equal(bench.actions.count, 0);
}

/* SAVE-1 */
static void
test_incarnation_grows(void **state)
{
    (void)state;
    const uint64_t wall = (uint64_t)WALL * 1000;
    static const locum_ms walls[] = {(locum_ms)WALL * 1000, 0, -5};
    for (size_t i = 0; i < LOCUM_COUNT(walls); i++) {
        struct bench bench;
        const struct locum_core_config config = article(DC2);
        struct locum_saved saved = {.incarnation = wall + 7, .admin = {.until_boot = LOCUM_NEVER}};
        struct locum_now now = at(START);
        now.wall = walls[i];
        saved.admin.excluded = 7; /* never self */
        locum_core_init(&bench.core, &config, &saved, now);
        assert_int_equal(bench.core.view.incarnation, wall + 8); /* the clock was set back */
        assert_int_equal(bench.core.admin.excluded, 6);
        saved.incarnation = 3;
        locum_core_init(&bench.core, &config, &saved, now);
        assert_int_equal(bench.core.view.incarnation, walls[i] > 0 ? wall : 4);
        locum_core_init(&bench.core, &config, NULL, now);
        assert_int_equal(bench.core.view.incarnation, walls[i] > 0 ? wall : 1);
    }
}

/* HEARTBEAT-1: every interval; changes at once, but 20 ms apart. */
static void
test_heartbeat_times(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start_well(&bench, &config); /* sent at START and, for a change, at START + 100 */
    assert_int_equal(bench.core.view.seq, 2);
    commit(&bench, START + 224);
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_HEARTBEAT), 0);
    commit(&bench, START + 225);
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_HEARTBEAT), 1);
    struct locum_input refused = {.kind = LOCUM_INPUT_SAMPLE};
    refused.sample.outcome = LOCUM_SAMPLE_REFUSED;
    step(&bench, refused);
    commit(&bench, START + 244);
    assert_non_null(event_of(&bench, LOCUM_EVENT_SERVICE));
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_HEARTBEAT), 0);
    commit(&bench, START + 245);
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_HEARTBEAT), 1);
    commit(&bench, START + 265);
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_HEARTBEAT), 0); /* already sent */
    assert_int_equal(bench.core.view.sent[bench.core.view.seq % LOCUM_SENT_MAX], START + 245);
}

static void
test_heartbeat_text(void **state)
{
    (void)state;
    struct bench bench;
    struct locum_core_config config = article(DC2);
    strcpy(config.version, "0.1.0");
    bench_start_well(&bench, &config);
    char buffer[LOCUM_HEARTBEAT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_core_heartbeat(&bench.core, LOCUM_NODE_NONE, at(START + 100), &text);
    assert_string_equal(buffer, "locum1 get dc2 1763863200000 2 125 up ready - 1763863200100 "
                                "a1b2c3d4 dc3=700,1,a ns0=700,1,a x-version=0.1.0");
    text = locum_text_init(buffer, sizeof(buffer));
    struct locum_now before_1970 = at(START + 100);
    before_1970.wall = -1;
    locum_core_heartbeat(&bench.core, NS0, before_1970, &text);
    assert_string_equal(buffer, "locum1 get dc2 1763863200000 2 125 up ready - 0 a1b2c3d4 "
                                "dc3=,,a ns0=700,1,a x-version=0.1.0");
    config = article_sentinel(DC2); /* a site without a coordinator is left out */
    bench_start(&bench, &config, NULL);
    text = locum_text_init(buffer, sizeof(buffer));
    locum_core_heartbeat(&bench.core, LOCUM_NODE_NONE, at(START), &text);
    assert_string_equal(buffer, "locum1 get dc2 1763863200000 0 125 unknown ready - 1763863200000 "
                                "a1b2c3d4 dc3=0,0,u");
}

/* Silence, quorum, takeover; heard again, given back. */
static void
test_takeover_and_back(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start_without_dc3(&bench, &config);
    const struct locum_condition_event *event = &event_of(&bench, LOCUM_EVENT_CONDITION)->condition;
    assert_int_equal(event->cause, LOCUM_CAUSE_QUORUM);
    assert_int_equal(event->voters, 1u << DC2 | 1u << NS0);
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_PLAN), 1);
    assert_int_equal(event_of(&bench, LOCUM_EVENT_SERVING)->serving.to.taken, 1u << DC3);
    assert_int_equal(bench.core.plan.answers[2][LOCUM_V4].nodes, 1u << DC2);
    for (locum_ms now = START + 1200; now <= START + 6300; now += 100) {
        commit(&bench, now);
        hear(&bench, LOCUM_PATH_UDP, NS0);
        hear(&bench, LOCUM_PATH_UDP, DC3);
    }
    commit(&bench, START + 6300);
    assert_int_equal(condition(&bench, DC3), LOCUM_ALIVE);
    assert_int_equal(bench.core.plan.answers[2][LOCUM_V4].nodes, 1u << DC3);
}

static void
test_grace_after_a_stall(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start_well(&bench, &config);
    run_without_dc3(&bench, START + 1200);
    assert_int_equal(condition(&bench, DC3), LOCUM_SUSPECT);
    commit(&bench, bench.core.next_commit + 500); /* GRACE-2: exactly timeout/2 late is no stall */
    assert_null(event_of(&bench, LOCUM_EVENT_STALL));
    assert_int_equal(condition(&bench, DC3), LOCUM_SUSPECT);
    commit(&bench, bench.core.next_commit + 501);
    assert_int_equal(event_of(&bench, LOCUM_EVENT_STALL)->late_ms, 501);
    assert_int_equal(event_of(&bench, LOCUM_EVENT_CONDITION)->condition.cause, LOCUM_CAUSE_GRACE);
    assert_int_equal(condition(&bench, DC3), LOCUM_UNKNOWN);
    const locum_ms grace = bench.now;
    assert_int_equal(bench.core.view.grace, grace);
    commit(&bench, grace + 500);
    commit(&bench, grace + 999);
    assert_int_equal(condition(&bench, DC3), LOCUM_UNKNOWN);
    commit(&bench, grace + 1000); /* silence counts from the grace */
    assert_int_equal(condition(&bench, DC3), LOCUM_SUSPECT);
}

static void
subscribe(struct bench *self, locum_ms now, bool subscribed)
{
    self->now = now;
    step(self, (struct locum_input){.kind = LOCUM_INPUT_REDIS, .subscribed = subscribed});
}

/* GRACE-3: (re)subscribing is grace only for peers without direct[P]. */
static void
test_grace_at_subscribing(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start_well(&bench, &config);
    run_without_dc3(&bench, START + 1200);
    subscribe(&bench, START + 1205, true);
    assert_int_equal(bench.actions.count, 0); /* dc3 was heard by UDP */
    assert_int_equal(condition(&bench, DC3), LOCUM_SUSPECT);
    assert_true(bench.core.view.subscribed);
    assert_int_equal(bench.core.view.subscribed_at, START + 1205);
    bench.core.view.peer[DC3].path[LOCUM_PATH_UDP].heard = LOCUM_NEVER;
    bench.core.view.peer[DC3].path[LOCUM_PATH_REDIS].heard = START + 100;
    bench.core.view.own_return_since = START;
    subscribe(&bench, START + 1210, false);
    assert_int_equal(bench.actions.count, 0);
    assert_false(bench.core.view.subscribed);
    assert_int_equal(bench.core.view.own_return_since, LOCUM_NEVER);
    subscribe(&bench, START + 1220, true);
    assert_int_equal(event_of(&bench, LOCUM_EVENT_CONDITION)->condition.cause, LOCUM_CAUSE_GRACE);
    assert_int_equal(condition(&bench, DC3), LOCUM_UNKNOWN);
    assert_int_equal(bench.core.view.peer[DC3].grace, START + 1220);
    assert_int_equal(bench.core.view.peer[NS0].grace, LOCUM_NEVER);
}

static void
test_grace_never_touches_down(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start_without_dc3(&bench, &config);
    bench.core.view.peer[DC3].path[LOCUM_PATH_UDP].heard = LOCUM_NEVER;
    bench.core.view.peer[DC3].path[LOCUM_PATH_REDIS].heard = START;
    subscribe(&bench, START + 1200, true);
    commit(&bench, START + 9000); /* a stall as well */
    assert_non_null(event_of(&bench, LOCUM_EVENT_STALL));
    assert_int_equal(condition(&bench, DC3), LOCUM_DOWN);
}

static void
leave(struct bench *self, locum_ms now)
{
    self->now = now;
    step(self, (struct locum_input){.kind = LOCUM_INPUT_LEAVE});
}

/* LEAVE-1: `leaving` until every peer that is heard has acknowledged it. */
static void
test_leaving(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start_well(&bench, &config);
    leave(&bench, START + 110);
    assert_non_null(event_of(&bench, LOCUM_EVENT_LEAVING));
    leave(&bench, START + 111);
    assert_int_equal(bench.actions.count, 0); /* once */
    hear(&bench, LOCUM_PATH_UDP, DC3);        /* acknowledges a heartbeat without `leaving` */
    commit(&bench, START + 112);
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_HEARTBEAT), 0); /* 20 ms apart */
    commit(&bench, START + 120);
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_HEARTBEAT), 1);
    assert_int_equal(bench.core.leaving_seq, 3);
    char buffer[LOCUM_HEARTBEAT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_core_heartbeat(&bench.core, DC3, at(START + 120), &text);
    assert_non_null(strstr(buffer, " ready leaving "));
    struct locum_heartbeat *dc3 = &bench.peer[DC3];
    dc3->seq++;
    dc3->acks[DC2].seq = 2; /* the heartbeat before */
    hear_as_is(&bench, LOCUM_PATH_UDP, dc3);
    hear(&bench, LOCUM_PATH_REDIS, NS0);
    commit(&bench, START + 130);
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_LEFT), 0);
    hear(&bench, LOCUM_PATH_UDP, DC3);
    commit(&bench, START + 140);
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_LEFT), 1);
    commit(&bench, START + 150);
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_LEFT), 0); /* once */
}

static void
test_leaving_ends_without_acknowledgements(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start_well(&bench, &config);
    leave(&bench, START + 130);
    for (locum_ms now = START + 130; now < START + 330; now += 10) {
        commit(&bench, now);
        assert_int_equal(count_actions(&bench, LOCUM_ACTION_LEFT), 0);
    }
    commit(&bench, START + 330);
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_LEFT), 1);
}

/* LEAVE-1: without any peer it ends at once. */
static void
test_leaving_alone(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start(&bench, &config, NULL);
    commit(&bench, START);
    leave(&bench, START + 20);
    commit(&bench, START + 20);
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_HEARTBEAT), 1);
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_LEFT), 1);
}

static void
want(struct bench *self, enum locum_admin state, locum_ms for_ms, const char *reason)
{
    struct locum_input event = {.kind = LOCUM_INPUT_ADMIN};
    event.admin.state = state;
    event.admin.for_ms = for_ms;
    strcpy(event.admin.reason, reason);
    step(self, event);
}

static void
test_admin(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start_well(&bench, &config);
    want(&bench, LOCUM_DRAIN, LOCUM_NEVER, "disk swap");
    assert_int_equal(event_of(&bench, LOCUM_EVENT_ADMIN)->admin.to, LOCUM_DRAIN);
    assert_int_equal(event_of(&bench, LOCUM_EVENT_ADMIN)->admin.cause, LOCUM_CAUSE_OPERATOR);
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_PERSIST), 1);
    assert_int_equal(bench.core.admin.until_boot, LOCUM_NEVER);
    assert_string_equal(bench.core.admin.reason, "disk swap");
    commit(&bench, START + 130);
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_HEARTBEAT), 1);
    assert_int_equal(bench.core.serving.kind, LOCUM_SERVING_YIELDING);
    assert_int_equal(locum_core_admin(&bench.core, DC2), LOCUM_DRAIN);
    want(&bench, LOCUM_READY, 60000, "done");
    assert_int_equal(bench.core.admin.until_boot, LOCUM_NEVER);
    assert_string_equal(bench.core.admin.reason, "");
    want(&bench, LOCUM_MAINT, 300, "");
    struct locum_saved saved;
    locum_core_saved(&bench.core, &saved);
    assert_int_equal(saved.admin.state, LOCUM_MAINT);
    assert_int_equal(saved.admin.until_boot, at(START + 130).boot + 300);
    commit(&bench, START + 429);
    assert_null(event_of(&bench, LOCUM_EVENT_ADMIN));
    commit(&bench, START + 430);
    assert_int_equal(event_of(&bench, LOCUM_EVENT_ADMIN)->admin.cause, LOCUM_CAUSE_LEASE);
    assert_int_equal(event_of(&bench, LOCUM_EVENT_ADMIN)->admin.from, LOCUM_MAINT);
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_PERSIST), 1);
    assert_int_equal(bench.core.serving.kind, LOCUM_SERVING_SELF);
}

static void
exclude(struct bench *self, locum_node node, bool excluded)
{
    struct locum_input event = {.kind = LOCUM_INPUT_EXCLUDE};
    event.exclude.node = node;
    event.exclude.excluded = excluded;
    step(self, event);
}

/* RANK-1: an exclusion changes only the rank. */
static void
test_exclude(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start_well(&bench, &config);
    exclude(&bench, DC3, true);
    assert_non_null(event_of(&bench, LOCUM_EVENT_EXCLUDED));
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_PERSIST), 1);
    exclude(&bench, DC3, true);
    assert_int_equal(bench.actions.count, 0);
    commit(&bench, START + 110);
    assert_int_equal(bench.core.rank[DC3].in[LOCUM_V4], LOCUM_RANK_G);
    assert_int_equal(condition(&bench, DC3), LOCUM_ALIVE);
    assert_int_equal(bench.core.plan.answers[2][LOCUM_V4].nodes, 1u << DC2);
    exclude(&bench, DC3, false);
    assert_non_null(event_of(&bench, LOCUM_EVENT_INCLUDED));
    commit(&bench, START + 120);
    assert_int_equal(bench.core.plan.answers[2][LOCUM_V4].nodes, 1u << DC3);
}

static void
test_admin_check(void **state)
{
    (void)state;
    static const struct {
        enum locum_service dc3;
        locum_node self;
        enum locum_admin state;
        bool force;
        uint32_t min_serving;
        int status;
        size_t left;
    } cases[] = {
        {LOCUM_UP, DC2, LOCUM_DRAIN, false, 1, 0, 1},
        {LOCUM_PROBATION, DC2, LOCUM_DRAIN, false, 1, 0, 1},
        {LOCUM_FAILING, DC2, LOCUM_DRAIN, false, 1, LOCUM_ERR_REFUSED, 0},
        {LOCUM_SERVICE_DEGRADED, DC2, LOCUM_DRAIN, false, 1, LOCUM_ERR_REFUSED, 0},
        {LOCUM_SERVICE_DEGRADED, DC2, LOCUM_DRAIN, true, 1, 0, 0},
        {LOCUM_FAILING, DC2, LOCUM_MAINT, true, 1, 0, 0},
        {LOCUM_FAILING, DC2, LOCUM_READY, false, 1, 0, 0},
        {LOCUM_FAILING, DC2, LOCUM_MAINT, false, 0, 0, 0},
        {LOCUM_UP, DC2, LOCUM_MAINT, false, 2, LOCUM_ERR_REFUSED, 1},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        struct bench bench;
        struct locum_core_config config = article(cases[i].self);
        size_t left = 99;
        config.min_serving = cases[i].min_serving;
        bench_start_well(&bench, &config);
        bench.peer[DC3].service = cases[i].dc3;
        hear(&bench, LOCUM_PATH_UDP, DC3);
        commit(&bench, START + 110);
        assert_int_equal(locum_core_admin_check(&bench.core, cases[i].state, cases[i].force, &left),
                         cases[i].status);
        assert_int_equal(left, cases[i].left);
    }
    struct bench bench;
    size_t left;
    const struct locum_core_config witness = article(NS0); /* a witness is not named */
    bench_start(&bench, &witness, NULL);
    assert_int_equal(locum_core_admin_check(&bench.core, LOCUM_MAINT, false, &left), 0);
}

static void
test_sentinel_poll_is_stored(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article_sentinel(DC2);
    bench_start(&bench, &config, NULL);
    struct locum_input event = {.kind = LOCUM_INPUT_SENTINEL};
    event.sentinel.voter = NS0;
    event.sentinel.tilt = true;
    event.sentinel.known[DC3] = 2;
    event.sentinel.down[DC3] = 1;
    bench.now = START + 70;
    step(&bench, event);
    const struct locum_sentinel_facts *facts = &bench.core.view.peer[NS0].sentinel;
    assert_int_equal(facts->polled, START + 70);
    assert_true(facts->tilt);
    assert_int_equal(facts->known[DC3], 2);
    assert_int_equal(facts->down[DC3], 1);
}

static void
own_returns(struct bench *self)
{
    struct locum_heartbeat own = self->peer[DC2];
    own.incarnation = self->core.view.incarnation;
    own.seq = self->core.view.seq;
    hear_as_is(self, LOCUM_PATH_REDIS, &own);
}

/* The own Mirrorbits: heard is a pass; not heard fails only if Redis worked the whole time. */
static void
test_mirrorbits_check(void **state)
{
    (void)state;
    struct bench bench;
    struct locum_core_config config = article(DC2);
    config.checks[0] = (struct locum_core_check){
        .counts = true, .mirrorbits = true, .rise = 1, .fall = 2, .interval_ms = 1000};
    bench_start(&bench, &config, NULL);
    commit(&bench, START);
    assert_int_equal(bench.core.service.state, LOCUM_SERVICE_UNKNOWN); /* no Redis, no verdict */
    subscribe(&bench, START + 10, true);
    step(&bench, (struct locum_input){.kind = LOCUM_INPUT_MIRRORBITS, .node = DC2});
    commit(&bench, START + 990);
    assert_int_equal(bench.core.service.state, LOCUM_SERVICE_UNKNOWN); /* once an interval */
    commit(&bench, START + 1000);
    assert_int_equal(bench.core.service.state, LOCUM_UP);
    for (locum_ms now = START + 1100; now < START + 6900; now += 100) {
        commit(&bench, now);
        own_returns(&bench);
        assert_int_equal(bench.core.service.state, LOCUM_UP); /* the window is not over yet */
    }
    for (locum_ms now = START + 6900; now <= START + 8000; now += 100) {
        commit(&bench, now);
        own_returns(&bench);
    }
    assert_int_equal(bench.core.service.state, LOCUM_FAILING);
    step(&bench, (struct locum_input){.kind = LOCUM_INPUT_MIRRORBITS, .node = DC2});
    commit(&bench, START + 9000);
    assert_int_equal(bench.core.service.state, LOCUM_UP);
    for (locum_ms now = START + 9500; now < START + 60000; now += 500) {
        commit(&bench, now); /* Redis sends nothing: the last verdict stays */
    }
    assert_int_equal(bench.core.service.state, LOCUM_UP);
    subscribe(&bench, bench.now, false);
    commit(&bench, START + 61000);
    assert_int_equal(bench.core.service.state, LOCUM_UP);
}

/* SERVICE-7: after a change of the Redis master the silence of every Mirrorbits is no sample for
 * 30 s; if one of them is heard there, or none ever was, it is. */
static void
test_mirrorbits_after_a_change_of_the_master(void **state)
{
    (void)state;
    enum { MOVES, ONE_HAS_MOVED, NONE_WAS_HEARD, CASES };
    for (int which = 0; which < CASES; which++) {
        struct bench bench;
        struct locum_core_config config = article(DC2);
        config.checks[0] = (struct locum_core_check){
            .counts = true, .mirrorbits = true, .rise = 1, .fall = 2, .interval_ms = 1000};
        bench_start(&bench, &config, NULL);
        commit(&bench, START);
        subscribe(&bench, START + 10, true);
        for (locum_node node = DC2; node <= DC3 && which != NONE_WAS_HEARD; node++) {
            step(&bench, (struct locum_input){.kind = LOCUM_INPUT_MIRRORBITS, .node = node});
        }
        commit(&bench, START + 1000);
        assert_int_equal(bench.core.service.state,
                         which == NONE_WAS_HEARD ? LOCUM_SERVICE_UNKNOWN : LOCUM_UP);
        subscribe(&bench, START + 2000, false);
        subscribe(&bench, START + 2100, true);
        for (locum_ms now = START + 2200; now < START + 2100 + LOCUM_MIRRORBITS_MOVE_MS;
             now += 100) {
            if (which == ONE_HAS_MOVED && now < START + 3000) {
                step(&bench, (struct locum_input){.kind = LOCUM_INPUT_MIRRORBITS, .node = DC3});
            }
            commit(&bench, now);
            own_returns(&bench);
        }
        assert_int_equal(bench.core.service.state, which == MOVES ? LOCUM_UP : LOCUM_FAILING);
        for (int i = 0; i < 30; i++) {
            commit(&bench, bench.now + 100);
            own_returns(&bench);
        }
        assert_int_equal(bench.core.service.state, LOCUM_FAILING);
    }
}

/* The plan is handed out when it changes, also if only the summary changes. */
static void
test_plan_is_handed_out_when_it_changes(void **state)
{
    (void)state;
    struct bench bench;
    const struct locum_core_config config = article(DC2);
    bench_start_well(&bench, &config);
    commit(&bench, START + 130);
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_PLAN), 0);
    bench.peer[DC3].admin = LOCUM_MAINT;
    hear(&bench, LOCUM_PATH_UDP, DC3);
    assert_int_equal(bench.actions.count, 0);
    commit(&bench, START + 140);
    assert_int_equal(count_actions(&bench, LOCUM_ACTION_PLAN), 1);
    assert_non_null(event_of(&bench, LOCUM_EVENT_SERVING));
    assert_int_equal(locum_core_admin(&bench.core, DC3), LOCUM_MAINT);
    assert_false(locum_core_replan(&bench.core));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_begin),
        cmocka_unit_test(test_incarnation_grows),
        cmocka_unit_test(test_heartbeat_times),
        cmocka_unit_test(test_heartbeat_text),
        cmocka_unit_test(test_takeover_and_back),
        cmocka_unit_test(test_grace_after_a_stall),
        cmocka_unit_test(test_grace_at_subscribing),
        cmocka_unit_test(test_grace_never_touches_down),
        cmocka_unit_test(test_leaving),
        cmocka_unit_test(test_leaving_ends_without_acknowledgements),
        cmocka_unit_test(test_leaving_alone),
        cmocka_unit_test(test_admin),
        cmocka_unit_test(test_exclude),
        cmocka_unit_test(test_admin_check),
        cmocka_unit_test(test_sentinel_poll_is_stored),
        cmocka_unit_test(test_mirrorbits_check),
        cmocka_unit_test(test_mirrorbits_after_a_change_of_the_master),
        cmocka_unit_test(test_plan_is_handed_out_when_it_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
