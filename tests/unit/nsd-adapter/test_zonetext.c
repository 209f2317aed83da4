#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nsd-adapter/zonetext.h"

#define SOA                                                                                        \
    "get.example.org.\t60\tIN\tSOA\tns.example.org. hm.example.org. 100 3600 600 604800 15\n"
#define REST "get.example.org.\t60\tIN\tA\t192.0.2.12\n"

static int
read_text(const char *text, struct locum_nsd_zonetext *ret, const char **why)
{
    return locum_nsd_zonetext_read(locum_slice_of(text), "get.example.org.", ret, why);
}

static void
test_digest_leaves_out_the_serial(void **state)
{
    (void)state;
    struct locum_nsd_zonetext a;
    struct locum_nsd_zonetext b;
    const char *why;
    char *text;
    assert_int_equal(read_text(SOA REST, &a, &why), 0);
    assert_int_equal(a.serial, 100);
    assert_false(a.is_signed);
    assert_int_equal(locum_nsd_zonetext_render(&a, UINT32_MAX, &text), 0);
    assert_non_null(strstr(text, " 4294967295 3600 "));
    assert_non_null(strstr(text, REST));
    assert_int_equal(read_text(text, &b, &why), 0);
    assert_int_equal(b.serial, UINT32_MAX);
    assert_true(a.digest == b.digest);
    free(text);
    assert_int_equal(read_text(SOA "get.example.org.\t60\tIN\tA\t192.0.2.13\n", &b, &why), 0);
    assert_true(a.digest != b.digest);
}

static void
test_signature_is_noticed(void **state)
{
    (void)state;
    struct locum_nsd_zonetext read;
    const char *why;
    assert_int_equal(read_text(SOA REST
                               "get.example.org.\t60\tIN\tRRSIG\tSOA 13 3 60 2 1 7 x. y=\n",
                               &read, &why),
                     0);
    assert_true(read.is_signed);
    assert_int_equal(read.expires_s, 0); /* "1" is no time */
    assert_int_equal(read_text(SOA "get.example.org.\t60\tIN\tTXT\t\"RRSIG\"\n", &read, &why), 0);
    assert_false(read.is_signed);
}

/* The first signature's end is that of all. */
static void
test_end_of_the_signatures_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *digits;
        int64_t expires_s;
    } rows[] = {
        {"20261213000000", 1797120000},
        {"21060207062815", 4294967295},
        {"20261313000000", 0}, /* a 13th month */
        {"2026121300000", 0},
        {"202612130000000", 0},
        {"2026121300000x", 0},
        {"19691231235959", 0},
        {"1797120000", 0},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        char text[512];
        struct locum_nsd_zonetext read;
        const char *why;
        (void)snprintf(text, sizeof(text),
                       SOA "get.example.org.\t60\tIN\tRRSIG\tSOA 13 3 60 %s 20261128000000 7 x. "
                           "y=\n"
                           "get.example.org.\t60\tIN\tRRSIG\tA 13 3 60 20300101000000 1 7 x. y=\n",
                       rows[i].digits);
        assert_int_equal(read_text(text, &read, &why), 0);
        assert_true(read.is_signed);
        assert_int_equal(read.expires_s, rows[i].expires_s);
    }
}

static void
test_other_texts_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "\n",
        REST,
        ("$TTL 60\n" SOA),
        "other.example.org. 60 IN SOA a. b. 1 2 3 4 5\n",
        "get.example.org. 60 IN SOA a. b. x 2 3 4 5\n",
        "get.example.org. 60 IN SOA a. b. 4294967296 2 3 4 5\n",
        "get.example.org. 60 IN SOA a. b. ( 1 2 3 4 5 )\n",
        "get.example.org. 60 IN SOA a. b. 1 2 3 4\n",
    };
    for (size_t i = 0; i < LOCUM_COUNT(bad); i++) {
        struct locum_nsd_zonetext read;
        const char *why = NULL;
        assert_int_not_equal(read_text(bad[i], &read, &why), 0);
        assert_non_null(why);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digest_leaves_out_the_serial),
        cmocka_unit_test(test_signature_is_noticed),
        cmocka_unit_test(test_end_of_the_signatures_is_read),
        cmocka_unit_test(test_other_texts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
