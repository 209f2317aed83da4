#include "redis/discovery.h"

#include <string.h>

void
locum_discovery_init(struct locum_discovery *self, bool has_sentinels, locum_ms fresh_ms,
                     locum_ms start_ms, locum_ms now)
{
    memset(self, 0, sizeof(*self));
    self->has_sentinels = has_sentinels;
    self->fresh_ms = fresh_ms;
    self->start_ms = start_ms;
    self->started = now;
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        self->candidates[i].when = LOCUM_NEVER;
    }
}

static const struct locum_discovery_attempts *
find_attempts(const struct locum_discovery *self, const struct locum_address *address)
{
    for (size_t i = 0; i < LOCUM_DISCOVERY_ADDRESSES_MAX; i++) {
        if (locum_address_equal(&self->attempts[i].address, address)) {
            return &self->attempts[i];
        }
    }
    return NULL;
}

/* The attempts at an address. A new address takes a free slot, or the slot of the address that was
 * tried longest ago. */
static struct locum_discovery_attempts *
attempts_at(struct locum_discovery *self, const struct locum_address *address)
{
    struct locum_discovery_attempts *oldest = &self->attempts[0];
    for (size_t i = 0; i < LOCUM_DISCOVERY_ADDRESSES_MAX; i++) {
        struct locum_discovery_attempts *attempts = &self->attempts[i];
        if (locum_address_equal(&attempts->address, address)) {
            return attempts;
        }
        if (oldest->address.port != 0 &&
            (attempts->address.port == 0 || attempts->tried < oldest->tried)) {
            oldest = attempts;
        }
    }
    *oldest = (struct locum_discovery_attempts){
        .address = *address,
        .tried = LOCUM_NEVER,
        .not_master = LOCUM_NEVER,
        .backoff = {.first_ms = 2 * (locum_ms)LOCUM_DISCOVERY_GAP_MS,
                    .max_ms = LOCUM_DISCOVERY_WAIT_MAX_MS},
    };
    return oldest;
}

void
locum_discovery_add_server(struct locum_discovery *self, const struct locum_address *address)
{
    if (self->server_count < LOCUM_DISCOVERY_SERVERS_MAX) {
        self->servers[self->server_count++] = *address;
    }
}

void
locum_discovery_report(struct locum_discovery *self, size_t sentinel,
                       const struct locum_address *address, uint64_t epoch, locum_ms now)
{
    struct locum_discovery_candidate *candidate = &self->candidates[sentinel];
    const bool is_new = candidate->when == LOCUM_NEVER || candidate->epoch != epoch ||
                        !locum_address_equal(&candidate->address, address);
    *candidate =
        (struct locum_discovery_candidate){.address = *address, .epoch = epoch, .when = now};
    if (is_new) { /* a failover: forget the failures of before */
        struct locum_discovery_attempts *attempts = attempts_at(self, address);
        locum_backoff_reset(&attempts->backoff);
        attempts->not_master = LOCUM_NEVER;
        attempts->unreachable = 0;
        attempts->not_before =
            attempts->tried == LOCUM_NEVER ? 0 : attempts->tried + LOCUM_DISCOVERY_GAP_MS;
    }
}

void
locum_discovery_tried(struct locum_discovery *self, const struct locum_address *address,
                      locum_ms now)
{
    struct locum_discovery_attempts *attempts = attempts_at(self, address);
    attempts->tried = now;
    attempts->not_before = now + LOCUM_DISCOVERY_GAP_MS;
}

void
locum_discovery_failed(struct locum_discovery *self, const struct locum_address *address,
                       enum locum_discovery_failure failure, uint32_t random, locum_ms now)
{
    struct locum_discovery_attempts *attempts = attempts_at(self, address);
    attempts->not_before = now + locum_backoff_next(&attempts->backoff, random);
    attempts->not_master = failure == LOCUM_DISCOVERY_NOT_MASTER ? now : LOCUM_NEVER;
    attempts->unreachable = failure == LOCUM_DISCOVERY_UNREACHABLE ? attempts->unreachable + 1 : 0;
}

void
locum_discovery_worked(struct locum_discovery *self, const struct locum_address *address)
{
    struct locum_discovery_attempts *attempts = attempts_at(self, address);
    locum_backoff_reset(&attempts->backoff);
    attempts->not_master = LOCUM_NEVER;
    attempts->unreachable = 0;
}

bool
locum_discovery_allows(const struct locum_discovery *self, const struct locum_address *address)
{
    return !self->servers_only || locum_address_is_in(address, self->servers, self->server_count);
}

