/*
 * The status page: the last 24 hours as bars, the oldest on the left. Beside each bar is what holds
 * now and since when, and below it the changes as a list, so that the bar says nothing alone.
 */
#include <string.h>

#include "base/text_format.h"
#include "report/history.h"
#include "report/page_section.h"

enum {
    ROWS_BYTES = 128 * 1024,
    MORE_BYTES = 256,   /* for the line of what is left out */
    BAR_UNITS = 1440,   /* a bar's width in its own units */
    SPAN_UNITS_MIN = 6, /* also a second of a day can be seen */
    SPANS_SHOWN = 200,  /* the newest of a row */
    SPANS_LISTED = 20,
    COLOURS = 6, /* of nodes: n0 .. n5 of page.css */
};

/* A row under construction. */
struct timeline_row {
    size_t number;
    struct locum_history_row is;
    struct locum_history_span spans[SPANS_SHOWN]; /* the newest; the oldest of them is at 0 */
    size_t count, spans_before;                   /* how many are older */
};

struct timeline {
    struct locum_page *page;
    const struct locum_report *report;
    locum_ms from, until; /* wall, of a whole bar */
    struct timeline_row row;
};

static const char *const titles[LOCUM_HISTORY_KINDS] = {
    [LOCUM_HISTORY_CONDITION] = "condition",
    [LOCUM_HISTORY_SERVICE] = "service",
    [LOCUM_HISTORY_ADMIN] = "admin",
    [LOCUM_HISTORY_ANSWERS] = "answered with",
};

static enum locum_page_level
level_of(enum locum_history_kind kind, uint64_t value)
{
    static const char *const good[] = {"alive", "up", "ready"};
    static const char *const bad[] = {"down", "failing", ""};
    if (kind == LOCUM_HISTORY_ANSWERS) {
        return LOCUM_PAGE_PLAIN;
    }
    const char *text = locum_history_value(kind, value);
    return strcmp(text, good[kind]) == 0  ? LOCUM_PAGE_GOOD
           : strcmp(text, bad[kind]) == 0 ? LOCUM_PAGE_BAD
           : strcmp(text, "unknown") == 0 ? LOCUM_PAGE_PLAIN
                                          : LOCUM_PAGE_WARN;
}

/* "down", or "dc2, dc3". */
static void
add_value(const struct timeline *self, uint64_t value)
{
    const struct locum_history *history = self->report->history;
    struct locum_text *text = &self->page->text;
    const char *node;
    if (self->row.is.kind != LOCUM_HISTORY_ANSWERS) {
        locum_html_add(text, locum_history_value(self->row.is.kind, value));
        return;
    }
    locum_text_add(text, locum_history_node(history, value, 0) == NULL ? "no node" : "");
    for (size_t i = 0; (node = locum_history_node(history, value, i)) != NULL; i++) {
        locum_text_add(text, i > 0 ? ", " : "");
        locum_html_add(text, node);
    }
}

/* The colour of a node: one for each of the first. */
static void
add_node_class(const struct timeline *self, uint64_t value)
{
    const struct locum_history *history = self->report->history;
    struct locum_text *text = &self->page->text;
    const char *first = locum_history_node(history, value, 0);
    const locum_node node =
        first == NULL ? LOCUM_NODE_NONE
                      : locum_nodes_find(&self->report->core->config, locum_slice_of(first));
    if (first != NULL && locum_history_node(history, value, 1) != NULL) {
        locum_text_add(text, "several");
    } else if (node == LOCUM_NODE_NONE) {
        locum_text_add(text, "bad");
    } else {
        locum_text_format(text, "n%u", (unsigned)node % COLOURS);
    }
}

static long long
units_of(const struct timeline *self, locum_ms wall)
{
    const locum_ms ms = wall < self->from ? 0 : wall - self->from;
    return (long long)(ms * BAR_UNITS / (self->until - self->from));
}

