#include "daemon/starts.h"

#include <inttypes.h>
#include <time.h>

#include "base/file.h"
#include "base/text_format.h"
#include "config/config.h"

enum { FILE_BYTES_MAX = 256, SUFFIX_MAX = 16 };

/* The starts of the last LOCUM_STARTS_MS, boot clock, oldest first. */
struct starts {
    size_t count;
    locum_ms at[LOCUM_STARTS_MAX];
};

static void
add(struct starts *self, locum_ms at)
{
    if (self->count == LOCUM_STARTS_MAX) {
        self->count--;
        for (size_t i = 0; i < self->count; i++) {
            self->at[i] = self->at[i + 1];
        }
    }
    self->at[self->count++] = at;
}

static void
read_starts(const char *path, locum_ms now, struct starts *ret)
{
    char buffer[FILE_BYTES_MAX];
    size_t length;
    *ret = (struct starts){.count = 0};
    if (locum_file_read(path, buffer, sizeof(buffer), &length, NULL, NULL) != 0) {
        return;
    }
    struct locum_slice rest = {.at = buffer, .length = length};
    struct locum_slice line;
    uint64_t at;
    while (locum_slice_cut(&rest, '\n', &line)) {
        if (locum_slice_u64(line, INT64_MAX, &at) == 0 && (locum_ms)at <= now &&
            now - (locum_ms)at < LOCUM_STARTS_MS) {
            add(ret, (locum_ms)at);
        }
    }
}

static void
write_starts(const char *path, const char *temp, const struct starts *starts)
{
    char buffer[FILE_BYTES_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    for (size_t i = 0; i < starts->count; i++) {
        locum_text_format(&text, "%" PRIi64 "\n", starts->at[i]);
    }
    (void)!locum_file_replace(path, temp, buffer, text.length, 0600);
}

locum_ms
locum_starts_note(const char *control, struct locum_now now)
{
    char path[LOCUM_PATH_MAX + SUFFIX_MAX];
    char temp[LOCUM_PATH_MAX + SUFFIX_MAX];
    struct starts starts;
    (void)locum_text_format_buffer(path, sizeof(path), "%s.starts", control);
    (void)locum_text_format_buffer(temp, sizeof(temp), "%s.starts.new", control);
    read_starts(path, now.boot, &starts);
    const locum_ms brake =
        starts.count == LOCUM_STARTS_MAX ? starts.at[0] + LOCUM_STARTS_MS - now.boot : 0;
    add(&starts, now.boot);
    write_starts(path, temp, &starts);
    return brake;
}

void
locum_starts_pause(locum_ms ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&pause, NULL);
}
