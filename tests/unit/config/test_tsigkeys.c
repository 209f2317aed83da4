/* tsigkeys: files of keys, as tsig-keygen(8) writes them and as people change them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "config/tsigkeys.h"

static struct locum_config_tsig_key keys[4];
static char why_buffer[256];

static int
parse(const char *text, size_t *ret_count)
{
    struct locum_text why = locum_text_init(why_buffer, sizeof(why_buffer));
    memset(keys, 0, sizeof(keys));
    return locum_tsigkeys_parse(locum_slice_of(text), keys, LOCUM_COUNT(keys), ret_count, &why);
}

#define SECRET_16 "AAECAwQFBgcICQoLDA0ODw=="

static void
assert_key(size_t i, const char *name, enum locum_hmac_hash hash, size_t secret_length)
{
    assert_string_equal(keys[i].name, name);
    assert_int_equal(keys[i].hash, hash);
    assert_int_equal(keys[i].secret_length, secret_length);
}

static void
test_what_tsig_keygen_writes(void **state)
{
    (void)state;
    size_t count = 0;
    assert_int_equal(parse("key \"ns9.Example.org\" {\n"
                           "\talgorithm hmac-sha256;\n"
                           "\tsecret \"0fY/wSz9zXSYzaUVyeFeXtoXdmVyxqRBYSIO4yVXqPM=\";\n"
                           "};\n",
                           &count),
                     0);
    assert_int_equal(count, 1);
    assert_key(0, "ns9.example.org.", LOCUM_HMAC_SHA256, 32);
    assert_memory_equal(keys[0].secret, "\xd1\xf6\x3f\xc1\x2c\xfd\xcd\x74", 8);
    assert_memory_equal(keys[0].secret + 28, "\x25\x57\xa8\xf3", 4);
}

static void
test_other_forms(void **state)
{
    (void)state;
    size_t count = 0;
    assert_int_equal(parse("// one\n# two\n/* three\n key */ key a { secret " SECRET_16
                           "; algorithm HMAC-SHA512.; };"
                           "key\"b\"{algorithm \"hmac-sha256\";secret\"" SECRET_16 "\";};# end",
                           &count),
                     0);
    assert_int_equal(count, 2);
    assert_key(0, "a.", LOCUM_HMAC_SHA512, 16);
    assert_memory_equal(keys[0].secret, "\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17", 16);
    assert_key(1, "b.", LOCUM_HMAC_SHA256, 16);
}

/* Each with its line and the word that says what is wrong; never with the secret. */
static void
test_mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "line 1: the file has no key"},
        {"# nothing\n\n", "line 3: the file has no key"},
        {"include \"other\";", "line 1: not a key"},
        {"\nkey \"a b\" {", "line 2: the name of the key is no domain name"},
        {"key {", "the name of the key is no domain name"},
        {"key a algorithm", "'{' is missing"},
        {"key a { algorithm hmac-md5; secret " SECRET_16 "; };",
         "line 1: its algorithm is not supported"},
        {"key a { algorithm hmac-sha256 secret " SECRET_16 "; };", "';' is missing"},
        {"key a { algorithm hmac-sha256; };", "the secret of the key is missing"},
        {"key a { secret " SECRET_16 "; };", "the algorithm of the key is missing"},
        {"key a { secret " SECRET_16 "; secret " SECRET_16 "; };", "once each"},
        {"key a { colour red; };", "once each"},
        {"key a { algorithm hmac-sha256; secret \"AAEC*wQFBgcICQoLDA0ODw==\"; };", "not base64"},
        {"key a { algorithm hmac-sha256; secret \"AAECAwQFBgcICQoLDA0ODw=\"; };", "not base64"},
        {"key a { algorithm hmac-sha256; secret \"AA=CAwQFBgcICQoLDA0ODw==\"; };", "not base64"},
        {"key a { algorithm hmac-sha256; secret \"AAECAwQFBgcICQoLDA0O\"; };", "fewer than 16"},
        {"key a { algorithm hmac-sha256; secret \"\"; };", "fewer than 16"},
        {"key a { algorithm hmac-sha256;\nsecret " SECRET_16 ";", "line 2: after '{' of a key"},
        {"key a { algorithm hmac-sha256; secret " SECRET_16 "; }", "';' is missing after '}'"},
        {"key aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbb {", "longer than 54"},
        {"key a {\n/*", "line 2: after '{' of a key"},
        /* Secrets in other places: as dig -y has it, and exchanged with what is beside them. */
        {"key hmac-sha256:ns9.example.org:" SECRET_16 ";", "name of the key is no domain name"},
        {"key \"" SECRET_16 "\" {", "the name of the key is no domain name"},
        {"key a { algorithm \"" SECRET_16 "\"; secret hmac-sha256; };", "algorithm is not"},
        {"key a { algorithm " SECRET_16 "; };", "algorithm is not supported"},
        {"key a { " SECRET_16 " hmac-sha256; };", "once each"},
        {"key AAECAwQFBgcICQoLDA0ODxAR { algorithm hmac-sha256; };",
         "secret of the key is missing"},
        {SECRET_16, "not a key"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        size_t count = 7;
        if (parse(cases[i].text, &count) != LOCUM_ERR_INVALID ||
            strstr(why_buffer, cases[i].why) == NULL || strcasestr(why_buffer, "CAwQ") != NULL) {
            fail_msg("%s: %s", cases[i].text, why_buffer);
        }
        assert_int_equal(count, 7);
    }
}

static void
test_limits(void **state)
{
    (void)state;
    char text[1024] = "";
    size_t count = 0;
    for (char name = 'a'; name <= 'e'; name++) {
        const char key[] = {'k', 'e', 'y', ' ', name, 0};
        strcat(text, key);
        strcat(text, " {algorithm hmac-sha256;secret " SECRET_16 ";};");
        assert_int_equal(parse(text, &count), name <= 'd' ? 0 : LOCUM_ERR_SPACE);
    }
    assert_int_equal(count, 4);
    strcpy(text, "key a {algorithm hmac-sha256;secret ");
    for (int i = 0; i < 43; i++) { /* 129 bytes */
        strcat(text, "AAAA");
    }
    strcat(text, ";};");
    assert_int_equal(parse(text, &count), LOCUM_ERR_INVALID);
    assert_non_null(strstr(why_buffer, "longer than 128 bytes"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_tsig_keygen_writes),
        cmocka_unit_test(test_other_forms),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests_name("config/tsigkeys", tests, NULL, NULL);
}
