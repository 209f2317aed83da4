#include "dns/keystate.h"

#include "base/invariant.h"

enum role { DNSKEY, REST, ROLES };

/* One decision. */
struct decision {
    const struct locum_keystate_zone *zone;
    const struct locum_keystate_key *keys;
    size_t count;
    struct locum_keystate *ret;
    bool fresh;
};

/* True if `at_s` is a time less than this long ago. A time in the future is not long ago. */
static bool
within(const struct decision *self, int64_t at_s, uint32_t seconds)
{
    return at_s != 0 && self->zone->now_s - at_s < (int64_t)seconds + LOCUM_KEYSTATE_MARGIN_S;
}

/* True if something has lasted so long. */
static bool
lasted(const struct decision *self, int64_t since_s, uint32_t seconds)
{
    return since_s != 0 &&
           self->zone->now_s - since_s >= (int64_t)seconds + LOCUM_KEYSTATE_MARGIN_S;
}

static bool
wanted(const struct locum_keystate_key *key)
{
    return key->has_private && !key->dropped;
}

static int64_t
last_signed_s(const struct locum_keystate_key *key, enum role role)
{
    return role == DNSKEY ? key->last_signed_dnskey_s : key->last_signed_rest_s;
}

static bool
at_parent(const struct decision *self, const struct locum_keystate_key *key)
{
    return key->secure_entry && !key->dropped &&
           within(self, key->last_at_parent_s, self->zone->ds_ttl_s);
}

/* KEYS-7: the others may not know yet that it goes. */
static bool
lingers(const struct decision *self, int64_t last_file_s)
{
    return last_file_s != 0 && (!self->zone->all_heard || within(self, last_file_s, 0));
}

/* KEYS-3: FILE: no rule holds it. */
static enum locum_keystate_why
why_held(const struct decision *self, const struct locum_keystate_key *key)
{
    const bool asked_since =
        self->zone->parent_known && self->zone->parent_answered_s > key->last_wanted_s;
    if (!key->secure_entry || key->dropped) {
        return LOCUM_KEYSTATE_FILE;
    }
    if (at_parent(self, key)) {
        return LOCUM_KEYSTATE_AT_PARENT;
    }
    if (key->any_cds) {
        return LOCUM_KEYSTATE_IN_CDS;
    }
    const bool maybe = !asked_since || lingers(self, key->last_wanted_s) ||
                       within(self, key->maybe_at_parent_s, self->zone->ds_ttl_s);
    return maybe && key->last_published_s != 0 ? LOCUM_KEYSTATE_PARENT_UNKNOWN
                                               : LOCUM_KEYSTATE_FILE;
}

static bool
is_held(const struct decision *self, const struct locum_keystate_key *key)
{
    return why_held(self, key) != LOCUM_KEYSTATE_FILE;
}

/* KEYS-5 */
static bool
is_cached(const struct decision *self, const struct locum_keystate_key *key)
{
    return within(self, key->last_signed_dnskey_s, self->zone->longest_ttl_s) ||
           within(self, key->last_signed_rest_s, self->zone->longest_ttl_s) ||
           within(self, key->last_signed_anywhere_s, self->zone->longest_ttl_s);
}

static bool *
signs(struct locum_keystate *state, enum role role)
{
    return role == DNSKEY ? &state->signs_dnskey : &state->signs_rest;
}

/* Let a key sign unless it does so already. */
static void
let_sign(struct decision *self, size_t i, enum role role, enum locum_keystate_why why)
{
    struct locum_keystate *state = &self->ret[i];
    if (!state->signs_dnskey && !state->signs_rest) {
        state->why_signs = why;
    }
    *signs(state, role) = true;
}

/* True if a key of this algorithm signs so. */
static bool
has_signer(const struct decision *self, uint8_t algorithm, enum role role)
{
    for (size_t i = 0; i < self->count; i++) {
        if (self->keys[i].algorithm == algorithm && *signs(&self->ret[i], role)) {
            return true;
        }
    }
    return false;
}

