#include "dns/sign.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "dns/verify.h"

#define NONE UINT32_MAX

enum { ROOM_MIN = 32 }; /* half of the entries that a cache has room for at first */

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
    atomic_uint references;
    pthread_mutex_t lock;  /* of all below */
    struct entry *entries; /* entry_count, room for entries_room, which grows to entries_max */
    uint32_t entry_count, entries_room, entries_max;
    uint32_t *buckets; /* index of the first entry, or NONE; a power of two */
    size_t bucket_mask;
    uint64_t uses, made, found, to_keep, bad;
    struct locum_verify_queue queue;
};

/* An RRset that is being signed. */
struct sign_set {
    struct locum_sign_cache *cache;
    struct locum_sign_budget *budget;
    struct locum_sign_window window;
    uint32_t ttl_s;
    ldns_rr_list *canonical;        /* the RRset in canonical form and order (RFC 4034 6) */
    ldns_buffer *records, *message; /* it in wire form; what is signed */
};

static uint32_t *
bucket_of(const struct locum_sign_cache *self, const uint8_t *digest)
{
    uint32_t hash;
    memcpy(&hash, digest, sizeof(hash));
    return &self->buckets[hash & self->bucket_mask];
}

/* Room for twice as many entries. False: out of memory, and nothing has changed. */
static bool
grow(struct locum_sign_cache *self)
{
    const uint32_t room =
        2 * self->entries_room < self->entries_max ? 2 * self->entries_room : self->entries_max;
    size_t buckets = 1;
    while (buckets < room) {
        buckets *= 2;
    }
    uint32_t *heads = malloc(buckets * sizeof(*heads));
    struct entry *entries = realloc(self->entries, room * sizeof(*entries));
    if (entries != NULL) {
        self->entries = entries;
    }
    if (entries == NULL || heads == NULL) {
        free(heads);
        return false;
    }
    memset(heads, 0xff, buckets * sizeof(*heads));
    free(self->buckets);
    self->buckets = heads;
    self->bucket_mask = buckets - 1;
    self->entries_room = room;
    for (uint32_t i = 0; i < self->entry_count; i++) {
        uint32_t *bucket = bucket_of(self, entries[i].digest);
        entries[i].next = *bucket;
        *bucket = i;
    }
    return true;
}

struct locum_sign_cache *
locum_sign_cache_create(size_t signatures_max)
{
    struct locum_sign_cache *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return NULL;
    }
    LOCUM_INVARIANT(signatures_max > 0 && signatures_max < NONE);
    atomic_init(&self->references, 1);
    self->entries_max = (uint32_t)signatures_max;
    self->entries_room = ROOM_MIN;
    if (pthread_mutex_init(&self->lock, NULL) != 0) {
        free(self);
        return NULL;
    }
    if (!grow(self)) {
        locum_sign_cache_release(self);
        return NULL;
    }
    return self;
}

void
locum_sign_cache_hold(struct locum_sign_cache *self)
{
    if (self != NULL) {
        atomic_fetch_add_explicit(&self->references, 1, memory_order_relaxed);
    }
}

