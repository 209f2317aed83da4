#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/options.h"
#include "cli/show.h"
#include "cli/watch.h"

enum { TARGET_BYTES = 2048 };

static int
no_memory(void)
{
    (void)fputs("locum: out of memory\n", stderr);
    return LOCUM_EXIT_NOT_FINE;
}

static int
run_status(const char *socket, int argc, char **argv)
{
    struct locum_options options;
    json_t *status = NULL;
    int result =
        locum_options_read(argc, argv, LOCUM_OPTION_JSON | LOCUM_OPTION_WATCH, NULL, &options);
    if (result != LOCUM_EXIT_OK) {
        return result;
    }
    const bool json = (options.given & LOCUM_OPTION_JSON) != 0;
    if ((options.given & LOCUM_OPTION_WATCH) != 0) {
        return locum_watch_status(socket, json);
    }
    result = locum_client_ask(socket, "/status", NULL, stderr, &status);
    if (result != LOCUM_EXIT_OK) {
        return result;
    }
    const struct locum_print print = locum_print_stdout();
    if (json) {
        (void)json_dumpf(status, stdout, JSON_INDENT(1));
        (void)fputc('\n', stdout);
    } else {
        locum_show_status(status, &print);
    }
    if (locum_show_degraded(status, NULL) > 0) {
        result = LOCUM_EXIT_NOT_FINE;
    }
    json_decref(status);
    return result;
}

static bool
add_escaped(struct locum_text *target, const char *text)
{
    char *escaped = locum_client_escape(text);
    locum_text_add(target, escaped != NULL ? escaped : "");
    free(escaped);
    return escaped != NULL;
}

/* "/explain?name=NAME&if=NODE=WORD,NODE=WORD", encoded. */
static bool
explain_target(const struct locum_options *options, struct locum_text *ret)
{
    locum_text_add(ret, "/explain?name=");
    bool made = add_escaped(ret, options->argument);
    for (size_t i = 0; i < options->supposed_count; i++) {
        locum_text_add(ret, i == 0 ? "&if=" : ",");
        made = made && add_escaped(ret, options->supposed[i]);
    }
    return made && !ret->truncated;
}

static int
run_explain(const char *socket, int argc, char **argv)
{
    struct locum_options options;
    json_t *explain = NULL;
    char buffer[TARGET_BYTES];
    struct locum_text target = locum_text_init(buffer, sizeof(buffer));
    int result = locum_options_read(argc, argv, LOCUM_OPTION_IF, "NAME", &options);
    if (result == LOCUM_EXIT_OK && strlen(options.argument) > 254) {
        (void)fputs("locum explain: a name has at most 254 characters\n", stderr);
        result = LOCUM_EXIT_USAGE;
    }
    if (result == LOCUM_EXIT_OK) {
        result = explain_target(&options, &target)
                     ? locum_client_ask(socket, buffer, NULL, stderr, &explain)
                     : no_memory();
    }
    if (result == LOCUM_EXIT_OK) {
        const struct locum_print print = locum_print_stdout();
        locum_show_explain(explain, &print);
        json_decref(explain);
    }
    return result;
}

static int
run_events(const char *socket, int argc, char **argv)
{
    struct locum_options options;
    const int result = locum_options_read(argc, argv, LOCUM_OPTION_FOLLOW, NULL, &options);
    return result == LOCUM_EXIT_OK
               ? locum_watch_events(socket, (options.given & LOCUM_OPTION_FOLLOW) != 0)
               : result;
}

/* Until no resolver holds an older answer; on a terminal the seconds are counted down. */
static void
wait_out(json_int_t wait_ms)
{
    const bool shown = isatty(STDERR_FILENO) == 1;
    const locum_ms end = locum_now_read().mono + (wait_ms > 0 ? wait_ms : 0);
    for (locum_ms left = end - locum_now_read().mono; left > 0;
         left = end - locum_now_read().mono) {
        if (shown) {
            (void)fprintf(stderr, "\rwaiting %lld s for the last TTL to run out ",
                          (long long)((left + 999) / 1000));
        }
        locum_watch_pause(left < 1000 ? left : 1000);
    }
    if (shown) {
        (void)fputs("\r\033[K", stderr);
    }
}

static json_t *
admin_body(const char *word, const struct locum_options *options)
{
    json_t *body =
        json_pack("{s:s, s:b}", "admin", word, "force", (options->given & LOCUM_OPTION_FORCE) != 0);
    int failed = body == NULL ? -1 : 0;
    if (failed == 0 && options->for_ms != LOCUM_NEVER) {
        failed = json_object_set_new(body, "for_s", json_integer(options->for_ms / 1000));
    }
    if (failed == 0 && options->reason != NULL) {
        failed = json_object_set_new(body, "reason", json_string(options->reason));
    }
    if (failed != 0) {
        json_decref(body);
        return NULL;
    }
    return body;
}

