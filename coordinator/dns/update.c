#include "dns/update.h"

#include <string.h>

#include "dns/tsig.h"

enum {
    RR_BYTES = 10,       /* type, class, TTL, length of the data */
    ZONE_BYTES = 4,      /* type, class */
    CLASS_NONE = 254,    /* RFC 2136 1.3 */
    CLASS_ANY = 255,     /* the same */
    META_TYPE_MIN = 128, /* RFC 6895 3.1: of queries and meta data, to 255 */
};

/* A record of any section. */
struct raw {
    uint8_t owner[LOCUM_DNS_NAME_MAX]; /* lower case */
    size_t owner_length;
    uint16_t type, class;
    bool has_ttl;
    const uint8_t *data;
    size_t data_length;
};

/* Where parsing is. */
struct cursor {
    const uint8_t *packet;
    size_t length, at;
    const uint8_t *zone; /* wire form, lower case */
    size_t zone_length;
};

/* A name as the configuration writes it; "" if it cannot. */
static void
to_text(const uint8_t *wire, char ret[LOCUM_DOMAIN_MAX + 1])
{
    static const char known[] = "abcdefghijklmnopqrstuvwxyz0123456789-_*";
    size_t length = 0;
    for (size_t at = 0; wire[at] != 0; at += 1u + wire[at]) {
        for (size_t i = 1; i <= wire[at]; i++) {
            if (wire[at + i] == 0 || strchr(known, wire[at + i]) == NULL) {
                ret[0] = '\0';
                return;
            }
            ret[length++] = (char)wire[at + i];
        }
        ret[length++] = '.';
    }
    ret[length] = '\0';
}
_Static_assert(LOCUM_DNS_NAME_MAX <= LOCUM_DOMAIN_MAX + 1, "the text of a name fits");

static bool
read_raw(struct cursor *self, struct raw *ret)
{
    const size_t at =
        locum_packet_expand(self->packet, self->length, self->at, ret->owner, &ret->owner_length);
    if (at == 0 || self->length - at < RR_BYTES) {
        return false;
    }
    const uint8_t *fixed = self->packet + at;
    ret->type = locum_packet_u16(fixed);
    ret->class = locum_packet_u16(fixed + 2);
    ret->has_ttl = memcmp(fixed + 4, "\0\0\0\0", 4) != 0;
    ret->data_length = locum_packet_u16(fixed + 8);
    ret->data = fixed + RR_BYTES;
    if (ret->data_length > self->length - at - RR_BYTES) {
        return false;
    }
    self->at = at + RR_BYTES + ret->data_length;
    return true;
}

static bool
is_in_zone(const struct cursor *self, const struct raw *raw)
{
    size_t at = 0;
    while (raw->owner_length - at > self->zone_length) {
        at += 1u + raw->owner[at];
    }
    return raw->owner_length - at == self->zone_length &&
           memcmp(raw->owner + at, self->zone, self->zone_length) == 0;
}

static bool
is_meta(uint16_t type)
{
    return type >= META_TYPE_MIN && type <= LOCUM_TYPE_ANY;
}

/* Is the data strings, at least one (RFC 1035 3.3.14)? */
static bool
is_txt(const struct raw *raw)
{
    size_t at = 0;
    while (at < raw->data_length) {
        at += 1u + raw->data[at];
    }
    return raw->data_length > 0 && at == raw->data_length;
}

/* One string that a challenge can have, and that is not the placeholder. */
static struct locum_slice
value_of(const struct raw *raw)
{
    const struct locum_slice none = {.at = NULL};
    const struct locum_slice value = {.at = (const char *)raw->data + 1,
                                      .length = raw->data_length - 1};
    const bool good = value.length == raw->data[0] && value.length > 0 &&
                      locum_slice_is_unquoted(value) && !locum_slice_is(value, "-");
    return good ? value : none;
}

static void
fill(const struct raw *raw, enum locum_update_kind kind, struct locum_update_record *ret)
{
    *ret = (struct locum_update_record){.kind = kind, .type = raw->type};
    to_text(raw->owner, ret->owner);
    if ((kind == LOCUM_UPDATE_RRSET_IS || kind == LOCUM_UPDATE_ADD ||
         kind == LOCUM_UPDATE_DELETE_VALUE) &&
        raw->type == LOCUM_TYPE_TXT) {
        ret->value = value_of(raw);
    }
}

