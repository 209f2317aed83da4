/*
 * dns: the plan -> answers on port 53.
 *
 *   configuration -> zone (RRsets, ldns) -> compile -> names (what no plan changes, wire form)
 *   names + plan -> table (SOA and addresses, wire form) -> one atomic mailbox per worker
 *     -> query path (look up, put the parts together, send)
 *
 * The functions below are called by the main thread. To answer a query, a worker needs its socket
 * and memory only: no lock, no allocation, no disk, no Redis. No other room includes ldns.
 */
#ifndef LOCUM_DNS_DNS_H
#define LOCUM_DNS_DNS_H

#include "base/sockets.h"
#include "config/config.h"
#include "core/plan.h"
#include "dns/keymemory.h"
#include "dns/limited.h"

struct locum_challenge_answers;
struct locum_dns; /* sockets, workers and their answer table */

enum { LOCUM_DNS_RCODES = 24 }; /* NOERROR .. BADCOOKIE */

/* How a query was signed (RFC 8945); the order of its metric. */
enum locum_dns_signed_as {
    LOCUM_DNS_UNSIGNED,
    LOCUM_DNS_VERIFIED,
    LOCUM_DNS_BADKEY,
    LOCUM_DNS_BADSIG,
    LOCUM_DNS_BADTIME,
    LOCUM_DNS_BADTRUNC,
    LOCUM_DNS_SIGNED_AS, /* their number */
};

/* Counts since the start, of one transport. */
struct locum_dns_tallied {
    uint64_t queries; /* datagrams or TCP messages that were answered */
    uint64_t answers_by_rcode[LOCUM_DNS_RCODES];
    uint64_t truncated; /* answers with TC */
    uint64_t dropped;   /* messages without an answer: too short, QR set */
    /* Answers over the limit: sent short, sent as BADCOOKIE, not sent. */
    uint64_t limited_short, limited_badcookie, limited_dropped;
    uint64_t signed_as[LOCUM_DNS_SIGNED_AS]; /* messages; not of unsigned ones */
    uint64_t transfers_refused;
    uint64_t transfers_failed; /* allowed, but there was no room for another one */
};

/* Why the server closed a TCP connection that the client had not closed (tcp.h). */
enum locum_dns_tcp_closed {
    LOCUM_DNS_TCP_IDLE,         /* nothing was asked for the idle time */
    LOCUM_DNS_TCP_SLOW_QUERY,   /* a message was not whole in time */
    LOCUM_DNS_TCP_SLOW_READER,  /* answers were not taken in time */
    LOCUM_DNS_TCP_MALFORMED,    /* a message was no query */
    LOCUM_DNS_TCP_CLIENT_LIMIT, /* longest idle: its client had too many connections */
    LOCUM_DNS_TCP_LIMIT,        /* longest idle: all clients together had */
    LOCUM_DNS_TCP_DESCRIPTORS,  /* longest idle: no descriptor or memory was left for another */
    LOCUM_DNS_TCP_CLOSED,       /* how many reasons there are */
};

struct locum_dns_counts {
    struct locum_dns_tallied udp, tcp;
    uint64_t
        udp_overflow; /* datagrams that the kernel dropped because no worker read them in time */
    uint64_t tcp_connections;                  /* open now */
    uint64_t tcp_closed[LOCUM_DNS_TCP_CLOSED]; /* by the server, of each reason */
    uint64_t updates_overflow;                 /* UPDATE messages for which there was no room */
    uint64_t tcp_short;     /* connections that found no descriptor or memory left */
    uint64_t limiter_bytes; /* memory of all limiters */
    size_t limited;         /* prefixes that are limited now (limited.h), at the last update */
    char limited_prefix[LOCUM_ADDRESS_TEXT_MAX]; /* one of them */
};

/*
 * Check what locum_config_load() could not: static records parse, are inside their zone and agree
 * with each other and with the shared and owned names; nothing is hidden by a delegation or DNAME;
 * chains of CNAMEs end; name servers inside a zone have addresses; the keys of signed zones can be
 * used.
 *
 * config  as locum_config_load() made it.
 * report  called for each problem, in the order of the file.
 * Returns 0, LOCUM_ERR_INVALID or LOCUM_ERR_MEMORY.
 */