/* KEYS-1: is there a key of this algorithm and kind that the folder lets sign? */
static bool
has_wanted(const struct decision *self, uint8_t algorithm, bool secure_entry)
{
    for (size_t i = 0; i < self->count; i++) {
        const struct locum_keystate_key *key = &self->keys[i];
        if (wanted(key) && key->algorithm == algorithm && key->secure_entry == secure_entry) {
            return true;
        }
    }
    return false;
}

/* KEYS-1: what the folder says. */
static void
sign_by_files(struct decision *self)
{
    for (size_t i = 0; i < self->count; i++) {
        const struct locum_keystate_key *key = &self->keys[i];
        const bool only_kind = !has_wanted(self, key->algorithm, !key->secure_entry);
        if (wanted(key) && (key->secure_entry || only_kind)) {
            let_sign(self, i, DNSKEY, LOCUM_KEYSTATE_FILE);
        }
        if (wanted(key) && (!key->secure_entry || only_kind)) {
            let_sign(self, i, REST, LOCUM_KEYSTATE_FILE);
        }
    }
}

/* True if a key that may sign alone signs so. */
static bool
is_settled(const struct decision *self, enum role role)
{
    for (size_t i = 0; i < self->count; i++) {
        if (*signs(&self->ret[i], role) && self->ret[i].settled) {
            return true;
        }
    }
    return false;
}

/* True if a key of this algorithm that may sign alone signs so. */
static bool
has_settled(const struct decision *self, uint8_t algorithm, enum role role)
{
    for (size_t i = 0; i < self->count; i++) {
        if (self->keys[i].algorithm == algorithm && *signs(&self->ret[i], role) &&
            self->ret[i].settled) {
            return true;
        }
    }
    return false;
}

/* KEYS-2 */
static bool
may_sign_in_addition(const struct decision *self, size_t i, enum role role)
{
    const struct locum_keystate_key *key = &self->keys[i];
    return key->can_sign && !key->dropped && last_signed_s(key, role) != 0;
}

/* KEYS-2: of an algorithm that no settled key signs with, those that signed before sign too; if any
 * of them may sign alone, only such ones. */
static void
sign_in_addition(struct decision *self, enum role role)
{
    bool adds[LOCUM_KEYSTATE_KEYS_MAX], settled[LOCUM_KEYSTATE_KEYS_MAX] = {false};
    for (size_t i = 0; i < self->count && !self->fresh; i++) {
        const uint8_t algorithm = self->keys[i].algorithm;
        adds[i] = may_sign_in_addition(self, i, role) && !*signs(&self->ret[i], role) &&
                  has_signer(self, algorithm, role) && !has_settled(self, algorithm, role);
        for (size_t j = 0; j < self->count; j++) {
            settled[i] =
                settled[i] || (self->keys[j].algorithm == algorithm && self->ret[j].settled &&
                               may_sign_in_addition(self, j, role));
        }
    }
    for (size_t i = 0; i < self->count && !self->fresh; i++) {
        if (adds[i] && (self->ret[i].settled || !settled[i])) {
            let_sign(self, i, role, LOCUM_KEYSTATE_OTHERS_TOO_NEW);
            if (!self->keys[i].has_private) { /* also of one that is held */
                self->ret[i].why_signs = LOCUM_KEYSTATE_OTHERS_TOO_NEW;
            }
        }
    }
}

/* KEYS-3 */
static void
sign_for_the_parent(struct decision *self)
{
    for (size_t i = 0; i < self->count; i++) {
        const struct locum_keystate_key *key = &self->keys[i];
        if (is_held(self, key) && key->can_sign) {
            let_sign(self, i, DNSKEY, why_held(self, key));
        }
    }
}

/* True if validators may have a DNSKEY of this algorithm. */
static bool
was_published(const struct decision *self, uint8_t algorithm)
{
    for (size_t i = 0; i < self->count; i++) {
        if (self->keys[i].algorithm == algorithm &&
            within(self, self->keys[i].last_published_s, self->zone->dnskey_ttl_s)) {
            return true;
        }
    }
    return false;
}

