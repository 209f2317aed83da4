/* HEARTBEAT-4, HEARTBEAT-8: what a daemon sends, and which heartbeats count, with keys of nodes. */
#include "fixture.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "core/heartbeat.h"
#include "daemon/heartbeats.h"
#include "daemon/inside.h"

enum { DC2, DC3, NS0, NODES, PORT = 19853 };
enum { BY_KEY = 1, BY_SECRET = 2 };

static const char *const names[NODES] = {"dc2", "dc3", "ns0"};
static struct locum_secrets secrets;
static struct locum_secrets private_of[NODES];
static struct locum_keyring_key public_of[NODES];
static struct locum_keyring *keyring_of[NODES]; /* what each has */
static char peer_host[20];                      /* address of dc3 */
static int udp = -1;                            /* its socket */
static uint64_t seq;

/* Key pairs, the file of dc2's, and the other two nodes. */
static int
setup_keys(void **state)
{
    struct locum_keyring_member members[NODES];
    char file[128];
    struct locum_text text = locum_text_init(file, sizeof(file));
    struct locum_text why = locum_text_init(logged, sizeof(logged));
    size_t bad;
    assert_int_equal(setup(state), 0);
    assert_int_equal(locum_signature_read_secrets("secret", &secrets, &why), 0);
    for (size_t i = 0; i < NODES; i++) {
        memset(private_of[i].key[0], (int)(i + 1), LOCUM_KEY_BYTES);
        private_of[i].count = 1;
        assert_int_equal(locum_signature_public(private_of[i].key[0], public_of[i].bytes), 0);
        members[i] =
            (struct locum_keyring_member){.name = names[i], .keys = &public_of[i], .count = 1};
    }
    for (size_t i = 0; i < NODES; i++) {
        assert_int_equal(
            locum_keyring_create(members, NODES, i, &private_of[i], &secrets, &keyring_of[i], &bad),
            0);
    }
    locum_text_add_hex(&text, private_of[DC2].key[0], LOCUM_KEY_BYTES);
    write_file("key", file);
    (void)snprintf(peer_host, sizeof(peer_host), "127.78.%s", host + strlen("127.77."));
    udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    assert_int_equal(inet_pton(AF_INET, peer_host, &own.sin_addr), 1);
    assert_int_equal(bind(udp, (struct sockaddr *)&own, sizeof(own)), 0);
    seq = 0;
    return 0;
}

static int
teardown_keys(void **state)
{
    for (size_t i = 0; i < NODES; i++) {
        locum_keyring_destroy(keyring_of[i]);
    }
    (void)close(udp);
    return teardown(state);
}

/* Change the configuration file: keys for all nodes, an address for dc3. */
static void
write_keys_config(const char *policy, bool with_ns0)
{
    char text[CONFIG_BYTES];
    char hex[NODES][2 * LOCUM_KEY_BYTES + 1];
    char ns0[128] = "";
    for (size_t i = 0; i < NODES; i++) {
        struct locum_text out = locum_text_init(hex[i], sizeof(hex[i]));
        locum_text_add_hex(&out, public_of[i].bytes, LOCUM_KEY_BYTES);
    }
    if (with_ns0) {
        (void)snprintf(ns0, sizeof(ns0), ", key: [%s]", hex[NS0]);
    }
    (void)snprintf(text, sizeof(text),
                   "cluster: get\n"
                   "node: dc2\n"
                   "secret-file: secret\n"
                   "key-file: key\n"
                   "peer-keys: %s\n"
                   "state-dir: .\n"
                   "listen: {dns: none, control: control.sock}\n"
                   "nodes:\n"
                   "  dc2: {address: [%s], port: %d, key: [%s]}\n"
                   "  dc3: {address: [%s], port: %d, key: [%s]}\n"
                   "  ns0: {role: witness, address: [192.0.2.10]%s}\n"
                   "zones:\n"
                   "  - name: get.example.org\n"
                   "    ns: [dc2.example.org, dc3.example.org]\n"
                   "service: {checks: [{tcp: {address: \"127.0.0.1:9\"}}]}\n",
                   policy, host, PORT, hex[DC2], peer_host, PORT, hex[DC3], ns0);
    write_file("locum.yaml", text);
}

