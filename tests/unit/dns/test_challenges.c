/*
 * challenges: the union of what nodes have taken, removal everywhere, expiry; and how it spreads
 * among three nodes over a network that loses, delays and cuts.
 */
#include "fixture.h"

#include "dns/challenges.h"

enum { NODES = 3, TEXT_BYTES = 16 * 1024, ROUNDS = 300, STEPS = 60, STEP_MS = 125 };

#define OWNER "_acme-challenge.get.example.org."

static struct locum_now
at(locum_ms ms)
{
    return (struct locum_now){.mono = ms, .boot = 5000 + ms, .wall = 1796000000000 + ms};
}

/* "a b": the values at the owner. */
static const char *
values(const struct locum_challenges *self, struct locum_now now)
{
    static char text[4096];
    const char *list[LOCUM_CHALLENGE_VALUES_MAX];
    struct locum_text out = locum_text_init(text, sizeof(text));
    const size_t count = locum_challenges_at(self, OWNER, now, list);
    for (size_t i = 0; i < count; i++) {
        locum_text_add(&out, i > 0 ? " " : "");
        locum_text_add(&out, list[i]);
    }
    return text;
}

static void
give(const struct locum_challenges *from, locum_node node, struct locum_challenges *to,
     struct locum_now now, locum_ms offset_ms)
{
    char text[TEXT_BYTES];
    struct locum_text document = locum_text_init(text, sizeof(text));
    struct locum_now theirs = now;
    theirs.wall += offset_ms;
    locum_challenges_add(from, theirs, &document);
    assert_false(document.truncated);
    assert_true(locum_challenges_take(to, node, locum_slice_of(text), offset_ms, now));
}

static void
test_set_and_unset(void **state)
{
    (void)state;
    struct locum_challenges *self = locum_challenges_create();
    assert_string_equal(values(self, at(0)), "");
    assert_int_equal(locum_challenges_set(self, OWNER, "b", "cli", 1000, at(0)), 0);
    assert_int_equal(locum_challenges_set(self, OWNER, "a", "cli", 2000, at(0)), 0);
    assert_int_equal(locum_challenges_set(self, OWNER, "a", "cli", 2000, at(0)), 0);
    assert_int_equal(locum_challenges_set(self, "x." OWNER, "c", "cli", 2000, at(0)), 0);
    assert_string_equal(values(self, at(999)), "a b");
    assert_int_equal(locum_challenges_expire(self, at(0)), at(1000).boot);
    assert_string_equal(values(self, at(1000)), "a");
    assert_int_equal(locum_challenges_unset(self, OWNER, "b", at(1000)), 0);
    assert_int_equal(locum_challenges_unset(self, OWNER, NULL, at(1000)), 1);
    assert_string_equal(values(self, at(1000)), "");
    assert_int_equal(locum_challenges_expire(self, at(2000)), LOCUM_NEVER);
    locum_challenges_destroy(self);
}

static void
test_limits(void **state)
{
    static const char *const wrong[] = {"", "a b", "a\"", "\\", "\x7f", "\xc3\xa4"};
    (void)state;
    char value[LOCUM_CHALLENGE_CHARS_MAX + 2];
    struct locum_challenges *self = locum_challenges_create();
    for (size_t i = 0; i < LOCUM_COUNT(wrong); i++) {
        assert_int_equal(locum_challenges_set(self, OWNER, wrong[i], "cli", 1000, at(0)),
                         LOCUM_ERR_INVALID);
    }
    memset(value, 'v', sizeof(value));
    value[LOCUM_CHALLENGE_CHARS_MAX + 1] = '\0';
    assert_int_equal(locum_challenges_set(self, OWNER, value, "cli", 1000, at(0)),
                     LOCUM_ERR_INVALID);
    value[LOCUM_CHALLENGE_CHARS_MAX] = '\0';
    assert_int_equal(locum_challenges_set(self, OWNER, value, "cli", 1000, at(0)), 0);
    assert_int_equal(locum_challenges_set(self, OWNER, "x", "cli", 0, at(0)), LOCUM_ERR_INVALID);
    assert_int_equal(
        locum_challenges_set(self, OWNER, "x", "cli", LOCUM_CHALLENGE_FOR_MS_MAX + 1, at(0)),
        LOCUM_ERR_INVALID);
    for (int i = 1; i < LOCUM_CHALLENGE_VALUES_MAX; i++) {
        (void)snprintf(value, sizeof(value), "v%d", i);
        assert_int_equal(locum_challenges_set(self, OWNER, value, "cli", 1000, at(0)), 0);
    }
    assert_int_equal(locum_challenges_set(self, OWNER, "one-more", "cli", 1000, at(0)),
                     LOCUM_ERR_RANGE);
    assert_int_equal(locum_challenges_set(self, OWNER, "v1", "cli", 1000, at(500)), 0);
    assert_int_equal(locum_challenges_set(self, OWNER, "one-more", "cli", 1000, at(1000)), 0);
    int status = 0;
    for (int i = 0; status == 0 && i < 2 * LOCUM_CHALLENGE_ENTRIES_MAX; i++) {
        char owner[32];
        (void)snprintf(owner, sizeof(owner), "_acme-challenge.n%d.", i);
        status = locum_challenges_set(self, owner, "v", "cli", 1000, at(1000));
    }
    assert_int_equal(status, LOCUM_ERR_SPACE);
    locum_challenges_destroy(self);
}

