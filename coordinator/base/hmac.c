/* The functions for one hash are deprecated in OpenSSL 3 in favour of EVP, whose copies of a state
 * allocate. They are the only ones that keep a state in the caller's memory. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/hmac.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>

enum { SHA256_BLOCK_BYTES = SHA256_CBLOCK, SHA512_BLOCK_BYTES = SHA512_CBLOCK };

_Static_assert(sizeof(SHA256_CTX) <= LOCUM_HMAC_STATE_BYTES &&
                   sizeof(SHA512_CTX) <= LOCUM_HMAC_STATE_BYTES,
               "a state fits");
_Static_assert(SHA512_DIGEST_LENGTH <= LOCUM_HMAC_BYTES_MAX, "a result fits");

static void
begin(struct locum_hmac_state *state, enum locum_hmac_hash hash)
{
    if (hash == LOCUM_HMAC_SHA256) {
        (void)SHA256_Init((SHA256_CTX *)state->bytes);
    } else {
        (void)SHA512_Init((SHA512_CTX *)state->bytes);
    }
}

static void
add(struct locum_hmac_state *state, enum locum_hmac_hash hash, const void *bytes, size_t length)
{
    if (hash == LOCUM_HMAC_SHA256) {
        (void)SHA256_Update((SHA256_CTX *)state->bytes, bytes, length);
    } else {
        (void)SHA512_Update((SHA512_CTX *)state->bytes, bytes, length);
    }
}

static void
end(struct locum_hmac_state *state, enum locum_hmac_hash hash, uint8_t *ret)
{
    if (hash == LOCUM_HMAC_SHA256) {
        (void)SHA256_Final(ret, (SHA256_CTX *)state->bytes);
    } else {
        (void)SHA512_Final(ret, (SHA512_CTX *)state->bytes);
    }
}

size_t
locum_hmac_length(enum locum_hmac_hash hash)
{
    return hash == LOCUM_HMAC_SHA256 ? SHA256_DIGEST_LENGTH : SHA512_DIGEST_LENGTH;
}

/* A state that has taken the padded key, each byte of it combined with `with` (RFC 2104 2). */
static void
pad(struct locum_hmac_state *state, enum locum_hmac_hash hash, const uint8_t *key, uint8_t with)
{
    const size_t block = hash == LOCUM_HMAC_SHA256 ? SHA256_BLOCK_BYTES : SHA512_BLOCK_BYTES;
    uint8_t padded[SHA512_BLOCK_BYTES];
    for (size_t i = 0; i < block; i++) {
        padded[i] = key[i] ^ with;
    }
    begin(state, hash);
    add(state, hash, padded, block);
    explicit_bzero(padded, sizeof(padded));
}

void
locum_hmac_key_init(struct locum_hmac_key *self, enum locum_hmac_hash hash, const uint8_t *secret,
                    size_t length)
{
    const size_t block = hash == LOCUM_HMAC_SHA256 ? SHA256_BLOCK_BYTES : SHA512_BLOCK_BYTES;
    uint8_t key[SHA512_BLOCK_BYTES] = {0};
    self->hash = hash;
    if (length > block) {
        begin(&self->inner, hash);
        add(&self->inner, hash, secret, length);
        end(&self->inner, hash, key);
    } else if (length > 0) {
        memcpy(key, secret, length);
    }
    pad(&self->inner, hash, key, 0x36);
    pad(&self->outer, hash, key, 0x5c);
    explicit_bzero(key, sizeof(key));
}

void
locum_hmac_begin(struct locum_hmac *self, const struct locum_hmac_key *key)
{
    self->key = key;
    self->state = key->inner;
}

void
locum_hmac_add(struct locum_hmac *self, const void *bytes, size_t length)
{
    add(&self->state, self->key->hash, bytes, length);
}

void
locum_hmac_end(struct locum_hmac *self, uint8_t *ret)
{
    const enum locum_hmac_hash hash = self->key->hash;
    end(&self->state, hash, ret);
    self->state = self->key->outer;
    add(&self->state, hash, ret, locum_hmac_length(hash));
    end(&self->state, hash, ret);
    explicit_bzero(&self->state, sizeof(self->state));
}

bool
locum_hmac_equal(const uint8_t *a, const uint8_t *b, size_t length)
{
    return CRYPTO_memcmp(a, b, length) == 0;
}

void
locum_hmac_sha256(const void *bytes, size_t length, uint8_t ret[LOCUM_SHA256_BYTES])
{
    struct locum_hmac_state state;
    begin(&state, LOCUM_HMAC_SHA256);
    add(&state, LOCUM_HMAC_SHA256, bytes, length);
    end(&state, LOCUM_HMAC_SHA256, ret);
}
