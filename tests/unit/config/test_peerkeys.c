/* The keys of nodes: what is missing, what does not fit, and what a replacement looks like. */
#include "fixture.h"

#define DC2  "dc2: {address: [192.0.2.12]"
#define DC3  "dc3: {address: [192.0.2.13]"
#define NS0  "ns0: {role: witness, address: [192.0.2.10]"
#define KEYS "key-file: key\npeer-keys: require\nnodes:"

/* All that a cluster with keys needs is there, except for what is wrong. */
static const struct broken broken[] = {
    {"required, and no key at all",
     {{"nodes:", "peer-keys: require\nnodes:"}},
     "6:3 key none require\n"
     "7:3 key none require\n"
     "8:3 key none require\n"},
    {"required, and one is missing",
     {{"nodes:", KEYS}, {DC2, DC2 ", key: [" PUBLIC_1 "]"}, {NS0, NS0 ", key: [" PUBLIC_3 "]"}},
     "8:3 key none require\n"},
    {"no key file",
     {{DC2, DC2 ", key: [" PUBLIC_1 "]"}, {DC3, DC3 ", key: [" PUBLIC_2 "]"}},
     "5:37 key key-file\n"
     "7:3 warning key ns0\n"},
    {"a key file and no public key",
     {{"nodes:", "key-file: key\nnodes:"}},
     "4:11 key-file nodes.dc2.key\n"},
    {"a key file that is not there",
     {{"nodes:", "key-file: nothing\nnodes:"}, {DC2, DC2 ", key: [" PUBLIC_1 "]"}},
     "4:11 key-file nothing keygen\n"
     "7:3 warning key dc3\n"
     "8:3 warning key ns0\n"},
    {"a key file for all",
     {{"nodes:", "key-file: open-secret\nnodes:"}, {DC2, DC2 ", key: [" PUBLIC_1 "]"}},
     "4:11 key-file chmod\n"
     "7:3 warning key dc3\n"
     "8:3 warning key ns0\n"},
    {"the private key of another node",
     {{"nodes:", KEYS},
      {DC2, DC2 ", key: [" PUBLIC_2 "]"},
      {DC3, DC3 ", key: [" PUBLIC_1 "]"},
      {NS0, NS0 ", key: [" PUBLIC_3 "]"}},
     "4:11 key-file nodes.dc2.key\n"},
    {"two nodes with the same key",
     {{"nodes:", KEYS},
      {DC2, DC2 ", key: [" PUBLIC_1 "]"},
      {DC3, DC3 ", key: [" PUBLIC_2 "]"},
      {NS0, NS0 ", key: [" PUBLIC_3 ", " PUBLIC_2 "]"}},
     "9:119 key dc3\n"},
    {"what is no key",
     {{"nodes:", KEYS},
      {DC2, DC2 ", key: [" PUBLIC_1 ", " PUBLIC_1 "]"},
      {DC3, DC3 ", key: [abc]"},
      {NS0, NS0 ", key: [" PUBLIC_3 ", " PUBLIC_2 ", abc]"}},
     "7:104 key twice\n"
     "8:38 key abc keygen\n"
     "9:52 key items\n"},
    {"a public key without a private one",
     {{"nodes:", KEYS},
      {DC2, DC2 ", key: [" PUBLIC_1 "]"},
      {DC3, DC3 ", key: [\"0000000000000000000000000000000000000000000000000000000000000000\"]"},
      {NS0, NS0 ", key: [" PUBLIC_3 "]"}},
     "8:37 key dc3\n"},
    {"a node without a coordinator",
     {{"nodes:", "key-file: key\nnodes:"},
      {DC2, DC2 ", key: [" PUBLIC_1 "]"},
      {DC3, DC3 ", key: [" PUBLIC_2 "]"},
      {"role: witness, address: [192.0.2.10]", "role: sentinel, key: [" PUBLIC_3 "]"}},
     "8:30 key sentinel\n"},
    {"peer-keys", {{"nodes:", "peer-keys: always\nnodes:"}}, "4:12 peer-keys accept\n"},
};

static void
test_each_is_refused_with_every_error(void **state)
{
    (void)state;
    write_file("key", PRIVATE_1, 0600);
    assert_each_refused(broken, LOCUM_COUNT(broken));
}

/* Load it with these keys of dc2, and all of the others. */
static struct locum_config *
load_with(const char *file, const char *keys, const char *policy)
{
    char dc2[512];
    char top[128];
    (void)snprintf(dc2, sizeof(dc2), DC2 ", key: [%s]", keys);
    (void)snprintf(top, sizeof(top), "key-file: key\n%snodes:", policy);
    write_file("key", file, 0600);
    const struct change changes[] = {{"nodes:", top},
                                     {DC2, dc2},
                                     {DC3, DC3 ", key: [" PUBLIC_2 "]"},
                                     {NS0, NS0 ", key: [" PUBLIC_3 "]"}};
    return load_changed(changes, LOCUM_COUNT(changes));
}

