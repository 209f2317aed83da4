#include "daemon/recorder.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text_format.h"
#include "base/version.h"
#include "core/record.h"
#include "daemon/snapshot.h"
#include "report/events.h"

enum {
    HALF = LOCUM_RECORDER_BYTES_MAX / 2 - 1024, /* the rest is for the head of a dump */
    LINE_BYTES = LOCUM_HEARTBEAT_MAX + 1024,
    ACTION_BYTES = 4096,
};

void
locum_recorder_open(struct locum_recorder *self)
{
    *self = (struct locum_recorder){.is_open = false};
    self->fd = locum_file_memory("locum-recorder");
    self->is_open = self->fd >= 0;
}

void
locum_recorder_close(struct locum_recorder *self)
{
    if (self->is_open) {
        (void)close(self->fd);
        self->is_open = false;
    }
}

/* Into the current half. What does not get in cannot be replayed from: begin again. */
static void
put(struct locum_recorder *self, const char *bytes, size_t length)
{
    const off_t at = (off_t)self->current * HALF + (off_t)self->length[self->current];
    if (self->length[self->current] + length > HALF ||
        pwrite(self->fd, bytes, length, at) != (ssize_t)length) {
        self->paused = true;
    } else {
        self->length[self->current] += length;
    }
}

static void
flush(struct locum_recorder *self)
{
    const size_t length = self->buffered;
    self->buffered = 0;
    if (length > 0) {
        put(self, self->buffer, length);
    }
}

static void
add(struct locum_recorder *self, const char *bytes, size_t length)
{
    if (self->buffered + length > sizeof(self->buffer)) {
        flush(self);
    }
    if (self->paused) {
        return;
    }
    if (length > sizeof(self->buffer)) {
        put(self, bytes, length);
    } else {
        memcpy(self->buffer + self->buffered, bytes, length);
        self->buffered += length;
    }
}

void
locum_recorder_begin(struct locum_recorder *self, struct locum_core *core, const char *cause)
{
    /* Not of the heap: this memory goes back at once. */
    char *buffer = self->is_open ? mmap(NULL, LOCUM_SNAPSHOT_BYTES_MAX, PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                                 : MAP_FAILED;
    if (buffer == MAP_FAILED) {
        self->paused = true;
        return;
    }
    flush(self);
    self->current = 1 - self->current;
    self->length[self->current] = 0;
    self->paused = false;
    struct locum_text text = locum_text_init(buffer, LOCUM_SNAPSHOT_BYTES_MAX);
    locum_text_format(&text, "begin %s\n", cause);
    locum_snapshot_write(&text, core);
    LOCUM_INVARIANT(!text.truncated);
    put(self, buffer, text.length);
    (void)munmap(buffer, LOCUM_SNAPSHOT_BYTES_MAX);
}

uint64_t
locum_recorder_hash(const struct locum_core *core, struct locum_now now,
                    const struct locum_actions *actions)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < actions->count; i++) {
        char line[ACTION_BYTES];
        struct locum_text text = locum_text_init(line, sizeof(line));
        if (actions->at[i].kind == LOCUM_ACTION_HEARTBEAT) {
            locum_text_add(&text, "heartbeat"); /* its text follows from the state */
        } else if (actions->at[i].kind == LOCUM_ACTION_EVENT) {
            locum_events_add_line(&text, &core->config, &actions->at[i].event);
        } else {
            locum_record_action(&text, core, now, &actions->at[i]);
        }
        for (size_t at = 0; at <= text.length; at++) { /* with the NUL, which ends each */
            hash = (hash ^ (uint8_t)line[at]) * 0x100000001b3u;
        }
    }
    return hash;
}

/* The signatures of a heartbeat are not for its reader: the core does not look at them. */
static bool
make_plain(struct locum_input *input)
{
    static const char signatures[] = " x-mac=";
    if (input->kind == LOCUM_INPUT_HEARTBEAT) {
        struct locum_slice *text = &input->heartbeat.text;
        const char *at = memmem(text->at, text->length, signatures, sizeof(signatures) - 1);
        text->length = at != NULL ? (size_t)(at - text->at) : text->length;
        return locum_slice_is_plain(*text);
    }
    return input->kind != LOCUM_INPUT_ADMIN ||
           locum_slice_is_plain(locum_slice_of(input->admin.reason));
}

void
locum_recorder_note(struct locum_recorder *self, struct locum_core *core,
                    const struct locum_input *given, const struct locum_actions *actions)
{
    char line[LINE_BYTES];
    struct locum_input input = *given;
    struct locum_text text = locum_text_init(line, sizeof(line));
    if (!self->is_open) {
        return;
    }
    if (!self->paused) {
        self->paused = !make_plain(&input);
        locum_text_add(&text, "> ");
        locum_record_input(&text, &core->config, &input);
        locum_text_add_char(&text, '\n');
        if (actions->count > 0) {
            locum_text_format(&text, "= %016" PRIx64 "\n",
                              locum_recorder_hash(core, input.now, actions));
        }
        self->paused = self->paused || text.truncated;
        add(self, line, text.length);
    }
    const bool nearly_full = self->length[self->current] + self->buffered > HALF - 65536;
    if (input.kind == LOCUM_INPUT_COMMIT && (nearly_full || self->paused)) {
        locum_recorder_begin(self, core, self->paused ? "gap" : "next");
    }
}

static size_t
read_half(const struct locum_recorder *self, int half, char *ret)
{
    const ssize_t got = pread(self->fd, ret, self->length[half], (off_t)half * HALF);
    return got > 0 ? (size_t)got : 0;
}

char *
locum_recorder_text(struct locum_recorder *self)
{
    if (!self->is_open) {
        return NULL;
    }
    flush(self);
    const size_t size = LOCUM_RECORDER_BYTES_MAX;
    char *buffer = malloc(size);
    if (buffer == NULL) {
        return NULL;
    }
    struct locum_text head = locum_text_init(buffer, size);
    locum_text_format(&head, LOCUM_RECORDER_MAGIC " %s\n", LOCUM_VERSION);
    size_t length = head.length;
    length += read_half(self, 1 - self->current, buffer + length);
    length += read_half(self, self->current, buffer + length);
    buffer[length] = '\0';
    return buffer;
}
