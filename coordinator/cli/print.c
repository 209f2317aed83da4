#include "cli/print.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

struct locum_print
locum_print_stdout(void)
{
    const char *no_color = getenv("NO_COLOR"); /* no-color.org: any value but the empty one */
    const char *term = getenv("TERM");
    const bool plain =
        (no_color != NULL && no_color[0] != '\0') || term == NULL || strcmp(term, "dumb") == 0;
    return (struct locum_print){.out = stdout, .colour = !plain && isatty(STDOUT_FILENO) == 1};
}

/*
 * Length of the well-formed UTF-8 character at `at` (RFC 3629 4) and its code point; 0 if it is
 * malformed.
 */
static size_t
character(const unsigned char *at, uint32_t *ret_code)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    for (size_t i = 0; i < LOCUM_COUNT(forms); i++) {
        if ((at[0] & forms[i].mask) != forms[i].lead) {
            continue;
        }
        uint32_t code = at[0] & (unsigned char)~forms[i].mask;
        for (size_t j = 1; j <= i; j++) {
            if ((at[j] & 0xc0) != 0x80) {
                return 0;
            }
            code = code << 6 | (at[j] & 0x3fu);
        }
        const bool surrogate = code >= 0xd800 && code <= 0xdfff;
        if (code < forms[i].least || code > 0x10ffff || surrogate) {
            return 0;
        }
        *ret_code = code;
        return i + 1;
    }
    return 0;
}

static bool
harmless(uint32_t code)
{
    const bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    const bool direction = code == 0x200e || code == 0x200f || code == 0x061c ||
                           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
    return !control && !direction;
}

void
locum_print_text(FILE *out, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    while (*at != '\0') {
        uint32_t code = 0;
        const size_t length = character(at, &code);
        if (length > 0 && harmless(code)) {
            (void)fwrite(at, 1, length, out);
            at += length;
        } else {
            for (size_t left = length > 0 ? length : 1; left > 0; left--) {
                (void)fprintf(out, "\\x%02x", *at++);
            }
        }
    }
}

void
locum_print_age(FILE *out, const json_t *ms)
{
    const json_int_t age = json_integer_value(ms);
    (void)fputs(json_is_integer(ms) && age >= 0 ? locum_text_age(age).text : "-", out);
}

bool
locum_print_is(const json_t *object, const char *key, const char *text)
{
    const char *member = json_string_value(json_object_get(object, key));
    return member != NULL && strcmp(member, text) == 0;
}

/* One {field} of a template: its value, and how it is written. */
struct template_field {
    const json_t *value;
    bool age;
    struct locum_slice separator; /* between the strings of an array */
};

/* Read "a.b", "a.b:age" or "a.b/SEPARATOR", which ends at '}'. */
static struct template_field
find_field(const json_t *object, const char *text)
{
    struct template_field field = {.value = object, .separator = locum_slice_of(", ")};
    struct locum_slice rest = {text, strcspn(text, "}")};
    struct locum_slice path = {text, strcspn(text, ":/}")};
    struct locum_slice key;
    char name[32];
    if (path.length < rest.length) {
        field.age = text[path.length] == ':';
        field.separator =
            (struct locum_slice){text + path.length + 1, rest.length - path.length - 1};
    }
    while (path.length > 0 && locum_slice_cut(&path, '.', &key) &&
           locum_slice_copy(key, name, sizeof(name)) == 0) {
        field.value = json_object_get(field.value, name);
    }
    return field;
}

/* Is there a value to print? */
static bool
is_present(const json_t *value)
{
    const char *text = json_string_value(value);
    return json_is_integer(value) || json_array_size(value) > 0 ||
           (text != NULL && text[0] != '\0');
}

static void
print_field(FILE *out, const struct template_field *field)
{
    size_t i;
    const json_t *item;
    if (field->age) {
        locum_print_age(out, field->value);
    } else if (!is_present(field->value)) {
        (void)fputc('-', out);
    } else if (json_is_integer(field->value)) {
        (void)fprintf(out, "%lld", (long long)json_integer_value(field->value));
    } else if (json_is_string(field->value)) {
        locum_print_text(out, json_string_value(field->value));
    } else {
        json_array_foreach(field->value, i, item)
        {
            const struct template_field each = {.value = json_is_array(item) ? NULL : item};
            (void)fprintf(out, "%.*s", i > 0 ? (int)field->separator.length : 0,
                          field->separator.at);
            print_field(out, &each);
        }
    }
}

