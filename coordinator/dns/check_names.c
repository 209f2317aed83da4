/*
 * The rules among records and names: what may be beside and below what, where CNAMEs lead, which
 * records would name servers that are down.
 */
#include "dns/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text_format.h"
#include "dns/answer.h"

enum {
    WHY_BYTES = 512 + LOCUM_DOMAIN_MAX,
    DELEGATION_NS_MAX = 32, /* so that glue can point to all of them */
    WALK_MAX = 2 * LOCUM_CNAME_CHAIN_MAX,
    ZONES_CHAIN_MAX = 64, /* links through several zones: more than any resolver follows */
};

struct locum_check_shown
locum_check_show(const uint8_t *wire)
{
    struct locum_check_shown shown;
    size_t length = 0;
    for (; wire[0] != 0; wire += 1 + wire[0]) {
        if (length > 0) {
            shown.text[length++] = '.';
        }
        for (size_t i = 1; i <= wire[0]; i++) {
            shown.text[length++] = wire[i] > ' ' && wire[i] < 127 ? (char)wire[i] : '?';
        }
    }
    shown.text[length] = '\0';
    return shown;
}

/* Case changes nothing here: two letters that differ only in it are equal in a name, and elsewhere
 * ldns_rr_compare() has the last word. */
static uint32_t
hash_record(const ldns_rr *rr)
{
    uint32_t hash = 2166136261u ^ locum_check_type(rr);
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        const ldns_rdf *rdf = ldns_rr_rdf(rr, i);
        for (size_t j = 0; j < ldns_rdf_size(rdf); j++) {
            hash = (hash ^ (ldns_rdf_data(rdf)[j] | 0x20)) * 16777619u;
        }
    }
    return hash;
}

const struct check_record *
locum_check_find(const struct check *self, uint32_t name, uint16_t type)
{
    uint32_t i = name == LOCUM_DNS_NONE ? LOCUM_DNS_NONE : self->last[name];
    while (i != LOCUM_DNS_NONE &&
           (self->records[i].rr == NULL || locum_check_type(self->records[i].rr) != type)) {
        i = self->records[i].next;
    }
    return i == LOCUM_DNS_NONE ? NULL : &self->records[i];
}

struct locum_dns_match
locum_check_resolve(const struct check *self, const struct locum_wire_name *name)
{
    const struct locum_dns_name *hider = locum_dns_names_hider(self->names, name);
    if (hider == NULL) {
        return locum_dns_names_find(self->names, name);
    }
    return (struct locum_dns_match){
        .kind = hider->sort == LOCUM_SORT_CUT ? LOCUM_MATCH_CUT : LOCUM_MATCH_DNAME, .name = hider};
}

/* Follow the CNAME or DNAME that answers a name. True: *name is what it leads to. */
static bool
step(const struct check *self, struct locum_wire_name *name, const struct locum_dns_match *match)
{
    const bool exists = match->kind == LOCUM_MATCH_EXACT || match->kind == LOCUM_MATCH_WILDCARD;
    if (!exists && match->kind != LOCUM_MATCH_DNAME) {
        return false;
    }
    const struct check_record *record =
        locum_check_find(self, locum_check_index(self, match->name),
                         exists ? LDNS_RR_TYPE_CNAME : LDNS_RR_TYPE_DNAME);
    if (record == NULL) {
        return false;
    }
    const ldns_rdf *target = ldns_rr_rdf(record->rr, 0);
    uint8_t wire[2 * LOCUM_DNS_NAME_MAX];
    const size_t prefix = exists ? 0 : (size_t)name->length - match->name->length;
    memcpy(wire, name->bytes, prefix);
    memcpy(wire + prefix, ldns_rdf_data(target), ldns_rdf_size(target));
    return locum_packet_name(wire, prefix + ldns_rdf_size(target), 0, name) > 0;
}

/*
 * A chain in the zone must end within LOCUM_CNAME_CHAIN_MAX links, one through several zones must
 * end. Of the names below a DNAME one stands for all: a longer chain below its target is cut.
 */
