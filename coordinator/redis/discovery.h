/*
 * discovery: which Redis is the master, and when it may be tried.
 *
 * In: what each Sentinel reports (address, config-epoch), how attempts went. Out: one address.
 * Pure: no clock, no I/O, no heap; the randomness for the jitter is the caller's.
 *
 * While the report of any Sentinel is fresh, the candidates are the addresses with the highest
 * config-epoch. Among them the one in use has priority, then the one that most Sentinels report. A
 * candidate whose ROLE was not master is left out for a second, but no older epoch is followed
 * instead: an old master that was paused calls itself master for many seconds more. Without a fresh
 * report the connection in use is kept; without a connection, the last reported address and the
 * configured Redis servers are tried in turn. They are also tried if the candidate could not be
 * reached LOCUM_DISCOVERY_FALLBACK times: Sentinels behind NAT or in containers report an address
 * that exists only there. A configured server that is the master by its ROLE is then used until a
 * Sentinel reports something new.
 *
 * Nothing that Redis carries decides alone, so no majority of Sentinels is required.
 *
 * A server that is connected to receives the password. So where nodes.X.redis are configured
 * (servers_only), only these are used: a Sentinel that names another address counts as one without
 * a report, and its epoch counts nowhere.
 */
#ifndef LOCUM_REDIS_DISCOVERY_H
#define LOCUM_REDIS_DISCOVERY_H

#include "base/address.h"
#include "base/backoff.h"
#include "core/types.h"

enum {
    LOCUM_DISCOVERY_GAP_MS = 200,         /* least time between two attempts at one address */
    LOCUM_DISCOVERY_WAIT_MAX_MS = 2000,   /* longest wait between two of them */
    LOCUM_DISCOVERY_NOT_MASTER_MS = 1000, /* how long "not a master" is valid */
    LOCUM_DISCOVERY_FALLBACK = 2,         /* failures in sequence */
    LOCUM_DISCOVERY_SERVERS_MAX = 4 * (LOCUM_NODES_MAX + 1), /* every address of every endpoint */
    LOCUM_DISCOVERY_ADDRESSES_MAX = LOCUM_NODES_MAX + LOCUM_DISCOVERY_SERVERS_MAX,
};

enum locum_discovery_failure {
    LOCUM_DISCOVERY_UNREACHABLE, /* refused, timed out, or the login was rejected */
    LOCUM_DISCOVERY_NOT_MASTER,  /* its ROLE is another */
};

/* The last report of one Sentinel. */
struct locum_discovery_candidate {
    struct locum_address address;
    uint64_t epoch;
    locum_ms when; /* mono; LOCUM_NEVER: nothing yet */
};

/* The attempts at one address. */
struct locum_discovery_attempts {
    struct locum_address address; /* port 0: unused */
    locum_ms tried;               /* mono; LOCUM_NEVER */
    locum_ms not_before;          /* mono; 0: at once */
    locum_ms not_master;          /* mono time of that answer; LOCUM_NEVER */
    unsigned unreachable;         /* failures in sequence, since a report was new */
    struct locum_backoff backoff;
};

struct locum_discovery {
    struct locum_discovery_candidate candidates[LOCUM_NODES_MAX]; /* by Sentinel */
    bool has_sentinels;                                           /* any is configured */
    struct locum_address servers[LOCUM_DISCOVERY_SERVERS_MAX];    /* configured Redis servers */
    size_t server_count;
    bool servers_only; /* no other address is used */
    locum_ms started;  /* mono */
    locum_ms fresh_ms; /* age up to which a report counts */
    locum_ms start_ms; /* how long it waits for a Sentinel at the start */
    struct locum_discovery_attempts attempts[LOCUM_DISCOVERY_ADDRESSES_MAX];
};

/* Begin with nothing known, and every address allowed. */
void locum_discovery_init(struct locum_discovery *self, bool has_sentinels, locum_ms fresh_ms,
                          locum_ms start_ms, locum_ms now);

/* May this address be connected to? */
bool locum_discovery_allows(const struct locum_discovery *self,
                            const struct locum_address *address);

/* Add a configured Redis server; more than LOCUM_DISCOVERY_SERVERS_MAX are ignored. */
void locum_discovery_add_server(struct locum_discovery *self, const struct locum_address *address);

/* The Sentinel number `sentinel` reports this master. A new report allows an attempt at once (after
 * the gap). */
void locum_discovery_report(struct locum_discovery *self, size_t sentinel,
                            const struct locum_address *address, uint64_t epoch, locum_ms now);

/* An attempt begins; it has failed (or a connection that worked was lost); it works. */
void locum_discovery_tried(struct locum_discovery *self, const struct locum_address *address,
                           locum_ms now);
void locum_discovery_failed(struct locum_discovery *self, const struct locum_address *address,
                            enum locum_discovery_failure failure, uint32_t random, locum_ms now);
void locum_discovery_worked(struct locum_discovery *self, const struct locum_address *address);

/*
 * Choose the address to use now.
 *
 * current         the one in use or being tried, which is allowed; NULL: none.
 * ret_not_before  mono time from which it may be tried; in the past: at once.
 * Returns false if there is none at the moment. What is returned is allowed.
 */
bool locum_discovery_choose(const struct locum_discovery *self, const struct locum_address *current,
                            locum_ms now, struct locum_address *ret_address,
                            locum_ms *ret_not_before);

#endif
