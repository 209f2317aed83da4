#include "dns/signer.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dns/https.h"
#include "dns/signer_zone.h"

/* The TTL of a shared or owned name in its signatures. */
struct signer_name {
    ldns_rdf *name;
    size_t zone;
    uint32_t ttl_s;
    bool https; /* it has an HTTPS record that the plan changes */
};

struct locum_signer {
    struct signer_zone *zones; /* zone_count, by their index in the configuration */
    size_t zone_count;
    struct signer_name *names;
    size_t name_count;
    struct locum_sign_cache *cache;
};

/* Does a name of the plan ever have this family (PLAN-1, PLAN-6)? */
static bool
has_family(const struct locum_core_config *core, const struct locum_core_name *name,
           enum locum_family family)
{
    bool has = name->owner != LOCUM_NODE_NONE && core->nodes[name->owner].has[family];
    for (size_t i = 0; i < core->node_count && name->owner == LOCUM_NODE_NONE; i++) {
        has = has || (core->nodes[i].role == LOCUM_ROLE_SERVER && core->nodes[i].has[family]);
    }
    return has;
}

static int
add_to_chain(struct signer_zone *self, const ldns_rdf *owner, ldns_rr_type type)
{
    return locum_chain_add(self->chain, ldns_rdf_data(owner), ldns_rdf_size(owner), (uint16_t)type);
}

/* All names and types of a zone, whatever the plan. CDS and CDNSKEY begin once, and stay. */
static int
fill_chain(struct locum_signer *self, const struct locum_config *config, size_t index,
           const struct locum_zone *without_plan)
{
    static const ldns_rr_type apex_types[LOCUM_SIGNER_APEX_SETS] = {
        LDNS_RR_TYPE_DNSKEY, LDNS_RR_TYPE_CDS, LDNS_RR_TYPE_CDNSKEY};
    static const ldns_rr_type types[LOCUM_FAMILIES] = {
        [LOCUM_V4] = LDNS_RR_TYPE_A, [LOCUM_V6] = LDNS_RR_TYPE_AAAA};
    struct signer_zone *zone = &self->zones[index];
    int status = 0;
    for (size_t i = 0; i < zone->apex_set_count && status == 0; i++) {
        status = add_to_chain(zone, without_plan->apex, apex_types[i]);
    }
    for (size_t i = 0; i < without_plan->set_count && status == 0; i++) {
        const ldns_rr *first = locum_zone_first(&without_plan->sets[i]);
        status = add_to_chain(zone, ldns_rr_owner(first), ldns_rr_get_type(first));
    }
    for (size_t i = 0; i < self->name_count; i++) {
        for (size_t f = 0; f < LOCUM_FAMILIES && status == 0; f++) {
            if (self->names[i].zone == index &&
                has_family(&config->core, &config->core.names[i], (enum locum_family)f)) {
                status = add_to_chain(zone, self->names[i].name, types[f]);
            }
        }
        if (self->names[i].zone == index && self->names[i].https && status == 0) {
            status = add_to_chain(zone, self->names[i].name, LDNS_RR_TYPE_HTTPS);
        }
    }
    return status == 0 ? locum_chain_close(zone->chain) : status;
}

/* A list of one record, which is taken; NULL: out of memory. */
static ldns_rr_list *
list_of(ldns_rr *rr)
{
    ldns_rr_list *list = ldns_rr_list_new();
    if (rr == NULL || list == NULL || !ldns_rr_list_push_rr(list, rr)) {
        ldns_rr_free(rr);
        ldns_rr_list_free(list);
        return NULL;
    }
    return list;
}

/* The longest TTL of the records of a zone. */
static uint32_t
longest_ttl_s(const struct locum_signer *self, size_t zone, const struct locum_zone *without_plan)
{
    uint32_t longest_s = LOCUM_SIGNER_KEY_TTL_S;
    for (size_t i = 0; i < without_plan->set_count; i++) {
        const uint32_t ttl_s = ldns_rr_ttl(locum_zone_first(&without_plan->sets[i]));
        longest_s = ttl_s > longest_s ? ttl_s : longest_s;
    }
    for (size_t i = 0; i < self->name_count; i++) {
        if (self->names[i].zone == zone && self->names[i].ttl_s > longest_s) {
            longest_s = self->names[i].ttl_s;
        }
    }
    return longest_s;
}

