/* keystate: one test for each rule, a row for each branch of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/invariant.h"
#include "dns/keystate.h"

enum { NOW = 2000000000, HOUR = 3600, TTL = 60, LONGEST = 3600, DS_TTL = 86400, YEAR = 31536000 };
enum { P256 = 13, ED25519 = 15 };

/* Since long ago: what a rule waits for has happened. */
#define LONG_AGO (NOW - YEAR)

static const struct locum_keystate_zone signed_zone = {.now_s = NOW,
                                                       .all_heard = true,
                                                       .dnskey_ttl_s = TTL,
                                                       .longest_ttl_s = LONGEST,
                                                       .ds_ttl_s = DS_TTL,
                                                       .parent_known = true,
                                                       .parent_answered_s = NOW,
                                                       .parent_has_ds = true};

static struct locum_keystate states[LOCUM_KEYSTATE_KEYS_MAX];
static struct locum_keystate_summary summary;

/* A key whose files are here since a moment ago. */
static struct locum_keystate_key
new_key(uint8_t algorithm, bool secure_entry)
{
    return (struct locum_keystate_key){.algorithm = algorithm,
                                       .secure_entry = secure_entry,
                                       .has_record = true,
                                       .has_private = true,
                                       .can_sign = true};
}

/* A key that has signed for a long time, on all servers. */
static struct locum_keystate_key
old_key(uint8_t algorithm, bool secure_entry)
{
    struct locum_keystate_key key = new_key(algorithm, secure_entry);
    key.all_published_since_s = key.algorithm_signing_since_s = LONG_AGO;
    key.last_published_s = NOW;
    key.was_published = true;
    key.last_signed_dnskey_s = secure_entry ? NOW : 0;
    key.last_signed_rest_s = NOW;
    key.last_at_parent_s = secure_entry ? NOW : 0;
    return key;
}

static struct locum_keystate_key
without_files(struct locum_keystate_key key)
{
    key.has_record = key.has_private = false;
    return key;
}

static void
decide(const struct locum_keystate_zone *zone, const struct locum_keystate_key *keys, size_t count)
{
    summary = locum_keystate_decide(zone, keys, count, states);
}

/* expected: "P" published, "D" signs DNSKEY, "R" signs the rest, "C" in CDS, in this order. */
static void
assert_key(size_t i, const char *expected, enum locum_keystate_why published,
           enum locum_keystate_why signs)
{
    char text[5] = "";
    strcat(text, states[i].published ? "P" : "");
    strcat(text, states[i].signs_dnskey ? "D" : "");
    strcat(text, states[i].signs_rest ? "R" : "");
    strcat(text, states[i].in_cds ? "C" : "");
    assert_string_equal(text, expected);
    assert_int_equal(states[i].why_published, published);
    assert_int_equal(states[i].why_signs, signs);
}

#define FILE_SAYS  LOCUM_KEYSTATE_FILE
#define NOT_WANTED LOCUM_KEYSTATE_NOT_WANTED

static void
test_keys_1_one_key_signs_all(void **state)
{
    (void)state;
    const struct locum_keystate_key key = old_key(P256, true);
    decide(&signed_zone, &key, 1);
    assert_key(0, "PDRC", FILE_SAYS, FILE_SAYS);
    assert_false(summary.fresh || summary.alone || summary.unsigned_zone);
    assert_int_equal(states[0].removable, LOCUM_KEYSTATE_REMOVE_NOTHING);
}

static void
test_keys_1_key_256_signs_the_rest(void **state)
{
    (void)state;
    struct locum_keystate_key keys[] = {old_key(P256, true), old_key(P256, false)};
    keys[0].last_signed_rest_s = 0;
    decide(&signed_zone, keys, 2);
    assert_key(0, "PDC", FILE_SAYS, FILE_SAYS);
    assert_key(1, "PR", FILE_SAYS, FILE_SAYS);
    assert_int_equal(states[0].removable, LOCUM_KEYSTATE_REMOVE_NOTHING);
    /* The folder has only a key 256. */
    keys[1].last_signed_dnskey_s = NOW;
    decide(&signed_zone, keys + 1, 1);
    assert_key(0, "PDR", FILE_SAYS, FILE_SAYS);
}

