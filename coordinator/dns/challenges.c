#include "dns/challenges.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text_format.h"
#include "config/acme.h"
#include "dns/challenge_list.h"

/* Of the own list, for entries that remove. */
enum {
    RESERVED_ENTRIES = LOCUM_CHALLENGE_ENTRIES_MAX / 4,
    RESERVED_BYTES = LOCUM_CHALLENGE_BYTES_MAX / 8,
};

static const char removing_client[] = "-";

struct locum_challenges {
    struct locum_challenge_list own, before;              /* before: at begin */
    bool own_changed;                                     /* entries were forgotten */
    struct locum_challenge_list *copies[LOCUM_NODES_MAX]; /* NULL: none */
};

struct locum_challenges *
locum_challenges_create(void)
{
    return calloc(1, sizeof(struct locum_challenges));
}

void
locum_challenges_destroy(struct locum_challenges *self)
{
    for (size_t i = 0; self != NULL && i < LOCUM_NODES_MAX; i++) {
        free(self->copies[i]);
    }
    free(self);
}

/* The own list first, then those of the others. NULL: no more. */
static const struct locum_challenge_list *
list_at(const struct locum_challenges *self, size_t i)
{
    static const struct locum_challenge_list none;
    if (i > LOCUM_NODES_MAX) {
        return NULL;
    }
    return i == 0 ? &self->own : self->copies[i - 1] != NULL ? self->copies[i - 1] : &none;
}

static bool
is_empty(const struct locum_challenges *self)
{
    const struct locum_challenge_list *list;
    size_t entries = 0;
    for (size_t i = 0; (list = list_at(self, i)) != NULL; i++) {
        entries += list->count;
    }
    return entries == 0;
}

void
locum_challenges_begin(struct locum_challenges *self)
{
    self->before = self->own;
}

void
locum_challenges_abort(struct locum_challenges *self)
{
    self->own = self->before;
}

static bool
is_of(const struct locum_challenge *entry, const char *owner, const char *value)
{
    return strcmp(entry->owner, owner) == 0 && strcmp(entry->value, value) == 0;
}

/* The entry that counts for an owner and a value; NULL: none that has not ended. A removal wins
 * against a set of the same stamp. */
static const struct locum_challenge *
find(const struct locum_challenges *self, const char *owner, const char *value, locum_ms boot)
{
    const struct locum_challenge *found = NULL;
    const struct locum_challenge_list *list;
    for (size_t i = 0; (list = list_at(self, i)) != NULL; i++) {
        for (size_t j = 0; j < list->count; j++) {
            const struct locum_challenge *entry = &list->at[j];
            if (entry->until > boot && is_of(entry, owner, value) &&
                (found == NULL || entry->stamp > found->stamp ||
                 (entry->stamp == found->stamp && entry->removes))) {
                found = entry;
            }
        }
    }
    return found;
}

/* A total order, so that all nodes keep the same. */
static bool
is_newer(const struct locum_challenge *a, const struct locum_challenge *b)
{
    return a->stamp != b->stamp ? a->stamp > b->stamp : strcmp(a->value, b->value) < 0;
}

/* The values of a name: the newest, if there are more than can be answered, which a partition can
 * lead to. */
static size_t
collect(const struct locum_challenges *self, const char *owner, locum_ms boot,
        const struct locum_challenge *ret[LOCUM_CHALLENGE_VALUES_MAX])
{
    size_t count = 0;
    const struct locum_challenge_list *list;
    for (size_t i = 0; (list = list_at(self, i)) != NULL; i++) {
        for (size_t j = 0; j < list->count; j++) {
            const struct locum_challenge *entry = &list->at[j];
            size_t oldest = 0;
            if (entry->removes || entry->until <= boot || strcmp(entry->owner, owner) != 0 ||
                find(self, owner, entry->value, boot) != entry) {
                continue;
            }
            if (count < LOCUM_CHALLENGE_VALUES_MAX) {
                ret[count++] = entry;
                continue;
            }
            for (size_t k = 1; k < count; k++) {
                oldest = is_newer(ret[oldest], ret[k]) ? k : oldest;
            }
            ret[oldest] = is_newer(entry, ret[oldest]) ? entry : ret[oldest];
        }
    }
    return count;
}

static int
compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

size_t
locum_challenges_at(const struct locum_challenges *self, const char *owner, struct locum_now now,
                    const char *ret_values[LOCUM_CHALLENGE_VALUES_MAX])
{
    const struct locum_challenge *entries[LOCUM_CHALLENGE_VALUES_MAX];
    const size_t count = collect(self, owner, now.boot, entries);
    for (size_t i = 0; i < count; i++) {
        ret_values[i] = entries[i]->value;
    }
    qsort(ret_values, count, sizeof(*ret_values), compare);
    return count;
}

