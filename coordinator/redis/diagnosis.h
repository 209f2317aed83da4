/*
 * trouble: what an error reply of Redis or Sentinel means to an operator, and what to do. One table
 * of the error words (redis.io "Redis errors"), one sentence each.
 *
 * Pure.
 */
#ifndef LOCUM_REDIS_DIAGNOSIS_H
#define LOCUM_REDIS_DIAGNOSIS_H

#include "redis/command.h"

/*
 * Append "Redis 10.0.0.12:6379 ...: do this".
 *
 * kind     "Redis" or "Sentinel".
 * where    "10.0.0.12:6379".
 * command  what was answered so.
 * error    the reply, e.g. "NOAUTH Authentication required."; untrusted.
 */
void locum_diagnosis_add(struct locum_text *text, const char *kind, const char *where,
                         enum locum_command command, struct locum_slice error);

/* "Redis 10.0.0.12:6379" */
void locum_diagnosis_add_who(struct locum_text *text, const char *kind, const char *where);

/* Does this error say that it is no master? */
bool locum_diagnosis_is_not_master(struct locum_slice error);

/* Does it say that nothing will work on this connection? */
bool locum_diagnosis_is_shut_out(struct locum_slice error);

/* Is it an AUTH that failed only because no password is wanted? */
bool locum_diagnosis_is_no_password_set(struct locum_slice error);

#endif
