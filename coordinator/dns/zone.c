#include "dns/zone.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/acme.h"
#include "dns/https.h"

/* Holds the longest record made here, an SOA with three names. */
enum { RECORD_BYTES = 4 * LOCUM_DOMAIN_MAX };
/* Of one record: owner, TTL, class and type; and what a byte of the data becomes at most. */
enum { TEXT_BYTES = 2048, TEXT_GROWTH = 8 };

ldns_rdf *
locum_zone_dname(const char *text)
{
    ldns_rdf *name = ldns_dname_new_frm_str(text);
    if (name != NULL) {
        ldns_dname2canonical(name);
    }
    return name;
}

void
locum_zone_read_name(const ldns_rdf *from, struct locum_wire_name *ret)
{
    const size_t end = locum_packet_name(ldns_rdf_data(from), ldns_rdf_size(from), 0, ret);
    LOCUM_INVARIANT(end > 0);
}

int
locum_zone_name(const char *text, struct locum_wire_name *ret)
{
    ldns_rdf *name = locum_zone_dname(text);
    if (name == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    locum_zone_read_name(name, ret);
    ldns_rdf_deep_free(name);
    return 0;
}

bool
locum_zone_within(const ldns_rdf *name, const ldns_rdf *apex)
{
    return ldns_dname_compare(name, apex) == 0 || ldns_dname_is_subdomain(name, apex);
}

const ldns_rr *
locum_zone_first(const struct locum_rrset *self)
{
    return ldns_rr_list_rr(self->rrs, 0);
}

size_t
locum_zone_data_length(const ldns_rr *rr)
{
    size_t length = 0;
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        length += ldns_rdf_size(ldns_rr_rdf(rr, i));
    }
    return length;
}

size_t
locum_zone_put_record(const ldns_rr *rr, uint16_t owner, uint32_t ttl_s, uint8_t *to)
{
    size_t length = LOCUM_RR_FIXED_BYTES;
    locum_packet_put_fixed(to, owner, (uint16_t)ldns_rr_get_type(rr),
                           (uint16_t)ldns_rr_get_class(rr), ttl_s, locum_zone_data_length(rr));
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        const ldns_rdf *rdf = ldns_rr_rdf(rr, i);
        memcpy(to + length, ldns_rdf_data(rdf), ldns_rdf_size(rdf));
        length += ldns_rdf_size(rdf);
    }
    return length;
}

/* FNV-1a, 32 bits (draft-eastlake-fnv). */
static uint32_t
hash_of(const ldns_rdf *owner, ldns_rr_type type)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < ldns_rdf_size(owner); i++) {
        hash = (hash ^ ldns_rdf_data(owner)[i]) * 16777619u;
    }
    return (hash ^ (uint32_t)type) * 16777619u;
}

/* The slot of the set of this owner and type, or the empty slot where it belongs. */
static uint32_t *
slot_of(const struct locum_zone *self, const ldns_rdf *owner, ldns_rr_type type)
{
    for (size_t i = hash_of(owner, type) & self->slot_mask;; i = (i + 1) & self->slot_mask) {
        uint32_t *slot = &self->slots[i];
        if (*slot == 0) {
            return slot;
        }
        const ldns_rr *rr = locum_zone_first(&self->sets[*slot - 1]);
        const ldns_rdf *other = ldns_rr_owner(rr);
        if (ldns_rr_get_type(rr) == type && ldns_rdf_size(other) == ldns_rdf_size(owner) &&
            memcmp(ldns_rdf_data(other), ldns_rdf_data(owner), ldns_rdf_size(owner)) == 0) {
            return slot;
        }
    }
}

struct locum_rrset *
locum_zone_find(const struct locum_zone *self, const ldns_rdf *owner, ldns_rr_type type)
{
    const uint32_t *slot = self->set_count == 0 ? NULL : slot_of(self, owner, type);
    return slot == NULL || *slot == 0 ? NULL : &self->sets[*slot - 1];
}

