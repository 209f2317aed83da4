#include "dns/zone.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum {
    /* What a TCP message can hold after header and question and before the OPT record. */
    BODY_BYTES_MAX = 65535 - LOCUM_DNS_HEADER_BYTES - LOCUM_DNS_NAME_MAX - 4 - LOCUM_EDNS_BYTES_MAX,
    POINTER = 0xc000,     /* RFC 1035 4.1.4 */
    RR_FIXED_BYTES = 12,  /* pointer, type, class, TTL, RDLENGTH */
    POINTED_MAX = 0x3fff, /* a pointer has 14 bits of offset */
};

/* One answer under construction. */
struct draft {
    struct locum_wire wire;
    size_t base;   /* offset of the body in the message; 0: one body for many questions */
    size_t length; /* bytes of `body` in use */
    bool overflow; /* something did not fit or cannot be pointed at */
    uint8_t body[BODY_BYTES_MAX];
};

struct compiler {
    struct locum_dns_table *table;
    const struct locum_zone *zones;   /* borrowed */
    uint32_t nodata[LOCUM_ZONES_MAX]; /* wire of each zone's NODATA answer */
    struct draft draft;
};

static void
draft_begin(struct draft *self, size_t name_length)
{
    self->wire = (struct locum_wire){.apex_at = LOCUM_WIRE_NO_APEX};
    self->base = name_length == 0 ? 0 : LOCUM_DNS_HEADER_BYTES + name_length + 4;
    self->length = 0;
    self->overflow = false;
}

static void
put_bytes(struct draft *self, const uint8_t *bytes, size_t length)
{
    if (length > sizeof(self->body) - self->length) {
        self->overflow = true;
        return;
    }
    memcpy(self->body + self->length, bytes, length);
    self->length += length;
}

/* What comes before the data of a record; owner: offset in the message that its owner points to. */
static void
put_fixed(struct draft *self, size_t owner, size_t type, size_t class, uint32_t ttl_s,
          size_t length)
{
    const size_t values[] = {POINTER | owner, type, class, ttl_s >> 16, ttl_s & 0xffff, length};
    self->overflow = self->overflow || owner > POINTED_MAX;
    for (size_t i = 0; i < LOCUM_COUNT(values); i++) {
        uint8_t bytes[2];
        locum_packet_put_u16(bytes, (uint16_t)values[i]);
        put_bytes(self, bytes, sizeof(bytes));
    }
}

static void
put_rr(struct draft *self, const ldns_rr *rr, size_t owner, uint32_t ttl_s)
{
    size_t length = 0;
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        length += ldns_rdf_size(ldns_rr_rdf(rr, i));
    }
    put_fixed(self, owner, ldns_rr_get_type(rr), ldns_rr_get_class(rr), ttl_s, length);
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        const ldns_rdf *rdf = ldns_rr_rdf(rr, i);
        put_bytes(self, ldns_rdf_data(rdf), ldns_rdf_size(rdf));
    }
}

/* An RRset in the answer section. */
static void
put_set(struct draft *self, const struct locum_rrset *set, size_t owner)
{
    const size_t count = ldns_rr_list_rr_count(set->rrs);
    const size_t start = self->length;
    for (size_t i = 0; i < count; i++) {
        put_rr(self, ldns_rr_list_rr(set->rrs, i), owner, ldns_rr_ttl(locum_zone_first(set)));
    }
    self->wire.answer_count = (uint16_t)(self->wire.answer_count + count);
    if (set->rotate && count > 1) {
        self->wire.rotate_at = (uint16_t)start;
        self->wire.rotate_bytes = (uint16_t)((self->length - start) / count);
        self->wire.rotate_count = (uint16_t)count;
    }
}

/* The SOA in the authority section (RFC 2308 2); the query path fills in its owner. */
static void
put_negative(struct draft *self, const struct locum_zone *zone, uint8_t rcode)
{
    const struct locum_rrset *soa = locum_zone_find(zone, zone->apex, LDNS_RR_TYPE_SOA);
    self->wire.rcode = rcode;
    self->wire.apex_at = (uint16_t)self->length;
    self->wire.authority_count = 1;
    put_rr(self, locum_zone_first(soa), 0, zone->negative_ttl_s);
}

