/* hmac: the test cases of RFC 4231, each also in two pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hmac.h"
#include "base/text.h"

static void
check(const struct locum_hmac_key *key, const uint8_t *data, size_t length, size_t cut,
      const char *hex)
{
    uint8_t expected[LOCUM_HMAC_BYTES_MAX];
    uint8_t mac[LOCUM_HMAC_BYTES_MAX];
    const size_t bytes = locum_hmac_length(key->hash);
    struct locum_hmac hmac;
    assert_int_equal(locum_slice_hex(locum_slice_of(hex), expected, bytes), 0);
    locum_hmac_begin(&hmac, key);
    locum_hmac_add(&hmac, data, cut);
    locum_hmac_add(&hmac, data + cut, length - cut);
    locum_hmac_end(&hmac, mac);
    assert_memory_equal(mac, expected, bytes);
    assert_true(locum_hmac_equal(mac, expected, bytes));
    mac[bytes - 1] ^= 1;
    assert_false(locum_hmac_equal(mac, expected, bytes));
}

static void
test_rfc_4231(void **state)
{
    (void)state;
    static const struct {
        uint8_t key_byte;
        size_t key_length;
        const char *key, *data, *sha256, *sha512;
    } cases[] = {
        {0x0b, 20, NULL, "Hi There",
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
         "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
         "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"},
        {0, 4, "Jefe", "what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
         "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
         "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
        {0xaa, 131, NULL, "Test Using Larger Than Block-Size Key - Hash Key First",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
         "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
         "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        uint8_t secret[131];
        struct locum_hmac_key key;
        memset(secret, cases[i].key_byte, sizeof(secret));
        if (cases[i].key != NULL) {
            memcpy(secret, cases[i].key, cases[i].key_length);
        }
        for (int hash = 0; hash < 2; hash++) {
            const size_t length = strlen(cases[i].data);
            const char *hex = hash == LOCUM_HMAC_SHA256 ? cases[i].sha256 : cases[i].sha512;
            locum_hmac_key_init(&key, (enum locum_hmac_hash)hash, secret, cases[i].key_length);
            for (size_t cut = 0; cut <= length; cut += length / 2) {
                check(&key, (const uint8_t *)cases[i].data, length, cut, hex);
            }
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rfc_4231)};
    return cmocka_run_group_tests_name("base/hmac", tests, NULL, NULL);
}
