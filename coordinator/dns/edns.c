#include "dns/edns.h"

#include <string.h>

#include "dns/packet.h"

enum { DO = 0x80 };

/* Numbers of the IANA registry "DNS EDNS0 Option Codes (OPT)". */
enum edns_option { OPTION_NSID = 3, OPTION_COOKIE = 10, OPTION_KEEPALIVE = 11, OPTION_ERROR = 15 };

static bool
is_cookie_legal(size_t length)
{
    return length == LOCUM_COOKIE_CLIENT_BYTES ||
           (length >= LOCUM_COOKIE_CLIENT_BYTES + LOCUM_COOKIE_SERVER_MIN &&
            length <= LOCUM_COOKIE_CLIENT_BYTES + LOCUM_COOKIE_SERVER_MAX);
}

static bool
parse_options(const uint8_t *at, size_t length, struct locum_edns *ret)
{
    while (length >= LOCUM_EDNS_OPTION_BYTES) {
        const uint16_t code = locum_packet_u16(at);
        const size_t size = locum_packet_u16(at + 2);
        if (size > length - LOCUM_EDNS_OPTION_BYTES) {
            return false;
        }
        if (code == OPTION_NSID) {
            ret->nsid = true;
        } else if (code == OPTION_COOKIE && ret->cookie_length == 0) {
            if (!is_cookie_legal(size)) {
                return false;
            }
            ret->cookie = at + LOCUM_EDNS_OPTION_BYTES;
            ret->cookie_length = size;
        } else if (code == OPTION_KEEPALIVE && ret->keepalive != LOCUM_EDNS_KEEPALIVE_ILLEGAL) {
            ret->keepalive = size == 0 ? LOCUM_EDNS_KEEPALIVE_ASKED : LOCUM_EDNS_KEEPALIVE_ILLEGAL;
        }
        at += LOCUM_EDNS_OPTION_BYTES + size;
        length -= LOCUM_EDNS_OPTION_BYTES + size;
    }
    return length == 0;
}

bool
locum_edns_parse(const uint8_t *opt, size_t length, struct locum_edns *ret)
{
    if (length < LOCUM_EDNS_FIXED_BYTES || opt[0] != 0 ||
        locum_packet_u16(opt + 1) != LOCUM_TYPE_OPT ||
        locum_packet_u16(opt + 9) != length - LOCUM_EDNS_FIXED_BYTES) {
        return false;
    }
    ret->present = true;
    ret->payload = locum_packet_u16(opt + 3);
    ret->version = opt[6];
    ret->dnssec_ok = (opt[7] & DO) != 0;
    return parse_options(opt + LOCUM_EDNS_FIXED_BYTES, length - LOCUM_EDNS_FIXED_BYTES, ret);
}

size_t
locum_edns_length(const struct locum_edns_reply *self)
{
    size_t length = LOCUM_EDNS_FIXED_BYTES;
    length += self->cookie != NULL ? LOCUM_EDNS_OPTION_BYTES + LOCUM_COOKIE_BYTES : 0;
    length += self->nsid != NULL ? LOCUM_EDNS_OPTION_BYTES + self->nsid_length : 0;
    length += self->keepalive ? LOCUM_EDNS_OPTION_BYTES + 2 : 0;
    length += self->error != LOCUM_EDNS_NO_ERROR ? LOCUM_EDNS_OPTION_BYTES + 2 : 0;
    return length;
}

static uint8_t *
put_option(uint8_t *to, enum edns_option code, const uint8_t *value, size_t length)
{
    locum_packet_put_u16(to, (uint16_t)code);
    locum_packet_put_u16(to + 2, (uint16_t)length);
    memcpy(to + LOCUM_EDNS_OPTION_BYTES, value, length);
    return to + LOCUM_EDNS_OPTION_BYTES + length;
}

static uint8_t *
put_option_u16(uint8_t *to, enum edns_option code, uint16_t value)
{
    const uint8_t bytes[] = {(uint8_t)(value >> 8), (uint8_t)value};
    return put_option(to, code, bytes, sizeof(bytes));
}

size_t
locum_edns_write(const struct locum_edns_reply *self, uint16_t payload, uint8_t *to)
{
    uint8_t *at = to + LOCUM_EDNS_FIXED_BYTES;
    to[0] = 0; /* the root */
    locum_packet_put_u16(to + 1, LOCUM_TYPE_OPT);
    locum_packet_put_u16(to + 3, payload);
    to[5] = (uint8_t)(self->rcode >> 4);
    to[6] = 0; /* version */
    to[7] = self->dnssec_ok ? DO : 0;
    to[8] = 0;
    if (self->cookie != NULL) {
        at = put_option(at, OPTION_COOKIE, self->cookie, LOCUM_COOKIE_BYTES);
    }
    if (self->nsid != NULL) {
        at = put_option(at, OPTION_NSID, self->nsid, self->nsid_length);
    }
    if (self->keepalive) {
        at = put_option_u16(at, OPTION_KEEPALIVE, self->idle_100ms);
    }
    if (self->error != LOCUM_EDNS_NO_ERROR) {
        at = put_option_u16(at, OPTION_ERROR, (uint16_t)self->error);
    }
    locum_packet_put_u16(to + 9, (uint16_t)((size_t)(at - to) - LOCUM_EDNS_FIXED_BYTES));
    return (size_t)(at - to);
}

bool
locum_edns_has_cookie(const uint8_t *opt)
{
    /* It is the first option. */
    return locum_packet_u16(opt + 9) > LOCUM_EDNS_OPTION_BYTES &&
           locum_packet_u16(opt + LOCUM_EDNS_FIXED_BYTES) == OPTION_COOKIE;
}

size_t
locum_edns_shorten(const uint8_t *opt, uint16_t rcode, uint8_t *to)
{
    const size_t options =
        locum_edns_has_cookie(opt) ? LOCUM_EDNS_OPTION_BYTES + LOCUM_COOKIE_BYTES : 0;
    memmove(to, opt, LOCUM_EDNS_FIXED_BYTES + options);
    to[5] = (uint8_t)(rcode >> 4);
    locum_packet_put_u16(to + 9, (uint16_t)options);
    return LOCUM_EDNS_FIXED_BYTES + options;
}
