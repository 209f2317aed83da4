/* service: samples -> the own service, with rise, fall and probation (SERVICE-1 to 8). */
#include "fixture.h"

struct bench {
    struct locum_core_config config;
    struct locum_service_state service;
    struct locum_now now;
};

/* One check that counts: rise 2, fall 3. */
static void
set_up(struct bench *bench)
{
    bench->config = config_of(2, 1, 0);
    bench->config.check_count = 1;
    bench->config.checks[0] =
        (struct locum_core_check){.counts = true, .rise = 2, .fall = 3, .interval_ms = 250};
    bench->now = beginning;
    locum_service_init(&bench->service, &bench->config);
}

static enum locum_service
sample(struct bench *bench, size_t check, enum locum_sample outcome)
{
    const enum locum_service before = bench->service.state;
    locum_service_sample(&bench->service, &bench->config, check, outcome, bench->now);
    const bool changed = locum_service_advance(&bench->service, &bench->config, bench->now);
    assert_int_equal(changed, bench->service.state != before);
    return bench->service.state;
}

static enum locum_service
later(struct bench *bench, locum_ms ms)
{
    bench->now.mono += ms;
    bench->now.wall += ms;
    (void)locum_service_advance(&bench->service, &bench->config, bench->now);
    return bench->service.state;
}

/* Three failures: failing. */
static void
fail_it(struct bench *bench)
{
    (void)sample(bench, 0, LOCUM_SAMPLE_FAIL);
    (void)sample(bench, 0, LOCUM_SAMPLE_FAIL);
    assert_int_equal(sample(bench, 0, LOCUM_SAMPLE_FAIL), LOCUM_FAILING);
}

/* Two passes: recovered, possibly on probation. */
static enum locum_service
repair_it(struct bench *bench)
{
    assert_int_equal(sample(bench, 0, LOCUM_SAMPLE_PASS), LOCUM_FAILING);
    return sample(bench, 0, LOCUM_SAMPLE_PASS);
}

/* SERVICE-1: the first sample decides at start. */
static void
test_first_sample(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    assert_int_equal(later(&bench, 10), LOCUM_SERVICE_UNKNOWN);
    assert_int_equal(bench.service.check[0].since_wall, LOCUM_NEVER);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_PASS), LOCUM_UP);
    assert_int_equal(bench.service.check[0].since_wall, bench.now.wall);
    set_up(&bench);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_FAIL), LOCUM_FAILING);
    set_up(&bench);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_REFUSED), LOCUM_FAILING);
}

/*
 * Redis has not been reachable since the start or a reload, so the own Mirrorbits has no verdict.
 * That delays the first state, but does not keep a node failing whose other checks pass again.
 */
static void
test_mirrorbits_without_a_verdict(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    bench.config.check_count = 2;
    bench.config.checks[1] = (struct locum_core_check){
        .counts = true, .mirrorbits = true, .rise = 1, .fall = 1, .interval_ms = 250};
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_PASS), LOCUM_SERVICE_UNKNOWN);
    fail_it(&bench);
    assert_int_equal(repair_it(&bench), LOCUM_UP);
    assert_int_equal(bench.service.check[1].verdict, LOCUM_SERVICE_UNKNOWN);
    assert_int_equal(sample(&bench, 1, LOCUM_SAMPLE_FAIL), LOCUM_FAILING);
}

/* SERVICE-1: then `fall` failures in a row; a pass between them restarts the count. */
static void
test_fall_failures_make_it_failing(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    (void)sample(&bench, 0, LOCUM_SAMPLE_PASS);
    (void)sample(&bench, 0, LOCUM_SAMPLE_FAIL);
    (void)sample(&bench, 0, LOCUM_SAMPLE_FAIL);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_PASS), LOCUM_UP);
    (void)sample(&bench, 0, LOCUM_SAMPLE_FAIL);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_REFUSED), LOCUM_UP);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_FAIL), LOCUM_FAILING);
}

/* SERVICE-1: `rise` passes in a row; a failure between them restarts the count. */
static void
test_rise_passes_make_it_up(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    (void)sample(&bench, 0, LOCUM_SAMPLE_FAIL);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_PASS), LOCUM_FAILING);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_FAIL), LOCUM_FAILING);
    assert_int_equal(repair_it(&bench), LOCUM_UP); /* SERVICE-3 */
}

/* A refused connection fails at once, but only with fast-fail. */
static void
test_fast_fail(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    bench.config.checks[0].fast_fail = true;
    (void)sample(&bench, 0, LOCUM_SAMPLE_PASS);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_FAIL), LOCUM_UP);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_REFUSED), LOCUM_FAILING);
    assert_int_equal(repair_it(&bench), LOCUM_UP);
}

