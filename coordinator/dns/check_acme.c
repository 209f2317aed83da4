#include "dns/check_acme.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "config/acme.h"
#include "dns/check.h"

enum { CAA_FLAGS, CAA_TAG, CAA_VALUE, CAA_FIELDS };

/* A zone with acme. */
struct zone_acme {
    const struct locum_config *config;
    size_t zone;
    struct locum_problems *problems;
    ldns_rr **rrs; /* of its static records; NULL where one does not parse */
};

static struct locum_slice
trimmed(struct locum_slice text)
{
    while (text.length > 0 && (text.at[0] == ' ' || text.at[0] == '\t')) {
        text.at++;
        text.length--;
    }
    while (text.length > 0 && strchr(" \t", text.at[text.length - 1]) != NULL) {
        text.length--;
    }
    return text;
}

static bool
equals(struct locum_slice text, const char *word)
{
    return text.length == strlen(word) && strncasecmp(text.at, word, text.length) == 0;
}

/* Is `word` an item of a list that commas separate? */
static bool
lists(struct locum_slice list, const char *word)
{
    struct locum_slice item;
    while (locum_slice_cut(&list, ',', &item)) {
        if (equals(trimmed(item), word)) {
            return true;
        }
    }
    return false;
}

/* May the issuer issue for this account by dns-persist-01? RFC 8659 4.2, RFC 8657. */
static bool
allows(struct locum_slice value, const struct locum_config_persist *persist)
{
    struct locum_slice part;
    char issuer[LOCUM_DOMAIN_MAX + 1];
    (void)strcpy(issuer, persist->issuer);
    issuer[strlen(issuer) - 1] = '\0';
    if (!locum_slice_cut(&value, ';', &part) || !equals(trimmed(part), issuer)) {
        return false;
    }
    while (locum_slice_cut(&value, ';', &part)) {
        struct locum_slice tag;
        part = trimmed(part);
        if (!locum_slice_cut(&part, '=', &tag)) {
            continue;
        }
        part = trimmed(part);
        tag = trimmed(tag);
        if ((equals(tag, "accounturi") && !locum_slice_is(part, persist->account)) ||
            (equals(tag, "validationmethods") && !lists(part, "dns-persist-01"))) {
            return false;
        }
    }
    return true;
}

/* The tag and the value of a CAA record; false: it is none. */
static bool
read_caa(const ldns_rr *rr, struct locum_slice *ret_tag, struct locum_slice *ret_value)
{
    if (rr == NULL || ldns_rr_get_type(rr) != LDNS_RR_TYPE_CAA ||
        ldns_rr_rd_count(rr) != CAA_FIELDS) {
        return false;
    }
    const ldns_rdf *tag = ldns_rr_rdf(rr, CAA_TAG);
    const ldns_rdf *value = ldns_rr_rdf(rr, CAA_VALUE);
    *ret_tag = (struct locum_slice){.at = (const char *)ldns_rdf_data(tag) + 1,
                                    .length = ldns_rdf_size(tag) - 1};
    *ret_value = (struct locum_slice){.at = (const char *)ldns_rdf_data(value),
                                      .length = ldns_rdf_size(value)};
    return true;
}

/* What the CAA RRset of one owner says. */
struct caa {
    bool exists;      /* it has a record of any tag */
    size_t restricts; /* a record with the tag; SIZE_MAX: none has */
    bool allowed;     /* one of them allows it */
};

static struct caa
look(const struct zone_acme *self, const ldns_rdf *owner, const char *tag,
     const struct locum_config_persist *persist)
{
    struct caa caa = {.restricts = SIZE_MAX};
    for (size_t i = 0; i < self->config->zones[self->zone].record_count; i++) {
        struct locum_slice of, value;
        if (!read_caa(self->rrs[i], &of, &value) ||
            ldns_dname_compare(ldns_rr_owner(self->rrs[i]), owner) != 0) {
            continue;
        }
        caa.exists = true;
        if (equals(of, tag)) {
            caa.restricts = caa.restricts == SIZE_MAX ? i : caa.restricts;
            caa.allowed = caa.allowed || allows(value, persist);
        }
    }
    return caa;
}

/* The record that forbids an issuer a certificate for a name: of the closest CAA RRset at or above
 * it (RFC 8659 3). SIZE_MAX: none in this zone does. */
static int
find_contradiction(const struct zone_acme *self, const char *name, bool wildcard,
                   const struct locum_config_persist *persist, size_t *ret)
{
    ldns_rdf *at = locum_zone_dname(name);
    ldns_rdf *apex = locum_zone_dname(self->config->zones[self->zone].name);
    int status = at == NULL || apex == NULL ? LOCUM_ERR_MEMORY : 0;
    *ret = SIZE_MAX;
    while (status == 0 && locum_zone_within(at, apex)) {
        struct caa caa = look(self, at, wildcard ? "issuewild" : "issue", persist);
        if (wildcard && caa.exists && caa.restricts == SIZE_MAX) {
            caa = look(self, at, "issue", persist);
        }
        if (caa.exists) {
            *ret = caa.allowed ? SIZE_MAX : caa.restricts;
            break;
        }
        ldns_rdf *parent = ldns_dname_left_chop(at);
        ldns_rdf_deep_free(at);
        at = parent;
        status = at == NULL ? LOCUM_ERR_MEMORY : 0;
    }
    ldns_rdf_deep_free(at);
    ldns_rdf_deep_free(apex);
    return status;
}

