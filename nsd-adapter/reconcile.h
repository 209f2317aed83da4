/*
 * reconcile: decides what to do next so that NSD serves the coordinator's zone.
 *
 *   (wanted zone, NSD as observed, zone file, time) -> actions
 *
 * Pure: no clock, no I/O, no heap. adapter.c brings the inputs, stamped with monotonic
 * milliseconds, and performs the actions. Each step compares what is with what should be, so a
 * restart of any program and a change by another program need no code of their own: the state of an
 * earlier run is in the files and in what NSD answers.
 *
 *   prepare (render, write beside the file, nsd-checkzone) -> place (rename) -> reload -> confirm
 * by an SOA query
 *
 * Invariants:
 *   - Only a file that nsd-checkzone has accepted is placed.
 *   - Serials only grow (RFC 1982). If the coordinator sends a lower one, the zone gets the highest
 *     serial so far plus one.
 *   - If a new zone makes NSD stop serving the zone, the last zone that NSD served is put back with
 *     a new serial (a signed one with its own). If NSD serves an older zone or does not answer, the
 *     newest file stays, so that NSD loads it when it can.
 *   - If NSD had served a file, and then serves a later serial without one, the zone is written
 *     again above it. A serial that does so again within LOCUM_NSD_STEADY_MS moves by itself: that
 *     is a failure with back-off, so that two programs do not overtake each other without end.
 */
#ifndef LOCUM_NSD_ADAPTER_RECONCILE_H
#define LOCUM_NSD_ADAPTER_RECONCILE_H

#include "base/backoff.h"
#include "base/text.h"
#include "nsd-adapter/reply.h"

enum {
    LOCUM_NSD_RETRY_FIRST_MS = 250,
    LOCUM_NSD_RETRY_MAX_MS = 10000,
    LOCUM_NSD_CONFIRM_MS = 5000,   /* from an accepted reload until it has failed */
    LOCUM_NSD_ASK_FIRST_MS = 2,    /* pause after the first SOA query that follows a reload; */
    LOCUM_NSD_ASK_MAX_MS = 32,     /* it doubles up to this */
    LOCUM_NSD_LOOK_MS = 1000,      /* between two SOA queries while NSD serves the file */
    LOCUM_NSD_LOOK_AGAIN_MS = 100, /* the same while it does not */
    LOCUM_NSD_REPORT_MS = 2000,    /* between two reports while nothing changes */
    LOCUM_NSD_STEADY_MS = 60000,   /* a serial that moves twice within this moves by itself */
    LOCUM_NSD_STALL_MS = 2500,     /* without a step for longer, this process was stopped */
    LOCUM_NSD_WHY_MAX = 240,
};

/* What decisions need to know of a zone. */
struct locum_nsd_version {
    bool known;
    uint32_t serial;
    uint64_t digest; /* of everything except the serial */
    bool fixed;      /* signed: its serial cannot be changed */
};

/* Which of the coordinator's two zones NSD should serve. */
enum locum_nsd_source {
    LOCUM_NSD_SOURCE_NONE,   /* none received yet: leave NSD alone */
    LOCUM_NSD_SOURCE_TARGET, /* the current zone */
    LOCUM_NSD_SOURCE_OPEN,   /* the fail-open zone, when the coordinator is lost */
};

enum locum_nsd_state {
    LOCUM_NSD_STARTING,  /* the coordinator has not sent a zone yet */
    LOCUM_NSD_APPLYING,  /* NSD does not serve the wanted zone yet */
    LOCUM_NSD_SERVED,    /* NSD serves the coordinator's zone */
    LOCUM_NSD_FAIL_OPEN, /* the coordinator is lost; NSD serves the addresses of all servers */
    LOCUM_NSD_FAILED,    /* the last attempt failed; it is repeated */
};

/* "starting", "applying", ...; static. */
const char *locum_nsd_reconcile_state_text(enum locum_nsd_state state);

enum locum_nsd_input_kind {
    LOCUM_NSD_INPUT_TARGET,   /* the coordinator has answered: version, open */
    LOCUM_NSD_INPUT_OPEN,     /* at the start: the fail-open zone that an earlier run has kept */
    LOCUM_NSD_INPUT_LAST,     /* at the start: the last good zone that an earlier run has kept */
    LOCUM_NSD_INPUT_FILE,     /* the zone file was read: at the start, and when it has changed */
    LOCUM_NSD_INPUT_PREPARED, /* the outcome of PREPARE: ok, why */
    LOCUM_NSD_INPUT_PLACED,   /* the outcome of PLACE or RESTORE: ok, why */
    LOCUM_NSD_INPUT_CONTROL,  /* the outcome of RELOAD or ADDZONE: control, why */
    LOCUM_NSD_INPUT_SOA,      /* the outcome of ASK: soa, serial */
    LOCUM_NSD_INPUT_TIME,     /* nothing but time has passed */
};

