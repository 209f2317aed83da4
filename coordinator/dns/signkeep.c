#include "dns/signkeep.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text_format.h"
#include "dns/sign.h"

static const char head[] = "locum-signatures 1 ";
static const char info[] = "locum signatures 1";
static const uint64_t ms_max = (uint64_t)1 << 53;

enum {
    HEAD_BYTES = sizeof(head) - 1 + 2 * LOCUM_DIGEST_BYTES + 1,
    LINES_BYTES = 256,                                   /* of the text after it */
    FIXED_BYTES = LDNS_SHA256_DIGEST_LENGTH + 4 + 1 + 2, /* of an entry */
    LINES = 7,
};

int
locum_signkeep_derive(const struct locum_secrets *secrets, struct locum_signkeep_keys *ret)
{
    int status = 0;
    ret->count = 0;
    for (size_t i = 0; i < secrets->count && status == 0; i++) {
        uint8_t key[LOCUM_KEY_BYTES];
        const struct locum_slice material = {.at = (const char *)secrets->key[i],
                                             .length = LOCUM_SECRET_BYTES};
        status = locum_signature_derive(material, locum_slice_of(""), locum_slice_of(info), key);
        if (status == 0) {
            locum_hmac_key_init(&ret->key[ret->count++], LOCUM_HMAC_SHA256, key, sizeof(key));
        }
        explicit_bzero(key, sizeof(key));
    }
    return status;
}

/* Where the signatures are written. */
struct keeping {
    char *bytes;
    size_t length, room;
    size_t count;
    bool full; /* some do not fit */
};

static void
measure(void *user, const struct locum_sign_kept *kept)
{
    struct keeping *keeping = user;
    keeping->room += FIXED_BYTES + kept->length;
}

static void
write_one(void *user, const struct locum_sign_kept *kept)
{
    struct keeping *keeping = user;
    uint8_t *to = (uint8_t *)keeping->bytes + keeping->length;
    if (keeping->full || keeping->room - keeping->length < FIXED_BYTES + kept->length) {
        keeping->full = true;
        return;
    }
    memcpy(to, kept->digest, sizeof(kept->digest));
    to += sizeof(kept->digest);
    ldns_write_uint32(to, kept->until);
    to[4] = kept->verified;
    ldns_write_uint16(to + 5, (uint16_t)kept->length);
    memcpy(to + 7, kept->signature, kept->length);
    keeping->length += FIXED_BYTES + kept->length;
    keeping->count++;
}

/* The lines of text. They have the same length for each count. */
static size_t
write_lines(const struct locum_signtime_kept *time, const char *boot_id, size_t count, char *to)
{
    struct locum_text text = locum_text_init(to, LINES_BYTES);
    locum_text_format(&text,
                      "boot-id %s\nbelieved-ms %" PRIi64 "\nnewest-ms %" PRIi64
                      "\nsigned-s %" PRIi64 "\nkeys-ms %" PRIi64 "\nboot-ms %" PRIi64
                      "\ncount %010zu\n",
                      boot_id[0] != '\0' ? boot_id : "-", time->believed > 0 ? time->believed : 0,
                      time->newest > 0 ? time->newest : 0, time->signed_s > 0 ? time->signed_s : 0,
                      time->keys > 0 ? time->keys : 0, time->boot > 0 ? time->boot : 0, count);
    LOCUM_INVARIANT(!text.truncated);
    return text.length;
}

char *
locum_signkeep_make(struct locum_sign_cache *cache, const struct locum_signtime_kept *time,
                    const char *boot_id, size_t *ret_length)
{
    struct keeping keeping = {.room = HEAD_BYTES + LINES_BYTES};
    char lines[LINES_BYTES];
    if (cache != NULL) {
        locum_sign_cache_each(cache, time->signed_s, measure, &keeping);
    }
    if (keeping.room > LOCUM_SIGNKEEP_BYTES_MAX) {
        keeping.room = LOCUM_SIGNKEEP_BYTES_MAX;
    }
    keeping.bytes = malloc(keeping.room);
    if (keeping.bytes == NULL) {
        return NULL;
    }
    const size_t length = write_lines(time, boot_id, 0, lines);
    keeping.length = HEAD_BYTES + length;
    if (cache != NULL) {
        locum_sign_cache_each(cache, time->signed_s, write_one, &keeping);
    }
    (void)write_lines(time, boot_id, keeping.count, lines);
    memset(keeping.bytes, 0, HEAD_BYTES);
    memcpy(keeping.bytes + HEAD_BYTES, lines, length);
    *ret_length = keeping.length;
    return keeping.bytes;
}

static void
compute(const struct locum_hmac_key *key, const char *bytes, size_t length,
        uint8_t ret[LOCUM_HMAC_BYTES_MAX])
{
    struct locum_hmac hmac;
    locum_hmac_begin(&hmac, key);
    locum_hmac_add(&hmac, bytes, length);
    locum_hmac_end(&hmac, ret);
}

