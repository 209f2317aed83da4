#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/backoff.h"

enum { HALF = 0, WHOLE = 1 };

/* Randomness that picks the ends of [half, bound]. */
static uint32_t
random_for(locum_ms bound, int end)
{
    return end == HALF ? 0 : (uint32_t)(bound - bound / 2);
}

static void
test_the_bound_doubles_up_to_the_cap(void **state)
{
    (void)state;
    static const locum_ms bounds[] = {200, 400, 800, 1000, 1000, 1000};
    for (int end = HALF; end <= WHOLE; end++) {
        struct locum_backoff backoff = {.first_ms = 200, .max_ms = 1000};
        for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
            const locum_ms expected = end == HALF ? bounds[i] / 2 : bounds[i];
            assert_int_equal(locum_backoff_next(&backoff, random_for(bounds[i], end)), expected);
        }
    }
}

static void
test_reset_starts_at_the_first_bound(void **state)
{
    (void)state;
    struct locum_backoff backoff = {.first_ms = 200, .max_ms = 60000};
    for (int i = 0; i < 20; i++) {
        (void)locum_backoff_next(&backoff, 7);
    }
    assert_int_equal(locum_backoff_next(&backoff, 0), 30000);
    locum_backoff_reset(&backoff);
    assert_int_equal(locum_backoff_next(&backoff, 0), 100);
}

static void
test_every_wait_is_within_its_bound(void **state)
{
    (void)state;
    uint32_t random = 1;
    for (int run = 0; run < 1000; run++) {
        struct locum_backoff backoff = {.first_ms = 1, .max_ms = 777};
        locum_ms bound = 1;
        for (int i = 0; i < 15; i++) {
            random = random * 1664525u + 1013904223u; /* Knuth's, Numerical Recipes */
            const locum_ms wait = locum_backoff_next(&backoff, random);
            assert_in_range(wait, bound / 2, bound);
            bound = bound * 2 > 777 ? 777 : bound * 2;
        }
    }
}

static void
test_large_bounds_do_not_overflow(void **state)
{
    (void)state;
    struct locum_backoff backoff = {.first_ms = INT64_MAX / 2, .max_ms = INT64_MAX - 1};
    assert_true(locum_backoff_next(&backoff, UINT32_MAX) > 0);
    assert_true(locum_backoff_next(&backoff, UINT32_MAX) > 0);
    assert_true(locum_backoff_next(&backoff, UINT32_MAX) > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_bound_doubles_up_to_the_cap),
        cmocka_unit_test(test_reset_starts_at_the_first_bound),
        cmocka_unit_test(test_every_wait_is_within_its_bound),
        cmocka_unit_test(test_large_bounds_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
