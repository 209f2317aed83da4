#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "peer/documents.h"

/*
 * Nodes in one process. A message is in the queue of its path until the test lets it arrive; the
 * wires can lose, cut and record. Every node hears every other one, unless `silent` says otherwise.
 */
enum { NODES = 4, QUEUE_MAX = 4096, WITNESS = 2, SENTINEL = 3 };
static const char *const names[NODES] = {"dc2", "dc3", "ns0", "out"};

struct message {
    locum_node from, to; /* to: LOCUM_NODE_NONE: all, by Redis */
    char *line;
};

struct node {
    struct locum_core_config config;
    struct locum_documents *documents;
    uint64_t seq; /* of its last heartbeat */
    bool silent;  /* no other node hears it */
    size_t changes, acknowledgements;
    enum locum_document_topic topic;
    locum_node other;
};

struct net {
    struct node node[NODES];
    struct message queue[QUEUE_MAX];
    size_t queued, sent;
    unsigned lose; /* of 100 messages */
    bool no_redis, no_udp;
    unsigned random;
    locum_ms now;
};

static struct net net;

static unsigned
pick(unsigned below)
{
    net.random = net.random * 1664525u + 1013904223u;
    return (net.random >> 8) % below;
}

static locum_node
index_of(const void *user)
{
    return (locum_node)((const struct node *)user - net.node);
}

static struct locum_order
heard(void *user, locum_node peer)
{
    (void)user;
    return net.node[peer].silent ? (struct locum_order){0}
                                 : (struct locum_order){1000u + peer, net.node[peer].seq};
}

static bool
is_recent(void *user, struct locum_order own)
{
    const struct node *node = user;
    return own.incarnation == 1000u + index_of(user) && own.seq + 8 > node->seq &&
           own.seq <= node->seq;
}

static void
send_line(void *user, locum_node to, struct locum_slice line)
{
    assert_true(net.queued < QUEUE_MAX);
    assert_true(to == LOCUM_NODE_NONE || line.length <= 1000);
    net.sent++;
    net.queue[net.queued].from = index_of(user);
    net.queue[net.queued].to = to;
    net.queue[net.queued].line = malloc(line.length + 1);
    assert_non_null(net.queue[net.queued].line);
    memcpy(net.queue[net.queued].line, line.at, line.length);
    net.queue[net.queued++].line[line.length] = '\0';
}

static bool
changed(void *user, enum locum_document_topic topic, locum_node owner)
{
    struct node *node = user;
    node->changes++;
    node->topic = topic, node->other = owner;
    return true;
}

static void
acknowledged(void *user, enum locum_document_topic topic, locum_node peer)
{
    struct node *node = user;
    node->acknowledgements++;
    node->topic = topic;
    node->other = peer;
}

static const struct locum_documents_events events = {heard, is_recent, send_line, changed,
                                                     acknowledged};

static void
begin_node(locum_node self, uint32_t session)
{
    struct node *node = &net.node[self];
    node->config = (struct locum_core_config){
        .cluster = "get", .self = self, .node_count = NODES, .redis = true};
    for (size_t i = 0; i < NODES; i++) {
        (void)snprintf(node->config.nodes[i].name, sizeof(node->config.nodes[i].name), "%s",
                       names[i]);
    }
    node->config.nodes[WITNESS].role = LOCUM_ROLE_WITNESS;
    node->config.nodes[SENTINEL].role = LOCUM_ROLE_SENTINEL;
    node->documents = locum_documents_create(&node->config, session, &events, node);
    assert_non_null(node->documents);
}

static void
drop_queue(void)
{
    while (net.queued > 0) {
        free(net.queue[--net.queued].line);
    }
}

static int
setup(void **state)
{
    (void)state;
    net = (struct net){.random = 7, .now = 5000};
    for (locum_node i = 0; i < SENTINEL; i++) {
        net.node[i].seq = 1;
        begin_node(i, 0x10u + i);
    }
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    drop_queue();
    for (size_t i = 0; i < NODES; i++) {
        locum_documents_destroy(net.node[i].documents);
    }
    return 0;
}

