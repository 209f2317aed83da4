/* sign: signatures verify with ldns, each is made once, and windows are the same on all nodes. */
#include "keyfiles.h"

#include <pthread.h>

#include "dns/sign.h"
#include "dns/signkeep.h"

enum { NOW = 1800000123, TTL = 60, SERVED_TTL = 15 };

static struct key_folder folder;
static ldns_rr_list *dnskeys;
static const struct locum_dnskey *keys[KEY_FILES];

static int
before(void **state)
{
    (void)state;
    key_folder_init(&folder);
    for (size_t i = 0; i < KEY_FILES; i++) {
        key_folder_add(&folder, &key_files[i]);
    }
    assert_int_equal(key_folder_read(&folder), 0);
    assert_int_equal(folder.keys.count, KEY_FILES);
    dnskeys = ldns_rr_list_new();
    for (size_t i = 0; i < KEY_FILES; i++) {
        keys[i] = &folder.keys.keys[i];
        assert_true(ldns_rr_list_push_rr(dnskeys, keys[i]->rr));
    }
    return 0;
}

static int
after(void **state)
{
    (void)state;
    ldns_rr_list_free(dnskeys);
    key_folder_fini(&folder);
    return 0;
}

static struct locum_sign_window
window_at(int64_t now_s)
{
    return locum_sign_window_at(now_s, LOCUM_SIGN_VALIDITY_S, LOCUM_SIGN_REFRESH_S);
}

static ldns_rr_list *
rrset(const char *const *texts, size_t count)
{
    ldns_rr_list *set = ldns_rr_list_new();
    for (size_t i = 0; i < count; i++) {
        ldns_rr *rr;
        assert_int_equal(ldns_rr_new_frm_str(&rr, texts[i], SERVED_TTL, NULL, NULL),
                         LDNS_STATUS_OK);
        assert_true(ldns_rr_list_push_rr(set, rr));
    }
    return set;
}

static const char *const sets[][3] = {
    {"a.example. A 192.0.2.2", "a.example. A 192.0.2.1", "a.example. A 192.0.2.13"},
    {"A.example. MX 10 Mail.EXAMPLE.", "a.example. MX 5 b.", NULL},
    {"*.w.example. TXT \"b\" \"c\"", "*.w.example. TXT \"a\"", NULL},
    {"example. SOA NS.example. root.example. 7 3600 600 604800 15", NULL, NULL},
    {"example. NSEC a.example. NS SOA RRSIG NSEC DNSKEY TYPE1234", NULL, NULL},
    {"h.example. HTTPS 1 . alpn=h2", "h.example. HTTPS 0 Pool.example.", NULL},
    {"a.b.c.example. CAA 0 issue \"ca.test\"", NULL, NULL},
};

static ldns_rr_list *
set_number(size_t i)
{
    size_t count = 1;
    while (count < 3 && sets[i][count] != NULL) {
        count++;
    }
    return rrset(sets[i], count);
}

