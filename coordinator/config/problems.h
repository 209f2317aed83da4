/*
 * problems: everything that is wrong with one file, collected while it is read and reported in file
 * order at the end, so that a user sees all errors in one run.
 *
 * A text names the key, says what is wrong with its value, and what would be right.
 */
#ifndef LOCUM_CONFIG_PROBLEMS_H
#define LOCUM_CONFIG_PROBLEMS_H

#include "base/text.h"

enum {
    LOCUM_PROBLEMS_MAX = 64, /* reported; if there are more, a last line says so */
    LOCUM_PROBLEM_BYTES = 600,
    LOCUM_QUOTED_MAX = 80, /* characters of an offending value that are shown */
};

/* A place in the file; line and column from 1, 0 where unknown. */
struct locum_position {
    uint32_t line, column;
};

/* A note is nothing to correct: it says what was taken from another program's file. */
enum locum_severity { LOCUM_SEVERITY_ERROR, LOCUM_SEVERITY_WARNING, LOCUM_SEVERITY_NOTE };
enum { LOCUM_SEVERITIES = LOCUM_SEVERITY_NOTE + 1 };

struct locum_problem {
    enum locum_severity severity;
    const char *file;
    struct locum_position at; /* 0,0: about the file as a whole */
    const char *text;
};

/* Called for each error, warning and note, in file order; the problem is valid during the call. */
typedef void locum_problem_fn(void *user, const struct locum_problem *problem);

struct locum_problems {
    struct {
        enum locum_severity severity;
        struct locum_position at;
        char text[LOCUM_PROBLEM_BYTES];
    } list[LOCUM_PROBLEMS_MAX];
    size_t count;
    size_t error_count; /* including those that were left out */
    bool left_out;
};

/* Collect a problem; a text longer than LOCUM_PROBLEM_BYTES is cut. */
void locum_problems_add(struct locum_problems *self, enum locum_severity severity,
                        struct locum_position at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#define locum_problems_error(self, at, ...)                                                        \
    locum_problems_add(self, LOCUM_SEVERITY_ERROR, at, __VA_ARGS__)

/* Sort by position (the order of equals stays) and report each. */
void locum_problems_report(const struct locum_problems *self, const char *file,
                           locum_problem_fn *report, void *user);

/* "FILE:LINE:COL: error: TEXT", the one way a problem is printed. */
void locum_problems_format(struct locum_text *text, const struct locum_problem *problem);

/* A locum_problem_fn that prints a line on standard error; `user` is not used. */
void locum_problems_print(void *user, const struct locum_problem *problem);

/* The same into the log, event=config. */
void locum_problems_log(void *user, const struct locum_problem *problem);

/* A value of the file in double quotes, one line whatever it holds; for "%s". */
struct locum_quoted {
    char text[LOCUM_QUOTED_MAX * 4 + 8];
};
struct locum_quoted locum_problems_quote(struct locum_slice value);

#endif
