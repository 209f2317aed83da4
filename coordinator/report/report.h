/*
 * report: what people are shown of a node: status, explain, the cost of one more loss, warnings,
 * events, metrics and the node's hash in Redis.
 *
 * In: a const view of the daemon at one moment, with the time of that moment. Out: JSON, text or
 * fields. Nothing here changes the daemon or decides anything, and nothing here knows how the
 * daemon runs; daemon/ fills the view and hands the result out.
 */
#ifndef LOCUM_REPORT_REPORT_H
#define LOCUM_REPORT_REPORT_H

#include <jansson.h>

#include "config/config.h"
#include "core/step.h"
#include "dns/keymemory.h"
#include "dns/primary.h"
#include "dns/secondaries.h"
#include "dns/trust.h"
#include "health/health.h"
#include "hooks/hooks.h"
#include "peer/peer.h"
#include "redis/redis.h"
#include "report/events.h"
#include "report/warnings.h"

/* How late the loop came to an iteration that was due at a time, as a histogram. It shows a starved
 * processor before a stall does (which the core detects by itself). */
enum { LOCUM_LAG_BUCKETS = 9 };
struct locum_lag {
    uint64_t at_most[LOCUM_LAG_BUCKETS]; /* iterations at most that late */
    uint64_t count;
    locum_ms sum_ms, max_ms;
};

/* How many DNS queries had been answered at each of the last seconds, for their rate. */
enum { LOCUM_QUERIES_NOTED = 11 };
struct locum_queries {
    uint64_t count[LOCUM_QUERIES_NOTED];
    locum_ms at[LOCUM_QUERIES_NOTED]; /* mono */
    size_t noted;                     /* since the start; the newest is at (noted - 1) modulo */
};

/* What the daemon counts and remembers for people. No decision depends on it. */
struct locum_run {
    locum_ms started_mono;
    locum_ms serving_since;               /* wall time of the last change of serving */
    locum_ms serving_since_mono;          /* the same moment */
    uint32_t serial;                      /* SOA serial of the answers */
    bool publish_failed;                  /* the answers are older than the plan */
    bool signing_failed;                  /* new signatures could not be made */
    size_t dns_closed;                    /* addresses of listen.dns that could not be opened */
    uint64_t iterations;                  /* of the loop */
    struct locum_lag lag;                 /* of iterations that were due at a time */
    struct locum_queries queries;         /* once a second */
    uint64_t plan_changes;                /* published since the start */
    size_t acme_values;                   /* of ACME challenges, answered now */
    uint64_t bad_signatures[LOCUM_PATHS]; /* received lines without an accepted signature */
    char kept_since[32]; /* of a kept configuration (config->kept): when it took effect */
    char mirrorbits[LOCUM_HOST_MAX + 8]; /* last instance of the own Mirrorbits; "": never heard */
};

/* The last report of each adapter (locum-nsd, one a zone), as it came with POST /nsd. */
struct locum_nsd_reports {
    json_t *report[LOCUM_ZONES_MAX]; /* of config->zones[i]; NULL: none */
    locum_ms heard[LOCUM_ZONES_MAX]; /* mono; without a report: since when the zone is carried */
};

/* An adapter reports every 2 s. */
enum { LOCUM_NSD_SILENT_MS = 10000 };

/* What programs got that set ACME challenges, since the start: UPDATE messages that a key has
 * signed, and requests over HTTP. */
struct locum_report_updates {
    uint64_t done;
    uint64_t unmet;    /* a prerequisite did not hold */
    uint64_t refused;  /* the zone, a name, a type, or the form */
    uint64_t replayed; /* it was done before */
    uint64_t failed;   /* no room or no memory */
};
struct locum_report_acmehttp {
    uint64_t done;
    uint64_t refused; /* the name, the value or the body */
    uint64_t denied;  /* acme.listen: another token, or none */
};

