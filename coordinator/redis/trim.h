/*
 * trim: takes texts that are too long out of what a Redis sends, before hiredis stores them.
 *
 * In: the bytes of a subscribed connection, in pieces of any size. Out: the same bytes, where each
 * bulk string of more than LOCUM_TRIM_BYTES_MAX is empty. A user that may publish on a channel
 * could otherwise end the connection of every subscriber with one message, or fill their memory. An
 * empty message is ignored (master.c).
 *
 * RESP is a sequence of lines; only a bulk string ("$5\r\nhello\r\n") has bytes that are no line.
 * So nothing needs to be known of arrays. What is no RESP passes unchanged: hiredis refuses it.
 */
#ifndef LOCUM_REDIS_TRIM_H
#define LOCUM_REDIS_TRIM_H

#include <stddef.h>
#include <stdint.h>

enum {
    LOCUM_TRIM_BYTES_MAX = 64 * 1024, /* of one bulk string */
    LOCUM_TRIM_HEAD_MAX = 24,         /* "$" and the digits of a length */
    LOCUM_TRIM_ROOM = LOCUM_TRIM_HEAD_MAX + 8,
};

/* All zero at the start of a connection. */
struct locum_trim {
    enum {
        LOCUM_TRIM_START, /* of a line */
        LOCUM_TRIM_LINE,  /* in a line that is no head of a bulk string */
        LOCUM_TRIM_HEAD,  /* in such a head */
        LOCUM_TRIM_KEEP,  /* in a bulk string that passes */
        LOCUM_TRIM_SKIP,  /* in one that is too long */
    } state;
    char head[LOCUM_TRIM_HEAD_MAX];
    size_t head_length;
    uint64_t left;    /* bytes of the bulk string, with its CR LF */
    uint64_t trimmed; /* bulk strings that were too long */
};

/* Take `length` bytes; write what passes to `ret`, which has room for length + LOCUM_TRIM_ROOM.
 * Returns the number of bytes written. */
size_t locum_trim(struct locum_trim *self, const char *bytes, size_t length, char *ret);

#endif
