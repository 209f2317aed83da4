/*
 * tsig: keys and signed queries for tests.
 */
#ifndef LOCUM_TESTS_DNS_TSIG_H
#define LOCUM_TESTS_DNS_TSIG_H

#include "fixture.h"

#include "dns/access.h"
#include "dns/tsig.h"

enum { TSIG_NOW_S = 1559731985 }; /* as answer_packet() has it */

/* Key number i: hmac-sha256 for even ones, its secret counts from i. */
static inline struct locum_config_tsig_key
config_key(size_t i, const char *name)
{
    struct locum_config_tsig_key key = {.hash = i % 2 == 0 ? LOCUM_HMAC_SHA256 : LOCUM_HMAC_SHA512,
                                        .secret_length = 32};
    strcpy(key.name, name);
    for (size_t j = 0; j < key.secret_length; j++) {
        key.secret[j] = (uint8_t)(i + j);
    }
    return key;
}

/* ns9.example.org (hmac-sha256) and long.example.org (hmac-sha512). */
static inline void
site_keys(struct site *self)
{
    struct locum_config *config = &self->config;
    config->tsig_keys[0] = config_key(0, "ns9.example.org.");
    config->tsig_keys[1] = config_key(1, "long.example.org.");
    config->tsig_key_count = 2;
}

static inline struct locum_access *
site_access(const struct site *self)
{
    struct locum_access *access = NULL;
    assert_int_equal(locum_access_create(&self->config, &access), 0);
    return access;
}

/* Sign a packet; its new length. */
static inline size_t
sign(struct locum_tsig *exchange, const struct locum_tsig_key *key, uint8_t *packet, size_t length,
     uint64_t now_s)
{
    locum_tsig_begin(exchange, key);
    return locum_tsig_sign(exchange, packet, length, now_s);
}

#endif
