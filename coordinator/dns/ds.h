/*
 * ds: the question for the DS of a zone, and what a reply says. Pure. A reply may be any bytes.
 */
#ifndef LOCUM_DNS_DS_H
#define LOCUM_DNS_DS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/invariant.h"

enum {
    LOCUM_DS_MAX = 32,              /* of a zone; a reply with more is malformed */
    LOCUM_DS_DIGEST_BYTES_MAX = 64, /* a reply with a longer one is malformed */
    LOCUM_DS_QUESTION_MAX = 12 + 255 + 4 + 11,
    LOCUM_DS_REPLY_BYTES_MAX = 4096,
};

struct locum_ds {
    uint16_t tag;
    uint8_t algorithm, digest_type;
    uint8_t digest_length;
    uint8_t digest[LOCUM_DS_DIGEST_BYTES_MAX];
};

/* What the parent says. */
struct locum_ds_answer {
    struct locum_ds ds[LOCUM_DS_MAX]; /* sorted by their data */
    size_t count;                     /* 0: the zone has no DS */
    /* Of the records: what is left, or if it is more, what their signature says. Without one, a
     * day at least. */
    uint32_t ttl_s;
};

/* What is to be done with a reply. */
enum locum_ds_reply {
    LOCUM_DS_STRAY,     /* it is not the reply to this question: go on waiting */
    LOCUM_DS_TRUNCATED, /* ask by TCP */
    LOCUM_DS_FAILED,    /* it says nothing of the DS */
    LOCUM_DS_ANSWERED,
};

/*
 * Write the question for a resolver: recursion desired, EDNS with DO. Returns its length.
 *
 * zone  a valid domain name; with or without its last dot.
 */
size_t locum_ds_question(const char *zone, uint16_t id, uint8_t ret[LOCUM_DS_QUESTION_MAX]);

/*
 * Read a reply.
 *
 * question  as locum_ds_question() wrote it.
 * ret       set only if LOCUM_DS_ANSWERED is returned.
 * ret_why   set only if LOCUM_DS_FAILED is returned: the reason, a static text. NXDOMAIN and
 *           SERVFAIL are such, and so is a denial without the SOA of a zone above this one: the
 *           servers of the zone itself deny its DS too.
 */
enum locum_ds_reply locum_ds_read(const uint8_t *question, size_t question_length,
                                  const uint8_t *reply, size_t length, struct locum_ds_answer *ret,
                                  const char **ret_why);

/* Add a DS to an answer. Returns 0, or LOCUM_ERR_SPACE. */
int locum_ds_add(struct locum_ds_answer *self, const uint8_t *data, size_t length) LOCUM_MUST_CHECK;

/* Have both the same records, whatever their TTL? */
bool locum_ds_equal(const struct locum_ds_answer *a, const struct locum_ds_answer *b);

#endif
