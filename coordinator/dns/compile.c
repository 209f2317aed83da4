#include "dns/compile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dns/https.h"
#include "dns/table.h"
#include "dns/zone.h"

enum { TEXT_MAX = 255 }; /* bytes of a string in a TXT record */

/* One type of one name of the zone at hand. */
struct pending_set {
    uint32_t name;
    uint16_t type;
    uint16_t changing;             /* as in struct locum_dns_set */
    const struct locum_rrset *set; /* in `zone`; NULL: it changes with the plan */
};

struct compiler {
    struct locum_dns_names *names;
    const struct locum_config *config; /* borrowed */
    struct locum_signer *signer;       /* borrowed; NULL: no zone is signed */
    int64_t now_s;
    struct locum_sign_budget *budget; /* borrowed; NULL: sign all */
    struct locum_rrset
        apex_sets[LOCUM_SIGNER_APEX_SETS]; /* DNSKEY and so on, of the zone at hand */
    size_t index;                          /* of the zone at hand */
    struct locum_zone zone;                /* its records, without those of the plan */
    struct locum_wire_name apex;
    struct pending_set *rows;
    size_t row_count, row_room;
};

static uint16_t
type_of(const struct locum_rrset *set)
{
    return (uint16_t)ldns_rr_get_type(locum_zone_first(set));
}

static size_t
length_of(const struct locum_rrset *set)
{
    size_t length = 0;
    for (size_t i = 0; i < ldns_rr_list_rr_count(set->rrs); i++) {
        length += LOCUM_RR_FIXED_BYTES + locum_zone_data_length(ldns_rr_list_rr(set->rrs, i));
    }
    return length;
}

/* Memory for a part of this length. */
static int
take(struct compiler *self, size_t length, struct locum_dns_part *ret_part, uint8_t **ret)
{
    if (length > LOCUM_ZONE_SET_BYTES_MAX) {
        return LOCUM_ERR_SPACE;
    }
    *ret = locum_dns_names_take(self->names, length + 1);
    *ret_part = (struct locum_dns_part){.bytes = *ret, .length = (uint16_t)length};
    return *ret == NULL ? LOCUM_ERR_MEMORY : 0;
}

static int
make_part(struct compiler *self, const struct locum_rrset *set, uint16_t owner,
          struct locum_dns_part *ret)
{
    uint8_t *to;
    size_t length = 0;
    const int status = take(self, length_of(set), ret, &to);
    if (status != 0) {
        return status;
    }
    ret->count = (uint16_t)ldns_rr_list_rr_count(set->rrs);
    ret->points = owner != LOCUM_OWNER_NAME;
    for (size_t i = 0; i < ret->count; i++) {
        length += locum_zone_put_record(ldns_rr_list_rr(set->rrs, i), owner,
                                        ldns_rr_ttl(locum_zone_first(set)), to + length);
    }
    return 0;
}

/* The addresses of one host of an NS RRset, as far as this zone has them. */
struct host {
    const struct locum_rrset *sets[2]; /* A, AAAA; NULL: none */
    uint16_t owner;
    bool inside; /* the delegation */
};

