/* clock: what the kernel says of the wall clock. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/timex.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/text.h"

static int result, status;

/* In place of the one in the C library. */
int
adjtimex(struct timex *buf)
{
    assert_int_equal(buf->modes, 0); /* it must not set anything */
    buf->status = status;
    errno = EPERM;
    return result;
}

static void
test_the_clock_is_synchronised_as_the_kernel_says(void **state)
{
    static const struct {
        int result, status;
        bool synchronised;
    } cases[] = {
        {TIME_OK, STA_PLL, true},
        {TIME_INS, STA_INS, true},
        {TIME_ERROR, STA_UNSYNC, false},
        {TIME_OK, STA_UNSYNC, false},
        {-1, 0, false}, /* a sandbox that forbids it */
    };
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        result = cases[i].result;
        status = cases[i].status;
        assert_int_equal(locum_clock_is_synchronised(), cases[i].synchronised);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_clock_is_synchronised_as_the_kernel_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
