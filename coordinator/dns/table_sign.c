/* The signatures of what changes with a plan: each zone's SOA, the addresses of its names. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dns/signer.h"
#include "dns/table.h"

struct signing {
    struct locum_dns_table *table;
    struct locum_signer *signer;
    int64_t now_s;
    uint8_t *bytes; /* of all signatures so far */
    size_t length, room;
    size_t *at; /* offset of each part in them */
};

/* Append RRSIG records as the signatures of a part. */
static int
append(struct signing *self, size_t part, const ldns_rr_list *signatures, uint16_t owner)
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
sign(struct signing *self, size_t zone, size_t part, const ldns_rr_list *set, uint32_t original_s,
     uint16_t owner)
{
    ldns_rr_list *signatures = ldns_rr_list_new();
    int status = signatures == NULL ? LOCUM_ERR_MEMORY
                                    : locum_signer_sign(self->signer, zone, set, original_s,
                                                        self->now_s, signatures);
    if (status == 0) {
        status = append(self, part, signatures, owner);
    }
    ldns_rr_list_deep_free(signatures);
    return status;
}

/* The SOA as an answer and in negative answers: one signature, two TTLs. */
static int
sign_soa(struct signing *self, size_t zone, uint32_t serial)
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

/* The records of a part, which are addresses; NULL: out of memory. */
static ldns_rr_list *
addresses_of(const struct locum_dns_part *part, const ldns_rdf *owner, bool v4, uint32_t ttl_s)
{
    const size_t size = v4 ? 4 : 16;
    ldns_rr_list *set = ldns_rr_list_new();
    bool whole = set != NULL;
    for (size_t i = 0; i < part->count && whole; i++) {
        const uint8_t *data =
            part->bytes + i * (LOCUM_RR_FIXED_BYTES + size) + LOCUM_RR_FIXED_BYTES;
        ldns_rr *rr = ldns_rr_new();
        ldns_rdf *name = ldns_rdf_clone(owner);
        ldns_rdf *address =
            ldns_rdf_new_frm_data(v4 ? LDNS_RDF_TYPE_A : LDNS_RDF_TYPE_AAAA, size, data);
        whole = rr != NULL && name != NULL && address != NULL && ldns_rr_push_rdf(rr, address);
        if (whole) {
            ldns_rr_set_owner(rr, name);
            ldns_rr_set_type(rr, v4 ? LDNS_RR_TYPE_A : LDNS_RR_TYPE_AAAA);
            ldns_rr_set_ttl(rr, ttl_s);
            whole = ldns_rr_list_push_rr(set, rr);
        } else {
            ldns_rdf_deep_free(name);
            ldns_rdf_deep_free(address);
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

static int
sign_addresses(struct signing *self, const struct locum_config *config, size_t name,
               enum locum_family family, uint32_t ttl_s)
{
    const uint16_t part = locum_dns_table_addresses(name, family);
    const struct locum_dns_part *records = &self->table->parts[part];
    if (records->count == 0) {
        return 0;
    }
    ldns_rr_list *set =
        addresses_of(records, locum_signer_owner(self->signer, name), family == LOCUM_V4, ttl_s);
    const int status = set == NULL ? LOCUM_ERR_MEMORY
                                   : sign(self, config->names[name].zone, part, set,
                                          config->core.names[name].ttl_s, LOCUM_OWNER_NAME);
    ldns_rr_list_deep_free(set);
    return status;
}

/* Let the parts point into the bytes, which do not move any more. */
static void
finish(struct signing *self, size_t parts)
{
    for (size_t i = 0; i < parts; i++) {
        if (self->table->signatures[i].count > 0) {
            self->table->signatures[i].bytes = self->bytes + self->at[i];
        }
    }
    self->table->signature_bytes = self->bytes;
}

int
locum_dns_table_sign(struct locum_dns_table *self, const struct locum_config *config,
                     const struct locum_plan *plan, uint32_t serial, struct locum_signer *signer,
                     int64_t now_s)
{
    const size_t parts = locum_dns_table_addresses(self->names->plan_name_count, 0);
    struct signing signing = {.table = self, .signer = signer, .now_s = now_s};
    int status = 0;
    signing.at = calloc(parts, sizeof(*signing.at));
    self->signatures = calloc(parts, sizeof(*self->signatures));
    if (signing.at == NULL || self->signatures == NULL) {
        status = LOCUM_ERR_MEMORY;
    }
    for (size_t i = 0; i < self->names->zone_count && status == 0; i++) {
        status = locum_signer_is_on(signer, i) ? sign_soa(&signing, i, serial) : 0;
    }
    for (size_t i = 0; i < self->names->plan_name_count; i++) {
        for (int f = 0; f < LOCUM_FAMILIES && status == 0; f++) {
            if (locum_signer_is_on(signer, config->names[i].zone)) {
                status = sign_addresses(&signing, config, i, (enum locum_family)f,
                                        plan->answers[i][f].ttl_s);
            }
        }
    }
    if (status == 0) {
        finish(&signing, parts);
    } else {
        free(signing.bytes);
    }
    free(signing.at);
    return status;
}