static void
check_chain(struct check *self, const struct check_record *record)
{
    const uint16_t type = locum_check_type(record->rr);
    struct locum_wire_name name;
    size_t links = 0;
    size_t links_max = LOCUM_CNAME_CHAIN_MAX;
    if (type == LDNS_RR_TYPE_CNAME) {
        locum_zone_read_name(ldns_rr_owner(record->rr), &name);
    } else if (type == LDNS_RR_TYPE_DNAME) {
        uint8_t below[LOCUM_DNS_NAME_MAX + 2] = "\1x";
        memcpy(below + 2, locum_check_owner(self, record)->wire,
               locum_check_owner(self, record)->length);
        if (locum_packet_name(below, 2u + locum_check_owner(self, record)->length, 0, &name) == 0) {
            return;
        }
    } else {
        return;
    }
    for (;;) {
        const struct locum_dns_match match = locum_check_resolve(self, &name);
        if (match.kind != LOCUM_MATCH_NONE && match.name->zone != record->zone) {
            links_max = ZONES_CHAIN_MAX;
        }
        if (match.kind == LOCUM_MATCH_NONE || !step(self, &name, &match)) {
            return;
        }
        if (++links > links_max) {
            locum_problems_error(&self->problems, record->from->at,
                                 RECORD
                                 "its chain of CNAMEs is a loop or longer than %zu: point it "
                                 "at the last name",
                                 record->from->text, links_max);
            return;
        }
    }
}