/* Let all messages arrive that are on the way, in any order. */
static void
deliver(void)
{
    struct message now[QUEUE_MAX];
    const size_t count = net.queued;
    memcpy(now, net.queue, count * sizeof(*now));
    net.queued = 0;
    for (size_t left = count; left > 0; left--) {
        const size_t at = pick((unsigned)left);
        const struct message message = now[at];
        const bool redis = message.to == LOCUM_NODE_NONE;
        now[at] = now[left - 1];
        for (locum_node to = 0; to < SENTINEL; to++) {
            const bool lost = pick(100) < net.lose || (redis ? net.no_redis : net.no_udp) ||
                              net.node[to].silent || net.node[message.from].silent;
            if (to != message.from && (redis || message.to == to) && !lost) {
                (void)locum_documents_receive(net.node[to].documents, locum_slice_of(message.line),
                                              redis ? LOCUM_PATH_REDIS : LOCUM_PATH_UDP);
            }
        }
        free(message.line);
    }
}

/* One heartbeat interval. Returns whether some node waits for an acknowledgement. */
static bool
round_trip(void)
{
    bool waits = false;
    net.now += LOCUM_DOCUMENTS_REPEAT_MS;
    for (locum_node i = 0; i < SENTINEL; i++) {
        net.node[i].seq++;
        waits = locum_documents_send(net.node[i].documents, net.now) || waits;
    }
    deliver(); /* the documents */
    deliver(); /* their acknowledgements */
    return waits;
}

static void
set(locum_node node, enum locum_document_topic topic, const char *text)
{
    assert_int_equal(locum_documents_set(net.node[node].documents, topic, locum_slice_of(text)), 0);
}

static void
assert_copy(locum_node at, locum_node owner, enum locum_document_topic topic, const char *text)
{
    const struct locum_slice copy = locum_documents_get(net.node[at].documents, topic, owner);
    if (text == NULL) {
        assert_null(copy.at);
        return;
    }
    assert_non_null(copy.at);
    assert_int_equal(copy.length, strlen(text));
    assert_memory_equal(copy.at, text, copy.length);
}

static char *
long_text(size_t length)
{
    char *text = malloc(length + 1);
    assert_non_null(text);
    for (size_t i = 0; i < length; i++) {
        text[i] = (char)('a' + pick(26));
    }
    text[length] = '\0';
    return text;
}

static void
every_peer_has_a_document_after_one_exchange(void **state)
{
    (void)state;
    set(0, LOCUM_DOCUMENT_KEYS, "two words");
    assert_copy(0, 0, LOCUM_DOCUMENT_KEYS, "two words");
    assert_false(locum_documents_is_acknowledged(net.node[0].documents, LOCUM_DOCUMENT_KEYS, 1));
    assert_true(round_trip());
    for (locum_node at = 1; at < SENTINEL; at++) {
        assert_copy(at, 0, LOCUM_DOCUMENT_KEYS, "two words");
        assert_copy(at, 0, LOCUM_DOCUMENT_ACME, NULL);
        assert_true(
            locum_documents_is_acknowledged(net.node[0].documents, LOCUM_DOCUMENT_KEYS, at));
        assert_int_equal(net.node[at].changes, 1);
        assert_int_equal(net.node[at].topic, LOCUM_DOCUMENT_KEYS);
        assert_int_equal(net.node[at].other, 0);
    }
    assert_int_equal(net.node[0].acknowledgements, 2);
    const size_t sent = net.sent;
    set(0, LOCUM_DOCUMENT_KEYS, "two words");
    assert_false(round_trip());
    assert_int_equal(net.sent, sent); /* nothing more, and nothing for the same text */
}

static void
an_empty_document_replaces_another(void **state)
{
    (void)state;
    set(0, LOCUM_DOCUMENT_ACME, "x");
    (void)round_trip();
    set(0, LOCUM_DOCUMENT_ACME, "");
    (void)round_trip();
    assert_copy(1, 0, LOCUM_DOCUMENT_ACME, "");
}

