/*
 * How one connection uses its socket: what a full one holds back, what a turn may send, and what is
 * left in the kernel by a patient link.
 */
#include "probe.h"

#include <poll.h>
#include <sys/ioctl.h>

/* Our side's socket: the one to this port. */
static int
socket_to(uint16_t port)
{
    int found = -1;
    for (int fd = 3; fd < 256; fd++) {
        struct sockaddr_in name;
        socklen_t length = sizeof(name);
        if (getpeername(fd, (struct sockaddr *)&name, &length) == 0 &&
            name.sin_port == htons(port)) {
            assert_int_equal(found, -1);
            found = fd;
        }
    }
    assert_true(found >= 0);
    return found;
}

/* The kernel is to keep little of what our side writes. */
static void
narrow(uint16_t port)
{
    static const int size = 4096;
    assert_int_equal(setsockopt(socket_to(port), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
}

static bool
has_messages(void *user)
{
    return probe.messages >= *(const unsigned *)user;
}

static bool
has_arrived(void *user)
{
    int bytes = 0;
    (void)user;
    return ioctl(socket_to(fake.address.port), FIONREAD, &bytes) == 0 && bytes > 0;
}

/* It has arrived and is left where it is. */
static void
assert_waits(unsigned messages)
{
    assert_true(wait_until(base, has_arrived, NULL, 2000));
    (void)event_base_loop(base, EVLOOP_NONBLOCK);
    assert_int_equal(probe.messages, messages);
}

static void
assert_comes(unsigned messages)
{
    assert_true(wait_until(base, has_messages, &messages, 2000));
    assert_int_equal(probe.messages, messages);
}

static void
open_subscriber(void)
{
    unsigned want = 1;
    struct locum_command_argv argv = locum_command_argv_init(LOCUM_COMMAND_SUBSCRIBE);
    locum_command_argv_add(&argv, "c");
    timeout_ms = 10000;
    open_link(&subscriber_events);
    locum_link_set_patient(probe.link, true); /* not up: nothing */
    assert_true(wait_until(base, is_up, NULL, 2000));
    assert_false(locum_link_read(probe.link));
    locum_link_send(probe.link, &argv, on_reply, NULL);
    assert_true(wait_until(base, has_replies, &want, 2000));
    timeout_ms = TIMEOUT_MS;
}

static void
a_patient_link_is_woken_for_much_or_the_end(void **state)
{
    (void)state;
    static char much[9100];
    locum_link_set_patient(NULL, true);
    assert_false(locum_link_read(NULL));
    open_subscriber();
    locum_link_set_patient(probe.link, true);
    fake_broadcast(&fake, "message c x");
    assert_waits(0);
    assert_true(locum_link_read(probe.link));
    assert_comes(1);
    memset(much, 'x', sizeof(much) - 1);
    memcpy(much, "message c ", 10);
    fake_broadcast(&fake, much);
    assert_comes(2);
    fake_broadcast(&fake, "message c x");
    assert_waits(2);
    locum_link_set_patient(probe.link, false);
    assert_comes(3);
    assert_false(locum_link_read(probe.link));
    locum_link_set_patient(probe.link, true);
    fake_broadcast(&fake, "message c x");
    assert_waits(3);
    for (size_t i = 0; i < FAKE_CLIENTS_MAX; i++) {
        fake_drop(&fake.clients[i]);
    }
    assert_true(wait_until(base, is_closed, NULL, 2000));
    assert_int_equal(probe.messages, 4);
    assert_string_equal(probe.why, "it closed the connection");
}

/* A reply that is there when its deadline comes has come, though nobody has read it. */
static void
a_patient_link_reads_before_it_calls_late(void **state)
{
    (void)state;
    unsigned want = 2;
    fake_rule(&fake, "ROLE", "+a\r\n");
    probe.ask = 1;
    timeout_ms = TIMEOUT_MS;
    open_link(&plain_events);
    assert_true(wait_until(base, is_up, NULL, 2000));
    locum_link_set_patient(probe.link, true);
    ask();
    assert_true(wait_until(base, has_replies, &want, 2 * TIMEOUT_MS + 2000));
    assert_true(locum_now_read().mono - probe.began >= TIMEOUT_MS - 20);
    fake_rule(&fake, "ROLE", FAKE_SILENCE);
    ask();
    assert_true(wait_until(base, is_closed, NULL, 2000));
    assert_string_equal(probe.why, "no reply to ROLE within 200ms");
}

/* Many commands are no reason to give up a server that answers them all. */
static void
a_patient_link_reads_for_the_sake_of_many_commands(void **state)
{
    (void)state;
    fake_rule(&fake, "ROLE", "+a\r\n");
    timeout_ms = 10000;
    open_link(&plain_events);
    assert_true(wait_until(base, is_up, NULL, 2000));
    locum_link_set_patient(probe.link, true);
    for (unsigned i = 1; i <= 4 * LOCUM_LINK_WAITING_MAX; i++) {
        ask();
        while (fake_count(&fake, "ROLE\n") < i) {
            assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
            assert_int_equal(probe.closed, 0);
        }
        if (i == LOCUM_LINK_WAITING_MAX / 4) {
            assert_int_equal(probe.replies, 0); /* so few are no reason to read */
        }
    }
    assert_true(probe.replies >= 3 * LOCUM_LINK_WAITING_MAX);
}

/* What TLS has read of the socket no kernel tells of. */
static void
there_is_no_patience_with_tls(void **state)
{
    (void)state;
    open_subscriber();
    locum_link_set_patient(probe.link, true);
    assert_false(locum_link_read(probe.link));
    fake_broadcast(&fake, "message c x");
    assert_comes(1);
}

/* A peer whose window is full, and that reads at last: all is written, once, and then the next. */
static int
accept_slow(const struct locum_link_events *events)
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
    open_link(events);
    assert_true(wait_until(base, is_up, NULL, 2000));
    const int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    close(listener);
    narrow(fake.address.port);
    return fd;
}

/* Read until the peer has `wanted` bytes, and no more come, the loop running. */
static void
read_bytes(int fd, char *bytes, size_t wanted)
{
    size_t got = 0;
    const locum_ms patience = locum_now_read().mono + 4000;
    while (got < wanted) {
        assert_true(locum_now_read().mono < patience);
        const ssize_t length = recv(fd, bytes + got, wanted - got, MSG_DONTWAIT);
        got += length > 0 ? (size_t)length : 0;
        (void)event_base_loop(base, EVLOOP_NONBLOCK);
    }
    assert_true(recv(fd, bytes, 1, MSG_DONTWAIT | MSG_PEEK) < 0);
}

/* The same; how many of them are `c`. */
static size_t
read_all(int fd, size_t wanted, char c)
{
    static char bytes[1 << 18];
    size_t found = 0;
    assert_true(wanted <= sizeof(bytes));
    read_bytes(fd, bytes, wanted);
    for (size_t i = 0; i < wanted; i++) {
        found += bytes[i] == c;
    }
    return found;
}

static void
what_a_full_window_held_back_is_written_later(void **state)
{
    (void)state;
    enum { COMMANDS = 200, BYTES = 1000 };
    static const size_t head = sizeof("*2\r\n$7\r\nPUBLISH\r\n$1000\r\n") - 1;
    static char payload[BYTES];
    const int fd = accept_slow(&plain_events);
    struct locum_command_argv argv = locum_command_argv_init(LOCUM_COMMAND_PUBLISH);
    memset(payload, '#', sizeof(payload));
    locum_command_argv_add_slice(&argv, (struct locum_slice){payload, sizeof(payload)});
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
    /* From now on the kernel need not say when it may be written: a flush writes, not the loop. */
    struct pollfd written = {.fd = fd, .events = POLLIN};
    ask();
    locum_link_flush(probe.link);
    assert_int_equal(poll(&written, 1, 2000), 1);
    assert_int_equal(read_all(fd, sizeof("*1\r\n$4\r\nROLE\r\n") - 1, '$'), 1);
    assert_int_equal(probe.closed, 0);
    close(fd);
}

/* More in one turn than is kept for it, and one command that alone is more: all, and in order. */
static void
a_turn_may_send_much(void **state)
{
    (void)state;
    static const size_t sizes[] = {1000, 2000, 3000, 100, 9000, 100, 4000, 1};
    static char payload[9000];
    static char expected[32768];
    static char got[sizeof(expected)];
    struct locum_text text = locum_text_init(expected, sizeof(expected));
    const int fd = accept_slow(&plain_events);
    for (size_t i = 0; i < LOCUM_COUNT(sizes); i++) {
        struct locum_command_argv argv = locum_command_argv_init(LOCUM_COMMAND_PUBLISH);
        memset(payload, (int)('a' + i), sizeof(payload));
        locum_command_argv_add_slice(&argv, (struct locum_slice){payload, sizes[i]});
        locum_link_send(probe.link, &argv, on_reply, NULL);
        locum_text_add(&text, "*2\r\n$7\r\nPUBLISH\r\n$");
        locum_text_add_u64(&text, sizes[i]);
        locum_text_add(&text, "\r\n");
        locum_text_add_bytes(&text, payload, sizes[i]);
        locum_text_add(&text, "\r\n");
    }
    assert_false(text.truncated);
    read_bytes(fd, got, text.length);
    assert_memory_equal(got, expected, text.length);
    assert_int_equal(probe.closed, 0);
    close(fd);
}

/* Nothing of a turn's commands is written before its end, unless a flush asks for it. */
static void
the_commands_of_a_turn_are_written_at_its_end(void **state)
{
    (void)state;
    static const char role[] = "*1\r\n$4\r\nROLE\r\n";
    static const char all[] = "*1\r\n$4\r\nROLE\r\n*1\r\n$4\r\nROLE\r\n*1\r\n$4\r\nROLE\r\n";
    char got[sizeof(all)];
    const int fd = accept_slow(&plain_events);
    struct pollfd written = {.fd = fd, .events = POLLIN};
    for (unsigned i = 0; i < 3; i++) {
        ask();
        assert_true(recv(fd, got, sizeof(got), MSG_DONTWAIT) < 0);
    }
    (void)event_base_loop(base, EVLOOP_NONBLOCK);
    assert_int_equal(poll(&written, 1, 2000), 1);
    assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), sizeof(all) - 1);
    assert_memory_equal(got, all, sizeof(all) - 1);
    ask();
    locum_link_flush(probe.link);
    assert_int_equal(poll(&written, 1, 2000), 1);
    assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), sizeof(role) - 1);
    (void)event_base_loop(base, EVLOOP_NONBLOCK); /* and not once more */
    assert_true(recv(fd, got, sizeof(got), MSG_DONTWAIT) < 0);
    close(fd);
}

