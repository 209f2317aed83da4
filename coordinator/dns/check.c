/* locum_zone_check(): what a zone of the configuration may not hold, and why. */
#include "dns/dns.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/error.h"
#include "dns/zone.h"

enum { TEXT_BYTES = 2 * LOCUM_STRING_MAX };

/* The configuration as wire forms. */
struct check {
    const struct locum_config *config;
    locum_problem_fn *report;
    void *user;
    bool failed;                                      /* a problem was reported */
    ldns_rdf *apexes[LOCUM_ZONES_MAX];                /* all there */
    ldns_rdf *names[LOCUM_NAMES_MAX];                 /* all there */
    ldns_rr *rrs[LOCUM_ZONES_MAX][LOCUM_RECORDS_MAX]; /* NULL where refused */
};

/* Report an error; its text is the strings up to the NULL. */
static __attribute__((sentinel)) void
complain(struct check *self, struct locum_position at, ...)
{
    char buffer[TEXT_BYTES];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    va_list parts;
    va_start(parts, at);
    for (const char *part = va_arg(parts, const char *); part != NULL;
         part = va_arg(parts, const char *)) {
        locum_text_add(&text, part);
    }
    va_end(parts);
    const struct locum_problem problem = {
        .severity = LOCUM_SEVERITY_ERROR, .file = self->config->path, .at = at, .text = buffer};
    self->report(self->user, &problem);
    self->failed = true;
}

#define COMPLAIN(self, ...) complain(self, __VA_ARGS__, (const char *)NULL)

/* The shared or owned name at `name`, or NULL. */
static const char *
plan_name(const struct check *self, const ldns_rdf *name)
{
    for (size_t i = 0; i < self->config->core.name_count; i++) {
        if (ldns_dname_compare(self->names[i], name) == 0) {
            return self->config->names[i].name;
        }
    }
    return NULL;
}

static bool
is_address(ldns_rr_type type)
{
    return type == LDNS_RR_TYPE_A || type == LDNS_RR_TYPE_AAAA;
}

/* Why no static record may have this type, or NULL. */
static const char *
type_refused(ldns_rr_type type, bool at_apex)
{
    if (type == 0 || type == LDNS_RR_TYPE_OPT || (type >= 128 && type <= 255)) {
        return "this type exists in questions only"; /* RFC 6895 3.1 */
    }
    switch (type) {
    case LDNS_RR_TYPE_SOA: return "the SOA is made from soa: write its values there";
    case LDNS_RR_TYPE_NS:
        return at_apex ? "the zone's name servers belong into ns"
                       : "delegations are not supported: serve that zone from elsewhere";
    case LDNS_RR_TYPE_DNAME: return "DNAME is not supported: write a CNAME for each name";
    case LDNS_RR_TYPE_SIG:
    case LDNS_RR_TYPE_KEY:
    case LDNS_RR_TYPE_NXT:
    case LDNS_RR_TYPE_DS:
    case LDNS_RR_TYPE_RRSIG:
    case LDNS_RR_TYPE_NSEC:
    case LDNS_RR_TYPE_DNSKEY:
    case LDNS_RR_TYPE_NSEC3:
    case LDNS_RR_TYPE_NSEC3PARAM:
    case LDNS_RR_TYPE_CDS:
    case LDNS_RR_TYPE_CDNSKEY: return "records of DNSSEC cannot be written by hand here";
    default: return NULL;
    }
}

/* A label "*" anywhere: an inner one makes a wildcard of the empty non-terminal (RFC 4592 4.2.1).
 */
static bool
has_wildcard(const ldns_rdf *name)
{
    const uint8_t *at = ldns_rdf_data(name);
    for (; at[0] != 0; at += 1 + at[0]) {
        if (at[0] == 1 && at[1] == '*') {
            return true;
        }
    }
    return false;
}

