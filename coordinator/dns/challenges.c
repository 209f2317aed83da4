#include "dns/challenges.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text_format.h"

struct challenge {
    char owner[LOCUM_DOMAIN_MAX + 1];
    char value[LOCUM_CHALLENGE_CHARS_MAX + 1];
    uint64_t stamp;
    locum_ms until; /* boot */
    bool removes;
};

struct list {
    struct challenge at[LOCUM_CHALLENGE_ENTRIES_MAX];
    size_t count;
};

struct locum_challenges {
    struct list own;
    struct list *copies[LOCUM_NODES_MAX]; /* NULL: none */
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
static const struct list *
list_at(const struct locum_challenges *self, size_t i)
{
    static const struct list none;
    if (i > LOCUM_NODES_MAX) {
        return NULL;
    }
    return i == 0 ? &self->own : self->copies[i - 1] != NULL ? self->copies[i - 1] : &none;
}

static bool
is_value(struct locum_slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] <= ' ' || text.at[i] >= 127 || text.at[i] == '"' || text.at[i] == '\\') {
            return false;
        }
    }
    return text.length > 0 && text.length <= LOCUM_CHALLENGE_CHARS_MAX;
}

/* The entry that counts for an owner and a value; NULL: none that has not ended. A removal wins
 * against a set of the same stamp. */
static const struct challenge *
find(const struct locum_challenges *self, const char *owner, const char *value, locum_ms boot)
{
    const struct challenge *found = NULL;
    const struct list *list;
    for (size_t i = 0; (list = list_at(self, i)) != NULL; i++) {
        for (size_t j = 0; j < list->count; j++) {
            const struct challenge *entry = &list->at[j];
            if (entry->until > boot && strcmp(entry->owner, owner) == 0 &&
                strcmp(entry->value, value) == 0 &&
                (found == NULL || entry->stamp > found->stamp ||
                 (entry->stamp == found->stamp && entry->removes))) {
                found = entry;
            }
        }
    }
    return found;
}

/* All values of a name, sorted; at most `max`. */
static size_t
collect(const struct locum_challenges *self, const char *owner, locum_ms boot, const char **ret,
        size_t max)
{
    size_t count = 0;
    const struct list *list;
    for (size_t i = 0; (list = list_at(self, i)) != NULL; i++) {
        for (size_t j = 0; j < list->count; j++) {
            const struct challenge *entry = &list->at[j];
            if (strcmp(entry->owner, owner) != 0 || entry->until <= boot) {
                continue;
            }
            const struct challenge *counts = find(self, owner, entry->value, boot);
            size_t place = 0;
            while (place < count && strcmp(ret[place], entry->value) < 0) {
                place++;
            }
            if (counts->removes || place == max ||
                (place < count && strcmp(ret[place], entry->value) == 0)) {
                continue;
            }
            count += count < max;
            memmove(&ret[place + 1], &ret[place], (count - place - 1) * sizeof(*ret));
            ret[place] = entry->value;
        }
    }
    return count;
}

size_t
locum_challenges_at(const struct locum_challenges *self, const char *owner, struct locum_now now,
                    const char *ret_values[LOCUM_CHALLENGE_VALUES_MAX])
{
    return collect(self, owner, now.boot, ret_values, LOCUM_CHALLENGE_VALUES_MAX);
}

/* Higher than every stamp that is known of this owner and value. */
static uint64_t
next_stamp(const struct locum_challenges *self, const char *owner, const char *value,
           struct locum_now now)
{
    const struct challenge *known = find(self, owner, value, now.boot);
    const uint64_t wall = now.wall > 0 ? (uint64_t)now.wall : 0;
    return known != NULL && known->stamp >= wall ? known->stamp + 1 : wall;
}

