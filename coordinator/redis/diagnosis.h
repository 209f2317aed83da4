/*
 * diagnosis: what an error reply of Redis or Sentinel means to an operator, and what to do about
 * it. One table of the error codes (redis.io "Redis serialization protocol specification", simple
 * errors), one sentence each.
 *
 * Pure.
 */
#ifndef LOCUM_REDIS_DIAGNOSIS_H
#define LOCUM_REDIS_DIAGNOSIS_H

#include "redis/command.h"
#include "redis/redis.h"

/*
 * "COMMAND refused (CODE): what it means; what to do", by value, for use within one expression.
 *
 * sentinel  the reply is a Sentinel's: advice names the options for Sentinels.
 * error     the reply to the command, e.g. "NOAUTH Authentication required."; untrusted. That to
 *           AUTH is never quoted, because it may contain the password.
 */
struct locum_diagnosis {
    char text[LOCUM_REDIS_ERROR_MAX + 1];
};
struct locum_diagnosis locum_diagnosis_of(bool sentinel, enum locum_command command,
                                          struct locum_slice error);

/* Does this error say that the server is not the master? */
bool locum_diagnosis_is_not_master(struct locum_slice error);

/*
 * Does this error to AUTH or CLIENT SETNAME mean that nothing will work on this connection? Not if
 * AUTH failed only because the server wants no password, nor if only the client's name is refused.
 */
bool locum_diagnosis_ends_login(enum locum_command command, struct locum_slice error);

#endif
