/*
 * table: every possible answer in wire form, found by name and type.
 *
 * compile/ fills it once; from then on it is immutable and shared by all workers through their
 * mailboxes, the last of which frees it. A look-up hashes the name once (open addressing, at most
 * half full), allocates nothing and takes no lock. Names from the network are never stored, so
 * nobody outside can lengthen a chain.
 */
#ifndef LOCUM_DNS_TABLE_H
#define LOCUM_DNS_TABLE_H

#include <stdatomic.h>

#include "base/invariant.h"
#include "config/config.h"
#include "dns/parse.h"

/* An index or offset that means "none". */
#define LOCUM_TABLE_NONE UINT32_MAX

/*
 * What follows the question in one answer: `length` bytes of answer and authority section, then
 * `extra_length` bytes of additional section, which may be left out (RFC 2181 9). Owner names are
 * pointers into the question or into what stands before them.
 */
struct locum_wire {
    uint32_t at; /* offset of the first byte in the table's bytes */
    uint16_t length, extra_length;
    uint16_t answer_count, authority_count, extra_count;
    uint16_t apex_at;      /* offset of an owner to be pointed at the zone's apex; 0xffff: none */
    uint16_t rotate_at;    /* rotate_count records of rotate_bytes each, in any order; */
    uint16_t rotate_bytes; /* rotate_count 0: the order stands */
    uint16_t rotate_count;
    uint8_t rcode;
};
#define LOCUM_WIRE_NO_APEX ((uint16_t)0xffff)

/* The answer to one type of one name. */
struct locum_table_set {
    uint16_t type;
    uint32_t wire; /* index */
    uint32_t next; /* index of the next set of this name, or NONE */
};

struct locum_table_name {
    uint32_t hash;
    uint32_t at;        /* offset of its wire form */
    uint32_t otherwise; /* wire for types it does not have: NODATA, or what its CNAME leads to */
    uint32_t any;       /* wire for ANY (RFC 8482) */
    uint32_t first_set; /* index or NONE: an empty non-terminal */
    uint8_t length;     /* bytes of its wire form */
    uint8_t zone;
};

struct locum_table_zone {
    uint8_t name[LOCUM_DNS_NAME_MAX]; /* wire form, lower case */
    uint8_t length;
    uint32_t nxdomain; /* wire */
};

struct locum_table {
    atomic_uint references;
    struct locum_table_zone zones[LOCUM_ZONES_MAX];
    size_t zone_count;
    uint32_t *slots; /* 1 + index of a name; 0: empty */
    size_t slot_mask;
    struct locum_table_name *names;
    size_t name_count, name_room;
    struct locum_table_set *sets;
    size_t set_count, set_room;
    struct locum_wire *wires;
    size_t wire_count, wire_room;
    uint8_t *bytes; /* names and bodies */
    size_t byte_count, byte_room;
    uint32_t chaos_version, chaos_host; /* wires: who answers, class CH */
};

/* What a question found. */
struct locum_found {
    const struct locum_wire *wire;       /* NULL: in no zone of ours */
    const struct locum_table_zone *zone; /* the longest that holds the name */
};

/* An empty table with room for `names_max` names and one reference; NULL: no memory. */
struct locum_table *locum_table_create(size_t names_max);

/* One more holder; NULL is fine. */
void locum_table_hold(struct locum_table *self);

/* One holder less; the last frees it. NULL is fine. */
void locum_table_release(struct locum_table *self);

/* Filling, before anybody else sees the table. All return 0 or LOCUM_ERR_MEMORY. */

/* Find or add a name (wire form, lower case); not more than names_max. */
int locum_table_name(struct locum_table *self, const uint8_t *name, size_t length, size_t zone,
                     uint32_t *ret_index) LOCUM_MUST_CHECK;

/* Copy `wire` with its body (both parts); `at` is set here. */
int locum_table_wire(struct locum_table *self, const struct locum_wire *wire, const uint8_t *body,
                     uint32_t *ret_index) LOCUM_MUST_CHECK;

/* Let a name answer a type with a wire. */
int locum_table_set(struct locum_table *self, uint32_t name, uint16_t type,
                    uint32_t wire) LOCUM_MUST_CHECK;

/* The name at this wire form, or NULL. */
struct locum_table_name *locum_table_find_name(const struct locum_table *self, const uint8_t *name,
                                               size_t length);

/* Look up a question of class IN. */
struct locum_found locum_table_find(const struct locum_table *self,
                                    const struct locum_question *question);

#endif
