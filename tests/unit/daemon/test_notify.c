/* What a service manager hears of a whole daemon. */
#include "fixture.h"

#include <signal.h>

#include "../control/manager.h"
#include "daemon/inside.h"
#include "daemon/wiring.h"

static int manager;
static char heard[8192]; /* all messages so far, a line each */

static void
listen_to(const char *watchdog_us)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/notify", folder);
    manager = manager_open(path);
    heard[0] = '\0';
    assert_int_equal(setenv("WATCHDOG_USEC", watchdog_us, 1), 0);
}

static void
hear(void)
{
    for (const char *next = manager_read(manager); next[0] != '\0'; next = manager_read(manager)) {
        (void)strncat(heard, next, sizeof(heard) - strlen(heard) - 1);
        (void)strncat(heard, "\n", sizeof(heard) - strlen(heard) - 1);
    }
}

/* How often the message was heard since the last call of forget(). */
static size_t
count(const char *message)
{
    size_t found = 0;
    hear();
    for (const char *at = strstr(heard, message); at != NULL; at = strstr(at + 1, message)) {
        found++;
    }
    return found;
}

static void
forget(void)
{
    hear();
    heard[0] = '\0';
}

static bool
is_fed_and_has_a_status(void)
{
    return count("WATCHDOG=1\n") >= 2 &&
           count("STATUS=yielding(dc3), 1 of 3 nodes reachable, quorum 2\n") > 0;
}

static void
test_ready_and_fed(void **state)
{
    (void)state;
    write_config("", "");
    listen_to("400000");
    start();
    assert_int_equal(count("READY=1"), 0); /* nothing was committed yet */
    assert_true(wait_until(is_fed_and_has_a_status));
    assert_int_equal(count("READY=1\n"), 1);
    /* The socket of the heartbeats was stored before. */
    assert_int_equal(count("FDSTORE=1\nFDNAME=udp-127.77."), 1);
    assert_memory_equal(heard, "FDSTORE=1\n", 10);
}

static void
on_nothing(void *user)
{
    (void)user;
}

static size_t rounds;

static void
on_round(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what, (void)user;
    rounds++;
}

static bool
many_rounds(void)
{
    return rounds >= 110;
}

/* The loop runs and its timers are due, but nothing is committed: a hung daemon. */
static void
test_a_loop_without_commits_does_not_feed_the_watchdog(void **state)
{
    (void)state;
    const struct timeval often = {.tv_usec = 10000};
    write_config("", "");
    listen_to("40000");
    start();
    assert_true(wait_until(is_fed_and_has_a_status));
    daemon_->commit.on_due = on_nothing;
    daemon_->deferred_commit.on_due = on_nothing;
    daemon_->starvation_timer.on_due = on_nothing;
    forget();
    struct event *round = event_new(locum_daemon_loop(daemon_), -1, EV_PERSIST, on_round, NULL);
    assert_int_equal(event_add(round, &often), 0);
    assert_true(wait_until(many_rounds)); /* 1.1 s: `second` has come too */
    event_free(round);
    assert_int_equal(count("WATCHDOG=1"), 0);
}

static void
test_reload_and_stop(void **state)
{
    (void)state;
    json_t *messages;
    write_config("", "");
    listen_to("0");
    start();
    run_for(20);
    forget();
    assert_int_equal(locum_daemon_wiring_reload(daemon_, &messages), 0);
    json_decref(messages);
    assert_int_equal(count("RELOADING=1\nMONOTONIC_USEC="), 1);
    assert_non_null(strstr(strstr(heard, "RELOADING"), "\nREADY=1\n"));
    forget();
    write_config("", "quorum: none\n");
    assert_int_not_equal(locum_daemon_wiring_reload(daemon_, &messages), 0);
    json_decref(messages);
    assert_int_equal(count("RELOADING=1\n"), 1);
    assert_non_null(strstr(heard, "\nREADY=1\n")); /* refused, and over */
    forget();
    assert_int_equal(raise(SIGTERM), 0);
    run_for(20);
    assert_int_equal(count("STOPPING=1\n"), 1);
    assert_int_equal(count("WATCHDOG=1"), 0);
}

static int
end(void **state)
{
    (void)close(manager);
    return teardown(state);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, end)
    const struct CMUnitTest tests[] = {
        TEST(test_ready_and_fed),
        TEST(test_a_loop_without_commits_does_not_feed_the_watchdog),
        TEST(test_reload_and_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
