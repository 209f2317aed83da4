/* keyring: who can speak as whom, the replacement of keys and secrets, and what is no MAC. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/keyring.h"

enum { DC2, DC3, NS0, NODES, OTHER = NODES, PAIRS };

#define ALL  ((uint32_t)7)
#define TEXT "locum1 get dc2 1 2 125 up ready"

static struct locum_secrets private_of[PAIRS]; /* one key each */
static struct locum_keyring_key public_of[PAIRS];
static const struct locum_secrets secret = {.key = {{7, 7, 7}}, .count = 1};
static const struct locum_secrets other_secret = {.key = {{8, 8, 8}}, .count = 1};

/* Members with a key each. */
static const struct locum_keyring_member members[NODES] = {
    {"dc2", &public_of[DC2], 1}, {"dc3", &public_of[DC3], 1}, {"ns0", &public_of[NS0], 1}};

static int
setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAIRS; i++) {
        memset(private_of[i].key[0], (int)(i + 1), LOCUM_KEY_BYTES);
        private_of[i].count = 1;
        assert_int_equal(locum_signature_public(private_of[i].key[0], public_of[i].bytes), 0);
    }
    return 0;
}

static struct locum_keyring *
create(const struct locum_keyring_member of[NODES], size_t self,
       const struct locum_secrets *privates, const struct locum_secrets *secrets)
{
    struct locum_keyring *keyring = NULL;
    size_t bad = NODES;
    assert_int_equal(locum_keyring_create(of, NODES, self, privates, secrets, &keyring, &bad), 0);
    return keyring;
}

/* TEXT, signed. */
static struct locum_slice
sign_text(struct locum_keyring *keyring, uint32_t receivers)
{
    static char buffer[512];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_text_add(&text, TEXT);
    assert_int_equal(locum_keyring_sign(keyring, receivers, &text), 0);
    return locum_slice_of(buffer);
}

static size_t signed_with; /* index of the secret */

static int
check(struct locum_keyring *keyring, size_t sender, struct locum_slice line)
{
    struct locum_slice text = {0};
    const int status = locum_keyring_check(keyring, sender, line, &text, &signed_with);
    assert_true(status != 0 || locum_slice_is(text, TEXT));
    return status;
}

/* The value was computed with Python's hmac and hashlib, and X25519 as written in RFC 7748 5. */
static void
test_a_signed_line_has_this_form(void **state)
{
    (void)state;
    struct locum_keyring *dc2 = create(members, DC2, &private_of[DC2], &secret);
    const struct locum_slice line = sign_text(dc2, 1u << DC3);
    assert_true(locum_slice_is(line, TEXT " x-mac=dc3:59e126546cf14d63023fb8117c0ff4da"));
    locum_keyring_destroy(dc2);
}

static void
test_each_receiver_knows_the_sender_and_no_other(void **state)
{
    (void)state;
    struct locum_keyring *keyring[NODES];
    for (size_t i = 0; i < NODES; i++) {
        keyring[i] = create(members, i, &private_of[i], &secret);
    }
    for (size_t sender = 0; sender < NODES; sender++) {
        for (size_t claimed = 0; claimed < NODES; claimed++) {
            for (size_t receiver = 0; receiver < NODES; receiver++) {
                const struct locum_slice line = sign_text(keyring[sender], ALL);
                /* The key of two members is that of either; each reads its own lines only as such.
                 */
                const bool same = claimed == sender;
                assert_int_equal(check(keyring[receiver], claimed, line),
                                 same ? 0 : LOCUM_ERR_SIGNATURE);
            }
        }
    }
    for (size_t i = 0; i < NODES; i++) {
        locum_keyring_destroy(keyring[i]);
    }
}

/* An insider who knows the keys of ns0 and the secret: what it makes in the name of dc2 is refused,
 * whatever receiver the line names. */
static void
test_an_insider_cannot_speak_as_another(void **state)
{
    (void)state;
    char buffer[512];
    struct locum_keyring *dc3 = create(members, DC3, &private_of[DC3], &secret);
    struct locum_keyring *ns0 = create(members, NS0, &private_of[NS0], &secret);
    struct locum_keyring *liar; /* it says that the key of dc2 is its own */
    const struct locum_keyring_member lie[NODES] = {members[NS0], members[DC3], members[NS0]};
    liar = create(lie, DC2, &private_of[NS0], &secret);
    assert_int_equal(check(dc3, DC2, sign_text(liar, ALL)), LOCUM_ERR_SIGNATURE);
    /* What dc3 has signed for it, sent back. */
    const struct locum_slice line = sign_text(dc3, 1u << NS0);
    (void)snprintf(buffer, sizeof(buffer), TEXT " x-mac=dc3:%s", strrchr(line.at, ':') + 1);
    assert_int_equal(check(dc3, DC2, locum_slice_of(buffer)), LOCUM_ERR_SIGNATURE);
    assert_int_equal(check(dc3, DC3, locum_slice_of(buffer)), LOCUM_ERR_SIGNATURE);
    locum_keyring_destroy(dc3);
    locum_keyring_destroy(ns0);
    locum_keyring_destroy(liar);
}

