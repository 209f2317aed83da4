#include "dns/packet.h"

/* Header flags, RFC 1035 4.1.1. */
enum { QR = 0x80, OPCODE = 0x78 };
enum { OPT_FIXED_BYTES = 11, OPTION_FIXED_BYTES = 4, DO = 0x80 };

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

/* True if `length` bytes are whole options (RFC 6891 6.1.2). */
static bool
options_are_whole(const uint8_t *at, size_t length)
{
    while (length >= OPTION_FIXED_BYTES) {
        const size_t size = OPTION_FIXED_BYTES + (size_t)locum_packet_u16(at + 2);
        if (size > length) {
            return false;
        }
        at += size;
        length -= size;
    }
    return length == 0;
}

/* The rest of the packet must be one OPT record. */
static enum locum_parsed
parse_opt(const uint8_t *opt, size_t length, struct locum_question *question)
{
    if (length < OPT_FIXED_BYTES || opt[0] != 0 || locum_packet_u16(opt + 1) != LOCUM_TYPE_OPT ||
        locum_packet_u16(opt + 9) != length - OPT_FIXED_BYTES) {
        return LOCUM_PARSED_FORMERR;
    }
    question->edns = true;
    question->payload = locum_packet_u16(opt + 3);
    question->dnssec_ok = (opt[7] & DO) != 0;
    if (opt[6] != 0) {
        return LOCUM_PARSED_BADVERS;
    }
    const bool whole = options_are_whole(opt + OPT_FIXED_BYTES, length - OPT_FIXED_BYTES);
    return whole ? LOCUM_PARSED_QUESTION : LOCUM_PARSED_FORMERR;
}

enum locum_parsed
locum_packet_parse(const uint8_t *packet, size_t length, struct locum_question *ret)
{
    if (length < LOCUM_DNS_HEADER_BYTES || (packet[2] & QR) != 0) {
        return LOCUM_PARSED_SILENCE;
    }
    if ((packet[2] & OPCODE) != 0) {
        return LOCUM_PARSED_NOTIMP;
    }
    if (locum_packet_u16(packet + 4) != 1) {
        return LOCUM_PARSED_FORMERR;
    }
    const size_t at = parse_name(packet, length, LOCUM_DNS_HEADER_BYTES, ret);
    if (at == 0 || length - at < 4) {
        return LOCUM_PARSED_FORMERR;
    }
    ret->type = locum_packet_u16(packet + at);
    ret->class = locum_packet_u16(packet + at + 2);
    ret->end = at + 4;
    ret->edns = false;
    ret->dnssec_ok = false;
    ret->payload = 0;
    if (ret->type == LOCUM_TYPE_AXFR || ret->type == LOCUM_TYPE_IXFR) {
        return LOCUM_PARSED_TRANSFER;
    }
    const uint16_t additional = locum_packet_u16(packet + 10);
    if (locum_packet_u16(packet + 6) != 0 || locum_packet_u16(packet + 8) != 0 || additional > 1) {
        return LOCUM_PARSED_FORMERR;
    }
    if (additional == 1) {
        return parse_opt(packet + ret->end, length - ret->end, ret);
    }
    return ret->end == length ? LOCUM_PARSED_QUESTION : LOCUM_PARSED_FORMERR;
}