/* Room for twice as many sets; half of the slots stay empty, so that every search ends. */
static int
grow(struct locum_zone *self)
{
    const size_t room = self->set_room == 0 ? 32 : 2 * self->set_room;
    struct locum_rrset *sets = realloc(self->sets, room * sizeof(*sets));
    uint32_t *slots = calloc(2 * room, sizeof(*slots));
    self->sets = sets != NULL ? sets : self->sets;
    if (sets == NULL || slots == NULL) {
        free(slots);
        return LOCUM_ERR_MEMORY;
    }
    free(self->slots);
    self->set_room = room;
    self->slots = slots;
    self->slot_mask = 2 * room - 1;
    for (size_t i = 0; i < self->set_count; i++) {
        const ldns_rr *rr = locum_zone_first(&sets[i]);
        *slot_of(self, ldns_rr_owner(rr), ldns_rr_get_type(rr)) = (uint32_t)i + 1;
    }
    return 0;
}

/* Add a set of one record, which it takes unless there is an error. */
static int
add_set(struct locum_zone *self, ldns_rr *rr)
{
    if (self->set_count == self->set_room && grow(self) != 0) {
        return LOCUM_ERR_MEMORY;
    }
    ldns_rr_list *rrs = ldns_rr_list_new();
    if (rrs == NULL || !ldns_rr_list_push_rr(rrs, rr)) {
        ldns_rr_list_free(rrs);
        return LOCUM_ERR_MEMORY;
    }
    uint32_t *slot = slot_of(self, ldns_rr_owner(rr), ldns_rr_get_type(rr));
    self->sets[self->set_count++] = (struct locum_rrset){.rrs = rrs};
    *slot = (uint32_t)self->set_count;
    return 0;
}

/* Add `rr` (taken, also on failure) to the set of its owner and type. */
static int
add_rr(struct locum_zone *self, ldns_rr *rr)
{
    struct locum_rrset *set = locum_zone_find(self, ldns_rr_owner(rr), ldns_rr_get_type(rr));
    int status = 0;
    if (set == NULL) {
        status = add_set(self, rr);
    } else {
        ldns_rr_set_ttl(rr, ldns_rr_ttl(locum_zone_first(set)));
        status = ldns_rr_list_push_rr(set->rrs, rr) ? 0 : LOCUM_ERR_MEMORY;
    }
    if (status != 0) {
        ldns_rr_free(rr);
    }
    return status;
}

/* Add a record of the program's own making, in zone-file syntax with absolute names. */
static __attribute__((format(printf, 2, 3))) int
add_record(struct locum_zone *self, const char *format, ...)
{
    char text[RECORD_BYTES];
    const char *why;
    ldns_rr *rr;
    va_list values;
    va_start(values, format);
    (void)vsnprintf(text, sizeof(text), format, values);
    va_end(values);
    const int status = locum_zone_parse_record(text, self->apex, &rr, &why);
    return status == 0 ? add_rr(self, rr) : status;
}

/* SOA and NS records. */
static int
add_apex(struct locum_zone *self, const struct locum_config_zone *config, uint32_t serial)
{
    /* The SOA lives as long as an answer, so that MINIMUM never outlives one (RFC 2308 4). */
    int status = add_record(self, "%s %u SOA %s %s %u %u %u %u %u", config->name, config->ttl_s,
                            config->soa.mname, config->soa.rname, serial, config->soa.refresh_s,
                            config->soa.retry_s, config->soa.expire_s, config->soa.minimum_s);
    for (size_t i = 0; i < config->ns_count && status == 0; i++) {
        status = add_record(self, "%s %d NS %s", config->name, LOCUM_NS_TTL_S, config->ns[i]);
    }
    self->negative_ttl_s =
        config->ttl_s < config->soa.minimum_s ? config->ttl_s : config->soa.minimum_s;
    return status;
}

static void
set_ttl(struct locum_rrset *set, uint32_t ttl_s)
{
    for (size_t i = 0; i < ldns_rr_list_rr_count(set->rrs); i++) {
        ldns_rr_set_ttl(ldns_rr_list_rr(set->rrs, i), ttl_s);
    }
}