/* drain, ready, maint: argv[0] is the word. */
static int
run_admin(const char *socket, int argc, char **argv)
{
    const bool ready = strcmp(argv[0], "ready") == 0;
    const unsigned leaving = LOCUM_OPTION_FOR | LOCUM_OPTION_FORCE;
    const unsigned both = LOCUM_OPTION_REASON | LOCUM_OPTION_WAIT;
    struct locum_options options;
    int result = locum_options_read(argc, argv, ready ? both : leaving | both, NULL, &options);
    if (result != LOCUM_EXIT_OK) {
        return result;
    }
    json_t *body = admin_body(argv[0], &options);
    json_t *answer = NULL;
    if (body == NULL) {
        (void)fputs("locum: --reason must be UTF-8 text\n", stderr);
        return LOCUM_EXIT_USAGE;
    }
    result = locum_client_ask(socket, "/admin", body, stderr, &answer);
    json_decref(body);
    if (result != LOCUM_EXIT_OK) {
        return result;
    }
    const json_t *wait_ms = json_object_get(answer, "wait_ms");
    (void)fputs("this node is now: ", stdout);
    locum_print_member(stdout, answer, "admin");
    if (json_integer_value(wait_ms) > 0) {
        (void)fputs("; resolvers may hold older answers for another ", stdout);
        locum_print_age(stdout, wait_ms);
    }
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
    if ((options.given & LOCUM_OPTION_WAIT) != 0) {
        wait_out(json_integer_value(wait_ms));
    }
    json_decref(answer);
    return LOCUM_EXIT_OK;
}

/* exclude, include: argv[0] is the path. */
static int
run_exclude(const char *socket, int argc, char **argv)
{
    struct locum_options options;
    int result = locum_options_read(argc, argv, 0, "NODE", &options);
    if (result != LOCUM_EXIT_OK) {
        return result;
    }
    json_t *body = json_pack("{s:s}", "node", options.argument);
    json_t *answer = NULL;
    if (body == NULL) {
        (void)fputs("locum: NODE must be the name of a node\n", stderr);
        return LOCUM_EXIT_USAGE;
    }
    result = locum_client_ask(socket, strcmp(argv[0], "exclude") == 0 ? "/exclude" : "/include",
                              body, stderr, &answer);
    json_decref(body);
    if (result == LOCUM_EXIT_OK) {
        json_t *excluded = json_object_get(answer, "excluded");
        if (json_array_size(excluded) == 0) {
            (void)fputs("no node is excluded from this node's answers", stdout);
        } else {
            (void)fputs("excluded from this node's answers: ", stdout);
            locum_print_list(stdout, excluded, ", ");
        }
        (void)fputc('\n', stdout);
        json_decref(answer);
    }
    return result;
}

static int
run_reload(const char *socket, int argc, char **argv)
{
    struct locum_options options;
    json_t *answer = NULL;
    int result = locum_options_read(argc, argv, 0, NULL, &options);
    json_t *body = json_object();
    if (result == LOCUM_EXIT_OK) {
        result =
            body != NULL ? locum_client_ask(socket, "/reload", body, stderr, &answer) : no_memory();
    }
    json_decref(body);
    if (result != LOCUM_EXIT_OK) {
        return result;
    }
    size_t i;
    const json_t *warning;
    json_array_foreach(json_object_get(answer, "warnings"), i, warning)
    {
        const char *text = json_string_value(warning);
        locum_print_text(stderr, text != NULL ? text : "-");
        (void)fputc('\n', stderr);
    }
    (void)fputs("the configuration was read again and is in effect\n", stdout);
    json_decref(answer);
    return result;
}

const struct locum_cli_command locum_cli_commands[] = {
    {"status", "status [--json] [--watch]", "the cluster at a glance; exit 1 if it is degraded",
     run_status},
    {"explain", "explain NAME [--if NODE=WORD] ...",
     "why a name is answered so, or would be if a node were down, failing, drain ...", run_explain},
    {"events", "events [--follow]", "what happened, newest last", run_events},
    {"drain", "drain [--for 30m] [--reason TEXT] [--wait] [--force]",
     "name this node only if no other one is better", run_admin},
    {"ready", "ready [--reason TEXT] [--wait]", "end drain or maint: name this node again",
     run_admin},
    {"maint", "maint [--for 30m] [--reason TEXT] [--wait] [--force]",
     "let this node count as failing", run_admin},
    {"exclude", "exclude NODE", "keep a peer out of this node's answers", run_exclude},
    {"include", "include NODE", "let a peer back into this node's answers", run_exclude},
    {"reload", "reload", "read the configuration again: all of it takes effect, or none",
     run_reload},
    {NULL, NULL, NULL, NULL},
};
