/* RESUME-1: a crash right after new answers were published finds the state that they follow from.
 */
#define FOLDER "/dev/shm/locum-daemon-XXXXXX" /* in memory, as /run is */
#include "fixture.h"

#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>

enum { SLOW_MS = 200, TEXT_BYTES = 16384 };

static atomic_bool slow;
static json_int_t first_serial;

/* In place of libc's: whatever writes, it takes its time. */
int
fsync(int fd)
{
    const struct timespec pause = {.tv_nsec = SLOW_MS * 1000000L};
    if (slow) {
        (void)nanosleep(&pause, NULL);
    }
    return (int)syscall(SYS_fsync, fd);
}

static bool
is_published(void)
{
    return get_serial() != first_serial;
}

static void
test_the_state_is_kept_before_the_answers_are_published(void **state)
{
    char text[TEXT_BYTES] = "";
    (void)state;
    write_config("", "");
    start();
    first_serial = get_serial();
    slow = true;
    assert_true(wait_until(is_published)); /* the check fails, so dc3 is better */
    const int fd = open("control.sock.run", O_RDONLY | O_CLOEXEC);
    const ssize_t length = read(fd, text, sizeof(text) - 1);
    slow = false;
    assert_true(fd >= 0 && length > 0);
    (void)close(fd);
    assert_non_null(strstr(text, "\nservice failing"));
}

static bool
is_kept(void)
{
    return access("control.sock.run", F_OK) == 0;
}

static bool
is_not_kept(void)
{
    return !is_kept();
}

/* An old state is worse than none, and the next second tries again. */
static void
test_a_state_that_cannot_be_written_is_removed_and_retried(void **state)
{
    (void)state;
    write_config("", "");
    start();
    assert_true(wait_until(is_kept));
    assert_int_equal(mkdir("control.sock.run.new", 0700), 0);
    assert_true(wait_until(is_not_kept)); /* the peers become suspect */
    assert_int_equal(rmdir("control.sock.run.new"), 0);
    assert_true(wait_until(is_kept));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_state_is_kept_before_the_answers_are_published,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_state_that_cannot_be_written_is_removed_and_retried,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
