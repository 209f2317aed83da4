/*
 * history: what has changed in the last 24 h as this node saw it, for a timeline: the condition,
 * service and admin state of each node, and of each name the nodes that this node's answers named.
 *
 * In: the core at each commit. Out: rows, each a series of spans of time with one value; GET
 * /history. No decision depends on it.
 *
 * Inside, times are of the boot clock, so a step of the wall clock changes no order and no length.
 * Spans have wall times, those that fit the wall clock of `now`.
 *
 * A time in which nothing was noted is a gap: no process ran, or this one was stopped, or the host
 * was suspended. No span reaches into a gap.
 *
 * Limits: LOCUM_HISTORY_CHANGES changes (48 KiB, allocated as they come), 13 KiB besides, and the
 * texts of the names. When it is full the oldest changes go, and locum_history_from() says since
 * when it is complete.
 *
 *   history.c       the record           history_spans.c  rows, spans, gaps, values
 *   history_json.c  GET /history         history_kept.c   the text for the next process
 */
#ifndef LOCUM_REPORT_HISTORY_H
#define LOCUM_REPORT_HISTORY_H

#include <jansson.h>

#include "config/config.h"
#include "core/resume.h"
#include "core/step.h"

enum {
    LOCUM_HISTORY_CHANGES = 2048,
    LOCUM_HISTORY_GAPS = 64,
    LOCUM_HISTORY_NODES = 2 * LOCUM_NODES_MAX, /* of a configuration and those before it */
    LOCUM_HISTORY_KEPT_MS = 24 * 3600 * 1000,
    LOCUM_HISTORY_GAP_MS = 5000, /* the loop notes at least once a second */
};

struct locum_history;

/* Nothing noted yet, no nodes and no names. NULL: out of memory. */
struct locum_history *locum_history_create(void);
void locum_history_destroy(struct locum_history *self); /* NULL is fine */

/*
 * The nodes and names are these from now on; at the start and after a reload, before the next
 * locum_history_note(). What is kept of others goes, except that a node which is in none of them
 * is still named where it was in an answer. Nodes of role sentinel have no rows. A name for which
 * there is no memory is left out.
 */
void locum_history_configure(struct locum_history *self, const struct locum_config *config);

/*
 * Note what is different now, and that this node ran until now. Cheap if nothing has changed.
 *
 * core       of the same configuration.
 * published  the answers are those of the plan; false: they are older, and stay as noted.
 * now        one before that of the last note counts as that.
 */
void locum_history_note(struct locum_history *self, const struct locum_core *core, bool published,
                        struct locum_now now);

/* --- from one process to the next in the same boot ---------------------------------------------
 */

enum { LOCUM_HISTORY_BYTES_MAX = 192 * 1024 }; /* the longest text, and its NUL */

/* Room for the text of locum_history_save() now, its NUL included. */
size_t locum_history_save_bytes(const struct locum_history *self);

/*
 * Append it as a text of one format version, which ends with `end`. Nothing if nothing was noted,
 * or if the boot is not known (boot_id is "").
 */
void locum_history_save(const struct locum_history *self, const struct locum_core_config *config,
                        const char *boot_id, struct locum_text *text);

/*
 * Begin with what the last process has saved (last->text; last->saved is not used). With
 * LOCUM_START the time since then is a gap, with LOCUM_REPLACE only if it is longer than
 * LOCUM_HISTORY_GAP_MS. Every value but LOCUM_RESUMED: it is refused, and `self` stays empty.
 *
 * self  just created; locum_history_configure() comes next.
 */
enum locum_resumed locum_history_load(struct locum_history *self,
                                      const struct locum_core_config *config,
                                      const struct locum_last_run *last,
                                      struct locum_now now) LOCUM_MUST_CHECK;

/* --- reading ---------------------------------------------------------------------------------- */

enum locum_history_kind {
    LOCUM_HISTORY_CONDITION,
    LOCUM_HISTORY_SERVICE,
    LOCUM_HISTORY_ADMIN,
    LOCUM_HISTORY_ANSWERS,
    LOCUM_HISTORY_KINDS /* their number */
};

/* Rows are numbered from 0: three of each node, condition, service and admin, then one a name. */
enum { LOCUM_HISTORY_ROWS = LOCUM_HISTORY_NODES * LOCUM_HISTORY_ANSWERS + LOCUM_NAMES_MAX };

struct locum_history_row {
    enum locum_history_kind kind;
    const char *name; /* of the node, or the absolute name; borrowed until it is configured again */
};

/* False: there is no such row; there may be others after it. */
bool locum_history_row(const struct locum_history *self, size_t row, struct locum_history_row *ret);

/* A time with one value. wall: Unix ms, from < until. */
struct locum_history_span {
    locum_ms from, until;
    uint64_t value; /* for locum_history_value() or locum_history_node(); 0 in a gap */
};

/* Where a reader of one row is; all zero at its start. */
struct locum_history_cursor {
    bool begun;
    size_t next;    /* the next change to look at */
    locum_ms at;    /* boot: up to here it was read */
    uint64_t value; /* from there on */
};

/*
 * The next span of a row, in the order of time; the last one ends at `now`. False: there are no
 * more. Two spans in a row may have the same value, with a gap between them.
 *
 *   struct locum_history_cursor cursor = {.begun = false};
 *   struct locum_history_span span;
 *   while (locum_history_next(history, row, now, &cursor, &span)) {
 */
bool locum_history_next(const struct locum_history *self, size_t row, struct locum_now now,
                        struct locum_history_cursor *cursor, struct locum_history_span *ret);

/* The i-th gap, the oldest first. False: there are no more. */
bool locum_history_gap(const struct locum_history *self, size_t i, struct locum_now now,
                       struct locum_history_span *ret);

/* Since when it is complete, at most 24 h ago. wall; `now` if nothing was noted yet. */
locum_ms locum_history_from(const struct locum_history *self, struct locum_now now);

/* The text of a value of these kinds but ANSWERS, as in the status: "alive". Static. */
const char *locum_history_value(enum locum_history_kind kind, uint64_t value);

/* The i-th node of a value of ANSWERS; NULL: there are no more. Borrowed. */
const char *locum_history_node(const struct locum_history *self, uint64_t value, size_t i);

/*
 * GET /history: {from, until, gaps: [{from, until}], nodes: [{node, condition: [{from, until,
 * value}], service: [...], admin: [...]}], names: [{name, answers: [{from, until, nodes}]}]}.
 * Times are Unix ms. A new reference; NULL: out of memory.
 */
json_t *locum_history_json(const struct locum_history *self, struct locum_now now);

#endif
