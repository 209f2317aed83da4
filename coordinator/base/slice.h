/*
 * slice: a piece of a text that someone else owns, and how to scan it. Pure, so that core/ may use
 * it.
 */
#ifndef LOCUM_BASE_SLICE_H
#define LOCUM_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/invariant.h"

/* Not NUL-terminated, borrowed. */
struct locum_slice {
    const char *at;
    size_t length;
};

struct locum_slice locum_slice_of(const char *string);
bool locum_slice_is(struct locum_slice self, const char *string);

/* Is every byte printable ASCII or a blank? */
bool locum_slice_is_plain(struct locum_slice self);

/* Is every byte visible ASCII, and none '"' or '\'? Such a text needs no quotes anywhere. */
bool locum_slice_is_unquoted(struct locum_slice self);

bool locum_slice_starts(struct locum_slice self, const char *prefix);

/*
 * Cut the next piece off the front of `rest`, up to `separator` (which is dropped) or the end.
 * Returns false when `rest` was used up (its `at` is NULL then).
 */
bool locum_slice_cut(struct locum_slice *rest, char separator, struct locum_slice *ret_piece);

/* Decimal digits only, no sign, no leading blank. 0, LOCUM_ERR_INVALID or LOCUM_ERR_RANGE. */
int locum_slice_u64(struct locum_slice self, uint64_t max, uint64_t *ret_value) LOCUM_MUST_CHECK;

/* Exactly `length` bytes written as 2 * length hex digits. 0 or LOCUM_ERR_INVALID. */
int locum_slice_hex(struct locum_slice self, uint8_t *ret_bytes, size_t length) LOCUM_MUST_CHECK;

/* The units of a duration, largest first. */
enum { LOCUM_SLICE_UNITS = 5 };
struct locum_slice_unit {
    const char *name;
    int64_t ms;
};
extern const struct locum_slice_unit locum_slice_units[LOCUM_SLICE_UNITS];

/* "250ms", "1s", "5m", "2h", "7d" to milliseconds. 0, LOCUM_ERR_INVALID or LOCUM_ERR_RANGE. */
int locum_slice_duration(struct locum_slice self, int64_t *ret_ms) LOCUM_MUST_CHECK;

/* Copy into `buffer` as a C string. 0 or LOCUM_ERR_SPACE. */
int locum_slice_copy(struct locum_slice self, char *buffer, size_t size_bytes) LOCUM_MUST_CHECK;

#endif
