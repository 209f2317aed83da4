/* replace: when the program on the disk is refused, on a whole daemon; and the handover. The lab
 * tests what happens when it is not refused. */
#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/socket.h"
#include "base/version.h"
#include "daemon/inside.h"

enum { CLIENT = 1000 };

static const struct locum_control_request request = {.client = CLIENT};
static struct locum_control_reply reply;

/* Put a script in the place of the program. */
static void
put_program(const char *script)
{
    (void)unlink("program");
    write_file("program", script);
    assert_int_equal(chmod("program", 0700), 0);
    (void)snprintf(daemon_->replace.program.path, sizeof(daemon_->replace.program.path),
                   "%s/program", folder);
}

static bool
has_reply(void)
{
    if (reply.later) {
        reply = locum_daemon_handlers.replace(daemon_, &request);
    }
    return !reply.later;
}

/* POST /replace until it is answered with 409; its text has this part. */
static void
assert_refused(const char *part)
{
    reply.later = true;
    assert_true(wait_until(has_reply));
    assert_int_equal(reply.status, 409);
    const char *text = json_string_value(json_array_get(json_object_get(reply.body, "errors"), 0));
    assert_non_null(text);
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, text);
    }
    assert_non_null(strstr(read_log(), "event=replace-failed"));
    json_decref(reply.body);
}

static void
begin(void)
{
    write_config("", "");
    start();
    daemon_->replace.client = -1;
    run_for(20);
}

static void
test_a_program_that_does_not_work_is_refused(void **state)
{
    static const struct {
        const char *script, *part;
    } cases[] = {
        {"#!/bin/sh\necho broken >&2\nexit 7\n", "ended with exit code 7: broken"},
        {"#!/bin/sh\necho a:1: warning: x; echo a:2: error: y; echo a: refused; exit 1\n",
         "ended with exit code 1: a:2: error: y; the running program goes on (`locum check` says "
         "more)"},
        {"#!/bin/sh\nkill -9 $$\n", "was killed by signal 9"},
        {"#!/bin/sh\nexit 0\n", "does not answer as locum does"},
        {"#!/bin/sh\necho 'x: OK: cluster get, node dc2'\n", "restart the service to run it"},
        {"#!/no/such/interpreter\n", "cannot be run: No such file or directory"},
    };
    (void)state;
    begin();
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        put_program(cases[i].script);
        assert_refused(cases[i].part);
        assert_int_equal(daemon_->replace.phase, LOCUM_REPLACE_NONE);
    }
}

/* No signal is blocked, and the checks go on. */
static void
assert_runs_on(void)
{
    sigset_t blocked;
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &blocked), 0);
    assert_int_equal(sigismember(&blocked, SIGTERM), 0);
    assert_int_equal(daemon_->replace.phase, LOCUM_REPLACE_NONE);
    const long long before = get_metric("locum_loop_iterations_total");
    run_for(300);
    assert_true(get_metric("locum_loop_iterations_total") > before);
}

static void
test_a_program_that_vanishes_after_its_check_is_refused(void **state)
{
    (void)state;
    begin();
    put_program("#!/bin/sh\necho 'x: OK: cluster get, node dc2'; echo handover 1; rm -f \"$0\"\n");
    assert_refused("cannot be executed: No such file or directory");
    assert_runs_on();
}

#define HOOK                                                                                       \
    "hooks: [{on: [service], command: [/bin/sh, -c, \"sleep %s; cat >%s/got\"], timeout: 5s}]\n"

/* With a hook that gets the event of the own service, which fails. */
static void
begin_with_hook(const char *delay)
{
    char more[512];
    (void)snprintf(more, sizeof(more), HOOK, delay, folder);
    write_config("", more);
    start();
    daemon_->replace.client = -1;
}

static bool
has_queued(void)
{
    return get_metric("locum_hook_queue{hook=\"1\"}") > 0;
}

