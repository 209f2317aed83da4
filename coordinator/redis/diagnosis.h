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

/*
 * Append "COMMAND refused (CODE): what it means; what to do".
 *
 * sentinel  the reply is a Sentinel's: advice names the options for Sentinels.
 * command   the command that was answered so.
 * error     the reply, e.g. "NOAUTH Authentication required."; untrusted. That of AUTH is never
 *           quoted, because it may contain the password.
 */
void locum_diagnosis_add(struct locum_text *text, bool sentinel, enum locum_command command,
                         struct locum_slice error);

/* Does this error say that the server is not the master? */
bool locum_diagnosis_is_not_master(struct locum_slice error);

/*
 * Does this error to AUTH or CLIENT SETNAME mean that nothing will work on this connection? Not if
 * AUTH failed only because the server wants no password, nor if only the client's name is refused.
 */
bool locum_diagnosis_ends_login(enum locum_command command, struct locum_slice error);

#endif
