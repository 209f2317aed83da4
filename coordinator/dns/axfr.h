/*
 * axfr: a whole zone as the messages of an answer to AXFR (RFC 5936), or to IXFR (RFC 1995 4).
 *
 * The main thread makes the content of a zone when the first client asks for it; all transfers of
 * the same serial share it by a count of references. The TCP thread makes a message of it when the
 * client has taken those before, so a slow client costs no memory of its own.
 */
#ifndef LOCUM_DNS_AXFR_H
#define LOCUM_DNS_AXFR_H

#include "dns/query.h"

enum {
    /* A message at most: large enough for any record, small enough for other clients' turns. */
    LOCUM_AXFR_BYTES_MAX = 16384,
};

struct locum_zone;

/* All records of a zone, uncompressed, the SOA record first. Immutable. */
struct locum_axfr_content {
    atomic_uint references;
    uint32_t serial;
    uint8_t *bytes; /* owned */
    size_t length;
};

/* The records of a built zone, and those that signing adds to it (NULL: none), with one reference,
 * which is the caller's. 0 or LOCUM_ERR_MEMORY. */
int locum_axfr_content_create(const struct locum_zone *zone, const ldns_rr_list *added,
                              uint32_t serial, struct locum_axfr_content **ret) LOCUM_MUST_CHECK;

/* Add or drop a reference; the last one frees it. NULL is fine. */
void locum_axfr_content_hold(struct locum_axfr_content *self);
void locum_axfr_content_release(struct locum_axfr_content *self);

/* One transfer. */
struct locum_axfr {
    struct locum_dns_outgoing request;
    struct locum_tsig_key key;          /* of request.tsig, if it has one */
    struct locum_axfr_content *content; /* a reference; NULL: not there yet */
    size_t at;                          /* the next record; beyond the end: all were sent */
    uint32_t messages;
    uint64_t bytes; /* of messages */
};

/* Begin with the request; copies its key, for the table may change. */
void locum_axfr_init(struct locum_axfr *self, const struct locum_dns_outgoing *request);

/* Wipes the key. */
void locum_axfr_fini(struct locum_axfr *self);

/* All messages were made. */
bool locum_axfr_is_done(const struct locum_axfr *self);

/*
 * Make the next message, signed if the request was.
 *
 * message  room for LOCUM_AXFR_BYTES_MAX.
 * Returns its length.
 */
size_t locum_axfr_next(struct locum_axfr *self, uint8_t *message, uint64_t now_s);

/* Make the only message of a transfer that cannot be answered: SERVFAIL. Its length. */
size_t locum_axfr_fail(struct locum_axfr *self, uint8_t *message, uint64_t now_s);

#endif