int
locum_challenges_answers(const struct locum_challenges *self, const struct locum_config *config,
                         struct locum_now now, struct locum_challenge_answers **ret)
{
    struct locum_challenge_answers *made = NULL;
    for (size_t i = 0; i < config->core.name_count; i++) {
        char owner[LOCUM_DOMAIN_MAX + 1];
        const char *values[LOCUM_CHALLENGE_VALUES_MAX];
        const size_t count = !is_empty(self) && locum_acme_challenge_owner(config, i, owner)
                                 ? locum_challenges_at(self, owner, now, values)
                                 : 0;
        if (count == 0) {
            continue;
        }
        const size_t before = made != NULL ? made->count : 0;
        struct locum_challenge_answers *larger =
            realloc(made, sizeof(*made) + (before + 1) * sizeof(made->at[0]));
        if (larger == NULL) {
            free(made);
            return LOCUM_ERR_MEMORY;
        }
        made = larger;
        made->count = before + 1;
        memset(&made->at[before], 0, sizeof(made->at[before])); /* so that they can be compared */
        made->at[before].name = i;
        made->at[before].count = count;
        for (size_t j = 0; j < count; j++) {
            (void)strcpy(made->at[before].values[j], values[j]);
        }
    }
    *ret = made;
    return 0;
}

const struct locum_challenge_answer *
locum_challenges_answer(const struct locum_challenge_answers *answers, size_t name)
{
    for (size_t i = 0; answers != NULL && i < answers->count; i++) {
        if (answers->at[i].name == name) {
            return &answers->at[i];
        }
    }
    return NULL;
}

/* Higher than every stamp that is known of this owner and value. */
static uint64_t
next_stamp(const struct locum_challenges *self, const char *owner, const char *value,
           struct locum_now now)
{
    const struct locum_challenge *known = find(self, owner, value, now.boot);
    const uint64_t wall = now.wall > 0 ? (uint64_t)now.wall : 0;
    return known != NULL && known->stamp >= wall ? known->stamp + 1 : wall;
}

/* Is it of the same kind, for the same value, and, if it sets, of the same client? */
static bool
is_replaced(const struct locum_challenge *entry, const struct locum_challenge *by)
{
    return entry->removes == by->removes && is_of(entry, by->owner, by->value) &&
           (by->removes || strcmp(entry->client, by->client) == 0);
}

/* Put an entry into the own list. An entry that removes stays beside one that sets: what it has
 * removed must not come back when the other one goes. There is always room to remove something. */
static int
put(struct locum_challenges *self, const struct locum_challenge *entry)
{
    struct locum_challenge_list *own = &self->own;
    const size_t entries_max =
        LOCUM_CHALLENGE_ENTRIES_MAX - (entry->removes ? 0 : RESERVED_ENTRIES);
    const size_t bytes_max = LOCUM_CHALLENGE_BYTES_MAX - (entry->removes ? 0 : RESERVED_BYTES);
    size_t place = 0;
    while (place < own->count && !is_replaced(&own->at[place], entry)) {
        place++;
    }
    if (place >= entries_max) {
        return LOCUM_ERR_SPACE;
    }
    const struct locum_challenge before = own->at[place];
    const size_t count = own->count;
    own->at[place] = *entry;
    own->count += place == own->count;
    if (locum_challenge_list_length(own) > bytes_max) {
        own->at[place] = before;
        own->count = count;
        return LOCUM_ERR_SPACE;
    }
    return 0;
}

static void
fill(struct locum_challenge *entry, const char *owner, const char *value, const char *client)
{
    *entry = (struct locum_challenge){.removes = false};
    (void)locum_text_format_buffer(entry->owner, sizeof(entry->owner), "%s", owner);
    (void)locum_text_format_buffer(entry->value, sizeof(entry->value), "%s", value);
    (void)locum_text_format_buffer(entry->client, sizeof(entry->client), "%s", client);
}

