#include "nsd-adapter/zonetext.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

/* RFC 1035 3.3.13: owner ttl class SOA mname rname serial refresh retry expire minimum. */
enum { OWNER, TTL, CLASS, TYPE, MNAME, RNAME, SERIAL, REFRESH, RETRY, EXPIRE, MINIMUM, FIELDS };

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The words of a line, at most `max`; returns how many there are, max + 1: more. */
static size_t
split(struct locum_slice line, struct locum_slice *ret, size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < line.length;) {
        if (is_blank(line.at[i])) {
            i++;
            continue;
        }
        const size_t start = i;
        while (i < line.length && !is_blank(line.at[i])) {
            i++;
        }
        if (count == max) {
            return max + 1;
        }
        ret[count++] = (struct locum_slice){.at = line.at + start, .length = i - start};
    }
    return count;
}

/* FNV-1a, 64 bits. */
static uint64_t
hash_on(uint64_t hash, const char *at, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ (uint8_t)at[i]) * 1099511628211u;
    }
    return hash;
}

static uint64_t
digest_of(struct locum_slice text, struct locum_slice serial)
{
    const size_t before = (size_t)(serial.at - text.at);
    const char *behind = serial.at + serial.length;
    const uint64_t hash = hash_on(14695981039346656037u, text.at, before);
    return hash_on(hash, behind, text.length - before - serial.length);
}

static bool
is_signature(struct locum_slice line)
{
    struct locum_slice words[TYPE + 1];
    return split(line, words, TYPE + 1) > TYPE && locum_slice_is(words[TYPE], "RRSIG");
}

/* The first line is the SOA of the zone. */
static const char *
read_soa(struct locum_slice line, const char *zone, struct locum_nsd_zonetext *ret)
{
    struct locum_slice words[FIELDS];
    uint64_t serial;
    if (split(line, words, FIELDS) != FIELDS || !locum_slice_is(words[CLASS], "IN") ||
        !locum_slice_is(words[TYPE], "SOA")) {
        return "its first line is no SOA";
    }
    if (words[OWNER].length != strlen(zone) ||
        strncasecmp(words[OWNER].at, zone, words[OWNER].length) != 0) {
        return "its SOA is that of another zone";
    }
    if (locum_slice_u64(words[SERIAL], UINT32_MAX, &serial) != 0) {
        return "the serial of its SOA is no number of 32 bits";
    }
    ret->serial = (uint32_t)serial;
    ret->serial_at = words[SERIAL];
    return NULL;
}

int
locum_nsd_zonetext_read(struct locum_slice text, const char *zone, struct locum_nsd_zonetext *ret,
                        const char **ret_why)
{
    struct locum_nsd_zonetext read = {0};
    struct locum_slice rest = text;
    struct locum_slice line;
    const char *why = text.length > LOCUM_NSD_ZONE_BYTES_MAX ? "it is too large" : NULL;
    if (why == NULL && memchr(text.at, '\0', text.length) != NULL) {
        why = "a NUL stands in it";
    }
    if (why == NULL) {
        (void)locum_slice_cut(&rest, '\n', &line);
        why = read_soa(line, zone, &read);
    }
    if (why != NULL) {
        *ret_why = why;
        return LOCUM_ERR_INVALID;
    }
    while (!read.is_signed && locum_slice_cut(&rest, '\n', &line)) {
        read.is_signed = is_signature(line);
    }
    read.digest = digest_of(text, read.serial_at);
    *ret = read;
    return 0;
}

int
locum_nsd_zonetext_render(struct locum_slice text, const struct locum_nsd_zonetext *self,
                          uint32_t serial, char **ret)
{
    enum { DIGITS_MAX = 10 };
    const size_t size = text.length - self->serial_at.length + DIGITS_MAX + 1;
    char *buffer = malloc(size);
    if (buffer == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    struct locum_text out = locum_text_init(buffer, size);
    const char *behind = self->serial_at.at + self->serial_at.length;
    locum_text_add_bytes(&out, text.at, (size_t)(self->serial_at.at - text.at));
    locum_text_add_u64(&out, serial);
    locum_text_add_bytes(&out, behind, (size_t)(text.at + text.length - behind));
    LOCUM_INVARIANT(!out.truncated);
    *ret = buffer;
    return 0;
}
