#include "dump.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/text_format.h"
#include "base/version.h"
#include "core/record.h"
#include "daemon/recorder.h"
#include "daemon/snapshot.h"
#include "report/events.h"

enum { TEXT_BYTES = 4096, OTHER = 1, MALFORMED = 2, WEEK_MS = 7 * 86400000 };

struct replay {
    FILE *out, *errors;
    struct locum_slice rest;
    size_t line; /* the number of the last one that was read */
    bool begun;  /* `core` is valid */
    struct locum_core core;
    struct locum_actions actions;
    struct locum_now now; /* of the last input */
    char name[32];        /* of the last input: its kind */
    bool hashed;          /* the actions of the last input were compared */
    size_t inputs, heartbeats, decisions,
        since; /* since: heartbeats since the last line of `out` */
};

bool
sim_dump_is(struct locum_slice text)
{
    return locum_slice_starts(text, "locum-dump ");
}

static int
refuse(const struct replay *self, const char *what)
{
    fprintf(self->errors, "line %zu: %s\n", self->line, what);
    return MALFORMED;
}

/* One line of the story: the time, how much was heard before, and what happened. */
static void
tell(struct replay *self, const char *sign, const char *text)
{
    if (self->since > 0) {
        fprintf(self->out, "%28s %zu heartbeats\n", "", self->since);
        self->since = 0;
    }
    fprintf(self->out, "%s  %s %s\n", locum_text_time(self->now.wall).text, sign, text);
}

/* --- snapshots -------------------------------------------------------------------------------- */

static void
tell_begin(struct replay *self, const char *cause)
{
    char buffer[TEXT_BYTES];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    const struct locum_core_config *config = &self->core.config;
    locum_text_format(&text, "recording of node %s in cluster %s, version %s (%s): serving ",
                      config->nodes[config->self].name, config->cluster, config->version, cause);
    locum_plan_serving_add(&text, config, self->core.serving);
    for (locum_node node = 0; node < config->node_count; node++) {
        if (node != config->self) {
            locum_text_format(&text, ", %s %s", config->nodes[node].name,
                              locum_names_condition(locum_core_condition(&self->core, node)));
        }
    }
    fprintf(self->out, "%s\n", buffer);
}

/* The next half begins with the state as the replay has it, or something was lost. */
static int
compare_state(struct replay *self, struct locum_slice written)
{
    char *buffer = malloc(LOCUM_SNAPSHOT_BYTES_MAX);
    if (buffer == NULL) {
        return refuse(self, "out of memory");
    }
    struct locum_text text = locum_text_init(buffer, LOCUM_SNAPSHOT_BYTES_MAX);
    locum_snapshot_write(&text, &self->core);
    const bool same = locum_slice_is(written, buffer);
    free(buffer);
    if (!same) {
        fprintf(self->errors, "line %zu: the recorded state is another one than the replayed one\n",
                self->line);
    }
    return same ? 0 : OTHER;
}

static size_t
count_lines(struct locum_slice text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.length; i++) {
        count += text.at[i] == '\n' ? 1 : 0;
    }
    return count;
}

/* `begin CAUSE` and the snapshot after it. */
static int
take_state(struct replay *self, struct locum_slice cause)
{
    char name[16];
    const struct locum_slice from = self->rest;
    if (locum_slice_copy(cause, name, sizeof(name)) != 0) {
        return refuse(self, "`begin` names no cause");
    }
    struct locum_core *next = malloc(sizeof(*next));
    if (next == NULL) {
        return refuse(self, "out of memory");
    }
    const bool good = locum_snapshot_read(&self->rest, next);
    const struct locum_slice written = {from.at, good ? (size_t)(self->rest.at - from.at) : 0};
    if (!good) {
        self->line +=
            1 + (self->rest.at != NULL
                     ? count_lines((struct locum_slice){from.at, (size_t)(self->rest.at - from.at)})
                     : 0);
        free(next);
        return refuse(self, "malformed state, or one of another version of the program");
    }
    const int status = self->begun && strcmp(name, "next") == 0 ? compare_state(self, written) : 0;
    if (!self->begun || strcmp(name, "next") != 0) {
        self->core = *next;
        tell_begin(self, name);
    }
    self->line += count_lines(written);
    self->begun = true;
    self->hashed = true;
    free(next);
    return status;
}

/* --- inputs and actions ----------------------------------------------------------------------- */

