/* log: the form of a line, and the count of repeated ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <fcntl.h>

#include "base/log.h"

/* Replaces standard error while a line is printed. */
static int pipe_ends[2];
static int kept_stderr;

static int
begin(void **state)
{
    (void)state;
    (void)unsetenv("JOURNAL_STREAM");
    locum_log_repeat();
    kept_stderr = dup(STDERR_FILENO);
    return kept_stderr < 0 || pipe(pipe_ends) != 0 || dup2(pipe_ends[1], STDERR_FILENO) < 0;
}

static int
end(void **state)
{
    (void)state;
    (void)dup2(kept_stderr, STDERR_FILENO);
    (void)close(kept_stderr);
    (void)close(pipe_ends[0]);
    (void)close(pipe_ends[1]);
    return 0;
}

/* All that was printed since the last call. */
static void
printed(char *ret, size_t size)
{
    static const char marker[] = "--end--\n";
    size_t length = 0;
    assert_int_equal(write(pipe_ends[1], marker, sizeof(marker) - 1), sizeof(marker) - 1);
    do {
        const ssize_t got = read(pipe_ends[0], ret + length, size - 1 - length);
        assert_true(got > 0);
        length += (size_t)got;
        ret[length] = '\0';
    } while (strstr(ret, marker) == NULL);
    *strstr(ret, marker) = '\0';
}

/* Without a reader the line is lost; the next line that can be printed counts the lost ones. */
static void
test_full_pipe_does_not_block(void **state)
{
    (void)state;
    char text[1024] = {0};
    char junk[4096];
    const int flags = fcntl(pipe_ends[1], F_GETFL);
    memset(junk, 'x', sizeof(junk));
    assert_int_equal(fcntl(pipe_ends[1], F_SETFL, flags | O_NONBLOCK), 0);
    while (write(pipe_ends[1], junk, sizeof(junk)) > 0) {
    }
    assert_int_equal(fcntl(pipe_ends[1], F_SETFL, flags), 0);
    (void)alarm(10); /* ends the test, should it wait after all */
    LOCUM_LOG(LOCUM_LOG_WARN, "one");
    LOCUM_LOG(LOCUM_LOG_WARN, "two");
    (void)alarm(0);
    assert_int_equal(fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK), 0);
    while (read(pipe_ends[0], junk, sizeof(junk)) > 0) {
    }
    LOCUM_LOG(LOCUM_LOG_WARN, "three");
    LOCUM_LOG(LOCUM_LOG_WARN, "four");
    assert_true(read(pipe_ends[0], text, sizeof(text) - 1) > 0);
    assert_string_equal(text, "warn event=three lost-lines=2\nwarn event=four\n");
}

static void
test_values_are_quoted_and_escaped(void **state)
{
    (void)state;
    char text[512];
    LOCUM_LOG(LOCUM_LOG_WARN, "config", "plain", "dc2,ns0", "left-out", NULL, "blank", "a b=c",
              "quote", "\"x\" is \\ no\n address");
    printed(text, sizeof(text));
    assert_string_equal(text, "warn event=config plain=dc2,ns0 blank=\"a b=c\" "
                              "quote=\"\\\"x\\\" is \\\\ no\\x0a address\"\n");
}

static void
test_journal_gets_priorities(void **state)
{
    (void)state;
    char text[512];
    assert_int_equal(setenv("JOURNAL_STREAM", "8:1", 1), 0);
    LOCUM_LOG(LOCUM_LOG_ERR, "stop");
    LOCUM_LOG(LOCUM_LOG_INFO, "start");
    printed(text, sizeof(text));
    assert_string_equal(text, "<3>event=stop\n<6>event=start\n");
}

static void
test_equal_lines_are_printed_once(void **state)
{
    (void)state;
    char text[512];
    for (int i = 0; i < 5; i++) {
        LOCUM_LOG(LOCUM_LOG_INFO, "redis", "error", "refused");
    }
    LOCUM_LOG(LOCUM_LOG_INFO, "redis", "error", "timeout");
    printed(text, sizeof(text));
    assert_string_equal(text, "info event=redis error=refused\ninfo event=redis error=timeout\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values_are_quoted_and_escaped, begin, end),
        cmocka_unit_test_setup_teardown(test_full_pipe_does_not_block, begin, end),
        cmocka_unit_test_setup_teardown(test_journal_gets_priorities, begin, end),
        cmocka_unit_test_setup_teardown(test_equal_lines_are_printed_once, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
