#include "dns/axfr.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dns/zone.h"

enum { RR_BYTES = 10 /* type, class, TTL and RDLENGTH, after the owner */ };

/* Room for one more record. */
static uint8_t *
reserve(struct locum_axfr_content *self, size_t *room, size_t more)
{
    if (self->length + more > *room) {
        const size_t wanted = 2 * (self->length + more);
        uint8_t *bytes = realloc(self->bytes, wanted);
        if (bytes == NULL) {
            return NULL;
        }
        self->bytes = bytes;
        *room = wanted;
    }
    return self->bytes + self->length;
}

static int
add_rr(struct locum_axfr_content *self, size_t *room, const ldns_rr *rr, uint32_t ttl_s)
{
    const size_t owner = ldns_rdf_size(ldns_rr_owner(rr));
    size_t data = 0;
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        data += ldns_rdf_size(ldns_rr_rdf(rr, i));
    }
    uint8_t *at = reserve(self, room, owner + RR_BYTES + data);
    if (at == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    memcpy(at, ldns_rdf_data(ldns_rr_owner(rr)), owner);
    at += owner;
    locum_packet_put_u16(at, (uint16_t)ldns_rr_get_type(rr));
    locum_packet_put_u16(at + 2, (uint16_t)ldns_rr_get_class(rr));
    locum_packet_put_u16(at + 4, (uint16_t)(ttl_s >> 16));
    locum_packet_put_u16(at + 6, (uint16_t)ttl_s);
    locum_packet_put_u16(at + 8, (uint16_t)data);
    at += RR_BYTES;
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        const ldns_rdf *rdf = ldns_rr_rdf(rr, i);
        memcpy(at, ldns_rdf_data(rdf), ldns_rdf_size(rdf));
        at += ldns_rdf_size(rdf);
    }
    self->length += owner + RR_BYTES + data;
    return 0;
}

static int
add_set(struct locum_axfr_content *self, size_t *room, const struct locum_rrset *set)
{
    int status = 0;
    for (size_t i = 0; i < ldns_rr_list_rr_count(set->rrs) && status == 0; i++) {
        status =
            add_rr(self, room, ldns_rr_list_rr(set->rrs, i), ldns_rr_ttl(locum_zone_first(set)));
    }
    return status;
}

int
locum_axfr_content_create(const struct locum_zone *zone, const ldns_rr_list *added, uint32_t serial,
                          struct locum_axfr_content **ret)
{
    struct locum_axfr_content *self = calloc(1, sizeof(*self));
    const struct locum_rrset *soa = locum_zone_find(zone, zone->apex, LDNS_RR_TYPE_SOA);
    size_t room = 0;
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    atomic_init(&self->references, 1);
    self->serial = serial;
    int status = add_set(self, &room, soa);
    for (size_t i = 0; i < zone->set_count && status == 0; i++) {
        if (&zone->sets[i] != soa) {
            status = add_set(self, &room, &zone->sets[i]);
        }
    }
    for (size_t i = 0; added != NULL && i < ldns_rr_list_rr_count(added) && status == 0; i++) {
        const ldns_rr *rr = ldns_rr_list_rr(added, i);
        status = add_rr(self, &room, rr, ldns_rr_ttl(rr));
    }
    if (status != 0) {
        locum_axfr_content_release(self);
        return status;
    }
    *ret = self;
    return 0;
}

void
locum_axfr_content_hold(struct locum_axfr_content *self)
{
    if (self != NULL) {
        atomic_fetch_add_explicit(&self->references, 1, memory_order_relaxed);
    }
}

void
locum_axfr_content_release(struct locum_axfr_content *self)
{
    if (self != NULL &&
        atomic_fetch_sub_explicit(&self->references, 1, memory_order_acq_rel) == 1) {
        free(self->bytes);
        free(self);
    }
}

void
locum_axfr_init(struct locum_axfr *self, const struct locum_dns_outgoing *request)
{
    *self = (struct locum_axfr){.request = *request};
    if (request->tsig.key != NULL) {
        self->key = *request->tsig.key;
        self->request.tsig.key = &self->key;
    }
}

void
locum_axfr_fini(struct locum_axfr *self)
{
    locum_axfr_content_release(self->content);
    explicit_bzero(&self->key, sizeof(self->key));
}

bool
locum_axfr_is_done(const struct locum_axfr *self)
{
    return self->content != NULL && self->at > self->content->length;
}

/* The bytes of the record at `at`. */
static size_t
record_length(const struct locum_axfr_content *content, size_t at)
{
    const uint8_t *name = content->bytes + at;
    while (*name != 0) {
        name += 1 + *name;
    }
    const uint8_t *fixed = name + 1;
    return (size_t)(fixed - (content->bytes + at)) + RR_BYTES + locum_packet_u16(fixed + 8);
}

/* Header and, in the first message, the question (RFC 5936 2.2). */
static size_t
begin_message(struct locum_axfr *self, uint8_t *message)
{
    const struct locum_dns_outgoing *request = &self->request;
    memcpy(message, request->header, LOCUM_DNS_HEADER_BYTES);
    if (self->messages > 0) {
        locum_packet_put_u16(message + 4, 0);
        return LOCUM_DNS_HEADER_BYTES;
    }
    memcpy(message + LOCUM_DNS_HEADER_BYTES, request->question, request->question_length);
    return LOCUM_DNS_HEADER_BYTES + request->question_length;
}

/* OPT record and signature. */
static size_t
end_message(struct locum_axfr *self, uint8_t *message, size_t length, uint64_t now_s)
{
    if (self->messages == 0 && self->request.opt_length > 0) {
        memcpy(message + length, self->request.opt, self->request.opt_length);
        length += self->request.opt_length;
        locum_packet_put_u16(message + 10, 1);
    }
    length = locum_tsig_sign(&self->request.tsig, message, length, now_s);
    self->messages++;
    self->bytes += length;
    return length;
}

size_t
locum_axfr_next(struct locum_axfr *self, uint8_t *message, uint64_t now_s)
{
    const struct locum_axfr_content *content = self->content;
    const size_t end = LOCUM_AXFR_BYTES_MAX - LOCUM_EDNS_BYTES_MAX - LOCUM_TSIG_BYTES_MAX;
    size_t length = begin_message(self, message);
    uint16_t count = 0;
    while (self->at <= content->length) { /* the SOA record is the last one too */
        const size_t from = self->at == content->length ? 0 : self->at;
        const size_t bytes = record_length(content, from);
        if (bytes > end - length && count > 0) {
            break;
        }
        LOCUM_INVARIANT(bytes <= end - length); /* a record is written in 511 characters */
        memcpy(message + length, content->bytes + from, bytes);
        length += bytes;
        self->at = from == self->at ? self->at + bytes : content->length + 1;
        count++;
    }
    locum_packet_put_u16(message + 6, count);
    return end_message(self, message, length, now_s);
}

size_t
locum_axfr_fail(struct locum_axfr *self, uint8_t *message, uint64_t now_s)
{
    const size_t length = begin_message(self, message);
    message[3] = LOCUM_RCODE_SERVFAIL;
    return end_message(self, message, length, now_s);
}
