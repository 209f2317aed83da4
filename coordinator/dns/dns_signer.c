/* Keys and signatures, for those who have no more than dns.h. */
#include <string.h>

#include "base/error.h"
#include "base/signature.h"
#include "dns/cds.h"
#include "dns/dns.h"
#include "dns/renewal.h"

/* Who gets the errors of locum_dns_signer_prepare(). */
struct reporting {
    const struct locum_config *config;
    locum_problem_fn *report;
    void *user;
};

/* locum_dns_check() has reported the rest. */
static void
report_error(void *user, size_t zone, enum locum_severity severity, const char *text)
{
    const struct reporting *to = user;
    if (severity == LOCUM_SEVERITY_ERROR) {
        to->report(to->user, &(struct locum_problem){.severity = severity,
                                                     .file = to->config->path,
                                                     .at = to->config->zones[zone].dnssec.at,
                                                     .text = text});
    }
}

int
locum_dns_signer_create(const struct locum_config *config, struct locum_keymemory *memory,
                        int64_t now_s, struct locum_signer **ret)
{
    return locum_signer_create(config, memory, now_s, NULL, NULL, ret);
}

int
locum_dns_signer_prepare(const struct locum_config *config, struct locum_keymemory *memory,
                         int64_t now_s, locum_problem_fn *report, void *user,
                         struct locum_signer **ret)
{
    struct reporting to = {.config = config, .report = report, .user = user};
    return locum_signer_create(config, memory, now_s, report_error, &to, ret);
}

void
locum_dns_signer_destroy(struct locum_signer *self)
{
    locum_signer_destroy(self);
}

struct locum_signer *
locum_dns_signer(struct locum_dns *self)
{
    return locum_dns_renewal(self)->signer;
}

void
locum_dns_set_signer(struct locum_dns *self, struct locum_signer *signer)
{
    locum_renewal_set_signer(locum_dns_renewal(self), signer);
}

bool
locum_dns_lacks_keys(struct locum_dns *self, const struct locum_config *config, size_t zone)
{
    const struct locum_signer *signer = locum_dns_signer(self);
    return config->core.nodes[config->core.self].role == LOCUM_ROLE_SERVER &&
           config->zones[zone].dnssec.keys[0] != '\0' &&
           (signer == NULL || !locum_signer_is_on(signer, zone));
}

int
locum_dns_signer_recreate(const struct locum_config *config, struct locum_keymemory *memory,
                          struct locum_signer **ret)
{
    return locum_signer_recreate(config, memory, ret);
}

int
locum_dns_signer_remember(const struct locum_signer *self, const struct locum_config *config,
                          struct locum_keymemory *memory, int64_t now_s)
{
    return locum_signer_remember(self, config, memory, now_s);
}

bool
locum_dns_signer_is_current(const struct locum_signer *self, const struct locum_config *config,
                            const struct locum_keymemory *memory)
{
    return locum_signer_is_current(self, config, memory);
}

/* Is a DS of it in the answer? */
static bool
is_at_parent(const struct locum_keymemory_key *key, const char *apex,
             const struct locum_ds_answer *answer)
{
    bool found = false;
    ldns_rr *rr = locum_dnskey_record(apex, key->record);
    for (size_t i = 0; rr != NULL && i < answer->count; i++) {
        found = found || locum_cds_is_ds_of(&answer->ds[i], rr);
    }
    ldns_rr_free(rr);
    return found;
}

void
locum_dns_take_parent(struct locum_keymemory_zone *zone, const struct locum_ds_answer *answer,
                      int64_t answered_s)
{
    const struct locum_keymemory_parent taken = {
        .answered_s = answered_s, .ttl_s = answer->ttl_s, .has_ds = answer->count > 0};
    uint32_t at_parent = 0;
    for (size_t i = 0; i < zone->count; i++) {
        at_parent |= (uint32_t)is_at_parent(&zone->keys[i], zone->name, answer) << i;
    }
    locum_keymemory_take_parent(zone, &taken, at_parent);
}

