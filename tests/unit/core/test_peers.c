/* Conditions of a peer by inputs and time: the whole core together. */
#include "fixture.h"

enum { HEAR_NS0 = 1 << NS0, HEAR_DC3 = 1 << DC3, HEAR_BOTH = HEAR_NS0 | HEAR_DC3 };

static struct site site;

static int
set_up_well(void **state)
{
    (void)state;
    begin_usual_well(&site);
    return 0;
}

static int
set_up_fresh(void **state)
{
    (void)state;
    begin_usual(&site);
    commit(&site);
    return 0;
}

static void
ns0_says(enum locum_condition code)
{
    site.say[NS0].acks[DC3].state_code = code;
}

/* The last event of dc3 was this one. */
static const struct locum_condition_event *
assert_event(enum locum_condition from, enum locum_condition to, enum locum_cause cause)
{
    const struct locum_event *event = last_event(&site, LOCUM_EVENT_CONDITION);
    assert_non_null(event);
    assert_int_equal(event->condition.peer, DC3);
    assert_int_equal(event->condition.from, from);
    assert_int_equal(event->condition.to, to);
    assert_int_equal(event->condition.cause, cause);
    assert_int_equal(condition(&site, DC3), to);
    return &event->condition;
}

/* dc3 silent for a quorum. */
static void
kill_dc3(void)
{
    ns0_says(LOCUM_ALIVE);
    pass_hearing(&site, TIMEOUT + 50, HEAR_NS0);
    ns0_says(LOCUM_SUSPECT);
    pass_hearing(&site, 250, HEAR_NS0);
    assert_event(LOCUM_SUSPECT, LOCUM_DOWN, LOCUM_CAUSE_QUORUM);
    ns0_says(LOCUM_DOWN);
    forget(&site);
}

/* COND-3: unknown, silent -> suspect */
static void
test_unknown_silent(void **state)
{
    (void)state;
    pass(&site, 9990);
    assert_int_equal(condition(&site, DC3), LOCUM_UNKNOWN);
    pass(&site, 10); /* SILENCE-1: nothing at all for 10 s since the start: UDP is evidence */
    assert_int_equal(condition(&site, DC3), LOCUM_SUSPECT);
    assert_int_equal(condition(&site, NS0), LOCUM_SUSPECT);
}

/* HEARTBEAT-2: alive stays alive by either path alone. */
static void
test_alive_by_one_path(void **state)
{
    (void)state;
    set_subscribed(&site, true);
    for (int i = 0; i < 300; i++) {
        hear(&site, DC3, LOCUM_PATH_REDIS); /* UDP is cut: after 10 s it is not evidence */
        hear_own(&site, site.core.view.incarnation, site.core.view.seq);
        pass_hearing(&site, 120, HEAR_NS0);
    }
    assert_int_equal(count_events(&site, LOCUM_EVENT_CONDITION), 0);
    for (int i = 0; i < 300; i++) {
        hear(&site, DC3, LOCUM_PATH_UDP); /* Redis carries own heartbeats, and none of dc3 */
        hear_own(&site, site.core.view.incarnation, site.core.view.seq);
        pass_hearing(&site, 120, HEAR_NS0);
    }
    assert_int_equal(count_events(&site, LOCUM_EVENT_CONDITION), 0);
}

/* COND-6: suspect, and it said `leaving` -> down without a vote; not before it is silent */
static void
test_suspect_left(void **state)
{
    (void)state;
    site.say[DC3].leaving = true;
    hear(&site, DC3, LOCUM_PATH_UDP);
    pass_hearing(&site, TIMEOUT - 10, HEAR_NS0);
    assert_int_equal(condition(&site, DC3), LOCUM_ALIVE);
    pass_hearing(&site, 20, HEAR_NS0);
    const struct locum_condition_event *event =
        assert_event(LOCUM_SUSPECT, LOCUM_DOWN, LOCUM_CAUSE_LEFT);
    assert_int_equal(event->voters, 1 << DC2);
    assert_int_equal(event->age_ms[DC2], TIMEOUT + 10);
}

