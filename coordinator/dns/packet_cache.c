#include "dns/packet_cache.h"

#include <endian.h>
#include <string.h>

enum {
    FLAGS_AT = 2,
    COUNTS_AT = 4,
    WORD = sizeof(uint64_t),
    KEY_MIN = LOCUM_DNS_HEADER_BYTES + 5, /* where a query for the root ends */
    CHUNK = 32,
    CASE = 0x20, /* the bit of a letter that is its case */
};

static inline uint64_t
word_at(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    return word;
}

/* The bytes of the value of a cookie that the packet ends with, as it seems. */
static inline size_t
cookie_length(const uint8_t *packet, size_t length)
{
    static const uint8_t whole[] = {0, 10, 0, LOCUM_COOKIE_BYTES};
    static const uint8_t client[] = {0, 10, 0, LOCUM_COOKIE_CLIENT_BYTES};
    if (packet[11] == 0 || length < KEY_MIN + sizeof(whole) + LOCUM_COOKIE_BYTES) {
        return 0;
    }
    if (memcmp(packet + length - LOCUM_COOKIE_BYTES - sizeof(whole), whole, sizeof(whole)) == 0) {
        return LOCUM_COOKIE_BYTES;
    }
    return memcmp(packet + length - LOCUM_COOKIE_CLIENT_BYTES - sizeof(client), client,
                  sizeof(client)) == 0
               ? LOCUM_COOKIE_CLIENT_BYTES
               : 0;
}

/* Read as words, of which the last overlaps the one before. */
static inline uint64_t
hash_of(const uint8_t *packet, size_t end, uint64_t start)
{
    const uint64_t no_case = UINT64_C(0x0101010101010101) * CASE;
    uint64_t sum = start;
    uint64_t factor = 3;
    for (size_t at = COUNTS_AT; at < end - WORD; at += WORD, factor += 2) {
        sum += (word_at(packet + at) | no_case) * factor;
    }
    sum += (word_at(packet + end - WORD) | no_case) * factor;
    return (sum ^ sum >> 32) * UINT64_C(0x9e3779b97f4a7c15);
}

static inline bool
is_same(const struct locum_cached *entry, const uint8_t *packet, size_t end)
{
    const uint8_t *words = packet + COUNTS_AT;
    const size_t last = end - COUNTS_AT - WORD;
    uint64_t differs = 0;
    for (size_t at = 0; at < last; at += WORD) {
        differs |= (word_at(words + at) ^ word_at(entry->key + at)) & word_at(entry->exact + at);
    }
    differs |= (word_at(words + last) ^ word_at(entry->key + last)) & word_at(entry->exact + last);
    return differs == 0;
}

void
locum_packet_cache_empty(struct locum_packet_cache *self)
{
    memset(self->tags, 0, sizeof(self->tags));
}

const struct locum_cached *
locum_packet_cache_find(struct locum_packet_cache *self, const uint8_t *packet, size_t length,
                        struct locum_cached **ret_wanted)
{
    *ret_wanted = NULL;
    if (length < KEY_MIN) {
        return NULL;
    }
    const size_t cookie = cookie_length(packet, length);
    const size_t end = length - cookie;
    if (end - COUNTS_AT > LOCUM_CACHE_KEY_MAX) {
        return NULL;
    }
    uint16_t flags;
    memcpy(&flags, packet + FLAGS_AT, sizeof(flags));
    const uint64_t tag = hash_of(packet, end, (uint64_t)flags << 16 | end << 8 | cookie) | 1;
    const size_t slot = tag / (UINT64_MAX / LOCUM_CACHE_ENTRIES + 1);
    struct locum_cached *entry = &self->entries[slot];
    if (self->tags[slot] == tag && entry->flags == flags && entry->key_length == end - COUNTS_AT &&
        entry->cookie_length == cookie && is_same(entry, packet, end)) {
        return entry;
    }
    if (self->seen[slot] != tag) {
        self->seen[slot] = tag;
        return NULL;
    }
    self->tags[slot] = 0;
    entry->flags = flags;
    entry->key_length = (uint16_t)(end - COUNTS_AT);
    entry->cookie_length = (uint16_t)cookie;
    memcpy(entry->key, packet + COUNTS_AT, entry->key_length);
    *ret_wanted = entry;
    return NULL;
}

static inline void
copy_chunks(uint8_t *to, const uint8_t *from, size_t length)
{
    for (size_t at = 0; at < length; at += CHUNK) {
        memcpy(to + at, from + at, CHUNK);
    }
}

void
locum_packet_cache_add(struct locum_packet_cache *self, struct locum_cached *entry,
                       const struct locum_dns_reply *reply, const uint8_t *message,
                       const struct locum_rotation *rotation, size_t first)
{
    const size_t slot = (size_t)(entry - self->entries);
    const size_t end = reply->question_end;
    const size_t body_length = reply->length - end;
    if (body_length > sizeof(entry->body)) {
        return;
    }
    memset(entry->exact, 0xff, entry->key_length);
    for (size_t at = LOCUM_DNS_HEADER_BYTES; at < end - 4; at++) {
        const uint8_t lower = entry->key[at - COUNTS_AT] | CASE;
        if (lower >= 'a' && lower <= 'z') {
            entry->exact[at - COUNTS_AT] = (uint8_t)~CASE;
        }
    }
    entry->reply = *reply;
    entry->rotation = *rotation;
    memcpy(entry->header, message + FLAGS_AT, sizeof(entry->header));
    memcpy(entry->body, message + end, body_length);
    const size_t size = (size_t)rotation->bytes * rotation->count;
    const size_t skip = rotation->bytes * first;
    memcpy(entry->body + rotation->at - end, message + rotation->at + size - skip, skip);
    memcpy(entry->body + rotation->at - end + skip, message + rotation->at, size - skip);
    self->tags[slot] = self->seen[slot];
}

void
locum_packet_cache_write(const struct locum_cached *entry, size_t first, uint8_t *message)
{
    const size_t end = entry->reply.question_end;
    const struct locum_rotation *rotation = &entry->rotation;
    memcpy(message + FLAGS_AT, entry->header, sizeof(entry->header));
    copy_chunks(message + end, entry->body, entry->reply.length - end);
    if (first > 0) {
        const uint8_t *from = entry->body + rotation->at - end;
        const size_t size = (size_t)rotation->bytes * rotation->count;
        const size_t skip = rotation->bytes * first;
        memcpy(message + rotation->at, from + skip, size - skip);
        memcpy(message + rotation->at + size - skip, from, skip);
    }
}
