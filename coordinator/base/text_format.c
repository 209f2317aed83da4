#include "base/text_format.h"

#include <stdarg.h>
#include <stdio.h>

/* The length of a text without a character of UTF-8 that was cut at its end: JSON would refuse it.
 */
static size_t
whole_characters(const char *text, size_t length)
{
    size_t last = length;
    while (last > 0 && ((unsigned char)text[last - 1] & 0xc0) == 0x80) {
        last--;
    }
    if (last == 0) {
        return length;
    }
    const unsigned char lead = (unsigned char)text[--last];
    const size_t needed = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    return length - last < needed ? last : length;
}

__attribute__((format(printf, 2, 0))) static void
format_arguments(struct locum_text *self, const char *format, va_list arguments)
{
    const size_t room = self->size - self->length;
    if (self->truncated) {
        return;
    }
    const int length = vsnprintf(self->at + self->length, room, format, arguments);
    LOCUM_INVARIANT(length >= 0);
    self->truncated = (size_t)length >= room;
    self->length +=
        self->truncated ? whole_characters(self->at + self->length, room - 1) : (size_t)length;
    self->at[self->length] = '\0';
}

void
locum_text_format(struct locum_text *self, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    format_arguments(self, format, arguments);
    va_end(arguments);
}

bool
locum_text_format_buffer(char *buffer, size_t size_bytes, const char *format, ...)
{
    struct locum_text text = locum_text_init(buffer, size_bytes);
    va_list arguments;
    va_start(arguments, format);
    format_arguments(&text, format, arguments);
    va_end(arguments);
    return !text.truncated;
}
