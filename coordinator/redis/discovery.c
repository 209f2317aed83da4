#include "redis/discovery.h"

#include <string.h>

void
locum_discovery_init(struct locum_discovery *self, bool has_sentinels, locum_ms fresh_ms,
                     locum_ms patience_ms, locum_ms now)
{
    memset(self, 0, sizeof(*self));
    self->has_sentinels = has_sentinels;
    self->fresh_ms = fresh_ms;
    self->patience_ms = patience_ms;
    self->started = now;
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        self->claims[i].when = LOCUM_NEVER;
    }
}

static const struct locum_discovery_place *
find_place(const struct locum_discovery *self, const struct locum_address *address)
{
    for (size_t i = 0; i < LOCUM_DISCOVERY_PLACES_MAX; i++) {
        if (locum_address_equal(&self->places[i].address, address)) {
            return &self->places[i];
        }
    }
    return NULL;
}

/* The place of an address; a new one takes a free slot or that of the one tried longest ago. */
static struct locum_discovery_place *
take_place(struct locum_discovery *self, const struct locum_address *address)
{
    struct locum_discovery_place *oldest = &self->places[0];
    for (size_t i = 0; i < LOCUM_DISCOVERY_PLACES_MAX; i++) {
        struct locum_discovery_place *place = &self->places[i];
        if (locum_address_equal(&place->address, address)) {
            return place;
        }
        if (oldest->address.port != 0 &&
            (place->address.port == 0 || place->tried < oldest->tried)) {
            oldest = place;
        }
    }
    *oldest = (struct locum_discovery_place){
        .address = *address,
        .tried = LOCUM_NEVER,
        .not_master = LOCUM_NEVER,
        .backoff = {.first_ms = 2 * (locum_ms)LOCUM_DISCOVERY_GAP_MS,
                    .max_ms = LOCUM_DISCOVERY_WAIT_MAX_MS},
    };
    return oldest;
}

void
locum_discovery_claim(struct locum_discovery *self, size_t sentinel,
                      const struct locum_address *address, uint64_t epoch, locum_ms now)
{
    struct locum_discovery_claim *claim = &self->claims[sentinel];
    const bool is_new = claim->when == LOCUM_NEVER || claim->epoch != epoch ||
                        !locum_address_equal(&claim->address, address);
    *claim = (struct locum_discovery_claim){.address = *address, .epoch = epoch, .when = now};
    if (is_new) {
        struct locum_discovery_place *place = take_place(self, address);
        locum_backoff_reset(&place->backoff);
        place->not_master = LOCUM_NEVER;
        place->not_before = place->tried == LOCUM_NEVER ? 0 : place->tried + LOCUM_DISCOVERY_GAP_MS;
    }
}

void
locum_discovery_tried(struct locum_discovery *self, const struct locum_address *address,
                      locum_ms now)
{
    struct locum_discovery_place *place = take_place(self, address);
    place->tried = now;
    place->not_before = now + LOCUM_DISCOVERY_GAP_MS;
}

void
locum_discovery_failed(struct locum_discovery *self, const struct locum_address *address,
                       enum locum_discovery_failure failure, uint32_t random, locum_ms now)
{
    struct locum_discovery_place *place = take_place(self, address);
    place->not_before = now + locum_backoff_next(&place->backoff, random);
    place->not_master = failure == LOCUM_DISCOVERY_NOT_MASTER ? now : LOCUM_NEVER;
}

void
locum_discovery_worked(struct locum_discovery *self, const struct locum_address *address)
{
    struct locum_discovery_place *place = take_place(self, address);
    locum_backoff_reset(&place->backoff);
    place->not_master = LOCUM_NEVER;
}

static bool
is_fresh(const struct locum_discovery *self, const struct locum_discovery_claim *claim,
         locum_ms now)
{
    return claim->when != LOCUM_NEVER && now - claim->when <= self->fresh_ms;
}

/* Did its ROLE deny it lately? */
static bool
is_denied(const struct locum_discovery *self, const struct locum_address *address, locum_ms now)
{
    const struct locum_discovery_place *place = find_place(self, address);
    return place != NULL && place->not_master != LOCUM_NEVER &&
           now - place->not_master < LOCUM_DISCOVERY_NOT_MASTER_MS;
}

/* How many fresh claims of this epoch name the address; the one in use weighs more than all. */
static size_t
weigh(const struct locum_discovery *self, const struct locum_discovery_claim *claim,
      const struct locum_address *current, locum_ms now)
{
    size_t weight = 0;
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        const struct locum_discovery_claim *other = &self->claims[i];
        weight += is_fresh(self, other, now) && other->epoch == claim->epoch &&
                  locum_address_equal(&other->address, &claim->address);
    }
    const bool in_use = current != NULL && locum_address_equal(current, &claim->address);
    return weight + (in_use ? LOCUM_NODES_MAX : 0);
}

/* The best fresh claim; *ret_any tells whether there was a fresh one at all. */
static const struct locum_discovery_claim *
best_claim(const struct locum_discovery *self, const struct locum_address *current, locum_ms now,
           bool *ret_any)
{
    const struct locum_discovery_claim *best = NULL;
    uint64_t epoch = 0;
    *ret_any = false;
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        if (is_fresh(self, &self->claims[i], now)) {
            *ret_any = true;
            epoch = self->claims[i].epoch > epoch ? self->claims[i].epoch : epoch;
        }
    }
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        const struct locum_discovery_claim *claim = &self->claims[i];
        if (!is_fresh(self, claim, now) || claim->epoch != epoch ||
            is_denied(self, &claim->address, now)) {
            continue;
        }
        if (best == NULL || weigh(self, claim, current, now) > weigh(self, best, current, now)) {
            best = claim;
        }
    }
    return best;
}

static locum_ms
not_before(const struct locum_discovery *self, const struct locum_address *address)
{
    const struct locum_discovery_place *place = find_place(self, address);
    return place != NULL ? place->not_before : 0;
}

/* The last address told, of the highest epoch; NULL if none ever was. */
static const struct locum_address *
last_told(const struct locum_discovery *self)
{
    const struct locum_discovery_claim *best = NULL;
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        const struct locum_discovery_claim *claim = &self->claims[i];
        if (claim->when != LOCUM_NEVER && (best == NULL || claim->epoch > best->epoch)) {
            best = claim;
        }
    }
    return best != NULL ? &best->address : NULL;
}

/* Without a Sentinel: whichever may be tried soonest, so they take turns. */
static const struct locum_address *
next_in_turn(const struct locum_discovery *self)
{
    const struct locum_address *best = last_told(self);
    for (size_t i = 0; i < self->server_count; i++) {
        const struct locum_address *server = &self->servers[i];
        if (best == NULL || not_before(self, server) < not_before(self, best)) {
            best = server;
        }
    }
    return best;
}

bool
locum_discovery_choose(const struct locum_discovery *self, const struct locum_address *current,
                       locum_ms now, struct locum_address *ret_address, locum_ms *ret_not_before)
{
    bool any_fresh;
    const struct locum_discovery_claim *claim = best_claim(self, current, now, &any_fresh);
    const struct locum_address *address = NULL;
    if (any_fresh) {
        address = claim != NULL ? &claim->address : NULL;
    } else if (current != NULL) {
        address = current;
    } else if (!self->has_sentinels || now - self->started >= self->patience_ms) {
        address = next_in_turn(self);
    }
    if (address == NULL) {
        return false;
    }
    *ret_not_before = not_before(self, address);
    *ret_address = *address;
    return true;
}