static void
test_each_algorithm_signs_each_kind_of_rrset(void **state)
{
    (void)state;
    struct locum_sign_cache *cache = locum_sign_cache_create(256);
    for (size_t i = 0; i < LOCUM_COUNT(sets); i++) {
        ldns_rr_list *set = set_number(i);
        ldns_rr_list *copy = ldns_rr_list_clone(set);
        ldns_rr_list *signatures = ldns_rr_list_new();
        assert_int_equal(
            locum_sign_rrset(cache, set, TTL, keys, KEY_FILES, window_at(NOW), NULL, signatures),
            0);
        assert_int_equal(ldns_rr_list_rr_count(signatures), KEY_FILES);
        assert_int_equal(ldns_rr_list_compare(set, copy), 0); /* it is as before */
        for (size_t j = 0; j < KEY_FILES; j++) {
            const ldns_rr *rr = ldns_rr_list_rr(signatures, j);
            const size_t labels = ldns_dname_label_count(ldns_rr_owner(rr));
            assert_int_equal(ldns_rr_ttl(rr), SERVED_TTL);
            assert_int_equal(ldns_rdf2native_int32(ldns_rr_rrsig_origttl(rr)), TTL);
            assert_int_equal(ldns_rdf2native_int16(ldns_rr_rrsig_keytag(rr)), keys[j]->tag);
            assert_int_equal(ldns_rdf2native_int8(ldns_rr_rrsig_algorithm(rr)), keys[j]->algorithm);
            assert_int_equal(ldns_rdf2native_int8(ldns_rr_rrsig_labels(rr)),
                             labels - (i == 2 ? 1 : 0));
        }
        assert_int_equal(locum_sign_verify(set, signatures, dnskeys, NOW), 0);
        assert_int_equal(locum_sign_verify(set, signatures, dnskeys, NOW + 7 * 86400), 0);
        assert_int_equal(locum_sign_verify(set, signatures, dnskeys, NOW + 14 * 86400),
                         LOCUM_ERR_SIGNATURE);
        assert_int_equal(locum_sign_verify(set, signatures, dnskeys, NOW - 9 * 86400),
                         LOCUM_ERR_SIGNATURE);
        ldns_rr_list_deep_free(signatures);
        ldns_rr_list_deep_free(copy);
        ldns_rr_list_deep_free(set);
    }
    locum_sign_cache_release(cache);
}

static void
test_wrong_or_missing_signatures_do_not_verify(void **state)
{
    (void)state;
    struct locum_sign_cache *cache = locum_sign_cache_create(8);
    ldns_rr_list *set = set_number(0);
    ldns_rr_list *signatures = ldns_rr_list_new();
    assert_int_equal(locum_sign_verify(set, signatures, dnskeys, NOW), LOCUM_ERR_SIGNATURE);
    assert_int_equal(locum_sign_rrset(cache, set, TTL, keys, 3, window_at(NOW), NULL, signatures),
                     0);
    assert_int_equal(locum_sign_verify(set, signatures, dnskeys, NOW), 0);
    ldns_rdf_data(ldns_rr_rdf(ldns_rr_list_rr(set, 1), 0))[3]++;
    assert_int_equal(locum_sign_verify(set, signatures, dnskeys, NOW), LOCUM_ERR_SIGNATURE);
    ldns_rr_list_deep_free(signatures);
    ldns_rr_list_deep_free(set);
    locum_sign_cache_release(cache);
}

/* Sign an RRset with P-256; how many signatures were made for it? */
static uint64_t
made(struct locum_sign_cache *cache, const char *const *texts, size_t count, uint32_t ttl,
     size_t key, int64_t now_s)
{
    const uint64_t already = locum_sign_cache_counts(cache).made;
    ldns_rr_list *set = rrset(texts, count);
    ldns_rr_list *signatures = ldns_rr_list_new();
    assert_int_equal(
        locum_sign_rrset(cache, set, ttl, &keys[key], 1, window_at(now_s), NULL, signatures), 0);
    assert_int_equal(locum_sign_verify(set, signatures, dnskeys, now_s), 0);
    ldns_rr_list_deep_free(signatures);
    ldns_rr_list_deep_free(set);
    return locum_sign_cache_counts(cache).made - already;
}

static void
test_a_signature_is_made_once(void **state)
{
    (void)state;
    static const char *const same[] = {"A.example. A 192.0.2.1", "a.example. A 192.0.2.2"};
    static const char *const reversed[] = {"a.example. A 192.0.2.2", "a.example. A 192.0.2.1"};
    static const char *const other[] = {"a.example. A 192.0.2.3", "a.example. A 192.0.2.2"};
    static const char *const owner[] = {"b.example. A 192.0.2.1", "b.example. A 192.0.2.2"};
    struct locum_sign_cache *cache = locum_sign_cache_create(64);
    const size_t key = KEY_FILES_P256;
    assert_int_equal(made(cache, same, 2, TTL, key, NOW), 1);
    assert_int_equal(made(cache, same, 2, TTL, key, NOW), 0);
    assert_int_equal(made(cache, reversed, 2, TTL, key, NOW + 60), 0);
    assert_int_equal(made(cache, same, 2, TTL + 1, key, NOW), 1);
    assert_int_equal(made(cache, same, 1, TTL, key, NOW), 1);
    assert_int_equal(made(cache, same, 2, TTL, key + 1, NOW), 1);
    assert_int_equal(made(cache, other, 2, TTL, key, NOW), 1);
    assert_int_equal(made(cache, owner, 2, TTL, key, NOW), 1);
    assert_int_equal(made(cache, same, 2, TTL, key, NOW + LOCUM_SIGN_REFRESH_S), 1);
    assert_int_equal(made(cache, same, 2, TTL, key, NOW), 0);
    assert_int_equal(locum_sign_cache_counts(cache).kept, 7);
    assert_int_equal(locum_sign_cache_counts(cache).found, 3);
    locum_sign_cache_release(cache);
}