int locum_dns_check(const struct locum_config *config, locum_problem_fn *report,
                    void *user) LOCUM_MUST_CHECK;

/* Called before the function that it is given to returns. error: 0, or an error code. */
typedef void locum_dns_report_fn(void *user, const struct locum_address *address, int error,
                                 const char *text);

/*
 * Open the sockets of config->listen_dns and start the workers. They read nothing before the
 * first locum_dns_publish(), so the caller publishes at once.
 *
 * If `sockets` has more UDP sockets of an address than config->dns_workers, the surplus is removed
 * from the store and read until locum_dns_close_surplus(): the kernel spreads queries over all
 * sockets of the address, and one that nobody reads would swallow its share.
 *
 * sockets  borrowed, may be NULL: where the sockets come from.
 * report  called for each address that cannot be bound, with the reason and what to do;
 *         locum_dns_retry() tries it again.
 * Returns 0, also if no address could be bound; LOCUM_ERR_MEMORY or LOCUM_ERR_IO (no thread).
 */
int locum_dns_create(const struct locum_config *config, struct locum_sockets *sockets,
                     locum_dns_report_fn *report, void *user,
                     struct locum_dns **ret) LOCUM_MUST_CHECK;

/*
 * Take the addresses of a new configuration: open new ones, and treat the sockets of those that it
 * does not have as a surplus. dns.workers stays. The caller publishes next.
 *
 * Returns 0, also if an address could not be bound; LOCUM_ERR_MEMORY or LOCUM_ERR_IO (no thread):
 * then nothing has changed.
 */
int locum_dns_reconfigure(struct locum_dns *self, const struct locum_config *config,
                          locum_dns_report_fn *report, void *user) LOCUM_MUST_CHECK;

/* How many addresses of the configuration are not open. */
size_t locum_dns_closed(const struct locum_dns *self);

/* Is there a surplus? It should be closed as soon as it has left the manager's store. */
bool locum_dns_has_surplus(const struct locum_dns *self);

/* Answer what is in the queues of the surplus sockets, and close them. */
void locum_dns_close_surplus(struct locum_dns *self);

/* Try again to open the addresses that are not; report only those that succeed. */
void locum_dns_retry(struct locum_dns *self, locum_dns_report_fn *report, void *user);

/*
 * Give the answers of a plan to the workers. The first call, and the first after
 * locum_dns_reconfigure() or locum_dns_set_signer(), also compile what the configuration fixes, if
 * locum_dns_prepare() has not. If more is to be signed then than a heartbeat can wait for, a thread
 * does it. Until it has ended, questions with DO whose answer it has not signed yet get SERVFAIL.
 *
 * config   that of the last locum_dns_create() or locum_dns_reconfigure().
 * answers  of ACME challenges (challenges.h); NULL: there are none, only placeholders.
 * serial   SOA serial of every zone; the caller increases it with each change (RFC 1982).
 * now_s    the wall clock, seconds since 1970; it selects the validity of signatures.
 * Returns 0, LOCUM_ERR_MEMORY, or LOCUM_ERR_INVALID, LOCUM_ERR_SPACE or LOCUM_ERR_IO
 * (locum_dns_compile(), locum_sign_rrset()). On failure the workers keep the last table.
 */
int locum_dns_publish(struct locum_dns *self, const struct locum_config *config,
                      const struct locum_plan *plan, const struct locum_challenge_answers *answers,
                      uint32_t serial, int64_t now_s) LOCUM_MUST_CHECK;

/* Have new signatures been made that replace those of the last publication now? If so, publish
 * again. */
bool locum_dns_is_due(struct locum_dns *self, int64_t now_s);

/* 0, or why new signatures, which are due or will be, could not be made: LOCUM_ERR_IO (a key cannot
 * sign) or LOCUM_ERR_MEMORY. The old ones are served, and locum_dns_sign() tries again. */
int locum_dns_signing_status(struct locum_dns *self);

/*
 * Has the thread that signs something to do (renewal.h): signatures that are due or will be within
 * the hour, or those of other plans? Ask once a second; if so, let it begin.
 *
 * plans  the one that is answered, and those that may come; copied.
 */
bool locum_dns_wants_to_sign(struct locum_dns *self, int64_t now_s);
void locum_dns_sign(struct locum_dns *self, const struct locum_config *config,
                    const struct locum_plan *plans, size_t plan_count, int64_t now_s);

