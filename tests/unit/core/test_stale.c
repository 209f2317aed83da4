/* resume: RESUME-5, RANK-2, COND-14: a state that is older than timeout. */
#include "restart.h"

/* RANK-2, PLAN-4: the answers stay, with a short TTL until their nodes are heard. */
static void
test_a_peer_that_was_alive_keeps_its_rank(void **state)
{
    (void)state;
    step(&site, (struct locum_input){.kind = LOCUM_INPUT_ADMIN,
                                     .admin = {.state = LOCUM_DRAIN, .for_ms = LOCUM_NEVER}});
    pass_hearing(&site, 200, HEAR_BOTH);
    assert_int_equal(answer(0)->nodes, 1u << DC3);
    struct locum_saved saved;
    locum_core_saved(&site.core, &saved);
    save();
    struct locum_last_run last = last_run(LOCUM_START);
    last.saved = &saved;
    uint32_t serial;
    sleep_ms(&site, 3600000);
    assert_int_equal(locum_core_resume(&site.core, &config, &last, site.now, &serial),
                     LOCUM_RESUMED_STALE);
    assert_int_equal(condition(&site, DC3), LOCUM_UNKNOWN);
    assert_int_equal(rank(DC3), LOCUM_RANK_A);
    assert_int_equal(answer(0)->nodes, 1u << DC3); /* not: the best that is known */
    assert_int_equal(answer(2)->ttl_s, 20);
    forget(&site);
    commit(&site);
    assert_int_equal(site.events, 0); /* no stall: the process has just started */
    hear(&site, DC3, LOCUM_PATH_UDP);
    commit(&site);
    assert_int_equal(condition(&site, DC3), LOCUM_ALIVE);
    assert_int_equal(answer(2)->ttl_s, 300);
}

/* RANK-2: until it is silent for its limit, although it was not heard in this run. */
static void
test_a_peer_that_has_died_meanwhile(void **state)
{
    (void)state;
    save();
    assert_int_equal(resume(LOCUM_START, TIMEOUT + 1), LOCUM_RESUMED_STALE);
    commit(&site);
    pass_hearing(&site, TIMEOUT - 10, HEAR_NS0);
    assert_int_equal(condition(&site, DC3), LOCUM_UNKNOWN);
    assert_int_equal(rank(DC3), LOCUM_RANK_A);
    pass_hearing(&site, 20, HEAR_NS0);
    assert_int_equal(condition(&site, DC3), LOCUM_SUSPECT);
    assert_int_equal(rank(DC3), LOCUM_RANK_E);
    sleep_ms(&site, 10 * TIMEOUT); /* a stall: no longer as it was before the restart */
    commit(&site);
    assert_int_equal(condition(&site, DC3), LOCUM_UNKNOWN);
    assert_int_equal(rank(DC3), LOCUM_RANK_E);
}

/* RANK-2: a second restart before it was heard changes nothing; an assumption does. */
static void
test_two_restarts(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        save();
        assert_int_equal(resume(LOCUM_START, 2 * TIMEOUT), LOCUM_RESUMED_STALE);
        assert_int_equal(rank(DC3), LOCUM_RANK_A);
    }
    assert_int_equal(locum_core_assume(&site.core, DC3, locum_slice_of("unknown")), 0);
    assert_int_equal(rank(DC3), LOCUM_RANK_E);
}

static void
test_a_suspect_is_unknown(void **state)
{
    (void)state;
    site.say[NS0].acks[DC3].state_code = LOCUM_ALIVE;
    pass_hearing(&site, TIMEOUT + 50, HEAR_NS0);
    save();
    assert_int_equal(resume(LOCUM_START, 2 * TIMEOUT), LOCUM_RESUMED_STALE);
    assert_int_equal(condition(&site, DC3), LOCUM_UNKNOWN);
    assert_int_equal(rank(DC3), LOCUM_RANK_E);
}

/* RESUME-5: its trial starts again, and never ends unheard: here nothing tells of silence. */
static void
test_a_returning_peer_stays_on_trial(void **state)
{
    (void)state;
    bring_back_dc3();
    site.core.detector.peer[DC3].trusted = true;
    site.core.view.peer[DC3].path[LOCUM_PATH_UDP].heard = LOCUM_NEVER;
    site.core.view.peer[DC3].path[LOCUM_PATH_REDIS].heard = site.now.mono;
    save();
    assert_int_equal(resume(LOCUM_START, 2 * TIMEOUT), LOCUM_RESUMED_STALE);
    assert_int_equal(condition(&site, DC3), LOCUM_RETURNING);
    assert_int_equal(rank(DC3), LOCUM_RANK_B);
    commit(&site);
    pass_hearing(&site, RECOVER + 100, HEAR_NS0);
    assert_int_equal(condition(&site, DC3), LOCUM_RETURNING);
    pass_hearing(&site, RECOVER - 200, HEAR_BOTH);
    assert_int_equal(condition(&site, DC3), LOCUM_RETURNING);
    pass_hearing(&site, 400, HEAR_BOTH);
    assert_int_equal(condition(&site, DC3), LOCUM_ALIVE);
}

