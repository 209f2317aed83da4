#include "dns/packet.h"

#include <string.h>

#include "dns/tsig.h"

/* Header flags, RFC 1035 4.1.1. */
enum { QR = 0x80, OPCODE = 0x78, UPDATE = 5 << 3 };
enum { POINTER = 0xc0 }; /* RFC 1035 4.1.4 */

/* Eight bytes in lower case. The lengths of labels are below 'A', so they stay. */
static uint64_t
lower(uint64_t bytes)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t low = bytes & ~(ones << 7);
    const uint64_t from_a = low + ones * (0x80 - 'A');      /* bit 7: >= 'A' */
    const uint64_t after_z = low + ones * (0x80 - 'Z' - 1); /* bit 7: > 'Z' */
    return bytes | ((from_a ^ after_z) & ~bytes & ones << 7) >> 2;
}

static void
lower_8(uint8_t *to, const uint8_t *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof(word));
    word = lower(word);
    memcpy(to, &word, sizeof(word));
}

size_t
locum_packet_name(const uint8_t *message, size_t length, size_t at, struct locum_wire_name *ret)
{
    const uint8_t *from = message + at;
    const size_t left = length - at < LOCUM_DNS_NAME_MAX ? length - at : LOCUM_DNS_NAME_MAX;
    size_t end = 0; /* of the last label */
    size_t labels = 0;
    while (end < left && from[end] != 0) {
        const size_t label = from[end];
        if (label > LOCUM_DNS_LABEL_MAX) {
            return 0;
        }
        ret->label_at[labels++] = (uint8_t)end;
        end += 1 + label;
    }
    if (end >= left) {
        return 0;
    }
    const size_t count = end + 1;
    ret->label_count = (uint8_t)labels;
    ret->length = (uint8_t)count;
    if (count < 8) {
        uint8_t padded[8] = {0};
        memcpy(padded, from, count);
        lower_8(ret->bytes, padded);
        return at + count;
    }
    for (size_t i = 0; i < count - 8; i += 8) {
        lower_8(ret->bytes + i, from + i);
    }
    lower_8(ret->bytes + count - 8, from + count - 8);
    return at + count;
}

/* A pointer leads to an earlier place than any before, so the loop ends. */
size_t
locum_packet_expand(const uint8_t *packet, size_t length, size_t at,
                    uint8_t ret[LOCUM_DNS_NAME_MAX], size_t *ret_length)
{
    size_t earliest = at, after = 0, written = 0;
    while (at < length) {
        const uint8_t label = packet[at];
        if ((label & POINTER) == POINTER) {
            const size_t to = length - at < 2 ? length : locum_packet_u16(packet + at) & 0x3fffu;
            after = after == 0 ? at + 2 : after;
            if (to >= earliest || to < LOCUM_DNS_HEADER_BYTES) {
                return 0;
            }
            at = earliest = to;
            continue;
        }
        if (label > LOCUM_DNS_LABEL_MAX || label >= length - at ||
            written + label + 1u > LOCUM_DNS_NAME_MAX) {
            return 0;
        }
        ret[written++] = label;
        for (size_t i = 1; i <= label; i++) {
            const uint8_t c = packet[at + i];
            ret[written++] = c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
        }
        at += 1u + label;
        if (label == 0) {
            *ret_length = written;
            return after == 0 ? at : after;
        }
    }
    return 0;
}

/* Read the question, which `*ret` has as long as `end` is behind the header. */
static bool
parse_question(const uint8_t *packet, size_t length, struct locum_question *ret)
{
    const size_t at = locum_packet_name(packet, length, LOCUM_DNS_HEADER_BYTES, &ret->name);
    if (at == 0 || length - at < 4) {
        return false;
    }
    ret->type = locum_packet_u16(packet + at);
    ret->class = locum_packet_u16(packet + at + 2);
    ret->end = at + 4;
    return true;
}

/* Without an answer or authority section, the only additional record can be an OPT record: it has
 * no TSIG record then, and need not be searched for one. */
static bool
may_be_signed(const uint8_t *packet, size_t length, size_t at)
{
    static const uint8_t opt[] = {0, LOCUM_TYPE_OPT >> 8, LOCUM_TYPE_OPT};
    const uint16_t additional = locum_packet_u16(packet + 10);
    return additional > 1 || (additional == 1 && (length - at < sizeof(opt) ||
                                                  memcmp(packet + at, opt, sizeof(opt)) != 0));
}

/* Skip the SOA record of the client's version, the authority section of IXFR (RFC 1995 3). The
 * offset after it; 0: it is something else. */