static void
one_path_is_enough(void **state)
{
    (void)state;
    net.no_udp = true;
    set(0, LOCUM_DOCUMENT_ACME, "by Redis");
    (void)round_trip();
    assert_copy(1, 0, LOCUM_DOCUMENT_ACME, "by Redis");
    assert_false(round_trip());
    net.no_udp = false;
    net.no_redis = true;
    set(0, LOCUM_DOCUMENT_ACME, "by UDP");
    (void)round_trip();
    assert_copy(2, 0, LOCUM_DOCUMENT_ACME, "by UDP");
    assert_false(round_trip());
}

static void
a_long_document_arrives_in_spite_of_losses(void **state)
{
    (void)state;
    net.lose = 60;
    for (int i = 0; i < 20; i++) {
        char *text =
            long_text(i == 0 ? LOCUM_DOCUMENTS_BYTES_MAX : pick(LOCUM_DOCUMENTS_BYTES_MAX));
        set(1, LOCUM_DOCUMENT_KEYS, text);
        for (int rounds = 0; round_trip(); rounds++) {
            assert_true(rounds < 400);
        }
        assert_copy(0, 1, LOCUM_DOCUMENT_KEYS, text);
        assert_copy(2, 1, LOCUM_DOCUMENT_KEYS, text);
        free(text);
    }
}

static void
only_missing_parts_are_repeated_and_ever_later(void **state)
{
    (void)state;
    char *text = long_text(4 * LOCUM_DOCUMENTS_PART_BYTES);
    net.no_redis = net.node[2].silent = true;
    set(1, LOCUM_DOCUMENT_KEYS, "each knows the session of the other one");
    (void)round_trip();
    set(0, LOCUM_DOCUMENT_KEYS, text);
    assert_true(locum_documents_send(net.node[0].documents, net.now));
    assert_int_equal(net.queued, 8); /* 4 to dc3, 4 to Redis */
    free(net.queue[2].line);         /* the third part is lost */
    net.queue[2] = net.queue[--net.queued];
    deliver();
    deliver();
    assert_copy(1, 0, LOCUM_DOCUMENT_KEYS, NULL);
    assert_true(locum_documents_send(net.node[0].documents, net.now + 124));
    assert_int_equal(net.queued, 0);
    assert_true(locum_documents_send(net.node[0].documents, net.now + 125));
    assert_int_equal(net.queued, 2);
    assert_non_null(strstr(net.queue[0].line, " keys dc2 1 3/4 "));
    drop_queue();
    assert_true(locum_documents_send(net.node[0].documents, net.now + 125 + 249));
    assert_int_equal(net.queued, 0);
    assert_true(locum_documents_send(net.node[0].documents, net.now + 125 + 250));
    assert_int_equal(net.queued, 2);
    deliver();
    assert_copy(1, 0, LOCUM_DOCUMENT_KEYS, text);
    free(text);
}

static void
a_silent_peer_gets_it_when_it_is_heard_again(void **state)
{
    (void)state;
    net.node[1].silent = true;
    set(0, LOCUM_DOCUMENT_ACME, "later");
    (void)round_trip();
    assert_false(round_trip()); /* nobody who is heard lacks it */
    assert_copy(1, 0, LOCUM_DOCUMENT_ACME, NULL);
    net.node[1].silent = false;
    (void)round_trip();
    assert_copy(1, 0, LOCUM_DOCUMENT_ACME, "later");
}

static void
a_new_session_gets_everything_and_replaces_its_own(void **state)
{
    (void)state;
    set(0, LOCUM_DOCUMENT_ACME, "of dc2");
    set(1, LOCUM_DOCUMENT_ACME, "first");
    (void)round_trip();
    set(1, LOCUM_DOCUMENT_ACME, "second");
    (void)round_trip();
    locum_documents_destroy(net.node[1].documents);
    begin_node(1, 0x99);
    set(1, LOCUM_DOCUMENT_ACME, "third"); /* its version is 1 again */
    (void)round_trip();
    (void)round_trip();
    assert_copy(0, 1, LOCUM_DOCUMENT_ACME, "third");
    assert_copy(2, 1, LOCUM_DOCUMENT_ACME, "third");
    assert_copy(1, 0, LOCUM_DOCUMENT_ACME, "of dc2");
}

