#include "report/history.h"

#include <stdlib.h>
#include <string.h>

#include "core/nodes.h"
#include "report/history_inside.h"

enum { ROOM_FIRST = 32, DROP_WHEN_FULL = LOCUM_HISTORY_CHANGES / 16 };

_Static_assert(LOCUM_HISTORY_NODES == 64, "a set of nodes is one 64-bit mask");

struct locum_history *
locum_history_create(void)
{
    struct locum_history *self = calloc(1, sizeof(*self));
    if (self != NULL) {
        self->from = self->noted = LOCUM_NEVER;
    }
    return self;
}

void
locum_history_inside_reset(struct locum_history *self)
{
    for (size_t i = 0; i < LOCUM_COUNT(self->name); i++) {
        free(self->name[i]);
    }
    free(self->changes);
    *self = (struct locum_history){.from = LOCUM_NEVER, .noted = LOCUM_NEVER};
}

void
locum_history_destroy(struct locum_history *self)
{
    if (self != NULL) {
        locum_history_inside_reset(self);
        free(self);
    }
}

/* --- the changes ------------------------------------------------------------------------------ */

/* Forget the oldest `count` changes: it is complete since the last of them. */
static void
drop(struct locum_history *self, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        self->first[self->changes[i].row] = self->changes[i].value;
        self->from = locum_view_later(self->from, self->changes[i].at);
    }
    self->count -= count;
    memmove(self->changes, self->changes + count, self->count * sizeof(*self->changes));
}

/* Without memory there is less room, as if it were full. */
static void
make_room(struct locum_history *self)
{
    if (self->count < self->room) {
        return;
    }
    const size_t more = self->room == 0 ? ROOM_FIRST : 2 * self->room;
    struct locum_history_change *grown =
        more <= LOCUM_HISTORY_CHANGES ? realloc(self->changes, more * sizeof(*grown)) : NULL;
    if (grown != NULL) {
        self->changes = grown;
        self->room = more;
    } else {
        drop(self, self->count < DROP_WHEN_FULL ? self->count : DROP_WHEN_FULL);
    }
}

bool
locum_history_inside_add(struct locum_history *self, size_t row, uint64_t value, locum_ms boot)
{
    make_room(self);
    if (self->count == self->room) {
        return false; /* not even the first memory */
    }
    self->changes[self->count++] =
        (struct locum_history_change){.at = boot, .value = value, .row = (uint16_t)row};
    self->last[row] = value;
    return true;
}

static void
set(struct locum_history *self, size_t row, uint64_t value, locum_ms boot)
{
    if (self->last[row] != value && !locum_history_inside_add(self, row, value, boot)) {
        self->first[row] = self->last[row] = value;
        self->from = boot;
    }
}

static void
forget_row(struct locum_history *self, size_t row)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->count; i++) {
        if (self->changes[i].row != row) {
            self->changes[kept++] = self->changes[i];
        }
    }
    self->count = kept;
    self->first[row] = self->last[row] = 0;
}

/* --- time ------------------------------------------------------------------------------------- */

static void
drop_gap(struct locum_history *self)
{
    self->gaps--;
    memmove(self->gap, self->gap + 1, self->gaps * sizeof(self->gap[0]));
}

static void
add_gap(struct locum_history *self, locum_ms from, locum_ms until)
{
    if (self->gaps > 0 && self->gap[self->gaps - 1].until == from) {
        self->gap[self->gaps - 1].until = until; /* nothing was seen in between */
        return;
    }
    if (self->gaps == LOCUM_COUNT(self->gap)) {
        const locum_ms end = self->gap[0].until;
        size_t before = 0;
        while (before < self->count && self->changes[before].at < end) {
            before++;
        }
        drop(self, before);
        self->from = locum_view_later(self->from, end);
        drop_gap(self);
    }
    self->gap[self->gaps].from = from;
    self->gap[self->gaps].until = until;
    self->gaps++;
}

/* What is older than 24 h goes. */
static void
age(struct locum_history *self, locum_ms boot)
{
    const locum_ms oldest = boot - LOCUM_HISTORY_KEPT_MS;
    size_t old = 0;
    while (old < self->count && self->changes[old].at <= oldest) {
        old++;
    }
    if (old > 0) {
        drop(self, old);
    }
    while (self->gaps > 0 && self->gap[0].until <= oldest) {
        drop_gap(self);
    }
}

static void
note_time(struct locum_history *self, locum_ms boot)
{
    if (self->from == LOCUM_NEVER) {
        self->from = boot;
    } else if (boot > self->noted && (self->stopped || boot - self->noted > LOCUM_HISTORY_GAP_MS)) {
        add_gap(self, self->noted, boot);
    }
    self->stopped = false;
    self->noted = boot;
    age(self, boot);
}

/* --- the configuration ------------------------------------------------------------------------ */

/* The nodes that some answer names, now or before. */
static uint64_t
find_named(const struct locum_history *self)
{
    uint64_t named = 0;
    for (size_t row = LOCUM_HISTORY_NAMES_AT; row < LOCUM_HISTORY_ROWS; row++) {
        named |= self->first[row] | self->last[row];
    }
    for (size_t i = 0; i < self->count; i++) {
        named |= self->changes[i].row >= LOCUM_HISTORY_NAMES_AT ? self->changes[i].value : 0;
    }
    return named;
}

/* Where this node is in here; LOCUM_HISTORY_NODES: nowhere. */
static size_t
find_node(const struct locum_history *self, const char *name)
{
    size_t i = 0;
    while (i < LOCUM_HISTORY_NODES && strcmp(self->node[i], name) != 0) {
        i++;
    }
    return i;
}

static bool
has_rows(const struct locum_core_config *config, locum_node node)
{
    return node != LOCUM_NODE_NONE && config->nodes[node].role != LOCUM_ROLE_SENTINEL;
}

