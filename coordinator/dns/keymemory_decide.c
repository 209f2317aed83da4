/* Decisions with what is remembered. */
#include <stdlib.h>
#include <string.h>

#include "dns/keymemory.h"

/* What the servers show of the keys of a zone. */
struct gathered {
    uint8_t shown[LOCUM_NODES_MAX * LOCUM_KEYSTATE_KEYS_MAX]; /* locum_keystate_observe() */
    /* Since when at the latest a server says that it is so. */
    int64_t published_since_s[LOCUM_KEYSTATE_KEYS_MAX];
    int64_t signing_since_s[LOCUM_KEYSTATE_KEYS_MAX];                /* with its algorithm */
    int64_t here_since_s[LOCUM_NODES_MAX * LOCUM_KEYSTATE_KEYS_MAX]; /* a server signs with a key */
    bool consistent; /* each server publishes keys of what each signs with */
    bool any_ds;     /* the DS of a key is reported to a server */
};

/* What one server shows. */
struct seen {
    struct locum_keymemory_shown keys[LOCUM_KEYSTATE_KEYS_MAX];
    size_t count;
};

static bool
signs(const struct locum_keymemory_key *key)
{
    return key->state.signs_dnskey || key->state.signs_rest;
}

static uint8_t
bits_of(const struct locum_keymemory_key *key)
{
    return (uint8_t)((key->state.published ? LOCUM_KEYSTATE_PUBLISHED : 0) |
                     (signs(key) ? LOCUM_KEYSTATE_SIGNING : 0) |
                     (key->state.published && !key->facts.has_record ? LOCUM_KEYSTATE_KEPT : 0) |
                     (signs(key) && !key->facts.has_private ? LOCUM_KEYSTATE_LEAVING : 0) |
                     (key->state.signs_rest ? LOCUM_KEYSTATE_REST : 0) |
                     (key->in_cds ? LOCUM_KEYSTATE_CDS : 0) |
                     (key->at_parent ? LOCUM_KEYSTATE_DS : 0));
}

/* What this server shows. */
static size_t
show(const struct locum_keymemory_zone *zone, struct locum_keymemory_shown *ret)
{
    for (size_t i = 0; i < zone->count; i++) {
        const struct locum_keymemory_key *key = &zone->keys[i];
        ret[i] = (struct locum_keymemory_shown){.algorithm = key->facts.algorithm,
                                                .tag = key->facts.tag,
                                                .bits = bits_of(key),
                                                .published_since_s = key->published_since_s,
                                                .signing_since_s = key->signing_since_s};
    }
    return zone->count;
}

/* No time of a document is later than the document: one that is came from a clock that is wrong,
 * and must not hold up the others for as long as that. */
static void
clamp_shown(struct locum_keymemory_shown *shown, size_t count, int64_t max_s)
{
    for (size_t i = 0; i < count; i++) {
        shown[i].published_since_s =
            shown[i].published_since_s < max_s ? shown[i].published_since_s : max_s;
        shown[i].signing_since_s =
            shown[i].signing_since_s < max_s ? shown[i].signing_since_s : max_s;
    }
}

/* Note what one server shows. */
static void
gather_server(const struct locum_keymemory_zone *zone, const struct locum_keymemory_shown *shown,
              size_t count, size_t row, struct gathered *ret)
{
    int64_t since_s[UINT8_MAX + 1] = {0}; /* the first signature of each algorithm that goes on */
    for (size_t j = 0; j < count; j++) {
        int64_t *first_s = &since_s[shown[j].algorithm];
        if ((shown[j].bits & LOCUM_KEYSTATE_REST) != 0 &&
            (*first_s == 0 || shown[j].signing_since_s < *first_s)) {
            *first_s = shown[j].signing_since_s;
        }
        for (size_t i = 0; i < zone->count; i++) {
            const struct locum_keystate_key *facts = &zone->keys[i].facts;
            if (facts->algorithm == shown[j].algorithm && facts->tag == shown[j].tag) {
                ret->shown[row + i] = shown[j].bits;
                ret->any_ds = ret->any_ds || (shown[j].bits & LOCUM_KEYSTATE_DS) != 0;
                ret->here_since_s[row + i] = shown[j].signing_since_s;
                if (shown[j].published_since_s > ret->published_since_s[i]) {
                    ret->published_since_s[i] = shown[j].published_since_s;
                }
            }
        }
    }
    for (size_t i = 0; i < zone->count; i++) {
        const int64_t first_s = since_s[zone->keys[i].facts.algorithm];
        if (first_s > ret->signing_since_s[i]) {
            ret->signing_since_s[i] = first_s;
        }
    }
}

