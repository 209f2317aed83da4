#include "dns/packet_cache.h"

#include <stdlib.h>
#include <string.h>

enum {
    FLAGS_AT = 2,
    COUNTS_AT = 4,
    ADDITIONAL_AT = 11, /* the lower byte of their count */
    TYPE_AND_CLASS = 4,
    KEY_MIN = LOCUM_DNS_HEADER_BYTES + 1 + TYPE_AND_CLASS, /* bytes of the shortest question */
    OPTION_COOKIE = 10,
    WORD = sizeof(uint64_t),
    CHUNK = 32, /* bytes that are copied at once */
    CASE = 0x20 /* the bit that is the case of a letter */
};

_Static_assert(sizeof(struct locum_cache_set) == 64, "a set is one cache line");
_Static_assert(COUNTS_AT + LOCUM_CACHE_KEY_MAX + LOCUM_CACHE_BODY_MAX + CHUNK <=
                   LOCUM_DNS_PLAIN_BYTES_MAX,
               "there is room for whole chunks");

static inline uint64_t
word_at(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    return word;
}

/* Does the packet end with a cookie of this length? If so in its bytes only, it gets no entry. */
static inline bool
has_cookie(const uint8_t *packet, size_t length, size_t cookie_length)
{
    const size_t option = cookie_length + LOCUM_EDNS_OPTION_BYTES;
    return length >= KEY_MIN + option &&
           locum_packet_u16(packet + length - option) == OPTION_COOKIE &&
           locum_packet_u16(packet + length - option + 2) == cookie_length;
}

static inline size_t
cookie_length_of(const uint8_t *packet, size_t length)
{
    return packet[ADDITIONAL_AT] == 0                              ? 0
           : has_cookie(packet, length, LOCUM_COOKIE_BYTES)        ? LOCUM_COOKIE_BYTES
           : has_cookie(packet, length, LOCUM_COOKIE_CLIENT_BYTES) ? LOCUM_COOKIE_CLIENT_BYTES
                                                                   : 0;
}

/* Of a key, in words; the last one may overlap the one before it. Without the bit of the case in
 * any byte: what is no letter is compared later. */
