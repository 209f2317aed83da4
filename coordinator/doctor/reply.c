#include "doctor/reply.h"

#include <arpa/nameser.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>

#include <ldns/ldns.h>

#include "base/invariant.h"

enum { RECORDS_READ_MAX = 256 };

static unsigned
u16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

/* Move *at behind a name and `fixed` bytes after it. False: the message ends before. */
static bool
skip(const uint8_t **at, const uint8_t *end, ptrdiff_t fixed)
{
    const int name = *at < end ? dn_skipname(*at, end) : -1;
    if (name < 0 || end - *at - name < fixed) {
        return false;
    }
    *at += name + fixed;
    return true;
}

/*
 * ldns loses memory for a second TSIG record (issue 317 of ldns), and reads as many records as the
 * counts say. So the message is first walked through: it has no TSIG, a bounded number of records,
 * and all of them.
 */
static bool
is_sound(const uint8_t *bytes, size_t length)
{
    const uint8_t *at = bytes + NS_HFIXEDSZ;
    const uint8_t *end = bytes + length;
    const unsigned records = u16(bytes + 6) + u16(bytes + 8) + u16(bytes + 10);
    if (records > RECORDS_READ_MAX || u16(bytes + 4) > 1 ||
        (u16(bytes + 4) == 1 && !skip(&at, end, NS_QFIXEDSZ))) {
        return false;
    }
    for (unsigned i = 0; i < records; i++) {
        if (!skip(&at, end, NS_RRFIXEDSZ)) {
            return false;
        }
        const ptrdiff_t data = u16(at - 2);
        if (u16(at - NS_RRFIXEDSZ) == ns_t_tsig || end - at < data) {
            return false;
        }
        at += data;
    }
    return true;
}

/* Names as text, in lower case. False: out of memory, or too long when escaped. */
static bool
copy_name(const ldns_rdf *rdf, char ret[LOCUM_DOMAIN_MAX + 1])
{
    ldns_rdf *name = rdf != NULL ? ldns_rdf_clone(rdf) : NULL;
    if (name == NULL) {
        return false;
    }
    ldns_dname2canonical(name);
    char *text = ldns_rdf2str(name);
    ldns_rdf_deep_free(name);
    const bool fits =
        text != NULL && locum_slice_copy(locum_slice_of(text), ret, LOCUM_DOMAIN_MAX + 1) == 0;
    free(text);
    return fits;
}

static bool
copy_address(const ldns_rdf *rdf, enum locum_family family, struct locum_address *ret)
{
    const size_t size = family == LOCUM_V4 ? 4 : 16;
    if (rdf == NULL || ldns_rdf_size(rdf) != size) {
        return false;
    }
    *ret = (struct locum_address){.family = family};
    memcpy(ret->bytes, ldns_rdf_data(rdf), size);
    return true;
}

static bool
copy_soa(const ldns_rr *rr, struct locum_doctor_record *ret)
{
    uint32_t *const numbers[] = {&ret->soa.serial, &ret->soa.refresh_s, &ret->soa.retry_s,
                                 &ret->soa.expire_s, &ret->soa.minimum_s};
    if (ldns_rr_rd_count(rr) != 2 + LOCUM_COUNT(numbers)) {
        return false;
    }
    for (size_t i = 0; i < LOCUM_COUNT(numbers); i++) {
        const ldns_rdf *number = ldns_rr_rdf(rr, 2 + i);
        if (ldns_rdf_size(number) != 4) {
            return false;
        }
        *numbers[i] = ldns_rdf2native_int32(number);
    }
    return copy_name(ldns_rr_rdf(rr, 0), ret->name) &&
           copy_name(ldns_rr_rdf(rr, 1), ret->soa.rname);
}

/* The strings of a TXT record one after the other, printable, as far as they fit. */
static bool
copy_text(const ldns_rr *rr, char ret[LOCUM_DOMAIN_MAX + 1])
{
    size_t length = 0;
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        const uint8_t *at = ldns_rdf_data(ldns_rr_rdf(rr, i));
        const size_t size = ldns_rdf_size(ldns_rr_rdf(rr, i));
        for (size_t j = 1; j < size && length < LOCUM_DOMAIN_MAX; j++) {
            ret[length++] = at[j] >= ' ' && at[j] < 127 ? (char)at[j] : '?';
        }
    }
    ret[length] = '\0';
    return true;
}

