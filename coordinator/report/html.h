/*
 * html: HTML for the status page, from JSON, into a struct locum_text.
 *
 * All values are taken for hostile: names and reasons come from the configuration, operators,
 * peers, servers and programs. So the only way to add a value is one that escapes it. Markup comes
 * from templates, which are constants of this program.
 */
#ifndef LOCUM_REPORT_HTML_H
#define LOCUM_REPORT_HTML_H

#include <jansson.h>

#include "base/text.h"

/*
 * Append text that is safe between tags and within a quoted attribute: & < > " ' are escaped, and
 * control characters and those that change the direction of text (U+202A to U+202E, U+2066 to
 * U+2069) become '?'. value: UTF-8; what is not is no danger.
 */
void locum_html_add(struct locum_text *text, const char *value);

/*
 * Append a template with values of `json`:
 *
 *   {a.b}       the string or number there; {} is json itself; a missing value or null: a dash
 *   {a:age}     milliseconds as an age: 4.2 s
 *   {a:time}    RFC 3339 as date and time without fractions: 2025-11-23 02:00:58
 *   {a/, }      the items of an array with this between them; an empty array counts as missing
 *   [ ... {a} ] left out if a value in it is missing
 */
void locum_html_fill(struct locum_text *text, const json_t *json, const char *template);

#endif
