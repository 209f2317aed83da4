/*
 * log: one line per event on stderr, made of fixed keys:
 *
 *   event=condition node=dc2 peer=dc3 from=suspect to=down votes=dc2,ns0
 *
 * A value with a blank, '=', '"' or '\' is quoted; '"' and '\' in it are escaped with '\'; other
 * bytes that are not printable are written \xHH. So text from a peer cannot break a line. Equal
 * lines (same level, event and values) are printed at most once in 10 s; the next printed one says
 * how many were left out (repeated=N). A line that standard error does not accept at once is lost,
 * and counted in the next one (lost-lines=N). Under the journal (JOURNAL_STREAM) each line has its
 * <N> priority, sd-daemon(3). Main thread only; other threads pass their messages to it.
 */
#ifndef LOCUM_BASE_LOG_H
#define LOCUM_BASE_LOG_H

#include <stddef.h>

enum locum_level {
    LOCUM_LOG_ERR,  /* the operator must act */
    LOCUM_LOG_WARN, /* degraded, going on */
    LOCUM_LOG_INFO, /* a state changed */
};

/* One key and value of a line, an event or a hash; borrowed. */
struct locum_field {
    const char *key;
    const char *value; /* NULL: the field is left out */
};

/* Forget which lines were printed lately: the next equal line is printed, not counted. */
void locum_log_repeat(void);

/* Print one line: the event and its fields. */
void locum_log_fields(enum locum_level level, const char *event, const struct locum_field *fields,
                      size_t count);

/*
 * The same with key and value pairs, ended by NULL (LOCUM_LOG adds it). A NULL value leaves its key
 * out. Never blocks, never fails. Never pass a secret.
 */
void locum_log_line(enum locum_level level, const char *event, ...) __attribute__((sentinel));

#define LOCUM_LOG(level, ...) locum_log_line(level, __VA_ARGS__, (const char *)0)

#endif
