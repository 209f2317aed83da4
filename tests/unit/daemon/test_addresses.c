/* addresses: FAMILY-6, the shell's part: what is here, what was here, what is not known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/addresses.h"

/* 192.0.2.0/24 is for documentation: no host has it. */
#define GONE "192.0.2.77"

static struct locum_config config;
static struct locum_addresses addresses;
static char folder[64];

static struct locum_address
address_of(const char *text)
{
    struct locum_address address;
    assert_int_equal(locum_address_parse(locum_slice_of(text), &address), 0);
    return address;
}

static int
set_up(void **state)
{
    (void)state;
    memset(&config, 0, sizeof(config));
    memset(&addresses, 0, sizeof(addresses));
    strcpy(folder, "/tmp/locum-addresses-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(config.listen_control, sizeof(config.listen_control), "%s/sock", folder);
    config.core.node_count = 1;
    config.nodes[0].address_count = 1;
    config.nodes[0].address[0] = address_of("127.0.0.1");
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/sock.addresses", folder);
    (void)unlink(path);
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

static void
begin(void)
{
    locum_addresses_init(&addresses, &config);
}

static bool
look(void)
{
    return locum_addresses_look(&addresses, &config);
}

static void
write_file(const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/sock.addresses", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void
test_an_address_that_is_here(void **state)
{
    (void)state;
    begin();
    assert_false(look());
    assert_false(addresses.absent[LOCUM_V4]);
    assert_int_equal(addresses.had_count, 1);
    begin(); /* the next run knows it from the file */
    assert_int_equal(addresses.had_count, 1);
    assert_true(locum_address_same_host(&addresses.had[0], &config.nodes[0].address[0]));
    assert_false(look());
    assert_int_equal(addresses.had_count, 1);
}

/* NAT: the peers reach it by an address that this host never had. */
static void
test_an_address_that_was_never_here_is_not_known(void **state)
{
    (void)state;
    config.nodes[0].address[0] = address_of(GONE);
    begin();
    assert_false(look());
    assert_false(addresses.absent[LOCUM_V4]);
}

static void
test_an_address_that_was_here_is_gone(void **state)
{
    (void)state;
    config.nodes[0].address[1] = address_of(GONE);
    config.nodes[0].address_count = 2;
    write_file("nonsense\n" GONE "\n\n");
    begin();
    assert_true(look());
    assert_true(addresses.absent[LOCUM_V4]);
    assert_false(addresses.absent[LOCUM_V6]);
    assert_false(look());              /* no change */
    config.nodes[0].address_count = 1; /* a reload without it */
    assert_true(look());
    assert_false(addresses.absent[LOCUM_V4]);
}

static void
test_an_address_of_listen_is_gone(void **state)
{
    (void)state;
    config.nodes[0].address[0] = config.listen_dns[0] = address_of(GONE);
    config.listen_dns[0].port = 53;
    config.listen_dns_count = 1;
    begin();
    assert_true(look());
    assert_true(addresses.absent[LOCUM_V4]);
    config.listen_dns_count = 0;
    assert_true(look());
    config.listen_peer[0] = config.nodes[0].address[0];
    config.listen_peer_count = 1;
    assert_true(look());
    assert_true(addresses.absent[LOCUM_V4]);
}

/* Without a free descriptor nothing can be said. */
static void
test_a_look_that_fails_changes_nothing(void **state)
{
    (void)state;
    struct rlimit limit;
    config.nodes[0].address[0] = config.listen_dns[0] = address_of(GONE);
    config.listen_dns_count = 1;
    begin();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    const bool before = look();
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_false(before);
    assert_true(look());
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    const bool after = look();
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_false(after);
    assert_true(addresses.absent[LOCUM_V4]);
}

/* Only so many are remembered: the oldest is forgotten. */
static void
test_the_oldest_address_is_forgotten(void **state)
{
    (void)state;
    char text[512] = "";
    for (int i = 0; i < LOCUM_ADDRESSES_MAX + 2; i++) {
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "192.0.2.%d\n", i);
    }
    write_file(text);
    begin();
    assert_int_equal(addresses.had_count, LOCUM_ADDRESSES_MAX);
    assert_false(look());
    assert_int_equal(addresses.had_count, LOCUM_ADDRESSES_MAX);
    assert_true(locum_address_same_host(&addresses.had[LOCUM_ADDRESSES_MAX - 1],
                                        &config.nodes[0].address[0]));
    const struct locum_address second = address_of("192.0.2.1");
    assert_true(locum_address_same_host(&addresses.had[0], &second));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_address_that_is_here),
        TEST(test_an_address_that_was_never_here_is_not_known),
        TEST(test_an_address_that_was_here_is_gone),
        TEST(test_an_address_of_listen_is_gone),
        TEST(test_a_look_that_fails_changes_nothing),
        TEST(test_the_oldest_address_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
