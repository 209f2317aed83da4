#include "cli/options.h"

#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "base/text.h"
#include "cli/plugin.h"
#include "cli/print.h"

const struct locum_options_row locum_options_rows[] = {
    {"--json", LOCUM_OPTION_JSON, NULL, NULL, "print JSON"},
    {"--watch", LOCUM_OPTION_WATCH, NULL, NULL, "repeat every second; q ends it"},
    {"--check", LOCUM_OPTION_CHECK, NULL, NULL,
     "one line for Nagios or Icinga, with their exit codes"},
    {"--if", LOCUM_OPTION_IF, "NODE=STATE",
     "needs NODE=STATE, for example dc3=down, at most 8 times",
     "the answer if that were so; up to 8 times"},
    {"--follow", LOCUM_OPTION_FOLLOW, NULL, NULL, "go on until interrupted"},
    {"--for", LOCUM_OPTION_FOR, "DURATION", "needs a duration of 1s or more, for example 30m",
     "end it after that time"},
    {"--reason", LOCUM_OPTION_REASON, "TEXT", "needs a text of 1 to 79 characters",
     "shown by locum status"},
    {"--wait", LOCUM_OPTION_WAIT, NULL, NULL, "return when no cache has an older answer"},
    {"--force", LOCUM_OPTION_FORCE, NULL, NULL,
     "also if fewer than min-serving healthy servers stay, or the parent has a DS of the key"},
    {"--cluster", LOCUM_OPTION_CLUSTER, NULL, NULL, "a secret that all nodes share"},
    {"--node", LOCUM_OPTION_NODE, NULL, NULL, "a key pair of one node"},
    {"--no-fallback", LOCUM_OPTION_NO_FALLBACK, NULL, NULL,
     "end if the configuration is refused, instead of using the last one"},
    {"--handover", LOCUM_OPTION_HANDOVER, NULL, NULL,
     "also say whether this program continues from a running one"},
    {"--resolver", LOCUM_OPTION_RESOLVER, "ADDRESS",
     "needs ADDRESS or ADDRESS:PORT, at most 4 times", "ask this resolver; up to 4 times"},
    {"--parent", LOCUM_OPTION_PARENT, "ADDRESS", "needs ADDRESS or ADDRESS:PORT, at most 4 times",
     "ask this server of the parent zone; up to 4 times"},
    {"--port", LOCUM_OPTION_PORT, "PORT", "needs a port from 1 to 65535",
     "of the other name servers, instead of 53"},
    {"--url", LOCUM_OPTION_URL, "URL",
     "needs none, or a URL with NAME as its host, such as https://NAME/",
     "ask for this URL (NAME: each name in turn) instead of those of the checks; none: for none"},
    {"--algorithm", LOCUM_OPTION_ALGORITHM, "ALGORITHM", "needs ecdsap256sha256 or ed25519",
     "of the new key: ecdsap256sha256 (the default) or ed25519"},
    {"--folder", LOCUM_OPTION_FOLDER, "FOLDER", "needs the path of a folder",
     "where the files are put, instead of the folder that the configuration names"},
    {0},
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

/* What is written is no option of this command: name the one that was meant, if that is clear. */
static int
refuse_option(const struct locum_cli_command *command, const char *written, struct locum_slice name)
{
    char what[96];
    struct locum_text text = locum_text_init(what, sizeof(what));
    struct locum_nearest nearest = {.written = {name.at + 1, name.length - 1}};
    for (const struct locum_options_row *at = locum_options_rows; at->text != NULL; at++) {
        if ((command->options & at->option) != 0) {
            locum_nearest_try(&nearest, locum_slice_of(at->text + 1)); /* without the first - */
        }
    }
    locum_text_add(&text, "is not an option of this command");
    if (nearest.match.at != NULL) {
        locum_text_add(&text, "; did you mean -");
        locum_text_add(&text, nearest.match.at);
        locum_text_add(&text, "?");
    }
    return complain(command, written, what, NULL);
}

enum {
    REPEATABLE = LOCUM_OPTION_IF | LOCUM_OPTION_RESOLVER | LOCUM_OPTION_PARENT,
    DNS_PORT = 53,
    URL_BYTES_MAX = 255,
};

/* "192.0.2.1", "192.0.2.1:53", "2001:db8::1" or "[2001:db8::1]:53" */
static bool
take_server(const char *value, struct locum_options_servers *to)
{
    struct locum_address *address = &to->at[to->count];
    if (to->count == LOCUM_SERVERS_MAX) {
        return false;
    }
    if (locum_address_parse(locum_slice_of(value), address) == 0) {
        address->port = DNS_PORT;
    } else if (locum_address_parse_port(locum_slice_of(value), address) != 0) {
        return false;
    }
    to->count++;
    return true;
}

static bool
take_port(const char *value, uint16_t *ret)
{
    uint64_t port;
    if (locum_slice_u64(locum_slice_of(value), UINT16_MAX, &port) != 0 || port == 0) {
        return false;
    }
    *ret = (uint16_t)port;
    return true;
}

/* A URL of printable ASCII. */
static bool
take_url(const char *value, const char **ret)
{
    const size_t length = strlen(value);
    for (size_t i = 0; i < length; i++) {
        if (value[i] <= ' ' || value[i] > '~') {
            return false;
        }
    }
    *ret = value;
    return length <= URL_BYTES_MAX &&
           (strcmp(value, "none") == 0 || strncmp(value, "http://NAME", 11) == 0 ||
            strncmp(value, "https://NAME", 12) == 0);
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
    case LOCUM_OPTION_RESOLVER: return take_server(value, &ret->resolvers);
    case LOCUM_OPTION_PARENT: return take_server(value, &ret->parents);
    case LOCUM_OPTION_PORT: return take_port(value, &ret->port);
    case LOCUM_OPTION_URL: return take_url(value, &ret->url);
    case LOCUM_OPTION_ALGORITHM:
        ret->algorithm = value;
        return strcmp(value, "ecdsap256sha256") == 0 || strcmp(value, "ed25519") == 0;
    case LOCUM_OPTION_FOLDER: ret->folder = value; return length > 0;
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
    const struct locum_options_row *row = locum_options_rows;
    while (row->text != NULL &&
           !(locum_slice_is(name, row->text) && (command->options & row->option) != 0)) {
        row++;
    }
    if (row->text == NULL) {
        return refuse_option(command, argv[*at], name);
    }
    if ((ret->given & row->option & ~(unsigned)REPEATABLE) != 0) {
        return complain(command, row->text, "is given twice", NULL);
    }
    ret->given |= row->option;
    const char *value = rest.at;
    if (row->value == NULL) {
        return value == NULL ? LOCUM_EXIT_OK : complain(command, row->text, "takes no value", NULL);
    }
    if (value == NULL && *at + 1 < argc) {
        value = argv[++*at];
    }
    if (value == NULL || !take_value(row->option, value, ret)) {
        return complain(command, row->text, row->needs, value);
    }
    return LOCUM_EXIT_OK;
}

bool
locum_cli_is_plugin(const struct locum_cli_command *command, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if ((command->options & LOCUM_OPTION_CHECK) != 0 && strcmp(argv[i], "--check") == 0) {
            return true;
        }
    }
    return false;
}

