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

/* Take the first one, which the caller frees; NULL: the queue is empty. */
struct locum_verify_job *locum_verify_take(struct locum_verify_queue *self);
void locum_verify_free(struct locum_verify_job *self);

/* What names its signature. */
const uint8_t *locum_verify_digest(const struct locum_verify_job *self);

/* Is this its signature? 0, LOCUM_ERR_SIGNATURE or LOCUM_ERR_MEMORY. */
int locum_verify_run(struct locum_verify_job *self, const ldns_rdf *signature) LOCUM_MUST_CHECK;

/* Remove all. */
void locum_verify_clear(struct locum_verify_queue *self);

#endif