int
locum_challenges_set(struct locum_challenges *self, const char *owner, const char *value,
                     const char *client, locum_ms for_ms, struct locum_now now)
{
    const char *values[LOCUM_CHALLENGE_VALUES_MAX];
    struct locum_challenge entry;
    if (!locum_challenge_list_is_word(locum_slice_of(value), LOCUM_CHALLENGE_CHARS_MAX) ||
        !locum_challenge_list_is_word(locum_slice_of(client), LOCUM_CHALLENGE_CLIENT_MAX) ||
        for_ms <= 0 || for_ms > LOCUM_CHALLENGE_FOR_MS_MAX) {
        return LOCUM_ERR_INVALID;
    }
    (void)locum_challenges_expire(self, now);
    const size_t count = locum_challenges_at(self, owner, now, values);
    const struct locum_challenge *known = find(self, owner, value, now.boot);
    if (count == LOCUM_CHALLENGE_VALUES_MAX && (known == NULL || known->removes)) {
        return LOCUM_ERR_RANGE;
    }
    fill(&entry, owner, value, client);
    entry.stamp = next_stamp(self, owner, value, now);
    entry.until = now.boot + for_ms;
    return put(self, &entry);
}

/* Until when an entry of any node sets this value, at the longest. */
static locum_ms
until_of(const struct locum_challenges *self, const char *owner, const char *value, locum_ms boot)
{
    locum_ms until = boot;
    const struct locum_challenge_list *list;
    for (size_t i = 0; (list = list_at(self, i)) != NULL; i++) {
        for (size_t j = 0; j < list->count; j++) {
            const struct locum_challenge *entry = &list->at[j];
            if (!entry->removes && is_of(entry, owner, value) && entry->until > until) {
                until = entry->until;
            }
        }
    }
    return until;
}

/* Take the entries that set a value out of the own list. */
static void
drop(struct locum_challenges *self, const char *owner, const char *value)
{
    const size_t count = self->own.count;
    self->own.count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct locum_challenge *entry = &self->own.at[i];
        if (entry->removes || !is_of(entry, owner, value)) {
            self->own.at[self->own.count++] = *entry;
        }
    }
}

/* Remove a value that is answered. Also of a value that only this node is known to have set:
 * another one may have set it too, and not be heard now. */
static int
unset_one(struct locum_challenges *self, const char *owner, const char *value, struct locum_now now)
{
    struct locum_challenge entry;
    fill(&entry, owner, value, removing_client);
    entry.removes = true;
    entry.stamp = next_stamp(self, owner, entry.value, now);
    entry.until = until_of(self, owner, entry.value, now.boot);
    drop(self, owner, entry.value);
    return put(self, &entry);
}

int
locum_challenges_unset(struct locum_challenges *self, const char *owner, const char *value,
                       struct locum_now now)
{
    const char *at[LOCUM_CHALLENGE_VALUES_MAX];
    char found[LOCUM_CHALLENGE_CHARS_MAX + 1];
    int removed = 0;
    (void)locum_challenges_expire(self, now);
    if (value != NULL) {
        const struct locum_challenge *known = find(self, owner, value, now.boot);
        if (known == NULL || known->removes) {
            return 0;
        }
        return unset_one(self, owner, value, now) == 0 ? 1 : LOCUM_ERR_SPACE;
    }
    while (locum_challenges_at(self, owner, now, at) > 0) {
        (void)locum_text_format_buffer(found, sizeof(found), "%s", at[0]); /* the list changes */
        if (unset_one(self, owner, found, now) != 0) {
            return LOCUM_ERR_SPACE;
        }
        removed++;
    }
    return removed;
}

int
locum_challenges_unset_own(struct locum_challenges *self, const char *owner, const char *client,
                           const char *value, size_t kept, struct locum_now now)
{
    struct locum_challenge_list *own = &self->own;
    (void)locum_challenges_expire(self, now);
    for (int removed = 0;; removed++) {
        size_t count = 0, oldest = 0;
        for (size_t i = 0; i < own->count; i++) {
            const struct locum_challenge *entry = &own->at[i];
            if (!entry->removes && strcmp(entry->owner, owner) == 0 &&
                strcmp(entry->client, client) == 0 &&
                (value == NULL || strcmp(entry->value, value) != 0)) {
                oldest = count == 0 || is_newer(&own->at[oldest], entry) ? i : oldest;
                count++;
            }
        }
        if (count <= kept) {
            return removed;
        }
        own->count--;
        memmove(&own->at[oldest], &own->at[oldest + 1], (own->count - oldest) * sizeof(own->at[0]));
    }
}

int
locum_challenges_note_mac(struct locum_challenges *self, const uint8_t *mac, locum_ms for_ms,
                          struct locum_now now)
{
    struct locum_challenge_list *own = &self->own;
    (void)locum_challenges_expire(self, now);
    if (own->mac_count == LOCUM_CHALLENGE_MACS_MAX ||
        locum_challenge_list_length(own) + LOCUM_CHALLENGE_LIST_MAC_BYTES_MAX >
            LOCUM_CHALLENGE_BYTES_MAX - RESERVED_BYTES) {
        return LOCUM_ERR_SPACE;
    }
    struct locum_challenge_mac *to = &own->macs[own->mac_count++];
    memcpy(to->bytes, mac, sizeof(to->bytes));
    to->until = now.boot + for_ms;
    return 0;
}