/* A descriptor that is readable when that thread has ended: then locum_dns_prepare() and
 * locum_dns_is_due() have another result. */
int locum_dns_signed_fd(struct locum_dns *self);

/* Is this zone, which the configuration signs, served unsigned because its keys cannot be used?
 * That happens only with a kept configuration (locum_signer_create()). */
bool locum_dns_lacks_keys(struct locum_dns *self, const struct locum_config *config, size_t zone);

/*
 * The shared or owned name that answers this name, also as a wildcard: its number in
 * config->names. SIZE_MAX: none, or nothing has been published.
 *
 * name  with or without its last dot.
 */
size_t locum_dns_plan_name(const struct locum_dns *self, const char *name);

/*
 * The end of a pipe from which primary.c reads what the TCP thread tells (sending.h), and the
 * content that primary.c gives for transfer `id`, of which self takes the reference; NULL: there is
 * none.
 */
int locum_dns_notes(const struct locum_dns *self);
struct locum_axfr_content;
void locum_dns_give(struct locum_dns *self, uint64_t id, struct locum_axfr_content *content);

/* The UPDATE messages that wait for the main thread (updates.h), and the answer to one, of which it
 * takes `pending`. */
struct locum_dns_updates *locum_dns_updates(const struct locum_dns *self);
struct locum_dns_pending;
void locum_dns_answer_update(struct locum_dns *self, struct locum_dns_pending *pending,
                             const uint8_t *message, size_t length);

/*
 * Once a second: which prefixes are limited. `show` is called when that begins or ends.
 *
 * now  monotonic milliseconds.
 */
void locum_dns_update_limited(struct locum_dns *self, locum_ms now, locum_limited_fn *show,
                              void *user);

/* The sums over all workers, which are not delayed by it. */
void locum_dns_counts(const struct locum_dns *self, struct locum_dns_counts *ret);

/*
 * Before the program is replaced. pause_tcp: accept no more TCP connections and end the open ones
 * (tcp.h), or go on. stop_workers: each UDP worker answers what it has read and ends; the sockets
 * stay open, and queries wait in them. start_workers: go on; an address with a worker for which
 * there is no thread counts as not open, is reported, and is tried again by locum_dns_retry().
 */
void locum_dns_pause_tcp(struct locum_dns *self, bool paused);
bool locum_dns_is_tcp_quiet(const struct locum_dns *self);
void locum_dns_stop_workers(struct locum_dns *self);
void locum_dns_start_workers(struct locum_dns *self, locum_dns_report_fn *report, void *user);

/*
 * Stop the workers, close the sockets (they stay in the manager's store), free everything. If TCP
 * is paused, its connections get their answers first, for at most 100 ms. NULL is fine.
 */
void locum_dns_destroy(struct locum_dns *self);

/*
 * The keys of a configuration's signed zones, read from their folders (signer.h).
 *
 * config  checked with locum_dns_check(), which reports what is wrong with the keys too.
 * memory  may be NULL (locum_signer_create()).
 * now_s   the wall clock, seconds since 1970.
 * Returns 0, LOCUM_ERR_INVALID (files have changed since the check) or LOCUM_ERR_MEMORY.
 */
struct locum_signer;
int locum_dns_signer_create(const struct locum_config *config, struct locum_keymemory *memory,
                            int64_t now_s, struct locum_signer **ret) LOCUM_MUST_CHECK;
void locum_dns_signer_destroy(struct locum_signer *self);

/* The same for a reload: keys that do not fit beside those that are remembered are an error, where
 * a start leaves them out with a warning in the log. Errors are reported. */
int locum_dns_signer_prepare(const struct locum_config *config, struct locum_keymemory *memory,
                             int64_t now_s, locum_problem_fn *report, void *user,
                             struct locum_signer **ret) LOCUM_MUST_CHECK;

/*
 * Sign a new configuration before it is used: until it is, nothing changes.
 *
 * signer  of `config`; both borrowed until locum_dns_set_signer() or locum_dns_abandon().
 * plans   of `config`, whose names are signed as well: the current one, and those that may come.
 *         Copied; none: those names are signed when they are published.
 * Returns 0; LOCUM_ERR_TIMEOUT: the thread is at work, call it again when locum_dns_signed_fd() is
 * readable; or an error of locum_dns_publish().
 */
