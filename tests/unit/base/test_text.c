#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/text.h"

static char buffer[128];

static struct locum_text
fresh(void)
{
    return locum_text_init(buffer, sizeof(buffer));
}

static void
test_values_are_appended(void **state)
{
    (void)state;
    struct locum_text text = fresh();
    assert_string_equal(buffer, "");
    locum_text_add(&text, "a=");
    locum_text_add_char(&text, '<');
    locum_text_add_bytes(&text, "bcd", 2);
    locum_text_add_bytes(&text, "bcd", 0);
    locum_text_add_u64(&text, 0);
    locum_text_add_char(&text, ' ');
    locum_text_add_u64(&text, UINT64_MAX);
    locum_text_add_char(&text, ' ');
    locum_text_add_i64(&text, INT64_MIN);
    locum_text_add_i64(&text, -1);
    locum_text_add_i64(&text, INT64_MAX);
    locum_text_add_hex(&text, (const uint8_t *)"\x00\x9f\xff", 3);
    assert_string_equal(buffer, "a=<bc0 18446744073709551615 -9223372036854775808-1"
                                "9223372036854775807009fff");
    assert_int_equal(text.length, strlen(buffer));
    assert_false(text.truncated);
}

static void
test_a_piece_that_does_not_fit_is_left_out_whole(void **state)
{
    (void)state;
    struct locum_text text = locum_text_init(buffer, 5);
    buffer[5] = '#';
    locum_text_add(&text, "abcd");
    assert_false(text.truncated);
    assert_string_equal(buffer, "abcd");
    locum_text_add_char(&text, 'e');
    assert_true(text.truncated);
    assert_string_equal(buffer, "abcd");
    assert_int_equal(buffer[5], '#');

    text = locum_text_init(buffer, 5);
    locum_text_add(&text, "ab");
    locum_text_add(&text, "cde");
    locum_text_add(&text, "f"); /* it would fit, but a hole must not go unseen */
    assert_true(text.truncated);
    assert_string_equal(buffer, "ab");

    text = locum_text_init(buffer, 1);
    locum_text_add(&text, "");
    assert_false(text.truncated);
    locum_text_add(&text, "x");
    assert_true(text.truncated);
    assert_string_equal(buffer, "");
}

static void
test_untrusted_bytes_are_escaped(void **state)
{
    (void)state;
    struct locum_text text = fresh();
    locum_text_add_escaped(&text, "Az~ \"=\\\n\0\x7f\xc3", 11);
    assert_string_equal(buffer, "Az~\\x20\\x22\\x3d\\x5c\\x0a\\x00\\x7f\\xc3");
}

static void
test_times_are_rfc_3339(void **state)
{
    (void)state;
    static const struct {
        int64_t wall_ms;
        const char *expected;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1970-01-01T00:00:00.000Z"},
        {1763863258173, "2025-11-23T02:00:58.173Z"},
        {951782399999, "2000-02-28T23:59:59.999Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {951868800000, "2000-03-01T00:00:00.000Z"},
        {1735689599009, "2024-12-31T23:59:59.009Z"},
        {4107542400010, "2100-03-01T00:00:00.010Z"}, /* 2100 is no leap year */
        {4107456000000, "2100-02-28T00:00:00.000Z"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        assert_string_equal(locum_text_time(cases[i].wall_ms).text, cases[i].expected);
    }
}

static void
test_durations_are_written_as_they_are_read(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "0ms"},       {1, "1ms"},        {250, "250ms"},           {1000, "1s"},
        {1500, "1500ms"}, {60000, "1m"},     {90000, "90s"},           {3600000, "1h"},
        {86400000, "1d"}, {604800000, "7d"}, {36000001, "36000001ms"}, {90000000, "25h"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        const struct locum_text_value text = locum_text_duration(cases[i].ms);
        int64_t ms = -1;
        assert_string_equal(text.text, cases[i].text);
        assert_int_equal(locum_slice_duration(locum_slice_of(text.text), &ms), 0);
        assert_int_equal(ms, cases[i].ms);
    }
}

static void
test_ages_have_one_form(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "0 ms"},
        {999, "999 ms"},
        {1000, "1.0 s"},
        {59999, "59.9 s"},
        {60000, "1 min 0 s"},
        {3599999, "59 min 59 s"},
        {3600000, "1 h 0 min"},
        {86399999, "23 h 59 min"},
        {86400000, "1 d 0 h"},
        {INT64_MAX, "106751991167 d 7 h"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        assert_string_equal(locum_text_age(cases[i].ms).text, cases[i].text);
    }
}

