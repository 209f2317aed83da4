/* notify: what a service manager receives, and when, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "manager.h"

#include "base/error.h"
#include "control/notify.h"

static char path[64];

static struct locum_notify
open_notify(void)
{
    struct locum_notify notify;
    assert_int_equal(locum_notify_open(&notify), 0);
    return notify;
}

static void
watch(const char *us, int pid)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "%d", pid);
    assert_int_equal(setenv("WATCHDOG_USEC", us, 1), 0);
    assert_int_equal(setenv("WATCHDOG_PID", text, 1), 0);
}

static void
test_without_a_manager_nothing_happens(void **state)
{
    (void)state;
    (void)unsetenv("NOTIFY_SOCKET");
    struct locum_notify notify = open_notify();
    locum_notify_iteration(&notify, 1);
    locum_notify_status(&notify, "fine");
    locum_notify_reloading(&notify);
    locum_notify_stopping(&notify);
    assert_int_equal(notify.fd, -1);
    locum_notify_close(&notify);
}

static void
test_messages_from_start_to_stop(void **state)
{
    (void)state;
    const int fd = manager_open(path);
    struct locum_notify notify = open_notify();
    assert_string_equal(manager_read(fd), "");
    locum_notify_iteration(&notify, 1000);
    assert_string_equal(manager_read(fd), "READY=1");
    locum_notify_iteration(&notify, 2000);
    assert_string_equal(manager_read(fd), ""); /* the manager asked for no watchdog */
    locum_notify_status(&notify, "self, 3 of 3\nREADY=0");
    assert_string_equal(manager_read(fd), "STATUS=self, 3 of 3 READY=0");
    locum_notify_status(&notify, "self, 3 of 3\nREADY=0");
    assert_string_equal(manager_read(fd), "");
    locum_notify_reloading(&notify);
    const char *message = manager_read(fd);
    uint64_t us;
    assert_memory_equal(message, "RELOADING=1\nMONOTONIC_USEC=", 27);
    assert_int_equal(locum_slice_u64(locum_slice_of(message + 27), UINT64_MAX, &us), 0);
    const locum_ms now = locum_clock_read().mono;
    assert_in_range(now - (locum_ms)(us / 1000), 0, 5000);
    locum_notify_reloaded(&notify);
    assert_string_equal(manager_read(fd), "READY=1");
    locum_notify_stopping(&notify);
    assert_string_equal(manager_read(fd), "STOPPING=1");
    locum_notify_close(&notify);
    (void)close(fd);
    (void)unlink(path);
}

static void
test_abstract_socket_name_is_accepted(void **state)
{
    (void)state;
    char name[64];
    (void)snprintf(name, sizeof(name), "@locum-test-%d", (int)getpid());
    const int fd = manager_open(name);
    struct locum_notify notify = open_notify();
    locum_notify_iteration(&notify, 0);
    assert_string_equal(manager_read(fd), "READY=1");
    locum_notify_close(&notify);
    (void)close(fd);
}

/* Only iterations feed it. */
static void
test_watchdog_is_fed_four_times_per_watchdog_time(void **state)
{
    (void)state;
    const int fd = manager_open(path);
    watch("2000000", getpid());
    struct locum_notify notify = open_notify();
    assert_int_equal(notify.watchdog_ms, 2000);
    locum_notify_iteration(&notify, 1000);
    assert_string_equal(manager_read(fd), "READY=1");
    assert_string_equal(manager_read(fd), "WATCHDOG=1");
    locum_notify_iteration(&notify, 1499);
    assert_string_equal(manager_read(fd), "");
    locum_notify_iteration(&notify, 1500);
    assert_string_equal(manager_read(fd), "WATCHDOG=1");
    locum_notify_status(&notify, "not fed");
    assert_string_equal(manager_read(fd), "STATUS=not fed");
    assert_string_equal(manager_read(fd), "");
    locum_notify_iteration(&notify, 9000);
    assert_string_equal(manager_read(fd), "WATCHDOG=1");
    locum_notify_close(&notify);
    (void)close(fd);
    (void)unlink(path);
}

static void
test_watchdog_of_another_process(void **state)
{
    (void)state;
    static const struct {
        const char *us;
        int pid;
    } cases[] = {{"2000000", 1}, {"soon", 0}, {"-5", 0}, {"", 0}};
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        watch(cases[i].us, cases[i].pid != 0 ? cases[i].pid : getpid());
        struct locum_notify notify = open_notify();
        assert_int_equal(notify.watchdog_ms, 0);
    }
}

/* A command that a check runs must not report for the daemon. */
static void
test_environment_is_cleared_for_child_processes(void **state)
{
    (void)state;
    const int fd = manager_open(path);
    watch("2000000", getpid());
    struct locum_notify notify = open_notify();
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_null(getenv("WATCHDOG_USEC"));
    assert_null(getenv("WATCHDOG_PID"));
    locum_notify_close(&notify);
    (void)close(fd);
    (void)unlink(path);
}

static void
test_invalid_address_is_refused(void **state)
{
    (void)state;
    static char long_name[200];
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[0] = '/';
    const char *const names[] = {"", "/", "@", "run/notify", "vsock:2:1234", long_name};
    for (size_t i = 0; i < LOCUM_COUNT(names); i++) {
        struct locum_notify notify;
        assert_int_equal(setenv("NOTIFY_SOCKET", names[i], 1), 0);
        assert_int_equal(locum_notify_open(&notify), LOCUM_ERR_INVALID);
        locum_notify_iteration(&notify, 1); /* as without a manager */
        assert_int_equal(notify.fd, -1);
    }
}

