#include "daemon/story.h"

#include <stdlib.h>
#include <string.h>

#include "core/record.h"

void
locum_words_init(struct locum_words *self)
{
    self->count = 0;
    self->text = locum_text_init(self->buffer, sizeof(self->buffer));
}

void
locum_words_add(struct locum_words *self, const char *key, const char *value)
{
    if (self->count < LOCUM_STORY_FIELDS_MAX) {
        self->fields[self->count++] = (struct locum_field){.key = key, .value = value};
    }
}

/* The fields of the core's edge, cut out of its line where they stand. */
static void
cut_edge(struct locum_words *self, const struct locum_core_config *config,
         const struct locum_event *edge)
{
    char *line = self->buffer;
    locum_record_event(&self->text, config, edge);
    char *next = strchr(line, ' ');
    while (next != NULL) {
        *next++ = '\0';
        char *key = next;
        next = strchr(key, ' ');
        char *value = strchr(key, '=');
        *value = '\0';
        locum_words_add(self, key, value + 1);
    }
}

/* Its row in the table, whose word is the first of that line. */
static enum locum_told
told_of(const struct locum_event *edge)
{
    switch (edge->kind) {
    case LOCUM_EVENT_CONDITION: return LOCUM_TOLD_CONDITION;
    case LOCUM_EVENT_SERVICE: return LOCUM_TOLD_SERVICE;
    case LOCUM_EVENT_ADMIN: return LOCUM_TOLD_ADMIN;
    case LOCUM_EVENT_SERVING: return LOCUM_TOLD_SERVING;
    case LOCUM_EVENT_EXCLUDED:
        return edge->exclude.excluded ? LOCUM_TOLD_EXCLUDED : LOCUM_TOLD_INCLUDED;
    case LOCUM_EVENT_STALL: return LOCUM_TOLD_STALL;
    case LOCUM_EVENT_INCARNATION: return LOCUM_TOLD_INCARNATION;
    case LOCUM_EVENT_DUPLICATE_NODE: return LOCUM_TOLD_DUPLICATE_NODE;
    case LOCUM_EVENT_ONE_WAY:
        return edge->one_way.one_way ? LOCUM_TOLD_ONE_WAY : LOCUM_TOLD_TWO_WAY;
    case LOCUM_EVENT_LEAVING: break;
    }
    return LOCUM_TOLD_LEAVING;
}

/* What the operator should know about it, or NULL. */
static const char *
reason_of(const struct locum_event *edge)
{
    switch (edge->kind) {
    case LOCUM_EVENT_INCARNATION: return "a peer remembers a later run of this node";
    case LOCUM_EVENT_DUPLICATE_NODE:
        return "another coordinator runs under this node's name: stop one of the two";
    case LOCUM_EVENT_ONE_WAY:
        return edge->one_way.one_way
                   ? "it does not hear this node: check its firewall, and the way "
                     "there, for UDP on the peer port"
                   : NULL;
    default: return NULL;
    }
}

static enum locum_level
level_of(const struct locum_event *edge)
{
    switch (edge->kind) {
    case LOCUM_EVENT_CONDITION:
        return edge->condition.to == LOCUM_DOWN || edge->condition.to == LOCUM_SUSPECT
                   ? LOCUM_LOG_WARN
                   : LOCUM_LOG_INFO;
    case LOCUM_EVENT_SERVICE:
        return edge->service.to == LOCUM_FAILING ? LOCUM_LOG_WARN : LOCUM_LOG_INFO;
    case LOCUM_EVENT_STALL:
    case LOCUM_EVENT_INCARNATION: return LOCUM_LOG_WARN;
    case LOCUM_EVENT_DUPLICATE_NODE: return LOCUM_LOG_ERR;
    case LOCUM_EVENT_ONE_WAY: return edge->one_way.one_way ? LOCUM_LOG_WARN : LOCUM_LOG_INFO;
    default: return LOCUM_LOG_INFO;
    }
}

