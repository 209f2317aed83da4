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