/* RFC 9077: the TTL of NSEC records is that of a negative answer. */
static int
make_chain(struct locum_signer *self, const struct locum_config *config, size_t index,
           const struct locum_zone *without_plan)
{
    struct signer_zone *zone = &self->zones[index];
    const uint32_t ttl_s = without_plan->negative_ttl_s;
    zone->chain = locum_chain_create();
    zone->soa = ldns_rr_list_clone(
        locum_zone_find(without_plan, without_plan->apex, LDNS_RR_TYPE_SOA)->rrs);
    int status = zone->chain == NULL || zone->soa == NULL
                     ? LOCUM_ERR_MEMORY
                     : fill_chain(self, config, index, without_plan);
    if (status == 0) {
        zone->nsecs = calloc(locum_chain_count(zone->chain), sizeof(ldns_rr_list *));
        status = zone->nsecs == NULL ? LOCUM_ERR_MEMORY
                                     : locum_chain_digest(zone->chain, ttl_s, zone->chain_digest);
    }
    for (size_t i = 0; status == 0 && i < locum_chain_count(zone->chain); i++) {
        zone->nsecs[i] = list_of(locum_chain_nsec(zone->chain, i, ttl_s));
        status = zone->nsecs[i] == NULL ? LOCUM_ERR_MEMORY : 0;
    }
    return status;
}

/* Remember the keys of a folder, and decide with what is remembered. */
static int
use_memory(struct signer_zone *zone, const struct locum_config_zone *config, const ldns_rdf *apex,
           struct locum_keymemory *memory, int64_t now_s)
{
    int status = locum_signer_zone_remember(zone, config->name, memory, now_s);
    if (status == 0) {
        struct locum_keymemory_zone *of = locum_keymemory_find(memory, config->name);
        locum_keymemory_decide(memory, of, now_s);
        status = locum_signer_zone_apply(zone, config, apex, of);
    }
    return status;
}

/* Prepare one zone. `to` NULL: with what is remembered alone. */
static int
create_zone(struct locum_signer *self, const struct locum_config *config, size_t index,
            struct locum_keymemory *memory, int64_t now_s, struct signer_reporting *to)
{
    struct signer_zone *zone = &self->zones[index];
    const struct locum_config_zone *from = &config->zones[index];
    struct locum_zone without_plan;
    zone->validity_s = from->dnssec.validity_s;
    zone->refresh_s = from->dnssec.refresh_s;
    int status = locum_zone_build(config, index, NULL, NULL, 0, &without_plan);
    if (status != 0) {
        return status;
    }
    zone->longest_ttl_s = longest_ttl_s(self, index, &without_plan);
    if (to == NULL) {
        const struct locum_keymemory_zone *of = locum_keymemory_find(memory, from->name);
        status = of == NULL ? LOCUM_ERR_INVALID
                            : locum_signer_zone_apply(zone, from, without_plan.apex, of);
    } else {
        to->zone = index;
        status = locum_signer_zone_read(zone, from, without_plan.apex, memory, now_s, to);
        if (status == 0 && memory != NULL) {
            status = use_memory(zone, from, without_plan.apex, memory, now_s);
        }
    }
    if (status == 0) {
        status = make_chain(self, config, index, &without_plan);
    }
    zone->on = status == 0;
    locum_zone_fini(&without_plan);
    return status;
}

/* The shared and owned names with their TTLs. */
static int
read_names(struct locum_signer *self, const struct locum_config *config)
{
    self->names = calloc(config->core.name_count + 1, sizeof(*self->names));
    for (size_t i = 0; self->names != NULL && i < config->core.name_count; i++) {
        ldns_rdf *name = locum_zone_dname(config->names[i].name);
        if (name == NULL) {
            return LOCUM_ERR_MEMORY;
        }
        self->names[self->name_count++] =
            (struct signer_name){.name = name,
                                 .zone = config->names[i].zone,
                                 .ttl_s = config->core.names[i].ttl_s,
                                 .https = locum_https_is_on(config, i)};
    }
    return self->names == NULL ? LOCUM_ERR_MEMORY : 0;
}

