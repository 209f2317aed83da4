/*
 * zone: configuration + plan -> the RRsets of one zone, as ldns holds them.
 *
 * In: a validated configuration, the plan, the serial. Out: SOA, NS, static records and the plan's
 * A and AAAA records, each RRset once. compile.c turns them into answers, locum_dns_zone_text()
 * into text. Only here does a node become an address. Main thread only: ldns' conversions to text
 * use static buffers.
 */
#ifndef LOCUM_DNS_ZONE_H
#define LOCUM_DNS_ZONE_H

#include <ldns/ldns.h>

#include "dns/dns.h"
#include "dns/table.h"

enum {
    LOCUM_NS_TTL_S = 3600,     /* of NS records and of static addresses of name servers */
    LOCUM_CNAME_CHAIN_MAX = 8, /* links inside a zone */
};

/* The TTL of a parsed record that has none in its text; never a valid TTL (RFC 2181 8). */
#define LOCUM_TTL_NONE UINT32_MAX

struct locum_rrset {
    ldns_rr_list *rrs; /* owned, not empty: one owner (lower case), type and TTL */
    bool rotate;       /* policy `all`: each answer begins with another record */
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
 * plan  a name with an empty answer does not exist.
 * ret   owned by the caller, who calls locum_zone_fini(); untouched on failure.
 * Returns 0, LOCUM_ERR_MEMORY, or LOCUM_ERR_INVALID (a static record that does not parse).
 */
int locum_zone_build(const struct locum_config *config, size_t zone, const struct locum_plan *plan,
                     uint32_t serial, struct locum_zone *ret) LOCUM_MUST_CHECK;

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

/* True if `name` is `apex` or below it. */
bool locum_zone_within(const ldns_rdf *name, const ldns_rdf *apex);

/*
 * Zones -> the answer table (compile.c).
 *
 * Writes every answer that the query path can give: positive ones per name and type, CNAMEs with
 * what they lead to inside the zone, NODATA, NXDOMAIN, ANY, NS with its glue, and the texts of
 * class CH. Only owners are compressed (as pointers into the question). Each answer is stored in
 * its exact size.
 *
 * zones       borrowed; at most LOCUM_ZONES_MAX, none inside another.
 * version     the text of version.bind and version.server (RFC 4892); cut after 255 bytes.
 * host        the text of hostname.bind and id.server; likewise. Its first LOCUM_NSID_MAX bytes are
 *             the server's identifier.
 * ret_table   the new table, with one reference, which is the caller's.
 * Returns 0, LOCUM_ERR_MEMORY, or LOCUM_ERR_SPACE (an answer that no TCP message could hold).
 */
int locum_zone_compile(const struct locum_zone *zones, size_t zone_count, const char *version,
                       const char *host, struct locum_dns_table **ret_table) LOCUM_MUST_CHECK;

#endif
