#include "doctor/doctor.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "doctor/dnssec.h"
#include "doctor/nodes.h"
#include "doctor/persist.h"
#include "doctor/web.h"

int
locum_doctor_examine(const struct locum_config *config, size_t zone,
                     const struct locum_doctor_options *options, struct locum_doctor_facts *ret)
{
    const size_t first = zone == LOCUM_ZONES_MAX ? 0 : zone;
    const size_t end = zone == LOCUM_ZONES_MAX ? config->zone_count : zone + 1;
    *ret = (struct locum_doctor_facts){.config = config,
                                       .now_s = locum_clock_read().wall / 1000,
                                       .zones = calloc(end - first, sizeof(*ret->zones))};
    struct locum_doctor_resolvers resolvers = {0};
    int status = ret->zones == NULL ? LOCUM_ERR_MEMORY : 0;
    for (size_t i = first; i < end && status == 0; i++) {
        status = locum_doctor_walk(options, config, i, &ret->zones[ret->zone_count++], &resolvers);
        if (status == 0) {
            status = locum_doctor_persist_ask(options, config, i, &ret->zones[ret->zone_count - 1]);
        }
        if (status == 0) {
            status = locum_doctor_dnssec_ask(options, config, i, ret->now_s,
                                             &ret->zones[ret->zone_count - 1]);
        }
    }
    ret->resolver_silent = resolvers.failed;
    if (status == 0) {
        status = locum_doctor_web_ask(options, config, zone, ret);
    }
    locum_doctor_walk_progress(options, "asking the daemon at %s", config->listen_control);
    if (status == 0) {
        locum_doctor_nodes_ask(config, ret);
    }
    return status;
}

void
locum_doctor_facts_fini(struct locum_doctor_facts *self)
{
    for (size_t i = 0; i < self->zone_count; i++) {
        free(self->zones[i].persist);
        free(self->zones[i].dnssec);
    }
    free(self->zones);
    free(self->fetches);
    *self = (struct locum_doctor_facts){0};
}
