/*
 * documents: a daemon, dc2, exchanges them with dc3, which is this test: through real sockets, with
 * heartbeats as dc3 sends and reads them.
 */
#include "fixture.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "core/heartbeat.h"
#include "daemon/documents.h"
#include "daemon/heartbeats.h"
#include "daemon/inside.h"

enum { DC2, DC3, NS0, NODES, PORT = 19853, INCARNATION = 7 };

static const char *const names[NODES] = {"dc2", "dc3", "ns0"};
static struct locum_secrets secrets;
static char peer_host[20]; /* address of dc3 */
static int udp = -1;       /* its socket */

/* dc3 */
static struct {
    struct locum_core_config config;
    struct locum_documents *documents;
    struct locum_order heard; /* of dc2 */
    uint64_t seq;
    bool silent;     /* it sends no heartbeats */
    bool forgery;    /* it signs with another secret */
    bool stale;      /* its documents acknowledge a heartbeat that was never sent */
    size_t messages; /* of documents that it has read */
    size_t changes, acknowledgements;
} dc3;

/* The user of the topic at dc2. */
static struct {
    size_t changes, acknowledgements;
    locum_node other;
} user;

static void
on_changed(void *seen, locum_node owner)
{
    (void)seen;
    user.changes++;
    user.other = owner;
}

static void
on_acknowledged(void *seen, locum_node peer)
{
    (void)seen;
    user.acknowledgements++;
    user.other = peer;
}

static struct locum_order
dc3_heard(void *seen, locum_node peer)
{
    (void)seen;
    if (peer != DC2) {
        return (struct locum_order){0};
    }
    return dc3.stale ? (struct locum_order){dc3.heard.incarnation, dc3.heard.seq + 1000}
                     : dc3.heard;
}

static bool
dc3_is_recent(void *seen, struct locum_order own)
{
    (void)seen;
    return own.incarnation == INCARNATION && own.seq + 16 > dc3.seq && own.seq <= dc3.seq;
}

/* Sign as a node without keys does, and send to dc2. */
static void
dc3_send_text(struct locum_text *text)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    struct locum_secrets by = secrets;
    by.key[0][0] ^= dc3.forgery ? 1 : 0;
    assert_int_equal(locum_signature_add(&by, text), 0);
    assert_int_equal(inet_pton(AF_INET, host, &to.sin_addr), 1);
    (void)!sendto(udp, text->at, text->length, 0, (struct sockaddr *)&to, sizeof(to));
}

static void
dc3_send(void *seen, locum_node to, struct locum_slice line)
{
    char buffer[LOCUM_DOCUMENTS_LINE_MAX + LOCUM_SIGNATURE_BYTES];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    (void)seen;
    if (to == DC2) {
        locum_text_add_bytes(&text, line.at, line.length);
        dc3_send_text(&text);
    }
}

static void
dc3_changed(void *seen, enum locum_document_topic topic, locum_node owner)
{
    (void)seen;
    assert_int_equal(topic, LOCUM_DOCUMENT_KEYS);
    assert_int_equal(owner, DC2);
    dc3.changes++;
}

static void
dc3_acknowledged(void *seen, enum locum_document_topic topic, locum_node peer)
{
    (void)seen;
    assert_int_equal(topic, LOCUM_DOCUMENT_KEYS);
    assert_int_equal(peer, DC2);
    dc3.acknowledgements++;
}

static const struct locum_documents_events dc3_events = {dc3_heard, dc3_is_recent, dc3_send,
                                                         dc3_changed, dc3_acknowledged};

static void
dc3_heartbeat(void)
{
    char line[LOCUM_HEARTBEAT_MAX];
    struct locum_text text = locum_text_init(line, sizeof(line));
    struct locum_heartbeat heartbeat = {.sender = DC3,
                                        .incarnation = INCARNATION,
                                        .seq = ++dc3.seq,
                                        .interval_ms = 125,
                                        .service = LOCUM_UP,
                                        .wall = locum_clock_read().wall,
                                        .digest = "a1b2c3d4",
                                        .acked = locum_nodes_of(DC2)};
    heartbeat.acks[DC2] = (struct locum_ack){.has_number = true,
                                             .incarnation = dc3.heard.incarnation,
                                             .seq = dc3.heard.seq,
                                             .state_code = LOCUM_ALIVE};
    locum_heartbeat_add(&text, &dc3.config, &heartbeat);
    dc3_send_text(&text);
}

/* What dc3 does all the time: it reads, answers each heartbeat, and sends its documents. */
static void
dc3_run(void)
{
    char line[LOCUM_DATAGRAM_MAX];
    for (ssize_t length; (length = recv(udp, line, sizeof(line), 0)) > 0;) {
        struct locum_slice text = {.at = line, .length = (size_t)length};
        struct locum_heartbeat heartbeat;
        assert_int_equal(locum_signature_check(&secrets, text, &text, NULL), 0);
        if (locum_documents_is_message(text)) {
            dc3.messages++;
            (void)locum_documents_receive(dc3.documents, text, LOCUM_PATH_UDP);
        } else if (locum_heartbeat_parse(text, &dc3.config, &heartbeat)) {
            dc3.heard = (struct locum_order){heartbeat.incarnation, heartbeat.seq};
            if (!dc3.silent) {
                dc3_heartbeat();
            }
        }
    }
    (void)locum_documents_send(dc3.documents, locum_clock_read().mono);
}

