/*
 * tsig: signatures of DNS messages with a shared secret (RFC 8945): a request is checked, what
 * answers it is signed; and the other way round for a request of this server.
 *
 *   packet -> locum_tsig_find() -> locum_tsig_parse() -> locum_tsig_verify() -> answer
 *     -> locum_tsig_sign(), once for each message
 *
 * Pure, no allocation, no lock, no clock; every loop is bounded by the packet's length. Keys are
 * ready before a thread uses them and never change. Algorithms are hmac-sha256 and hmac-sha512.
 *
 * The last TSIG time of a key is not remembered (RFC 8945 5.2.3 recommends it): requests of one
 * second come by several paths and in any order. So a request can be replayed within its fudge, of
 * which no more than LOCUM_TSIG_FUDGE_S counts. It gets what it got before, which is signed for the
 * identifier and the MAC of that request. A replay may come from any address, so over UDP a
 * signature exempts nobody from the rate limit.
 */
#ifndef LOCUM_DNS_TSIG_H
#define LOCUM_DNS_TSIG_H

#include "base/hmac.h"
#include "base/invariant.h"
#include "config/config.h"
#include "dns/packet.h"

enum {
    LOCUM_TSIG_NAME_MAX = 56,        /* bytes of a key's name on the wire: an answer to the longest
                                        question has room for it in 512 bytes */
    LOCUM_TSIG_ALGORITHM_BYTES = 13, /* "\13hmac-sha256", with its last 0 */
    LOCUM_TSIG_FUDGE_S = 300,        /* of what this server signs (RFC 8945 10); a greater one of
                                        another sender counts as this */
    LOCUM_TSIG_FIXED_BYTES = 26,     /* a record without names, MAC and other data */
    LOCUM_TSIG_OTHER_BYTES = 6,      /* of BADTIME: the server's time */
    LOCUM_TSIG_BYTES_MAX = LOCUM_TSIG_FIXED_BYTES + LOCUM_TSIG_NAME_MAX +
                           LOCUM_TSIG_ALGORITHM_BYTES + LOCUM_HMAC_BYTES_MAX +
                           LOCUM_TSIG_OTHER_BYTES, /* of a signed message */
};

/* Errors of the record (RFC 8945 3); the rcode of the answer is NOTAUTH. */
enum locum_tsig_error {
    LOCUM_TSIG_GOOD = 0,
    LOCUM_TSIG_BADSIG = 16,
    LOCUM_TSIG_BADKEY = 17,
    LOCUM_TSIG_BADTIME = 18,
    LOCUM_TSIG_BADTRUNC = 22,
};

struct locum_tsig_key {
    uint8_t name[LOCUM_TSIG_NAME_MAX]; /* wire form, lower case */
    size_t name_length;
    struct locum_hmac_key hmac;
};

struct locum_tsig_keys {
    struct locum_tsig_key key[LOCUM_TSIG_KEYS_MAX];
    size_t count;
};

/* The TSIG record of a packet, from which MAC and other data are borrowed. */
struct locum_tsig_record {
    size_t at; /* offset of the record, which ends the packet */
    uint8_t name[LOCUM_DNS_NAME_MAX], algorithm[LOCUM_DNS_NAME_MAX]; /* wire form, lower case */
    size_t name_length, algorithm_length;
    uint64_t time_s; /* 48 bits */
    uint16_t fudge_s, original_id, error;
    const uint8_t *mac, *other;
    size_t mac_length, other_length;
};

enum locum_tsig_found {
    LOCUM_TSIG_ABSENT, /* the packet is whole and has none */
    LOCUM_TSIG_FOUND,  /* it is the last record */
    LOCUM_TSIG_BROKEN, /* there is one elsewhere, or the packet is not what its header says */
};

/*
 * Look for the TSIG record of a packet of at least LOCUM_DNS_HEADER_BYTES: one, in the additional
 * section, last (RFC 8945 5.1). Any opcode; names are skipped, not read.
 *
 * ret_at  set if it is found.
 */
enum locum_tsig_found locum_tsig_find(const uint8_t *packet, size_t length, size_t *ret_at);

/* Read the record at `at`, which locum_tsig_find() has found. False: it is malformed (FORMERR). */
bool locum_tsig_parse(const uint8_t *packet, size_t length, size_t at,
                      struct locum_tsig_record *ret);

/* The offset after the name at `at`, compressed or not; 0: it leaves the packet. */
size_t locum_tsig_skip_name(const uint8_t *packet, size_t length, size_t at);

/* One exchange: a request and the messages that answer it. Zeroed: nothing is signed. */
struct locum_tsig {
    const struct locum_tsig_key *key; /* borrowed; NULL: messages are not signed, */
    const struct locum_tsig_record
        *refused; /* unless this is set: an error without MAC; borrowed */
    enum locum_tsig_error error;
    uint64_t request_time_s;
    uint8_t mac[LOCUM_HMAC_BYTES_MAX]; /* of the message before, as it was sent */
    size_t mac_length;                 /* 0: there is none */
    bool later; /* the first answer is signed or checked: of the next ones only the times are */
    bool asks;  /* this server has sent the request */
};

/*
 * Check the signature of a request (RFC 8945 5.2): key, MAC, time, truncation, in this order.
 *
 * self    set, for the answer.
 * record  of the packet; borrowed as long as self.
 * Returns the rcode: NOERROR, FORMERR (a MAC longer or shorter than RFC 8945 5.2.2.1 allows; the
 * answer has no TSIG record) or NOTAUTH (self->error says why).
 */
enum locum_dns_rcode locum_tsig_verify(struct locum_tsig *self, const struct locum_tsig_keys *keys,
                                       const uint8_t *packet,
                                       const struct locum_tsig_record *record, uint64_t now_s);

/* How much longer locum_tsig_sign() makes a message, at most. */
size_t locum_tsig_length(const struct locum_tsig *self);

/*
 * Sign an answer, in each message of several (RFC 8945 5.3.1), or a request: after
 * locum_tsig_begin(). `message` has room for locum_tsig_length() more. Returns its new length.
 */
size_t locum_tsig_sign(struct locum_tsig *self, uint8_t *message, size_t length, uint64_t now_s);

/* Begin an exchange in which this server asks. */
void locum_tsig_begin(struct locum_tsig *self, const struct locum_tsig_key *key);

/*
 * Check an answer to a request that was signed, or the next one of several (RFC 8945 5.4): the same
 * key and algorithm, MAC, time. Returns 0, LOCUM_ERR_INVALID (malformed or not signed) or
 * LOCUM_ERR_SIGNATURE. Of an answer that is refused, *ret_error is the error that the sender gave;
 * it is not proved. May be NULL.
 */
int locum_tsig_check(struct locum_tsig *self, const uint8_t *packet, size_t length, uint64_t now_s,
                     uint16_t *ret_error) LOCUM_MUST_CHECK;

#endif