/* One warning for each entry of the list: the first name that it cannot be used for. */
static int
check_caa(const struct zone_acme *self, const struct locum_config_persist *persist)
{
    const struct locum_config *config = self->config;
    for (size_t i = 0; i < config->core.name_count; i++) {
        const char *name = config->names[i].name;
        const bool wildcard = name[0] == '*';
        size_t record;
        if (config->names[i].zone != self->zone) {
            continue;
        }
        const int status =
            find_contradiction(self, wildcard ? name + 2 : name, wildcard, persist, &record);
        if (status != 0) {
            return status;
        }
        if (record != SIZE_MAX) {
            const struct locum_config_record *of = &config->zones[self->zone].records[record];
            locum_problems_add(self->problems, LOCUM_SEVERITY_WARNING, of->at,
                               RECORD "it does not let %.*s, which is in acme.persist, issue "
                                      "certificates for %s by dns-persist-01 with that account: "
                                      "allow it in a CAA record of the same owner, or remove the "
                                      "entry",
                               of->text, (int)strlen(persist->issuer) - 1, persist->issuer, name);
            return 0;
        }
    }
    return 0;
}

/* Is this a DNAME or a delegation above a name, which is then never answered? */
static bool
hides(const ldns_rr *rr, const ldns_rdf *name)
{
    return (ldns_rr_get_type(rr) == LDNS_RR_TYPE_DNAME ||
            ldns_rr_get_type(rr) == LDNS_RR_TYPE_NS) &&
           ldns_dname_is_subdomain(name, ldns_rr_owner(rr));
}

/* The owners that are made from acme.persist belong to it, and are answered. */
static int
check_owners(const struct zone_acme *self)
{
    const struct locum_config *config = self->config;
    for (size_t i = 0; i < config->core.name_count; i++) {
        char text[LOCUM_DOMAIN_MAX + 1];
        bool wildcard;
        if (config->names[i].zone != self->zone ||
            !locum_acme_persist_owner(config, i, text, &wildcard)) {
            continue;
        }
        ldns_rdf *owner = locum_zone_dname(text);
        if (owner == NULL) {
            return LOCUM_ERR_MEMORY;
        }
        for (size_t j = 0; j < config->zones[self->zone].record_count; j++) {
            const struct locum_config_record *record = &config->zones[self->zone].records[j];
            if (self->rrs[j] != NULL && hides(self->rrs[j], owner)) {
                locum_problems_error(self->problems, record->at,
                                     RECORD "it hides what acme.persist makes for %s, at %s: "
                                            "remove it, or persist of this zone",
                                     record->text, config->names[i].name, text);
            } else if (self->rrs[j] != NULL &&
                       ldns_dname_compare(ldns_rr_owner(self->rrs[j]), owner) == 0) {
                locum_problems_error(self->problems, record->at,
                                     RECORD "records of this name are made from acme.persist: add "
                                            "the issuer and the account there, and remove this one",
                                     record->text);
            }
        }
        ldns_rdf_deep_free(owner);
    }
    return 0;
}

/* A static record has the name of challenges, or hides it: that is what the operator wants, as with
 * a CNAME to another service, but dns-01 is off there. */
static int
note_challenges(const struct zone_acme *self)
{
    const struct locum_config *config = self->config;
    for (size_t i = 0; i < config->core.name_count; i++) {
        char text[LOCUM_DOMAIN_MAX + 1];
        if (config->names[i].zone != self->zone || !locum_acme_challenge_owner(config, i, text)) {
            continue;
        }
        ldns_rdf *owner = locum_zone_dname(text);
        if (owner == NULL) {
            return LOCUM_ERR_MEMORY;
        }
        for (size_t j = 0; j < config->zones[self->zone].record_count; j++) {
            const struct locum_config_record *record = &config->zones[self->zone].records[j];
            if (self->rrs[j] != NULL &&
                (hides(self->rrs[j], owner) ||
                 ldns_dname_compare(ldns_rr_owner(self->rrs[j]), owner) == 0)) {
                locum_problems_add(self->problems, LOCUM_SEVERITY_NOTE, record->at,
                                   RECORD "it takes the place of what acme makes at %s, so dns-01 "
                                          "is off for %s",
                                   record->text, text, config->names[i].name);
                break;
            }
        }
        ldns_rdf_deep_free(owner);
    }
    return 0;
}

static int
check_zone(struct zone_acme *self)
{
    const struct locum_config_zone *zone = &self->config->zones[self->zone];
    ldns_rdf *apex = locum_zone_dname(zone->name);
    int status = apex == NULL ? LOCUM_ERR_MEMORY : 0;
    for (size_t i = 0; i < zone->record_count && status == 0; i++) {
        const char *why;
        status = locum_zone_parse_record(zone->records[i].text, apex, &self->rrs[i], &why);
        status = status == LOCUM_ERR_INVALID ? 0 : status;
    }
    if (status == 0) {
        status = check_owners(self);
    }
    if (status == 0) {
        status = note_challenges(self);
    }
    for (size_t i = 0; i < zone->persist_count && status == 0; i++) {
        status = check_caa(self, locum_acme_persist(self->config, self->zone, i));
    }
    for (size_t i = 0; i < zone->record_count; i++) {
        ldns_rr_free(self->rrs[i]);
    }
    ldns_rdf_deep_free(apex);
    return status;
}

int
locum_check_acme(const struct locum_config *config, struct locum_problems *problems)
{
    int status = 0;
    for (size_t zone = 0; zone < config->zone_count && status == 0; zone++) {
        struct zone_acme self = {.config = config, .zone = zone, .problems = problems};
        if (config->zones[zone].persist_count == 0 && !config->zones[zone].dns_01) {
            continue;
        }
        self.rrs = calloc(config->zones[zone].record_count + 1, sizeof(*self.rrs));
        status = self.rrs == NULL ? LOCUM_ERR_MEMORY : check_zone(&self);
        free(self.rrs);
    }
    return status;
}
