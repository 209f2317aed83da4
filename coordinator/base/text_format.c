#include "base/text_format.h"

#include <stdarg.h>
#include <stdio.h>

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
    self->length += self->truncated ? room - 1 : (size_t)length;
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
