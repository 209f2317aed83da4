/*
 * One connection against a server that is as wrong as can be, in plain text and with TLS: every way
 * ends in one `closed` with a sentence, in time, and nothing else is lost or freed twice.
 */
#include "certificate.h"
#include "fake.h"

#include "base/error.h"
#include "redis/link.h"
#include "redis/tls.h"

enum { TIMEOUT_MS = 200 };

enum when { CLOSE_NEVER, CLOSE_IN_UP, CLOSE_IN_REPLY, CLOSE_IN_MESSAGE, CLOSE_IN_CLOSED };

/* What the link does when it is up, and what came of it. */
struct probe {
    struct locum_link *link;
    unsigned up, replies, messages, closed;
    char why[256];
    char order[16];
    enum locum_command commands_answered[16];
    locum_ms began, ended;
    uint64_t commands;
    /* what to do */
    unsigned ask;      /* commands to send when up */
    locum_ms stall_ms; /* how long the turn takes before that */
    enum when close;
};

static struct event_base *base;
static struct fake fake;
static struct probe probe;
static struct locum_tls *tls; /* NULL: plain text */

static void
close_link(enum when when)
{
    if (probe.close == when) {
        locum_link_close(probe.link);
        probe.link = NULL;
    }
}

static void
on_reply(void *user, enum locum_command command, const redisReply *reply)
{
    (void)user;
    if (probe.replies < LOCUM_COUNT(probe.order) - 1) {
        probe.order[probe.replies] = reply->str != NULL && reply->len > 0 ? reply->str[0] : '?';
        probe.commands_answered[probe.replies] = command;
    }
    probe.replies++;
    close_link(CLOSE_IN_REPLY);
}

static void
send_one(enum locum_command command)
{
    const struct locum_argv argv = locum_argv_init(command);
    locum_link_send(probe.link, &argv, on_reply, NULL);
}

static void
ask(void)
{
    send_one(LOCUM_COMMAND_ROLE);
}

static void
on_up(void *user)
{
    (void)user;
    probe.up++;
    const locum_ms stalled = locum_now_read().mono + probe.stall_ms;
    do {
        probe.began = locum_now_read().mono;
    } while (probe.began < stalled);
    for (unsigned i = 0; i < probe.ask; i++) {
        ask();
    }
    close_link(CLOSE_IN_UP);
}

static void
on_message(void *user, struct locum_slice channel, struct locum_slice payload)
{
    (void)user;
    (void)channel;
    (void)payload;
    probe.messages++;
    close_link(CLOSE_IN_MESSAGE);
}

static void
on_closed(void *user, const char *why)
{
    (void)user;
    probe.closed++;
    probe.ended = locum_now_read().mono;
    struct locum_text text = locum_text_init(probe.why, sizeof(probe.why));
    locum_text_add(&text, why);
    close_link(CLOSE_IN_CLOSED);
}

static const struct locum_link_events plain_events = {on_up, NULL, on_closed};
static const struct locum_link_events subscriber_events = {on_up, on_message, on_closed};

static locum_ms timeout_ms = TIMEOUT_MS;

static void
open_link(const struct locum_link_events *events)
{
    probe.began = locum_now_read().mono;
    const struct locum_link_target target = {
        .address = fake.address, .tls = tls, .name = "127.0.0.1"};
    probe.link = locum_link_open(base, &target, timeout_ms, events, NULL, &probe.commands);
    assert_non_null(probe.link);
    assert_int_equal(probe.closed, 0);
}

static int
setup(void **state)
{
    (void)state;
    base = event_base_new();
    assert_int_equal(event_base_priority_init(base, 3), 0); /* as the daemon has */
    memset(&probe, 0, sizeof(probe));
    fake_start(&fake, base);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    locum_link_close(probe.link);
    fake_stop(&fake);
    event_base_free(base);
    return 0;
}

static bool
is_closed(void *user)
{
    (void)user;
    return probe.closed > 0;
}

static bool
has_replies(void *user)
{
    return probe.replies >= *(const unsigned *)user;
}

static bool
is_up(void *user)
{
    (void)user;
    return probe.up > 0;
}

