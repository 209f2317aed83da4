/*
 * history_inside: the record itself. For the files of history.h only.
 */
#ifndef LOCUM_REPORT_HISTORY_INSIDE_H
#define LOCUM_REPORT_HISTORY_INSIDE_H

#include "report/history.h"

/* The rows of names come after those of nodes. */
enum { LOCUM_HISTORY_NAMES_AT = LOCUM_HISTORY_NODES * LOCUM_HISTORY_ANSWERS };

/*
 * A value is 0 while there is none. That of a condition, a service or an admin state is the enum's
 * plus 1. That of an answer is a set of nodes: bit i is node[i] of the history, not of the
 * configuration.
 */
struct locum_history_change {
    locum_ms at; /* boot; ascending */
    uint64_t value;
    uint16_t row;
};

struct locum_history {
    char node[LOCUM_HISTORY_NODES][LOCUM_NODE_NAME_MAX + 1]; /* "": free */
    char *name[LOCUM_NAMES_MAX];                             /* heap; NULL: free */
    uint64_t first[LOCUM_HISTORY_ROWS]; /* before the first change that is kept */
    uint64_t last[LOCUM_HISTORY_ROWS];  /* after the last */
    struct locum_history_change *changes;
    size_t count, room;
    struct {
        locum_ms from, until; /* boot */
    } gap[LOCUM_HISTORY_GAPS];
    size_t gaps;
    locum_ms from;  /* boot: complete since; LOCUM_NEVER: nothing was noted yet */
    locum_ms noted; /* boot: the last locum_history_note() */
    bool stopped;   /* another process noted that: a gap follows, however short */

    /* Of the configuration: where its nodes and names are in here. */
    uint8_t node_at[LOCUM_NODES_MAX];      /* index of node[] */
    uint16_t name_at[LOCUM_NAMES_MAX];     /* index of name[]; LOCUM_NAMES_MAX: left out */
    locum_nodes answered[LOCUM_NAMES_MAX]; /* the answer that was noted last */
    bool answers_known;                    /* `answered` is of this configuration */
};

/* Forget everything, as if just created. */
void locum_history_inside_reset(struct locum_history *self);

/* Append a change, not before the last one. False: out of memory, nothing was appended. */
bool locum_history_inside_add(struct locum_history *self, size_t row, uint64_t value,
                              locum_ms boot);

#endif
