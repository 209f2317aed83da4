#include "report/exposition.h"

#include <inttypes.h>
#include <string.h>

#include "base/text_format.h"

void
locum_exposition_begin(struct locum_exposition *self, const char *type, const char *name,
                       const char *labels, const char *help)
{
    static const char unit[] = "_seconds";
    const size_t length = strlen(name);
    self->name = name;
    self->labels = labels;
    self->in_seconds = length > strlen(unit) && strcmp(name + length - strlen(unit), unit) == 0;
    if (self->each != NULL) {
        self->each(self->user, name, type, labels, help);
        return;
    }
    locum_text_format(&self->text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
add_quoted(struct locum_text *text, const char *value)
{
    locum_text_add_char(text, '"');
    for (const char *c = value; *c != '\0'; c++) {
        locum_text_add(text, *c == '"' || *c == '\\' || *c == '\n' ? "\\" : "");
        locum_text_add_char(text, *c == '\n' ? 'n' : *c);
    }
    locum_text_add_char(text, '"');
}

void
locum_exposition_add_seconds(struct locum_text *text, int64_t ms)
{
    const uint64_t size = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;
    locum_text_format(text, "%s%" PRIu64 ".%03" PRIu64, ms < 0 ? "-" : "", size / 1000,
                      size % 1000);
}

void
locum_exposition_add(struct locum_exposition *self, const char *suffix, const char *labels,
                     const char *const *values, int64_t value)
{
    struct locum_slice rest = locum_slice_of(labels);
    struct locum_slice label;
    char before = '{';
    locum_text_add(&self->text, self->name);
    locum_text_add(&self->text, suffix);
    while (locum_slice_cut(&rest, ' ', &label) && label.length > 0) {
        locum_text_add_char(&self->text, before);
        locum_text_add_bytes(&self->text, label.at, label.length);
        locum_text_add_char(&self->text, '=');
        add_quoted(&self->text, *values++);
        before = ',';
    }
    locum_text_add(&self->text, before == ',' ? "} " : " ");
    if (self->in_seconds && (suffix[0] == '\0' || strcmp(suffix, "_sum") == 0)) {
        locum_exposition_add_seconds(&self->text, value);
    } else {
        locum_text_add_i64(&self->text, value);
    }
    locum_text_add_char(&self->text, '\n');
}
