/*
 * value: one scalar of the file, by the kind of its option. Pure: text in, field out.
 */
#ifndef LOCUM_CONFIG_VALUE_H
#define LOCUM_CONFIG_VALUE_H

#include "config/options.h"

/* Parse into `field`, of the type that the option's kind names; NULL: check only. */
int locum_value_parse(const struct locum_option *option, struct locum_slice text,
                      void *field) LOCUM_MUST_CHECK;

/* Append what would be right, e.g. "write a number from 1 to 16". */
void locum_value_describe(const struct locum_option *option, struct locum_text *text);

/* Append why a value is not right where that is to be had, e.g. ": Unmatched ( or \(", or nothing.
 */
void locum_value_reason(const struct locum_option *option, struct locum_slice value,
                        struct locum_text *text);

/* 1..max characters of a-z 0-9 -, no - at either end. */
bool locum_value_is_name(struct locum_slice text, size_t max);

/* The host and port of a URL that locum_value_parse() has accepted, e.g. "127.0.0.1:8080". */
struct locum_slice locum_value_url_authority(struct locum_slice url);

#endif
