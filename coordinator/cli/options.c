#include "cli/options.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/print.h"

static const struct {
    const char *text;
    enum locum_options_bit option;
    const char *value; /* the value that it needs; NULL: none */
} table[] = {
    {"--json", LOCUM_OPTION_JSON, NULL},
    {"--watch", LOCUM_OPTION_WATCH, NULL},
    {"--if", LOCUM_OPTION_IF, "needs NODE=STATE, for example dc3=down, at most 8 times"},
    {"--follow", LOCUM_OPTION_FOLLOW, NULL},
    {"--for", LOCUM_OPTION_FOR, "needs a duration of 1s or more, for example 30m"},
    {"--reason", LOCUM_OPTION_REASON, "needs a text of 1 to 79 characters"},
    {"--wait", LOCUM_OPTION_WAIT, NULL},
    {"--force", LOCUM_OPTION_FORCE, NULL},
    {"--cluster", LOCUM_OPTION_CLUSTER, NULL},
    {"--node", LOCUM_OPTION_NODE, NULL},
    {"--no-fallback", LOCUM_OPTION_NO_FALLBACK, NULL},
    {"--handover", LOCUM_OPTION_HANDOVER, NULL},
};

/* Print "locum status: --jsn is not an option of this command" and the usage. */
static int
complain(const struct locum_cli_command *command, const char *subject, const char *what,
         const char *value)
{
    (void)fprintf(stderr, "locum %s: ", command->name);
    locum_print_text(stderr, subject);
    (void)fprintf(stderr, " %s", what);
    if (value != NULL) {
        (void)fputs(", not \"", stderr);
        locum_print_text(stderr, value);
        (void)fputc('"', stderr);
    }
    (void)fprintf(stderr, "\nusage: locum %s\n", command->usage);
    return LOCUM_EXIT_USAGE;
}

static bool
take_value(enum locum_options_bit option, const char *value, struct locum_options *ret)
{
    const size_t length = strlen(value);
    switch (option) {
    case LOCUM_OPTION_IF: {
        const char *equals = strchr(value, '=');
        if (equals == NULL || equals == value || equals[1] == '\0' || length > 64 ||
            ret->supposed_count == LOCUM_SUPPOSED_MAX) {
            return false;
        }
        ret->supposed[ret->supposed_count++] = value;
        return true;
    }
    case LOCUM_OPTION_FOR:
        return locum_slice_duration(locum_slice_of(value), &ret->for_ms) == 0 &&
               ret->for_ms >= 1000 && ret->for_ms % 1000 == 0;
    case LOCUM_OPTION_REASON: ret->reason = value; return length > 0 && length <= LOCUM_REASON_MAX;
    default: return true;
    }
}

/* "--for 30m" or "--for=30m"; the value of the first form is the next of argv. */
static int
take_option(const struct locum_cli_command *command, int argc, char **argv, int *at,
            struct locum_options *ret)
{
    struct locum_slice rest = locum_slice_of(argv[*at]);
    struct locum_slice name;
    (void)locum_slice_cut(&rest, '=', &name);
    for (size_t i = 0; i < LOCUM_COUNT(table); i++) {
        if (!locum_slice_is(name, table[i].text) || (command->options & table[i].option) == 0) {
            continue;
        }
        if ((ret->given & table[i].option & ~(unsigned)LOCUM_OPTION_IF) != 0) {
            return complain(command, table[i].text, "is given twice", NULL);
        }
        ret->given |= table[i].option;
        const char *value = rest.at;
        if (table[i].value == NULL) {
            return value == NULL ? LOCUM_EXIT_OK
                                 : complain(command, table[i].text, "takes no value", NULL);
        }
        if (value == NULL && *at + 1 < argc) {
            value = argv[++*at];
        }
        if (value == NULL || !take_value(table[i].option, value, ret)) {
            return complain(command, table[i].text, table[i].value, value);
        }
        return LOCUM_EXIT_OK;
    }
    return complain(command, argv[*at], "is not an option of this command", NULL);
}

int
locum_cli_run(const struct locum_cli_command *command, const char *path, int argc, char **argv)
{
    struct locum_options options = {.command = command->name, .for_ms = LOCUM_NEVER};
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-') {
            const int result = take_option(command, argc, argv, &i, &options);
            if (result != LOCUM_EXIT_OK) {
                return result;
            }
        } else if (command->argument == NULL || options.argument != NULL || argv[i][0] == '\0') {
            return complain(command, argv[i][0] != '\0' ? argv[i] : "\"\"",
                            "is an unexpected argument", NULL);
        } else {
            options.argument = argv[i];
        }
    }
    if (command->argument != NULL && command->argument[0] != '[' && options.argument == NULL) {
        return complain(command, command->argument, "is missing", NULL);
    }
    return command->run(path, &options);
}
