#include "dns/ahead.h"

#include "base/clock.h"
#include "base/error.h"

enum { SLICE_MS = 2 }; /* by a clock of milliseconds, so 3 ms at most before the last RRset */

/* An RRset of the zone by its number. NULL: there is none. */
static const ldns_rr_list *
set_at(const struct locum_signer *signer, size_t zone, const struct locum_zone *built,
       size_t number)
{
    if (number < built->set_count) {
        return built->sets[number].rrs;
    }
    number -= built->set_count;
    return number < LOCUM_SIGNER_APEX_SETS
               ? locum_signer_apex_set(signer, zone, number)
               : locum_signer_nsec(signer, zone, number - LOCUM_SIGNER_APEX_SETS);
}

/* Let the cache have the signatures of a set. That of the SOA would be of no use: its serial will
 * be another one. */
static int
sign(struct locum_signer *signer, size_t zone, const ldns_rr_list *set, int64_t at_s)
{
    const ldns_rr *first = ldns_rr_list_rr(set, 0);
    if (ldns_rr_get_type(first) == LDNS_RR_TYPE_SOA || !locum_signer_signs(signer, zone, first)) {
        return 0;
    }
    ldns_rr_list *signatures = ldns_rr_list_new();
    const int status = signatures == NULL ? LOCUM_ERR_MEMORY
                                          : locum_signer_sign(signer, zone, set, ldns_rr_ttl(first),
                                                              at_s, signatures);
    ldns_rr_list_deep_free(signatures);
    return status;
}

/* Go on with a zone. True: all of it is signed, or it cannot be. */
static bool
sign_zone(struct locum_ahead *self, struct locum_signer *signer, const struct locum_config *config,
          const struct locum_plan *plan, locum_ms begin)
{
    struct locum_zone built;
    const ldns_rr_list *set;
    if (!locum_signer_is_on(signer, self->zone) ||
        locum_zone_build(config, self->zone, plan, NULL, 0, &built) != 0) {
        return true;
    }
    do {
        set = set_at(signer, self->zone, &built, self->set++);
        if (set != NULL && sign(signer, self->zone, set, self->until_s) != 0) {
            set = NULL;
        }
    } while (set != NULL && locum_clock_read().mono - begin < SLICE_MS);
    locum_zone_fini(&built);
    return set == NULL;
}

void
locum_ahead_step(struct locum_ahead *self, struct locum_signer *signer,
                 const struct locum_config *config, const struct locum_plan *plan, int64_t until_s,
                 int64_t now_s)
{
    const locum_ms begin = locum_clock_read().mono;
    if (signer == NULL || until_s == INT64_MAX || now_s >= until_s ||
        until_s - now_s > LOCUM_AHEAD_S) {
        return;
    }
    if (self->until_s != until_s) {
        *self = (struct locum_ahead){.until_s = until_s};
    }
    while (self->zone < config->zone_count && sign_zone(self, signer, config, plan, begin)) {
        self->zone++;
        self->set = 0;
    }
}
