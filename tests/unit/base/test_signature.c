#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/signature.h"

#define KEY_1 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_2 "4a656665000000000000000000000000000000000000000000000000000000FF"

static char folder[] = "/tmp/locum-signature-XXXXXX";
static char why_buffer[256];

static int
setup(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : 1;
}

static int
teardown(void **state)
{
    (void)state;
    (void)unlink("secret");
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : 1;
}

static int
read_secrets(const char *text, mode_t mode, struct locum_secrets *ret)
{
    struct locum_text why = locum_text_init(why_buffer, sizeof(why_buffer));
    (void)unlink("secret"); /* an earlier one may not be writable */
    const int fd = open("secret", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
    return locum_signature_read_secrets("secret", ret, &why);
}

static void
test_secret_files_are_read_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        mode_t mode;
        int status;
        const char *why;
        size_t count;
    } cases[] = {
        {KEY_1 "\n", 0600, 0, "", 1},
        {KEY_1, 0640, 0, "", 1},
        {"# new\n\n" KEY_2 "\n" KEY_1 "\n", 0400, 0, "", 2},
        {KEY_1 "\n", 0644, LOCUM_ERR_DENIED, "chmod o= secret", 0},
        {KEY_1 "\n", 0602, LOCUM_ERR_DENIED, "chmod o= secret", 0},
        {"", 0600, LOCUM_ERR_INVALID, "locum keygen", 0},
        {"# only a comment\n", 0600, LOCUM_ERR_INVALID, "locum keygen", 0},
        {KEY_1 "\nabc\n", 0600, LOCUM_ERR_INVALID, "line 2: not 64 hex digits", 0},
        {KEY_1 "0\n", 0600, LOCUM_ERR_INVALID, "line 1: not 64 hex digits", 0},
        {KEY_1 "\r\n", 0600, LOCUM_ERR_INVALID, "line 1: not 64 hex digits", 0},
        {KEY_1 "\n" KEY_1 "\n" KEY_1 "\n" KEY_1 "\n" KEY_1 "\n" KEY_1 "\n" KEY_1 "\n" KEY_1
               "\n" KEY_1 "\n",
         0600, LOCUM_ERR_RANGE, "line 9: at most 8 secrets", 0},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        struct locum_secrets secrets = {0};
        assert_int_equal(read_secrets(cases[i].text, cases[i].mode, &secrets), cases[i].status);
        assert_non_null(strstr(why_buffer, cases[i].why));
        assert_int_equal(why_buffer[0] == '\0', cases[i].status == 0);
        assert_int_equal(secrets.count, cases[i].count);
    }
}

