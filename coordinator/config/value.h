/*
 * value: one value of a file, by the kind of its row. Pure: text in, field out, and the way back.
 */
#ifndef LOCUM_CONFIG_VALUE_H
#define LOCUM_CONFIG_VALUE_H

#include "config/schema.h"

/*
 * Parse into `field`, of the type that the row's kind names and as large as the row's max needs.
 * LOCUM_KIND_NODE is not parsed here (bind.c). 0, LOCUM_ERR_INVALID, LOCUM_ERR_RANGE,
 * LOCUM_ERR_SPACE; then `field` may have changed, and `why` holds the reason if the kind is a
 * pattern ("Unmatched ( or \("), a domain, a host or a URL. It may be NULL for other kinds.
 */
int locum_value_parse(const struct locum_schema_row *row, struct locum_slice text, void *field,
                      struct locum_text *why) LOCUM_MUST_CHECK;

/* Append a field. Equal values have equal texts; kinds that no digest or reload needs have none. */
void locum_value_print(const struct locum_schema_row *row, const void *field,
                       struct locum_text *text);

/* Append what is expected, e.g. "a number from 1 to 16" or "a list of 1 to 8 items, each ...". */
void locum_value_describe(const struct locum_schema_row *row, struct locum_text *text);

/* Append the range of a number or duration or the number of items: "20ms to 10s"; or nothing. */
void locum_value_range(const struct locum_schema_row *row, struct locum_text *text);

/* The host and port of a URL that locum_value_parse() has accepted, e.g. "127.0.0.1:8080". */
struct locum_slice locum_value_url_authority(struct locum_slice url);

#endif
