/*
 * names: what a configuration fixes of the answers: which names exist, which types they have, and
 * the records that no plan changes, in wire form.
 *
 * compile.c makes it; then it is immutable, and the tables of all plans share it (table.h) by a
 * count of references. A look-up hashes the labels of a name, from the last one to the first, so
 * that one hash serves all its ancestors (open addressing, at most half full); it allocates nothing
 * and takes no lock. Names from the network are never stored, so no client can lengthen a search.
 *
 * All names of a zone are here: owners, those between them and the apex (RFC 4592 2.2.2), and the
 * names of the plan, also while their answer is empty. Names below a delegation or a DNAME are not.
 */
#ifndef LOCUM_DNS_NAMES_H
#define LOCUM_DNS_NAMES_H

#include <stdatomic.h>

#include "base/invariant.h"
#include "config/config.h"
#include "dns/chain.h"
#include "dns/packet.h"

enum {
    LOCUM_RR_FIXED_BYTES = 12, /* owner as a pointer, type, class, TTL, RDLENGTH */
    LOCUM_POINTER = 0xc000,    /* RFC 1035 4.1.4 */
    LOCUM_POINTED_MAX = 0x3fff,
    /* Owners in a part (below). */
    LOCUM_OWNER_NAME = LOCUM_POINTER | LOCUM_DNS_HEADER_BYTES,
    LOCUM_OWNER_PART = LOCUM_POINTER | (LOCUM_DNS_HEADER_BYTES + 4),
    /* The length of RRSIG records that have not been made yet: no message has room for them. */
    LOCUM_DNS_MISSING = UINT16_MAX,
};

/* An index that means "none". */
#define LOCUM_DNS_NONE  UINT32_MAX
#define LOCUM_DNS_FIXED UINT16_MAX

/*
 * A run of records of one section. Names in their data are not compressed; owners are pointers, to
 *   LOCUM_OWNER_NAME           the name that is answered
 *   LOCUM_OWNER_NAME - length  its ancestor whose wire form has this length
 *   LOCUM_OWNER_PART + offset  an offset in the part whose records these belong to
 * If the question is answered and the part comes first, they become offsets in the message when the
 * length of the question's name is added; in general answer.c does it.
 */
struct locum_dns_part {
    const uint8_t *bytes;
    uint16_t length;
    uint16_t count;        /* records; 0: none */
    uint16_t rotate_bytes; /* length of each record, if they may come in any order; 0: fixed */
    bool points;           /* an owner is not the name that is answered */
};

/* The additional section of NS records. */
struct locum_dns_glue {
    struct locum_dns_part needed; /* of hosts inside a delegation: else TC (RFC 9471) */
    struct locum_dns_part other;  /* may be left out (RFC 2181 9) */
};

/* One type of a name. */
struct locum_dns_set {
    uint16_t type;
    uint16_t changing;                 /* index in a table's parts; LOCUM_DNS_FIXED: `part` */
    struct locum_dns_part part;        /* at a delegation NS belongs in the authority section */
    struct locum_dns_part signature;   /* RRSIG records of `part`; none: it is not signed */
    const struct locum_dns_glue *glue; /* NULL: none */
};

/* How a name is answered. */
enum locum_dns_sort {
    LOCUM_SORT_PLAIN,
    LOCUM_SORT_CNAME, /* it has a CNAME */
    LOCUM_SORT_CUT,   /* a delegation: NS, with or without DS */
    LOCUM_SORT_DNAME, /* it has a DNAME, and other types maybe */
};

struct locum_dns_name {
    const uint8_t *wire; /* lower case */
    uint32_t hash;
    uint32_t wildcard;  /* index of the wildcard below it (RFC 4592), or LOCUM_DNS_NONE */
    uint32_t first_set; /* index; its sets are in the order of their types */
    uint16_t set_count; /* 0: an empty non-terminal */
    uint8_t length;     /* bytes of its wire form */
    uint8_t labels;     /* without the root */
    uint8_t zone;
    uint8_t sort; /* enum locum_dns_sort */
};

/* An NSEC record (chain.h): the labels of its owner below the apex, then the record, whose owner is
 * a pointer to be set to the apex. */
struct locum_dns_nsec {
    const uint8_t *bytes;
    uint16_t length, prefix_length;  /* in all; of the labels */
    struct locum_dns_part signature; /* its RRSIG records, with owners in the part of the record */
};

