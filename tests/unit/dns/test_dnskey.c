/* dnskey: every key that the two usual programs write, and a row for each thing that is wrong. */
#include "keyfiles.h"

static struct key_folder folder;

static int
before(void **state)
{
    (void)state;
    key_folder_init(&folder);
    return 0;
}

static int
after(void **state)
{
    (void)state;
    key_folder_fini(&folder);
    return 0;
}

static void
test_keys_of_ldns_keygen_and_dnssec_keygen_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEY_FILES; i++) {
        key_folder_add(&folder, &key_files[i]);
    }
    key_folder_put(&folder, "Kexample.+013+45571", ".ds", "not read", 0644);
    assert_int_equal(key_folder_read(&folder), 0);
    assert_int_equal(folder.problem_count, 0);
    assert_int_equal(folder.keys.count, KEY_FILES);
    for (size_t i = 0; i < KEY_FILES; i++) {
        const struct locum_dnskey *key = &folder.keys.keys[i];
        assert_string_equal(key->name, key_files[i].name);
        assert_int_equal(key->algorithm, key_files[i].algorithm);
        assert_int_equal(key->tag, key_files[i].tag);
        assert_int_equal(key->flags, key_files[i].flags);
        assert_int_equal(ldns_rr_ttl(key->rr), 0);
        assert_non_null(key->key);
        assert_int_equal(ldns_key_keytag(key->key), key->tag);
        assert_int_equal(ldns_key_flags(key->key), key->flags);
    }
}

static void
test_a_key_without_its_private_half_is_read(void **state)
{
    (void)state;
    /* dnssec-keygen -L writes a TTL; the key of another node may have any algorithm. */
    key_folder_put(&folder, "one", ".key", "EXAMPLE. 3600 IN DNSKEY 257 3 16 AAAA\n", 0644);
    assert_int_equal(key_folder_read(&folder), 0);
    assert_int_equal(folder.problem_count, 0);
    assert_int_equal(folder.keys.count, 1);
    assert_null(folder.keys.keys[0].key);
    assert_int_equal(folder.keys.keys[0].algorithm, 16);
    assert_int_equal(ldns_rr_ttl(folder.keys.keys[0].rr), 0);
    assert_int_equal(ldns_rdf_data(ldns_rr_owner(folder.keys.keys[0].rr))[1], 'e');
}

/* Read a folder in which one thing is wrong: this one message, and so many keys remain. */
static void
assert_problem(const char *message, size_t keys, int line)
{
    print_message("line %d\n", line);
    assert_int_equal(key_folder_read(&folder), keys > 0 ? 0 : LOCUM_ERR_INVALID);
    assert_int_equal(folder.problem_count, 1);
    assert_string_equal(folder.problems[0], message);
    assert_int_equal(folder.keys.count, keys);
}
#define ASSERT_PROBLEM(message, keys) assert_problem(message, keys, __LINE__)

static void
test_wrong_records_are_refused(void **state)
{
    (void)state;
#define WRONG_LENGTH                                                                               \
    "its public key has a wrong length for its algorithm (RSA: 1024 to 4096 bits): copy the file " \
    "again from where it was made"
#define KEY "DNSKEY 257 3 13 " KEY_64
#define KEY_64                                                                                     \
    "+Numd1uF9nGFwnJKqv5M22vQdFh5Ri05klWKFRnePiZ4Q3Q5C60VYeQWTPxo7Y4rFhGbxkU1Wxf9l0tS6twWCQ==\n"
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"", "it holds no record"},
        {"; example. IN " KEY, "it holds no record"},
        {"example. IN " KEY "example. IN " KEY, "it holds more than one record"},
        {"example. IN DNSKEY 257 3\n", "Syntax error, value expected"},
        {"example. IN A 192.0.2.1\n",
         "it is no DNSKEY record of class IN: only files written by ldns-keygen or dnssec-keygen "
         "end in .key here"},
        {"example. CH " KEY,
         "it is no DNSKEY record of class IN: only files written by ldns-keygen or dnssec-keygen "
         "end in .key here"},
        {"a.example. IN " KEY, "the key is for another zone: each zone has a folder of its own"},
        {"example. IN DNSKEY 257 2 13 AAAA\n", "its protocol field is not 3 (RFC 4034 2.1.2)"},
        {"example. IN DNSKEY 385 3 13 AAAA\n",
         "its flags are neither 256 nor 257: revoked keys (RFC 5011) and keys that are not for "
         "zones are not supported"},
        {"example. IN DNSKEY 257 3 13 AA==\n", WRONG_LENGTH},
        {"example. IN DNSKEY 257 3 14 " KEY_64, WRONG_LENGTH},
        {"example. IN DNSKEY 257 3 15 " KEY_64, WRONG_LENGTH},
        {"example. IN DNSKEY 257 3 8 AwEAAQ==\n", WRONG_LENGTH},
        {"example. IN DNSKEY 257 3 8 /w==\n", WRONG_LENGTH},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char message[512];
        key_folder_put(&folder, "one", ".key", rows[i].text, 0644);
        key_folder_put(&folder, "one", ".private", "not looked at", 0640);
        (void)snprintf(message, sizeof(message), "/one.key: %s", rows[i].message);
        ASSERT_PROBLEM(message, 0);
    }
    key_folder_put(&folder, "one", ".key", "example. IN A x.y\n", 0644);
    assert_int_equal(key_folder_read(&folder), LOCUM_ERR_INVALID);
    assert_int_equal(folder.problem_count, 1);
}

