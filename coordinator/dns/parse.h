/*
 * parse: bytes from the network -> one question. All that this program reads of a packet.
 *
 * Reads the header, one question without compression, at most one OPT, and nothing may follow
 * (RFC 1035 4.1, RFC 6891 6.1). Pure, no allocation, every loop bounded by the packet's length;
 * packets never reach ldns. What is accepted here, ldns accepts with the same meaning (fuzzed).
 */
#ifndef LOCUM_DNS_PARSE_H
#define LOCUM_DNS_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LOCUM_DNS_HEADER_BYTES = 12,
    LOCUM_DNS_NAME_MAX = 255, /* bytes of a name on the wire, its last 0 included */
    LOCUM_DNS_LABEL_MAX = 63,
};

/* Numbers of the IANA registry "Domain Name System (DNS) Parameters". */
enum locum_dns_type {
    LOCUM_TYPE_NS = 2,
    LOCUM_TYPE_CNAME = 5,
    LOCUM_TYPE_SOA = 6,
    LOCUM_TYPE_TXT = 16,
    LOCUM_TYPE_OPT = 41,
    LOCUM_TYPE_IXFR = 251,
    LOCUM_TYPE_AXFR = 252,
    LOCUM_TYPE_ANY = 255,
};
enum locum_dns_class { LOCUM_CLASS_IN = 1, LOCUM_CLASS_CH = 3 };
enum locum_dns_rcode {
    LOCUM_RCODE_NOERROR = 0,
    LOCUM_RCODE_FORMERR = 1,
    LOCUM_RCODE_NXDOMAIN = 3,
    LOCUM_RCODE_NOTIMP = 4,
    LOCUM_RCODE_REFUSED = 5,
    LOCUM_RCODE_BADVERS = 16,
};

/* What to do with a packet. */
enum locum_parsed {
    LOCUM_PARSED_QUESTION, /* answer the question */
    LOCUM_PARSED_SILENCE,  /* no whole header, or a response: anything said would feed a loop */
    LOCUM_PARSED_FORMERR,  /* a header, and no question of ours behind it */
    LOCUM_PARSED_NOTIMP,   /* an opcode other than QUERY; its body is not looked at */
    LOCUM_PARSED_TRANSFER, /* AXFR or IXFR: what follows the question is not looked at */
    LOCUM_PARSED_BADVERS,  /* an EDNS version above 0 (RFC 6891 6.1.3) */
};

struct locum_question {
    uint8_t name[LOCUM_DNS_NAME_MAX]; /* wire form in lower case, name_length bytes */
    size_t name_length;               /* its last 0 included */
    uint16_t type;
    uint16_t class;
    size_t end;       /* offset of the first byte behind the question */
    bool edns;        /* there is an OPT */
    bool dnssec_ok;   /* its DO bit (RFC 3225) */
    uint16_t payload; /* its UDP payload size, as sent */
};

/*
 * Parse a packet of `length` bytes. *ret is valid after QUESTION, TRANSFER and BADVERS only, its
 * EDNS fields not after TRANSFER.
 */
enum locum_parsed locum_parse(const uint8_t *packet, size_t length, struct locum_question *ret);

/* Big-endian numbers. */
static inline uint16_t
locum_get_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline void
locum_put_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

#endif
