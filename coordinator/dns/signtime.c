#include "dns/signtime.h"

#include <stdlib.h>

#include "core/types.h"

static locum_ms
distance(locum_ms a, locum_ms b)
{
    return a > b ? a - b : b - a;
}

static void
judge(struct locum_signtime *self)
{
    self->off = self->difference - self->believed;
    self->in_doubt = distance(self->off, 0) > LOCUM_SIGNTIME_LIMIT_MS;
}

void
locum_signtime_init(struct locum_signtime *self, const struct locum_signtime_kept *kept,
                    struct locum_now now)
{
    const locum_ms own = now.wall - now.boot;
    *self = (struct locum_signtime){.believed = own,
                                    .followed = now.boot,
                                    .difference = own,
                                    .stepped = now.mono,
                                    .synchronised = -1};
    if (kept != NULL) {
        self->signed_s = kept->signed_s;
        if (kept->same_boot) {
            self->believed = kept->believed;
        } else if (kept->newest > now.wall) {
            self->believed = kept->newest - now.boot;
        }
    }
    judge(self);
}

static int
compare(const void *a, const void *b)
{
    const locum_ms left = *(const locum_ms *)a;
    const locum_ms right = *(const locum_ms *)b;
    return (left > right) - (left < right);
}

/*
 * The median of the offsets of heartbeats that came after the last step. Of two in the middle it is
 * the smaller one in amount: with one right peer and one wrong one, a right clock is not in doubt.
 * False: there is none.
 */
static bool
find_median(const struct locum_signtime *self, const struct locum_signtime_peer *peers,
            size_t count, locum_ms *ret)
{
    locum_ms offsets[LOCUM_NODES_MAX];
    size_t known = 0;
    for (size_t i = 0; i < count && known < LOCUM_NODES_MAX; i++) {
        if (peers[i].heard > self->stepped) {
            offsets[known++] = peers[i].offset;
        }
    }
    if (known == 0) {
        return false;
    }
    qsort(offsets, known, sizeof(*offsets), compare);
    const locum_ms low = offsets[(known - 1) / 2];
    const locum_ms high = offsets[known / 2];
    *ret = distance(low, 0) < distance(high, 0) ? low : high;
    return true;
}

void
locum_signtime_update(struct locum_signtime *self, struct locum_now now,
                      const struct locum_signtime_peer *peers, size_t count, bool synchronised)
{
    const locum_ms own = now.wall - now.boot;
    locum_ms median;
    if (distance(own, self->difference) > LOCUM_SIGNTIME_STEP_MS) {
        self->stepped = now.mono;
        self->synchronised = -1;
    }
    self->difference = own;
    if (!synchronised) {
        self->synchronised = -1;
    } else if (self->synchronised < 0) {
        self->synchronised = now.boot;
    }
    judge(self);
    if (find_median(self, peers, count, &median)) {
        const bool agrees = distance(median, 0) <= LOCUM_SIGNTIME_LIMIT_MS;
        self->believed = agrees ? own : own + median;
        self->followed = now.boot;
    } else if (self->in_doubt ? self->synchronised >= 0 &&
                                    now.boot - self->synchronised >= LOCUM_SIGNTIME_FOLLOW_MS
                              : now.boot - self->followed >= LOCUM_SIGNTIME_FOLLOW_MS) {
        self->believed = own;
        self->followed = now.boot;
    }
    judge(self);
}

int64_t
locum_signtime_believed_s(const struct locum_signtime *self, struct locum_now now)
{
    return (self->in_doubt ? self->believed + now.boot : now.wall) / 1000;
}

int64_t
locum_signtime_take(struct locum_signtime *self, struct locum_now now,
                    locum_signtime_usable_fn *usable, const void *user)
{
    const int64_t now_s = locum_signtime_believed_s(self, now);
    if (!self->in_doubt || self->signed_s == 0 || !usable(user, self->signed_s, now_s)) {
        self->signed_s = now_s;
    }
    return self->signed_s;
}

struct locum_signtime_kept
locum_signtime_keep(const struct locum_signtime *self, struct locum_now now)
{
    return (struct locum_signtime_kept){
        .same_boot = true,
        .believed = self->in_doubt ? self->believed : now.wall - now.boot,
        .newest = self->in_doubt ? self->believed + now.boot : now.wall,
        .signed_s = self->signed_s};
}
