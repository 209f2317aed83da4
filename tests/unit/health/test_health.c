#include "fixture.h"

#include <poll.h>

enum { LONG_MS = 60000, TIMEOUT_MS = 200 };

static void
test_tcp_that_listens_passes(void **state)
{
    (void)state;
    add_check(LOCUM_CHECK_TCP, LONG_MS, LONG_MS)->tcp = the.address;
    start_health();
    wait_for(&the.samples[0], 1);
    assert_sample(LOCUM_SAMPLE_PASS, "connected in * ms");
}

static void
test_tcp_refused_is_its_own_outcome(void **state)
{
    (void)state;
    add_check(LOCUM_CHECK_TCP, LONG_MS, LONG_MS)->tcp = free_address();
    start_health();
    wait_for(&the.samples[0], 1);
    assert_sample(LOCUM_SAMPLE_REFUSED, "connection refused");
}

/* A listener whose queue is full: Linux drops further connection attempts silently. */
static void
test_tcp_without_an_answer_ends_at_its_deadline(void **state)
{
    enum { FILLERS = 4 };
    (void)state;
    struct sockaddr_storage name;
    const struct locum_address any = loopback();
    socklen_t length = locum_address_to_sockaddr(&any, &name);
    int fds[1 + FILLERS];
    for (size_t i = 0; i < LOCUM_COUNT(fds); i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        assert_true(fds[i] >= 0);
    }
    assert_int_equal(bind(fds[0], (struct sockaddr *)&name, length), 0);
    assert_int_equal(listen(fds[0], 0), 0);
    const struct locum_address address = address_of_socket(fds[0]);
    length = locum_address_to_sockaddr(&address, &name);
    for (size_t i = 1; i < LOCUM_COUNT(fds); i++) {
        (void)connect(fds[i], (struct sockaddr *)&name, length);
    }
    struct pollfd full = {.fd = fds[0], .events = POLLIN};
    assert_int_equal(poll(&full, 1, 2000), 1); /* one is accepted: no other will be */
    add_check(LOCUM_CHECK_TCP, LONG_MS, TIMEOUT_MS)->tcp = address;
    start_health();
    wait_for(&the.samples[0], 1);
    assert_sample(LOCUM_SAMPLE_FAIL, "no answer within 200 ms");
    for (size_t i = 0; i < LOCUM_COUNT(fds); i++) {
        (void)close(fds[i]);
    }
}

/* The kernel refuses at once to connect to a broadcast address. */
static void
test_tcp_that_fails_at_once_is_reported(void **state)
{
    (void)state;
    struct locum_address *address = &add_check(LOCUM_CHECK_TCP, LONG_MS, TIMEOUT_MS)->tcp;
    *address = (struct locum_address){.bytes = {255, 255, 255, 255}, .port = 80};
    start_health();
    wait_for(&the.samples[0], 1);
    assert_sample(LOCUM_SAMPLE_FAIL, "* un*"); /* network is unreachable */
}

static void
test_checks_do_not_wait_for_each_other(void **state)
{
    (void)state;
    (void)add_http(&the.address, "/silent", 20, LONG_MS);
    (void)add_check(LOCUM_CHECK_MIRRORBITS, 20, TIMEOUT_MS);
    (void)add_http(&the.address, "/200", 20, LONG_MS);
    add_check(LOCUM_CHECK_TCP, 20, LONG_MS)->tcp = the.address;
    start_health();
    wait_for(&the.samples[2], 4);
    wait_for(&the.samples[3], 4);
    assert_int_equal(the.samples[0], 0);
    assert_int_equal(the.samples[1], 0); /* the core samples it */
    assert_string_equal(locum_health_outcomes(the.health, 1).last, "");
}

static void
test_a_probe_never_overlaps_itself(void **state)
{
    (void)state;
    (void)add_http(&the.address, "/slow", 10, LONG_MS);
    start_health();
    wait_for(&the.samples[0], 4);
    assert_int_equal(the.open_max, 1);
    assert_in_range(the.requests, 4, 5);
    assert_sample(LOCUM_SAMPLE_PASS, "200 in * ms");
}

