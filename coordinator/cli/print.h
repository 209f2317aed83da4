/*
 * print: text for people. Whatever comes from outside is printed so that it cannot move the cursor,
 * change colours or turn the writing direction of a terminal.
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

/* A string member as locum_print_text() does; "-" where it is null, absent, "" or no string. */
void locum_print_member(FILE *out, const json_t *object, const char *key);

/* The strings of an array with `between` between them; "-" if there are none. */
void locum_print_list(FILE *out, const json_t *array, const char *between);

/* An integer; "-" where it is null or none. */
void locum_print_number(FILE *out, const json_t *number);

/* A duration: 250ms, 4.2s, 3m 20s, 2h 5m, 3d 4h; "-" where it is null or no number. */
void locum_print_age(FILE *out, const json_t *ms);

/* Text in a colour, and back to plain. */
void locum_print_in(const struct locum_print *print, enum locum_colour colour, const char *text);

/*
 * A table is written as text into `cells`: a tab ends a cell, a newline a row (neither is ever
 * printed by the functions above). A cell may begin with LOCUM_TABLE_COLOUR(colour).
 */
struct locum_table {
    FILE *cells;
    char *text; /* of the stream */
    size_t size;
};

enum { LOCUM_TABLE_COLUMNS_MAX = 16 };

/* Begin a table; false on lack of memory. */
bool locum_table_open(struct locum_table *self) LOCUM_MUST_CHECK;

/* Colour of the cell that is begun now. */
void locum_table_colour(const struct locum_table *self, enum locum_colour colour);

/* Print it, each column as wide as its widest cell, after `indent` blanks; then free it. */
void locum_table_close(struct locum_table *self, const struct locum_print *print, int indent);

#endif