static void
test_a_cluster_with_keys(void **state)
{
    (void)state;
    struct locum_config *config = load_with("# of dc2\n" PRIVATE_1, PUBLIC_1, "");
    assert_string_equal(report, "");
    assert_int_equal(config->peer_keys, LOCUM_PEER_KEYS_ACCEPT);
    assert_int_equal(config->nodes[0].key_count, 1);
    assert_int_equal(config->nodes[0].key[0].bytes[0], 0xa4);
    assert_int_equal(config->private_keys.count, 1);
    for (size_t node = 0; node < 3; node++) {
        assert_true(locum_keyring_has(config->keyring, node));
    }
    assert_true(locum_config_speaks(config));
    locum_config_free(config);
    config = load_with(PRIVATE_1, PUBLIC_1, "peer-keys: require\n");
    assert_string_equal(report, "");
    assert_int_equal(config->peer_keys, LOCUM_PEER_KEYS_REQUIRE);
    assert_true(locum_config_speaks(config));
    locum_config_free(config);
}

static void
test_a_cluster_without_keys(void **state)
{
    (void)state;
    struct locum_config *config = load_quietly("", "");
    assert_int_equal(config->peer_keys, LOCUM_PEER_KEYS_ACCEPT);
    assert_null(config->keyring);
    assert_true(locum_config_speaks(config));
    config->secrets.count = 0;
    assert_false(locum_config_speaks(config));
    config->secrets.count = 1;
    config->peer_keys = LOCUM_PEER_KEYS_REQUIRE;
    assert_false(locum_config_speaks(config));
    locum_config_free(config);
}

/* doc/operations.md: each step is accepted, with a warning of what is still to be done. */
static void
test_one_key_is_replaced(void **state)
{
    (void)state;
    static const char other[] =
        "0404040404040404040404040404040404040404040404040404040404040404\n";
    static const char other_public[] =
        "ac01b2209e86354fb853237b5de0f4fab13c7fcbf433a61c019369617fecf10b";
    static const struct {
        const char *first, *second; /* private keys */
        bool old, with_other;       /* public keys in the file */
        const char *expected;
    } steps[] = {
        {PRIVATE_1, "", true, false, ""},
        {PRIVATE_1, "", true, true, "7:37 warning key 2\n"},
        {PRIVATE_1, other, true, false, "4:11 warning key-file 2 nodes.dc2.key\n"},
        {PRIVATE_1, other, true, true, ""},
        {other, PRIVATE_1, true, true, ""},
        {PRIVATE_1, other, false, true, "4:11 warning key-file 1 remove\n"},
        {other, "", false, true, ""},
    };
    for (size_t i = 0; i < LOCUM_COUNT(steps); i++) {
        char file[256];
        char keys[256];
        (void)snprintf(file, sizeof(file), "%s%s", steps[i].first, steps[i].second);
        (void)snprintf(keys, sizeof(keys), "%s%s%s", steps[i].old ? PUBLIC_1 : "",
                       steps[i].old && steps[i].with_other ? ", " : "",
                       steps[i].with_other ? other_public : "");
        struct locum_config *config = load_with(file, keys, "peer-keys: require\n");
        prose_add("a key is replaced");
        if (config == NULL || !is_reported(steps[i].expected)) {
            fail_msg("step %zu: reported %s", i, report);
        }
        assert_true(locum_config_speaks(config));
        locum_config_free(config);
    }
}

/* GREEN-15: a kept configuration answers DNS without it. */
static void
test_a_kept_configuration_without_the_key(void **state)
{
    (void)state;
    struct locum_config *config = load_with(PRIVATE_1, PUBLIC_1, "peer-keys: require\n");
    struct locum_config *again = NULL;
    struct locum_text text = locum_text_init(report, sizeof(report));
    assert_int_equal(unlink("key"), 0);
    assert_int_equal(
        locum_config_load_kept("locum.yaml", NULL, &config->source, take_problem, &text, &again),
        0);
    assert_null(again->keyring);
    assert_false(locum_config_speaks(again));
    assert_non_null(strstr(again->lacks, "key-file: \"key\": No such file"));
    locum_config_free(again);
    write_file("key", PRIVATE_2, 0600);
    text = locum_text_init(report, sizeof(report));
    assert_int_equal(
        locum_config_load_kept("locum.yaml", NULL, &config->source, take_problem, &text, &again),
        0);
    assert_null(again->keyring);
    assert_non_null(strstr(again->lacks, "key-file: it holds no private key"));
    locum_config_free(again);
    locum_config_free(config);
}

static int
begin(void **state)
{
    return prose_begin("test_peerkeys") ? setup(state) : 1;
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_is_refused_with_every_error),
        cmocka_unit_test(test_one_key_is_replaced),
        cmocka_unit_test(test_the_prose_is_as_kept),
        cmocka_unit_test(test_a_cluster_with_keys),
        cmocka_unit_test(test_a_cluster_without_keys),
        cmocka_unit_test(test_a_kept_configuration_without_the_key),
    };
    const int failed = cmocka_run_group_tests(tests, begin, teardown);
    return prose_write(argc, argv) != 0 ? 1 : failed;
}