/* 4 intervals of 200 ms; were it from end to start, they would take 4 * (200 + 150) ms. So they do
 * on a machine that is busy with something else, but not each time. */
static void
test_the_interval_is_from_start_to_start(void **state)
{
    (void)state;
    locum_ms took = LOCUM_NEVER;
    (void)add_http(&the.address, "/slow", 200, LONG_MS);
    for (int attempt = 0; attempt < 5 && !(took >= 0 && took < 4 * (200 + SLOW_MS)); attempt++) {
        locum_health_destroy(the.health);
        the.samples[0] = 0;
        the.requests = 0;
        const locum_ms before = locum_clock_read().mono;
        start_health();
        wait_for(&the.requests, 5);
        took = locum_clock_read().mono - before;
    }
    assert_in_range(took, 4 * 200 - 10, 4 * (200 + SLOW_MS) - 1);
}

static void
test_destroy_cancels_running_probes(void **state)
{
    (void)state;
    (void)add_http(&the.address, "/silent", 20, LONG_MS);
    (void)add_http(&the.address, "/drip-body", 20, LONG_MS);
    (void)add_http(&the.address, "/200", 20, LONG_MS);
    add_check(LOCUM_CHECK_TCP, 20, LONG_MS)->tcp = the.address;
    for (size_t iterations = 0; iterations < 12; iterations++) { /* at each stage of a probe */
        start_health();
        for (size_t i = 0; i < iterations; i++) {
            (void)event_base_loop(the.base, EVLOOP_ONCE);
        }
        locum_health_destroy(the.health);
        memset(the.samples, 0, sizeof(the.samples));
    }
    start_health();
    wait_for(&the.requests, the.requests + 3);
}

static void
test_lack_of_descriptors_is_no_failure(void **state)
{
    (void)state;
    (void)add_http(&the.address, "/200", 20, LONG_MS);
    add_check(LOCUM_CHECK_TCP, 20, LONG_MS)->tcp = the.address;
    start_health();
    wait_for(&the.samples[0], 1);
    wait_for(&the.samples[1], 1);
    assert_lack_is_no_failure("could not be run for * ms: Too many open files");
    assert_int_equal(the.outcome[0], LOCUM_SAMPLE_PASS);
    assert_int_equal(the.outcome[1], LOCUM_SAMPLE_PASS);
}

/* Its header is not known, and a request without it would fail for no fault of the service. */
static void
test_a_check_that_lacks_a_header_is_not_run(void **state)
{
    (void)state;
    add_check(LOCUM_CHECK_TCP, LONG_MS, LONG_MS)->tcp = the.address;
    add_http(&the.address, "/200", LONG_MS, LONG_MS)->http.lacks_value = true;
    add_http(&the.address, "/200", LONG_MS, LONG_MS)->http.lacks_value = false;
    start_health();
    wait_for(&the.samples[0], 1);
    wait_for(&the.samples[2], 1);
    wait_for(&the.samples[1], 1);
    assert_int_equal(the.outcome[1], LOCUM_SAMPLE_NOT_RUN); /* SERVICE-8 */
    assert_non_null(strstr(locum_health_outcomes(the.health, 1).last, "a header is not kept"));
    assert_int_equal(the.requests, 1);
}

static void
test_without_checks_nothing_runs(void **state)
{
    (void)state;
    start_health();
    assert_int_equal(event_base_loop(the.base, EVLOOP_NONBLOCK), 0);
    locum_health_destroy(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_tcp_that_listens_passes),
        TEST(test_tcp_refused_is_its_own_outcome),
        TEST(test_tcp_without_an_answer_ends_at_its_deadline),
        TEST(test_tcp_that_fails_at_once_is_reported),
        TEST(test_checks_do_not_wait_for_each_other),
        TEST(test_a_probe_never_overlaps_itself),
        TEST(test_the_interval_is_from_start_to_start),
        TEST(test_destroy_cancels_running_probes),
        TEST(test_lack_of_descriptors_is_no_failure),
        TEST(test_a_check_that_lacks_a_header_is_not_run),
        TEST(test_without_checks_nothing_runs),
    };
    return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