/* COND-7: suspect, grace -> unknown; down stays down */
static void
test_grace(void **state)
{
    (void)state;
    pass_hearing(&site, TIMEOUT + 100, HEAR_NS0);
    sleep_ms(&site, site.core.next_commit - site.now.mono + TIMEOUT / 2);
    commit(&site);
    assert_int_equal(condition(&site, DC3), LOCUM_SUSPECT); /* not more than timeout/2 late */
    sleep_ms(&site, site.core.next_commit - site.now.mono + TIMEOUT / 2 + 1);
    commit(&site);
    assert_event(LOCUM_SUSPECT, LOCUM_UNKNOWN, LOCUM_CAUSE_GRACE);
    assert_int_equal(last_event(&site, LOCUM_EVENT_STALL)->late_ms, TIMEOUT / 2 + 1);
    assert_int_equal(site.core.detector.peer[DC3].since_wall, site.now.wall);
    pass_hearing(&site, TIMEOUT - 10, HEAR_NS0);
    assert_int_equal(condition(&site, DC3), LOCUM_UNKNOWN); /* all silence counts from now */
    kill_dc3();
    sleep_ms(&site, 10 * TIMEOUT);
    commit(&site);
    assert_int_equal(condition(&site, DC3), LOCUM_DOWN);
}

/* HEARTBEAT-1: the end of a suspicion by grace is sent at once, because it was a vote. */
static void
test_grace_is_sent_at_once(void **state)
{
    (void)state;
    set_subscribed(&site, true);
    for (int i = 0; i < 100; i++) {
        if (i < 90) {
            hear(&site, DC3, LOCUM_PATH_REDIS); /* its datagrams have been missing for 10 s */
        }
        hear_own(&site, site.core.view.incarnation, site.core.view.seq);
        pass_hearing(&site, 120, HEAR_NS0);
    }
    assert_int_equal(condition(&site, DC3), LOCUM_SUSPECT);
    set_subscribed(&site, false);
    forget(&site);
    while (site.sent == 0) {
        pass_hearing(&site, 10, HEAR_NS0);
    }
    pass_hearing(&site, 30, HEAR_NS0); /* the next is not due */
    assert_int_equal(site.sent, 1);
    set_subscribed(&site, true);
    assert_event(LOCUM_SUSPECT, LOCUM_UNKNOWN, LOCUM_CAUSE_GRACE);
    commit(&site);
    assert_int_equal(site.sent, 2);
}

/* COND-9: down, accepted -> returning, and the trial starts */
static void
test_down_heard(void **state)
{
    (void)state;
    kill_dc3();
    pass_hearing(&site, RECOVER, HEAR_NS0);
    site.say[DC3].incarnation++; /* a crash is not `leaving` */
    site.say[DC3].seq = 0;
    hear(&site, DC3, LOCUM_PATH_UDP);
    pass_hearing(&site, 10, HEAR_NS0);
    assert_event(LOCUM_DOWN, LOCUM_RETURNING, LOCUM_CAUSE_HEARD);
    assert_int_equal(locum_detector_state_code(&site.core.detector, DC3), LOCUM_RETURNING);
    pass_hearing(&site, RECOVER - 10, HEAR_BOTH);
    assert_int_equal(condition(&site, DC3), LOCUM_RETURNING);
    pass_hearing(&site, 10, HEAR_BOTH);
    assert_event(LOCUM_RETURNING, LOCUM_ALIVE, LOCUM_CAUSE_RECOVERED);
}

/* RECEIVE-9: the acknowledged heartbeat must have been sent after the verdict. */
static void
test_late_heartbeat_leaves_the_peer_down(void **state)
{
    (void)state;
    kill_dc3();
    const locum_ms heard = site.core.view.peer[DC3].heard;
    hear_ack(&site, DC3, LOCUM_PATH_REDIS, site.core.view.seq - 4);
    pass_hearing(&site, 10, HEAR_NS0);
    assert_int_equal(condition(&site, DC3), LOCUM_DOWN);
    assert_int_equal(site.core.view.peer[DC3].heard, heard);
    pass_hearing(&site, 200, HEAR_NS0);
    hear(&site, DC3, LOCUM_PATH_REDIS);
    pass_hearing(&site, 10, HEAR_NS0);
    assert_event(LOCUM_DOWN, LOCUM_RETURNING, LOCUM_CAUSE_HEARD);
}

