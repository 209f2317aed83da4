/*
 * exposition: the text in which Prometheus reads metrics.
 *
 * A metric whose name ends in _seconds is given in milliseconds and printed in seconds.
 *
 * Source: Prometheus, "Exposition formats", text format 0.0.4.
 */
#ifndef LOCUM_REPORT_EXPOSITION_H
#define LOCUM_REPORT_EXPOSITION_H

#include "base/text.h"
#include "report/report.h"

/* The text under construction. */
struct locum_exposition {
    struct locum_text text;
    const char *name;   /* of the metric begun last */
    const char *labels; /* of it, separated by blanks */
    bool in_seconds;
    locum_metric_fn *each; /* not NULL: only list the metrics */
    void *user;            /* for each() */
};

/*
 * Begin a metric, or list it.
 *
 * type    counter, gauge or histogram.
 * name    kept, as labels are, until the next one begins.
 * labels  separated by blanks; "": none.
 */
void locum_exposition_begin(struct locum_exposition *self, const char *type, const char *name,
                            const char *labels, const char *help);

/*
 * Add a sample of the metric begun last.
 *
 * suffix  of the name: "", or of a histogram "_bucket", "_sum", "_count".
 * labels  separated by blanks; "": none.
 * values  one for each of them.
 */
void locum_exposition_add(struct locum_exposition *self, const char *suffix, const char *labels,
                          const char *const *values, int64_t value);

/* Append milliseconds as seconds: 125 as 0.125. */
void locum_exposition_add_seconds(struct locum_text *text, int64_t ms);

#endif
