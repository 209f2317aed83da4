/*
 * run: one process from its start to its end, by a thread of its own: neither a disk that hangs
 * under the program nor the wait for its end holds up the loop. Used by command.c only.
 *
 * The process leads a group of its own and is alone with descriptors 0 (/dev/null), 1 and 2 (both
 * the pipe); its folder is /, its environment PATH, HOME and LC_ALL, no signal is blocked or
 * ignored. When it ends, what it leaves in its group is killed. What leaves the group by setsid(2)
 * is beyond reach.
 */
#ifndef LOCUM_HEALTH_RUN_H
#define LOCUM_HEALTH_RUN_H

#include "config/config.h"

struct locum_run;

struct locum_run_result {
    int failure; /* errno: it could not be started; 0 */
    int status;  /* as waitpid(2) tells it, if it was */
};

/*
 * Begin.
 *
 * command    copied.
 * ended      eventfd(2), borrowed until destroy: written to once, when the result is there.
 * ret_output what it prints can be read there, without blocking; the caller closes it.
 * 0, LOCUM_ERR_MEMORY, or LOCUM_ERR_IO (no descriptors, no thread).
 */
int locum_run_create(const struct locum_config_command *command, int ended, struct locum_run **ret,
                     int *ret_output) LOCUM_MUST_CHECK;

/* SIGKILL to the whole group. If it has not started yet, it never will. */
void locum_run_kill(struct locum_run *self);

/* Has it ended? Then *ret is filled. */
bool locum_run_result(struct locum_run *self, struct locum_run_result *ret);

/* Killed if it has not ended; a thread that is still at work cleans up behind itself. NULL is fine.
 */
void locum_run_destroy(struct locum_run *self);

#endif
