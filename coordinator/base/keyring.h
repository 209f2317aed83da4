/*
 * keyring: the keys that one member of a group has with every other. Each receiver checks a line
 * with a key that only it and the sender have, so a member whose keys are stolen can be
 * impersonated and no other.
 *
 * A line that is signed so is "<text> x-mac=dc3:<32 hex digits>,ns0:<32 hex digits>": for each
 * receiver the first 128 bits of HMAC-SHA256(K, SHA-256(text)), and for members a and b
 *
 *   K = HKDF-SHA256(X25519(private key of a, public key of b), secret of the group)
 *
 * which both compute. A member's key with itself proves that an own line has come back.
 *
 * A member may have two public keys, so that they can be replaced without a gap. A line is signed
 * with the first of the sender and the first of the receiver; every other combination is accepted,
 * also those with other accepted secrets.
 *
 * All keys are computed when the keyring is made, none when a line is signed or checked.
 */
#ifndef LOCUM_BASE_KEYRING_H
#define LOCUM_BASE_KEYRING_H

#include "base/signature.h"

enum {
    LOCUM_KEYRING_MEMBERS_MAX = 32,
    LOCUM_KEYRING_NAME_MAX = 15,
    LOCUM_KEYRING_KEYS_MAX = 2, /* public keys of a member */
    LOCUM_KEYRING_MAC_BYTES = 16,
    /* The longest " x-mac=...". */
    LOCUM_KEYRING_BYTES_MAX = 7 + LOCUM_KEYRING_MEMBERS_MAX * (LOCUM_KEYRING_NAME_MAX + 1 +
                                                               2 * LOCUM_KEYRING_MAC_BYTES + 1),
};

struct locum_keyring_key {
    uint8_t bytes[LOCUM_KEY_BYTES]; /* X25519, public */
};

struct locum_keyring_member {
    const char *name;                     /* at most LOCUM_KEYRING_NAME_MAX characters */
    const struct locum_keyring_key *keys; /* the first is the one to sign with */
    size_t count;                         /* 0: there is no key with this member */
};

/* One thread at a time may use it. */
struct locum_keyring;

/*
 * Compute the keys of one member with all. All arguments are copied or used up.
 *
 * members   `count` of them, at most LOCUM_KEYRING_MEMBERS_MAX; the member `self` has a key.
 * privates  private keys of `self`; one of them belongs to its first public key.
 * secrets   of the group; the first is the one to sign with.
 * ret_bad   with LOCUM_ERR_INVALID the member whose public key is none.
 * Returns 0, LOCUM_ERR_INVALID, LOCUM_ERR_NOT_FOUND (no such private key), LOCUM_ERR_MEMORY.
 */
int locum_keyring_create(const struct locum_keyring_member *members, size_t count, size_t self,
                         const struct locum_secrets *privates, const struct locum_secrets *secrets,
                         struct locum_keyring **ret, size_t *ret_bad) LOCUM_MUST_CHECK;

/* Is there a key with this member? */
bool locum_keyring_has(const struct locum_keyring *self, size_t member);

/*
 * Sign the whole `text` for a set of members (bit i: member i); those without a key are skipped,
 * and nothing is appended if none is left. 0 or LOCUM_ERR_SPACE.
 */
int locum_keyring_sign(struct locum_keyring *self, uint32_t receivers,
                       struct locum_text *text) LOCUM_MUST_CHECK;

/*
 * Check a line that says it is of `sender`.
 *
 * self      may be NULL: there are no keys.
 * sender    a member; any other number is none.
 * ret_text    the line without " x-mac=...", borrowed; also on failure.
 * ret_secret  index of the secret of that key; untouched on failure; may be NULL.
 * Returns 0, LOCUM_ERR_NOT_FOUND (it has no MAC for this member, or there is no key with the
 * sender), LOCUM_ERR_SIGNATURE.
 */
int locum_keyring_check(struct locum_keyring *self, size_t sender, struct locum_slice line,
                        struct locum_slice *ret_text, size_t *ret_secret) LOCUM_MUST_CHECK;

/* NULL is fine. */
void locum_keyring_destroy(struct locum_keyring *self);

#endif