static long long counted_before;
static uint64_t refused_before;

/* How many datagrams of dc3 have counted. */
static long long
counted(void)
{
    return get_metric("locum_peer_heartbeats_total{peer=\"dc3\",path=\"udp\"}");
}

static bool
is_read(void)
{
    return counted() != counted_before ||
           daemon_->run.bad_signatures[LOCUM_PATH_UDP] != refused_before;
}

/* A heartbeat in the name of dc3, by someone who has the keys of `speaker`. Does it count? As a
 * datagram it goes through the socket. */
static bool
counts(enum locum_path path, size_t speaker, int by)
{
    char line[LOCUM_HEARTBEAT_MAX + LOCUM_KEYRING_BYTES_MAX];
    struct locum_text text = locum_text_init(line, sizeof(line));
    struct locum_proof proof;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    const struct locum_heartbeat heartbeat = {.sender = DC3,
                                              .incarnation = 7,
                                              .seq = ++seq,
                                              .interval_ms = 125,
                                              .service = LOCUM_UP,
                                              .wall = 1763863200123,
                                              .digest = "a1b2c3d4",
                                              .acked = 1};
    const uint32_t receivers = path == LOCUM_PATH_UDP ? 1u << DC2 : 7u;
    locum_heartbeat_add(&text, &daemon_->core.config, &heartbeat);
    if ((by & BY_KEY) != 0) {
        assert_int_equal(locum_keyring_sign(keyring_of[speaker], receivers, &text), 0);
    }
    if ((by & BY_SECRET) != 0) {
        assert_int_equal(locum_signature_add(&secrets, &text), 0);
    }
    if (path == LOCUM_PATH_REDIS) {
        (void)locum_daemon_heartbeats_prove(
            daemon_->config, (struct locum_slice){.at = line, .length = text.length}, &proof);
        return proof.counts;
    }
    counted_before = counted();
    refused_before = daemon_->run.bad_signatures[LOCUM_PATH_UDP];
    assert_int_equal(inet_pton(AF_INET, host, &to.sin_addr), 1);
    assert_int_equal(sendto(udp, line, text.length, 0, (struct sockaddr *)&to, sizeof(to)),
                     text.length);
    assert_true(wait_until(is_read));
    return counted() == counted_before + 1;
}

static void
test_either_counts_while_keys_are_accepted(void **state)
{
    (void)state;
    write_keys_config("accept", true);
    start();
    for (enum locum_path path = LOCUM_PATH_REDIS; path <= LOCUM_PATH_UDP; path++) {
        assert_true(counts(path, DC3, BY_KEY | BY_SECRET));
        assert_true(counts(path, DC3, BY_KEY));
        assert_true(counts(path, DC3, BY_SECRET));
        assert_true(counts(path, NS0, BY_KEY | BY_SECRET)); /* the secret is enough */
        assert_false(counts(path, NS0, BY_KEY));
        assert_false(counts(path, DC3, 0));
    }
}

static bool
proves(const char *line)
{
    struct locum_proof proof;
    (void)locum_daemon_heartbeats_prove(daemon_->config, locum_slice_of(line), &proof);
    return proof.by_secret;
}

static void
test_a_line_that_no_version_sends_is_not_looked_at(void **state)
{
    (void)state;
    char line[LOCUM_DAEMON_HEARTBEATS_LINE_MAX + 2];
    write_keys_config("accept", true);
    start();
    for (size_t length = LOCUM_DAEMON_HEARTBEATS_LINE_MAX; length < sizeof(line); length++) {
        struct locum_text text = locum_text_init(line, sizeof(line));
        locum_text_add(&text, "locum1 get dc3 ");
        while (text.length + LOCUM_SIGNATURE_BYTES < length) {
            locum_text_add_char(&text, 'x');
        }
        assert_int_equal(locum_signature_add(&secrets, &text), 0);
        assert_int_equal(text.length, length);
        assert_int_equal(proves(line), length == LOCUM_DAEMON_HEARTBEATS_LINE_MAX);
    }
}

