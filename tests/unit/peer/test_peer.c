#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "peer/peer.h"

enum { PATIENCE_MS = 5000, LOW_PRIORITY = 2 };

/* One instance and what it reported. */
struct instance {
    struct locum_peer *peer;
    struct locum_config *config;
    size_t lines;
    enum locum_family family; /* of the last one */
    char last[LOCUM_DATAGRAM_MAX + 1];
    size_t reports;
    int error;
    char report[256];
    bool echo; /* each line that comes makes another come */
};

static struct event_base *base;

static int
setup(void **state)
{
    (void)state;
    base = event_base_new();
    return base == NULL ? 1 : event_base_priority_init(base, LOW_PRIORITY + 1);
}

static int
teardown(void **state)
{
    (void)state;
    event_base_free(base);
    return 0;
}

static struct locum_address
address_of(const char *text)
{
    struct locum_address address;
    assert_int_equal(locum_address_parse(locum_slice_of(text), &address), 0);
    return address;
}

/* A plain UDP socket at the address; its port is written into it. */
static int
plain_socket(struct locum_address *address)
{
    struct sockaddr_storage name;
    socklen_t length = locum_address_to_sockaddr(address, &name);
    const int fd = socket(name.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, length), 0);
    length = sizeof(name);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &length), 0);
    assert_int_equal(locum_address_from_sockaddr((struct sockaddr *)&name, address), 0);
    return fd;
}

static struct locum_address
free_address(const char *text)
{
    struct locum_address address = address_of(text);
    (void)close(plain_socket(&address));
    return address;
}

