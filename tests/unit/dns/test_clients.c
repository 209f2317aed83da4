/* tcp: how many connections a client may have, and whose is closed when all are taken. */
#include "tcp.h"

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

static void
test_limit_per_client_closes_its_oldest(void **state)
{
    (void)state;
    struct locum_dns_tcp_limits limits = locum_dns_tcp_limits_default;
    limits.client_connections_max = 2;
    struct server server = serve(&limits);
    const int other = connect_from("127.0.0.9", &server.at, SOCK_STREAM);
    assert_answered(other, 1); /* the longest of all, but of another address */
    const int first = dial(&server);
    assert_answered(first, 2);
    const int second = dial(&server);
    assert_answered(second, 3);
    assert_answered(first, 4);
    const int third = dial(&server);
    assert_answered(third, 5);
    assert_true(is_closed_within(second, PATIENCE_MS));
    assert_answered(first, 6);
    assert_answered(other, 7);
    assert_int_equal(open_connections(&server), 3);
    close(other);
    close(first);
    close(second);
    close(third);
    locum_dns_tcp_destroy(server.tcp);
}

/* Behind one address can be many resolvers. A connection over the limit costs one of this address
 * only. */
static void
test_many_connections_of_one_address(void **state)
{
    (void)state;
    enum { AT_ONCE = 60 };
    const size_t most = locum_dns_tcp_limits_default.client_connections_max;
    struct server server = serve(&locum_dns_tcp_limits_default);
    int fds[256];
    const int other = connect_from("127.0.0.9", &server.at, SOCK_STREAM);
    assert_true(most >= AT_ONCE && 2 * most <= LOCUM_COUNT(fds));
    assert_answered(other, 0);
    for (size_t i = 0; i < most; i++) {
        fds[i] = dial(&server);
    }
    for (size_t i = 0; i < 2 * most; i++) { /* all are open at once */
        assert_answered(fds[i % most], (uint16_t)i);
    }
    assert_int_equal(closed_only_for(&server, LOCUM_DNS_TCP_CLIENT_LIMIT), 0);
    for (size_t i = most; i < 2 * most; i++) {
        fds[i] = dial(&server);
        assert_answered(fds[i], (uint16_t)i);
        assert_true(is_closed_within(fds[i - most], PATIENCE_MS));
    }
    assert_int_equal(closed_only_for(&server, LOCUM_DNS_TCP_CLIENT_LIMIT), most);
    assert_answered(other, 1);
    for (size_t i = 0; i < 2 * most; i++) {
        close(fds[i]);
    }
    close(other);
    locum_dns_tcp_destroy(server.tcp);
}

/* Hundreds of connections of many addresses, from a crowd that comes at once: each new one is
 * answered, and those that are closed are of the addresses that have most. */
static void
test_hundreds_of_connections(void **state)
{
    (void)state;
    enum { ADDRESSES = 10, EACH = 60 };
    struct server server = serve(&locum_dns_tcp_limits_default);
    int fds[ADDRESSES * EACH];
    char host[32];
    const int first = connect_from("127.0.0.9", &server.at, SOCK_STREAM);
    assert_answered(first, 0);
    for (size_t i = 0; i < LOCUM_COUNT(fds); i++) {
        (void)snprintf(host, sizeof(host), "127.0.1.%zu", i % ADDRESSES);
        fds[i] = connect_from(host, &server.at, SOCK_STREAM);
        assert_answered(fds[i], (uint16_t)i);
    }
    const size_t most = locum_dns_tcp_limits_default.connections_max;
    assert_int_equal(open_connections(&server), most);
    assert_int_equal(closed_only_for(&server, LOCUM_DNS_TCP_LIMIT), 1 + LOCUM_COUNT(fds) - most);
    assert_answered(first, 1);
    for (size_t i = LOCUM_COUNT(fds) - most + 1; i < LOCUM_COUNT(fds); i++) {
        assert_answered(fds[i], (uint16_t)i);
    }
    for (size_t i = 0; i < LOCUM_COUNT(fds); i++) {
        close(fds[i]);
    }
    close(first);
    locum_dns_tcp_destroy(server.tcp);
}

static void
test_total_limit_closes_the_oldest(void **state)
{
    (void)state;
    static const char *const sources[] = {"127.0.0.1", "127.0.0.2", "127.0.0.3"};
    struct locum_dns_tcp_limits limits = locum_dns_tcp_limits_default;
    limits.connections_max = 3;
    struct server server = serve(&limits);
    int fds[3];
    for (uint16_t i = 0; i < 3; i++) {
        fds[i] = connect_from(sources[i], &server.at, SOCK_STREAM);
        assert_answered(fds[i], i);
    }
    assert_answered(fds[0], 3);
    const int next = connect_from("127.0.0.4", &server.at, SOCK_STREAM);
    assert_answered(next, 4);
    assert_true(is_closed_within(fds[1], PATIENCE_MS));
    assert_answered(fds[0], 5);
    assert_answered(fds[2], 6);
    for (size_t i = 0; i < 3; i++) {
        close(fds[i]);
    }
    close(next);
    locum_dns_tcp_destroy(server.tcp);
}

