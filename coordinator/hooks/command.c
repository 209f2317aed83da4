/*
 * A hook that runs a program (base/process.h) with the event on its standard input. Exit code 0:
 * delivered.
 *
 * At the deadline the whole process group is killed. While a process does not even end then (it
 * waits for a disk), no other is started: the next attempts wait for its end, up to their
 * deadlines.
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

enum { LINE_BYTES_MAX = 120 };

struct command_way {
    const struct locum_deliver *means;
    struct locum_timer deadline;   /* armed during an attempt */
    struct locum_slice body;       /* of the attempt; borrowed */
    struct locum_process *process; /* NULL: none; perhaps that of an attempt past its deadline */
    bool killed;                   /* `process` is that of an attempt past its deadline */
};

static void
finish(struct command_way *self, enum locum_deliver_outcome outcome, const char *text)
{
    locum_timer_disarm(&self->deadline);
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
    if (result->failure != 0) {
        locum_text_format(text, "cannot be run: %s", strerror(result->failure));
        return is_lack(result->failure) ? LOCUM_DELIVER_AGAIN : LOCUM_DELIVER_FAILED;
    }
    const bool exited = WIFEXITED(result->status);
    if (exited) {
        locum_text_format(text, "exit %d in %" PRId64 " ms", WEXITSTATUS(result->status), took_ms);
    } else {
        const char *name = sigabbrev_np(WTERMSIG(result->status));
        locum_text_format(text, "killed by SIG%s in %" PRId64 " ms", name != NULL ? name : "RT",
                          took_ms);
    }
    add_line(self, text);
    return exited && WEXITSTATUS(result->status) == 0 ? LOCUM_DELIVERED : LOCUM_DELIVER_FAILED;
}

static void on_end(void *user, const struct locum_process_result *result);

static void
begin(struct command_way *self)
{
    const struct locum_config_words *command = &self->means->hook->command;
    const char *argv[LOCUM_ARGV_MAX + 1] = {NULL};
    const char *word = command->at;
    for (size_t i = 0; i < command->count; i++) {
        argv[i] = word;
        word += strlen(word) + 1;
    }
    self->killed = false;
    if (locum_process_start_with(self->means->base, argv, self->body, on_end, self,
                                 &self->process) != 0) {
        finish(self, LOCUM_DELIVER_AGAIN, "cannot be run: no memory, descriptor or thread left");
    }
}

static void
on_end(void *user, const struct locum_process_result *result)
{
    struct command_way *self = user;
    const bool due = locum_timer_armed(&self->deadline);
    char buffer[LOCUM_DELIVER_TEXT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    const enum locum_deliver_outcome outcome = judge(self, result, &text);
    locum_process_destroy(self->process);
    self->process = NULL;
    if (due && self->killed) {
        begin(self); /* this attempt has waited for the end of the last one */
    } else if (due) {
        finish(self, outcome, buffer);
    }
}

static void
on_deadline(void *user)
{
    struct command_way *self = user;
    char buffer[LOCUM_DELIVER_TEXT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    if (self->killed) {
        locum_text_add(&text, "the last run was killed but has not ended");
    } else {
        self->killed = true;
        locum_process_kill(self->process);
        locum_text_format(&text, "not finished within %s: killed",
                          locum_text_duration(self->means->hook->timeout_ms).text);
        add_line(self, &text);
    }
    finish(self, LOCUM_DELIVER_FAILED, buffer);
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
    LOCUM_INVARIANT(!locum_timer_armed(&self->deadline));
    self->body = body;
    locum_timer_arm(&self->deadline, self->means->hook->timeout_ms);
    if (self->process == NULL) {
        begin(self);
    }
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
