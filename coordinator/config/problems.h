/*
 * problems: everything that is wrong with one file, collected while it is read and told in file
 * order at the end. A caller never stops at the first error.
 */
#ifndef LOCUM_CONFIG_PROBLEMS_H
#define LOCUM_CONFIG_PROBLEMS_H

#include "config/config.h"

enum {
    LOCUM_PROBLEMS_MAX = 64, /* told at once; what comes after is left out, and that is said */
    LOCUM_PROBLEM_BYTES = 600,
    LOCUM_QUOTED_MAX = 80, /* characters of an offending value that are shown */
};

struct locum_problems {
    struct {
        enum locum_severity severity;
        struct locum_position at;
        char text[LOCUM_PROBLEM_BYTES];
    } list[LOCUM_PROBLEMS_MAX];
    size_t count;
    size_t error_count; /* with those that were left out */
    bool left_out;
};

void locum_problems_error(struct locum_problems *self, struct locum_position at, const char *format,
                          ...) __attribute__((format(printf, 3, 4)));
void locum_problems_warning(struct locum_problems *self, struct locum_position at,
                            const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Sort by position (the order of equals stays) and report each. */
void locum_problems_tell(struct locum_problems *self, const char *file, locum_problem_fn *report,
                         void *user);

/* A value of the file in double quotes, one line whatever it holds; for "%s". */
struct locum_quoted {
    char text[LOCUM_QUOTED_MAX * 4 + 8];
};
struct locum_quoted locum_quote(struct locum_slice value);

#endif
