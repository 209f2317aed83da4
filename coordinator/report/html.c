#include "report/html.h"

#include <string.h>

#include "base/text_format.h"

/* The bytes of a character at `at` that shows text in another order than it is written; 0: none. */
static size_t
direction_mark(const char *at)
{
    static const char *const marks[] = {"\xe2\x80\xaa", "\xe2\x80\xab", "\xe2\x80\xac",
                                        "\xe2\x80\xad", "\xe2\x80\xae", "\xe2\x81\xa6",
                                        "\xe2\x81\xa7", "\xe2\x81\xa8", "\xe2\x81\xa9"};
    for (size_t i = 0; (unsigned char)*at == 0xe2 && i < LOCUM_COUNT(marks); i++) {
        if (strncmp(at, marks[i], 3) == 0) {
            return 3;
        }
    }
    return 0;
}

/* What stands for a character; NULL: itself. */
static const char *
entity_of(char c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return (unsigned char)c < ' ' || c == 127 ? "?" : NULL;
    }
}

void
locum_html_add(struct locum_text *text, const char *value)
{
    const char *plain = value; /* from here on nothing needs to be escaped */
    const char *c = value;
    while (*c != '\0') {
        const size_t mark = direction_mark(c);
        const char *entity = mark > 0 ? "?" : entity_of(*c);
        if (entity != NULL) {
            locum_text_add_bytes(text, plain, (size_t)(c - plain));
            locum_text_add(text, entity);
            plain = c + (mark > 0 ? mark : 1);
        }
        c += mark > 0 ? mark : 1;
    }
    locum_text_add(text, plain);
}

/* The value at a path of keys with dots between them; NULL: missing. */
static const json_t *
find(const json_t *json, struct locum_slice path)
{
    struct locum_slice key;
    while (path.length > 0 && locum_slice_cut(&path, '.', &key)) {
        char name[32];
        if (locum_slice_copy(key, name, sizeof(name)) != 0) {
            return NULL;
        }
        json = json_object_get(json, name);
    }
    return json;
}

static bool
add_list(struct locum_text *text, const json_t *list, struct locum_slice between)
{
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        if (i > 0) {
            locum_text_add_bytes(text, between.at, between.length);
        }
        locum_html_fill(text, item, "{}");
    }
    return json_array_size(list) > 0;
}

/* 2025-11-23T02:00:58.173Z as 2025-11-23 02:00:58 */
static void
add_time(struct locum_text *text, const char *time)
{
    char date[20];
    if (strlen(time) < sizeof(date) || time[10] != 'T') {
        locum_html_add(text, time);
        return;
    }
    memcpy(date, time, sizeof(date) - 1);
    date[10] = ' ';
    date[sizeof(date) - 1] = '\0';
    locum_html_add(text, date);
}

/* form: how it is written, ":age", ":time" or "/BETWEEN". False: the value is missing. */
static bool
add_value(struct locum_text *text, const json_t *value, struct locum_slice form)
{
    if (form.length > 0 && form.at[0] == '/') {
        form = (struct locum_slice){.at = form.at + 1, .length = form.length - 1};
        return add_list(text, value, form);
    }
    switch (json_typeof(value)) {
    case JSON_STRING:
        (locum_slice_is(form, ":time") ? add_time : locum_html_add)(text, json_string_value(value));
        return true;
    case JSON_INTEGER:
        if (locum_slice_is(form, ":age")) {
            locum_text_add(text, locum_text_age(json_integer_value(value)).text);
        } else {
            locum_text_add_i64(text, json_integer_value(value));
        }
        return true;
    case JSON_REAL: locum_text_format(text, "%.1f", json_real_value(value)); return true;
    default: return false;
    }
}

/* `from` is after an opening brace. Returns what follows the closing one. */
static const char *
fill_value(struct locum_text *text, const json_t *json, const char *from, bool *missing)
{
    const char *end = from + strcspn(from, "}");
    const size_t length = strcspn(from, ":/}");
    const json_t *value = find(json, (struct locum_slice){.at = from, .length = length});
    const struct locum_slice form = {.at = from + length, .length = (size_t)(end - from) - length};
    if (value == NULL || !add_value(text, value, form)) {
        *missing = true;
        locum_text_add(text, "\xe2\x80\x93");
    }
    return end + (*end != '\0');
}

void
locum_html_fill(struct locum_text *text, const json_t *json, const char *template)
{
    size_t group = text->length; /* where the optional part begins */
    bool missing = false;
    for (const char *c = template; *c != '\0';) {
        const size_t markup = strcspn(c, "{[]");
        locum_text_add_bytes(text, c, markup);
        c += markup;
        if (*c == '[') {
            group = text->length;
            missing = false;
        } else if (*c == ']' && missing) {
            text->length = group;
            text->at[group] = '\0';
        } else if (*c == '{') {
            c = fill_value(text, json, c + 1, &missing);
            continue;
        }
        c += *c != '\0';
    }
}
