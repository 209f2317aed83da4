/* token: what a client of acme.listen sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/queue.h>

#include <cmocka.h>

#include "control/token.h"

#define LONGEST                                                                                    \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"                             \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"                             \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"                             \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"

static void
test_forms(void **state)
{
    (void)state;
    static const struct {
        const char *authorization, *key, *token; /* token NULL: none is found */
    } rows[] = {
        {NULL, NULL, NULL},
        {NULL, "token", "token"},
        {NULL, LONGEST, LONGEST},
        {NULL, LONGEST "f", NULL},
        {"Bearer token", NULL, "token"},
        {"bEARER   token", NULL, "token"},
        {"Bearer " LONGEST, NULL, LONGEST},
        {"Bearer " LONGEST "f", NULL, NULL},
        {"Bearertoken", NULL, NULL},
        {"Basic bGVnbzp0b2tlbg==", NULL, "token"},
        {"basic OnRva2Vu", NULL, "token"},
        {"Basic dTp0Om8=", NULL, "t:o"},    /* only the first colon ends the user */
        {"Basic dG9rZW4=", NULL, NULL},     /* no colon */
        {"Basic OnRvAGtlbg==", NULL, NULL}, /* a NUL */
        {"Basic token", NULL, NULL},
        {"Digest token", NULL, NULL},
        {"", "token", NULL},
        {"Bearer other", "token", "other"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        struct evkeyvalq headers = TAILQ_HEAD_INITIALIZER(headers);
        char token[LOCUM_TOKEN_MAX + 1] = "";
        if (rows[i].authorization != NULL) {
            assert_int_equal(evhttp_add_header(&headers, "Authorization", rows[i].authorization),
                             0);
        }
        if (rows[i].key != NULL) {
            assert_int_equal(evhttp_add_header(&headers, "X-Api-Key", rows[i].key), 0);
        }
        if (locum_token_find(&headers, token) != (rows[i].token != NULL) ||
            (rows[i].token != NULL && strcmp(token, rows[i].token) != 0)) {
            fail_msg("row %zu: %s", i, token);
        }
        evhttp_clear_headers(&headers);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_forms)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