/* Is there a key of this algorithm that `a` publishes and `b` signs with? */
static bool
has_common(const struct seen *a, const struct seen *b, uint8_t algorithm)
{
    bool found = false;
    for (size_t i = 0; i < a->count && !found; i++) {
        for (size_t j = 0; j < b->count && !found; j++) {
            found = a->keys[i].algorithm == algorithm && b->keys[j].algorithm == algorithm &&
                    a->keys[i].tag == b->keys[j].tag &&
                    (a->keys[i].bits & LOCUM_KEYSTATE_PUBLISHED) != 0 &&
                    (b->keys[j].bits & LOCUM_KEYSTATE_REST) != 0;
        }
    }
    return found;
}

/* Can the signatures of each server be verified with the keys of each, in all algorithms? */
static bool
is_consistent(const struct seen *seen, size_t count)
{
    bool consistent = true;
    for (size_t a = 0; a < count; a++) {
        for (size_t i = 0; i < seen[a].count; i++) {
            for (size_t b = 0; b < count && consistent; b++) {
                consistent = (seen[a].keys[i].bits & LOCUM_KEYSTATE_PUBLISHED) == 0 ||
                             has_common(&seen[a], &seen[b], seen[a].keys[i].algorithm);
            }
        }
    }
    return consistent;
}

size_t
locum_keymemory_shown_by(const struct locum_keymemory *self,
                         const struct locum_keymemory_zone *zone, size_t server,
                         struct locum_keymemory_shown ret[LOCUM_KEYSTATE_KEYS_MAX])
{
    const char *document = self->servers[server].document;
    return server == self->own ? show(zone, ret)
           : document != NULL  ? locum_keymemory_read(document, zone->name, ret)
                               : 0;
}

struct locum_keymemory_shown
locum_keymemory_shown_of(const struct locum_keymemory *self,
                         const struct locum_keymemory_zone *zone, size_t server,
                         const struct locum_keystate_key *key)
{
    struct locum_keymemory_shown all[LOCUM_KEYSTATE_KEYS_MAX], found = {.bits = 0};
    const size_t count = locum_keymemory_shown_by(self, zone, server, all);
    for (size_t i = 0; i < count; i++) {
        if (all[i].algorithm == key->algorithm && all[i].tag == key->tag) {
            found = all[i];
        }
    }
    return found;
}

static void
gather(const struct locum_keymemory *self, const struct locum_keymemory_zone *zone,
       struct gathered *ret)
{
    struct seen seen[LOCUM_NODES_MAX];
    memset(ret, 0, sizeof(*ret));
    for (size_t i = 0; i < self->server_count; i++) {
        seen[i].count = locum_keymemory_shown_by(self, zone, i, seen[i].keys);
        if (i != self->own) {
            clamp_shown(seen[i].keys, seen[i].count, self->servers[i].document_since_s);
        }
        gather_server(zone, seen[i].keys, seen[i].count, i * zone->count, ret);
    }
    ret->consistent = is_consistent(seen, self->server_count);
}

/* A time that is not 0 is not before this one. */
static int64_t
not_before(int64_t since_s, int64_t stated_s)
{
    return since_s != 0 && stated_s > since_s ? stated_s : since_s;
}

static bool
has_heard_all(const struct locum_keymemory *self, int64_t now_s)
{
    bool all = true;
    for (size_t i = 0; i < self->server_count; i++) {
        const int64_t heard_s = self->servers[i].heard_s;
        all = all && (i == self->own || (heard_s != 0 && heard_s <= now_s &&
                                         now_s - heard_s < LOCUM_KEYSTATE_HEARD_S));
    }
    return all;
}

