/*
 * sign: RRsets -> their RRSIG records (RFC 4034 3), each signature made once.
 *
 * In: an RRset, the keys that sign it, its original TTL, and the window in which the signatures
 * are valid. Out: one RRSIG a key. Signatures are kept in a cache, so that a plan that comes back
 * costs none. Only what is signed counts there: owner, type, original TTL, sorted rdata, key and
 * window; the TTL that is served may be lower. The window is a pure function of the time that all
 * nodes compute alike: it changes at midnight UTC, a whole number of days after the one before.
 *
 * Any thread may sign: keys are only read, and the cache has a lock, which is not held while a
 * signature is made.
 */
#ifndef LOCUM_DNS_SIGN_H
#define LOCUM_DNS_SIGN_H

#include <stdatomic.h>

#include "dns/dnskey.h"

enum {
    LOCUM_SIGN_DAY_S = 86400,
    LOCUM_SIGN_EARLY_S = LOCUM_SIGN_DAY_S, /* inception before the window, for clocks that lag */
    LOCUM_SIGN_VALIDITY_S = 14 * LOCUM_SIGN_DAY_S,
    LOCUM_SIGN_REFRESH_S = 7 * LOCUM_SIGN_DAY_S, /* renewed before so little is left */
};

/* Seconds since 1970. */
struct locum_sign_window {
    uint32_t inception, expiration; /* as in RRSIG, modulo 2^32 (RFC 4034 3.1.5) */
    int64_t until_s;                /* when the next window begins */
};

/*
 * The window of a time. At each time of it at least refresh_s are left until the expiration.
 *
 * validity_s, refresh_s  whole days, refresh_s < validity_s.
 */
struct locum_sign_window locum_sign_window_at(int64_t now_s, uint32_t validity_s,
                                              uint32_t refresh_s);

struct locum_sign_cache;

/* A cache of at most `signatures_max` signatures, about 250 bytes each, with one reference. NULL:
 * out of memory. */
struct locum_sign_cache *locum_sign_cache_create(size_t signatures_max);

/* Add and drop a reference; the last one frees it. NULL is fine. */
void locum_sign_cache_hold(struct locum_sign_cache *self);
void locum_sign_cache_release(struct locum_sign_cache *self);

/* Signatures in it; made since it was created, and found in it. */
struct locum_sign_counts {
    size_t kept;
    uint64_t made, found;
    uint64_t to_keep;  /* of those made: what a later run can use, so not those of a SOA, */
    size_t unverified; /* those that wait for locum_sign_cache_verify(); */
    uint64_t bad;      /* and those that did not verify */
};
struct locum_sign_counts locum_sign_cache_counts(struct locum_sign_cache *self);

/* How much may be signed; NULL in its place: as much as is needed. */
struct locum_sign_budget {
    int64_t left_us;         /* no signature is made any more once it is 0 or less */
    const atomic_bool *stop; /* no signature is looked up or made once it is true; NULL: never */
    bool partly;             /* for compile.h */
};

/*
 * Sign an RRset.
 *
 * cache           what was signed before; the signatures that are used the longest time ago make
 *                 room for new ones.
 * set             not empty: one owner, type, class and TTL, no record twice. Borrowed.
 * original_ttl_s  its TTL in the signatures; that of the set is not higher.
 * keys            each with a private half.
 * budget          for signatures that are not in the cache; what they took is subtracted.
 * ret             the RRSIG records are added to it, in the order of the keys, with the set's TTL.
 * Returns 0, LOCUM_ERR_MEMORY, LOCUM_ERR_IO (OpenSSL cannot sign) or LOCUM_ERR_TIMEOUT (the budget
 * is used up). On failure `ret` is as before.
 */
int locum_sign_rrset(struct locum_sign_cache *cache, const ldns_rr_list *set,
                     uint32_t original_ttl_s, const struct locum_dnskey *const *keys,
                     size_t key_count, struct locum_sign_window window,
                     struct locum_sign_budget *budget, ldns_rr_list *ret) LOCUM_MUST_CHECK;

/*
 * Verify signatures that were made here, or came unverified from a run before and were used, until
 * the time is over; one at least, if there is one. One that does not verify leaves the cache: what
 * it signs is signed again at its next use.
 *
 * Returns how many did not verify.
 */
size_t locum_sign_cache_verify(struct locum_sign_cache *self, int64_t budget_us);

/* A signature outside of a cache. */
struct locum_sign_kept {
    uint8_t digest[LDNS_SHA256_DIGEST_LENGTH]; /* of what is signed, and of the key */
    uint32_t until;                            /* its window's until_s, modulo 2^32 */
    bool verified;
    const uint8_t *signature; /* borrowed */
    size_t length;            /* 1 .. LOCUM_SIGN_BYTES_MAX */
};
enum { LOCUM_SIGN_BYTES_MAX = 512 }; /* RSA with 4096 bits */

/* Call `each` for all that a later run can use at a time: whose windows are not over. It must not
 * call the cache. */
typedef void locum_sign_kept_fn(void *user, const struct locum_sign_kept *kept);
void locum_sign_cache_each(struct locum_sign_cache *self, int64_t now_s, locum_sign_kept_fn *each,
                           void *user);

/* Add one, unless it is there or there is no room. 0 or LOCUM_ERR_MEMORY. */
int locum_sign_cache_add(struct locum_sign_cache *self,
                         const struct locum_sign_kept *kept) LOCUM_MUST_CHECK;

/*
 * Does each of these signatures verify at a time? For tests.
 *
 * keys  DNSKEY records.
 * Returns 0, LOCUM_ERR_SIGNATURE (one does not, or there is none), or LOCUM_ERR_MEMORY.
 */
int locum_sign_verify(const ldns_rr_list *set, const ldns_rr_list *signatures,
                      const ldns_rr_list *keys, int64_t now_s) LOCUM_MUST_CHECK;

#endif
