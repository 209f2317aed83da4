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
test_the_words_of_nsd(void **state)
{
    (void)state;
    static const struct {
        const char *reply;
        enum locum_nsd_control outcome;
        const char *why;
    } cases[] = {
        {"ok\n", LOCUM_NSD_CONTROL_OK, ""},
        {"ok", LOCUM_NSD_CONTROL_OK, ""},
        {"zone get.example.org already exists\nok\n", LOCUM_NSD_CONTROL_OK, ""},
        {"error zone get.example.org not configured\n", LOCUM_NSD_CONTROL_NO_ZONE, ""},
        {"error pattern locum does not exist\n", LOCUM_NSD_CONTROL_FAILED,
         "NSD says: error pattern locum does not exist"},
        {"ok\nerror later\n", LOCUM_NSD_CONTROL_FAILED, "NSD says: ok"},
        {"error \x1b[2J\n", LOCUM_NSD_CONTROL_FAILED, "NSD says: error ?[2J"},
        {"", LOCUM_NSD_CONTROL_FAILED, "NSD closed the control connection without a word"},
        {"\n\n", LOCUM_NSD_CONTROL_FAILED, "NSD closed the control connection without a word"},
        {"okay\n", LOCUM_NSD_CONTROL_FAILED, "NSD says: okay"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        char buffer[300];
        struct locum_text why = locum_text_init(buffer, sizeof(buffer));
        assert_int_equal(locum_nsd_reply_read(locum_slice_of(cases[i].reply), &why),
                         cases[i].outcome);
        assert_string_equal(buffer, cases[i].why);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_words_of_nsd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
