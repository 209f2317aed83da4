/* The signatures of what changes with a plan: each zone's SOA, the addresses of its names. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dns/challenges.h"
#include "dns/https.h"
#include "dns/signer.h"
#include "dns/table.h"

struct table_signing {
    struct locum_dns_table *table;
    struct locum_signer *signer;
    int64_t now_s;
    struct locum_sign_budget *budget; /* NULL: sign all */
    uint8_t *bytes;                   /* of all signatures so far */
    size_t length, room;
    size_t *at; /* offset of each part in them */
};

/* Append RRSIG records as the signatures of a part. */
static int
append(struct table_signing *self, size_t part, const ldns_rr_list *signatures, uint16_t owner)
{
    const size_t count = ldns_rr_list_rr_count(signatures);
    struct locum_dns_part *to = &self->table->signatures[part];
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        length += LOCUM_RR_FIXED_BYTES + locum_zone_data_length(ldns_rr_list_rr(signatures, i));
    }
    if (self->length + length > self->room) {
        const size_t room = 2 * self->room + length + 4096;
        uint8_t *larger = realloc(self->bytes, room);
        if (larger == NULL) {
            return LOCUM_ERR_MEMORY;
        }
        self->bytes = larger;
        self->room = room;
    }
    *to = (struct locum_dns_part){
        .length = (uint16_t)length, .count = (uint16_t)count, .points = owner != LOCUM_OWNER_NAME};
    self->at[part] = self->length;
    for (size_t i = 0; i < count; i++) {
        const ldns_rr *rr = ldns_rr_list_rr(signatures, i);
        self->length +=
            locum_zone_put_record(rr, owner, ldns_rr_ttl(rr), self->bytes + self->length);
    }
    return 0;
}

/* Sign a set whose records are part number `part`. */
static int
sign(struct table_signing *self, size_t zone, size_t part, const ldns_rr_list *set,
     uint32_t original_s, uint16_t owner)
{
    ldns_rr_list *signatures = ldns_rr_list_new();
    int status = signatures == NULL ? LOCUM_ERR_MEMORY
                                    : locum_signer_sign(self->signer, zone, set, original_s,
                                                        self->now_s, self->budget, signatures);
    if (status == 0) {
        status = append(self, part, signatures, owner);
    }
    ldns_rr_list_deep_free(signatures);
    return status;
}

/* The SOA as an answer and in negative answers: one signature, two TTLs. */
static int
sign_soa(struct table_signing *self, size_t zone, uint32_t serial)
{
    const struct locum_dns_names *names = self->table->names;
    const struct locum_dns_zone *from = &names->zones[zone];
    const uint16_t owner = (uint16_t)(LOCUM_OWNER_NAME - names->names[from->apex].length);
    const ldns_rr_list *set = locum_signer_soa(self->signer, zone, serial, from->ttl_s);
    int status = sign(self, zone, locum_dns_table_soa(zone), set, from->ttl_s, owner);
    if (status == 0) {
        set = locum_signer_soa(self->signer, zone, serial, from->negative_ttl_s);
        status = sign(self, zone, locum_dns_table_negative(zone), set, from->ttl_s, owner);
    }
    return status;
}

/* The records of a part; NULL: out of memory. Their data is one field: what is signed are its
 * bytes. */
static ldns_rr_list *
records_of(const struct locum_dns_part *part, const ldns_rdf *owner, ldns_rr_type type,
           uint32_t ttl_s)
{
    const uint8_t *at = part->bytes;
    ldns_rr_list *set = ldns_rr_list_new();
    bool whole = set != NULL;
    for (size_t i = 0; i < part->count && whole; i++) {
        const size_t length = locum_packet_u16(at + LOCUM_RR_FIXED_BYTES - 2);
        ldns_rr *rr = ldns_rr_new();
        ldns_rdf *name = ldns_rdf_clone(owner);
        ldns_rdf *data =
            ldns_rdf_new_frm_data(LDNS_RDF_TYPE_UNKNOWN, length, at + LOCUM_RR_FIXED_BYTES);
        at += LOCUM_RR_FIXED_BYTES + length;
        whole = rr != NULL && name != NULL && data != NULL && ldns_rr_push_rdf(rr, data);
        if (whole) {
            ldns_rr_set_owner(rr, name);
            ldns_rr_set_type(rr, type);
            ldns_rr_set_ttl(rr, ttl_s);
            whole = ldns_rr_list_push_rr(set, rr);
        } else {
            ldns_rdf_deep_free(name);
            ldns_rdf_deep_free(data);
        }
        if (!whole) {
            ldns_rr_free(rr);
        }
    }
    if (!whole) {
        ldns_rr_list_deep_free(set);
        return NULL;
    }
    return set;
}

