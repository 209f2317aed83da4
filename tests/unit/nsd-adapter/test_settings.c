#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "nsd-adapter/settings.h"

static char reported[4096];

static void
report(void *user, const struct locum_problem *problem)
{
    (void)user;
    struct locum_text text = {.at = reported, .size = sizeof(reported), .length = strlen(reported)};
    const char *slash = strrchr(problem->file, '/');
    struct locum_problem shown = *problem;
    shown.file = slash != NULL ? slash + 1 : problem->file;
    locum_problems_format(&text, &shown);
    locum_text_add_char(&text, '\n');
}

static int
load(const char *yaml, struct locum_nsd_settings *ret)
{
    char path[] = "/tmp/settings-XXXXXX.yaml";
    const int fd = mkstemps(path, 5);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, yaml, strlen(yaml)), strlen(yaml));
    assert_int_equal(close(fd), 0);
    reported[0] = '\0';
    const int status = locum_nsd_settings_load(path, NULL, report, NULL, ret);
    assert_int_equal(unlink(path), 0);
    if (status == 0) {
        locum_nsd_settings_free(ret);
    }
    return status;
}

static void
test_smallest_file_gets_the_defaults(void **state)
{
    (void)state;
    struct locum_nsd_settings settings;
    assert_int_equal(load("{}\n", &settings), 0);
    assert_string_equal(settings.coordinator, "/run/locum/control.sock");
    assert_int_equal(settings.lost_ms, 10000);
    assert_string_equal(settings.zone, ""); /* every zone of the coordinator */
    assert_string_equal(settings.state_dir, "/var/lib/locum-nsd");
    assert_string_equal(settings.nsd_config, "/etc/nsd/nsd.conf");
    assert_string_equal(settings.zonefile, ""); /* the one of nsd.conf */
    assert_int_equal(settings.address.port, 53);
    assert_string_equal(settings.pattern, "locum");
    assert_string_equal(reported, "");
}

static void
test_every_key_is_read(void **state)
{
    (void)state;
    struct locum_nsd_settings settings;
    assert_int_equal(
        load("coordinator: /c.sock\ncoordinator-lost: 30s\nzone: Get.example.org\n"
             "state-dir: s\nnsd:\n  config: /n.conf\n  zonefile: z\n  address: \"[::1]:5353\"\n"
             "  pattern: mine\n",
             &settings),
        0);
    assert_string_equal(settings.coordinator, "/c.sock");
    assert_int_equal(settings.lost_ms, 30000);
    assert_string_equal(settings.nsd_config, "/n.conf");
    assert_string_equal(settings.zone, "get.example.org.");
    assert_string_equal(settings.state_dir, "/tmp/s");
    assert_string_equal(settings.zonefile, "/tmp/z"); /* relative to the file */
    assert_int_equal(settings.address.family, LOCUM_V6);
    assert_int_equal(settings.address.port, 5353);
    assert_string_equal(settings.pattern, "mine");
}

static void
test_all_errors_are_reported_with_their_place(void **state)
{
    (void)state;
    struct locum_nsd_settings settings;
    assert_int_not_equal(load("zone: get..org\nzon: x\ncoordinator-lost: 1s\nzone: y\n"
                              "nsd: {address: \"127.0.0.1\", file: z, config: [a]}\n",
                              &settings),
                         0);
    static const char *const expected[] = {
        ":1:7: error: zone: \"get..org\"",
        ":2:1: error: key \"zon\"",
        ":3:19: error: coordinator-lost: \"1s\"",
        ":4:1: error: key \"zone\" is already used at line 1",
        ":5:16: error: address: \"127.0.0.1\"",
        ":5:29: error: key \"file\"",
        ":5:46: error: config: found a list",
    };
    for (size_t i = 0; i < LOCUM_COUNT(expected); i++) {
        if (strstr(reported, expected[i]) == NULL) {
            print_message("%s\nnot in:\n%s", expected[i], reported);
            fail();
        }
    }
    assert_int_not_equal(load("nsd: {zonefile: z}\n", &settings), 0);
    assert_non_null(strstr(reported, ":1:17: error: zonefile: it needs `zone`"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_smallest_file_gets_the_defaults),
        cmocka_unit_test(test_every_key_is_read),
        cmocka_unit_test(test_all_errors_are_reported_with_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
