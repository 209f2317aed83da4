#include "redis/trim.h"

#include <stdbool.h>
#include <string.h>

#include "base/slice.h"

static const char empty[] = "$0\r\n\r\n";

/* The head ends with its LF: what follows it? Returns the bytes written. */
static size_t
end_head(struct locum_trim *self, char *ret)
{
    uint64_t length;
    const struct locum_slice digits = {.at = self->head + 1, .length = self->head_length - 3};
    const bool valid = self->head_length > 3 && self->head[self->head_length - 2] == '\r' &&
                       locum_slice_u64(digits, INT64_MAX, &length) == 0;
    self->state = valid ? LOCUM_TRIM_KEEP : LOCUM_TRIM_START; /* "$-1" has no bytes */
    self->left = valid ? length + 2 : 0;
    if (valid && length > LOCUM_TRIM_BYTES_MAX) {
        self->state = LOCUM_TRIM_SKIP;
        self->trimmed++;
        memcpy(ret, empty, sizeof(empty) - 1);
        return sizeof(empty) - 1;
    }
    memcpy(ret, self->head, self->head_length);
    return self->head_length;
}

/* One byte of a line or a head. Returns the bytes written. */
static size_t
take_byte(struct locum_trim *self, char byte, char *ret)
{
    if (self->state == LOCUM_TRIM_START) {
        self->state = byte == '$' ? LOCUM_TRIM_HEAD : LOCUM_TRIM_LINE;
        self->head_length = 0;
    }
    if (self->state == LOCUM_TRIM_LINE) {
        self->state = byte == '\n' ? LOCUM_TRIM_START : LOCUM_TRIM_LINE;
        *ret = byte;
        return 1;
    }
    self->head[self->head_length++] = byte;
    if (byte == '\n') {
        return end_head(self, ret);
    }
    if (self->head_length < sizeof(self->head)) {
        return 0;
    }
    self->state = LOCUM_TRIM_LINE;
    memcpy(ret, self->head, self->head_length);
    return self->head_length;
}

/* Up to `length` bytes of a bulk string. Returns how many were taken. */
static size_t
take_bulk(struct locum_trim *self, const char *bytes, size_t length, char *ret)
{
    const size_t taken = self->left < length ? (size_t)self->left : length;
    if (self->state == LOCUM_TRIM_KEEP) {
        memcpy(ret, bytes, taken);
    }
    self->left -= taken;
    return taken;
}

size_t
locum_trim(struct locum_trim *self, const char *bytes, size_t length, char *ret)
{
    size_t written = 0;
    for (size_t at = 0; at < length;) {
        if (self->state != LOCUM_TRIM_KEEP && self->state != LOCUM_TRIM_SKIP) {
            written += take_byte(self, bytes[at++], ret + written);
            continue;
        }
        const size_t taken = take_bulk(self, bytes + at, length - at, ret + written);
        written += self->state == LOCUM_TRIM_KEEP ? taken : 0;
        at += taken;
        self->state = self->left > 0 ? self->state : LOCUM_TRIM_START;
    }
    return written;
}
