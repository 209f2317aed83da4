/* cases.md, A: locum.yaml on the disk was edited into something invalid after the start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "daemon/ondisk.h"

#define GOOD                                                                                       \
    "cluster: get\n"                                                                               \
    "node: dc2\n"                                                                                  \
    "secret-file: secret\n"                                                                        \
    "nodes: {dc2: {address: [192.0.2.12]}}\n"                                                      \
    "zones: [{name: get.example.org, ns: [ns.example.com], records: [\"www A 192.0.2.1\"]}]\n"     \
    "service: {checks: [{tcp: {address: \"127.0.0.1:80\"}}]}\n"

static char folder[] = "/tmp/locum-ondisk-XXXXXX";
static char error[LOCUM_ONDISK_BYTES_MAX];
static const struct locum_config files = {.path = "locum.yaml", .secret_file = "secret"};

static void
write_file(const char *name, const char *text)
{
    const int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
}

static int
setup(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL || chdir(folder) != 0) {
        return 1;
    }
    write_file("secret", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n");
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    (void)unlink("secret");
    (void)unlink("locum.yaml");
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : 1;
}

/* The first look sees a change, the second one reads the file, a third one has nothing to do. */
static void
assert_found(struct locum_ondisk *ondisk, const char *expected)
{
    assert_false(locum_ondisk_look(ondisk, error));
    assert_true(locum_ondisk_look(ondisk, error));
    assert_false(locum_ondisk_look(ondisk, error));
    if (expected == NULL ? error[0] != '\0' : strstr(error, expected) == NULL) {
        fail_msg("found \"%s\" instead of \"%s\"", error, expected);
    }
}

static void
test_each_change_is_read_once(void **state)
{
    (void)state;
    struct locum_ondisk ondisk;
    write_file("locum.yaml", GOOD);
    locum_ondisk_init(&ondisk, &files);
    assert_found(&ondisk, NULL);
    write_file("locum.yaml", GOOD "colour: red\nshape: round\n");
    assert_found(&ondisk, "locum.yaml:7:1: error: key \"colour\"");
    write_file("locum.yaml", GOOD);
    assert_found(&ondisk, NULL);
    assert_int_equal(unlink("locum.yaml"), 0);
    assert_found(&ondisk, "No such file");
    write_file("locum.yaml", GOOD "records: x\n");
    assert_found(&ondisk, "key \"records\"");
}

/* What only dns/ can judge counts too; a warning does not. */
static void
test_what_a_start_would_refuse(void **state)
{
    (void)state;
    struct locum_ondisk ondisk;
    char text[sizeof(GOOD)];
    locum_ondisk_init(&ondisk, &files);
    memcpy(text, GOOD, sizeof(text));
    memcpy(strstr(text, "www A"), "www X", 5);
    write_file("locum.yaml", text);
    assert_found(&ondisk, "record 'www X 192.0.2.1'");
    write_file("locum.yaml", GOOD "redis: {mirrorbits-config: none}\nquorum: 1\n");
    assert_found(&ondisk, "mirrorbits-config");
    write_file("locum.yaml", GOOD "heartbeat: {timeout: 500ms}\n");
    assert_found(&ondisk, NULL);
}

/* A file that the configuration names counts as well. */
static void
test_the_files_that_it_names_are_watched(void **state)
{
    (void)state;
    struct locum_ondisk ondisk;
    write_file("locum.yaml", GOOD);
    locum_ondisk_init(&ondisk, &files);
    assert_found(&ondisk, NULL);
    assert_int_equal(rename("secret", "away"), 0);
    assert_found(&ondisk, "locum.yaml:3:14: error: secret-file: \"secret\": No such file");
    assert_int_equal(rename("away", "secret"), 0);
    assert_found(&ondisk, NULL);
}

/* What is missing may have a name that the running configuration does not know. */
static void
test_a_refused_file_is_read_again_from_time_to_time(void **state)
{
    (void)state;
    struct locum_ondisk ondisk;
    char text[sizeof(GOOD)];
    memcpy(text, GOOD, sizeof(text));
    memcpy(strstr(text, "file: secret"), "file: away  ", 12);
    write_file("locum.yaml", text);
    locum_ondisk_init(&ondisk, &files);
    assert_found(&ondisk, "\"away\": No such file");
    assert_int_equal(link("secret", "away"), 0);
    size_t looks = 1;
    while (!locum_ondisk_look(&ondisk, error)) {
        looks++;
        assert_in_range(looks, 1, LOCUM_ONDISK_LOOKS);
    }
    assert_int_equal(unlink("away"), 0);
    assert_string_equal(error, "");
}

/* A file that is being written changes between two looks. */
static void
test_a_file_that_is_being_written_is_left_alone(void **state)
{
    (void)state;
    struct locum_ondisk ondisk;
    write_file("locum.yaml", GOOD);
    locum_ondisk_init(&ondisk, &files);
    assert_found(&ondisk, NULL);
    write_file("locum.yaml", "cluster:");
    assert_false(locum_ondisk_look(&ondisk, error));
    write_file("locum.yaml", "cluster: get\n");
    assert_false(locum_ondisk_look(&ondisk, error));
    write_file("locum.yaml", GOOD "\n");
    assert_found(&ondisk, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_change_is_read_once),
        cmocka_unit_test(test_what_a_start_would_refuse),
        cmocka_unit_test(test_the_files_that_it_names_are_watched),
        cmocka_unit_test(test_a_refused_file_is_read_again_from_time_to_time),
        cmocka_unit_test(test_a_file_that_is_being_written_is_left_alone),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