int locum_dns_prepare(struct locum_dns *self, const struct locum_config *config,
                      struct locum_signer *signer, const struct locum_plan *plans,
                      size_t plan_count, int64_t now_s) LOCUM_MUST_CHECK;

/* A configuration that was prepared will not be used. */
void locum_dns_abandon(struct locum_dns *self, const struct locum_signer *signer);

/* From now on sign with these keys, which are taken; earlier signatures that are still valid are
 * reused. Call it with a new configuration, before that is published. */
void locum_dns_set_signer(struct locum_dns *self, struct locum_signer *signer);

/* locum_signer_recreate(), locum_signer_remember() and locum_signer_is_current(). */
int locum_dns_signer_recreate(const struct locum_config *config, struct locum_keymemory *memory,
                              struct locum_signer **ret) LOCUM_MUST_CHECK;
int locum_dns_signer_remember(const struct locum_signer *self, const struct locum_config *config,
                              struct locum_keymemory *memory, int64_t now_s) LOCUM_MUST_CHECK;
bool locum_dns_signer_is_current(const struct locum_signer *self, const struct locum_config *config,
                                 const struct locum_keymemory *memory);

/* The parent has answered: note which of the keys of a zone it has a DS of. */
struct locum_ds_answer;
void locum_dns_take_parent(struct locum_keymemory_zone *zone, const struct locum_ds_answer *answer,
                           int64_t answered_s);

/* The digest of all NSEC records, eight hex digits; "": no zone is signed. */
void locum_dns_nsec_digest(struct locum_dns *self, const struct locum_config *config,
                           char ret[LOCUM_DIGEST_CHARS + 1]);

/* The keys that sign now, borrowed; NULL: none. */
struct locum_signer *locum_dns_signer(struct locum_dns *self);

/* What is signed. */
struct locum_dns_signing {
    bool on;           /* a zone is */
    uint64_t made;     /* signatures since the start, */
    uint64_t to_keep;  /* those of them that a later run can use, */
    size_t unverified; /* those that wait for locum_dns_verify(), */
    uint64_t bad;      /* and those that did not verify */
};
void locum_dns_signing(struct locum_dns *self, struct locum_dns_signing *ret);

/* For signkeep.h; NULL: nothing is signed. */
struct locum_sign_cache;
struct locum_sign_cache *locum_dns_sign_cache(struct locum_dns *self);

/* Are signatures made at one time valid at another one, in all zones? */
bool locum_dns_is_usable(struct locum_dns *self, int64_t signed_s, int64_t now_s);

/*
 * Verify signatures that were made, for a time, one at least. Returns how many did not verify: they
 * are still served. After locum_dns_sign_again() all are compiled again beside the loop, and those
 * are made again.
 */
size_t locum_dns_verify(struct locum_dns *self, int64_t budget_us);
void locum_dns_sign_again(struct locum_dns *self);

/*
 * The text of a zone as a master file (RFC 1035 5) with absolute names, for GET /zone. With keys
 * for it, the zone is signed, with the signatures that are published.
 *
 * self      for its keys; NULL: the zone is not signed.
 * zone      index, less than config->zone_count.
 * answers   as of locum_dns_publish().
 * ret_text  the caller's, who calls free().
 * Returns 0, LOCUM_ERR_MEMORY, LOCUM_ERR_INVALID (locum_zone_build()), LOCUM_ERR_IO (a key cannot
 * sign) or LOCUM_ERR_TIMEOUT (after a start, the signatures are still being made).
 */
int locum_dns_zone_text(struct locum_dns *self, const struct locum_config *config, size_t zone,
                        const struct locum_plan *plan,
                        const struct locum_challenge_answers *answers, uint32_t serial,
                        char **ret_text) LOCUM_MUST_CHECK;

/* For which names of a configuration challenges have a name of their own: not if another one has
 * the same, or if a static record has or hides it. 0 or an error of locum_zone_build(). */
int locum_dns_find_challenged(const struct locum_config *config,
                              bool ret[LOCUM_NAMES_MAX]) LOCUM_MUST_CHECK;

/* The time whose signatures are published, in seconds since 1970; INT64_MIN: not all are made. */
int64_t locum_dns_signed_at(struct locum_dns *self);

#endif
