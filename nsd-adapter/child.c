#include "nsd-adapter/child.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "health/run.h"

struct locum_nsd_child {
    struct event_base *base;
    locum_nsd_child_fn *on_done;
    void *user;
    struct locum_run *run;
    int ended_fd, output_fd;
    struct event *ended, *output, *timer;
    bool late;
    char text[LOCUM_NSD_OUTPUT_MAX];
    size_t length;
};

/* False: it does not fit. */
static bool
add_word(struct locum_config_command *command, size_t *used, const char *folder, const char *word)
{
    const size_t before = strlen(folder);
    const size_t length = strlen(word);
    if (command->count == LOCUM_ARGV_MAX || before + length + 1 > LOCUM_COMMAND_BYTES_MAX - *used) {
        return false;
    }
    memcpy(command->words + *used, folder, before);
    memcpy(command->words + *used + before, word, length + 1);
    *used += before + length + 1;
    command->count++;
    return true;
}

/* The folder, with a slash, in which this program is. */
static const char *
folder_of(const char *program)
{
    static const char *const folders[] = {"/usr/local/sbin/", "/usr/local/bin/", "/usr/sbin/",
                                          "/usr/bin/", "/sbin/"};
    char path[256];
    if (strchr(program, '/') != NULL) {
        return "";
    }
    for (size_t i = 0; i < LOCUM_COUNT(folders); i++) {
        struct locum_text text = locum_text_init(path, sizeof(path));
        locum_text_add(&text, folders[i]);
        locum_text_add(&text, program);
        if (access(path, X_OK) == 0) {
            return folders[i];
        }
    }
    return NULL;
}

static void
read_output(struct locum_nsd_child *self)
{
    char chunk[512];
    ssize_t length = read(self->output_fd, chunk, sizeof(chunk));
    while (length > 0) {
        const size_t room = sizeof(self->text) - 1 - self->length;
        const size_t taken = (size_t)length < room ? (size_t)length : room;
        memcpy(self->text + self->length, chunk, taken);
        self->length += taken;
        length = read(self->output_fd, chunk, sizeof(chunk));
    }
    if (length == 0) {
        (void)event_del(self->output);
    }
}

static void
on_output(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what;
    read_output(user);
}

/* In place of what it printed. */
static bool
say(struct locum_nsd_child *self, const char *why)
{
    struct locum_text text = locum_text_init(self->text, sizeof(self->text));
    locum_text_add(&text, why);
    return false;
}

static bool
judge(struct locum_nsd_child *self, const struct locum_run_result *result)
{
    self->text[self->length] = '\0';
    while (self->length > 0 && self->text[self->length - 1] == '\n') {
        self->text[--self->length] = '\0';
    }
    if (result->failure != 0) {
        return say(self, strerror(result->failure));
    }
    if (self->late) {
        return say(self, "it did not end in time and was killed");
    }
    if (WIFSIGNALED(result->status)) {
        return say(self, strsignal(WTERMSIG(result->status)));
    }
    return WEXITSTATUS(result->status) == 0;
}

static void
on_ended(evutil_socket_t fd, short what, void *user)
{
    struct locum_nsd_child *self = user;
    struct locum_run_result result;
    (void)fd, (void)what;
    if (!locum_run_result(self->run, &result)) {
        return;
    }
    char output[LOCUM_NSD_OUTPUT_MAX];
    locum_nsd_child_fn *on_done = self->on_done;
    void *done_user = self->user;
    read_output(self);
    const bool ok = judge(self, &result);
    memcpy(output, self->text, sizeof(output));
    locum_nsd_child_destroy(self);
    on_done(done_user, ok, output);
}

static void
on_late(evutil_socket_t fd, short what, void *user)
{
    struct locum_nsd_child *self = user;
    (void)fd, (void)what;
    self->late = true;
    locum_run_kill(self->run);
}

static int
begin(struct locum_nsd_child *self, const struct locum_config_command *command)
{
    static const struct timeval limit = {.tv_sec = LOCUM_NSD_CHILD_MS / 1000};
    self->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->ended_fd < 0) {
        return LOCUM_ERR_IO;
    }
    const int status = locum_run_create(command, self->ended_fd, &self->run, &self->output_fd);
    if (status != 0) {
        return status;
    }
    self->ended = event_new(self->base, self->ended_fd, EV_READ, on_ended, self);
    self->output = event_new(self->base, self->output_fd, EV_READ | EV_PERSIST, on_output, self);
    self->timer = evtimer_new(self->base, on_late, self);
    return self->ended != NULL && self->output != NULL && self->timer != NULL &&
                   event_add(self->ended, NULL) == 0 && event_add(self->output, NULL) == 0 &&
                   event_add(self->timer, &limit) == 0
               ? 0
               : LOCUM_ERR_MEMORY;
}

int
locum_nsd_child_start(struct event_base *base, const char *const *argv, locum_nsd_child_fn *on_done,
                      void *user, struct locum_nsd_child **ret)
{
    struct locum_config_command command = {.count = 0};
    size_t used = 0;
    const char *folder = folder_of(argv[0]);
    if (folder == NULL) {
        return LOCUM_ERR_NOT_FOUND;
    }
    for (size_t i = 0; argv[i] != NULL; i++) {
        if (!add_word(&command, &used, i == 0 ? folder : "", argv[i])) {
            return LOCUM_ERR_RANGE;
        }
    }
    struct locum_nsd_child *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    *self = (struct locum_nsd_child){
        .base = base, .on_done = on_done, .user = user, .ended_fd = -1, .output_fd = -1};
    const int status = begin(self, &command);
    if (status != 0) {
        locum_nsd_child_destroy(self);
        return status;
    }
    *ret = self;
    return 0;
}

void
locum_nsd_child_destroy(struct locum_nsd_child *self)
{
    if (self == NULL) {
        return;
    }
    struct event *const events[] = {self->ended, self->output, self->timer};
    for (size_t i = 0; i < LOCUM_COUNT(events); i++) {
        if (events[i] != NULL) {
            event_free(events[i]);
        }
    }
    locum_run_destroy(self->run);
    if (self->output_fd >= 0) {
        (void)close(self->output_fd);
    }
    if (self->ended_fd >= 0) {
        (void)close(self->ended_fd);
    }
    free(self);
}

struct waited {
    struct event_base *base;
    bool ok;
    char *output;
};

static void
on_waited(void *user, bool ok, const char *output)
{
    struct waited *waited = user;
    waited->ok = ok;
    memcpy(waited->output, output, LOCUM_NSD_OUTPUT_MAX);
    (void)event_base_loopbreak(waited->base);
}

int
locum_nsd_child_wait(const char *const *argv, char ret_output[LOCUM_NSD_OUTPUT_MAX])
{
    struct locum_nsd_child *child;
    struct waited waited = {.base = event_base_new(), .output = ret_output};
    ret_output[0] = '\0';
    if (waited.base == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    const int status = locum_nsd_child_start(waited.base, argv, on_waited, &waited, &child);
    if (status == 0) {
        (void)event_base_dispatch(waited.base);
    } else {
        struct locum_text text = locum_text_init(ret_output, LOCUM_NSD_OUTPUT_MAX);
        locum_text_add(&text, argv[0]);
        locum_text_add(&text, status == LOCUM_ERR_NOT_FOUND ? " is not installed" : ": ");
        locum_text_add(&text, status == LOCUM_ERR_NOT_FOUND ? "" : locum_error_text(status));
    }
    event_base_free(waited.base);
    return status != 0 ? status : waited.ok ? 0 : LOCUM_ERR_REFUSED;
}