/* False: it is of no type that is judged, or cannot be read. */
static bool
copy_record(const ldns_rr *rr, struct locum_doctor_record *ret)
{
    if (ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN || !copy_name(ldns_rr_owner(rr), ret->owner)) {
        return false;
    }
    ret->type = (enum locum_doctor_type)ldns_rr_get_type(rr);
    ret->ttl_s = ldns_rr_ttl(rr);
    switch (ldns_rr_get_type(rr)) {
    case LDNS_RR_TYPE_A: return copy_address(ldns_rr_rdf(rr, 0), LOCUM_V4, &ret->address);
    case LDNS_RR_TYPE_AAAA: return copy_address(ldns_rr_rdf(rr, 0), LOCUM_V6, &ret->address);
    case LDNS_RR_TYPE_NS: return copy_name(ldns_rr_rdf(rr, 0), ret->name);
    case LDNS_RR_TYPE_TXT: return copy_text(rr, ret->name);
    case LDNS_RR_TYPE_SOA: return copy_soa(rr, ret);
    default: return false;
    }
}

static void
copy_section(const ldns_rr_list *rrs, enum locum_doctor_section section,
             struct locum_doctor_reply *ret)
{
    for (size_t i = 0; i < ldns_rr_list_rr_count(rrs); i++) {
        struct locum_doctor_record record = {.section = section};
        if (!copy_record(ldns_rr_list_rr(rrs, i), &record)) {
            continue;
        }
        if (ret->record_count == LOCUM_DOCTOR_RECORDS_MAX) {
            ret->cut = true;
            return;
        }
        ret->record[ret->record_count++] = record;
    }
}

/* Does it repeat the question? A server may leave it out of an error. */
static bool
repeats(const ldns_pkt *packet, const char *name, enum locum_doctor_type type)
{
    const ldns_rr_list *questions = ldns_pkt_question(packet);
    char asked[LOCUM_DOMAIN_MAX + 1];
    if (ldns_rr_list_rr_count(questions) == 0) {
        return ldns_pkt_get_rcode(packet) != LDNS_RCODE_NOERROR;
    }
    const ldns_rr *question = ldns_rr_list_rr(questions, 0);
    return ldns_rr_list_rr_count(questions) == 1 &&
           (unsigned)ldns_rr_get_type(question) == (unsigned)type &&
           copy_name(ldns_rr_owner(question), asked) && strcmp(asked, name) == 0;
}

ldns_pkt *
locum_doctor_reply_parse(const uint8_t *bytes, size_t length)
{
    ldns_pkt *packet = NULL;
    return length >= NS_HFIXEDSZ && is_sound(bytes, length) &&
                   ldns_wire2pkt(&packet, bytes, length) == LDNS_STATUS_OK
               ? packet
               : NULL;
}

bool
locum_doctor_reply_read(const char *name, enum locum_doctor_type type, uint16_t id,
                        const uint8_t *bytes, size_t length, struct locum_doctor_reply *ret)
{
    if (length < NS_HFIXEDSZ || bytes[0] != id >> 8 || bytes[1] != (id & 0xff) ||
        (bytes[2] & 0x80) == 0) {
        return false;
    }
    ldns_pkt *packet = locum_doctor_reply_parse(bytes, length);
    if (packet == NULL) {
        *ret = (struct locum_doctor_reply){.outcome = LOCUM_DOCTOR_MALFORMED};
        return true;
    }
    const bool ours = repeats(packet, name, type);
    if (ours) {
        *ret = (struct locum_doctor_reply){
            .outcome = LOCUM_DOCTOR_ANSWERED,
            .rcode = (unsigned)ldns_pkt_edns_extended_rcode(packet) << 4 |
                     (unsigned)ldns_pkt_get_rcode(packet),
            .authoritative = ldns_pkt_aa(packet),
            .truncated = ldns_pkt_tc(packet),
            .edns = ldns_pkt_edns(packet),
        };
        copy_section(ldns_pkt_answer(packet), LOCUM_DOCTOR_ANSWER, ret);
        copy_section(ldns_pkt_authority(packet), LOCUM_DOCTOR_AUTHORITY, ret);
        copy_section(ldns_pkt_additional(packet), LOCUM_DOCTOR_ADDITIONAL, ret);
    }
    ldns_pkt_free(packet);
    return ours;
}

bool
locum_doctor_reply_tells(const struct locum_doctor_reply *self)
{
    return self->outcome == LOCUM_DOCTOR_ANSWERED &&
           (self->rcode == LDNS_RCODE_NOERROR || self->rcode == LDNS_RCODE_NXDOMAIN);
}

const struct locum_doctor_record *
locum_doctor_reply_next(const struct locum_doctor_reply *self, enum locum_doctor_section section,
                        const char *owner, enum locum_doctor_type type, size_t *at)
{
    while (*at < self->record_count) {
        const struct locum_doctor_record *record = &self->record[(*at)++];
        if (record->section == section && record->type == type &&
            (owner == NULL || strcmp(record->owner, owner) == 0)) {
            return record;
        }
    }
    return NULL;
}
