/*
 * verify: signatures that wait to be verified. A processor or library that is broken must not sign
 * what no resolver accepts without anyone knowing it.
 *
 * In: what was signed, and the key. It is verified later, in small slices, because that takes three
 * times as long as to sign it, and an answer must not wait for it. The signature itself stays in
 * the cache (sign.h).
 */
#ifndef LOCUM_DNS_VERIFY_H
#define LOCUM_DNS_VERIFY_H

#include <ldns/ldns.h>

#include "base/text.h"

struct locum_verify_job;

/* First in, first out. All zero: empty. */
struct locum_verify_queue {
    struct locum_verify_job *first, *last;
    size_t count;
};

/* Microseconds of the monotonic clock. */
int64_t locum_verify_clock_us(void);

/*
 * Add a job. All is copied.
 *
 * digest  names the signature.
 * bytes   what is signed (RFC 4034 3.1.8.1).
 * key     a DNSKEY record.
 * 0 or LOCUM_ERR_MEMORY.
 */
int locum_verify_put(struct locum_verify_queue *self,
                     const uint8_t digest[LDNS_SHA256_DIGEST_LENGTH], const uint8_t *bytes,
                     size_t length, const ldns_rr *key) LOCUM_MUST_CHECK;

/* The name of the first one. False: the queue is empty. */
bool locum_verify_next(const struct locum_verify_queue *self,
                       uint8_t ret_digest[LDNS_SHA256_DIGEST_LENGTH]);

/* Is this the signature of the first one? 0, LOCUM_ERR_SIGNATURE or LOCUM_ERR_MEMORY. */
int locum_verify_first(const struct locum_verify_queue *self,
                       const ldns_rdf *signature) LOCUM_MUST_CHECK;

/* Remove the first one, or all. */
void locum_verify_drop_first(struct locum_verify_queue *self);
void locum_verify_clear(struct locum_verify_queue *self);

#endif