/* Skips the test where IPv6 is switched off, as in many containers. */
static void
need_ipv6(void)
{
    const struct locum_address address = address_of("::1");
    struct sockaddr_storage name;
    const socklen_t length = locum_address_to_sockaddr(&address, &name);
    const int fd = socket(name.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const bool there = fd >= 0 && bind(fd, (struct sockaddr *)&name, length) == 0;
    (void)close(fd);
    if (!there) {
        print_message("SKIP: this host has no ::1\n");
        skip();
    }
}

static void
on_line(void *user, enum locum_family family, struct locum_slice line)
{
    struct instance *self = user;
    self->family = family;
    self->lines++;
    assert_int_equal(locum_slice_copy(line, self->last, sizeof(self->last)), 0);
    if (self->echo) {
        locum_peer_send(self->peer, 0, line);
    }
}

static void
on_report(void *user, const struct locum_address *address, int error, const char *text)
{
    struct instance *self = user;
    assert_true(locum_address_equal(address, &self->config->listen_peer[0]));
    self->reports++;
    self->error = error;
    assert_int_equal(locum_slice_copy(locum_slice_of(text), self->report, sizeof(self->report)), 0);
}

/* An instance that listens on `own` and knows one node, 0, with `peer`'s addresses. */
static void
start(struct instance *self, const struct locum_address *own, size_t own_count,
      const struct locum_address *peer, size_t peer_count)
{
    memset(self, 0, sizeof(*self));
    self->config = calloc(1, sizeof(*self->config));
    assert_non_null(self->config);
    self->config->core.node_count = 1;
    for (size_t i = 0; i < own_count; i++) {
        self->config->listen_peer[i] = own[i];
    }
    self->config->listen_peer_count = own_count;
    for (size_t i = 0; i < peer_count; i++) {
        self->config->nodes[0].address[i] = peer[i];
        self->config->nodes[0].address[i].port = 0;
        self->config->nodes[0].peer_port = peer[i].port;
    }
    self->config->nodes[0].address_count = peer_count;
    assert_int_equal(
        locum_peer_create(base, self->config, NULL, on_line, on_report, self, &self->peer), 0);
}

static void
stop(struct instance *self)
{
    locum_peer_destroy(self->peer);
    free(self->config);
}

static void
on_deadline(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what;
    *(bool *)user = true;
    (void)event_base_loopbreak(base);
}

/* Run the loop until *counter reaches `want`; false after a time limit. */
static bool
wait_for(const size_t *counter, size_t want)
{
    bool over = false;
    struct event *deadline = evtimer_new(base, on_deadline, &over);
    assert_non_null(deadline);
    assert_int_equal(evtimer_add(deadline, &(struct timeval){.tv_sec = PATIENCE_MS / 1000}), 0);
    while (*counter < want && !over) {
        assert_int_not_equal(event_base_loop(base, EVLOOP_ONCE), -1);
    }
    event_free(deadline);
    return *counter >= want;
}

static void
send_raw(const struct locum_address *to, const void *bytes, size_t length)
{
    struct sockaddr_storage name;
    const socklen_t name_length = locum_address_to_sockaddr(to, &name);
    const int fd = socket(name.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(sendto(fd, bytes, length, 0, (struct sockaddr *)&name, name_length), length);
    (void)close(fd);
}

static struct locum_peer_counts
counts_of(const struct instance *self)
{
    struct locum_peer_counts counts;
    locum_peer_counts(self->peer, &counts);
    return counts;
}

/* Two instances exchange a line each way, in one family. */
static void
exchange(const char *first, const char *second)
{
    struct instance a;
    struct instance b;
    const struct locum_address at[2] = {free_address(first), free_address(second)};
    start(&a, &at[0], 1, &at[1], 1);
    start(&b, &at[1], 1, &at[0], 1);
    locum_peer_send(a.peer, 0, locum_slice_of("from a"));
    locum_peer_send(b.peer, 0, locum_slice_of("from b"));
    assert_true(wait_for(&a.lines, 1));
    assert_true(wait_for(&b.lines, 1));
    assert_string_equal(a.last, "from b");
    assert_string_equal(b.last, "from a");
    assert_int_equal(a.family, at[0].family);
    assert_int_equal(b.family, at[0].family);
    assert_int_equal(counts_of(&a).sent, 1);
    assert_int_equal(counts_of(&a).received, 1);
    assert_int_equal(counts_of(&a).failed, 0);
    assert_int_equal(a.reports, 0);
    stop(&a);
    stop(&b);
}

static void
test_lines_are_exchanged(void **state)
{
    (void)state;
    exchange("127.0.0.21", "127.0.0.22");
}

static void
test_lines_are_exchanged_over_ipv6(void **state)
{
    (void)state;
    need_ipv6();
    exchange("::1", "::1");
}

static void
test_a_line_is_sent_to_every_address_of_a_node(void **state)
{
    (void)state;
    need_ipv6();
    struct instance a;
    struct instance b;
    struct locum_address peer[3] = {address_of("127.0.0.23"), address_of("127.0.0.24"),
                                    address_of("::1")};
    const struct locum_address own[2] = {free_address("127.0.0.22"), free_address("::1")};
    peer[0].port = free_address("127.0.0.23").port;
    peer[1].port = peer[2].port = peer[0].port;
    start(&b, peer, 3, own, 1);
    start(&a, own, 2, peer, 3);
    locum_peer_send(a.peer, 0, locum_slice_of("x"));
    assert_true(wait_for(&b.lines, 3));
    assert_int_equal(counts_of(&a).sent, 3);
    stop(&a);
    stop(&b);
}

static void
test_a_family_that_is_not_bound_is_skipped(void **state)
{
    (void)state;
    struct instance a;
    const struct locum_address own = free_address("127.0.0.21");
    struct locum_address peer = address_of("::1");
    peer.port = own.port;
    start(&a, &own, 1, &peer, 1);
    locum_peer_send(a.peer, 0, locum_slice_of("x"));
    assert_int_equal(counts_of(&a).sent, 0);
    assert_int_equal(counts_of(&a).failed, 0);
    stop(&a);
}

static void
test_a_failed_send_is_counted(void **state)
{
    (void)state;
    struct instance a;
    static const char line[LOCUM_DATAGRAM_MAX + 1];
    const struct locum_address own = free_address("127.0.0.21");
    /* RFC 5737; from a socket on loopback the kernel refuses it at once. */
    const struct locum_address peer[2] = {address_of("192.0.2.1"), address_of("127.0.0.22")};
    start(&a, &own, 1, peer, 2);
    a.config->nodes[0].peer_port = own.port;
    locum_peer_send(a.peer, 0, locum_slice_of("x"));
    assert_int_equal(counts_of(&a).failed, 1);
    assert_int_equal(counts_of(&a).sent, 1); /* UDP does not report that no socket listens there */
    locum_peer_send(a.peer, 0, (struct locum_slice){.at = line, .length = sizeof(line)});
    assert_int_equal(counts_of(&a).failed, 3);
    stop(&a);
}

static void
test_reconfigure_changes_where_lines_go(void **state)
{
    (void)state;
    struct instance a;
    struct instance b;
    const struct locum_address at[2] = {free_address("127.0.0.21"), free_address("127.0.0.22")};
    start(&a, &at[0], 1, NULL, 0);
    start(&b, &at[1], 1, &at[0], 1);
    struct locum_config *next = malloc(sizeof(*next));
    assert_non_null(next);
    *next = *a.config;
    next->nodes[0].address[0] = address_of("127.0.0.22");
    next->nodes[0].address_count = 1;
    next->nodes[0].peer_port = at[1].port;
    locum_peer_reconfigure(a.peer, next);
    free(a.config);
    a.config = next;
    locum_peer_send(a.peer, 0, locum_slice_of("moved"));
    assert_true(wait_for(&b.lines, 1));
    assert_string_equal(b.last, "moved");
    stop(&a);
    stop(&b);
}

static void
test_oversize_and_empty_datagrams_are_dropped(void **state)
{
    (void)state;
    struct instance a;
    char bytes[LOCUM_DATAGRAM_MAX + 1];
    const struct locum_address own = free_address("127.0.0.21");
    memset(bytes, 'x', sizeof(bytes));
    start(&a, &own, 1, NULL, 0);
    send_raw(&own, bytes, LOCUM_DATAGRAM_MAX + 1);
    send_raw(&own, bytes, 0);
    send_raw(&own, bytes, LOCUM_DATAGRAM_MAX);
    assert_true(wait_for(&a.lines, 1));
    assert_int_equal(a.lines, 1);
    assert_int_equal(strlen(a.last), LOCUM_DATAGRAM_MAX);
    assert_int_equal(counts_of(&a).oversized, 1);
    assert_int_equal(counts_of(&a).received, 1);
    stop(&a);
}

static void
on_late(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what;
    (*(size_t *)user)++;
}

/* The instance sends to itself without end, so its socket is never empty. */
static void
test_a_flood_does_not_starve_an_event_of_lower_priority(void **state)
{
    (void)state;
    struct instance a;
    size_t late_events = 0;
    const struct locum_address own = free_address("127.0.0.21");
    struct event *late = event_new(base, -1, EV_PERSIST, on_late, &late_events);
    assert_non_null(late);
    assert_int_equal(event_priority_set(late, LOW_PRIORITY), 0);
    assert_int_equal(event_add(late, &(struct timeval){.tv_usec = 1000}), 0);
    start(&a, &own, 1, &own, 1);
    a.echo = true;
    for (size_t i = 0; i < 4; i++) {
        locum_peer_send(a.peer, 0, locum_slice_of("x"));
    }
    assert_true(wait_for(&late_events, 3));
    assert_true(wait_for(&a.lines, a.lines + LOCUM_PEER_BATCH)); /* the flood goes on */
    event_free(late);
    stop(&a);
}

static void
test_a_port_in_use_is_reported_once_and_tried_again(void **state)
{
    (void)state;
    struct instance a;
    struct locum_address own = address_of("127.0.0.21");
    const int taken = plain_socket(&own);
    start(&a, &own, 1, &own, 1);
    assert_int_equal(a.reports, 1);
    assert_int_equal(a.error, LOCUM_ERR_IN_USE);
    assert_non_null(strstr(a.report, "`ss -lunp sport = :"));
    locum_peer_send(a.peer, 0, locum_slice_of("x"));
    assert_int_equal(counts_of(&a).sent, 0);
    (void)close(taken);
    assert_true(wait_for(&a.reports, 2));
    assert_int_equal(a.error, 0);
    assert_string_equal(a.report, "bound");
    locum_peer_send(a.peer, 0, locum_slice_of("at last"));
    assert_true(wait_for(&a.lines, 1));
    assert_string_equal(a.last, "at last");
    stop(&a);
}

static void
test_an_address_of_another_host_is_reported(void **state)
{
    (void)state;
    struct instance a;
    struct locum_address own = address_of("192.0.2.1");
    own.port = 9853;
    start(&a, &own, 1, NULL, 0);
    assert_int_equal(a.error, LOCUM_ERR_UNREACHABLE);
    assert_non_null(strstr(a.report, "this host"));
    assert_non_null(strstr(a.report, "listen.peer"));
    stop(&a);
    locum_peer_destroy(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lines_are_exchanged),
        TEST(test_lines_are_exchanged_over_ipv6),
        TEST(test_a_line_is_sent_to_every_address_of_a_node),
        TEST(test_a_family_that_is_not_bound_is_skipped),
        TEST(test_a_failed_send_is_counted),
        TEST(test_reconfigure_changes_where_lines_go),
        TEST(test_oversize_and_empty_datagrams_are_dropped),
        TEST(test_a_flood_does_not_starve_an_event_of_lower_priority),
        TEST(test_a_port_in_use_is_reported_once_and_tried_again),
        TEST(test_an_address_of_another_host_is_reported),
    };
    return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
