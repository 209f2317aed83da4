#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "nsd-adapter/control.h"

/* The other end of the control socket is the test itself. */
static struct event_base *base;
static struct locum_nsd_conf conf;
static struct locum_nsd_control control;
static char folder[40];
static int listener = -1;
static int client = -1;
static enum locum_nsd_reply outcome;
static char reason[400];
static bool done;

static void
on_done(void *user, enum locum_nsd_reply ret, const char *why)
{
    (void)user;
    outcome = ret;
    (void)snprintf(reason, sizeof(reason), "%s", why != NULL ? why : "");
    done = true;
    (void)event_base_loopbreak(base);
}

static int
setup(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)state;
    memcpy(folder, "/tmp/locum-ctl-XXXXXX", 22);
    assert_non_null(mkdtemp(folder));
    (void)snprintf(conf.socket, sizeof(conf.socket), "%s/ctl", folder);
    memcpy(address.sun_path, conf.socket, strlen(conf.socket) + 1);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 4), 0);
    base = event_base_new();
    locum_nsd_control_init(&control, base, &conf, on_done, NULL);
    done = false;
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    locum_nsd_control_fini(&control);
    event_base_free(base);
    (void)close(listener);
    if (client >= 0) {
        (void)close(client);
        client = -1;
    }
    (void)unlink(conf.socket);
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

/* Send the command, accept the connection and read the command. */
static void
send_command(void)
{
    char command[100] = "";
    locum_nsd_control_send(&control, "reload get.example.org");
    client = accept(listener, NULL, NULL);
    assert_true(client >= 0);
    (void)event_base_loop(base, EVLOOP_ONCE);
    assert_true(read(client, command, sizeof(command) - 1) > 0);
    assert_string_equal(command, "NSDCT1 reload get.example.org\n");
}

static void
answer(const char *text)
{
    assert_int_equal(write(client, text, strlen(text)), strlen(text));
    (void)close(client);
    client = -1;
}

static void
run_to_the_end(void)
{
    (void)event_base_dispatch(base);
    assert_true(done);
}

static void
test_command_is_sent_and_answered(void **state)
{
    (void)state;
    send_command();
    answer("ok\n");
    run_to_the_end();
    assert_int_equal(outcome, LOCUM_NSD_REPLY_OK);
}

static void
test_commands_follow_each_other(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        done = false;
        send_command();
        answer("error zone get.example.org not configured\n");
        run_to_the_end();
        assert_int_equal(outcome, LOCUM_NSD_REPLY_NO_ZONE);
    }
}

static void
test_endless_reply_is_cut(void **state)
{
    static char flood[64 * 1024];
    (void)state;
    memset(flood, 'x', sizeof(flood));
    send_command();
    assert_int_equal(write(client, flood, sizeof(flood)), sizeof(flood)); /* and never closes */
    run_to_the_end();
    assert_int_equal(outcome, LOCUM_NSD_REPLY_FAILED);
    assert_true(strlen(reason) < 200);
}

static void
test_silent_nsd_is_reported_after_the_deadline(void **state)
{
    (void)state;
    const locum_ms begin = locum_clock_read().mono;
    send_command();
    run_to_the_end();
    const locum_ms took = locum_clock_read().mono - begin;
    assert_int_equal(outcome, LOCUM_NSD_REPLY_FAILED);
    assert_non_null(strstr(reason, "3 s"));
    assert_true(took >= LOCUM_NSD_CONTROL_MS - 100 && took < 3 * LOCUM_NSD_CONTROL_MS);
}

static void
test_closed_port_is_reported(void **state)
{
    (void)state;
    (void)close(listener);
    listener = -1;
    locum_nsd_control_send(&control, "reload get.example.org");
    assert_false(done); /* on_done is called from the loop only */
    run_to_the_end();
    assert_int_equal(outcome, LOCUM_NSD_REPLY_FAILED);
    assert_non_null(strstr(reason, "Connection refused"));
}

/* A certificate or key that is a FIFO: its writer would have the program in hand. */
static void
test_no_file_is_waited_for(void **state)
{
    char fifo[64];
    (void)state;
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(name);
    const int port = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(port, (struct sockaddr *)&name, length), 0);
    assert_int_equal(listen(port, 4), 0);
    assert_int_equal(getsockname(port, (struct sockaddr *)&name, &length), 0);
    (void)snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    const struct locum_nsd_conf before = conf;
    conf = (struct locum_nsd_conf){.control = {.bytes = {127, 0, 0, 1}}};
    conf.control.port = ntohs(name.sin_port);
    memcpy(conf.server_cert, fifo, strlen(fifo) + 1);
    locum_nsd_control_send(&control, "reload get.example.org");
    run_to_the_end();
    assert_int_equal(outcome, LOCUM_NSD_REPLY_FAILED);
    assert_non_null(strstr(reason, "fifo: not a regular file; nsd-control-setup(8)"));
    conf = before;
    (void)close(port);
    assert_int_equal(unlink(fifo), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_command_is_sent_and_answered),
        TEST(test_commands_follow_each_other),
        TEST(test_endless_reply_is_cut),
        TEST(test_silent_nsd_is_reported_after_the_deadline),
        TEST(test_closed_port_is_reported),
        TEST(test_no_file_is_waited_for),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