static int
find_host(const struct compiler *self, const ldns_rr *ns, const ldns_rdf *cut, struct host *ret)
{
    ldns_rdf *name = ldns_rdf_clone(ldns_rr_rdf(ns, 0));
    if (name == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    ldns_dname2canonical(name);
    ret->sets[0] = locum_zone_find(&self->zone, name, LDNS_RR_TYPE_A);
    ret->sets[1] = locum_zone_find(&self->zone, name, LDNS_RR_TYPE_AAAA);
    ret->inside = cut != NULL && locum_zone_within(name, cut);
    ldns_rdf_deep_free(name);
    return 0;
}

/* The addresses of the hosts that are inside the delegation, or of the others. */
static int
make_addresses(struct compiler *self, const struct host *hosts, size_t count, bool inside,
               struct locum_dns_part *ret)
{
    uint8_t *to;
    size_t length = 0;
    for (size_t i = 0; i < 2 * count; i++) {
        const struct host *host = &hosts[i / 2];
        if (host->inside == inside && host->sets[i % 2] != NULL) {
            length += length_of(host->sets[i % 2]);
        }
    }
    const int status = take(self, length, ret, &to);
    length = 0;
    for (size_t i = 0; i < 2 * count && status == 0; i++) {
        const struct host *host = &hosts[i / 2];
        const struct locum_rrset *set = host->inside == inside ? host->sets[i % 2] : NULL;
        const size_t records = set == NULL ? 0 : ldns_rr_list_rr_count(set->rrs);
        for (size_t j = 0; j < records; j++) {
            length += locum_zone_put_record(ldns_rr_list_rr(set->rrs, j), host->owner,
                                            ldns_rr_ttl(locum_zone_first(set)), to + length);
            ret->count++;
        }
    }
    ret->points = true;
    return status;
}

/* cut: the owner of a delegation; NULL: the apex. */
static int
make_glue(struct compiler *self, const struct locum_rrset *ns, const ldns_rdf *cut,
          const struct locum_dns_glue **ret)
{
    const size_t count = ldns_rr_list_rr_count(ns->rrs);
    struct host *hosts = calloc(count, sizeof(*hosts));
    struct locum_dns_glue *glue = locum_dns_names_take(self->names, sizeof(*glue));
    int status = hosts == NULL || glue == NULL ? LOCUM_ERR_MEMORY : 0;
    size_t at = LOCUM_RR_FIXED_BYTES;
    for (size_t i = 0; i < count && status == 0; i++) {
        const ldns_rr *rr = ldns_rr_list_rr(ns->rrs, i);
        status = find_host(self, rr, cut, &hosts[i]);
        hosts[i].owner = (uint16_t)(LOCUM_OWNER_PART + at);
        at += LOCUM_RR_FIXED_BYTES + locum_zone_data_length(rr);
    }
    if (status == 0) {
        status = make_addresses(self, hosts, count, true, &glue->needed);
    }
    if (status == 0) {
        status = make_addresses(self, hosts, count, false, &glue->other);
    }
    if (status == 0 && glue->needed.count + glue->other.count > 0) {
        *ret = glue;
    }
    free(hosts);
    return status;
}

/* Add a name of the zone at hand. */
static int
add_name(struct compiler *self, const struct locum_wire_name *name, uint32_t *ret_index)
{
    return locum_dns_names_add(self->names, name, self->index, ret_index);
}

static int
add_row(struct compiler *self, const struct pending_set *row)
{
    if (self->row_count == self->row_room) {
        const size_t room = self->row_room == 0 ? 64 : 2 * self->row_room;
        struct pending_set *rows = realloc(self->rows, room * sizeof(*rows));
        if (rows == NULL) {
            return LOCUM_ERR_MEMORY;
        }
        self->rows = rows;
        self->row_room = room;
    }
    self->rows[self->row_count++] = *row;
    return 0;
}

static bool
is_apex(const struct compiler *self, const struct locum_wire_name *name)
{
    return name->length == self->apex.length;
}

/* Delegations and DNAME first, because they hide what is below them. */
static int
add_cuts(struct compiler *self)
{
    int status = 0;
    for (size_t i = 0; i < self->zone.set_count && status == 0; i++) {
        const struct locum_rrset *set = &self->zone.sets[i];
        const bool dname = type_of(set) == LOCUM_TYPE_DNAME;
        struct locum_wire_name name;
        uint32_t index;
        locum_zone_read_name(ldns_rr_owner(locum_zone_first(set)), &name);
        if (dname || (type_of(set) == LOCUM_TYPE_NS && !is_apex(self, &name))) {
            status = add_name(self, &name, &index);
            if (status == 0) {
                self->names->names[index].sort = dname ? LOCUM_SORT_DNAME : LOCUM_SORT_CUT;
            }
        }
    }
    return status;
}

/* All other names, and the rows of all sets that are answered. */
static int
add_sets(struct compiler *self)
{
    int status = 0;
    for (size_t i = 0; i < self->zone.set_count && status == 0; i++) {
        const struct locum_rrset *set = &self->zone.sets[i];
        struct pending_set row = {.type = type_of(set), .changing = LOCUM_DNS_FIXED, .set = set};
        struct locum_wire_name name;
        locum_zone_read_name(ldns_rr_owner(locum_zone_first(set)), &name);
        if (locum_dns_names_hider(self->names, &name) != NULL) {
            continue;
        }
        status = add_name(self, &name, &row.name);
        if (status != 0) {
            return status;
        }
        struct locum_dns_name *entry = &self->names->names[row.name];
        if (row.type == LOCUM_TYPE_CNAME) {
            entry->sort = LOCUM_SORT_CNAME;
        } else if (row.type == LOCUM_TYPE_SOA) {
            row.changing = locum_dns_table_soa(self->index);
        } else if (set->challenge_of > 0) {
            row.changing = locum_dns_table_challenge(set->challenge_of - 1);
            self->names->challenges[set->challenge_of - 1] = row.name;
        }
        /* At a delegation, addresses are glue. */
        if (entry->sort != LOCUM_SORT_CUT || row.type == LOCUM_TYPE_NS ||
            row.type == LOCUM_TYPE_DS) {
            status = add_row(self, &row);
        }
    }
    return status;
}

/* The names of the plan: both address types, also if no node has an address of the family. */
static int
add_plan_names(struct compiler *self)
{
    int status = 0;
    for (size_t i = 0; i < self->config->core.name_count && status == 0; i++) {
        if (self->config->names[i].zone != self->index) {
            continue;
        }
        struct locum_wire_name name;
        status = locum_zone_name(self->config->names[i].name, &name);
        if (status != 0) {
            return status;
        }
        if (locum_dns_names_hider(self->names, &name) != NULL) {
            continue;
        }
        struct pending_set row = {.type = LOCUM_TYPE_A,
                                  .changing = locum_dns_table_addresses(i, LOCUM_V4)};
        status = add_name(self, &name, &row.name);
        if (status == 0) {
            status = add_row(self, &row);
        }
        row.type = LOCUM_TYPE_AAAA;
        row.changing = locum_dns_table_addresses(i, LOCUM_V6);
        if (status == 0) {
            status = add_row(self, &row);
        }
        row.type = LOCUM_TYPE_HTTPS;
        row.changing = locum_dns_table_https(i);
        if (status == 0 && locum_https_is_on(self->config, i)) {
            status = add_row(self, &row);
        }
    }
    return status;
}

static bool
is_signed(const struct compiler *self)
{
    return self->signer != NULL && locum_signer_is_on(self->signer, self->index);
}

/* The sets that signing adds at the apex. */
static int
add_apex_sets(struct compiler *self)
{
    ldns_rr_list *rrs;
    int status = 0;
    for (size_t i = 0; is_signed(self) && status == 0 &&
                       (rrs = locum_signer_apex_set(self->signer, self->index, i)) != NULL;
         i++) {
        struct pending_set row = {.changing = LOCUM_DNS_FIXED, .set = &self->apex_sets[i]};
        self->apex_sets[i].rrs = rrs;
        row.type = type_of(row.set);
        status = add_name(self, &self->apex, &row.name);
        if (status == 0) {
            status = add_row(self, &row);
        }
    }
    return status;
}

/* Leave out the RRSIG records of a set. */
static void
leave_out(struct compiler *self, struct locum_dns_part *ret)
{
    *ret = (struct locum_dns_part){.length = LOCUM_DNS_MISSING, .count = 1};
    self->names->incomplete = true;
}

/* The RRSIG records of a set. `needed`: whatever the budget is. */
static int
make_signature(struct compiler *self, const struct locum_rrset *set, uint16_t owner, bool needed,
               struct locum_dns_part *ret)
{
    if (self->names->incomplete && !needed) {
        leave_out(self, ret);
        return 0;
    }
    struct locum_rrset signatures = {.rrs = ldns_rr_list_new()};
    int status = signatures.rrs == NULL
                     ? LOCUM_ERR_MEMORY
                     : locum_signer_sign(self->signer, self->index, set->rrs,
                                         ldns_rr_ttl(locum_zone_first(set)), self->now_s,
                                         needed ? NULL : self->budget, signatures.rrs);
    if (status == 0) {
        status = make_part(self, &signatures, owner, ret);
    } else if (status == LOCUM_ERR_TIMEOUT && self->budget->partly) {
        leave_out(self, ret);
        status = 0;
    }
    ldns_rr_list_deep_free(signatures.rrs);
    return status;
}

/* An NSEC record: the labels of its owner below the apex, then the record, whose owner field is to
 * point to the apex. */
static int
make_nsec(struct compiler *self, const struct locum_rrset *set, bool needed,
          struct locum_dns_nsec *ret)
{
    const ldns_rr *rr = locum_zone_first(set);
    const ldns_rdf *owner = ldns_rr_owner(rr);
    struct locum_dns_part part;
    uint8_t *to;
    ret->prefix_length = (uint16_t)(ldns_rdf_size(owner) - self->apex.length);
    int status = take(self, ret->prefix_length + length_of(set), &part, &to);
    if (status != 0) {
        return status;
    }
    memcpy(to, ldns_rdf_data(owner), ret->prefix_length);
    (void)locum_zone_put_record(rr, LOCUM_POINTER, ldns_rr_ttl(rr), to + ret->prefix_length);
    ret->bytes = part.bytes;
    ret->length = part.length;
    return make_signature(self, set, LOCUM_OWNER_PART, needed, &ret->signature);
}

/* Mark the NSEC records of the plan's names in this zone. */
static void
mark_needed(const struct compiler *self, const struct locum_chain *chain, bool *needed)
{
    for (size_t i = 0; i < self->config->core.name_count; i++) {
        if (self->config->names[i].zone == self->index) {
            const ldns_rdf *owner = locum_signer_owner(self->signer, i);
            const size_t length = ldns_rdf_size(owner);
            needed[locum_chain_search(chain, ldns_rdf_data(owner), length).at] = true;
        }
    }
}

static int
make_chain(struct compiler *self)
{
    if (!is_signed(self)) {
        return 0;
    }
    struct locum_dns_zone *entry = &self->names->zones[self->index];
    struct locum_chain *chain = locum_signer_chain(self->signer, self->index);
    const size_t count = locum_chain_count(chain);
    struct locum_dns_nsec *nsecs = locum_dns_names_take(self->names, count * sizeof(*nsecs));
    bool *needed = calloc(count, sizeof(*needed));
    int status = nsecs == NULL || needed == NULL ? LOCUM_ERR_MEMORY : 0;
    if (status == 0) {
        mark_needed(self, chain, needed);
    }
    for (size_t i = 0; i < count && status == 0; i++) {
        const struct locum_rrset set = {.rrs = locum_signer_nsec(self->signer, self->index, i)};
        status = make_nsec(self, &set, needed[i], &nsecs[i]);
    }
    free(needed);
    if (status == 0) {
        locum_chain_hold(chain);
        entry->chain = chain;
        entry->nsecs = nsecs;
    }
    return status;
}

static int
compare_rows(const void *a, const void *b)
{
    const struct pending_set *left = a;
    const struct pending_set *right = b;
    if (left->name != right->name) {
        return left->name < right->name ? -1 : 1;
    }
    return (left->type > right->type) - (left->type < right->type);
}

/* The owner of a set of this name: of what is answered below it, too, it is an ancestor. */
static uint16_t
owner_of(const struct locum_dns_name *name, uint16_t type)
{
    const bool ancestor = name->sort == LOCUM_SORT_CUT ||
                          (name->sort == LOCUM_SORT_DNAME && type == LOCUM_TYPE_DNAME);
    return (uint16_t)(LOCUM_OWNER_NAME - (ancestor ? name->length : 0));
}

static int
make_set(struct compiler *self, const struct pending_set *row)
{
    const struct locum_dns_name *name = &self->names->names[row->name];
    struct locum_dns_set set = {.type = row->type, .changing = row->changing};
    int status = 0;
    if (row->changing == LOCUM_DNS_FIXED) {
        status = make_part(self, row->set, owner_of(name, row->type), &set.part);
    }
    if (status == 0 && row->changing == LOCUM_DNS_FIXED && is_signed(self) &&
        locum_signer_signs(self->signer, self->index, locum_zone_first(row->set))) {
        status = make_signature(self, row->set, owner_of(name, row->type),
                                locum_signer_is_of_keys(row->type), &set.signature);
    }
    if (status == 0 && row->type == LOCUM_TYPE_NS) {
        const ldns_rdf *owner = ldns_rr_owner(locum_zone_first(row->set));
        status = make_glue(self, row->set, name->sort == LOCUM_SORT_CUT ? owner : NULL, &set.glue);
    }
    return status == 0 ? locum_dns_names_add_set(self->names, row->name, &set) : status;
}

static int
make_zone_entry(struct compiler *self)
{
    struct locum_dns_zone *entry = &self->names->zones[self->index];
    const struct locum_rrset *soa = locum_zone_find(&self->zone, self->zone.apex, LDNS_RR_TYPE_SOA);
    entry->ttl_s = ldns_rr_ttl(locum_zone_first(soa));
    entry->negative_ttl_s = self->zone.negative_ttl_s;
    const int status = locum_dns_names_add_zone(self->names, &self->apex);
    return status != 0 ? status
                       : make_part(self, soa, (uint16_t)(LOCUM_OWNER_NAME - self->apex.length),
                                   &entry->soa);
}

static int
compile_zone(struct compiler *self)
{
    locum_zone_read_name(self->zone.apex, &self->apex);
    self->row_count = 0;
    int (*const steps[])(struct compiler *) = {make_zone_entry, add_cuts,      add_sets,
                                               add_plan_names,  add_apex_sets, make_chain};
    int status = 0;
    for (size_t i = 0; i < LOCUM_COUNT(steps) && status == 0; i++) {
        status = steps[i](self);
    }
    qsort(self->rows, self->row_count, sizeof(*self->rows), compare_rows);
    for (size_t i = 0; i < self->row_count && status == 0; i++) {
        status = make_set(self, &self->rows[i]);
    }
    return status;
}

/* A TXT record of class CH with one string (RFC 4892). */
static int
make_chaos(struct compiler *self, const char *text, struct locum_dns_part *ret)
{
    const size_t length = strnlen(text, TEXT_MAX);
    uint8_t *to;
    const int status = take(self, LOCUM_RR_FIXED_BYTES + 1 + length, ret, &to);
    if (status != 0) {
        return status;
    }
    locum_packet_put_fixed(to, LOCUM_OWNER_NAME, LOCUM_TYPE_TXT, LOCUM_CLASS_CH, 0, length + 1);
    to[LOCUM_RR_FIXED_BYTES] = (uint8_t)length;
    memcpy(to + LOCUM_RR_FIXED_BYTES + 1, text, length);
    ret->count = 1;
    return 0;
}

static int
prepare_challenges(struct compiler *self)
{
    const size_t count = self->names->plan_name_count;
    self->names->challenges =
        locum_dns_names_take(self->names, (count + 1) * sizeof(*self->names->challenges));
    for (size_t i = 0; i < count && self->names->challenges != NULL; i++) {
        self->names->challenges[i] = LOCUM_DNS_NONE;
    }
    return self->names->challenges == NULL ? LOCUM_ERR_MEMORY : 0;
}

/* What identifies the server. */
static int
compile_identity(struct compiler *self)
{
    const struct locum_core_config *core = &self->config->core;
    const char *host = core->nodes[core->self].name;
    char version[32 + LOCUM_VERSION_MAX];
    (void)snprintf(version, sizeof(version), "Locum %s", core->version);
    self->names->nsid_length = strnlen(host, LOCUM_NSID_MAX);
    memcpy(self->names->nsid, host, self->names->nsid_length);
    const int status = make_chaos(self, version, &self->names->version);
    return status != 0 ? status : make_chaos(self, host, &self->names->host);
}

int
locum_dns_compile(const struct locum_config *config, struct locum_signer *signer, int64_t now_s,
                  struct locum_sign_budget *budget, struct locum_dns_names **ret)
{
    struct compiler *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    int status = LOCUM_ERR_MEMORY;
    self->config = config;
    self->signer = signer;
    self->now_s = now_s;
    self->budget = budget;
    self->names = locum_dns_names_create();
    if (self->names == NULL) {
        goto out;
    }
    self->names->plan_name_count = config->core.name_count;
    status = prepare_challenges(self);
    if (status == 0) {
        status = compile_identity(self);
    }
    for (; self->index < config->zone_count && status == 0; self->index++) {
        status = locum_zone_build(config, self->index, NULL, NULL, 0, &self->zone);
        if (status == 0) {
            status = compile_zone(self);
            locum_zone_fini(&self->zone);
        }
    }
    if (status == 0) {
        *ret = self->names;
        self->names = NULL;
    }
out:
    locum_dns_names_release(self->names);
    free(self->rows);
    free(self);
    return status;
}
