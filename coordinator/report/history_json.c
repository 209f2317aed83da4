/* GET /history. */
#include "report/history.h"

static json_t *
nodes_of(const struct locum_history *self, uint64_t value)
{
    json_t *nodes = json_array();
    const char *node;
    for (size_t i = 0; (node = locum_history_node(self, value, i)) != NULL; i++) {
        (void)json_array_append_new(nodes, json_string(node));
    }
    return nodes;
}

static json_t *
times_of(const struct locum_history_span *span)
{
    return json_pack("{s:I, s:I}", "from", (json_int_t)span->from, "until",
                     (json_int_t)span->until);
}

static json_t *
spans_of(const struct locum_history *self, size_t row, enum locum_history_kind kind,
         struct locum_now now)
{
    json_t *spans = json_array();
    struct locum_history_cursor cursor = {.begun = false};
    struct locum_history_span span;
    while (locum_history_next(self, row, now, &cursor, &span)) {
        json_t *item = times_of(&span);
        if (kind == LOCUM_HISTORY_ANSWERS) {
            (void)json_object_set_new(item, "nodes", nodes_of(self, span.value));
        } else {
            (void)json_object_set_new(item, "value",
                                      json_string(locum_history_value(kind, span.value)));
        }
        (void)json_array_append_new(spans, item);
    }
    return spans;
}

json_t *
locum_history_json(const struct locum_history *self, struct locum_now now)
{
    static const char *const keys[LOCUM_HISTORY_KINDS] = {"condition", "service", "admin",
                                                          "answers"};
    json_t *nodes = json_array();
    json_t *names = json_array();
    json_t *gaps = json_array();
    json_t *item = NULL;
    struct locum_history_row row;
    struct locum_history_span gap;
    for (size_t i = 0; i < LOCUM_HISTORY_ROWS; i++) {
        if (!locum_history_row(self, i, &row)) {
            continue;
        }
        if (row.kind == LOCUM_HISTORY_ANSWERS) {
            item = json_pack("{s:s}", "name", row.name);
            (void)json_array_append_new(names, item);
        } else if (row.kind == LOCUM_HISTORY_CONDITION) {
            item = json_pack("{s:s}", "node", row.name);
            (void)json_array_append_new(nodes, item);
        }
        (void)json_object_set_new(item, keys[row.kind], spans_of(self, i, row.kind, now));
    }
    for (size_t i = 0; locum_history_gap(self, i, now, &gap); i++) {
        (void)json_array_append_new(gaps, times_of(&gap));
    }
    return json_pack("{s:I, s:I, s:o, s:o, s:o}", "from", (json_int_t)locum_history_from(self, now),
                     "until", (json_int_t)now.wall, "gaps", gaps, "nodes", nodes, "names", names);
}
