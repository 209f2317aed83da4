/* The rules of name servers: which of them need an address here, and which delegations have none.
 */
#include "dns/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { DEPTH_MAX = 64 }; /* delegations that need each other's hosts; resolvers follow fewer */

static bool
has_address(const struct check *self, uint32_t name)
{
    return locum_check_find(self, name, LDNS_RR_TYPE_A) != NULL ||
           locum_check_find(self, name, LDNS_RR_TYPE_AAAA) != NULL;
}

/*
 * Why a name server cannot have this name; "": it needs an address here and has none; NULL: it can.
 *
 * cut  the delegation; NULL: the zone itself.
 */
static const char *
host_refused(const struct check *self, const struct locum_wire_name *host,
             const struct locum_dns_name *cut)
{
    const struct locum_dns_match match = locum_check_resolve(self, host);
    const uint32_t exact = locum_dns_names_index(self->names, host);
    if (match.kind == LOCUM_MATCH_NONE || has_address(self, exact)) {
        return NULL;
    }
    if ((match.kind == LOCUM_MATCH_EXACT || match.kind == LOCUM_MATCH_WILDCARD) &&
        self->moves[locum_check_index(self, match.name)]) {
        return "is a shared or owned name, which moves at a failover: use a name whose address "
               "stays the same";
    }
    if (locum_check_find(self, exact, LDNS_RR_TYPE_CNAME) != NULL) {
        return "is a CNAME, which a name server must not be (RFC 2181 10.3): replace it by address "
               "records";
    }
    if (match.kind == LOCUM_MATCH_CUT && match.name != cut) {
        return NULL; /* that zone has its addresses */
    }
    return match.kind == LOCUM_MATCH_WILDCARD &&
                   has_address(self, locum_check_index(self, match.name))
               ? NULL
               : "";
}

/* The host of a delegation needs an address where only this zone can have it. */
static void
check_delegation(struct check *self, const struct check_record *record)
{
    struct locum_wire_name host;
    locum_zone_read_name(ldns_rr_rdf(record->rr, 0), &host);
    const char *why = host_refused(self, &host, locum_check_owner(self, record));
    const struct locum_check_shown shown = locum_check_show(host.bytes);
    if (why != NULL && why[0] != '\0') {
        locum_problems_error(&self->problems, record->from->at, RECORD "%s %s", record->from->text,
                             shown.text, why);
    } else if (why != NULL) {
        locum_problems_error(&self->problems, record->from->at,
                             RECORD "%s has no address here: add '%s. A ADDRESS' to the records",
                             record->from->text, shown.text, shown.text);
    }
}

/* A name server in a zone of this configuration needs an address there, and no CNAME. */
static int
check_ns(struct check *self, size_t zone, const char *text)
{
    const struct locum_position at = self->config->zones[zone].at;
    struct locum_wire_name host;
    if (locum_zone_name(text, &host) != 0) {
        return LOCUM_ERR_MEMORY;
    }
    const char *why = host_refused(self, &host, NULL);
    const struct locum_dns_match match = locum_check_resolve(self, &host);
    if (why != NULL && why[0] != '\0') {
        locum_problems_error(&self->problems, at, "ns: %s %s", text, why);
    } else if (why != NULL) {
        locum_problems_error(&self->problems, at,
                             "ns: %s is in zone %s but has no address: add '%s A ADDRESS' to its "
                             "records, or use a host outside the zone",
                             text, self->config->zones[match.name->zone].name, text);
    }
    return 0;
}

/* Can a resolver find this host without the delegations that are not found yet? */
static bool
host_found(const struct check *self, const ldns_rr *ns, const bool *found)
{
    struct locum_wire_name host;
    locum_zone_read_name(ldns_rr_rdf(ns, 0), &host);
    const struct locum_dns_match match = locum_check_resolve(self, &host);
    return match.kind != LOCUM_MATCH_CUT ||
           has_address(self, locum_dns_names_index(self->names, &host)) ||
           found[locum_check_index(self, match.name)];
}

/* Is this an NS record? Those of the apex are not static, so it is one of a delegation. */
static bool
is_delegation(const struct check *self, size_t record)
{
    const ldns_rr *rr = self->records[record].rr;
    return rr != NULL && locum_check_type(rr) == LDNS_RR_TYPE_NS;
}

/* Delegations whose hosts are all below each other, without glue, lead nowhere. */
static int
check_cycles(struct check *self)
{
    bool *found = calloc(self->names->name_count + 1, sizeof(*found));
    bool more = true;
    if (found == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    for (size_t depth = 0; depth < DEPTH_MAX && more; depth++) {
        more = false;
        for (size_t i = 0; i < self->record_count; i++) {
            const struct check_record *record = &self->records[i];
            if (is_delegation(self, i) && !found[record->name] &&
                host_found(self, record->rr, found)) {
                found[record->name] = more = true;
            }
        }
    }
    for (size_t i = 0; i < self->record_count; i++) {
        struct check_record *record = &self->records[i];
        if (is_delegation(self, i) && !found[record->name]) {
            locum_problems_error(
                &self->problems, record->from->at,
                RECORD "the name servers of %s are all below delegations that need "
                       "each other: add the address of one to the records",
                record->from->text, locum_check_show(locum_check_owner(self, record)->wire).text);
        }
    }
    free(found);
    return 0;
}

int
locum_check_hosts(struct check *self)
{
    int status = 0;
    const size_t errors = self->problems.error_count;
    for (size_t i = 0; i < self->record_count; i++) {
        if (is_delegation(self, i)) {
            check_delegation(self, &self->records[i]);
        }
    }
    for (size_t zone = 0; zone < self->config->zone_count; zone++) {
        for (size_t i = 0; i < self->config->zones[zone].ns_count && status == 0; i++) {
            status = check_ns(self, zone, self->config->zones[zone].ns[i]);
        }
    }
    /* A host without an address is reported once, not as a cycle too. */
    return status == 0 && self->problems.error_count == errors ? check_cycles(self) : status;
}