static void
adopt_down(void)
{
    begin_usual(&site);
    commit(&site);
    ns0_says(LOCUM_DOWN);
    pass_hearing(&site, 500, HEAR_NS0);
    assert_event(LOCUM_UNKNOWN, LOCUM_DOWN, LOCUM_CAUSE_ADOPTED);
}

/* COND-8: down that was adopted, accepted with service up -> alive */
static void
test_adopted_heard(void **state)
{
    (void)state;
    adopt_down();
    pass_hearing(&site, 500, HEAR_NS0);
    hear(&site, DC3, LOCUM_PATH_UDP);
    pass_hearing(&site, 10, HEAR_NS0);
    assert_event(LOCUM_DOWN, LOCUM_ALIVE, LOCUM_CAUSE_HEARD);
}

/* COND-8, COND-12: a degraded service is no reason for a trial, and ends one. */
static void
test_adopted_degraded(void **state)
{
    (void)state;
    adopt_down();
    pass_hearing(&site, 500, HEAR_NS0);
    site.say[DC3].service = LOCUM_SERVICE_DEGRADED;
    pass_hearing(&site, 500, HEAR_BOTH);
    assert_event(LOCUM_DOWN, LOCUM_ALIVE, LOCUM_CAUSE_HEARD);
}

static void
test_adopted_failing_then_degraded(void **state)
{
    (void)state;
    adopt_down();
    pass_hearing(&site, 500, HEAR_NS0);
    site.say[DC3].service = LOCUM_FAILING;
    pass_hearing(&site, 500, HEAR_BOTH);
    site.say[DC3].service = LOCUM_SERVICE_DEGRADED;
    pass_hearing(&site, 130, HEAR_BOTH);
    assert_event(LOCUM_RETURNING, LOCUM_ALIVE, LOCUM_CAUSE_RECOVERED);
}

/* COND-8: with another service: returning without the wait, alive as soon as it is up */
static void
test_adopted_not_up(void **state)
{
    (void)state;
    adopt_down();
    pass_hearing(&site, 500, HEAR_NS0);
    site.say[DC3].service = LOCUM_FAILING;
    pass_hearing(&site, 500, HEAR_BOTH);
    assert_event(LOCUM_DOWN, LOCUM_RETURNING, LOCUM_CAUSE_HEARD);
    site.say[DC3].service = LOCUM_UP;
    pass_hearing(&site, 130, HEAR_BOTH);
    assert_event(LOCUM_RETURNING, LOCUM_ALIVE, LOCUM_CAUSE_RECOVERED);
}

/* COND-12: a gap ends that trust: then it waits like any other */
static void
test_adopted_gap(void **state)
{
    (void)state;
    adopt_down();
    pass_hearing(&site, 500, HEAR_NS0);
    site.say[DC3].service = LOCUM_FAILING;
    pass_hearing(&site, 500, HEAR_BOTH);
    ns0_says(LOCUM_ALIVE);
    pass_hearing(&site, TIMEOUT + 100, HEAR_NS0);
    site.say[DC3].service = LOCUM_UP;
    hear(&site, DC3, LOCUM_PATH_UDP);
    pass_hearing(&site, RECOVER - 10, HEAR_BOTH);
    assert_int_equal(condition(&site, DC3), LOCUM_RETURNING);
    pass_hearing(&site, 10, HEAR_BOTH);
    assert_event(LOCUM_RETURNING, LOCUM_ALIVE, LOCUM_CAUSE_RECOVERED);
}

static void
leave_and_fall(void)
{
    site.say[DC3].leaving = true;
    hear(&site, DC3, LOCUM_PATH_UDP);
    pass_hearing(&site, TIMEOUT + 100, HEAR_NS0);
    assert_event(LOCUM_SUSPECT, LOCUM_DOWN, LOCUM_CAUSE_LEFT);
    site.say[DC3].leaving = false;
}

/* COND-8: down after `leaving`: a new run with service up -> alive */
static void
test_restart(void **state)
{
    (void)state;
    leave_and_fall();
    site.say[DC3].incarnation++;
    site.say[DC3].seq = 0;
    pass_hearing(&site, 200, HEAR_BOTH);
    assert_event(LOCUM_DOWN, LOCUM_ALIVE, LOCUM_CAUSE_HEARD);
}