static void
test_keys_1_a_record_of_another_node_is_published_and_does_not_sign(void **state)
{
    (void)state;
    struct locum_keystate_key keys[] = {old_key(P256, true), old_key(P256, true)};
    keys[1].has_private = keys[1].can_sign = false;
    keys[1].last_signed_dnskey_s = keys[1].last_signed_rest_s = 0;
    decide(&signed_zone, keys, 2);
    assert_key(0, "PDRC", FILE_SAYS, FILE_SAYS);
    assert_key(1, "PC", FILE_SAYS, NOT_WANTED);
}

static void
test_keys_2_a_fresh_zone_signs_at_once(void **state)
{
    (void)state;
    struct locum_keystate_zone zone = signed_zone;
    struct locum_keystate_key keys[] = {new_key(P256, true), new_key(ED25519, true)};
    zone.parent_has_ds = false;
    decide(&zone, keys, 2);
    assert_key(0, "PDR", FILE_SAYS, FILE_SAYS);
    assert_key(1, "PDR", FILE_SAYS, FILE_SAYS);
    assert_true(summary.fresh && !summary.alone);
    assert_int_equal(states[0].removable, LOCUM_KEYSTATE_REMOVE_BOTH); /* the other one is enough */
    decide(&zone, keys, 1);
    assert_int_equal(states[0].removable, LOCUM_KEYSTATE_REMOVE_NOTHING);
    decide(&zone, keys, 0);
    assert_true(summary.unsigned_zone);
}

static void
test_keys_2_a_new_key_signs_in_addition_to_a_removed_one(void **state)
{
    (void)state;
    struct locum_keystate_key keys[] = {without_files(old_key(P256, true)), new_key(P256, true)};
    keys[0].last_at_parent_s = 0;
    decide(&signed_zone, keys, 2);
    assert_key(0, "PDR", LOCUM_KEYSTATE_OTHERS_TOO_NEW, LOCUM_KEYSTATE_OTHERS_TOO_NEW);
    assert_key(1, "PDR", FILE_SAYS, FILE_SAYS);
    assert_false(summary.alone);
    /* One second before the time, and then. */
    keys[1].all_published_since_s = NOW - TTL - HOUR + 1;
    decide(&signed_zone, keys, 2);
    assert_true(states[0].signs_rest);
    keys[1].all_published_since_s--;
    decide(&signed_zone, keys, 2);
    assert_key(0, "P", LOCUM_KEYSTATE_CACHED, NOT_WANTED); /* KEYS-5 */
    assert_true(states[1].settled);
}

static void
test_keys_2_a_new_key_256_signs_in_addition_to_key_257(void **state)
{
    (void)state;
    struct locum_keystate_key keys[] = {old_key(P256, true), new_key(P256, false)};
    decide(&signed_zone, keys, 2);
    assert_key(0, "PDRC", FILE_SAYS, FILE_SAYS);
    assert_key(1, "PR", FILE_SAYS, FILE_SAYS);
    keys[1].all_published_since_s = LONG_AGO;
    decide(&signed_zone, keys, 2);
    assert_key(0, "PDC", FILE_SAYS, FILE_SAYS);
}

static void
test_keys_2_only_keys_that_may_sign_alone_are_brought_back(void **state)
{
    (void)state;
    struct locum_keystate_key keys[] = {without_files(old_key(P256, true)),
                                        without_files(old_key(P256, true)),
                                        without_files(old_key(P256, true)), new_key(P256, true)};
    keys[0].last_at_parent_s = keys[1].last_at_parent_s = keys[2].last_at_parent_s = 0;
    keys[1].all_published_since_s = 0;
    keys[2].can_sign = false;
    decide(&signed_zone, keys, 4);
    assert_true(states[0].signs_rest && !states[1].signs_rest && !states[2].signs_rest);
    /* None may: then all that signed before. */
    keys[0].all_published_since_s = NOW;
    decide(&signed_zone, keys, 4);
    assert_true(states[0].signs_rest && states[1].signs_rest);
    assert_true(summary.alone);
    keys[0].dropped = keys[1].dropped = true;
    decide(&signed_zone, keys, 4);
    assert_false(states[0].signs_rest || states[1].signs_rest);
    assert_true(states[3].signs_rest && summary.alone);
}