/* Who sends more than is read at a time is read by the loop's turns, and nothing of it is lost. */
static void
patience_ends_with_who_sends_without_end(void **state)
{
    (void)state;
    static const char message[] = "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n";
    enum { LENGTH = sizeof(message) - 1, MESSAGES = 4096 };
    static char bytes[LENGTH * MESSAGES];
    const int fd = accept_slow(&subscriber_events);
    const locum_ms patience = locum_now_read().mono + 4000;
    size_t sent = 0;
    for (size_t i = 0; i < MESSAGES; i++) {
        memcpy(bytes + i * LENGTH, message, LENGTH);
    }
    locum_link_set_patient(probe.link, true);
    assert_true(locum_link_read(probe.link)); /* nothing there: it stays patient */
    (void)event_base_loop(base, EVLOOP_NONBLOCK);
    assert_true(locum_link_read(probe.link));
    while (locum_link_read(probe.link)) {
        ssize_t length;
        do {
            const size_t at = sent % sizeof(bytes);
            length = send(fd, bytes + at, sizeof(bytes) - at, MSG_DONTWAIT);
            sent += length > 0 ? (size_t)length : 0;
        } while (length > 0);
        (void)event_base_loop(base, EVLOOP_NONBLOCK);
        assert_true(locum_now_read().mono < patience);
    }
    assert_comes((unsigned)(sent / LENGTH));
    assert_int_equal(probe.closed, 0);
    close(fd);
}

int
main(void)
{
    const struct CMUnitTest plain[] = {TEST("", what_a_full_window_held_back_is_written_later),
                                       TEST("", a_turn_may_send_much),
                                       TEST("", the_commands_of_a_turn_are_written_at_its_end),
                                       TEST("", patience_ends_with_who_sends_without_end),
                                       TEST("", a_patient_link_reads_before_it_calls_late),
                                       TEST("", a_patient_link_reads_for_the_sake_of_many_commands),
                                       TEST("", a_patient_link_is_woken_for_much_or_the_end)};
    const struct CMUnitTest encrypted[] = {TEST("", there_is_no_patience_with_tls)};
    const int failed = cmocka_run_group_tests(plain, NULL, NULL);
    return failed + cmocka_run_group_tests(encrypted, start_tls, end_tls);
}
