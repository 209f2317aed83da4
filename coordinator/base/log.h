/*
 * log: one line per event on stderr, in a fixed vocabulary:
 *
 *   event=condition node=dc2 peer=dc3 from=suspect to=down votes=dc2,ns0
 *
 * A value with a blank, '=', '"' or '\' is quoted, '"' and '\' in it stand behind a '\', and what
 * is not printable is written \xHH: a line stays a line whatever a peer sends. Equal lines (same
 * level, event and values) are printed at most once in 10 s; the next one that is printed says how
 * many were left out (repeated=N). A line that standard error does not take at once is lost, and
 * counted in the next one (lost-lines=N). Under the journal (JOURNAL_STREAM) each line carries its
 * <N> priority, sd-daemon(3). Main thread only; others hand their words to it.
 */
#ifndef LOCUM_BASE_LOG_H
#define LOCUM_BASE_LOG_H

#include <stddef.h>

enum locum_level {
    LOCUM_LOG_ERR,   /* the operator must act */
    LOCUM_LOG_WARN,  /* degraded, going on */
    LOCUM_LOG_INFO,  /* a state changed */
    LOCUM_LOG_DEBUG, /* for the curious; off unless asked for */
};

/* Lines above `level` are dropped. Default: LOCUM_LOG_INFO. */
void locum_log_level_set(enum locum_level level);

/* One word of a line, an event or a hash; borrowed. */
struct locum_field {
    const char *key;
    const char *value; /* NULL: the field is left out */
};

/* Somebody asked for something again: say again what was said just now. */
void locum_log_repeat(void);

/* Print one line: the event and its fields. */
void locum_log_fields(enum locum_level level, const char *event, const struct locum_field *fields,
                      size_t count);

/*
 * The same with key, value pairs, ended by NULL (LOCUM_LOG adds it). A NULL value
 * leaves its key out. Never blocks for long, never fails. Never hand it a secret.
 */
void locum_log_line(enum locum_level level, const char *event, ...) __attribute__((sentinel));

#define LOCUM_LOG(level, ...) locum_log_line(level, __VA_ARGS__, (const char *)0)

#endif
