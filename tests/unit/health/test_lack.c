/*
 * lack: which failures say nothing about the service, and for how long. The clock is the system's
 * plus a time that a test may add.
 */
#include "fixture.h"

#include <time.h>

#include "health/probe.h"

enum { LONG_MS = 60000 };

static locum_ms added_ms;

/* In place of base/clock.c's. */
struct locum_now
locum_clock_read(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (struct locum_now){.mono = now.tv_sec * 1000 + now.tv_nsec / 1000000 + added_ms};
}

/* Each errno is a failure of the service, or means that the check could not be run. */
static void
test_every_errno_is_sorted(void **state)
{
    static const int lacks[] = {EAGAIN, ENOMEM, ENFILE, EMFILE, ENOBUFS};
    (void)state;
    for (int failure = 0; failure < 200; failure++) {
        bool expected = false;
        for (size_t i = 0; i < LOCUM_COUNT(lacks); i++) {
            expected = expected || failure == lacks[i];
        }
        if (locum_probe_lacks(failure) != expected) {
            fail_msg("errno %d: %s", failure, strerror(failure));
        }
    }
}

/* The same for each result of libcurl, also those of later versions. */
static void
test_every_result_of_libcurl_is_sorted(void **state)
{
    (void)state;
    for (int result = 0; result < 200; result++) {
        enum locum_probe_lack expected = LOCUM_LACK_NONE;
        switch (result) {
        case CURLE_FAILED_INIT:
        case CURLE_AGAIN: expected = LOCUM_LACK_ALWAYS; break;
        case CURLE_OUT_OF_MEMORY: expected = LOCUM_LACK_WITHOUT_ANSWER; break;
        case CURLE_COULDNT_CONNECT: expected = LOCUM_LACK_WITHOUT_SOCKET; break;
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_SSL_CACERT_BADFILE: expected = LOCUM_LACK_WITHOUT_DESCRIPTOR; break;
        default: break;
        }
        if (locum_probe_lack_of((CURLcode)result) != expected) {
            fail_msg("CURLcode %d", result);
        }
    }
}

static void
add_command(void)
{
    struct locum_config_command *command = &add_check(LOCUM_CHECK_COMMAND, 20, LONG_MS)->command;
    memcpy(command->words, "/bin/true", sizeof("/bin/true"));
    command->count = 1;
}

static void
limit_descriptors(rlim_t count)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = count;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Run the loop until all checks show this. */
static void
wait_for_text(const char *pattern)
{
    const locum_ms patience = locum_clock_read().mono + PATIENCE_S * 1000;
    for (size_t i = 0; i < the.config->core.check_count; i++) {
        while (fnmatch(pattern, locum_health_outcomes(the.health, i).last, 0) != 0) {
            if (locum_clock_read().mono >= patience) {
                fail_msg("check %zu: \"%s\" is not \"%s\"", i,
                         locum_health_outcomes(the.health, i).last, pattern);
            }
            assert_int_not_equal(event_base_loop(the.base, EVLOOP_ONCE), -1);
        }
    }
}

/* "could not be run" keeps the last verdict for a bounded time only, whatever the kind of check. */
static void
test_could_not_be_run_keeps_the_last_verdict_for_a_bounded_time_only(void **state)
{
    struct rlimit before;
    (void)state;
    (void)add_http(&the.address, "/200", 20, LONG_MS);
    add_check(LOCUM_CHECK_TCP, 20, LONG_MS)->tcp = the.address;
    add_command();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    start_health();
    for (int round = 0; round < 2; round++) { /* the time begins again after a probe that ran */
        wait_for_text("*[0-9] ms*");
        wait_for_pause();
        limit_descriptors(3);
        wait_for_text("could not be run; previous result kept: ?*");
        size_t samples[LOCUM_CHECKS_MAX];
        memcpy(samples, the.samples, sizeof(samples));
        added_ms += LOCUM_HEALTH_KEPT_MS / 2;
        for (int i = 0; i < 50; i++) {
            assert_int_not_equal(event_base_loop(the.base, EVLOOP_ONCE), -1);
        }
        assert_memory_equal(samples, the.samples, sizeof(samples));
        added_ms += LOCUM_HEALTH_KEPT_MS / 2;
        wait_for_text("could not be run for 1*.* s: ?*");
        for (size_t i = 0; i < 3; i++) {
            wait_for(&the.samples[i], samples[i] + 1);
            assert_int_equal(the.outcome[i], LOCUM_SAMPLE_FAIL);
        }
        limit_descriptors(before.rlim_cur);
    }
    wait_for_text("*[0-9] ms*");
}

/* A check that falls slowly is not hurried. */
static void
test_the_bound_is_two_times_what_it_takes_to_fall(void **state)
{
    struct rlimit before;
    (void)state;
    (void)add_http(&the.address, "/200", 20, LONG_MS);
    the.config->core.checks[0].fall = 1000; /* 20 s */
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    start_health();
    wait_for_text("200 in * ms");
    wait_for_pause();
    limit_descriptors(3);
    wait_for_text("could not be run; previous result kept: *");
    const size_t samples = the.samples[0];
    added_ms += 39000;
    for (int i = 0; i < 10; i++) {
        assert_int_not_equal(event_base_loop(the.base, EVLOOP_ONCE), -1);
    }
    assert_int_equal(the.samples[0], samples);
    added_ms += 1000;
    wait_for_text("could not be run for 4?.* s: Too many open files");
    limit_descriptors(before.rlim_cur);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_errno_is_sorted),
        TEST(test_every_result_of_libcurl_is_sorted),
        TEST(test_could_not_be_run_keeps_the_last_verdict_for_a_bounded_time_only),
        TEST(test_the_bound_is_two_times_what_it_takes_to_fall),
    };
    return cmocka_run_group_tests_name("health: lack", tests, NULL, NULL);
}
