/*
 * reconcile: what to do next so that NSD serves the zone that the coordinator means.
 *
 *   (desired zone, observed NSD, file, time) -> actions
 *
 * Pure: no clock, no I/O, no heap. The shells around it (adapter.c) bring events, stamped with
 * monotonic milliseconds, and perform the actions. It is level-triggered: each step compares what
 * is with what ought to be, so a restart of anybody and a change by anybody's hand need no code of
 * their own.
 *
 *   prepare (render, write beside, nsd-checkzone) -> place (atomic) -> reload -> confirm by SOA
 *
 * What holds whatever happens:
 *   - no file is placed that nsd-checkzone has not taken;
 *   - serials that are given out only grow (RFC 1982), also when the coordinator comes with a
 *     lower one: then it is the last one given out or seen, plus one;
 *   - a zone that makes NSD answer without any gives way to the last one that was seen served,
 *     under a new serial (a signed one under its own); an NSD that goes on with an older zone, or
 *     is silent, keeps the newest file, so that it loads that one whenever it comes to it.
 */
#ifndef LOCUM_NSD_ADAPTER_RECONCILE_H
#define LOCUM_NSD_ADAPTER_RECONCILE_H

#include "base/backoff.h"
#include "base/text.h"
#include "nsd-adapter/reply.h"
#include "nsd-adapter/soa.h"

enum {
    LOCUM_NSD_RETRY_FIRST_MS = 250,
    LOCUM_NSD_RETRY_MAX_MS = 10000,
    LOCUM_NSD_CONFIRM_MS = 5000,   /* from an accepted reload until it is said to have failed */
    LOCUM_NSD_ASK_FIRST_MS = 2,    /* between two questions while a reload is awaited: doubles */
    LOCUM_NSD_ASK_MAX_MS = 32,     /* up to this */
    LOCUM_NSD_LOOK_MS = 1000,      /* between two looks at NSD and the file when all is well */
    LOCUM_NSD_LOOK_AGAIN_MS = 100, /* after a look that showed something else */
    LOCUM_NSD_REPORT_MS = 2000,    /* between two reports when nothing changes */
    LOCUM_NSD_STALL_MS = 2500,     /* no step for this long: we were stopped, not the others */
    LOCUM_NSD_WHY_MAX = 240,
};

/* A zone as far as a decision needs it. */
struct locum_nsd_version {
    bool known;
    uint32_t serial;
    uint64_t digest; /* of all but the serial */
    bool fixed;      /* signed: its serial cannot be changed */
};

/* Which of the coordinator's zones. */
enum locum_nsd_source {
    LOCUM_NSD_NOTHING, /* no word yet: NSD is left as it is */
    LOCUM_NSD_WORD,    /* what it means now */
    LOCUM_NSD_OPEN,    /* its fail-open zone, when it is lost */
};

enum locum_nsd_state {
    LOCUM_NSD_STARTING,  /* no word from the coordinator yet */
    LOCUM_NSD_APPLYING,  /* on the way to NSD */
    LOCUM_NSD_SERVED,    /* NSD serves what the coordinator means */
    LOCUM_NSD_FAIL_OPEN, /* the coordinator is lost; NSD serves all servers */
    LOCUM_NSD_FAILED,    /* not confirmed; tried again */
};
const char *locum_nsd_state_text(enum locum_nsd_state state);

enum locum_nsd_input_kind {
    LOCUM_NSD_INPUT_WORD,     /* the coordinator has spoken: word, open */
    LOCUM_NSD_INPUT_OPEN,     /* at the start: the fail-open zone that an earlier run has kept */
    LOCUM_NSD_INPUT_FILE,     /* the zone file, at the start and when another hand changed it */
    LOCUM_NSD_INPUT_PREPARED, /* ok, or why not */
    LOCUM_NSD_INPUT_PLACED,   /* of PLACE and RESTORE: ok, or why not */
    LOCUM_NSD_INPUT_CONTROL,  /* the outcome of RELOAD or ADDZONE */
    LOCUM_NSD_INPUT_SOA,      /* the outcome of ASK */
    LOCUM_NSD_INPUT_TICK,     /* time passes */
};

