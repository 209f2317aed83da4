/*
 * cookie: DNS cookies (RFC 7873) with the interoperable server cookie (RFC 9018): version 1,
 * SipHash-2-4, a time stamp. Pure, no allocation, no clock.
 *
 * The keys are made from the cluster secrets, in their order, so all nodes have the same ones: a
 * client may take its cookie from one node to another, a restart changes nothing, and a rotation of
 * the cluster secret (signature.h) rotates them too. Keys of nodes change nothing here: a cluster
 * that has them has a secret as well.
 */
#ifndef LOCUM_DNS_COOKIE_H
#define LOCUM_DNS_COOKIE_H

#include "base/signature.h"
#include "dns/packet.h"
#include "dns/siphash.h"

enum {
    LOCUM_COOKIE_OLD_S = 3600,  /* accepted up to this age, */
    LOCUM_COOKIE_EARLY_S = 300, /* this far in the future, */
    LOCUM_COOKIE_RENEW_S = 1800 /* and renewed after this (RFC 9018 4.3) */
};

struct locum_cookie_keys {
    uint8_t key[LOCUM_SECRETS_MAX][LOCUM_SIPHASH_KEY_BYTES]; /* the first one makes cookies */
    size_t count; /* 0: there is no secret, and cookies are ignored */
};

/* The keys of these secrets: half of SHA-256 of a fixed text and the secret, which is random and
 * has a fixed length (NIST SP 800-56C, one-step key derivation). */
void locum_cookie_keys_init(struct locum_cookie_keys *self, const struct locum_secrets *secrets);

/*
 * Check the cookie of a query, and make that of the answer: the same one, or a new one if it is not
 * valid, was made with another key than the first, or is to be renewed.
 *
 * edns   of the query, with a cookie.
 * now_s  wall clock, seconds since 1970 modulo 2^32 (RFC 1982 arithmetic).
 * ret    the cookie of the answer.
 * Returns true if the query's server cookie is valid: the client has its address.
 */
bool locum_cookie_check(const struct locum_cookie_keys *self, const struct locum_dns_source *client,
                        const struct locum_edns *edns, uint32_t now_s,
                        uint8_t ret[LOCUM_COOKIE_BYTES]);

#endif
