/* The keys of a configuration, for those who have no more than dns.h. */
#include <string.h>

#include "base/signature.h"
#include "dns/dns.h"
#include "dns/signer.h"

/* locum_dns_check() has reported it. */
static void
ignore_problem(void *user, size_t zone, enum locum_severity severity, const char *text)
{
    (void)user, (void)zone, (void)severity, (void)text;
}

int
locum_dns_signer_create(const struct locum_config *config, const struct locum_keymemory *memory,
                        int64_t now_s, struct locum_signer **ret)
{
    return locum_signer_create(config, memory, now_s, ignore_problem, NULL, ret);
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

int
locum_dns_remember_keys(struct locum_dns *self, const struct locum_config *config,
                        struct locum_keymemory *memory, int64_t now_s)
{
    return locum_signer_remember(locum_dns_signer(self), config, memory, now_s);
}

void
locum_dns_nsec_digest(const struct locum_dns *self, const struct locum_config *config,
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
locum_dns_zone_text(struct locum_dns *self, const struct locum_config *config, size_t zone,
                    const struct locum_plan *plan, uint32_t serial, int64_t now_s, char **ret_text)
{
    return locum_signer_zone_text(self != NULL ? locum_dns_signer(self) : NULL, config, zone, plan,
                                  serial, now_s, ret_text);
}
