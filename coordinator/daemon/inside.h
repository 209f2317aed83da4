/*
 * inside: the state of the daemon. For the files of this room only.
 */
#ifndef LOCUM_DAEMON_INSIDE_H
#define LOCUM_DAEMON_INSIDE_H

#include "base/sockets.h"
#include "base/timer.h"
#include "control/control.h"
#include "control/notify.h"
#include "daemon/acme.h"
#include "daemon/acmehttp.h"
#include "daemon/addresses.h"
#include "daemon/documents.h"
#include "daemon/handover.h"
#include "daemon/keys.h"
#include "daemon/loop.h"
#include "daemon/recorder.h"
#include "daemon/replace.h"
#include "daemon/rfc2136.h"
#include "daemon/signals.h"
#include "daemon/signatures.h"
#include "daemon/state.h"
#include "dns/ask.h"
#include "dns/primary.h"
#include "dns/secondaries.h"
#include "dns/trust.h"
#include "hooks/hooks.h"
#include "report/history.h"
#include "report/report.h"
#include "report/warned.h"

/* Priorities of the loop: the starvation timer, all else (libevent's default), deferred commits. */
enum { LOCUM_DAEMON_PRIORITIES = 3 };

/* A reload that has begun. */
struct locum_pending {
    struct locum_config *config; /* NULL: there is none */
    struct locum_signer *signer;
    json_t *warnings;
};

struct locum_daemon {
    struct event_base *base;
    struct locum_config *config; /* replaced whole by a reload */
    struct locum_core core;
    struct locum_actions actions;      /* of the last step; too large for the stack */
    struct locum_recorder recorder;    /* of the core's inputs */
    locum_daemon_loop_watch_fn *watch; /* NULL: none */
    void *watch_user;

    struct locum_dns *dns;
    struct locum_primary *primary;         /* zone transfers */
    struct locum_secondaries *secondaries; /* NOTIFY */
    struct locum_rfc2136 *rfc2136;         /* UPDATE */
    struct locum_report_updates updates;   /* of rfc2136 */
    struct locum_report_acmehttp acmehttp_counts;
    struct locum_dns_ask *dns_ask; /* the peers' DNS */
    struct locum_parent *parent;   /* of the signed zones */
    struct locum_redis *redis;
    struct locum_peer *peer;
    struct locum_daemon_documents documents;
    struct locum_acme acme;
    struct locum_acme_held *acme_held; /* requests; NULL: none */
    struct locum_daemon_keys keys;
    struct locum_health *health;
    struct locum_hooks *hooks;
    struct locum_control *control; /* NULL: it could not be opened; everything else works */
    struct locum_state_writer *writer;
    char boot_id[LOCUM_BOOT_ID_MAX + 1];
    char run_text[LOCUM_RESUME_BYTES_MAX]; /* the last one that was saved, or is to be resumed */
    struct locum_notify notify;            /* to the service manager */
    struct locum_sockets sockets;          /* sockets that outlive the process */
    locum_ms brake_ms;                     /* starts.h; 0: none */

    /* dnssec.c */
    enum locum_trust_state trust[LOCUM_ZONES_MAX]; /* unknown if the zone is not to be signed */

    /* replace.c */
    struct locum_replace replace;
    json_t *reload_warnings; /* of the last reload that took effect; NULL: there was none */
    json_t *reload_errors;   /* of the last one, if it was refused or given up; NULL: it was not */
    struct locum_handover handover; /* of the program before */
    locum_ms answering_mono;        /* when the first answers were published */

    /* loop.c */
    struct locum_timer commit;           /* ends an iteration, after the sockets now reported */
    struct locum_timer deferred_commit;  /* ends a late one, after all sockets */
    struct locum_timer starvation_timer; /* runs before all sockets, if they keep commits away */
    struct event *signals[LOCUM_SIGNALS];
    struct locum_now now; /* of this iteration */
    bool in_iteration;    /* `now` is valid */
    bool starved;         /* starvation_timer was due once since the last commit */
    locum_ms second_at;   /* mono: when the work of each second last ran, or the start */

    /* wiring.c */
    struct locum_addresses addresses; /* the own ones */
    struct locum_pending pending;     /* a reload whose signatures are being made */
    struct event *signing;            /* the thread that signs has ended */
    struct locum_timer look;          /* at addresses and the clock, each second */

    /* act.c */
    bool hash_stale;       /* the node's hash in Redis is older than the state */
    locum_ms named_until;  /* mono: when the last earlier answer that named this node expires */
    locum_ms named_ttl_ms; /* TTL of the current answers that name this node; 0: none does */
    struct locum_warned warned;
    uint64_t tcp_short, udp_overflow; /* of locum_dns_counts, when they were last logged */

    /* api.c */
    char *public_page; /* of listen.status, as last made; NULL: none */
    locum_ms public_page_mono;

    struct locum_signatures signatures; /* signatures.c */

    /* for report/ */
    struct locum_run run;
    struct locum_evidence evidence;
    struct locum_events *events;
    struct locum_nsd_reports nsd;
    struct locum_history *history;

    /* history.c */
    locum_ms history_kept;     /* mono; LOCUM_NEVER */
    locum_ms history_every_ms; /* it is kept that often */
};

#endif