/* A client with few connections keeps them, also one that has asked nothing for long. */
static void
test_total_limit_closes_one_of_the_client_that_has_most(void **state)
{
    (void)state;
    struct locum_dns_tcp_limits limits = locum_dns_tcp_limits_default;
    limits.connections_max = 4;
    struct server server = serve(&limits);
    int fds[4];
    fds[0] = connect_from("127.0.0.1", &server.at, SOCK_STREAM);
    assert_answered(fds[0], 0);
    for (uint16_t i = 1; i < 4; i++) {
        fds[i] = connect_from("127.0.0.2", &server.at, SOCK_STREAM);
        assert_answered(fds[i], i);
    }
    const int more = connect_from("127.0.0.3", &server.at, SOCK_STREAM);
    assert_answered(more, 4);
    assert_true(is_closed_within(fds[1], PATIENCE_MS));
    assert_answered(fds[0], 5);
    /* The new connection counts too. */
    const int again = connect_from("127.0.0.2", &server.at, SOCK_STREAM);
    assert_answered(again, 6);
    assert_true(is_closed_within(fds[2], PATIENCE_MS));
    assert_answered(fds[0], 7);
    assert_answered(fds[3], 8);
    for (size_t i = 0; i < 4; i++) {
        close(fds[i]);
    }
    close(more);
    close(again);
    locum_dns_tcp_destroy(server.tcp);
}

/* The kernel takes an IPv6 address some time after it was added. */
static bool
becomes_usable(const char *host)
{
    const struct locum_address at = address(host, 0);
    const locum_ms end = now_ms() + PATIENCE_MS;
    struct sockaddr_storage name;
    const socklen_t length = locum_address_to_sockaddr(&at, &name);
    bool usable = false;
    while (!usable && now_ms() < end) {
        const int fd = socket(AF_INET6, SOCK_STREAM, 0);
        usable = bind(fd, (const struct sockaddr *)&name, length) == 0;
        close(fd);
        poll(NULL, 0, usable ? 0 : 1);
    }
    return usable;
}

/* Give the loopback interface of a network namespace of its own these IPv6 addresses. */
static bool
have_addresses(const char *const *list, size_t count)
{
    struct ifreq loopback = {.ifr_name = "lo"};
    /* struct in6_ifreq of <linux/ipv6.h>, which cannot be included with <netinet/in.h> */
    struct {
        struct in6_addr address;
        uint32_t prefix_bits;
        int index;
    } request = {.prefix_bits = 128};
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
        return false;
    }
    const int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    bool ok = fd >= 0 && ioctl(fd, SIOCGIFINDEX, &loopback) == 0;
    request.index = loopback.ifr_ifindex;
    loopback.ifr_flags = IFF_UP;
    ok = ok && ioctl(fd, SIOCSIFFLAGS, &loopback) == 0;
    for (size_t i = 0; i < count && ok; i++) {
        const struct locum_address at = address(list[i], 0);
        memcpy(&request.address, at.bytes, sizeof(request.address));
        ok = ioctl(fd, SIOCSIFADDR, &request) == 0 && becomes_usable(list[i]);
    }
    close(fd);
    return ok;
}

enum { IN_NAMESPACE_OK, IN_NAMESPACE_FAILED, IN_NAMESPACE_NONE };

/* Run by a process of its own. Returns its exit code. */
static int
ask_from_one_network(void)
{
    static const char *const hosts[] = {"2001:db8::1", "2001:db8::2", "2001:db8::ffff:3",
                                        "2001:db8:0:1::1"};
    struct locum_dns_tcp_limits limits = locum_dns_tcp_limits_default;
    limits.client_connections_max = 2;
    if (!have_addresses(hosts, LOCUM_COUNT(hosts))) {
        return IN_NAMESPACE_NONE;
    }
    struct server server = serve_at(hosts[0], &limits);
    int fds[4];
    const size_t order[] = {0, 1, 3, 2}; /* the last is the third of one /64 */
    for (uint16_t i = 0; i < 4; i++) {
        fds[i] = connect_from(hosts[order[i]], &server.at, SOCK_STREAM);
        assert_answered(fds[i], i);
    }
    const bool closed = is_closed_within(fds[0], PATIENCE_MS);
    if (closed) {
        for (uint16_t i = 1; i < 4; i++) {
            assert_answered(fds[i], i);
        }
    }
    locum_dns_tcp_destroy(server.tcp);
    return closed ? IN_NAMESPACE_OK : IN_NAMESPACE_FAILED;
}

/* One host can have 2^64 addresses. */
static void
test_addresses_of_one_ipv6_network_are_one_client(void **state)
{
    (void)state;
    int status = -1;
    const pid_t child = fork();
    if (child == 0) {
        _exit(ask_from_one_network());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == IN_NAMESPACE_NONE) {
        print_message("SKIP: no network namespace with IPv6\n");
        skip();
    }
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), IN_NAMESPACE_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit_per_client_closes_its_oldest),
        cmocka_unit_test(test_many_connections_of_one_address),
        cmocka_unit_test(test_hundreds_of_connections),
        cmocka_unit_test(test_total_limit_closes_the_oldest),
        cmocka_unit_test(test_total_limit_closes_one_of_the_client_that_has_most),
        cmocka_unit_test(test_addresses_of_one_ipv6_network_are_one_client),
    };
    return cmocka_run_group_tests_name("dns/clients", tests, NULL, NULL);
}
