#include "base/backoff.h"

locum_ms
locum_backoff_next(struct locum_backoff *self, uint32_t random)
{
    const locum_ms bound = self->next_ms > 0 ? self->next_ms : self->first_ms;
    self->next_ms = bound > self->max_ms / 2 ? self->max_ms : bound * 2;
    const locum_ms half = bound / 2;
    return half + (locum_ms)(random % (uint64_t)(bound - half + 1));
}

void
locum_backoff_reset(struct locum_backoff *self)
{
    self->next_ms = 0;
}
