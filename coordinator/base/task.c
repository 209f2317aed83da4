#include "base/task.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/foreign.h"
#include "base/invariant.h"
#include "base/process.h"
#include "base/text_format.h"
#include "base/timer.h"

enum { LINE_BYTES_MAX = 120 };

struct locum_task {
    struct event_base *base;
    locum_task_fn *on_end;
    void *user;
    struct locum_task_command command;
    locum_ms started;              /* mono */
    struct locum_timer deadline;   /* armed while an end is due */
    struct locum_process *process; /* NULL: none; perhaps that of a run past its deadline */
    bool killed;                   /* `process` is that of a run past its deadline */
};

static void
finish(struct locum_task *self, struct locum_task_end end)
{
    locum_timer_disarm(&self->deadline);
    self->on_end(self->user, &end);
}

/* The first line that was printed. */
static void
add_line(const struct locum_task *self, struct locum_text *text)
{
    struct locum_slice output = locum_process_output(self->process);
    struct locum_slice line;
    if (locum_slice_cut(&output, '\n', &line) && line.length > 0) {
        line.length = line.length < LINE_BYTES_MAX ? line.length : LINE_BYTES_MAX;
        locum_text_add(text, ": ");
        locum_foreign_add(text, line, LINE_BYTES_MAX);
    }
}

/* What the process has come to, in words. */
static void
describe(const struct locum_task *self, const struct locum_process_result *result,
         struct locum_text *text)
{
    const locum_ms took_ms = locum_clock_read().mono - self->started;
    if (result->failure != 0) {
        locum_text_add(text, strerror(result->failure));
        return;
    }
    if (WIFEXITED(result->status)) {
        locum_text_format(text, "exit %d in %" PRId64 " ms", WEXITSTATUS(result->status), took_ms);
    } else {
        const char *name = sigabbrev_np(WTERMSIG(result->status));
        locum_text_format(text, "killed by SIG%s in %" PRId64 " ms", name != NULL ? name : "RT",
                          took_ms);
    }
    add_line(self, text);
}

static void on_process_end(void *user, const struct locum_process_result *result);

static void
begin(struct locum_task *self)
{
    const struct locum_task_command *command = &self->command;
    const char *argv[LOCUM_TASK_ARGV_MAX + 1] = {NULL};
    const char *word = command->words;
    for (size_t i = 0; i < command->count; i++) {
        argv[i] = word;
        word += strlen(word) + 1;
    }
    self->killed = false;
    const int status =
        command->input.at == NULL
            ? locum_process_start(self->base, argv, on_process_end, self, &self->process)
            : locum_process_start_with(self->base, argv, command->input, on_process_end, self,
                                       &self->process);
    if (status != 0) {
        finish(self, (struct locum_task_end){.failure = EAGAIN,
                                             .text = "no memory, descriptor or thread left"});
    }
}

static void
on_process_end(void *user, const struct locum_process_result *result)
{
    struct locum_task *self = user;
    const bool due = locum_timer_armed(&self->deadline);
    char buffer[LOCUM_TASK_TEXT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    describe(self, result, &text);
    locum_process_destroy(self->process);
    self->process = NULL;
    if (due && self->killed) {
        begin(self); /* this run has waited for the end of the last one */
    } else if (due) {
        const bool passed =
            result->failure == 0 && WIFEXITED(result->status) && WEXITSTATUS(result->status) == 0;
        finish(self, (struct locum_task_end){passed, result->failure, buffer});
    }
}

static void
on_deadline(void *user)
{
    struct locum_task *self = user;
    char buffer[LOCUM_TASK_TEXT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    if (self->killed) {
        locum_text_add(&text, "the last run was killed but has not ended");
    } else {
        self->killed = true;
        locum_process_kill(self->process);
        locum_text_format(&text, "not finished within %" PRId64 " ms: killed",
                          self->command.timeout_ms);
        add_line(self, &text);
    }
    finish(self, (struct locum_task_end){.text = buffer});
}

struct locum_task *
locum_task_create(struct event_base *base, locum_task_fn *on_end, void *user)
{
    struct locum_task *self = calloc(1, sizeof(*self));
    if (self != NULL) {
        self->base = base;
        self->on_end = on_end;
        self->user = user;
        locum_timer_init(&self->deadline, base, on_deadline, self);
    }
    return self;
}

void
locum_task_start(struct locum_task *self, const struct locum_task_command *command)
{
    LOCUM_INVARIANT(!locum_timer_armed(&self->deadline) && command->count <= LOCUM_TASK_ARGV_MAX);
    self->command = *command;
    self->started = locum_clock_read().mono;
    locum_timer_arm(&self->deadline, command->timeout_ms);
    if (self->process == NULL) {
        begin(self);
    }
}

void
locum_task_destroy(struct locum_task *self)
{
    if (self == NULL) {
        return;
    }
    locum_timer_fini(&self->deadline);
    locum_process_destroy(self->process);
    free(self);
}
