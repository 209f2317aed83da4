/*
 * edns: the OPT record (RFC 6891) of a query, read, and that of its answer, written. Pure, no
 * allocation.
 *
 * Options that are understood: NSID (RFC 5001), COOKIE (RFC 7873) and edns-tcp-keepalive (RFC
 * 7828); answers may have an extended error (RFC 8914). All others are skipped.
 */
#ifndef LOCUM_DNS_EDNS_H
#define LOCUM_DNS_EDNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LOCUM_COOKIE_CLIENT_BYTES = 8,
    LOCUM_COOKIE_BYTES = 24,     /* of a client and an interoperable server cookie (RFC 9018) */
    LOCUM_COOKIE_SERVER_MIN = 8, /* bytes of a server cookie (RFC 7873 4) */
    LOCUM_COOKIE_SERVER_MAX = 32,
    LOCUM_NSID_MAX = 15,         /* a node's name */
    LOCUM_EDNS_FIXED_BYTES = 11, /* an OPT record without options */
    LOCUM_EDNS_OPTION_BYTES = 4, /* code and length of an option */
    /* The longest OPT record of an answer: NSID, cookie, keepalive, extended error. */
    LOCUM_EDNS_BYTES_MAX = LOCUM_EDNS_FIXED_BYTES + 4 * LOCUM_EDNS_OPTION_BYTES + LOCUM_NSID_MAX +
                           LOCUM_COOKIE_BYTES + 2 + 2,
};

/* Extended errors (RFC 8914 4). */
enum locum_edns_error {
    LOCUM_EDNS_NOT_READY = 14,
    LOCUM_EDNS_NOT_AUTHORITATIVE = 20,
    LOCUM_EDNS_NOT_SUPPORTED = 21,
    LOCUM_EDNS_NO_ERROR = 0xffff,
};

/* The option edns-tcp-keepalive of a query. Over UDP it is ignored (RFC 7828 3.2.1). */
enum locum_edns_keepalive {
    LOCUM_EDNS_KEEPALIVE_NONE,
    LOCUM_EDNS_KEEPALIVE_ASKED,
    LOCUM_EDNS_KEEPALIVE_ILLEGAL, /* it has a value, which only a server may give (3.1, 3.2.1) */
};

/* What a query's OPT record says; all zero: it has none. */
struct locum_edns {
    bool present;
    bool dnssec_ok; /* DO (RFC 3225) */
    bool nsid;      /* the server's identifier is wanted */
    enum locum_edns_keepalive keepalive;
    uint8_t version;
    uint16_t payload;      /* UDP payload size, as sent */
    size_t cookie_length;  /* a legal one, or 0: no cookie */
    const uint8_t *cookie; /* in the packet; valid if cookie_length > 0 */
};

/*
 * Read the last `length` bytes of a packet, which must be one OPT record (RFC 6891 6.1.1, 6.1.2).
 *
 * ret  zeroed by the caller. `present` is set if it is an OPT record whose length is right; the
 *      options before the first illegal one are set too.
 * Returns true if all of it is legal: whole options, a cookie of 8 or of 16 to 40 bytes (RFC 7873
 * 5.2.2). Only the first cookie counts (RFC 7873 5.2).
 */
bool locum_edns_parse(const uint8_t *opt, size_t length, struct locum_edns *ret);

/* What an answer's OPT record says. */
struct locum_edns_reply {
    uint16_t rcode;        /* extended: the upper 8 bits go here */
    bool dnssec_ok;        /* copied from the query (RFC 3225 3) */
    const uint8_t *cookie; /* LOCUM_COOKIE_BYTES; NULL: none */
    const uint8_t *nsid;   /* NULL: none */
    size_t nsid_length;    /* at most LOCUM_NSID_MAX */
    bool keepalive;        /* tell the idle time */
    uint16_t idle_100ms;   /* it, in units of 100 ms; 0: close the connection now */
    enum locum_edns_error error;
};

/* The length of the record that locum_edns_write() writes; at most LOCUM_EDNS_BYTES_MAX. */
size_t locum_edns_length(const struct locum_edns_reply *self);

/* Has a record that was written here a cookie? */
bool locum_edns_has_cookie(const uint8_t *opt);

/* Move such a record to `to`, with another rcode and with no option but the cookie. Returns its
 * length. */
size_t locum_edns_shorten(const uint8_t *opt, uint16_t rcode, uint8_t *to);

/* Write it, with the UDP payload size of this server. Returns its length. */
size_t locum_edns_write(const struct locum_edns_reply *self, uint16_t payload, uint8_t *to);

#endif
