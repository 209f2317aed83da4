#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "base/error.h"

static void
test_every_code_has_its_own_text(void **state)
{
    (void)state;
    for (int code = 0; code >= LOCUM_ERR_IO; code--) {
        assert_string_not_equal(locum_error_text(code), "unknown error");
        for (int other = 0; other > code; other--) {
            assert_string_not_equal(locum_error_text(code), locum_error_text(other));
        }
    }
    assert_string_equal(locum_error_text(LOCUM_ERR_IN_USE), "address already in use");
    assert_string_equal(locum_error_text(LOCUM_ERR_IO - 1), "unknown error");
    assert_string_equal(locum_error_text(1), "unknown error");
}

static void
test_errno_values_are_mapped(void **state)
{
    (void)state;
    static const struct {
        int errno_value, code;
    } cases[] = {
        {0, LOCUM_OK},
        {ENOMEM, LOCUM_ERR_MEMORY},
        {EINVAL, LOCUM_ERR_INVALID},
        {ERANGE, LOCUM_ERR_RANGE},
        {ENOSPC, LOCUM_ERR_SPACE},
        {EDQUOT, LOCUM_ERR_SPACE},
        {EACCES, LOCUM_ERR_DENIED},
        {EPERM, LOCUM_ERR_DENIED},
        {EROFS, LOCUM_ERR_DENIED},
        {ENOENT, LOCUM_ERR_NOT_FOUND},
        {ENOTDIR, LOCUM_ERR_NOT_FOUND},
        {EADDRINUSE, LOCUM_ERR_IN_USE},
        {ECONNREFUSED, LOCUM_ERR_UNREACHABLE},
        {ECONNRESET, LOCUM_ERR_UNREACHABLE},
        {EHOSTUNREACH, LOCUM_ERR_UNREACHABLE},
        {ENETUNREACH, LOCUM_ERR_UNREACHABLE},
        {EADDRNOTAVAIL, LOCUM_ERR_UNREACHABLE},
        {ETIMEDOUT, LOCUM_ERR_TIMEOUT},
        {EMFILE, LOCUM_ERR_IO},
        {-1, LOCUM_ERR_IO},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(locum_error_from_errno(cases[i].errno_value), cases[i].code);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_has_its_own_text),
        cmocka_unit_test(test_errno_values_are_mapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
