/*
 * cli: the sub-commands that talk to a running daemon over its control socket, and what they print.
 * status, explain, events, drain, ready, maint, exclude, include, reload.
 *
 * Exit codes: 0 fine, 1 not fine (`status` when the cluster is degraded, a request refused),
 * 2 usage, 3 the daemon cannot be reached.
 */
#ifndef LOCUM_CLI_CLI_H
#define LOCUM_CLI_CLI_H

enum {
    LOCUM_EXIT_OK = 0,
    LOCUM_EXIT_NOT_FINE = 1,
    LOCUM_EXIT_USAGE = 2,
    LOCUM_EXIT_UNREACHABLE = 3
};

/* One sub-command; the table of them is also what `locum help` prints. */
struct locum_cli_command {
    const char *name;
    const char *usage; /* "drain [--for 30m] [--reason TEXT] [--wait] [--force]" */
    const char *help;  /* one line */
    /* argv[0] is the sub-command; -c FILE was taken out. socket: path of the control socket. */
    int (*run)(const char *socket, int argc, char **argv);
};

/* The commands of this room, ended by an entry whose name is NULL. */
extern const struct locum_cli_command locum_cli_commands[];

#endif