/* KEYS-4: an algorithm signs all or nothing: what signs the one thing signs the other too. */
static void
sign_the_rest_too(struct decision *self)
{
    bool alone[LOCUM_KEYSTATE_KEYS_MAX][ROLES];
    for (size_t i = 0; i < self->count; i++) {
        alone[i][REST] =
            self->ret[i].signs_dnskey && !has_signer(self, self->keys[i].algorithm, REST);
        alone[i][DNSKEY] =
            self->ret[i].signs_rest && !has_signer(self, self->keys[i].algorithm, DNSKEY);
    }
    for (size_t i = 0; i < self->count; i++) {
        if (alone[i][REST] || alone[i][DNSKEY]) {
            self->ret[i].signs_dnskey = self->ret[i].signs_rest = true;
        }
    }
}

/* KEYS-4: may keys of this algorithm be published? That others do so says nothing of whether the
 * keys that they sign with are known here. */
static bool
is_ready(const struct decision *self, const struct locum_keystate_key *key)
{
    return self->fresh || key->was_published ||
           (self->zone->all_heard &&
            lasted(self, key->algorithm_signing_since_s, self->zone->longest_ttl_s));
}

/*
 * KEYS-4: which algorithms are published: those that sign and are ready; without such ones those
 * of the DS at the parent; without a DS all that sign. False: none does.
 */
static bool
choose_algorithms(struct decision *self, bool ret_published[UINT8_MAX + 1])
{
    enum { READY, PARENT, ANY, CHOICES };
    bool found = false;
    for (int choice = READY; choice < CHOICES && !found; choice++) {
        for (size_t i = 0; i < self->count; i++) {
            const struct locum_keystate_key *key = &self->keys[i];
            const bool fits = choice == ANY || (choice == READY && is_ready(self, key)) ||
                              (choice == PARENT && at_parent(self, key));
            if (fits && has_signer(self, key->algorithm, REST)) {
                ret_published[key->algorithm] = found = true;
            }
        }
    }
    return found;
}

static void
publish(struct decision *self, size_t i, bool algorithm)
{
    const struct locum_keystate_key *key = &self->keys[i];
    struct locum_keystate *state = &self->ret[i];
    const bool by_file = key->has_record && !key->dropped;
    const bool signing = state->signs_dnskey || state->signs_rest;
    const bool held = is_held(self, key);
    const bool cached =
        !key->dropped &&
        (is_cached(self, key) || (key->last_published_s != 0 && lingers(self, key->last_wanted_s)));
    state->published = algorithm && (by_file || held || signing || cached);
    if (by_file && !algorithm) {
        state->why_published = has_signer(self, key->algorithm, REST)
                                   ? LOCUM_KEYSTATE_ALGORITHM_TOO_NEW
                                   : LOCUM_KEYSTATE_NO_SIGNER;
    } else if (by_file) {
        state->why_published = LOCUM_KEYSTATE_FILE;
    } else if (!state->published) {
        state->why_published = LOCUM_KEYSTATE_NOT_WANTED;
    } else if (held) {
        state->why_published = why_held(self, key);
    } else {
        state->why_published = signing ? state->why_signs : LOCUM_KEYSTATE_CACHED;
    }
}

/* KEYS-4: an algorithm that no key signs with any more, but that validators may expect. `last`: no
 * other one signs (KEYS-8). */
static void
sign_what_leaves(struct decision *self, bool last)
{
    const enum locum_keystate_why why = last ? LOCUM_KEYSTATE_LAST : LOCUM_KEYSTATE_CACHED;
    bool leaves[LOCUM_KEYSTATE_KEYS_MAX];
    for (size_t i = 0; i < self->count; i++) {
        const struct locum_keystate_key *key = &self->keys[i];
        leaves[i] =
            key->can_sign && !key->dropped && !has_signer(self, key->algorithm, REST) &&
            (last || was_published(self, key->algorithm) || lingers(self, key->last_private_s));
    }
    for (size_t i = 0; i < self->count; i++) {
        for (int role = DNSKEY; leaves[i] && role < ROLES; role++) {
            if (last_signed_s(&self->keys[i], (enum role)role) != 0) {
                let_sign(self, i, (enum role)role, why);
            }
        }
    }
    sign_the_rest_too(self);
}

