/*
 * limit: response rate limiting over UDP. It bounds what a server sends to a network that may not
 * have asked: a sender of UDP can write any source address into its queries.
 *
 * Answers are counted in buckets: a bucket for each prefix of sources (/24, /56), kind of answer
 * and name. An answer that its bucket has no room for is dropped, or, each `slip`-th one, replaced
 * by a short one that makes an honest client come back by TCP or with a cookie (query.c).
 *
 * Each worker has a limiter of its own, so there is no lock; the rate is divided by the workers of
 * the address, over which the kernel spreads the queries of a prefix. Memory is fixed. A bucket is
 * found by a keyed hash (a random key for each start), so no client can choose names or addresses
 * whose buckets meet. A set of four buckets that is full loses the one with most room, whose loss
 * changes least: what others send can make the limiter more generous, never stricter.
 */
#ifndef LOCUM_DNS_LIMIT_H
#define LOCUM_DNS_LIMIT_H

#include <stdatomic.h>

#include "config/config.h"
#include "dns/packet.h"

enum {
    LOCUM_LIMIT_BUCKETS = 16384, /* of a worker; 16 bytes each */
    LOCUM_LIMIT_PREFIXES = 16,   /* that a worker can report at once */
    LOCUM_LIMIT_REPORT_S = 11,   /* a report that is older may be replaced: its period is over */
    LOCUM_LIMIT_PREFIX_V4 = 24,
    LOCUM_LIMIT_PREFIX_V6 = 56,
    /* Loopback, the own addresses, and those of the configuration. */
    LOCUM_LIMIT_EXEMPT_MAX = 2 + LOCUM_ADDRESSES_MAX + LOCUM_CONFIG_EXEMPT_MAX,
};

/* What an answer is, with its owner: what its bucket is named after. */
enum locum_limit_kind {
    LOCUM_LIMIT_NAME,     /* records, and YXDOMAIN: of the name that they belong to */
    LOCUM_LIMIT_NODATA,   /* of a zone, so that random names share a bucket */
    LOCUM_LIMIT_NXDOMAIN, /* of a zone */
    LOCUM_LIMIT_ANY,      /* of a zone */
    LOCUM_LIMIT_ERROR,    /* what no zone answers: REFUSED, FORMERR and the like, cookies alone */
    LOCUM_LIMIT_UPDATE,   /* UPDATE messages that are signed with a key: of that */
};

enum locum_limit_verdict {
    LOCUM_LIMIT_ANSWER,
    LOCUM_LIMIT_SLIP, /* give the short answer */
    LOCUM_LIMIT_DROP,
};

/* Prefixes as masks, and what is left of an address under them, both as they are in memory. */
struct locum_limit_net4 {
    uint32_t mask, bits;
};
struct locum_limit_net6 {
    uint64_t mask[2], bits[2];
};

/* Immutable; part of the answer table, so a reload replaces it as it replaces the answers. */
struct locum_limit_rules {
    uint64_t interval_us; /* of one bucket of one worker between two answers; 0: no limit */
    uint32_t slip;        /* 0: none */
    struct locum_limit_net4 exempt4[LOCUM_LIMIT_EXEMPT_MAX];
    struct locum_limit_net6 exempt6[LOCUM_LIMIT_EXEMPT_MAX];
    size_t exempt4_count, exempt6_count;
};

struct locum_limit_bucket {
    uint64_t tag;          /* the whole hash; 0: unused */
    uint64_t full_us : 48; /* when all room is there again */
    uint64_t limited : 16; /* answers that there was no room for, modulo 2^16 */
};

/* A prefix that has been limited lately. The worker writes it, the main thread reads it. */
struct locum_limit_report {
    _Atomic uint64_t prefix; /* locum_limit_prefix(); 0: unused */
    _Atomic uint64_t last_us;
};

/* One worker's; zeroed memory is a limiter that limits nothing. */
struct locum_limiter {
    uint32_t key[6];                    /* random */
    struct locum_limit_bucket *buckets; /* owned; LOCUM_LIMIT_BUCKETS */
    uint64_t now_us;                    /* CLOCK_MONOTONIC; its worker sets it after each receive */
    struct locum_limit_report reports[LOCUM_LIMIT_PREFIXES];
    size_t last_report; /* index */
};

/* The rules of a configuration, for one of `workers` workers of an address. */
void locum_limit_rules_init(struct locum_limit_rules *self, const struct locum_config *config,
                            size_t workers);

/* Take memory and a random key, unless it has them. 0, LOCUM_ERR_MEMORY or LOCUM_ERR_IO. */
int locum_limit_init(struct locum_limiter *self) LOCUM_MUST_CHECK;
void locum_limit_fini(struct locum_limiter *self);

/*
 * Which bucket an answer counts in, as a number for locum_limit_take(); 0: none, it is not limited.
 * Its memory is fetched into the cache meanwhile, so first ask this for all answers of a batch.
 *
 * self   NULL: there is no limit.
 * owner  any number that names the owner among those of its kind.
 */
uint64_t locum_limit_bucket(const struct locum_limiter *self, const struct locum_limit_rules *rules,
                            const struct locum_dns_source *source, enum locum_limit_kind kind,
                            uint32_t owner);

/* May this answer be given? Counts it. */
enum locum_limit_verdict locum_limit_take(struct locum_limiter *self,
                                          const struct locum_limit_rules *rules,
                                          const struct locum_dns_source *source, uint64_t bucket);

/* The prefix of a source as a number, never 0, and that as a prefix again. */
uint64_t locum_limit_prefix(const struct locum_dns_source *source);
void locum_limit_prefix_of(uint64_t number, struct locum_prefix *ret);

#endif
