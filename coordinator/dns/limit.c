#include "dns/limit.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/error.h"

enum {
    WAYS = 4, /* buckets of a set: one cache line */
    SETS = LOCUM_LIMIT_BUCKETS / WAYS,
};

#define SECOND_US UINT64_C(1000000)
#define TIME_MASK ((UINT64_C(1) << 48) - 1) /* nine years */
_Static_assert(sizeof(struct locum_limit_bucket) == 16, "four buckets are a cache line");

static void
exempt(struct locum_limit_rules *self, const struct locum_prefix *prefix)
{
    uint8_t mask[16] = {0};
    for (unsigned i = 0; i < prefix->bits; i++) {
        mask[i / 8] |= (uint8_t)(0x80 >> i % 8);
    }
    if (prefix->address.family == LOCUM_V4) {
        struct locum_limit_net4 *net = &self->exempt4[self->exempt4_count++];
        memcpy(&net->mask, mask, sizeof(net->mask));
        memcpy(&net->bits, prefix->address.bytes, sizeof(net->bits));
    } else {
        struct locum_limit_net6 *net = &self->exempt6[self->exempt6_count++];
        memcpy(net->mask, mask, sizeof(net->mask));
        memcpy(net->bits, prefix->address.bytes, sizeof(net->bits));
    }
}

void
locum_limit_rules_init(struct locum_limit_rules *self, const struct locum_config *config,
                       size_t workers)
{
    static const struct locum_prefix loopback[] = {
        {.address = {.family = LOCUM_V4, .bytes = {127}}, .bits = 8},
        {.address = {.family = LOCUM_V6, .bytes = {[15] = 1}}, .bits = 128},
    };
    const struct locum_config_rate_limit *limit = &config->rate_limit;
    *self = (struct locum_limit_rules){.slip = limit->slip};
    if (limit->responses_per_second > 0) {
        self->interval_us = SECOND_US * workers / limit->responses_per_second;
    }
    for (size_t i = 0; i < LOCUM_COUNT(loopback); i++) {
        exempt(self, &loopback[i]);
    }
    for (size_t i = 0; i < config->listen_dns_count; i++) {
        const struct locum_address *own = &config->listen_dns[i];
        exempt(self,
               &(struct locum_prefix){.address = *own, .bits = own->family == LOCUM_V4 ? 32 : 128});
    }
    for (size_t i = 0; i < limit->exempt_count; i++) {
        exempt(self, &limit->exempt[i]);
    }
}

int
locum_limit_init(struct locum_limiter *self)
{
    if (self->buckets != NULL) {
        return 0;
    }
    if (getrandom(self->key, sizeof(self->key), 0) != (ssize_t)sizeof(self->key)) {
        return LOCUM_ERR_IO;
    }
    self->buckets = calloc(LOCUM_LIMIT_BUCKETS, sizeof(*self->buckets));
    return self->buckets != NULL ? 0 : LOCUM_ERR_MEMORY;
}

void
locum_limit_fini(struct locum_limiter *self)
{
    free(self->buckets);
    self->buckets = NULL;
}

/* The length of the address, and the bytes of the prefix after it. */
uint64_t
locum_limit_prefix(const struct locum_dns_source *source)
{
    if (source->length == 4) {
        uint32_t v4;
        memcpy(&v4, source->address, sizeof(v4));
        return UINT64_C(4) << LOCUM_LIMIT_PREFIX_V4 | be32toh(v4) >> (32 - LOCUM_LIMIT_PREFIX_V4);
    }
    uint64_t v6;
    memcpy(&v6, source->address, sizeof(v6));
    return UINT64_C(16) << LOCUM_LIMIT_PREFIX_V6 | be64toh(v6) >> (64 - LOCUM_LIMIT_PREFIX_V6);
}

void
locum_limit_prefix_of(uint64_t number, struct locum_prefix *ret)
{
    const bool v4 = number >> LOCUM_LIMIT_PREFIX_V6 == 0;
    size_t bytes = v4 ? LOCUM_LIMIT_PREFIX_V4 / 8 : LOCUM_LIMIT_PREFIX_V6 / 8;
    *ret = (struct locum_prefix){.address = {.family = v4 ? LOCUM_V4 : LOCUM_V6},
                                 .bits = (uint8_t)(8 * bytes)};
    for (; bytes > 0; number >>= 8) {
        ret->address.bytes[--bytes] = (uint8_t)number;
    }
}

static bool
is_exempt4(const struct locum_limit_rules *rules, const uint8_t *address)
{
    uint32_t v4;
    memcpy(&v4, address, sizeof(v4));
    for (size_t i = 0; i < rules->exempt4_count; i++) {
        if ((v4 & rules->exempt4[i].mask) == rules->exempt4[i].bits) {
            return true;
        }
    }
    return false;
}

static bool
is_exempt6(const struct locum_limit_rules *rules, const uint8_t *address)
{
    uint64_t v6[2];
    memcpy(v6, address, sizeof(v6));
    for (size_t i = 0; i < rules->exempt6_count; i++) {
        const struct locum_limit_net6 *net = &rules->exempt6[i];
        if ((v6[0] & net->mask[0]) == net->bits[0] && (v6[1] & net->mask[1]) == net->bits[1]) {
            return true;
        }
    }
    return false;
}