void
locum_signkeep_protect(const struct locum_hmac_key *key, char *bytes, size_t length)
{
    uint8_t mac[LOCUM_HMAC_BYTES_MAX];
    char first[HEAD_BYTES + 1];
    struct locum_text text = locum_text_init(first, sizeof(first));
    LOCUM_INVARIANT(length >= HEAD_BYTES);
    compute(key, bytes + HEAD_BYTES, length - HEAD_BYTES, mac);
    locum_text_add(&text, head);
    locum_text_add_hex(&text, mac, LOCUM_DIGEST_BYTES);
    locum_text_add_char(&text, '\n');
    memcpy(bytes, first, HEAD_BYTES);
}

static bool
is_authentic(const struct locum_signkeep_keys *keys, struct locum_slice line,
             struct locum_slice rest)
{
    uint8_t written[LOCUM_DIGEST_BYTES];
    uint8_t mac[LOCUM_HMAC_BYTES_MAX];
    bool good = false;
    if (!locum_slice_starts(line, head) || rest.at == NULL ||
        locum_slice_hex((struct locum_slice){.at = line.at + sizeof(head) - 1,
                                             .length = line.length - (sizeof(head) - 1)},
                        written, sizeof(written)) != 0) {
        return false;
    }
    for (size_t i = 0; i < keys->count && !good; i++) {
        compute(&keys->key[i], rest.at, rest.length, mac);
        good = locum_hmac_equal(mac, written, sizeof(written));
    }
    return good;
}

/* Cut a line with this key off the rest. False: it is another one. */
static bool
take_line(struct locum_slice *rest, const char *key, struct locum_slice *ret_value)
{
    struct locum_slice name;
    return locum_slice_cut(rest, '\n', ret_value) && rest->at != NULL &&
           locum_slice_cut(ret_value, ' ', &name) && ret_value->at != NULL &&
           locum_slice_is(name, key);
}

/* Cut an entry off the rest. False: it is not whole. */
static bool
take_entry(struct locum_slice *rest, struct locum_sign_kept *ret)
{
    const uint8_t *at = (const uint8_t *)rest->at;
    if (rest->length < FIXED_BYTES) {
        return false;
    }
    memcpy(ret->digest, at, sizeof(ret->digest));
    at += sizeof(ret->digest);
    ret->until = ldns_read_uint32(at);
    ret->verified = at[4] == 1;
    ret->length = ldns_read_uint16(at + 5);
    ret->signature = at + 7;
    if (at[4] > 1 || ret->length == 0 || ret->length > LOCUM_SIGN_BYTES_MAX ||
        rest->length - FIXED_BYTES < ret->length) {
        return false;
    }
    rest->at += FIXED_BYTES + ret->length;
    rest->length -= FIXED_BYTES + ret->length;
    return true;
}

int
locum_signkeep_read(const struct locum_signkeep_keys *keys, struct locum_slice bytes,
                    const char *boot_id, struct locum_signtime_kept *ret,
                    struct locum_slice *ret_at)
{
    static const char *const names[LINES] = {"boot-id", "believed-ms", "newest-ms", "signed-s",
                                             "keys-ms", "boot-ms",     "count"};
    struct locum_slice rest = bytes;
    struct locum_slice line;
    struct locum_slice values[LINES];
    struct locum_sign_kept kept;
    uint64_t believed, newest, signed_s, keys_ms, boot_ms, count;
    if (!locum_slice_cut(&rest, '\n', &line) || !is_authentic(keys, line, rest)) {
        return LOCUM_ERR_INVALID;
    }
    for (size_t i = 0; i < LINES; i++) {
        if (!take_line(&rest, names[i], &values[i])) {
            return LOCUM_ERR_INVALID;
        }
    }
    if (locum_slice_u64(values[1], ms_max, &believed) != 0 ||
        locum_slice_u64(values[2], ms_max, &newest) != 0 ||
        locum_slice_u64(values[3], ms_max / 1000, &signed_s) != 0 ||
        locum_slice_u64(values[4], ms_max, &keys_ms) != 0 ||
        locum_slice_u64(values[5], ms_max, &boot_ms) != 0 ||
        locum_slice_u64(values[6], UINT32_MAX, &count) != 0) {
        return LOCUM_ERR_INVALID;
    }
    *ret_at = rest;
    for (uint64_t i = 0; i < count; i++) {
        if (!take_entry(&rest, &kept)) {
            return LOCUM_ERR_INVALID;
        }
    }
    *ret = (struct locum_signtime_kept){.same_boot = boot_id[0] != '\0' &&
                                                     locum_slice_is(values[0], boot_id),
                                        .believed = (locum_ms)believed,
                                        .newest = (locum_ms)newest,
                                        .signed_s = (int64_t)signed_s,
                                        .keys = (locum_ms)keys_ms,
                                        .boot = (locum_ms)boot_ms};
    return rest.length == 0 ? 0 : LOCUM_ERR_INVALID;
}

int
locum_signkeep_take(struct locum_sign_cache *cache, struct locum_slice at)
{
    struct locum_sign_kept kept;
    int status = 0;
    while (status == 0 && take_entry(&at, &kept)) {
        status = locum_sign_cache_add(cache, &kept);
    }
    return status;
}
