/*
 * base64: RFC 4648. Pure.
 */
#ifndef LOCUM_BASE_BASE64_H
#define LOCUM_BASE_BASE64_H

#include "base/text.h"

/* Decode (section 4), with padding. 0, LOCUM_ERR_INVALID or LOCUM_ERR_SPACE (more than `size`
 * bytes). */
int locum_base64_decode(struct locum_slice text, uint8_t *ret, size_t size,
                        size_t *ret_length) LOCUM_MUST_CHECK;

/* Append in the alphabet for URLs (section 5), without padding. */
void locum_base64_add_url(struct locum_text *text, const uint8_t *bytes, size_t length);

#endif
