/*
 * text: build short texts without stdio or heap. Pure, so that core/ may use it. Everything that
 * leaves the program as text (heartbeats, log lines, Redis fields) is built here; outside core/,
 * text_format.h builds messages.
 */
#ifndef LOCUM_BASE_TEXT_H
#define LOCUM_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* A text under construction in the caller's memory; always NUL-terminated. */
struct locum_text {
    char *at;       /* the caller's buffer, borrowed */
    size_t size;    /* its size in bytes, the NUL included; at least 1 */
    size_t length;  /* bytes written, the NUL not counted */
    bool truncated; /* something did not fit; it and everything after it is missing */
};

/* Start an empty text in `buffer` of `size_bytes` (>= 1). */
struct locum_text locum_text_init(char *buffer, size_t size_bytes);

/* Append. A piece that does not fit whole is left out whole and sets `truncated`. */
void locum_text_add(struct locum_text *self, const char *string);
void locum_text_add_bytes(struct locum_text *self, const char *bytes, size_t length);
void locum_text_add_char(struct locum_text *self, char c);
void locum_text_add_u64(struct locum_text *self, uint64_t value);
void locum_text_add_i64(struct locum_text *self, int64_t value);
void locum_text_add_hex(struct locum_text *self, const uint8_t *bytes, size_t length);

/* Append untrusted bytes: printable ASCII but space, '"', '=' and '\' as they are, the rest \xHH.
 */
void locum_text_add_escaped(struct locum_text *self, const char *bytes, size_t length);

/* A short text by value, for use within one expression: locum_text_time(ms).text */
struct locum_text_value {
    char text[32];
};

/* A wall-clock time as RFC 3339 in UTC with milliseconds: 2025-11-23T02:00:58.173Z. */
struct locum_text_value locum_text_time(int64_t wall_ms);

/* How long ago something was, for people: 250 ms, 4.2 s, 3 min 20 s, 2 h 5 min, 3 d 4 h. >= 0. */
struct locum_text_value locum_text_age(int64_t age_ms);

/* A duration the way the configuration writes it: 250ms, 1s, 5m, 7d. */
struct locum_text_value locum_text_duration(int64_t duration_ms);

#endif
