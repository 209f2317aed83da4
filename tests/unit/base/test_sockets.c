/* sockets: which sockets a process takes over, and which messages its store gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/socket.h"
#include "base/sockets.h"

enum { FIRST_FD = 3 };

static struct locum_sockets sockets;
static char host[20];   /* the own address: each process has another, so that its ports are free */
static char sent[1024]; /* the messages to the store: "+udp-127.0.0.1-53-0 -tcp-..." */
static bool busy;       /* the manager accepts nothing */

static bool
on_store(void *user, int fd, const char *name)
{
    (void)user;
    assert_true(fcntl(fd, F_GETFD) >= 0);
    if (!busy) {
        (void)snprintf(sent + strlen(sent), sizeof(sent) - strlen(sent), "+%s ", name);
    }
    return !busy;
}

static bool
on_remove(void *user, const char *name)
{
    (void)user;
    if (!busy) {
        (void)snprintf(sent + strlen(sent), sizeof(sent) - strlen(sent), "-%s ", name);
    }
    return !busy;
}

static int
setup(void **state)
{
    static const struct locum_sockets_manager manager = {.store = on_store, .remove = on_remove};
    (void)state;
    sent[0] = '\0';
    busy = false;
    locum_sockets_init(&sockets, &manager);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < sockets.count; i++) {
        (void)close(sockets.at[i].fd);
    }
    return 0;
}

/* These were the messages since the last call, with @ for the address and % for the port. */
static void
assert_sent(const char *format, unsigned port)
{
    char expected[sizeof(sent)];
    size_t at = 0;
    for (const char *c = format; *c != '\0'; c++) {
        if (*c == '%') {
            at += (size_t)snprintf(expected + at, sizeof(expected) - at, "%u", port);
        } else if (*c == '@') {
            at += (size_t)snprintf(expected + at, sizeof(expected) - at, "%s", host);
        } else {
            expected[at++] = *c;
        }
    }
    expected[at] = '\0';
    assert_string_equal(sent, expected);
    sent[0] = '\0';
}

static struct locum_address
address_of(int fd)
{
    struct sockaddr_storage name;
    struct locum_address address;
    socklen_t length = sizeof(name);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &length), 0);
    assert_int_equal(locum_address_from_sockaddr((struct sockaddr *)&name, &address), 0);
    return address;
}

/* A socket as the last run had it: bound to a free port of the own address, listening if it can. */
static int
old_socket(int type, struct locum_address *ret_address)
{
    struct locum_address any;
    assert_int_equal(locum_address_parse(locum_slice_of(host), &any), 0);
    const int fd =
        type == SOCK_STREAM ? locum_socket_listen(&any, 8) : locum_socket_bind(&any, type, false);
    assert_true(fd >= 0);
    *ret_address = address_of(fd);
    return fd;
}

static bool
is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static int
option_of(int fd, int option)
{
    int value = -1;
    socklen_t length = sizeof(value);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, option, &value, &length), 0);
    return value;
}

static void
test_new_sockets_are_stored_under_names_of_their_own(void **state)
{
    (void)state;
    struct locum_address address;
    const int probe = old_socket(SOCK_DGRAM, &address);
    (void)close(probe);
    const int first = locum_sockets_open(&sockets, &address, SOCK_DGRAM, true, 0);
    const int second = locum_sockets_open(&sockets, &address, SOCK_DGRAM, true, 0);
    const int stream =
        locum_sockets_open(&sockets, &address, SOCK_STREAM | SOCK_NONBLOCK, false, 8);
    assert_true(first >= 0 && second >= 0 && stream >= 0);
    assert_sent("+udp-@-%-0 +udp-@-%-1 +tcp-@-%-0 ", address.port);
    locum_sockets_close(&sockets, first);
    assert_false(is_open(first));
    assert_sent("-udp-@-%-0 ", address.port);
    assert_true(locum_sockets_open(&sockets, &address, SOCK_DGRAM, true, 0) >= 0);
    assert_sent("+udp-@-%-0 ", address.port); /* the name is free again */
}

