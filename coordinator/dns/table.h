/*
 * table: every possible answer in wire form, found by name and type.
 *
 * compile.c fills a table once; then it is immutable, and all workers share it by a count of
 * references: the last one to release it frees it. A look-up hashes the name once (open addressing,
 * at most half full), allocates nothing and takes no lock. Names from the network are never stored,
 * so no client can lengthen a search.
 */
#ifndef LOCUM_DNS_TABLE_H
#define LOCUM_DNS_TABLE_H

#include <stdatomic.h>

#include "base/invariant.h"
#include "config/config.h"
#include "dns/cookie.h"
#include "dns/limit.h"
#include "dns/packet.h"

/* An index or offset that means "none". */
#define LOCUM_DNS_NONE UINT32_MAX

/*
 * What follows the question in one answer: `length` bytes of answer and authority section, then
 * `extra_length` bytes of additional section, which may be left out (RFC 2181 9). Owners are
 * pointers to the question or to an earlier record (RFC 1035 4.1.4).
 */
struct locum_wire {
    uint32_t at; /* offset of the first byte in the table's bytes */
    uint16_t length, extra_length;
    uint16_t answer_count, authority_count, extra_count;
    uint16_t apex_at;      /* offset of the owner that is the zone's apex; LOCUM_WIRE_NO_APEX */
    uint16_t rotate_at;    /* offset of rotate_count records of rotate_bytes each, */
    uint16_t rotate_bytes; /* which may come in any order */
    uint16_t rotate_count; /* 0: the order is fixed */
    uint8_t rcode;
};
#define LOCUM_WIRE_NO_APEX ((uint16_t)0xffff)

/* The answer to one type of one name. */
struct locum_dns_table_set {
    uint16_t type;
    uint32_t wire; /* index */
    uint32_t next; /* index of the next set of this name, or LOCUM_DNS_NONE */
};

struct locum_dns_table_name {
    uint32_t hash;
    uint32_t at;        /* offset of its wire form */
    uint32_t otherwise; /* wire for types it does not have: NODATA, or what its CNAME leads to */
    uint32_t any;       /* wire for ANY (RFC 8482) */
    uint32_t first_set; /* index; LOCUM_DNS_NONE: an empty non-terminal */
    uint8_t length;     /* bytes of its wire form */
    uint8_t zone;
};

struct locum_dns_table_zone {
    uint8_t name[LOCUM_DNS_NAME_MAX]; /* wire form, lower case */
    uint8_t length;
    uint32_t nxdomain; /* wire */
};

struct locum_dns_table {
    atomic_uint references;
    struct locum_dns_table_zone zones[LOCUM_ZONES_MAX];
    size_t zone_count;
    uint32_t *slots; /* 1 + index of a name; 0: empty */
    size_t slot_mask;
    struct locum_dns_table_name *names;
    size_t name_count; /* room for names_max */
    struct locum_dns_table_set *sets;
    size_t set_count, set_room;
    struct locum_wire *wires;
    size_t wire_count, wire_room;
    uint8_t *bytes; /* names and bodies */
    size_t byte_count, byte_room;
    uint32_t chaos_version, chaos_host; /* wires of class CH (RFC 4892) */
    uint8_t nsid[LOCUM_NSID_MAX];       /* this server's identifier (RFC 5001) */
    size_t nsid_length;
    /* None, until who publishes the table sets them. */
    struct locum_cookie_keys cookies;
    struct locum_limit_rules limit;
};

/* The answer to a question. */
struct locum_found {
    const struct locum_wire *wire;           /* NULL: the name is in no zone of the table */
    const struct locum_dns_table_zone *zone; /* the zone of the name, or NULL */
    uint32_t owner; /* a hash of the name in the table that the answer belongs to */
};

/* An empty table for at most `names_max` names, with one reference; NULL: out of memory. */
struct locum_dns_table *locum_dns_table_create(size_t names_max);

/* Add a reference; NULL is fine. */
void locum_dns_table_hold(struct locum_dns_table *self);

/* Drop a reference, and free the table with the last one. NULL is fine. */
void locum_dns_table_release(struct locum_dns_table *self);

/*
 * Hands a new table to a worker without a lock and without waking it: the main thread puts a table,
 * the worker takes it after a receive and before it answers.
 */
struct locum_dns_table_mailbox {
    _Atomic(struct locum_dns_table *) box; /* holds a reference; NULL: no new table */
};

/*
 * Put a table, of which the box takes a reference of its own, and release one not yet taken. NULL
 * empties the box; required before its memory is freed.
 */
void locum_dns_table_mailbox_put(struct locum_dns_table_mailbox *self,
                                 struct locum_dns_table *table);

/* If there is a new table: release *current and set it to the new one. */
void locum_dns_table_mailbox_take(struct locum_dns_table_mailbox *self,
                                  struct locum_dns_table **current);

/* To fill it, before another thread has it. All return 0 or LOCUM_ERR_MEMORY. */

/* Add a name (wire form, lower case) unless it is there; at most names_max are added. */
int locum_dns_table_add_name(struct locum_dns_table *self, const uint8_t *name, size_t length,
                             size_t zone) LOCUM_MUST_CHECK;

/* Copy `wire` with its body (both parts); `at` is set here. */
int locum_dns_table_wire(struct locum_dns_table *self, const struct locum_wire *wire,
                         const uint8_t *body, uint32_t *ret_index) LOCUM_MUST_CHECK;

/* Set the answer to one type of one name of the table; wire: index as returned above. */
int locum_dns_table_set(struct locum_dns_table *self, struct locum_dns_table_name *name,
                        uint16_t type, uint32_t wire) LOCUM_MUST_CHECK;

/* The entry of a name (wire form, lower case), or NULL. */
struct locum_dns_table_name *locum_dns_table_find_name(const struct locum_dns_table *self,
                                                       const uint8_t *name, size_t length);

/* Look up a question of class IN. */
struct locum_found locum_dns_table_find(const struct locum_dns_table *self,
                                        const struct locum_question *question);

#endif