static void
test_the_signature_used_the_longest_time_ago_makes_room(void **state)
{
    (void)state;
    enum { ROOM = 5 };
    struct locum_sign_cache *cache = locum_sign_cache_create(ROOM);
    char text[64];
    const char *texts[] = {text};
    for (int i = 0; i < 100; i++) {
        (void)snprintf(text, sizeof(text), "n%d.example. A 192.0.2.1", i);
        assert_int_equal(made(cache, texts, 1, TTL, KEY_FILES_P256, NOW), 1);
        if (i > 0) { /* number 0 is used each time */
            strcpy(text, "n0.example. A 192.0.2.1");
            assert_int_equal(made(cache, texts, 1, TTL, KEY_FILES_P256, NOW), 0);
        }
    }
    assert_int_equal(locum_sign_cache_counts(cache).kept, ROOM);
    for (int i = 99; i > 0; i--) {
        (void)snprintf(text, sizeof(text), "n%d.example. A 192.0.2.1", i);
        assert_int_equal(made(cache, texts, 1, TTL, KEY_FILES_P256, NOW), i < 96);
    }
    locum_sign_cache_release(cache);
}

static void
test_a_budget_ends_the_signing(void **state)
{
    (void)state;
    struct locum_sign_cache *cache = locum_sign_cache_create(64);
    const struct locum_dnskey *const *key = &keys[KEY_FILES_P256];
    ldns_rr_list *set = set_number(0);
    ldns_rr_list *signatures = ldns_rr_list_new();
    atomic_bool stop = false;
    struct locum_sign_budget budget = {.left_us = 1, .stop = &stop};
    assert_int_equal(locum_sign_rrset(cache, set, TTL, key, 1, window_at(NOW), &budget, signatures),
                     0);
    assert_true(budget.left_us <= 0); /* a signature takes longer than 1 us */
    ldns_rr_list *other = set_number(1);
    assert_int_equal(
        locum_sign_rrset(cache, other, TTL, key, 1, window_at(NOW), &budget, signatures),
        LOCUM_ERR_TIMEOUT);
    assert_int_equal(ldns_rr_list_rr_count(signatures), 1);
    /* One that is there costs nothing. */
    assert_int_equal(locum_sign_rrset(cache, set, TTL, key, 1, window_at(NOW), &budget, signatures),
                     0);
    atomic_store(&stop, true);
    assert_int_equal(locum_sign_rrset(cache, set, TTL, key, 1, window_at(NOW), &budget, signatures),
                     LOCUM_ERR_TIMEOUT);
    assert_int_equal(ldns_rr_list_rr_count(signatures), 2);
    ldns_rr_list_deep_free(other);
    ldns_rr_list_deep_free(signatures);
    ldns_rr_list_deep_free(set);
    locum_sign_cache_release(cache);
}

enum { THREADS = 4, NAMES = 40 };

