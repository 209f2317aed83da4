#include "dns/cds.h"

#include <string.h>

#include "base/error.h"

ldns_rr *
locum_cds_ds(const struct locum_dnskey *key, uint32_t ttl_s)
{
    ldns_rr *ds = ldns_key_rr2ds(key->rr, LDNS_SHA256);
    if (ds != NULL) {
        ldns_rr_set_ttl(ds, ttl_s);
    }
    return ds;
}

bool
locum_cds_is_ds_of(const struct locum_ds *self, const ldns_rr *dnskey)
{
    static const ldns_hash hashes[] = {0, LDNS_SHA1, LDNS_SHA256, 0, LDNS_SHA384}; /* by type */
    enum { DIGEST = 3 };
    if (ldns_calc_keytag(dnskey) != self->tag ||
        ldns_rdf2native_int8(ldns_rr_dnskey_algorithm(dnskey)) != self->algorithm) {
        return false;
    }
    if (self->digest_type >= LOCUM_COUNT(hashes) || hashes[self->digest_type] == 0) {
        return true;
    }
    ldns_rr *ds = ldns_key_rr2ds(dnskey, hashes[self->digest_type]);
    const ldns_rdf *digest = ds != NULL ? ldns_rr_rdf(ds, DIGEST) : NULL;
    const bool same = digest != NULL && ldns_rdf_size(digest) == self->digest_length &&
                      memcmp(ldns_rdf_data(digest), self->digest, self->digest_length) == 0;
    ldns_rr_free(ds);
    return same;
}

/* Add a record, which is taken, with a type and TTL. False: out of memory. */
static bool
add(ldns_rr_list *list, ldns_rr *rr, ldns_rr_type type, uint32_t ttl_s)
{
    if (rr == NULL || list == NULL || !ldns_rr_list_push_rr(list, rr)) {
        ldns_rr_free(rr);
        return false;
    }
    ldns_rr_set_type(rr, type);
    ldns_rr_set_ttl(rr, ttl_s);
    return true;
}

/* Give the sets to the caller, or free them. */
static int
finish(struct locum_cds *made, bool whole, struct locum_cds *ret)
{
    if (!whole) {
        locum_cds_fini(made);
        return LOCUM_ERR_MEMORY;
    }
    *ret = *made;
    return 0;
}

int
locum_cds_make(const struct locum_dnskey *const *keys, size_t count, uint32_t ttl_s,
               struct locum_cds *ret)
{
    struct locum_cds made = {.cds = ldns_rr_list_new(), .cdnskey = ldns_rr_list_new()};
    bool whole = made.cds != NULL && made.cdnskey != NULL;
    for (size_t i = 0; i < count && whole; i++) {
        whole = add(made.cds, ldns_key_rr2ds(keys[i]->rr, LDNS_SHA256), LDNS_RR_TYPE_CDS, ttl_s) &&
                add(made.cdnskey, ldns_rr_clone(keys[i]->rr), LDNS_RR_TYPE_CDNSKEY, ttl_s);
    }
    return finish(&made, whole, ret);
}

/* One record of the apex in zone-file syntax; NULL: out of memory. */
static ldns_rr *
parse(const ldns_rdf *apex, const char *text)
{
    ldns_rr *rr = NULL;
    return ldns_rr_new_frm_str(&rr, text, 0, apex, NULL) == LDNS_STATUS_OK ? rr : NULL;
}

int
locum_cds_make_delete(const ldns_rdf *apex, uint32_t ttl_s, struct locum_cds *ret)
{
    struct locum_cds made = {.cds = ldns_rr_list_new(), .cdnskey = ldns_rr_list_new()};
    const bool whole =
        add(made.cds, parse(apex, "@ CDS 0 0 0 00"), LDNS_RR_TYPE_CDS, ttl_s) &&
        add(made.cdnskey, parse(apex, "@ CDNSKEY 0 3 0 AA=="), LDNS_RR_TYPE_CDNSKEY, ttl_s);
    return finish(&made, whole, ret);
}

void
locum_cds_fini(struct locum_cds *self)
{
    ldns_rr_list_deep_free(self->cds);
    ldns_rr_list_deep_free(self->cdnskey);
    *self = (struct locum_cds){NULL, NULL};
}
