/* Foreign text is printable and short, and has no secret in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/foreign.h"

static char buffer[256];

static const char *
shown(const char *foreign, size_t max)
{
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_foreign_add(&text, locum_slice_of(foreign), max);
    return buffer;
}

static void
test_it_is_printable_and_short(void **state)
{
    (void)state;
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_foreign_add(&text, (struct locum_slice){.at = "a b\x1b[2J\xc3\0", .length = 9}, 9);
    assert_string_equal(buffer, "a b?[2J??");
    assert_string_equal(shown("12345", 4), "1234...");
    assert_string_equal(shown("1234", 4), "1234");
}

static void
test_secrets_are_hidden(void **state)
{
    (void)state;
    static const struct {
        const char *foreign, *want;
    } rows[] = {
        {"args 'user' 'Tr0ub4dor&3 x'", "args 'user' '***'"},
        {"TR0UB4DOR&3 Xtr0ub4dor&3 x", "******"},
        {"'Tr0ub4do", "'***"}, /* cut by the server */
        {"'Tr0ub4do'", "'***'"},
        {"'Tr0ub4d'", "'Tr0ub4d'"},
        {"a pw b", "a *** b"}, /* a short one */
        {"p", "p"},
        {"", ""},
    };
    locum_foreign_hide(locum_slice_of("Tr0ub4dor&3 x"));
    locum_foreign_hide(locum_slice_of("pw"));
    locum_foreign_hide(locum_slice_of(""));
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        assert_string_equal(shown(rows[i].foreign, 96), rows[i].want);
    }
    assert_string_equal(shown("1234Tr0ub4dor&3 x56", 8), "1234***5...");
    assert_string_equal(shown("1234Tr0ub4dor&3 x", 7), "1234***");
    assert_string_equal(shown("1234Tr0ub4dor&3 x", 5), "1234***"); /* never a part of it */
}

/* What looks like a key is hidden: hex or base64 digits, not one character again and again. */
static void
test_keys_are_hidden(void **state)
{
    (void)state;
    assert_string_equal(shown("x 0123456789abcdef0123456789abcdef01234567.", 96), "x ***.");
    assert_string_equal(shown("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj/+==", 96), "***");
    assert_string_equal(shown("yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy", 96),
                        "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy");
    assert_string_equal(shown("0123456789abcdef0123456789abcdef0123456", 96),
                        "0123456789abcdef0123456789abcdef0123456");
}

/* The passwords of two configurations, and sixteen cluster secrets. */
static void
test_a_secret_stays_hidden_after_a_reload(void **state)
{
    (void)state;
    char secret[32];
    locum_foreign_hide(locum_slice_of("first password"));
    for (int i = 0; i < LOCUM_FOREIGN_SECRETS_MAX - 1; i++) {
        (void)snprintf(secret, sizeof(secret), "%d is another", i);
        locum_foreign_hide(locum_slice_of(secret));
        locum_foreign_hide(locum_slice_of(secret));
    }
    assert_string_equal(shown("first password", 96), "***");
    locum_foreign_hide(locum_slice_of("one more"));
    assert_string_equal(shown("one more", 96), "***");
}

/* Many later secrets push out those that no reload has named since, and no other one. */
static void
test_a_secret_that_each_reload_names_is_never_forgotten(void **state)
{
    char later[16];
    (void)state;
    for (int i = 0; i < 3 * LOCUM_FOREIGN_SECRETS_MAX; i++) {
        (void)snprintf(later, sizeof(later), "rotated-%d", i);
        locum_foreign_hide(locum_slice_of("constant-one"));
        locum_foreign_hide(locum_slice_of(later));
    }
    assert_string_equal(shown("a constant-one b", 96), "a *** b");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_printable_and_short),
        cmocka_unit_test(test_secrets_are_hidden),
        cmocka_unit_test(test_keys_are_hidden),
        cmocka_unit_test(test_a_secret_stays_hidden_after_a_reload),
        cmocka_unit_test(test_a_secret_that_each_reload_names_is_never_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