/* The default TTL of static addresses of the hosts of an NS RRset. */
static int
set_glue_ttls(struct locum_zone *self, const struct locum_rrset *ns)
{
    static const ldns_rr_type types[] = {LDNS_RR_TYPE_A, LDNS_RR_TYPE_AAAA};
    for (size_t i = 0; i < ldns_rr_list_rr_count(ns->rrs); i++) {
        ldns_rdf *host = ldns_rdf_clone(ldns_rr_rdf(ldns_rr_list_rr(ns->rrs, i), 0));
        if (host == NULL) {
            return LOCUM_ERR_MEMORY;
        }
        ldns_dname2canonical(host);
        for (size_t t = 0; t < LOCUM_COUNT(types); t++) {
            struct locum_rrset *set = locum_zone_find(self, host, types[t]);
            if (set != NULL && ldns_rr_ttl(locum_zone_first(set)) == LOCUM_TTL_NONE) {
                set_ttl(set, LOCUM_NS_TTL_S);
            }
        }
        ldns_rdf_deep_free(host);
    }
    return 0;
}

/* The TTLs that the records do not have. */
static int
set_default_ttls(struct locum_zone *self, const struct locum_config_zone *config)
{
    int status = 0;
    for (size_t i = 0; i < self->set_count && status == 0; i++) {
        if (ldns_rr_get_type(locum_zone_first(&self->sets[i])) == LDNS_RR_TYPE_NS) {
            status = set_glue_ttls(self, &self->sets[i]);
        }
    }
    for (size_t i = 0; i < self->set_count; i++) {
        const ldns_rr_type type = ldns_rr_get_type(locum_zone_first(&self->sets[i]));
        if (ldns_rr_ttl(locum_zone_first(&self->sets[i])) == LOCUM_TTL_NONE) {
            const bool delegation = type == LDNS_RR_TYPE_NS || type == LDNS_RR_TYPE_DS;
            set_ttl(&self->sets[i], delegation ? LOCUM_NS_TTL_S : config->ttl_s);
        }
    }
    return status;
}

static int
add_static(struct locum_zone *self, const struct locum_config_zone *config)
{
    int status = 0;
    for (size_t i = 0; i < config->record_count && status == 0; i++) {
        const char *why;
        ldns_rr *rr;
        status = locum_zone_parse_record(config->records[i].text, self->apex, &rr, &why);
        if (status == 0) {
            status = add_rr(self, rr);
        }
    }
    return status == 0 ? set_default_ttls(self, config) : status;
}

/* The TXT records that let an authority issue certificates for the names (config/acme.h). */
static int
add_persist(struct locum_zone *self, const struct locum_config *config, size_t zone)
{
    const struct locum_config_zone *from = &config->zones[zone];
    int status = 0;
    for (size_t i = 0; i < config->core.name_count; i++) {
        char owner[LOCUM_DOMAIN_MAX + 1];
        bool wildcard;
        if (config->names[i].zone != zone ||
            !locum_acme_persist_owner(config, i, owner, &wildcard)) {
            continue;
        }
        for (size_t j = 0; j < from->persist_count && status == 0; j++) {
            char buffer[LOCUM_ACME_PERSIST_MAX + 1];
            struct locum_text text = locum_text_init(buffer, sizeof(buffer));
            locum_acme_persist_add(locum_acme_persist(config, zone, j), wildcard, &text);
            status = add_record(self, "%s %u TXT \"%s\"", owner, from->ttl_s, buffer);
        }
    }
    return status;
}

/* Has a static record this owner, or hides it as a delegation or a DNAME above it? Few owners begin
 * with the label of challenges. */
static bool
is_taken(const struct locum_zone *self, const ldns_rdf *owner, size_t static_count)
{
    const size_t length = sizeof(LOCUM_ACME_CHALLENGE_LABEL); /* with its length byte */
    for (size_t i = 0; i < static_count; i++) {
        const ldns_rr *first = locum_zone_first(&self->sets[i]);
        const ldns_rdf *other = ldns_rr_owner(first);
        const ldns_rr_type type = ldns_rr_get_type(first);
        if ((ldns_rdf_size(other) > length &&
             memcmp(ldns_rdf_data(other), ldns_rdf_data(owner), length) == 0 &&
             ldns_dname_compare(other, owner) == 0) ||
            ((type == LDNS_RR_TYPE_DNAME ||
              (type == LDNS_RR_TYPE_NS && ldns_dname_compare(other, self->apex) != 0)) &&
             ldns_dname_is_subdomain(owner, other))) {
            return true;
        }
    }
    return false;
}

