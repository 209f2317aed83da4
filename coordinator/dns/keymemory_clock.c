/* A clock that was set, or is in doubt, and what begins later than it was decided. */
#include "dns/keymemory.h"

static void
shift_time(int64_t *at_s, int64_t by_s)
{
    if (*at_s != 0) {
        *at_s = *at_s + by_s > 0 ? *at_s + by_s : 1; /* 0 would be never */
    }
}

static void
shift_key(struct locum_keymemory_key *key, int64_t by_s)
{
    struct locum_keystate_key *facts = &key->facts;
    int64_t *const times[] = {&key->published_since_s,       &key->signing_since_s,
                              &facts->all_published_since_s, &facts->algorithm_signing_since_s,
                              &facts->last_published_s,      &facts->last_signed_dnskey_s,
                              &facts->last_signed_rest_s,    &facts->last_signed_anywhere_s,
                              &facts->last_at_parent_s,      &facts->maybe_at_parent_s,
                              &facts->last_private_s,        &facts->last_wanted_s};
    for (size_t i = 0; i < LOCUM_COUNT(times); i++) {
        shift_time(times[i], by_s);
    }
}

void
locum_keymemory_shift(struct locum_keymemory *self, int64_t by_s)
{
    for (size_t i = 0; i < self->zone_count; i++) {
        struct locum_keymemory_zone *zone = self->zones[i];
        for (size_t j = 0; j < zone->count; j++) {
            shift_key(&zone->keys[j], by_s);
        }
        shift_time(&zone->longest_at_s, by_s);
        shift_time(&zone->parent_answered_s, by_s);
        shift_time(&zone->ds_ttl_at_s, by_s);
        shift_time(&zone->decided_s, by_s);
    }
    for (size_t i = 0; i < self->server_count; i++) {
        shift_time(&self->servers[i].document_since_s, by_s);
        shift_time(&self->servers[i].heard_s, by_s);
    }
    self->changed = self->changed || by_s != 0;
}

static bool
postpone_time(int64_t *at_s, int64_t since_s, int64_t now_s)
{
    const bool later = *at_s != 0 && *at_s >= since_s && *at_s != now_s;
    *at_s = later ? now_s : *at_s;
    return later;
}

void
locum_keymemory_postpone(struct locum_keymemory *self, int64_t since_s, int64_t now_s)
{
    for (size_t i = 0; i < self->zone_count; i++) {
        struct locum_keymemory_zone *zone = self->zones[i];
        for (size_t j = 0; j < zone->count; j++) {
            struct locum_keymemory_key *key = &zone->keys[j];
            const bool published = postpone_time(&key->published_since_s, since_s, now_s);
            const bool signing = postpone_time(&key->signing_since_s, since_s, now_s);
            self->changed = self->changed || published || signing;
        }
    }
}

void
locum_keymemory_hold(struct locum_keymemory *self)
{
    for (size_t i = 0; i < self->server_count; i++) {
        self->servers[i].heard_s = 0;
    }
}