static void
test_a_value_is_removed_on_another_node(void **state)
{
    (void)state;
    struct locum_challenges *a = locum_challenges_create(), *b = locum_challenges_create();
    assert_int_equal(locum_challenges_set(a, OWNER, "v", "cli", 5000, at(0)), 0);
    give(a, 0, b, at(10), 0);
    assert_string_equal(values(b, at(10)), "v");
    assert_int_equal(locum_challenges_unset(b, OWNER, "v", at(20)), 1);
    assert_string_equal(values(b, at(20)), "");
    give(b, 1, a, at(30), 0);
    assert_string_equal(values(a, at(30)), "");
    /* The older document again changes nothing. A later set does, everywhere. */
    (void)locum_challenges_expire(a, at(40));
    assert_int_equal(locum_challenges_set(a, OWNER, "v", "cli", 5000, at(40)), 0);
    give(a, 0, b, at(50), 0);
    give(b, 1, a, at(50), 0);
    assert_string_equal(values(a, at(50)), "v");
    assert_string_equal(values(b, at(50)), "v");
    /* Also by a node whose clock is behind. */
    assert_int_equal(locum_challenges_unset(b, OWNER, NULL, at(-9000)), 1);
    give(b, 1, a, at(60), 0);
    assert_string_equal(values(a, at(60)), "");
    locum_challenges_destroy(a);
    locum_challenges_destroy(b);
}

/* The end of a value is the same moment on all nodes, whatever their clocks say. */
static void
test_clocks_that_differ(void **state)
{
    (void)state;
    struct locum_challenges *a = locum_challenges_create(), *b = locum_challenges_create();
    assert_int_equal(locum_challenges_set(a, OWNER, "v", "cli", 5000, at(0)), 0);
    give(a, 0, b, at(2000), 3600000);
    assert_string_equal(values(b, at(4999)), "v");
    assert_string_equal(values(b, at(5000)), "");
    locum_challenges_destroy(a);
    locum_challenges_destroy(b);
}

static void
test_a_later_run_resumes(void **state)
{
    (void)state;
    char text[TEXT_BYTES];
    struct locum_text document = locum_text_init(text, sizeof(text));
    struct locum_challenges *a = locum_challenges_create(), *b = locum_challenges_create();
    assert_int_equal(locum_challenges_set(a, OWNER, "short", "cli", 1000, at(0)), 0);
    assert_int_equal(locum_challenges_set(a, OWNER, "long", "cli", 5000, at(0)), 0);
    locum_challenges_add(a, at(0), &document);
    locum_challenges_resume(b, locum_slice_of(text), at(2000));
    assert_string_equal(values(b, at(2000)), "long");
    assert_int_equal(locum_challenges_expire(b, at(2000)), at(5000).boot);
    locum_challenges_destroy(a);
    locum_challenges_destroy(b);
}

static void
test_malformed_documents(void **state)
{
    static const char *const texts[] = {
        "x",
        "+ " OWNER " 1 1796000009000 cli",
        "* " OWNER " 1 1796000009000 cli v",
        "+  1 1 cli v",
        "+ " OWNER " x 1796000009000 cli v",
        "+ " OWNER " 1 -1 cli v",
        "+ " OWNER " 1 1796000009000  v",
        "+ " OWNER " 1 1796000009000 cli \"",
        "+ " OWNER " 1 99999999999999999999 cli v",
        "m 1796000009000",
        "m x 0011223344556677",
        "m 1796000009000 00112233445566",
        ("m 1796000009000 0011223344556677 + " OWNER),
    };
    (void)state;
    struct locum_challenges *a = locum_challenges_create(), *b = locum_challenges_create();
    assert_int_equal(locum_challenges_set(a, OWNER, "v", "cli", 5000, at(0)), 0);
    give(a, 0, b, at(0), 0);
    for (size_t i = 0; i < LOCUM_COUNT(texts); i++) {
        assert_false(locum_challenges_take(b, 0, locum_slice_of(texts[i]), 0, at(1)));
        assert_string_equal(values(b, at(1)), "v");
    }
    assert_true(locum_challenges_take(b, 0, locum_slice_of(""), 0, at(1)));
    assert_string_equal(values(b, at(1)), "");
    locum_challenges_destroy(a);
    locum_challenges_destroy(b);
}