static inline uint64_t
hash_of(const uint8_t *key, size_t length, uint64_t rest)
{
    const uint64_t ignored = UINT64_C(0x0101010101010101) * CASE;
    uint64_t sum = rest;
    uint64_t factor = 3;
    for (size_t at = 0; at < length - WORD; at += WORD) {
        sum += (word_at(key + at) | ignored) * factor;
        factor += 2;
    }
    sum += (word_at(key + length - WORD) | ignored) * factor;
    return (sum ^ sum >> 32) * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

static inline bool
matches(const struct locum_cached *self, const uint8_t *key)
{
    const size_t last = self->key.length - (size_t)WORD;
    uint64_t differs = 0;
    for (size_t at = 0; at < last; at += WORD) {
        differs |= (word_at(key + at) ^ word_at(self->key.bytes + at)) & word_at(self->exact + at);
    }
    differs |=
        (word_at(key + last) ^ word_at(self->key.bytes + last)) & word_at(self->exact + last);
    return differs == 0;
}

static inline struct locum_cache_set *
set_of(struct locum_packet_cache *self, uint64_t tag)
{
    return &self->sets[tag / (UINT64_MAX / LOCUM_CACHE_SETS + 1)];
}

/* The way with this tag, of which a set has one at most; else any. Without a branch for each, as in
 * limit.c. */
static inline size_t
way_of(const struct locum_cache_set *set, uint64_t tag)
{
    return (set->tags[1] == tag ? 1u : 0) | (set->tags[2] == tag ? 2u : 0) |
           (set->tags[3] == tag ? 3u : 0);
}

static inline struct locum_cached *
entry_of(struct locum_packet_cache *self, const struct locum_cache_set *set, size_t way)
{
    return &self->entries[(size_t)(set - self->sets) * LOCUM_CACHE_WAYS + way];
}

struct locum_packet_cache *
locum_packet_cache_create(void)
{
    struct locum_packet_cache *self =
        aligned_alloc(_Alignof(struct locum_packet_cache), sizeof(*self));
    if (self != NULL) {
        locum_packet_cache_empty(self);
    }
    return self;
}

void
locum_packet_cache_destroy(struct locum_packet_cache *self)
{
    free(self);
}

void
locum_packet_cache_empty(struct locum_packet_cache *self)
{
    memset(self->sets, 0, sizeof(self->sets));
}

/* A key that has no entry. Is its answer wanted? */
static bool
note(struct locum_packet_cache *self, struct locum_cache_set *set, uint64_t tag,
     const struct locum_cache_key *key, const uint8_t *bytes)
{
    if (set->seen != tag) {
        set->seen = tag;
        return false;
    }
    self->wanted_tag = tag;
    self->wanted.flags = key->flags;
    self->wanted.length = key->length;
    self->wanted.cookie_length = key->cookie_length;
    memcpy(self->wanted.bytes, bytes, key->length);
    return true;
}

const struct locum_cached *
locum_packet_cache_find(struct locum_packet_cache *self, const uint8_t *packet, size_t length,
                        bool *ret_wanted)
{
    *ret_wanted = false;
    if (length < KEY_MIN) {
        return NULL;
    }
    const uint8_t *key = packet + COUNTS_AT;
    const size_t cookie_length = cookie_length_of(packet, length);
    const size_t key_length = length - cookie_length - COUNTS_AT;
    if (key_length > LOCUM_CACHE_KEY_MAX) {
        return NULL;
    }
    uint16_t flags;
    memcpy(&flags, packet + FLAGS_AT, sizeof(flags));
    const uint64_t tag =
        hash_of(key, key_length, (uint64_t)flags << 16 | key_length << 8 | cookie_length);
    struct locum_cache_set *set = set_of(self, tag);
    const size_t way = way_of(set, tag);
    const struct locum_cached *entry = entry_of(self, set, way);
    if (set->tags[way] == tag && entry->key.flags == flags && entry->key.length == key_length &&
        entry->key.cookie_length == cookie_length && matches(entry, key)) {
        return entry;
    }
    *ret_wanted = note(
        self, set, tag,
        &(struct locum_cache_key){flags, (uint16_t)key_length, (uint16_t)cookie_length, {0}}, key);
    return NULL;
}

/* All bits, except the case of the letters of the name. */
static void
set_exact(struct locum_cached *self)
{
    const size_t name_end = self->reply.question_end - (size_t)TYPE_AND_CLASS - COUNTS_AT;
    memset(self->exact, 0xff, sizeof(self->exact));
    for (size_t at = LOCUM_DNS_HEADER_BYTES - COUNTS_AT; at < name_end; at++) {
        const uint8_t lower = self->key.bytes[at] | CASE;
        if (lower >= 'a' && lower <= 'z') {
            self->exact[at] = (uint8_t)~CASE;
        }
    }
}

struct locum_cached *
locum_packet_cache_add(struct locum_packet_cache *self, const struct locum_dns_reply *reply,
                       const uint8_t *message, const struct locum_rotation *rotation, size_t first)
{
    const size_t begin = reply->question_end;
    if (reply->length - begin > LOCUM_CACHE_BODY_MAX) {
        return NULL;
    }
    struct locum_cache_set *set = set_of(self, self->wanted_tag);
    size_t way = way_of(set, self->wanted_tag);
    if (set->tags[way] != self->wanted_tag) {
        way = set->next++ % LOCUM_CACHE_WAYS;
    }
    struct locum_cached *entry = entry_of(self, set, way);
    set->tags[way] = self->wanted_tag;
    entry->reply = *reply;
    entry->rotation = *rotation;
    entry->key = self->wanted;
    set_exact(entry);
    memcpy(entry->header, message + FLAGS_AT, sizeof(entry->header));
    memcpy(entry->body, message + begin, reply->length - begin);
    if (first > 0) { /* put them into their first order */
        const size_t end = rotation->bytes * first;
        const size_t rest = (size_t)rotation->bytes * rotation->count - end;
        uint8_t *to = entry->body + rotation->at - begin;
        memcpy(to + end, message + rotation->at, rest);
        memcpy(to, message + rotation->at + rest, end);
    }
    return entry;
}

void
locum_packet_cache_write(const struct locum_cached *self, uint32_t rotation, uint8_t *message)
{
    const size_t begin = self->reply.question_end;
    const size_t first = locum_answer_first(rotation, self->rotation.count);
    memcpy(message + FLAGS_AT, self->header, sizeof(self->header));
    for (size_t at = 0; at < self->reply.length - begin; at += CHUNK) {
        memcpy(message + begin + at, self->body + at, CHUNK);
    }
    if (first > 0) {
        const size_t end = self->rotation.bytes * first;
        const size_t rest = (size_t)self->rotation.bytes * self->rotation.count - end;
        const uint8_t *from = self->body + self->rotation.at - begin;
        memcpy(message + self->rotation.at, from + end, rest);
        memcpy(message + self->rotation.at + rest, from, end);
    }
}
