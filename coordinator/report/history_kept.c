/* The history as a text, for the next process. */
#include <stdlib.h>
#include <string.h>

#include "core/nodes.h"
#include "report/history_inside.h"

enum {
    VERSION = 1,
    /* The longest lines: a change, a gap, a row, a node; a name without its text. */
    CHANGE_BYTES = sizeof("at 9007199254740992 447 18446744073709551615\n"),
    GAP_BYTES = sizeof("gap 9007199254740992 9007199254740992\n"),
    ROW_BYTES = sizeof("row 447 18446744073709551615\n"),
    NODE_BYTES = sizeof("node 63 ") + LOCUM_NODE_NAME_MAX,
    NAME_BYTES = sizeof("name 255 \n"),
    OTHER_BYTES = 256,
};

static const uint64_t time_max = (uint64_t)1 << 53; /* ms; later times are refused */

/* --- writing ---------------------------------------------------------------------------------- */

size_t
locum_history_save_bytes(const struct locum_history *self)
{
    size_t bytes = OTHER_BYTES + LOCUM_HISTORY_ROWS * ROW_BYTES + LOCUM_HISTORY_NODES * NODE_BYTES +
                   self->gaps * GAP_BYTES + self->count * CHANGE_BYTES;
    for (size_t i = 0; i < LOCUM_NAMES_MAX; i++) {
        bytes += self->name[i] != NULL ? NAME_BYTES + strlen(self->name[i]) : 0;
    }
    LOCUM_INVARIANT(bytes <= LOCUM_HISTORY_BYTES_MAX);
    return bytes;
}

static void
add_number(struct locum_text *text, const char *before, uint64_t number)
{
    locum_text_add(text, before);
    locum_text_add_u64(text, number);
}

static void
add_labels(const struct locum_history *self, struct locum_text *text)
{
    for (size_t i = 0; i < LOCUM_HISTORY_NODES; i++) {
        if (self->node[i][0] != '\0') {
            add_number(text, "\nnode ", i);
            locum_text_add_char(text, ' ');
            locum_text_add(text, self->node[i]);
        }
    }
    for (size_t i = 0; i < LOCUM_NAMES_MAX; i++) {
        if (self->name[i] != NULL) {
            add_number(text, "\nname ", i);
            locum_text_add_char(text, ' ');
            locum_text_add(text, self->name[i]);
        }
    }
}

