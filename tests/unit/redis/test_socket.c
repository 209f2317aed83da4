/* How one connection writes to its socket: all of an iteration at its end, also into a full one. */
#include "probe.h"

#include <poll.h>

/* The client's socket: the one that is connected to this port. */
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

/* Let the kernel buffer only a little of what the client writes. */
static void
narrow(uint16_t port)
{
    static const int size = 4096;
    assert_int_equal(setsockopt(socket_to(port), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
}

/* Connect to a server with a small window, which is returned. */
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

/* Read `wanted` bytes at the server while the loop runs, and no more come. */
static void
read_bytes(int fd, char *bytes, size_t wanted)
{
    size_t got = 0;
    const locum_ms patience = locum_clock_read().mono + 4000;
    while (got < wanted) {
        assert_true(locum_clock_read().mono < patience);
        const ssize_t length = recv(fd, bytes + got, wanted - got, MSG_DONTWAIT);
        got += length > 0 ? (size_t)length : 0;
        (void)event_base_loop(base, EVLOOP_NONBLOCK);
    }
    assert_true(recv(fd, bytes, 1, MSG_DONTWAIT | MSG_PEEK) < 0);
}

/* The same; returns how many of them are `c`. */
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
test_commands_held_back_by_a_full_window_are_written_later(void **state)
{
    (void)state;
    enum { COMMANDS = 200, BYTES = 1000 };
    static const size_t head = sizeof("*2\r\n$7\r\nPUBLISH\r\n$1000\r\n") - 1;
    static char payload[BYTES];
    const int fd = accept_slow(&plain_events);
    struct locum_command_argv argv = locum_command_argv(LOCUM_COMMAND_PUBLISH, NULL);
    memset(payload, '#', sizeof(payload));
    locum_command_add_slice(&argv, (struct locum_slice){payload, sizeof(payload)});
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
    /* Afterwards a flush writes at once again, not the loop. */
    struct pollfd written = {.fd = fd, .events = POLLIN};
    ask();
    locum_link_flush(probe.link);
    assert_int_equal(poll(&written, 1, 2000), 1);
    assert_int_equal(read_all(fd, sizeof("*1\r\n$4\r\nROLE\r\n") - 1, '$'), 1);
    assert_int_equal(probe.closed, 0);
    close(fd);
}

/* More commands in one iteration than the socket takes: all are written, in order. */
static void
test_an_iteration_may_send_more_than_the_socket_takes(void **state)
{
    (void)state;
    static const size_t sizes[] = {1000, 2000, 3000, 100, 9000, 100, 4000, 1};
    static char payload[9000];
    static char expected[32768];
    static char got[sizeof(expected)];
    struct locum_text text = locum_text_init(expected, sizeof(expected));
    const int fd = accept_slow(&plain_events);
    for (size_t i = 0; i < LOCUM_COUNT(sizes); i++) {
        struct locum_command_argv argv = locum_command_argv(LOCUM_COMMAND_PUBLISH, NULL);
        memset(payload, (int)('a' + i), sizeof(payload));
        locum_command_add_slice(&argv, (struct locum_slice){payload, sizes[i]});
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

/* Commands are written at the end of the iteration, unless a flush writes them earlier. */
static void
test_commands_are_written_at_the_end_of_an_iteration(void **state)
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
    (void)event_base_loop(base, EVLOOP_NONBLOCK); /* and not a second time */
    assert_true(recv(fd, got, sizeof(got), MSG_DONTWAIT) < 0);
    close(fd);
}

int
main(void)
{
    const struct CMUnitTest plain[] = {
        TEST("", test_commands_held_back_by_a_full_window_are_written_later),
        TEST("", test_an_iteration_may_send_more_than_the_socket_takes),
        TEST("", test_commands_are_written_at_the_end_of_an_iteration)};
    return cmocka_run_group_tests(plain, NULL, NULL);
}
