#include "nsd-adapter/soa.h"

#include <string.h>
#include <strings.h>

#include "base/error.h"

enum { HEADER_BYTES = 12, TYPE_SOA = 6, CLASS_IN = 1, NAME_MAX_BYTES = 255 };
enum { FLAG_QR = 0x80, FLAG_AA = 0x04 };

static void
put_u16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static unsigned
get_u16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

/* The number of bytes written. */
static size_t
put_name(const char *zone, uint8_t *ret)
{
    struct locum_slice rest = locum_slice_of(zone);
    struct locum_slice label;
    size_t length = 0;
    while (locum_slice_cut(&rest, '.', &label) && label.length > 0) {
        LOCUM_INVARIANT(length + 1 + label.length < NAME_MAX_BYTES);
        ret[length++] = (uint8_t)label.length;
        memcpy(ret + length, label.at, label.length);
        length += label.length;
    }
    ret[length++] = 0;
    return length;
}

size_t
locum_nsd_soa_query(const char *zone, uint16_t id, uint8_t ret[LOCUM_NSD_QUERY_MAX])
{
    memset(ret, 0, HEADER_BYTES);
    put_u16(ret, id);
    put_u16(ret + 4, 1);
    const size_t end = HEADER_BYTES + put_name(zone, ret + HEADER_BYTES);
    put_u16(ret + end, TYPE_SOA);
    put_u16(ret + end + 2, CLASS_IN);
    return end + 4;
}

/* Skip a name, which a pointer ends (RFC 1035 4.1.4). False: it is not whole. */
static bool
skip_name(const uint8_t *packet, size_t length, size_t *at)
{
    while (*at < length) {
        const uint8_t octet = packet[*at];
        if ((octet & 0xc0) == 0xc0) {
            *at += 2;
            return *at <= length;
        }
        if ((octet & 0xc0) != 0) {
            return false;
        }
        *at += 1 + (size_t)octet;
        if (octet == 0) {
            return *at <= length;
        }
    }
    return false;
}

/* True if this is the name of the question: a pointer to it, or the same labels in any case. */
static bool
is_question_name(const uint8_t *query, size_t name_length, const uint8_t *reply, size_t length,
                 size_t at)
{
    if (at + 2 <= length && reply[at] == 0xc0 && reply[at + 1] == HEADER_BYTES) {
        return true;
    }
    return at + name_length <= length &&
           strncasecmp((const char *)query + HEADER_BYTES, (const char *)reply + at, name_length) ==
               0 &&
           reply[at + name_length - 1] == 0;
}

/* The serial of the first SOA record of the zone in the answer section. */
static bool
find_serial(const uint8_t *query, size_t query_length, const uint8_t *reply, size_t length,
            uint32_t *ret)
{
    const size_t name_length = query_length - HEADER_BYTES - 4;
    size_t at = query_length;
    for (unsigned left = get_u16(reply + 6); left > 0; left--) {
        const bool ours = is_question_name(query, name_length, reply, length, at);
        if (!skip_name(reply, length, &at) || length - at < 10) {
            return false;
        }
        const unsigned type = get_u16(reply + at);
        const unsigned class = get_u16(reply + at + 2);
        size_t data = at + 10;
        at = data + get_u16(reply + at + 8);
        if (at > length) {
            return false;
        }
        if (ours && type == TYPE_SOA && class == CLASS_IN) {
            if (!skip_name(reply, at, &data) || !skip_name(reply, at, &data) || at - data != 20) {
                return false;
            }
            *ret = (uint32_t)get_u16(reply + data) << 16 | get_u16(reply + data + 2);
            return true;
        }
    }
    return false;
}

int
locum_nsd_soa_read(const uint8_t *query, size_t query_length, const uint8_t *reply, size_t length,
                   enum locum_nsd_soa *ret, uint32_t *ret_serial, uint8_t *ret_rcode)
{
    uint32_t serial;
    if (length < HEADER_BYTES || memcmp(query, reply, 2) != 0 || (reply[2] & FLAG_QR) == 0 ||
        (reply[2] & 0x78) != 0) {
        return LOCUM_ERR_PROTOCOL;
    }
    const uint8_t rcode = reply[3] & 0x0f;
    /* A server may leave the question out of an error. */
    const bool echoed =
        get_u16(reply + 4) == 1 && length >= query_length &&
        strncasecmp((const char *)query + HEADER_BYTES, (const char *)reply + HEADER_BYTES,
                    query_length - HEADER_BYTES - 5) == 0 &&
        memcmp(query + query_length - 5, reply + query_length - 5, 5) == 0;
    if (!echoed && (get_u16(reply + 4) != 0 || rcode == 0)) {
        return LOCUM_ERR_PROTOCOL;
    }
    if (rcode == 0 && (reply[2] & FLAG_AA) != 0 &&
        find_serial(query, query_length, reply, length, &serial)) {
        *ret = LOCUM_NSD_SOA_SERIAL;
        *ret_serial = serial;
        return 0;
    }
    *ret = LOCUM_NSD_SOA_NONE;
    *ret_rcode = rcode;
    return 0;
}

const char *
locum_nsd_soa_rcode_text(uint8_t rcode)
{
    static const char *const texts[16] = {"",        "FORMERR", "SERVFAIL", "NXDOMAIN",
                                          "NOTIMP",  "REFUSED", "YXDOMAIN", "YXRRSET",
                                          "NXRRSET", "NOTAUTH", "NOTZONE"};
    return rcode < LOCUM_COUNT(texts) && texts[rcode] != NULL ? texts[rcode] : "an unknown code";
}