void
locum_history_save(const struct locum_history *self, const struct locum_core_config *config,
                   const char *boot_id, struct locum_text *text)
{
    if (boot_id[0] == '\0' || self->from == LOCUM_NEVER) {
        return;
    }
    add_number(text, "locum-history ", VERSION);
    locum_text_add(text, "\nof ");
    locum_text_add(text, config->cluster);
    locum_text_add_char(text, ' ');
    locum_text_add(text, config->nodes[config->self].name);
    locum_text_add_char(text, ' ');
    locum_text_add(text, boot_id);
    add_number(text, " ", (uint64_t)self->noted);
    add_number(text, "\nfrom ", (uint64_t)self->from);
    for (size_t i = 0; i < self->gaps; i++) {
        add_number(text, "\ngap ", (uint64_t)self->gap[i].from);
        add_number(text, " ", (uint64_t)self->gap[i].until);
    }
    add_labels(self, text);
    for (size_t row = 0; row < LOCUM_HISTORY_ROWS; row++) {
        if (self->first[row] != 0) {
            add_number(text, "\nrow ", row);
            add_number(text, " ", self->first[row]);
        }
    }
    for (size_t i = 0; i < self->count; i++) {
        add_number(text, "\nat ", (uint64_t)self->changes[i].at);
        add_number(text, " ", self->changes[i].row);
        add_number(text, " ", self->changes[i].value);
    }
    locum_text_add(text, "\nend\n");
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The next field of a line as a number up to `max`. */
static bool
read_number(struct locum_slice *line, uint64_t max, uint64_t *ret)
{
    struct locum_slice field;
    return locum_slice_cut(line, ' ', &field) && locum_slice_u64(field, max, ret) == 0;
}

/* A time that is not before `after` and not after the last note. */
static bool
read_time(const struct locum_history *self, struct locum_slice *line, locum_ms after, locum_ms *ret)
{
    uint64_t number;
    if (!read_number(line, time_max, &number)) {
        return false;
    }
    *ret = (locum_ms)number;
    return *ret >= after && *ret <= self->noted;
}

/* Nothing is left of the line. */
static bool
is_over(struct locum_slice line)
{
    return line.at == NULL;
}

/* The last field: printable, and not too long. */
static bool
read_label(struct locum_slice line, size_t max)
{
    for (size_t i = 0; i < line.length; i++) {
        if (line.at[i] <= ' ' || line.at[i] > '~') {
            return false;
        }
    }
    return line.at != NULL && line.length > 0 && line.length <= max;
}

static bool
read_node(struct locum_history *self, struct locum_slice line)
{
    uint64_t at;
    if (!read_number(&line, LOCUM_HISTORY_NODES - 1, &at) ||
        !read_label(line, LOCUM_NODE_NAME_MAX) || self->node[at][0] != '\0') {
        return false;
    }
    for (size_t i = 0; i < LOCUM_HISTORY_NODES; i++) {
        if (locum_slice_is(line, self->node[i])) {
            return false;
        }
    }
    memcpy(self->node[at], line.at, line.length);
    return true;
}

static bool
read_name(struct locum_history *self, struct locum_slice line)
{
    uint64_t at;
    if (!read_number(&line, LOCUM_NAMES_MAX - 1, &at) || !read_label(line, LOCUM_DOMAIN_MAX) ||
        self->name[at] != NULL) {
        return false;
    }
    for (size_t i = 0; i < LOCUM_NAMES_MAX; i++) {
        if (self->name[i] != NULL && locum_slice_is(line, self->name[i])) {
            return false;
        }
    }
    self->name[at] = strndup(line.at, line.length);
    return self->name[at] != NULL;
}

/* A row that exists, and a value that it may have. */
static bool
read_value(const struct locum_history *self, struct locum_slice *line, uint64_t *ret_row,
           uint64_t *ret_value)
{
    static const uint64_t max[LOCUM_HISTORY_ANSWERS] = {
        [LOCUM_HISTORY_CONDITION] = LOCUM_RETURNING + 1,
        [LOCUM_HISTORY_SERVICE] = LOCUM_SERVICES,
        [LOCUM_HISTORY_ADMIN] = LOCUM_MAINT + 1,
    };
    if (!read_number(line, LOCUM_HISTORY_ROWS - 1, ret_row) ||
        !read_number(line, UINT64_MAX, ret_value)) {
        return false;
    }
    if (*ret_row < LOCUM_HISTORY_NAMES_AT) {
        return self->node[*ret_row / LOCUM_HISTORY_ANSWERS][0] != '\0' &&
               *ret_value <= max[*ret_row % LOCUM_HISTORY_ANSWERS];
    }
    uint64_t nodes = 0;
    for (size_t i = 0; i < LOCUM_HISTORY_NODES; i++) {
        nodes |= (uint64_t)(self->node[i][0] != '\0') << i;
    }
    return self->name[*ret_row - LOCUM_HISTORY_NAMES_AT] != NULL && (*ret_value & ~nodes) == 0;
}

static bool
read_row(struct locum_history *self, struct locum_slice line)
{
    uint64_t row;
    uint64_t value;
    if (!read_value(self, &line, &row, &value) || value == 0 || self->first[row] != 0 ||
        self->count > 0) {
        return false;
    }
    self->first[row] = self->last[row] = value;
    return is_over(line);
}

static bool
read_change(struct locum_history *self, struct locum_slice line)
{
    const locum_ms before = self->count > 0 ? self->changes[self->count - 1].at : self->from;
    uint64_t row;
    uint64_t value;
    locum_ms at;
    if (!read_time(self, &line, before, &at) || !read_value(self, &line, &row, &value) ||
        self->count == LOCUM_HISTORY_CHANGES) {
        return false;
    }
    return locum_history_inside_add(self, row, value, at) && is_over(line);
}

static bool
read_gap(struct locum_history *self, struct locum_slice line)
{
    const locum_ms before = self->gaps > 0 ? self->gap[self->gaps - 1].until : 0;
    locum_ms from;
    locum_ms until;
    if (!read_time(self, &line, before, &from) || !read_time(self, &line, from + 1, &until) ||
        self->gaps == LOCUM_HISTORY_GAPS) {
        return false;
    }
    self->gap[self->gaps].from = from;
    self->gap[self->gaps].until = until;
    self->gaps++;
    return is_over(line);
}

static bool
read_from(struct locum_history *self, struct locum_slice line)
{
    return self->from == LOCUM_NEVER && read_time(self, &line, 0, &self->from) && is_over(line);
}

static bool
read_line(struct locum_history *self, struct locum_slice line)
{
    static const struct {
        const char *key;
        bool (*read)(struct locum_history *self, struct locum_slice line);
    } lines[] = {{"from", read_from}, {"gap", read_gap}, {"node", read_node},
                 {"name", read_name}, {"row", read_row}, {"at", read_change}};
    struct locum_slice key;
    (void)locum_slice_cut(&line, ' ', &key);
    for (size_t i = 0; i < LOCUM_COUNT(lines); i++) {
        if (locum_slice_is(key, lines[i].key)) {
            return line.at != NULL && lines[i].read(self, line);
        }
    }
    return false;
}

/* All after the head, up to `end`, which is the last line. */
static bool
read_lines(struct locum_history *self, struct locum_slice rest)
{
    struct locum_slice line;
    while (locum_slice_cut(&rest, '\n', &line)) {
        if (locum_slice_is(line, "end")) {
            return self->from != LOCUM_NEVER && rest.at != NULL && rest.length == 0;
        }
        if (!read_line(self, line)) {
            return false;
        }
    }
    return false;
}

/* The answers that were noted last name no more nodes than a configuration can have. */
static bool
are_answers_of_one_time(const struct locum_history *self)
{
    uint64_t named = 0;
    for (size_t row = LOCUM_HISTORY_NAMES_AT; row < LOCUM_HISTORY_ROWS; row++) {
        named |= self->last[row];
    }
    return __builtin_popcountll(named) <= LOCUM_NODES_MAX;
}

/* The two lines of the head. */
static enum locum_resumed
read_head(struct locum_history *self, struct locum_slice *rest,
          const struct locum_core_config *config, const struct locum_last_run *last,
          struct locum_now now)
{
    struct locum_slice line = {.at = NULL};
    struct locum_slice field[4];
    uint64_t version = 0;
    uint64_t noted = 0;
    bool good = locum_slice_cut(rest, '\n', &line) && locum_slice_cut(&line, ' ', &field[0]) &&
                locum_slice_is(field[0], "locum-history") &&
                read_number(&line, UINT32_MAX, &version);
    if (good && version != VERSION) {
        return LOCUM_OTHER_VERSION;
    }
    good = good && locum_slice_cut(rest, '\n', &line);
    for (size_t i = 0; i < LOCUM_COUNT(field); i++) { /* of CLUSTER NODE BOOT */
        good = good && locum_slice_cut(&line, ' ', &field[i]);
    }
    if (!good || !read_number(&line, time_max, &noted) || !is_over(line)) {
        return LOCUM_RESUME_MALFORMED;
    }
    self->noted = (locum_ms)noted;
    return !locum_slice_is(field[1], config->cluster) ||
                   !locum_slice_is(field[2], config->nodes[config->self].name)
               ? LOCUM_OTHER_NODE
           : !locum_slice_is(field[3], last->boot_id) || self->noted > now.boot ? LOCUM_OTHER_BOOT
                                                                                : LOCUM_RESUMED;
}

enum locum_resumed
locum_history_load(struct locum_history *self, const struct locum_core_config *config,
                   const struct locum_last_run *last, struct locum_now now)
{
    struct locum_slice rest = last->text;
    if (rest.length == 0 || last->boot_id[0] == '\0') {
        return LOCUM_NOT_SAVED;
    }
    enum locum_resumed outcome = read_head(self, &rest, config, last, now);
    if (outcome == LOCUM_RESUMED && !(read_lines(self, rest) && are_answers_of_one_time(self))) {
        outcome = LOCUM_RESUME_MALFORMED;
    }
    self->stopped = last->how == LOCUM_START;
    if (outcome != LOCUM_RESUMED) {
        locum_history_inside_reset(self);
    }
    return outcome;
}