static bool
is_fresh(const struct locum_discovery *self, const struct locum_discovery_candidate *candidate,
         locum_ms now)
{
    return candidate->when != LOCUM_NEVER && now - candidate->when <= self->fresh_ms &&
           locum_discovery_allows(self, &candidate->address);
}

/* Did its ROLE say lately that it is not the master? */
static bool
is_denied(const struct locum_discovery *self, const struct locum_address *address, locum_ms now)
{
    const struct locum_discovery_attempts *attempts = find_attempts(self, address);
    return attempts != NULL && attempts->not_master != LOCUM_NEVER &&
           now - attempts->not_master < LOCUM_DISCOVERY_NOT_MASTER_MS;
}

/* The number of fresh reports of this epoch and address; the address in use is above all others. */
static size_t
priority(const struct locum_discovery *self, const struct locum_discovery_candidate *candidate,
         const struct locum_address *current, locum_ms now)
{
    size_t reports = 0;
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        const struct locum_discovery_candidate *other = &self->candidates[i];
        reports += is_fresh(self, other, now) && other->epoch == candidate->epoch &&
                   locum_address_equal(&other->address, &candidate->address);
    }
    const bool in_use = current != NULL && locum_address_equal(current, &candidate->address);
    return reports + (in_use ? LOCUM_NODES_MAX : 0);
}

/*
 * The candidate with the highest priority, or NULL; on a tie the first Sentinel decides. *ret_any:
 * any report is fresh.
 */
static const struct locum_discovery_candidate *
best_candidate(const struct locum_discovery *self, const struct locum_address *current,
               locum_ms now, bool *ret_any)
{
    const struct locum_discovery_candidate *best = NULL;
    uint64_t epoch = 0;
    *ret_any = false;
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        if (is_fresh(self, &self->candidates[i], now)) {
            *ret_any = true;
            epoch = self->candidates[i].epoch > epoch ? self->candidates[i].epoch : epoch;
        }
    }
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        const struct locum_discovery_candidate *candidate = &self->candidates[i];
        if (is_fresh(self, candidate, now) && candidate->epoch == epoch &&
            !is_denied(self, &candidate->address, now) &&
            (best == NULL ||
             priority(self, candidate, current, now) > priority(self, best, current, now))) {
            best = candidate;
        }
    }
    return best;
}

static locum_ms
not_before(const struct locum_discovery *self, const struct locum_address *address)
{
    const struct locum_discovery_attempts *attempts = find_attempts(self, address);
    return attempts != NULL ? attempts->not_before : 0;
}

/* This address or the configured server that may be tried soonest, so that they take turns. */
static const struct locum_address *
next_in_turn(const struct locum_discovery *self, const struct locum_address *best)
{
    for (size_t i = 0; i < self->server_count; i++) {
        const struct locum_address *server = &self->servers[i];
        if (best == NULL || not_before(self, server) < not_before(self, best)) {
            best = server;
        }
    }
    return best;
}

/* The last reported address, of the highest epoch; NULL: none. */
static const struct locum_address *
last_reported(const struct locum_discovery *self)
{
    const struct locum_discovery_candidate *last = NULL;
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        const struct locum_discovery_candidate *candidate = &self->candidates[i];
        if (candidate->when != LOCUM_NEVER && locum_discovery_allows(self, &candidate->address) &&
            (last == NULL || candidate->epoch > last->epoch)) {
            last = candidate;
        }
    }
    return last != NULL ? &last->address : NULL;
}

/* What to use instead of a candidate that cannot be reached; itself if it can be, or may be. */
static const struct locum_address *
fall_back(const struct locum_discovery *self, const struct locum_address *best,
          const struct locum_address *current)
{
    const struct locum_discovery_attempts *attempts = find_attempts(self, best);
    if (attempts == NULL || attempts->unreachable < LOCUM_DISCOVERY_FALLBACK ||
        (current != NULL && locum_address_equal(current, best))) {
        return best;
    }
    return current != NULL && locum_address_is_in(current, self->servers, self->server_count)
               ? current
               : next_in_turn(self, best);
}

bool
locum_discovery_choose(const struct locum_discovery *self, const struct locum_address *current,
                       locum_ms now, struct locum_address *ret_address, locum_ms *ret_not_before)
{
    bool any_fresh;
    const struct locum_discovery_candidate *best = best_candidate(self, current, now, &any_fresh);
    const struct locum_address *address = NULL;
    if (any_fresh) {
        address = best != NULL ? fall_back(self, &best->address, current) : NULL;
    } else if (current != NULL) {
        address = current;
    } else if (!self->has_sentinels || now - self->started >= self->start_ms) {
        address = next_in_turn(self, last_reported(self));
    }
    if (address == NULL) {
        return false;
    }
    *ret_not_before = not_before(self, address);
    *ret_address = *address;
    return true;
}
