/* next: the moment at which time alone needs a commit, for each rule that depends on the time. */
#include "bench.h"

static struct bench bench;

/* The site is healthy since START + 100, and has a check of its own Mirrorbits. */
static int
set_up(void **state)
{
    (void)state;
    struct locum_core_config config = article(DC2);
    config.checks[1] =
        (struct locum_core_check){.mirrorbits = true, .rise = 1, .fall = 1, .interval_ms = 700};
    config.check_count = 2;
    bench_start_well(&bench, &config);
    commit(&bench, bench.core.next_commit);
    return 0;
}

static locum_ms
next_after(locum_ms now)
{
    return locum_core_next(&bench.core, at(now));
}

/* Before this moment it is next_commit; at this moment it is not. */
static void
assert_moment(locum_ms when)
{
    assert_int_equal(next_after(when - 1), when);
    assert_true(next_after(when) > when);
}

static void
test_own_heartbeat(void **state)
{
    (void)state;
    assert_int_equal(bench.core.last_send, START + 100);
    assert_int_equal(bench.core.next_commit, START + 225);
    assert_moment(START + 225);
    bench.core.send_wanted = true;
    assert_moment(START + 120);
}

/* At the latest an interval later, whatever is missing here. */
static void
test_bound(void **state)
{
    (void)state;
    assert_int_equal(next_after(START + 90000), START + 90125);
}

static void
test_silence(void **state)
{
    (void)state;
    assert_moment(START + 1100); /* silent */
    assert_moment(START + 1101); /* VOTE-2: too old, so its Sentinel votes */
    bench.core.view.grace = START + 500;
    assert_moment(START + 1500); /* silence counts from the grace, the age of its vote does not */
    assert_moment(START + 1101);
    bench.core.view.peer[DC3].interval_ms = 300;
    assert_moment(START + 1700);
}

static void
test_adoption(void **state)
{
    (void)state;
    assert_moment(START + 350);
}

static void
test_never_heard(void **state)
{
    (void)state;
    assert_moment(START + LOCUM_DIRECT_MS);
}

static void
test_returning(void **state)
{
    (void)state;
    bench.core.detector.peer[DC3].returning_since = START + 2000;
    assert_moment(START + 7000);
}

static void
test_service(void **state)
{
    (void)state;
    assert_moment(START + 700); /* the first sample came with the first commit */
    bench.core.service.probation_until = START + 3000;
    assert_moment(START + 3000);
    assert_moment(START + 3000 + LOCUM_PROBATION_FORGET_MS);
}

/* FAMILY-2: silence in one family, or in the other; FAMILY-5, FAMILY-6. */
static void
test_families(void **state)
{
    (void)state;
    struct locum_family_facts *v6 = &bench.core.view.peer[DC3].family[LOCUM_V6];
    v6->heard = START + 1500;
    v6->since = START + 700;
    assert_moment(START + 2500);
    assert_moment(START + 2501);
    assert_moment(START + 1700);
    bench.core.view.grace = START + 900;
    assert_moment(START + 1900);
    bench.core.view.peer[DC3].grace = START + 950;
    assert_moment(START + 1950);
    bench.core.families.at[NS0][LOCUM_V4].trial = START + 3000;
    assert_moment(START + 8000);
    bench.core.families.absent_since[LOCUM_V6] = START + 4000;
    assert_moment(START + 5000);
}

/* A lease ends on the boot clock. */
static void
test_lease(void **state)
{
    (void)state;
    bench.core.admin.until_boot = at(START + 4000).boot;
    assert_moment(START + 4000);
}

static void
test_leaving(void **state)
{
    (void)state;
    bench.core.leaving_since = START + 2000;
    assert_moment(START + 2000 + LOCUM_LEAVING_MAX_MS);
}

/* One event can make another possible: the next commit comes at once. */
static void
test_commit_at_once_after_an_event(void **state)
{
    (void)state;
    while (bench.now < START + 1100) {
        commit(&bench, bench.core.next_commit);
    }
    assert_int_equal(condition(&bench, DC3), LOCUM_SUSPECT);
    assert_int_equal(bench.now, START + 1100);
    assert_int_equal(bench.core.next_commit, START + 1101);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        TEST(test_own_heartbeat),
        TEST(test_bound),
        TEST(test_silence),
        TEST(test_adoption),
        TEST(test_never_heard),
        TEST(test_returning),
        TEST(test_service),
        TEST(test_families),
        TEST(test_lease),
        TEST(test_leaving),
        TEST(test_commit_at_once_after_an_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