/* RFC 2136 3.2.1 to 3.2.3, without what the zone holds. */
static enum locum_dns_rcode
read_prerequisite(const struct cursor *self, const struct raw *raw, struct locum_update_record *ret)
{
    const bool any = raw->type == LOCUM_TYPE_ANY;
    if (raw->has_ttl) {
        return LOCUM_RCODE_FORMERR;
    }
    if (!is_in_zone(self, raw)) {
        return LOCUM_RCODE_NOTZONE;
    }
    if (raw->class == LOCUM_CLASS_IN) {
        if (is_meta(raw->type) || (raw->type == LOCUM_TYPE_TXT && !is_txt(raw))) {
            return LOCUM_RCODE_FORMERR;
        }
        fill(raw, LOCUM_UPDATE_RRSET_IS, ret);
        return LOCUM_RCODE_NOERROR;
    }
    if ((raw->class != CLASS_ANY && raw->class != CLASS_NONE) || raw->data_length > 0 ||
        (is_meta(raw->type) && !any)) {
        return LOCUM_RCODE_FORMERR;
    }
    if (raw->class == CLASS_ANY) {
        fill(raw, any ? LOCUM_UPDATE_NAME_EXISTS : LOCUM_UPDATE_RRSET_EXISTS, ret);
    } else {
        fill(raw, any ? LOCUM_UPDATE_NAME_ABSENT : LOCUM_UPDATE_RRSET_ABSENT, ret);
    }
    return LOCUM_RCODE_NOERROR;
}

/* RFC 2136 3.4.1. */
static enum locum_dns_rcode
read_operation(const struct cursor *self, const struct raw *raw, struct locum_update_record *ret)
{
    const bool any = raw->type == LOCUM_TYPE_ANY;
    if (!is_in_zone(self, raw)) {
        return LOCUM_RCODE_NOTZONE;
    }
    if (raw->class == CLASS_ANY) {
        if (raw->has_ttl || raw->data_length > 0 || (is_meta(raw->type) && !any)) {
            return LOCUM_RCODE_FORMERR;
        }
        fill(raw, any ? LOCUM_UPDATE_DELETE_NAME : LOCUM_UPDATE_DELETE_RRSET, ret);
        return LOCUM_RCODE_NOERROR;
    }
    if ((raw->class != LOCUM_CLASS_IN && raw->class != CLASS_NONE) || is_meta(raw->type) ||
        (raw->class == CLASS_NONE && raw->has_ttl) ||
        (raw->type == LOCUM_TYPE_TXT && !is_txt(raw))) {
        return LOCUM_RCODE_FORMERR;
    }
    fill(raw, raw->class == LOCUM_CLASS_IN ? LOCUM_UPDATE_ADD : LOCUM_UPDATE_DELETE_VALUE, ret);
    return LOCUM_RCODE_NOERROR;
}

typedef enum locum_dns_rcode read_fn(const struct cursor *self, const struct raw *raw,
                                     struct locum_update_record *ret);

/* A section of `count` records; after the first that is refused, they are only skipped. False: it
 * leaves the packet. */
static bool
read_section(struct cursor *self, size_t count, read_fn *read,
             struct locum_update_record ret[LOCUM_UPDATE_RECORDS_MAX], size_t *ret_count,
             enum locum_dns_rcode *ret_rcode)
{
    *ret_count = 0;
    *ret_rcode = LOCUM_RCODE_NOERROR;
    for (size_t i = 0; i < count; i++) {
        struct raw raw;
        if (!read_raw(self, &raw)) {
            return false;
        }
        if (*ret_rcode == LOCUM_RCODE_NOERROR) {
            *ret_rcode =
                i == LOCUM_UPDATE_RECORDS_MAX ? LOCUM_RCODE_REFUSED : read(self, &raw, &ret[i]);
            *ret_count += *ret_rcode == LOCUM_RCODE_NOERROR;
        }
    }
    return true;
}

/* Only the OPT record has a meaning. */
static bool
read_additional(struct cursor *self, size_t count, struct locum_edns *ret)
{
    *ret = (struct locum_edns){0};
    for (size_t i = 0; i < count; i++) {
        struct raw raw;
        const size_t begin = self->at;
        if (!read_raw(self, &raw) ||
            (raw.type == LOCUM_TYPE_OPT &&
             (ret->present || !locum_edns_parse(self->packet + begin, self->at - begin, ret)))) {
            return false;
        }
    }
    return self->at == self->length;
}

enum locum_dns_rcode
locum_update_parse(const uint8_t *packet, size_t length, size_t signed_at, struct locum_update *ret)
{
    uint8_t zone[LOCUM_DNS_NAME_MAX];
    struct cursor cursor = {.packet = packet,
                            .length = signed_at > 0 ? signed_at : length,
                            .at = LOCUM_DNS_HEADER_BYTES,
                            .zone = zone};
    const size_t additional = locum_packet_u16(packet + 10) - (size_t)(signed_at > 0);
    ret->zone_end = 0;
    if (locum_packet_u16(packet + 4) != 1) {
        return LOCUM_RCODE_FORMERR;
    }
    const size_t at =
        locum_packet_expand(packet, cursor.length, cursor.at, zone, &cursor.zone_length);
    if (at == 0 || cursor.length - at < ZONE_BYTES) {
        return LOCUM_RCODE_FORMERR;
    }
    cursor.at = ret->zone_end = at + ZONE_BYTES;
    if (locum_packet_u16(packet + at) != LOCUM_TYPE_SOA ||
        !read_section(&cursor, locum_packet_u16(packet + 6), read_prerequisite, ret->prerequisites,
                      &ret->prerequisite_count, &ret->prerequisites_rcode) ||
        !read_section(&cursor, locum_packet_u16(packet + 8), read_operation, ret->operations,
                      &ret->operation_count, &ret->operations_rcode) ||
        !read_additional(&cursor, additional, &ret->edns)) {
        return LOCUM_RCODE_FORMERR;
    }
    ret->is_in = locum_packet_u16(packet + at + 2) == LOCUM_CLASS_IN;
    to_text(zone, ret->zone);
    return LOCUM_RCODE_NOERROR;
}

