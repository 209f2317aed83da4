#include "dns/limited.h"

enum { MINUTE_MS = 60000 };

_Static_assert(LOCUM_LIMIT_REPORT_S * 1000 > LOCUM_LIMITED_OVER_MS,
               "a report stays until its period is over");

void
locum_limited_add(struct locum_limited *self, uint64_t prefix, locum_ms last, locum_ms now)
{
    if (now - last >= LOCUM_LIMITED_OVER_MS) {
        return;
    }
    for (size_t i = 0; i < self->count; i++) {
        struct locum_limited_period *each = &self->periods[i];
        if (each->prefix == prefix) {
            each->last = last > each->last ? last : each->last;
            return;
        }
    }
    if (self->count < LOCUM_LIMITED_MAX) {
        self->periods[self->count++] = (struct locum_limited_period){
            .prefix = prefix, .since = last < now ? last : now, .last = last};
    }
}

static void
call(const struct locum_limited_period *period, int64_t seconds, locum_limited_fn *show, void *user)
{
    struct locum_prefix prefix;
    locum_limit_prefix_of(period->prefix, &prefix);
    show(user, locum_address_prefix_text(&prefix).text, seconds);
}

void
locum_limited_take(struct locum_limited *self, const struct locum_limiter *limiter, locum_ms now)
{
    for (size_t i = 0; i < LOCUM_LIMIT_PREFIXES; i++) {
        const struct locum_limit_report *report = &limiter->reports[i];
        const uint64_t last_us = atomic_load_explicit(&report->last_us, memory_order_acquire);
        if (last_us != 0) {
            locum_limited_add(self, report->prefix, (locum_ms)(last_us / 1000), now);
        }
    }
}

void
locum_limited_update(struct locum_limited *self, locum_ms now, locum_limited_fn *show, void *user)
{
    if (now - self->minute >= MINUTE_MS) {
        self->minute = now;
        self->minute_calls = 0;
    }
    for (size_t i = self->count; i-- > 0;) {
        struct locum_limited_period *each = &self->periods[i];
        if (!each->judged && self->minute_calls < LOCUM_LIMITED_CALLS) {
            each->shown = true;
            self->minute_calls++;
            call(each, -1, show, user);
        }
        each->judged = true;
        if (now - each->last >= LOCUM_LIMITED_OVER_MS) {
            if (each->shown) {
                call(each, (each->last - each->since) / 1000, show, user);
            }
            *each = self->periods[--self->count];
        }
    }
}
