#include "base/slice.h"

#include <string.h>

#include "base/error.h"

const struct locum_slice_unit locum_slice_units[LOCUM_SLICE_UNITS] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

struct locum_slice
locum_slice_of(const char *string)
{
    return (struct locum_slice){.at = string, .length = strlen(string)};
}

bool
locum_slice_is(struct locum_slice self, const char *string)
{
    return strlen(string) == self.length && memcmp(self.at, string, self.length) == 0;
}

bool
locum_slice_is_plain(struct locum_slice self)
{
    for (size_t i = 0; i < self.length; i++) {
        if (self.at[i] < ' ' || self.at[i] > '~') {
            return false;
        }
    }
    return true;
}

bool
locum_slice_is_unquoted(struct locum_slice self)
{
    for (size_t i = 0; i < self.length; i++) {
        if (self.at[i] <= ' ' || self.at[i] > '~' || self.at[i] == '"' || self.at[i] == '\\') {
            return false;
        }
    }
    return true;
}

bool
locum_slice_starts(struct locum_slice self, const char *prefix)
{
    const size_t length = strlen(prefix);
    return length <= self.length && memcmp(self.at, prefix, length) == 0;
}

bool
locum_slice_cut(struct locum_slice *rest, char separator, struct locum_slice *ret_piece)
{
    if (rest->at == NULL) {
        return false;
    }
    const char *end = rest->length > 0 ? memchr(rest->at, separator, rest->length) : NULL;
    if (end == NULL) {
        *ret_piece = *rest;
        *rest = (struct locum_slice){0};
        return true;
    }
    const size_t length = (size_t)(end - rest->at);
    *ret_piece = (struct locum_slice){.at = rest->at, .length = length};
    rest->at += length + 1;
    rest->length -= length + 1;
    return true;
}

int
locum_slice_u64(struct locum_slice self, uint64_t max, uint64_t *ret_value)
{
    if (self.length == 0) {
        return LOCUM_ERR_INVALID;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < self.length; i++) {
        if (self.at[i] < '0' || self.at[i] > '9') {
            return LOCUM_ERR_INVALID;
        }
        const uint64_t digit = (uint64_t)(self.at[i] - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            return LOCUM_ERR_RANGE;
        }
        value = value * 10 + digit;
    }
    if (value > max) {
        return LOCUM_ERR_RANGE;
    }
    *ret_value = value;
    return 0;
}

/* -1: not a hex digit. */
static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const char lower = (char)(c | ('a' ^ 'A'));
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

int
locum_slice_hex(struct locum_slice self, uint8_t *ret_bytes, size_t length)
{
    if (self.length != 2 * length) {
        return LOCUM_ERR_INVALID;
    }
    for (size_t i = 0; i < self.length; i++) {
        if (hex_digit(self.at[i]) < 0) {
            return LOCUM_ERR_INVALID;
        }
    }
    for (size_t i = 0; i < length; i++) {
        ret_bytes[i] = (uint8_t)(16 * hex_digit(self.at[2 * i]) + hex_digit(self.at[2 * i + 1]));
    }
    return 0;
}

int
locum_slice_duration(struct locum_slice self, int64_t *ret_ms)
{
    struct locum_slice number = {.at = self.at};
    while (number.length < self.length && self.at[number.length] >= '0' &&
           self.at[number.length] <= '9') {
        number.length++;
    }
    const struct locum_slice name = {.at = self.at + number.length,
                                     .length = self.length - number.length};
    for (size_t i = 0; i < LOCUM_SLICE_UNITS; i++) {
        const int64_t unit_ms = locum_slice_units[i].ms;
        if (locum_slice_is(name, locum_slice_units[i].name)) {
            uint64_t value;
            const int status = locum_slice_u64(number, (uint64_t)(INT64_MAX / unit_ms), &value);
            if (status == 0) {
                *ret_ms = (int64_t)value * unit_ms;
            }
            return status;
        }
    }
    return LOCUM_ERR_INVALID;
}

int
locum_slice_copy(struct locum_slice self, char *buffer, size_t size_bytes)
{
    if (self.length >= size_bytes) {
        return LOCUM_ERR_SPACE;
    }
    memcpy(buffer, self.at, self.length);
    buffer[self.length] = '\0';
    return 0;
}
