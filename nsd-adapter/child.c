#include "nsd-adapter/child.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/process.h"
#include "base/text_format.h"
#include "base/timer.h"

enum { NOT_FOUND = 127 }; /* exit code of env(1): it found no such program */

struct locum_nsd_child {
    locum_nsd_child_fn *on_done;
    void *user;
    struct locum_process *process;
    struct locum_timer deadline;
    bool late;
};

/* Did it succeed? Copy what it printed, or why it could not run. */
static bool
judge(const struct locum_nsd_child *self, const struct locum_process_result *result,
      struct locum_text *output)
{
    const struct locum_slice printed = locum_process_output(self->process);
    if (result->failure != 0) {
        locum_text_add(output, strerror(result->failure));
    } else if (self->late) {
        locum_text_format(output, "killed: it did not end within %d ms", LOCUM_NSD_CHILD_MS);
    } else if (WIFSIGNALED(result->status)) {
        locum_text_add(output, strsignal(WTERMSIG(result->status)));
    } else if (WEXITSTATUS(result->status) == NOT_FOUND) {
        locum_text_add(output, "the program is not installed: install the Debian package nsd");
    } else {
        locum_text_format(output, "%.*s", LOCUM_SLICE(printed));
        while (output->length > 0 && output->at[output->length - 1] == '\n') {
            output->at[--output->length] = '\0';
        }
        return WEXITSTATUS(result->status) == 0;
    }
    return false;
}

static void
on_end(void *user, const struct locum_process_result *result)
{
    struct locum_nsd_child *self = user;
    const struct locum_nsd_child ended = *self;
    char buffer[LOCUM_NSD_OUTPUT_MAX];
    struct locum_text output = locum_text_init(buffer, sizeof(buffer));
    const bool ok = judge(self, result, &output);
    locum_nsd_child_destroy(self);
    ended.on_done(ended.user, ok, buffer);
}

static void
on_late(void *user)
{
    struct locum_nsd_child *self = user;
    self->late = true;
    locum_process_kill(self->process);
}

int
locum_nsd_child_start(struct event_base *base, const char *const *argv, locum_nsd_child_fn *on_done,
                      void *user, struct locum_nsd_child **ret)
{
    struct locum_nsd_child *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    self->on_done = on_done;
    self->user = user;
    const int status = locum_process_start(base, argv, on_end, self, &self->process);
    if (status != 0) {
        free(self);
        return status;
    }
    locum_timer_init(&self->deadline, base, on_late, self);
    locum_timer_arm(&self->deadline, LOCUM_NSD_CHILD_MS);
    *ret = self;
    return 0;
}

void
locum_nsd_child_destroy(struct locum_nsd_child *self)
{
    if (self != NULL) {
        locum_timer_fini(&self->deadline);
        locum_process_destroy(self->process);
        free(self);
    }
}

struct child_wait {
    struct event_base *base;
    bool ok;
    char *output;
};

static void
on_waited(void *user, bool ok, const char *output)
{
    struct child_wait *waited = user;
    waited->ok = ok;
    memcpy(waited->output, output, LOCUM_NSD_OUTPUT_MAX);
    (void)event_base_loopbreak(waited->base);
}

int
locum_nsd_child_wait(const char *const *argv, char ret_output[LOCUM_NSD_OUTPUT_MAX])
{
    struct locum_nsd_child *child;
    struct child_wait waited = {.base = event_base_new(), .output = ret_output};
    ret_output[0] = '\0';
    if (waited.base == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    const int status = locum_nsd_child_start(waited.base, argv, on_waited, &waited, &child);
    if (status == 0) {
        (void)event_base_dispatch(waited.base);
    } else {
        (void)locum_text_format_buffer(ret_output, LOCUM_NSD_OUTPUT_MAX, "%s",
                                       locum_error_text(status));
    }
    event_base_free(waited.base);
    return status != 0 ? status : waited.ok ? 0 : LOCUM_ERR_REFUSED;
}
