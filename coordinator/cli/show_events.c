/* explain and events: their JSON, line by line. */
#include <string.h>

#include "cli/show.h"

void
locum_show_explain(const json_t *explain, const struct locum_print *print)
{
    const bool supposed = json_is_string(json_object_get(explain, "supposed"));
    struct locum_print_table table;
    size_t i;
    const json_t *item;
    locum_print_in(print, LOCUM_BOLD, explain, "{name}");
    locum_print_json(print->out, explain, "[ if {supposed}]\n");
    json_array_foreach(json_object_get(explain, "lines"), i, item)
    {
        locum_print_json(print->out, item, "  {}\n");
    }
    (void)fputs(supposed ? "would be answered\n" : "is answered\n", print->out);
    if (!locum_print_table_open(&table)) {
        return;
    }
    json_array_foreach(json_object_get(explain, "answers"), i, item)
    {
        locum_print_json(table.cells, item, "{type}\t{answers/ }\tof {nodes/,}\tttl {ttl_s}\t");
        locum_print_table_colour(&table, LOCUM_BOLD);
        locum_print_json(table.cells, item, "{reason}\t\n");
    }
    locum_print_table_close(&table, print, 2);
}

static void
show_field(FILE *out, const char *key, const json_t *value)
{
    const char *text = json_string_value(value);
    const bool quoted = text != NULL && strchr(text, ' ') != NULL;
    (void)fputc(' ', out);
    locum_print_text(out, key);
    locum_print_json(out, value, quoted ? "=\"{}\"" : "={}");
}

void
locum_show_events(const json_t *events, const struct locum_print *print)
{
    size_t i;
    const json_t *event;
    json_array_foreach(json_object_get(events, "events"), i, event)
    {
        json_t *fields = json_object_get(event, "fields");
        const char *key;
        json_t *value;
        locum_print_json(print->out, event, "{time} ");
        locum_print_in(print, LOCUM_BOLD, fields, "{event}");
        json_object_foreach(fields, key, value)
        {
            if (strcmp(key, "event") != 0) {
                show_field(print->out, key, value);
            }
        }
        (void)fputc('\n', print->out);
    }
}
