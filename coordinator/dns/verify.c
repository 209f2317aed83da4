#include "dns/verify.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct locum_verify_job {
    struct locum_verify_job *next;
    uint8_t digest[LDNS_SHA256_DIGEST_LENGTH];
    uint8_t algorithm;
    size_t length, key_length;
    uint8_t bytes[]; /* what is signed, then the key */
};

int
locum_verify_put(struct locum_verify_queue *self, const uint8_t digest[LDNS_SHA256_DIGEST_LENGTH],
                 const uint8_t *bytes, size_t length, const ldns_rr *key)
{
    const ldns_rdf *public_key = ldns_rr_dnskey_key(key);
    const size_t key_length = ldns_rdf_size(public_key);
    struct locum_verify_job *job = malloc(sizeof(*job) + length + key_length);
    if (job == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    job->next = NULL;
    memcpy(job->digest, digest, sizeof(job->digest));
    job->algorithm = ldns_rdf2native_int8(ldns_rr_dnskey_algorithm(key));
    job->length = length;
    job->key_length = key_length;
    memcpy(job->bytes, bytes, length);
    memcpy(job->bytes + length, ldns_rdf_data(public_key), key_length);
    if (self->last != NULL) {
        self->last->next = job;
    } else {
        self->first = job;
    }
    self->last = job;
    self->count++;
    return 0;
}

struct locum_verify_job *
locum_verify_take(struct locum_verify_queue *self)
{
    struct locum_verify_job *job = self->first;
    if (job != NULL) {
        self->first = job->next;
        self->last = self->first != NULL ? self->last : NULL;
        self->count--;
    }
    return job;
}

void
locum_verify_free(struct locum_verify_job *self)
{
    free(self);
}

const uint8_t *
locum_verify_digest(const struct locum_verify_job *self)
{
    return self->digest;
}

/* As OpenSSL wants it: an ECDSA signature in DER. */
static ldns_status
convert(const ldns_rdf *signature, uint8_t algorithm, ldns_buffer *to)
{
    if (algorithm == LDNS_ECDSAP256SHA256 || algorithm == LDNS_ECDSAP384SHA384) {
        return ldns_convert_ecdsa_rrsig_rdf2asn1(to, signature);
    }
    return ldns_rdf2buffer_wire(to, signature);
}

int
locum_verify_run(struct locum_verify_job *self, const ldns_rdf *signature)
{
    ldns_buffer *message = ldns_buffer_new(self->length);
    ldns_buffer *converted = ldns_buffer_new(LDNS_MIN_BUFLEN);
    ldns_status status = LDNS_STATUS_MEM_ERR;
    if (message != NULL && converted != NULL) {
        ldns_buffer_write(message, self->bytes, self->length);
        status = convert(signature, self->algorithm, converted);
    }
    if (status == LDNS_STATUS_OK) {
        status = ldns_verify_rrsig_buffers_raw(
            ldns_buffer_begin(converted), ldns_buffer_position(converted), message,
            self->bytes + self->length, self->key_length, self->algorithm);
    }
    ldns_buffer_free(converted);
    ldns_buffer_free(message);
    return status == LDNS_STATUS_OK        ? 0
           : status == LDNS_STATUS_MEM_ERR ? LOCUM_ERR_MEMORY
                                           : LOCUM_ERR_SIGNATURE;
}

void
locum_verify_clear(struct locum_verify_queue *self)
{
    struct locum_verify_job *job;
    while ((job = locum_verify_take(self)) != NULL) {
        locum_verify_free(job);
    }
}