/* KEYS-6: may it be in CDS now? One that is there may stay. */
static bool
is_ready_for_cds(const struct decision *self, size_t i)
{
    const struct locum_keystate_key *key = &self->keys[i];
    bool first = self->zone->parent_answered_s == 0;
    for (size_t j = 0; j < self->count; j++) {
        first = first && !self->keys[j].any_cds;
    }
    return first || key->any_cds || !self->zone->parent_has_ds || self->ret[i].settled ||
           lasted(self, key->all_published_since_s, self->zone->dnskey_ttl_s);
}

/* KEYS-6 */
static bool
is_in_cds(const struct decision *self, size_t i)
{
    const struct locum_keystate_key *key = &self->keys[i];
    return key->secure_entry && key->has_record && self->ret[i].published && !key->any_kept &&
           key->all_published_since_s != 0 && is_ready_for_cds(self, i);
}

/* KEYS-2, KEYS-7 */
static bool
may_sign_alone(const struct decision *self, const struct locum_keystate_key *key)
{
    return key->was_settled
               ? key->all_published_since_s != 0
               : self->zone->all_heard && !key->any_kept &&
                     lasted(self, key->all_published_since_s, self->zone->dnskey_ttl_s);
}

/* All but what may be removed. */
static struct locum_keystate_summary
decide(struct decision *self)
{
    bool published[UINT8_MAX + 1] = {false};
    struct locum_keystate_summary summary = {.unsigned_zone = true};
    self->fresh = !self->zone->parent_has_ds;
    for (size_t i = 0; i < self->count; i++) {
        const struct locum_keystate_key *key = &self->keys[i];
        self->ret[i] = (struct locum_keystate){.why_signs = LOCUM_KEYSTATE_NOT_WANTED,
                                               .settled = may_sign_alone(self, key)};
        self->fresh = self->fresh && key->last_signed_dnskey_s == 0 && key->last_signed_rest_s == 0;
    }
    sign_by_files(self);
    sign_for_the_parent(self);
    sign_the_rest_too(self);
    sign_in_addition(self, DNSKEY);
    sign_in_addition(self, REST);
    sign_the_rest_too(self);
    summary.alone =
        self->zone->parent_has_ds && (!is_settled(self, DNSKEY) || !is_settled(self, REST));
    const bool last = !choose_algorithms(self, published);
    sign_what_leaves(self, last);
    if (last) {
        (void)choose_algorithms(self, published);
    }
    for (size_t i = 0; i < self->count; i++) {
        publish(self, i, published[self->keys[i].algorithm]);
        summary.unsigned_zone = summary.unsigned_zone && !self->ret[i].signs_rest;
    }
    for (size_t i = 0; i < self->count; i++) {
        self->ret[i].in_cds = is_in_cds(self, i);
    }
    summary.fresh = self->fresh;
    return summary;
}

/* What may be removed of a key: what these rules do not bring back from memory. What they bring
 * back only because it is cached goes by itself. */
static enum locum_keystate_removable
removable(const struct decision *self, size_t i)
{
    struct locum_keystate_key keys[LOCUM_KEYSTATE_KEYS_MAX];
    struct locum_keystate states[LOCUM_KEYSTATE_KEYS_MAX];
    struct decision without = {
        .zone = self->zone, .keys = keys, .count = self->count, .ret = states};
    enum locum_keystate_removable ret = LOCUM_KEYSTATE_REMOVE_NOTHING;
    for (size_t j = 0; j < self->count; j++) {
        keys[j] = self->keys[j];
    }
    keys[i].has_private = keys[i].any_cds = false;         /* CDS names keys with a file only */
    keys[i].last_wanted_s = keys[i].maybe_at_parent_s = 0; /* the parent will have been asked */
    const bool signed_then = !decide(&without).unsigned_zone;
    const bool signs = states[i].signs_dnskey || states[i].signs_rest;
    if (self->keys[i].has_record && signed_then &&
        (!signs || states[i].why_signs == LOCUM_KEYSTATE_CACHED)) {
        keys[i].has_record = false;
        (void)decide(&without);
        if (!states[i].published && !states[i].signs_rest) {
            ret = LOCUM_KEYSTATE_REMOVE_BOTH;
        } else if (self->keys[i].has_private) {
            ret = LOCUM_KEYSTATE_REMOVE_PRIVATE;
        }
    }
    return ret;
}