/* The TXT records of the challenges of each name, or the placeholder (challenges.h). */
static int
add_challenges(struct locum_zone *self, const struct locum_config *config, size_t zone,
               const struct locum_challenge_answers *answers)
{
    const size_t static_count = self->set_count;
    int status = 0;
    for (size_t i = 0; i < config->core.name_count && status == 0; i++) {
        char owner[LOCUM_DOMAIN_MAX + 1];
        const struct locum_challenge_answer *answer = locum_challenges_answer(answers, i);
        const size_t count = answer != NULL ? answer->count : 1;
        if (config->names[i].zone != zone || !locum_acme_challenge_owner(config, i, owner)) {
            continue;
        }
        ldns_rdf *name = locum_zone_dname(owner);
        status = name == NULL ? LOCUM_ERR_MEMORY : 0;
        if (status == 0 && !is_taken(self, name, static_count)) {
            for (size_t j = 0; j < count && status == 0; j++) {
                status =
                    add_record(self, "%s %d TXT \"%s\"", owner, LOCUM_CHALLENGE_TTL_S,
                               answer != NULL ? answer->values[j] : LOCUM_CHALLENGE_PLACEHOLDER);
            }
            if (status == 0) {
                locum_zone_find(self, name, LDNS_RR_TYPE_TXT)->challenge_of = i + 1;
            }
        }
        ldns_rdf_deep_free(name);
    }
    return status;
}

/* Add one A or AAAA record. Not as text: a plan may have thousands, and the loop waits for it. */
static int
add_address(struct locum_zone *self, const ldns_rdf *owner, uint32_t ttl_s,
            const struct locum_address *address)
{
    const bool v4 = address->family == LOCUM_V4;
    ldns_rr *rr = ldns_rr_new();
    ldns_rdf *name = ldns_rdf_clone(owner);
    ldns_rdf *data = ldns_rdf_new_frm_data(v4 ? LDNS_RDF_TYPE_A : LDNS_RDF_TYPE_AAAA, v4 ? 4 : 16,
                                           address->bytes);
    if (rr == NULL || name == NULL || data == NULL || !ldns_rr_push_rdf(rr, data)) {
        ldns_rdf_deep_free(name);
        ldns_rdf_deep_free(data);
        ldns_rr_free(rr);
        return LOCUM_ERR_MEMORY;
    }
    ldns_rr_set_owner(rr, name);
    ldns_rr_set_type(rr, v4 ? LDNS_RR_TYPE_A : LDNS_RR_TYPE_AAAA);
    ldns_rr_set_ttl(rr, ttl_s);
    return add_rr(self, rr);
}

