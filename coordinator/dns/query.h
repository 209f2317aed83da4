/*
 * query: a packet in, its answer out. Pure: no allocation, no lock, no clock, no socket.
 *
 * UDP and TCP workers call it with the table they took from their mailbox. The question is echoed
 * byte for byte (also its case), answers point to it; AA is set, RA clear, RD copied (RFC 1035
 * 4.1.1), AD and CD clear (RFC 4035 3.1.6). With EDNS the answer has an OPT (RFC 6891 6.1.1) whose
 * DO bit is the query's (RFC 3225 3); without, it has none.
 */
#ifndef LOCUM_DNS_QUERY_H
#define LOCUM_DNS_QUERY_H

#include "dns/dns.h"
#include "dns/table.h"

enum {
    LOCUM_DNS_PLAIN_BYTES_MAX = 512, /* an answer by UDP without EDNS, RFC 1035 4.2.1 */
    LOCUM_DNS_UDP_BYTES_MAX = 1232,  /* with EDNS: no fragments (DNS flag day 2020, RFC 9715) */
    LOCUM_DNS_TCP_BYTES_MAX = 65535,
};

struct locum_reply {
    size_t length;  /* bytes written; 0: no answer is given */
    uint16_t rcode; /* extended, 0 .. 23 */
    bool truncated; /* TC is set */
};

/*
 * Answer one message.
 *
 * table      borrowed, not NULL.
 * bytes_max  LOCUM_DNS_UDP_BYTES_MAX or LOCUM_DNS_TCP_BYTES_MAX: the transport's limit, and the
 *            room in `reply`.
 * turn       grows by one from call to call: picks which record comes first under policy `all`.
 */
struct locum_reply locum_query_answer(const struct locum_table *table, const uint8_t *packet,
                                      size_t length, uint32_t turn, uint8_t *reply,
                                      size_t bytes_max);

/* What a worker has done. Written by that worker alone, read by anybody: relaxed, never locked. */
struct locum_tally {
    _Atomic uint64_t queries;
    _Atomic uint64_t answers_by_rcode[LOCUM_DNS_RCODES];
    _Atomic uint64_t truncated;
    _Atomic uint64_t dropped;
};

/* Count one message. */
void locum_tally_reply(struct locum_tally *self, struct locum_reply reply);

/* Add what it holds to *ret. */
void locum_tally_sum(const struct locum_tally *self, struct locum_dns_tallied *ret);

#endif
