/*
 * locum_dns_check(): the checks of static records and name servers that need ldns.
 * locum_config_load() has already checked the rest: every name is a valid domain name of its zone,
 * no zone lies in another, and no name server is a name that the nodes share or own.
 */
#include "dns/dns.h"

#include <stdlib.h>

#include "base/error.h"
#include "config/problems.h"
#include "dns/check_acme.h"
#include "dns/zone.h"

/* At most this much of a record is quoted, so that the reason always fits behind it. */
#define RECORD "record '%.100s': "

struct zone_check {
    const struct locum_config *config;
    struct locum_problems problems;
    ldns_rdf *apexes[LOCUM_ZONES_MAX];
    ldns_rdf *names[LOCUM_NAMES_MAX];                 /* the shared and owned names */
    ldns_rr *rrs[LOCUM_ZONES_MAX][LOCUM_RECORDS_MAX]; /* NULL where refused */
};

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
        return "this type is for questions only"; /* RFC 6895 3.1 */
    }
    switch (type) {
    case LDNS_RR_TYPE_SOA: return "the SOA record is made from soa: change its values there";
    case LDNS_RR_TYPE_NS:
        return at_apex ? "list the zone's name servers in ns"
                       : "delegations are not supported: serve that zone elsewhere";
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
    case LDNS_RR_TYPE_CDNSKEY: return "DNSSEC records cannot be static";
    default: return NULL;
    }
}

/* A label "*" anywhere makes a wildcard, also of an empty non-terminal (RFC 4592 4.2.1). */
static bool
has_wildcard(const ldns_rdf *name)
{
    const uint8_t *at = ldns_rdf_data(name);
    while (at[0] != 0 && (at[0] != 1 || at[1] != '*')) {
        at += 1 + at[0];
    }
    return at[0] != 0;
}

static bool
is_shared_or_owned(const struct zone_check *self, const ldns_rdf *name)
{
    size_t i = 0;
    while (i < self->config->core.name_count && ldns_dname_compare(self->names[i], name) != 0) {
        i++;
    }
    return i < self->config->core.name_count;
}

/* Why this record is refused whatever the other records are, or NULL. */
static const char *
record_refused(const struct zone_check *self, size_t zone, const ldns_rr *rr)
{
    const ldns_rdf *owner = ldns_rr_owner(rr);
    const ldns_rr_type type = ldns_rr_get_type(rr);
    const bool at_apex = ldns_dname_compare(owner, self->apexes[zone]) == 0;
    if (ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN) {
        return "only class IN is served: remove the class";
    }
    if (!locum_zone_within(owner, self->apexes[zone])) {
        return "its owner is outside the zone: a name that ends with a dot is absolute, all others "
               "are relative to the zone";
    }
    if (has_wildcard(owner)) {
        return "wildcards are not supported: write a record for each name";
    }
    const char *why = type_refused(type, at_apex);
    const ldns_rr_descriptor *shape = ldns_rr_descript((uint16_t)type);
    if (why == NULL && ldns_rr_rd_count(rr) < ldns_rr_descriptor_minimum(shape)) {
        /* ldns accepts any length after \# (RFC 3597 5) and a CNAME without a target. */
        why = "its data is too short for its type";
    }
    if (why == NULL && type == LDNS_RR_TYPE_CNAME && at_apex) {
        why = "the zone's apex cannot have a CNAME beside its SOA and NS (RFC 1034 3.6.2)";
    }
    if (why == NULL && (is_address(type) || type == LDNS_RR_TYPE_CNAME) &&
        is_shared_or_owned(self, owner)) {
        why = "its owner is a shared or owned name, which has the addresses of nodes: remove the "
              "record, or remove the name from shared and owned";
    }
    return why;
}

/* Why these two records cannot be in one zone, or NULL. */
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
        return "duplicate record: remove one";
    }
    return ldns_rr_ttl(a) != ldns_rr_ttl(b)
               ? "another record of this owner and type has a different TTL (RFC 2181 5.2)"
               : NULL;
}