/* A manager that does not read blocks nothing. */
static void
test_busy_manager_gets_the_newest_message_later(void **state)
{
    (void)state;
    const int fd = manager_open(path);
    struct locum_notify notify = open_notify();
    notify.watchdog_ms = 4; /* a message in each iteration */
    locum_ms now = 1000;
    locum_notify_iteration(&notify, now);
    for (size_t i = 0; i < 100000 && notify.unsent[0] == '\0'; i++) {
        locum_notify_iteration(&notify, ++now);
        locum_notify_reloaded(&notify);
    }
    assert_string_equal(notify.unsent, "READY=1");
    locum_notify_stopping(&notify);
    assert_string_equal(notify.unsent, "STOPPING=1");
    while (manager_read(fd)[0] != '\0') {
    }
    locum_notify_iteration(&notify, now);
    assert_string_equal(manager_read(fd), "STOPPING=1");
    assert_string_equal(notify.unsent, "");
    locum_notify_close(&notify);
    (void)close(fd);
    (void)unlink(path);
}

static void
test_sockets_are_stored_and_removed(void **state)
{
    (void)state;
    const int fd = manager_open(path);
    struct locum_notify notify = open_notify();
    const struct locum_sockets_manager store = locum_notify_store(&notify);
    int ends[2];
    int passed;
    assert_int_equal(pipe(ends), 0);
    assert_true(store.store(store.user, ends[1], "udp-192.0.2.1-53-0"));
    assert_string_equal(manager_read_with(fd, &passed),
                        "FDSTORE=1\nFDNAME=udp-192.0.2.1-53-0\nFDPOLL=0");
    assert_true(passed >= 0);
    assert_int_equal(write(passed, "x", 1), 1); /* it is the same pipe */
    (void)close(passed);
    assert_true(store.remove(store.user, "udp-192.0.2.1-53-0"));
    assert_string_equal(manager_read_with(fd, &passed),
                        "FDSTOREREMOVE=1\nFDNAME=udp-192.0.2.1-53-0");
    assert_int_equal(passed, -1);
    while (store.store(store.user, ends[1], "x")) { /* until the manager accepts no more */
    }
    assert_false(store.remove(store.user, "x"));
    while (manager_read(fd)[0] != '\0') {
    }
    assert_true(store.remove(store.user, "x"));
    (void)close(ends[0]);
    (void)close(ends[1]);
    locum_notify_close(&notify);
    (void)close(fd);
    (void)unlink(path);
}

/* As the next program finds it. */
static void
test_the_environment_of_the_next_program(void **state)
{
    (void)state;
    char ret[LOCUM_NOTIFY_VARIABLES][LOCUM_NOTIFY_BYTES_MAX];
    char expected[128];
    const char *const names[] = {path, "@locum-test-next"};
    for (size_t i = 0; i < LOCUM_COUNT(names); i++) {
        const int fd = manager_open(names[i]);
        struct locum_notify notify = open_notify();
        (void)snprintf(expected, sizeof(expected), "NOTIFY_SOCKET=%s", names[i]);
        assert_int_equal(locum_notify_environment(&notify, ret), 1);
        assert_string_equal(ret[0], expected);
        notify.watchdog_ms = 2000;
        assert_int_equal(locum_notify_environment(&notify, ret), 2);
        assert_string_equal(ret[1], "WATCHDOG_USEC=2000000");
        locum_notify_close(&notify);
        assert_int_equal(locum_notify_environment(&notify, ret), 0);
        (void)close(fd);
        (void)unlink(path);
    }
}

static void
count_call(void *user)
{
    size_t *calls = user;
    (*calls)++;
}

static void
test_a_barrier_is_passed_when_the_manager_has_read_all(void **state)
{
    (void)state;
    const int fd = manager_open(path);
    struct event_base *base = event_base_new();
    struct locum_notify notify = open_notify();
    size_t calls = 0;
    int passed;
    assert_int_equal(locum_notify_barrier(&notify, base, count_call, &calls), 0);
    assert_string_equal(manager_read_with(fd, &passed), "BARRIER=1");
    assert_true(passed >= 0);
    assert_int_equal(event_base_loop(base, EVLOOP_NONBLOCK), 0);
    assert_int_equal(calls, 0);
    (void)close(passed);
    assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
    assert_int_equal(calls, 1);
    assert_null(notify.barrier);
    assert_int_equal(locum_notify_barrier(&notify, base, count_call, &calls), 0);
    locum_notify_close(&notify); /* nobody waits any more */
    (void)close(fd);
    (void)unlink(path);
    (void)unsetenv("NOTIFY_SOCKET");
    notify = open_notify();
    assert_int_equal(locum_notify_barrier(&notify, base, count_call, &calls), 0);
    assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
    assert_int_equal(calls, 2); /* without a manager it is passed at once */
    locum_notify_close(&notify);
    event_base_free(base);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_manager_nothing_happens),
        cmocka_unit_test(test_messages_from_start_to_stop),
        cmocka_unit_test(test_abstract_socket_name_is_accepted),
        cmocka_unit_test(test_watchdog_is_fed_four_times_per_watchdog_time),
        cmocka_unit_test(test_watchdog_of_another_process),
        cmocka_unit_test(test_environment_is_cleared_for_child_processes),
        cmocka_unit_test(test_invalid_address_is_refused),
        cmocka_unit_test(test_busy_manager_gets_the_newest_message_later),
        cmocka_unit_test(test_sockets_are_stored_and_removed),
        cmocka_unit_test(test_the_environment_of_the_next_program),
        cmocka_unit_test(test_a_barrier_is_passed_when_the_manager_has_read_all),
    };
    (void)snprintf(path, sizeof(path), "/tmp/locum-notify-%d", (int)getpid());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
