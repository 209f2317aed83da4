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
#include "base/nearest.h"
#include "base/user.h"
#include "base/version.h"
#include "nsd-adapter/adapter.h"

enum { EXIT_FINE = 0, EXIT_NOT_FINE = 1, EXIT_USAGE = 2 };

struct command {
    const char *name;
    const char *option; /* its only option; NULL: it has none */
    const char *help;
    int (*run)(const struct locum_nsd_settings *settings); /* the exit code; NULL: see main() */
};

static const struct command commands[] = {
    {"run", "--no-fallback", "run in the foreground; --no-fallback: end if a file is refused",
     NULL},
    {"check", NULL, "validate the configuration, and NSD's where the adapter uses it",
     locum_nsd_adapter_check},
    {"status", NULL, "show what the coordinator, the zone file and NSD say",
     locum_nsd_adapter_status},
    {"version", NULL, "print the version", NULL},
    {"help", NULL, "print the commands, or with a command how to use it", NULL},
};

static void
print_help(FILE *out)
{
    (void)fprintf(out, "usage: locum-nsd COMMAND [-c FILE]   (FILE: %s)\n\n",
                  LOCUM_NSD_SETTINGS_DEFAULT_PATH);
    for (size_t i = 0; i < LOCUM_COUNT(commands); i++) {
        (void)fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
    }
    (void)fprintf(out, "\nSee locum-nsd(8).\n");
}

/* NULL: there is no such command. */
static const struct command *
find_command(const char *name)
{
    for (size_t i = 0; i < LOCUM_COUNT(commands); i++) {
        if (strcmp(name, commands[i].name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static int
refuse_command(const char *name)
{
    struct locum_nearest nearest = {.written = locum_slice_of(name)};
    for (size_t i = 0; i < LOCUM_COUNT(commands); i++) {
        locum_nearest_try(&nearest, locum_slice_of(commands[i].name));
    }
    (void)fprintf(stderr, "locum-nsd: unknown command '%s'%s%s%s `locum-nsd help` lists all\n",
                  name, nearest.match.at != NULL ? "; did you mean " : ";",
                  nearest.match.at != NULL ? nearest.match.at : "",
                  nearest.match.at != NULL ? "?" : "");
    return EXIT_USAGE;
}

/* `locum-nsd help`, `locum-nsd help COMMAND`, `locum-nsd COMMAND --help`. */
static int
help(const struct command *command)
{
    if (command == NULL) {
        print_help(stdout);
        return EXIT_FINE;
    }
    (void)printf("usage: locum-nsd %s%s%s%s [-c FILE]   (FILE: %s)\n\n%s\n\nSee locum-nsd(8).\n",
                 command->name, command->option != NULL ? " [" : "",
                 command->option != NULL ? command->option : "", command->option != NULL ? "]" : "",
                 LOCUM_NSD_SETTINGS_DEFAULT_PATH, command->help);
    return EXIT_FINE;
}

static void
offer(const char *word, const char *written)
{
    if (strncmp(word, written, strlen(written)) == 0) {
        (void)printf("%s\n", word);
    }
}

/* For the shell: what the last word can become, as `locum complete` does. */
static int
complete(int count, char **words)
{
    const struct command *command = NULL;
    const char *last = count > 0 ? words[count - 1] : "";
    for (int i = 0; i + 1 < count && command == NULL; i++) {
        i += strcmp(words[i], "-c") == 0 ? 1 : 0;
        command = i + 1 < count ? find_command(words[i]) : NULL;
    }
    if (count > 1 && strcmp(words[count - 2], "-c") == 0) {
        return EXIT_FINE; /* a file name, which the shell completes */
    }
    for (size_t i = 0; i < LOCUM_COUNT(commands); i++) {
        if (command == NULL || strcmp(command->name, "help") == 0) {
            offer(commands[i].name, last);
        }
    }
    if (command != NULL && command->option != NULL) {
        offer(command->option, last);
    }
    if (command != NULL || last[0] == '-') {
        offer("-c", last);
        offer("--help", last);
    }
    return EXIT_FINE;
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
run_command(const char *path, const struct command *command, bool fallback)
{
    struct locum_nsd_settings settings;
    if (strcmp(command->name, "version") == 0) {
        (void)printf("locum-nsd %s\n", LOCUM_VERSION_TEXT);
        return EXIT_FINE;
    }
    if (command->run == NULL) {
        return run(path, fallback);
    }
    /* root sees more than the service does. Its unit gives it the group nsd. */
    if (strcmp(command->name, "check") == 0 &&
        locum_user_look_as(LOCUM_USER_NSD, "nsd", path) == LOCUM_USER_OTHERS) {
        (void)fprintf(stderr, "%s: files are read as user " LOCUM_USER_NSD "\n", path);
    }
    if (locum_nsd_settings_load(path, NULL, locum_problems_print, NULL, &settings) != 0) {
        (void)fprintf(stderr, "%s: refused\n", path);
        return EXIT_NOT_FINE;
    }
    const int code = command->run(&settings);
    locum_nsd_settings_free(&settings);
    return code;
}

/* What the arguments say. */
struct arguments {
    const char *path;
    const char *command; /* NULL: none */
    const char *subject; /* of `help`; NULL: none */
    bool fallback;
    bool help;
};

/* 0, or the exit code of wrong usage. */
static int
read_arguments(int argc, char **argv, struct arguments *ret)
{
    for (int i = 1; i < argc; i++) {
        const bool run = ret->command != NULL && strcmp(ret->command, "run") == 0;
        const bool subject = ret->command != NULL && strcmp(ret->command, "help") == 0;
        if (strcmp(argv[i], "-c") == 0 && i + 1 == argc) {
            (void)fprintf(stderr, "locum-nsd: -c needs a FILE, for example -c %s\n",
                          LOCUM_NSD_SETTINGS_DEFAULT_PATH);
            return EXIT_USAGE;
        }
        if (strcmp(argv[i], "-c") == 0) {
            ret->path = argv[++i];
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            ret->help = true;
        } else if (ret->command == NULL) {
            ret->command = strcmp(argv[i], "--version") == 0 ? "version" : argv[i];
        } else if (subject && ret->subject == NULL) {
            ret->subject = argv[i];
        } else if (run && strcmp(argv[i], "--no-fallback") == 0) {
            ret->fallback = false;
        } else {
            (void)fprintf(stderr, "locum-nsd: unexpected argument '%s'; see `locum-nsd help`\n",
                          argv[i]);
            return EXIT_USAGE;
        }
    }
    return 0;
}

int
main(int argc, char **argv)
{
    struct arguments given = {.path = LOCUM_NSD_SETTINGS_DEFAULT_PATH, .fallback = true};
    if (argc > 1 && strcmp(argv[1], "complete") == 0) {
        return complete(argc - 2, argv + 2);
    }
    const int wrong = read_arguments(argc, argv, &given);
    if (wrong != 0) {
        return wrong;
    }
    if (given.command == NULL) {
        print_help(given.help ? stdout : stderr);
        return given.help ? EXIT_FINE : EXIT_USAGE;
    }
    const bool asks = strcmp(given.command, "help") == 0;
    const char *name = asks && given.subject != NULL ? given.subject : given.command;
    const struct command *command = find_command(name);
    if (command == NULL) {
        return refuse_command(name);
    }
    if (asks || given.help) {
        return help(asks && given.subject == NULL ? NULL : command);
    }
    return run_command(given.path, command, given.fallback);
}
