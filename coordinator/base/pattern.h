/*
 * pattern: a POSIX extended regular expression, regex(7), searched in a text line by line as
 * grep -E does. An operator writes the expression; the text may be anything.
 *
 * glibc's matcher needs unlimited time and memory for some expressions, and for harmless ones
 * ("x.*ok") time that grows with the square of a line's length. So back-references (\1) are
 * refused, and counts in braces that multiply to more than LOCUM_PATTERN_COUNTS_MAX; a text is
 * searched in pieces that overlap by half; and a search that takes too long is given up.
 */
#ifndef LOCUM_BASE_PATTERN_H
#define LOCUM_BASE_PATTERN_H

#include "base/text.h"

enum {
    LOCUM_PATTERN_MAX = 255,         /* characters */
    LOCUM_PATTERN_COUNTS_MAX = 100,  /* product */
    LOCUM_PATTERN_PIECE_BYTES = 512, /* a match has at most half as many characters */
    LOCUM_PATTERN_SEARCH_MS = 50,    /* CPU time; then no new piece is searched */
};

enum locum_pattern_result {
    LOCUM_PATTERN_ABSENT,
    LOCUM_PATTERN_FOUND,
    LOCUM_PATTERN_GIVEN_UP, /* it took too long, or there was no memory */
};

/* 0, or LOCUM_ERR_INVALID and the reason in `why`: "Unmatched ( or \(". */
int locum_pattern_check(const char *expression, struct locum_text *why) LOCUM_MUST_CHECK;

/* Search the whole text. A NUL in it is a character like any other. */
enum locum_pattern_result locum_pattern_search(const char *expression, struct locum_slice text);

#endif
