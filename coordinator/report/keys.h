/*
 * keys: the states of DNSSEC keys (dns/keymemory.h), for people.
 */
#ifndef LOCUM_REPORT_KEYS_H
#define LOCUM_REPORT_KEYS_H

#include <jansson.h>

#include "report/report.h"

/* A difference between servers is shown after this time. */
enum { LOCUM_KEYS_WARN_MS = 30 * 1000 };

/*
 * Append what is to be done.
 *
 * i       less than the number of zones: of a zone; and then of a node.
 * ret_of  its name, borrowed.
 * Returns what it is about, static; NULL: nothing is to be done.
 */
const char *locum_keys_warn(const struct locum_report *report, size_t i, struct locum_text *text,
                            const char **ret_of);

/* GET /keys: {zones: [{zone, cds, parent_answered, parent_has_ds, keys}]}. A new reference. */
json_t *locum_keys_json(const struct locum_report *report);

#endif