/* COND-8: also if the new run was heard before the verdict, but had not heard self yet */
static void
test_restart_before_verdict(void **state)
{
    (void)state;
    site.say[DC3].leaving = true;
    hear(&site, DC3, LOCUM_PATH_UDP);
    site.say[DC3].leaving = false;
    pass_hearing(&site, TIMEOUT - 20, HEAR_NS0);
    site.say[DC3].incarnation++;
    site.say[DC3].seq = 0;
    hear_without_ack(&site, DC3, LOCUM_PATH_UDP);
    pass_hearing(&site, 40, HEAR_NS0);
    assert_event(LOCUM_SUSPECT, LOCUM_DOWN, LOCUM_CAUSE_LEFT);
    pass_hearing(&site, 200, HEAR_BOTH);
    assert_event(LOCUM_DOWN, LOCUM_ALIVE, LOCUM_CAUSE_HEARD);
}

/* COND-9: the same run that said `leaving` has a trial */
static void
test_left_and_back(void **state)
{
    (void)state;
    leave_and_fall();
    pass_hearing(&site, 200, HEAR_BOTH);
    assert_event(LOCUM_DOWN, LOCUM_RETURNING, LOCUM_CAUSE_HEARD);
}

static void
bring_back(void)
{
    kill_dc3();
    pass_hearing(&site, 200, HEAR_NS0);
    hear(&site, DC3, LOCUM_PATH_UDP);
    pass_hearing(&site, 20, HEAR_NS0);
    assert_event(LOCUM_DOWN, LOCUM_RETURNING, LOCUM_CAUSE_HEARD);
    forget(&site);
}

/* COND-10: returning, silent -> the trial restarts; state code s, rank G until heard */
static void
test_returning_silent(void **state)
{
    (void)state;
    bring_back();
    ns0_says(LOCUM_ALIVE);
    pass_hearing(&site, 3000, HEAR_BOTH);
    assert_int_equal(site.core.rank[DC3].in[LOCUM_V4], LOCUM_RANK_B);
    pass_hearing(&site, TIMEOUT + 100, HEAR_NS0);
    assert_int_equal(condition(&site, DC3), LOCUM_RETURNING);
    assert_int_equal(locum_detector_state_code(&site.core.detector, DC3), LOCUM_SUSPECT);
    assert_int_equal(site.core.rank[DC3].in[LOCUM_V4], LOCUM_RANK_G);
    hear(&site, DC3, LOCUM_PATH_UDP);
    commit(&site);
    assert_int_equal(locum_detector_state_code(&site.core.detector, DC3), LOCUM_RETURNING);
    assert_int_equal(site.core.rank[DC3].in[LOCUM_V4], LOCUM_RANK_B);
    pass_hearing(&site, RECOVER - 10, HEAR_BOTH);
    assert_int_equal(condition(&site, DC3), LOCUM_RETURNING);
    pass_hearing(&site, 20, HEAR_BOTH);
    assert_event(LOCUM_RETURNING, LOCUM_ALIVE, LOCUM_CAUSE_RECOVERED);
}

/* HEARTBEAT-1: the state code of a returning that falls silent is sent at once. */
static void
test_returning_silent_is_sent_at_once(void **state)
{
    (void)state;
    bring_back();
    ns0_says(LOCUM_ALIVE);
    pass_hearing(&site, TIMEOUT - 30, HEAR_NS0);
    const locum_ms sent = site.core.last_send;
    while (locum_detector_state_code(&site.core.detector, DC3) == LOCUM_RETURNING) {
        site.core.last_send = site.now.mono; /* the next would be due in an interval */
        pass(&site, 10);
        assert_true(site.now.mono < sent + TIMEOUT);
    }
    pass(&site, LOCUM_SEND_GAP_MS);
    assert_true(site.now.mono - site.core.last_send <= LOCUM_SEND_GAP_MS);
}

/* COND-11: returning, silent for a quorum -> down */
static void
test_returning_quorum(void **state)
{
    (void)state;
    bring_back();
    ns0_says(LOCUM_SUSPECT);
    pass_hearing(&site, TIMEOUT + 50, HEAR_NS0);
    assert_event(LOCUM_RETURNING, LOCUM_DOWN, LOCUM_CAUSE_QUORUM);
}

