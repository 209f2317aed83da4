/* socket: binding, connecting, and the advice for an address that cannot be bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/socket.h"

static struct locum_address
parse(const char *text)
{
    struct locum_address address;
    assert_int_equal(locum_address_parse_port(locum_slice_of(text), &address), 0);
    return address;
}

/* Any free port of the loopback address. */
static struct locum_address
any_port(void)
{
    struct locum_address address;
    assert_int_equal(locum_address_parse(locum_slice_of("127.0.0.1"), &address), 0);
    return address;
}

static struct locum_address
name_of(int fd)
{
    struct sockaddr_storage name;
    socklen_t length = sizeof(name);
    struct locum_address address;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &length), 0);
    assert_int_equal(locum_address_from_sockaddr((struct sockaddr *)&name, &address), 0);
    return address;
}

static int
wait_for_error(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
    assert_int_equal(poll(&poll_fd, 1, 5000), 1);
    return locum_socket_error(fd);
}

static void
test_bind_refuses_an_address_in_use(void **state)
{
    const struct locum_address any = any_port();
    (void)state;
    const int first = locum_socket_bind(&any, SOCK_DGRAM, false);
    assert_true(first >= 0);
    const struct locum_address bound = name_of(first);
    assert_int_equal(locum_socket_bind(&bound, SOCK_DGRAM, false), -1);
    assert_int_equal(errno, EADDRINUSE);
    (void)close(first);
}

static void
test_shared_sockets_bind_the_same_address(void **state)
{
    const struct locum_address any = any_port();
    (void)state;
    const int first = locum_socket_bind(&any, SOCK_DGRAM, true);
    const struct locum_address bound = name_of(first);
    const int second = locum_socket_bind(&bound, SOCK_DGRAM, true);
    assert_true(second >= 0);
    (void)close(first);
    (void)close(second);
}

static void
test_sockets_close_on_exec_and_block_only_if_asked(void **state)
{
    const struct locum_address any = any_port();
    (void)state;
    const int blocking = locum_socket_bind(&any, SOCK_DGRAM, false);
    const int other = locum_socket_bind(&any, SOCK_DGRAM | SOCK_NONBLOCK, false);
    assert_int_equal(fcntl(blocking, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fcntl(blocking, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(fcntl(other, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    (void)close(blocking);
    (void)close(other);
}

static void
test_connect_reaches_a_listener_and_reports_a_refusal(void **state)
{
    const struct locum_address any = any_port();
    (void)state;
    const int listener = locum_socket_listen(&any, 1);
    assert_true(listener >= 0);
    const struct locum_address bound = name_of(listener);
    int fd = locum_socket_connect(&bound, SOCK_STREAM);
    assert_true(fd >= 0);
    assert_int_equal(wait_for_error(fd), 0);
    (void)close(fd);
    (void)close(listener);
    fd = locum_socket_connect(&bound, SOCK_STREAM);
    if (fd >= 0) {
        assert_int_equal(wait_for_error(fd), ECONNREFUSED);
        (void)close(fd);
    } else {
        assert_int_equal(errno, ECONNREFUSED);
    }
}

static void
test_connect_path_fails_for_no_file_and_for_a_long_path(void **state)
{
    char path[128];
    (void)state;
    assert_int_equal(locum_socket_connect_path("/nonexistent/socket"), -1);
    assert_int_equal(errno, ENOENT);
    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(locum_socket_connect_path(path), -1);
    assert_int_equal(errno, ENAMETOOLONG);
}

static void
test_what_the_queue_has_no_room_for_is_counted(void **state)
{
    enum { SENT = 200 };
    (void)state;
    const int least = 1;
    const struct locum_address any = any_port();
    const int fd = locum_socket_bind(&any, SOCK_DGRAM | SOCK_NONBLOCK, false);
    const struct locum_address bound = name_of(fd);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least)), 0);
    assert_int_equal(locum_socket_dropped(fd), 0);
    const int client = locum_socket_connect(&bound, SOCK_DGRAM);
    for (size_t i = 0; i < SENT; i++) {
        assert_int_equal(send(client, "x", 1, 0), 1);
    }
    size_t received = 0;
    char byte;
    while (recv(fd, &byte, 1, 0) == 1) {
        received++;
    }
    assert_in_range(received, 1, SENT - 1);
    assert_int_equal(locum_socket_dropped(fd), SENT - received);
    (void)close(client);
    (void)close(fd);
    assert_int_equal(locum_socket_dropped(-1), 0);
}

static void
test_explanation_names_the_cure(void **state)
{
    static const struct {
        int error, type;
        const char *word;
    } rows[] = {
        {EADDRINUSE, SOCK_DGRAM, "ss -lunp sport = :53"},
        {EADDRINUSE, SOCK_STREAM | SOCK_NONBLOCK, "ss -ltnp sport = :53"},
        {EADDRNOTAVAIL, SOCK_DGRAM, "NAT"},
        {EACCES, SOCK_DGRAM, "CAP_NET_BIND_SERVICE"},
        {EPERM, SOCK_DGRAM, "CAP_NET_BIND_SERVICE"},
        {EAFNOSUPPORT, SOCK_DGRAM, "disable_ipv6"},
        {EMFILE, SOCK_DGRAM, "LimitNOFILE"},
        {EIO, SOCK_DGRAM, "listen.dns"},
    };
    const struct locum_address address = parse("192.0.2.1:53");
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        char buffer[256];
        struct locum_text text = locum_text_init(buffer, sizeof(buffer));
        locum_socket_explain_bind(&text, rows[i].error, &address, rows[i].type, "listen.dns");
        assert_false(text.truncated);
        assert_non_null(strstr(buffer, strerror(rows[i].error)));
        assert_non_null(strstr(buffer, rows[i].word));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bind_refuses_an_address_in_use),
        cmocka_unit_test(test_shared_sockets_bind_the_same_address),
        cmocka_unit_test(test_sockets_close_on_exec_and_block_only_if_asked),
        cmocka_unit_test(test_connect_reaches_a_listener_and_reports_a_refusal),
        cmocka_unit_test(test_connect_path_fails_for_no_file_and_for_a_long_path),
        cmocka_unit_test(test_what_the_queue_has_no_room_for_is_counted),
        cmocka_unit_test(test_explanation_names_the_cure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
