#include "daemon/story.h"

#include <stdlib.h>
#include <string.h>

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

/* Begin a value that is built in the buffer; end it with end_value(). */
static char *
begin_value(struct locum_words *self)
{
    return self->buffer + self->text.length;
}

static void
end_value(struct locum_words *self, const char *key, const char *value)
{
    locum_words_add(self, key, self->text.truncated ? "..." : value);
    locum_text_add_bytes(&self->text, "", 1); /* the NUL stays between two values */
}

static void
add_ages(struct locum_words *self, const struct locum_core_config *config,
         const struct locum_condition_edge *edge)
{
    const char *separator = "";
    char *value = begin_value(self);
    for (locum_node voter = 0; voter < config->node_count; voter++) {
        if (locum_nodes_has(edge->voters, voter)) {
            locum_text_add(&self->text, separator);
            locum_text_add(&self->text, config->nodes[voter].name);
            locum_text_add_char(&self->text, '=');
            locum_text_add_i64(&self->text, edge->age_ms[voter]);
            separator = ",";
        }
    }
    end_value(self, "ages", value);
}

static enum locum_level
add_condition(struct locum_words *self, const struct locum_core_config *config,
              const struct locum_condition_edge *edge)
{
    locum_words_add(self, "peer", config->nodes[edge->peer].name);
    locum_words_add(self, "from", locum_condition_text(edge->from));
    locum_words_add(self, "to", locum_condition_text(edge->to));
    if (edge->voters != 0) {
        char *value = begin_value(self);
        locum_nodes_add(&self->text, config, edge->voters);
        end_value(self, "votes", value);
        add_ages(self, config, edge);
    }
    locum_words_add(self, "reason", locum_cause_text(edge->cause));
    return edge->to == LOCUM_DOWN || edge->to == LOCUM_SUSPECT ? LOCUM_LOG_WARN : LOCUM_LOG_INFO;
}

static void
add_serving(struct locum_words *self, const struct locum_core_config *config, const char *key,
            struct locum_serving serving)
{
    char *value = begin_value(self);
    locum_serving_add(&self->text, config, serving);
    end_value(self, key, value);
}

static void
add_number(struct locum_words *self, const char *key, uint64_t number)
{
    char *value = begin_value(self);
    locum_text_add_u64(&self->text, number);
    end_value(self, key, value);
}

enum locum_level
locum_words_of_edge(struct locum_words *self, const struct locum_core_config *config,
                    const struct locum_edge *edge, const char **ret_event)
{
    switch (edge->kind) {
    case LOCUM_EDGE_CONDITION:
        *ret_event = "condition";
        return add_condition(self, config, &edge->condition);
    case LOCUM_EDGE_SERVICE:
        *ret_event = "service";
        locum_words_add(self, "from", locum_service_text(edge->service.from));
        locum_words_add(self, "to", locum_service_text(edge->service.to));
        locum_words_add(self, "reason", locum_cause_text(LOCUM_CAUSE_CHECKS));
        return edge->service.to == LOCUM_FAILING ? LOCUM_LOG_WARN : LOCUM_LOG_INFO;
    case LOCUM_EDGE_ADMIN:
        *ret_event = "admin";
        locum_words_add(self, "from", locum_admin_text(edge->admin.from));
        locum_words_add(self, "to", locum_admin_text(edge->admin.to));
        locum_words_add(self, "reason", locum_cause_text(edge->admin.cause));
        return LOCUM_LOG_INFO;
    case LOCUM_EDGE_SERVING:
        *ret_event = "serving";
        add_serving(self, config, "from", edge->serving.from);
        add_serving(self, config, "to", edge->serving.to);
        return LOCUM_LOG_INFO;
    case LOCUM_EDGE_EXCLUDED:
        *ret_event = edge->exclude.excluded ? "excluded" : "included";
        locum_words_add(self, "peer", config->nodes[edge->exclude.node].name);
        return LOCUM_LOG_INFO;
    case LOCUM_EDGE_STALL:
        *ret_event = "stall";
        add_number(self, "late-ms", (uint64_t)edge->late_ms);
        return LOCUM_LOG_WARN;
    case LOCUM_EDGE_INCARNATION:
        *ret_event = "incarnation";
        add_number(self, "to", edge->incarnation);
        locum_words_add(self, "reason", "a peer remembers a later run of this node");
        return LOCUM_LOG_WARN;
    case LOCUM_EDGE_TWIN:
        *ret_event = "twin";
        add_number(self, "incarnation", edge->incarnation);
        locum_words_add(self, "reason",
                        "another coordinator runs under this node's name: stop one of the two");
        return LOCUM_LOG_ERR;
    case LOCUM_EDGE_DEAF:
        *ret_event = edge->deaf.deaf ? "deaf" : "hearing";
        locum_words_add(self, "peer", config->nodes[edge->deaf.node].name);
        locum_words_add(self, "reason",
                        edge->deaf.deaf ? "it does not hear this node: check its firewall, and the "
                                          "way there, for UDP on the peer port"
                                        : NULL);
        return edge->deaf.deaf ? LOCUM_LOG_WARN : LOCUM_LOG_INFO;
    case LOCUM_EDGE_LEAVING:
    default: *ret_event = "leaving"; return LOCUM_LOG_INFO;
    }
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
    for (size_t i = 0; i < self->count; i++) {
        const struct entry *entry = at(self, i);
        char time[32];
        struct locum_text text = locum_text_init(time, sizeof(time));
        if (entry->id <= after) {
            continue;
        }
        locum_text_add_time(&text, entry->wall);
        (void)json_array_append_new(events,
                                    json_pack("{s:I, s:s, s:O}", "id", (json_int_t)entry->id,
                                              "time", time, "fields", entry->fields));
    }
    *ret_count = json_array_size(events);
    return json_pack("{s:o, s:I}", "events", events, "next", (json_int_t)self->last_id);
}
