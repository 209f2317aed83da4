/*
 * zone: configuration + plan -> the RRsets of one zone, as ldns holds them.
 *
 * In: a validated configuration, the plan, values of ACME challenges, the serial. Out: SOA, NS,
 * static records, the TXT records of acme.persist and of challenges, and the plan's A, AAAA and
 * HTTPS records, each RRset once. compile.c
 * turns them into answers, locum_dns_zone_text() into text. Main thread only: ldns' conversions to
 * text use static buffers.
 */
#ifndef LOCUM_DNS_ZONE_H
#define LOCUM_DNS_ZONE_H

#include <ldns/ldns.h>

#include "dns/challenges.h"
#include "dns/dns.h"
#include "dns/table.h"

enum {
    LOCUM_NS_TTL_S = 3600, /* of NS and DS records and of static addresses of name servers */
    /* Of all records of one owner and type: what a TCP message holds after header and question and
     * before the OPT record. */
    LOCUM_ZONE_SET_BYTES_MAX =
        65535 - LOCUM_DNS_HEADER_BYTES - LOCUM_DNS_NAME_MAX - 4 - LOCUM_EDNS_BYTES_MAX,
};

/* The TTL of a parsed record that has none in its text; never a valid TTL (RFC 2181 8). */
#define LOCUM_TTL_NONE UINT32_MAX

struct locum_rrset {
    ldns_rr_list *rrs; /* owned, not empty: one owner (lower case), type and TTL */
    /* 1 + the name of the configuration whose challenges these are; 0: of none. */
    size_t challenge_of;
};

struct locum_zone {
    ldns_rdf *apex; /* owned, lower case */
    struct locum_rrset *sets;
    size_t set_count, set_room;
    uint32_t *slots; /* by owner and type: 1 + index of a set; 0: empty */
    size_t slot_mask;
    uint32_t negative_ttl_s; /* min(SOA TTL, MINIMUM), RFC 2308 5 */
};

/*
 * Build zone number `zone` of the configuration.
 *
 * plan     NULL: without the addresses of shared and owned names.
 * answers  of challenges; NULL: there are none, only placeholders.
 * ret   owned by the caller, who calls locum_zone_fini(); untouched on failure.
 * Returns 0, LOCUM_ERR_MEMORY, or LOCUM_ERR_INVALID (a static record that does not parse).
 */
int locum_zone_build(const struct locum_config *config, size_t zone, const struct locum_plan *plan,
                     const struct locum_challenge_answers *answers, uint32_t serial,
                     struct locum_zone *ret) LOCUM_MUST_CHECK;

/* Free what a zone holds. */
void locum_zone_fini(struct locum_zone *self);

/* The RRset of this owner (lower case) and type, or NULL. */
struct locum_rrset *locum_zone_find(const struct locum_zone *self, const ldns_rdf *owner,
                                    ldns_rr_type type);

/* The first record of an RRset: owner, type and TTL are the same in all of them. */
const ldns_rr *locum_zone_first(const struct locum_rrset *self);

/*
 * Parse one record in zone-file syntax (RFC 1035 5.1); relative names are completed with `apex`.
 *
 * ret_rr   owned by the caller; its owner is in lower case, its TTL LOCUM_TTL_NONE if `text` has
 *          none.
 * ret_why  set on LOCUM_ERR_INVALID only: the reason, a static text.
 * Returns 0, LOCUM_ERR_MEMORY or LOCUM_ERR_INVALID.
 */
int locum_zone_parse_record(const char *text, const ldns_rdf *apex, ldns_rr **ret_rr,
                            const char **ret_why) LOCUM_MUST_CHECK;

/* The wire form of a valid name, in lower case; freed by the caller. NULL: out of memory. */
ldns_rdf *locum_zone_dname(const char *text);

/* The same as the look-up needs it (packet.h). 0 or LOCUM_ERR_MEMORY. */
int locum_zone_name(const char *text, struct locum_wire_name *ret) LOCUM_MUST_CHECK;

/* Read a name that ldns has parsed. */
void locum_zone_read_name(const ldns_rdf *from, struct locum_wire_name *ret);

/* The length of a record's data on the wire. */
size_t locum_zone_data_length(const ldns_rr *rr);

/* Append records as text. 0 or LOCUM_ERR_MEMORY. */
int locum_zone_add_text(ldns_buffer *text, const ldns_rr_list *rrs) LOCUM_MUST_CHECK;

/* Write a record whose owner is a pointer (names.h). Returns its length. */
size_t locum_zone_put_record(const ldns_rr *rr, uint16_t owner, uint32_t ttl_s, uint8_t *to);

/* True if `name` is `apex` or below it. */
bool locum_zone_within(const ldns_rdf *name, const ldns_rdf *apex);

#endif
