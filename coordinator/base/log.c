#include "base/log.h"

#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text_format.h"

enum {
    LINE_BYTES_MAX = PIPE_BUF,
    TAIL_BYTES = 80, /* room for both counts */
    FIELDS_MAX = 16,
    RECENT_MAX = 32,
    REPEAT_QUIET_MS = 10000
};

/* The lines printed lately, by their hash. */
static struct recent {
    uint64_t hash;
    locum_ms printed_mono;
    uint64_t left_out;
} recent[RECENT_MAX];

static uint64_t lost_lines; /* since the last printed line */

static const char *const priorities[] = {"<3>", "<4>", "<6>"}; /* sd-daemon(3) */
static const char *const names[] = {"err ", "warn ", "info "};

void
locum_log_repeat(void)
{
    memset(recent, 0, sizeof(recent));
}

/* True if the line may be printed; *ret_left_out equal lines were dropped before it. */
static bool
admit(const char *line, locum_ms mono, uint64_t *ret_left_out)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a, 64 bits */
    for (const char *c = line; *c != '\0'; c++) {
        hash = (hash ^ (uint8_t)*c) * 1099511628211u;
    }
    struct recent *oldest = &recent[0];
    for (size_t i = 0; i < RECENT_MAX; i++) {
        struct recent *entry = &recent[i];
        if (entry->hash == hash && entry->printed_mono != 0) {
            if (mono - entry->printed_mono < REPEAT_QUIET_MS) {
                entry->left_out++;
                return false;
            }
            *ret_left_out = entry->left_out;
            *entry = (struct recent){.hash = hash, .printed_mono = mono};
            return true;
        }
        if (entry->printed_mono < oldest->printed_mono) {
            oldest = entry;
        }
    }
    *ret_left_out = 0;
    *oldest = (struct recent){.hash = hash, .printed_mono = mono};
    return true;
}

static void
add_field(struct locum_text *line, const struct locum_field *field)
{
    const bool quoted = strpbrk(field->value, " =\"\\") != NULL;
    locum_text_add_char(line, ' ');
    locum_text_add(line, field->key);
    locum_text_add(line, quoted ? "=\"" : "=");
    for (const char *c = field->value; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') {
            locum_text_add_char(line, '\\');
            locum_text_add_char(line, *c);
        } else if (*c == ' ' || *c == '=') {
            locum_text_add_char(line, *c);
        } else {
            locum_text_add_escaped(line, c, 1);
        }
    }
    locum_text_add(line, quoted ? "\"" : "");
}

/*
 * The reader of standard error may have stopped (a frozen journal, a terminal after Ctrl-S), and
 * the loop must not stop with it. O_NONBLOCK would not do: other processes share the open file.
 * pipe(7): a pipe that is writable accepts PIPE_BUF bytes at once.
 */
static void
print(const char *line, size_t length)
{
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    const bool can = poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) != 0;
    if (can && write(STDERR_FILENO, line, length) == (ssize_t)length) {
        lost_lines = 0;
    } else {
        lost_lines++;
    }
}

void
locum_log_fields(enum locum_level level, const char *event, const struct locum_field *fields,
                 size_t count)
{
    char buffer[LINE_BYTES_MAX];
    uint64_t left_out;
    struct locum_text line = locum_text_init(buffer, sizeof(buffer) - TAIL_BYTES);
    locum_text_format(&line, "%sevent=%s",
                      getenv("JOURNAL_STREAM") != NULL ? priorities[level] : names[level], event);
    for (size_t i = 0; i < count; i++) {
        if (fields[i].value != NULL) {
            add_field(&line, &fields[i]);
        }
    }
    if (!admit(buffer, locum_clock_read().mono, &left_out)) {
        return;
    }
    line.size = sizeof(buffer);
    line.truncated = false;
    if (left_out > 0) {
        locum_text_format(&line, " repeated=%" PRIu64, left_out);
    }
    if (lost_lines > 0) {
        locum_text_format(&line, " lost-lines=%" PRIu64, lost_lines);
    }
    locum_text_add_char(&line, '\n');
    print(buffer, line.length);
}

void
locum_log_line(enum locum_level level, const char *event, ...)
{
    struct locum_field fields[FIELDS_MAX];
    size_t count = 0;
    va_list pairs;
    va_start(pairs, event);
    for (const char *key = va_arg(pairs, const char *); key != NULL && count < FIELDS_MAX;
         key = va_arg(pairs, const char *)) {
        fields[count++] = (struct locum_field){.key = key, .value = va_arg(pairs, const char *)};
    }
    va_end(pairs);
    locum_log_fields(level, event, fields, count);
}