/* How a record that is no A or AAAA holds an address, for a message; NULL: it holds none. */
static const char *
embedded_address(const ldns_rr *rr)
{
    enum { KEY_IPV4HINT = 4, KEY_IPV6HINT = 6, GATEWAY_IPV6 = 2 }; /* RFC 9460 14.3, RFC 4025 2.3 */
    const uint16_t type = locum_check_type(rr);
    for (size_t i = 0; i < ldns_rr_rd_count(rr) && !locum_check_is_address(type); i++) {
        const ldns_rdf *rdf = ldns_rr_rdf(rr, i);
        const uint8_t *at = ldns_rdf_data(rdf);
        const uint8_t *end = at + ldns_rdf_size(rdf);
        switch (ldns_rdf_get_type(rdf)) {
        case LDNS_RDF_TYPE_A:
        case LDNS_RDF_TYPE_AAAA: return "address";
        case LDNS_RDF_TYPE_ILNP64: return type == LDNS_RR_TYPE_L64 ? "address" : NULL;
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

/*
 * Does `name` lead to a shared or owned name: itself without the labels of a service, as in
 * _8443._https (RFC 8552), or by CNAMEs? A loop ends the walk; check_chain() reports it.
 */
static bool
leads_to_moving_name(const struct check *self, struct locum_wire_name name)
{
    for (size_t i = 0; i < WALK_MAX; i++) {
        size_t labels = 0;
        while (labels < name.label_count && name.bytes[name.label_at[labels] + 1] == '_') {
            labels++;
        }
        struct locum_wire_name at;
        locum_dns_names_ancestor(&name, labels, &at);
        const struct locum_dns_match match = locum_check_resolve(self, &at);
        if ((match.kind == LOCUM_MATCH_EXACT || match.kind == LOCUM_MATCH_WILDCARD) &&
            self->moves[locum_check_index(self, match.name)]) {
            return true;
        }
        if (!step(self, &at, &match)) {
            return false;
        }
        name = at;
    }
    return false;
}

/* A static address at or for a name whose addresses the plan decides would name dead servers. */
static void
check_embedded(struct check *self, const struct check_record *record)
{
    const char *what = embedded_address(record->rr);
    struct locum_wire_name name;
    if (what == NULL) {
        return;
    }
    locum_zone_read_name(ldns_rr_owner(record->rr), &name);
    bool moves = leads_to_moving_name(self, name);
    for (size_t i = 0; i < ldns_rr_rd_count(record->rr) && !moves; i++) {
        if (ldns_rdf_get_type(ldns_rr_rdf(record->rr, i)) == LDNS_RDF_TYPE_DNAME) {
            locum_zone_read_name(ldns_rr_rdf(record->rr, i), &name);
            moves = leads_to_moving_name(self, name);
        }
    }
    if (moves) {
        locum_problems_error(&self->problems, record->from->at,
                             RECORD
                             "its %s would be answered for a shared or owned name also while "
                             "that server is down: remove it; clients then use the "
                             "addresses of the name, which follow the servers",
                             record->from->text, what);
    }
}

/* Is this the host of a static NS record, or of the zone's own name servers? */
static bool
is_ns_host(const struct check *self, const struct check_record *record)
{
    const ldns_rdf *owner = ldns_rr_owner(record->rr);
    for (size_t i = self->first[record->zone]; i < self->first[record->zone + 1]; i++) {
        const ldns_rr *rr = self->records[i].rr;
        if (rr != NULL && locum_check_type(rr) == LDNS_RR_TYPE_NS &&
            ldns_rdf_size(ldns_rr_rdf(rr, 0)) == ldns_rdf_size(owner) &&
            ldns_dname_compare(ldns_rr_rdf(rr, 0), owner) == 0) {
            return true;
        }
    }
    const struct locum_config_zone *zone = &self->config->zones[record->zone];
    const struct locum_check_shown shown = locum_check_show(locum_check_owner(self, record)->wire);
    for (size_t i = 0; i < zone->ns_count; i++) {
        const size_t length = strlen(zone->ns[i]) - 1;
        if (strlen(shown.text) == length && strncmp(zone->ns[i], shown.text, length) == 0) {
            return true;
        }
    }
    return false;
}

/* Why this record cannot be at or below a delegation or DNAME, or NULL; `buffer` may hold it. */
static const char *
place_refused(const struct check *self, const struct check_record *record, char buffer[WHY_BYTES])
{
    const uint16_t type = locum_check_type(record->rr);
    const struct locum_dns_name *owner = locum_check_owner(self, record);
    struct locum_wire_name name;
    locum_zone_read_name(ldns_rr_owner(record->rr), &name);
    const struct locum_dns_name *hider = locum_dns_names_hider(self->names, &name);
    if (hider == NULL && owner->sort == LOCUM_SORT_CUT && type != LDNS_RR_TYPE_NS &&
        type != LDNS_RR_TYPE_DS) {
        hider = owner;
    }
    if (hider == NULL) {
        return type == LDNS_RR_TYPE_DS && owner->sort != LOCUM_SORT_CUT
                   ? "a DS belongs to a delegation: add the NS records of this name"
                   : NULL;
    }
    if (hider->sort == LOCUM_SORT_CUT && locum_check_is_address(type) && is_ns_host(self, record)) {
        return NULL;
    }
    (void)locum_text_format_buffer(
        buffer, WHY_BYTES,
        hider->sort == LOCUM_SORT_CUT
            ? "%s is delegated, so this record is never answered: move it to that zone; only "
              "addresses of name servers (glue) may be here"
            : "%s has a DNAME, which replaces all names below it: remove one of the two",
        locum_check_show(hider->wire).text);
    return buffer;
}

/* Why these two records of one owner cannot be in one zone, or NULL. */
static const char *
pair_refused(const struct check_record *a, const struct check_record *b)
{
    const uint16_t type = locum_check_type(a->rr);
    const uint16_t other = locum_check_type(b->rr);
    if (type == LDNS_RR_TYPE_CNAME || other == LDNS_RR_TYPE_CNAME) {
        return "a CNAME must be the only record of its owner (RFC 1034 3.6.2)";
    }
    if ((type == LDNS_RR_TYPE_DNAME && other == LDNS_RR_TYPE_NS) ||
        (type == LDNS_RR_TYPE_NS && other == LDNS_RR_TYPE_DNAME)) {
        return "a delegation cannot have a DNAME (RFC 6672 2.3)";
    }
    if (type != other) {
        return NULL;
    }
    if (a->hash == b->hash && ldns_rr_compare(a->rr, b->rr) == 0) {
        return "duplicate record: remove one";
    }
    if (type == LDNS_RR_TYPE_DNAME) {
        return "an owner can have one DNAME only (RFC 6672 2.4)";
    }
    return ldns_rr_ttl(a->rr) != ldns_rr_ttl(b->rr)
               ? "another record of this owner and type has a different TTL (RFC 2181 5.2)"
               : NULL;
}

/* Why this record cannot be beside earlier ones of its owner, or NULL. */
static const char *
beside_refused(const struct check *self, const struct check_record *record)
{
    const uint16_t type = locum_check_type(record->rr);
    size_t bytes = LOCUM_RR_FIXED_BYTES + locum_zone_data_length(record->rr);
    size_t count = 1;
    const char *why = NULL;
    for (uint32_t i = record->next; i != LOCUM_DNS_NONE && why == NULL; i = self->records[i].next) {
        const struct check_record *other = &self->records[i];
        if (other->rr != NULL) {
            why = pair_refused(other, record);
            if (locum_check_type(other->rr) == type) {
                bytes += LOCUM_RR_FIXED_BYTES + locum_zone_data_length(other->rr);
                count++;
            }
        }
    }
    if (why == NULL && bytes > LOCUM_ZONE_SET_BYTES_MAX) {
        why = "the records of this owner and type are too long for a DNS message";
    }
    if (why == NULL && type == LDNS_RR_TYPE_NS && count > DELEGATION_NS_MAX) {
        why = "a delegation can have at most 32 name servers";
    }
    return why;
}

/* Refuse a record because of others. */
static void
check_record(struct check *self, struct check_record *record)
{
    const uint16_t type = locum_check_type(record->rr);
    char buffer[WHY_BYTES];
    const char *why = NULL;
    if (self->moves[record->name] &&
        (locum_check_is_address(type) || type == LDNS_RR_TYPE_CNAME || type == LDNS_RR_TYPE_NS)) {
        why = "its owner is a shared or owned name, which has the addresses of nodes: remove the "
              "record, or remove the name from shared and owned";
    }
    if (self->moves[record->name] && type == LDNS_RR_TYPE_HTTPS &&
        self->config->zones[record->zone].alpn_count > 0) {
        why = "the HTTPS record of a shared or owned name is made from https of the zone: remove "
              "the record, or https";
    }
    if (why == NULL) {
        why = place_refused(self, record, buffer);
    }
    if (why == NULL) {
        why = beside_refused(self, record);
    }
    if (why != NULL) {
        locum_check_refuse(self, record, why);
    }
}

/* A shared or owned name must be answered by this zone. */
static int
check_plan_names(struct check *self)
{
    const struct locum_config *config = self->config;
    for (size_t i = 0; i < config->core.name_count; i++) {
        struct locum_wire_name name;
        if (locum_zone_name(config->names[i].name, &name) != 0) {
            return LOCUM_ERR_MEMORY;
        }
        const struct locum_dns_name *hider = locum_dns_names_hider(self->names, &name);
        if (hider != NULL) {
            locum_problems_error(&self->problems, config->names[i].at,
                                 "name %s is below %s, which has %s in the records, so it is never "
                                 "answered: remove them, or the name from shared or owned (which "
                                 "without a value has a name for each server)",
                                 locum_check_show(name.bytes).text,
                                 locum_check_show(hider->wire).text,
                                 hider->sort == LOCUM_SORT_CUT ? "NS records" : "a DNAME");
        }
    }
    return 0;
}

/* The apex of each zone, and all names. */
static int
add_names(struct check *self)
{
    const struct locum_config *config = self->config;
    struct locum_wire_name name;
    int status = 0;
    for (size_t i = 0; i < config->zone_count && status == 0; i++) {
        status = locum_zone_name(config->zones[i].name, &name);
        if (status == 0) {
            status = locum_dns_names_add_zone(self->names, &name);
        }
    }
    for (size_t i = 0; i < self->record_count && status == 0; i++) {
        struct check_record *record = &self->records[i];
        if (record->rr != NULL) {
            locum_zone_read_name(ldns_rr_owner(record->rr), &name);
            status = locum_dns_names_add(self->names, &name, record->zone, &record->name);
        }
    }
    return status;
}

/* The names of the plan, and which names they are. */
static int
mark_plan_names(struct check *self)
{
    const struct locum_config *config = self->config;
    uint32_t index[LOCUM_NAMES_MAX];
    int status = 0;
    for (size_t i = 0; i < config->core.name_count && status == 0; i++) {
        struct locum_wire_name name;
        status = locum_zone_name(config->names[i].name, &name);
        if (status == 0) {
            status = locum_dns_names_add(self->names, &name, config->names[i].zone, &index[i]);
        }
    }
    if (status != 0) {
        return status;
    }
    self->moves = calloc(self->names->name_count + 1, sizeof(*self->moves));
    self->last = malloc((self->names->name_count + 1) * sizeof(*self->last));
    if (self->moves == NULL || self->last == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    for (size_t i = 0; i < config->core.name_count; i++) {
        self->moves[index[i]] = true;
    }
    for (size_t i = 0; i < self->names->name_count; i++) {
        self->last[i] = LOCUM_DNS_NONE;
    }
    return 0;
}

/* Link the records of each name, and mark delegations and DNAMEs. */
static void
link_records(struct check *self)
{
    for (size_t i = 0; i < self->record_count; i++) {
        struct check_record *record = &self->records[i];
        if (record->rr == NULL) {
            continue;
        }
        record->next = self->last[record->name];
        self->last[record->name] = (uint32_t)i;
        record->hash = hash_record(record->rr);
        const uint16_t type = locum_check_type(record->rr);
        struct locum_dns_name *name = &self->names->names[record->name];
        if (type == LDNS_RR_TYPE_DNAME) {
            name->sort = LOCUM_SORT_DNAME;
        } else if (type == LDNS_RR_TYPE_NS && name->sort == LOCUM_SORT_PLAIN) {
            name->sort = LOCUM_SORT_CUT;
        }
    }
}

int
locum_check_names(struct check *self)
{
    int status = add_names(self);
    if (status == 0) {
        status = mark_plan_names(self);
    }
    if (status != 0) {
        return status;
    }
    link_records(self);
    for (size_t i = 0; i < self->record_count; i++) {
        if (self->records[i].rr != NULL) {
            check_record(self, &self->records[i]);
        }
    }
    for (size_t i = 0; i < self->record_count; i++) {
        if (self->records[i].rr != NULL) {
            check_chain(self, &self->records[i]);
            check_embedded(self, &self->records[i]);
        }
    }
    status = check_plan_names(self);
    return status == 0 ? locum_check_hosts(self) : status;
}
