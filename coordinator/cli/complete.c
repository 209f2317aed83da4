#include "cli/complete.h"

#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/options.h"
#include "config/glimpse.h"
#include "core/names.h"

enum { ANSWER_MS = 1000, WORD_MAX = 512 };

/* The command line as far as it is written. */
struct line {
    const char *config_path;
    const struct locum_cli_command *command; /* NULL: not yet written, or unknown */
    bool has_command;
    size_t argument_count;                 /* before the word at the cursor */
    unsigned given;                        /* bits of the options that are written */
    const struct locum_options_row *value; /* the option whose value comes next; NULL: none */
    const char *last;                      /* the word at the cursor */
};

/* Print a word if it begins with what is written. */
static void
offer(void *user, const char *word)
{
    const struct line *line = user;
    if (strncmp(word, line->last, strlen(line->last)) == 0 && strpbrk(word, " \n") == NULL) {
        (void)printf("%s\n", word);
    }
}

const struct locum_cli_command *
locum_complete_command(const struct locum_cli_command *const *tables, size_t table_count,
                       const char *name)
{
    for (size_t i = 0; i < table_count; i++) {
        for (const struct locum_cli_command *at = tables[i]; at->name != NULL; at++) {
            if (strcmp(at->name, name) == 0) {
                return at;
            }
        }
    }
    return NULL;
}

/* The option of the line's command that is written; NULL: none. */
static const struct locum_options_row *
find_option(const struct line *line, struct locum_slice name)
{
    const struct locum_options_row *at = locum_options_rows;
    while (at->text != NULL && !(line->command != NULL && locum_slice_is(name, at->text) &&
                                 (line->command->options & at->option) != 0)) {
        at++;
    }
    return at->text != NULL ? at : NULL;
}

/* A word before the one at the cursor. */
static void
take_word(struct line *line, const struct locum_cli_command *const *tables, size_t table_count,
          const char *word)
{
    struct locum_slice rest = locum_slice_of(word);
    struct locum_slice name;
    if (line->value != NULL) {
        line->value = NULL;
    } else if (word[0] == '-') {
        (void)locum_slice_cut(&rest, '=', &name);
        const struct locum_options_row *option = find_option(line, name);
        if (option != NULL) {
            line->given |= option->option;
            line->value = option->value != NULL && rest.at == NULL ? option : NULL;
        }
    } else if (!line->has_command && strcmp(word, "help") != 0) {
        line->has_command = true;
        line->command = locum_complete_command(tables, table_count, word);
    } else if (line->has_command) {
        line->argument_count++;
    }
}

/* False: a file name is at the cursor, which the shell completes. */
static bool
read_line(struct line *line, const struct locum_cli_command *const *tables, size_t table_count,
          int count, char **words)
{
    for (int i = 0; i + 1 < count; i++) {
        if (strcmp(words[i], "-c") != 0) {
            take_word(line, tables, table_count, words[i]);
        } else if (++i + 1 == count) {
            return false;
        } else {
            line->config_path = words[i];
        }
    }
    line->last = words[count - 1];
    return true;
}

/* Nodes, zones or names: of the daemon, else of the configuration. */
static void
offer_known(struct line *line, enum locum_glimpse_kind kind, locum_glimpse_fn *each)
{
    static const char *const keys[] = {"nodes", "zones", "names"};
    char socket[LOCUM_PATH_MAX + 1];
    size_t i;
    const json_t *entry;
    const char *before = "";
    (void)locum_glimpse_control(line->config_path, socket);
    json_t *status = locum_client_try(socket, "/status", ANSWER_MS);
    if (status == NULL) {
        locum_glimpse_each(line->config_path, kind, each, line);
        return;
    }
    json_array_foreach(json_object_get(status, keys[kind]), i, entry)
    {
        char name[WORD_MAX];
        const char *text = json_string_value(json_object_get(entry, "name"));
        if (text == NULL) {
            continue;
        }
        struct locum_slice slice = locum_slice_of(text);
        slice.length -= slice.length > 0 && slice.at[slice.length - 1] == '.' ? 1 : 0;
        if (slice.length > 0 && strcmp(text, before) != 0 && /* a name has a row a family */
            locum_slice_copy(slice, name, sizeof(name)) == 0) {
            each(line, name);
            before = text;
        }
    }
    json_decref(status);
}

