/*
 * history: a record in virtual time (view.h), and what it shows as texts.
 */
#ifndef TESTS_UNIT_REPORT_HISTORY_H
#define TESTS_UNIT_REPORT_HISTORY_H

#include "view.h"

#include "report/history.h"

static struct locum_history *history;
static locum_ms begun; /* wall, of the first note */

static inline void
note(void)
{
    locum_history_note(history, &site.core, true, site.now);
}

/* Time passes, and the node runs. */
static inline void
run_for(locum_ms ms)
{
    for (; ms > 1000; ms -= 1000) {
        sleep_ms(&site, 1000);
        note();
    }
    sleep_ms(&site, ms);
    note();
}

static inline void
set_condition(locum_node node, enum locum_condition condition)
{
    site.core.detector.peer[node].condition = condition;
    note();
}

static inline void
set_answer(size_t name, locum_nodes nodes)
{
    site.core.plan.answers[name][LOCUM_V4].nodes = nodes;
    site.core.plan.answers[name][LOCUM_V6].nodes = 0;
    note();
}

static inline int
setup_history(void **state)
{
    (void)setup_view(state);
    memcpy(config.names[1].name, "dc2.get.example.org.", 21);
    memcpy(config.names[2].name, "dc3.get.example.org.", 21);
    history = locum_history_create();
    assert_non_null(history);
    locum_history_configure(history, &config);
    begun = site.now.wall;
    set_answer(0, locum_nodes_of(DC2) | locum_nodes_of(DC3));
    return 0;
}

static inline int
teardown_history(void **state)
{
    (void)state;
    locum_history_destroy(history);
    return 0;
}

/* The number of a row; LOCUM_HISTORY_ROWS: there is none. */
static inline size_t
find_row(enum locum_history_kind kind, const char *name)
{
    struct locum_history_row row;
    for (size_t i = 0; i < LOCUM_HISTORY_ROWS; i++) {
        if (locum_history_row(history, i, &row) && row.kind == kind &&
            strcmp(row.name, name) == 0) {
            return i;
        }
    }
    return LOCUM_HISTORY_ROWS;
}

static inline void
add_nodes(struct locum_text *text, uint64_t value)
{
    const char *node;
    for (size_t i = 0; (node = locum_history_node(history, value, i)) != NULL; i++) {
        locum_text_add(text, i > 0 ? "+" : "");
        locum_text_add(text, node);
    }
}

/* "0-1000 alive, 1000-2000 down", in ms after `begun`. */
static inline const char *
spans(enum locum_history_kind kind, const char *name)
{
    static char buffer[4096];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    struct locum_history_cursor cursor = {.begun = false};
    struct locum_history_span span;
    const size_t row = find_row(kind, name);
    while (row < LOCUM_HISTORY_ROWS && locum_history_next(history, row, site.now, &cursor, &span)) {
        locum_text_add(&text, text.length > 0 ? ", " : "");
        locum_text_add_i64(&text, span.from - begun);
        locum_text_add_char(&text, '-');
        locum_text_add_i64(&text, span.until - begun);
        locum_text_add_char(&text, ' ');
        if (kind == LOCUM_HISTORY_ANSWERS) {
            add_nodes(&text, span.value);
        } else {
            locum_text_add(&text, locum_history_value(kind, span.value));
        }
    }
    assert_false(text.truncated);
    return buffer;
}

static inline const char *
gaps(void)
{
    static char buffer[4096];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    struct locum_history_span gap;
    for (size_t i = 0; locum_history_gap(history, i, site.now, &gap); i++) {
        locum_text_add(&text, text.length > 0 ? ", " : "");
        locum_text_add_i64(&text, gap.from - begun);
        locum_text_add_char(&text, '-');
        locum_text_add_i64(&text, gap.until - begun);
    }
    return buffer;
}

static inline locum_ms
from(void)
{
    return locum_history_from(history, site.now) - begun;
}

#define assert_condition(node, text) assert_string_equal(spans(LOCUM_HISTORY_CONDITION, node), text)
#define assert_answers(name, text)   assert_string_equal(spans(LOCUM_HISTORY_ANSWERS, name), text)

#endif