static void
renew(void)
{
    void *none = NULL;
    assert_int_equal(teardown(&none), 0);
    assert_int_equal(setup(&none), 0);
}

static void
every_wrong_end_has_a_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *greeting;
        const char *reply; /* to the first command; "": none is sent */
        const char *want;
    } rows[] = {
        {NULL, FAKE_SILENCE, "no reply to ROLE within 200ms"},
        {NULL, FAKE_CLOSE, "it closed the connection"},
        {NULL, "$5\r\nab" FAKE_CLOSE, "in the middle of a reply"},
        {NULL, "$5\r\nab", "no reply to ROLE within 200ms"},
        {NULL, "*3\r\n:1\r\n", "no reply to ROLE within 200ms"},
        {NULL, "+one\r\n+two\r\n", "a question nobody asked"},
        {"+OK\r\n", "", "a question nobody asked"},
        {"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n", "", "a question nobody asked"},
        {"-DENIED Redis is running in protected mode\r\n", "", "it said: DENIED Redis"},
        {"HTTP/1.1 400 Bad Request\r\n", "", "does not speak Redis' protocol: Protocol error"},
        {"\r\n", "", "does not speak Redis' protocol"},
        {"", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", "nested"},
        {"", "*1000000000\r\n", "does not speak Redis' protocol: Out of memory"},
        {"", "*4097\r\n", "Out of memory"},
        {"", "*99999999999999999999\r\n", "does not speak Redis' protocol"},
        {"", "*-2\r\n", "does not speak Redis' protocol"},
        {"", "$-2\r\n", "does not speak Redis' protocol"},
        {"", "$99999999999999999999999\r\n", "does not speak Redis' protocol"},
        {"", "$2000000000\r\n", "no reply to ROLE within 200ms"},
        {"", ":9999999999999999999999\r\n", "does not speak Redis' protocol"},
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

static void
a_refused_connection_is_told_later(void **state)
{
    (void)state;
    fake.address.port = free_port();
    open_link(&plain_events);
    assert_true(wait_until(base, is_closed, NULL, 2000));
    assert_string_equal(probe.why, "connection refused");
    assert_int_equal(probe.up, 0);
}

/* The broadcast address: the system refuses it at once, and sends nothing. */
static void
an_impossible_address_is_told_later(void **state)
{
    (void)state;
    assert_int_equal(locum_address_parse(locum_slice_of("255.255.255.255"), &fake.address), 0);
    fake.address.port = 6379;
    open_link(&plain_events);
    assert_true(wait_until(base, is_closed, NULL, 2000));
    assert_int_equal(probe.up, 0);
    assert_true(probe.why[0] != '\0');
}

/* A socket whose queue of connections is full drops further ones: nobody ever says no. */
static void
a_connection_that_does_not_come_about_ends_in_time(void **state)
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
    assert_int_equal(locum_address_from_sockaddr((const struct sockaddr *)&address, &fake.address),
                     0);
    open_link(&plain_events);
    const bool closed = wait_until(base, is_closed, NULL, 2000);
    for (size_t i = 0; i < LOCUM_COUNT(fds); i++) {
        close(fds[i]);
    }
    assert_true(closed);
    assert_string_equal(probe.why, "no connection within 200ms");
    assert_in_range(probe.ended - probe.began, TIMEOUT_MS - 20, TIMEOUT_MS + 150);
}

static void
an_endless_reply_is_cut_off(void **state)
{
    (void)state;
    fake.endless = true;
    fake_rule(&fake, "ROLE", "$1000000000\r\n");
    probe.ask = 1;
    open_link(&plain_events);
    assert_true(wait_until(base, is_closed, NULL, 2000));
    assert_string_equal(probe.why, "it sent a reply longer than 256 KiB");
}

static void
replies_come_in_order(void **state)
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

/* Sending more does not put off the deadline of what was sent first. */
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
sending_does_not_move_the_deadline(void **state)
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

/* A turn that took long is not taken from the time for a reply that was asked for in it. */
static void
a_long_turn_shortens_no_deadline(void **state)
{
    (void)state;
    fake_rule(&fake, "ROLE", FAKE_SILENCE);
    probe.ask = 1;
    probe.stall_ms = TIMEOUT_MS;
    open_link(&plain_events);
    assert_true(wait_until(base, is_closed, NULL, 2000));
    assert_true(probe.ended - probe.began >= TIMEOUT_MS);
}

/* An idle link stays: only questions have deadlines. */
static bool
has_idled(void *user)
{
    (void)user;
    return probe.up > 0 && locum_now_read().mono - probe.began > 2 * TIMEOUT_MS;
}

static void
an_idle_link_stays(void **state)
{
    (void)state;
    open_link(&plain_events);
    assert_true(wait_until(base, has_idled, NULL, 2000));
    assert_int_equal(probe.closed, 0);
}

static void
what_waits_is_bounded(void **state)
{
    (void)state;
    static char line[16384];
    memset(line, 'x', sizeof(line));
    fake.deaf = true;
    open_link(&plain_events);
    assert_true(wait_until(base, is_up, NULL, 2000));
    for (int i = 0; i < 10000 && locum_link_is_up(probe.link); i++) {
        struct locum_argv argv = locum_argv_init(LOCUM_COMMAND_PUBLISH);
        locum_argv_add_slice(&argv, (struct locum_slice){line, sizeof(line)});
        locum_link_send(probe.link, &argv, NULL, NULL);
    }
    assert_int_equal(probe.closed, 0);
    assert_true(probe.commands <= LOCUM_LINK_WAITING_MAX);
    assert_true(wait_until(base, is_closed, NULL, 100));
    assert_string_equal(probe.why, "too many commands wait for it");
}

/* Replies that come between the last straw and its `closed` do not undo it. */
static void
it_ends_though_all_replies_come_at_last(void **state)
{
    (void)state;
    fake_rule(&fake, "ROLE", "+a\r\n");
    open_link(&plain_events);
    assert_true(wait_until(base, is_up, NULL, 2000));
    for (int i = 0; i <= LOCUM_LINK_WAITING_MAX; i++) {
        ask();
    }
    assert_false(locum_link_is_up(probe.link));
    assert_true(wait_until(base, is_closed, NULL, 2000));
    assert_string_equal(probe.why, "too many commands wait for it");
}

static void
a_message_answers_no_question(void **state)
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
it_may_be_closed_in_any_callback(void **state)
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

/* The kernel is to keep little of what our side writes: the socket is the one to this port. */
static void
narrow(uint16_t port)
{
    static const int size = 4096;
    unsigned narrowed = 0;
    for (int fd = 3; fd < 256; fd++) {
        struct sockaddr_in name;
        socklen_t length = sizeof(name);
        if (getpeername(fd, (struct sockaddr *)&name, &length) == 0 &&
            name.sin_port == htons(port)) {
            assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
            narrowed++;
        }
    }
    assert_int_equal(narrowed, 1);
}

/* A peer whose window is full, and that reads at last: all is written, once, and then the next. */
static int
accept_slow(void)
{
    static const int window = 2048;
    struct sockaddr_storage name;
    const struct locum_address any = {.family = LOCUM_V4, .bytes = {127, 0, 0, 1}};
    socklen_t length = locum_address_to_sockaddr(&any, &name);
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window)), 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&name, length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&name, &length), 0);
    timeout_ms = 10000;
    fake.address.port = ntohs(((struct sockaddr_in *)&name)->sin_port);
    open_link(&plain_events);
    assert_true(wait_until(base, is_up, NULL, 2000));
    const int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    close(listener);
    narrow(fake.address.port);
    return fd;
}