static void
test_the_secret_is_part_of_the_keys(void **state)
{
    (void)state;
    struct locum_secrets both = other_secret;
    both.key[1][0] = both.key[1][1] = both.key[1][2] = 7;
    both.count = 2;
    struct locum_keyring *dc2 = create(members, DC2, &private_of[DC2], &secret);
    struct locum_keyring *dc3 = create(members, DC3, &private_of[DC3], &other_secret);
    struct locum_keyring *between = create(members, DC3, &private_of[DC3], &both);
    assert_int_equal(check(dc3, DC2, sign_text(dc2, ALL)), LOCUM_ERR_SIGNATURE);
    assert_int_equal(check(between, DC2, sign_text(dc2, ALL)), 0); /* while it is rotated */
    assert_int_equal(signed_with, 1);
    assert_int_equal(check(dc3, DC3, sign_text(between, ALL)), 0);
    assert_int_equal(check(between, DC3, sign_text(dc3, ALL)), 0);
    assert_int_equal(signed_with, 0);
    assert_int_equal(check(dc2, DC3, sign_text(between, ALL)), LOCUM_ERR_SIGNATURE);
    locum_keyring_destroy(dc2);
    locum_keyring_destroy(dc3);
    locum_keyring_destroy(between);
}

/* doc/operations.md, in its order: at no step is a heartbeat lost, in whatever order the nodes
 * reload. */
static void
test_one_key_is_replaced_without_a_gap(void **state)
{
    (void)state;
    struct locum_keyring_key both[2] = {public_of[DC2], public_of[OTHER]};
    const struct locum_keyring_member dc3 = members[DC3];
    const struct locum_keyring_member ns0 = members[NS0];
    const struct locum_keyring_member before[NODES] = {members[DC2], dc3, ns0};
    const struct locum_keyring_member during[NODES] = {{"dc2", both, 2}, dc3, ns0};
    const struct locum_keyring_member after[NODES] = {{"dc2", &public_of[OTHER], 1}, dc3, ns0};
    struct locum_secrets two = private_of[DC2];
    memcpy(two.key[1], private_of[OTHER].key[0], LOCUM_KEY_BYTES);
    two.count = 2;
    const struct {
        const struct locum_keyring_member *own, *peer; /* what dc2 and dc3 have at the same time */
    } steps[] = {
        {before, during}, {during, before}, {during, during}, {after, during}, {after, after}};
    for (size_t i = 0; i < LOCUM_COUNT(steps); i++) {
        struct locum_keyring *own = create(steps[i].own, DC2, &two, &secret);
        struct locum_keyring *peer = create(steps[i].peer, DC3, &private_of[DC3], &secret);
        assert_int_equal(check(peer, DC2, sign_text(own, ALL)), 0);
        assert_int_equal(check(own, DC3, sign_text(peer, ALL)), 0);
        assert_int_equal(check(own, DC2, sign_text(own, ALL)), 0);
        locum_keyring_destroy(own);
        locum_keyring_destroy(peer);
    }
    /* The other way round it is not: the peers would refuse the old key. */
    struct locum_keyring *own = create(during, DC2, &two, &secret);
    struct locum_keyring *peer = create(after, DC3, &private_of[DC3], &secret);
    assert_int_equal(check(peer, DC2, sign_text(own, ALL)), LOCUM_ERR_SIGNATURE);
    locum_keyring_destroy(own);
    locum_keyring_destroy(peer);
}

static void
test_a_member_without_a_key(void **state)
{
    (void)state;
    const struct locum_keyring_member some[NODES] = {members[DC2], {"dc3", NULL, 0}, members[NS0]};
    struct locum_keyring *dc2 = create(some, DC2, &private_of[DC2], &secret);
    struct locum_slice text = {0};
    assert_true(locum_keyring_has(dc2, NS0));
    assert_false(locum_keyring_has(dc2, DC3));
    assert_false(locum_keyring_has(dc2, NODES));
    assert_true(locum_slice_is(sign_text(dc2, 1u << DC3), TEXT));
    assert_null(strstr(sign_text(dc2, ALL).at, "dc3"));
    assert_int_equal(check(dc2, DC3, sign_text(dc2, ALL)), LOCUM_ERR_NOT_FOUND);
    assert_int_equal(check(dc2, 255, sign_text(dc2, ALL)), LOCUM_ERR_NOT_FOUND);
    assert_int_equal(check(dc2, DC2, sign_text(dc2, 1u << NS0)), LOCUM_ERR_NOT_FOUND);
    /* Without any keys the MACs are cut off all the same. */
    assert_int_equal(locum_keyring_check(NULL, DC2, sign_text(dc2, ALL), &text, NULL),
                     LOCUM_ERR_NOT_FOUND);
    assert_true(locum_slice_is(text, TEXT));
    locum_keyring_destroy(dc2);
    locum_keyring_destroy(NULL);
}