static void
test_files_without_a_secret_are_refused(void **state)
{
    (void)state;
    struct locum_secrets secrets = {0};
    struct locum_text why = locum_text_init(why_buffer, sizeof(why_buffer));
    char large[5000];
    assert_int_equal(locum_signature_read_secrets("nothing", &secrets, &why), LOCUM_ERR_NOT_FOUND);
    assert_non_null(strstr(why_buffer, "locum keygen"));
    why = locum_text_init(why_buffer, sizeof(why_buffer));
    assert_int_equal(locum_signature_read_secrets("/tmp", &secrets, &why), LOCUM_ERR_INVALID);
    assert_string_equal(why_buffer, "not a regular file");
    memset(large, '#', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    assert_int_equal(read_secrets(large, 0600, &secrets), LOCUM_ERR_RANGE);
    assert_non_null(strstr(why_buffer, "larger than 4 KiB"));
    assert_int_equal(secrets.count, 0);
}

static void
test_generated_secret_can_be_read(void **state)
{
    (void)state;
    char first[2 * LOCUM_SECRET_BYTES + 1];
    char second[2 * LOCUM_SECRET_BYTES + 1];
    struct locum_secrets secrets;
    assert_int_equal(locum_signature_generate_secret(first), 0);
    assert_int_equal(locum_signature_generate_secret(second), 0);
    assert_string_not_equal(first, second);
    assert_int_equal(read_secrets(first, 0600, &secrets), 0);
}

/* The value was made with `openssl dgst -sha256 -mac HMAC -macopt hexkey:KEY_1`. */
static void
test_signature_equals_that_of_openssl(void **state)
{
    (void)state;
    char buffer[128];
    struct locum_secrets secrets;
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    assert_int_equal(read_secrets(KEY_1, 0600, &secrets), 0);
    locum_text_add(&text, "locum1 get");
    assert_int_equal(locum_signature_add(&secrets, &text), 0);
    assert_string_equal(
        buffer, "locum1 get hmac=dd2434a724b5e268313c45ab47a9fa6deb16792eb15ae5c76484edb6e01b93f3");
}

static void
test_any_accepted_secret_verifies(void **state)
{
    (void)state;
    char buffer[256];
    struct locum_secrets old;
    struct locum_secrets both;
    struct locum_secrets other;
    struct locum_slice signed_text = {0};
    size_t secret = 42;
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    assert_int_equal(read_secrets(KEY_1, 0600, &old), 0);
    assert_int_equal(read_secrets(KEY_2 "\n" KEY_1, 0600, &both), 0);
    assert_int_equal(read_secrets(KEY_2, 0600, &other), 0);
    locum_text_add(&text, "a text = of \"any\" kind hmac=x");
    assert_int_equal(locum_signature_add(&old, &text), 0);
    assert_int_equal(locum_signature_check(&old, locum_slice_of(buffer), &signed_text, NULL), 0);
    assert_true(locum_slice_is(signed_text, "a text = of \"any\" kind hmac=x"));
    assert_int_equal(locum_signature_check(&both, locum_slice_of(buffer), &signed_text, &secret),
                     0);
    assert_int_equal(secret, 1);
    assert_int_equal(locum_signature_check(&other, locum_slice_of(buffer), &signed_text, &secret),
                     LOCUM_ERR_SIGNATURE);
}

static void
test_any_changed_byte_is_detected(void **state)
{
    (void)state;
    char buffer[128];
    struct locum_secrets secrets;
    struct locum_slice signed_text = {0};
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    assert_int_equal(read_secrets(KEY_1, 0600, &secrets), 0);
    locum_text_add(&text, "locum1 get dc2");
    assert_int_equal(locum_signature_add(&secrets, &text), 0);
    for (size_t i = 0; i < text.length; i++) {
        buffer[i] ^= 1;
        assert_true(locum_signature_check(&secrets, locum_slice_of(buffer), &signed_text, NULL) <
                    0);
        buffer[i] ^= 1;
        const struct locum_slice cut = {.at = buffer, .length = i};
        assert_true(locum_signature_check(&secrets, cut, &signed_text, NULL) < 0);
    }
    assert_null(signed_text.at);
    assert_int_equal(locum_signature_check(&secrets, locum_slice_of(buffer), &signed_text, NULL),
                     0);
}

static void
test_signature_without_room_fails(void **state)
{
    (void)state;
    char buffer[LOCUM_SIGNATURE_BYTES + 8];
    struct locum_secrets secrets;
    assert_int_equal(read_secrets(KEY_1, 0600, &secrets), 0);
    struct locum_text text = locum_text_init(buffer, LOCUM_SIGNATURE_BYTES + 3);
    locum_text_add(&text, "abc");
    assert_int_equal(locum_signature_add(&secrets, &text), LOCUM_ERR_SPACE);
    assert_string_equal(buffer, "abc");
    text = locum_text_init(buffer, LOCUM_SIGNATURE_BYTES + 4);
    locum_text_add(&text, "abc");
    assert_int_equal(locum_signature_add(&secrets, &text), 0);
    assert_false(text.truncated);
    text = locum_text_init(buffer, sizeof(buffer));
    text.truncated = true;
    assert_int_equal(locum_signature_add(&secrets, &text), LOCUM_ERR_SPACE);
}

static void
from_hex(const char *hex, uint8_t *ret, size_t length)
{
    assert_int_equal(locum_slice_hex(locum_slice_of(hex), ret, length), 0);
}

/* RFC 7748 6.1 */
static void
test_two_key_pairs_agree_as_in_rfc_7748(void **state)
{
    (void)state;
    static const char *const hex[] = {
        "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a", /* private of Alice */
        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a", /* public of Alice */
        "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", /* private of Bob */
        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f", /* public of Bob */
        "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742", /* shared */
    };
    uint8_t key[LOCUM_COUNT(hex)][LOCUM_KEY_BYTES];
    uint8_t made[LOCUM_KEY_BYTES];
    for (size_t i = 0; i < LOCUM_COUNT(hex); i++) {
        from_hex(hex[i], key[i], LOCUM_KEY_BYTES);
    }
    for (size_t i = 0; i < 4; i += 2) {
        assert_int_equal(locum_signature_public(key[i], made), 0);
        assert_memory_equal(made, key[i + 1], sizeof(made));
        assert_int_equal(locum_signature_agree(key[i], key[3 - i], made), 0);
        assert_memory_equal(made, key[4], sizeof(made));
    }
}

/* RFC 7748 6.1 and 7: points of small order, which give the same result with every private key. */
static void
test_public_keys_of_small_order_are_refused(void **state)
{
    (void)state;
    static const char *const hex[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    static const uint8_t private_key[LOCUM_KEY_BYTES] = {1, 2, 3};
    uint8_t public_key[LOCUM_KEY_BYTES];
    uint8_t shared[LOCUM_KEY_BYTES];
    for (size_t i = 0; i < LOCUM_COUNT(hex); i++) {
        from_hex(hex[i], public_key, sizeof(public_key));
        assert_int_equal(locum_signature_agree(private_key, public_key, shared), LOCUM_ERR_INVALID);
    }
}

/* RFC 5869 A.1; a shorter key is the beginning of a longer one. */
static void
test_derived_key_equals_that_of_rfc_5869(void **state)
{
    (void)state;
    uint8_t material[22];
    uint8_t salt[13];
    uint8_t info[10];
    uint8_t expected[LOCUM_KEY_BYTES];
    uint8_t made[LOCUM_KEY_BYTES];
    memset(material, 0x0b, sizeof(material));
    from_hex("000102030405060708090a0b0c", salt, sizeof(salt));
    from_hex("f0f1f2f3f4f5f6f7f8f9", info, sizeof(info));
    from_hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf", expected,
             sizeof(expected));
    assert_int_equal(locum_signature_derive((struct locum_slice){(char *)material, 22},
                                            (struct locum_slice){(char *)salt, 13},
                                            (struct locum_slice){(char *)info, 10}, made),
                     0);
    assert_memory_equal(made, expected, sizeof(made));
}

/* RFC 4231 4.2 needs a key of 20 bytes; zeros behind it change nothing (RFC 2104 2). */
static void
test_mac_equals_rfc_4231(void **state)
{
    (void)state;
    uint8_t key[LOCUM_KEY_BYTES] = {0};
    uint8_t expected[LOCUM_DIGEST_BYTES];
    uint8_t made[LOCUM_DIGEST_BYTES];
    memset(key, 0x0b, 20);
    from_hex("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", expected,
             sizeof(expected));
    struct locum_signature_mac *mac = locum_signature_mac_create(key);
    assert_non_null(mac);
    for (size_t i = 0; i < 2; i++) { /* it can be used again */
        locum_signature_mac_compute(mac, "Hi There", 8, made);
        assert_true(locum_signature_equal(made, expected, sizeof(made)));
    }
    assert_int_equal(locum_signature_hmac((struct locum_slice){(const char *)key, 20},
                                          locum_slice_of("Hi There"), made),
                     0);
    assert_true(locum_signature_equal(made, expected, sizeof(made)));
    made[31] ^= 1;
    assert_false(locum_signature_equal(made, expected, sizeof(made)));
    locum_signature_mac_destroy(mac);
    locum_signature_mac_destroy(NULL);
}

static void
test_generated_key_pair_belongs_together(void **state)
{
    (void)state;
    char private_hex[2][2 * LOCUM_KEY_BYTES + 1];
    char public_hex[2][2 * LOCUM_KEY_BYTES + 1];
    char file[256];
    struct locum_secrets keys;
    uint8_t made[LOCUM_KEY_BYTES];
    uint8_t public_key[LOCUM_KEY_BYTES];
    struct locum_text why = locum_text_init(why_buffer, sizeof(why_buffer));
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(locum_signature_generate_key(private_hex[i], public_hex[i]), 0);
    }
    assert_string_not_equal(private_hex[0], private_hex[1]);
    (void)snprintf(file, sizeof(file), "# public: %s\n%s\n", public_hex[0], private_hex[0]);
    (void)read_secrets(file, 0600, &keys);
    assert_int_equal(locum_signature_read_keys("secret", &keys, &why), 0);
    assert_int_equal(keys.count, 1);
    assert_int_equal(locum_signature_public(keys.key[0], made), 0);
    from_hex(public_hex[0], public_key, sizeof(public_key));
    assert_memory_equal(made, public_key, sizeof(made));
}