/* The additional section of an NS RRset: the addresses that this zone has for its hosts. */
static void
put_glue(struct draft *self, const struct locum_zone *zone, const struct locum_rrset *ns)
{
    static const ldns_rr_type types[] = {LDNS_RR_TYPE_A, LDNS_RR_TYPE_AAAA};
    size_t at = self->base; /* offset of the NS record in the message */
    for (size_t i = 0; i < ldns_rr_list_rr_count(ns->rrs); i++) {
        const ldns_rdf *host = ldns_rr_rdf(ldns_rr_list_rr(ns->rrs, i), 0);
        for (size_t t = 0; t < LOCUM_COUNT(types); t++) {
            const struct locum_rrset *set = locum_zone_find(zone, host, types[t]);
            const size_t count = set == NULL ? 0 : ldns_rr_list_rr_count(set->rrs);
            for (size_t j = 0; j < count; j++) {
                put_rr(self, ldns_rr_list_rr(set->rrs, j), at + RR_FIXED_BYTES,
                       ldns_rr_ttl(locum_zone_first(set)));
                self->wire.extra_count++;
            }
        }
        at += RR_FIXED_BYTES + ldns_rdf_size(host);
    }
}

/* Store the draft, whose answer and authority sections are its first `length` bytes. */
static int
draft_end(struct compiler *self, size_t length, uint32_t *ret_wire)
{
    struct draft *draft = &self->draft;
    if (draft->overflow) {
        return LOCUM_ERR_SPACE;
    }
    draft->wire.length = (uint16_t)length;
    draft->wire.extra_length = (uint16_t)(draft->length - length);
    return locum_dns_table_wire(self->table, &draft->wire, draft->body, ret_wire);
}

/* Store the draft as the answer of a name to the type of an RRset. */
static int
draft_end_set(struct compiler *self, size_t length, struct locum_dns_table_name *name,
              const struct locum_rrset *set)
{
    uint32_t wire;
    const int status = draft_end(self, length, &wire);
    const ldns_rr_type type = ldns_rr_get_type(locum_zone_first(set));
    return status != 0 ? status : locum_dns_table_set(self->table, name, (uint16_t)type, wire);
}

/* Add all owners and the names between them and the apex, which exist too (RFC 8020, RFC 4592). */
static int
add_owners(struct compiler *self, size_t zone)
{
    const size_t apex_length = ldns_rdf_size(self->zones[zone].apex);
    int status = 0;
    for (size_t i = 0; i < self->zones[zone].set_count; i++) {
        const ldns_rdf *owner = ldns_rr_owner(locum_zone_first(&self->zones[zone].sets[i]));
        const uint8_t *name = ldns_rdf_data(owner);
        size_t length = ldns_rdf_size(owner);
        for (; length >= apex_length && status == 0; length -= 1u + name[0], name += 1u + name[0]) {
            status = locum_dns_table_add_name(self->table, name, length, zone);
        }
    }
    return status;
}

/* The entry of a name that add_owners() has added, or NULL. */
static struct locum_dns_table_name *
find_name(const struct compiler *self, const ldns_rdf *name)
{
    return locum_dns_table_find_name(self->table, ldns_rdf_data(name), ldns_rdf_size(name));
}

/* NODATA and NXDOMAIN: one body each for all names of the zone. */
static int
compile_negatives(struct compiler *self, size_t zone)
{
    static const uint8_t rcodes[] = {LOCUM_RCODE_NOERROR, LOCUM_RCODE_NXDOMAIN};
    uint32_t *const rets[] = {&self->nodata[zone], &self->table->zones[zone].nxdomain};
    int status = 0;
    for (size_t i = 0; i < LOCUM_COUNT(rcodes) && status == 0; i++) {
        draft_begin(&self->draft, 0);
        put_negative(&self->draft, &self->zones[zone], rcodes[i]);
        status = draft_end(self, self->draft.length, rets[i]);
    }
    return status;
}

