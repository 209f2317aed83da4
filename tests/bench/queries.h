/*
 * queries: those that tests/bench/ask sends, made before it starts, from a file that says which.
 */
#ifndef LOCUM_TESTS_BENCH_QUERIES_H
#define LOCUM_TESTS_BENCH_QUERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    QUERIES_POOL = 4096,    /* how many are made; they are sent in turn */
    QUERIES_SHUFFLED = 128, /* of so many, those of the same length may be put side by side */
    QUERY_BYTES_MAX = 160,
};

struct query {
    uint8_t bytes[QUERY_BYTES_MAX]; /* as sent, without identifier and cookie */
    size_t length;
    size_t question_length;
    unsigned rcode, answers; /* of a right answer */
};

/* Read the file: lines "WEIGHT NAME TYPE RCODE ANSWERS" (ask.c). False: it cannot be read; errno
 * says why, EINVAL: a line is different. */
bool queries_read(const char *path);

/*
 * Make queries by the weights of the file; a single one: by its first line. The same ones each
 * time.
 *
 * cookie_length  room for a cookie at the end; 0: no cookie.
 * runs           put queries of the same length side by side.
 */
void queries_make(struct query *ret, size_t count, bool edns, bool dnssec, size_t cookie_length,
                  bool runs);

static inline void
queries_put_u16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline size_t
queries_get_u16(const uint8_t *at)
{
    return (size_t)at[0] << 8 | at[1];
}

#endif