static void
test_key_files_are_refused_with_their_own_advice(void **state)
{
    (void)state;
    struct locum_secrets keys = {0};
    static const struct {
        const char *text;
        mode_t mode;
        int status;
        const char *why;
    } cases[] = {
        {"abc\n", 0600, LOCUM_ERR_INVALID,
         "not 64 hex digits: make one with `locum keygen --node`"},
        {"\n", 0600, LOCUM_ERR_INVALID, "holds no private key"},
        {KEY_1 "\n", 0644, LOCUM_ERR_DENIED, "chmod o= secret"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        (void)read_secrets(cases[i].text, cases[i].mode, &keys);
        struct locum_text why = locum_text_init(why_buffer, sizeof(why_buffer));
        keys.count = 0;
        assert_int_equal(locum_signature_read_keys("secret", &keys, &why), cases[i].status);
        assert_non_null(strstr(why_buffer, cases[i].why));
        assert_int_equal(keys.count, 0);
    }
    struct locum_text why = locum_text_init(why_buffer, sizeof(why_buffer));
    assert_int_equal(locum_signature_read_keys("nothing", &keys, &why), LOCUM_ERR_NOT_FOUND);
    assert_non_null(strstr(why_buffer, "`locum keygen --node`"));
}

/* FIPS 180-4: the values for "" and "abc". */
static void
test_digest_equals_fips_180_4(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        uint8_t digest[LOCUM_DIGEST_BYTES];
        char buffer[2 * LOCUM_DIGEST_BYTES + 1];
        struct locum_text text = locum_text_init(buffer, sizeof(buffer));
        locum_signature_digest(cases[i].text, strlen(cases[i].text), digest);
        locum_text_add_hex(&text, digest, sizeof(digest));
        assert_string_equal(buffer, cases[i].expected);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secret_files_are_read_or_refused),
        cmocka_unit_test(test_files_without_a_secret_are_refused),
        cmocka_unit_test(test_generated_secret_can_be_read),
        cmocka_unit_test(test_signature_equals_that_of_openssl),
        cmocka_unit_test(test_any_accepted_secret_verifies),
        cmocka_unit_test(test_any_changed_byte_is_detected),
        cmocka_unit_test(test_signature_without_room_fails),
        cmocka_unit_test(test_digest_equals_fips_180_4),
        cmocka_unit_test(test_two_key_pairs_agree_as_in_rfc_7748),
        cmocka_unit_test(test_public_keys_of_small_order_are_refused),
        cmocka_unit_test(test_derived_key_equals_that_of_rfc_5869),
        cmocka_unit_test(test_mac_equals_rfc_4231),
        cmocka_unit_test(test_generated_key_pair_belongs_together),
        cmocka_unit_test(test_key_files_are_refused_with_their_own_advice),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
