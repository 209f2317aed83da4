/*
 * One connection against a server that breaks the protocol, in plain text and with TLS: each fault
 * ends in one `closed` with a message, in time, and nothing is leaked or freed twice.
 */
#include "probe.h"

#include <poll.h>

static void
test_each_protocol_error_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *greeting;
        const char *reply; /* to the first command; "": none is sent */
        const char *want;
    } rows[] = {
        {NULL, FAKE_SILENCE, "no reply to ROLE within 100ms"},
        {NULL, FAKE_CLOSE, "connection closed"},
        {NULL, "$5\r\nab" FAKE_CLOSE, "in the middle of a reply"},
        {NULL, "$5\r\nab", "no reply to ROLE within 100ms"},
        {NULL, "*3\r\n:1\r\n", "no reply to ROLE within 100ms"},
        {NULL, "+one\r\n+two\r\n", "unexpected reply"},
        {"+OK\r\n", "", "unexpected reply"},
        {"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n", "", "unexpected reply"},
        {"-DENIED Redis is running in protected mode\r\n", "", "DENIED Redis"},
        {"HTTP/1.1 400 Bad Request\r\n", "", "invalid Redis protocol: Protocol error"},
        {"\r\n", "", "invalid Redis protocol"},
        {"", "*1\r\n*1\r\n*1\r\n*1\r\n", "no reply to ROLE within 100ms"},
        {"", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", "or nested deeper than 4"},
        {"", "*1000000000\r\n", "more than 4096 elements"},
        {"", "*4097\r\n", "more than 4096 elements"},
        {"", "*99999999999999999999\r\n", "invalid Redis protocol"},
        {"", "*-2\r\n", "invalid Redis protocol"},
        {"", "$-2\r\n", "invalid Redis protocol"},
        {"", "$99999999999999999999999\r\n", "invalid Redis protocol"},
        {"", "$2000000000\r\n", "no reply to ROLE within 100ms"},
        {"", ":9999999999999999999999\r\n", "invalid Redis protocol"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        fake.greeting = rows[i].greeting;
        fake_rule(&fake, "ROLE", rows[i].reply);
        probe.ask = rows[i].reply == NULL || rows[i].reply[0] != '\0';
        open_link(&plain_events);
        if (!wait_until(base, is_closed, NULL, 2000) || strstr(probe.why, rows[i].want) == NULL) {
            fail_msg("row %zu: %s", i, probe.why);
        }
        assert_int_equal(probe.closed, 1);
        renew();
    }
}

/* Case F: "hiredis 1.x has no limit of nested arrays": 63,000 levels in 252 KB. */
static void
test_nested_arrays_have_a_limit(void **state)
{
    (void)state;
    enum { LEVELS = 63000 };
    static char reply[LEVELS * 4 + 1];
    for (size_t i = 0; i < LEVELS; i++) {
        memcpy(reply + 4 * i, "*1\r\n", 4);
    }
    fake_rule(&fake, "ROLE", reply);
    probe.ask = true;
    open_link(&plain_events);
    assert_true(wait_until(base, is_closed, NULL, 2000));
    assert_non_null(strstr(probe.why, "or nested deeper than 4"));
}

static void
test_a_refused_connection_is_reported_later(void **state)
{
    (void)state;
    fake.address.port = free_port();
    open_link(&plain_events);
    assert_closed("refused");
    assert_int_equal(probe.up, 0);
}

/* The kernel refuses to connect to the broadcast address, without sending anything. */
static void
test_an_impossible_address_is_reported_later(void **state)
{
    (void)state;
    assert_int_equal(locum_address_parse(locum_slice_of("255.255.255.255"), &fake.address), 0);
    fake.address.port = 6379;
    open_link(&plain_events);
    assert_true(wait_until(base, is_closed, NULL, 2000));
    assert_int_equal(probe.up, 0);
    assert_true(probe.why[0] != '\0');
}

/* A listening socket whose backlog is full drops further connections without an answer. */
static void
test_a_connect_without_answer_times_out(void **state)
{
    (void)state;
    struct sockaddr_storage address;
    int fds[8];
    socklen_t length = locum_address_to_sockaddr(&fake.address, &address);
    ((struct sockaddr_in *)&address)->sin_port = 0;
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fds[0], (const struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(fds[0], 0), 0);
    assert_int_equal(getsockname(fds[0], (struct sockaddr *)&address, &length), 0);
    for (size_t i = 1; i < LOCUM_COUNT(fds); i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fds[i], (const struct sockaddr *)&address, length);
    }
    struct pollfd full = {.fd = fds[0], .events = POLLIN};
    assert_int_equal(poll(&full, 1, 2000), 1); /* the backlog is full now */
    assert_int_equal(locum_address_from_sockaddr((const struct sockaddr *)&address, &fake.address),
                     0);
    open_link(&plain_events);
    const bool closed = wait_until(base, is_closed, NULL, 2000);
    for (size_t i = 0; i < LOCUM_COUNT(fds); i++) {
        close(fds[i]);
    }
    assert_true(closed);
    assert_non_null(strstr(probe.why, "no connection"));
    assert_in_range(probe.ended - probe.began, TIMEOUT_MS - 20, TIMEOUT_MS + 150);
}