/*
 * NH of UMAC (RFC 4418 5.2.2) over four words, mixed, so that its upper bits choose a set: fewer
 * than half the instructions of SipHash. Nobody sees its results, from which its key could be
 * found; at worst two buckets meet, which makes them more generous.
 */
static inline uint64_t
hash_of(const uint32_t key[6], uint64_t prefix, enum locum_limit_kind kind, uint32_t owner)
{
    const uint64_t sum =
        (uint64_t)((uint32_t)prefix + key[0]) * ((uint32_t)(prefix >> 32) + key[1]) +
        (uint64_t)(owner + key[2]) * ((uint32_t)kind + key[3]);
    return (sum ^ sum >> 32) * (((uint64_t)key[4] << 32 | key[5]) | 1);
}

/* The set of the bucket with this tag. */
static inline struct locum_limit_bucket *
set_of(const struct locum_limiter *self, uint64_t tag)
{
    return self->buckets + tag / (UINT64_MAX / SETS + 1) * WAYS;
}

/* Make a new bucket with this tag, in place of the bucket of the set that has most room. */
static struct locum_limit_bucket *
replace_bucket(struct locum_limit_bucket *set, uint64_t tag)
{
    struct locum_limit_bucket *least = set;
    for (size_t i = 1; i < WAYS; i++) {
        least = set[i].full_us < least->full_us ? &set[i] : least;
    }
    *least = (struct locum_limit_bucket){.tag = tag};
    return least;
}

/* The bucket with this tag; if there is none, the one of its set with most room, as a new one. */
static inline struct locum_limit_bucket *
find_bucket(struct locum_limiter *self, uint64_t tag)
{
    struct locum_limit_bucket *set = set_of(self, tag);
    /* Without a branch for each: no processor can predict which one it is. */
    const size_t way =
        (set[1].tag == tag ? 1u : 0) | (set[2].tag == tag ? 2u : 0) | (set[3].tag == tag ? 3u : 0);
    return set[way].tag == tag ? &set[way] : replace_bucket(set, tag);
}

/* For the main thread: this prefix is limited now. If all reports are taken, it gets none. */
static void
report(struct locum_limiter *self, uint64_t prefix)
{
    for (size_t i = 0; i < LOCUM_LIMIT_PREFIXES; i++) {
        const size_t at = (self->last_report + i) % LOCUM_LIMIT_PREFIXES;
        struct locum_limit_report *each = &self->reports[at];
        if (atomic_load_explicit(&each->prefix, memory_order_relaxed) == prefix) {
            atomic_store_explicit(&each->last_us, self->now_us, memory_order_relaxed);
            self->last_report = at;
            return;
        }
    }
    for (size_t i = 0; i < LOCUM_LIMIT_PREFIXES; i++) {
        struct locum_limit_report *each = &self->reports[i];
        const uint64_t last_us = atomic_load_explicit(&each->last_us, memory_order_relaxed);
        if (last_us == 0 || self->now_us - last_us > LOCUM_LIMIT_REPORT_S * SECOND_US) {
            atomic_store_explicit(&each->prefix, prefix, memory_order_relaxed);
            atomic_store_explicit(&each->last_us, self->now_us, memory_order_release);
            self->last_report = i;
            return;
        }
    }
}

uint64_t
locum_limit_bucket(const struct locum_limiter *self, const struct locum_limit_rules *rules,
                   const struct locum_dns_source *source, enum locum_limit_kind kind,
                   uint32_t owner)
{
    if (self == NULL || self->buckets == NULL || rules->interval_us == 0 ||
        (source->length == 4 ? is_exempt4(rules, source->address)
                             : is_exempt6(rules, source->address))) {
        return 0;
    }
    const uint64_t tag = hash_of(self->key, locum_limit_prefix(source), kind, owner) | 1;
    __builtin_prefetch(set_of(self, tag), 1);
    return tag;
}

/* The generic cell rate algorithm (ITU-T I.371): a bucket holds one second's answers, and at least
 * one. */
enum locum_limit_verdict
locum_limit_take(struct locum_limiter *self, const struct locum_limit_rules *rules,
                 const struct locum_dns_source *source, uint64_t tag)
{
    struct locum_limit_bucket *bucket = find_bucket(self, tag);
    const uint64_t room_us = rules->interval_us > SECOND_US ? rules->interval_us : SECOND_US;
    const uint64_t full_us = bucket->full_us > self->now_us ? bucket->full_us : self->now_us;
    if (full_us + rules->interval_us <= self->now_us + room_us) {
        bucket->full_us = (full_us + rules->interval_us) & TIME_MASK;
        return LOCUM_LIMIT_ANSWER;
    }
    report(self, locum_limit_prefix(source));
    const bool slips = rules->slip > 0 && bucket->limited % rules->slip == 0;
    bucket->limited = (uint16_t)(bucket->limited + 1);
    return slips ? LOCUM_LIMIT_SLIP : LOCUM_LIMIT_DROP;
}
