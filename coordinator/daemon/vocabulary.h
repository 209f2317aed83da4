/*
 * vocabulary: the one table of the events that are told (log, GET /events, stream in Redis) and the
 * one of the fields of the node's hash in Redis. Nothing is told that does not stand here: an event
 * is named by its number, and a field that its row has not is left out. locum(8) is compared with
 * both.
 */
#ifndef LOCUM_DAEMON_VOCABULARY_H
#define LOCUM_DAEMON_VOCABULARY_H

#include <stdbool.h>

enum locum_told {
    LOCUM_TOLD_ADMIN,
    LOCUM_TOLD_CONDITION,
    LOCUM_TOLD_ONE_WAY,
    LOCUM_TOLD_EXCLUDED,
    LOCUM_TOLD_TWO_WAY,
    LOCUM_TOLD_INCARNATION,
    LOCUM_TOLD_INCLUDED,
    LOCUM_TOLD_LEAVING,
    LOCUM_TOLD_PUBLISH_FAILED,
    LOCUM_TOLD_REDIS_CONNECTED,
    LOCUM_TOLD_REDIS_LOST,
    LOCUM_TOLD_RELOAD,
    LOCUM_TOLD_SERVICE,
    LOCUM_TOLD_SERVING,
    LOCUM_TOLD_STALL,
    LOCUM_TOLD_START,
    LOCUM_TOLD_STOP,
    LOCUM_TOLD_DUPLICATE_NODE,
    LOCUM_TOLD_WARNING,
    LOCUM_TOLD_WARNING_OVER,
    LOCUM_TOLD_COUNT,
};

struct locum_told_row {
    const char *event;
    const char *fields; /* separated by blanks, beside `node` and `event`; each may be absent */
};

extern const struct locum_told_row locum_told_rows[LOCUM_TOLD_COUNT];

/* Is this a field of the event? */
bool locum_told_has(enum locum_told told, const char *field);

/* The fields of the node's hash, in the order they are written. */
enum locum_hash_field {
    LOCUM_HASH_ROLE,
    LOCUM_HASH_SERVICE,
    LOCUM_HASH_ADMIN,
    LOCUM_HASH_SERVING,
    LOCUM_HASH_CONDITIONS,
    LOCUM_HASH_RANKS,
    LOCUM_HASH_ANSWERS,
    LOCUM_HASH_SINCE,
    LOCUM_HASH_SEQ,
    LOCUM_HASH_INCARNATION,
    LOCUM_HASH_VERSION,
    LOCUM_HASH_DIGEST,
    LOCUM_HASH_HEARTBEAT_MS,
    LOCUM_HASH_MIRRORBITS,
    LOCUM_HASH_COUNT,
};

extern const char *const locum_hash_fields[LOCUM_HASH_COUNT];

#endif
