/*
 * locum_dns_check(): the checks of static records and name servers that need ldns.
 * locum_config_load() has already checked the rest: every name is a valid domain name of its zone,
 * no zone lies in another, and no name server is a name that the nodes share or own.
 */
#include "dns/dns.h"

#include <stdlib.h>

#include "base/error.h"
#include "dns/check.h"
#include "dns/check_acme.h"
#include "dns/signer.h"

/* Why no static record may have this type, or NULL. */
static const char *
type_refused(uint16_t type, bool at_apex)
{
    if (type == 0 || type == LDNS_RR_TYPE_OPT || (type >= 128 && type <= 255)) {
        return "this type is for questions only"; /* RFC 6895 3.1 */
    }
    switch (type) {
    case LDNS_RR_TYPE_SOA: return "the SOA record is made from soa: change its values there";
    case LDNS_RR_TYPE_NS: return at_apex ? "list the zone's name servers in ns" : NULL;
    case LDNS_RR_TYPE_DS: return at_apex ? "the DS of a zone belongs in its parent" : NULL;
    case LDNS_RR_TYPE_SIG:
    case LDNS_RR_TYPE_KEY:
    case LDNS_RR_TYPE_NXT:
    case LDNS_RR_TYPE_RRSIG:
    case LDNS_RR_TYPE_NSEC:
    case LDNS_RR_TYPE_DNSKEY:
    case LDNS_RR_TYPE_NSEC3:
    case LDNS_RR_TYPE_NSEC3PARAM:
    case LDNS_RR_TYPE_CDS:
    case LDNS_RR_TYPE_CDNSKEY: return "DNSSEC records cannot be static, except DS";
    default: return NULL;
    }
}

/* Why this record is refused whatever the other records are, or NULL. */
static const char *
record_refused(const ldns_rr *rr, const ldns_rdf *apex)
{
    const ldns_rdf *owner = ldns_rr_owner(rr);
    const uint16_t type = locum_check_type(rr);
    const bool at_apex = ldns_dname_compare(owner, apex) == 0;
    if (ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN) {
        return "only class IN is served: remove the class";
    }
    if (!locum_zone_within(owner, apex)) {
        return "its owner is outside the zone: a name that ends with a dot is absolute, all others "
               "are relative to the zone";
    }
    const char *why = type_refused(type, at_apex);
    if (why == NULL && ldns_rr_rd_count(rr) < ldns_rr_descriptor_minimum(ldns_rr_descript(type))) {
        /* ldns accepts any length after \# (RFC 3597 5) and a CNAME without a target. */
        why = "its data is too short for its type";
    }
    if (why == NULL && ldns_dname_is_wildcard(owner) &&
        (type == LDNS_RR_TYPE_NS || type == LDNS_RR_TYPE_DS || type == LDNS_RR_TYPE_DNAME)) {
        why = "a wildcard cannot be a delegation or have a DNAME (RFC 4592 4.2, RFC 6672 3.3): "
              "write a record for each name";
    }
    if (why == NULL && type == LDNS_RR_TYPE_CNAME && at_apex) {
        why = "the zone's apex cannot have a CNAME beside its SOA and NS (RFC 1034 3.6.2)";
    }
    return why;
}

void
locum_check_refuse(struct check *self, struct check_record *record, const char *why)
{
    locum_problems_error(&self->problems, record->from->at, RECORD "%s", record->from->text, why);
    ldns_rr_free(record->rr);
    record->rr = NULL;
}

/* Fill record->rr, unless the record is refused. 0 or LOCUM_ERR_MEMORY. */
static int
parse_record(struct check *self, struct check_record *record, const ldns_rdf *apex)
{
    const char *text = record->from->text;
    const char *why = NULL;
    int status = LOCUM_ERR_INVALID;
    if (text[0] == ' ' || text[0] == '\t') {
        why = "it begins with a blank: begin with its owner, @ for the apex";
    } else {
        status = locum_zone_parse_record(text, apex, &record->rr, &why);
    }
    if (status == LOCUM_ERR_INVALID) {
        locum_problems_error(&self->problems, record->from->at, RECORD "%s", text, why);
        return 0;
    }
    if (status != 0) {
        return status;
    }
    why = record_refused(record->rr, apex);
    if (why != NULL) {
        locum_check_refuse(self, record, why);
    }
    return 0;
}

static int
parse_zone(struct check *self, size_t zone, struct check_record *records)
{
    const struct locum_config_zone *from = &self->config->zones[zone];
    ldns_rdf *apex = locum_zone_dname(from->name);
    int status = apex == NULL ? LOCUM_ERR_MEMORY : 0;
    for (size_t i = 0; i < from->record_count && status == 0; i++) {
        records[i] = (struct check_record){
            .from = &from->records[i], .next = LOCUM_DNS_NONE, .zone = (uint8_t)zone};
        status = parse_record(self, &records[i], apex);
    }
    ldns_rdf_deep_free(apex);
    return status;
}

static int
check_all(struct check *self)
{
    const struct locum_config *config = self->config;
    for (size_t zone = 0; zone < config->zone_count; zone++) {
        self->record_count += config->zones[zone].record_count;
        self->first[zone + 1] = self->record_count;
    }
    self->records = calloc(self->record_count + 1, sizeof(*self->records));
    self->names = locum_dns_names_create();
    if (self->records == NULL || self->names == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    int status = 0;
    for (size_t zone = 0; zone < config->zone_count && status == 0; zone++) {
        status = parse_zone(self, zone, self->records + self->first[zone]);
    }
    return status == 0 ? locum_check_names(self) : status;
}

/* Collect a problem of a key folder at the option that names it. */
static void
collect_key_problem(void *user, size_t zone, enum locum_severity severity, const char *text)
{
    struct check *self = user;
    locum_problems_add(&self->problems, severity, self->config->zones[zone].dnssec.at, "%s", text);
}

/* The keys: only once the records are valid, for these are what they sign. */
static int
check_keys(struct check *self)
{
    struct locum_signer *signer = NULL;
    const int status =
        self->problems.error_count > 0
            ? 0
            : locum_signer_create(self->config, NULL, 0, collect_key_problem, self, &signer);
    locum_signer_destroy(signer);
    return status == LOCUM_ERR_INVALID ? 0 : status;
}

int
locum_dns_check(const struct locum_config *config, locum_problem_fn *report, void *user)
{
    struct check *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    self->config = config;
    int status = check_all(self);
    if (status == 0) {
        status = locum_check_acme(config, &self->problems);
    }
    if (status == 0) {
        status = check_keys(self);
    }
    locum_problems_report(&self->problems, config->path, report, user);
    if (status == 0 && self->problems.error_count > 0) {
        status = LOCUM_ERR_INVALID;
    }
    for (size_t i = 0; i < self->record_count && self->records != NULL; i++) {
        ldns_rr_free(self->records[i].rr);
    }
    locum_dns_names_release(self->names);
    free(self->records);
    free(self->last);
    free(self->moves);
    free(self);
    return status;
}
