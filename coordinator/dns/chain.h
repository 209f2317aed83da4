/*
 * chain: the NSEC records of a zone (RFC 4034 4), and which of them deny a name.
 *
 * In: every name of the zone with every type that it may ever have, so that the records are the
 * same on all nodes and in every plan. Out: the names in canonical order (RFC 4034 6.1), each with
 * the next one and the bitmap of its types.
 *
 * An empty non-terminal has no NSEC record, nor has a name below a delegation or a DNAME. At a
 * delegation the bitmap has NS, DS, RRSIG and NSEC only. Once closed, a chain does not change, and
 * to search it allocates nothing and takes no lock. Names are in wire form, valid and uncompressed,
 * in either case of their letters.
 *
 * A name is kept as a key: its labels from the root on, each ended by a 0 byte; in a label a byte 0
 * is written as 1 1, and 1 as 1 2. So memcmp(3) orders keys as RFC 4034 orders names, and the key
 * of a name begins with the keys of all names above it.
 */
#ifndef LOCUM_DNS_CHAIN_H
#define LOCUM_DNS_CHAIN_H

#include <ldns/ldns.h>

#include "base/invariant.h"
#include "dns/packet.h"

enum {
    LOCUM_CHAIN_KEY_MAX = 2 * LOCUM_DNS_NAME_MAX, /* bytes */
    LOCUM_CHAIN_BITMAP_MAX = 256 * (2 + 32),      /* bytes */
    LOCUM_CHAIN_DIGEST_BYTES = 8,
};

struct locum_chain_key {
    uint16_t length;
    uint8_t at[LOCUM_CHAIN_KEY_MAX];
};

/* The key of a name. length: of its wire form, the root's byte included. */
void locum_chain_key_of(const uint8_t *name, size_t length, struct locum_chain_key *ret);

/* Less than, equal to or greater than 0 as the first name is before, at or after the second. */
int locum_chain_key_compare(const struct locum_chain_key *a, const struct locum_chain_key *b);

struct locum_chain;

/* An empty chain with one reference; NULL: out of memory. */
struct locum_chain *locum_chain_create(void);

/* Add and drop a reference; the last one frees it. From any thread. NULL is fine. */
void locum_chain_hold(struct locum_chain *self);
void locum_chain_destroy(struct locum_chain *self);

/* Add a type of a name, before the chain is closed. The same one may be added again. RRSIG and NSEC
 * need not be added. 0, or LOCUM_ERR_MEMORY. */
int locum_chain_add(struct locum_chain *self, const uint8_t *name, size_t length,
                    uint16_t type) LOCUM_MUST_CHECK;

/*
 * Order the names and link them. The first one must be the apex, with SOA and NS.
 *
 * Returns 0 or LOCUM_ERR_MEMORY. Nothing is added afterwards.
 */
int locum_chain_close(struct locum_chain *self) LOCUM_MUST_CHECK;

/* The number of NSEC records; at least 1 once it is closed. */
size_t locum_chain_count(const struct locum_chain *self);

/* NSEC record number `index`, in lower case, freed by the caller; NULL: out of memory. */
ldns_rr *locum_chain_nsec(const struct locum_chain *self, size_t index, uint32_t ttl_s);

/* A digest of all NSEC records and their TTL: chains are the same if it is. */
int locum_chain_digest(const struct locum_chain *self, uint32_t ttl_s,
                       uint8_t ret[LOCUM_CHAIN_DIGEST_BYTES]) LOCUM_MUST_CHECK;

/* Where a name of the zone is in the chain. */
struct locum_chain_place {
    size_t at;          /* the NSEC record that matches the name, or that covers it */
    bool matches;       /* the owner of that record is the name */
    bool is_delegation; /* it matches, and the name is a delegation */
    bool exists;        /* it matches, or the name is an empty non-terminal */
    /* Of the closest encloser (RFC 4592 3.3.1), without the root; the name's own if it exists. */
    size_t encloser_labels;
    size_t wildcard;       /* the record that matches or covers "*" below the closest encloser */
    bool wildcard_matches; /* its owner is that wildcard */
};

/*
 * Search for a name.
 *
 * name  at the apex or below it, not below a delegation or a DNAME.
 */
struct locum_chain_place locum_chain_search(const struct locum_chain *self, const uint8_t *name,
                                            size_t length);

#endif
