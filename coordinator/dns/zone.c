#include "dns/zone.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

ldns_rdf *
locum_dname_new(const char *text)
{
    ldns_rdf *name = ldns_dname_new_frm_str(text);
    if (name != NULL) {
        ldns_dname2canonical(name);
    }
    return name;
}

bool
locum_dname_within(const ldns_rdf *name, const ldns_rdf *apex)
{
    return ldns_dname_compare(name, apex) == 0 || ldns_dname_is_subdomain(name, apex);
}

size_t
locum_zone_of(ldns_rdf *const *apexes, size_t count, const ldns_rdf *name)
{
    size_t best = count;
    for (size_t i = 0; i < count; i++) {
        const bool longer = best == count || ldns_rdf_size(apexes[i]) > ldns_rdf_size(apexes[best]);
        if (longer && locum_dname_within(name, apexes[i])) {
            best = i;
        }
    }
    return best;
}

const ldns_rdf *
locum_rrset_owner(const struct locum_rrset *self)
{
    return ldns_rr_owner(ldns_rr_list_rr(self->rrs, 0));
}

ldns_rr_type
locum_rrset_type(const struct locum_rrset *self)
{
    return ldns_rr_get_type(ldns_rr_list_rr(self->rrs, 0));
}

uint32_t
locum_rrset_ttl(const struct locum_rrset *self)
{
    return ldns_rr_ttl(ldns_rr_list_rr(self->rrs, 0));
}

struct locum_rrset *
locum_zone_find(const struct locum_zone *self, const ldns_rdf *owner, ldns_rr_type type)
{
    for (size_t i = 0; i < self->set_count; i++) {
        struct locum_rrset *set = &self->sets[i];
        if (locum_rrset_type(set) == type &&
            ldns_rdf_size(locum_rrset_owner(set)) == ldns_rdf_size(owner) &&
            ldns_dname_compare(locum_rrset_owner(set), owner) == 0) {
            return set;
        }
    }
    return NULL;
}

/* Digits with units, as in 3600 or 1h30m: at most INT32_MAX seconds (RFC 2181 8)? */
static bool
is_ttl(const char *text)
{
    static const char units[] = "smhdwSMHDW";
    static const uint64_t seconds[] = {1, 60, 3600, 86400, 604800};
    uint64_t total = 0;
    do {
        const size_t digits = strspn(text, "0123456789");
        const char *unit = text[digits] == '\0' ? units : strchr(units, text[digits]);
        uint64_t number;
        if (unit == NULL || locum_slice_u64((struct locum_slice){.at = text, .length = digits},
                                            INT32_MAX, &number) != 0) {
            return false;
        }
        total += number * seconds[(size_t)(unit - units) % LOCUM_COUNT(seconds)];
        text += digits + (text[digits] != '\0');
    } while (*text != '\0' && total <= INT32_MAX);
    return total <= INT32_MAX;
}

/*
 * What ldns takes for a TTL without a word: it wraps at 2^32, stops at the first letter that is no
 * unit, and takes an empty word (before a comment) for 0. Its own reader of words finds the second.
 */
