/*
 * locum: the coordinator and its sub-commands.
 *
 * `run` is the daemon (daemon/), `check`, `keygen` and `version` need none, and the rest asks a
 * running one over its control socket (cli/).
 */
#include <stdio.h>
#include <string.h>

#include "base/signature.h"
#include "base/version.h"
#include "cli/cli.h"
#include "config/config.h"
#include "daemon/daemon.h"
#include "dns/dns.h"

static int
run_daemon(const char *config_path, int argc, char **argv)
{
    (void)argv;
    if (argc != 1) {
        (void)fprintf(stderr, "locum run: takes no argument but -c FILE\n");
        return LOCUM_EXIT_USAGE;
    }
    return locum_daemon_run(config_path);
}

struct findings {
    size_t errors;
    size_t warnings;
};

static void
print_and_count(void *user, const struct locum_problem *problem)
{
    struct findings *findings = user;
    locum_problem_print(NULL, problem);
    *(problem->severity == LOCUM_SEVERITY_ERROR ? &findings->errors : &findings->warnings) += 1;
}

static int
run_check(const char *config_path, int argc, char **argv)
{
    struct findings findings = {0};
    struct locum_config *config = NULL;
    (void)argv;
    if (argc != 1) {
        (void)fprintf(stderr, "locum check: takes no argument but -c FILE\n");
        return LOCUM_EXIT_USAGE;
    }
    int status = locum_config_load(config_path, NULL, print_and_count, &findings, &config);
    if (status == 0) {
        status = locum_dns_check(config, print_and_count, &findings);
    }
    if (status != 0) {
        (void)fprintf(stderr, "%s: refused: %zu error(s), %zu warning(s)\n", config_path,
                      findings.errors, findings.warnings);
        locum_config_free(config);
        return LOCUM_EXIT_NOT_FINE;
    }
    const struct locum_core_config *core = &config->core;
    (void)printf("%s: good: cluster %s, node %s of %zu, %zu name(s), digest %s, %zu warning(s)\n",
                 config_path, core->cluster, core->nodes[core->self].name, core->node_count,
                 core->name_count, core->digest, findings.warnings);
    locum_config_free(config);
    return LOCUM_EXIT_OK;
}

static int
run_keygen(const char *config_path, int argc, char **argv)
{
    char secret[2 * LOCUM_SECRET_BYTES + 1];
    (void)config_path;
    if (argc != 2 || strcmp(argv[1], "--cluster") != 0) {
        (void)fprintf(stderr, "usage: locum keygen --cluster > /etc/locum/secret\n");
        return LOCUM_EXIT_USAGE;
    }
    if (locum_signature_generate_secret(secret) != 0) {
        (void)fprintf(stderr, "locum keygen: the system gives no random bytes\n");
        return LOCUM_EXIT_NOT_FINE;
    }
    (void)printf("%s\n", secret);
    return LOCUM_EXIT_OK;
}

static int
run_version(const char *config_path, int argc, char **argv)
{
    (void)config_path;
    (void)argc;
    (void)argv;
    (void)printf("locum %s\n", LOCUM_VERSION);
    return LOCUM_EXIT_OK;
}

/* The sub-commands that need no running daemon; those that do are cli/'s. */
static const struct {
    const char *name;
    const char *usage;
    const char *help;
    int (*run)(const char *config_path, int argc, char **argv);
} commands[] = {
    {"run", "run", "the daemon, in the foreground", run_daemon},
    {"check", "check", "validate the configuration, offline", run_check},
    {"keygen", "keygen --cluster", "print a new heartbeat secret", run_keygen},
    {"version", "version", "print the version", run_version},
};