struct locum_keystate_summary
locum_keystate_decide(const struct locum_keystate_zone *zone, const struct locum_keystate_key *keys,
                      size_t count, struct locum_keystate *ret)
{
    struct decision self = {.zone = zone, .keys = keys, .count = count, .ret = ret};
    LOCUM_INVARIANT(count <= LOCUM_KEYSTATE_KEYS_MAX);
    const struct locum_keystate_summary summary = decide(&self);
    for (size_t i = 0; i < count; i++) {
        ret[i].removable = removable(&self, i);
    }
    return summary;
}

/* True if every server shows one of the keys of this algorithm as signing the rest. */
static bool
all_sign(const struct locum_keystate_key *keys, size_t count, const uint8_t *shown, size_t servers,
         uint8_t algorithm)
{
    size_t signing = 0;
    for (size_t server = 0; server < servers; server++) {
        bool here = false;
        for (size_t i = 0; i < count; i++) {
            const uint8_t bits = shown[server * count + i];
            here = here ||
                   (keys[i].algorithm == algorithm &&
                    (bits & (LOCUM_KEYSTATE_REST | LOCUM_KEYSTATE_LEAVING)) == LOCUM_KEYSTATE_REST);
        }
        signing += here ? 1 : 0;
    }
    return signing == servers;
}

/* Since when something is so. */
static int64_t
since(int64_t before_s, bool is_so, int64_t now_s)
{
    return !is_so ? 0 : before_s != 0 ? before_s : now_s;
}

void
locum_keystate_observe(struct locum_keystate_key *keys, size_t count, const uint8_t *shown,
                       size_t servers, int64_t now_s)
{
    for (size_t i = 0; i < count; i++) {
        struct locum_keystate_key *key = &keys[i];
        uint8_t all = LOCUM_KEYSTATE_PUBLISHED, any = 0;
        for (size_t server = 0; server < servers; server++) {
            all &= shown[server * count + i];
            any |= shown[server * count + i];
        }
        key->any_kept = (any & LOCUM_KEYSTATE_KEPT) != 0;
        key->any_cds = (any & LOCUM_KEYSTATE_CDS) != 0;
        key->last_at_parent_s = (any & LOCUM_KEYSTATE_DS) != 0 ? now_s : key->last_at_parent_s;
        key->last_private_s = key->has_private ? now_s : key->last_private_s;
        key->last_wanted_s = key->any_cds || key->has_record ? now_s : key->last_wanted_s;
        key->last_published_s =
            (any & LOCUM_KEYSTATE_PUBLISHED) != 0 ? now_s : key->last_published_s;
        key->last_signed_anywhere_s =
            (any & LOCUM_KEYSTATE_SIGNING) != 0 ? now_s : key->last_signed_anywhere_s;
        key->all_published_since_s = since(key->all_published_since_s, all != 0, now_s);
        key->algorithm_signing_since_s =
            since(key->algorithm_signing_since_s,
                  all_sign(keys, count, shown, servers, key->algorithm), now_s);
    }
}

const char *
locum_keystate_why_text(enum locum_keystate_why why)
{
    static const char *const texts[] = {
        [LOCUM_KEYSTATE_FILE] = "its file is in the key folder",
        [LOCUM_KEYSTATE_NOT_WANTED] = "no file in the key folder says so",
        [LOCUM_KEYSTATE_AT_PARENT] = "its DS is at the parent, or was a short time ago",
        [LOCUM_KEYSTATE_PARENT_UNKNOWN] = "the parent has not said yet that it has no DS of it",
        [LOCUM_KEYSTATE_IN_CDS] = "CDS of a server asks the parent for its DS",
        [LOCUM_KEYSTATE_OTHERS_TOO_NEW] = "the other keys have not been published everywhere long "
                                          "enough to sign alone",
        [LOCUM_KEYSTATE_CACHED] = "resolvers may still have its records or signatures",
        [LOCUM_KEYSTATE_NO_SIGNER] = "no .private in the key folder signs with its algorithm",
        [LOCUM_KEYSTATE_ALGORITHM_TOO_NEW] = "its algorithm has not signed everywhere for the "
                                             "longest TTL yet",
        [LOCUM_KEYSTATE_LAST] = "no other key can sign the zone",
    };
    return texts[why];
}
