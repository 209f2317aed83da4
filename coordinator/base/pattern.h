/*
 * pattern: a POSIX extended regular expression, regex(7), searched in a text line by line as
 * grep -E does. Written by an operator; the text may be anything.
 *
 * glibc's matcher needs time and memory without bound for some expressions, and for innocent ones
 * ("x.*ok") the square of a line's length. So references to a group (\1), and counts in braces that
 * multiply to more than LOCUM_PATTERN_COUNTS_MAX, are refused; a text is searched in pieces that
 * overlap by half; and a search that takes too long is given up.
 */
#ifndef LOCUM_BASE_PATTERN_H
#define LOCUM_BASE_PATTERN_H

#include "base/text.h"

enum {
    LOCUM_PATTERN_MAX = 255,         /* characters */
    LOCUM_PATTERN_COUNTS_MAX = 100,  /* product */
    LOCUM_PATTERN_PIECE_BYTES = 512, /* what is found has half as many characters at most */
    LOCUM_PATTERN_SEARCH_MS = 50,    /* of the processor; no new piece is begun after */
};

enum locum_pattern_result {
    LOCUM_PATTERN_ABSENT,
    LOCUM_PATTERN_FOUND,
    LOCUM_PATTERN_GIVEN_UP, /* it takes too long, or there is no memory */
};

/* 0, or LOCUM_ERR_INVALID, and `why` says it: "Unmatched ( or \(". */
int locum_pattern_check(const char *expression, struct locum_text *why) LOCUM_MUST_CHECK;

/* Is it found anywhere in the text? A NUL in there is a character as any other. */
enum locum_pattern_result locum_pattern_search(const char *expression, struct locum_slice text);

#endif