void
locum_dns_nsec_digest(struct locum_dns *self, const struct locum_config *config,
                      char ret[LOCUM_DIGEST_CHARS + 1])
{
    const struct locum_signer *signer = locum_dns_signer(self);
    char all[LOCUM_ZONES_MAX * LOCUM_CHAIN_DIGEST_BYTES];
    uint8_t digest[LOCUM_DIGEST_BYTES];
    size_t length = 0;
    for (size_t i = 0; signer != NULL && i < config->zone_count; i++) {
        if (locum_signer_is_on(signer, i)) {
            memcpy(all + length, locum_signer_chain_digest(signer, i), LOCUM_CHAIN_DIGEST_BYTES);
            length += LOCUM_CHAIN_DIGEST_BYTES;
        }
    }
    struct locum_text text = locum_text_init(ret, LOCUM_DIGEST_CHARS + 1);
    if (length > 0) {
        locum_signature_digest(all, length, digest);
        locum_text_add_hex(&text, digest, LOCUM_DIGEST_CHARS / 2);
    }
}

int
locum_dns_prepare(struct locum_dns *self, const struct locum_config *config,
                  struct locum_signer *signer, const struct locum_plan *plans, size_t plan_count,
                  int64_t now_s)
{
    return locum_renewal_prepare(locum_dns_renewal(self), config, signer, plans, plan_count, now_s);
}

void
locum_dns_abandon(struct locum_dns *self, const struct locum_signer *signer)
{
    locum_renewal_abandon(locum_dns_renewal(self), signer);
}

bool
locum_dns_is_due(struct locum_dns *self, int64_t now_s)
{
    return locum_renewal_is_due(locum_dns_renewal(self), now_s);
}

int
locum_dns_signing_status(struct locum_dns *self)
{
    return locum_dns_renewal(self)->status;
}

bool
locum_dns_wants_to_sign(struct locum_dns *self, int64_t now_s)
{
    return locum_renewal_wants(locum_dns_renewal(self), now_s);
}

void
locum_dns_sign(struct locum_dns *self, const struct locum_config *config,
               const struct locum_plan *plans, size_t plan_count, int64_t now_s)
{
    locum_renewal_begin(locum_dns_renewal(self), config, plans, plan_count, now_s);
}

int
locum_dns_signed_fd(struct locum_dns *self)
{
    return locum_dns_renewal(self)->fd;
}

int64_t
locum_dns_signed_at(struct locum_dns *self)
{
    const struct locum_renewal_names *serving = &locum_dns_renewal(self)->serving;
    return serving->names == NULL || serving->names->incomplete ? INT64_MIN : serving->at_s;
}

int
locum_dns_zone_text(struct locum_dns *self, const struct locum_config *config, size_t zone,
                    const struct locum_plan *plan, const struct locum_challenge_answers *answers,
                    uint32_t serial, char **ret_text)
{
    struct locum_signer *signer = self == NULL ? NULL : locum_dns_signer(self);
    int64_t at_s = 0;
    if (signer != NULL && locum_signer_is_on(signer, zone)) {
        at_s = locum_dns_signed_at(self);
        if (at_s == INT64_MIN) {
            return LOCUM_ERR_TIMEOUT;
        }
    }
    return locum_signer_zone_text(signer, config, zone, plan, answers, serial, at_s, ret_text);
}

struct locum_sign_cache *
locum_dns_sign_cache(struct locum_dns *self)
{
    const struct locum_signer *signer = locum_dns_signer(self);
    return signer != NULL ? locum_signer_cache(signer) : NULL;
}

void
locum_dns_signing(struct locum_dns *self, struct locum_dns_signing *ret)
{
    struct locum_sign_cache *cache = locum_dns_sign_cache(self);
    *ret = (struct locum_dns_signing){.on = cache != NULL};
    if (cache != NULL) {
        const struct locum_sign_counts counts = locum_sign_cache_counts(cache);
        ret->made = counts.made;
        ret->to_keep = counts.to_keep;
        ret->unverified = counts.unverified;
        ret->bad = counts.bad;
    }
}

bool
locum_dns_is_usable(struct locum_dns *self, int64_t signed_s, int64_t now_s)
{
    const struct locum_signer *signer = locum_dns_signer(self);
    bool usable = now_s >= signed_s - LOCUM_SIGN_EARLY_S;
    for (size_t i = 0; signer != NULL && i < LOCUM_ZONES_MAX; i++) {
        usable = usable && (!locum_signer_is_on(signer, i) ||
                            locum_signer_expiration(signer, i, signed_s) > now_s);
    }
    return signer == NULL || usable;
}

size_t
locum_dns_verify(struct locum_dns *self, int64_t budget_us)
{
    struct locum_sign_cache *cache = locum_dns_sign_cache(self);
    return cache != NULL ? locum_sign_cache_verify(cache, budget_us) : 0;
}

void
locum_dns_sign_again(struct locum_dns *self)
{
    locum_renewal_sign_again(locum_dns_renewal(self));
}