static void
dc3_begin(uint32_t session)
{
    locum_documents_destroy(dc3.documents);
    dc3.documents = locum_documents_create(&dc3.config, session, &dc3_events, NULL);
    assert_non_null(dc3.documents);
}

static int
setup_peer(void **state)
{
    assert_int_equal(setup(state), 0);
    struct locum_text why = locum_text_init(logged, sizeof(logged));
    assert_int_equal(locum_signature_read_secrets("secret", &secrets, &why), 0);
    (void)snprintf(peer_host, sizeof(peer_host), "127.78.%s", host + strlen("127.77."));
    udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    assert_int_equal(inet_pton(AF_INET, peer_host, &own.sin_addr), 1);
    assert_int_equal(bind(udp, (struct sockaddr *)&own, sizeof(own)), 0);
    memset(&dc3, 0, sizeof(dc3));
    memset(&user, 0, sizeof(user));
    dc3.config = (struct locum_core_config){.cluster = "get", .self = DC3, .node_count = NODES};
    for (size_t i = 0; i < NODES; i++) {
        (void)snprintf(dc3.config.nodes[i].name, sizeof(dc3.config.nodes[i].name), "%s", names[i]);
    }
    dc3.config.nodes[NS0].role = LOCUM_ROLE_WITNESS;
    dc3_begin(0x33);
    return 0;
}

static int
teardown_peer(void **state)
{
    locum_documents_destroy(dc3.documents);
    dc3.documents = NULL;
    (void)close(udp);
    return teardown(state);
}

/* dc2 is of this role; ns0 is before dc3 if `swapped`. */
static void
write_peer_config(const char *role, bool swapped)
{
    char text[CONFIG_BYTES];
    static const char ns0[] = "  ns0: {role: witness, address: [192.0.2.10]}\n";
    (void)snprintf(text, sizeof(text),
                   "cluster: get\n"
                   "node: dc2\n"
                   "secret-file: secret\n"
                   "state-dir: .\n"
                   "listen: {dns: none, control: control.sock}\n"
                   "nodes:\n"
                   "  dc2: {%s address: [%s], port: %d}\n"
                   "%s  dc3: {address: [%s], port: %d}\n%s"
                   "zones:\n"
                   "  - name: get.example.org\n"
                   "    ns: [dc2.example.org, dc3.example.org]\n%s",
                   role, host, PORT, swapped ? ns0 : "", peer_host, PORT, swapped ? "" : ns0,
                   role[0] == '\0' ? "service: {checks: [{tcp: {address: \"127.0.0.1:9\"}}]}\n"
                                   : "");
    write_file("locum.yaml", text);
}

static void
start_subscribed(const char *role)
{
    static const struct locum_daemon_documents_user users = {.changed = on_changed,
                                                             .acknowledged = on_acknowledged};
    write_peer_config(role, false);
    start();
    locum_daemon_documents_subscribe(daemon_, LOCUM_DOCUMENT_KEYS, &users);
}

static const char *wanted; /* of dc3's document at dc2 */

static bool
dc2_has_it(void)
{
    dc3_run();
    const locum_node owner = locum_nodes_find(&daemon_->config->core, locum_slice_of("dc3"));
    return locum_slice_is(locum_daemon_documents_get(daemon_, LOCUM_DOCUMENT_KEYS, owner), wanted);
}

static bool
dc3_has_it(void)
{
    dc3_run();
    return locum_slice_is(locum_documents_get(dc3.documents, LOCUM_DOCUMENT_KEYS, DC2), wanted);
}

static bool
dc2_is_acknowledged(void)
{
    dc3_run();
    return user.acknowledgements > 0;
}

static bool
dc3_is_acknowledged(void)
{
    dc3_run();
    return dc3.acknowledgements > 0;
}

static void
dc2_set(const char *text)
{
    (void)locum_daemon_loop_now(daemon_);
    assert_int_equal(locum_daemon_documents_set(daemon_, LOCUM_DOCUMENT_KEYS, locum_slice_of(text)),
                     0);
}

static uint64_t passed;

/* Some heartbeats have gone both ways. */
static bool
time_has_passed(void)
{
    dc3_run();
    return daemon_->core.view.seq >= passed;
}

static void
let_heartbeats_pass(void)
{
    passed = daemon_->core.view.seq + 6;
    assert_true(wait_until(time_has_passed));
}

