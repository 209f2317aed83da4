/* Two nodes with one name, as a third one sees them by UDP (RECEIVE-14). */
#include "fixture.h"

enum { STEP_MS = 100, RUNS_APART = 1000 };

static struct site site;
static struct locum_peer_facts *const dc3 = &site.core.view.peer[DC3];

static int
set_up(void **state)
{
    (void)state;
    begin_usual_well(&site);
    return 0;
}

/* A node with dc3's name and another run: no peer sends to its address, so it acknowledges none. */
static void
hear_other(uint64_t incarnation, uint64_t seq)
{
    struct locum_heartbeat other = site.say[DC3];
    other.incarnation = incarnation;
    other.seq = seq;
    other.acks[DC2].seq = 0;
    hear_as_is(&site, &other, LOCUM_PATH_UDP);
}

static void
hear_peers(void)
{
    sleep_ms(&site, STEP_MS);
    hear(&site, NS0, LOCUM_PATH_UDP);
    hear(&site, DC3, LOCUM_PATH_UDP);
    commit(&site);
}

static void
test_another_run_that_goes_on_is_a_duplicate(void **state)
{
    (void)state;
    const int64_t apart[] = {RUNS_APART, -RUNS_APART}; /* it started later, or earlier */
    for (size_t i = 0; i < LOCUM_COUNT(apart); i++) {
        begin_usual_well(&site);
        const uint64_t other = site.say[DC3].incarnation + (uint64_t)apart[i];
        const locum_ms begun = site.now.mono + STEP_MS;
        for (uint64_t seq = 1; site.now.mono < begun + 2 * TIMEOUT; seq++) {
            assert_int_equal(dc3->duplicate, LOCUM_NEVER);
            hear_peers();
            hear_other(other, seq);
            assert_int_equal(locum_core_condition(&site.core, DC3), LOCUM_ALIVE);
            assert_int_equal(dc3->order.incarnation, site.say[DC3].incarnation);
        }
        assert_int_equal(dc3->duplicate, LOCUM_NEVER);
        hear_peers();
        hear_other(other, 10000);
        assert_int_equal(dc3->duplicate, site.now.mono);
    }
}

static void
test_a_restart_is_none(void **state)
{
    (void)state;
    const uint64_t last = site.say[DC3].incarnation;
    const uint64_t seq = site.say[DC3].seq;
    site.say[DC3].incarnation += RUNS_APART;
    site.say[DC3].seq = 0;
    hear_without_ack(&site, DC3, LOCUM_PATH_UDP);
    for (int i = 0; i < 100; i++) {
        hear_peers();
        hear_other(last, seq); /* the same one again is a copy */
    }
    assert_int_equal(dc3->duplicate, LOCUM_NEVER);
}

/* Nobody is accepted, so there are no two. */
static void
test_a_peer_that_hears_nothing_is_none(void **state)
{
    (void)state;
    const uint64_t other = site.say[DC3].incarnation + RUNS_APART;
    for (uint64_t seq = 1; seq < 100; seq++) {
        sleep_ms(&site, STEP_MS);
        hear(&site, NS0, LOCUM_PATH_UDP);
        hear_other(other, seq);
        commit(&site);
    }
    assert_int_equal(dc3->duplicate, LOCUM_NEVER);
}

static void
test_single_heartbeats_are_none(void **state)
{
    (void)state;
    const uint64_t other = site.say[DC3].incarnation + RUNS_APART;
    for (uint64_t seq = 1; seq < 20; seq++) {
        for (int i = 0; i < TIMEOUT / STEP_MS; i++) {
            hear_peers();
        }
        hear_other(other, seq);
    }
    assert_int_equal(dc3->duplicate, LOCUM_NEVER);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_another_run_that_goes_on_is_a_duplicate, set_up),
        cmocka_unit_test_setup(test_a_restart_is_none, set_up),
        cmocka_unit_test_setup(test_a_peer_that_hears_nothing_is_none, set_up),
        cmocka_unit_test_setup(test_single_heartbeats_are_none, set_up),
    };
    return cmocka_run_group_tests_name("core/duplicate", tests, NULL, NULL);
}
