#include "base/text.h"

#include <string.h>

#include "base/error.h"

struct locum_text
locum_text_init(char *buffer, size_t size_bytes)
{
    LOCUM_INVARIANT(size_bytes >= 1);
    buffer[0] = '\0';
    return (struct locum_text){.at = buffer, .size = size_bytes};
}

void
locum_text_add_bytes(struct locum_text *self, const char *bytes, size_t length)
{
    if (self->truncated || length >= self->size - self->length) {
        self->truncated = true;
        return;
    }
    memcpy(self->at + self->length, bytes, length);
    self->length += length;
    self->at[self->length] = '\0';
}

void
locum_text_add(struct locum_text *self, const char *string)
{
    locum_text_add_bytes(self, string, strlen(string));
}

void
locum_text_add_char(struct locum_text *self, char c)
{
    locum_text_add_bytes(self, &c, 1);
}

void
locum_text_add_u64(struct locum_text *self, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    locum_text_add_bytes(self, digits + at, sizeof(digits) - at);
}

void
locum_text_add_i64(struct locum_text *self, int64_t value)
{
    if (value < 0) {
        locum_text_add_char(self, '-');
    }
    locum_text_add_u64(self, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void
locum_text_add_hex(struct locum_text *self, const uint8_t *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < length; i++) {
        const char pair[2] = {digits[bytes[i] >> 4], digits[bytes[i] & 15]};
        locum_text_add_bytes(self, pair, 2);
    }
}

void
locum_text_add_escaped(struct locum_text *self, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        const char c = bytes[i];
        if (c > ' ' && c < 127 && c != '"' && c != '=' && c != '\\') {
            locum_text_add_char(self, c);
        } else {
            const uint8_t byte = (uint8_t)c;
            locum_text_add(self, "\\x");
            locum_text_add_hex(self, &byte, 1);
        }
    }
}

static void
add_padded(struct locum_text *self, uint64_t value, size_t width)
{
    uint64_t limit = 1;
    for (size_t i = 1; i < width; i++) {
        limit *= 10;
    }
    for (; limit > value && limit > 1; limit /= 10) {
        locum_text_add_char(self, '0');
    }
    locum_text_add_u64(self, value);
}

/* Days since 1970-01-01 to a civil date (H. Hinnant, "chrono-compatible low-level date
 * algorithms"). */
static void
civil_from_days(uint64_t days, uint64_t *ret_year, uint64_t *ret_month, uint64_t *ret_day)
{
    const uint64_t z = days + 719468;
    const uint64_t era = z / 146097;
    const uint64_t day_of_era = z - era * 146097;
    const uint64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const uint64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const uint64_t month = (5 * day_of_year + 2) / 153;
    *ret_day = day_of_year - (153 * month + 2) / 5 + 1;
    *ret_month = month < 10 ? month + 3 : month - 9;
    *ret_year = year_of_era + era * 400 + (*ret_month <= 2 ? 1 : 0);
}

void
locum_text_add_time(struct locum_text *self, int64_t wall_ms)
{
    const uint64_t ms = wall_ms < 0 ? 0 : (uint64_t)wall_ms;
    const uint64_t seconds = ms / 1000;
    uint64_t year;
    uint64_t month;
    uint64_t day;
    civil_from_days(seconds / 86400, &year, &month, &day);
    add_padded(self, year, 4);
    locum_text_add_char(self, '-');
    add_padded(self, month, 2);
    locum_text_add_char(self, '-');
    add_padded(self, day, 2);
    locum_text_add_char(self, 'T');
    add_padded(self, seconds / 3600 % 24, 2);
    locum_text_add_char(self, ':');
    add_padded(self, seconds / 60 % 60, 2);
    locum_text_add_char(self, ':');
    add_padded(self, seconds % 60, 2);
    locum_text_add_char(self, '.');
    add_padded(self, ms % 1000, 3);
    locum_text_add_char(self, 'Z');
}

/* Largest first, so that the shortest way of writing a duration is found first. */
static const struct {
    const char *name;
    int64_t ms;
} units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

void
locum_text_add_duration(struct locum_text *self, int64_t duration_ms)
{
    for (size_t i = 0; i < LOCUM_COUNT(units); i++) {
        if (units[i].ms == 1 || (duration_ms != 0 && duration_ms % units[i].ms == 0)) {
            locum_text_add_i64(self, duration_ms / units[i].ms);
            locum_text_add(self, units[i].name);
            return;
        }
    }
}

struct locum_text_value
locum_text_time(int64_t wall_ms)
{
    struct locum_text_value ret;
    struct locum_text text = locum_text_init(ret.text, sizeof(ret.text));
    locum_text_add_time(&text, wall_ms);
    return ret;
}

struct locum_text_value
locum_text_duration(int64_t duration_ms)
{
    struct locum_text_value ret;
    struct locum_text text = locum_text_init(ret.text, sizeof(ret.text));
    locum_text_add_duration(&text, duration_ms);
    return ret;
}

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

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
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
        ret_bytes[i] = (uint8_t)(hex_digit(self.at[2 * i]) << 4 | hex_digit(self.at[2 * i + 1]));
    }
    return 0;
}

int
locum_slice_duration(struct locum_slice self, int64_t *ret_ms)
{
    size_t digits = 0;
    while (digits < self.length && self.at[digits] >= '0' && self.at[digits] <= '9') {
        digits++;
    }
    const struct locum_slice unit = {.at = self.at + digits, .length = self.length - digits};
    for (size_t i = 0; i < LOCUM_COUNT(units); i++) {
        if (locum_slice_is(unit, units[i].name)) {
            const struct locum_slice number = {.at = self.at, .length = digits};
            uint64_t value;
            const int status = locum_slice_u64(number, (uint64_t)(INT64_MAX / units[i].ms), &value);
            if (status == 0) {
                *ret_ms = (int64_t)value * units[i].ms;
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
