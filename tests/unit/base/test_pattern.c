/* pattern: expressions that are taken, those that are refused, and what they find. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/pattern.h"

static void
test_found(void **state)
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
        char buffer[100];
        struct locum_text why = locum_text_init(buffer, sizeof(buffer));
        regex_t pattern;
        assert_int_equal(locum_pattern_compile(rows[i].expression, &pattern, &why), 0);
        assert_string_equal(buffer, "");
        const bool found = locum_pattern_found(
            &pattern, (struct locum_slice){.at = rows[i].text, .length = rows[i].length});
        if (found != rows[i].found) {
            fail_msg("row %zu: %s", i, rows[i].expression);
        }
        regfree(&pattern);
    }
    regex_t pattern;
    char buffer[100];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    assert_int_equal(locum_pattern_compile("^$", &pattern, &why), 0);
    assert_true(locum_pattern_found(&pattern, (struct locum_slice){0}));
    regfree(&pattern);
}

static void
test_refused(void **state)
{
    static const struct {
        const char *expression, *why;
    } rows[] = {
        {"a(b", "Unmatched ( or \\("},
        {"[a", "Unmatched [, [^, [:, [., or [="},
        {"*", "Invalid preceding regular expression"},
        {"a\\", "Trailing backslash"},
        {"(a*)*\\1b", "a reference to a group takes too long to search"},
        {"(a{1,255}){1,255}b", "the counts in braces multiply to more than 1000"},
        {"a{0,99999999999999999999}", "the counts in braces multiply to more than 1000"},
        {"((a{1,10}){,10}){10}", NULL},
        {"((a{1,10}){,10}){11}", "the counts in braces multiply to more than 1000"},
        {"a{0}{0}", NULL},
        {"a{2,1}", "Invalid content of \\{\\}"},
    };
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        char buffer[100];
        struct locum_text why = locum_text_init(buffer, sizeof(buffer));
        regex_t pattern;
        const int status = locum_pattern_compile(rows[i].expression, &pattern, &why);
        if ((status == 0) != (rows[i].why == NULL)) {
            fail_msg("row %zu: %s: %s", i, rows[i].expression, buffer);
        }
        assert_string_equal(buffer, rows[i].why != NULL ? rows[i].why : "");
        if (status == 0) {
            regfree(&pattern);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