/* RFC 2136 2.5.2: what this node has taken of one client, and nothing else. */
static void
test_a_client_removes_what_it_has_set(void **state)
{
    (void)state;
    struct locum_challenges *a = locum_challenges_create(), *b = locum_challenges_create();
    assert_int_equal(locum_challenges_set(a, OWNER, "v1", "key:k", 5000, at(0)), 0);
    assert_int_equal(locum_challenges_set(a, OWNER, "v2", "key:k", 5000, at(0)), 0);
    assert_int_equal(locum_challenges_set(a, OWNER, "v3", "cli", 5000, at(0)), 0);
    give(a, 0, b, at(10), 0);
    assert_int_equal(locum_challenges_set(b, OWNER, "v2", "key:k", 4000, at(20)), 0);
    assert_int_equal(locum_challenges_set(b, OWNER, "v4", "key:k", 4000, at(20)), 0);
    give(b, 1, a, at(30), 0);
    (void)locum_challenges_expire(a, at(30)); /* what another node has set too stays its own */
    assert_string_equal(values(a, at(30)), "v1 v2 v3 v4");
    assert_int_equal(locum_challenges_unset_own(b, OWNER, "key:k", NULL, 0, at(40)), 2);
    assert_int_equal(locum_challenges_unset_own(b, OWNER, "key:k", NULL, 0, at(40)), 0);
    give(b, 1, a, at(50), 0);
    give(a, 0, b, at(50), 0);
    assert_string_equal(values(a, at(50)), "v1 v2 v3");
    assert_string_equal(values(b, at(50)), "v1 v2 v3");
    /* What b has removed everywhere does not come back when b removes its own again. */
    assert_int_equal(locum_challenges_unset(b, OWNER, "v1", at(60)), 1);
    assert_int_equal(locum_challenges_set(b, OWNER, "v1", "key:k", 4000, at(70)), 0);
    assert_string_equal(values(b, at(70)), "v1 v2 v3");
    assert_int_equal(locum_challenges_unset_own(b, OWNER, "key:k", NULL, 0, at(80)), 1);
    assert_string_equal(values(b, at(80)), "v2 v3");
    give(b, 1, a, at(90), 0);
    assert_string_equal(values(a, at(90)), "v2 v3");
    assert_int_equal(locum_challenges_unset_own(a, OWNER, "key:k", NULL, 0, at(100)), 1);
    assert_string_equal(values(a, at(100)), "v3");
    locum_challenges_destroy(a);
    locum_challenges_destroy(b);
}

/* acme-dns: the last values of an account, at each node. */
static void
test_the_newest_of_a_client_stay(void **state)
{
    (void)state;
    struct locum_challenges *a = locum_challenges_create(), *b = locum_challenges_create();
    assert_int_equal(locum_challenges_set(b, OWNER, "v0", "account:k", 5000, at(0)), 0);
    give(b, 1, a, at(5), 0);
    assert_int_equal(locum_challenges_set(a, OWNER, "v1", "account:k", 5000, at(10)), 0);
    assert_int_equal(locum_challenges_set(a, OWNER, "v2", "account:k", 5000, at(20)), 0);
    assert_int_equal(locum_challenges_set(a, OWNER, "v3", "cli", 5000, at(5)), 0);
    assert_int_equal(locum_challenges_set(a, "x." OWNER, "v4", "account:k", 5000, at(5)), 0);
    assert_int_equal(locum_challenges_set(a, OWNER, "v1", "account:k", 5000, at(30)), 0);
    assert_int_equal(locum_challenges_unset_own(a, OWNER, "account:k", NULL, 2, at(40)), 0);
    assert_int_equal(locum_challenges_unset_own(a, OWNER, "account:k", "v2", 1, at(40)), 0);
    assert_int_equal(locum_challenges_unset_own(a, OWNER, "account:k", "v9", 1, at(40)), 1);
    assert_string_equal(values(a, at(40)), "v0 v1 v3");
    assert_int_equal(locum_challenges_unset_own(a, OWNER, "account:k", NULL, 0, at(40)), 1);
    assert_string_equal(values(a, at(40)), "v0 v3");
    locum_challenges_destroy(a);
    locum_challenges_destroy(b);
}