/* One look at the servers, and the decision that follows. */
static void
look(struct locum_keymemory *self, struct locum_keymemory_zone *zone, int64_t now_s,
     struct gathered *ret)
{
    struct locum_keystate_key facts[LOCUM_KEYSTATE_KEYS_MAX];
    struct locum_keystate states[LOCUM_KEYSTATE_KEYS_MAX];
    for (size_t i = 0; i < zone->count; i++) {
        locum_keymemory_clamp(&zone->keys[i], now_s);
    }
    gather(self, zone, ret);
    const struct locum_keystate_zone about = {
        .now_s = now_s,
        .all_heard = has_heard_all(self, now_s),
        .dnskey_ttl_s = LOCUM_KEYMEMORY_TTL_S,
        .longest_ttl_s = zone->longest_ttl_s,
        .ds_ttl_s = zone->ds_ttl_s,
        .parent_known =
            zone->parent_asked && now_s - zone->parent_answered_s < LOCUM_KEYMEMORY_PARENT_S,
        .parent_answered_s = zone->parent_answered_s,
        .parent_has_ds = zone->parent_has_ds || !zone->parent_asked || ret->any_ds};
    for (size_t i = 0; i < zone->count; i++) {
        facts[i] = zone->keys[i].facts;
        facts[i].can_sign = zone->keys[i].private_half != NULL;
        facts[i].was_published = zone->keys[i].state.published;
        facts[i].was_settled = zone->keys[i].state.settled && signs(&zone->keys[i]);
        /* What this server shows is what it has decided, and is so until now. */
        facts[i].last_signed_dnskey_s =
            zone->keys[i].state.signs_dnskey ? now_s : facts[i].last_signed_dnskey_s;
        facts[i].last_signed_rest_s =
            zone->keys[i].state.signs_rest ? now_s : facts[i].last_signed_rest_s;
    }
    locum_keystate_observe(facts, zone->count, ret->shown, self->server_count, now_s);
    for (size_t i = 0; i < zone->count; i++) {
        facts[i].all_published_since_s =
            not_before(facts[i].all_published_since_s, ret->published_since_s[i]);
        facts[i].algorithm_signing_since_s =
            not_before(facts[i].algorithm_signing_since_s, ret->signing_since_s[i]);
    }
    zone->summary = locum_keystate_decide(&about, facts, zone->count, states);
    for (size_t i = 0; i < zone->count; i++) {
        zone->keys[i].facts = facts[i];
        zone->keys[i].state = states[i];
    }
}

/* KEYS-6: has each server signed with a key of this algorithm that CDS may name since then? */
static bool
is_covered(const struct locum_keymemory *self, const struct locum_keymemory_zone *zone,
           const struct gathered *gathered, uint8_t algorithm, int64_t since_s)
{
    bool covered = true;
    for (size_t s = 0; s < self->server_count; s++) {
        bool here = false;
        for (size_t i = 0; i < zone->count; i++) {
            const size_t at = s * zone->count + i;
            here =
                here || (zone->keys[i].facts.algorithm == algorithm && zone->keys[i].state.in_cds &&
                         (gathered->shown[at] & LOCUM_KEYSTATE_SIGNING) != 0 &&
                         gathered->here_since_s[at] <= since_s);
        }
        covered = covered && here;
    }
    return covered;
}

/* KEYS-6: may a parent with a DS act on this set at once? It may if the DNSKEY records that
 * resolvers have are signed with a key of it, and have all of it, if others leave. */
static bool
may_replace_cds(const struct locum_keymemory *self, const struct locum_keymemory_zone *zone,
                const struct gathered *gathered, const bool *chosen)
{
    const int64_t since_s = zone->decided_s - LOCUM_KEYMEMORY_TTL_S - LOCUM_KEYSTATE_MARGIN_S;
    bool signed_long = true, settled = true, leaves = false, changes = false, any_cds = false;
    for (size_t i = 0; i < zone->count; i++) {
        const struct locum_keymemory_key *key = &zone->keys[i];
        signed_long = signed_long && (!chosen[i] || is_covered(self, zone, gathered,
                                                               key->facts.algorithm, since_s));
        settled = settled && (!chosen[i] || key->state.settled);
        const bool in_cds = key->in_cds || key->facts.any_cds; /* the parent may have read it */
        leaves = leaves || (in_cds && !chosen[i]);
        changes = changes || in_cds != chosen[i];
        any_cds = any_cds || in_cds;
    }
    return !changes ||
           (zone->parent_asked ? !zone->parent_has_ds && !gathered->any_ds : !any_cds) ||
           (signed_long && (settled || !leaves));
}

/* KEYS-6 */
static void
choose_cds(const struct locum_keymemory *self, struct locum_keymemory_zone *zone,
           const struct gathered *gathered, bool all_heard)
{
    bool chosen[LOCUM_KEYSTATE_KEYS_MAX], any = false;
    for (size_t i = 0; i < zone->count; i++) {
        struct locum_keymemory_key *key = &zone->keys[i];
        key->any_signing = false;
        for (size_t s = 0; s < self->server_count; s++) {
            key->any_signing = key->any_signing ||
                               (gathered->shown[s * zone->count + i] & LOCUM_KEYSTATE_SIGNING) != 0;
        }
        /* One that no server signs with is of no use to the parent. */
        key->state.in_cds = key->state.in_cds && key->any_signing;
    }
    for (size_t i = 0; i < zone->count; i++) {
        const struct locum_keymemory_key *key = &zone->keys[i];
        chosen[i] =
            key->state.in_cds && is_covered(self, zone, gathered, key->facts.algorithm, INT64_MAX);
        any = any || chosen[i];
    }
    any = any && gathered->consistent && may_replace_cds(self, zone, gathered, chosen);
    zone->cds_is_old = !any;
    for (size_t i = 0; i < zone->count && any && all_heard; i++) {
        zone->keys[i].in_cds = chosen[i];
    }
}