static void
a_late_message_of_an_old_session_changes_nothing(void **state)
{
    (void)state;
    char old[1024];
    set(1, LOCUM_DOCUMENT_ACME, "old");
    (void)locum_documents_send(net.node[1].documents, net.now);
    (void)snprintf(old, sizeof(old), "%s", net.queue[0].line);
    deliver();
    deliver();
    locum_documents_destroy(net.node[1].documents);
    begin_node(1, 0x99);
    set(1, LOCUM_DOCUMENT_ACME, "new");
    (void)round_trip();
    assert_copy(0, 1, LOCUM_DOCUMENT_ACME, "new");
    (void)locum_documents_receive(net.node[0].documents, locum_slice_of(old), LOCUM_PATH_UDP);
    assert_copy(0, 1, LOCUM_DOCUMENT_ACME, "new");
}

static void
a_late_version_changes_nothing(void **state)
{
    (void)state;
    char old[1024];
    set(1, LOCUM_DOCUMENT_ACME, "old");
    (void)locum_documents_send(net.node[1].documents, net.now);
    (void)snprintf(old, sizeof(old), "%s", net.queue[0].line);
    drop_queue();
    set(1, LOCUM_DOCUMENT_ACME, "new");
    (void)round_trip();
    assert_true(
        locum_documents_receive(net.node[0].documents, locum_slice_of(old), LOCUM_PATH_UDP));
    assert_copy(0, 1, LOCUM_DOCUMENT_ACME, "new");
    deliver(); /* the acknowledgement of the new one does no harm */
}

static void
a_replay_does_not_count(void **state)
{
    (void)state;
    char line[1024];
    set(1, LOCUM_DOCUMENT_ACME, "x");
    (void)locum_documents_send(net.node[1].documents, net.now);
    (void)snprintf(line, sizeof(line), "%s", net.queue[0].line);
    drop_queue();
    net.node[0].seq += 20;
    assert_false(
        locum_documents_receive(net.node[0].documents, locum_slice_of(line), LOCUM_PATH_UDP));
    assert_copy(0, 1, LOCUM_DOCUMENT_ACME, NULL);
}

static void
reconfigure_keeps_copies_by_name(void **state)
{
    (void)state;
    set(1, LOCUM_DOCUMENT_ACME, "of dc3");
    set(2, LOCUM_DOCUMENT_ACME, "of ns0");
    (void)round_trip();
    struct locum_core_config fewer = net.node[0].config;
    fewer.nodes[1] = fewer.nodes[2];
    fewer.node_count = 2;
    locum_documents_reconfigure(net.node[0].documents, &fewer);
    assert_copy(0, 1, LOCUM_DOCUMENT_ACME, "of ns0");
    locum_documents_reconfigure(net.node[0].documents, &net.node[0].config);
    assert_copy(0, 1, LOCUM_DOCUMENT_ACME, NULL);
    assert_copy(0, 2, LOCUM_DOCUMENT_ACME, "of ns0");
}

static void
texts_that_no_message_can_carry_are_refused(void **state)
{
    (void)state;
    char *text = long_text(LOCUM_DOCUMENTS_BYTES_MAX + 1);
    struct locum_documents *documents = net.node[0].documents;
    set(0, LOCUM_DOCUMENT_ACME, "before");
    assert_int_equal(locum_documents_set(documents, LOCUM_DOCUMENT_ACME, locum_slice_of(text)),
                     LOCUM_ERR_SPACE);
    assert_int_equal(locum_documents_set(documents, LOCUM_DOCUMENT_ACME, locum_slice_of("a\nb")),
                     LOCUM_ERR_INVALID);
    assert_copy(0, 0, LOCUM_DOCUMENT_ACME, "before");
    free(text);
}