bool
locum_challenges_has_mac(const struct locum_challenges *self, const uint8_t *mac,
                         struct locum_now now)
{
    const struct locum_challenge_list *list;
    for (size_t i = 0; (list = list_at(self, i)) != NULL; i++) {
        if (locum_challenge_list_has_mac(list, mac, now.boot)) {
            return true;
        }
    }
    return false;
}

/* What a node has forgotten, the others remember: an update must not be taken twice. */
static void
carry_macs(const struct locum_challenge_list *before, locum_ms boot,
           struct locum_challenge_list *to)
{
    for (size_t i = 0; i < before->mac_count && to->mac_count < LOCUM_CHALLENGE_MACS_MAX; i++) {
        if (before->macs[i].until > boot &&
            !locum_challenge_list_has_mac(to, before->macs[i].bytes, boot)) {
            to->macs[to->mac_count++] = before->macs[i];
        }
    }
}

bool
locum_challenges_take(struct locum_challenges *self, locum_node node, struct locum_slice text,
                      locum_ms offset_ms, struct locum_now now)
{
    struct locum_challenge_list *list = malloc(sizeof(*list));
    if (list == NULL || !locum_challenge_list_read(list, text, offset_ms, now)) {
        free(list);
        return false;
    }
    if (self->copies[node] != NULL) {
        carry_macs(self->copies[node], now.boot, list);
    }
    free(self->copies[node]);
    self->copies[node] = list;
    return true;
}

void
locum_challenges_resume(struct locum_challenges *self, struct locum_slice text,
                        struct locum_now now)
{
    (void)!locum_challenge_list_read(&self->own, text, 0, now);
    (void)locum_challenges_expire(self, now);
}

void
locum_challenges_move(struct locum_challenges *self, const locum_node to[LOCUM_NODES_MAX])
{
    struct locum_challenge_list *copies[LOCUM_NODES_MAX] = {NULL};
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        if (to[i] == LOCUM_NODE_NONE) {
            free(self->copies[i]);
        } else {
            copies[to[i]] = self->copies[i];
        }
    }
    memcpy(self->copies, copies, sizeof(copies));
}

/* Does an own entry still count? */
static bool
is_kept(const struct locum_challenges *self, const struct locum_challenge *entry, locum_ms boot)
{
    if (entry->until <= boot || entry->removes) {
        return entry->until > boot;
    }
    const struct locum_challenge *counts = find(self, entry->owner, entry->value, boot);
    return !counts->removes;
}

locum_ms
locum_challenges_expire(struct locum_challenges *self, struct locum_now now)
{
    locum_ms next = LOCUM_NEVER;
    struct locum_challenge_list *own = &self->own;
    const struct locum_challenge_list *list;
    size_t kept = 0;
    bool stays[LOCUM_CHALLENGE_ENTRIES_MAX] = {false};
    for (size_t i = 0; i < own->count; i++) {
        stays[i] = is_kept(self, &own->at[i], now.boot);
    }
    for (size_t i = 0; i < own->count; i++) {
        if (stays[i]) {
            own->at[kept++] = own->at[i];
        }
    }
    self->own_changed = self->own_changed || kept != own->count;
    own->count = kept;
    kept = 0;
    for (size_t i = 0; i < own->mac_count; i++) {
        if (own->macs[i].until > now.boot) {
            own->macs[kept++] = own->macs[i];
        }
    }
    own->mac_count = kept;
    for (size_t i = 0; (list = list_at(self, i)) != NULL; i++) {
        for (size_t j = 0; j < list->count; j++) {
            const locum_ms until = list->at[j].until;
            if (until > now.boot && (next == LOCUM_NEVER || until < next)) {
                next = until;
            }
        }
    }
    return next;
}

bool
locum_challenges_own_changed(struct locum_challenges *self)
{
    const bool changed = self->own_changed;
    self->own_changed = false;
    return changed;
}

void
locum_challenges_add(const struct locum_challenges *self, struct locum_now now,
                     struct locum_text *text)
{
    locum_challenge_list_add(&self->own, now, text);
}

void
locum_challenges_add_copy(const struct locum_challenges *self, locum_node node,
                          struct locum_now now, struct locum_text *text)
{
    if (self->copies[node] != NULL) {
        locum_challenge_list_add(self->copies[node], now, text);
    }
}