void
locum_print_json(FILE *out, const json_t *object, const char *template)
{
    bool shown = true;
    for (const char *at = template; *at != '\0'; at++) {
        if (*at == '[') {
            shown = is_present(find_field(object, strchr(at, '{') + 1).value);
        } else if (*at == ']') {
            shown = true;
        } else if (*at == '{') {
            const struct template_field field = find_field(object, at + 1);
            if (shown) {
                print_field(out, &field);
            }
            at = strchr(at, '}');
        } else if (shown) {
            (void)fputc(*at, out);
        }
    }
}

/* ECMA-48, "select graphic rendition". */
static const char *const colours[] = {"\033[0m",  "\033[1m",  "\033[2m",
                                      "\033[31m", "\033[33m", "\033[32m"};

static void
set_colour(const struct locum_print *print, enum locum_colour colour)
{
    if (print->colour) {
        (void)fputs(colours[colour], print->out);
    }
}

void
locum_print_in(const struct locum_print *print, enum locum_colour colour, const json_t *object,
               const char *template)
{
    set_colour(print, colour);
    locum_print_json(print->out, object, template);
    set_colour(print, LOCUM_PLAIN);
}

bool
locum_print_table_open(struct locum_print_table *self)
{
    *self = (struct locum_print_table){0};
    self->cells = open_memstream(&self->text, &self->size);
    return self->cells != NULL;
}

/* A colour is one control character in front of the cell; no cell can contain that otherwise. */
void
locum_print_table_colour(const struct locum_print_table *self, enum locum_colour colour)
{
    (void)fputc('\1' + (int)colour, self->cells);
}

static struct locum_slice
take_colour(struct locum_slice cell, enum locum_colour *ret)
{
    *ret = LOCUM_PLAIN;
    if (cell.length > 0 && cell.at[0] >= '\1' && cell.at[0] <= '\1' + LOCUM_GREEN) {
        *ret = (enum locum_colour)(cell.at[0] - '\1');
        cell.at++;
        cell.length--;
    }
    return cell;
}

/* Characters, not bytes: continuation bytes take no room. */
static size_t
width_of(struct locum_slice cell)
{
    size_t width = 0;
    for (size_t i = 0; i < cell.length; i++) {
        width += ((unsigned char)cell.at[i] & 0xc0) != 0x80;
    }
    return width;
}

static void
print_row(const struct locum_print *print, struct locum_slice row,
          const size_t widths[LOCUM_PRINT_COLUMNS_MAX], int indent)
{
    struct locum_slice cell;
    size_t blanks = (size_t)indent;
    for (size_t i = 0; i < LOCUM_PRINT_COLUMNS_MAX && locum_slice_cut(&row, '\t', &cell); i++) {
        enum locum_colour colour;
        cell = take_colour(cell, &colour);
        if (cell.length > 0) { /* so no line ends with blanks */
            (void)fprintf(print->out, "%*s", (int)blanks, "");
            set_colour(print, colour);
            (void)fwrite(cell.at, 1, cell.length, print->out);
            set_colour(print, LOCUM_PLAIN);
            blanks = 0;
        }
        blanks += widths[i] - width_of(cell) + 2;
    }
    (void)fputc('\n', print->out);
}

void
locum_print_table_close(struct locum_print_table *self, const struct locum_print *print, int indent)
{
    if (fclose(self->cells) != 0 || self->text == NULL) {
        free(self->text);
        return;
    }
    const struct locum_slice all = {.at = self->text, .length = self->size};
    size_t widths[LOCUM_PRINT_COLUMNS_MAX] = {0};
    struct locum_slice rest = all;
    struct locum_slice row;
    while (locum_slice_cut(&rest, '\n', &row)) {
        struct locum_slice cell;
        for (size_t i = 0; i < LOCUM_PRINT_COLUMNS_MAX && locum_slice_cut(&row, '\t', &cell); i++) {
            enum locum_colour colour;
            const size_t width = width_of(take_colour(cell, &colour));
            widths[i] = width > widths[i] ? width : widths[i];
        }
    }
    rest = all;
    while (locum_slice_cut(&rest, '\n', &row)) {
        if (row.length > 0) {
            print_row(print, row, widths, indent);
        }
    }
    free(self->text);
}