/* The parts of a signer besides its zones. NULL: out of memory. */
static struct locum_signer *
create_empty(const struct locum_config *config)
{
    struct locum_signer *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return NULL;
    }
    self->zones = calloc(config->zone_count + 1, sizeof(*self->zones));
    self->zone_count = self->zones != NULL ? config->zone_count : 0;
    if (self->zones == NULL || read_names(self, config) != 0) {
        locum_signer_destroy(self);
        return NULL;
    }
    return self;
}

/* Is this node to sign the zone? */
static bool
is_to_sign(const struct locum_config *config, size_t zone)
{
    return config->core.nodes[config->core.self].role == LOCUM_ROLE_SERVER &&
           config->zones[zone].dnssec.keys[0] != '\0';
}

/* Give the signer to the caller with a cache, or destroy it. */
static int
finish(struct locum_signer *self, bool any, int status, struct locum_signer **ret)
{
    if (status == 0 && any) {
        self->cache = locum_sign_cache_create(LOCUM_SIGNER_SIGNATURES_MAX);
        status = self->cache == NULL ? LOCUM_ERR_MEMORY : 0;
    }
    if (status != 0) {
        locum_signer_destroy(self);
        return status;
    }
    *ret = self;
    return 0;
}

int
locum_signer_create(const struct locum_config *config, struct locum_keymemory *memory,
                    int64_t now_s, locum_signer_problem_fn *report, void *user,
                    struct locum_signer **ret)
{
    struct signer_reporting to = {.report = report, .user = user, .kept = config->kept};
    struct locum_signer *self = create_empty(config);
    int status = self == NULL ? LOCUM_ERR_MEMORY : 0;
    bool any = false;
    for (size_t i = 0; i < config->zone_count && status != LOCUM_ERR_MEMORY; i++) {
        if (is_to_sign(config, i)) { /* the problems of all zones are reported */
            const int failed = create_zone(self, config, i, memory, now_s, &to);
            if (failed != 0 && (failed != LOCUM_ERR_INVALID || !config->kept)) {
                status = failed;
            }
            any = true;
        }
    }
    if (status == 0 && to.error) {
        status = LOCUM_ERR_INVALID;
    }
    return finish(self, any, status, ret);
}

int
locum_signer_recreate(const struct locum_config *config, struct locum_keymemory *memory,
                      struct locum_signer **ret)
{
    struct locum_signer *self = create_empty(config);
    int status = self == NULL ? LOCUM_ERR_MEMORY : 0;
    bool any = false;
    for (size_t i = 0; i < config->zone_count && status == 0; i++) {
        if (is_to_sign(config, i)) {
            const int failed = create_zone(self, config, i, memory, 0, NULL);
            status = failed == LOCUM_ERR_INVALID ? 0 : failed; /* it stays unsigned */
            any = true;
        }
    }
    return finish(self, any, status, ret);
}

void
locum_signer_share(struct locum_signer *self, struct locum_signer *before)
{
    if (before != NULL && before->cache != NULL && self->cache != NULL) {
        locum_sign_cache_hold(before->cache);
        locum_sign_cache_release(self->cache);
        self->cache = before->cache;
    }
}

bool
locum_signer_is_current(const struct locum_signer *self, const struct locum_config *config,
                        const struct locum_keymemory *memory)
{
    bool current = true;
    for (size_t i = 0; i < config->zone_count; i++) {
        const struct locum_keymemory_zone *of = locum_keymemory_find(memory, config->zones[i].name);
        if (of != NULL && locum_signer_is_on(self, i)) {
            current = current && self->zones[i].effect == locum_keymemory_effect(of);
        }
    }
    return current;
}

int
locum_signer_remember(const struct locum_signer *self, const struct locum_config *config,
                      struct locum_keymemory *memory, int64_t now_s)
{
    int status = 0;
    for (size_t i = 0; i < config->zone_count && status == 0; i++) {
        if (locum_signer_is_on(self, i)) {
            status =
                locum_signer_zone_remember(&self->zones[i], config->zones[i].name, memory, now_s);
        }
    }
    return status;
}

