/*
 * task: one program after the other, each under a deadline, for checks and hooks (process.h).
 *
 * At the deadline the whole process group is killed. While a process does not even end then (it
 * waits for a disk), no other is started: the next runs wait for its end, up to their deadlines.
 */
#ifndef LOCUM_BASE_TASK_H
#define LOCUM_BASE_TASK_H

#include <event2/event.h>

#include "base/clock.h"
#include "base/text.h"

enum { LOCUM_TASK_ARGV_MAX = 16, LOCUM_TASK_TEXT_MAX = 256 };

/* How a run has ended. */
struct locum_task_end {
    bool passed; /* exit code 0 in time */
    int failure; /* errno: it could not be started; 0 */
    /* For people; borrowed: "exit 1 in 3 ms: first line of output", "not finished within 500 ms:
     * killed", or why it could not be started. */
    const char *text;
};

/* A run has ended. Start the next one from a timer, not from here; must not destroy. */
typedef void locum_task_fn(void *user, const struct locum_task_end *end);

/* What to run. Borrowed until the run has ended. */
struct locum_task_command {
    const char *words;        /* program and arguments, each ended by NUL */
    size_t count;             /* at most LOCUM_TASK_ARGV_MAX */
    struct locum_slice input; /* its standard input; .at NULL: /dev/null */
    locum_ms timeout_ms;
};

struct locum_task;

/* NULL: no memory. */
struct locum_task *locum_task_create(struct event_base *base, locum_task_fn *on_end, void *user);

/* Start one run; none may be going on. on_end may be called before this returns. */
void locum_task_start(struct locum_task *self, const struct locum_task_command *command);

/* Kill what runs, without on_end. NULL is fine. */
void locum_task_destroy(struct locum_task *self);

#endif
