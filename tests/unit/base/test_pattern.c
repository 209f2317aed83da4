/* pattern: which expressions are accepted, and what they find. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/pattern.h"

static void
test_expressions_match_as_grep_e_does(void **state)
{
    static const struct {
        const char *expression, *text;
        size_t length;
        bool found;
    } rows[] = {
        {"^ok$", "ok\n", 3, true},
        {"^ok$", "first\nok\nlast", 13, true}, /* line by line, as grep */
        {"^ok$", "not ok", 6, false},
        {"a.b", "a\nb", 3, false},
        {"b", "a\0b", 3, true},   /* behind a NUL too */
        {"ab", "abab", 1, false}, /* the text ends where its length says */
        {"^$", "", 0, true},
        {"x", "", 0, false},
        {"://fallback[0-9]{1,2}\\.", "http://fallback12.example/f", 27, true},
        {"(m1|m2)\\.example", "http://m3.example/f", 19, false},
        {"\\\\1", "\\1", 2, true}, /* an escaped backslash is no reference */
    };
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        const enum locum_pattern_result result = locum_pattern_search(
            rows[i].expression, (struct locum_slice){.at = rows[i].text, .length = rows[i].length});
        if (result != (rows[i].found ? LOCUM_PATTERN_FOUND : LOCUM_PATTERN_ABSENT)) {
            fail_msg("row %zu: %s", i, rows[i].expression);
        }
    }
    assert_int_equal(locum_pattern_search("^$", (struct locum_slice){0}), LOCUM_PATTERN_FOUND);
}

/* The end of a piece is not the end of a line. */
static void
test_match_is_found_anywhere_in_a_text_of_several_pieces(void **state)
{
    static const struct {
        const char *expression;
        char next; /* behind the needle */
        bool found;
    } rows[] = {
        {"needle", 'b', true},    {"needle$", 'b', false}, {"needle$", '\n', true},
        {"^needle", 'b', false},  {"a$", 'b', false},      {"need?le", '\n', true},
        {"^needle", '\n', false},
    };
    enum { LENGTH = 3 * LOCUM_PATTERN_PIECE_BYTES };
    static char text[LENGTH + 1]; /* a sanitizer looks for an end */
    (void)state;
    for (size_t at = 1; at + 7 < LENGTH; at++) {
        memset(text, 'a', LENGTH);
        memcpy(text + at, "needle", 6);
        text[LENGTH - 1] = 'b';
        for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
            text[at + 6] = rows[i].next;
            const enum locum_pattern_result result =
                locum_pattern_search(rows[i].expression, (struct locum_slice){text, LENGTH});
            if (result != (rows[i].found ? LOCUM_PATTERN_FOUND : LOCUM_PATTERN_ABSENT)) {
                fail_msg("row %zu: %s at %zu", i, rows[i].expression, at);
            }
        }
    }
}

/* Harmless expressions on long lines once took the matcher many seconds, odd ones much memory. */
static void
test_search_time_is_limited(void **state)
{
    static const char *const expressions[] = {"x.*ok", "[a-z]+@[a-z]+", "x.*a.{100}k",
                                              "x.*(a.{10}){10}k", "((x|a).*){100}k"};
    enum { LENGTH = 65536 };
    static char text[LENGTH + 1]; /* a sanitizer looks for an end */
    uint32_t seed = 1;
    (void)state;
    for (size_t i = 0; i < LENGTH; i++) {
        seed = seed * 1664525 + 1013904223;
        text[i] = "axxbc"[(seed >> 16) % 5];
    }
    for (size_t i = 0; i < LOCUM_COUNT(expressions); i++) {
        const clock_t begin = clock(); /* of the processor: others may be at work here too */
        assert_int_not_equal(
            locum_pattern_search(expressions[i], (struct locum_slice){text, LENGTH}),
            LOCUM_PATTERN_FOUND);
        assert_in_range(clock() - begin, 0, CLOCKS_PER_SEC);
    }
}

static void
test_expressions_without_a_limit_are_refused(void **state)
{
    static const struct {
        const char *expression, *why;
    } rows[] = {
        {"a(b", "Unmatched ( or \\("},
        {"[a", "Unmatched [, [^, [:, [., or [="},
        {"*", "Invalid preceding regular expression"},
        {"a\\", "Trailing backslash"},
        {"(a*)*\\1b", "a back-reference takes too long to search"},
        {"(a{1,255}){1,255}b", "the counts in braces multiply to more than 100"},
        {"a{0,99999999999999999999}", "the counts in braces multiply to more than 100"},
        {"(a{1,10}){,10}", NULL},
        {"((a{1,10}){,10}){2}", "the counts in braces multiply to more than 100"},
        {"a{0}{0}", NULL},
        {"a{2,1}", "Invalid content of \\{\\}"},
    };
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        char buffer[100];
        struct locum_text why = locum_text_init(buffer, sizeof(buffer));
        const int status = locum_pattern_check(rows[i].expression, &why);
        if ((status == 0) != (rows[i].why == NULL)) {
            fail_msg("row %zu: %s: %s", i, rows[i].expression, buffer);
        }
        assert_string_equal(buffer, rows[i].why != NULL ? rows[i].why : "");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expressions_match_as_grep_e_does),
        cmocka_unit_test(test_match_is_found_anywhere_in_a_text_of_several_pieces),
        cmocka_unit_test(test_search_time_is_limited),
        cmocka_unit_test(test_expressions_without_a_limit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