static void
malformed_messages_do_not_count(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "locum-doc1",
        "locum-doc2 get dc3 00000011 dc2=1000,1 acme dc3 1 1/1 x",
        "locum-doc1 other dc3 00000011 dc2=1000,1 acme dc3 1 1/1 x",
        "locum-doc1 get dc9 00000011 dc2=1000,1 acme dc3 1 1/1 x",
        "locum-doc1 get dc2 00000011 dc2=1000,1 acme dc2 1 1/1 x", /* this node itself */
        "locum-doc1 get out 00000011 dc2=1000,1 acme out 1 1/1 x", /* a Sentinel has none */
        "locum-doc1 get dc3 00000000 dc2=1000,1 acme dc3 1 1/1 x",
        "locum-doc1 get dc3 0011 dc2=1000,1 acme dc3 1 1/1 x",
        "locum-doc1 get dc3 00000011 - acme dc3 1 1/1 x",
        "locum-doc1 get dc3 00000011 ns0=1000,1 acme dc3 1 1/1 x",
        "locum-doc1 get dc3 00000011 dc2=1000 acme dc3 1 1/1 x",
        "locum-doc1 get dc3 00000011 dc2=1001,1 acme dc3 1 1/1 x",
        "locum-doc1 get dc3 00000011 dc2=1000,x acme dc3 1 1/1 x",
        "locum-doc1 get dc3 00000011 dc2=1000,1 other dc3 1 1/1 x",
        "locum-doc1 get dc3 00000011 dc2=1000,1 acme ns0 1 1/1 x", /* not its own */
        "locum-doc1 get dc3 00000011 dc2=1000,1 acme dc9 1 1/1 x",
        "locum-doc1 get dc3 00000011 dc2=1000,1 acme dc3 0 1/1 x",
        "locum-doc1 get dc3 00000011 dc2=1000,1 acme dc3 2147483648 1/1 x",
        "locum-doc1 get dc3 00000011 dc2=1000,1 acme dc3 1 0/1 x",
        "locum-doc1 get dc3 00000011 dc2=1000,1 acme dc3 1 2/1 x",
        "locum-doc1 get dc3 00000011 dc2=1000,1 acme dc3 1 1/17 x",
        "locum-doc1 get dc3 00000011 dc2=1000,1 acme dc3 1 1/2 x", /* not full */
        "locum-doc1 get dc3 00000011 dc2=1000,1 acme dc3 1 1/1",
        "locum-doc1 get dc3 00000011 dc2=1000,1 acme dc3 1 1 x",
        "locum-doc1 get dc3 00000011 dc2=1000,1 acme dc3 1 1/1 \x80",
        "locum-doc1 get dc3 00000011 dc2=1000,1 acme dc2 1 ack 00000010",
        "locum-doc1 get dc3 00000011 dc2=1000,1 acme dc2 1 ack 00000010 1",
        "locum-doc1 get dc3 00000011 dc2=1000,1 acme dc2 1 ack 00000010 00000001 x",
    };
    for (size_t i = 0; i < LOCUM_COUNT(bad); i++) {
        assert_false(
            locum_documents_receive(net.node[0].documents, locum_slice_of(bad[i]), LOCUM_PATH_UDP));
    }
    assert_copy(0, 1, LOCUM_DOCUMENT_ACME, NULL);
    assert_int_equal(net.queued, 0);
    assert_true(locum_documents_receive(
        net.node[0].documents,
        locum_slice_of("locum-doc1 get dc3 00000011 ns0=1,1;dc2=1000,1 acme dc3 1 1/1 x"),
        LOCUM_PATH_UDP));
    assert_copy(0, 1, LOCUM_DOCUMENT_ACME, "x");
    assert_true(locum_documents_is_message(locum_slice_of("locum-doc1 get")));
    assert_false(locum_documents_is_message(locum_slice_of("locum1 get dc2")));
}