/* Why this record may not stand in its zone, whatever else does; NULL if it may. */
static const char *
record_refused(const struct check *self, size_t zone, const ldns_rr *rr)
{
    const ldns_rdf *owner = ldns_rr_owner(rr);
    const ldns_rr_type type = ldns_rr_get_type(rr);
    const bool at_apex = ldns_dname_compare(owner, self->apexes[zone]) == 0;
    if (ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN) {
        return "only class IN is served: leave the class out";
    }
    if (!locum_dname_within(owner, self->apexes[zone])) {
        return "its owner lies outside of the zone: owners are relative to the zone unless they "
               "end with a dot";
    }
    if (locum_zone_of(self->apexes, self->config->zone_count, owner) != zone) {
        return "its owner lies in a zone of its own, configured here too: write it there";
    }
    if (has_wildcard(owner)) {
        return "wildcards are not supported: write each name";
    }
    const char *why = type_refused(type, at_apex);
    const ldns_rr_descriptor *shape = ldns_rr_descript((uint16_t)type);
    if (why == NULL && ldns_rr_rd_count(rr) < ldns_rr_descriptor_minimum(shape)) {
        /* ldns takes any length after \# (RFC 3597 5), and stops at a CNAME without a target. */
        why = "its data are too short for its type";
    }
    if (why == NULL && type == LDNS_RR_TYPE_CNAME && at_apex) {
        why = "a CNAME cannot stand at the zone itself, beside SOA and NS (RFC 1034 3.6.2)";
    }
    if (why == NULL && plan_name(self, owner) != NULL &&
        (is_address(type) || type == LDNS_RR_TYPE_CNAME)) {
        why = "its owner is a shared or owned name, whose addresses are those of the nodes: remove "
              "the record, or take the name out of shared and owned";
    }
    return why;
}

/* Why these two cannot stand beside each other; NULL if they can. */
static const char *
pair_refused(const ldns_rr *a, const ldns_rr *b)
{
    if (ldns_dname_compare(ldns_rr_owner(a), ldns_rr_owner(b)) != 0) {
        return NULL;
    }
    const ldns_rr_type type = ldns_rr_get_type(a);
    if (type == LDNS_RR_TYPE_CNAME || ldns_rr_get_type(b) == LDNS_RR_TYPE_CNAME) {
        return "a CNAME must be the only record of its owner (RFC 1034 3.6.2)";
    }
    if (type != ldns_rr_get_type(b)) {
        return NULL;
    }
    if (ldns_rr_compare(a, b) == 0) {
        return "the same record is already there";
    }
    if (ldns_rr_ttl(a) != ldns_rr_ttl(b)) {
        return "another record of this owner and type has another TTL (RFC 2181 5.2)";
    }
    return NULL;
}

static int
check_record(struct check *self, size_t zone, size_t index)
{
    const struct locum_config_record *record = &self->config->zones[zone].records[index];
    const char *why = NULL;
    ldns_rr *rr = NULL;
    int status = LOCUM_ERR_INVALID;
    if (record->text[0] == ' ' || record->text[0] == '\t') {
        why = "it begins with a blank: write its owner first, @ for the zone itself";
    } else {
        status = locum_record_parse(record->text, self->apexes[zone], &rr, &why);
    }
    if (status == LOCUM_ERR_INVALID) {
        COMPLAIN(self, record->at, "record '", record->text, "': ", why,
                 "; it is written as in a zone file, e.g. 'www A 192.0.2.1' or "
                 "'@ CAA 0 issue \"letsencrypt.org\"'");
        return 0;
    }
    if (status != 0) {
        return status;
    }
    why = record_refused(self, zone, rr);
    for (size_t i = 0; i < index && why == NULL; i++) {
        why = self->rrs[zone][i] == NULL ? NULL : pair_refused(self->rrs[zone][i], rr);
    }
    if (why != NULL) {
        COMPLAIN(self, record->at, "record '", record->text, "': ", why);
        ldns_rr_free(rr);
        return 0;
    }
    self->rrs[zone][index] = rr;
    return 0;
}

/* The static record of this owner that is a CNAME, or (`address`) an address; NULL if none. */
static const ldns_rr *
find_record(const struct check *self, size_t zone, const ldns_rdf *owner, bool address)
{
    for (size_t i = 0; i < self->config->zones[zone].record_count; i++) {
        const ldns_rr *rr = self->rrs[zone][i];
        if (rr == NULL || ldns_dname_compare(ldns_rr_owner(rr), owner) != 0) {
            continue;
        }
        const ldns_rr_type type = ldns_rr_get_type(rr);
        if (address ? is_address(type) : type == LDNS_RR_TYPE_CNAME) {
            return rr;
        }
    }
    return NULL;
}

/* A chain of CNAMEs inside the zone must end, and soon. */
static void
check_chain(struct check *self, size_t zone, size_t index)
{
    const struct locum_config_record *record = &self->config->zones[zone].records[index];
    const ldns_rr *rr = self->rrs[zone][index];
    size_t links = 0;
    while (rr != NULL && ldns_rr_get_type(rr) == LDNS_RR_TYPE_CNAME) {
        if (++links > LOCUM_CNAME_CHAIN_MAX) {
            COMPLAIN(
                self, record->at, "record '", record->text,
                "': its chain of CNAMEs is a loop or longer than 8: point it at the last name");
            return;
        }
        rr = find_record(self, zone, ldns_rr_rdf(rr, 0), false);
    }
}

