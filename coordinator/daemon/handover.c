#include "daemon/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text_format.h"

enum { TEXT_BYTES_MAX = LOCUM_RESUME_BYTES_MAX + LOCUM_SOCKETS_MAX * 128 };

static void
add_sockets(struct locum_text *text, const struct locum_sockets *sockets)
{
    for (size_t i = 0; i < sockets->count; i++) {
        const struct locum_sockets_entry *entry = &sockets->at[i];
        if (entry->fd >= 0) {
            locum_text_format(text, "%s %d %s\n", entry->stored ? "stored" : "socket", entry->fd,
                              entry->name);
        }
    }
}

int
locum_handover_memory(const char *bytes, size_t length)
{
    int fd = locum_file_memory("locum-handover");
    if (fd >= 0 && write(fd, bytes, length) != (ssize_t)length) {
        (void)close(fd);
        errno = EIO;
        fd = -1;
    }
    return fd;
}

int
locum_handover_write(const struct locum_handover *self, const struct locum_sockets *sockets)
{
    char *buffer = malloc(TEXT_BYTES_MAX);
    if (buffer == NULL) {
        return -1;
    }
    struct locum_text text = locum_text_init(buffer, TEXT_BYTES_MAX);
    locum_text_format(&text, "version %s\nmono-ms %" PRIi64 "\n", self->version, self->mono);
    if (self->client >= 0) {
        locum_text_format(&text, "client %d\n", self->client);
    }
    if (self->history >= 0) {
        locum_text_format(&text, "history %d\n", self->history);
    }
    if (self->signatures >= 0) {
        locum_text_format(&text, "signatures %d\n", self->signatures);
    }
    add_sockets(&text, sockets);
    locum_text_format(&text, "state %zu\n", self->state_length);
    LOCUM_INVARIANT(text.length + self->state_length < TEXT_BYTES_MAX);
    memcpy(buffer + text.length, self->state, self->state_length);
    const size_t length = text.length + self->state_length;
    const int fd = locum_handover_memory(buffer, length);
    free(buffer);
    return fd;
}

/* "7 udp-192.0.2.1-53-0" */
static bool
take_socket(struct locum_slice value, bool stored, struct locum_sockets *sockets)
{
    char name[LOCUM_SOCKETS_NAME_MAX + 1];
    struct locum_slice number;
    uint64_t fd;
    if (!locum_slice_cut(&value, ' ', &number) || value.at == NULL ||
        locum_slice_u64(number, INT32_MAX, &fd) != 0 ||
        locum_slice_copy(value, name, sizeof(name)) != 0) {
        return false;
    }
    locum_sockets_add(sockets, (int)fd, name, stored);
    return true;
}

/* A line before the state. False: it is malformed. */
static bool
take_line(struct locum_handover *self, struct locum_slice line, struct locum_sockets *sockets,
          uint64_t *ret_state_length)
{
    struct locum_slice key;
    uint64_t number = 0;
    bool good = true;
    if (!locum_slice_cut(&line, ' ', &key) || line.at == NULL) {
        return false;
    }
    if (locum_slice_is(key, "version")) {
        good = locum_slice_copy(line, self->version, sizeof(self->version)) == 0;
    } else if (locum_slice_is(key, "mono-ms")) {
        good = locum_slice_u64(line, INT64_MAX, &number) == 0;
        self->mono = (locum_ms)number;
    } else if (locum_slice_is(key, "client")) {
        good = locum_slice_u64(line, INT32_MAX, &number) == 0;
        self->client = (int)number;
    } else if (locum_slice_is(key, "history")) {
        good = locum_slice_u64(line, INT32_MAX, &number) == 0;
        self->history = (int)number;
    } else if (locum_slice_is(key, "signatures")) {
        good = locum_slice_u64(line, INT32_MAX, &number) == 0;
        self->signatures = (int)number;
    } else if (locum_slice_is(key, "socket") || locum_slice_is(key, "stored")) {
        good = take_socket(line, locum_slice_is(key, "stored"), sockets);
    } else if (locum_slice_is(key, "state")) {
        good = locum_slice_u64(line, sizeof(self->state), ret_state_length) == 0;
    }
    return good;
}

static bool
parse(struct locum_handover *self, struct locum_slice rest, struct locum_sockets *sockets)
{
    uint64_t state_length = UINT64_MAX;
    struct locum_slice line;
    while (state_length == UINT64_MAX) {
        if (!locum_slice_cut(&rest, '\n', &line) ||
            !take_line(self, line, sockets, &state_length)) {
            return false;
        }
    }
    if (rest.at == NULL || rest.length != state_length) {
        return false;
    }
    memcpy(self->state, rest.at, rest.length);
    self->state_length = rest.length;
    return true;
}

static bool
read_all(struct locum_handover *self, int fd, struct locum_sockets *sockets)
{
    char *buffer = malloc(TEXT_BYTES_MAX);
    const ssize_t length = buffer != NULL ? pread(fd, buffer, TEXT_BYTES_MAX, 0) : -1;
    const bool good =
        length > 0 &&
        parse(self, (struct locum_slice){.at = buffer, .length = (size_t)length}, sockets);
    free(buffer);
    return good;
}

void
locum_handover_read(struct locum_handover *ret, struct locum_sockets *sockets)
{
    const char *text = getenv("LOCUM_HANDOVER");
    uint64_t fd = 0;
    *ret = (struct locum_handover){.client = -1, .history = -1, .signatures = -1};
    if (text != NULL && locum_slice_u64(locum_slice_of(text), INT32_MAX, &fd) == 0) {
        if (!read_all(ret, (int)fd, sockets)) {
            ret->version[0] = '\0';
        }
        (void)close((int)fd);
    }
    if (ret->client >= 0) {
        (void)fcntl(ret->client, F_SETFD, FD_CLOEXEC);
    }
    (void)unsetenv("LOCUM_HANDOVER");
}
