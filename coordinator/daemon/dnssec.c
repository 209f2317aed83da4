#include "daemon/dnssec.h"

#include <string.h>

#include "daemon/act.h"
#include "daemon/inside.h"

/* Compare, and tell if the result is another one than before. The first one is no change. */
static void
compare(struct locum_daemon *self, size_t zone)
{
    const enum locum_trust_state before = self->trust[zone];
    const enum locum_trust_state now =
        locum_trust_judge(self->dns, zone, locum_parent_of(self->parent, zone));
    self->trust[zone] = now;
    if (now != before && before != LOCUM_TRUST_UNKNOWN) {
        locum_daemon_act_emit(self, LOCUM_EVENT_DS, self->config->zones[zone].name,
                              locum_trust_text(before), locum_trust_text(now));
    }
}

static void
on_ended(void *user, size_t zone)
{
    struct locum_daemon *self = user;
    (void)locum_daemon_loop_now(self);
    compare(self, zone);
}

void
locum_daemon_dnssec_compare(struct locum_daemon *self)
{
    for (size_t zone = 0; self->parent != NULL && zone < self->config->zone_count; zone++) {
        compare(self, zone);
    }
}

int
locum_daemon_dnssec_create(struct locum_daemon *self)
{
    const int status = locum_parent_create(self->base, NULL, on_ended, self, &self->parent);
    for (size_t zone = 0; zone < LOCUM_ZONES_MAX; zone++) {
        self->trust[zone] = LOCUM_TRUST_UNKNOWN;
    }
    if (status == 0) {
        locum_parent_configure(self->parent, self->config);
    }
    return status;
}

void
locum_daemon_dnssec_reload(struct locum_daemon *self, const struct locum_config *old)
{
    enum locum_trust_state before[LOCUM_ZONES_MAX];
    memcpy(before, self->trust, sizeof(before));
    locum_parent_configure(self->parent, self->config);
    for (size_t zone = 0; zone < self->config->zone_count; zone++) {
        self->trust[zone] = LOCUM_TRUST_UNKNOWN;
        for (size_t i = 0; i < old->zone_count; i++) {
            if (strcmp(self->config->zones[zone].name, old->zones[i].name) == 0) {
                self->trust[zone] = before[i];
            }
        }
        if (locum_parent_of(self->parent, zone) == NULL) {
            self->trust[zone] = LOCUM_TRUST_UNKNOWN; /* no event: it is not watched any more */
        }
    }
    locum_daemon_dnssec_compare(self);
}