static void
check_exchange(void)
{
    wanted = "one";
    dc2_set(wanted);
    assert_true(wait_until(dc3_has_it));
    assert_true(wait_until(dc2_is_acknowledged));
    assert_int_equal(user.other, DC3);
    assert_false(locum_daemon_documents_lacks(daemon_, LOCUM_DOCUMENT_KEYS, DC3));
    wanted = "two";
    assert_int_equal(
        locum_documents_set(dc3.documents, LOCUM_DOCUMENT_KEYS, locum_slice_of(wanted)), 0);
    assert_true(wait_until(dc2_has_it));
    assert_true(wait_until(dc3_is_acknowledged));
    assert_int_equal(user.changes, 1);
    assert_int_equal(user.other, DC3);
    assert_int_equal(dc3.changes, 1);
    assert_int_equal(daemon_->run.bad_signatures[LOCUM_PATH_UDP], 0);
    assert_int_equal(daemon_->core.ignored, 0);
}

static void
test_documents_go_both_ways(void **state)
{
    (void)state;
    start_subscribed("");
    check_exchange();
    const size_t messages = dc3.messages;
    let_heartbeats_pass();
    assert_int_equal(dc3.messages, messages); /* what is acknowledged is not sent again */
}

static void
test_a_witness_takes_part(void **state)
{
    (void)state;
    start_subscribed("role: witness,");
    check_exchange();
}

static void
test_without_a_document_nothing_is_sent(void **state)
{
    (void)state;
    start_subscribed("");
    let_heartbeats_pass();
    assert_int_equal(dc3.messages, 0);
}

/* dc3 restarts: it gets the document again, and its own begins again. */
static void
test_a_peer_that_restarts_gets_it_again(void **state)
{
    (void)state;
    start_subscribed("");
    check_exchange();
    dc3_begin(0x34);
    wanted = "three";
    assert_int_equal(
        locum_documents_set(dc3.documents, LOCUM_DOCUMENT_KEYS, locum_slice_of(wanted)), 0);
    assert_true(wait_until(dc2_has_it));
    wanted = "one";
    assert_true(wait_until(dc3_has_it));
}

/* A peer that is not heard is not sent anything, and nobody waits for it. */
static void
test_a_peer_that_is_not_heard_is_not_waited_for(void **state)
{
    (void)state;
    start_subscribed("");
    dc3.silent = true;
    dc2_set("one");
    let_heartbeats_pass();
    assert_int_equal(dc3.messages, 0);
    assert_false(locum_daemon_documents_lacks(daemon_, LOCUM_DOCUMENT_KEYS, DC3));
    assert_false(daemon_->documents.waits);
    dc3.silent = false;
    wanted = "one";
    assert_true(wait_until(dc3_has_it));
}

/* A replay names a heartbeat that is not recent; a forgery has no valid signature. */
static void
test_what_is_not_proved_or_not_fresh_does_not_count(void **state)
{
    (void)state;
    start_subscribed("");
    assert_int_equal(locum_documents_set(dc3.documents, LOCUM_DOCUMENT_KEYS, locum_slice_of("two")),
                     0);
    dc3.stale = true;
    let_heartbeats_pass();
    assert_int_equal(user.changes, 0);
    assert_int_equal(daemon_->run.bad_signatures[LOCUM_PATH_UDP], 0);
    dc3.stale = false;
    dc3.forgery = true;
    let_heartbeats_pass();
    assert_int_equal(user.changes, 0);
    assert_true(daemon_->run.bad_signatures[LOCUM_PATH_UDP] > 0);
    dc3.forgery = false;
    wanted = "two";
    assert_true(wait_until(dc2_has_it));
}

/* A reload moves the nodes: their documents follow. */
static void
test_documents_follow_a_reload(void **state)
{
    (void)state;
    start_subscribed("");
    check_exchange();
    json_t *messages;
    write_peer_config("", true);
    assert_int_equal(locum_daemon_wiring_reload(daemon_, &messages), 0);
    json_decref(messages);
    assert_int_equal(locum_nodes_find(&daemon_->config->core, locum_slice_of("dc3")), NS0);
    wanted = "two";
    assert_true(dc2_has_it());
    wanted = "four";
    dc2_set(wanted);
    assert_true(wait_until(dc3_has_it));
}

/* A version that does not know these messages gives them to its core, which takes them for those of
 * an unknown version: they are counted, and nothing else. */
static void
test_the_core_ignores_them(void **state)
{
    (void)state;
    start_subscribed("");
    struct locum_input input = {.kind = LOCUM_INPUT_HEARTBEAT};
    input.heartbeat.text = locum_slice_of("locum-doc1 get dc3 5f1c2a90 dc2=1,2 keys dc3 1 1/1 two");
    const uint64_t ignored = daemon_->core.ignored;
    locum_daemon_loop_deliver(daemon_, &input);
    assert_int_equal(daemon_->core.ignored, ignored + 1);
    assert_int_equal(daemon_->core.view.peer[DC3].ignored, LOCUM_NEVER);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_peer, teardown_peer)
    const struct CMUnitTest tests[] = {
        TEST(test_documents_go_both_ways),
        TEST(test_a_witness_takes_part),
        TEST(test_without_a_document_nothing_is_sent),
        TEST(test_a_peer_that_restarts_gets_it_again),
        TEST(test_a_peer_that_is_not_heard_is_not_waited_for),
        TEST(test_what_is_not_proved_or_not_fresh_does_not_count),
        TEST(test_documents_follow_a_reload),
        TEST(test_the_core_ignores_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