static void
parts_that_do_not_fit_together_are_not_taken(void **state)
{
    (void)state;
    struct locum_documents *documents = net.node[0].documents;
    assert_true(locum_documents_receive(
        documents, locum_slice_of("locum-doc1 get dc3 00000011 dc2=1000,1 acme dc3 5 2/2 end"),
        LOCUM_PATH_UDP));
    assert_true(locum_documents_receive(
        documents, locum_slice_of("locum-doc1 get dc3 00000011 dc2=1000,1 acme dc3 5 1/1 whole"),
        LOCUM_PATH_UDP));
    assert_copy(0, 1, LOCUM_DOCUMENT_ACME, NULL);
    assert_true(locum_documents_receive(
        documents, locum_slice_of("locum-doc1 get dc3 00000011 dc2=1000,1 acme dc3 4 1/1 older"),
        LOCUM_PATH_UDP));
    assert_copy(0, 1, LOCUM_DOCUMENT_ACME, NULL);
    assert_true(locum_documents_receive(
        documents, locum_slice_of("locum-doc1 get dc3 00000011 dc2=1000,1 acme dc3 6 1/1 whole"),
        LOCUM_PATH_UDP));
    assert_copy(0, 1, LOCUM_DOCUMENT_ACME, "whole");
}

static void
acknowledgements_of_others_do_not_count(void **state)
{
    (void)state;
    static const char *const of_others[] = {
        "locum-doc1 get dc3 00000011 dc2=1000,1 acme ns0 1 ack 00000010 00000001",
        "locum-doc1 get dc3 00000011 dc2=1000,1 acme dc2 1 ack 00000099 00000001",
        "locum-doc1 get dc3 00000011 dc2=1000,1 acme dc2 2 ack 00000010 00000001",
        "locum-doc1 get dc3 00000011 dc2=1000,1 acme dc2 1 ack 00000010 00000002",
    };
    set(0, LOCUM_DOCUMENT_ACME, "x");
    for (size_t i = 0; i < LOCUM_COUNT(of_others); i++) {
        assert_true(locum_documents_receive(net.node[0].documents, locum_slice_of(of_others[i]),
                                            LOCUM_PATH_UDP));
        assert_false(
            locum_documents_is_acknowledged(net.node[0].documents, LOCUM_DOCUMENT_ACME, 1));
    }
    assert_int_equal(net.node[0].acknowledgements, 0);
}

static void
random_changes_losses_and_restarts_end_with_equal_copies(void **state)
{
    (void)state;
    uint32_t session = 0x1000;
    for (int i = 0; i < 300; i++) {
        const locum_node node = (locum_node)pick(SENTINEL);
        const enum locum_document_topic topic =
            (enum locum_document_topic)pick(LOCUM_DOCUMENT_TOPICS);
        char *text = long_text(pick(3000));
        net.lose = pick(90);
        net.node[pick(SENTINEL)].silent = pick(4) == 0;
        if (pick(10) == 0) {
            locum_documents_destroy(net.node[node].documents);
            begin_node(node, session++);
        }
        set(node, topic, text);
        (void)round_trip();
        free(text);
    }
    net.lose = 0;
    for (locum_node node = 0; node < SENTINEL; node++) {
        net.node[node].silent = false;
        set(node, LOCUM_DOCUMENT_ACME, "the end");
        set(node, LOCUM_DOCUMENT_KEYS, names[node]);
    }
    for (int rounds = 0; round_trip(); rounds++) {
        assert_true(rounds < 20);
    }
    for (locum_node at = 0; at < SENTINEL; at++) {
        for (locum_node owner = 0; owner < SENTINEL; owner++) {
            assert_copy(at, owner, LOCUM_DOCUMENT_ACME, "the end");
            assert_copy(at, owner, LOCUM_DOCUMENT_KEYS, names[owner]);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_peer_has_a_document_after_one_exchange),
        TEST(an_empty_document_replaces_another),
        TEST(one_path_is_enough),
        TEST(a_long_document_arrives_in_spite_of_losses),
        TEST(only_missing_parts_are_repeated_and_ever_later),
        TEST(a_silent_peer_gets_it_when_it_is_heard_again),
        TEST(a_new_session_gets_everything_and_replaces_its_own),
        TEST(a_late_message_of_an_old_session_changes_nothing),
        TEST(a_late_version_changes_nothing),
        TEST(a_replay_does_not_count),
        TEST(reconfigure_keeps_copies_by_name),
        TEST(texts_that_no_message_can_carry_are_refused),
        TEST(malformed_messages_do_not_count),
        TEST(parts_that_do_not_fit_together_are_not_taken),
        TEST(acknowledgements_of_others_do_not_count),
        TEST(random_changes_losses_and_restarts_end_with_equal_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
