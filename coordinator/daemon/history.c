#include "daemon/history.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "daemon/inside.h"

/* Its text, in heap memory (text.at) that the caller frees; NULL: out of memory. */
static struct locum_text
make_text(const struct locum_daemon *self)
{
    const size_t size = locum_history_save_bytes(self->history);
    char *buffer = malloc(size);
    if (buffer == NULL) {
        return (struct locum_text){.at = NULL};
    }
    struct locum_text text = locum_text_init(buffer, size);
    locum_history_save(self->history, &self->config->core, self->boot_id, &text);
    return text;
}

static void
note(struct locum_daemon *self, struct locum_now now)
{
    locum_history_note(self->history, &self->core, !self->run.publish_failed, now);
}

int
locum_daemon_history_hand_over(struct locum_daemon *self)
{
    note(self, locum_clock_read());
    const struct locum_text text = make_text(self);
    const int fd = text.length > 0 ? locum_handover_memory(text.at, text.length) : -1;
    free(text.at);
    return fd;
}

void
locum_daemon_history_keep(struct locum_daemon *self)
{
    note(self, self->now);
    const struct locum_text text = make_text(self);
    self->history_kept = self->now.mono;
    if (text.length > 0) {
        locum_state_writer_put_history(self->writer, &text);
    }
    free(text.at);
}

void
locum_daemon_history_note(struct locum_daemon *self)
{
    if (self->history_kept == LOCUM_NEVER ||
        self->now.mono - self->history_kept >= self->history_every_ms) {
        locum_daemon_history_keep(self);
    } else {
        note(self, self->now);
    }
}

/* What the program before has handed over; empty: nothing. */
static void
take_handover(int fd, char buffer[LOCUM_HISTORY_BYTES_MAX], struct locum_slice *ret)
{
    const ssize_t length = fd >= 0 ? pread(fd, buffer, LOCUM_HISTORY_BYTES_MAX, 0) : -1;
    *ret = (struct locum_slice){.at = buffer, .length = length > 0 ? (size_t)length : 0};
    if (fd >= 0) {
        (void)close(fd);
    }
}

static void
load(struct locum_daemon *self, char buffer[LOCUM_HISTORY_BYTES_MAX])
{
    const bool replaced = self->handover.version[0] != '\0';
    char reason[512];
    struct locum_text why = locum_text_init(reason, sizeof(reason));
    struct locum_last_run last = {.how = replaced ? LOCUM_REPLACE : LOCUM_START,
                                  .boot_id = self->boot_id};
    take_handover(self->handover.history, buffer, &last.text);
    self->handover.history = -1;
    if (last.text.length == 0 &&
        locum_state_load_history(self->config, buffer, &last.text, &why) != 0) {
        LOCUM_LOG(LOCUM_LOG_WARN, "history", "reason", reason, "effect",
                  "the history begins with this start");
    }
    const enum locum_resumed outcome =
        locum_history_load(self->history, &self->config->core, &last, self->now);
    if (outcome != LOCUM_RESUMED && outcome != LOCUM_NOT_SAVED) {
        LOCUM_LOG(outcome == LOCUM_RESUME_MALFORMED ? LOCUM_LOG_WARN : LOCUM_LOG_INFO, "history",
                  "state", locum_resume_text(outcome), "effect",
                  "the history begins with this start");
    }
}

int
locum_daemon_history_begin(struct locum_daemon *self)
{
    char *buffer = malloc(LOCUM_HISTORY_BYTES_MAX);
    if (buffer == NULL || (self->history = locum_history_create()) == NULL) {
        free(buffer);
        return LOCUM_ERR_MEMORY;
    }
    load(self, buffer);
    free(buffer);
    locum_history_configure(self->history, self->config);
    self->history_kept = LOCUM_NEVER;
    self->history_every_ms = locum_file_is_in_memory(self->config->listen_control)
                                 ? LOCUM_DAEMON_HISTORY_MS
                                 : LOCUM_DAEMON_HISTORY_DISK_MS;
    return 0;
}