static void
free_zone(struct signer_zone *self)
{
    for (size_t i = 0; self->nsecs != NULL && i < locum_chain_count(self->chain); i++) {
        ldns_rr_list_deep_free(self->nsecs[i]);
    }
    free(self->nsecs);
    ldns_rr_list_deep_free(self->soa);
    locum_chain_destroy(self->chain);
    locum_signer_zone_free_keys(self);
}

void
locum_signer_destroy(struct locum_signer *self)
{
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < self->zone_count; i++) {
        free_zone(&self->zones[i]);
    }
    free(self->zones);
    for (size_t i = 0; i < self->name_count; i++) {
        ldns_rdf_deep_free(self->names[i].name);
    }
    free(self->names);
    locum_sign_cache_release(self->cache);
    free(self);
}

bool
locum_signer_is_on(const struct locum_signer *self, size_t zone)
{
    return zone < self->zone_count && self->zones[zone].on;
}

struct locum_chain *
locum_signer_chain(const struct locum_signer *self, size_t zone)
{
    return self->zones[zone].chain;
}

ldns_rr_list *
locum_signer_apex_set(const struct locum_signer *self, size_t zone, size_t number)
{
    const struct signer_zone *of = &self->zones[zone];
    return number < of->apex_set_count ? of->apex_sets[number] : NULL;
}

const uint8_t *
locum_signer_chain_digest(const struct locum_signer *self, size_t zone)
{
    return self->zones[zone].chain_digest;
}

size_t
locum_signer_apex_sets(const struct locum_signer *self, size_t zone)
{
    return self->zones[zone].apex_set_count;
}

ldns_rr_list *
locum_signer_nsec(const struct locum_signer *self, size_t zone, size_t number)
{
    const struct signer_zone *of = &self->zones[zone];
    return number < locum_chain_count(of->chain) ? of->nsecs[number] : NULL;
}

const ldns_rr_list *
locum_signer_soa(struct locum_signer *self, size_t zone, uint32_t serial, uint32_t ttl_s)
{
    enum { SERIAL = 2 };
    ldns_rr *rr = ldns_rr_list_rr(self->zones[zone].soa, 0);
    ldns_write_uint32(ldns_rdf_data(ldns_rr_rdf(rr, SERIAL)), serial);
    ldns_rr_set_ttl(rr, ttl_s);
    return self->zones[zone].soa;
}

const ldns_rdf *
locum_signer_owner(const struct locum_signer *self, size_t name)
{
    return self->names[name].name;
}

const struct locum_dnskey *
locum_signer_entry_key(const struct locum_signer *self, size_t zone, size_t number)
{
    const struct signer_zone *of = &self->zones[zone];
    return number < of->entry_count ? of->entries[number] : NULL;
}

const struct locum_dnskey *
locum_signer_dnskey_signer(const struct locum_signer *self, size_t zone, size_t number)
{
    const struct signer_zone *of = &self->zones[zone];
    return number < of->dnskey_signer_count ? of->dnskey_signers[number] : NULL;
}

int64_t
locum_signer_expiration(const struct locum_signer *self, size_t zone, int64_t now_s)
{
    const struct signer_zone *of = &self->zones[zone];
    const struct locum_sign_window window =
        locum_sign_window_at(now_s, of->validity_s, of->refresh_s);
    return now_s + (int32_t)(window.expiration - (uint32_t)now_s);
}

bool
locum_signer_signs(const struct locum_signer *self, size_t zone, const ldns_rr *first)
{
    const ldns_rdf *owner = ldns_rr_owner(first);
    const struct locum_chain_place place =
        locum_chain_search(self->zones[zone].chain, ldns_rdf_data(owner), ldns_rdf_size(owner));
    return place.matches && (!place.is_delegation || ldns_rr_get_type(first) == LDNS_RR_TYPE_DS ||
                             ldns_rr_get_type(first) == LDNS_RR_TYPE_NSEC);
}