/* COND-12: a gap of a limit that no commit found as silence restarts the trial. */
static void
test_returning_gap(void **state)
{
    (void)state;
    bring_back();
    pass_hearing(&site, 3000, HEAR_BOTH);
    hear(&site, DC3, LOCUM_PATH_UDP);
    pass_hearing(&site, TIMEOUT - 10, HEAR_NS0);
    sleep_ms(&site, 10);
    hear(&site, DC3, LOCUM_PATH_UDP); /* in the iteration that would have found it silent */
    commit(&site);
    assert_int_equal(condition(&site, DC3), LOCUM_RETURNING);
    assert_int_equal(locum_detector_state_code(&site.core.detector, DC3), LOCUM_RETURNING);
    pass_hearing(&site, RECOVER - 10, HEAR_BOTH);
    assert_int_equal(condition(&site, DC3), LOCUM_RETURNING);
    pass_hearing(&site, 10, HEAR_BOTH);
    assert_event(LOCUM_RETURNING, LOCUM_ALIVE, LOCUM_CAUSE_RECOVERED);
}

/* Grace restarts the trial of a returning; a silent one stays silent until it is heard. */
static void
test_returning_grace(void **state)
{
    (void)state;
    bring_back();
    pass_hearing(&site, 4000, HEAR_BOTH);
    sleep_ms(&site, TIMEOUT);
    commit(&site);
    pass_hearing(&site, RECOVER - 10, HEAR_BOTH);
    assert_int_equal(condition(&site, DC3), LOCUM_RETURNING);
    pass_hearing(&site, 10, HEAR_BOTH);
    assert_int_equal(condition(&site, DC3), LOCUM_ALIVE);
    begin_usual_well(&site);
    bring_back();
    ns0_says(LOCUM_ALIVE);
    pass_hearing(&site, TIMEOUT + 100, HEAR_NS0);
    assert_int_equal(site.core.rank[DC3].in[LOCUM_V4], LOCUM_RANK_G);
    sleep_ms(&site, TIMEOUT);
    commit(&site);
    assert_int_equal(site.core.rank[DC3].in[LOCUM_V4], LOCUM_RANK_G);
}

/* GRACE-2: an own stall is not a gap of the peer: one that needs no wait still needs none. */
static void
test_stall_is_no_gap(void **state)
{
    (void)state;
    adopt_down();
    pass_hearing(&site, 500, HEAR_NS0);
    site.say[DC3].service = LOCUM_FAILING;
    pass_hearing(&site, 500, HEAR_BOTH);
    assert_event(LOCUM_DOWN, LOCUM_RETURNING, LOCUM_CAUSE_HEARD);
    sleep_ms(&site, 3 * TIMEOUT);
    commit(&site);
    site.say[DC3].service = LOCUM_UP;
    pass_hearing(&site, 250, HEAR_BOTH);
    assert_int_equal(condition(&site, DC3), LOCUM_ALIVE);
}

int
main(void)
{
#define FRESH(test) cmocka_unit_test_setup(test, set_up_fresh)
#define WELL(test)  cmocka_unit_test_setup(test, set_up_well)
    const struct CMUnitTest tests[] = {
        FRESH(test_unknown_silent),
        WELL(test_alive_by_one_path),
        WELL(test_suspect_left),
        WELL(test_grace),
        WELL(test_grace_is_sent_at_once),
        WELL(test_down_heard),
        WELL(test_late_heartbeat_leaves_the_peer_down),
        WELL(test_adopted_heard),
        WELL(test_adopted_degraded),
        WELL(test_adopted_failing_then_degraded),
        WELL(test_adopted_not_up),
        WELL(test_adopted_gap),
        WELL(test_restart),
        WELL(test_restart_before_verdict),
        WELL(test_left_and_back),
        WELL(test_returning_silent),
        WELL(test_returning_silent_is_sent_at_once),
        WELL(test_returning_quorum),
        WELL(test_returning_gap),
        WELL(test_returning_grace),
        WELL(test_stall_is_no_gap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