static void
test_a_mac_is_known_on_all_nodes(void **state)
{
    static const uint8_t mac[] = "0123456789abcdef", other[] = "0123456X89abcdef";
    (void)state;
    struct locum_challenges *a = locum_challenges_create(), *b = locum_challenges_create();
    assert_false(locum_challenges_has_mac(a, mac, at(0)));
    assert_int_equal(locum_challenges_note_mac(a, mac, 600000, at(0)), 0);
    assert_int_equal(locum_challenges_set(a, OWNER, "v", "key:k", 5000, at(0)), 0);
    give(a, 0, b, at(10), 1234);
    assert_string_equal(values(b, at(10)), "v");
    assert_true(locum_challenges_has_mac(a, mac, at(599999)));
    assert_true(locum_challenges_has_mac(b, mac, at(599999)));
    assert_false(locum_challenges_has_mac(b, other, at(10)));
    assert_false(locum_challenges_has_mac(b, mac, at(600000)));
    int status = 0;
    for (int i = 0; status == 0 && i < 2 * LOCUM_CHALLENGE_MACS_MAX; i++) {
        const uint8_t each[LOCUM_CHALLENGE_MAC_BYTES] = {(uint8_t)i, 1};
        status = locum_challenges_note_mac(a, each, 1000, at(20));
    }
    assert_int_equal(status, LOCUM_ERR_SPACE);
    assert_int_equal(locum_challenges_note_mac(a, other, 1000, at(1020)), 0); /* there is room */
    locum_challenges_destroy(a);
    locum_challenges_destroy(b);
}

/* A change of which a part is refused is undone as a whole. */
static void
test_a_change_is_undone(void **state)
{
    (void)state;
    static const uint8_t mac[LOCUM_CHALLENGE_MAC_BYTES] = {1};
    struct locum_challenges *self = locum_challenges_create();
    assert_int_equal(locum_challenges_set(self, OWNER, "v1", "cli", 5000, at(0)), 0);
    locum_challenges_begin(self);
    assert_int_equal(locum_challenges_unset(self, OWNER, "v1", at(1)), 1);
    assert_int_equal(locum_challenges_set(self, OWNER, "v2", "cli", 5000, at(1)), 0);
    assert_int_equal(locum_challenges_note_mac(self, mac, 5000, at(1)), 0);
    locum_challenges_abort(self);
    assert_string_equal(values(self, at(1)), "v1");
    assert_false(locum_challenges_has_mac(self, mac, at(1)));
    locum_challenges_destroy(self);
}

/* However long owners, clients and values are, the document can be sent. */
static void
test_a_document_has_an_end(void **state)
{
    (void)state;
    char owner[LOCUM_DOMAIN_MAX + 1], value[LOCUM_CHALLENGE_CHARS_MAX + 1], text[TEXT_BYTES];
    struct locum_text document = locum_text_init(text, sizeof(text));
    struct locum_challenges *self = locum_challenges_create();
    int status = 0, count = 0;
    memset(value, 'v', sizeof(value));
    value[LOCUM_CHALLENGE_CHARS_MAX] = '\0';
    for (; status == 0 && count < LOCUM_CHALLENGE_ENTRIES_MAX; count++) {
        memset(owner, 'o', sizeof(owner));
        owner[0] = (char)('a' + count / 10);
        owner[1] = (char)('a' + count % 10);
        memcpy(owner + sizeof(owner) - 2, ".", 2);
        status = locum_challenges_set(self, owner, value, "cli", 1000, at(0));
    }
    assert_int_equal(status, LOCUM_ERR_SPACE);
    assert_true(count > 16);
    locum_challenges_add(self, at(0), &document);
    assert_true(document.length <= LOCUM_CHALLENGE_BYTES_MAX);
    locum_challenges_destroy(self);
}

