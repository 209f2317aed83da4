/*
 * signer_zone: the keys of one zone in the signer. For signer.c and signer_keys.c only.
 */
#ifndef LOCUM_DNS_SIGNER_ZONE_H
#define LOCUM_DNS_SIGNER_ZONE_H

#include "dns/signer.h"

struct signer_zone {
    bool on;
    uint64_t effect;           /* locum_keymemory_effect() of its sets */
    struct locum_dnskeys keys; /* of the folder */
    struct locum_dnskey remembered[LOCUM_KEYSTATE_KEYS_MAX]; /* or their private half only */
    size_t remembered_count;
    struct locum_keystate states[LOCUM_DNSKEY_MAX]; /* as the folder alone would have them */
    const struct locum_dnskey *dnskey_signers[LOCUM_KEYSTATE_KEYS_MAX]; /* and of CDS, CDNSKEY */
    size_t dnskey_signer_count;
    const struct locum_dnskey *rest_signers[LOCUM_KEYSTATE_KEYS_MAX];
    size_t rest_signer_count;
    const struct locum_dnskey *entries[LOCUM_KEYSTATE_KEYS_MAX]; /* whose DS CDS asks for */
    size_t entry_count;
    ldns_rr_list *apex_sets[LOCUM_SIGNER_APEX_SETS]; /* DNSKEY; then CDS and CDNSKEY, if any */
    size_t apex_set_count;
    ldns_rr_list *soa;
    struct locum_chain *chain;
    uint8_t chain_digest[LOCUM_CHAIN_DIGEST_BYTES];
    ldns_rr_list **nsecs; /* one record each, in the order of the chain */
    uint32_t validity_s, refresh_s;
    uint32_t longest_ttl_s; /* of its records */
};

/* Who gets the problems of one folder. */
struct signer_reporting {
    locum_signer_problem_fn *report; /* NULL: a start, which checked the files before */
    void *user;
    size_t zone;
    bool kept; /* a configuration of an earlier run: there are no errors */
    bool error;
};

/* Report an error of the zone at hand, or a warning if the configuration was kept. */
void locum_signer_zone_report(void *to, const char *text);

/*
 * Read the folder of a zone, check it, and make the sets of its keys as the folder alone says.
 *
 * memory  if the folder has a problem and the configuration was kept, the keys that are remembered
 *         are enough; or NULL.
 * Returns 0, LOCUM_ERR_MEMORY or LOCUM_ERR_INVALID.
 */
int locum_signer_zone_read(struct signer_zone *self, const struct locum_config_zone *config,
                           const ldns_rdf *apex, const struct locum_keymemory *memory,
                           int64_t now_s, struct signer_reporting *to) LOCUM_MUST_CHECK;

/* Note the keys of the folder. 0 or LOCUM_ERR_MEMORY. */
int locum_signer_zone_remember(const struct signer_zone *self, const char *zone,
                               struct locum_keymemory *memory, int64_t now_s) LOCUM_MUST_CHECK;

/* Make the sets of the keys as it was decided. 0 or LOCUM_ERR_MEMORY. */
int locum_signer_zone_apply(struct signer_zone *self, const struct locum_config_zone *config,
                            const ldns_rdf *apex,
                            const struct locum_keymemory_zone *decided) LOCUM_MUST_CHECK;

void locum_signer_zone_free_keys(struct signer_zone *self);

#endif
