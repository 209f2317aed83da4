/*
 * trust: is a signed zone linked to its parent, and until when? For people; no answer depends on
 * it.
 */
#ifndef LOCUM_DNS_TRUST_H
#define LOCUM_DNS_TRUST_H

#include "dns/parent.h"

struct locum_dns;

/* What the DS records of the parent say of the keys that sign DNSKEY here. */
enum locum_trust_state {
    LOCUM_TRUST_NONE,     /* there are none: to validators the zone is unsigned */
    LOCUM_TRUST_OK,       /* one is of such a key */
    LOCUM_TRUST_MISMATCH, /* there are some, of other keys: validators refuse the zone */
    LOCUM_TRUST_UNKNOWN,  /* the parent has not answered yet */
    LOCUM_TRUST_STATES,   /* their number */
};

/* "none", "ok", "mismatch", "unknown". */
const char *locum_trust_text(enum locum_trust_state state);

/*
 * Compare.
 *
 * parent  NULL: the zone is not watched.
 */
enum locum_trust_state locum_trust_judge(struct locum_dns *dns, size_t zone,
                                         const struct locum_parent_zone *parent);

enum { LOCUM_TRUST_KEYS_MAX = 32, LOCUM_TRUST_ALGORITHM_MAX = 20 };

/* A key that signs. */
struct locum_trust_key {
    uint16_t tag;
    char algorithm[LOCUM_TRUST_ALGORITHM_MAX]; /* its mnemonic */
};

/* What is served of a signed zone. */
struct locum_trust_zone {
    bool is_signed;
    struct locum_trust_key keys[LOCUM_TRUST_KEYS_MAX]; /* that sign its DNSKEY records */
    size_t key_count;
    int64_t valid_until_s; /* the end of its signatures, seconds since 1970; 0: not all are made */
};

void locum_trust_see(struct locum_dns *dns, size_t zone, struct locum_trust_zone *ret);

#endif