static void
test_malformed_durations_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int error;
    } cases[] = {
        {"", LOCUM_ERR_INVALID},
        {"1", LOCUM_ERR_INVALID},
        {"s", LOCUM_ERR_INVALID},
        {"1 s", LOCUM_ERR_INVALID},
        {"-1s", LOCUM_ERR_INVALID},
        {"1.5s", LOCUM_ERR_INVALID},
        {"1S", LOCUM_ERR_INVALID},
        {"1w", LOCUM_ERR_INVALID},
        {"1ss", LOCUM_ERR_INVALID},
        {" 1s", LOCUM_ERR_INVALID},
        {"106751991168d", LOCUM_ERR_RANGE},
        {"9223372036854775808ms", LOCUM_ERR_RANGE},
        {"99999999999999999999999s", LOCUM_ERR_RANGE},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        int64_t ms = 42;
        assert_int_equal(locum_slice_duration(locum_slice_of(cases[i].text), &ms), cases[i].error);
        assert_int_equal(ms, 42);
    }
    int64_t ms = 42;
    assert_int_equal(locum_slice_duration(locum_slice_of("9223372036854775807ms"), &ms), 0);
    assert_int_equal(ms, INT64_MAX);
}

static void
test_numbers_are_digits_within_a_limit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t max;
        int status;
        uint64_t value;
    } cases[] = {
        {"0", 0, 0, 0},
        {"10", 10, 0, 10},
        {"007", 9, 0, 7},
        {"18446744073709551615", UINT64_MAX, 0, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, LOCUM_ERR_RANGE, 42},
        {"99999999999999999999999", UINT64_MAX, LOCUM_ERR_RANGE, 42},
        {"11", 10, LOCUM_ERR_RANGE, 42},
        {"", 10, LOCUM_ERR_INVALID, 42},
        {"-1", 10, LOCUM_ERR_INVALID, 42},
        {"+1", 10, LOCUM_ERR_INVALID, 42},
        {" 1", 10, LOCUM_ERR_INVALID, 42},
        {"1 ", 10, LOCUM_ERR_INVALID, 42},
        {"0x1", 10, LOCUM_ERR_INVALID, 42},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        uint64_t value = 42;
        const int status = locum_slice_u64(locum_slice_of(cases[i].text), cases[i].max, &value);
        assert_int_equal(status, cases[i].status);
        assert_int_equal(value, cases[i].value);
    }
}

static void
test_hex_digits_are_read(void **state)
{
    (void)state;
    uint8_t bytes[2] = {1, 2};
    assert_int_equal(locum_slice_hex(locum_slice_of("00g0"), bytes, 2), LOCUM_ERR_INVALID);
    assert_int_equal(locum_slice_hex(locum_slice_of("001"), bytes, 2), LOCUM_ERR_INVALID);
    assert_int_equal(locum_slice_hex(locum_slice_of("00112"), bytes, 2), LOCUM_ERR_INVALID);
    assert_int_equal(bytes[0], 1);
    assert_int_equal(locum_slice_hex(locum_slice_of("aF09"), bytes, 2), 0);
    assert_int_equal(bytes[0], 0xaf);
    assert_int_equal(bytes[1], 0x09);
}

static void
test_slices_are_compared_and_copied(void **state)
{
    (void)state;
    const struct locum_slice slice = {.at = "locum1 get", .length = 6};
    assert_true(locum_slice_is(slice, "locum1"));
    assert_false(locum_slice_is(slice, "locum"));
    assert_false(locum_slice_is(slice, "locum1 "));
    assert_true(locum_slice_starts(slice, "loc"));
    assert_true(locum_slice_starts(slice, ""));
    assert_false(locum_slice_starts(slice, "locum1 "));
    assert_int_equal(locum_slice_copy(slice, buffer, 6), LOCUM_ERR_SPACE);
    assert_int_equal(locum_slice_copy(slice, buffer, 7), 0);
    assert_string_equal(buffer, "locum1");
}

static void
test_slices_are_cut_at_a_separator(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *pieces[4];
    } cases[] = {
        {"a b c", {"a", "b", "c"}}, {"a", {"a"}},      {"", {""}},
        {"a ", {"a", ""}},          {" a", {"", "a"}}, {"  ", {"", "", ""}},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        struct locum_slice rest = locum_slice_of(cases[i].text);
        struct locum_slice piece;
        size_t count = 0;
        while (locum_slice_cut(&rest, ' ', &piece)) {
            assert_non_null(cases[i].pieces[count]);
            assert_true(locum_slice_is(piece, cases[i].pieces[count]));
            count++;
        }
        assert_null(cases[i].pieces[count]);
        assert_null(rest.at);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_appended),
        cmocka_unit_test(test_a_piece_that_does_not_fit_is_left_out_whole),
        cmocka_unit_test(test_untrusted_bytes_are_escaped),
        cmocka_unit_test(test_times_are_rfc_3339),
        cmocka_unit_test(test_durations_are_written_as_they_are_read),
        cmocka_unit_test(test_ages_have_one_form),
        cmocka_unit_test(test_malformed_durations_are_refused),
        cmocka_unit_test(test_numbers_are_digits_within_a_limit),
        cmocka_unit_test(test_hex_digits_are_read),
        cmocka_unit_test(test_slices_are_compared_and_copied),
        cmocka_unit_test(test_slices_are_cut_at_a_separator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
