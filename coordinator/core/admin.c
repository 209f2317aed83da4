#include "core/admin.h"

bool
locum_admin_advance(struct locum_admin_state *self, struct locum_now now)
{
    if (self->state == LOCUM_READY || self->until_boot == LOCUM_NEVER ||
        now.boot < self->until_boot) {
        return false;
    }
    self->state = LOCUM_READY;
    self->until_boot = LOCUM_NEVER;
    self->reason[0] = '\0';
    return true;
}
