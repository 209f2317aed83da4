/*
 * packet_cache: the answers to what a worker of UDP is asked again and again, in wire form.
 *
 * An entry is found by the bytes of a query, without its identifier, the case of its name and the
 * value of a cookie at its end. So all that an answer depends on is compared, and parsing and
 * looking up are spared. What differs between two answers to the same question is not in an entry,
 * and made for each: the identifier and the question are those of the query; query.c makes the
 * cookie, and asks the limiter; records that may come in any order are rotated.
 *
 * An entry belongs to a table: who takes a new table empties the cache. Each worker has its own, of
 * fixed size and without a lock. An entry is made when a question comes for the second time, so
 * that random names do not replace what is asked often. One that is replaced costs a look-up.
 */
#ifndef LOCUM_DNS_PACKET_CACHE_H
#define LOCUM_DNS_PACKET_CACHE_H

#include "dns/answer.h"
#include "dns/query.h"

enum {
    LOCUM_CACHE_ENTRIES = 256,
    LOCUM_CACHE_KEY_AT = 4,     /* a key begins with the counts of the header */
    LOCUM_CACHE_KEY_MAX = 112,  /* bytes; a longer query has no entry */
    LOCUM_CACHE_BODY_MAX = 256, /* bytes of an answer after its question; the same */
};

struct locum_cached {
    uint16_t flags;                             /* of the query, as they are in memory */
    uint16_t key_length;                        /* 0: the answer is not there yet */
    uint16_t cookie_length;                     /* of the query; its value is not in the key */
    uint16_t cookie_at;                         /* offset of its value in the answer; 0: none */
    uint32_t owner;                             /* for the limiter, */
    enum locum_limit_kind kind;                 /* with it */
    struct locum_rotation rotation;             /* the body has them in their first order */
    struct locum_dns_reply reply;               /* without a bucket */
    uint8_t header[LOCUM_DNS_HEADER_BYTES - 2]; /* of the answer, after its identifier */
    uint8_t key[LOCUM_CACHE_KEY_MAX];
    uint8_t exact[LOCUM_CACHE_KEY_MAX]; /* the bits of the key that must be the same */
    uint8_t body[LOCUM_CACHE_BODY_MAX]; /* of the answer, after its question */
};

/* Zeroed memory is an empty one. */
struct locum_packet_cache {
    uint64_t tags[LOCUM_CACHE_ENTRIES]; /* of the entries; 0: unused */
    uint64_t seen[LOCUM_CACHE_ENTRIES]; /* of the last query that had none */
    struct locum_cached entries[LOCUM_CACHE_ENTRIES];
};

void locum_packet_cache_empty(struct locum_packet_cache *self);

/*
 * The entry of a query of UDP; NULL: it has none.
 *
 * ret_wanted  after NULL: the entry that locum_packet_cache_add() completes, if the query was seen
 *             before; or NULL. Not valid after the next call.
 */
const struct locum_cached *locum_packet_cache_find(struct locum_packet_cache *self,
                                                   const uint8_t *packet, size_t length,
                                                   struct locum_cached **ret_wanted);

/*
 * Complete an entry, unless the answer is too long for it. `kind` and `owner` are the caller's.
 *
 * question_end  of the query.
 * message       the answer, whose `rotation` begins with record number `first`.
 */
void locum_packet_cache_add(struct locum_packet_cache *self, struct locum_cached *entry,
                            const struct locum_dns_reply *reply, const uint8_t *message,
                            const struct locum_rotation *rotation, size_t first);

/* Write the answer, except the identifier and question, which are there. Its cookie is not valid.
 * Up to 31 bytes behind the answer are changed. */
void locum_packet_cache_write(const struct locum_cached *entry, size_t first, uint8_t *message);

#endif
