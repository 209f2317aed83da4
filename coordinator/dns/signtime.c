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
                                    .synchronised = -1,
                                    .keys = now.wall,
                                    .keys_at = now.boot};
    if (kept != NULL) {
        self->signed_s = kept->signed_s;
        self->newest = kept->newest;
        if (kept->keys > 0) {
            self->keys = kept->keys;
            self->keys += kept->same_boot && now.boot > kept->boot ? now.boot - kept->boot : 0;
        }
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
 * Returns how many there are.
 */
static size_t
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
        return 0;
    }
    qsort(offsets, known, sizeof(*offsets), compare);
    const locum_ms low = offsets[(known - 1) / 2];
    const locum_ms high = offsets[known / 2];
    *ret = distance(low, 0) < distance(high, 0) ? low : high;
    return known;
}

/* The kernel says that the clock is synchronised, and has said so since the last step. */
static bool
is_synchronised(const struct locum_signtime *self, struct locum_now now, locum_ms since)
{
    return self->synchronised >= 0 && now.boot - self->synchronised >= since;
}

/* May the own clock be believed although no peer says so? */
static bool
is_steady(const struct locum_signtime *self, struct locum_now now)
{
    if (!self->in_doubt) {
        return now.boot - self->followed >= LOCUM_SIGNTIME_FOLLOW_MS;
    }
    return is_synchronised(self, now, LOCUM_SIGNTIME_FOLLOW_MS) ||
           (!self->heard && now.wall >= self->newest &&
            now.mono - self->stepped >= LOCUM_SIGNTIME_FOLLOW_MS);
}

/* The time of the keys goes on with the boot clock, and stops in doubt. */
static void
advance_keys(struct locum_signtime *self, struct locum_now now)
{
    self->keys += self->in_doubt ? 0 : now.boot - self->keys_at;
    self->keys_at = now.boot;
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
    const size_t heard = find_median(self, peers, count, &median);
    const bool synchronised_now = is_synchronised(self, now, LOCUM_SIGNTIME_SETTLE_MS);
    self->heard = self->heard || heard > 0;
    if (heard > 0) {
        const bool agrees =
            distance(median, 0) <= LOCUM_SIGNTIME_LIMIT_MS || (heard == 1 && synchronised_now);
        self->believed = agrees ? own : own + median;
        self->followed = now.boot;
    } else if (is_steady(self, now)) {
        self->believed = own;
        self->followed = now.boot;
    }
    judge(self);
    self->confirmed = !self->in_doubt && (heard > 0 || synchronised_now);
    self->newest = self->confirmed ? now.wall : self->newest;
    advance_keys(self, now);
}

int64_t
locum_signtime_keys_s(const struct locum_signtime *self)
{
    return self->keys / 1000;
}

int64_t
locum_signtime_set_keys(struct locum_signtime *self, struct locum_now now)
{
    const int64_t by_s = self->confirmed ? (now.wall - self->keys) / 1000 : 0;
    if (by_s >= -1 && by_s <= 1) {
        return 0;
    }
    self->keys += by_s * 1000;
    return by_s;
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
    return (struct locum_signtime_kept){.same_boot = true,
                                        .believed =
                                            self->in_doubt ? self->believed : now.wall - now.boot,
                                        .newest = self->newest,
                                        .signed_s = self->signed_s,
                                        .keys = self->keys,
                                        .boot = self->keys_at};
}