/* SERVICE-1: worse by `fall` worse samples, to the mildest; better by `rise` better ones, to the
 * worst of them. */
static void
test_degraded_samples(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_DEGRADED), LOCUM_SERVICE_DEGRADED);
    set_up(&bench);
    (void)sample(&bench, 0, LOCUM_SAMPLE_PASS);
    (void)sample(&bench, 0, LOCUM_SAMPLE_FAIL);
    (void)sample(&bench, 0, LOCUM_SAMPLE_DEGRADED);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_FAIL), LOCUM_SERVICE_DEGRADED);
    fail_it(&bench);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_PASS), LOCUM_FAILING);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_DEGRADED), LOCUM_SERVICE_DEGRADED);
    (void)sample(&bench, 0, LOCUM_SAMPLE_FAIL); /* another direction: the count starts again */
    (void)sample(&bench, 0, LOCUM_SAMPLE_FAIL);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_PASS), LOCUM_SERVICE_DEGRADED);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_PASS), LOCUM_UP);
}

/* SERVICE-6: severity: degraded; with fast-fail one refused connection is enough here as well. */
static void
test_severity_degraded(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    bench.config.checks[0].degrades = true;
    (void)sample(&bench, 0, LOCUM_SAMPLE_PASS);
    (void)sample(&bench, 0, LOCUM_SAMPLE_FAIL);
    (void)sample(&bench, 0, LOCUM_SAMPLE_REFUSED);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_FAIL), LOCUM_SERVICE_DEGRADED);
    (void)sample(&bench, 0, LOCUM_SAMPLE_PASS);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_PASS), LOCUM_UP);
    bench.config.checks[0].fast_fail = true;
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_REFUSED), LOCUM_SERVICE_DEGRADED);
}

/* SERVICE-5: the worst check counts; without all verdicts the service can only become worse. */
static void
test_the_worst_check_counts(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    bench.config.check_count = 2;
    bench.config.checks[1] = bench.config.checks[0];
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_PASS), LOCUM_SERVICE_UNKNOWN);
    assert_int_equal(sample(&bench, 1, LOCUM_SAMPLE_DEGRADED), LOCUM_SERVICE_DEGRADED);
    fail_it(&bench);
    assert_int_equal(repair_it(&bench), LOCUM_SERVICE_DEGRADED);
    bench.service.check[0].verdict = LOCUM_SERVICE_UNKNOWN; /* a reload has added it */
    (void)sample(&bench, 1, LOCUM_SAMPLE_PASS);
    assert_int_equal(sample(&bench, 1, LOCUM_SAMPLE_PASS), LOCUM_SERVICE_DEGRADED);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_PASS), LOCUM_UP);
}

/* SERVICE-2: from up to degraded soon after a recovery is a flap too; from degraded to up is one.
 */
static void
test_degraded_flaps(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    bench.config.checks[0].rise = bench.config.checks[0].fall = 1;
    (void)sample(&bench, 0, LOCUM_SAMPLE_DEGRADED);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_PASS), LOCUM_UP);
    (void)later(&bench, 1000);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_DEGRADED), LOCUM_SERVICE_DEGRADED);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_PASS), LOCUM_PROBATION);
    assert_int_equal(later(&bench, LOCUM_PROBATION_FIRST_MS), LOCUM_UP);
}

/* SERVICE-2: between degraded and failing there is no flap and no recovery. */
static void
test_degraded_and_failing(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    bench.config.checks[0].rise = bench.config.checks[0].fall = 1;
    (void)sample(&bench, 0, LOCUM_SAMPLE_PASS);
    (void)sample(&bench, 0, LOCUM_SAMPLE_FAIL);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_DEGRADED), LOCUM_SERVICE_DEGRADED);
        assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_FAIL), LOCUM_FAILING);
    }
    assert_int_equal(bench.service.recovered, LOCUM_NEVER);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_PASS), LOCUM_UP);
}

/* SERVICE-1: all checks that count must pass; others change nothing. */
static void
test_several_checks(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    bench.config.check_count = 3;
    bench.config.checks[1] = (struct locum_core_check){.counts = false, .rise = 1, .fall = 1};
    bench.config.checks[2] = (struct locum_core_check){.counts = true, .rise = 1, .fall = 1};
    assert_int_equal(sample(&bench, 1, LOCUM_SAMPLE_FAIL), LOCUM_SERVICE_UNKNOWN);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_PASS), LOCUM_SERVICE_UNKNOWN);
    assert_int_equal(sample(&bench, 2, LOCUM_SAMPLE_PASS), LOCUM_UP);
    assert_int_equal(sample(&bench, 2, LOCUM_SAMPLE_FAIL), LOCUM_FAILING);
    assert_int_equal(sample(&bench, 2, LOCUM_SAMPLE_PASS), LOCUM_UP);
    bench.service.check[0].verdict = LOCUM_SERVICE_UNKNOWN;
    assert_int_equal(later(&bench, 10), LOCUM_UP); /* it has no verdict yet: the state stays */
}

