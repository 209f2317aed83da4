/*
 * How values of ACME challenges spread: the documents of peer/ and the challenges of dns/, put
 * together as daemon/acme.c does it, among three servers and a witness under a virtual clock. The
 * network loses messages, is cut in two, also one way; nodes crash, restart, and join late; their
 * wall clocks differ.
 *
 * A server hears another one if a heartbeat of it, which says that it hears this one, has arrived
 * within the timeout. Each message takes less than a heartbeat interval.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dns/challenges.h"
#include "peer/documents.h"

enum {
    NODES = 4,
    WITNESS = 3,
    INTERVAL_MS = 125,
    TIMEOUT = 6, /* heartbeats */
    QUEUE_MAX = 4096,
    TEXT_BYTES = LOCUM_CHALLENGE_BYTES_MAX + 1,
    KEPT_BYTES = NODES * TEXT_BYTES,
    SCHEDULES = 60,
    STEPS = 160,
    LETTERS = 4, /* values: "a" .. */
    /* After a loss the pause before the next repetition is at most a second. */
    CALM = LOCUM_DOCUMENTS_REPEAT_MAX_MS / INTERVAL_MS + TIMEOUT + 4,
};

#define OWNER "_acme-challenge.get.example.org."

static const char *const names[NODES] = {"dc2", "dc3", "dc4", "ns0"};
static const locum_ms skew_ms[NODES] = {0, 3600000, -7000, 250};

struct node {
    struct locum_core_config config;
    struct locum_documents *documents; /* NULL: it does not run */
    struct locum_challenges *challenges;
    uint64_t seq;                 /* of its last heartbeat */
    locum_ms arrived[NODES];      /* step in which a heartbeat of each last arrived; -1 */
    locum_ms heard[NODES];        /* the same of one that was an answer; -1 */
    uint64_t heard_seq[NODES];    /* the last of these */
    char kept[NODES][TEXT_BYTES]; /* what the next run takes up, on the boot clock */
};

static struct {
    struct node node[NODES];
    struct {
        locum_node from, to;
        char *line;
    } queue[QUEUE_MAX];
    size_t queued;
    bool cut[NODES][NODES]; /* from, to */
    unsigned lose;          /* of 100 messages */
    uint32_t random, sessions;
    locum_ms step;
    locum_ms ends[LETTERS]; /* ms: when each value ends at the latest */
} net;

static unsigned
pick(unsigned below)
{
    net.random = net.random * 1664525u + 1013904223u;
    return (net.random >> 8) % below;
}

static struct locum_now
now_of(locum_node node)
{
    const locum_ms ms = net.step * INTERVAL_MS;
    return (struct locum_now){
        .mono = ms, .boot = 5000 + ms, .wall = 1796000000000 + ms + skew_ms[node]};
}

static locum_node
index_of(const void *user)
{
    return (locum_node)((const struct node *)user - net.node);
}

static bool
hears(locum_node node, locum_node peer)
{
    const locum_ms heard = net.node[node].heard[peer];
    return heard >= 0 && net.step - heard < TIMEOUT;
}

static struct locum_order
heard(void *user, locum_node peer)
{
    const struct node *self = user;
    return hears(index_of(user), peer) ? (struct locum_order){1000u + peer, self->heard_seq[peer]}
                                       : (struct locum_order){0};
}

static bool
is_recent(void *user, struct locum_order own)
{
    const struct node *self = user;
    return own.incarnation == 1000u + index_of(user) && own.seq <= self->seq &&
           own.seq + 2 * TIMEOUT >= self->seq;
}

static bool
is_lost(locum_node from, locum_node to)
{
    return net.cut[from][to] || net.node[to].documents == NULL || pick(100) < net.lose;
}

static void
send_line(void *user, locum_node to, struct locum_slice line)
{
    char *copy = malloc(line.length + 1);
    assert_non_null(copy);
    assert_true(to != LOCUM_NODE_NONE && net.queued < QUEUE_MAX);
    memcpy(copy, line.at, line.length);
    copy[line.length] = '\0';
    net.queue[net.queued].from = index_of(user);
    net.queue[net.queued].to = to;
    net.queue[net.queued++].line = copy;
}

