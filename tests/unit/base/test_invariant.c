/* invariant: a failure prints its place and stops the process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/invariant.h"

static void
break_invariant(int output)
{
    const struct rlimit no_core = {0};
    const int one = 1;
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)signal(SIGILL, SIG_DFL); /* cmocka catches both */
    (void)signal(SIGTRAP, SIG_DFL);
    (void)dup2(output, STDERR_FILENO);
    LOCUM_INVARIANT(one == 2);
    _exit(0);
}

static void
test_failed_invariant_prints_file_line_and_expression_and_traps(void **state)
{
    int ends[2];
    int status = 0;
    char output[256] = "";
    (void)state;
    assert_int_equal(pipe(ends), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        break_invariant(ends[1]);
    }
    (void)close(ends[1]);
    assert_true(read(ends[0], output, sizeof(output) - 1) > 0);
    (void)close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_non_null(strstr(output, "test_invariant.c:"));
    assert_non_null(strstr(output, ": one == 2\n"));
}

static void
test_held_invariant_does_nothing(void **state)
{
    (void)state;
    LOCUM_INVARIANT(state == NULL || *state == NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failed_invariant_prints_file_line_and_expression_and_traps),
        cmocka_unit_test(test_held_invariant_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