/* One span. A bad one is higher than a good one. */
static void
add_span(const struct timeline *self, const struct locum_history_span *span, long long width)
{
    static const int high[] = {[LOCUM_PAGE_PLAIN] = 6,
                               [LOCUM_PAGE_GOOD] = 4,
                               [LOCUM_PAGE_WARN] = 8,
                               [LOCUM_PAGE_BAD] = 10};
    struct locum_text *text = &self->page->text;
    const enum locum_page_level level = level_of(self->row.is.kind, span->value);
    const long long end = units_of(self, span->until);
    locum_text_add(text, "<rect class=\"");
    if (self->row.is.kind == LOCUM_HISTORY_ANSWERS) {
        add_node_class(self, span->value);
    } else {
        locum_text_add(text, locum_page_part_class(level));
    }
    locum_text_format(text, "\" x=\"%lld\" y=\"%d\" width=\"%lld\" height=\"%d\"/>",
                      end > width ? end - width : 0, 10 - high[level], width, high[level]);
}

/* Short ones are drawn wider than they are, on the others. */
static void
add_bar(const struct timeline *self)
{
    struct locum_text *text = &self->page->text;
    locum_text_format(text,
                      "<svg class=\"bar\" viewBox=\"0 0 %d 10\" preserveAspectRatio=\"none\" "
                      "aria-hidden=\"true\">",
                      BAR_UNITS);
    for (int narrow = 0; narrow <= 1; narrow++) {
        for (size_t i = 0; i < self->row.count; i++) {
            const struct locum_history_span *span = &self->row.spans[i];
            const long long width = units_of(self, span->until) - units_of(self, span->from);
            if ((width < SPAN_UNITS_MIN) == (narrow == 1)) {
                add_span(self, span, width < SPAN_UNITS_MIN ? SPAN_UNITS_MIN : width);
            }
        }
    }
    locum_text_add(text, "</svg>");
}

static void
add_time(struct locum_text *text, locum_ms wall)
{
    const struct locum_text_value time = locum_text_time(wall);
    locum_text_format(text, "%.10s %.8s", time.text, time.text + 11);
}

/* The changes as text, newest first. */
static void
add_list(const struct timeline *self)
{
    struct locum_text *text = &self->page->text;
    const size_t all = self->row.spans_before + self->row.count;
    locum_text_format(text,
                      "<details id=\"changes-%zu\"><summary id=\"open-%zu\">%zu %s</summary><ul>",
                      self->row.number, self->row.number, all - 1, all == 2 ? "change" : "changes");
    for (size_t i = 0; i < SPANS_LISTED && i < self->row.count; i++) {
        const struct locum_history_span *span = &self->row.spans[self->row.count - 1 - i];
        locum_text_add(text, "<li>");
        add_value(self, span->value);
        locum_text_add(text, " from ");
        add_time(text, span->from);
        locum_text_format(text, " for %s</li>", locum_text_age(span->until - span->from).text);
    }
    if (all > SPANS_LISTED) {
        locum_text_format(text, "<li>%zu older ones</li>", all - SPANS_LISTED);
    }
    locum_text_add(text, "</ul></details>");
}

static void
add_row(const struct timeline *self)
{
    struct locum_text *text = &self->page->text;
    const struct locum_history_span *last = &self->row.spans[self->row.count - 1];
    locum_text_add(text, "<li><div><b>");
    locum_html_add(text, self->row.is.name);
    locum_text_format(text, "</b> %s <span class=\"state %s\">", titles[self->row.is.kind],
                      locum_page_part_class(level_of(self->row.is.kind, last->value)));
    locum_page_part_sign(self->page, level_of(self->row.is.kind, last->value));
    add_value(self, last->value);
    if (last->from > self->from) {
        locum_text_format(text, " since %.8s", locum_text_time(last->from).text + 11);
    }
    locum_text_add(text, "</span></div>");
    add_bar(self);
    if (self->row.count > 1) {
        add_list(self);
    }
    locum_text_add(text, "</li>\n");
}

/* Read its spans. False: it has none. */
static bool
read_row(struct timeline *self, size_t number)
{
    const struct locum_history *history = self->report->history;
    struct locum_history_cursor cursor = {.begun = false};
    struct locum_history_span span;
    struct timeline_row *row = &self->row;
    row->number = number;
    row->count = row->spans_before = 0;
    if (!locum_history_row(history, number, &row->is)) {
        return false;
    }
    while (locum_history_next(history, number, self->report->now, &cursor, &span)) {
        if (row->count == SPANS_SHOWN) {
            row->spans_before++;
            memmove(&row->spans[0], &row->spans[1], (SPANS_SHOWN - 1) * sizeof(row->spans[0]));
            row->count--;
        }
        row->spans[row->count++] = span;
    }
    return row->count > 0;
}