/* Read until the peer has `wanted` bytes, the loop running; how many of them are `c`. */
static size_t
read_all(int fd, size_t wanted, char c)
{
    static char bytes[65536];
    size_t found = 0;
    size_t got = 0;
    const locum_ms patience = locum_now_read().mono + 4000;
    while (got < wanted) {
        assert_true(locum_now_read().mono < patience);
        const ssize_t length = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        for (ssize_t i = 0; i < length; i++) {
            found += bytes[i] == c;
        }
        got += length > 0 ? (size_t)length : 0;
        (void)event_base_loop(base, EVLOOP_NONBLOCK);
    }
    assert_int_equal(got, wanted);
    return found;
}

static void
what_a_full_window_held_back_is_written_later(void **state)
{
    (void)state;
    enum { COMMANDS = 200, BYTES = 1000 };
    static const size_t head = sizeof("*2\r\n$7\r\nPUBLISH\r\n$1000\r\n") - 1;
    static char payload[BYTES];
    const int fd = accept_slow();
    struct locum_argv argv = locum_argv_init(LOCUM_COMMAND_PUBLISH);
    memset(payload, '#', sizeof(payload));
    locum_argv_add_slice(&argv, (struct locum_slice){payload, sizeof(payload)});
    for (unsigned i = 0; i < COMMANDS; i++) {
        locum_link_send(probe.link, &argv, on_reply, NULL);
        locum_link_flush(probe.link);
    }
    assert_int_equal(read_all(fd, COMMANDS * (head + BYTES + 2), '#'), COMMANDS * BYTES);
    for (unsigned i = 0; i < COMMANDS; i++) {
        assert_int_equal(send(fd, ":1\r\n", 4, 0), 4);
    }
    unsigned want = COMMANDS;
    assert_true(wait_until(base, has_replies, &want, 2000));
    ask();
    assert_int_equal(read_all(fd, sizeof("*1\r\n$4\r\nROLE\r\n") - 1, '$'), 1);
    assert_int_equal(probe.closed, 0);
    close(fd);
}

