/*
 * dnssec: the signed zones of this node, for people: the keys that sign, the DS at the parent, and
 * how long the signatures are valid.
 */
#ifndef LOCUM_REPORT_DNSSEC_H
#define LOCUM_REPORT_DNSSEC_H

#include <jansson.h>

#include "report/exposition.h"
#include "report/report.h"

/* What a warning is about; a zone may have each. */
enum locum_dnssec_warning {
    LOCUM_DNSSEC_UNSIGNED,
    LOCUM_DNSSEC_DS,
    LOCUM_DNSSEC_PARENT,
    LOCUM_DNSSEC_SIGNATURES,
    LOCUM_DNSSEC_WARNINGS, /* their number */
};

enum {
    LOCUM_DNSSEC_EXPIRY_WARN_S = 24 * 60 * 60,
    LOCUM_DNSSEC_FAILING_WARN_MS = 60 * 60 * 1000, /* the parent cannot be asked for so long */
};

/* Append what is wrong, and what to do. Returns what it is about, static; NULL: nothing is wrong.
 */
const char *locum_dnssec_warn(const struct locum_report *report, size_t zone,
                              enum locum_dnssec_warning warning, struct locum_text *text);

/* A zone: {signed, keys: [{tag, algorithm}], valid_until, ds: {state, tags, ttl_s, answered,
 * failing_since, error}}; null: it is not to be signed here. A new reference. */
json_t *locum_dnssec_of_zone(const struct locum_report *report, size_t zone);

/* Append their metrics. */
void locum_dnssec_add_metrics(struct locum_exposition *out, const struct locum_report *report);

/* Room enough for that text. */
size_t locum_dnssec_metrics_bytes(const struct locum_report *report);

#endif
