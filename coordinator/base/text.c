#include "base/text.h"

#include <string.h>
#include <time.h>

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

/* RFC 3339 section 5.6 */
struct locum_text_value
locum_text_time(int64_t wall_ms)
{
    const int64_t ms = wall_ms < 0 ? 0 : wall_ms;
    const time_t seconds = (time_t)(ms / 1000);
    const unsigned rest = (unsigned)(ms % 1000);
    const char fraction[] = {'.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10),
                             (char)('0' + rest % 10), 'Z'};
    char date[32];
    struct tm utc;
    struct locum_text_value ret;
    struct locum_text text = locum_text_init(ret.text, sizeof(ret.text));
    locum_text_add_bytes(
        &text, date, strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &utc)));
    locum_text_add_bytes(&text, fraction, sizeof(fraction));
    return ret;
}

struct locum_text_value
locum_text_age(int64_t age_ms)
{
    enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };
    static const struct {
        int64_t unit, part; /* in ms */
        const char *after_unit, *after_part;
    } forms[] = {{DAY, HOUR, " d ", " h"},
                 {HOUR, MINUTE, " h ", " min"},
                 {MINUTE, SECOND, " min ", " s"},
                 {SECOND, SECOND / 10, ".", " s"}};
    struct locum_text_value ret;
    struct locum_text text = locum_text_init(ret.text, sizeof(ret.text));
    for (size_t i = 0; i < LOCUM_COUNT(forms); i++) {
        if (age_ms >= forms[i].unit) {
            locum_text_add_i64(&text, age_ms / forms[i].unit);
            locum_text_add(&text, forms[i].after_unit);
            locum_text_add_i64(&text, age_ms % forms[i].unit / forms[i].part);
            locum_text_add(&text, forms[i].after_part);
            return ret;
        }
    }
    locum_text_add_i64(&text, age_ms);
    locum_text_add(&text, " ms");
    return ret;
}

struct locum_text_value
locum_text_duration(int64_t duration_ms)
{
    struct locum_text_value ret;
    struct locum_text text = locum_text_init(ret.text, sizeof(ret.text));
    const struct locum_slice_unit *unit = locum_slice_units;
    while (unit->ms != 1 && (duration_ms == 0 || duration_ms % unit->ms != 0)) {
        unit++;
    }
    locum_text_add_i64(&text, duration_ms / unit->ms);
    locum_text_add(&text, unit->name);
    return ret;
}