static void
test_an_endless_reply_ends_the_link(void **state)
{
    (void)state;
    fake.endless = true;
    fake_rule(&fake, "ROLE", "$1000000000\r\n");
    probe.ask = 1;
    open_link(&plain_events);
    assert_closed("reply longer than 256 KiB");
}

/* Any user that may publish on the channel can send it. */
static void
test_a_message_that_is_too_long_is_dropped(void **state)
{
    (void)state;
    enum { LONG_BYTES = 1024 * 1024 };
    static char reply[LONG_BYTES + 256];
    int length =
        snprintf(reply, sizeof(reply), "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$%d\r\n", LONG_BYTES);
    memset(reply + length, 'a', LONG_BYTES);
    (void)snprintf(reply + length + LONG_BYTES, sizeof(reply) - LONG_BYTES - (size_t)length,
                   "\r\n*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n+one\r\n");
    fake_rule(&fake, "ROLE", reply);
    timeout_ms = 10000;
    probe.ask = 1;
    open_link(&subscriber_events);
    assert_true(wait_until(base, has_replies, &(unsigned){1}, 10000));
    timeout_ms = TIMEOUT_MS;
    assert_int_equal(probe.messages, 2);
    assert_int_equal(probe.empty, 1); /* the long one; empty messages are ignored */
    assert_int_equal(probe.oversized, 1);
    assert_int_equal(probe.closed, 0);
}

static void
test_replies_come_in_order(void **state)
{
    (void)state;
    unsigned want = 3;
    fake_rule(&fake, "ROLE", "+a\r\n");
    fake_rule(&fake, "SELECT", "-b\r\n");
    fake_rule(&fake, "INFO", "+c\r\n");
    open_link(&plain_events);
    assert_true(wait_until(base, is_up, NULL, 2000));
    send_one(LOCUM_COMMAND_ROLE);
    send_one(LOCUM_COMMAND_SELECT);
    send_one(LOCUM_COMMAND_INFO);
    assert_true(wait_until(base, has_replies, &want, 2000));
    assert_string_equal(probe.order, "abc");
    assert_int_equal(probe.commands_answered[0], LOCUM_COMMAND_ROLE);
    assert_int_equal(probe.commands_answered[1], LOCUM_COMMAND_SELECT);
    assert_int_equal(probe.commands_answered[2], LOCUM_COMMAND_INFO);
    assert_int_equal(probe.commands, 3);
    assert_int_equal(probe.closed, 0);
}

/* Sending more does not postpone the deadline of the first command. */
static void
send_again(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    const struct timeval tv = {.tv_usec = 20000};
    if (probe.link != NULL && locum_link_is_up(probe.link)) {
        ask();
    }
    event_add(*(struct event **)user, &tv);
}

static void
test_sending_does_not_move_the_deadline(void **state)
{
    (void)state;
    struct event *nag = event_new(base, -1, 0, send_again, &nag);
    const struct timeval tv = {0};
    fake_rule(&fake, "ROLE", FAKE_SILENCE);
    probe.ask = 1;
    open_link(&plain_events);
    event_add(nag, &tv);
    const bool closed = wait_until(base, is_closed, NULL, 2000);
    event_free(nag);
    assert_true(closed);
    assert_true(probe.commands > 3);
    assert_in_range(probe.ended - probe.began, TIMEOUT_MS - 20, TIMEOUT_MS + 150);
}

/* The time that a long iteration takes before it sends a command does not count for the reply. */
static void
test_a_long_iteration_shortens_no_deadline(void **state)
{
    (void)state;
    fake_rule(&fake, "ROLE", FAKE_SILENCE);
    probe.ask = 1;
    probe.stall_ms = TIMEOUT_MS;
    open_link(&plain_events);
    assert_true(wait_until(base, is_closed, NULL, 2000));
    assert_true(probe.ended - probe.began >= TIMEOUT_MS);
}

/* Only commands have deadlines. */
static bool
has_idled(void *user)
{
    (void)user;
    return probe.up > 0 && locum_clock_read().mono - probe.began > 2 * TIMEOUT_MS;
}

