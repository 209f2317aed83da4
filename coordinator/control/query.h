/*
 * query: a request's target -> its path and the values of its query string. Pure.
 *
 * Values are printable ASCII without blanks once decoded: names, numbers, "dc3=down". A key that is
 * unknown, there twice, or not taken by the path is refused, so that a typing error is seen.
 */
#ifndef LOCUM_CONTROL_QUERY_H
#define LOCUM_CONTROL_QUERY_H

#include "base/text.h"

enum locum_query_key {
    LOCUM_QUERY_NAME,
    LOCUM_QUERY_IF,
    LOCUM_QUERY_AFTER,
    LOCUM_QUERY_WAIT,
};
enum { LOCUM_QUERY_KEYS = 4, LOCUM_QUERY_VALUE_MAX = 255 };

struct locum_query {
    bool has[LOCUM_QUERY_KEYS];
    char value[LOCUM_QUERY_KEYS][LOCUM_QUERY_VALUE_MAX + 1];
};

/*
 * Cut a target into path and query string (NULL `at` if there is none); an absolute-form target
 * (RFC 9112 3.2.2) loses its scheme and host. Slices are borrowed. 0 or LOCUM_ERR_INVALID.
 */
int locum_target_cut(struct locum_slice target, struct locum_slice *ret_path,
                     struct locum_slice *ret_query) LOCUM_MUST_CHECK;

/*
 * Decode a query string.
 *
 * query    without its "?"; `at` may be NULL.
 * allowed  bit 1 << key for each key that the path takes.
 * ret_why  on failure what is wrong and which keys are taken.
 * Returns 0, LOCUM_ERR_INVALID or LOCUM_ERR_RANGE (a value too long).
 */
int locum_query_parse(struct locum_slice query, unsigned allowed, struct locum_query *ret,
                      struct locum_text *ret_why) LOCUM_MUST_CHECK;

/* The value of a key, or NULL. Borrowed. */
const char *locum_query_value(const struct locum_query *self, enum locum_query_key key);

#endif