/* What is signed here. */
struct locum_report_signing {
    struct locum_dns_signing counts;
    bool clock_in_doubt;   /* nothing is signed again that is still valid (dns/signtime.h) */
    locum_ms clock_off_ms; /* the own clock minus the time that is believed */
    locum_ms bad_at;       /* mono: when a signature last did not verify; LOCUM_NEVER */
};

/* A zone that is to be signed here. */
struct locum_report_dnssec {
    const struct locum_parent_zone *parent; /* NULL: it is not to be signed */
    enum locum_trust_state state;           /* of its DS there */
    struct locum_trust_zone served;
};

/* The daemon at one moment. All that is pointed to is borrowed. */
struct locum_report {
    struct locum_now now;
    const struct locum_config *config;
    const struct locum_core *core;
    const struct locum_run *run;
    const struct locum_evidence *evidence;
    const struct locum_events *events;
    const struct locum_nsd_reports *nsd;
    const struct locum_history *history;
    struct locum_redis_status redis;
    struct locum_dns_counts dns;
    struct locum_primary_counts transfers;
    struct locum_secondaries_counts secondaries;
    struct locum_report_updates updates;
    struct locum_report_acmehttp acmehttp;
    struct locum_peer_counts peer;
    /* The addresses of listen.peer that are not open; "": none. */
    char peer_closed[LOCUM_ADDRESSES_MAX * (LOCUM_ADDRESS_TEXT_MAX + 2)];
    struct locum_health_outcomes checks[LOCUM_CHECKS_MAX];
    const struct locum_hooks_state *hooks[LOCUM_HOOKS_MAX];
    size_t hook_count;
    const struct locum_keymemory *keys; /* NULL: this node signs nothing */
    int64_t keys_now_s;                 /* the time by which their states go */
    bool keys_too_long;                 /* not all that it shows fits into its document */
    /* Of each node, mono, or NULL: since when its keys are not known as it shows them, and since
     * when its NSEC records differ; LOCUM_NEVER. */
    const locum_ms *keys_lack_since, *nsec_differ_since;
    bool zone_lacks_keys[LOCUM_ZONES_MAX]; /* is to be signed, and cannot be */
    struct locum_report_signing signing;
    struct locum_report_dnssec dnssec[LOCUM_ZONES_MAX];
    locum_ms state_written;                 /* mono; LOCUM_NEVER */
    char state_error[LOCUM_PATH_MAX + 256]; /* why the state file could not be written; "" */
    char file_error[400]; /* why the next start would refuse the file on the disk; "" */
};

/* Count an iteration that came late_ms (>= 0) after it was due. */
void locum_report_note_lag(struct locum_lag *self, locum_ms late_ms);

/* Note how many DNS queries have been answered since the start; once a second. */
void locum_report_note_queries(struct locum_queries *self, uint64_t count, locum_ms mono);

/* GET /status: every key is always there. A new reference; NULL: out of memory. */
json_t *locum_report_status(const struct locum_report *report);

/*
 * GET /explain: the rule, the facts of each server with their ages and votes, the answers.
 *
 * name      index of a configured name.
 * core      the report's own, or a copy of which something was assumed.
 * supposed  what was assumed, as the operator wrote it; NULL: nothing.
 * A new reference; NULL: out of memory.
 */
json_t *locum_report_explain(const struct locum_report *report, size_t name,
                             const struct locum_core *core, const char *supposed);

/* Append the answers to one name: an object for each address family that has any. */
void locum_report_add_answers(const struct locum_config *config, const struct locum_core *core,
                              size_t name, json_t *answers);

/* The names of a set of nodes, in configured order. A new reference. */
json_t *locum_report_names(const struct locum_core_config *config, locum_nodes set);

/* Who votes against a peer now: this node too, but only if it holds the peer silent itself. */
locum_nodes locum_report_voters(const struct locum_core *core, locum_node node,
                                struct locum_now now);

/*
 * All that is degraded now: [{about, node, text}]; node is null if it is about no peer. The exit
 * code of `locum status`, warnings, events and metrics follow from this list. A new reference.
 */
json_t *locum_report_degraded(const struct locum_report *report);