static void
test_keys_2_after_a_loss_of_the_state_the_key_of_the_folder_signs(void **state)
{
    (void)state;
    struct locum_keystate_key key = new_key(P256, true);
    key.last_at_parent_s = NOW;
    decide(&signed_zone, &key, 1);
    assert_key(0, "PDR", FILE_SAYS, FILE_SAYS);
    assert_true(summary.alone && !summary.fresh);
}

static void
test_keys_3_a_key_at_the_parent_stays(void **state)
{
    (void)state;
    struct locum_keystate_key keys[] = {old_key(P256, true), without_files(old_key(P256, true))};
    decide(&signed_zone, keys, 2);
    assert_key(1, "PD", LOCUM_KEYSTATE_AT_PARENT, LOCUM_KEYSTATE_AT_PARENT);
    keys[1].last_at_parent_s = NOW - DS_TTL - HOUR + 1;
    decide(&signed_zone, keys, 2);
    assert_true(states[1].published && states[1].signs_dnskey);
    keys[1].last_at_parent_s--;
    decide(&signed_zone, keys, 2);
    assert_key(1, "P", LOCUM_KEYSTATE_CACHED, NOT_WANTED);
    keys[1].last_signed_dnskey_s = keys[1].last_signed_rest_s = NOW - LONGEST - HOUR;
    decide(&signed_zone, keys, 2);
    assert_key(1, "", NOT_WANTED, NOT_WANTED);
}

static void
test_keys_3_no_key_257_is_dropped_while_the_parent_is_unknown(void **state)
{
    (void)state;
    struct locum_keystate_zone zone = signed_zone;
    struct locum_keystate_key keys[] = {old_key(P256, true), without_files(old_key(P256, true)),
                                        without_files(old_key(P256, false))};
    zone.parent_known = false;
    for (size_t i = 1; i < 3; i++) {
        keys[i].last_at_parent_s = 0;
        keys[i].last_signed_dnskey_s = keys[i].last_signed_rest_s = LONG_AGO;
    }
    decide(&zone, keys, 3);
    assert_key(1, "PD", LOCUM_KEYSTATE_PARENT_UNKNOWN, LOCUM_KEYSTATE_PARENT_UNKNOWN);
    assert_key(2, "", NOT_WANTED, NOT_WANTED);
    keys[1].can_sign = false; /* the key of another node */
    decide(&zone, keys, 3);
    assert_key(1, "P", LOCUM_KEYSTATE_PARENT_UNKNOWN, NOT_WANTED);
    keys[1].last_published_s = 0; /* it was never published */
    decide(&zone, keys, 3);
    assert_key(1, "", NOT_WANTED, NOT_WANTED);
    keys[1].last_published_s = NOW;
    keys[1].dropped = true;
    decide(&zone, keys, 3);
    assert_key(1, "", NOT_WANTED, NOT_WANTED);
}