static bool
within(int64_t at_s, uint32_t seconds, int64_t now_s)
{
    return at_s != 0 && now_s - at_s < (int64_t)seconds + LOCUM_KEYSTATE_MARGIN_S;
}

/* Does it sign, or are its signatures cached? */
static bool
needs_private(const struct locum_keymemory_zone *zone, const struct locum_keymemory_key *key,
              int64_t now_s)
{
    const struct locum_keystate_key *facts = &key->facts;
    return facts->has_private || signs(key) || key->in_cds ||
           within(facts->last_signed_dnskey_s, zone->longest_ttl_s, now_s) ||
           within(facts->last_signed_rest_s, zone->longest_ttl_s, now_s) ||
           within(facts->last_private_s, 0, now_s);
}

static bool
is_needed(const struct locum_keymemory_zone *zone, const struct locum_keymemory_key *key,
          int64_t now_s)
{
    return !key->facts.dropped &&
           (key->facts.has_record || key->state.published || needs_private(zone, key, now_s) ||
            within(key->facts.last_published_s, LOCUM_KEYMEMORY_TTL_S, now_s));
}

/* Forget what no rule needs any more: keys, and private halves without a file. */
static void
forget(struct locum_keymemory *self, struct locum_keymemory_zone *zone, int64_t now_s)
{
    for (size_t i = zone->count; i-- > 0;) {
        struct locum_keymemory_key *key = &zone->keys[i];
        const bool needed = is_needed(zone, key, now_s);
        if (key->private_half != NULL && !(needed && needs_private(zone, key, now_s))) {
            explicit_bzero(key->private_half, strlen(key->private_half));
            free(key->private_half);
            key->private_half = NULL;
            self->changed = true;
        }
        if (!needed) {
            free(key->record);
            memmove(key, key + 1, (zone->count - i - 1) * sizeof(*key));
            zone->count--;
            self->changed = true;
        }
    }
}

/* What has an effect on the zone. */
static unsigned
effect_of(const struct locum_keymemory_key *key)
{
    return (key->state.published ? 1u : 0) | (key->state.signs_dnskey ? 2u : 0) |
           (key->state.signs_rest ? 4u : 0) | (key->in_cds ? 8u : 0);
}

uint64_t
locum_keymemory_effect(const struct locum_keymemory_zone *zone)
{
    uint64_t sum = 0; /* in any order of the keys */
    for (size_t i = 0; i < zone->count; i++) {
        const struct locum_keymemory_key *key = &zone->keys[i];
        const uint64_t one =
            (uint64_t)key->facts.algorithm << 24 | (uint64_t)key->facts.tag << 8 | effect_of(key);
        const uint64_t mixed = one * 0x9e3779b97f4a7c15u;
        sum += effect_of(key) == 0 ? 0 : mixed ^ mixed >> 29;
    }
    return sum;
}

static int64_t
since(int64_t before_s, bool is_so, int64_t now_s)
{
    return !is_so ? 0 : before_s != 0 ? before_s : now_s;
}

/* Are the records with the longest TTL gone from all caches? */
static void
forget_ttl(struct locum_keymemory *self, struct locum_keymemory_zone *zone, int64_t now_s)
{
    if (zone->longest_at_s != 0 && !within(zone->longest_at_s, zone->longest_ttl_s, now_s)) {
        zone->longest_ttl_s = zone->ttl_s;
        zone->longest_at_s = 0;
        self->changed = true;
    }
}

void
locum_keymemory_decide(struct locum_keymemory *self, struct locum_keymemory_zone *zone,
                       int64_t now_s)
{
    struct gathered gathered;
    const uint64_t before = locum_keymemory_effect(zone);
    forget_ttl(self, zone, now_s);
    zone->decided_s = now_s;
    /* The second look sees what the first one has decided. */
    for (int pass = 0; pass < 2; pass++) {
        look(self, zone, now_s, &gathered);
        for (size_t i = 0; i < zone->count; i++) {
            struct locum_keymemory_key *key = &zone->keys[i];
            key->published_since_s = since(key->published_since_s, key->state.published, now_s);
            key->signing_since_s = since(key->signing_since_s, signs(key), now_s);
        }
    }
    gather(self, zone, &gathered);
    choose_cds(self, zone, &gathered, has_heard_all(self, now_s));
    forget(self, zone, now_s);
    self->changed = self->changed || locum_keymemory_effect(zone) != before;
}