/* Sign a part that a name of the plan has, if it has records. */
static int
sign_part(struct table_signing *self, size_t zone, uint16_t part, const ldns_rdf *owner,
          ldns_rr_type type, uint32_t ttl_s, uint32_t original_s)
{
    const struct locum_dns_part *records = &self->table->parts[part];
    if (records->count == 0) {
        return 0;
    }
    ldns_rr_list *set = records_of(records, owner, type, ttl_s);
    const int status =
        set == NULL ? LOCUM_ERR_MEMORY : sign(self, zone, part, set, original_s, LOCUM_OWNER_NAME);
    ldns_rr_list_deep_free(set);
    return status;
}

static int
sign_challenges(struct table_signing *self, size_t zone, size_t name)
{
    const struct locum_dns_names *names = self->table->names;
    const uint32_t index = names->challenges[name];
    if (index == LOCUM_DNS_NONE) {
        return 0;
    }
    ldns_rdf *owner = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, names->names[index].length,
                                            names->names[index].wire);
    const int status =
        owner == NULL ? LOCUM_ERR_MEMORY
                      : sign_part(self, zone, locum_dns_table_challenge(name), owner,
                                  LDNS_RR_TYPE_TXT, LOCUM_CHALLENGE_TTL_S, LOCUM_CHALLENGE_TTL_S);
    ldns_rdf_deep_free(owner);
    return status;
}

/* The addresses of a name, its HTTPS record, and its challenges. */
static int
sign_name(struct table_signing *self, const struct locum_config *config, size_t name,
          const struct locum_answer answers[LOCUM_FAMILIES])
{
    const ldns_rdf *owner = locum_signer_owner(self->signer, name);
    const size_t zone = config->names[name].zone;
    const uint32_t ttl_s = config->core.names[name].ttl_s;
    int status = 0;
    for (int f = 0; f < LOCUM_FAMILIES && status == 0; f++) {
        status =
            sign_part(self, zone, locum_dns_table_addresses(name, (enum locum_family)f), owner,
                      f == LOCUM_V4 ? LDNS_RR_TYPE_A : LDNS_RR_TYPE_AAAA, answers[f].ttl_s, ttl_s);
    }
    if (status == 0) {
        status = sign_part(self, zone, locum_dns_table_https(name), owner, LDNS_RR_TYPE_HTTPS,
                           locum_https_ttl(answers), ttl_s);
    }
    return status == 0 ? sign_challenges(self, zone, name) : status;
}

/* Let the parts point into the bytes, which do not move any more. */
static void
finish(struct table_signing *self, size_t parts)
{
    for (size_t i = 0; i < parts; i++) {
        if (self->table->signatures[i].count > 0) {
            self->table->signatures[i].bytes = self->bytes + self->at[i];
        }
    }
    self->table->signature_bytes = self->bytes;
}

/* The addresses of all names. */
static int
sign_names(struct table_signing *self, const struct locum_config *config,
           const struct locum_plan *plan)
{
    int status = 0;
    for (size_t i = 0; i < self->table->names->plan_name_count && status == 0; i++) {
        if (locum_signer_is_on(self->signer, config->names[i].zone)) {
            status = sign_name(self, config, i, plan->answers[i]);
        }
    }
    return status;
}

static size_t
part_count(const struct locum_dns_table *table)
{
    return locum_dns_table_addresses(table->names->plan_name_count, 0);
}

/* Room for the signatures of all parts. */
static int
begin(struct table_signing *self)
{
    self->at = calloc(part_count(self->table), sizeof(*self->at));
    self->table->signatures = calloc(part_count(self->table), sizeof(*self->table->signatures));
    return self->at == NULL || self->table->signatures == NULL ? LOCUM_ERR_MEMORY : 0;
}

int
locum_dns_table_sign(struct locum_dns_table *self, const struct locum_config *config,
                     const struct locum_plan *plan, uint32_t serial, struct locum_signer *signer,
                     int64_t now_s)
{
    struct table_signing signing = {.table = self, .signer = signer, .now_s = now_s};
    int status = begin(&signing);
    for (size_t i = 0; i < self->names->zone_count && status == 0; i++) {
        status = locum_signer_is_on(signer, i) ? sign_soa(&signing, i, serial) : 0;
    }
    if (status == 0) {
        status = sign_names(&signing, config, plan);
    }
    if (status == 0) {
        finish(&signing, part_count(self));
    } else {
        free(signing.bytes);
    }
    free(signing.at);
    return status;
}

int
locum_dns_table_sign_ahead(struct locum_dns_names *names, const struct locum_config *config,
                           const struct locum_plan *plan, struct locum_signer *signer,
                           int64_t now_s, struct locum_sign_budget *budget)
{
    struct table_signing signing = {.table = locum_dns_table_make(names, config, plan, NULL, 0),
                                    .signer = signer,
                                    .now_s = now_s,
                                    .budget = budget};
    if (signing.table == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    int status = begin(&signing);
    if (status == 0) {
        status = sign_names(&signing, config, plan);
    }
    locum_dns_table_release(signing.table);
    free(signing.bytes);
    free(signing.at);
    return status;
}