/* SERVICE-4: a witness is always up; so is a server without a check that counts. */
static void
test_without_checks(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    bench.config.self = NS0;
    locum_service_init(&bench.service, &bench.config);
    assert_int_equal(bench.service.state, LOCUM_UP);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_FAIL), LOCUM_UP);
    bench.config.self = DC2;
    bench.config.checks[0].counts = false;
    locum_service_init(&bench.service, &bench.config);
    assert_int_equal(bench.service.state, LOCUM_UP);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_FAIL), LOCUM_UP);
}

/* Samples that could not be run, one an interval, for this long. */
static enum locum_service
lack(struct bench *bench, locum_ms lasts_ms)
{
    for (locum_ms end = bench->now.mono + lasts_ms; bench->now.mono < end;) {
        (void)later(bench, bench->config.checks[0].interval_ms);
        (void)sample(bench, 0, LOCUM_SAMPLE_NOT_RUN);
    }
    return bench->service.state;
}

/* SERVICE-8: what could not be run keeps the verdict for 10 s and is then degraded; the time begins
 * again after a probe that ran. */
static void
test_not_run_is_degraded_after_a_time(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    (void)sample(&bench, 0, LOCUM_SAMPLE_PASS);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(locum_service_not_run(&bench.service, &bench.config), 1);
        assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_NOT_RUN), LOCUM_UP);
        assert_int_equal(locum_service_not_run(&bench.service, &bench.config), 0);
        assert_int_equal(lack(&bench, LOCUM_NOT_RUN_KEPT_MS - 250), LOCUM_UP);
        assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_PASS), LOCUM_UP);
    }
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_NOT_RUN), LOCUM_UP);
    assert_int_equal(lack(&bench, LOCUM_NOT_RUN_KEPT_MS + 250), LOCUM_UP);
    assert_int_equal(lack(&bench, 250), LOCUM_SERVICE_DEGRADED); /* `fall` samples */
    assert_int_equal(lack(&bench, 3600 * 1000), LOCUM_SERVICE_DEGRADED);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_PASS), LOCUM_SERVICE_DEGRADED);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_PASS), LOCUM_UP);
}

/* SERVICE-8: a check that falls slowly is not hurried. */
static void
test_not_run_is_kept_for_two_times_what_it_takes_to_fall(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    bench.config.checks[0].interval_ms = 5000;
    (void)sample(&bench, 0, LOCUM_SAMPLE_PASS);
    assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_NOT_RUN), LOCUM_UP);
    assert_int_equal(lack(&bench, 35000), LOCUM_UP);
    assert_int_equal(bench.service.check[0].run, 2);
    assert_int_equal(lack(&bench, 5000), LOCUM_SERVICE_DEGRADED);
}

/* SERVICE-8: a lack makes nothing better: what has failed stays failing, also after a restart, when
 * the first sample decides. */
static void
test_not_run_leaves_failing(void **state)
{
    (void)state;
    struct bench bench;
    for (int stale = 0; stale < 2; stale++) {
        set_up(&bench);
        (void)sample(&bench, 0, LOCUM_SAMPLE_FAIL);
        bench.service.check[0].stale = stale != 0;
        assert_int_equal(lack(&bench, 60000), LOCUM_FAILING);
        assert_int_equal(bench.service.check[0].stale, stale != 0);
        assert_int_equal(sample(&bench, 0, LOCUM_SAMPLE_PASS), stale ? LOCUM_UP : LOCUM_FAILING);
    }
}

/* SERVICE-8: without a verdict, the first one after that time is degraded. Of a check that does not
 * count nothing is said. */
static void
test_not_run_since_the_start(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    assert_int_equal(lack(&bench, LOCUM_NOT_RUN_KEPT_MS), LOCUM_SERVICE_UNKNOWN);
    assert_int_equal(lack(&bench, 250), LOCUM_SERVICE_DEGRADED);
    set_up(&bench);
    bench.config.checks[0].counts = false;
    locum_service_init(&bench.service, &bench.config);
    assert_int_equal(lack(&bench, 60000), LOCUM_UP);
    assert_int_equal(locum_service_not_run(&bench.service, &bench.config), 1);
}