static void
test_names_of_ipv6_addresses_have_no_colon(void **state)
{
    (void)state;
    struct locum_address address;
    assert_int_equal(locum_address_parse(locum_slice_of("::1"), &address), 0);
    const int fd = locum_sockets_open(&sockets, &address, SOCK_DGRAM, false, 0);
    if (fd < 0) {
        print_message("SKIP: this host has no ::1\n");
        skip();
    }
    assert_sent("+udp-__1-%-0 ", 0);
}

static void
test_inherited_sockets_are_matched_by_address_and_type(void **state)
{
    (void)state;
    struct locum_address address;
    char byte;
    char name[40];
    const int stream = old_socket(SOCK_STREAM, &address);
    struct sockaddr_storage to;
    const socklen_t length = locum_address_to_sockaddr(&address, &to);
    const int datagrams = locum_socket_bind(&address, SOCK_DGRAM, false);
    assert_true(datagrams >= 0);
    const int client = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(sendto(client, "q", 1, 0, (struct sockaddr *)&to, length), 1);
    (void)close(client);
    (void)snprintf(name, sizeof(name), "udp-%s-%u-0", host, address.port);
    locum_sockets_add(&sockets, datagrams, name, true);
    (void)snprintf(name, sizeof(name), "tcp-%s-%u-3", host, address.port);
    locum_sockets_add(&sockets, stream, name, true);
    assert_int_equal(locum_sockets_unused(&sockets, &address, SOCK_DGRAM), 1);

    assert_int_equal(locum_sockets_open(&sockets, &address, SOCK_STREAM | SOCK_NONBLOCK, false, 8),
                     stream);
    assert_int_equal(locum_sockets_open(&sockets, &address, SOCK_DGRAM, false, 0), datagrams);
    assert_int_equal(locum_sockets_unused(&sockets, &address, SOCK_DGRAM), 0);
    assert_int_equal(recv(datagrams, &byte, 1, MSG_DONTWAIT), 1); /* it waited */
    assert_int_equal(fcntl(stream, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    assert_int_equal(fcntl(datagrams, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(fcntl(datagrams, F_GETFD), FD_CLOEXEC);
    assert_sent("", 0); /* both are in the store */
    locum_sockets_close_unused(&sockets);
    assert_sent("", 0);
}

/* More workers than in the last run: the old socket was bound for itself. */
static void
test_an_inherited_socket_can_be_shared_later(void **state)
{
    (void)state;
    struct locum_address address;
    const int old = old_socket(SOCK_DGRAM, &address);
    locum_sockets_add(&sockets, old, "", false);
    assert_int_equal(locum_sockets_open(&sockets, &address, SOCK_DGRAM, true, 0), old);
    assert_true(locum_sockets_open(&sockets, &address, SOCK_DGRAM, true, 0) >= 0);
    assert_sent("+udp-@-%-0 +udp-@-%-1 ", address.port);
}

static void
test_a_name_of_another_program_is_replaced(void **state)
{
    (void)state;
    struct locum_address address;
    const int old = old_socket(SOCK_DGRAM, &address);
    locum_sockets_add(&sockets, old, "stored", true);
    assert_sent("-stored ", 0);
    assert_int_equal(locum_sockets_open(&sockets, &address, SOCK_DGRAM, false, 0), old);
    assert_sent("+udp-@-%-0 ", address.port);
}

static void
test_two_sockets_of_one_name_get_two_names(void **state)
{
    (void)state;
    struct locum_address address;
    char name[40];
    const int first = old_socket(SOCK_DGRAM, &address);
    const int second = dup(first);
    (void)snprintf(name, sizeof(name), "udp-%s-%u-0", host, address.port);
    locum_sockets_add(&sockets, first, name, true);
    locum_sockets_add(&sockets, second, name, true);
    assert_sent("-udp-@-%-0 ", address.port); /* removes both */
    assert_int_equal(locum_sockets_open(&sockets, &address, SOCK_DGRAM, true, 0), second);
    assert_int_equal(locum_sockets_open(&sockets, &address, SOCK_DGRAM, true, 0), first);
    assert_sent("+udp-@-%-1 +udp-@-%-0 ", address.port);
}

static void
test_what_nobody_opens_is_removed_and_closed(void **state)
{
    (void)state;
    struct locum_address address;
    char name[40];
    const int old = old_socket(SOCK_DGRAM, &address);
    (void)snprintf(name, sizeof(name), "udp-%s-%u-0", host, address.port);
    locum_sockets_add(&sockets, old, name, true);
    address.port ^= 1; /* the configuration has another port now */
    const int other = locum_sockets_open(&sockets, &address, SOCK_DGRAM, false, 0);
    assert_true(other != old);
    sent[0] = '\0';
    locum_sockets_close_unused(&sockets);
    assert_sent("-udp-@-%-0 ", address.port ^ 1);
    assert_false(is_open(old));
    assert_int_equal(sockets.count, other >= 0 ? 1 : 0);
}

static void
test_descriptors_that_are_no_open_port_are_closed(void **state)
{
    (void)state;
    struct locum_address address;
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    const int connected = old_socket(SOCK_DGRAM, &address);
    struct sockaddr_storage own;
    const socklen_t length = locum_address_to_sockaddr(&address, &own);
    assert_int_equal(connect(connected, (struct sockaddr *)&own, length), 0);
    const int fds[] = {pipes[0],
                       pipes[1],
                       connected,
                       socket(AF_INET, SOCK_DGRAM, 0),
                       socket(AF_INET, SOCK_STREAM, 0),
                       socket(AF_UNIX, SOCK_DGRAM, 0)};
    for (size_t i = 0; i < LOCUM_COUNT(fds); i++) {
        locum_sockets_add(&sockets, fds[i], "x", true);
        assert_false(is_open(fds[i]));
        assert_sent("-x ", 0);
    }
    locum_sockets_add(&sockets, 1000, "x", true); /* not open at all */
    assert_int_equal(sockets.count, 0);
}

static void
test_descriptors_come_from_the_environment(void **state)
{
    (void)state;
    struct locum_address address[2];
    char names[128];
    char pid[16];
    for (int i = 0; i < 2; i++) {
        const int fd = old_socket(i == 0 ? SOCK_DGRAM : SOCK_STREAM, &address[i]);
        assert_int_equal(dup2(fd, FIRST_FD + i), FIRST_FD + i);
        if (fd != FIRST_FD + i) {
            (void)close(fd);
        }
    }
    (void)snprintf(names, sizeof(names), "udp-%s-%u-0:tcp-%s-%u-0", host, address[0].port, host,
                   address[1].port);
    (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
    assert_int_equal(setenv("LISTEN_FDS", "2", 1), 0);
    assert_int_equal(setenv("LISTEN_FDNAMES", names, 1), 0);
    assert_int_equal(setenv("LISTEN_PID", "1", 1), 0); /* they are another process's */
    locum_sockets_inherit(&sockets);
    assert_int_equal(sockets.count, 0);
    assert_null(getenv("LISTEN_FDS"));
    assert_int_equal(setenv("LISTEN_FDS", "2", 1), 0);
    assert_int_equal(setenv("LISTEN_FDNAMES", names, 1), 0);
    assert_int_equal(setenv("LISTEN_PID", pid, 1), 0);
    locum_sockets_inherit(&sockets);
    assert_int_equal(sockets.count, 2);
    assert_null(getenv("LISTEN_FDS"));
    assert_null(getenv("LISTEN_FDNAMES"));
    assert_null(getenv("LISTEN_PID"));
    assert_int_equal(locum_sockets_open(&sockets, &address[0], SOCK_DGRAM, false, 0), FIRST_FD);
    assert_int_equal(locum_sockets_open(&sockets, &address[1], SOCK_STREAM, false, 8),
                     FIRST_FD + 1);
    assert_sent("", 0);
}

static void
test_the_brake_holds_back_new_addresses_only(void **state)
{
    (void)state;
    struct locum_address address;
    struct locum_address other;
    const int old = old_socket(SOCK_DGRAM, &address);
    const int probe = old_socket(SOCK_DGRAM, &other);
    (void)close(probe);
    locum_sockets_add(&sockets, old, "", false);
    locum_sockets_brake(&sockets, locum_clock_read().mono + 60000);
    assert_int_equal(locum_sockets_open(&sockets, &other, SOCK_DGRAM, false, 0), -1);
    assert_int_equal(errno, EBUSY);
    assert_int_equal(locum_sockets_open(&sockets, &address, SOCK_DGRAM, false, 0), old);
    assert_true(locum_sockets_open(&sockets, &address, SOCK_STREAM, false, 8) >= 0);
    locum_sockets_brake(&sockets, locum_clock_read().mono);
    assert_true(locum_sockets_open(&sockets, &other, SOCK_DGRAM, false, 0) >= 0);
}

static void
test_what_a_busy_manager_did_not_accept_is_sent_again(void **state)
{
    (void)state;
    struct locum_address address;
    const int probe = old_socket(SOCK_DGRAM, &address);
    (void)close(probe);
    busy = true;
    const int fd = locum_sockets_open(&sockets, &address, SOCK_DGRAM, false, 0);
    busy = false;
    locum_sockets_retry(&sockets);
    assert_sent("+udp-@-%-0 ", address.port);
    locum_sockets_retry(&sockets);
    assert_sent("", 0);
    busy = true;
    locum_sockets_close(&sockets, fd);
    assert_false(is_open(fd));
    busy = false;
    locum_sockets_retry(&sockets);
    assert_sent("-udp-@-%-0 ", address.port);
    assert_int_equal(sockets.count, 0);
}

static void
test_the_store_is_not_overfilled(void **state)
{
    (void)state;
    struct locum_address address;
    const int probe = old_socket(SOCK_DGRAM, &address);
    (void)close(probe);
    size_t stored = 0;
    for (size_t i = 0; i < LOCUM_SOCKETS_STORED_MAX + 2; i++) {
        assert_true(locum_sockets_open(&sockets, &address, SOCK_DGRAM, true, 0) >= 0);
        stored += sent[0] != '\0';
        sent[0] = '\0';
    }
    assert_int_equal(stored, LOCUM_SOCKETS_STORED_MAX);
}

static void
test_the_queue_of_datagrams_is_long(void **state)
{
    (void)state;
    struct locum_address address;
    const int plain = old_socket(SOCK_DGRAM, &address);
    const int usual = option_of(plain, SO_RCVBUF);
    (void)close(plain);
    const int fd = locum_sockets_open(NULL, &address, SOCK_DGRAM, false, 0);
    assert_true(option_of(fd, SO_RCVBUF) > usual); /* rmem_max caps it */
    locum_sockets_close(NULL, fd);
    assert_false(is_open(fd));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_new_sockets_are_stored_under_names_of_their_own),
        TEST(test_names_of_ipv6_addresses_have_no_colon),
        TEST(test_inherited_sockets_are_matched_by_address_and_type),
        TEST(test_an_inherited_socket_can_be_shared_later),
        TEST(test_a_name_of_another_program_is_replaced),
        TEST(test_two_sockets_of_one_name_get_two_names),
        TEST(test_what_nobody_opens_is_removed_and_closed),
        TEST(test_descriptors_that_are_no_open_port_are_closed),
        TEST(test_descriptors_come_from_the_environment),
        TEST(test_the_brake_holds_back_new_addresses_only),
        TEST(test_what_a_busy_manager_did_not_accept_is_sent_again),
        TEST(test_the_store_is_not_overfilled),
        TEST(test_the_queue_of_datagrams_is_long),
    };
    const int pid = (int)getpid();
    (void)snprintf(host, sizeof(host), "127.88.%d.%d", (pid >> 8) & 255, 1 + pid % 254);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
