/*
 * fuzz_event: an event whose values are anybody's bytes (value NUL value NUL ...). In the log it is
 * one line of printable ASCII, in the answer of the API it is JSON, and Redis gets the values of
 * it.
 */
#include "fuzz.h"

#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "report/events.h"

const unsigned fuzz_mutations = 10000;

enum { FIELDS = 4 };

static void
check_line(const struct locum_field *fields)
{
    char line[8192];
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    const int kept = dup(STDERR_FILENO);
    REQUIRE(kept >= 0 && dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
    locum_log_repeat();
    locum_log_fields(LOCUM_LOG_WARN, "event", fields, FIELDS);
    REQUIRE(dup2(kept, STDERR_FILENO) == STDERR_FILENO);
    (void)close(kept);
    (void)close(ends[1]);
    const ssize_t length = read(ends[0], line, sizeof(line));
    (void)close(ends[0]);
    REQUIRE(length > 0 && line[length - 1] == '\n');
    for (ssize_t i = 0; i < length - 1; i++) {
        REQUIRE(line[i] >= ' ' && line[i] < 127);
    }
}

static void
check_kept(const struct locum_field *fields)
{
    size_t count;
    struct locum_event_fields event = {.count = FIELDS};
    struct locum_events *events = locum_events_create(1);
    REQUIRE(events != NULL);
    memcpy(event.at, fields, FIELDS * sizeof(*fields));
    locum_events_add(events, 1763863200123, LOCUM_EVENT_WARNING, &event);
    json_t *answer = locum_events_since(events, 0, &count);
    char *text = json_dumps(answer, JSON_COMPACT);
    REQUIRE(count == 1 && text != NULL);
    struct locum_redis_event entry;
    REQUIRE(locum_events_next(events, 0, &entry) && entry.count <= FIELDS);
    for (size_t i = 0, given = 0; i < entry.count; i++, given++) {
        while (given < FIELDS && strcmp(entry.fields[i].key, fields[given].key) != 0) {
            given++; /* not UTF-8, so JSON leaves it out */
        }
        REQUIRE(given < FIELDS && strcmp(entry.fields[i].value, fields[given].value) == 0);
    }
    free(text);
    json_decref(answer);
    locum_events_destroy(events);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const keys[FIELDS] = {"peer", "reason", "text", "last"};
    struct locum_field fields[FIELDS];
    char *copy = calloc(1, size + FIELDS + 1); /* ends with as many values as are wanted */
    const char *value = copy;
    REQUIRE(copy != NULL);
    memcpy(copy, data, size);
    for (size_t i = 0; i < FIELDS; i++) {
        fields[i] = (struct locum_field){.key = keys[i], .value = value};
        value += value < copy + size ? strlen(value) + 1 : 0;
    }
    check_line(fields);
    check_kept(fields);
    free(copy);
    return 0;
}