/* A monitor that runs `status --check` reads 2 as CRITICAL: wrong usage is UNKNOWN there. */
static int
usage_code(const struct locum_cli_command *command, int argc, char **argv)
{
    return locum_cli_is_plugin(command, argc, argv) ? LOCUM_PLUGIN_UNKNOWN : LOCUM_EXIT_USAGE;
}

/* The arguments of which a command has room, by its description ("test [N]": two). */
static size_t
argument_room(const struct locum_cli_command *command)
{
    size_t room = command->argument != NULL ? 1 : 0;
    for (const char *c = command->argument; c != NULL && *c != '\0'; c++) {
        room += *c == ' ' ? 1 : 0;
    }
    return room;
}

int
locum_cli_run(const struct locum_cli_command *command, const char *path, int argc, char **argv)
{
    struct locum_options options = {.command = command->name, .for_ms = LOCUM_NEVER};
    const char **const to[] = {&options.argument, &options.second, &options.third};
    const size_t room = argument_room(command);
    size_t count = 0;
    bool ended = false; /* behind "--" there are no options */
    for (int i = 1; i < argc; i++) {
        const bool dash = argv[i][0] == '-';
        /* The value of a challenge may begin with a dash. */
        const bool value = dash && argv[i][1] != '-' && count == 2 && room == LOCUM_COUNT(to);
        if (!ended && strcmp(argv[i], "--") == 0) {
            ended = true;
        } else if (dash && !ended && !value) {
            if (take_option(command, argc, argv, &i, &options) != LOCUM_EXIT_OK) {
                return usage_code(command, argc, argv);
            }
        } else if (count == room || argv[i][0] == '\0') {
            (void)complain(command, argv[i][0] != '\0' ? argv[i] : "\"\"",
                           "is an unexpected argument", NULL);
            return usage_code(command, argc, argv);
        } else {
            *to[count++] = argv[i];
        }
    }
    if (command->argument != NULL && command->argument[0] != '[' && options.argument == NULL) {
        return complain(command, command->argument, "is missing", NULL);
    }
    return command->run(path, &options);
}
