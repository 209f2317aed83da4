/*
 * complete: what may come next on a command line, for the shell: `locum complete WORD ...`. The
 * tables of commands and options say it, so a new command is completed as soon as it has a row.
 */
#ifndef LOCUM_CLI_COMPLETE_H
#define LOCUM_CLI_COMPLETE_H

#include <stddef.h>

#include "cli/cli.h"

/*
 * Print what the last word can become, one a line: commands, options, their values, or nodes, zones
 * and names, from the daemon if it answers within a second, else from the configuration as far as
 * it can be read. Prints no message: the reader is in the middle of a line.
 *
 * tables  all commands of the program.
 * words   after the program's name, up to the one at the cursor, which may be "".
 */
void locum_complete_print(const struct locum_cli_command *const *tables, size_t table_count,
                          int count, char **words);

/* The command of a name; NULL: there is none. */
const struct locum_cli_command *
locum_complete_command(const struct locum_cli_command *const *tables, size_t table_count,
                       const char *name);

#endif
