/*
 * A check that runs a program (base/process.h). Exit code 0 passes.
 *
 * The text is the code, the time it took and the first line of output. At the deadline the whole
 * process group is killed.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/foreign.h"
#include "base/process.h"
#include "base/text_format.h"
#include "base/timer.h"
#include "health/probe.h"

enum { LINE_BYTES_MAX = 120 };

struct command_check {
    const struct locum_probe *probe;
    struct locum_timer deadline;   /* of the probe; armed while an outcome is due */
    struct locum_process *process; /* NULL: none; perhaps that of a probe past its deadline */
    bool killed;                   /* `process` is that of a probe past its deadline */
};

static void
finish(struct command_check *self, enum locum_sample outcome, const char *text)
{
    locum_timer_disarm(&self->deadline);
    self->probe->on_done(self->probe->user, outcome, text);
}

/* The first line that was printed. */
static void
add_line(const struct command_check *self, struct locum_text *text)
{
    struct locum_slice output = locum_process_output(self->process);
    struct locum_slice line;
    if (locum_slice_cut(&output, '\n', &line) && line.length > 0) {
        line.length = line.length < LINE_BYTES_MAX ? line.length : LINE_BYTES_MAX;
        locum_text_add(text, ": ");
        locum_foreign_add(text, line, LINE_BYTES_MAX);
    }
}

/* The process has ended in time. */
static enum locum_sample
judge(const struct command_check *self, const struct locum_process_result *result,
      struct locum_text *text)
{
    const locum_ms took_ms = locum_clock_read().mono - self->probe->started;
    if (locum_probe_lacks(result->failure)) {
        locum_text_add(text, strerror(result->failure));
        return LOCUM_SAMPLE_NOT_RUN;
    }
    if (result->failure != 0) {
        locum_text_format(text, "cannot be run: %s", strerror(result->failure));
        return LOCUM_SAMPLE_FAIL;
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
    return exited && WEXITSTATUS(result->status) == 0 ? LOCUM_SAMPLE_PASS : LOCUM_SAMPLE_FAIL;
}

static void on_end(void *user, const struct locum_process_result *result);

static void
begin(struct command_check *self)
{
    const struct locum_config_words *command = &self->probe->check->command;
    const char *argv[LOCUM_ARGV_MAX + 1] = {NULL};
    const char *word = command->at;
    for (size_t i = 0; i < command->count; i++) {
        argv[i] = word;
        word += strlen(word) + 1;
    }
    self->killed = false;
    if (locum_process_start(self->probe->base, argv, on_end, self, &self->process) != 0) {
        finish(self, LOCUM_SAMPLE_NOT_RUN, "no memory, descriptor or thread left");
    }
}

static void
on_end(void *user, const struct locum_process_result *result)
{
    struct command_check *self = user;
    const bool probing = locum_timer_armed(&self->deadline);
    char buffer[LOCUM_PROBE_TEXT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    const enum locum_sample outcome = judge(self, result, &text);
    locum_process_destroy(self->process);
    self->process = NULL;
    if (probing && self->killed) {
        begin(self); /* the next probe has waited for the end of the last one */
    } else if (probing) {
        finish(self, outcome, buffer);
    }
}

static void
on_deadline(void *user)
{
    struct command_check *self = user;
    char buffer[LOCUM_PROBE_TEXT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    if (self->killed) {
        locum_text_add(&text, "the last run was killed but has not ended");
    } else {
        self->killed = true;
        locum_process_kill(self->process);
        locum_text_format(&text, "not finished within %" PRId64 " ms: killed",
                          self->probe->check->timeout_ms);
        add_line(self, &text);
    }
    finish(self, LOCUM_SAMPLE_FAIL, buffer);
}

static void *
create(const struct locum_probe *probe)
{
    struct command_check *self = calloc(1, sizeof(*self));
    if (self != NULL) {
        self->probe = probe;
        locum_timer_init(&self->deadline, probe->base, on_deadline, self);
    }
    return self;
}

static void
start(void *check)
{
    struct command_check *self = check;
    LOCUM_INVARIANT(!locum_timer_armed(&self->deadline));
    locum_timer_arm(&self->deadline, self->probe->check->timeout_ms);
    if (self->process == NULL) {
        begin(self);
    }
}

static void
destroy(void *check)
{
    struct command_check *self = check;
    locum_timer_fini(&self->deadline);
    locum_process_destroy(self->process);
    free(self);
}

const struct locum_probe_kind locum_probe_command = {create, start, destroy};
