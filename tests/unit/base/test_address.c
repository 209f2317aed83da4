#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <netinet/in.h>

#include "base/address.h"
#include "base/error.h"

static const struct {
    const char *text;
    int status;
    const char *written; /* NULL: as `text` */
    uint16_t port;
} hosts[] =
    {
        {"192.0.2.1", 0, NULL, 0},
        {"0.0.0.0", 0, NULL, 0},
        {"::", 0, NULL, 0},
        {"2001:DB8:0:0::1", 0, "2001:db8::1", 0},
        {"::ffff:192.0.2.1", 0, NULL, 0},
        {"", LOCUM_ERR_INVALID, NULL, 0},
        {"192.0.2", LOCUM_ERR_INVALID, NULL, 0},
        {"192.0.2.256", LOCUM_ERR_INVALID, NULL, 0},
        {"192.0.2.1 ", LOCUM_ERR_INVALID, NULL, 0},
        {"192.0.2.1:53", LOCUM_ERR_INVALID, NULL, 0},
        {"[::1]", LOCUM_ERR_INVALID, NULL, 0},
        {"fe80::1%lo", LOCUM_ERR_INVALID, NULL, 0},
        {"localhost", LOCUM_ERR_INVALID, NULL, 0},
        {"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb", LOCUM_ERR_INVALID, NULL, 0},
},
  sockets[] = {
      {"192.0.2.1:53", 0, NULL, 53},
      {"[2001:db8::1]:65535", 0, NULL, 65535},
      {"[::]:1", 0, NULL, 1},
      {"192.0.2.1", LOCUM_ERR_INVALID, NULL, 0},
      {"192.0.2.1:", LOCUM_ERR_INVALID, NULL, 0},
      {"192.0.2.1:0", LOCUM_ERR_RANGE, NULL, 0},
      {"192.0.2.1:65536", LOCUM_ERR_RANGE, NULL, 0},
      {"192.0.2.1:-1", LOCUM_ERR_INVALID, NULL, 0},
      {"2001:db8::1:53", LOCUM_ERR_INVALID, NULL, 0},
      {"[192.0.2.1]:53", LOCUM_ERR_INVALID, NULL, 0},
      {"[::1:53", LOCUM_ERR_INVALID, NULL, 0},
      {"[]:53", LOCUM_ERR_INVALID, NULL, 0},
      {"[:53", LOCUM_ERR_INVALID, NULL, 0},
      {":53", LOCUM_ERR_INVALID, NULL, 0},
      {":", LOCUM_ERR_INVALID, NULL, 0},
      {"", LOCUM_ERR_INVALID, NULL, 0},
      {"localhost:53", LOCUM_ERR_INVALID, NULL, 0},
};

static void
test_hosts_are_read_and_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(hosts); i++) {
        char buffer[LOCUM_ADDRESS_TEXT_MAX];
        struct locum_text text = locum_text_init(buffer, sizeof(buffer));
        struct locum_address address = {.port = 42};
        const int status = locum_address_parse(locum_slice_of(hosts[i].text), &address);
        assert_int_equal(status, hosts[i].status);
        assert_int_equal(address.port, status == 0 ? 0 : 42);
        if (status == 0) {
            locum_text_add(&text, locum_address_host_text(&address).text);
            assert_string_equal(buffer,
                                hosts[i].written != NULL ? hosts[i].written : hosts[i].text);
        }
    }
}

static void
test_hosts_with_a_port_are_read_and_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(sockets); i++) {
        char buffer[LOCUM_ADDRESS_TEXT_MAX];
        struct locum_text text = locum_text_init(buffer, sizeof(buffer));
        struct locum_address address = {0};
        const int status = locum_address_parse_port(locum_slice_of(sockets[i].text), &address);
        assert_int_equal(status, sockets[i].status);
        assert_int_equal(address.port, sockets[i].port);
        if (status == 0) {
            locum_text_add(&text, locum_address_text(&address).text);
            assert_string_equal(buffer, sockets[i].text);
        }
    }
}