/* dc3 was down when this node restarted, for that long. */
static void
resume_down(locum_ms for_ms)
{
    (void)set_up(NULL);
    lose_dc3();
    site.core.detector.peer[DC3].down_since = site.now.boot - for_ms + 2 * TIMEOUT;
    save();
    assert_int_equal(resume(LOCUM_START, 2 * TIMEOUT), LOCUM_RESUMED_STALE);
    commit(&site);
}

/* COND-14: also when nobody says anything. */
static void
test_down_survives_a_restart(void **state)
{
    (void)state;
    resume_down(RECOVER + 1);
    assert_int_equal(condition(&site, DC3), LOCUM_DOWN);
    assert_int_equal(rank(DC3), LOCUM_RANK_G);
    assert_int_equal(answer(2)->nodes, 1u << DC2);
    pass(&site, 3 * TIMEOUT);
    assert_int_equal(condition(&site, DC3), LOCUM_DOWN);
}

/* COND-14, COND-8, COND-9: it returns as it would have done without the restart; but if the `down`
 * is older than recover-after, others may have had their trial, as with one that is adopted. */
static void
test_a_resumed_down_that_is_heard(void **state)
{
    (void)state;
    for (locum_ms older = 0; older <= 1; older++) {
        resume_down(RECOVER + older);
        hear(&site, DC3, LOCUM_PATH_UDP);
        commit(&site);
        assert_int_equal(condition(&site, DC3), older != 0 ? LOCUM_ALIVE : LOCUM_RETURNING);
    }
    (void)set_up(NULL);
    lose_dc3();
    site.core.detector.peer[DC3].adopted = true; /* that stays */
    save();
    assert_int_equal(resume(LOCUM_START, 2 * TIMEOUT), LOCUM_RESUMED_STALE);
    assert_true(site.core.detector.peer[DC3].adopted);
}

/* COND-14: a voter that is heard holds it alive; of other codes it keeps its verdict. */
static void
test_a_resumed_down_that_a_voter_holds_alive(void **state)
{
    (void)state;
    for (enum locum_condition code = LOCUM_UNKNOWN; code <= LOCUM_RETURNING; code++) {
        resume_down(RECOVER);
        assert_int_equal(condition(&site, DC3), LOCUM_DOWN); /* ns0 is not heard yet */
        site.say[NS0].acks[DC3].state_code = code;
        hear(&site, NS0, LOCUM_PATH_UDP);
        commit(&site);
        assert_int_equal(condition(&site, DC3), code == LOCUM_ALIVE ? LOCUM_UNKNOWN : LOCUM_DOWN);
        assert_int_equal(rank(DC3), code == LOCUM_ALIVE ? LOCUM_RANK_E : LOCUM_RANK_G);
    }
    (void)set_up(NULL); /* one that was not resumed stays */
    lose_dc3();
    site.say[NS0].acks[DC3].state_code = LOCUM_ALIVE;
    hear(&site, NS0, LOCUM_PATH_UDP);
    commit(&site);
    assert_int_equal(condition(&site, DC3), LOCUM_DOWN);
}

/* FAMILY-5: a lost family is lost until there was no reason for recover-after. held: there was one
 * when the state was saved. */
static void
resume_lost_family(bool held)
{
    (void)set_up(NULL);
    struct locum_family_state *of_dc3 = &site.core.families.at[DC3][LOCUM_V6];
    *of_dc3 = (struct locum_family_state){true, true, held, site.now.mono, 1};
    save();
    assert_int_equal(resume(LOCUM_START, 2 * TIMEOUT), LOCUM_RESUMED_STALE);
    assert_int_equal(site.core.rank[DC3].in[LOCUM_V6], LOCUM_RANK_F);
    assert_int_equal(site.core.plan.answers[2][LOCUM_V6].nodes, 1u << DC2);
    commit(&site);
    pass_hearing(&site, RECOVER - 100, HEAR_BOTH);
    assert_true(of_dc3->lost);
    pass_hearing(&site, 200, HEAR_BOTH);
    assert_false(of_dc3->lost);
}

static void
test_a_lost_family_stays_lost(void **state)
{
    (void)state;
    resume_lost_family(true);
    resume_lost_family(false);
}

