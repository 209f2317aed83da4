/*
 * A hook that runs a program (base/task.h) with the event on its standard input. Exit code 0:
 * delivered.
 */
#include <stdlib.h>

#include "base/error.h"
#include "base/task.h"
#include "base/text_format.h"
#include "hooks/deliver.h"

_Static_assert((int)LOCUM_ARGV_MAX <= (int)LOCUM_TASK_ARGV_MAX, "a run takes every command");

struct command_way {
    const struct locum_deliver *means;
    struct locum_task *task;
};

static void
on_end(void *user, const struct locum_task_end *end)
{
    const struct locum_deliver *means = ((const struct command_way *)user)->means;
    char buffer[LOCUM_DELIVER_TEXT_MAX];
    (void)locum_text_format_buffer(buffer, sizeof(buffer), "%s%s",
                                   end->failure != 0 ? "cannot be run: " : "", end->text);
    means->on_done(means->user,
                   end->passed                         ? LOCUM_DELIVERED
                   : locum_error_is_lack(end->failure) ? LOCUM_DELIVER_AGAIN
                                                       : LOCUM_DELIVER_FAILED,
                   buffer);
}

static void
destroy(void *way)
{
    struct command_way *self = way;
    locum_task_destroy(self->task);
    free(self);
}

static void *
create(const struct locum_deliver *means)
{
    struct command_way *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return NULL;
    }
    self->means = means;
    self->task = locum_task_create(means->base, on_end, self);
    if (self->task == NULL) {
        destroy(self);
        return NULL;
    }
    return self;
}

static void
start(void *way, struct locum_slice body)
{
    struct command_way *self = way;
    const struct locum_config_hook *hook = self->means->hook;
    locum_task_start(self->task, &(struct locum_task_command){.words = hook->command.at,
                                                              .count = hook->command.count,
                                                              .input = body,
                                                              .timeout_ms = hook->timeout_ms});
}

const struct locum_deliver_way locum_deliver_command = {create, start, destroy};
