/*
 * signature: HMAC-SHA256 (RFC 2104, FIPS 180-4) of a heartbeat's text with the cluster secret, the
 * plain digest that shows whether two nodes run the same configuration, and what keyring.h needs
 * for a key per node: X25519 (RFC 7748) and HKDF-SHA256 (RFC 5869).
 *
 * A signed line is "<text> hmac=<64 hex digits>". Several secrets are accepted; the first one
 * signs. To rotate: add the new secret last on every node, then move it first on every node, then
 * remove the old one. Of base/, only this file, hmac.c and pem.c use libcrypto.
 */
#ifndef LOCUM_BASE_SIGNATURE_H
#define LOCUM_BASE_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum {
    LOCUM_DIGEST_BYTES = 32,
    LOCUM_SECRET_BYTES = 32,
    LOCUM_SECRETS_MAX = 8,
    LOCUM_SIGNATURE_BYTES = 6 + 64, /* " hmac=" and the digits */
    LOCUM_KEY_BYTES = 32,           /* of an X25519 key, private or public, and of a derived one */
};

struct locum_secrets {
    uint8_t key[LOCUM_SECRETS_MAX][LOCUM_SECRET_BYTES];
    size_t count; /* 1 .. LOCUM_SECRETS_MAX once read */
};

/*
 * Read a secret file: 64 hex digits a line; blank lines and lines that start with # are skipped.
 *
 * ret_why  on failure the reason and the cure, e.g. "... can read it: chmod o= PATH"
 *          (LOCUM_ERR_DENIED), "line 2: not 64 hex digits ..." (LOCUM_ERR_INVALID).
 * Returns 0, LOCUM_ERR_NOT_FOUND, LOCUM_ERR_DENIED, LOCUM_ERR_INVALID, LOCUM_ERR_RANGE,
 * LOCUM_ERR_IO.
 */
int locum_signature_read_secrets(const char *path, struct locum_secrets *ret,
                                 struct locum_text *ret_why) LOCUM_MUST_CHECK;

/*
 * Read a file with the private keys of a node, in the same form; the first is as good as any other.
 * ret_why and errors as above.
 */
int locum_signature_read_keys(const char *path, struct locum_secrets *ret,
                              struct locum_text *ret_why) LOCUM_MUST_CHECK;

/*
 * Take all memory that this thread needs to sign and check with these secrets, so that no heartbeat
 * can lack it. 0 or LOCUM_ERR_MEMORY.
 */
int locum_signature_prepare(const struct locum_secrets *secrets) LOCUM_MUST_CHECK;

/* A new random secret as 64 hex digits. 0 or LOCUM_ERR_IO. */
int locum_signature_generate_secret(char ret_hex[2 * LOCUM_SECRET_BYTES + 1]) LOCUM_MUST_CHECK;

/* A new random private key of a node as 64 hex digits, and its public key. 0 or LOCUM_ERR_IO. */
int locum_signature_generate_key(char ret_private[2 * LOCUM_KEY_BYTES + 1],
                                 char ret_public[2 * LOCUM_KEY_BYTES + 1]) LOCUM_MUST_CHECK;

/* The public key of a private one. 0 or LOCUM_ERR_MEMORY. */
int locum_signature_public(const uint8_t private_key[LOCUM_KEY_BYTES],
                           uint8_t ret_public[LOCUM_KEY_BYTES]) LOCUM_MUST_CHECK;

/*
 * What the owners of two key pairs have in common (RFC 7748 6.1): X25519 of the own private key and
 * the public key of the other. 0, LOCUM_ERR_INVALID (no point that a private key gives: the result
 * would be known to all) or LOCUM_ERR_MEMORY.
 */
int locum_signature_agree(const uint8_t private_key[LOCUM_KEY_BYTES],
                          const uint8_t public_key[LOCUM_KEY_BYTES],
                          uint8_t ret_shared[LOCUM_KEY_BYTES]) LOCUM_MUST_CHECK;

/* A key made with HKDF-SHA256 (RFC 5869) of `material`, with `salt` and `info`. 0 or
 * LOCUM_ERR_MEMORY. */
int locum_signature_derive(struct locum_slice material, struct locum_slice salt,
                           struct locum_slice info,
                           uint8_t ret_key[LOCUM_KEY_BYTES]) LOCUM_MUST_CHECK;

/* HMAC-SHA256 with one key, made ready once. One thread at a time may use it. */
struct locum_signature_mac;
/* NULL: out of memory. */
struct locum_signature_mac *locum_signature_mac_create(const uint8_t key[LOCUM_KEY_BYTES]);
/* Cannot fail. */
void locum_signature_mac_compute(struct locum_signature_mac *self, const void *bytes, size_t length,
                                 uint8_t ret_mac[LOCUM_DIGEST_BYTES]);
/* NULL is fine. */
void locum_signature_mac_destroy(struct locum_signature_mac *self);

/* HMAC-SHA256 once, with a key of any length, as other programs make it. 0 or LOCUM_ERR_MEMORY. */
int locum_signature_hmac(struct locum_slice key, struct locum_slice bytes,
                         uint8_t ret_mac[LOCUM_DIGEST_BYTES]) LOCUM_MUST_CHECK;

/* Are they equal? In constant time. */
bool locum_signature_equal(const uint8_t *a, const uint8_t *b, size_t length) LOCUM_MUST_CHECK;

/* Append the signature of the whole `text`, made with the first secret. 0 or LOCUM_ERR_SPACE. */
int locum_signature_add(const struct locum_secrets *secrets,
                        struct locum_text *text) LOCUM_MUST_CHECK;

/*
 * Check a signed line against every secret, in constant time for each.
 *
 * ret_text    the line without its signature, borrowed from `line`.
 * ret_secret  index of the secret that made it; may be NULL.
 * Returns 0, LOCUM_ERR_INVALID (no signature at the end) or LOCUM_ERR_SIGNATURE.
 */
int locum_signature_check(const struct locum_secrets *secrets, struct locum_slice line,
                          struct locum_slice *ret_text, size_t *ret_secret) LOCUM_MUST_CHECK;

/* SHA-256 (FIPS 180-4) of `length` bytes. Cannot fail. */
void locum_signature_digest(const char *bytes, size_t length,
                            uint8_t ret_digest[LOCUM_DIGEST_BYTES]);

#endif
