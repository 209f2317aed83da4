/* program: what is known of this program, and another one in its place, in a child process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/program.h"

static struct locum_program program;

static void
test_path_and_arguments_are_those_of_this_process(void **state)
{
    char path[PATH_MAX];
    (void)state;
    assert_int_equal(locum_program_read(&program), 0);
    assert_non_null(realpath("/proc/self/exe", path));
    assert_string_equal(program.path, path);
    assert_non_null(program.arguments[0]);
    assert_non_null(strstr(program.arguments[0], "test_program"));
    assert_null(program.arguments[1]);
}

/* In a child: run this script in its place, which finds `kept` open. Never returns. */
static void
become_shell(const char *script, int kept)
{
    static const char *const extra[] = {"LOCUM_TEST=extra", NULL};
    (void)snprintf(program.path, sizeof(program.path), "/bin/sh");
    program.arguments[0] = (char[]){"sh"};
    program.arguments[1] = (char[]){"-c"};
    program.arguments[2] = strdup(script);
    program.arguments[3] = NULL;
    (void)!locum_program_execute(&program, &kept, 1, extra);
    _exit(99);
}

static void
test_only_kept_descriptors_and_the_environment_reach_the_next_program(void **state)
{
    int ends[2];
    char script[256];
    char output[128];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    const int leaked = open("/dev/null", O_RDONLY); /* without close-on-exec, as libraries do */
    assert_int_equal(setenv("LOCUM_OLD", "old", 1), 0);
    (void)snprintf(script, sizeof(script),
                   "echo \"$$ $LOCUM_OLD $LOCUM_TEST\" >&%d; "
                   "test -e /proc/self/fd/%d || echo closed >&%d",
                   ends[1], leaked, ends[1]);
    const pid_t child = fork();
    if (child == 0) {
        become_shell(script, ends[1]);
    }
    (void)close(ends[1]);
    size_t length = 0;
    ssize_t got;
    while ((got = read(ends[0], output + length, sizeof(output) - 1 - length)) > 0) {
        length += (size_t)got;
    }
    output[length] = '\0';
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    char expected[128];
    (void)snprintf(expected, sizeof(expected), "%d old extra\nclosed\n", (int)child);
    assert_string_equal(output, expected); /* the process is the same */
    (void)close(ends[0]);
    (void)close(leaked);
}

static void
test_a_failure_leaves_the_descriptors_open(void **state)
{
    static const char *const extra[] = {NULL};
    (void)state;
    const int kept = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(locum_program_read(&program), 0);
    (void)snprintf(program.path, sizeof(program.path), "/no/such/program");
    assert_int_equal(locum_program_execute(&program, &kept, 1, extra), ENOENT);
    assert_int_equal(fcntl(kept, F_GETFD), FD_CLOEXEC);
    (void)close(kept);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path_and_arguments_are_those_of_this_process),
        cmocka_unit_test(test_only_kept_descriptors_and_the_environment_reach_the_next_program),
        cmocka_unit_test(test_a_failure_leaves_the_descriptors_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