static void
tell_actions(struct replay *self)
{
    for (size_t i = 0; i < self->actions.count; i++) {
        const struct locum_action *action = &self->actions.at[i];
        char buffer[TEXT_BYTES];
        struct locum_text text = locum_text_init(buffer, sizeof(buffer));
        if (action->kind == LOCUM_ACTION_EVENT) {
            locum_events_add_line(&text, &self->core.config, &action->event);
        } else if (action->kind == LOCUM_ACTION_PLAN) {
            locum_record_action(&text, &self->core, self->now, action);
        } else {
            continue;
        }
        tell(self, "=", buffer);
        self->decisions++;
    }
}

static bool
is_in_order(const struct replay *self, struct locum_now now)
{
    return self->inputs == 0 ||
           (now.mono >= self->now.mono && now.mono - self->now.mono <= WEEK_MS);
}

static int
check_last(struct replay *self)
{
    if (self->hashed || self->actions.count == 0) {
        return 0;
    }
    fprintf(self->errors, "line %zu: no actions were recorded, but the replay has %zu\n",
            self->line, self->actions.count);
    return OTHER;
}

static int
take_input(struct replay *self, struct locum_slice text)
{
    char line[LOCUM_HEARTBEAT_MAX + TEXT_BYTES];
    struct locum_input input;
    const int status = check_last(self);
    if (status != 0) {
        return status;
    }
    if (!self->begun || !locum_record_input_parse(text, &self->core.config, &input)) {
        return refuse(self, self->begun ? "malformed input" : "an input before the first state");
    }
    if (!is_in_order(self, input.now)) {
        return refuse(self, "the time of this input is before that of the last one");
    }
    self->now = input.now;
    self->inputs++;
    if (input.kind == LOCUM_INPUT_HEARTBEAT) {
        self->heartbeats++;
        self->since++;
    } else if (input.kind != LOCUM_INPUT_COMMIT &&
               locum_slice_copy(text, line, sizeof(line)) == 0) {
        const char *what = line; /* after the three times */
        for (int i = 0; i < 3; i++) {
            what = strchr(what, ' ') + 1;
        }
        tell(self, ">", what);
    }
    locum_core_step(&self->core, &input, &self->actions);
    self->hashed = false;
    tell_actions(self);
    return 0;
}

static int
take_hash(struct replay *self, struct locum_slice text)
{
    char hash[24];
    (void)locum_text_format_buffer(hash, sizeof(hash), "%016" PRIx64,
                                   locum_recorder_hash(&self->core, self->now, &self->actions));
    if (self->inputs == 0 || self->hashed) {
        return refuse(self, "actions without an input");
    }
    self->hashed = true;
    if (locum_slice_is(text, hash)) {
        return 0;
    }
    fprintf(self->errors, "line %zu: other actions were recorded than the replay has\n",
            self->line);
    return OTHER;
}

static int
take_line(struct replay *self, struct locum_slice line)
{
    static const char *const keys[] = {"> ", "= ", "begin "};
    size_t key = 0;
    while (key < LOCUM_COUNT(keys) && !locum_slice_starts(line, keys[key])) {
        key++;
    }
    if (key == LOCUM_COUNT(keys)) {
        return refuse(self, "malformed: write `begin`, `>` or `=` first");
    }
    line.at += strlen(keys[key]);
    line.length -= strlen(keys[key]);
    return key == 0   ? take_input(self, line)
           : key == 1 ? take_hash(self, line)
                      : take_state(self, line);
}

static int
check_head(struct replay *self, struct locum_slice head)
{
    if (!locum_slice_is(head, LOCUM_RECORDER_MAGIC " " LOCUM_VERSION)) {
        return refuse(self, "a dump of another version of the program: this is "
                            "\"" LOCUM_RECORDER_MAGIC " " LOCUM_VERSION "\"");
    }
    return 0;
}

int
sim_dump_replay(struct locum_slice text, FILE *out, FILE *errors)
{
    struct locum_slice line;
    struct replay *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return MALFORMED;
    }
    *self = (struct replay){.out = out, .errors = errors, .rest = text, .line = 1};
    int status = text.length > 0 && text.at[text.length - 1] == '\n'
                     ? 0
                     : refuse(self, "the text is cut: its last line has no end");
    if (status == 0 && locum_slice_cut(&self->rest, '\n', &line)) {
        status = check_head(self, line);
    }
    while (status == 0 && self->rest.length > 0 && locum_slice_cut(&self->rest, '\n', &line)) {
        self->line++;
        status = take_line(self, line);
    }
    status = status == 0 ? check_last(self) : status;
    if (status == 0 && !self->begun) {
        status = refuse(self, "there is no state");
    }
    if (status == 0) {
        fprintf(out,
                "replayed: %zu inputs, %zu of them heartbeats; %zu events and plans, as they were "
                "recorded\n",
                self->inputs, self->heartbeats, self->decisions);
    }
    free(self);
    return status;
}
