/*
 * certificates: what the tls checks of this node have seen, for people. Every certificate that ends
 * soon, has ended, or that clients refuse is a warning.
 */
#ifndef LOCUM_REPORT_CERTIFICATES_H
#define LOCUM_REPORT_CERTIFICATES_H

#include <jansson.h>

#include "report/exposition.h"
#include "report/report.h"

/* Append what is wrong with the i-th certificate of a check, and what to do; true: it is a warning.
 * The text names days, not how many are left, so that it stays the same. */
bool locum_certificates_warn(const struct locum_report *report, size_t check, size_t i,
                             struct locum_text *text);

/* All of them: [{check, name, expires, left_days, error}]. A new reference. */
json_t *locum_certificates_list(const struct locum_report *report);

/* Append their metrics. */
void locum_certificates_add_metrics(struct locum_exposition *out,
                                    const struct locum_report *report);

/* Room enough for that text. */
size_t locum_certificates_metrics_bytes(const struct locum_report *report);

#endif