void
locum_sign_cache_release(struct locum_sign_cache *self)
{
    if (self == NULL ||
        atomic_fetch_sub_explicit(&self->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < self->entry_count; i++) {
        ldns_rdf_deep_free(self->entries[i].signature);
    }
    locum_verify_clear(&self->queue);
    (void)pthread_mutex_destroy(&self->lock);
    free(self->buckets);
    free(self->entries);
    free(self);
}

static void
lock(struct locum_sign_cache *self)
{
    const int error = pthread_mutex_lock(&self->lock);
    LOCUM_INVARIANT(error == 0);
}

static void
unlock(struct locum_sign_cache *self)
{
    const int error = pthread_mutex_unlock(&self->lock);
    LOCUM_INVARIANT(error == 0);
}

struct locum_sign_counts
locum_sign_cache_counts(struct locum_sign_cache *self)
{
    lock(self);
    const struct locum_sign_counts counts = {.kept = self->entry_count,
                                             .made = self->made,
                                             .found = self->found,
                                             .to_keep = self->to_keep,
                                             .unverified = self->queue.count,
                                             .bad = self->bad};
    unlock(self);
    return counts;
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

/* What leads to an entry. */
static uint32_t *
link_to(const struct locum_sign_cache *self, const struct entry *entry)
{
    uint32_t *link = bucket_of(self, entry->digest);
    while (&self->entries[*link] != entry) {
        link = &self->entries[*link].next;
    }
    return link;
}

/* Take an entry out of its bucket, and free its signature. */
static void
empty(struct locum_sign_cache *self, struct entry *entry)
{
    *link_to(self, entry) = entry->next;
    ldns_rdf_deep_free(entry->signature);
}

/* Remove an entry; the last one moves to its place. */
static void
drop(struct locum_sign_cache *self, struct entry *entry)
{
    struct entry *last = &self->entries[self->entry_count - 1];
    empty(self, entry);
    if (entry != last) {
        *link_to(self, last) = (uint32_t)(entry - self->entries);
        *entry = *last;
    }
    self->entry_count--;
}

/* Note the use of an entry. Have it verified, if it was not yet; without memory that waits for its
 * next use. */
static void
use(struct sign_set *self, struct entry *entry, const struct locum_dnskey *key)
{
    entry->used = ++self->cache->uses;
    if (!entry->verified && !entry->queued) {
        entry->queued =
            locum_verify_put(&self->cache->queue, entry->digest, ldns_buffer_begin(self->message),
                             ldns_buffer_position(self->message), key->rr) == 0;
    }
}

/* A copy of the signature of this digest, for the caller. False: there is none. */
static bool
look_up(struct sign_set *self, const struct locum_dnskey *key, const uint8_t *digest,
        ldns_rdf **ret)
{
    struct locum_sign_cache *cache = self->cache;
    lock(cache);
    struct entry *found = find(cache, digest);
    *ret = NULL;
    if (found != NULL) {
        use(self, found, key);
        *ret = ldns_rdf_clone(found->signature);
        cache->found++;
    }
    unlock(cache);
    return found != NULL;
}

/* The index of a free entry. If there is none, the one that was used the longest time ago is freed:
 * a search through all costs less than the signature that was just made. */
static uint32_t
make_room(struct locum_sign_cache *self)
{
    if (self->entry_count == self->entries_room && self->entries_room < self->entries_max) {
        (void)grow(self);
    }
    if (self->entry_count < self->entries_room) {
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

/* Add an entry with a signature, which is taken. */
static struct entry *
add_entry(struct locum_sign_cache *self, const uint8_t *digest, ldns_rdf *signature, uint32_t until)
{
    const uint32_t i = make_room(self);
    uint32_t *bucket = bucket_of(self, digest);
    self->entries[i] = (struct entry){
        .signature = signature, .used = ++self->uses, .next = *bucket, .until = until};
    memcpy(self->entries[i].digest, digest, LDNS_SHA256_DIGEST_LENGTH);
    *bucket = i;
    return &self->entries[i];
}

/* Keep a signature, which is taken. Another thread may have made the same one meanwhile. */
static void
keep(struct sign_set *self, const struct locum_dnskey *key, const uint8_t *digest,
     ldns_rdf *signature)
{
    struct locum_sign_cache *cache = self->cache;
    const ldns_rr_type type = ldns_rr_get_type(ldns_rr_list_rr(self->canonical, 0));
    lock(cache);
    cache->made++;
    if (find(cache, digest) != NULL) {
        ldns_rdf_deep_free(signature);
    } else {
        struct entry *entry = add_entry(cache, digest, signature, (uint32_t)self->window.until_s);
        entry->passing = type == LDNS_RR_TYPE_SOA;
        cache->to_keep += !entry->passing;
        use(self, entry, key);
    }
    unlock(cache);
}

/* Fill self->canonical and self->records. */
static int
write_records(struct sign_set *self, const ldns_rr_list *set, uint32_t original_ttl_s)
{
    self->canonical = ldns_rr_list_clone(set);
    self->records = ldns_buffer_new(LDNS_MIN_BUFLEN);
    self->message = ldns_buffer_new(LDNS_MIN_BUFLEN);
    if (self->canonical == NULL || self->records == NULL || self->message == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    for (size_t i = 0; i < ldns_rr_list_rr_count(self->canonical); i++) {
        ldns_rr_set_ttl(ldns_rr_list_rr(self->canonical, i), original_ttl_s);
        ldns_rr2canonical(ldns_rr_list_rr(self->canonical, i));
    }
    ldns_rr_list_sort(self->canonical);
    return ldns_rr_list2buffer_wire(self->records, self->canonical) == LDNS_STATUS_OK
               ? 0
               : LOCUM_ERR_MEMORY;
}

/* Write what is signed. `ret_digest`: of it and of the key. */
static int
write_message(struct sign_set *self, const struct locum_dnskey *key, const ldns_rr *empty,
              uint8_t ret_digest[LDNS_SHA256_DIGEST_LENGTH])
{
    ldns_buffer_clear(self->message);
    if (ldns_rrsig2buffer_wire(self->message, empty) != LDNS_STATUS_OK ||
        !ldns_buffer_reserve(self->message, ldns_buffer_position(self->records))) {
        return LOCUM_ERR_MEMORY;
    }
    ldns_buffer_write(self->message, ldns_buffer_begin(self->records),
                      ldns_buffer_position(self->records));
    const size_t signed_bytes = ldns_buffer_position(self->message);
    if (ldns_rr_rdata2buffer_wire(self->message, key->rr) != LDNS_STATUS_OK) {
        return LOCUM_ERR_MEMORY;
    }
    (void)ldns_sha256(ldns_buffer_begin(self->message),
                      (unsigned)ldns_buffer_position(self->message), ret_digest);
    ldns_buffer_set_position(self->message, signed_bytes);
    return 0;
}

static int64_t
now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static bool
is_stopped(const struct locum_sign_budget *self)
{
    return self != NULL && self->stop != NULL &&
           atomic_load_explicit(self->stop, memory_order_relaxed);
}

/* Make the signature of a message, and keep it. */
static int
make(struct sign_set *self, const struct locum_dnskey *key, const uint8_t *digest, ldns_rdf **ret)
{
    const int64_t begin_us = now_us();
    if (self->budget != NULL && self->budget->left_us <= 0) {
        return LOCUM_ERR_TIMEOUT;
    }
    ldns_rdf *made = ldns_sign_public_buffer(self->message, key->key);
    ldns_rdf *kept = made != NULL ? ldns_rdf_clone(made) : NULL;
    if (kept != NULL) {
        keep(self, key, digest, kept);
    }
    if (self->budget != NULL) {
        self->budget->left_us -= now_us() - begin_us;
    }
    *ret = made;
    return made != NULL ? 0 : LOCUM_ERR_IO;
}

/* The signature of one key over self->records, from the cache or made here. */
static int
sign(struct sign_set *self, const struct locum_dnskey *key, const ldns_rr *empty, ldns_rdf **ret)
{
    uint8_t digest[LDNS_SHA256_DIGEST_LENGTH];
    if (is_stopped(self->budget)) {
        return LOCUM_ERR_TIMEOUT;
    }
    const int status = write_message(self, key, empty, digest);
    if (status != 0) {
        return status;
    }
    if (look_up(self, key, digest, ret)) {
        return *ret == NULL ? LOCUM_ERR_MEMORY : 0;
    }
    return make(self, key, digest, ret);
}

/* Add the RRSIG of one key. ldns fills in all but the times, and reads those of the key, which no
 * one sets, so that threads can share it. */
static int
add_signature(struct sign_set *self, const struct locum_dnskey *key, ldns_rr_list *ret)
{
    enum { EXPIRATION = 4, INCEPTION = 5 };
    ldns_rdf *signature = NULL;
    LOCUM_INVARIANT(key->key != NULL);
    ldns_rr *rr = ldns_create_empty_rrsig(self->canonical, key->key);
    if (rr == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    ldns_write_uint32(ldns_rdf_data(ldns_rr_rdf(rr, INCEPTION)), self->window.inception);
    ldns_write_uint32(ldns_rdf_data(ldns_rr_rdf(rr, EXPIRATION)), self->window.expiration);
    int status = sign(self, key, rr, &signature);
    if (status == 0 && !ldns_rr_list_push_rr(ret, rr)) {
        status = LOCUM_ERR_MEMORY;
    }
    if (status != 0) {
        ldns_rdf_deep_free(signature);
        ldns_rr_free(rr);
        return status;
    }
    (void)ldns_rr_rrsig_set_sig(rr, signature);
    ldns_rr_set_ttl(rr, self->ttl_s);
    return 0;
}

int
locum_sign_rrset(struct locum_sign_cache *cache, const ldns_rr_list *set, uint32_t original_ttl_s,
                 const struct locum_dnskey *const *keys, size_t key_count,
                 struct locum_sign_window window, struct locum_sign_budget *budget,
                 ldns_rr_list *ret)
{
    const size_t before = ldns_rr_list_rr_count(ret);
    struct sign_set signing = {.cache = cache,
                               .budget = budget,
                               .window = window,
                               .ttl_s = ldns_rr_ttl(ldns_rr_list_rr(set, 0))};
    LOCUM_INVARIANT(signing.ttl_s <= original_ttl_s);
    int status = write_records(&signing, set, original_ttl_s);
    for (size_t i = 0; i < key_count && status == 0; i++) {
        status = add_signature(&signing, keys[i], ret);
    }
    while (status != 0 && ldns_rr_list_rr_count(ret) > before) {
        ldns_rr_free(ldns_rr_list_pop_rr(ret));
    }
    ldns_rr_list_deep_free(signing.canonical);
    ldns_buffer_free(signing.records);
    ldns_buffer_free(signing.message);
    return status;
}

/* The first signature to be verified, as a copy that the caller frees; NULL: it has made room for
 * another one, or there is no memory. False: there is none. */
static bool
take_job(struct locum_sign_cache *self, struct locum_verify_job **ret, ldns_rdf **ret_signature)
{
    *ret_signature = NULL;
    lock(self);
    *ret = locum_verify_take(&self->queue);
    struct entry *entry = *ret != NULL ? find(self, locum_verify_digest(*ret)) : NULL;
    if (entry != NULL) {
        entry->queued = false;
        *ret_signature = ldns_rdf_clone(entry->signature);
    }
    unlock(self);
    return *ret != NULL;
}

/* Note the outcome, if the signature is still the one that was verified. */
static void
note(struct locum_sign_cache *self, const struct locum_verify_job *job, const ldns_rdf *signature,
     int outcome)
{
    lock(self);
    struct entry *entry = find(self, locum_verify_digest(job));
    const bool same = entry != NULL && ldns_rdf_compare(entry->signature, signature) == 0;
    if (same && outcome == LOCUM_ERR_SIGNATURE) {
        drop(self, entry);
    } else if (same) {
        entry->verified = outcome == 0;
    }
    self->bad += outcome == LOCUM_ERR_SIGNATURE;
    unlock(self);
}

size_t
locum_sign_cache_verify(struct locum_sign_cache *self, int64_t budget_us)
{
    const int64_t begin_us = now_us();
    struct locum_verify_job *job;
    ldns_rdf *signature;
    size_t bad = 0;
    while (take_job(self, &job, &signature)) {
        if (signature != NULL) {
            const int outcome = locum_verify_run(job, signature);
            note(self, job, signature, outcome);
            bad += outcome == LOCUM_ERR_SIGNATURE;
        }
        ldns_rdf_deep_free(signature);
        locum_verify_free(job);
        if (now_us() - begin_us >= budget_us) {
            break;
        }
    }
    return bad;
}

void
locum_sign_cache_each(struct locum_sign_cache *self, int64_t now_s, locum_sign_kept_fn *each,
                      void *user)
{
    lock(self);
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
    unlock(self);
}

int
locum_sign_cache_add(struct locum_sign_cache *self, const struct locum_sign_kept *kept)
{
    ldns_rdf *signature = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_B64, kept->length, kept->signature);
    if (signature == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    lock(self);
    if (self->entry_count == self->entries_max || find(self, kept->digest) != NULL) {
        ldns_rdf_deep_free(signature);
    } else {
        add_entry(self, kept->digest, signature, kept->until)->verified = kept->verified;
    }
    unlock(self);
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