static size_t
parse_version(const uint8_t *packet, size_t length, struct locum_question *ret)
{
    enum { SERIAL_BYTES = 20 }; /* and the four numbers after it */
    size_t at = locum_tsig_skip_name(packet, length, ret->end);
    if (at == 0 || length - at < 10 || locum_packet_u16(packet + at) != LOCUM_TYPE_SOA) {
        return 0;
    }
    const size_t end = at + 10 + locum_packet_u16(packet + at + 8);
    at += 10;
    for (int i = 0; i < 2 && at != 0; i++) { /* MNAME, RNAME */
        at = locum_tsig_skip_name(packet, length, at);
    }
    if (at == 0 || end > length || at + SERIAL_BYTES != end) {
        return 0;
    }
    ret->has_serial = true;
    ret->serial = (uint32_t)locum_packet_u16(packet + at) << 16 | locum_packet_u16(packet + at + 2);
    return end;
}

/* What follows the question must be nothing or one OPT record, and then maybe a TSIG record. */
static enum locum_parsed
parse_rest(const uint8_t *packet, size_t length, struct locum_question *ret)
{
    const bool is_transfer = ret->end > LOCUM_DNS_HEADER_BYTES && ret->type == LOCUM_TYPE_IXFR;
    uint16_t authority = locum_packet_u16(packet + 8);
    uint16_t additional = locum_packet_u16(packet + 10);
    size_t at = ret->end;
    if (locum_packet_u16(packet + 6) != 0 || authority > (is_transfer ? 1 : 0)) {
        return LOCUM_PARSED_FORMERR;
    }
    if (authority == 1 && (at = parse_version(packet, length, ret)) == 0) {
        return LOCUM_PARSED_FORMERR;
    }
    if (may_be_signed(packet, length, at)) {
        switch (locum_tsig_find(packet, length, &ret->signed_at)) {
        case LOCUM_TSIG_ABSENT: break;
        case LOCUM_TSIG_BROKEN: ret->signed_at = 0; return LOCUM_PARSED_FORMERR;
        case LOCUM_TSIG_FOUND:
            length = ret->signed_at;
            additional--;
            break;
        }
    }
    if (additional == 0) {
        return at == length ? LOCUM_PARSED_QUESTION : LOCUM_PARSED_FORMERR;
    }
    if (additional > 1) {
        return LOCUM_PARSED_FORMERR;
    }
    const bool legal = locum_edns_parse(packet + at, length - at, &ret->edns);
    if (ret->edns.version != 0) {
        return LOCUM_PARSED_BADVERS;
    }
    return legal ? LOCUM_PARSED_QUESTION : LOCUM_PARSED_FORMERR;
}

static enum locum_parsed
parse_query(const uint8_t *packet, size_t length, struct locum_question *ret)
{
    const uint16_t questions = locum_packet_u16(packet + 4);
    if (questions > 1 || (questions == 1 && !parse_question(packet, length, ret))) {
        return LOCUM_PARSED_FORMERR;
    }
    const enum locum_parsed parsed = parse_rest(packet, length, ret);
    if (parsed != LOCUM_PARSED_QUESTION) {
        return parsed;
    }
    if (questions == 1) {
        const bool transfer = ret->type == LOCUM_TYPE_AXFR || ret->type == LOCUM_TYPE_IXFR;
        return transfer ? LOCUM_PARSED_TRANSFER : LOCUM_PARSED_QUESTION;
    }
    return ret->edns.cookie_length > 0 ? LOCUM_PARSED_COOKIE : LOCUM_PARSED_FORMERR;
}

enum locum_parsed
locum_packet_parse(const uint8_t *packet, size_t length, struct locum_question *ret)
{
    if (length < LOCUM_DNS_HEADER_BYTES || (packet[2] & QR) != 0) {
        return LOCUM_PARSED_SILENCE;
    }
    ret->edns = (struct locum_edns){0};
    ret->end = LOCUM_DNS_HEADER_BYTES;
    ret->signed_at = 0;
    ret->has_serial = false;
    enum locum_parsed parsed = parse_query(packet, length, ret);
    if ((packet[2] & OPCODE) != 0) {
        parsed = (packet[2] & OPCODE) == UPDATE ? LOCUM_PARSED_UPDATE : LOCUM_PARSED_NOTIMP;
        if (locum_tsig_find(packet, length, &ret->signed_at) != LOCUM_TSIG_FOUND) {
            ret->signed_at = 0;
        }
    }
    if (parsed == LOCUM_PARSED_NOTIMP || parsed == LOCUM_PARSED_UPDATE ||
        parsed == LOCUM_PARSED_FORMERR) {
        ret->end = LOCUM_DNS_HEADER_BYTES;
    }
    return parsed;
}