static int
check_ttl(const char *text, const char **ret_why)
{
    char word[LDNS_MAX_DOMAINLEN + 1] = "";
    ldns_buffer *buffer = ldns_buffer_new(strlen(text) + 1);
    if (buffer == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    ldns_buffer_write_string(buffer, text);
    ldns_buffer_flip(buffer);
    int status = 0;
    if (ldns_bget_token(buffer, word, "\t\n ", sizeof(word)) != -1 &&
        ldns_bget_token(buffer, word, "\t\n ", sizeof(word)) != -1) {
        if (word[0] == '\0') {
            *ret_why = "a blank or a comment stands where its type belongs";
            status = LOCUM_ERR_INVALID;
        } else if (word[0] >= '0' && word[0] <= '9' && !is_ttl(word)) {
            *ret_why = "this is no TTL: write 3600 or 1h, at most 2147483647 s (RFC 2181 8)";
            status = LOCUM_ERR_INVALID;
        }
    }
    ldns_buffer_free(buffer);
    return status;
}

int
locum_record_parse(const char *text, const ldns_rdf *apex, ldns_rr **ret_rr, const char **ret_why)
{
    ldns_rr *rr = NULL;
    const char *why = NULL;
    const int ttl_status = check_ttl(text, &why);
    if (ttl_status != 0) {
        if (ret_why != NULL) {
            *ret_why = why;
        }
        return ttl_status;
    }
    const ldns_status status = ldns_rr_new_frm_str(&rr, text, LOCUM_TTL_NONE, apex, NULL);
    if (status != LDNS_STATUS_OK) {
        if (ret_why != NULL) {
            *ret_why = ldns_get_errorstr_by_id(status);
        }
        return status == LDNS_STATUS_MEM_ERR ? LOCUM_ERR_MEMORY : LOCUM_ERR_INVALID;
    }
    ldns_dname2canonical(ldns_rr_owner(rr));
    *ret_rr = rr;
    return 0;
}

/* Append a set that holds `rr` (taken, also on failure). */
static int
add_set(struct locum_zone *self, ldns_rr *rr, bool rotate)
{
    if (self->set_count == self->set_room) {
        const size_t room = self->set_room == 0 ? 32 : 2 * self->set_room;
        struct locum_rrset *sets = realloc(self->sets, room * sizeof(*sets));
        if (sets == NULL) {
            ldns_rr_free(rr);
            return LOCUM_ERR_MEMORY;
        }
        self->sets = sets;
        self->set_room = room;
    }
    ldns_rr_list *list = ldns_rr_list_new();
    if (list == NULL || !ldns_rr_list_push_rr(list, rr)) {
        ldns_rr_list_free(list);
        ldns_rr_free(rr);
        return LOCUM_ERR_MEMORY;
    }
    self->sets[self->set_count++] = (struct locum_rrset){.rrs = list, .rotate = rotate};
    return 0;
}

/* Add `rr` (taken, also on failure) to the set of its owner and type, made if need be. */
static int
add_rr(struct locum_zone *self, ldns_rr *rr)
{
    struct locum_rrset *set = locum_zone_find(self, ldns_rr_owner(rr), ldns_rr_get_type(rr));
    if (set == NULL) {
        return add_set(self, rr, false);
    }
    ldns_rr_set_ttl(rr, locum_rrset_ttl(set));
    if (!ldns_rr_list_push_rr(set->rrs, rr)) {
        ldns_rr_free(rr);
        return LOCUM_ERR_MEMORY;
    }
    return 0;
}

/* An RR of class IN; `owner` is copied, `rdata` (NULL: it could not be made) taken. */
static ldns_rr *
make_rr(const ldns_rdf *owner, ldns_rr_type type, uint32_t ttl_s, ldns_rdf *const *rdata,
        size_t rdata_count)
{
    ldns_rr *rr = ldns_rr_new();
    ldns_rdf *copy = ldns_rdf_clone(owner);
    bool whole = rr != NULL && copy != NULL;
    for (size_t i = 0; i < rdata_count; i++) {
        whole = whole && rdata[i] != NULL;
    }
    if (!whole) {
        for (size_t i = 0; i < rdata_count; i++) {
            ldns_rdf_deep_free(rdata[i]);
        }
        ldns_rdf_deep_free(copy);
        ldns_rr_free(rr);
        return NULL;
    }
    ldns_rr_set_owner(rr, copy);
    ldns_rr_set_type(rr, type);
    ldns_rr_set_class(rr, LDNS_RR_CLASS_IN);
    ldns_rr_set_ttl(rr, ttl_s);
    for (size_t i = 0; i < rdata_count; i++) {
        ldns_rr_push_rdf(rr, rdata[i]);
    }
    return rr;
}

static int
add_soa(struct locum_zone *self, const struct locum_config_zone *config, uint32_t serial)
{
    /* The SOA lives as long as an answer, so that MINIMUM never outlives one (RFC 2308 4). */
    const uint32_t ttl_s = config->ttl_s;
    ldns_rdf *const rdata[] = {
        locum_dname_new(config->soa.mname),
        locum_dname_new(config->soa.rname),
        ldns_native2rdf_int32(LDNS_RDF_TYPE_INT32, serial),
        ldns_native2rdf_int32(LDNS_RDF_TYPE_PERIOD, config->soa.refresh_s),
        ldns_native2rdf_int32(LDNS_RDF_TYPE_PERIOD, config->soa.retry_s),
        ldns_native2rdf_int32(LDNS_RDF_TYPE_PERIOD, config->soa.expire_s),
        ldns_native2rdf_int32(LDNS_RDF_TYPE_PERIOD, config->soa.minimum_s),
    };
    ldns_rr *rr = make_rr(self->apex, LDNS_RR_TYPE_SOA, ttl_s, rdata, LOCUM_COUNT(rdata));
    self->negative_ttl_s = ttl_s < config->soa.minimum_s ? ttl_s : config->soa.minimum_s;
    return rr == NULL ? LOCUM_ERR_INVALID : add_set(self, rr, false);
}

static int
add_ns(struct locum_zone *self, const struct locum_config_zone *config)
{
    int status = 0;
    for (size_t i = 0; i < config->ns_count && status == 0; i++) {
        ldns_rdf *const rdata[] = {locum_dname_new(config->ns[i])};
        ldns_rr *rr = make_rr(self->apex, LDNS_RR_TYPE_NS, LOCUM_NS_TTL_S, rdata, 1);
        status = rr == NULL ? LOCUM_ERR_INVALID : add_rr(self, rr);
    }
    return status;
}

/* True if one of the zone's NS records names this host. */
static bool
is_ns_host(const struct locum_zone *self, const ldns_rdf *host)
{
    const struct locum_rrset *ns = locum_zone_find(self, self->apex, LDNS_RR_TYPE_NS);
    for (size_t i = 0; ns != NULL && i < ldns_rr_list_rr_count(ns->rrs); i++) {
        if (ldns_dname_compare(ldns_rr_rdf(ldns_rr_list_rr(ns->rrs, i), 0), host) == 0) {
            return true;
        }
    }
    return false;
}

static int
add_static(struct locum_zone *self, const struct locum_config_zone *config)
{
    for (size_t i = 0; i < config->record_count; i++) {
        ldns_rr *rr;
        int status = locum_record_parse(config->records[i].text, self->apex, &rr, NULL);
        if (status != 0) {
            return status;
        }
        if (ldns_rr_ttl(rr) == LOCUM_TTL_NONE) {
            const bool glue = is_ns_host(self, ldns_rr_owner(rr));
            ldns_rr_set_ttl(rr, glue ? LOCUM_NS_TTL_S : config->ttl_s);
        }
        status = add_rr(self, rr);
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

/* The addresses of one node of one family; *set collects them, made with the first. */
static int
add_node(struct locum_zone *self, const struct locum_config_node *node, enum locum_family family,
         const ldns_rdf *owner, const struct locum_answer *answer, bool rotate, bool *started)
{
    const bool v4 = family == LOCUM_V4;
    for (size_t i = 0; i < node->address_count; i++) {
        if (node->address[i].family != family) {
            continue;
        }
        ldns_rdf *const rdata[] = {ldns_rdf_new_frm_data(v4 ? LDNS_RDF_TYPE_A : LDNS_RDF_TYPE_AAAA,
                                                         locum_address_length(family),
                                                         node->address[i].bytes)};
        ldns_rr *rr = make_rr(owner, v4 ? LDNS_RR_TYPE_A : LDNS_RR_TYPE_AAAA, answer->ttl_s, rdata,
                              LOCUM_COUNT(rdata));
        if (rr == NULL) {
            return LOCUM_ERR_MEMORY;
        }
        if (!*started) {
            const int status = add_set(self, rr, rotate);
            if (status != 0) {
                return status;
            }
            *started = true;
        } else if (!ldns_rr_list_push_rr(self->sets[self->set_count - 1].rrs, rr)) {
            ldns_rr_free(rr);
            return LOCUM_ERR_MEMORY;
        }
    }
    return 0;
}

/* One name, both families: the only place where nodes become addresses. */
static int
add_name(struct locum_zone *self, const struct locum_config *config, size_t name,
         const struct locum_plan *plan)
{
    const struct locum_core_name *core = &config->core.names[name];
    const bool rotate = core->owner == LOCUM_NODE_NONE && core->policy == LOCUM_ANSWER_ALL;
    ldns_rdf *owner = locum_dname_new(config->names[name].name);
    int status = owner == NULL ? LOCUM_ERR_INVALID : 0;
    for (int family = 0; family < LOCUM_FAMILIES && status == 0; family++) {
        const struct locum_answer *answer = &plan->answers[name][family];
        bool started = false;
        for (size_t node = 0; node < config->core.node_count && status == 0; node++) {
            if (locum_nodes_has(answer->nodes, (locum_node)node)) {
                status = add_node(self, &config->nodes[node], (enum locum_family)family, owner,
                                  answer, rotate, &started);
            }
        }
    }
    ldns_rdf_deep_free(owner);
    return status;
}

static int
add_names(struct locum_zone *self, const struct locum_config *config, size_t zone,
          const struct locum_plan *plan)
{
    int status = 0;
    for (size_t i = 0; i < config->core.name_count && status == 0; i++) {
        if (config->names[i].zone == zone) {
            status = add_name(self, config, i, plan);
        }
    }
    return status;
}

int
locum_zone_build(const struct locum_config *config, size_t zone, const struct locum_plan *plan,
                 uint32_t serial, struct locum_zone *ret)
{
    const struct locum_config_zone *source = &config->zones[zone];
    struct locum_zone built = {.apex = locum_dname_new(source->name)};
    int status = built.apex == NULL ? LOCUM_ERR_INVALID : 0;
    if (status == 0) {
        status = add_soa(&built, source, serial);
    }
    if (status == 0) {
        status = add_ns(&built, source);
    }
    if (status == 0) {
        status = add_static(&built, source);
    }
    if (status == 0) {
        status = add_names(&built, config, zone, plan);
    }
    if (status != 0) {
        locum_zone_fini(&built);
        return status;
    }
    *ret = built;
    return 0;
}

void
locum_zone_fini(struct locum_zone *self)
{
    for (size_t i = 0; i < self->set_count; i++) {
        ldns_rr_list_deep_free(self->sets[i].rrs);
    }
    free(self->sets);
    ldns_rdf_deep_free(self->apex);
    *self = (struct locum_zone){0};
}

int
locum_zone_text(const struct locum_config *config, size_t zone, const struct locum_plan *plan,
                uint32_t serial, char **ret_text)
{
    if (zone >= config->zone_count) {
        return LOCUM_ERR_INVALID;
    }
    struct locum_zone built;
    int status = locum_zone_build(config, zone, plan, serial, &built);
    if (status != 0) {
        return status;
    }
    ldns_buffer *text = ldns_buffer_new(LDNS_MIN_BUFLEN);
    status = text == NULL ? LOCUM_ERR_MEMORY : 0;
    for (size_t i = 0; i < built.set_count && status == 0; i++) {
        if (ldns_rr_list2buffer_str(text, built.sets[i].rrs) != LDNS_STATUS_OK) {
            status = LOCUM_ERR_MEMORY;
        }
    }
    char *string = status == 0 ? ldns_buffer_export2str(text) : NULL;
    ldns_buffer_free(text);
    locum_zone_fini(&built);
    if (string == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    *ret_text = string;
    return 0;
}