static void
test_wrong_private_halves_are_refused(void **state)
{
    (void)state;
    const struct key_file *file = &key_files[KEY_FILES_P256];
    char path[512], message[1024];
#define IN_FILE(text)                                                                              \
    ((void)snprintf(message, sizeof(message), "/%s.private: %s", file->name, text), message)
#define NOT_A_KEY                                                                                  \
    "not a private key in BIND's format of RSASHA256, ECDSAP256SHA256, ECDSAP384SHA384 or "        \
    "ED25519: copy it again from where it was made, or make another key"
#define P256_LINES                                                                                 \
    "Private-key-format: v1.2\nAlgorithm: 13 (ECDSAP256SHA256)\n"                                  \
    "PrivateKey: BowT3VFb5rzt2VBxG151Wik0KwHlCVIqNDwUR3N4nbs=\n"
    static const char *const damaged[] = {
        "",
        "Private-key-format: v2.0\n",
        "Private-key-format: v1.2\nAlgorithm: 13 (ECDSAP256SHA256)\n",
        "Private-key-format: v1.2\nAlgorithm: 13 (ECDSAP256SHA256)\nPrivateKey: ?\n",
        "Private-key-format: v1.2\nAlgorithm: 15 (ED25519)\nPrivateKey: AAAA\n",
        "Private-key-format: v1.2\nAlgorithm: 8 (RSASHA256)\nModulus: AAAA\n",
        "Private-key-format: v1.2\nAlgorithm: 163 (HMAC)\nKey: AAAA\n",
        "Private-key-format: v1.2\nAlgorithm: 1",
        /* ldns 1.8.3 writes a byte behind its buffer */
        "Private-key-format: v1.2\nAlgo(ithm:Z15 (ED25519)\nPrivateKey: AAAA\n",
        /* ldns takes these */
        P256_LINES "Extra: (a\n b)\n",
        P256_LINES "AWordThatIsLongerThanThirtyOneCharacters: 1\n",
        P256_LINES "a word\n",
        P256_LINES "Word: \"quoted\"\n",
        P256_LINES "; a comment\n",
    };
    key_folder_add(&folder, file);
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        key_folder_put(&folder, file->name, ".private", damaged[i], 0640);
        ASSERT_PROBLEM(IN_FILE(NOT_A_KEY), 1);
        assert_null(folder.keys.keys[0].key);
    }
    key_folder_put(&folder, file->name, ".private", key_files[KEY_FILES_P256 + 1].private_half,
                   0640);
    ASSERT_PROBLEM(IN_FILE("it does not belong to the .key file of this name: copy both files from "
                           "where they were made"),
                   1);
    key_folder_put(&folder, file->name, ".private", file->private_half, 0644);
    (void)snprintf(path, sizeof(path),
                   "users other than its owner and group can read it: chmod o= %s/%s.private",
                   folder.path, file->name);
    ASSERT_PROBLEM(IN_FILE(path), 1);
    key_folder_put(&folder, file->name, ".private", file->private_half, 0640);
    (void)snprintf(path, sizeof(path), "%s/%s.key", folder.path, file->name);
    assert_int_equal(unlink(path), 0);
    key_folder_add(&folder, &key_files[0]);
    (void)snprintf(path, sizeof(path), "%s.key is not beside it: copy that file too", file->name);
    ASSERT_PROBLEM(IN_FILE(path), 1);
}