/* Fill self->rrs[zone][index], unless the record is refused. 0 or LOCUM_ERR_MEMORY. */
static int
check_record(struct zone_check *self, size_t zone, size_t index)
{
    const struct locum_config_record *record = &self->config->zones[zone].records[index];
    const char *why = NULL;
    ldns_rr *rr = NULL;
    int status = LOCUM_ERR_INVALID;
    if (record->text[0] == ' ' || record->text[0] == '\t') {
        why = "it begins with a blank: begin with its owner, @ for the apex";
    } else {
        status = locum_zone_parse_record(record->text, self->apexes[zone], &rr, &why);
    }
    if (status == LOCUM_ERR_INVALID) {
        locum_problems_error(&self->problems, record->at,
                             RECORD "%s; use zone-file syntax, e.g. 'www A 192.0.2.1' or "
                                    "'@ CAA 0 issue \"letsencrypt.org\"'",
                             record->text, why);
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
        locum_problems_error(&self->problems, record->at, RECORD "%s", record->text, why);
        ldns_rr_free(rr);
        return 0;
    }
    self->rrs[zone][index] = rr;
    return 0;
}

/* How a record that is no A or AAAA holds an address, for a message; NULL: it holds none. */
static const char *
embedded_address(const ldns_rr *rr)
{
    enum { KEY_IPV4HINT = 4, KEY_IPV6HINT = 6, GATEWAY_IPV6 = 2 }; /* RFC 9460 14.3, RFC 4025 2.3 */
    for (size_t i = 0; i < ldns_rr_rd_count(rr) && !is_address(ldns_rr_get_type(rr)); i++) {
        const ldns_rdf *rdf = ldns_rr_rdf(rr, i);
        const uint8_t *at = ldns_rdf_data(rdf);
        const uint8_t *end = at + ldns_rdf_size(rdf);
        switch (ldns_rdf_get_type(rdf)) {
        case LDNS_RDF_TYPE_A:
        case LDNS_RDF_TYPE_AAAA: return "address";
        case LDNS_RDF_TYPE_ILNP64:
            return ldns_rr_get_type(rr) == LDNS_RR_TYPE_L64 ? "address" : NULL;
        case LDNS_RDF_TYPE_IPSECKEY:
            return end - at > 1 && at[1] > 0 && at[1] <= GATEWAY_IPV6 ? "gateway" : NULL;
        case LDNS_RDF_TYPE_SVCPARAMS:
            while (end - at >= 4) {
                if (at[0] == 0 && (at[1] == KEY_IPV4HINT || at[1] == KEY_IPV6HINT)) {
                    return at[1] == KEY_IPV4HINT ? "ipv4hint" : "ipv6hint";
                }
                at += 4 + at[2] * 256 + at[3];
            }
            break;
        default: break;
        }
    }
    return NULL;
}

/* The static record of this owner that is a CNAME, or (`address`) an A or AAAA; NULL if none. */
static const ldns_rr *
find_record(const struct zone_check *self, size_t zone, const ldns_rdf *owner, bool address)
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

/* A chain of CNAMEs in the zone must end within LOCUM_CNAME_CHAIN_MAX links. */
static void
check_chain(struct zone_check *self, size_t zone, size_t index)
{
    const struct locum_config_record *record = &self->config->zones[zone].records[index];
    const ldns_rr *rr = self->rrs[zone][index];
    size_t links = 0;
    while (rr != NULL && ldns_rr_get_type(rr) == LDNS_RR_TYPE_CNAME) {
        if (++links > LOCUM_CNAME_CHAIN_MAX) {
            locum_problems_error(&self->problems, record->at,
                                 RECORD "its chain of CNAMEs is a loop or longer than %d: point it "
                                        "at the last name",
                                 record->text, LOCUM_CNAME_CHAIN_MAX);
            return;
        }
        rr = find_record(self, zone, ldns_rr_rdf(rr, 0), false);
    }
}

/*
 * The shared or owned name that `name` leads to: itself without the labels of a service, as in
 * _8443._https (RFC 8552), or the end of its chain of CNAMEs. Then *ret is true.
 */
