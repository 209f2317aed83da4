/* Rows, spans, gaps and values of the history. */
#include "core/names.h"
#include "report/history_inside.h"

static locum_ms
start_of(const struct locum_history *self, struct locum_now now)
{
    const locum_ms oldest = now.boot - LOCUM_HISTORY_KEPT_MS;
    return self->from == LOCUM_NEVER ? now.boot : locum_view_later(self->from, oldest);
}

static locum_ms
wall_of(locum_ms boot, struct locum_now now)
{
    return now.wall - (now.boot - boot);
}

locum_ms
locum_history_from(const struct locum_history *self, struct locum_now now)
{
    return wall_of(start_of(self, now), now);
}

bool
locum_history_row(const struct locum_history *self, size_t row, struct locum_history_row *ret)
{
    if (row >= LOCUM_HISTORY_NAMES_AT) {
        const size_t name = row - LOCUM_HISTORY_NAMES_AT;
        ret->kind = LOCUM_HISTORY_ANSWERS;
        ret->name = name < LOCUM_NAMES_MAX ? self->name[name] : NULL;
        return ret->name != NULL;
    }
    ret->kind = (enum locum_history_kind)(row % LOCUM_HISTORY_ANSWERS);
    ret->name = self->node[row / LOCUM_HISTORY_ANSWERS];
    return self->last[row] != 0;
}

bool
locum_history_gap(const struct locum_history *self, size_t i, struct locum_now now,
                  struct locum_history_span *ret)
{
    size_t old = 0;
    while (old < self->gaps && self->gap[old].until <= start_of(self, now)) {
        old++;
    }
    if (i >= self->gaps - old) {
        return false;
    }
    const locum_ms from = locum_view_later(self->gap[old + i].from, start_of(self, now));
    *ret = (struct locum_history_span){.from = wall_of(from, now),
                                       .until = wall_of(self->gap[old + i].until, now)};
    return true;
}

/* The first change of the row that is later than `at`, which moves the cursor's value up to it;
 * `now` if there is none. */
static locum_ms
find_change(const struct locum_history *self, size_t row, struct locum_now now,
            struct locum_history_cursor *cursor)
{
    for (; cursor->next < self->count; cursor->next++) {
        const struct locum_history_change *change = &self->changes[cursor->next];
        if (change->row == row && change->at > cursor->at) {
            return change->at;
        }
        cursor->value = change->row == row ? change->value : cursor->value;
    }
    return now.boot;
}

/* Leave a gap that the cursor is in, and cut off at the next one. */
static locum_ms
avoid_gaps(const struct locum_history *self, struct locum_history_cursor *cursor, locum_ms end)
{
    for (size_t i = 0; i < self->gaps; i++) {
        if (self->gap[i].from > cursor->at) {
            return end < self->gap[i].from ? end : self->gap[i].from;
        }
        if (self->gap[i].until > cursor->at) {
            cursor->at = end < self->gap[i].until ? end : self->gap[i].until;
        }
    }
    return end;
}

bool
locum_history_next(const struct locum_history *self, size_t row, struct locum_now now,
                   struct locum_history_cursor *cursor, struct locum_history_span *ret)
{
    if (!cursor->begun) {
        *cursor = (struct locum_history_cursor){
            .begun = true, .at = start_of(self, now), .value = self->first[row]};
    }
    while (cursor->at < now.boot) {
        const locum_ms change = find_change(self, row, now, cursor);
        const locum_ms end = avoid_gaps(self, cursor, change);
        const locum_ms begin = cursor->at;
        cursor->at = end;
        if (begin < end && cursor->value != 0) {
            *ret = (struct locum_history_span){
                .from = wall_of(begin, now), .until = wall_of(end, now), .value = cursor->value};
            return true;
        }
    }
    return false;
}

const char *
locum_history_value(enum locum_history_kind kind, uint64_t value)
{
    LOCUM_INVARIANT(value > 0);
    switch (kind) {
    case LOCUM_HISTORY_CONDITION: return locum_names_condition((enum locum_condition)(value - 1));
    case LOCUM_HISTORY_SERVICE: return locum_names_service((enum locum_service)(value - 1));
    case LOCUM_HISTORY_ADMIN: return locum_names_admin((enum locum_admin)(value - 1));
    default: LOCUM_INVARIANT(false);
    }
}

const char *
locum_history_node(const struct locum_history *self, uint64_t value, size_t i)
{
    for (size_t node = 0; node < LOCUM_HISTORY_NODES; node++) {
        if ((value >> node & 1) != 0 && i-- == 0) {
            return self->node[node];
        }
    }
    return NULL;
}
