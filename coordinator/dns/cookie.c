#include "dns/cookie.h"

#include <endian.h>
#include <string.h>

#include "base/error.h"

/* Offsets in the whole cookie (RFC 9018 4). */
enum {
    AT_VERSION = 8,
    AT_TIME = 12,
    AT_HASH = 16,
    HASH_BYTES = 8,
    ADDRESS_V4 = 4,
    ADDRESS_MAX = 16,
    VERSION = 1
};

void
locum_cookie_keys_init(struct locum_cookie_keys *self, const struct locum_secrets *secrets)
{
    static const char purpose[] = "locum dns cookie";
    struct locum_cookie_keys made = {0};
    for (size_t i = 0; i < secrets->count; i++) {
        char input[sizeof(purpose) + LOCUM_SECRET_BYTES];
        uint8_t key[LOCUM_DIGEST_BYTES];
        memcpy(input, purpose, sizeof(purpose));
        memcpy(input + sizeof(purpose), secrets->key[i], LOCUM_SECRET_BYTES);
        locum_signature_digest(input, sizeof(input), key);
        memcpy(made.key[made.count++], key, LOCUM_SIPHASH_KEY_BYTES);
        explicit_bzero(key, sizeof(key));
        explicit_bzero(input, sizeof(input));
    }
    *self = made;
}

/* The hash of a cookie, all of which before the hash is there: 8 bytes as a number. */
static uint64_t
hash(const uint8_t key[LOCUM_SIPHASH_KEY_BYTES], const struct locum_dns_source *client,
     const uint8_t *cookie)
{
    uint8_t input[AT_HASH + ADDRESS_MAX];
    memcpy(input, cookie, AT_HASH);
    if (client->length == ADDRESS_MAX) {
        memcpy(input + AT_HASH, client->address, ADDRESS_MAX);
        return locum_siphash(key, input, AT_HASH + ADDRESS_MAX);
    }
    memcpy(input + AT_HASH, client->address, ADDRESS_V4);
    return locum_siphash(key, input, AT_HASH + ADDRESS_V4);
}

static uint32_t
time_of(const uint8_t *cookie)
{
    const uint8_t *at = cookie + AT_TIME;
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void
make(const struct locum_cookie_keys *self, const struct locum_dns_source *client, uint32_t now_s,
     uint8_t cookie[LOCUM_COOKIE_BYTES])
{
    const uint8_t fields[] = {VERSION,
                              0,
                              0,
                              0,
                              (uint8_t)(now_s >> 24),
                              (uint8_t)(now_s >> 16),
                              (uint8_t)(now_s >> 8),
                              (uint8_t)now_s};
    memcpy(cookie + AT_VERSION, fields, sizeof(fields));
    const uint64_t value = htole64(hash(self->key[0], client, cookie));
    memcpy(cookie + AT_HASH, &value, HASH_BYTES);
}

bool
locum_cookie_check(const struct locum_cookie_keys *self, const struct locum_dns_source *client,
                   const struct locum_edns *edns, uint32_t now_s, uint8_t ret[LOCUM_COOKIE_BYTES])
{
    const uint8_t *cookie = edns->cookie;
    memcpy(ret, cookie, LOCUM_COOKIE_CLIENT_BYTES);
    if (edns->cookie_length == LOCUM_COOKIE_BYTES && cookie[AT_VERSION] == VERSION) {
        const int32_t age_s = (int32_t)(now_s - time_of(cookie));
        const bool timely = age_s <= LOCUM_COOKIE_OLD_S && age_s >= -LOCUM_COOKIE_EARLY_S;
        for (size_t i = 0; i < self->count && timely; i++) {
            uint64_t given;
            memcpy(&given, cookie + AT_HASH, HASH_BYTES);
            if (hash(self->key[i], client, cookie) != le64toh(given)) { /* in constant time */
                continue;
            }
            if (i == 0 && age_s <= LOCUM_COOKIE_RENEW_S) {
                memcpy(ret, cookie, LOCUM_COOKIE_BYTES);
            } else {
                make(self, client, now_s, ret);
            }
            return true;
        }
    }
    make(self, client, now_s, ret);
    return false;
}
