/*
 * signatures: the time by which this node signs, the signatures that it keeps for its next run, and
 * the verification of new ones.
 *
 * They are kept in STATE-DIR/CLUSTER.signatures (dns/signkeep.h): soon after some were made, once
 * more when these are verified, at most once a minute; once a day for the time that is in it; and
 * at an orderly stop. The thread of state.h protects and writes the file, so no disk delays
 * anything. `locum replace` hands them over in memory.
 *
 * A new signature is served first. It is verified right after that, for 3 ms at a time.
 */
#ifndef LOCUM_DAEMON_SIGNATURES_H
#define LOCUM_DAEMON_SIGNATURES_H

#include "base/timer.h"
#include "daemon/daemon.h"
#include "dns/signkeep.h"
#include "report/report.h"

struct locum_signatures {
    struct locum_signtime time;
    struct locum_signkeep_keys keys;
    char *loaded;              /* what the run before has left, until it is taken; NULL */
    struct locum_slice at;     /* its signatures */
    struct locum_timer verify; /* the next slice */
    locum_ms bad_at;           /* mono: when one last did not verify; LOCUM_NEVER */
    locum_ms again_at;         /* mono: when they were last to be made again for that */
    bool again;                /* they are to be, when LOCUM_SIGNATURES_AGAIN_MS are over */
    uint64_t seen, kept;       /* how many were made at the last second, and when they were kept */
    bool kept_unverified;      /* some of those were not verified */
    bool stale;                /* what is kept is of another boot, or was handed over */
    locum_ms kept_at;          /* mono; LOCUM_NEVER */
};

enum {
    LOCUM_SIGNATURES_SLICE_US = 3000,
    LOCUM_SIGNATURES_PAUSE_MS = 20, /* between two slices */
    LOCUM_SIGNATURES_AGAIN_MS = 60000,
    LOCUM_SIGNATURES_KEEP_MS = 60000,
    LOCUM_SIGNATURES_BUSY_MS = 600000, /* while more are made, they are kept that often */
    LOCUM_SIGNATURES_DAY_MS = 24 * 3600 * 1000,
};

/* Read what the run before, or the program before, has left. 0 or LOCUM_ERR_MEMORY. */
int locum_daemon_signatures_begin(struct locum_daemon *self) LOCUM_MUST_CHECK;

/* The first keys are set: add the signatures. */
void locum_daemon_signatures_take(struct locum_daemon *self);

/* The secrets may be other ones. */
void locum_daemon_signatures_reconfigure(struct locum_daemon *self);

/* The time by which the states of keys go now (dns/signtime.h). */
int64_t locum_daemon_signatures_now_s(struct locum_daemon *self);

/* Set it to a wall clock that is confirmed. Returns by how many seconds it moved. */
int64_t locum_daemon_signatures_set_keys(struct locum_daemon *self);

/* The time by which to sign what is published now. */
int64_t locum_daemon_signatures_take_s(struct locum_daemon *self);

/* Answers were published: verify what is new in them. */
void locum_daemon_signatures_published(struct locum_daemon *self);

void locum_daemon_signatures_second(struct locum_daemon *self);

/* The orderly stop: keep them. */
void locum_daemon_signatures_keep(struct locum_daemon *self);

/* A memfd for the next program, which the caller closes; -1: nothing is handed over. */
int locum_daemon_signatures_hand_over(struct locum_daemon *self);

void locum_daemon_signatures_view(const struct locum_daemon *self, struct locum_report *ret);

void locum_daemon_signatures_fini(struct locum_daemon *self);

#endif
