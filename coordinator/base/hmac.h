/*
 * hmac: HMAC with SHA-256 or SHA-512 (RFC 2104, FIPS 180-4) for threads that answer queries.
 *
 * A ready key never changes, so all threads may use it at once. A computation is a copy of its
 * state on the caller's stack: it takes no lock, allocates nothing and cannot fail. signature.h is
 * for the main thread.
 */
#ifndef LOCUM_BASE_HMAC_H
#define LOCUM_BASE_HMAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum locum_hmac_hash { LOCUM_HMAC_SHA256, LOCUM_HMAC_SHA512 };

enum { LOCUM_HMAC_BYTES_MAX = 64, LOCUM_HMAC_STATE_BYTES = 224 };

/* The state of a hash function; its layout is known to hmac.c only. */
struct locum_hmac_state {
    _Alignas(16) uint8_t bytes[LOCUM_HMAC_STATE_BYTES];
};

/* A key, as the two states that follow from it. As secret as the key. */
struct locum_hmac_key {
    enum locum_hmac_hash hash;
    struct locum_hmac_state inner, outer;
};

/* A computation. */
struct locum_hmac {
    const struct locum_hmac_key *key; /* borrowed */
    struct locum_hmac_state state;
};

/* Make a key of `length` bytes ready. */
void locum_hmac_key_init(struct locum_hmac_key *self, enum locum_hmac_hash hash,
                         const uint8_t *secret, size_t length);

/* How long the result is: 32 or 64 bytes. */
size_t locum_hmac_length(enum locum_hmac_hash hash);

/* Begin, add bytes in order, end. `ret` has room for LOCUM_HMAC_BYTES_MAX. */
void locum_hmac_begin(struct locum_hmac *self, const struct locum_hmac_key *key);
void locum_hmac_add(struct locum_hmac *self, const void *bytes, size_t length);
void locum_hmac_end(struct locum_hmac *self, uint8_t *ret);

/* The hash alone: SHA-256, 32 bytes. */
enum { LOCUM_SHA256_BYTES = 32 };
void locum_hmac_sha256(const void *bytes, size_t length, uint8_t ret[LOCUM_SHA256_BYTES]);

/* Are they equal? In constant time. */
bool locum_hmac_equal(const uint8_t *a, const uint8_t *b, size_t length);

#endif