struct locum_dns_zone {
    uint32_t apex;                      /* index of its name */
    struct locum_dns_part soa;          /* with serial 0; its owner is the apex as an ancestor */
    uint32_t ttl_s;                     /* of the SOA as an answer */
    struct locum_chain *chain;          /* holds a reference; NULL: the zone is not signed */
    const struct locum_dns_nsec *nsecs; /* one for each of the chain */
    uint32_t negative_ttl_s; /* of the SOA in a negative answer: min(TTL, MINIMUM), RFC 2308 5 */
};

struct locum_dns_slot {
    uint32_t hash;
    uint32_t name; /* 1 + index; 0: empty */
};

struct locum_dns_block; /* memory that does not move */

struct locum_dns_names {
    atomic_uint references;
    struct locum_dns_slot *slots;
    size_t slot_mask;
    struct locum_dns_name *names;
    size_t name_count;
    struct locum_dns_set *sets;
    size_t set_count, set_room;
    struct locum_dns_zone zones[LOCUM_ZONES_MAX];
    size_t zone_count;
    uint8_t apex_labels_min, apex_labels_max;
    size_t plan_name_count; /* names of the plan */
    uint32_t *challenges;   /* for each: index of the name of its challenges, or LOCUM_DNS_NONE */
    bool incomplete;        /* some RRSIG records are LOCUM_DNS_MISSING */
    struct locum_dns_part version, host; /* of class CH (RFC 4892) */
    uint8_t nsid[LOCUM_NSID_MAX];        /* this server's identifier (RFC 5001) */
    size_t nsid_length;
    struct locum_dns_block *block; /* the newest */
};

/* What a look-up found. */
enum locum_dns_match_kind {
    LOCUM_MATCH_NONE,     /* the name is in no zone */
    LOCUM_MATCH_EXACT,    /* the name exists */
    LOCUM_MATCH_WILDCARD, /* it does not, and `name` is the wildcard that it is expanded from */
    LOCUM_MATCH_CUT,      /* it is at or below the delegation `name` */
    LOCUM_MATCH_DNAME,    /* it is below `name`, which has a DNAME */
    LOCUM_MATCH_NXDOMAIN, /* `name` is the closest encloser (RFC 4592 3.3.1) */
};

struct locum_dns_match {
    enum locum_dns_match_kind kind;
    const struct locum_dns_name *name; /* NULL after NONE */
};

/* Look up a name. */
struct locum_dns_match locum_dns_names_find(const struct locum_dns_names *self,
                                            const struct locum_wire_name *name);

/* The set of this type of a name, or NULL. */
static inline const struct locum_dns_set *
locum_dns_names_set(const struct locum_dns_names *self, const struct locum_dns_name *name,
                    uint16_t type)
{
    const struct locum_dns_set *set = &self->sets[name->first_set];
    for (size_t i = 0; i < name->set_count; i++) {
        if (set[i].type == type) {
            return &set[i];
        }
    }
    return NULL;
}

/* Add and drop a reference; the last one frees it. NULL is fine. */
void locum_dns_names_hold(struct locum_dns_names *self);
void locum_dns_names_release(struct locum_dns_names *self);

/* To fill it, before another thread has it. */

/* An empty one with one reference; NULL: out of memory. */
struct locum_dns_names *locum_dns_names_create(void);

/* Add a zone, the next number, with its apex. 0 or LOCUM_ERR_MEMORY. */
int locum_dns_names_add_zone(struct locum_dns_names *self,
                             const struct locum_wire_name *apex) LOCUM_MUST_CHECK;

/*
 * Add a name of a zone and those between it and the apex, which exist too (RFC 8020, RFC 4592
 * 2.2.2), as far as they are not there. 0, with its index, or LOCUM_ERR_MEMORY.
 */
int locum_dns_names_add(struct locum_dns_names *self, const struct locum_wire_name *name,
                        size_t zone, uint32_t *ret_index) LOCUM_MUST_CHECK;

/* The delegation or DNAME that hides this name, because the name is below it; NULL: none. */
const struct locum_dns_name *locum_dns_names_hider(const struct locum_dns_names *self,
                                                   const struct locum_wire_name *name);

/* The index of a name, or LOCUM_DNS_NONE. */
uint32_t locum_dns_names_index(const struct locum_dns_names *self,
                               const struct locum_wire_name *name);

/* Append a set: all of one name one after the other. 0 or LOCUM_ERR_MEMORY. */
int locum_dns_names_add_set(struct locum_dns_names *self, uint32_t name,
                            const struct locum_dns_set *set) LOCUM_MUST_CHECK;

/* Memory that lives as long as this; NULL: none. */
void *locum_dns_names_take(struct locum_dns_names *self, size_t length);

/* The name without its first `labels` labels, at most those it has. */
void locum_dns_names_ancestor(const struct locum_wire_name *name, size_t labels,
                              struct locum_wire_name *ret);

#endif
