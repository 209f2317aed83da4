/*
 * locum-nsd: lets an NSD on port 53 serve the coordinator's zone; locum-nsd(8).
 *
 * `run` is the daemon (adapter.c), `check` validates the configuration, `status` prints what the
 * coordinator, the zone file and NSD say.
 */
#include <stdio.h>
#include <string.h>

#include "base/user.h"
#include "base/version.h"
#include "nsd-adapter/adapter.h"

enum { EXIT_FINE = 0, EXIT_NOT_FINE = 1, EXIT_USAGE = 2 };

static const struct {
    const char *name;
    const char *help;
    int (*run)(const struct locum_nsd_settings *settings); /* the exit code */
} commands[] = {
    {"run", "run in the foreground", locum_nsd_adapter_run},
    {"check", "validate the configuration, and NSD's where the adapter uses it",
     locum_nsd_adapter_check},
    {"status", "show what the coordinator, the zone file and NSD say", locum_nsd_adapter_status},
};

static void
print_help(FILE *out)
{
    (void)fprintf(out, "usage: locum-nsd COMMAND [-c FILE]   (FILE: %s)\n\n",
                  LOCUM_NSD_SETTINGS_DEFAULT_PATH);
    for (size_t i = 0; i < LOCUM_COUNT(commands); i++) {
        (void)fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
    }
    (void)fprintf(out, "  %-10s %s\n\nSee locum-nsd(8).\n", "version", "print the version");
}

static int
run_command(const char *path, const char *name)
{
    struct locum_nsd_settings settings;
    size_t i = 0;
    while (i < LOCUM_COUNT(commands) && strcmp(name, commands[i].name) != 0) {
        i++;
    }
    if (i == LOCUM_COUNT(commands)) {
        (void)fprintf(stderr, "locum-nsd: unknown command '%s'; see `locum-nsd help`\n", name);
        return EXIT_USAGE;
    }
    /* root sees more than the service does. Its unit gives it the group nsd. */
    if (strcmp(name, "check") == 0 &&
        locum_user_look_as(LOCUM_USER_SERVICE, "nsd", path) == LOCUM_USER_OTHERS) {
        (void)fprintf(stderr, "%s: files are read as user " LOCUM_USER_SERVICE "\n", path);
    }
    if (locum_nsd_settings_load(path, locum_problems_print, NULL, &settings) != 0) {
        (void)fprintf(stderr, "%s: refused\n", path);
        return EXIT_NOT_FINE;
    }
    return commands[i].run(&settings);
}

int
main(int argc, char **argv)
{
    const char *path = LOCUM_NSD_SETTINGS_DEFAULT_PATH;
    const char *command = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-c") == 0 && i + 1 < argc) {
            path = argv[++i];
        } else if (command == NULL) {
            command = argv[i];
        } else {
            (void)fprintf(stderr, "locum-nsd: unexpected argument '%s'; see `locum-nsd help`\n",
                          argv[i]);
            return EXIT_USAGE;
        }
    }
    if (command == NULL) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(command, "help") == 0 || strcmp(command, "--help") == 0 ||
        strcmp(command, "-h") == 0) {
        print_help(stdout);
        return EXIT_FINE;
    }
    if (strcmp(command, "version") == 0 || strcmp(command, "--version") == 0) {
        (void)printf("locum-nsd %s\n", LOCUM_VERSION);
        return EXIT_FINE;
    }
    return run_command(path, command);
}
