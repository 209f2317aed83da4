/*
 * cli: the sub-commands that ask a running daemon over its control socket, and their output:
 * status, explain, events, drain, ready, maint, exclude, include, acme, reload, replace.
 *
 * Exit codes: 0 success, 1 failure (`status` if the cluster is degraded, a request was refused),
 * 2 usage, 3 the daemon cannot be reached.
 */
#ifndef LOCUM_CLI_CLI_H
#define LOCUM_CLI_CLI_H

#include <stdbool.h>

struct locum_options; /* cli/options.h */

enum {
    LOCUM_EXIT_OK = 0,
    LOCUM_EXIT_NOT_FINE = 1,
    LOCUM_EXIT_USAGE = 2,
    LOCUM_EXIT_UNREACHABLE = 3
};

/* One sub-command; `locum help` prints the tables of them. */
struct locum_cli_command {
    const char *name;
    const char *usage; /* "drain [--for 30m] [--reason TEXT] [--wait] [--force]" */
    const char *help;  /* one line */
    /* path: of the control socket, or of the configuration if `offline`. */
    int (*run)(const char *path, const struct locum_options *options);
    bool offline;     /* needs no running daemon */
    unsigned options; /* bits of the options that it has */
    /*
     * The name of its argument: "NAME", or "[NAME]" if it may be left out; after blanks those of
     * others, at most three in all, that may be missing ("test [N]"); NULL: it has none. Completion
     * knows NAME (a shared or owned name), NODE and ZONE, and takes words in lower case
     * ("test|list") as they are.
     */
    const char *argument;
};

/*
 * Read the arguments and run a sub-command. argv[0] is its name; -c FILE was removed. Returns the
 * exit code.
 */
int locum_cli_run(const struct locum_cli_command *command, const char *path, int argc, char **argv);

/* True for `status --check`, whose exit codes are those of a plugin (plugin.h). */
bool locum_cli_is_plugin(const struct locum_cli_command *command, int argc, char **argv);

/* The commands of this room, ended by an entry whose name is NULL. */
extern const struct locum_cli_command locum_cli_commands[];

#endif