/* Name servers are static: they must answer for the plan, so they cannot depend on it. */
static void
check_ns(struct check *self, size_t zone, const char *text)
{
    const struct locum_position at = self->config->zones[zone].at;
    ldns_rdf *host = locum_dname_new(text);
    if (host == NULL) {
        COMPLAIN(self, at, "ns: '", text, "' is no domain name");
        return;
    }
    const size_t home = locum_zone_of(self->apexes, self->config->zone_count, host);
    if (plan_name(self, host) != NULL) {
        COMPLAIN(self, at, "ns: ", text,
                 " is a shared or owned name: a name server must keep its own address whatever "
                 "fails; use a name of its own, e.g. one in the parent zone");
    } else if (home < self->config->zone_count && find_record(self, home, host, false) != NULL) {
        COMPLAIN(self, at, "ns: ", text,
                 " is a CNAME, which a name server must not be (RFC 2181 "
                 "10.3): write its addresses into records");
    } else if (home < self->config->zone_count && find_record(self, home, host, true) == NULL) {
        COMPLAIN(self, at, "ns: ", text, " lies in zone ", self->config->zones[home].name,
                 " and has no address there: write '", text,
                 " A ADDRESS' into its records, or name a host outside");
    }
    ldns_rdf_deep_free(host);
}

/* Wire forms of all apexes and plan names; a name that has none is a problem of its own. */
static void
read_names(struct check *self)
{
    const struct locum_config *config = self->config;
    for (size_t i = 0; i < config->zone_count; i++) {
        self->apexes[i] = locum_dname_new(config->zones[i].name);
        if (self->apexes[i] == NULL) {
            COMPLAIN(self, config->zones[i].at, "zone '", config->zones[i].name,
                     "' is no domain name");
        }
    }
    for (size_t i = 0; i < config->core.name_count; i++) {
        self->names[i] = locum_dname_new(config->names[i].name);
        if (self->names[i] == NULL) {
            COMPLAIN(self, config->zones[config->names[i].zone].at, "name '", config->names[i].name,
                     "' is no domain name");
        }
    }
}

static void
check_names(struct check *self)
{
    const struct locum_config *config = self->config;
    for (size_t i = 0; i < config->core.name_count; i++) {
        const size_t zone = config->names[i].zone;
        const size_t home = locum_zone_of(self->apexes, config->zone_count, self->names[i]);
        if (home != zone) {
            COMPLAIN(self, config->zones[zone].at, "name ", config->names[i].name,
                     " does not belong into zone ", config->zones[zone].name,
                     home < config->zone_count ? " but into the zone of its own configured here"
                                               : ": it lies outside of it");
        } else if (has_wildcard(self->names[i])) {
            COMPLAIN(self, config->zones[zone].at, "name ", config->names[i].name,
                     " is a wildcard, which is not supported");
        }
    }
}

static int
check_zones(struct check *self)
{
    const struct locum_config *config = self->config;
    int status = 0;
    for (size_t zone = 0; zone < config->zone_count; zone++) {
        for (size_t i = 0; i < config->zones[zone].record_count && status == 0; i++) {
            status = check_record(self, zone, i);
        }
    }
    for (size_t zone = 0; zone < config->zone_count && status == 0; zone++) {
        for (size_t i = 0; i < config->zones[zone].record_count; i++) {
            check_chain(self, zone, i);
        }
        for (size_t i = 0; i < config->zones[zone].ns_count; i++) {
            check_ns(self, zone, config->zones[zone].ns[i]);
        }
    }
    return status;
}

int
locum_zone_check(const struct locum_config *config, locum_problem_fn *report, void *user)
{
    struct check *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    self->config = config;
    self->report = report;
    self->user = user;
    int status = 0;
    read_names(self);
    if (!self->failed) {
        check_names(self);
        status = check_zones(self);
    }
    if (status == 0 && self->failed) {
        status = LOCUM_ERR_INVALID;
    }
    for (size_t i = 0; i < config->core.name_count; i++) {
        ldns_rdf_deep_free(self->names[i]);
    }
    for (size_t i = 0; i < config->zone_count; i++) {
        ldns_rdf_deep_free(self->apexes[i]);
        for (size_t j = 0; j < config->zones[i].record_count; j++) {
            ldns_rr_free(self->rrs[i][j]);
        }
    }
    free(self);
    return status;
}
