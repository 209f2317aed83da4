/* Keys and signatures, for those who have no more than dns.h. */
#include "base/error.h"
#include "dns/dns.h"
#include "dns/renewal.h"

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
locum_dns_prepare(struct locum_dns *self, const struct locum_config *config,
                  struct locum_signer *signer, int64_t now_s)
{
    return locum_renewal_prepare(locum_dns_renewal(self), config, signer, now_s);
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