static void
test_what_is_no_mac(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        " ",
        "x-mac=dc2:00",
        TEXT,
        TEXT " ",
        TEXT " x-mac=",
        TEXT " x-mac=dc2",
        TEXT " x-mac=dc2:",
        TEXT " x-mac=dc2:00",
        TEXT " x-mac=dc2:0000000000000000000000000000000g",
        TEXT " x-mac=dc2:000000000000000000000000000000000000",
        TEXT " x-mac=dc3:00000000000000000000000000000000",
        TEXT " x-mac=,,dc3:,:",
        TEXT " x-mac=dc2:00000000000000000000000000000000 more",
    };
    struct locum_slice text;
    struct locum_keyring *dc2 = create(members, DC2, &private_of[DC2], &secret);
    for (size_t i = 0; i < LOCUM_COUNT(lines); i++) {
        assert_int_equal(locum_keyring_check(dc2, DC3, locum_slice_of(lines[i]), &text, NULL),
                         LOCUM_ERR_NOT_FOUND);
    }
    locum_keyring_destroy(dc2);
}

static void
test_any_changed_byte_is_detected(void **state)
{
    (void)state;
    char buffer[512];
    struct locum_slice text;
    struct locum_keyring *dc2 = create(members, DC2, &private_of[DC2], &secret);
    struct locum_keyring *dc3 = create(members, DC3, &private_of[DC3], &secret);
    const struct locum_slice line = sign_text(dc2, 1u << DC3);
    memcpy(buffer, line.at, line.length);
    for (size_t i = 0; i < line.length; i++) {
        buffer[i] ^= 1;
        assert_true(locum_keyring_check(dc3, DC2, (struct locum_slice){buffer, line.length}, &text,
                                        NULL) < 0);
        buffer[i] ^= 1;
        assert_true(locum_keyring_check(dc3, DC2, (struct locum_slice){buffer, i}, &text, NULL) <
                    0);
    }
    locum_keyring_destroy(dc2);
    locum_keyring_destroy(dc3);
}

static void
test_a_mac_without_room_fails(void **state)
{
    (void)state;
    char buffer[sizeof(TEXT) + 7 + 3 + 1 + 32];
    struct locum_keyring *dc2 = create(members, DC2, &private_of[DC2], &secret);
    for (size_t room = sizeof(TEXT); room <= sizeof(buffer); room++) {
        struct locum_text text = locum_text_init(buffer, room);
        locum_text_add(&text, TEXT);
        assert_int_equal(locum_keyring_sign(dc2, 1u << DC3, &text),
                         room == sizeof(buffer) ? 0 : LOCUM_ERR_SPACE);
    }
    locum_keyring_destroy(dc2);
}

static void
test_keys_that_do_not_fit(void **state)
{
    (void)state;
    static const struct locum_keyring_key zero;
    const struct locum_keyring_member with_zero[NODES] = {
        members[DC2], members[DC3], {"ns0", &zero, 1}};
    struct locum_keyring *keyring = NULL;
    size_t bad = NODES;
    assert_int_equal(
        locum_keyring_create(with_zero, NODES, DC2, &private_of[DC2], &secret, &keyring, &bad),
        LOCUM_ERR_INVALID);
    assert_int_equal(bad, NS0);
    assert_int_equal(
        locum_keyring_create(members, NODES, DC2, &private_of[DC3], &secret, &keyring, &bad),
        LOCUM_ERR_NOT_FOUND);
    assert_null(keyring);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_signed_line_has_this_form),
        cmocka_unit_test(test_each_receiver_knows_the_sender_and_no_other),
        cmocka_unit_test(test_an_insider_cannot_speak_as_another),
        cmocka_unit_test(test_the_secret_is_part_of_the_keys),
        cmocka_unit_test(test_one_key_is_replaced_without_a_gap),
        cmocka_unit_test(test_a_member_without_a_key),
        cmocka_unit_test(test_what_is_no_mac),
        cmocka_unit_test(test_any_changed_byte_is_detected),
        cmocka_unit_test(test_a_mac_without_room_fails),
        cmocka_unit_test(test_keys_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