/* As locum_acme does after each change: keep, and let the peers have it. */
static void
follow(locum_node i)
{
    struct node *self = &net.node[i];
    struct locum_now boot = now_of(i);
    char text[TEXT_BYTES];
    struct locum_text out = locum_text_init(text, sizeof(text));
    boot.wall = boot.boot;
    (void)locum_challenges_expire(self->challenges, now_of(i));
    locum_challenges_add(self->challenges, now_of(i), &out);
    assert_int_equal(
        locum_documents_set(self->documents, LOCUM_DOCUMENT_ACME, locum_slice_of(text)), 0);
    for (locum_node node = 0; node < NODES; node++) {
        out = locum_text_init(self->kept[node], TEXT_BYTES);
        if (node == i) {
            locum_challenges_add(self->challenges, boot, &out);
        } else {
            locum_challenges_add_copy(self->challenges, node, boot, &out);
        }
    }
}

static bool
changed(void *user, enum locum_document_topic topic, locum_node owner)
{
    const locum_node i = index_of(user);
    struct node *self = user;
    assert_int_equal(topic, LOCUM_DOCUMENT_ACME);
    assert_true(locum_challenges_take(
        self->challenges, owner, locum_documents_get(self->documents, LOCUM_DOCUMENT_ACME, owner),
        skew_ms[owner] - skew_ms[i], now_of(i)));
    return true;
}

static const struct locum_documents_events events = {heard, is_recent, send_line, changed, NULL};

static void
start(locum_node i)
{
    struct node *self = &net.node[i];
    struct locum_now boot = now_of(i);
    boot.wall = boot.boot;
    self->config = (struct locum_core_config){.cluster = "get", .self = i, .node_count = NODES};
    for (size_t j = 0; j < NODES; j++) {
        (void)snprintf(self->config.nodes[j].name, sizeof(self->config.nodes[j].name), "%s",
                       names[j]);
        self->arrived[j] = self->heard[j] = -1;
    }
    self->config.nodes[WITNESS].role = LOCUM_ROLE_WITNESS;
    self->documents = locum_documents_create(&self->config, ++net.sessions, &events, self);
    self->challenges = locum_challenges_create();
    assert_true(self->documents != NULL && self->challenges != NULL);
    for (locum_node node = 0; node < NODES; node++) {
        const struct locum_slice text = locum_slice_of(self->kept[node]);
        if (node == i) {
            locum_challenges_resume(self->challenges, text, boot);
        } else if (text.length > 0) {
            assert_true(locum_challenges_take(self->challenges, node, text, 0, boot));
        }
    }
    follow(i);
}

static void
crash(locum_node i)
{
    locum_documents_destroy(net.node[i].documents);
    locum_challenges_destroy(net.node[i].challenges);
    net.node[i].documents = NULL;
    net.node[i].challenges = NULL;
}

static void
begin(uint32_t seed, size_t nodes)
{
    memset(&net, 0, sizeof(net));
    net.random = seed;
    for (locum_node i = 0; i < nodes; i++) {
        start(i);
    }
}

static void
end(void)
{
    while (net.queued > 0) {
        free(net.queue[--net.queued].line);
    }
    for (locum_node i = 0; i < NODES; i++) {
        if (net.node[i].documents != NULL) {
            crash(i);
        }
    }
}

static void
send_heartbeats(void)
{
    for (locum_node from = 0; from < NODES; from++) {
        struct node *sender = &net.node[from];
        if (sender->documents == NULL) {
            continue;
        }
        sender->seq++;
        for (locum_node to = 0; to < NODES; to++) {
            if (to == from || is_lost(from, to)) {
                continue;
            }
            net.node[to].arrived[from] = net.step;
            if (sender->arrived[to] >= 0 && net.step - sender->arrived[to] < TIMEOUT) {
                net.node[to].heard[from] = net.step;
                net.node[to].heard_seq[from] = sender->seq;
            }
        }
    }
}

