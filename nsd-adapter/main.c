/*
 * locum-nsd: lets an NSD on port 53 serve the coordinator's zone; locum-nsd(8).
 *
 * `run` is the daemon (adapter.c), `check` validates the configuration, `status` prints what the
 * coordinator, the zone file and NSD say.
 */
#include <stdio.h>
#include <string.h>

#include "base/confine.h"
#include "base/log.h"
#include "base/user.h"
#include "base/version.h"
#include "nsd-adapter/adapter.h"

enum { EXIT_FINE = 0, EXIT_NOT_FINE = 1, EXIT_USAGE = 2 };

static const struct {
    const char *name;
    const char *help;
    int (*run)(const struct locum_nsd_settings *settings); /* the exit code; NULL: see run() */
} commands[] = {
    {"run", "run in the foreground; --no-fallback: end if a file is refused", NULL},
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

/* With a refused file: as the last run, unless that is not wanted. */
static int
run(const char *path, bool fallback)
{
    struct locum_nsd_settings settings;
    struct locum_nsd_fallback why = {.reason = ""};
    locum_confine();
    int status = locum_nsd_settings_load(path, NULL, locum_problems_log, NULL, &settings);
    if (status != 0 && fallback) {
        status = locum_nsd_fallback_settings(path, &settings, &why);
    }
    if (status != 0) {
        LOCUM_LOG(LOCUM_LOG_ERR, "not-started", "reason", "see the errors above");
        return EXIT_NOT_FINE;
    }
    const int code = locum_nsd_adapter_run(&settings, fallback ? &why : NULL);
    locum_nsd_settings_free(&settings);
    return code;
}

static int
run_command(const char *path, const char *name, bool fallback)
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
    if (commands[i].run == NULL) {
        return run(path, fallback);
    }
    /* root sees more than the service does. Its unit gives it the group nsd. */
    if (strcmp(name, "check") == 0 &&
        locum_user_look_as(LOCUM_USER_NSD, "nsd", path) == LOCUM_USER_OTHERS) {
        (void)fprintf(stderr, "%s: files are read as user " LOCUM_USER_NSD "\n", path);
    }
    if (locum_nsd_settings_load(path, NULL, locum_problems_print, NULL, &settings) != 0) {
        (void)fprintf(stderr, "%s: refused\n", path);
        return EXIT_NOT_FINE;
    }
    const int code = commands[i].run(&settings);
    locum_nsd_settings_free(&settings);
    return code;
}

int
main(int argc, char **argv)
{
    const char *path = LOCUM_NSD_SETTINGS_DEFAULT_PATH;
    const char *command = NULL;
    bool fallback = true;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-c") == 0 && i + 1 < argc) {
            path = argv[++i];
        } else if (command == NULL) {
            command = argv[i];
        } else if (strcmp(command, "run") == 0 && strcmp(argv[i], "--no-fallback") == 0) {
            fallback = false;
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
        (void)printf("locum-nsd %s\n", LOCUM_VERSION_TEXT);
        return EXIT_FINE;
    }
    return run_command(path, command, fallback);
}
