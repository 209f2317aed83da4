/* A signed zone as master-file text. */
#include "base/error.h"
#include "dns/signer.h"

int
locum_signer_zone_text(struct locum_signer *self, const struct locum_config *config, size_t zone,
                       const struct locum_plan *plan, const struct locum_challenge_answers *answers,
                       uint32_t serial, int64_t now_s, char **ret_text)
{
    struct locum_zone built;
    int status = locum_zone_build(config, zone, plan, answers, serial, &built);
    if (status != 0) {
        return status;
    }
    ldns_buffer *text = ldns_buffer_new(LDNS_MIN_BUFLEN);
    ldns_rr_list *added = ldns_rr_list_new();
    status = text == NULL || added == NULL ? LOCUM_ERR_MEMORY : 0;
    if (status == 0 && self != NULL && locum_signer_is_on(self, zone)) {
        status = locum_signer_add_records(self, zone, &built, now_s, added);
    }
    for (size_t i = 0; i < built.set_count && status == 0; i++) {
        status = locum_zone_add_text(text, built.sets[i].rrs);
    }
    if (status == 0) {
        status = locum_zone_add_text(text, added);
    }
    ldns_rr_list_deep_free(added);
    char *string = status == 0 ? ldns_buffer_export2str(text) : NULL;
    ldns_buffer_free(text);
    locum_zone_fini(&built);
    if (status == 0 && string == NULL) {
        status = LOCUM_ERR_MEMORY;
    }
    if (status == 0) {
        *ret_text = string;
    }
    return status;
}
