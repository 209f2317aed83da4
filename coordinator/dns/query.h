/*
 * query: a packet in, its answer out. No allocation, no lock, no clock, no socket; of what it is
 * given only the limiter changes.
 *
 * The UDP and TCP workers call it with the table from their mailbox. The question is echoed byte
 * for byte, in its case, and answers point to it. AA is set, RA clear, RD copied (RFC 1035 4.1.1),
 * AD and CD clear (RFC 4035 3.1.6). An answer has an OPT record if the query has one (RFC 6891
 * 6.1.1), with the query's DO bit (RFC 3225 3), this server's identifier if it was asked for (RFC
 * 5001), a cookie if the query has one (RFC 7873), over TCP the idle time if it was asked for (RFC
 * 7828), and what explains an error (RFC 8914). A query that is signed is verified, and its answer
 * is signed (RFC 8945); with a signature that is not accepted it is answered with NOTAUTH. A
 * signature exempts no query from the limit: who has seen it can repeat it from any address.
 *
 * An UPDATE whose signature is accepted is not answered here: the caller gives it to the main
 * thread (updates.h). One without is REFUSED, and costs no more than a query.
 *
 * An answer over the limit (limit.h) is not sent, or replaced by a short one: BADCOOKIE if the
 * query has a cookie (RFC 7873 5.2.3), else TC for what could be had by TCP, else the error itself
 * without options. It is no longer than the query; only a first cookie adds 16 bytes.
 */
#ifndef LOCUM_DNS_QUERY_H
#define LOCUM_DNS_QUERY_H

#include "dns/access.h"
#include "dns/dns.h"
#include "dns/table.h"

enum {
    LOCUM_DNS_PLAIN_BYTES_MAX = 512, /* an answer over UDP without EDNS (RFC 1035 4.2.1) */
    LOCUM_DNS_UDP_BYTES_MAX = 1232,  /* with EDNS: avoids fragments (RFC 9715) */
    LOCUM_DNS_TCP_BYTES_MAX = 65535,
};

/* What became of a request for a transfer. */
enum locum_dns_transfer {
    LOCUM_DNS_TRANSFER_NONE,    /* it is none, or it was answered */
    LOCUM_DNS_TRANSFER_REFUSED, /* and told so */
    LOCUM_DNS_TRANSFER_BEGIN,   /* no reply: the caller sends the zone */
};

struct locum_dns_reply {
    size_t length;                    /* bytes written; 0: send no answer */
    uint16_t rcode;                   /* extended, 0 .. 23 */
    bool truncated;                   /* TC is set */
    enum locum_limit_verdict verdict; /* of the limiter; after DROP there is no answer */
    enum locum_dns_transfer transfer;
    bool update; /* no reply: an UPDATE for the main thread; query->update is set */
    enum locum_dns_signed_as signed_as; /* what the query's TSIG record was */
    /* For locum_query_limit(). */
    uint64_t bucket;       /* locum_limit_bucket(); 0: not limited */
    uint16_t question_end; /* offset after the question */
    uint16_t opt_at;       /* of the OPT record; `length`: it has none */
};

/* A zone that is to be sent: what its messages need of the request. If it is refused, only `zone`
 * is set. */
struct locum_dns_outgoing {
    size_t zone; /* index */
    uint8_t header[LOCUM_DNS_HEADER_BYTES];
    uint8_t question[LOCUM_DNS_NAME_MAX + 4]; /* as it was written */
    size_t question_length;
    uint16_t type; /* AXFR or IXFR */
    uint8_t opt[LOCUM_EDNS_BYTES_MAX];
    size_t opt_length;      /* of the first message's OPT record; 0: none */
    struct locum_tsig tsig; /* its key is borrowed of the table */
};

/* An UPDATE whose signature is accepted. */
struct locum_dns_signed_update {
    struct locum_tsig tsig; /* its key is borrowed of the table */
    size_t signed_at;       /* of the TSIG record */
};

struct locum_packet_cache;

/* One message, and who sent it. */
struct locum_dns_query {
    const uint8_t *packet; /* borrowed */
    size_t length;
    struct locum_dns_source client;
    uint32_t wall_s; /* wall clock, seconds since 1970 modulo 2^32 */
    uint32_t
        rotation; /* one more with each query: under policy `all` it selects the first record */
    struct locum_limiter *limiter;    /* of the worker; NULL: no limit, as over TCP */
    struct locum_packet_cache *cache; /* of the worker, for this table; NULL: none, as over TCP */
    size_t bytes_max;                 /* LOCUM_DNS_UDP_BYTES_MAX or LOCUM_DNS_TCP_BYTES_MAX */
    locum_ms idle_ms; /* over TCP: how long the connection may be idle, < 6553600; 0: it ends */
    /* Over TCP: set if a transfer begins or is refused. NULL: none can begin. */
    struct locum_dns_outgoing *outgoing;
    /* Set if an UPDATE is accepted. NULL: none is. */
    struct locum_dns_signed_update *update;
};

/*
 * Answer one message.
 *
 * table  borrowed, not NULL.
 * reply  room for query->bytes_max; may be where the packet is, which is then overwritten.
 */
struct locum_dns_reply locum_query_answer(const struct locum_dns_table *table,
                                          const struct locum_dns_query *query, uint8_t *reply);

/*
 * The same in two steps, for a batch: the first for all of its messages, then the second, so that
 * the processor fetches the buckets of the limiter meanwhile.
 */
struct locum_dns_reply locum_query_compose(const struct locum_dns_table *table,
                                           const struct locum_dns_query *query, uint8_t *reply);
void locum_query_limit(const struct locum_dns_table *table, const struct locum_dns_query *query,
                       uint8_t *reply, struct locum_dns_reply *given);

/* What a worker has done. Only that worker writes it, other threads read it; no locks. */
struct locum_dns_tally {
    _Atomic uint64_t queries;
    _Atomic uint64_t answers_by_rcode[LOCUM_DNS_RCODES];
    _Atomic uint64_t truncated;
    _Atomic uint64_t dropped;
    _Atomic uint64_t limited_short, limited_badcookie, limited_dropped;
    _Atomic uint64_t signed_as[LOCUM_DNS_SIGNED_AS];
    _Atomic uint64_t transfers_refused, transfers_failed;
};

/* Count one message and its reply; only in the worker's thread. */
void locum_query_count(struct locum_dns_tally *self, const struct locum_dns_reply *reply);

/* Count a transfer that was allowed and could not begin; only in the worker's thread. */
void locum_query_count_failed(struct locum_dns_tally *self);

/* Add the counts to *ret; from any thread. */
void locum_query_sum(const struct locum_dns_tally *self, struct locum_dns_tallied *ret);

#endif