static void
test_prefixes_are_read_and_written(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int status;
        const char *written;
    } rows[] = {
        {"192.0.2.0/24", 0, "192.0.2.0/24"},
        {"192.0.2.1", 0, "192.0.2.1/32"},
        {"0.0.0.0/0", 0, "0.0.0.0/0"},
        {"192.0.2.128/25", 0, "192.0.2.128/25"},
        {"2001:db8::/32", 0, "2001:db8::/32"},
        {"2001:db8::1", 0, "2001:db8::1/128"},
        {"::/0", 0, "::/0"},
        {"192.0.2.1/24", LOCUM_ERR_RANGE, NULL},
        {"192.0.2.128/24", LOCUM_ERR_RANGE, NULL},
        {"192.0.2.0/33", LOCUM_ERR_INVALID, NULL},
        {"2001:db8::1/64", LOCUM_ERR_RANGE, NULL},
        {"2001:db8::/129", LOCUM_ERR_INVALID, NULL},
        {"192.0.2.0/", LOCUM_ERR_INVALID, NULL},
        {"192.0.2.0/-1", LOCUM_ERR_INVALID, NULL},
        {"192.0.2.0/24/24", LOCUM_ERR_INVALID, NULL},
        {"192.0.2/24", LOCUM_ERR_INVALID, NULL},
        {"/24", LOCUM_ERR_INVALID, NULL},
        {"", LOCUM_ERR_INVALID, NULL},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        struct locum_prefix prefix;
        assert_int_equal(locum_address_parse_prefix(locum_slice_of(rows[i].text), &prefix),
                         rows[i].status);
        if (rows[i].status == 0) {
            assert_string_equal(locum_address_prefix_text(&prefix).text, rows[i].written);
        }
    }
}

static struct locum_address
address_of(const char *text)
{
    struct locum_address address;
    assert_int_equal(locum_address_parse_port(locum_slice_of(text), &address), 0);
    return address;
}

static void
test_addresses_are_compared(void **state)
{
    (void)state;
    const struct locum_address a = address_of("192.0.2.1:53");
    const struct locum_address port = address_of("192.0.2.1:54");
    const struct locum_address host = address_of("192.0.2.2:53");
    const struct locum_address v6 = address_of("[c000:201::]:53"); /* the same first bytes */
    assert_true(locum_address_equal(&a, &a));
    assert_false(locum_address_equal(&a, &port));
    assert_true(locum_address_same_host(&a, &port));
    assert_false(locum_address_same_host(&a, &host));
    assert_false(locum_address_same_host(&a, &v6));
}

static void
test_socket_addresses_are_converted_both_ways(void **state)
{
    (void)state;
    static const char *const texts[] = {"192.0.2.1:53", "[2001:db8::1]:9853"};
    for (size_t i = 0; i < LOCUM_COUNT(texts); i++) {
        const struct locum_address address = address_of(texts[i]);
        struct sockaddr_storage storage;
        struct locum_address back;
        const socklen_t length = locum_address_to_sockaddr(&address, &storage);
        assert_int_equal(length, i == 0 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
        assert_int_equal(locum_address_from_sockaddr((const struct sockaddr *)&storage, &back), 0);
        assert_true(locum_address_equal(&address, &back));
    }
}

static void
test_other_socket_addresses_are_mapped_or_refused(void **state)
{
    (void)state;
    const struct locum_address mapped = address_of("[::ffff:192.0.2.1]:53");
    const struct locum_address v4 = address_of("192.0.2.1:53");
    struct locum_address back = {.port = 42};
    struct sockaddr_storage storage = {.ss_family = AF_UNIX};
    assert_int_equal(locum_address_from_sockaddr((const struct sockaddr *)&storage, &back),
                     LOCUM_ERR_INVALID);
    assert_int_equal(back.port, 42);
    (void)locum_address_to_sockaddr(&mapped, &storage);
    assert_int_equal(locum_address_from_sockaddr((const struct sockaddr *)&storage, &back), 0);
    assert_true(locum_address_equal(&back, &v4));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts_are_read_and_written),
        cmocka_unit_test(test_hosts_with_a_port_are_read_and_written),
        cmocka_unit_test(test_prefixes_are_read_and_written),
        cmocka_unit_test(test_addresses_are_compared),
        cmocka_unit_test(test_socket_addresses_are_converted_both_ways),
        cmocka_unit_test(test_other_socket_addresses_are_mapped_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