static int
compile_set(struct compiler *self, size_t zone, const struct locum_rrset *set)
{
    const ldns_rdf *owner = ldns_rr_owner(locum_zone_first(set));
    draft_begin(&self->draft, ldns_rdf_size(owner));
    put_set(&self->draft, set, LOCUM_DNS_HEADER_BYTES);
    const size_t length = self->draft.length;
    if (ldns_rr_get_type(locum_zone_first(set)) == LDNS_RR_TYPE_NS) {
        put_glue(&self->draft, &self->zones[zone], set);
    }
    return draft_end_set(self, length, find_name(self, owner), set);
}

/* The CNAMEs that follow each other in a zone. */
struct chain {
    const struct locum_rrset *links[LOCUM_CNAME_CHAIN_MAX];
    size_t count;
    ldns_rdf *end; /* the last target, lower case; owned; NULL: out of memory */
    bool inside;   /* the end is a name of this zone without a CNAME, or does not exist in it */
};

static struct chain
follow(const struct compiler *self, size_t zone, const struct locum_rrset *first)
{
    struct chain chain = {.links = {first}, .count = 1};
    for (;;) {
        ldns_rdf_deep_free(chain.end);
        const struct locum_rrset *last = chain.links[chain.count - 1];
        chain.end = ldns_rdf_clone(ldns_rr_rdf(locum_zone_first(last), 0));
        if (chain.end == NULL) {
            return chain;
        }
        ldns_dname2canonical(chain.end);
        if (!locum_zone_within(chain.end, self->zones[zone].apex)) {
            return chain;
        }
        const struct locum_rrset *next =
            locum_zone_find(&self->zones[zone], chain.end, LDNS_RR_TYPE_CNAME);
        if (next == NULL) {
            chain.inside = true;
            return chain;
        }
        if (chain.count == LOCUM_CNAME_CHAIN_MAX) {
            return chain; /* the resolver asks for the rest (locum_dns_check() allows no more) */
        }
        chain.links[chain.count++] = next;
    }
}

/* The first `count` links, each owned by the target of the one before; the offset of the last. */
static size_t
put_chain(struct draft *self, const struct chain *chain, size_t name_length, size_t count)
{
    size_t owner = LOCUM_DNS_HEADER_BYTES;
    draft_begin(self, name_length);
    for (size_t i = 0; i < count; i++) {
        const size_t next = self->base + self->length + RR_FIXED_BYTES;
        put_set(self, chain->links[i], owner);
        owner = next;
    }
    return owner;
}

/* For each RRset of the chain's end: the whole chain, then that RRset. */
static int
compile_chain_sets(struct compiler *self, size_t zone, const struct chain *chain,
                   struct locum_dns_table_name *name)
{
    int status = 0;
    for (size_t i = 0; i < self->zones[zone].set_count && status == 0; i++) {
        const struct locum_rrset *set = &self->zones[zone].sets[i];
        if (ldns_dname_compare(ldns_rr_owner(locum_zone_first(set)), chain->end) != 0) {
            continue;
        }
        const size_t owner = put_chain(&self->draft, chain, name->length, chain->count);
        put_set(&self->draft, set, owner);
        status = draft_end_set(self, self->draft.length, name, set);
    }
    return status;
}

/* All answers of a name that has a CNAME (RFC 1034 4.3.2 3a); the rcode is that of the end of the
 * chain (RFC 6604 2.1). */
