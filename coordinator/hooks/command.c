/*
 * A hook that runs a program (base/process.h) with the event on its standard input. Exit code 0:
 * delivered.
 *
 * At the deadline the whole process group is killed. A process that does not even end then is left
 * to itself (it waits for a disk).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/foreign.h"
#include "base/process.h"
#include "base/text_format.h"
#include "base/timer.h"
#include "hooks/deliver.h"

enum { LINE_BYTES_MAX = 120, KILLED_MS = 2000 };

struct command_way {
    const struct locum_deliver *means;
    struct locum_timer deadline;   /* armed during an attempt */
    struct locum_process *process; /* NULL: none */
    bool killed;                   /* the deadline is over */
};

static void
finish(struct command_way *self, enum locum_deliver_outcome outcome, const char *text)
{
    locum_timer_disarm(&self->deadline);
    locum_process_destroy(self->process);
    self->process = NULL;
    self->means->on_done(self->means->user, outcome, text);
}

/* The first line that was printed. */
static void
add_line(const struct command_way *self, struct locum_text *text)
{
    struct locum_slice output = locum_process_output(self->process);
    struct locum_slice line;
    if (locum_slice_cut(&output, '\n', &line) && line.length > 0) {
        locum_text_add(text, ": ");
        locum_foreign_add(text, line, LINE_BYTES_MAX);
    }
}

/* This machine lacks something, or the program is being replaced: it did not run, or not to its
 * end. */
static bool
is_lack(int failure)
{
    return failure == EMFILE || failure == ENFILE || failure == ENOMEM || failure == EAGAIN ||
           failure == ECANCELED;
}

static enum locum_deliver_outcome
judge(const struct command_way *self, const struct locum_process_result *result,
      struct locum_text *text)
{
    const locum_ms took_ms = locum_clock_read().mono - self->means->started;
    if (self->killed) {
        locum_text_format(text, "not finished within %s: killed",
                          locum_text_duration(self->means->hook->timeout_ms).text);
    } else if (result->failure != 0) {
        locum_text_format(text, "cannot be run: %s", strerror(result->failure));
        return is_lack(result->failure) ? LOCUM_DELIVER_AGAIN : LOCUM_DELIVER_FAILED;
    } else if (WIFEXITED(result->status)) {
        locum_text_format(text, "exit %d in %" PRId64 " ms", WEXITSTATUS(result->status), took_ms);
    } else {
        const char *name = sigabbrev_np(WTERMSIG(result->status));
        locum_text_format(text, "killed by SIG%s in %" PRId64 " ms", name != NULL ? name : "RT",
                          took_ms);
    }
    add_line(self, text);
    return !self->killed && WIFEXITED(result->status) && WEXITSTATUS(result->status) == 0
               ? LOCUM_DELIVERED
               : LOCUM_DELIVER_FAILED;
}

static void
on_end(void *user, const struct locum_process_result *result)
{
    struct command_way *self = user;
    char buffer[LOCUM_DELIVER_TEXT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    const enum locum_deliver_outcome outcome = judge(self, result, &text);
    finish(self, outcome, buffer);
}

static void
on_deadline(void *user)
{
    struct command_way *self = user;
    if (self->killed) {
        finish(self, LOCUM_DELIVER_FAILED, "killed, but it has not ended");
        return;
    }
    self->killed = true;
    locum_process_kill(self->process);
    locum_timer_arm(&self->deadline, KILLED_MS);
}

static void *
create(const struct locum_deliver *means)
{
    struct command_way *self = calloc(1, sizeof(*self));
    if (self != NULL) {
        self->means = means;
        locum_timer_init(&self->deadline, means->base, on_deadline, self);
    }
    return self;
}

static void
start(void *way, struct locum_slice body)
{
    struct command_way *self = way;
    const struct locum_config_words *command = &self->means->hook->command;
    const char *argv[LOCUM_ARGV_MAX + 1] = {NULL};
    const char *word = command->at;
    LOCUM_INVARIANT(self->process == NULL);
    for (size_t i = 0; i < command->count; i++) {
        argv[i] = word;
        word += strlen(word) + 1;
    }
    self->killed = false;
    if (locum_process_start_with(self->means->base, argv, body, on_end, self, &self->process) !=
        0) {
        finish(self, LOCUM_DELIVER_AGAIN, "cannot be run: no memory, descriptor or thread left");
        return;
    }
    locum_timer_arm(&self->deadline, self->means->hook->timeout_ms);
}

static void
destroy(void *way)
{
    struct command_way *self = way;
    locum_timer_fini(&self->deadline);
    locum_process_destroy(self->process);
    free(self);
}

const struct locum_deliver_way locum_deliver_command = {create, start, destroy};