/* SERVICE-2: a flap causes probation of 5 s, doubled up to 60 s. */
static void
test_probation_doubles(void **state)
{
    (void)state;
    static const locum_ms probation_ms[] = {5000, 10000, 20000, 40000, 60000, 60000};
    struct bench bench;
    set_up(&bench);
    (void)sample(&bench, 0, LOCUM_SAMPLE_PASS);
    fail_it(&bench);
    assert_int_equal(repair_it(&bench), LOCUM_UP);
    for (size_t i = 0; i < LOCUM_COUNT(probation_ms); i++) {
        (void)later(&bench, 100);
        fail_it(&bench);
        assert_int_equal(repair_it(&bench), LOCUM_PROBATION);
        if (i + 1 < LOCUM_COUNT(probation_ms)) {
            continue; /* a failure in probation is a flap as well */
        }
        assert_int_equal(later(&bench, probation_ms[i] - 1), LOCUM_PROBATION);
        assert_int_equal(later(&bench, 1), LOCUM_UP);
    }
    for (size_t i = 0; i < 4; i++) { /* each of them: 5, 10, 20 and 40 s */
        set_up(&bench);
        (void)sample(&bench, 0, LOCUM_SAMPLE_FAIL);
        (void)repair_it(&bench);
        for (size_t flap = 0; flap <= i; flap++) {
            fail_it(&bench);
            (void)repair_it(&bench);
        }
        assert_int_equal(later(&bench, probation_ms[i] - 1), LOCUM_PROBATION);
        assert_int_equal(later(&bench, 1), LOCUM_UP);
    }
}

/* SERVICE-2: failing 60 s after a recovery is not a flap. */
static void
test_flap_window(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    (void)sample(&bench, 0, LOCUM_SAMPLE_FAIL);
    assert_int_equal(repair_it(&bench), LOCUM_UP);
    assert_int_equal(later(&bench, 60000), LOCUM_UP);
    fail_it(&bench);
    assert_int_equal(repair_it(&bench), LOCUM_UP);
    assert_int_equal(later(&bench, 59999), LOCUM_UP);
    fail_it(&bench);
    assert_int_equal(repair_it(&bench), LOCUM_PROBATION);
}

/* SERVICE-3: a failure before any recovery is not a flap. */
static void
test_first_failure_is_no_flap(void **state)
{
    (void)state;
    struct bench bench;
    set_up(&bench);
    (void)sample(&bench, 0, LOCUM_SAMPLE_PASS);
    fail_it(&bench);
    assert_int_equal(repair_it(&bench), LOCUM_UP);
}

/* SERVICE-2: flaps are forgotten after 10 minutes up. */
static void
test_flaps_are_forgotten_after_ten_minutes(void **state)
{
    (void)state;
    struct bench bench;
    for (int forgotten = 0; forgotten <= 1; forgotten++) {
        set_up(&bench);
        (void)sample(&bench, 0, LOCUM_SAMPLE_FAIL);
        (void)repair_it(&bench);
        fail_it(&bench);
        assert_int_equal(repair_it(&bench), LOCUM_PROBATION);
        assert_int_equal(later(&bench, 5000), LOCUM_UP);
        assert_int_equal(later(&bench, 600000 - 1 + forgotten), LOCUM_UP);
        fail_it(&bench);
        assert_int_equal(repair_it(&bench), forgotten ? LOCUM_UP : LOCUM_PROBATION);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_sample),
        cmocka_unit_test(test_mirrorbits_without_a_verdict),
        cmocka_unit_test(test_fall_failures_make_it_failing),
        cmocka_unit_test(test_rise_passes_make_it_up),
        cmocka_unit_test(test_fast_fail),
        cmocka_unit_test(test_degraded_samples),
        cmocka_unit_test(test_severity_degraded),
        cmocka_unit_test(test_the_worst_check_counts),
        cmocka_unit_test(test_degraded_flaps),
        cmocka_unit_test(test_degraded_and_failing),
        cmocka_unit_test(test_several_checks),
        cmocka_unit_test(test_without_checks),
        cmocka_unit_test(test_not_run_is_degraded_after_a_time),
        cmocka_unit_test(test_not_run_is_kept_for_two_times_what_it_takes_to_fall),
        cmocka_unit_test(test_not_run_leaves_failing),
        cmocka_unit_test(test_not_run_since_the_start),
        cmocka_unit_test(test_probation_doubles),
        cmocka_unit_test(test_flap_window),
        cmocka_unit_test(test_first_failure_is_no_flap),
        cmocka_unit_test(test_flaps_are_forgotten_after_ten_minutes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
