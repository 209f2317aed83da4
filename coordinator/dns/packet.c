#include "dns/packet.h"

#include <string.h>

/* Header flags, RFC 1035 4.1.1. */
enum { QR = 0x80, OPCODE = 0x78 };

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

/* What follows the question must be nothing, or one OPT record. */
static enum locum_parsed
parse_rest(const uint8_t *packet, size_t length, struct locum_question *ret)
{
    const uint16_t additional = locum_packet_u16(packet + 10);
    if (locum_packet_u16(packet + 6) != 0 || locum_packet_u16(packet + 8) != 0 || additional > 1) {
        return LOCUM_PARSED_FORMERR;
    }
    if (additional == 0) {
        return ret->end == length ? LOCUM_PARSED_QUESTION : LOCUM_PARSED_FORMERR;
    }
    const bool legal = locum_edns_parse(packet + ret->end, length - ret->end, &ret->edns);
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
    if (questions == 1) {
        const bool transfer = ret->type == LOCUM_TYPE_AXFR || ret->type == LOCUM_TYPE_IXFR;
        return transfer ? LOCUM_PARSED_TRANSFER : parsed;
    }
    if (parsed == LOCUM_PARSED_QUESTION) {
        return ret->edns.cookie_length > 0 ? LOCUM_PARSED_COOKIE : LOCUM_PARSED_FORMERR;
    }
    return parsed;
}

enum locum_parsed
locum_packet_parse(const uint8_t *packet, size_t length, struct locum_question *ret)
{
    if (length < LOCUM_DNS_HEADER_BYTES || (packet[2] & QR) != 0) {
        return LOCUM_PARSED_SILENCE;
    }
    ret->edns = (struct locum_edns){0};
    ret->end = LOCUM_DNS_HEADER_BYTES;
    enum locum_parsed parsed = parse_query(packet, length, ret);
    parsed = (packet[2] & OPCODE) != 0 ? LOCUM_PARSED_NOTIMP : parsed;
    if (parsed == LOCUM_PARSED_NOTIMP || parsed == LOCUM_PARSED_FORMERR) {
        ret->end = LOCUM_DNS_HEADER_BYTES;
    }
    return parsed;
}