static void
test_hooks_get_their_events_first(void **state)
{
    (void)state;
    begin_with_hook("0.5");
    assert_true(wait_until(has_queued));
    put_program("#!/bin/sh\necho 'x: OK: cluster get, node dc2'; echo handover 1; rm -f \"$0\"\n");
    assert_refused("cannot be executed: No such file or directory");
    assert_int_equal(get_metric("locum_hook_events_total{hook=\"1\",outcome=\"delivered\"}"), 1);
    assert_null(strstr(read_log(), "lost if"));
}

static void
test_events_that_hooks_do_not_get_in_time_are_logged(void **state)
{
    (void)state;
    begin_with_hook("4");
    assert_true(wait_until(has_queued));
    put_program("#!/bin/sh\necho 'x: OK: cluster get, node dc2'; echo handover 1; rm -f \"$0\"\n");
    assert_refused("cannot be executed: No such file or directory");
    assert_non_null(strstr(read_log(), "lost if the new program starts: 1 event"));
    assert_true(has_queued());
    assert_runs_on();
}

static void
test_a_program_whose_path_is_not_known_is_not_replaced(void **state)
{
    (void)state;
    begin();
    assert_refused("the path of this program is not known");
    assert_runs_on();
}

static void
test_only_one_client_at_a_time(void **state)
{
    static const struct locum_control_request other = {.client = CLIENT + 1};
    (void)state;
    begin();
    put_program("#!/bin/sh\nsleep 0.2\nexit 3\n");
    assert_true(locum_daemon_handlers.replace(daemon_, &request).later);
    reply = locum_daemon_handlers.replace(daemon_, &other);
    assert_int_equal(reply.status, 409);
    json_decref(reply.body);
    assert_refused("exit code 3");
}

static bool
has_ended(void)
{
    return daemon_->replace.phase == LOCUM_REPLACE_NONE;
}

/* Its request is not called again: nothing is executed. */
static void
test_a_client_that_is_gone_gets_no_replace(void **state)
{
    (void)state;
    begin();
    put_program("#!/bin/sh\necho 'x: OK: cluster get, node dc2'; echo handover 1\n");
    assert_true(locum_daemon_handlers.replace(daemon_, &request).later);
    assert_true(wait_until(has_ended));
    assert_non_null(strstr(read_log(), "the client that asked for it is gone"));
    assert_runs_on();
}

static void
test_a_failed_signal_is_logged(void **state)
{
    (void)state;
    begin();
    put_program("#!/bin/sh\nexit 5\n");
    assert_int_equal(raise(SIGUSR2), 0);
    run_for(20);
    assert_true(wait_until(has_ended));
    assert_non_null(strstr(read_log(), "event=replace-failed"));
    assert_non_null(strstr(read_log(), "exit code 5"));
}

static void
test_a_stop_ends_the_replace(void **state)
{
    (void)state;
    begin();
    put_program("#!/bin/sh\necho 'x: OK: cluster get, node dc2'; echo handover 1\n");
    assert_int_equal(raise(SIGTERM), 0);
    run_for(5);
    assert_refused("the daemon is stopping");
}

static void
test_sockets_and_state_are_handed_over(void **state)
{
    (void)state;
    struct locum_address any;
    struct locum_sockets before;
    struct locum_sockets after;
    struct locum_handover given = {
        .version = "9.8.7", .mono = 123456, .client = dup(0), .history = dup(0)};
    struct locum_handover taken;
    char number[16];
    locum_sockets_init(&before, NULL);
    locum_sockets_init(&after, NULL);
    assert_int_equal(locum_address_parse(locum_slice_of("127.0.0.1"), &any), 0);
    const int udp = locum_socket_bind(&any, SOCK_DGRAM, false);
    const int tcp = locum_socket_listen(&any, 8);
    locum_sockets_add(&before, udp, "", false);
    locum_sockets_add(&before, tcp, "", false);
    before.at[1].stored = true;
    (void)snprintf(before.at[1].name, sizeof(before.at[1].name), "tcp-127.0.0.1-%u-4",
                   before.at[1].address.port);
    (void)snprintf(given.state, sizeof(given.state), "serial 7\nadmin ready\n");
    given.state_length = strlen(given.state);
    const int memory = locum_handover_write(&given, &before);
    assert_true(memory >= 0);
    (void)snprintf(number, sizeof(number), "%d", memory);
    assert_int_equal(setenv("LOCUM_HANDOVER", number, 1), 0);
    locum_handover_read(&taken, &after);
    assert_null(getenv("LOCUM_HANDOVER"));
    assert_string_equal(taken.version, "9.8.7");
    assert_int_equal(taken.mono, 123456);
    assert_int_equal(taken.client, given.client);
    assert_int_equal(taken.history, given.history);
    assert_int_equal(fcntl(taken.client, F_GETFD), FD_CLOEXEC);
    assert_int_equal(taken.state_length, given.state_length);
    assert_memory_equal(taken.state, given.state, given.state_length);
    assert_int_equal(after.count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(after.at[i].fd, before.at[i].fd);
        assert_int_equal(after.at[i].stored, before.at[i].stored);
        assert_string_equal(after.at[i].name, before.at[i].name);
    }
    (void)close(udp);
    (void)close(tcp);
    (void)close(given.client);
    (void)close(given.history);
}

