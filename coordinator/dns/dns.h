/*
 * dns: the plan -> answers on port 53.
 *
 *   plan + configuration -> zone (RRsets, ldns) -> compile -> answer table (wire form, exact size)
 *     -> one atomic mailbox a worker -> query path (look up, patch, send)
 *
 * Main thread only, but for what the workers do inside. A query never waits for anything but its
 * own socket: no lock, no allocation, no disk, no Redis. Only this room includes ldns.
 */
#ifndef LOCUM_DNS_DNS_H
#define LOCUM_DNS_DNS_H

#include "config/config.h"
#include "core/plan.h"

struct locum_dns; /* sockets, workers and the table they answer from */

enum { LOCUM_DNS_RCODES = 24 }; /* NOERROR .. BADCOOKIE */

/* Since the start. */
struct locum_dns_tallied {
    uint64_t queries; /* datagrams and TCP messages that were answered */
    uint64_t answers_by_rcode[LOCUM_DNS_RCODES];
    uint64_t truncated; /* answers with TC */
    uint64_t dropped;   /* no answer given: too short, QR set */
};

struct locum_dns_counts {
    struct locum_dns_tallied udp, tcp;
    uint64_t tcp_connections; /* open now */
    uint64_t tcp_short;       /* how often no descriptor was left for a connection */
};

/*
 * Check the zones of a configuration: static records parse, belong into the zone, do not collide
 * with plan names; NS targets are no names of the plan; wildcards, delegations, DNAME are refused.
 * Returns 0 or LOCUM_ERR_INVALID.
 */
int locum_zone_check(const struct locum_config *config, locum_problem_fn *report,
                     void *user) LOCUM_MUST_CHECK;

/*
 * Open the sockets of config->listen_dns and start the workers; they answer SERVFAIL-free: nothing
 * is answered before the first locum_dns_publish(), so the caller publishes first thing.
 *
 * An address that cannot be bound is reported through `report` (what is wrong and what to do) and
 * left out; locum_dns_retry() tries it again. Returns 0 even then; *ret_open of listen_dns_count
 * addresses are open. Errors: LOCUM_ERR_MEMORY, LOCUM_ERR_IO (no thread).
 */
typedef void locum_dns_report_fn(void *user, const struct locum_address *address, int error,
                                 const char *text);
int locum_dns_create(const struct locum_config *config, locum_dns_report_fn *report, void *user,
                     struct locum_dns **ret, size_t *ret_open) LOCUM_MUST_CHECK;

/* Try the addresses that could not be bound again; reports only those that succeed now. */
void locum_dns_retry(struct locum_dns *self, locum_dns_report_fn *report, void *user);

/*
 * Build, compile and hand out the answers of a plan.
 *
 * serial  SOA serial of every zone; the caller sees to it that it grows.
 * On failure (LOCUM_ERR_MEMORY, LOCUM_ERR_INVALID) the workers go on with the last table.
 */
int locum_dns_publish(struct locum_dns *self, const struct locum_config *config,
                      const struct locum_plan *plan, uint32_t serial) LOCUM_MUST_CHECK;

/* A sum over all workers; never blocks them. */
void locum_dns_counts(const struct locum_dns *self, struct locum_dns_counts *ret);

/* Stop the workers, close the sockets, free all. NULL is fine. */
void locum_dns_destroy(struct locum_dns *self);

/*
 * A zone in master-file text (RFC 1035 5), absolute names, for GET /zone.
 * *ret_text is freed by the caller with free(). 0, LOCUM_ERR_MEMORY, LOCUM_ERR_INVALID.
 */
int locum_zone_text(const struct locum_config *config, size_t zone, const struct locum_plan *plan,
                    uint32_t serial, char **ret_text) LOCUM_MUST_CHECK;

#endif
