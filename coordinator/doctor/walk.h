/*
 * walk: from the resolver to the parent's servers, from these to the name servers of a zone, and
 * what each of them answers.
 *
 * Only a resolver is asked with RD=1, for the parent zone and for names outside it; everything else
 * comes from the servers themselves. Blocks; each question has a deadline (exchange.h).
 */
#ifndef LOCUM_DOCTOR_WALK_H
#define LOCUM_DOCTOR_WALK_H

#include "base/resolv.h"
#include "doctor/facts.h"

enum {
    LOCUM_DOCTOR_NAMED_MAX = LOCUM_RESOLV_MAX, /* resolvers, and servers of the parent */
    LOCUM_DOCTOR_DNS_PORT = 53,
};

struct locum_doctor_options {
    struct locum_address resolver[LOCUM_DOCTOR_NAMED_MAX]; /* with port */
    size_t resolver_count;                                 /* 0: those of /etc/resolv.conf */
    struct locum_address parent[LOCUM_DOCTOR_NAMED_MAX];   /* with port */
    size_t parent_count;                                   /* 0: find them */
    uint16_t dns_port;                                     /* of all other name servers; 53 */
    /* To ask instead of those of the checks, with NAME in it; "none": ask no web server; NULL. */
    const char *url;
    void (*progress)(void *user, const char *what); /* called before each step; NULL */
    void *user;
};

/* What was learnt of the resolvers, kept over all zones. */
struct locum_doctor_resolvers {
    bool heard[LOCUM_DOCTOR_NAMED_MAX];  /* it answered something */
    bool silent[LOCUM_DOCTOR_NAMED_MAX]; /* it did not answer in time; until heard, not asked again
                                          */
    bool failed; /* to some question all were silent or answered with an error */
};

/* Name the next step, if someone wants to know. */
void locum_doctor_walk_progress(const struct locum_doctor_options *options, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Fill ret (zeroed) for zone number `zone`.
 *
 * options    with at least one resolver or parent, otherwise nothing is found.
 * resolvers  zeroed before the first zone.
 * Returns 0, LOCUM_ERR_MEMORY or LOCUM_ERR_INVALID (locum_delegation_make()).
 */
int locum_doctor_walk(const struct locum_doctor_options *options, const struct locum_config *config,
                      size_t zone, struct locum_doctor_zone *ret,
                      struct locum_doctor_resolvers *resolvers) LOCUM_MUST_CHECK;

#endif
