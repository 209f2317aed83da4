/* What a service manager hears of a whole daemon. */
#include "fixture.h"

#include "../control/manager.h"

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
    assert_int_equal(count("READY=1"), 0); /* the core has had no turn yet */
    assert_true(wait_until(is_fed_and_has_a_status));
    assert_int_equal(count("READY=1\n"), 1);
    assert_memory_equal(heard, "READY=1\n", 8);
}

static void
on_nothing(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what, (void)user;
}

static size_t beats;

static void
on_beat(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what, (void)user;
    beats++;
}

static bool
has_beaten(void)
{
    return beats >= 110;
}

/* The loop turns, its timers run, and the core does not come to its turn: a hung daemon. */
static void
test_no_turn_of_the_core_starves_the_watchdog(void **state)
{
    (void)state;
    const struct timeval often = {.tv_usec = 10000};
    write_config("", "");
    listen_to("40000");
    start();
    assert_true(wait_until(is_fed_and_has_a_status));
    (void)event_del(daemon_->tick);
    (void)event_del(daemon_->late);
    (void)event_del(daemon_->press);
    assert_int_equal(event_assign(daemon_->tick, daemon_->base, -1, 0, on_nothing, NULL), 0);
    assert_int_equal(event_assign(daemon_->late, daemon_->base, -1, 0, on_nothing, NULL), 0);
    assert_int_equal(event_assign(daemon_->press, daemon_->base, -1, 0, on_nothing, NULL), 0);
    forget();
    struct event *beat = event_new(daemon_->base, -1, EV_PERSIST, on_beat, NULL);
    assert_int_equal(event_add(beat, &often), 0);
    assert_true(wait_until(has_beaten)); /* 1.1 s: `second` has come too */
    event_free(beat);
    assert_int_equal(count("WATCHDOG=1"), 0);
}

static void
test_reload_and_stop(void **state)
{
    (void)state;
    json_t *told;
    write_config("", "");
    listen_to("0");
    start();
    turn_for(20);
    forget();
    assert_int_equal(locum_daemon_reload(daemon_, &told), 0);
    json_decref(told);
    assert_int_equal(count("RELOADING=1\nMONOTONIC_USEC="), 1);
    assert_non_null(strstr(strstr(heard, "RELOADING"), "\nREADY=1\n"));
    forget();
    write_config("", "quorum: none\n");
    assert_int_not_equal(locum_daemon_reload(daemon_, &told), 0);
    json_decref(told);
    assert_int_equal(count("RELOADING=1\n"), 1);
    assert_non_null(strstr(heard, "\nREADY=1\n")); /* refused, and over */
    forget();
    event_active(daemon_->signals[0], EV_SIGNAL, 1);
    turn_for(20);
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
        TEST(test_no_turn_of_the_core_starves_the_watchdog),
        TEST(test_reload_and_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
