/*
 * text_format: printf(3) into a struct locum_text. Apart from text.h, because core/ must not use
 * stdio.
 *
 * Addresses, times and durations have no conversion of their own; pass their text instead:
 *
 *   locum_text_format(&text, "%s: no reply within %s", locum_address_text(&address).text,
 *                     locum_text_duration(timeout_ms).text);
 *
 * Text of others goes through locum_foreign_add() or locum_text_add_escaped(), never through %s.
 */
#ifndef LOCUM_BASE_TEXT_FORMAT_H
#define LOCUM_BASE_TEXT_FORMAT_H

#include "base/text.h"

/* A slice as the two arguments of "%.*s". */
#define LOCUM_SLICE(slice) (int)(slice).length, (slice).at

/*
 * Append. If the text does not fit, keep the part that fits, in whole characters of UTF-8, and set
 * `truncated`; like locum_text_add(), append nothing once `truncated` is set.
 */
void locum_text_format(struct locum_text *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Write a text of its own into `buffer` (size_bytes >= 1). False if it was truncated. */
bool locum_text_format_buffer(char *buffer, size_t size_bytes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
