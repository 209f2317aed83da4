/*
 * signatures: what is wrong with the signatures of all signed zones, for people: the clock by which
 * they are made, and those that did not verify.
 */
#ifndef LOCUM_REPORT_SIGNATURES_H
#define LOCUM_REPORT_SIGNATURES_H

#include "report/report.h"

/* Append why the clock of this node is in doubt, and what to do; false: it is not. The text names
 * whole minutes, so that it stays the same. */
bool locum_signatures_warn_of_clock(const struct locum_report *report, struct locum_text *text);

/* Append that a signature of the last hour did not verify; false: all did. */
bool locum_signatures_warn_of_bad(const struct locum_report *report, struct locum_text *text);

#endif