static void
deliver(void)
{
    const size_t count = net.queued;
    for (size_t i = 0; i < count; i++) { /* what is sent meanwhile is for the next round */
        const locum_node to = net.queue[i].to;
        if (!is_lost(net.queue[i].from, to)) {
            (void)locum_documents_receive(net.node[to].documents, locum_slice_of(net.queue[i].line),
                                          LOCUM_PATH_UDP);
        }
        free(net.queue[i].line);
    }
    memmove(net.queue, &net.queue[count], (net.queued - count) * sizeof(net.queue[0]));
    net.queued -= count;
}

/* "ab": the values that a node answers. */
static const char *
values(locum_node i)
{
    static char text[4][LETTERS + 1];
    static unsigned turn;
    char *to = text[turn++ % 4];
    const char *list[LOCUM_CHALLENGE_VALUES_MAX];
    const size_t count = locum_challenges_at(net.node[i].challenges, OWNER, now_of(i), list);
    assert_true(count <= LETTERS);
    for (size_t j = 0; j < count; j++) {
        to[j] = list[j][0];
    }
    to[count] = '\0';
    return to;
}

/* Nobody ever answers a value after its end. */
static void
check_ends(void)
{
    for (locum_node i = 0; i < NODES; i++) {
        for (const char *value = net.node[i].documents != NULL ? values(i) : ""; *value != '\0';
             value++) {
            assert_true(net.step * INTERVAL_MS < net.ends[*value - 'a']);
        }
    }
}

/* One heartbeat interval. */
static void
step(void)
{
    net.step++;
    send_heartbeats();
    for (locum_node i = 0; i < NODES; i++) {
        if (net.node[i].documents != NULL) {
            follow(i);
            (void)locum_documents_send(net.node[i].documents, now_of(i).mono);
        }
    }
    deliver(); /* the documents */
    deliver(); /* their acknowledgements */
    check_ends();
}

static void
steps(int count)
{
    for (int i = 0; i < count; i++) {
        step();
    }
}

static void
set(locum_node i, char letter, locum_ms for_ms)
{
    const char value[] = {letter, '\0'};
    const locum_ms until = net.step * INTERVAL_MS + for_ms;
    assert_int_equal(
        locum_challenges_set(net.node[i].challenges, OWNER, value, "cli", for_ms, now_of(i)), 0);
    net.ends[letter - 'a'] = until > net.ends[letter - 'a'] ? until : net.ends[letter - 'a'];
    follow(i);
}

static void
unset(locum_node i, const char *value)
{
    assert_true(locum_challenges_unset(net.node[i].challenges, OWNER, value, now_of(i)) >= 0);
    follow(i);
}

static void
all_answer(const char *wanted)
{
    for (locum_node i = 0; i < NODES; i++) {
        if (net.node[i].documents != NULL) {
            assert_string_equal(values(i), wanted);
        }
    }
}

static void
test_within_two_heartbeats_every_node_answers_the_union(void **state)
{
    (void)state;
    begin(1, NODES);
    steps(3); /* they hear each other */
    set(0, 'a', 600000);
    set(1, 'b', 600000);
    steps(2);
    all_answer("ab");
    unset(2, "a"); /* where another node has taken it */
    steps(2);
    all_answer("b");
    set(0, 'c', 600000);
    unset(1, NULL);
    steps(2);
    all_answer("c"); /* 1 did not know it yet */
    end();
}

static void
test_a_node_that_joins_or_comes_back_answers_it_when_it_is_heard(void **state)
{
    (void)state;
    begin(1, 2);
    steps(3);
    set(0, 'a', 600000);
    steps(40);
    start(2);
    start(WITNESS);
    while (!hears(2, 0) || !hears(0, 2)) {
        step();
    }
    steps(2);
    all_answer("a");
    /* After a crash it answers all at once, also what others have taken. */
    set(2, 'b', 600000);
    steps(2);
    crash(2);
    steps(20);
    start(2);
    assert_string_equal(values(2), "ab");
    /* What was removed meanwhile goes when it hears of it. */
    crash(2);
    unset(0, "b");
    unset(0, "a");
    set(1, 'c', 600000);
    steps(20);
    start(2);
    while (!hears(2, 0) || !hears(0, 2) || !hears(1, 2)) {
        step();
    }
    steps(2);
    all_answer("c");
    end();
}