/* The parent may have taken its DS from CDS since it was last asked. */
static void
test_keys_3_the_parent_is_asked_once_more_before_a_key_257_goes(void **state)
{
    (void)state;
    struct locum_keystate_zone zone = signed_zone;
    struct locum_keystate_key keys[] = {old_key(P256, true), without_files(old_key(P256, true)),
                                        without_files(old_key(P256, false))};
    for (size_t i = 1; i < 3; i++) {
        keys[i].last_at_parent_s = 0;
        keys[i].last_signed_dnskey_s = keys[i].last_signed_rest_s = LONG_AGO;
        keys[i].last_wanted_s = NOW - HOUR; /* KEYS-7 */
    }
    zone.parent_answered_s = NOW - HOUR;
    decide(&zone, keys, 3);
    assert_key(1, "PD", LOCUM_KEYSTATE_PARENT_UNKNOWN, LOCUM_KEYSTATE_PARENT_UNKNOWN);
    assert_key(2, "", NOT_WANTED, NOT_WANTED);
    decide(&signed_zone, keys, 3);
    assert_key(1, "", NOT_WANTED, NOT_WANTED);
    keys[1].maybe_at_parent_s = NOW - DS_TTL - HOUR + 1; /* it had time to come and go */
    decide(&signed_zone, keys, 3);
    assert_key(1, "PD", LOCUM_KEYSTATE_PARENT_UNKNOWN, LOCUM_KEYSTATE_PARENT_UNKNOWN);
    keys[1].maybe_at_parent_s--;
    decide(&signed_zone, keys, 3);
    assert_key(1, "", NOT_WANTED, NOT_WANTED);
    keys[1].any_cds = keys[2].any_cds = true;
    decide(&signed_zone, keys, 3);
    assert_key(1, "PD", LOCUM_KEYSTATE_IN_CDS, LOCUM_KEYSTATE_IN_CDS);
    assert_key(2, "", NOT_WANTED, NOT_WANTED);
}

static void
test_keys_5_a_key_that_another_server_signs_with_stays_published(void **state)
{
    (void)state;
    struct locum_keystate_key keys[] = {old_key(P256, true), without_files(old_key(P256, false))};
    keys[1].last_signed_dnskey_s = keys[1].last_signed_rest_s = 0;
    keys[1].can_sign = false;
    keys[1].last_signed_anywhere_s = NOW - LONGEST - HOUR + 1;
    decide(&signed_zone, keys, 2);
    assert_key(1, "P", LOCUM_KEYSTATE_CACHED, NOT_WANTED);
    keys[1].last_signed_anywhere_s--;
    decide(&signed_zone, keys, 2);
    assert_key(1, "", NOT_WANTED, NOT_WANTED);
}

static void
test_keys_4_a_record_whose_algorithm_nothing_signs_with_is_not_published(void **state)
{
    (void)state;
    struct locum_keystate_key keys[] = {old_key(P256, true), new_key(ED25519, true)};
    keys[1].has_private = keys[1].can_sign = false;
    decide(&signed_zone, keys, 2);
    assert_key(0, "PDRC", FILE_SAYS, FILE_SAYS);
    assert_key(1, "", LOCUM_KEYSTATE_NO_SIGNER, NOT_WANTED);
}

static void
test_keys_4_a_new_algorithm_signs_first(void **state)
{
    (void)state;
    struct locum_keystate_key keys[] = {old_key(P256, true), new_key(ED25519, true)};
    decide(&signed_zone, keys, 2);
    assert_key(0, "PDRC", FILE_SAYS, FILE_SAYS);
    assert_key(1, "DR", LOCUM_KEYSTATE_ALGORITHM_TOO_NEW, FILE_SAYS);
    keys[1].algorithm_signing_since_s = NOW - LONGEST - HOUR + 1;
    decide(&signed_zone, keys, 2);
    assert_false(states[1].published);
    keys[1].algorithm_signing_since_s--;
    decide(&signed_zone, keys, 2);
    assert_key(1, "PDR", FILE_SAYS, FILE_SAYS);
    /* KEYS-6: CDS is last. */
    keys[1].was_published = true;
    keys[1].all_published_since_s = NOW - TTL - HOUR + 1;
    decide(&signed_zone, keys, 2);
    assert_key(1, "PDR", FILE_SAYS, FILE_SAYS);
    keys[1].all_published_since_s--;
    decide(&signed_zone, keys, 2);
    assert_key(1, "PDRC", FILE_SAYS, FILE_SAYS);
}