static int
leads_to_moving_name(const struct zone_check *self, const ldns_rdf *name, bool *ret)
{
    ldns_rdf *at = ldns_rdf_clone(name);
    for (size_t links = 0; at != NULL && links <= LOCUM_CNAME_CHAIN_MAX; links++) {
        while (at != NULL && ldns_rdf_data(at)[0] > 0 && ldns_rdf_data(at)[1] == '_') {
            ldns_rdf *parent = ldns_dname_left_chop(at);
            ldns_rdf_deep_free(at);
            at = parent;
        }
        if (at == NULL) {
            break;
        }
        ldns_dname2canonical(at);
        *ret = *ret || is_shared_or_owned(self, at);
        const ldns_rr *alias = NULL;
        for (size_t zone = 0; zone < self->config->zone_count && alias == NULL; zone++) {
            alias = find_record(self, zone, at, false);
        }
        if (alias == NULL) {
            ldns_rdf_deep_free(at);
            return 0;
        }
        ldns_rdf_deep_free(at);
        at = ldns_rdf_clone(ldns_rr_rdf(alias, 0));
    }
    const int status = at == NULL ? LOCUM_ERR_MEMORY : 0; /* a loop: check_chain() reports it */
    ldns_rdf_deep_free(at);
    return status;
}

/* A static address at or for a name whose addresses the plan decides would name dead servers. */
static int
check_embedded(struct zone_check *self, size_t zone, size_t index)
{
    const struct locum_config_record *record = &self->config->zones[zone].records[index];
    const ldns_rr *rr = self->rrs[zone][index];
    const char *what = rr != NULL ? embedded_address(rr) : NULL;
    bool moves = false;
    if (what == NULL) {
        return 0;
    }
    int status = leads_to_moving_name(self, ldns_rr_owner(rr), &moves);
    for (size_t i = 0; i < ldns_rr_rd_count(rr) && status == 0; i++) {
        if (ldns_rdf_get_type(ldns_rr_rdf(rr, i)) == LDNS_RDF_TYPE_DNAME) {
            status = leads_to_moving_name(self, ldns_rr_rdf(rr, i), &moves);
        }
    }
    if (moves) {
        locum_problems_error(&self->problems, record->at,
                             RECORD
                             "its %s would be answered for a shared or owned name also while "
                             "that server is down: remove it; clients then use the "
                             "addresses of the name, which follow the servers",
                             record->text, what);
    }
    return status;
}

/* A name server in a zone of this configuration needs an address there, and no CNAME. */
static int
check_ns(struct zone_check *self, size_t zone, const char *text)
{
    const struct locum_config *config = self->config;
    const struct locum_position at = config->zones[zone].at;
    ldns_rdf *host = locum_zone_dname(text);
    if (host == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    size_t home = 0;
    while (home < config->zone_count && !locum_zone_within(host, self->apexes[home])) {
        home++;
    }
    if (home < config->zone_count && find_record(self, home, host, false) != NULL) {
        locum_problems_error(&self->problems, at,
                             "ns: %s is a CNAME, which a name server must not be (RFC 2181 10.3): "
                             "replace it by address records",
                             text);
    } else if (home < config->zone_count && find_record(self, home, host, true) == NULL) {
        locum_problems_error(&self->problems, at,
                             "ns: %s is in zone %s but has no address: add '%s A ADDRESS' to its "
                             "records, or use a host outside the zone",
                             text, config->zones[home].name, text);
    }
    ldns_rdf_deep_free(host);
    return 0;
}

/* The wire forms of all apexes and of all shared and owned names. */
static int
read_names(struct zone_check *self)
{
    const struct locum_config *config = self->config;
    bool complete = true;
    for (size_t i = 0; i < config->zone_count; i++) {
        self->apexes[i] = locum_zone_dname(config->zones[i].name);
        complete = complete && self->apexes[i] != NULL;
    }
    for (size_t i = 0; i < config->core.name_count; i++) {
        self->names[i] = locum_zone_dname(config->names[i].name);
        complete = complete && self->names[i] != NULL;
    }
    return complete ? 0 : LOCUM_ERR_MEMORY;
}

/* All records first: name servers and chains refer to those of other zones too. */
static int
check_zones(struct zone_check *self)
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
            if ((status = check_embedded(self, zone, i)) != 0) {
                return status;
            }
        }
        for (size_t i = 0; i < config->zones[zone].ns_count && status == 0; i++) {
            status = check_ns(self, zone, config->zones[zone].ns[i]);
        }
    }
    return status;
}

int
locum_dns_check(const struct locum_config *config, locum_problem_fn *report, void *user)
{
    struct zone_check *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    self->config = config;
    int status = read_names(self);
    if (status == 0) {
        status = check_zones(self);
    }
    if (status == 0) {
        status = locum_check_acme(config, &self->problems);
    }
    locum_problems_report(&self->problems, config->path, report, user);
    if (status == 0 && self->problems.error_count > 0) {
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