static void
test_a_partition_ends(void **state)
{
    (void)state;
    begin(1, NODES);
    steps(3);
    set(0, 'a', 600000);
    steps(2);
    for (locum_node i = 0; i < NODES - 1; i++) { /* dc4 is alone */
        net.cut[i][2] = net.cut[2][i] = net.cut[2][WITNESS] = net.cut[WITNESS][2] = true;
    }
    steps(40);
    set(2, 'b', 600000);
    set(0, 'c', 600000);
    unset(1, "a");
    steps(40);
    assert_string_equal(values(0), "c");
    assert_string_equal(values(2), "ab");
    memset(net.cut, 0, sizeof(net.cut));
    while (!hears(2, 0) || !hears(0, 2) || !hears(2, 1) || !hears(1, 2)) {
        step();
    }
    steps(2);
    all_answer("bc");
    end();
}

static void
test_a_value_ends_at_the_same_moment(void **state)
{
    (void)state;
    begin(1, NODES);
    steps(3);
    set(0, 'a', 10 * INTERVAL_MS);
    steps(9);
    all_answer("a");
    step();
    all_answer("");
    set(0, 'a', 10 * INTERVAL_MS); /* and a crash does not make it longer */
    steps(5);
    crash(1);
    steps(4);
    start(1);
    all_answer("a");
    step();
    all_answer("");
    end();
}

/* Something happens. */
static void
disturb(void)
{
    const locum_node i = (locum_node)pick(NODES - 1);
    const char value[] = {(char)('a' + pick(LETTERS)), '\0'};
    const bool runs = net.node[i].documents != NULL;
    switch (pick(12)) {
    case 0:
    case 1:
        if (runs) {
            set(i, value[0], INTERVAL_MS * (1 + (locum_ms)pick(60)));
        }
        break;
    case 2:
        if (runs) {
            unset(i, pick(3) > 0 ? value : NULL);
        }
        break;
    case 3:
        if (runs) {
            (void)locum_challenges_unset_own(net.node[i].challenges, OWNER, "cli", NULL, 0,
                                             now_of(i));
            follow(i);
        }
        break;
    case 4:
        if (runs) {
            crash(i);
        } else {
            start(i);
        }
        break;
    case 5: net.lose = pick(60); break;
    case 6: net.cut[pick(NODES)][pick(NODES)] = true; break;
    case 7: memset(net.cut, 0, sizeof(net.cut)); break;
    default: break;
    }
}

/* Whatever has happened, all answer the same soon after it. */
static void
test_any_schedule_comes_to_the_same(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= SCHEDULES; seed++) {
        begin(seed, NODES);
        for (int i = 0; i < STEPS; i++) {
            disturb();
            step();
        }
        net.lose = 0;
        memset(net.cut, 0, sizeof(net.cut));
        for (locum_node i = 0; i < NODES; i++) {
            if (net.node[i].documents == NULL) {
                start(i);
            }
        }
        steps(CALM);
        for (locum_node i = 1; i < NODES; i++) {
            if (strcmp(values(i), values(0)) != 0) {
                fail_msg("seed %u: \"%s\" and \"%s\"", seed, values(i), values(0));
            }
        }
        steps(61);
        all_answer("");
        end();
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_within_two_heartbeats_every_node_answers_the_union),
        cmocka_unit_test(test_a_node_that_joins_or_comes_back_answers_it_when_it_is_heard),
        cmocka_unit_test(test_a_partition_ends),
        cmocka_unit_test(test_a_value_ends_at_the_same_moment),
        cmocka_unit_test(test_any_schedule_comes_to_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
