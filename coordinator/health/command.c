/*
 * A check that runs a program (base/task.h). Exit code 0 passes. The text is the code, the time
 * it took and the first line of output.
 */
#include <stdlib.h>

#include "base/error.h"
#include "base/task.h"
#include "base/text_format.h"
#include "health/probe.h"

_Static_assert((int)LOCUM_ARGV_MAX <= (int)LOCUM_TASK_ARGV_MAX, "a run takes every command");

struct command_check {
    const struct locum_probe *probe;
    struct locum_task *task;
};

static void
on_end(void *user, const struct locum_task_end *end)
{
    const struct locum_probe *probe = ((const struct command_check *)user)->probe;
    char buffer[LOCUM_PROBE_TEXT_MAX];
    if (locum_error_is_lack(end->failure)) {
        probe->on_done(probe->user, LOCUM_SAMPLE_NOT_RUN, end->text);
    } else if (end->failure != 0) {
        (void)locum_text_format_buffer(buffer, sizeof(buffer), "cannot be run: %s", end->text);
        probe->on_done(probe->user, LOCUM_SAMPLE_FAIL, buffer);
    } else {
        probe->on_done(probe->user, end->passed ? LOCUM_SAMPLE_PASS : LOCUM_SAMPLE_FAIL, end->text);
    }
}

static void
destroy(void *check)
{
    struct command_check *self = check;
    locum_task_destroy(self->task);
    free(self);
}

static void *
create(const struct locum_probe *probe)
{
    struct command_check *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return NULL;
    }
    self->probe = probe;
    self->task = locum_task_create(probe->base, on_end, self);
    if (self->task == NULL) {
        destroy(self);
        return NULL;
    }
    return self;
}

static void
start(void *check)
{
    struct command_check *self = check;
    const struct locum_config_check *config = self->probe->check;
    locum_task_start(self->task, &(struct locum_task_command){.words = config->command.at,
                                                              .count = config->command.count,
                                                              .timeout_ms = config->timeout_ms});
}

const struct locum_probe_kind locum_probe_command = {create, start, destroy, NULL};
