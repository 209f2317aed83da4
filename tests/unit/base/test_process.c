/* process: output, end, kill and destroy of a program that a thread runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/process.h"
#include "tests/unit/entries.h"

enum { PATIENCE_MS = 10000 };

struct fixture {
    struct event_base *base;
    struct locum_process *process;
    struct locum_process_result result;
    size_t ends;
    size_t descriptors; /* open before the test */
};

static struct fixture fixture;

static void
on_end(void *user, const struct locum_process_result *result)
{
    assert_ptr_equal(user, &fixture);
    fixture.result = *result;
    fixture.ends++;
    (void)event_base_loopbreak(fixture.base);
}

static int
set_up(void **state)
{
    (void)state;
    fixture = (struct fixture){0};
    fixture.base = event_base_new();
    fixture.descriptors = count_entries("/proc/self/fd");
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    locum_process_destroy(fixture.process);
    event_base_free(fixture.base);
    return 0;
}

static void
start(const char *script)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    assert_int_equal(locum_process_start(fixture.base, argv, on_end, &fixture, &fixture.process),
                     0);
    assert_int_equal(fixture.ends, 0);
}

static void
wait_for_end(void)
{
    assert_int_equal(event_base_dispatch(fixture.base), 0);
    assert_int_equal(fixture.ends, 1);
}

static void
test_output_and_exit_code_are_kept(void **state)
{
    (void)state;
    start("echo; echo one; echo two >&2; exit 3");
    wait_for_end();
    const struct locum_slice output = locum_process_output(fixture.process);
    assert_int_equal(fixture.result.failure, 0);
    assert_int_equal(WEXITSTATUS(fixture.result.status), 3);
    assert_string_equal(output.at, "one\ntwo\n");
    assert_int_equal(output.length, 8);
}

static void
test_long_output_is_cut_and_does_not_stop_the_process(void **state)
{
    (void)state;
    start("yes | head -c 1000000");
    wait_for_end();
    assert_int_equal(WEXITSTATUS(fixture.result.status), 0);
    assert_int_equal(locum_process_output(fixture.process).length, LOCUM_PROCESS_OUTPUT_MAX);
}

static void
start_with(const char *script, struct locum_slice input)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    assert_int_equal(
        locum_process_start_with(fixture.base, argv, input, on_end, &fixture, &fixture.process), 0);
}

static void
test_input_can_be_read_to_its_end(void **state)
{
    static char large[200000]; /* more than a pipe holds */
    (void)state;
    start_with("cat; cat", locum_slice_of("a line\n"));
    wait_for_end();
    assert_string_equal(locum_process_output(fixture.process).at, "a line\n");
    locum_process_destroy(fixture.process);
    fixture.process = NULL;
    fixture.ends = 0;
    memset(large, 'x', sizeof(large));
    start_with("wc -c", (struct locum_slice){.at = large, .length = sizeof(large)});
    wait_for_end();
    assert_string_equal(locum_process_output(fixture.process).at, "200000\n");
    locum_process_destroy(fixture.process);
    fixture.process = NULL;
    assert_int_equal(count_entries("/proc/self/fd"), fixture.descriptors);
}

static void
test_program_that_does_not_exist_is_a_failure(void **state)
{
    const char *const argv[] = {"/nonexistent/program", NULL};
    (void)state;
    assert_int_equal(locum_process_start(fixture.base, argv, on_end, &fixture, &fixture.process),
                     0);
    wait_for_end();
    assert_int_equal(fixture.result.failure, ENOENT);
}

static void
test_kill_ends_the_process_or_prevents_its_start(void **state)
{
    (void)state;
    start("sleep 1000");
    locum_process_kill(fixture.process);
    wait_for_end();
    assert_true(fixture.result.failure == ECANCELED || WTERMSIG(fixture.result.status) == SIGKILL);
}

static void
test_destroy_calls_nothing_and_leaves_no_descriptor(void **state)
{
    (void)state;
    start("sleep 1000");
    locum_process_destroy(fixture.process);
    fixture.process = NULL;
    (void)event_base_loop(fixture.base, EVLOOP_NONBLOCK);
    assert_int_equal(fixture.ends, 0);
    const locum_ms patience = locum_clock_read().mono + PATIENCE_MS;
    while (count_entries("/proc/self/fd") > fixture.descriptors) {
        assert_true(locum_clock_read().mono < patience); /* the thread closes its end of the pipe */
    }
}