/* Witnesses are not for everyone; an administrative state that never changed is no news. */
static bool
is_shown(const struct timeline *self)
{
    const struct timeline_row *row = &self->row;
    const struct locum_core_config *config = &self->report->core->config;
    if (row->is.kind == LOCUM_HISTORY_ANSWERS) {
        return true;
    }
    const locum_node node = locum_nodes_find(config, locum_slice_of(row->is.name));
    const bool server = node != LOCUM_NODE_NONE && config->nodes[node].role == LOCUM_ROLE_SERVER;
    return row->is.kind == LOCUM_HISTORY_CONDITION ? server || !self->page->everyone
           : row->is.kind == LOCUM_HISTORY_SERVICE
               ? server
               : server && (row->count > 1 ||
                            level_of(row->is.kind, row->spans[0].value) != LOCUM_PAGE_GOOD);
}

static void
add_rows(struct timeline *self)
{
    struct locum_text *text = &self->page->text;
    const size_t size = text->size;
    size_t left_out = 0;
    text->size = text->length + ROWS_BYTES < size ? text->length + ROWS_BYTES : size - MORE_BYTES;
    for (size_t i = 0; i < LOCUM_HISTORY_ROWS; i++) {
        const size_t length = text->length;
        if (!read_row(self, i) || !is_shown(self)) {
            continue;
        }
        if (left_out == 0) {
            add_row(self);
        }
        if (left_out > 0 || text->truncated) {
            locum_page_part_cut(text, length);
            left_out++;
        }
    }
    text->size = size;
    if (left_out > 0) {
        locum_text_format(text, "<li>%zu more rows: see GET /history</li>\n", left_out);
    }
}

/* Which colour is which server. */
static void
add_legend(const struct timeline *self)
{
    struct locum_text *text = &self->page->text;
    const struct locum_core_config *config = &self->report->core->config;
    locum_text_add(text, "<p class=\"legend\">Answered with: ");
    for (locum_node node = 0; node < config->node_count; node++) {
        if (config->nodes[node].role == LOCUM_ROLE_SERVER) {
            locum_text_format(
                text,
                "<span><svg class=\"key\" viewBox=\"0 0 10 10\" "
                "aria-hidden=\"true\"><rect class=\"n%u\" x=\"0\" y=\"0\" width=\"10\" "
                "height=\"10\"/></svg> ",
                (unsigned)node % COLOURS);
            locum_html_add(text, config->nodes[node].name);
            locum_text_add(text, "</span> ");
        }
    }
    locum_text_add(text,
                   "<span><svg class=\"key\" viewBox=\"0 0 10 10\" aria-hidden=\"true\"><rect "
                   "class=\"several\" x=\"0\" y=\"0\" width=\"10\" height=\"10\"/></svg> "
                   "several</span></p>\n<p>The worse a state, the higher its bar. Where a bar is "
                   "empty, this node did not run.</p>\n");
}

void
locum_page_section_timeline(struct locum_page *page, const struct locum_report *report)
{
    struct timeline self = {.page = page, .report = report, .until = report->now.wall};
    if (report->history == NULL) {
        return;
    }
    self.from = locum_history_from(report->history, report->now);
    if (self.from >= self.until) {
        return;
    }
    locum_text_add(&page->text, "<section id=\"timeline\">\n<h2>Last 24 hours</h2>\n<p>From ");
    add_time(&page->text, self.from);
    locum_text_add(&page->text, " to ");
    add_time(&page->text, self.until);
    locum_text_format(&page->text, " UTC: %s.</p>\n<ul>\n",
                      locum_text_age(self.until - self.from).text);
    add_rows(&self);
    locum_text_add(&page->text, "</ul>\n");
    add_legend(&self);
    locum_text_add(&page->text, "</section>\n");
}
