#include "nsd-adapter/zonetext.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/error.h"

/* RFC 1035 3.3.13: owner ttl class SOA mname rname serial refresh retry expire minimum. */
enum { OWNER, TTL, CLASS, TYPE, MNAME, RNAME, SERIAL, REFRESH, RETRY, EXPIRE, MINIMUM, FIELDS };

/* RFC 4034 3.2: ... RRSIG covered algorithm labels ttl expiration ... */
enum { EXPIRATION = TYPE + 5, EXPIRATION_DIGITS = 14 };

/* Split a line at blanks. The number of fields; max + 1: there are more than `max`. */
static size_t
split(struct locum_slice line, struct locum_slice *ret, size_t max)
{
    size_t count = 0;
    bool in_field = false;
    for (size_t i = 0; i < line.length; i++) {
        const bool blank = line.at[i] == ' ' || line.at[i] == '\t';
        if (!blank && !in_field) {
            if (count == max) {
                return max + 1;
            }
            ret[count++] = (struct locum_slice){.at = line.at + i};
        }
        in_field = !blank;
        if (in_field) {
            ret[count - 1].length++;
        }
    }
    return count;
}

/* FNV-1a, 64 bits (draft-eastlake-fnv). */
#define HASH_BASIS UINT64_C(14695981039346656037)
static uint64_t
hash_on(uint64_t hash, const char *at, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ (uint8_t)at[i]) * 1099511628211u;
    }
    return hash;
}

/* Read the first line of *rest. NULL, or what is wrong with the zone. */
static const char *
read_soa(struct locum_slice *rest, const char *zone, struct locum_nsd_zonetext *ret)
{
    struct locum_slice line;
    struct locum_slice fields[FIELDS];
    uint64_t serial;
    if (rest->length > LOCUM_NSD_ZONE_BYTES_MAX) {
        return "it is too large";
    }
    if (memchr(rest->at, '\0', rest->length) != NULL) {
        return "it contains a NUL byte";
    }
    if (!locum_slice_cut(rest, '\n', &line) || split(line, fields, FIELDS) != FIELDS ||
        !locum_slice_is(fields[CLASS], "IN") || !locum_slice_is(fields[TYPE], "SOA")) {
        return "its first line is not an SOA record";
    }
    if (fields[OWNER].length != strlen(zone) ||
        strncasecmp(fields[OWNER].at, zone, fields[OWNER].length) != 0) {
        return "its SOA record belongs to another zone";
    }
    if (locum_slice_u64(fields[SERIAL], UINT32_MAX, &serial) != 0) {
        return "the serial of its SOA record is not a 32-bit number";
    }
    ret->serial = (uint32_t)serial;
    ret->serial_at = fields[SERIAL];
    return NULL;
}

/* "20261213000000" as seconds since 1970; 0: it is no such time. */
static int64_t
time_of(struct locum_slice digits)
{
    char text[EXPIRATION_DIGITS + 1];
    struct tm time = {.tm_year = 0};
    if (digits.length != EXPIRATION_DIGITS || locum_slice_copy(digits, text, sizeof(text)) != 0) {
        return 0;
    }
    const char *end = strptime(text, "%Y%m%d%H%M%S", &time);
    const int64_t seconds = end != NULL && *end == '\0' ? (int64_t)timegm(&time) : 0;
    return seconds > 0 ? seconds : 0;
}

/* Is this line an RRSIG record? Then note its end. */
static void
read_signature(struct locum_slice line, struct locum_nsd_zonetext *ret)
{
    struct locum_slice fields[EXPIRATION + 1];
    const size_t count = split(line, fields, EXPIRATION + 1);
    ret->is_signed = count > TYPE && locum_slice_is(fields[TYPE], "RRSIG");
    ret->expires_s = ret->is_signed && count > EXPIRATION ? time_of(fields[EXPIRATION]) : 0;
}

int
locum_nsd_zonetext_read(struct locum_slice text, const char *zone, struct locum_nsd_zonetext *ret,
                        const char **ret_why)
{
    struct locum_nsd_zonetext read = {.text = text};
    struct locum_slice rest = text;
    struct locum_slice line;
    const char *why = read_soa(&rest, zone, &read);
    if (why != NULL) {
        *ret_why = why;
        return LOCUM_ERR_INVALID;
    }
    while (!read.is_signed && locum_slice_cut(&rest, '\n', &line)) {
        read_signature(line, &read);
    }
    const char *serial = read.serial_at.at;
    const char *after = serial + read.serial_at.length;
    const uint64_t hash = hash_on(HASH_BASIS, text.at, (size_t)(serial - text.at));
    read.digest = hash_on(hash, after, text.length - (size_t)(after - text.at));
    *ret = read;
    return 0;
}

int
locum_nsd_zonetext_render(const struct locum_nsd_zonetext *self, uint32_t serial, char **ret)
{
    const struct locum_slice text = self->text;
    const struct locum_slice digits = self->serial_at;
    const char *behind = digits.at + digits.length;
    const int length = asprintf(ret, "%.*s%" PRIu32 "%.*s", (int)(digits.at - text.at), text.at,
                                serial, (int)(text.at + text.length - behind), behind);
    return length < 0 ? LOCUM_ERR_MEMORY : 0;
}