/* Put an entry into the own list, in the place of one for the same owner and value. */
static int
put(struct locum_challenges *self, const struct challenge *entry)
{
    struct list *own = &self->own;
    size_t place = 0;
    while (place < own->count && (strcmp(own->at[place].owner, entry->owner) != 0 ||
                                  strcmp(own->at[place].value, entry->value) != 0)) {
        place++;
    }
    if (place == LOCUM_CHALLENGE_ENTRIES_MAX) {
        return LOCUM_ERR_SPACE;
    }
    own->at[place] = *entry;
    own->count += place == own->count;
    return 0;
}

static void
fill(struct challenge *entry, const char *owner, const char *value)
{
    *entry = (struct challenge){.removes = false};
    (void)locum_text_format_buffer(entry->owner, sizeof(entry->owner), "%s", owner);
    (void)locum_text_format_buffer(entry->value, sizeof(entry->value), "%s", value);
}

int
locum_challenges_set(struct locum_challenges *self, const char *owner, const char *value,
                     locum_ms for_ms, struct locum_now now)
{
    const char *values[LOCUM_CHALLENGE_VALUES_MAX];
    struct challenge entry;
    if (!is_value(locum_slice_of(value)) || for_ms <= 0 || for_ms > LOCUM_CHALLENGE_FOR_MS_MAX) {
        return LOCUM_ERR_INVALID;
    }
    (void)locum_challenges_expire(self, now);
    const size_t count = locum_challenges_at(self, owner, now, values);
    const struct challenge *known = find(self, owner, value, now.boot);
    if (count == LOCUM_CHALLENGE_VALUES_MAX && (known == NULL || known->removes)) {
        return LOCUM_ERR_RANGE;
    }
    fill(&entry, owner, value);
    entry.stamp = next_stamp(self, owner, value, now);
    entry.until = now.boot + for_ms;
    return put(self, &entry);
}

/* Does another node have an entry for this owner and value? Until when, at the longest. */
static locum_ms
until_of_others(const struct locum_challenges *self, const char *owner, const char *value,
                locum_ms boot)
{
    locum_ms until = LOCUM_NEVER;
    const struct list *list;
    for (size_t i = 1; (list = list_at(self, i)) != NULL; i++) {
        for (size_t j = 0; j < list->count; j++) {
            const struct challenge *entry = &list->at[j];
            if (!entry->removes && entry->until > boot && strcmp(entry->owner, owner) == 0 &&
                strcmp(entry->value, value) == 0 &&
                (until == LOCUM_NEVER || entry->until > until)) {
                until = entry->until;
            }
        }
    }
    return until;
}

/* Take an entry out of the own list. */
static void
drop(struct locum_challenges *self, const char *owner, const char *value)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->own.count; i++) {
        const struct challenge *entry = &self->own.at[i];
        if (strcmp(entry->owner, owner) != 0 || strcmp(entry->value, value) != 0) {
            self->own.at[kept++] = *entry;
        }
    }
    self->own.count = kept;
}

int
locum_challenges_unset(struct locum_challenges *self, const char *owner, const char *value,
                       struct locum_now now)
{
    const char *at[LOCUM_CHALLENGE_VALUES_MAX];
    char values[LOCUM_CHALLENGE_VALUES_MAX][LOCUM_CHALLENGE_CHARS_MAX + 1];
    (void)locum_challenges_expire(self, now);
    const size_t count = locum_challenges_at(self, owner, now, at);
    int removed = 0;
    for (size_t i = 0; i < count; i++) { /* the list changes below */
        (void)locum_text_format_buffer(values[i], sizeof(values[i]), "%s", at[i]);
    }
    for (size_t i = 0; i < count; i++) {
        struct challenge entry;
        if (value != NULL && strcmp(value, values[i]) != 0) {
            continue;
        }
        fill(&entry, owner, values[i]);
        entry.removes = true;
        entry.stamp = next_stamp(self, owner, entry.value, now);
        entry.until = until_of_others(self, owner, entry.value, now.boot);
        if (entry.until == LOCUM_NEVER) {
            drop(self, owner, entry.value); /* the others follow this node's document */
        } else if (put(self, &entry) != 0) {
            return LOCUM_ERR_SPACE;
        }
        removed++;
    }
    return removed;
}

