/* GET /history as lines in the order of time. */
#include <stdlib.h>

#include "base/text.h"
#include "cli/show.h"

/* A line: {time, for_ms, of, value}. */
struct span_line {
    json_int_t from; /* Unix ms */
    size_t place;    /* among the lines with the same time */
    json_t *row;
};

struct span_lines {
    struct span_line *at;
    size_t count;
};

static const json_int_t time_max = 253402300799999; /* the end of the year 9999 */

static bool
is_time(const json_t *wall)
{
    const json_int_t ms = json_integer_value(wall);
    return json_is_integer(wall) && ms >= 0 && ms <= time_max;
}

/* null: it is none. A new reference. */
static json_t *
time_of(const json_t *wall)
{
    return is_time(wall) ? json_string(locum_text_time(json_integer_value(wall)).text)
                         : json_null();
}

/* Add a span. of: "dc3 condition", is taken. value: a text or an array of them, borrowed. */
static void
add(struct span_lines *lines, const json_t *span, json_t *of, json_t *value)
{
    const json_t *from = json_object_get(span, "from");
    const json_t *until = json_object_get(span, "until");
    struct span_line *grown = realloc(lines->at, (lines->count + 1) * sizeof(*grown));
    if (grown == NULL) {
        json_decref(of);
        return;
    }
    json_t *lasts = is_time(from) && is_time(until)
                        ? json_integer(json_integer_value(until) - json_integer_value(from))
                        : json_null();
    lines->at = grown;
    grown[lines->count] = (struct span_line){
        .from = json_integer_value(from),
        .place = lines->count,
        .row = json_pack("{s:o, s:o, s:o, s:O?}", "time", time_of(from), "for_ms", lasts, "of", of,
                         "value", value),
    };
    lines->count++;
}

/* Those of one row: a node's state or a name's answers. */
static void
add_spans(struct span_lines *lines, const json_t *item, const char *subject, const char *kind,
          const char *member)
{
    const char *name = json_string_value(json_object_get(item, subject));
    const json_t *spans = json_object_get(item, kind);
    size_t i;
    const json_t *span;
    json_array_foreach(spans, i, span)
    {
        add(lines, span, json_sprintf("%s %s", name != NULL ? name : "-", kind),
            json_object_get(span, member));
    }
}

static void
collect(const json_t *history, struct span_lines *lines)
{
    size_t i;
    const json_t *item;
    json_array_foreach(json_object_get(history, "gaps"), i, item)
    {
        json_t *value = json_string("nothing was noted");
        add(lines, item, json_string("gap"), value);
        json_decref(value);
    }
    json_array_foreach(json_object_get(history, "nodes"), i, item)
    {
        add_spans(lines, item, "node", "condition", "value");
        add_spans(lines, item, "node", "service", "value");
        add_spans(lines, item, "node", "admin", "value");
    }
    json_array_foreach(json_object_get(history, "names"), i, item)
    {
        add_spans(lines, item, "name", "answers", "nodes");
    }
}

static int
compare(const void *first, const void *second)
{
    const struct span_line *a = first;
    const struct span_line *b = second;
    return a->from != b->from ? (a->from < b->from ? -1 : 1) : (a->place < b->place ? -1 : 1);
}

void
locum_show_history(const json_t *history, const struct locum_print *print)
{
    struct span_lines lines = {.count = 0};
    struct locum_print_table table;
    json_t *from = time_of(json_object_get(history, "from"));
    collect(history, &lines);
    if (lines.count > 0) {
        qsort(lines.at, lines.count, sizeof(*lines.at), compare);
    }
    locum_print_json(print->out, from, "complete since {}\n");
    json_decref(from);
    if (locum_print_table_open(&table)) {
        (void)fputs("FROM\tFOR\tOF\tVALUE\n", table.cells);
        for (size_t i = 0; i < lines.count; i++) {
            locum_print_json(table.cells, lines.at[i].row,
                             "{time}\t{for_ms:age}\t{of}\t{value/,}\t\n");
        }
        locum_print_table_close(&table, print, 0);
    }
    for (size_t i = 0; i < lines.count; i++) {
        json_decref(lines.at[i].row);
    }
    free(lines.at);
}
