#include "redis/backlog.h"

#include <stdlib.h>
#include <string.h>

#include "base/invariant.h"

static struct locum_backlog_entry *
at(struct locum_backlog *self, size_t i)
{
    return &self->entries[(self->first + i) % LOCUM_BACKLOG_MAX];
}

static void
drop_oldest(struct locum_backlog *self)
{
    free(at(self, 0)->words);
    *at(self, 0) = (struct locum_backlog_entry){0};
    self->first = (self->first + 1) % LOCUM_BACKLOG_MAX;
    self->count--;
}

static char *
copy_words(const struct locum_field *fields, size_t count)
{
    size_t size = 1;
    for (size_t i = 0; i < count; i++) {
        size += strlen(fields[i].key) + 1 + strlen(fields[i].value) + 1;
    }
    char *words = malloc(size);
    char *end = words;
    for (size_t i = 0; i < count && words != NULL; i++) {
        end = stpcpy(end, fields[i].key) + 1;
        end = stpcpy(end, fields[i].value) + 1;
    }
    return words;
}

void
locum_backlog_add(struct locum_backlog *self, const struct locum_field *fields, size_t count,
                  locum_ms wall)
{
    if (self->count == LOCUM_BACKLOG_MAX && self->sent > 0) {
        return; /* replies are on their way: the oldest ones are not ours to drop */
    }
    char *words = copy_words(fields, count);
    if (words == NULL) {
        return;
    }
    if (self->count == LOCUM_BACKLOG_MAX) {
        drop_oldest(self);
    }
    self->count++;
    *at(self, self->count - 1) =
        (struct locum_backlog_entry){.words = words, .count = count, .wall = wall};
}

const struct locum_backlog_entry *
locum_backlog_take(struct locum_backlog *self, struct locum_field *ret_fields, size_t size)
{
    if (self->sent == self->count) {
        return NULL;
    }
    const struct locum_backlog_entry *entry = at(self, self->sent++);
    const char *word = entry->words;
    LOCUM_INVARIANT(entry->count <= size);
    for (size_t i = 0; i < entry->count; i++) {
        ret_fields[i].key = word;
        word += strlen(word) + 1;
        ret_fields[i].value = word;
        word += strlen(word) + 1;
    }
    return entry;
}

void
locum_backlog_done(struct locum_backlog *self)
{
    if (self->sent > 0) {
        self->sent--;
        drop_oldest(self);
    }
}

void
locum_backlog_again(struct locum_backlog *self)
{
    self->sent = 0;
    for (size_t i = 0; i < self->count; i++) {
        at(self, i)->late = true;
    }
}

void
locum_backlog_fini(struct locum_backlog *self)
{
    while (self->count > 0) {
        drop_oldest(self);
    }
    self->sent = 0;
}
