/*
 * packet_cache: the answers to what a worker of UDP is asked again and again, in wire form. It
 * spares parsing the query, finding the name and putting the answer together.
 *
 * A key is the query without its identifier, the case of its name and the value of a cookie at its
 * end: all that an answer of one table depends on. What differs between two answers to one key is
 * made for each of them: identifier and question are those of the query, records that may come in
 * any order are rotated, and query.c makes the cookie and asks the limiter.
 *
 * Entries belong to one table: who takes a new table empties the cache. Each worker has its own, of
 * fixed size, without a lock. An answer gets an entry when its key comes for the second time, so
 * random names replace nothing. A query without an entry is answered as if there was no cache.
 */
#ifndef LOCUM_DNS_PACKET_CACHE_H
#define LOCUM_DNS_PACKET_CACHE_H

#include "dns/answer.h"
#include "dns/query.h"

enum {
    LOCUM_CACHE_SETS = 128,
    LOCUM_CACHE_WAYS = 4,       /* entries of a set */
    LOCUM_CACHE_KEY_MAX = 112,  /* bytes; a longer query gets no entry */
    LOCUM_CACHE_BODY_MAX = 256, /* bytes of an answer after its question; the same */
};

struct locum_cache_key {
    uint16_t flags;                     /* of the header, as they are in memory */
    uint16_t length;                    /* of the bytes */
    uint16_t cookie_length;             /* of the value that follows them; 0: none */
    uint8_t bytes[LOCUM_CACHE_KEY_MAX]; /* from the counts of the header on */
};

struct locum_cached {
    struct locum_dns_reply reply; /* without a bucket */
    /* Set by query.c. */
    enum locum_limit_kind kind; /* for the limiter, */
    uint32_t owner;             /* with it */
    uint16_t cookie_at;         /* offset of the cookie's value in the answer; 0: it has none */
    /* Private. */
    struct locum_rotation rotation;             /* what is to be rotated */
    uint8_t header[LOCUM_DNS_HEADER_BYTES - 2]; /* of the answer, after its identifier */
    struct locum_cache_key key;
    uint8_t exact[LOCUM_CACHE_KEY_MAX]; /* the bits of the key that a query must have */
    uint8_t body[LOCUM_CACHE_BODY_MAX]; /* the answer after its question, not rotated */
};

/* One cache line. */
struct locum_cache_set {
    uint64_t tags[LOCUM_CACHE_WAYS]; /* hashes of the keys; 0: no entry */
    uint64_t seen;                   /* of the last key without an entry */
    uint64_t next;                   /* the way that is replaced next */
    uint64_t unused[2];
};

struct locum_packet_cache {
    _Alignas(64) struct locum_cache_set sets[LOCUM_CACHE_SETS];
    struct locum_cached entries[LOCUM_CACHE_SETS * LOCUM_CACHE_WAYS];
    /* The key for which locum_packet_cache_add() makes an entry. */
    struct locum_cache_key wanted;
    uint64_t wanted_tag;
};

/* An empty one; its memory is used as entries are made. NULL: out of memory. */
struct locum_packet_cache *locum_packet_cache_create(void);
void locum_packet_cache_destroy(struct locum_packet_cache *self); /* NULL is fine */

void locum_packet_cache_empty(struct locum_packet_cache *self);

/*
 * The entry of a query; NULL: it has none. It is valid until the next call.
 *
 * ret_wanted  after NULL: may its answer be added?
 */
const struct locum_cached *locum_packet_cache_find(struct locum_packet_cache *self,
                                                   const uint8_t *packet, size_t length,
                                                   bool *ret_wanted);

/*
 * Add the answer to the query that is wanted.
 *
 * reply     what was made, in `message`.
 * rotation  which records of it are rotated; the first of them was number `first`.
 * Returns the entry, in which the caller sets what is his; NULL: the answer is too long.
 */
struct locum_cached *locum_packet_cache_add(struct locum_packet_cache *self,
                                            const struct locum_dns_reply *reply,
                                            const uint8_t *message,
                                            const struct locum_rotation *rotation, size_t first);

/*
 * Write an answer, whose identifier and question are there already, and with any cookie.
 *
 * rotation  of the query.
 * message   has room for LOCUM_DNS_PLAIN_BYTES_MAX; more may be written than the answer has.
 */
void locum_packet_cache_write(const struct locum_cached *self, uint32_t rotation, uint8_t *message);

#endif