/* Forget the rows of nodes that have none, and free the places of those that are neither configured
 * nor in an answer. */
static void
free_nodes(struct locum_history *self, const struct locum_core_config *config)
{
    const uint64_t named = find_named(self);
    for (size_t i = 0; i < LOCUM_HISTORY_NODES; i++) {
        const locum_node node = locum_nodes_find(config, locum_slice_of(self->node[i]));
        for (size_t kind = 0; kind < LOCUM_HISTORY_ANSWERS && !has_rows(config, node); kind++) {
            forget_row(self, i * LOCUM_HISTORY_ANSWERS + kind);
        }
        if (node == LOCUM_NODE_NONE && (named >> i & 1) == 0) {
            self->node[i][0] = '\0';
        }
    }
}

/*
 * A place for a node that is new. If there is none, the oldest changes go: the answers that were
 * noted last name no more than LOCUM_NODES_MAX nodes, and as many are configured.
 */
static size_t
add_node(struct locum_history *self, const struct locum_core_config *config, const char *name)
{
    size_t at = find_node(self, "");
    while (at == LOCUM_HISTORY_NODES && self->count > 0) {
        drop(self, 1);
        free_nodes(self, config);
        at = find_node(self, "");
    }
    LOCUM_INVARIANT(at < LOCUM_HISTORY_NODES);
    memcpy(self->node[at], name, sizeof(self->node[at]));
    return at;
}

static void
configure_nodes(struct locum_history *self, const struct locum_core_config *config)
{
    free_nodes(self, config);
    for (locum_node node = 0; node < config->node_count; node++) {
        const char *name = config->nodes[node].name;
        size_t at = find_node(self, name);
        if (at == LOCUM_HISTORY_NODES) {
            at = add_node(self, config, name);
        }
        self->node_at[node] = (uint8_t)at;
    }
}

static bool
has_name(const struct locum_config *config, const char *name)
{
    size_t i = 0;
    while (i < config->core.name_count && strcmp(config->names[i].name, name) != 0) {
        i++;
    }
    return i < config->core.name_count;
}

static void
forget_names(struct locum_history *self, const struct locum_config *config)
{
    for (size_t i = 0; i < LOCUM_NAMES_MAX; i++) {
        if (self->name[i] != NULL && !has_name(config, self->name[i])) {
            forget_row(self, LOCUM_HISTORY_NAMES_AT + i);
            free(self->name[i]);
            self->name[i] = NULL;
        }
    }
}

/* Where this name is, which may be a new place; LOCUM_NAMES_MAX: out of memory. */
static size_t
place_name(struct locum_history *self, const char *name)
{
    size_t empty = LOCUM_NAMES_MAX;
    for (size_t i = 0; i < LOCUM_NAMES_MAX; i++) {
        if (self->name[i] == NULL) {
            empty = empty == LOCUM_NAMES_MAX ? i : empty;
        } else if (strcmp(self->name[i], name) == 0) {
            return i;
        }
    }
    LOCUM_INVARIANT(empty < LOCUM_NAMES_MAX); /* those of no name were freed */
    self->name[empty] = strdup(name);
    return self->name[empty] != NULL ? empty : LOCUM_NAMES_MAX;
}

void
locum_history_configure(struct locum_history *self, const struct locum_config *config)
{
    forget_names(self, config);
    configure_nodes(self, &config->core);
    for (size_t i = 0; i < config->core.name_count; i++) {
        self->name_at[i] = (uint16_t)place_name(self, config->names[i].name);
    }
    self->answers_known = false;
}

/* --- what is noted ---------------------------------------------------------------------------- */

static uint64_t
translate(const struct locum_history *self, locum_nodes nodes)
{
    uint64_t set_of = 0;
    for (locum_node node = 0; node < LOCUM_NODES_MAX; node++) {
        if (locum_nodes_has(nodes, node)) {
            set_of |= (uint64_t)1 << self->node_at[node];
        }
    }
    return set_of;
}

static void
note_answers(struct locum_history *self, const struct locum_core *core, locum_ms boot)
{
    for (size_t i = 0; i < core->config.name_count; i++) {
        const struct locum_answer *answers = core->plan.answers[i];
        const locum_nodes nodes = answers[LOCUM_V4].nodes | answers[LOCUM_V6].nodes;
        const bool same = self->answers_known && self->answered[i] == nodes;
        self->answered[i] = nodes;
        if (!same && self->name_at[i] < LOCUM_NAMES_MAX) {
            set(self, LOCUM_HISTORY_NAMES_AT + self->name_at[i], translate(self, nodes), boot);
        }
    }
    self->answers_known = true;
}

static void
note_node(struct locum_history *self, const struct locum_core *core, locum_node node, locum_ms boot)
{
    const size_t row = (size_t)self->node_at[node] * LOCUM_HISTORY_ANSWERS;
    set(self, row + LOCUM_HISTORY_CONDITION, (uint64_t)locum_core_condition(core, node) + 1, boot);
    set(self, row + LOCUM_HISTORY_SERVICE, (uint64_t)locum_core_service(core, node) + 1, boot);
    set(self, row + LOCUM_HISTORY_ADMIN, (uint64_t)locum_core_admin(core, node) + 1, boot);
}

void
locum_history_note(struct locum_history *self, const struct locum_core *core, bool published,
                   struct locum_now now)
{
    const locum_ms boot = locum_view_later(now.boot, self->noted);
    note_time(self, boot);
    for (locum_node node = 0; node < core->config.node_count; node++) {
        if (has_rows(&core->config, node)) {
            note_node(self, core, node, boot);
        }
    }
    if (published) {
        note_answers(self, core, boot);
    }
}
