#include "health/command.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/process.h"
#include "base/text_format.h"
#include "base/timer.h"
#include "health/answer.h"

enum { LINE_BYTES_MAX = 120 };

struct locum_command_check {
    struct event_base *base;
    const struct locum_config_check *check;
    locum_probe_fn *on_done;
    void *user;
    struct locum_timer deadline;   /* of the probe; armed while an outcome is due */
    struct locum_process *process; /* NULL: none; perhaps that of a probe past its deadline */
    bool killed;                   /* `process` is that of a probe past its deadline */
    locum_ms started;              /* mono */
};

static void
finish(struct locum_command_check *self, enum locum_sample outcome, const char *text)
{
    locum_timer_disarm(&self->deadline);
    self->on_done(self->user, outcome, text);
}

/* The first line that was printed. */
static void
add_line(const struct locum_command_check *self, struct locum_text *text)
{
    struct locum_slice output = locum_process_output(self->process);
    struct locum_slice line;
    if (locum_slice_cut(&output, '\n', &line) && line.length > 0) {
        line.length = line.length < LINE_BYTES_MAX ? line.length : LINE_BYTES_MAX;
        locum_text_add(text, ": ");
        locum_answer_add_printable(text, line, LINE_BYTES_MAX);
    }
}

/* The process has ended in time. */
static enum locum_sample
judge(const struct locum_command_check *self, const struct locum_process_result *result,
      struct locum_text *text)
{
    const locum_ms took_ms = locum_now_read().mono - self->started;
    if (locum_probe_lacks(result->failure)) {
        locum_text_add(text, strerror(result->failure));
        return LOCUM_PROBE_NOT_RUN;
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
begin(struct locum_command_check *self)
{
    const struct locum_config_command *command = &self->check->command;
    const char *argv[LOCUM_ARGV_MAX + 1] = {NULL};
    const char *word = command->words;
    for (size_t i = 0; i < command->count; i++) {
        argv[i] = word;
        word += strlen(word) + 1;
    }
    self->killed = false;
    if (locum_process_start(self->base, argv, on_end, self, &self->process) != 0) {
        finish(self, LOCUM_PROBE_NOT_RUN, "no memory, descriptor or thread left");
    }
}

static void
on_end(void *user, const struct locum_process_result *result)
{
    struct locum_command_check *self = user;
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
    struct locum_command_check *self = user;
    char buffer[LOCUM_PROBE_TEXT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    if (self->killed) {
        locum_text_add(&text, "the last run was killed but has not ended");
    } else {
        self->killed = true;
        locum_process_kill(self->process);
        locum_text_format(&text, "not finished within %" PRId64 " ms: killed",
                          self->check->timeout_ms);
        add_line(self, &text);
    }
    finish(self, LOCUM_SAMPLE_FAIL, buffer);
}

int
locum_command_check_create(struct event_base *base, const struct locum_config_check *check,
                           locum_probe_fn *on_done, void *user, struct locum_command_check **ret)
{
    struct locum_command_check *self = malloc(sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    *self = (struct locum_command_check){
        .base = base, .check = check, .on_done = on_done, .user = user};
    locum_timer_init(&self->deadline, base, on_deadline, self);
    *ret = self;
    return 0;
}

void
locum_command_check_start(struct locum_command_check *self)
{
    LOCUM_INVARIANT(!locum_timer_armed(&self->deadline));
    self->started = locum_now_read().mono;
    locum_timer_arm(&self->deadline, self->check->timeout_ms);
    if (self->process == NULL) {
        begin(self);
    }
}

void
locum_command_check_destroy(struct locum_command_check *self)
{
    if (self != NULL) {
        locum_timer_fini(&self->deadline);
        locum_process_destroy(self->process);
        free(self);
    }
}