static void
test_keys_4_an_algorithm_that_leaves_signs_on(void **state)
{
    (void)state;
    struct locum_keystate_key keys[] = {old_key(P256, true), without_files(old_key(ED25519, true)),
                                        without_files(old_key(ED25519, false))};
    keys[1].last_at_parent_s = 0;
    keys[1].last_signed_rest_s = 0;
    decide(&signed_zone, keys, 3);
    assert_key(1, "D", NOT_WANTED, LOCUM_KEYSTATE_CACHED);
    assert_key(2, "R", NOT_WANTED, LOCUM_KEYSTATE_CACHED);
    keys[1].last_published_s = keys[2].last_published_s = NOW - TTL - HOUR;
    decide(&signed_zone, keys, 3);
    assert_key(1, "", NOT_WANTED, NOT_WANTED);
    assert_key(2, "", NOT_WANTED, NOT_WANTED);
}

static void
test_keys_4_a_key_held_for_the_parent_signs_all_if_it_is_the_last_of_its_algorithm(void **state)
{
    (void)state;
    struct locum_keystate_key keys[] = {old_key(P256, true), without_files(old_key(ED25519, true))};
    decide(&signed_zone, keys, 2);
    assert_key(1, "PDR", LOCUM_KEYSTATE_AT_PARENT, LOCUM_KEYSTATE_AT_PARENT);
}

static void
test_keys_4_after_a_loss_of_the_state_the_algorithm_of_the_parent_is_published(void **state)
{
    (void)state;
    struct locum_keystate_key keys[] = {new_key(P256, true), new_key(ED25519, true)};
    keys[0].last_at_parent_s = NOW;
    decide(&signed_zone, keys, 2);
    assert_key(0, "PDR", FILE_SAYS, FILE_SAYS);
    assert_key(1, "DR", LOCUM_KEYSTATE_ALGORITHM_TOO_NEW, FILE_SAYS);
    keys[0].last_at_parent_s = 0;
    decide(&signed_zone, keys, 2);
    assert_true(states[0].published && states[1].published);
}

static void
test_keys_6_cds_waits_for_every_server(void **state)
{
    (void)state;
    struct locum_keystate_key keys[] = {old_key(P256, true), old_key(P256, true)};
    keys[1].all_published_since_s = 0;
    decide(&signed_zone, keys, 2);
    assert_key(0, "PDRC", FILE_SAYS, FILE_SAYS);
    assert_key(1, "PDR", FILE_SAYS, FILE_SAYS);
    keys[1].all_published_since_s = NOW - TTL - HOUR + 1; /* resolvers may not have it yet */
    decide(&signed_zone, keys, 2);
    assert_key(1, "PDR", FILE_SAYS, FILE_SAYS);
    keys[1].all_published_since_s--;
    decide(&signed_zone, keys, 2);
    assert_key(1, "PDRC", FILE_SAYS, FILE_SAYS);
    keys[0].any_kept = true; /* it is leaving: its file is gone on one node */
    decide(&signed_zone, keys, 2);
    assert_key(0, "PDR", FILE_SAYS, FILE_SAYS);
    assert_key(1, "PDRC", FILE_SAYS, FILE_SAYS);
}

/* The parent has no DS, or never answered; a key that is in CDS stays. */
static void
test_keys_6_the_first_cds_does_not_wait(void **state)
{
    (void)state;
    struct locum_keystate_zone zone = signed_zone;
    struct locum_keystate_key keys[] = {old_key(P256, true), old_key(P256, true)};
    keys[0].all_published_since_s = keys[1].all_published_since_s = NOW;
    zone.parent_has_ds = false;
    decide(&zone, keys, 2);
    assert_true(states[0].in_cds && states[1].in_cds);
    zone = signed_zone;
    decide(&zone, keys, 2);
    assert_false(states[0].in_cds || states[1].in_cds);
    zone.parent_known = false;
    zone.parent_answered_s = 0;
    decide(&zone, keys, 2);
    assert_true(states[0].in_cds && states[1].in_cds);
    keys[0].any_cds = true;
    decide(&zone, keys, 2);
    assert_true(states[0].in_cds && !states[1].in_cds);
}

