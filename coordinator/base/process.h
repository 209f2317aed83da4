/*
 * process: run a program, keep what it prints, and report its end to a libevent loop.
 *
 * A thread of its own starts the program and waits for its end, so neither a slow disk under the
 * program nor the wait holds up the loop. The process leads a process group and has only
 * descriptors 0 (/dev/null, or its input), 1 and 2 (both the output pipe); its directory is /, its
 * environment PATH, HOME and LC_ALL, and no signal is blocked or ignored. When it ends, all other
 * processes of its group are killed. A process that leaves the group with setsid(2) is out of
 * reach; if this program is process 1 of a container or a child subreaper (prctl(2)), it inherits
 * that process.
 *
 * The deadline is the caller's: arm a timer, and call locum_process_kill().
 */
#ifndef LOCUM_BASE_PROCESS_H
#define LOCUM_BASE_PROCESS_H

#include <event2/event.h>

#include "base/text.h"

enum { LOCUM_PROCESS_OUTPUT_MAX = 4096 }; /* bytes kept; further output is read and dropped */

struct locum_process;

struct locum_process_result {
    int failure; /* errno: it could not be started; ECANCELED: locum_process_hold(); 0 */
    int status;  /* as waitpid(2) returns it, if it was started */
};

/* The process has ended. Called once, from the loop; may destroy the process. */
typedef void locum_process_fn(void *user, const struct locum_process_result *result);

/*
 * Start a program. on_end is never called before this returns.
 *
 * argv  copied; ends with NULL; argv[0] is a path.
 * Returns 0, LOCUM_ERR_MEMORY, or LOCUM_ERR_IO (no descriptor or thread left).
 */
int locum_process_start(struct event_base *base, const char *const *argv, locum_process_fn *on_end,
                        void *user, struct locum_process **ret) LOCUM_MUST_CHECK;

/*
 * The same with something to read on standard input: a file in memory, so that no program can keep
 * this one waiting for it.
 *
 * input  copied.
 */
int locum_process_start_with(struct event_base *base, const char *const *argv,
                             struct locum_slice input, locum_process_fn *on_end, void *user,
                             struct locum_process **ret) LOCUM_MUST_CHECK;

/*
 * What it has printed so far, without leading newlines; borrowed until the loop runs again. A NUL
 * follows it.
 */
struct locum_slice locum_process_output(const struct locum_process *self);

/* Send SIGKILL to the whole group. A program that is not started yet never will be. */
void locum_process_kill(struct locum_process *self);

/*
 * Reap the inherited processes that have ended, never one that was started here, and never block.
 * Call it at SIGCHLD; a run that ends does it too. No other code may then wait for children.
 */
void locum_process_reap_inherited(void);

/*
 * Before the program is replaced by execve(2): start no process, and kill the groups of those that
 * run; when this returns, none is being started. Or go on: a process that was killed has ended. Its
 * status, and that of one that was to be started, says nothing: its failure is ECANCELED.
 */
void locum_process_hold(bool held);

/* After an execve(2): children of the program before are to be reaped as inherited ones are. */
void locum_process_adopt(void);

/* Kill it if it runs, and do not call on_end; its thread frees the rest. NULL is fine. */
void locum_process_destroy(struct locum_process *self);

#endif
