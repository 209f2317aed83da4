/*
 * cds: what a zone says to its parent about its keys: DS, CDS and CDNSKEY records (RFC 4034 5, RFC
 * 7344, RFC 8078).
 *
 * The digest is SHA-256 (RFC 8624 3.3).
 */
#ifndef LOCUM_DNS_CDS_H
#define LOCUM_DNS_CDS_H

#include "dns/dnskey.h"
#include "dns/ds.h"

/* The DS record of a key, for the parent zone; freed by the caller. NULL: out of memory. */
ldns_rr *locum_cds_ds(const struct locum_dnskey *key, uint32_t ttl_s);

/* Is this the DS of the key? SHA-1, SHA-256 and SHA-384 digests are compared; with another digest
 * only the tag and the algorithm are. */
bool locum_cds_is_ds_of(const struct locum_ds *self, const ldns_rr *dnskey);

/* Two RRsets, each with its list owned by the caller. */
struct locum_cds {
    ldns_rr_list *cds, *cdnskey;
};

/*
 * The records that ask the parent for the DS of exactly these keys.
 *
 * Returns 0 or LOCUM_ERR_MEMORY; *ret is freed with locum_cds_fini().
 */
int locum_cds_make(const struct locum_dnskey *const *keys, size_t count, uint32_t ttl_s,
                   struct locum_cds *ret) LOCUM_MUST_CHECK;

/* The records that ask the parent to remove the DS (RFC 8078 4). Errors as above. */
int locum_cds_make_delete(const ldns_rdf *apex, uint32_t ttl_s,
                          struct locum_cds *ret) LOCUM_MUST_CHECK;

void locum_cds_fini(struct locum_cds *self);

#endif