static void
test_a_malformed_handover_is_no_replace(void **state)
{
    static const char *const texts[] = {"",
                                        "version",
                                        "version 1\nstate 5\nab",
                                        "version 1\nsocket x y\nstate 0\n",
                                        "version 1\n",
                                        "version 1\nstate 99999999\n"};
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(texts); i++) {
        struct locum_sockets sockets;
        struct locum_handover taken;
        char number[16];
        write_file("handover", texts[i]);
        (void)snprintf(number, sizeof(number), "%d", open("handover", O_RDONLY));
        assert_int_equal(setenv("LOCUM_HANDOVER", number, 1), 0);
        locum_sockets_init(&sockets, NULL);
        locum_handover_read(&taken, &sockets);
        assert_string_equal(taken.version, "");
        assert_int_equal(sockets.count, 0);
    }
}

/* RESUME-3: the core continues the run that was handed over; the file of the state is older. */
static void
test_the_next_program_continues_the_run(void **state)
{
    (void)state;
    static struct locum_handover given;
    struct locum_text text = locum_text_init(given.state, sizeof(given.state));
    struct locum_sockets none;
    char number[16];
    locum_sockets_init(&none, NULL);
    begin();
    daemon_->core.admin.state = LOCUM_DRAIN;
    locum_core_save(&daemon_->core, daemon_->boot_id, 4000000000, locum_clock_read(), &text);
    const uint64_t incarnation = daemon_->core.view.incarnation;
    const uint64_t seq = daemon_->core.view.seq;
    locum_daemon_destroy(daemon_);
    given.client = given.history = -1;
    strcpy(given.version, "0.0.1");
    given.state_length = text.length;
    (void)snprintf(number, sizeof(number), "%d", locum_handover_write(&given, &none));
    assert_int_equal(setenv("LOCUM_HANDOVER", number, 1), 0);
    start();
    assert_int_equal(daemon_->core.view.incarnation, incarnation);
    assert_in_range(daemon_->core.view.seq, seq, seq + 2);
    assert_int_equal(daemon_->core.admin.state, LOCUM_DRAIN);
    assert_int_equal(get_serial(), 4000000002);
    locum_replace_finish(daemon_);
    assert_non_null(
        strstr(read_log(), "event=replaced node=dc2 from=0.0.1 to=" LOCUM_VERSION " pause-ms="));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_program_that_does_not_work_is_refused),
        TEST(test_a_program_that_vanishes_after_its_check_is_refused),
        TEST(test_hooks_get_their_events_first),
        TEST(test_events_that_hooks_do_not_get_in_time_are_logged),
        TEST(test_a_program_whose_path_is_not_known_is_not_replaced),
        TEST(test_only_one_client_at_a_time),
        TEST(test_a_client_that_is_gone_gets_no_replace),
        TEST(test_a_failed_signal_is_logged),
        TEST(test_a_stop_ends_the_replace),
        TEST(test_sockets_and_state_are_handed_over),
        TEST(test_a_malformed_handover_is_no_replace),
        TEST(test_the_next_program_continues_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