/* The TTL of an RRset in its signatures. */
static uint32_t
original_ttl_s(const struct locum_signer *self, size_t zone, const ldns_rr *first,
               uint32_t otherwise_s)
{
    const ldns_rdf *owner = ldns_rr_owner(first);
    const ldns_rr_type type = ldns_rr_get_type(first);
    for (size_t i = 0; i < self->name_count; i++) {
        if (self->names[i].zone == zone &&
            (type == LDNS_RR_TYPE_A || type == LDNS_RR_TYPE_AAAA ||
             (type == LDNS_RR_TYPE_HTTPS && self->names[i].https)) &&
            ldns_dname_compare(self->names[i].name, owner) == 0) {
            return self->names[i].ttl_s;
        }
    }
    return otherwise_s;
}

bool
locum_signer_is_of_keys(uint16_t type)
{
    return type == LDNS_RR_TYPE_DNSKEY || type == LDNS_RR_TYPE_CDS || type == LDNS_RR_TYPE_CDNSKEY;
}

int
locum_signer_sign(struct locum_signer *self, size_t zone, const ldns_rr_list *set, uint32_t ttl_s,
                  int64_t now_s, struct locum_sign_budget *budget, ldns_rr_list *ret)
{
    const struct signer_zone *of = &self->zones[zone];
    const ldns_rr *first = ldns_rr_list_rr(set, 0);
    const bool keys = locum_signer_is_of_keys((uint16_t)ldns_rr_get_type(first));
    if ((keys ? of->dnskey_signer_count : of->rest_signer_count) == 0) {
        return LOCUM_ERR_INVALID; /* never serve a signed zone without signatures */
    }
    return locum_sign_rrset(self->cache, set, original_ttl_s(self, zone, first, ttl_s),
                            keys ? of->dnskey_signers : of->rest_signers,
                            keys ? of->dnskey_signer_count : of->rest_signer_count,
                            locum_sign_window_at(now_s, of->validity_s, of->refresh_s), budget,
                            ret);
}

/* A set that signing has added, and its signatures. */
static int
add_set(struct locum_signer *self, size_t zone, const ldns_rr_list *set, int64_t now_s,
        ldns_rr_list *ret)
{
    for (size_t i = 0; i < ldns_rr_list_rr_count(set); i++) {
        ldns_rr *rr = ldns_rr_clone(ldns_rr_list_rr(set, i));
        if (rr == NULL || !ldns_rr_list_push_rr(ret, rr)) {
            ldns_rr_free(rr);
            return LOCUM_ERR_MEMORY;
        }
    }
    return locum_signer_sign(self, zone, set, ldns_rr_ttl(ldns_rr_list_rr(set, 0)), now_s, NULL,
                             ret);
}

int
locum_signer_add_records(struct locum_signer *self, size_t zone, const struct locum_zone *built,
                         int64_t now_s, ldns_rr_list *ret)
{
    const ldns_rr_list *set;
    int status = 0;
    for (size_t i = 0; i < built->set_count && status == 0; i++) {
        const ldns_rr *first = locum_zone_first(&built->sets[i]);
        if (locum_signer_signs(self, zone, first)) {
            status = locum_signer_sign(self, zone, built->sets[i].rrs, ldns_rr_ttl(first), now_s,
                                       NULL, ret);
        }
    }
    for (size_t i = 0; status == 0 && (set = locum_signer_apex_set(self, zone, i)); i++) {
        status = add_set(self, zone, set, now_s, ret);
    }
    for (size_t i = 0; status == 0 && (set = locum_signer_nsec(self, zone, i)); i++) {
        status = add_set(self, zone, set, now_s, ret);
    }
    return status;
}

int64_t
locum_signer_until(const struct locum_signer *self, int64_t now_s)
{
    int64_t first_s = INT64_MAX;
    for (size_t i = 0; self != NULL && i < self->zone_count; i++) {
        const struct signer_zone *zone = &self->zones[i];
        if (zone->on) {
            const int64_t until_s =
                locum_sign_window_at(now_s, zone->validity_s, zone->refresh_s).until_s;
            first_s = until_s < first_s ? until_s : first_s;
        }
    }
    return first_s;
}

struct locum_sign_cache *
locum_signer_cache(const struct locum_signer *self)
{
    return self->cache;
}

struct locum_sign_counts
locum_signer_counts(const struct locum_signer *self)
{
    return self->cache == NULL ? (struct locum_sign_counts){0}
                               : locum_sign_cache_counts(self->cache);
}