static void
test_an_idle_link_stays(void **state)
{
    (void)state;
    open_link(&plain_events);
    assert_true(wait_until(base, has_idled, NULL, 2000));
    assert_int_equal(probe.closed, 0);
}

static void
test_waiting_commands_are_bounded(void **state)
{
    (void)state;
    static char line[16384];
    memset(line, 'x', sizeof(line));
    fake.reads_nothing = true;
    open_link(&plain_events);
    assert_true(wait_until(base, is_up, NULL, 2000));
    for (int i = 0; i < 10000 && locum_link_is_up(probe.link); i++) {
        struct locum_command_argv argv = locum_command_argv(LOCUM_COMMAND_PUBLISH, NULL);
        locum_command_add_slice(&argv, (struct locum_slice){line, sizeof(line)});
        locum_link_send(probe.link, &argv, NULL, NULL);
    }
    assert_int_equal(probe.closed, 0);
    assert_true(probe.commands <= LOCUM_LINK_WAITING_MAX);
    assert_closed("too many commands wait for a reply");
}

/* Replies that arrive between the command too many and `closed` do not undo it. */
static void
test_late_replies_do_not_undo_the_end(void **state)
{
    (void)state;
    fake_rule(&fake, "ROLE", "+a\r\n");
    open_link(&plain_events);
    assert_true(wait_until(base, is_up, NULL, 2000));
    for (int i = 0; i <= LOCUM_LINK_WAITING_MAX; i++) {
        ask();
    }
    assert_false(locum_link_is_up(probe.link));
    assert_closed("too many commands wait for a reply");
}

static void
test_a_message_is_not_taken_as_a_reply(void **state)
{
    (void)state;
    unsigned want = 1;
    fake.greeting = "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n";
    fake_rule(&fake, "ROLE",
              "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\ny\r\n+a\r\n"
              "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nz\r\n");
    probe.ask = 1;
    open_link(&subscriber_events);
    assert_true(wait_until(base, has_replies, &want, 2000));
    assert_int_equal(probe.messages, 3);
    assert_int_equal(probe.closed, 0);
}

static bool
is_gone(void *user)
{
    (void)user;
    return probe.link == NULL;
}

static void
test_it_may_be_closed_in_any_callback(void **state)
{
    (void)state;
    static const struct {
        enum when when;
        const char *reply;
    } rows[] = {
        {CLOSE_IN_UP, "+a\r\n"},
        {CLOSE_IN_REPLY, "+a\r\n+b\r\n:1\r\n"},
        {CLOSE_IN_MESSAGE, "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\ny\r\n+b\r\n"},
        {CLOSE_IN_CLOSED, "x\r\n+b\r\n"},
        {CLOSE_IN_CLOSED, FAKE_SILENCE},
        {CLOSE_IN_CLOSED, FAKE_CLOSE},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        fake_rule(&fake, "ROLE", rows[i].reply);
        probe.ask = 2;
        probe.close = rows[i].when;
        open_link(&subscriber_events);
        assert_true(wait_until(base, is_gone, NULL, 2000));
        assert_int_equal(probe.closed, rows[i].when == CLOSE_IN_CLOSED);
        renew();
    }
}

#define TESTS(suffix)                                                                              \
    {                                                                                              \
        TEST(suffix, test_each_protocol_error_is_named),                                           \
            TEST(suffix, test_nested_arrays_have_a_limit),                                         \
            TEST(suffix, test_a_refused_connection_is_reported_later),                             \
            TEST(suffix, test_an_impossible_address_is_reported_later),                            \
            TEST(suffix, test_a_connect_without_answer_times_out),                                 \
            TEST(suffix, test_an_endless_reply_ends_the_link),                                     \
            TEST(suffix, test_a_message_that_is_too_long_is_dropped),                              \
            TEST(suffix, test_replies_come_in_order),                                              \
            TEST(suffix, test_sending_does_not_move_the_deadline),                                 \
            TEST(suffix, test_a_long_iteration_shortens_no_deadline),                              \
            TEST(suffix, test_an_idle_link_stays),                                                 \
            TEST(suffix, test_waiting_commands_are_bounded),                                       \
            TEST(suffix, test_late_replies_do_not_undo_the_end),                                   \
            TEST(suffix, test_a_message_is_not_taken_as_a_reply),                                  \
            TEST(suffix, test_it_may_be_closed_in_any_callback),                                   \
    }
int
main(void)
{
    const struct CMUnitTest plain[] = TESTS("");
    const struct CMUnitTest encrypted[] = TESTS("_with_tls");
    const int failed = cmocka_run_group_tests(plain, NULL, NULL);
    return failed + cmocka_run_group_tests(encrypted, start_tls, end_tls);
}
