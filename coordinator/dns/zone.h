/*
 * zone: configuration + plan -> the RRsets of one zone, as ldns holds them.
 *
 * In: a validated configuration, the plan, the serial. Out: SOA, NS, static records and the plan's
 * A and AAAA, each RRset once; compile/ turns them into answers, locum_zone_text() into text. This
 * is the one place where nodes become addresses. Main thread only: ldns is not asked for more.
 */
#ifndef LOCUM_DNS_ZONE_H
#define LOCUM_DNS_ZONE_H

#include <ldns/ldns.h>

#include "dns/dns.h"

enum {
    LOCUM_NS_TTL_S = 3600,     /* of NS records, and of static addresses of their hosts */
    LOCUM_CNAME_CHAIN_MAX = 8, /* links inside a zone */
};

/* What a static record without a TTL is parsed with; no legal TTL (RFC 2181 8). */
#define LOCUM_TTL_NONE UINT32_MAX

struct locum_rrset {
    ldns_rr_list *rrs; /* owned; never empty; one owner, type and TTL; owners in lower case */
    bool rotate;       /* policy `all`: another record comes first in each answer */
};

struct locum_zone {
    ldns_rdf *apex; /* owned, lower case */
    struct locum_rrset *sets;
    size_t set_count, set_room;
    uint32_t negative_ttl_s; /* min(SOA TTL, MINIMUM), RFC 2308 5 */
};

/*
 * Build zone number `zone` of the configuration.
 *
 * plan  names with an empty answer do not exist.
 * ret   owned by the caller, locum_zone_fini(); untouched on failure.
 * Returns 0, LOCUM_ERR_MEMORY, or LOCUM_ERR_INVALID (a name or record that does not parse).
 */
int locum_zone_build(const struct locum_config *config, size_t zone, const struct locum_plan *plan,
                     uint32_t serial, struct locum_zone *ret) LOCUM_MUST_CHECK;

void locum_zone_fini(struct locum_zone *self);

/* The RRset of this owner (lower case) and type, or NULL. */
struct locum_rrset *locum_zone_find(const struct locum_zone *self, const ldns_rdf *owner,
                                    ldns_rr_type type);

/* Owner, type and TTL of an RRset. */
const ldns_rdf *locum_rrset_owner(const struct locum_rrset *self);
ldns_rr_type locum_rrset_type(const struct locum_rrset *self);
uint32_t locum_rrset_ttl(const struct locum_rrset *self);

/*
 * Parse one static record of zone-file syntax; names are relative to `apex`.
 *
 * ret_rr     owned by the caller; its owner is in lower case, its TTL LOCUM_TTL_NONE if none is
 *            written.
 * ret_why    what we or ldns hold against it; static; set on LOCUM_ERR_INVALID only; may be NULL.
 */
int locum_record_parse(const char *text, const ldns_rdf *apex, ldns_rr **ret_rr,
                       const char **ret_why) LOCUM_MUST_CHECK;

/* The wire form of a name, in lower case; freed by the caller. NULL: no name, or no memory. */
ldns_rdf *locum_dname_new(const char *text);

/* True if `name` is `apex` or below it. */
bool locum_dname_within(const ldns_rdf *name, const ldns_rdf *apex);

/* The zone of the configuration that holds this name: the longest match; zone_count if none. */
size_t locum_zone_of(ldns_rdf *const *apexes, size_t count, const ldns_rdf *name);

#endif
