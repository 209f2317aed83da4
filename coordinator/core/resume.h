/*
 * resume: the state of a run as a text, and a run that continues from it (RESUME-1 to 7). Two pure
 * functions: daemon/ keeps the text, below /run for the next start, or in memory for a replacement
 * of the program (`locum replace`).
 *
 * The text holds lines of one format version; times are ages at the moment of saving, except those
 * of the boot clock and wall times. So it means something in the same boot only. It ends with
 * `end`, so that a part of it is no state:
 *
 *   locum-run 1                  the version of this format
 *   of get dc2 BOOT-ID 8123000   cluster, node, boot, boot clock at this moment (ms)
 *   ...                          the run, its heartbeats, the admin state, the service, each node
 *   end
 */
#ifndef LOCUM_CORE_RESUME_H
#define LOCUM_CORE_RESUME_H

#include "core/step.h"

enum {
    LOCUM_RESUME_BYTES_MAX = 64 * 1024, /* the longest text, and its NUL */
    LOCUM_BOOT_ID_MAX = 39,             /* characters of a boot id */
};

/* How a run begins. */
enum locum_start {
    LOCUM_START,   /* a process has started: a new incarnation, no heartbeat sent yet (RESUME-3) */
    LOCUM_REPLACE, /* `locum replace`: the program has replaced itself, the run continues */
};

/* What became of the last run's state. The order is that of the texts in resume.c. */
enum locum_resumed {
    LOCUM_RESUMED,         /* as it was: not older than `timeout` (RESUME-4) */
    LOCUM_RESUMED_STALE,   /* as last known states (RESUME-5) */
    LOCUM_NOT_SAVED,       /* there is no text, or the boot is not known */
    LOCUM_OTHER_VERSION,   /* of the format: another version of the program wrote it */
    LOCUM_OTHER_BOOT,      /* RESUME-2 */
    LOCUM_OTHER_NODE,      /* or another cluster */
    LOCUM_RESUME_MALFORMED /* a part is missing, or a line is malformed */
};

/* What the last run has left. */
struct locum_last_run {
    enum locum_start how;
    struct locum_slice text;         /* of locum_core_save(), borrowed; empty: none */
    const char *boot_id;             /* of this boot; "": not known */
    const struct locum_saved *saved; /* from the disk (SAVE-1), or NULL */
};

/*
 * Append the state of the run.
 *
 * boot_id  of this boot; "": not known, then nothing is appended.
 * serial   of the SOA, for the next run.
 * now      of the last commit or later.
 * text     LOCUM_RESUME_BYTES_MAX is room enough; the caller checks text->truncated.
 */
void locum_core_save(const struct locum_core *self, const char *boot_id, uint32_t serial,
                     struct locum_now now, struct locum_text *text);

/*
 * Begin a run, like locum_core_init(), and continue with the state of the last one if it may be
 * resumed. Where it may not (any value but the first two), the run begins as locum_core_init() with
 * `last->saved` lets it begin.
 *
 * With LOCUM_START, the admin state and exclusions come from `last->saved`; with LOCUM_REPLACE,
 * from the text. The plan is made at once; the first commit hands it out. That commit is late if
 * the time between two runs was longer than timeout / 2 (GRACE-2).
 *
 * ret_serial  the saved serial, if it is resumed; else unchanged.
 */
enum locum_resumed locum_core_resume(struct locum_core *self,
                                     const struct locum_core_config *config,
                                     const struct locum_last_run *last, struct locum_now now,
                                     uint32_t *ret_serial) LOCUM_MUST_CHECK;

/* The outcome as text, such as "of another boot". Static. */
const char *locum_resume_text(enum locum_resumed outcome);

#endif
