/*
 * primary: what this server does for secondary name servers in the main thread: it makes the
 * content of a zone when a transfer asks for it (sending.h), and logs transfers.
 *
 * A content is kept while it is the newest, for at most LOCUM_PRIMARY_KEEP_MS after its last use:
 * the secondaries of a zone ask for it at the same moment.
 */
#ifndef LOCUM_DNS_PRIMARY_H
#define LOCUM_DNS_PRIMARY_H

#include "dns/dns.h"

enum { LOCUM_PRIMARY_KEEP_MS = 10000 };

struct event_base;
struct locum_primary;

/* What is answered now; borrowed for one call. */
struct locum_primary_state {
    const struct locum_config *config;
    const struct locum_plan *plan;
    const struct locum_challenge_answers *answers; /* NULL: none */
    uint32_t serial;
};

/* Set *ret. False: what was published last is older than the configuration and the plan. */
typedef bool locum_primary_state_fn(void *user, struct locum_primary_state *ret);

/* Since the start. */
struct locum_primary_counts {
    uint64_t sent, broken, failed; /* transfers */
};

/* base, dns: borrowed until destroy. 0 or LOCUM_ERR_MEMORY. */
int locum_primary_create(struct event_base *base, struct locum_dns *dns,
                         locum_primary_state_fn *state, void *user,
                         struct locum_primary **ret) LOCUM_MUST_CHECK;
void locum_primary_destroy(struct locum_primary *self); /* NULL is fine; before `dns` is */

void locum_primary_counts(const struct locum_primary *self, struct locum_primary_counts *ret);

#endif