static void
print_help(FILE *out)
{
    (void)fprintf(out, "usage: locum COMMAND [-c FILE] ...   (FILE: %s)\n\n",
                  LOCUM_CONFIG_DEFAULT_PATH);
    for (size_t i = 0; i < LOCUM_COUNT(commands); i++) {
        (void)fprintf(out, "  %-58s %s\n", commands[i].usage, commands[i].help);
    }
    for (const struct locum_cli_command *command = locum_cli_commands; command->name != NULL;
         command++) {
        (void)fprintf(out, "  %-58s %s\n", command->usage, command->help);
    }
    (void)fprintf(out, "\nlocum(8) tells more.\n");
}

static bool
is_help_option(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* `locum COMMAND --help`. False: there is no such command. */
static bool
print_help_of(const char *name)
{
    const char *usage = NULL;
    const char *help = NULL;
    for (size_t i = 0; i < LOCUM_COUNT(commands); i++) {
        if (strcmp(name, commands[i].name) == 0) {
            usage = commands[i].usage;
            help = commands[i].help;
        }
    }
    for (const struct locum_cli_command *at = locum_cli_commands; at->name != NULL; at++) {
        if (strcmp(name, at->name) == 0) {
            usage = at->usage;
            help = at->help;
        }
    }
    if (usage != NULL) {
        (void)printf("usage: locum %s [-c FILE]   (FILE: %s)\n\n%s\n\nlocum(8) tells more.\n",
                     usage, LOCUM_CONFIG_DEFAULT_PATH, help);
    }
    return usage != NULL;
}

/* Take `-c FILE` out of the arguments. False: -c without a FILE. */
static bool
take_config_path(int *argc, char **argv, const char **ret_path)
{
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        if (strcmp(argv[i], "-c") != 0) {
            argv[kept++] = argv[i];
        } else if (i + 1 < *argc) {
            *ret_path = argv[++i];
        } else {
            return false;
        }
    }
    *argc = kept;
    return true;
}

/* Where the daemon is asked. A FILE of one's own that does not tell is said to be none. */
static void
find_socket(const char *config_path, char ret_socket[LOCUM_PATH_MAX + 1])
{
    if (!locum_config_control_path(config_path, ret_socket) &&
        strcmp(config_path, LOCUM_CONFIG_DEFAULT_PATH) != 0) {
        (void)fprintf(
            stderr,
            "locum: %s cannot be read, or is no configuration (locum check tells more): asking "
            "the daemon at the default %s\n",
            config_path, ret_socket);
    }
}

static int
run_command(const char *config_path, int argc, char **argv)
{
    for (size_t i = 0; i < LOCUM_COUNT(commands); i++) {
        if (strcmp(argv[0], commands[i].name) == 0) {
            return commands[i].run(config_path, argc, argv);
        }
    }
    for (const struct locum_cli_command *command = locum_cli_commands; command->name != NULL;
         command++) {
        if (strcmp(argv[0], command->name) == 0) {
            char socket[LOCUM_PATH_MAX + 1];
            find_socket(config_path, socket);
            return command->run(socket, argc, argv);
        }
    }
    (void)fprintf(stderr, "locum: there is no command '%s'; `locum help` lists them\n", argv[0]);
    return LOCUM_EXIT_USAGE;
}

int
main(int argc, char **argv)
{
    const char *config_path = LOCUM_CONFIG_DEFAULT_PATH;
    argc--;
    argv++;
    if (!take_config_path(&argc, argv, &config_path)) {
        (void)fprintf(stderr, "locum: -c needs a FILE\n");
        return LOCUM_EXIT_USAGE;
    }
    if (argc == 0) {
        print_help(stderr);
        return LOCUM_EXIT_USAGE;
    }
    if (is_help_option(argv[0]) || strcmp(argv[0], "help") == 0) {
        print_help(stdout);
        return LOCUM_EXIT_OK;
    }
    for (int i = 0; i < argc; i++) {
        if (is_help_option(argv[i]) && print_help_of(argv[0])) {
            return LOCUM_EXIT_OK;
        }
        if (strcmp(argv[i], "--version") == 0) {
            return run_version(NULL, 0, NULL);
        }
    }
    return run_command(config_path, argc, argv);
}
