#include "dns/sign.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dns/verify.h"

#define NONE UINT32_MAX

struct locum_sign_window
locum_sign_window_at(int64_t now_s, uint32_t validity_s, uint32_t refresh_s)
{
    const int64_t period_s = (int64_t)validity_s - (int64_t)refresh_s;
    LOCUM_INVARIANT(period_s > 0 && period_s % LOCUM_SIGN_DAY_S == 0);
    const int64_t begin_s = now_s - now_s % period_s;
    return (struct locum_sign_window){.inception = (uint32_t)(begin_s - LOCUM_SIGN_EARLY_S),
                                      .expiration = (uint32_t)(begin_s + validity_s),
                                      .until_s = begin_s + period_s};
}

/* One signature. */
struct entry {
    uint8_t digest[LDNS_SHA256_DIGEST_LENGTH]; /* of what is signed, and of the key */
    ldns_rdf *signature;                       /* owned */
    uint64_t used;                             /* when, by the number of uses */
    uint32_t next;                             /* in the same bucket, or NONE */
    uint32_t until;                            /* its window's until_s, modulo 2^32 */
    bool verified, queued;                     /* queued: to be verified */
    bool passing; /* no later run can use it: of a SOA, whose serial does not come back */
};

struct locum_sign_cache {
    struct entry *entries; /* entry_count of entries_max */
    uint32_t entry_count, entries_max;
    uint32_t *buckets; /* index of the first entry, or NONE; a power of two */
    size_t bucket_mask;
    uint64_t uses, made, found, to_keep, bad;
    ldns_buffer *records, *message; /* the canonical RRset; what is signed */
    struct locum_verify_queue queue;
};

struct locum_sign_cache *
locum_sign_cache_create(size_t signatures_max)
{
    struct locum_sign_cache *self = calloc(1, sizeof(*self));
    size_t buckets = 1;
    while (buckets < signatures_max) {
        buckets *= 2;
    }
    if (self == NULL) {
        return NULL;
    }
    LOCUM_INVARIANT(signatures_max > 0 && signatures_max < NONE);
    self->entries_max = (uint32_t)signatures_max;
    self->bucket_mask = buckets - 1;
    self->entries = calloc(signatures_max, sizeof(*self->entries));
    self->buckets = calloc(buckets, sizeof(*self->buckets));
    self->records = ldns_buffer_new(LDNS_MIN_BUFLEN);
    self->message = ldns_buffer_new(LDNS_MIN_BUFLEN);
    if (self->entries == NULL || self->buckets == NULL || self->records == NULL ||
        self->message == NULL) {
        locum_sign_cache_destroy(self);
        return NULL;
    }
    memset(self->buckets, 0xff, buckets * sizeof(*self->buckets));
    return self;
}

void
locum_sign_cache_destroy(struct locum_sign_cache *self)
{
    if (self != NULL) {
        for (size_t i = 0; i < self->entry_count; i++) {
            ldns_rdf_deep_free(self->entries[i].signature);
        }
        ldns_buffer_free(self->records);
        ldns_buffer_free(self->message);
        locum_verify_clear(&self->queue);
        free(self->buckets);
        free(self->entries);
        free(self);
    }
}

struct locum_sign_counts
locum_sign_cache_counts(const struct locum_sign_cache *self)
{
    return (struct locum_sign_counts){.kept = self->entry_count,
                                      .made = self->made,
                                      .found = self->found,
                                      .to_keep = self->to_keep,
                                      .unverified = self->queue.count,
                                      .bad = self->bad};
}

static uint32_t *
bucket_of(const struct locum_sign_cache *self, const uint8_t *digest)
{
    uint32_t hash;
    memcpy(&hash, digest, sizeof(hash));
    return &self->buckets[hash & self->bucket_mask];
}

/* The entry of this digest, or NULL. */
static struct entry *
find(const struct locum_sign_cache *self, const uint8_t *digest)
{
    for (uint32_t i = *bucket_of(self, digest); i != NONE; i = self->entries[i].next) {
        if (memcmp(self->entries[i].digest, digest, LDNS_SHA256_DIGEST_LENGTH) == 0) {
            return &self->entries[i];
        }
    }
    return NULL;
}

/* Take an entry out of its bucket, and free its signature. */
static void
empty(struct locum_sign_cache *self, struct entry *entry)
{
    uint32_t *link = bucket_of(self, entry->digest);
    while (&self->entries[*link] != entry) {
        link = &self->entries[*link].next;
    }
    *link = entry->next;
    ldns_rdf_deep_free(entry->signature);
}

/* Remove an entry; the last one moves to its place. */
static void
drop(struct locum_sign_cache *self, struct entry *entry)
{
    struct entry *last = &self->entries[self->entry_count - 1];
    empty(self, entry);
    if (entry != last) {
        uint32_t *link = bucket_of(self, last->digest);
        while (&self->entries[*link] != last) {
            link = &self->entries[*link].next;
        }
        *link = (uint32_t)(entry - self->entries);
        *entry = *last;
    }
    self->entry_count--;
}