/* Someone who knows the secret and the keys of ns0 cannot speak as dc3. */
static void
test_only_the_key_counts_where_it_is_required(void **state)
{
    (void)state;
    write_keys_config("require", true);
    start();
    for (enum locum_path path = LOCUM_PATH_REDIS; path <= LOCUM_PATH_UDP; path++) {
        assert_true(counts(path, DC3, BY_KEY));
        assert_true(counts(path, DC3, BY_KEY | BY_SECRET));
        assert_false(counts(path, DC3, BY_SECRET));
        assert_false(counts(path, NS0, BY_KEY));
        assert_false(counts(path, NS0, BY_KEY | BY_SECRET));
        assert_false(counts(path, DC3, 0));
    }
}

static char received[LOCUM_DATAGRAM_MAX + 1];

/* The last datagram; a later call does not lose it. */
static bool
has_arrived(void)
{
    const ssize_t length = recv(udp, received, sizeof(received) - 1, 0);
    if (length > 0) {
        received[length] = '\0';
    }
    return received[0] != '\0';
}

static void
test_datagrams_are_signed_for_their_receiver(void **state)
{
    static const char *const policies[] = {"accept", "require"};
    for (size_t i = 0; i < LOCUM_COUNT(policies); i++) {
        struct locum_slice text;
        write_keys_config(policies[i], true);
        start();
        received[0] = '\0';
        assert_true(wait_until(has_arrived));
        text = locum_slice_of(received);
        const char *mac = strstr(received, " x-mac=dc3:");
        assert_non_null(mac);
        assert_null(strchr(mac, ','));
        /* An older node reads ` hmac=` at the end, and skips `x-mac=` (HEARTBEAT-5). */
        assert_int_equal(locum_signature_check(&secrets, text, &text, NULL) == 0, i == 0);
        assert_int_equal(locum_keyring_check(keyring_of[DC3], DC2, text, &text, NULL), 0);
        assert_true(text.at + text.length == mac);
        assert_int_equal(teardown_keys(state), 0);
        assert_int_equal(setup_keys(state), 0);
    }
}

static void
test_a_node_without_a_key_is_sent_the_signature_only(void **state)
{
    (void)state;
    write_keys_config("accept", false);
    start();
    char line[LOCUM_HEARTBEAT_MAX];
    struct locum_text text = locum_text_init(line, sizeof(line));
    locum_text_add(&text, "x");
    assert_int_equal(locum_keyring_sign(daemon_->config->keyring, 1u << NS0, &text), 0);
    assert_string_equal(line, "x");
}

/* GREEN-15 */
static void
test_without_a_required_key_nothing_is_sent(void **state)
{
    (void)state;
    write_keys_config("require", true);
    start();
    received[0] = '\0';
    assert_true(wait_until(has_arrived));
    locum_daemon_destroy(daemon_);
    daemon_ = NULL;
    while (recv(udp, received, 1, 0) > 0) {
    }
    received[0] = '\0';
    assert_int_equal(unlink("key"), 0);
    start(); /* with the kept configuration */
    run_for(500);
    assert_false(has_arrived());
    json_t *status = get_status();
    char *text = json_dumps(json_object_get(status, "degraded"), 0);
    assert_non_null(strstr(text, "this node sends and accepts no heartbeats: key-file"));
    free(text);
    json_decref(status);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_keys, teardown_keys)
    const struct CMUnitTest tests[] = {
        TEST(test_either_counts_while_keys_are_accepted),
        TEST(test_a_line_that_no_version_sends_is_not_looked_at),
        TEST(test_only_the_key_counts_where_it_is_required),
        TEST(test_datagrams_are_signed_for_their_receiver),
        TEST(test_a_node_without_a_key_is_sent_the_signature_only),
        TEST(test_without_a_required_key_nothing_is_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