static void *
sign_all(void *user)
{
    struct locum_sign_cache *cache = user;
    for (int i = 0; i < NAMES; i++) {
        char text[64];
        const char *texts[] = {text};
        (void)snprintf(text, sizeof(text), "n%d.example. A 192.0.2.1", i);
        ldns_rr_list *set = rrset(texts, 1);
        ldns_rr_list *signatures = ldns_rr_list_new();
        assert_int_equal(
            locum_sign_rrset(cache, set, TTL, keys, KEY_FILES, window_at(NOW), NULL, signatures),
            0);
        assert_int_equal(locum_sign_verify(set, signatures, dnskeys, NOW), 0);
        ldns_rr_list_deep_free(signatures);
        ldns_rr_list_deep_free(set);
    }
    locum_sign_cache_release(cache);
    return NULL;
}

static void
test_threads_share_keys_and_signatures(void **state)
{
    (void)state;
    struct locum_sign_cache *cache = locum_sign_cache_create(NAMES * KEY_FILES);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        locum_sign_cache_hold(cache);
        assert_int_equal(pthread_create(&threads[i], NULL, sign_all, cache), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    const struct locum_sign_counts counts = locum_sign_cache_counts(cache);
    assert_int_equal(counts.kept, NAMES * KEY_FILES);
    assert_true(counts.made >= counts.kept);
    assert_int_equal(counts.made + counts.found, THREADS * NAMES * KEY_FILES);
    locum_sign_cache_release(cache);
}

static void
test_windows_are_whole_days_and_never_short(void **state)
{
    (void)state;
    static const uint32_t days[][2] = {{14, 7}, {3, 1}, {30, 29}, {2, 1}};
    for (size_t i = 0; i < LOCUM_COUNT(days); i++) {
        const uint32_t validity = days[i][0] * 86400, refresh = days[i][1] * 86400;
        int64_t until = 0;
        for (int64_t now = NOW; now < NOW + 60 * 86400; now += 5077) {
            const struct locum_sign_window window = locum_sign_window_at(now, validity, refresh);
            assert_int_equal(window.inception % 86400, 0);
            assert_int_equal(window.expiration - window.inception, validity + 86400);
            assert_true(now - window.inception >= 86400);
            assert_true(window.expiration - now >= refresh);
            assert_true(window.until_s > now && window.until_s - now <= validity - refresh);
            if (now < until) { /* nothing changes before the announced time */
                assert_int_equal(window.until_s, until);
            }
            until = window.until_s;
        }
    }
}

/* Sign all sets with all keys. */
static void
sign_sets(struct locum_sign_cache *cache, int64_t now_s)
{
    for (size_t i = 0; i < LOCUM_COUNT(sets); i++) {
        ldns_rr_list *set = set_number(i);
        ldns_rr_list *signatures = ldns_rr_list_new();
        assert_int_equal(
            locum_sign_rrset(cache, set, TTL, keys, KEY_FILES, window_at(now_s), NULL, signatures),
            0);
        assert_int_equal(locum_sign_verify(set, signatures, dnskeys, now_s), 0);
        ldns_rr_list_deep_free(signatures);
        ldns_rr_list_deep_free(set);
    }
}

static void
test_what_was_made_is_verified_later_in_slices(void **state)
{
    (void)state;
    const size_t all = LOCUM_COUNT(sets) * KEY_FILES;
    struct locum_sign_cache *cache = locum_sign_cache_create(256);
    assert_int_equal(locum_sign_cache_verify(cache, 0), 0); /* nothing */
    sign_sets(cache, NOW);
    sign_sets(cache, NOW); /* found: not once more */
    for (size_t left = all; left > 0; left--) {
        assert_int_equal(locum_sign_cache_counts(cache).unverified, left);
        assert_int_equal(locum_sign_cache_verify(cache, 0), 0); /* one at least */
    }
    sign_sets(cache, NOW);
    assert_int_equal(locum_sign_cache_counts(cache).unverified, 0);
    sign_sets(cache, NOW + LOCUM_SIGN_REFRESH_S);
    assert_int_equal(locum_sign_cache_verify(cache, INT64_MAX), 0);
    assert_int_equal(locum_sign_cache_counts(cache).unverified, 0);
    assert_int_equal(locum_sign_cache_counts(cache).bad, 0);
    locum_sign_cache_release(cache);
}

/* More signatures than there is room for: those that are gone are not verified. */
static void
test_what_has_made_room_is_not_verified(void **state)
{
    (void)state;
    struct locum_sign_cache *cache = locum_sign_cache_create(3);
    sign_sets(cache, NOW);
    assert_int_equal(locum_sign_cache_verify(cache, INT64_MAX), 0);
    assert_int_equal(locum_sign_cache_counts(cache).kept, 3);
    assert_int_equal(locum_sign_cache_counts(cache).unverified, 0);
    locum_sign_cache_release(cache);
}

struct wrong {
    struct locum_sign_cache *to;
    size_t number, at; /* which one gets a wrong byte */
    bool verified;
};

static void
copy_wrong(void *user, const struct locum_sign_kept *kept)
{
    struct wrong *wrong = user;
    uint8_t bytes[LOCUM_SIGN_BYTES_MAX];
    struct locum_sign_kept copy = *kept;
    memcpy(bytes, kept->signature, kept->length);
    bytes[10] ^= wrong->at == wrong->number;
    copy.signature = bytes;
    copy.verified = wrong->verified;
    wrong->at++;
    assert_int_equal(locum_sign_cache_add(wrong->to, &copy), 0);
}

static void
test_a_wrong_signature_is_found_and_made_again(void **state)
{
    (void)state;
    struct locum_sign_cache *from = locum_sign_cache_create(256);
    sign_sets(from, NOW);
    for (size_t number = 0; number < KEY_FILES; number++) { /* each algorithm */
        struct wrong wrong = {.to = locum_sign_cache_create(256), .number = number};
        locum_sign_cache_each(from, NOW, copy_wrong, &wrong);
        ldns_rr_list *set = set_number(0);
        ldns_rr_list *signatures = ldns_rr_list_new();
        assert_int_equal(
            locum_sign_rrset(wrong.to, set, TTL, keys, KEY_FILES, window_at(NOW), NULL, signatures),
            0);
        assert_int_equal(locum_sign_verify(set, signatures, dnskeys, NOW), LOCUM_ERR_SIGNATURE);
        assert_int_equal(locum_sign_cache_counts(wrong.to).made, 0);
        assert_int_equal(locum_sign_cache_verify(wrong.to, INT64_MAX), 1);
        assert_int_equal(locum_sign_cache_counts(wrong.to).bad, 1);
        sign_sets(wrong.to, NOW);                                                /* all is right */
        assert_int_equal(locum_sign_cache_counts(wrong.to).made, 1 + KEY_FILES); /* and the SOA */
        assert_int_equal(locum_sign_cache_verify(wrong.to, INT64_MAX), 0);
        ldns_rr_list_deep_free(signatures);
        ldns_rr_list_deep_free(set);
        locum_sign_cache_release(wrong.to);
    }
    locum_sign_cache_release(from);
}

static const struct locum_secrets secrets = {.key = {{1, 2, 3}, {4, 5, 6}}, .count = 2};
static const struct locum_signtime_kept times = {.believed = 1763863100123,
                                                 .newest = 1763863200123,
                                                 .signed_s = NOW,
                                                 .keys = 1763863300123,
                                                 .boot = 77};

/* The signatures of a cache as protected bytes. */
static struct locum_slice protected(struct locum_sign_cache *cache,
                                    const struct locum_hmac_key *key)
{
    struct locum_slice ret;
    char *bytes = locum_signkeep_make(cache, &times, "boot", &ret.length);
    assert_non_null(bytes);
    locum_signkeep_protect(key, bytes, ret.length);
    ret.at = bytes;
    return ret;
}

static void
test_a_later_run_signs_none_of_them_again(void **state)
{
    (void)state;
    struct locum_signkeep_keys protection;
    struct locum_signtime_kept got;
    struct locum_slice at;
    struct locum_sign_cache *from = locum_sign_cache_create(256);
    struct locum_sign_cache *to = locum_sign_cache_create(256);
    const size_t other = LOCUM_COUNT(sets) * KEY_FILES - KEY_FILES; /* than of the SOA */
    sign_sets(from, NOW - LOCUM_SIGN_REFRESH_S);                    /* of a window that is over */
    sign_sets(from, NOW);
    assert_int_equal(locum_sign_cache_counts(from).to_keep, 2 * other);
    while (locum_sign_cache_counts(from).unverified > 2) { /* the last ones are not yet */
        assert_int_equal(locum_sign_cache_verify(from, 0), 0);
    }
    assert_int_equal(locum_signkeep_derive(&secrets, &protection), 0);
    const struct locum_slice bytes = protected(from, &protection.key[1]); /* an older secret */
    assert_int_equal(locum_signkeep_read(&protection, bytes, "boot", &got, &at), 0);
    assert_true(got.same_boot);
    assert_int_equal(got.believed, times.believed);
    assert_int_equal(got.newest, times.newest);
    assert_int_equal(got.signed_s, times.signed_s);
    assert_int_equal(got.keys, times.keys);
    assert_int_equal(got.boot, times.boot);
    assert_int_equal(locum_signkeep_take(to, at), 0);
    assert_int_equal(locum_sign_cache_counts(to).kept, other);
    sign_sets(to, NOW);
    assert_int_equal(locum_sign_cache_counts(to).made, KEY_FILES); /* of the SOA */
    assert_int_equal(locum_sign_cache_counts(to).unverified, KEY_FILES + 2);
    assert_int_equal(locum_signkeep_read(&protection, bytes, "other", &got, &at), 0);
    assert_false(got.same_boot);
    assert_int_equal(locum_signkeep_read(&protection, bytes, "", &got, &at), 0);
    assert_false(got.same_boot);
    free((void *)(uintptr_t)bytes.at);
    locum_sign_cache_release(from);
    locum_sign_cache_release(to);
}

static void
test_a_damaged_or_forged_file_is_not_used(void **state)
{
    (void)state;
    struct locum_signkeep_keys protection;
    struct locum_signtime_kept got;
    struct locum_slice at;
    struct locum_sign_cache *from = locum_sign_cache_create(256);
    sign_sets(from, NOW);
    assert_int_equal(locum_signkeep_derive(&secrets, &protection), 0);
    const struct locum_slice bytes = protected(from, &protection.key[0]);
    char *copy = malloc(bytes.length);
    for (size_t i = 0; i < bytes.length; i += i < 400 ? 1 : 97) {
        memcpy(copy, bytes.at, bytes.length);
        copy[i] ^= 0x10;
        const struct locum_slice damaged = {.at = copy, .length = bytes.length};
        const struct locum_slice cut = {.at = bytes.at, .length = i};
        assert_int_equal(locum_signkeep_read(&protection, damaged, "", &got, &at),
                         LOCUM_ERR_INVALID);
        assert_int_equal(locum_signkeep_read(&protection, cut, "", &got, &at), LOCUM_ERR_INVALID);
    }
    protection.count = 0;
    assert_int_equal(locum_signkeep_read(&protection, bytes, "", &got, &at), LOCUM_ERR_INVALID);
    free(copy);
    free((void *)(uintptr_t)bytes.at);
    locum_sign_cache_release(from);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_algorithm_signs_each_kind_of_rrset),
        cmocka_unit_test(test_wrong_or_missing_signatures_do_not_verify),
        cmocka_unit_test(test_a_signature_is_made_once),
        cmocka_unit_test(test_the_signature_used_the_longest_time_ago_makes_room),
        cmocka_unit_test(test_a_budget_ends_the_signing),
        cmocka_unit_test(test_threads_share_keys_and_signatures),
        cmocka_unit_test(test_what_was_made_is_verified_later_in_slices),
        cmocka_unit_test(test_what_has_made_room_is_not_verified),
        cmocka_unit_test(test_a_wrong_signature_is_found_and_made_again),
        cmocka_unit_test(test_a_later_run_signs_none_of_them_again),
        cmocka_unit_test(test_a_damaged_or_forged_file_is_not_used),
        cmocka_unit_test(test_windows_are_whole_days_and_never_short),
    };
    return cmocka_run_group_tests_name("dns/sign", tests, before, after);
}
