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
#include "base/seal.h"

#define KEY_1 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_2 "4a656665000000000000000000000000000000000000000000000000000000FF"

static char folder[] = "/tmp/locum-seal-XXXXXX";
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
    return locum_secrets_read("secret", ret, &why);
}

static void
test_secret_files(void **state)
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
        {KEY_1 "\n", 0644, LOCUM_ERR_DENIED, "others may read it: chmod o= secret", 0},
        {KEY_1 "\n", 0602, LOCUM_ERR_DENIED, "others may read it: chmod o= secret", 0},
        {"", 0600, LOCUM_ERR_INVALID, "holds no secret: make one with `locum keygen --cluster`", 0},
        {"# only a comment\n", 0600, LOCUM_ERR_INVALID,
         "holds no secret: make one with `locum keygen --cluster`", 0},
        {KEY_1 "\nabc\n", 0600, LOCUM_ERR_INVALID,
         "line 2: not 64 hex digits: make one with `locum keygen --cluster`", 0},
        {KEY_1 "0\n", 0600, LOCUM_ERR_INVALID,
         "line 1: not 64 hex digits: make one with `locum keygen --cluster`", 0},
        {KEY_1 "\r\n", 0600, LOCUM_ERR_INVALID,
         "line 1: not 64 hex digits: make one with `locum keygen --cluster`", 0},
        {KEY_1 "\n" KEY_1 "\n" KEY_1 "\n" KEY_1 "\n" KEY_1 "\n" KEY_1 "\n" KEY_1 "\n" KEY_1
               "\n" KEY_1 "\n",
         0600, LOCUM_ERR_RANGE, "line 9: at most 8 secrets", 0},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        struct locum_secrets secrets = {0};
        assert_int_equal(read_secrets(cases[i].text, cases[i].mode, &secrets), cases[i].status);
        assert_string_equal(why_buffer, cases[i].why);
        assert_int_equal(secrets.count, cases[i].count);
    }
}