/* The index of a free entry. If there is none, the one that was used the longest time ago is freed:
 * a search through all costs less than the signature that was just made. */
static uint32_t
make_room(struct locum_sign_cache *self)
{
    if (self->entry_count < self->entries_max) {
        return self->entry_count++;
    }
    uint32_t oldest = 0;
    for (uint32_t i = 1; i < self->entry_count; i++) {
        if (self->entries[i].used < self->entries[oldest].used) {
            oldest = i;
        }
    }
    empty(self, &self->entries[oldest]);
    return oldest;
}

/* Keep a signature, which is taken. */
static struct entry *
keep(struct locum_sign_cache *self, const uint8_t *digest, ldns_rdf *signature, uint32_t until)
{
    const uint32_t i = make_room(self);
    uint32_t *bucket = bucket_of(self, digest);
    self->entries[i] = (struct entry){
        .signature = signature, .used = ++self->uses, .next = *bucket, .until = until};
    memcpy(self->entries[i].digest, digest, LDNS_SHA256_DIGEST_LENGTH);
    *bucket = i;
    return &self->entries[i];
}

/* The RRset in canonical form and order (RFC 4034 6), in wire form in self->records. NULL: out of
 * memory. */
static ldns_rr_list *
write_records(struct locum_sign_cache *self, const ldns_rr_list *set, uint32_t original_ttl_s)
{
    ldns_rr_list *copy = ldns_rr_list_clone(set);
    ldns_buffer_clear(self->records);
    for (size_t i = 0; copy != NULL && i < ldns_rr_list_rr_count(copy); i++) {
        ldns_rr_set_ttl(ldns_rr_list_rr(copy, i), original_ttl_s);
        ldns_rr2canonical(ldns_rr_list_rr(copy, i));
    }
    if (copy == NULL) {
        return NULL;
    }
    ldns_rr_list_sort(copy);
    if (ldns_rr_list2buffer_wire(self->records, copy) != LDNS_STATUS_OK) {
        ldns_rr_list_deep_free(copy);
        return NULL;
    }
    return copy;
}

/* What is signed, then the key, into self->message. False: out of memory. */
static bool
write_message(struct locum_sign_cache *self, const struct locum_dnskey *key, const ldns_rr *empty,
              size_t *ret_signed_bytes)
{
    ldns_buffer_clear(self->message);
    if (ldns_rrsig2buffer_wire(self->message, empty) != LDNS_STATUS_OK ||
        !ldns_buffer_reserve(self->message, ldns_buffer_position(self->records))) {
        return false;
    }
    ldns_buffer_write(self->message, ldns_buffer_begin(self->records),
                      ldns_buffer_position(self->records));
    *ret_signed_bytes = ldns_buffer_position(self->message);
    return ldns_rr_rdata2buffer_wire(self->message, key->rr) == LDNS_STATUS_OK;
}

/* Have the signature of self->message verified. Without memory that waits for its next use. */
static void
queue(struct locum_sign_cache *self, struct entry *entry, const struct locum_dnskey *key,
      size_t signed_bytes)
{
    entry->queued = locum_verify_put(&self->queue, entry->digest, ldns_buffer_begin(self->message),
                                     signed_bytes, key->rr) == 0;
}

/* The signature of one key over self->records, from the cache or made here. NULL: OpenSSL cannot,
 * or out of memory. */
static ldns_rdf *
sign(struct locum_sign_cache *self, const struct locum_dnskey *key, const ldns_rr *empty,
     uint32_t until)
{
    uint8_t digest[LDNS_SHA256_DIGEST_LENGTH];
    size_t signed_bytes;
    if (!write_message(self, key, empty, &signed_bytes)) {
        return NULL;
    }
    (void)ldns_sha256(ldns_buffer_begin(self->message),
                      (unsigned)ldns_buffer_position(self->message), digest);
    struct entry *entry = find(self, digest);
    if (entry != NULL) {
        entry->used = ++self->uses;
        self->found++;
    } else {
        ldns_buffer_set_position(self->message, signed_bytes);
        ldns_rdf *made = ldns_sign_public_buffer(self->message, key->key);
        if (made == NULL) {
            return NULL;
        }
        entry = keep(self, digest, made, until);
        entry->passing = ldns_rdf2rr_type(ldns_rr_rrsig_typecovered(empty)) == LDNS_RR_TYPE_SOA;
        self->made++;
        self->to_keep += !entry->passing;
    }
    if (!entry->verified && !entry->queued) {
        queue(self, entry, key, signed_bytes);
    }
    return ldns_rdf_clone(entry->signature);
}