static int
compile_cname(struct compiler *self, size_t zone, const struct locum_rrset *set)
{
    struct locum_dns_table_name *name = find_name(self, ldns_rr_owner(locum_zone_first(set)));
    struct chain chain = follow(self, zone, set);
    if (chain.end == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    put_chain(&self->draft, &chain, name->length, 1);
    int status = draft_end(self, self->draft.length, &name->any);
    if (status == 0) {
        status = locum_dns_table_set(self->table, name, LOCUM_TYPE_CNAME, name->any);
    }
    if (status == 0 && chain.inside) {
        status = compile_chain_sets(self, zone, &chain, name);
    }
    if (status == 0) {
        put_chain(&self->draft, &chain, name->length, chain.count);
        if (chain.inside) {
            const bool exists = find_name(self, chain.end) != NULL;
            put_negative(&self->draft, &self->zones[zone],
                         exists ? LOCUM_RCODE_NOERROR : LOCUM_RCODE_NXDOMAIN);
        }
        status = draft_end(self, self->draft.length, &name->otherwise);
    }
    ldns_rdf_deep_free(chain.end);
    return status;
}

/* Names without a CNAME: NODATA for types they do not have; the answer to ANY is the RRset of the
 * lowest type (RFC 8482 4.1). */
static void
complete_names(struct compiler *self)
{
    for (size_t i = 0; i < self->table->name_count; i++) {
        struct locum_dns_table_name *name = &self->table->names[i];
        if (name->otherwise == LOCUM_DNS_NONE) {
            name->otherwise = self->nodata[name->zone];
        }
        if (name->any != LOCUM_DNS_NONE) {
            continue;
        }
        name->any = name->otherwise;
        uint16_t lowest = UINT16_MAX;
        for (uint32_t s = name->first_set; s != LOCUM_DNS_NONE; s = self->table->sets[s].next) {
            if (self->table->sets[s].type < lowest) {
                lowest = self->table->sets[s].type;
                name->any = self->table->sets[s].wire;
            }
        }
    }
}

static int
compile_zone(struct compiler *self, size_t zone)
{
    struct locum_dns_table_zone *entry = &self->table->zones[zone];
    entry->length = (uint8_t)ldns_rdf_size(self->zones[zone].apex);
    memcpy(entry->name, ldns_rdf_data(self->zones[zone].apex), entry->length);
    int status = compile_negatives(self, zone);
    for (size_t i = 0; i < self->zones[zone].set_count && status == 0; i++) {
        const struct locum_rrset *set = &self->zones[zone].sets[i];
        status = ldns_rr_get_type(locum_zone_first(set)) == LDNS_RR_TYPE_CNAME
                     ? compile_cname(self, zone, set)
                     : compile_set(self, zone, set);
    }
    return status;
}

/* A TXT record of class CH with one string (RFC 4892). */
static int
compile_chaos(struct compiler *self, const char *text, uint32_t *ret_wire)
{
    struct draft *draft = &self->draft;
    const size_t length = strnlen(text, 255);
    draft_begin(draft, 0);
    put_fixed(draft, LOCUM_DNS_HEADER_BYTES, LOCUM_TYPE_TXT, LOCUM_CLASS_CH, 0, length + 1);
    put_bytes(draft, (const uint8_t[]){(uint8_t)length}, 1);
    put_bytes(draft, (const uint8_t *)text, length);
    draft->wire.answer_count = 1;
    return draft_end(self, draft->length, ret_wire);
}

/* An upper limit of names in the table: each owner and each name between it and the apex. */
static size_t
count_names(const struct locum_zone *zones, size_t zone_count)
{
    size_t count = 0;
    for (size_t i = 0; i < zone_count; i++) {
        for (size_t j = 0; j < zones[i].set_count; j++) {
            const ldns_rdf *owner = ldns_rr_owner(locum_zone_first(&zones[i].sets[j]));
            count += 1u + ldns_dname_label_count(owner) - ldns_dname_label_count(zones[i].apex);
        }
    }
    return count;
}

int
locum_zone_compile(const struct locum_zone *zones, size_t zone_count, const char *version,
                   const char *host, struct locum_dns_table **ret_table)
{
    LOCUM_INVARIANT(zone_count <= LOCUM_ZONES_MAX);
    struct compiler *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    int status = LOCUM_ERR_MEMORY;
    self->table = locum_dns_table_create(count_names(zones, zone_count));
    if (self->table == NULL) {
        goto out;
    }
    self->zones = zones;
    self->table->zone_count = zone_count;
    self->table->nsid_length = strnlen(host, LOCUM_NSID_MAX);
    memcpy(self->table->nsid, host, self->table->nsid_length);
    status = compile_chaos(self, version, &self->table->chaos_version);
    if (status == 0) {
        status = compile_chaos(self, host, &self->table->chaos_host);
    }
    for (size_t i = 0; i < zone_count && status == 0; i++) {
        status = add_owners(self, i);
    }
    for (size_t i = 0; i < zone_count && status == 0; i++) {
        status = compile_zone(self, i);
    }
    if (status == 0) {
        complete_names(self);
        *ret_table = self->table;
        self->table = NULL;
    }
out:
    locum_dns_table_release(self->table);
    free(self);
    return status;
}
