/*
 * signatures: what is wrong with signed zones, for people: warnings about the clock by which they
 * are signed, signatures that do not verify or have expired, and zones without keys.
 */
#ifndef LOCUM_REPORT_SIGNATURES_H
#define LOCUM_REPORT_SIGNATURES_H

#include "report/report.h"

/* Add them: by "about", or "about zone". */
void locum_signatures_add_warnings(json_t *warnings, const struct locum_report *report);

#endif