static void
test_copies_follow_their_nodes(void **state)
{
    (void)state;
    locum_node to[LOCUM_NODES_MAX];
    char text[TEXT_BYTES];
    struct locum_challenges *a = locum_challenges_create(), *b = locum_challenges_create();
    assert_int_equal(locum_challenges_set(a, OWNER, "v", "cli", 5000, at(0)), 0);
    give(a, 0, b, at(0), 0);
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        to[i] = i == 0 ? 2 : LOCUM_NODE_NONE;
    }
    locum_challenges_move(b, to);
    assert_string_equal(values(b, at(1)), "v");
    struct locum_text document = locum_text_init(text, sizeof(text));
    locum_challenges_add_copy(b, 0, at(1), &document);
    assert_int_equal(document.length, 0);
    locum_challenges_add_copy(b, 2, at(1), &document);
    assert_string_equal(text, "+ " OWNER " 1796000000000 1796000005000 cli v");
    to[2] = LOCUM_NODE_NONE;
    to[0] = 0;
    locum_challenges_move(b, to); /* it has left */
    assert_string_equal(values(b, at(1)), "");
    locum_challenges_destroy(a);
    locum_challenges_destroy(b);
}

static uint32_t
next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void
remove_some(struct locum_challenges *self, uint32_t how, const char *value, struct locum_now now)
{
    if (how == 0) {
        (void)locum_challenges_unset_own(self, OWNER, "cli", NULL, 0, now);
    } else {
        assert_true(locum_challenges_unset(self, OWNER, how == 1 ? value : NULL, now) >= 0);
    }
}

/* Nodes set, remove and restart at random; documents are lost, and then repeated. Once all have
 * arrived, every node answers the same, and nothing after its end. */
static void
test_all_nodes_come_to_the_same(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (int round = 0; round < ROUNDS; round++) {
        struct locum_challenges *nodes[NODES];
        for (size_t i = 0; i < NODES; i++) {
            nodes[i] = locum_challenges_create();
        }
        for (int step = 0; step < STEPS; step++) {
            const struct locum_now now = at(step * STEP_MS);
            const size_t i = next_random(&seed) % NODES;
            const char value[] = {(char)('a' + next_random(&seed) % 4), '\0'};
            switch (next_random(&seed) % 8) {
            case 0:
            case 1:
                assert_int_equal(locum_challenges_set(nodes[i], OWNER, value, "cli",
                                                      STEP_MS * (1 + next_random(&seed) % 20), now),
                                 0);
                break;
            case 2: remove_some(nodes[i], next_random(&seed) % 3, value, now); break;
            case 3: { /* a restart: it has its own document, and copies come again */
                char text[TEXT_BYTES];
                struct locum_text document = locum_text_init(text, sizeof(text));
                locum_challenges_add(nodes[i], now, &document);
                locum_challenges_destroy(nodes[i]);
                nodes[i] = locum_challenges_create();
                locum_challenges_resume(nodes[i], locum_slice_of(text), now);
                break;
            }
            default: {
                const size_t to = next_random(&seed) % NODES;
                if (to != i) {
                    give(nodes[i], (locum_node)i, nodes[to], now, 0);
                }
            }
            }
        }
        const struct locum_now end = at(STEPS * STEP_MS);
        for (size_t i = 0; i < 2 * NODES * NODES; i++) {
            const size_t from = i % NODES, to = i / NODES % NODES;
            (void)locum_challenges_expire(nodes[from], end);
            if (from != to) {
                give(nodes[from], (locum_node)from, nodes[to], end, 0);
            }
        }
        char first[4096];
        (void)strcpy(first, values(nodes[0], end));
        for (size_t i = 1; i < NODES; i++) {
            if (strcmp(values(nodes[i], end), first) != 0) {
                fail_msg("round %d: \"%s\" and \"%s\"", round, first, values(nodes[i], end));
            }
        }
        for (size_t i = 0; i < NODES; i++) {
            assert_string_equal(values(nodes[i], at((STEPS + 20) * STEP_MS)), "");
            locum_challenges_destroy(nodes[i]);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_and_unset),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_a_value_is_removed_on_another_node),
        cmocka_unit_test(test_clocks_that_differ),
        cmocka_unit_test(test_a_later_run_resumes),
        cmocka_unit_test(test_malformed_documents),
        cmocka_unit_test(test_a_client_removes_what_it_has_set),
        cmocka_unit_test(test_the_newest_of_a_client_stay),
        cmocka_unit_test(test_a_mac_is_known_on_all_nodes),
        cmocka_unit_test(test_a_change_is_undone),
        cmocka_unit_test(test_a_document_has_an_end),
        cmocka_unit_test(test_copies_follow_their_nodes),
        cmocka_unit_test(test_all_nodes_come_to_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