enum { RUNS = 8, ROUNDS = 10 };

static void
on_child(evutil_socket_t signal_number, short what, void *user)
{
    (void)signal_number, (void)what, (void)user;
    locum_process_reap_inherited();
}

static size_t right_ends;

static void
on_one_of_many(void *user, const struct locum_process_result *result)
{
    struct locum_process **process = user;
    right_ends += result->failure == 0 && WEXITSTATUS(result->status) == 3;
    fixture.ends++;
    locum_process_destroy(*process);
    *process = NULL;
}

static bool
has_children(void)
{
    siginfo_t info;
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/*
 * Checks leave children and locum is process 1 of a container: what is inherited is reaped, at once
 * or later. No run loses its status, and nothing waits for an inherited process that goes on.
 */
static void
test_checks_leave_children_and_locum_is_process_1_of_a_container(void **state)
{
    const char *const argv[] = {"/bin/sh", "-c",
                                "setsid -f true; setsid -f sleep 0.05; setsid -f sh -c 'exit 5'; "
                                "setsid -f sleep 0.5; exit 3",
                                NULL};
    struct locum_process *many[RUNS] = {NULL};
    (void)state;
    right_ends = 0;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    struct event *child = evsignal_new(fixture.base, SIGCHLD, on_child, NULL);
    assert_int_equal(event_add(child, NULL), 0);
    for (size_t round = 1; round <= ROUNDS; round++) {
        for (size_t i = 0; i < RUNS; i++) {
            assert_int_equal(
                locum_process_start(fixture.base, argv, on_one_of_many, &many[i], &many[i]), 0);
        }
        while (fixture.ends < round * RUNS) {
            assert_int_equal(event_base_loop(fixture.base, EVLOOP_ONCE), 0);
        }
    }
    assert_int_equal(right_ends, ROUNDS * RUNS);
    const locum_ms patience = locum_clock_read().mono + PATIENCE_MS;
    while (has_children()) {
        assert_true(locum_clock_read().mono < patience);
        (void)event_base_loop(fixture.base, EVLOOP_NONBLOCK);
    }
    event_free(child);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

/* Before an execve(2) nothing may be left that nothing would wait for. */
static void
test_none_is_started_or_goes_on_while_they_are_held(void **state)
{
    (void)state;
    start("echo; echo ready; sleep 60");
    while (locum_process_output(fixture.process).length == 0) {
        assert_int_equal(event_base_loop(fixture.base, EVLOOP_ONCE), 0);
    }
    locum_process_hold(true);
    wait_for_end();
    assert_int_equal(fixture.result.failure, ECANCELED);
    locum_process_destroy(fixture.process);
    fixture.ends = 0;
    start("exit 3");
    wait_for_end();
    assert_int_equal(fixture.result.failure, ECANCELED);
    locum_process_destroy(fixture.process);
    fixture.ends = 0;
    locum_process_hold(false);
    start("exit 3");
    wait_for_end();
    assert_int_equal(WEXITSTATUS(fixture.result.status), 3);
}

/* After an execve(2) the children of the program before are still there. */
static void
test_children_of_the_program_before_are_reaped(void **state)
{
    (void)state;
    const pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    locum_process_reap_inherited();
    assert_true(has_children());
    locum_process_adopt();
    assert_false(has_children());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_output_and_exit_code_are_kept),
        TEST(test_long_output_is_cut_and_does_not_stop_the_process),
        TEST(test_input_can_be_read_to_its_end),
        TEST(test_program_that_does_not_exist_is_a_failure),
        TEST(test_kill_ends_the_process_or_prevents_its_start),
        TEST(test_destroy_calls_nothing_and_leaves_no_descriptor),
        TEST(test_checks_leave_children_and_locum_is_process_1_of_a_container),
        TEST(test_none_is_started_or_goes_on_while_they_are_held),
        TEST(test_children_of_the_program_before_are_reaped), /* the last: it adopts for good */
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