/* The HTTPS record of one name (https.h). */
static int
add_https(struct locum_zone *self, const struct locum_config *config, size_t name,
          const ldns_rdf *owner, const struct locum_answer answers[LOCUM_FAMILIES])
{
    const size_t size = LOCUM_RR_FIXED_BYTES + LOCUM_DNS_NAME_MAX + locum_https_bytes_max(config);
    uint8_t *wire = malloc(size);
    size_t at = ldns_rdf_size(owner);
    if (wire == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    memcpy(wire, ldns_rdf_data(owner), at);
    const size_t data = at + 10; /* type, class, TTL, length */
    const size_t length = locum_https_write(config, name, answers, wire + data);
    const uint32_t ttl_s = locum_https_ttl(answers);
    const uint16_t values[] = {LOCUM_TYPE_HTTPS, LOCUM_CLASS_IN, (uint16_t)(ttl_s >> 16),
                               (uint16_t)ttl_s, (uint16_t)length};
    for (size_t i = 0; i < LOCUM_COUNT(values); i++) {
        locum_packet_put_u16(wire + at + 2 * i, values[i]);
    }
    int status = 0;
    if (length > 0) {
        ldns_rr *rr = NULL;
        at = 0;
        status = ldns_wire2rr(&rr, wire, data + length, &at, LDNS_SECTION_ANSWER) == LDNS_STATUS_OK
                     ? add_rr(self, rr)
                     : LOCUM_ERR_MEMORY;
    }
    free(wire);
    return status;
}

/* The addresses of the nodes in the answers of one name. */
static int
add_name(struct locum_zone *self, const struct locum_config *config, size_t name,
         const struct locum_plan *plan)
{
    ldns_rdf *owner = locum_zone_dname(config->names[name].name);
    int status = owner == NULL ? LOCUM_ERR_MEMORY : 0;
    for (size_t node = 0; node < config->core.node_count; node++) {
        const struct locum_config_node *from = &config->nodes[node];
        for (size_t i = 0; i < from->address_count && status == 0; i++) {
            const struct locum_answer *answer = &plan->answers[name][from->address[i].family];
            if (locum_nodes_has(answer->nodes, (locum_node)node)) {
                status = add_address(self, owner, answer->ttl_s, &from->address[i]);
            }
        }
    }
    if (status == 0 && locum_https_is_on(config, name)) {
        status = add_https(self, config, name, owner, plan->answers[name]);
    }
    ldns_rdf_deep_free(owner);
    return status;
}

int
locum_zone_build(const struct locum_config *config, size_t zone, const struct locum_plan *plan,
                 const struct locum_challenge_answers *answers, uint32_t serial,
                 struct locum_zone *ret)
{
    const struct locum_config_zone *source = &config->zones[zone];
    struct locum_zone built = {.apex = locum_zone_dname(source->name)};
    int status = built.apex == NULL ? LOCUM_ERR_MEMORY : 0;
    if (status == 0) {
        status = add_apex(&built, source, serial);
    }
    if (status == 0) {
        status = add_static(&built, source);
    }
    if (status == 0) {
        status = add_challenges(&built, config, zone, answers);
    }
    if (status == 0) {
        status = add_persist(&built, config, zone);
    }
    for (size_t i = 0; i < config->core.name_count && plan != NULL && status == 0; i++) {
        if (config->names[i].zone == zone) {
            status = add_name(&built, config, i, plan);
        }
    }
    if (status != 0) {
        locum_zone_fini(&built);
        return status;
    }
    *ret = built;
    return 0;
}

int
locum_dns_find_challenged(const struct locum_config *config, bool ret[LOCUM_NAMES_MAX])
{
    int status = 0;
    memset(ret, 0, LOCUM_NAMES_MAX * sizeof(*ret));
    for (size_t zone = 0; zone < config->zone_count && status == 0; zone++) {
        struct locum_zone built;
        if (!config->zones[zone].dns_01) {
            continue;
        }
        status = locum_zone_build(config, zone, NULL, NULL, 0, &built);
        for (size_t i = 0; status == 0 && i < built.set_count; i++) {
            if (built.sets[i].challenge_of > 0) {
                ret[built.sets[i].challenge_of - 1] = true;
            }
        }
        if (status == 0) {
            locum_zone_fini(&built);
        }
    }
    return status;
}

void
locum_zone_fini(struct locum_zone *self)
{
    for (size_t i = 0; i < self->set_count; i++) {
        ldns_rr_list_deep_free(self->sets[i].rrs);
    }
    free(self->sets);
    free(self->slots);
    ldns_rdf_deep_free(self->apex);
    *self = (struct locum_zone){0};
}

/* The text of an RRset. The parameters of HTTPS and SVCB are written by ldns 1.8.3 without a look
 * at the room that is left: there must be enough. */
int
locum_zone_add_text(ldns_buffer *text, const ldns_rr_list *rrs)
{
    for (size_t i = 0; i < ldns_rr_list_rr_count(rrs); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(rrs, i);
        if (!ldns_buffer_reserve(text, TEXT_BYTES + TEXT_GROWTH * locum_zone_data_length(rr)) ||
            ldns_rr2buffer_str(text, rr) != LDNS_STATUS_OK) {
            return LOCUM_ERR_MEMORY;
        }
    }
    return 0;
}