/* What a prerequisite finds at its name. */
struct at_name {
    const char *values[LOCUM_UPDATE_VALUES_MAX];
    size_t count;
};

/* Is the value of each record of this RRset there, and each that is there in a record? Records of
 * one RRset need not follow each other (RFC 2136 3.2.3). */
static bool
is_rrset(const struct locum_update *self, const struct locum_update_record *of,
         const struct at_name *found)
{
    bool wanted[LOCUM_UPDATE_VALUES_MAX] = {false};
    for (size_t i = 0; i < self->prerequisite_count; i++) {
        const struct locum_update_record *record = &self->prerequisites[i];
        if (record->kind != LOCUM_UPDATE_RRSET_IS || record->type != of->type ||
            strcmp(record->owner, of->owner) != 0) {
            continue;
        }
        size_t at = 0;
        while (at < found->count && !locum_update_is_value(record, found->values[at])) {
            at++;
        }
        if (at == found->count) {
            return false;
        }
        wanted[at] = true;
    }
    for (size_t i = 0; i < found->count; i++) {
        if (!wanted[i]) {
            return false;
        }
    }
    return true;
}

static enum locum_dns_rcode
judge_prerequisite(const struct locum_update *self, const struct locum_update_record *record,
                   const struct locum_update_site *site)
{
    struct at_name found;
    if (record->owner[0] == '\0' ||
        !site->values(site->user, record->owner, &found.count, found.values)) {
        return LOCUM_RCODE_REFUSED;
    }
    const bool exists = found.count > 0;
    const bool has_type = exists && record->type == LOCUM_TYPE_TXT;
    switch (record->kind) {
    case LOCUM_UPDATE_NAME_EXISTS: return exists ? LOCUM_RCODE_NOERROR : LOCUM_RCODE_NXDOMAIN;
    case LOCUM_UPDATE_NAME_ABSENT: return exists ? LOCUM_RCODE_YXDOMAIN : LOCUM_RCODE_NOERROR;
    case LOCUM_UPDATE_RRSET_EXISTS: return has_type ? LOCUM_RCODE_NOERROR : LOCUM_RCODE_NXRRSET;
    case LOCUM_UPDATE_RRSET_ABSENT: return has_type ? LOCUM_RCODE_YXRRSET : LOCUM_RCODE_NOERROR;
    default:
        return has_type && is_rrset(self, record, &found) ? LOCUM_RCODE_NOERROR
                                                          : LOCUM_RCODE_NXRRSET;
    }
}

/* May anyone do this here? */
static bool
is_allowed(const struct locum_update_record *record, const struct locum_update_site *site)
{
    struct at_name found;
    if (record->owner[0] == '\0' ||
        !site->values(site->user, record->owner, &found.count, found.values)) {
        return false;
    }
    return record->kind == LOCUM_UPDATE_DELETE_NAME ||
           (record->type == LOCUM_TYPE_TXT &&
            (record->kind != LOCUM_UPDATE_ADD || record->value.at != NULL));
}

enum locum_dns_rcode
locum_update_judge(const struct locum_update *self, const struct locum_update_site *site)
{
    enum locum_dns_rcode rcode = LOCUM_RCODE_NOERROR;
    if (!self->is_in || self->zone[0] == '\0' || !site->is_zone(site->user, self->zone)) {
        return LOCUM_RCODE_NOTAUTH;
    }
    for (size_t i = 0; i < self->prerequisite_count && rcode == LOCUM_RCODE_NOERROR; i++) {
        rcode = judge_prerequisite(self, &self->prerequisites[i], site);
    }
    if (rcode == LOCUM_RCODE_NOERROR) {
        rcode = self->prerequisites_rcode;
    }
    if (rcode == LOCUM_RCODE_NOERROR) {
        rcode = self->operations_rcode;
    }
    for (size_t i = 0; i < self->operation_count && rcode == LOCUM_RCODE_NOERROR; i++) {
        rcode = is_allowed(&self->operations[i], site) ? LOCUM_RCODE_NOERROR : LOCUM_RCODE_REFUSED;
    }
    return rcode;
}

bool
locum_update_is_value(const struct locum_update_record *record, const char *value)
{
    return record->value.at != NULL && locum_slice_is(record->value, value);
}