/* RESUME-5: the first sample decides; until then the TTL is short. */
static void
test_the_first_sample_decides(void **state)
{
    (void)state;
    save();
    assert_int_equal(resume(LOCUM_START, 2 * TIMEOUT), LOCUM_RESUMED_STALE);
    assert_int_equal(site.core.service.state, LOCUM_UP);
    assert_int_equal(answer(0)->ttl_s, 10);
    commit(&site);
    step(&site, (struct locum_input){.kind = LOCUM_INPUT_SAMPLE});
    commit(&site);
    assert_int_equal(answer(0)->ttl_s, 60);
    save();
    assert_int_equal(resume(LOCUM_START, 2 * TIMEOUT), LOCUM_RESUMED_STALE);
    step(&site, (struct locum_input){.kind = LOCUM_INPUT_SAMPLE, .sample = {0, LOCUM_SAMPLE_FAIL}});
    commit(&site);
    assert_int_equal(site.core.service.state, LOCUM_FAILING);
    save();
    assert_int_equal(resume(LOCUM_START, TIMEOUT), LOCUM_RESUMED); /* as it was: `rise` samples */
    step(&site, (struct locum_input){.kind = LOCUM_INPUT_SAMPLE});
    assert_int_equal(site.core.service.check[0].verdict, LOCUM_FAILING);
}

/* RESUME-5: a new check has said nothing yet, so nobody knows whether the service is well. A
 * replaced program knows that it is as sure as the one before. */
static void
test_a_new_check_makes_the_ttl_short(void **state)
{
    static const struct {
        enum locum_start how;
        locum_ms later;
        bool saved; /* the run before had the check, and no sample of it yet */
        uint32_t ttl_s;
    } cases[] = {{LOCUM_START, 0, false, 10},  {LOCUM_START, 2 * TIMEOUT, false, 10},
                 {LOCUM_START, 0, true, 10},   {LOCUM_START, 2 * TIMEOUT, true, 10},
                 {LOCUM_REPLACE, 0, true, 60}, {LOCUM_REPLACE, 0, false, 10}};
    const struct locum_core_check fresh = {.counts = true, .rise = 1, .fall = 3, .id = 10};
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        (void)set_up(state);
        config.checks[1] = fresh;
        if (cases[i].saved) {
            config.check_count = 2;
            locum_core_reconfigure(&site.core, &config, 0, site.now);
            step(&site, (struct locum_input){.kind = LOCUM_INPUT_SAMPLE, .sample = {0, 0}});
            commit(&site);
        }
        assert_int_equal(answer(0)->ttl_s, 60);
        save();
        config.check_count = 2;
        (void)resume(cases[i].how, cases[i].later);
        assert_int_equal(site.core.service.state, LOCUM_UP);
        assert_int_equal(answer(0)->ttl_s, cases[i].ttl_s);
        pass_hearing(&site, 300, HEAR_BOTH);
        step(&site, (struct locum_input){.kind = LOCUM_INPUT_SAMPLE, .sample = {0, 0}});
        commit(&site);
        assert_int_equal(answer(0)->ttl_s, cases[i].ttl_s);
        step(&site, (struct locum_input){.kind = LOCUM_INPUT_SAMPLE, .sample = {1, 0}});
        commit(&site);
        assert_int_equal(answer(0)->ttl_s, 60);
    }
}

/* SERVICE-5: Redis may delay a mirrorbits check for long; that makes no TTL short. Nor does a check
 * that does not count. */
static void
test_checks_that_are_not_waited_for(void **state)
{
    (void)state;
    config.check_count = 4;
    config.checks[1] = (struct locum_core_check){
        .counts = true, .mirrorbits = true, .rise = 1, .fall = 1, .id = 8, .interval_ms = 250};
    config.checks[2] = (struct locum_core_check){.rise = 1, .fall = 1, .id = 9};
    config.checks[3] = (struct locum_core_check){.counts = true, .rise = 1, .fall = 1, .id = 10};
    begin_well(&site, &config);
    for (size_t i = 0; i < 3; i++) {
        step(&site, (struct locum_input){.kind = LOCUM_INPUT_SAMPLE, .sample = {i, 0}});
    }
    site.core.service.state = LOCUM_UP;
    save();
    assert_int_equal(resume(LOCUM_START, 2 * TIMEOUT), LOCUM_RESUMED_STALE);
    assert_int_equal(answer(0)->ttl_s, 10);
    step(&site, (struct locum_input){.kind = LOCUM_INPUT_SAMPLE, .sample = {0, 0}});
    step(&site, (struct locum_input){.kind = LOCUM_INPUT_SAMPLE, .sample = {3, 0}});
    commit(&site);
    assert_true(site.core.service.check[1].stale && site.core.service.check[2].stale);
    assert_int_equal(answer(0)->ttl_s, 60);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        TEST(test_a_peer_that_was_alive_keeps_its_rank),
        TEST(test_a_peer_that_has_died_meanwhile),
        TEST(test_two_restarts),
        TEST(test_a_suspect_is_unknown),
        TEST(test_a_returning_peer_stays_on_trial),
        TEST(test_down_survives_a_restart),
        TEST(test_a_resumed_down_that_is_heard),
        TEST(test_a_resumed_down_that_a_voter_holds_alive),
        TEST(test_a_lost_family_stays_lost),
        TEST(test_the_first_sample_decides),
        TEST(test_a_new_check_makes_the_ttl_short),
        TEST(test_checks_that_are_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