enum locum_level
locum_words_of_edge(struct locum_words *self, const struct locum_core_config *config,
                    const struct locum_event *edge, enum locum_told *ret_told)
{
    const char *reason = reason_of(edge);
    *ret_told = told_of(edge);
    cut_edge(self, config, edge);
    if (reason != NULL) {
        locum_words_add(self, "reason", reason);
    }
    return level_of(edge);
}

struct entry {
    uint64_t id;
    locum_ms wall;
    json_t *fields;
};

struct locum_story {
    struct entry *entries; /* a ring of `keep` */
    size_t keep;
    size_t count;
    size_t first; /* index of the oldest */
    uint64_t last_id;
    uint64_t lost_id; /* the newest that is not kept any more; 0: none */
};

enum { KEEP_DEFAULT = 1000 };

struct locum_story *
locum_story_create(void)
{
    struct locum_story *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return NULL;
    }
    self->keep = KEEP_DEFAULT;
    self->entries = calloc(self->keep, sizeof(*self->entries));
    if (self->entries == NULL) {
        free(self);
        return NULL;
    }
    return self;
}

static struct entry *
at(const struct locum_story *self, size_t i)
{
    return &self->entries[(self->first + i) % self->keep];
}

static void
drop_oldest(struct locum_story *self)
{
    self->lost_id = at(self, 0)->id;
    json_decref(at(self, 0)->fields);
    self->first = (self->first + 1) % self->keep;
    self->count--;
}

void
locum_story_destroy(struct locum_story *self)
{
    if (self == NULL) {
        return;
    }
    while (self->count > 0) {
        drop_oldest(self);
    }
    free(self->entries);
    free(self);
}

void
locum_story_keep(struct locum_story *self, size_t keep)
{
    struct entry *entries = keep == self->keep ? NULL : calloc(keep, sizeof(*entries));
    if (entries == NULL) {
        return; /* the same, or no memory: the old length stays */
    }
    while (self->count > keep) {
        drop_oldest(self);
    }
    for (size_t i = 0; i < self->count; i++) {
        entries[i] = *at(self, i);
    }
    free(self->entries);
    self->entries = entries;
    self->keep = keep;
    self->first = 0;
}

void
locum_story_add(struct locum_story *self, locum_ms wall, const struct locum_field *fields,
                size_t count)
{
    json_t *object = json_object();
    for (size_t i = 0; i < count && object != NULL; i++) {
        if (fields[i].value != NULL) {
            (void)json_object_set_new(object, fields[i].key, json_string(fields[i].value));
        }
    }
    if (object == NULL) {
        return;
    }
    if (self->count == self->keep) {
        drop_oldest(self);
    }
    const uint64_t id =
        wall > 0 && (uint64_t)wall > self->last_id ? (uint64_t)wall : self->last_id + 1;
    *at(self, self->count++) = (struct entry){.id = id, .wall = wall, .fields = object};
    self->last_id = id;
}

json_t *
locum_story_since(const struct locum_story *self, uint64_t after, size_t *ret_count)
{
    json_t *events = json_array();
    uint64_t next = self->last_id;
    size_t i = 0;
    while (i < self->count && at(self, i)->id <= after) {
        i++;
    }
    const size_t left = self->count - i;
    const bool more = left > LOCUM_STORY_ANSWER_MAX;
    for (const size_t end = more ? i + LOCUM_STORY_ANSWER_MAX : self->count; i < end; i++) {
        const struct entry *entry = at(self, i);
        char time[32];
        struct locum_text text = locum_text_init(time, sizeof(time));
        locum_text_add_time(&text, entry->wall);
        (void)json_array_append_new(events,
                                    json_pack("{s:I, s:s, s:O}", "id", (json_int_t)entry->id,
                                              "time", time, "fields", entry->fields));
        next = entry->id;
    }
    *ret_count = json_array_size(events);
    return json_pack("{s:o, s:I, s:b, s:I}", "events", events, "next", (json_int_t)next, "more",
                     more, "lost", (json_int_t)self->lost_id);
}
