/*
 * pattern: a POSIX extended regular expression, regex(7), searched in a text line by line as
 * grep -E does. Written by an operator; the text may be anything.
 *
 * glibc's matcher needs time and memory without bound for a few expressions. Refused, therefore,
 * are references to a group (\1), and counts in braces that multiply to more than
 * LOCUM_PATTERN_COUNTS_MAX.
 */
#ifndef LOCUM_BASE_PATTERN_H
#define LOCUM_BASE_PATTERN_H

#include <regex.h>

#include "base/text.h"

enum { LOCUM_PATTERN_MAX = 255, LOCUM_PATTERN_COUNTS_MAX = 1000 }; /* characters; product */

/* 0, or LOCUM_ERR_INVALID, and `why` says it: "Unmatched ( or \(". The caller calls regfree(3). */
int locum_pattern_compile(const char *expression, regex_t *ret,
                          struct locum_text *why) LOCUM_MUST_CHECK;

/* Is it found anywhere in the text? A NUL in there is a character as any other. */
bool locum_pattern_found(const regex_t *self, struct locum_slice text);

#endif