/* The next entry of a document. False: it is malformed. */
static bool
read_entry(struct locum_slice *rest, locum_ms offset_ms, struct locum_now now,
           struct challenge *ret)
{
    struct locum_slice word[5];
    uint64_t until;
    for (size_t i = 0; i < LOCUM_COUNT(word); i++) {
        if (!locum_slice_cut(rest, ' ', &word[i])) {
            return false;
        }
    }
    *ret = (struct challenge){.removes = locum_slice_is(word[1], "-")};
    if (word[0].length == 0 || locum_slice_copy(word[0], ret->owner, sizeof(ret->owner)) != 0 ||
        (!ret->removes && !locum_slice_is(word[1], "+")) ||
        locum_slice_u64(word[2], INT64_MAX, &ret->stamp) != 0 ||
        locum_slice_u64(word[3], INT64_MAX / 2, &until) != 0 || !is_value(word[4])) {
        return false;
    }
    const locum_ms left = (locum_ms)until - offset_ms - now.wall;
    ret->until = now.boot + (left < LOCUM_CHALLENGE_FOR_MS_MAX ? left : LOCUM_CHALLENGE_FOR_MS_MAX);
    return locum_slice_copy(word[4], ret->value, sizeof(ret->value)) == 0;
}

/* False: it is malformed, or too long. */
static bool
read_list(struct locum_slice text, locum_ms offset_ms, struct locum_now now, struct list *ret)
{
    ret->count = 0;
    while (text.at != NULL && text.length > 0) {
        struct challenge entry;
        if (ret->count == LOCUM_CHALLENGE_ENTRIES_MAX ||
            !read_entry(&text, offset_ms, now, &entry)) {
            return false;
        }
        ret->at[ret->count++] = entry;
    }
    return true;
}

bool
locum_challenges_take(struct locum_challenges *self, locum_node node, struct locum_slice text,
                      locum_ms offset_ms, struct locum_now now)
{
    struct list *list = malloc(sizeof(*list));
    if (list == NULL || !read_list(text, offset_ms, now, list)) {
        free(list);
        return false;
    }
    free(self->copies[node]);
    self->copies[node] = list;
    return true;
}

void
locum_challenges_resume(struct locum_challenges *self, struct locum_slice text,
                        struct locum_now now)
{
    while (text.at != NULL && text.length > 0) {
        struct challenge entry;
        if (!read_entry(&text, 0, now, &entry)) {
            return;
        }
        if (entry.until > now.boot) {
            (void)!put(self, &entry);
        }
    }
}

locum_ms
locum_challenges_expire(struct locum_challenges *self, struct locum_now now)
{
    locum_ms next = LOCUM_NEVER;
    const struct list *list;
    size_t kept = 0;
    bool stays[LOCUM_CHALLENGE_ENTRIES_MAX] = {false};
    for (size_t i = 0; i < self->own.count; i++) {
        const struct challenge *entry = &self->own.at[i];
        if (entry->until > now.boot &&
            find(self, entry->owner, entry->value, now.boot) == entry) { /* not superseded */
            stays[i] = true;
        }
    }
    for (size_t i = 0; i < self->own.count; i++) {
        if (stays[i]) {
            self->own.at[kept++] = self->own.at[i];
        }
    }
    self->own.count = kept;
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

void
locum_challenges_add(const struct locum_challenges *self, struct locum_now now,
                     struct locum_text *text)
{
    for (size_t i = 0; i < self->own.count; i++) {
        const struct challenge *entry = &self->own.at[i];
        if (entry->until > now.boot) {
            locum_text_format(text, "%s%s %c %" PRIu64 " %" PRId64 " %s",
                              text->length > 0 ? " " : "", entry->owner, entry->removes ? '-' : '+',
                              entry->stamp, entry->until - now.boot + now.wall, entry->value);
        }
    }
}