/* An issuer, a certificate of the fake server, and our side of it. */
static int
start_tls(void **state)
{
    (void)state;
    char path[128];
    struct locum_config_tls config = {.on = true};
    char why[256];
    struct locum_text text = locum_text_init(why, sizeof(why));
    make_folder();
    struct issuer issuer = make_issuer("ca");
    issue(&issuer, "server", "IP:127.0.0.1", 86400);
    free_issuer(&issuer);
    fake_tls = SSL_CTX_new(TLS_server_method());
    snprintf(path, sizeof(path), "%s/server.pem", live_folder);
    assert_int_equal(SSL_CTX_use_certificate_chain_file(fake_tls, path), 1);
    snprintf(path, sizeof(path), "%s/server.key", live_folder);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(fake_tls, path, SSL_FILETYPE_PEM), 1);
    snprintf(config.ca_file, sizeof(config.ca_file), "%s/ca.pem", live_folder);
    tls = locum_tls_create(&config, &text);
    assert_non_null(tls);
    return 0;
}

static int
end_tls(void **state)
{
    (void)state;
    locum_tls_destroy(tls);
    SSL_CTX_free(fake_tls);
    return remove_folder();
}

#define TESTS(prefix)                                                                              \
    {                                                                                              \
        TEST(prefix, every_wrong_end_has_a_sentence),                                              \
            TEST(prefix, a_refused_connection_is_told_later),                                      \
            TEST(prefix, an_impossible_address_is_told_later),                                     \
            TEST(prefix, a_connection_that_does_not_come_about_ends_in_time),                      \
            TEST(prefix, an_endless_reply_is_cut_off), TEST(prefix, replies_come_in_order),        \
            TEST(prefix, sending_does_not_move_the_deadline),                                      \
            TEST(prefix, a_long_turn_shortens_no_deadline), TEST(prefix, an_idle_link_stays),      \
            TEST(prefix, what_waits_is_bounded),                                                   \
            TEST(prefix, it_ends_though_all_replies_come_at_last),                                 \
            TEST(prefix, a_message_answers_no_question),                                           \
            TEST(prefix, it_may_be_closed_in_any_callback),                                        \
    }
#define TEST(prefix, name)                                                                         \
    {                                                                                              \
        prefix #name, name, setup, teardown, NULL                                                  \
    }

int
main(void)
{
    const struct CMUnitTest plain[] = TESTS("");
    const struct CMUnitTest encrypted[] = TESTS("with_tls_");
    const struct CMUnitTest slow[] = {TEST("", what_a_full_window_held_back_is_written_later)};
    signal(SIGPIPE, SIG_IGN);
    int failed = cmocka_run_group_tests(plain, NULL, NULL);
    failed += cmocka_run_group_tests(slow, NULL, NULL);
    timeout_ms = TIMEOUT_MS;
    return failed + cmocka_run_group_tests(encrypted, start_tls, end_tls);
}
