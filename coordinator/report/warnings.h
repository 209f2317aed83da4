/*
 * warnings: what needs attention although nothing is lost yet. `locum status` lists them; most also
 * begin and end with an event. Each says what to do.
 *
 * Most follow from the facts of the moment. The rest needs evidence over time (evidence.h).
 * No decision depends on any of it.
 */
#ifndef LOCUM_REPORT_WARNINGS_H
#define LOCUM_REPORT_WARNINGS_H

#include <jansson.h>

#include "config/config.h"
#include "report/evidence.h"

struct locum_report; /* report/report.h */

/* The warnings of this moment: an object, "ABOUT PEER" or "ABOUT" -> text. A new reference. */
json_t *locum_warnings_find(const struct locum_report *report);

/* Add those about signed zones (warnings_zones.c). */
void locum_warnings_of_zones(json_t *warnings, const struct locum_report *report);

/* Does the warning with this key begin and end with an event? The others have events of their own,
 * such as `excluded`. */
bool locum_warnings_has_event(const char *key);

/* Can others than the nodes of the cluster cause the warning with this key? Its events are limited
 * (warned.h). */
bool locum_warnings_is_limited(const char *key);

/*
 * Does the warning with this key keep the status from being OK? Not if it is of no use for that:
 * anyone who reaches the peer port can send heartbeats with an invalid signature, in the name of
 * nobody or of a node that is well heard.
 */
bool locum_warnings_matters(const struct locum_report *report, const char *key);

/* How many of the warnings of this moment do; events_only: and begin and end with an event. */
size_t locum_warnings_count(const struct locum_report *report, bool events_only);

/* How many of these warnings (locum_warnings_find()) do and are about this. */
size_t locum_warnings_count_about(const struct locum_report *report, json_t *warnings,
                                  const char *about);

/* What the i-th kind of warning with events is about, and its meaning, for locum(8); NULL: there
 * are no more. Static. */
const char *locum_warnings_about(size_t i, const char **ret_meaning);

#endif