struct locum_nsd_input {
    enum locum_nsd_input_kind kind;
    struct locum_nsd_version version; /* TARGET; LAST; FILE: not known if there is no zone in it */
    struct locum_nsd_version open;    /* TARGET, OPEN */
    bool ok;                          /* PREPARED, PLACED */
    enum locum_nsd_reply control;     /* CONTROL */
    enum locum_nsd_soa soa;           /* SOA */
    uint32_t serial;                  /* SOA */
    const char *why;                  /* the reason of a failure, borrowed; may be NULL */
};

enum locum_nsd_action_kind {
    LOCUM_NSD_PREPARE, /* render `source` with `serial`, write it beside the file, check it */
    LOCUM_NSD_PLACE,   /* make it the zone file; keep: keep the former one as the last good one */
    LOCUM_NSD_RESTORE, /* make the last good one the zone file again, with `serial` */
    LOCUM_NSD_RELOAD,  /* touch: first set a new mtime, because NSD skips a file it has read */
    LOCUM_NSD_ADDZONE,
    LOCUM_NSD_ASK,    /* query the SOA; forget an earlier query */
    LOCUM_NSD_REPORT, /* report to the coordinator */
};

struct locum_nsd_action {
    enum locum_nsd_action_kind kind;
    enum locum_nsd_source source;
    uint32_t serial;
    bool keep, touch;
};

enum { LOCUM_NSD_ACTIONS_MAX = 4 };
struct locum_nsd_actions {
    struct locum_nsd_action at[LOCUM_NSD_ACTIONS_MAX];
    size_t count;
};

/* What is in progress; its outcome always comes as an input. */
enum locum_nsd_phase {
    LOCUM_NSD_IDLE,
    LOCUM_NSD_PREPARING,
    LOCUM_NSD_PLACING,
    LOCUM_NSD_RESTORING,
    LOCUM_NSD_RELOADING,
    LOCUM_NSD_ADDING,
    LOCUM_NSD_CONFIRMING,
};

/* Other files may read the members; only the functions below write them. */
struct locum_nsd_reconciler {
    locum_ms lost_ms;                   /* coordinator-lost */
    struct locum_nsd_version target;    /* the coordinator's current zone */
    struct locum_nsd_version open;      /* its fail-open zone */
    locum_ms heard;                     /* time of its last answer; before that, of the start */
    locum_ms now;                       /* time of the last step */
    uint32_t random;                    /* of the last step */
    struct locum_nsd_version file;      /* in the zone file */
    bool file_good;                     /* NSD has served it */
    struct locum_nsd_version last;      /* the last good file, kept beside the zone file */
    struct locum_nsd_version candidate; /* being prepared or placed */
    enum locum_nsd_phase phase;
    enum locum_nsd_soa seen; /* outcome of the last SOA query */
    uint32_t seen_serial;    /* its serial */
    bool looked;             /* there was such a query */
    unsigned mismatches;     /* consecutive SOA queries that did not show the file; at most 2 */
    bool issued_known;
    uint32_t issued;            /* the highest serial that was issued or seen */
    bool asking;                /* an SOA query is in progress */
    locum_ms asked;             /* time of the last SOA query */
    locum_ms ask_at, ask_pause; /* time of the next one, and the pause after it */
    locum_ms confirm_by;        /* deadline of CONFIRMING */
    locum_ms retry_at;          /* no attempt before this time */
    struct locum_backoff backoff;
    locum_ms moved;         /* when NSD last served a later serial after the file's */
    bool moved_on;          /* from the serial of this file */
    bool unsteady;          /* it did so twice; until it has been steady for LOCUM_NSD_STEADY_MS */
    locum_ms pending_since; /* since when the wanted zone is not served; 0: it is */
    locum_ms lag_ms;        /* duration of the last confirmed change; -1: none yet */
    uint64_t failures;      /* since the start */
    char why[LOCUM_NSD_WHY_MAX]; /* the last failure, "": none since the last success */
    enum locum_nsd_state reported_state;
    uint32_t reported_serial;
    locum_ms reported_at;
};

void locum_nsd_reconcile_init(struct locum_nsd_reconciler *self, locum_ms lost_ms, locum_ms now);

/*
 * Process one input.
 *
 * now     monotonic milliseconds; never less than in the last call.
 * random  any number, for the jitter of the back-off.
 * ret     overwritten with what to do, in this order.
 */
void locum_nsd_reconcile_step(struct locum_nsd_reconciler *self,
                              const struct locum_nsd_input *input, locum_ms now, uint32_t random,
                              struct locum_nsd_actions *ret);

/* The time of the next LOCUM_NSD_INPUT_TIME that matters, unless another input comes first. */
locum_ms locum_nsd_reconcile_next(const struct locum_nsd_reconciler *self);

enum locum_nsd_state locum_nsd_reconcile_state(const struct locum_nsd_reconciler *self);

/*
 * How long the wanted zone has not been served, at the last step; if it is served, how long that
 * took; -1: no zone has been served yet.
 */
locum_ms locum_nsd_reconcile_lag_ms(const struct locum_nsd_reconciler *self);

#endif