/* Add the RRSIG of one key. */
static int
add_signature(struct locum_sign_cache *cache, const ldns_rr_list *canonical,
              const struct locum_dnskey *key, struct locum_sign_window window, uint32_t ttl_s,
              ldns_rr_list *ret)
{
    LOCUM_INVARIANT(key->key != NULL);
    ldns_key_set_inception(key->key, window.inception);
    ldns_key_set_expiration(key->key, window.expiration);
    ldns_rr *rr = ldns_create_empty_rrsig(canonical, key->key);
    if (rr == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    ldns_rdf *signature = sign(cache, key, rr, (uint32_t)window.until_s);
    if (signature == NULL || !ldns_rr_list_push_rr(ret, rr)) {
        ldns_rdf_deep_free(signature);
        ldns_rr_free(rr);
        return LOCUM_ERR_IO;
    }
    (void)ldns_rr_rrsig_set_sig(rr, signature);
    ldns_rr_set_ttl(rr, ttl_s);
    return 0;
}

int
locum_sign_rrset(struct locum_sign_cache *cache, const ldns_rr_list *set, uint32_t original_ttl_s,
                 const struct locum_dnskey *const *keys, size_t key_count,
                 struct locum_sign_window window, ldns_rr_list *ret)
{
    const size_t before = ldns_rr_list_rr_count(ret);
    const uint32_t ttl_s = ldns_rr_ttl(ldns_rr_list_rr(set, 0));
    LOCUM_INVARIANT(ttl_s <= original_ttl_s);
    ldns_rr_list *canonical = write_records(cache, set, original_ttl_s);
    int status = canonical == NULL ? LOCUM_ERR_MEMORY : 0;
    for (size_t i = 0; i < key_count && status == 0; i++) {
        status = add_signature(cache, canonical, keys[i], window, ttl_s, ret);
    }
    while (status != 0 && ldns_rr_list_rr_count(ret) > before) {
        ldns_rr_free(ldns_rr_list_pop_rr(ret));
    }
    ldns_rr_list_deep_free(canonical);
    return status;
}

size_t
locum_sign_cache_verify(struct locum_sign_cache *self, int64_t budget_us)
{
    uint8_t digest[LDNS_SHA256_DIGEST_LENGTH];
    const int64_t begin_us = locum_verify_clock_us();
    size_t bad = 0;
    while (locum_verify_next(&self->queue, digest)) {
        struct entry *entry = find(self, digest); /* NULL: it has made room for another one */
        const int status = entry != NULL ? locum_verify_first(&self->queue, entry->signature) : 0;
        if (entry != NULL && status == LOCUM_ERR_SIGNATURE) {
            drop(self, entry);
            bad++;
        } else if (entry != NULL) {
            entry->verified = status == 0;
            entry->queued = false;
        }
        locum_verify_drop_first(&self->queue);
        if (locum_verify_clock_us() - begin_us >= budget_us) {
            break;
        }
    }
    self->bad += bad;
    return bad;
}

void
locum_sign_cache_each(const struct locum_sign_cache *self, int64_t now_s, locum_sign_kept_fn *each,
                      void *user)
{
    for (uint32_t i = 0; i < self->entry_count; i++) {
        const struct entry *entry = &self->entries[i];
        if (!entry->passing && (int32_t)(entry->until - (uint32_t)now_s) > 0 &&
            ldns_rdf_size(entry->signature) <= LOCUM_SIGN_BYTES_MAX) {
            struct locum_sign_kept kept = {.until = entry->until,
                                           .verified = entry->verified,
                                           .signature = ldns_rdf_data(entry->signature),
                                           .length = ldns_rdf_size(entry->signature)};
            memcpy(kept.digest, entry->digest, sizeof(kept.digest));
            each(user, &kept);
        }
    }
}

int
locum_sign_cache_add(struct locum_sign_cache *self, const struct locum_sign_kept *kept)
{
    if (self->entry_count == self->entries_max || find(self, kept->digest) != NULL) {
        return 0;
    }
    ldns_rdf *signature = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_B64, kept->length, kept->signature);
    if (signature == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    keep(self, kept->digest, signature, kept->until)->verified = kept->verified;
    return 0;
}

int
locum_sign_verify(const ldns_rr_list *set, const ldns_rr_list *signatures, const ldns_rr_list *keys,
                  int64_t now_s)
{
    const size_t count = ldns_rr_list_rr_count(signatures);
    ldns_rr_list *copy = ldns_rr_list_clone(set);
    ldns_rr_list *good = ldns_rr_list_new();
    ldns_status status = LDNS_STATUS_OK;
    for (size_t i = 0; i < count && copy != NULL && good != NULL && status == LDNS_STATUS_OK; i++) {
        status = ldns_verify_rrsig_keylist_time(copy, ldns_rr_list_rr(signatures, i), keys,
                                                (time_t)now_s, good);
    }
    const bool whole = copy != NULL && good != NULL;
    ldns_rr_list_deep_free(copy);
    ldns_rr_list_free(good);
    if (!whole) {
        return LOCUM_ERR_MEMORY;
    }
    return status == LDNS_STATUS_OK && count > 0 ? 0 : LOCUM_ERR_SIGNATURE;
}
