#include "health/command.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/timeval.h"
#include "health/answer.h"
#include "health/run.h"

enum { LINE_MAX_BYTES = 120, CHUNK_BYTES = 4096 };

struct locum_command_check {
    struct event_base *base;
    const struct locum_config_check *check;
    locum_probe_fn *on_done;
    void *user;
    int ended_fd;              /* told by the run at its end */
    struct event *ended;       /* the same */
    struct event *timer;       /* the deadline of the probe */
    struct event *output;      /* NULL: nothing more to read */
    int output_fd;             /* -1 */
    struct locum_run *run;     /* NULL: none; it may be that of a probe past its deadline */
    bool probing;              /* an outcome is owed */
    bool killed;               /* `run` is that of a probe past its deadline */
    locum_ms started;          /* mono */
    char line[LINE_MAX_BYTES]; /* the first that was printed, without its end */
    size_t line_bytes;
    bool line_ended;
};

static void
stop_reading(struct locum_command_check *self)
{
    if (self->output != NULL) {
        event_free(self->output);
        self->output = NULL;
    }
    if (self->output_fd >= 0) {
        (void)close(self->output_fd);
        self->output_fd = -1;
    }
}

static void
finish(struct locum_command_check *self, enum locum_sample outcome, const char *text)
{
    (void)event_del(self->timer);
    self->probing = false;
    self->on_done(self->user, outcome, text);
}

/* Keep the first line; the rest is read so that the process can go on. False: no more for now. */
static bool
read_some(struct locum_command_check *self)
{
    char chunk[CHUNK_BYTES];
    const ssize_t length = read(self->output_fd, chunk, sizeof(chunk));
    for (ssize_t i = 0; i < length && !self->line_ended; i++) {
        if (chunk[i] == '\n' || self->line_bytes == sizeof(self->line)) {
            self->line_ended = self->line_bytes > 0; /* an empty one says nothing */
        } else {
            self->line[self->line_bytes++] = chunk[i];
        }
    }
    if (length == 0) {
        stop_reading(self);
    }
    return length > 0;
}

static void
on_output(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what;
    (void)read_some(user);
}

static void
add_line(const struct locum_command_check *self, struct locum_text *text)
{
    if (self->line_bytes > 0) {
        locum_text_add(text, ": ");
        locum_answer_add_printable(
            text, (struct locum_slice){.at = self->line, .length = self->line_bytes},
            LINE_MAX_BYTES);
    }
}

/* The process has ended in time. */
static enum locum_sample
judge(const struct locum_command_check *self, const struct locum_run_result *result,
      struct locum_text *text)
{
    if (locum_probe_lacks(result->failure)) {
        locum_text_add(text, strerror(result->failure));
        return LOCUM_PROBE_NOT_RUN;
    }
    if (result->failure != 0) {
        locum_text_add(text, "cannot be run: ");
        locum_text_add(text, strerror(result->failure));
        return LOCUM_SAMPLE_FAIL;
    }
    const bool exited = WIFEXITED(result->status);
    if (exited) {
        locum_text_add(text, "exit ");
        locum_text_add_i64(text, WEXITSTATUS(result->status));
    } else {
        const char *name = sigabbrev_np(WTERMSIG(result->status));
        locum_text_add(text, "killed by SIG");
        locum_text_add(text, name != NULL ? name : "RT");
    }
    locum_text_add(text, " in ");
    locum_text_add_i64(text, locum_now_read().mono - self->started);
    locum_text_add(text, " ms");
    add_line(self, text);
    return exited && WEXITSTATUS(result->status) == 0 ? LOCUM_SAMPLE_PASS : LOCUM_SAMPLE_FAIL;
}

/* Run it. An outcome may come at once. */
static void
begin(struct locum_command_check *self)
{
    self->line_bytes = 0;
    self->line_ended = false;
    self->killed = false;
    const int status =
        locum_run_create(&self->check->command, self->ended_fd, &self->run, &self->output_fd);
    if (status != 0) {
        finish(self, LOCUM_PROBE_NOT_RUN, "no memory, descriptor or thread left");
        return;
    }
    self->output = event_new(self->base, self->output_fd, EV_READ | EV_PERSIST, on_output, self);
    if (self->output == NULL || event_add(self->output, NULL) != 0) {
        stop_reading(self); /* then without its first line */
    }
}

static void
on_ended(evutil_socket_t fd, short what, void *user)
{
    struct locum_command_check *self = user;
    struct locum_run_result result;
    uint64_t count;
    char buffer[LOCUM_PROBE_TEXT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    (void)what;
    if (read(fd, &count, sizeof(count)) != sizeof(count) || self->run == NULL ||
        !locum_run_result(self->run, &result)) {
        return;
    }
    while (!self->line_ended && self->output_fd >= 0 && read_some(self)) {
    }
    stop_reading(self);
    locum_run_destroy(self->run);
    self->run = NULL;
    if (self->probing && self->killed) {
        begin(self); /* the next probe has waited for the end of the last */
    } else if (self->probing) {
        finish(self, judge(self, &result, &text), buffer);
    }
}

static void
on_deadline(evutil_socket_t fd, short what, void *user)
{
    struct locum_command_check *self = user;
    char buffer[LOCUM_PROBE_TEXT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    (void)fd, (void)what;
    if (self->killed) {
        locum_text_add(&text, "the last run has been killed and does not end");
    } else {
        self->killed = true;
        locum_run_kill(self->run);
        locum_text_add(&text, "not over within ");
        locum_text_add_i64(&text, self->check->timeout_ms);
        locum_text_add(&text, " ms: killed");
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
        .base = base, .check = check, .on_done = on_done, .user = user, .output_fd = -1};
    self->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->ended_fd < 0) {
        free(self);
        return LOCUM_ERR_IO;
    }
    self->ended = event_new(base, self->ended_fd, EV_READ | EV_PERSIST, on_ended, self);
    self->timer = evtimer_new(base, on_deadline, self);
    if (self->ended == NULL || self->timer == NULL || event_add(self->ended, NULL) != 0) {
        locum_command_check_destroy(self);
        return LOCUM_ERR_MEMORY;
    }
    *ret = self;
    return 0;
}

void
locum_command_check_start(struct locum_command_check *self)
{
    LOCUM_INVARIANT(!self->probing);
    const struct timeval timeout = locum_timeval(self->check->timeout_ms);
    self->probing = true;
    self->started = locum_now_read().mono;
    (void)event_add(self->timer, &timeout);
    if (self->run == NULL) {
        begin(self);
    }
}

void
locum_command_check_destroy(struct locum_command_check *self)
{
    if (self == NULL) {
        return;
    }
    if (self->ended != NULL) {
        event_free(self->ended);
    }
    if (self->timer != NULL) {
        event_free(self->timer);
    }
    locum_run_destroy(self->run);
    stop_reading(self);
    (void)close(self->ended_fd);
    free(self);
}
