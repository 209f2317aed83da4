#include "dns/packet.h"

/* Header flags, RFC 1035 4.1.1. */
enum { QR = 0x80, OPCODE = 0x78 };

/* Read the name at `at`. The offset after it; 0 if it is not whole, too long or compressed. */
static size_t
parse_name(const uint8_t *packet, size_t length, size_t at, struct locum_question *question)
{
    size_t written = 0;
    while (at < length) {
        const size_t label = packet[at];
        if (label > LOCUM_DNS_LABEL_MAX || label >= length - at ||
            written + label + 1 > LOCUM_DNS_NAME_MAX) {
            return 0;
        }
        question->name[written++] = packet[at++];
        if (label == 0) {
            question->name_length = written;
            return at;
        }
        for (size_t i = 0; i < label; i++) {
            const uint8_t c = packet[at++];
            question->name[written++] = c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
        }
    }
    return 0;
}

/* Read the question, which `*ret` has as long as `end` is behind the header. */
static bool
parse_question(const uint8_t *packet, size_t length, struct locum_question *ret)
{
    const size_t at = parse_name(packet, length, LOCUM_DNS_HEADER_BYTES, ret);
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