static void
test_keys_8_the_last_key_goes_on(void **state)
{
    (void)state;
    struct locum_keystate_zone zone = signed_zone;
    struct locum_keystate_key keys[] = {without_files(old_key(P256, true)), new_key(P256, true)};
    zone.parent_has_ds = false;
    keys[0].last_at_parent_s = keys[0].last_wanted_s = keys[0].last_private_s = LONG_AGO;
    keys[0].last_published_s = keys[0].last_signed_dnskey_s = LONG_AGO;
    keys[0].last_signed_rest_s = keys[0].last_signed_anywhere_s = LONG_AGO;
    decide(&zone, keys, 1);
    assert_key(0, "PDR", LOCUM_KEYSTATE_LAST, LOCUM_KEYSTATE_LAST);
    assert_false(summary.unsigned_zone);
    /* Until there is another one. */
    keys[1].was_settled = true;
    keys[1].all_published_since_s = LONG_AGO;
    decide(&zone, keys, 2);
    assert_key(0, "", NOT_WANTED, NOT_WANTED);
    /* Its file is here again: it may not be removed. */
    keys[0].has_record = keys[0].has_private = true;
    decide(&zone, keys, 1);
    assert_key(0, "PDRC", FILE_SAYS, FILE_SAYS);
    assert_int_equal(states[0].removable, LOCUM_KEYSTATE_REMOVE_NOTHING);
}

static void
test_what_may_be_removed(void **state)
{
    (void)state;
    struct locum_keystate_key keys[] = {old_key(P256, true), old_key(P256, true)};
    keys[0].last_at_parent_s = 0; /* the parent has the new one only */
    decide(&signed_zone, keys, 2);
    assert_int_equal(states[0].removable, LOCUM_KEYSTATE_REMOVE_PRIVATE);
    assert_int_equal(states[1].removable, LOCUM_KEYSTATE_REMOVE_NOTHING);
    keys[0].has_private = false;
    decide(&signed_zone, keys, 2);
    assert_int_equal(states[0].removable, LOCUM_KEYSTATE_REMOVE_NOTHING);
    keys[0].last_signed_dnskey_s = keys[0].last_signed_rest_s = NOW - LONGEST - HOUR;
    decide(&signed_zone, keys, 2);
    assert_int_equal(states[0].removable, LOCUM_KEYSTATE_REMOVE_BOTH);
    keys[1].all_published_since_s = NOW; /* the new one must not sign alone yet */
    keys[0] = old_key(P256, true);
    keys[0].last_at_parent_s = 0;
    decide(&signed_zone, keys, 2);
    assert_int_equal(states[0].removable, LOCUM_KEYSTATE_REMOVE_NOTHING);
    keys[1] = old_key(ED25519, true); /* its whole algorithm goes */
    decide(&signed_zone, keys, 2);
    assert_int_equal(states[0].removable, LOCUM_KEYSTATE_REMOVE_PRIVATE);
}

static void
test_what_the_servers_show_is_noted(void **state)
{
    (void)state;
    enum {
        P = LOCUM_KEYSTATE_PUBLISHED,
        S = LOCUM_KEYSTATE_SIGNING | LOCUM_KEYSTATE_REST,
        K = LOCUM_KEYSTATE_KEPT
    };
    struct locum_keystate_key keys[] = {new_key(P256, true), new_key(P256, true),
                                        new_key(ED25519, true)};
    const uint8_t first[] = {P | S, P, 0, P, P | S, S};
    const uint8_t second[] = {P | S, 0, S, P | K, 0, S};
    locum_keystate_observe(keys, 3, first, 2, NOW);
    assert_int_equal(keys[0].all_published_since_s, NOW);
    assert_int_equal(keys[1].all_published_since_s, NOW);
    assert_int_equal(keys[2].all_published_since_s, 0);
    assert_int_equal(keys[0].algorithm_signing_since_s, NOW);
    assert_int_equal(keys[1].algorithm_signing_since_s, NOW);
    assert_int_equal(keys[2].algorithm_signing_since_s, 0);
    locum_keystate_observe(keys, 3, second, 2, NOW + 5);
    assert_int_equal(keys[0].all_published_since_s, NOW);
    assert_int_equal(keys[0].last_published_s, NOW + 5);
    assert_int_equal(keys[1].all_published_since_s, 0);
    assert_int_equal(keys[1].last_published_s, NOW);
    assert_int_equal(keys[0].algorithm_signing_since_s, 0);
    assert_int_equal(keys[2].algorithm_signing_since_s, NOW + 5);
    assert_true(keys[0].any_kept && !keys[1].any_kept);
    assert_int_equal(keys[0].last_signed_anywhere_s, NOW + 5);
    assert_int_equal(keys[1].last_signed_anywhere_s, NOW);
}

