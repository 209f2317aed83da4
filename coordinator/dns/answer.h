/*
 * answer: a question -> the records of its answer, put together from the parts of a table.
 *
 *   find the name -> its parts -> after a CNAME or DNAME the same for the name that it leads to
 *
 * The answer to an existing name is one part, copied. RFC 1034 4.3.2 with wildcards (RFC 4592) and
 * DNAME (RFC 6672). A chain of CNAMEs is followed inside its zone, for at most
 * LOCUM_CNAME_CHAIN_MAX links; a resolver asks for the rest. No allocation, no lock.
 *
 * With DO, and if the zone is signed, each RRset has its RRSIG records with it, and what does not
 * exist is denied by NSEC records (RFC 4035 3.1): the name or a wildcard of it, at each link of a
 * chain. A referral has DS, or the NSEC record that denies it.
 */
#ifndef LOCUM_DNS_ANSWER_H
#define LOCUM_DNS_ANSWER_H

#include "dns/table.h"

enum {
    LOCUM_CNAME_CHAIN_MAX = 8,
    /* NSEC records of an answer: one for each wildcard, and at the end one more */
    LOCUM_DENIALS_MAX = LOCUM_CNAME_CHAIN_MAX + 3,
};

/* Records of a message that may come in any order. */
struct locum_rotation {
    uint16_t at;    /* offset of the first one */
    uint16_t bytes; /* of each */
    uint16_t count; /* 0: there are none */
};

/* The number of the record that comes first, with a rotation. Multiples of the golden ratio are
 * spread evenly, also over every second number: a client that asks for A and AAAA in pairs sees all
 * records first in turn. */
static inline size_t
locum_answer_first(uint32_t rotation, size_t count)
{
    return (uint64_t)(rotation * 0x9e3779b1u) * count >> 32;
}

enum locum_dns_section { LOCUM_SECTION_ANSWER, LOCUM_SECTION_AUTHORITY, LOCUM_SECTION_ADDITIONAL };

struct locum_answer_draft {
    /* Set by the caller. */
    const struct locum_dns_table *table;
    const struct locum_question *question;
    uint8_t *message;  /* header and question, and room for the answer */
    size_t length;     /* bytes of the message so far */
    size_t length_max; /* without the OPT record */
    uint32_t rotation; /* selects the first of records that may come in any order */
    /* Results, all zero before. */
    uint16_t counts[3]; /* records of each section */
    uint16_t rcode;
    bool authoritative;
    bool truncated;             /* it did not fit: all sections are empty */
    bool unready;               /* it needs a signature that has not been made yet */
    enum locum_limit_kind kind; /* what it is for the limiter, */
    uint32_t owner;             /* and the name or zone that it belongs to */
    bool uncacheable; /* packet_cache.h: it has the question's case, or several rotations */
    struct locum_rotation rotated; /* what of it was rotated */
    /* DNSSEC: the zone, if it is signed and the question has DO, or NULL; numbers of the NSEC
     * records that the answer needs, of which the first `denials_put` are in it. */
    const struct locum_dns_zone *signed_zone;
    size_t denials[LOCUM_DENIALS_MAX];
    size_t denial_count, denials_put;
};

/*
 * Answer a question. False: this server has no authority for it, and nothing is changed. The header
 * is not touched.
 */
bool locum_answer_compose(struct locum_answer_draft *self);

#endif