/* Something of it the core cannot know, so that this node must tell it (GREEN-5). */
bool locum_report_is_degraded_besides(const struct locum_report *report);

/* What the i-th kind of them is `about`; NULL: there are no more. Static. */
const char *locum_report_degraded_about(size_t i);

/* What the loss of one more node would cost, for each node that can still be lost and has names to
 * lose: [{node, lost, by_configuration, names}]. A new reference. */
json_t *locum_report_next_loss(const struct locum_report *report);

/* All of it in a few words: "OK", "OK, with warnings", "OK, not redundant: ...", "degraded". */
json_t *locum_report_summary(const struct locum_report *report, const json_t *degraded,
                             const json_t *next_loss);

/* A string; null for "" and for what is not UTF-8, with which json_pack() would fail as a whole. */
json_t *locum_report_text(const char *text);

/*
 * The state of a node's DNS: how it fails, if it does; else ok, or unknown if nothing is known;
 * none: it has none.
 */
const char *locum_report_dns_state(const struct locum_report *report, locum_node node);

/* A question to a peer's DNS, and its answer. */
enum { LOCUM_ASKED = LOCUM_FAMILIES * LOCUM_TRANSPORTS }; /* of one peer */
struct locum_asked {
    enum locum_family family;
    enum locum_transport transport;
    enum locum_dns_state state;
};
/* The i-th of them. */
struct locum_asked locum_report_asked(const struct locum_report *report, locum_node node, size_t i);

/* Append which questions to a peer's DNS fail, and how: "ipv4 udp (silent), ipv6 tcp (refused)". */
void locum_report_add_dns(const struct locum_report *report, locum_node node,
                          struct locum_text *text);

/* Append what a check last said. */
enum { LOCUM_CHECK_SAID_MAX = 256 };
void locum_report_add_check(const struct locum_report *report, size_t check,
                            struct locum_text *text);

/*
 * The state of a node's Mirrorbits. ok; unseen: never heard, or not since Redis worked; hung: heard
 * before, and silent although Redis works, or its answers do not come in time. Of this node also,
 * from the checks of its file: failing, fallback-only, no-database.
 */
const char *locum_report_mirrorbits(const struct locum_report *report, locum_node node);
/* The states, from 0; NULL after the last. */
const char *locum_report_mirrorbits_state(size_t i);

/* Append which checks fail, and how: "http 127.0.0.1:8080 (connection refused), ..." */
void locum_report_add_failing(const struct locum_report *report, struct locum_text *text);

/*
 * The report of a zone's adapter with heard_ms; an adapter that has fallen silent has the state
 * `silent` and an error. NULL: there is none. A new reference.
 */
json_t *locum_report_nsd_zone(const struct locum_report *report, size_t zone);

/* What is wrong with a zone's report: its error, else its warning; NULL: nothing. Borrowed. */
const char *locum_report_nsd_problem(const json_t *nsd);

/* What is wrong with the answers that this node has made last; NULL: nothing. */
const char *locum_report_answers_problem(const struct locum_run *run);

/* Of several zones' reports one with an error, if there is; JSON null: none. A new reference. */
json_t *locum_report_nsd(const struct locum_report *report);

/* GET /metrics, in Prometheus' text format 0.0.4. Freed by the caller; NULL: out of memory. */
char *locum_report_metrics(const struct locum_report *report);

/* One metric, for locum(8). labels: separated by blanks. All texts are static. */
typedef void locum_metric_fn(void *user, const char *name, const char *type, const char *labels,
                             const char *help);

/* List the metrics, in the order in which locum_report_metrics() writes them. */
void locum_report_metric_list(locum_metric_fn *each, void *user);

enum { LOCUM_HASH_FIELDS = 14 };

/* The fields of the node's hash in Redis. Values are static, valid until the next call. */
void locum_report_hash(const struct locum_report *report,
                       struct locum_field ret_fields[LOCUM_HASH_FIELDS]);

/* The name and, for locum(8), the meaning of its i-th field. Static. */
const char *locum_report_hash_name(size_t i, const char **ret_meaning);

#endif
