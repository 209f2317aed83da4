#include "dns/trust.h"

#include "base/text_format.h"
#include "dns/cds.h"
#include "dns/dns.h"
#include "dns/signer.h"

enum { DIGEST_SHA1 = 1, DIGEST_SHA256 = 2, DIGEST_SHA384 = 4 };

const char *
locum_trust_text(enum locum_trust_state state)
{
    static const char *const texts[LOCUM_TRUST_STATES] = {
        [LOCUM_TRUST_NONE] = "none",
        [LOCUM_TRUST_OK] = "ok",
        [LOCUM_TRUST_MISMATCH] = "mismatch",
        [LOCUM_TRUST_UNKNOWN] = "unknown",
    };
    return texts[state];
}

/* RFC 4509 3: a validator ignores SHA-1 if there is a better digest. */
static bool
is_ignored(const struct locum_ds_answer *answer, const struct locum_ds *ds)
{
    bool ignored = false;
    for (size_t i = 0; i < answer->count && ds->digest_type == DIGEST_SHA1; i++) {
        ignored = ignored || answer->ds[i].digest_type == DIGEST_SHA256 ||
                  answer->ds[i].digest_type == DIGEST_SHA384;
    }
    return ignored;
}

enum locum_trust_state
locum_trust_judge(struct locum_dns *dns, size_t zone, const struct locum_parent_zone *parent)
{
    const struct locum_signer *signer = locum_dns_signer(dns);
    if (parent == NULL || !parent->known) {
        return LOCUM_TRUST_UNKNOWN;
    }
    for (size_t i = 0; i < parent->answer.count; i++) {
        const struct locum_ds *ds = &parent->answer.ds[i];
        const struct locum_dnskey *key;
        for (size_t j = 0; signer != NULL && !is_ignored(&parent->answer, ds) &&
                           (key = locum_signer_dnskey_signer(signer, zone, j)) != NULL;
             j++) {
            if (locum_cds_is_ds_of(ds, key->rr)) {
                return LOCUM_TRUST_OK;
            }
        }
    }
    return parent->answer.count > 0 ? LOCUM_TRUST_MISMATCH : LOCUM_TRUST_NONE;
}

void
locum_trust_see(struct locum_dns *dns, size_t zone, struct locum_trust_zone *ret)
{
    const struct locum_signer *signer = locum_dns_signer(dns);
    const struct locum_dnskey *key;
    *ret =
        (struct locum_trust_zone){.is_signed = signer != NULL && locum_signer_is_on(signer, zone)};
    if (!ret->is_signed) {
        return;
    }
    const int64_t at_s = locum_dns_signed_at(dns);
    ret->valid_until_s = at_s == INT64_MIN ? 0 : locum_signer_expiration(signer, zone, at_s);
    for (size_t i = 0; (key = locum_signer_dnskey_signer(signer, zone, i)) != NULL; i++) {
        struct locum_trust_key *to = &ret->keys[ret->key_count++];
        to->tag = key->tag;
        (void)locum_text_format_buffer(to->algorithm, sizeof(to->algorithm), "%s",
                                       locum_dnskey_algorithm_text(key->algorithm).text);
    }
}