/* NODE=STATE: first the node, then the state. */
static void
offer_supposed_node(void *user, const char *node)
{
    struct line *line = user;
    char word[WORD_MAX];
    struct locum_text text = locum_text_init(word, sizeof(word));
    locum_text_add(&text, node);
    locum_text_add_char(&text, '=');
    if (strncmp(line->last, word, text.length) != 0) {
        offer(line, word);
        return;
    }
    static const char *const states[] = {"unknown", "alive",    "suspect", "down",      "returning",
                                         "up",      "degraded", "failing", "probation", "ready",
                                         "drain",   "maint",    "excluded"};
    for (size_t i = 0; i < LOCUM_COUNT(states); i++) {
        text = locum_text_init(word, sizeof(word));
        locum_text_add(&text, node);
        locum_text_add_char(&text, '=');
        locum_text_add(&text, states[i]);
        offer(line, word);
    }
}

static void
offer_value(struct line *line)
{
    static const char *const durations[] = {"10m", "30m", "1h", "4h", "1d"};
    if (line->value->option == LOCUM_OPTION_IF) {
        offer_known(line, LOCUM_GLIMPSE_NODES, offer_supposed_node);
    }
    for (size_t i = 0; line->value->option == LOCUM_OPTION_FOR && i < LOCUM_COUNT(durations); i++) {
        offer(line, durations[i]);
    }
}

static void
offer_options(struct line *line)
{
    for (const struct locum_options_row *at = locum_options_rows; at->text != NULL; at++) {
        const unsigned given = line->given & ~(unsigned)LOCUM_OPTION_IF;
        if ((line->command->options & ~given & at->option) != 0) {
            offer(line, at->text);
        }
    }
    offer(line, "-c");
    offer(line, "--help");
}

/* "NAME", "[ZONE]", or words in lower case: "test|list", of those that blanks separate. */
static void
offer_argument(struct line *line)
{
    struct locum_slice all = locum_slice_of(line->command->argument);
    struct locum_slice rest = {0};
    struct locum_slice word;
    for (size_t i = 0; i <= line->argument_count; i++) {
        if (!locum_slice_cut(&all, ' ', &rest)) {
            return;
        }
    }
    static const char *const kinds[] = {"NODE", "ZONE", "NAME"};
    if (locum_slice_starts(rest, "[")) {
        rest.at++;
        rest.length -= 2;
    }
    while (locum_slice_cut(&rest, '|', &word)) {
        char text[WORD_MAX];
        size_t kind = 0;
        while (kind < LOCUM_COUNT(kinds) && !locum_slice_is(word, kinds[kind])) {
            kind++;
        }
        if (kind < LOCUM_COUNT(kinds)) {
            offer_known(line, (enum locum_glimpse_kind)kind, offer);
        } else if (word.length > 0 && word.at[0] >= 'a' && word.at[0] <= 'z' &&
                   locum_slice_copy(word, text, sizeof(text)) == 0) {
            offer(line, text);
        }
    }
}

static void
offer_commands(struct line *line, const struct locum_cli_command *const *tables, size_t table_count)
{
    static const char *const others[] = {"help", "-c", "--help", "--version"};
    for (size_t i = 0; i < table_count; i++) {
        for (const struct locum_cli_command *at = tables[i]; at->name != NULL; at++) {
            offer(line, at->name);
        }
    }
    for (size_t i = 0; i < LOCUM_COUNT(others); i++) {
        if (others[i][0] != '-' || line->last[0] == '-') {
            offer(line, others[i]);
        }
    }
}

void
locum_complete_print(const struct locum_cli_command *const *tables, size_t table_count, int count,
                     char **words)
{
    struct line line = {.config_path = LOCUM_CONFIG_DEFAULT_PATH};
    if (count == 0 || !read_line(&line, tables, table_count, count, words)) {
        return;
    }
    if (!line.has_command) {
        offer_commands(&line, tables, table_count);
    } else if (line.command == NULL) {
        return;
    } else if (line.value != NULL) {
        offer_value(&line);
    } else if (line.last[0] == '-' || line.command->argument == NULL) {
        offer_options(&line);
    } else {
        offer_argument(&line);
        if (line.argument_count > 0) {
            offer_options(&line);
        }
    }
}
