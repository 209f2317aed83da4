/*
 * discovery: which Redis is the master, and when it may be tried.
 *
 * In: what each Sentinel tells (address, config-epoch), how attempts went. Out: one address. Pure:
 * no clock, no I/O, no heap; the randomness for the jitter is the caller's.
 *
 * While any Sentinel's word is fresh: the address of the highest config-epoch among them, the more
 * Sentinels the better, the one in use if they are even. One whose ROLE was not master is left out
 * for a second, but an older epoch is never followed instead: a resumed old master calls itself
 * master for many seconds more. With no fresh word: the connection in use is kept; without one, the
 * last address told and the configured Redis servers are tried in turn.
 *
 * Redis carries hints, so no majority of Sentinels is asked for.
 */
#ifndef LOCUM_REDIS_DISCOVERY_H
#define LOCUM_REDIS_DISCOVERY_H

#include "base/address.h"
#include "base/backoff.h"
#include "core/types.h"

enum {
    LOCUM_DISCOVERY_GAP_MS = 200,         /* least time between two attempts at one address */
    LOCUM_DISCOVERY_WAIT_MAX_MS = 2000,   /* longest wait between two of them */
    LOCUM_DISCOVERY_NOT_MASTER_MS = 1000, /* how long a "not a master" is believed */
    LOCUM_DISCOVERY_SERVERS_MAX = 2 * LOCUM_NODES_MAX,
    LOCUM_DISCOVERY_ADDRESSES_MAX = LOCUM_NODES_MAX + LOCUM_DISCOVERY_SERVERS_MAX,
};

enum locum_discovery_failure {
    LOCUM_DISCOVERY_UNREACHABLE, /* refused, silent, or it does not let us in */
    LOCUM_DISCOVERY_NOT_MASTER,  /* its ROLE is another */
};

/* What one Sentinel told last. */
struct locum_discovery_candidate {
    struct locum_address address;
    uint64_t epoch;
    locum_ms when; /* mono; LOCUM_NEVER: nothing yet */
};

/* What is known of one address. */
struct locum_discovery_attempts {
    struct locum_address address; /* port 0: unused */
    locum_ms tried;               /* mono; LOCUM_NEVER */
    locum_ms not_before;          /* mono; 0: at once */
    locum_ms not_master;          /* mono time of that answer; LOCUM_NEVER */
    struct locum_backoff backoff;
};

struct locum_discovery {
    struct locum_discovery_candidate candidates[LOCUM_NODES_MAX]; /* by Sentinel */
    bool has_sentinels;                                           /* any is configured */
    struct locum_address servers[LOCUM_DISCOVERY_SERVERS_MAX];    /* configured Redis servers */
    size_t server_count;
    locum_ms started;     /* mono */
    locum_ms fresh_ms;    /* age up to which a candidate counts */
    locum_ms patience_ms; /* how long Sentinels are waited for at start */
    struct locum_discovery_attempts attempts[LOCUM_DISCOVERY_ADDRESSES_MAX];
};

/* Begin with nothing known. The caller adds `servers`. */
void locum_discovery_init(struct locum_discovery *self, bool has_sentinels, locum_ms fresh_ms,
                          locum_ms patience_ms, locum_ms now);

/* The Sentinel number `sentinel` told this. What is new is worth an attempt at once (but for the
 * gap). */
void locum_discovery_report(struct locum_discovery *self, size_t sentinel,
                            const struct locum_address *address, uint64_t epoch, locum_ms now);

/* An attempt begins; it has failed (or a connection that worked was lost); it works. */
void locum_discovery_tried(struct locum_discovery *self, const struct locum_address *address,
                           locum_ms now);
void locum_discovery_failed(struct locum_discovery *self, const struct locum_address *address,
                            enum locum_discovery_failure failure, uint32_t random, locum_ms now);
void locum_discovery_worked(struct locum_discovery *self, const struct locum_address *address);

/*
 * The address to use now.
 *
 * current         the one in use or being tried; NULL: none.
 * ret_not_before  mono time from which it may be tried; in the past: at once.
 * Returns false if there is none to be had at the moment.
 */
bool locum_discovery_choose(const struct locum_discovery *self, const struct locum_address *current,
                            locum_ms now, struct locum_address *ret_address,
                            locum_ms *ret_not_before);

#endif
