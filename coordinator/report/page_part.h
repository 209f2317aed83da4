/*
 * page_part: the parts that the status page is made of: states with their colours and signs, lists
 * within their share of the page. For page*.c only.
 */
#ifndef LOCUM_REPORT_PAGE_PART_H
#define LOCUM_REPORT_PAGE_PART_H

#include "report/html.h"

/* How good a state is: a colour, and a sign of another shape. */
enum locum_page_level {
    LOCUM_PAGE_PLAIN,
    LOCUM_PAGE_GOOD,
    LOCUM_PAGE_WARN,
    LOCUM_PAGE_BAD,
};

/* The page under construction. */
struct locum_page {
    struct locum_text text;
    const json_t *status; /* as GET /status shows it */
    bool everyone;        /* the public variant */
};

/* The class of its elements. Static. */
const char *locum_page_part_class(enum locum_page_level level);

/* The sign of a level, of another shape for each. */
void locum_page_part_sign(struct locum_page *page, enum locum_page_level level);

/* A sign and the value of a template in the colour of a level. */
void locum_page_part_state(struct locum_page *page, enum locum_page_level level, const json_t *json,
                           const char *template);

/* Is this member this string? */
bool locum_page_part_is(const json_t *object, const char *key, const char *value);

/* Take back what was added after `length`, and that it did not fit. */
void locum_page_part_cut(struct locum_text *text, size_t length);

/* Append one item; false: it is not shown. */
typedef bool locum_page_part_item_fn(struct locum_page *page, const json_t *item);

/*
 * Append the items of an array, at most bytes_max. What does not fit is counted in a line
 * between before_more and after_more.
 */
void locum_page_part_items(struct locum_page *page, const json_t *items,
                           locum_page_part_item_fn *item, size_t bytes_max, const char *before_more,
                           const char *after_more);

#endif
