/*
 * screen: a text on a terminal that may be smaller than the text. It shows a part, which keys move,
 * and puts the terminal back to what it was, however the program ends. Only one may be open.
 *
 * Keys: arrows, j k h l, Page Up and Page Down, space and b, Home and End, g and G; q ends. Ctrl-C
 * and SIGTERM end the program at once, Ctrl-Z stops it. A new size (SIGWINCH) is drawn at once.
 */
#ifndef LOCUM_CLI_SCREEN_H
#define LOCUM_CLI_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/invariant.h"

/* Standard output is a terminal that can do it. */
bool locum_screen_possible(void);

/*
 * Take the terminal: its second screen, no echo, keys without Return. From then on SIGINT ends the
 * program with exit code 0; SIGTERM and SIGHUP end it as always.
 */
void locum_screen_open(void);

/* Put everything back. */
void locum_screen_close(void);

/*
 * Show a text until `ms` have passed; what was scrolled to stays.
 *
 * text  lines of UTF-8 with colours (ECMA-48 SGR) alone; a line that is too long is cut, with '>'.
 * bar   one line for the bottom of the screen.
 * False: q was pressed, or the terminal is gone.
 */
bool locum_screen_show(const char *text, const char *bar, locum_ms ms) LOCUM_MUST_CHECK;

#endif
