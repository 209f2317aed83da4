#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nsd-adapter/reply.h"

static void
test_replies_of_nsd_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *reply;
        enum locum_nsd_reply outcome;
        const char *why;
    } cases[] = {
        {"ok\n", LOCUM_NSD_REPLY_OK, ""},
        {"ok", LOCUM_NSD_REPLY_OK, ""},
        {"zone get.example.org already exists\nok\n", LOCUM_NSD_REPLY_OK, ""},
        {"error zone get.example.org not configured\n", LOCUM_NSD_REPLY_NO_ZONE, ""},
        {"error pattern locum does not exist\n", LOCUM_NSD_REPLY_FAILED,
         "error pattern locum does not exist"},
        {"ok\nerror later\n", LOCUM_NSD_REPLY_FAILED, ": ok"},
        {"error \x1b[2J\n", LOCUM_NSD_REPLY_FAILED, "error ?[2J"},
        {"", LOCUM_NSD_REPLY_FAILED, "without a reply"},
        {"\n\n", LOCUM_NSD_REPLY_FAILED, "without a reply"},
        {"okay\n", LOCUM_NSD_REPLY_FAILED, ": okay"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        char buffer[300];
        struct locum_text why = locum_text_init(buffer, sizeof(buffer));
        assert_int_equal(locum_nsd_reply_read(locum_slice_of(cases[i].reply), &why),
                         cases[i].outcome);
        assert_non_null(strstr(buffer, cases[i].why));
        assert_true(cases[i].why[0] != '\0' || buffer[0] == '\0');
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies_of_nsd_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