static void
test_secret_files_that_are_none(void **state)
{
    (void)state;
    struct locum_secrets secrets = {0};
    struct locum_text why = locum_text_init(why_buffer, sizeof(why_buffer));
    char large[5000];
    assert_int_equal(locum_secrets_read("nothing", &secrets, &why), LOCUM_ERR_NOT_FOUND);
    assert_string_equal(why_buffer, "No such file or directory: copy it from another node, or make "
                                    "the cluster's first with `locum keygen --cluster`");
    why = locum_text_init(why_buffer, sizeof(why_buffer));
    assert_int_equal(locum_secrets_read("/tmp", &secrets, &why), LOCUM_ERR_INVALID);
    assert_string_equal(why_buffer, "not a regular file");
    memset(large, '#', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    assert_int_equal(read_secrets(large, 0600, &secrets), LOCUM_ERR_RANGE);
    assert_string_equal(why_buffer, "larger than 4 KiB: it holds 64 hex digits a line");
    assert_int_equal(secrets.count, 0);
}

static void
test_a_fresh_secret_can_be_read(void **state)
{
    (void)state;
    char first[2 * LOCUM_SECRET_BYTES + 1];
    char second[2 * LOCUM_SECRET_BYTES + 1];
    struct locum_secrets secrets;
    assert_int_equal(locum_secret_generate(first), 0);
    assert_int_equal(locum_secret_generate(second), 0);
    assert_string_not_equal(first, second);
    assert_int_equal(read_secrets(first, 0600, &secrets), 0);
}

/* The value was made with `openssl dgst -sha256 -mac HMAC -macopt hexkey:KEY_1`. */
static void
test_a_known_seal(void **state)
{
    (void)state;
    char buffer[128];
    struct locum_secrets secrets;
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    assert_int_equal(read_secrets(KEY_1, 0600, &secrets), 0);
    locum_text_add(&text, "locum1 get");
    assert_int_equal(locum_seal_add(&secrets, &text), 0);
    assert_string_equal(
        buffer, "locum1 get hmac=dd2434a724b5e268313c45ab47a9fa6deb16792eb15ae5c76484edb6e01b93f3");
}

static void
test_seals_open(void **state)
{
    (void)state;
    char buffer[256];
    struct locum_secrets old;
    struct locum_secrets both;
    struct locum_secrets other;
    struct locum_slice opened = {0};
    size_t secret = 42;
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    assert_int_equal(read_secrets(KEY_1, 0600, &old), 0);
    assert_int_equal(read_secrets(KEY_2 "\n" KEY_1, 0600, &both), 0);
    assert_int_equal(read_secrets(KEY_2, 0600, &other), 0);
    locum_text_add(&text, "a text = of \"any\" kind hmac=x");
    assert_int_equal(locum_seal_add(&old, &text), 0);
    assert_int_equal(locum_seal_open(&old, locum_slice_of(buffer), &opened, NULL), 0);
    assert_true(locum_slice_is(opened, "a text = of \"any\" kind hmac=x"));
    assert_int_equal(locum_seal_open(&both, locum_slice_of(buffer), &opened, &secret), 0);
    assert_int_equal(secret, 1);
    assert_int_equal(locum_seal_open(&other, locum_slice_of(buffer), &opened, &secret),
                     LOCUM_ERR_SEAL);
}

static void
test_a_seal_covers_every_byte(void **state)
{
    (void)state;
    char buffer[128];
    struct locum_secrets secrets;
    struct locum_slice opened = {0};
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    assert_int_equal(read_secrets(KEY_1, 0600, &secrets), 0);
    locum_text_add(&text, "locum1 get dc2");
    assert_int_equal(locum_seal_add(&secrets, &text), 0);
    for (size_t i = 0; i < text.length; i++) {
        buffer[i] ^= 1;
        assert_true(locum_seal_open(&secrets, locum_slice_of(buffer), &opened, NULL) < 0);
        buffer[i] ^= 1;
        const struct locum_slice cut = {.at = buffer, .length = i};
        assert_true(locum_seal_open(&secrets, cut, &opened, NULL) < 0);
    }
    assert_null(opened.at);
    assert_int_equal(locum_seal_open(&secrets, locum_slice_of(buffer), &opened, NULL), 0);
}

static void
test_a_seal_needs_room(void **state)
{
    (void)state;
    char buffer[LOCUM_SEAL_BYTES + 8];
    struct locum_secrets secrets;
    assert_int_equal(read_secrets(KEY_1, 0600, &secrets), 0);
    struct locum_text text = locum_text_init(buffer, LOCUM_SEAL_BYTES + 3);
    locum_text_add(&text, "abc");
    assert_int_equal(locum_seal_add(&secrets, &text), LOCUM_ERR_SPACE);
    assert_string_equal(buffer, "abc");
    text = locum_text_init(buffer, LOCUM_SEAL_BYTES + 4);
    locum_text_add(&text, "abc");
    assert_int_equal(locum_seal_add(&secrets, &text), 0);
    assert_false(text.truncated);
    text = locum_text_init(buffer, sizeof(buffer));
    text.truncated = true;
    assert_int_equal(locum_seal_add(&secrets, &text), LOCUM_ERR_SPACE);
}

/* FIPS 180-4: the values for "" and "abc". */
static void
test_digest(void **state)
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
        locum_digest(cases[i].text, strlen(cases[i].text), digest);
        locum_text_add_hex(&text, digest, sizeof(digest));
        assert_string_equal(buffer, cases[i].expected);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secret_files),
        cmocka_unit_test(test_secret_files_that_are_none),
        cmocka_unit_test(test_a_fresh_secret_can_be_read),
        cmocka_unit_test(test_a_known_seal),
        cmocka_unit_test(test_seals_open),
        cmocka_unit_test(test_a_seal_covers_every_byte),
        cmocka_unit_test(test_a_seal_needs_room),
        cmocka_unit_test(test_digest),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
