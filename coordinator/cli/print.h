/*
 * print: text for a terminal. Text from outside is escaped, so that it cannot move the cursor,
 * change colours or reverse the writing direction.
 */
#ifndef LOCUM_CLI_PRINT_H
#define LOCUM_CLI_PRINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/invariant.h"

/* Where to print and whether in colours. */
struct locum_print {
    FILE *out;
    bool colour;
};

enum locum_colour { LOCUM_PLAIN, LOCUM_BOLD, LOCUM_DIM, LOCUM_RED, LOCUM_YELLOW, LOCUM_GREEN };

/* Standard output; colours on a terminal, unless NO_COLOR is set or TERM is "dumb". */
struct locum_print locum_print_stdout(void);

/*
 * UTF-8 as it is; control characters, malformed bytes and the marks that change the direction of
 * writing (U+200E, U+202A ...) as \xHH a byte.
 */
void locum_print_text(FILE *out, const char *text);

/* A duration as locum_text_age() writes it; "-" if it is null or not a number. */
void locum_print_age(FILE *out, const json_t *ms);

/* Is this member a string, and this one? */
bool locum_print_is(const json_t *object, const char *key, const char *text);

/*
 * Fill a template with the members of an object and print it:
 *
 *   {a.b}      a member of a member; {} is the value itself. A string as by locum_print_text(), an
 *              integer, or the strings of an array with ", " between them; "-" if it is absent,
 *              null or empty.
 *   {a/,}      the strings of an array with "," between them.
 *   {a:age}    a duration as by locum_print_age().
 *   [...{a}..] printed only if its first field is present.
 *
 * template  from this program, never from outside.
 */
void locum_print_json(FILE *out, const json_t *object, const char *template);

/* The same in a colour. */
void locum_print_in(const struct locum_print *print, enum locum_colour colour, const json_t *object,
                    const char *template);

/*
 * A table is written as text into `cells`: a tab ends a cell, a newline a row (the functions above
 * never print either, except from a template).
 */
struct locum_print_table {
    FILE *cells;
    char *text; /* of the stream */
    size_t size;
};

enum { LOCUM_PRINT_COLUMNS_MAX = 16 };

/* Begin a table; false if out of memory. */
bool locum_print_table_open(struct locum_print_table *self) LOCUM_MUST_CHECK;

/* The colour of the cell that begins now. */
void locum_print_table_colour(const struct locum_print_table *self, enum locum_colour colour);

/* Print it, each column as wide as its widest cell, after `indent` blanks; then free it. */
void locum_print_table_close(struct locum_print_table *self, const struct locum_print *print,
                             int indent);

#endif
