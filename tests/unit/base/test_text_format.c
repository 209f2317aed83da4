/* text_format: printf into a text, and what happens at the end of the buffer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/address.h"
#include "base/text_format.h"

static void
test_format_appends(void **state)
{
    char buffer[64];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    const struct locum_slice slice = {.at = "abcdef", .length = 3};
    (void)state;
    locum_text_add(&text, "a=");
    locum_text_format(&text, "%d %s %.*s", -3, "x", LOCUM_SLICE(slice));
    locum_text_add(&text, ";");
    assert_string_equal(buffer, "a=-3 x abc;");
    assert_int_equal(text.length, 11);
    assert_false(text.truncated);
}

static void
test_text_that_does_not_fit_is_cut_and_ends_the_text(void **state)
{
    char buffer[6];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    (void)state;
    locum_text_format(&text, "%s", "abc");
    assert_false(text.truncated);
    locum_text_format(&text, "%s", "defg");
    assert_true(text.truncated);
    assert_string_equal(buffer, "abcde");
    assert_int_equal(text.length, 5);
    locum_text_format(&text, "%s", "");
    assert_string_equal(buffer, "abcde");
}

static void
test_text_is_cut_between_characters_of_utf8(void **state)
{
    static const struct {
        const char *text, *cut; /* to 5 bytes */
    } cases[] = {{"abcd\xc3\xbc", "abcd"},
                 {"abc\xc3\xbcx", "abc\xc3\xbc"},
                 {"abc\xe2\x82\xac", "abc"},
                 {"ab\xf0\x9f\x98\x80", "ab"},
                 {"a\xf0\x9f\x98\x80x", "a\xf0\x9f\x98\x80"},
                 {"\x80\x80\x80\x80\x80\x80", "\x80\x80\x80\x80\x80"}};
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        char buffer[6];
        assert_false(locum_text_format_buffer(buffer, sizeof(buffer), "%s", cases[i].text));
        assert_string_equal(buffer, cases[i].cut);
    }
}

static void
test_text_that_just_fits_is_whole(void **state)
{
    char buffer[4];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    (void)state;
    locum_text_format(&text, "%s", "abc");
    assert_false(text.truncated);
    assert_string_equal(buffer, "abc");
}

static void
test_format_buffer_replaces_and_says_if_all_fits(void **state)
{
    char buffer[4] = "old";
    (void)state;
    assert_true(locum_text_format_buffer(buffer, sizeof(buffer), "%u", 123U));
    assert_string_equal(buffer, "123");
    assert_false(locum_text_format_buffer(buffer, sizeof(buffer), "%u", 4567U));
    assert_string_equal(buffer, "456");
}

static void
test_addresses_times_and_durations_have_texts(void **state)
{
    char buffer[128];
    struct locum_address address;
    (void)state;
    assert_int_equal(locum_address_parse_port(locum_slice_of("[2001:db8::1]:53"), &address), 0);
    assert_true(locum_text_format_buffer(buffer, sizeof(buffer), "%s %s %s %s",
                                         locum_address_text(&address).text,
                                         locum_address_host_text(&address).text,
                                         locum_text_duration(90000).text, locum_text_time(0).text));
    assert_string_equal(buffer, "[2001:db8::1]:53 2001:db8::1 90s 1970-01-01T00:00:00.000Z");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format_appends),
        cmocka_unit_test(test_text_that_does_not_fit_is_cut_and_ends_the_text),
        cmocka_unit_test(test_text_is_cut_between_characters_of_utf8),
        cmocka_unit_test(test_text_that_just_fits_is_whole),
        cmocka_unit_test(test_format_buffer_replaces_and_says_if_all_fits),
        cmocka_unit_test(test_addresses_times_and_durations_have_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
