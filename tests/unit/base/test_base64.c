/* base64: RFC 4648. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/error.h"

/* Section 10. */
static void
test_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *plain, *text, *url;
    } rows[] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xfb\xff\xbf", "+/+/", "-_-_"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        uint8_t bytes[16];
        char buffer[32];
        size_t length = 99;
        struct locum_text text = locum_text_init(buffer, sizeof(buffer));
        assert_int_equal(
            locum_base64_decode(locum_slice_of(rows[i].text), bytes, sizeof(bytes), &length), 0);
        assert_int_equal(length, strlen(rows[i].plain));
        assert_memory_equal(bytes, rows[i].plain, length);
        locum_base64_add_url(&text, bytes, length);
        assert_string_equal(buffer, rows[i].url);
    }
}

static void
test_what_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"Z",        "Zg",   "Zg=",  "Z===",    "Zm9v\n",
                                        "Zm 9v===", "Zm-_", "=Zg=", "Zg==Zg=="};
    uint8_t bytes[16];
    size_t length;
    for (size_t i = 0; i < LOCUM_COUNT(wrong); i++) {
        if (locum_base64_decode(locum_slice_of(wrong[i]), bytes, sizeof(bytes), &length) !=
            LOCUM_ERR_INVALID) {
            fail_msg("%s", wrong[i]);
        }
    }
    assert_int_equal(locum_base64_decode(locum_slice_of("Zm9v"), bytes, 2, &length),
                     LOCUM_ERR_SPACE);
    assert_int_equal(locum_base64_decode(locum_slice_of("Zm9v"), bytes, 3, &length), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
