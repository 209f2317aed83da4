/*
 * parent: the DS records that the parent of each signed zone serves.
 *
 * In: the zones to watch. Out: for each what the parent last said, and whether it can be asked. It
 * never blocks, and no answer of this node waits for it.
 *
 * The resolvers of /etc/resolv.conf are asked, one after the other, by UDP, and by TCP if the
 * reply is truncated: they get a DS from the servers of the parent (RFC 4035 3.1.4.1). A zone is
 * asked for a second or two after the start and after each reload, then every hour; after a failure
 * with back-off from 10 s to 10 minutes. NOERROR says which DS there are, or that there is none.
 * Anything else is no answer: what was known stays known.
 */
#ifndef LOCUM_DNS_PARENT_H
#define LOCUM_DNS_PARENT_H

#include <event2/event.h>

#include "base/clock.h"
#include "config/config.h"
#include "dns/ds.h"

/* Times in milliseconds, at most; half of it at least, but 5/6 of the period. */
struct locum_parent_settings {
    const char *resolv_conf; /* resolv.conf(5), read for each question; borrowed */
    uint16_t port;           /* of the resolvers */
    locum_ms soon_ms;        /* until the first question */
    locum_ms period_ms;      /* from an answer to the next question */
    locum_ms retry_first_ms, retry_max_ms;
    locum_ms reply_ms; /* how long a reply may take, exactly */
};

/* Of one zone. */
struct locum_parent_zone {
    bool known;                    /* the parent has said it since the start */
    struct locum_ds_answer answer; /* if known: what it said last */
    int64_t answered_s;            /* and when, wall clock, seconds since 1970 */
    locum_ms answered_mono;        /* the same */
    locum_ms failing_mono;         /* since when it cannot be asked; LOCUM_NEVER: it can */
    int64_t failing_s;             /* the same, seconds since 1970 */
    const char *why;               /* what failed last, static; "": nothing */
};

struct locum_parent;

/* A question has ended, with an answer or without one; zone is its number in the configuration.
 * Never called inside a function of this header; must not call locum_parent_destroy(). */
typedef void locum_parent_fn(void *user, size_t zone);

/*
 * Begin without zones.
 *
 * settings  copied. NULL: /etc/resolv.conf, 53, 2 s, one hour, 10 s, 10 minutes, 3 s.
 * Returns 0 or LOCUM_ERR_MEMORY.
 */
int locum_parent_create(struct event_base *base, const struct locum_parent_settings *settings,
                        locum_parent_fn *ended, void *user,
                        struct locum_parent **ret) LOCUM_MUST_CHECK;

/* Watch the zones that this configuration signs, and ask for each soon. One that was watched before
 * keeps what is known of it. Without memory for it a zone is not watched. */
void locum_parent_configure(struct locum_parent *self, const struct locum_config *config);

/* What is known of zone number `zone` of the configuration, borrowed until the next
 * locum_parent_configure(). NULL: it is not watched. */
const struct locum_parent_zone *locum_parent_of(const struct locum_parent *self, size_t zone);

/* NULL is fine. */
void locum_parent_destroy(struct locum_parent *self);

#endif