struct locum_nsd_input {
    enum locum_nsd_input_kind kind;
    struct locum_nsd_version word; /* WORD; FILE: what stands in it, unknown: absent, or no zone */
    struct locum_nsd_version open; /* WORD, OPEN */
    bool ok;
    enum locum_nsd_control control;
    enum locum_nsd_soa soa;
    uint32_t serial;
    const char *why; /* for people, borrowed; NULL */
};

enum locum_nsd_action_kind {
    LOCUM_NSD_PREPARE, /* render source with serial, write it beside the file, check it */
    LOCUM_NSD_PLACE,   /* what was prepared becomes the file; keep: the former as the last good */
    LOCUM_NSD_RESTORE, /* the last good file back, with serial */
    LOCUM_NSD_RELOAD,  /* touch: give the file a new mtime first, for NSD skips one it knows */
    LOCUM_NSD_ADDZONE,
    LOCUM_NSD_ASK,    /* for the SOA; an earlier question is forgotten */
    LOCUM_NSD_REPORT, /* to the coordinator */
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

/* What is under way; its outcome comes as an event, always. */
enum locum_nsd_phase {
    LOCUM_NSD_IDLE,
    LOCUM_NSD_PREPARING,
    LOCUM_NSD_PLACING,
    LOCUM_NSD_RESTORING,
    LOCUM_NSD_RELOADING,
    LOCUM_NSD_ADDING,
    LOCUM_NSD_CONFIRMING,
};

/* Read it as you like, write it through the functions only. */
struct locum_nsd_reconciler {
    locum_ms lost_ms;                   /* coordinator-lost */
    struct locum_nsd_version word;      /* what the coordinator means */
    struct locum_nsd_version open;      /* its fail-open zone */
    locum_ms heard;                     /* when it last spoke; at first, the start */
    locum_ms stepped;                   /* the last step */
    struct locum_nsd_version file;      /* in the zone file */
    bool file_good;                     /* and NSD was seen to serve it */
    struct locum_nsd_version last;      /* the last good file, beside it */
    struct locum_nsd_version candidate; /* being prepared or placed */
    enum locum_nsd_phase phase;
    enum locum_nsd_soa seen; /* of NSD, at the last look */
    uint32_t seen_serial;
    bool looked;         /* there was one */
    unsigned mismatches; /* looks in a row that did not show the file */
    bool issued_known;
    uint32_t issued; /* the highest serial given out or seen */
    bool asking;
    locum_ms asked; /* when the last question went out */
    locum_ms ask_at, ask_pause;
    locum_ms confirm_by;
    locum_ms retry_at;
    struct locum_backoff backoff;
    locum_ms pending_since; /* the wanted zone is not served since; 0: it is */
    locum_ms lag_ms;        /* of the last change that was confirmed; -1: none yet */
    uint64_t changes, failures;
    char why[LOCUM_NSD_WHY_MAX]; /* what failed, "": nothing */
    enum locum_nsd_state told_state;
    uint32_t told_serial;
    locum_ms told_at;
};

/* Nothing is known yet; the first step asks NSD. */
void locum_nsd_reconciler_init(struct locum_nsd_reconciler *self, locum_ms lost_ms, locum_ms now);

/*
 * One event.
 *
 * now     monotonic milliseconds, never less than before.
 * random  for the back-off.
 * ret     what to do, in this order; overwritten.
 */
void locum_nsd_step(struct locum_nsd_reconciler *self, const struct locum_nsd_input *event,
                    locum_ms now, uint32_t random, struct locum_nsd_actions *ret);

/* When it wants to be told of the time at the latest; not before that TICKs are of use. */
locum_ms locum_nsd_next(const struct locum_nsd_reconciler *self);

enum locum_nsd_state locum_nsd_state_of(const struct locum_nsd_reconciler *self, locum_ms now);

/* How long the wanted zone has been waiting to be served, else how long the last one took; -1. */
locum_ms locum_nsd_lag_ms(const struct locum_nsd_reconciler *self, locum_ms now);

/* The coordinator has been silent for too long. */
bool locum_nsd_is_lost(const struct locum_nsd_reconciler *self, locum_ms now);

#endif
