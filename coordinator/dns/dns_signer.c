/* The keys of a configuration, for those who have no more than dns.h. */
#include "dns/dns.h"
#include "dns/signer.h"

/* locum_dns_check() has reported it. */
static void
ignore_problem(void *user, size_t zone, enum locum_severity severity, const char *text)
{
    (void)user, (void)zone, (void)severity, (void)text;
}

int
locum_dns_signer_create(const struct locum_config *config, int64_t now_s, struct locum_signer **ret)
{
    return locum_signer_create(config, now_s, ignore_problem, NULL, ret);
}

void
locum_dns_signer_destroy(struct locum_signer *self)
{
    locum_signer_destroy(self);
}

bool
locum_dns_lacks_keys(const struct locum_dns *self, const struct locum_config *config, size_t zone)
{
    const struct locum_signer *signer = locum_dns_signer(self);
    return config->core.nodes[config->core.self].role == LOCUM_ROLE_SERVER &&
           config->zones[zone].dnssec.keys[0] != '\0' &&
           (signer == NULL || !locum_signer_is_on(signer, zone));
}

struct locum_sign_cache *
locum_dns_sign_cache(const struct locum_dns *self)
{
    const struct locum_signer *signer = locum_dns_signer(self);
    return signer != NULL ? locum_signer_cache(signer) : NULL;
}

void
locum_dns_signing(const struct locum_dns *self, struct locum_dns_signing *ret)
{
    const struct locum_sign_cache *cache = locum_dns_sign_cache(self);
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
locum_dns_is_usable(const struct locum_dns *self, int64_t signed_s, int64_t now_s)
{
    const struct locum_signer *signer = locum_dns_signer(self);
    return signer == NULL || locum_signer_is_usable(signer, signed_s, now_s);
}

size_t
locum_dns_verify(struct locum_dns *self, int64_t budget_us)
{
    struct locum_sign_cache *cache = locum_dns_sign_cache(self);
    return cache != NULL ? locum_sign_cache_verify(cache, budget_us) : 0;
}
