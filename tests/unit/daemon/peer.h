/*
 * peer: dc3, a peer of the daemon under test, which is dc2: the test sends and reads heartbeats and
 * documents as dc3 does, through real sockets.
 */
#ifndef TESTS_UNIT_DAEMON_PEER_H
#define TESTS_UNIT_DAEMON_PEER_H

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
    struct locum_order heard;        /* of dc2 */
    enum locum_document_topic topic; /* the one that it expects */
    uint64_t seq;
    bool silent;     /* it sends no heartbeats */
    bool forgery;    /* it signs with another secret */
    bool stale;      /* its documents acknowledge a heartbeat that was never sent */
    bool old;        /* it does not know documents, as an older version */
    size_t messages; /* of documents that have come */
    size_t changes, acknowledgements;
} dc3;

static inline struct locum_order
dc3_heard(void *seen, locum_node peer)
{
    (void)seen;
    if (peer != DC2) {
        return (struct locum_order){0};
    }
    return dc3.stale ? (struct locum_order){dc3.heard.incarnation, dc3.heard.seq + 1000}
                     : dc3.heard;
}

static inline bool
dc3_is_recent(void *seen, struct locum_order own)
{
    (void)seen;
    return own.incarnation == INCARNATION && own.seq + 16 > dc3.seq && own.seq <= dc3.seq;
}

/* Sign as a node without keys does, and send to dc2. */
static inline void
dc3_send_text(struct locum_text *text)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    struct locum_secrets by = secrets;
    by.key[0][0] ^= dc3.forgery ? 1 : 0;
    assert_int_equal(locum_signature_add(&by, text), 0);
    assert_int_equal(inet_pton(AF_INET, host, &to.sin_addr), 1);
    (void)!sendto(udp, text->at, text->length, 0, (struct sockaddr *)&to, sizeof(to));
}

static inline void
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

static inline bool
dc3_changed(void *seen, enum locum_document_topic topic, locum_node owner)
{
    (void)seen;
    assert_int_equal(topic, dc3.topic);
    assert_int_equal(owner, DC2);
    dc3.changes++;
    return true;
}

static inline void
dc3_acknowledged(void *seen, enum locum_document_topic topic, locum_node peer)
{
    (void)seen;
    assert_int_equal(topic, dc3.topic);
    assert_int_equal(peer, DC2);
    dc3.acknowledgements++;
}

static const struct locum_documents_events dc3_events = {dc3_heard, dc3_is_recent, dc3_send,
                                                         dc3_changed, dc3_acknowledged};

static inline void
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
static inline void
dc3_run(void)
{
    char line[LOCUM_DATAGRAM_MAX];
    for (ssize_t length; (length = recv(udp, line, sizeof(line), 0)) > 0;) {
        struct locum_slice text = {.at = line, .length = (size_t)length};
        struct locum_heartbeat heartbeat;
        assert_int_equal(locum_signature_check(&secrets, text, &text, NULL), 0);
        if (locum_documents_is_message(text)) {
            dc3.messages++;
            (void)(!dc3.old && locum_documents_receive(dc3.documents, text, LOCUM_PATH_UDP));
        } else if (locum_heartbeat_parse(text, &dc3.config, &heartbeat)) {
            dc3.heard = (struct locum_order){heartbeat.incarnation, heartbeat.seq};
            if (!dc3.silent) {
                dc3_heartbeat();
            }
        }
    }
    (void)locum_documents_send(dc3.documents, locum_clock_read().mono);
}

static inline void
dc3_begin(uint32_t session)
{
    locum_documents_destroy(dc3.documents);
    dc3.documents = locum_documents_create(&dc3.config, session, &dc3_events, NULL);
    assert_non_null(dc3.documents);
}

static inline int
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
    dc3.config = (struct locum_core_config){.cluster = "get", .self = DC3, .node_count = NODES};
    for (size_t i = 0; i < NODES; i++) {
        (void)snprintf(dc3.config.nodes[i].name, sizeof(dc3.config.nodes[i].name), "%s", names[i]);
    }
    dc3.config.nodes[NS0].role = LOCUM_ROLE_WITNESS;
    dc3_begin(0x33);
    return 0;
}

static inline int
teardown_peer(void **state)
{
    locum_documents_destroy(dc3.documents);
    dc3.documents = NULL;
    (void)close(udp);
    return teardown(state);
}

/* dc2 is of this role; ns0 is before dc3 if `swapped`; `zone` is added to the zone. */
static inline void
write_peer_config(const char *role, bool swapped, const char *zone)
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
                   "    ns: [dc2.example.org, dc3.example.org]\n%s%s",
                   role, host, PORT, swapped ? ns0 : "", peer_host, PORT, swapped ? "" : ns0, zone,
                   role[0] == '\0' ? "service: {checks: [{tcp: {address: \"127.0.0.1:9\"}}]}\n"
                                   : "");
    write_file("locum.yaml", text);
}

#endif
