/* explain and events: stories, line by line. */
#include <string.h>

#include "cli/show.h"

static void
answer_row(const struct locum_table *table, const json_t *answer)
{
    locum_print_member(table->cells, answer, "type");
    (void)fputc('\t', table->cells);
    locum_print_list(table->cells, json_object_get(answer, "answers"), " ");
    (void)fputs("\tof ", table->cells);
    locum_print_list(table->cells, json_object_get(answer, "nodes"), ",");
    (void)fputs("\tttl ", table->cells);
    locum_print_number(table->cells, json_object_get(answer, "ttl_s"));
    (void)fputc('\t', table->cells);
    locum_table_colour(table, LOCUM_BOLD);
    locum_print_member(table->cells, answer, "reason");
    (void)fputs("\t\n", table->cells);
}

void
locum_show_explain(const json_t *explain, const struct locum_print *print)
{
    const char *name = json_string_value(json_object_get(explain, "name"));
    const bool supposed = json_is_string(json_object_get(explain, "supposed"));
    size_t i;
    const json_t *item;
    locum_print_in(print, LOCUM_BOLD, name != NULL ? name : "-");
    if (supposed) {
        (void)fputs(" supposing ", print->out);
        locum_print_member(print->out, explain, "supposed");
    }
    (void)fputc('\n', print->out);
    json_array_foreach(json_object_get(explain, "lines"), i, item)
    {
        const char *text = json_string_value(item);
        (void)fputs("  ", print->out);
        locum_print_text(print->out, text != NULL ? text : "-");
        (void)fputc('\n', print->out);
    }
    (void)fputs(supposed ? "would be answered\n" : "is answered\n", print->out);
    struct locum_table table;
    if (!locum_table_open(&table)) {
        return;
    }
    json_array_foreach(json_object_get(explain, "answers"), i, item)
    {
        answer_row(&table, item);
    }
    locum_table_close(&table, print, 2);
}

static void
show_field(FILE *out, const char *key, const json_t *value)
{
    (void)fputc(' ', out);
    locum_print_text(out, key);
    (void)fputc('=', out);
    const char *text = json_string_value(value);
    if (text != NULL) {
        const bool quoted = strchr(text, ' ') != NULL;
        (void)fputs(quoted ? "\"" : "", out);
        locum_print_text(out, text);
        (void)fputs(quoted ? "\"" : "", out);
    } else {
        locum_print_number(out, value);
    }
}

void
locum_show_events(const json_t *events, const struct locum_print *print)
{
    size_t i;
    const json_t *event;
    json_array_foreach(json_object_get(events, "events"), i, event)
    {
        json_t *fields = json_object_get(event, "fields");
        const char *word = json_string_value(json_object_get(fields, "event"));
        const char *key;
        json_t *value;
        locum_print_member(print->out, event, "time");
        (void)fputc(' ', print->out);
        locum_print_in(print, LOCUM_BOLD, word != NULL ? word : "-");
        json_object_foreach(fields, key, value)
        {
            if (strcmp(key, "event") != 0) {
                show_field(print->out, key, value);
            }
        }
        (void)fputc('\n', print->out);
    }
}
