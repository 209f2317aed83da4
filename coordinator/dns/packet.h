/*
 * packet: bytes from the network -> one question. Nothing else of a query is ever read.
 *
 * A query is the header, one question without compression and at most one OPT record (edns.h) and
 * one TSIG record after it (tsig.h); nothing may follow (RFC 1035 4.1, RFC 6891 6.1, RFC 8945 5.1).
 * IXFR has an SOA record too, of the client's version. Pure, no allocation, every loop bounded by
 * the packet's length. Queries are not given to ldns, whose parser leaks on some; fuzz_dns.c proves
 * that ldns accepts what is accepted here, with the same meaning.
 */
#ifndef LOCUM_DNS_PACKET_H
#define LOCUM_DNS_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/edns.h"

enum {
    LOCUM_DNS_HEADER_BYTES = 12,
    LOCUM_DNS_NAME_MAX = 255, /* bytes of a name on the wire, with its last 0 (RFC 1035 2.3.4) */
    LOCUM_DNS_LABEL_MAX = 63,
    LOCUM_DNS_LABELS_MAX = 127, /* of a name, without the root */
};

/* Numbers of the IANA registry "Domain Name System (DNS) Parameters". */
enum locum_dns_type {
    LOCUM_TYPE_A = 1,
    LOCUM_TYPE_NS = 2,
    LOCUM_TYPE_CNAME = 5,
    LOCUM_TYPE_SOA = 6,
    LOCUM_TYPE_TXT = 16,
    LOCUM_TYPE_AAAA = 28,
    LOCUM_TYPE_DNAME = 39,
    LOCUM_TYPE_OPT = 41,
    LOCUM_TYPE_DS = 43,
    LOCUM_TYPE_RRSIG = 46,
    LOCUM_TYPE_NSEC = 47,
    LOCUM_TYPE_HTTPS = 65,
    LOCUM_TYPE_IXFR = 251,
    LOCUM_TYPE_AXFR = 252,
    LOCUM_TYPE_ANY = 255,
};
enum locum_dns_class { LOCUM_CLASS_IN = 1, LOCUM_CLASS_CH = 3 };
enum locum_dns_rcode {
    LOCUM_RCODE_NOERROR = 0,
    LOCUM_RCODE_FORMERR = 1,
    LOCUM_RCODE_SERVFAIL = 2,
    LOCUM_RCODE_NXDOMAIN = 3,
    LOCUM_RCODE_NOTIMP = 4,
    LOCUM_RCODE_REFUSED = 5,
    LOCUM_RCODE_YXDOMAIN = 6,
    LOCUM_RCODE_YXRRSET = 7,
    LOCUM_RCODE_NXRRSET = 8,
    LOCUM_RCODE_NOTAUTH = 9,
    LOCUM_RCODE_NOTZONE = 10,
    LOCUM_RCODE_BADVERS = 16,
    LOCUM_RCODE_BADCOOKIE = 23,
};

/* What to do with a packet. */
enum locum_parsed {
    LOCUM_PARSED_QUESTION, /* answer the question */
    LOCUM_PARSED_COOKIE,   /* no question: a client wants a cookie (RFC 7873 5.4) */
    LOCUM_PARSED_SILENCE,  /* no whole header, or a response: an answer could start a loop */
    LOCUM_PARSED_FORMERR,  /* what follows the header is not a query as above */
    LOCUM_PARSED_NOTIMP,   /* an opcode other than QUERY and UPDATE */
    LOCUM_PARSED_TRANSFER, /* a legal query of type AXFR or IXFR */
    LOCUM_PARSED_BADVERS,  /* an EDNS version above 0 (RFC 6891 6.1.3) */
    LOCUM_PARSED_UPDATE,   /* opcode UPDATE: only its TSIG record was looked for (update.h) */
};

/* A name in wire form and lower case. */
struct locum_wire_name {
    /* What is behind the name may be read, eight bytes at a time, but has no meaning. */
    uint8_t bytes[LOCUM_DNS_NAME_MAX + 8];
    uint8_t label_at[LOCUM_DNS_LABELS_MAX]; /* where each label begins */
    uint8_t label_count;                    /* without the root */
    uint8_t length;                         /* of the name, with its last 0 */
};

struct locum_question {
    struct locum_wire_name name;
    uint16_t type;
    uint16_t class;
    size_t end;       /* offset of the first byte after it; LOCUM_DNS_HEADER_BYTES: there is none */
    size_t signed_at; /* offset of the TSIG record, which is the last; 0: it has none */
    bool has_serial;  /* of IXFR: the version that the client has, */
    uint32_t serial;  /* its SOA serial */
    struct locum_edns edns; /* the OPT record; of a query that is no legal one, if it was found */
};

/*
 * Read the name at offset `at` (<= length) of a message of `length` bytes. Returns the offset after
 * it; 0 if it is not whole, too long or compressed.
 */
size_t locum_packet_name(const uint8_t *message, size_t length, size_t at,
                         struct locum_wire_name *ret);

/*
 * Read the name at offset `at`, compressed or not (RFC 1035 4.1.4), in lower case. Returns the
 * offset after it; 0: it is no name.
 */
size_t locum_packet_expand(const uint8_t *packet, size_t length, size_t at,
                           uint8_t ret[LOCUM_DNS_NAME_MAX], size_t *ret_length);

/*
 * Parse a packet of `length` bytes. After SILENCE *ret is not valid. Name, type and class are valid
 * if `end` is after the header: after QUESTION and TRANSFER, and after BADVERS of a question. A
 * TSIG record is found, not checked (tsig.h).
 */
enum locum_parsed locum_packet_parse(const uint8_t *packet, size_t length,
                                     struct locum_question *ret);

/* The address that a packet comes from, in network order. */
struct locum_dns_source {
    const uint8_t *address; /* borrowed */
    size_t length;          /* 4 or 16 */
};

/* Numbers in network order. */
static inline uint16_t
locum_packet_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline void
locum_packet_put_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void
locum_packet_put_u32(uint8_t *at, uint32_t value)
{
    locum_packet_put_u16(at, (uint16_t)(value >> 16));
    locum_packet_put_u16(at + 2, (uint16_t)value);
}

/* Write what is before the data of a record whose owner is a pointer. */
static inline void
locum_packet_put_fixed(uint8_t *to, uint16_t owner, uint16_t type, uint16_t class, uint32_t ttl_s,
                       size_t data_length)
{
    locum_packet_put_u16(to, owner);
    locum_packet_put_u16(to + 2, type);
    locum_packet_put_u16(to + 4, class);
    locum_packet_put_u32(to + 6, ttl_s);
    locum_packet_put_u16(to + 10, (uint16_t)data_length);
}

#endif