static void
test_a_damaged_rsa_key_is_refused(void **state)
{
    (void)state;
    const struct key_file *file = &key_files[0];
    char *text = strdup(file->private_half);
    char message[256];
    assert_int_equal(file->algorithm, 8);
    /* OpenSSL uses the one, and the other if the result is wrong. */
    memcpy(strstr(text, "\nExponent1: ") + strlen("\nExponent1: "), "AAAA", 4);
    memcpy(strstr(text, "\nPrivateExponent: ") + strlen("\nPrivateExponent: "), "AAAA", 4);
    key_folder_put(&folder, file->name, ".key", file->record, 0644);
    key_folder_put(&folder, file->name, ".private", text, 0640);
    free(text);
    (void)snprintf(message, sizeof(message),
                   "/%s.private: its signatures are wrong: the file is damaged; copy it again "
                   "from where it was made",
                   file->name);
    ASSERT_PROBLEM(message, 1);
}

static void
test_two_keys_with_one_tag_are_refused(void **state)
{
    (void)state;
    const struct key_file *file = &key_files[KEY_FILES_P256];
    char message[256];
    key_folder_add(&folder, file);
    key_folder_put(&folder, "copy", ".key", file->record, 0644);
    ASSERT_PROBLEM("/copy.key: the same key as in Kexample.+013+02492.key: remove one", 1);
    /* The sum of the same words in another order is the same tag. */
    key_folder_put(&folder, "a", ".key", "example. IN DNSKEY 257 3 16 AQIDBA==\n", 0644);
    key_folder_put(&folder, "copy", ".key", "example. IN DNSKEY 257 3 16 AwQBAg==\n", 0644);
    (void)snprintf(message, sizeof(message),
                   "/copy.key: another key with the same tag and algorithm, which cannot be told "
                   "apart from a.key: remove one");
    ASSERT_PROBLEM(message, 2);
}

static void
test_a_zone_has_a_limited_number_of_keys(void **state)
{
    (void)state;
    for (int i = 0; i <= LOCUM_DNSKEY_MAX; i++) {
        char name[16], text[64];
        (void)snprintf(name, sizeof(name), "k%02d", i);
        (void)snprintf(text, sizeof(text), "example. IN DNSKEY 257 3 %d AAAA\n", 100 + i);
        key_folder_put(&folder, name, ".key", text, 0644);
    }
    ASSERT_PROBLEM("/k16.key: a zone has at most 16 keys: remove those that it no longer needs",
                   LOCUM_DNSKEY_MAX);
}

static void
test_a_folder_that_cannot_be_used_is_refused(void **state)
{
    (void)state;
    char path[sizeof(folder.path)];
    char message[256];
    memcpy(path, folder.path, sizeof(path));
    ASSERT_PROBLEM(": no *.key file in it: make a key, or copy those of the zone", 0);
    assert_int_equal(chmod(folder.path, 0777), 0);
    (void)snprintf(message, sizeof(message), ": other users can write in it: chmod o-w %s", path);
    ASSERT_PROBLEM(message, 0);
    strcpy(folder.path, "/dev/null");
    ASSERT_PROBLEM(": not a folder: name the folder that holds the key files", 0);
    strcpy(folder.path, "/nowhere");
    ASSERT_PROBLEM(": No such file or directory", 0);
    memcpy(folder.path, path, sizeof(path));
}

static void
test_algorithms_have_names(void **state)
{
    (void)state;
    assert_string_equal(locum_dnskey_algorithm_text(15).text, "ED25519");
    assert_string_equal(locum_dnskey_algorithm_text(5).text, "algorithm 5");
    assert_true(locum_dnskey_can_sign(8) && locum_dnskey_can_sign(14));
    assert_false(locum_dnskey_can_sign(5) || locum_dnskey_can_sign(16));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, before, after)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_keys_of_ldns_keygen_and_dnssec_keygen_are_read),
        TEST(test_a_key_without_its_private_half_is_read),
        TEST(test_wrong_records_are_refused),
        TEST(test_wrong_private_halves_are_refused),
        TEST(test_a_damaged_rsa_key_is_refused),
        TEST(test_two_keys_with_one_tag_are_refused),
        TEST(test_a_zone_has_a_limited_number_of_keys),
        TEST(test_a_folder_that_cannot_be_used_is_refused),
        cmocka_unit_test(test_algorithms_have_names),
    };
    return cmocka_run_group_tests_name("dns/dnskey", tests, NULL, NULL);
}