/* After the clock was set back: nothing counts as long ago, and nothing is dropped. */
static void
test_times_in_the_future_are_careful(void **state)
{
    (void)state;
    struct locum_keystate_zone zone = signed_zone;
    struct locum_keystate_key keys[] = {old_key(P256, true), without_files(old_key(P256, true))};
    zone.now_s = NOW - 2 * (int64_t)YEAR;
    decide(&zone, keys, 2);
    assert_key(1, "PDR", LOCUM_KEYSTATE_AT_PARENT, LOCUM_KEYSTATE_OTHERS_TOO_NEW);
    assert_true(summary.alone);
}

static void
test_every_reason_has_a_text(void **state)
{
    (void)state;
    for (int why = LOCUM_KEYSTATE_FILE; why <= LOCUM_KEYSTATE_LAST; why++) {
        assert_true(strlen(locum_keystate_why_text((enum locum_keystate_why)why)) > 10);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_1_one_key_signs_all),
        cmocka_unit_test(test_keys_1_key_256_signs_the_rest),
        cmocka_unit_test(test_keys_1_a_record_of_another_node_is_published_and_does_not_sign),
        cmocka_unit_test(test_keys_2_a_fresh_zone_signs_at_once),
        cmocka_unit_test(test_keys_2_a_new_key_signs_in_addition_to_a_removed_one),
        cmocka_unit_test(test_keys_2_a_new_key_256_signs_in_addition_to_key_257),
        cmocka_unit_test(test_keys_2_only_keys_that_may_sign_alone_are_brought_back),
        cmocka_unit_test(test_keys_2_after_a_loss_of_the_state_the_key_of_the_folder_signs),
        cmocka_unit_test(test_keys_3_a_key_at_the_parent_stays),
        cmocka_unit_test(test_keys_3_no_key_257_is_dropped_while_the_parent_is_unknown),
        cmocka_unit_test(test_keys_3_the_parent_is_asked_once_more_before_a_key_257_goes),
        cmocka_unit_test(test_keys_5_a_key_that_another_server_signs_with_stays_published),
        cmocka_unit_test(test_keys_4_a_record_whose_algorithm_nothing_signs_with_is_not_published),
        cmocka_unit_test(test_keys_4_a_new_algorithm_signs_first),
        cmocka_unit_test(test_keys_4_an_algorithm_that_leaves_signs_on),
        cmocka_unit_test(
            test_keys_4_a_key_held_for_the_parent_signs_all_if_it_is_the_last_of_its_algorithm),
        cmocka_unit_test(
            test_keys_4_after_a_loss_of_the_state_the_algorithm_of_the_parent_is_published),
        cmocka_unit_test(test_keys_6_cds_waits_for_every_server),
        cmocka_unit_test(test_keys_6_the_first_cds_does_not_wait),
        cmocka_unit_test(test_keys_8_the_last_key_goes_on),
        cmocka_unit_test(test_what_may_be_removed),
        cmocka_unit_test(test_what_the_servers_show_is_noted),
        cmocka_unit_test(test_times_in_the_future_are_careful),
        cmocka_unit_test(test_every_reason_has_a_text),
    };
    return cmocka_run_group_tests_name("dns/keystate", tests, NULL, NULL);
}
