#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/options.h"
#include "cli/plugin.h"
#include "cli/show.h"
#include "cli/watch.h"

/* HOOKS_WAIT_S, ACME_WAIT_S: longer than the daemon holds the request. */
enum { TARGET_BYTES = 2048, HOOKS_WAIT_S = 20, ACME_WAIT_S = 15 };

/* Post `body`, which is freed here. NULL: it could not be made; print `invalid`. */
static int
post(const char *socket, const char *target, json_t *body, const char *invalid, json_t **ret)
{
    if (body == NULL) {
        (void)fputs(invalid, stderr);
        return LOCUM_EXIT_USAGE;
    }
    const int result = locum_client_ask(socket, target, body, stderr, ret);
    json_decref(body);
    return result;
}

static void
print_json(const json_t *answer)
{
    (void)json_dumpf(answer, stdout, JSON_INDENT(1));
    (void)fputc('\n', stdout);
}

static int
run_status(const char *socket, const struct locum_options *options)
{
    json_t *status = NULL;
    const bool json = (options->given & LOCUM_OPTION_JSON) != 0;
    if (options->given == LOCUM_OPTION_CHECK) {
        return locum_plugin_status(socket);
    }
    if ((options->given & LOCUM_OPTION_CHECK) != 0) {
        (void)fputs("locum status: --check goes with no other option\n", stderr);
        return LOCUM_PLUGIN_UNKNOWN;
    }
    if ((options->given & LOCUM_OPTION_WATCH) != 0) {
        return locum_watch_status(socket, json);
    }
    const int result = locum_client_ask(socket, "/status", NULL, stderr, &status);
    if (result != LOCUM_EXIT_OK) {
        return result;
    }
    const struct locum_print print = locum_print_stdout();
    if (json) {
        print_json(status);
    } else {
        locum_show_status(status, &print);
    }
    const bool degraded = locum_show_degraded(status) > 0;
    json_decref(status);
    return degraded ? LOCUM_EXIT_NOT_FINE : LOCUM_EXIT_OK;
}

static bool
add_escaped(struct locum_text *target, const char *text)
{
    char *escaped = locum_client_escape(text);
    locum_text_add(target, escaped != NULL ? escaped : "");
    free(escaped);
    return escaped != NULL;
}

/* "/explain?name=NAME&if=NODE=STATE,NODE=STATE", encoded. */
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

/* Keep the answers of one type. False: there is none. */
static bool
keep_type(json_t *explain, const char *type)
{
    json_t *answers = json_object_get(explain, "answers");
    for (size_t i = json_array_size(answers); i > 0; i--) {
        const char *of = json_string_value(json_object_get(json_array_get(answers, i - 1), "type"));
        if (of == NULL || strcasecmp(of, type) != 0) {
            (void)json_array_remove(answers, i - 1);
        }
    }
    return json_array_size(answers) > 0;
}

static int
run_explain(const char *socket, const struct locum_options *options)
{
    json_t *explain = NULL;
    char buffer[TARGET_BYTES];
    struct locum_text target = locum_text_init(buffer, sizeof(buffer));
    if (strlen(options->argument) > 254) {
        (void)fputs("locum explain: a name has at most 254 characters\n", stderr);
        return LOCUM_EXIT_USAGE;
    }
    if (!explain_target(options, &target)) {
        (void)fputs("locum: out of memory\n", stderr);
        return LOCUM_EXIT_NOT_FINE;
    }
    int result = locum_client_ask(socket, buffer, NULL, stderr, &explain);
    if (result == LOCUM_EXIT_OK) {
        const struct locum_print print = locum_print_stdout();
        if (options->second != NULL && !keep_type(explain, options->second)) {
            (void)fprintf(stderr,
                          "locum explain: the plan makes no records of this type for %s; it makes "
                          "A, AAAA and, with https, HTTPS\n",
                          options->argument);
            result = LOCUM_EXIT_NOT_FINE;
        }
        locum_show_explain(explain, &print);
        json_decref(explain);
    }
    return result;
}

static int
run_events(const char *socket, const struct locum_options *options)
{
    return locum_watch_events(socket, (options->given & LOCUM_OPTION_FOLLOW) != 0);
}

static int
run_history(const char *socket, const struct locum_options *options)
{
    json_t *history = NULL;
    const int result = locum_client_ask(socket, "/history", NULL, stderr, &history);
    if (result == LOCUM_EXIT_OK) {
        const struct locum_print print = locum_print_stdout();
        if ((options->given & LOCUM_OPTION_JSON) != 0) {
            print_json(history);
        } else {
            locum_show_history(history, &print);
        }
        json_decref(history);
    }
    return result;
}

static int
drop_key(const char *socket, const struct locum_options *options)
{
    uint64_t tag;
    json_t *answer = NULL;
    if (strcmp(options->argument, "drop") != 0 || options->second == NULL ||
        locum_slice_u64(locum_slice_of(options->second), UINT16_MAX, &tag) != 0) {
        (void)fputs("usage: locum keys [--json]\n       locum keys drop TAG --force [ZONE]\n",
                    stderr);
        return LOCUM_EXIT_USAGE;
    }
    json_t *body = json_pack("{s:I, s:b, s:s*}", "tag", (json_int_t)tag, "force",
                             (options->given & LOCUM_OPTION_FORCE) != 0, "zone", options->third);
    const int result =
        post(socket, "/keys/drop", body, "locum: ZONE must be the name of a zone\n", &answer);
    if (result == LOCUM_EXIT_OK) {
        locum_print_json(stdout, answer, "key {dropped} of {zone} is dropped at this node\n");
        json_decref(answer);
    }
    return result;
}

static int
run_keys(const char *socket, const struct locum_options *options)
{
    json_t *keys = NULL;
    if (options->argument != NULL) {
        return drop_key(socket, options);
    }
    const int result = locum_client_ask(socket, "/keys", NULL, stderr, &keys);
    if (result == LOCUM_EXIT_OK) {
        const struct locum_print print = locum_print_stdout();
        if ((options->given & LOCUM_OPTION_JSON) != 0) {
            print_json(keys);
        } else {
            locum_show_keys(keys, &print);
        }
        json_decref(keys);
    }
    return result;
}

/* Wait until no resolver can have an older answer; on a terminal show the remaining seconds. */
static void
wait_out(json_int_t wait_ms)
{
    const bool shown = isatty(STDERR_FILENO) == 1;
    const locum_ms end = locum_clock_read().mono + (wait_ms > 0 ? wait_ms : 0);
    for (locum_ms left = end - locum_clock_read().mono; left > 0;
         left = end - locum_clock_read().mono) {
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

/* drain, ready, maint: the command's name is the state. */
static int
run_admin(const char *socket, const struct locum_options *options)
{
    json_t *for_s = options->for_ms != LOCUM_NEVER ? json_integer(options->for_ms / 1000) : NULL;
    json_t *answer = NULL;
    json_t *body = json_pack("{s:s, s:b, s:o*, s:s*}", "admin", options->command, "force",
                             (options->given & LOCUM_OPTION_FORCE) != 0, "for_s", for_s, "reason",
                             options->reason);
    const int result =
        post(socket, "/admin", body, "locum: --reason must be UTF-8 text\n", &answer);
    if (result != LOCUM_EXIT_OK) {
        return result;
    }
    const json_int_t wait_ms = json_integer_value(json_object_get(answer, "wait_ms"));
    locum_print_json(stdout, answer,
                     wait_ms > 0
                         ? "this node is now: {admin}; resolvers may cache older answers for "
                           "another {wait_ms:age}\n"
                         : "this node is now: {admin}\n");
    (void)fflush(stdout);
    if ((options->given & LOCUM_OPTION_WAIT) != 0) {
        wait_out(wait_ms);
    }
    json_decref(answer);
    return LOCUM_EXIT_OK;
}

/* exclude, include: the command's name is the path. */
static int
run_exclude(const char *socket, const struct locum_options *options)
{
    json_t *answer = NULL;
    const int result =
        post(socket, strcmp(options->command, "exclude") == 0 ? "/exclude" : "/include",
             json_pack("{s:s}", "node", options->argument),
             "locum: NODE must be the name of a node\n", &answer);
    if (result == LOCUM_EXIT_OK) {
        locum_print_json(stdout, answer,
                         json_array_size(json_object_get(answer, "excluded")) > 0
                             ? "excluded from this node's answers: {excluded}\n"
                             : "no node is excluded from this node's answers\n");
        json_decref(answer);
    }
    return result;
}

static int
run_reload(const char *socket, const struct locum_options *options)
{
    json_t *answer = NULL;
    size_t i;
    const json_t *warning;
    (void)options;
    const int result = post(socket, "/reload", json_object(), "locum: out of memory\n", &answer);
    if (result != LOCUM_EXIT_OK) {
        return result;
    }
    json_array_foreach(json_object_get(answer, "warnings"), i, warning)
    {
        locum_print_json(stderr, warning, "{}\n");
    }
    (void)fputs(json_is_true(json_object_get(answer, "reloaded"))
                    ? "the configuration was reloaded\n"
                    : "the configuration takes effect when its signatures are made: the log then "
                      "has event=reload\n",
                stdout);
    json_decref(answer);
    return result;
}

static int
run_replace(const char *socket, const struct locum_options *options)
{
    json_t *answer = NULL;
    (void)options;
    const int result = post(socket, "/replace", json_object(), "locum: out of memory\n", &answer);
    if (result == LOCUM_EXIT_OK) {
        locum_print_json(stdout, answer,
                         "the daemon runs version {to} now, before {from}; DNS queries waited "
                         "{pause_ms} ms\n");
        json_decref(answer);
    }
    return result;
}

static int
run_dump(const char *socket, const struct locum_options *options)
{
    (void)options;
    if (isatty(STDOUT_FILENO) == 1) {
        (void)fputs("locum dump: write it to a file: locum dump > FILE\n", stderr);
        return LOCUM_EXIT_USAGE;
    }
    return locum_client_copy(socket, "/dump", stdout, stderr);
}

/* hooks test [N]: a line for each hook. */
static int
run_hooks(const char *socket, const struct locum_options *options)
{
    uint64_t number = 0;
    json_t *answer = NULL;
    size_t i;
    const json_t *hook;
    int result = LOCUM_EXIT_OK;
    if (strcmp(options->argument, "test") != 0 ||
        (options->second != NULL &&
         (locum_slice_u64(locum_slice_of(options->second), UINT32_MAX, &number) != 0 ||
          number == 0))) {
        (void)fputs("usage: locum hooks test [N]   (N: the place of a hook in the list, from 1)\n",
                    stderr);
        return LOCUM_EXIT_USAGE;
    }
    json_t *body = number > 0 ? json_pack("{s:I}", "hook", (json_int_t)number) : json_object();
    result = locum_client_wait(socket, "/hooks", body, HOOKS_WAIT_S, stderr, &answer);
    json_decref(body);
    if (result != LOCUM_EXIT_OK) {
        return result;
    }
    json_array_foreach(json_object_get(answer, "hooks"), i, hook)
    {
        const bool delivered = json_is_true(json_object_get(hook, "delivered"));
        locum_print_json(stdout, hook,
                         delivered ? "hook {hook}, {name}: delivered: {text}\n"
                                   : "hook {hook}, {name}: NOT delivered: {text}\n");
        result = delivered ? result : LOCUM_EXIT_NOT_FINE;
    }
    if (i == 0) {
        (void)fputs(
            "the daemon has no hooks: write them in locum.yaml (see locum.yaml(5)), then run "
            "`locum reload`\n",
            stderr);
        result = LOCUM_EXIT_NOT_FINE;
    }
    json_decref(answer);
    return result;
}

static void
show_acme(const json_t *answer, bool set)
{
    const bool removed = json_integer_value(json_object_get(answer, "removed")) > 0;
    const bool missing = json_array_size(json_object_get(answer, "missing")) > 0;
    if (set) {
        locum_print_json(stdout, answer,
                         "{name} answers the value for {for_s} s, on {answering/, }\n");
    } else {
        locum_print_json(stdout, answer,
                         removed ? "{name}: removed {removed}, on {answering/, }\n"
                                 : "{name} has no such value\n");
    }
    if (json_array_size(json_object_get(answer, "down")) > 0) {
        locum_print_json(stdout, answer, "  down, and not waited for: {down/, }\n");
    }
    if (missing) {
        (void)fflush(stdout);
        locum_print_json(stderr, answer,
                         "locum acme: not acknowledged in time by {missing/, }, which may still "
                         "answer without this change\n");
    }
}

/* acme set NAME VALUE, acme unset NAME [VALUE] */
static int
run_acme(const char *socket, const struct locum_options *options)
{
    json_t *answer = NULL;
    const bool set = strcmp(options->argument, "set") == 0;
    const bool timed = options->for_ms != LOCUM_NEVER;
    if ((!set && strcmp(options->argument, "unset") != 0) || options->second == NULL ||
        (set ? options->third == NULL : timed)) {
        (void)fputs("usage: locum acme set NAME VALUE [--for 10m]\n"
                    "       locum acme unset NAME [VALUE]   (without VALUE: all)\n"
                    "       locum acme account NAME\n",
                    stderr);
        return LOCUM_EXIT_USAGE;
    }
    json_t *for_s = timed ? json_integer(options->for_ms / 1000) : NULL;
    json_t *body = json_pack("{s:s, s:s, s:s*, s:o*}", "action", options->argument, "name",
                             options->second, "value", options->third, "for_s", for_s);
    if (body == NULL) {
        (void)fputs("locum acme: NAME and VALUE must be UTF-8 text\n", stderr);
        return LOCUM_EXIT_USAGE;
    }
    int result = locum_client_wait(socket, "/acme", body, ACME_WAIT_S, stderr, &answer);
    json_decref(body);
    if (result == LOCUM_EXIT_OK) {
        show_acme(answer, set);
        result = json_array_size(json_object_get(answer, "missing")) > 0 ? LOCUM_EXIT_NOT_FINE
                                                                         : LOCUM_EXIT_OK;
        json_decref(answer);
    }
    return result;
}

enum {
    READY_OPTIONS = LOCUM_OPTION_REASON | LOCUM_OPTION_WAIT,
    LEAVE_OPTIONS = READY_OPTIONS | LOCUM_OPTION_FOR | LOCUM_OPTION_FORCE,
};

const struct locum_cli_command locum_cli_commands[] = {
    {"status", "status [--json] [--watch] [--check]",
     "show the cluster; exit 1 if it is degraded; --check: for Nagios and Icinga", run_status,
     false, LOCUM_OPTION_JSON | LOCUM_OPTION_WATCH | LOCUM_OPTION_CHECK, NULL},
    {"explain", "explain NAME [TYPE] [--if NODE=STATE] ...",
     "show why a name has its answer, or its answer if nodes were down, failing, drain ...",
     run_explain, false, LOCUM_OPTION_IF, "NAME [TYPE]"},
    {"events", "events [--follow]", "show what happened, newest last", run_events, false,
     LOCUM_OPTION_FOLLOW, NULL},
    {"history", "history [--json]", "show the last 24 hours as this node saw them", run_history,
     false, LOCUM_OPTION_JSON, NULL},
    {"keys", "keys [--json] | keys drop TAG --force [ZONE]",
     "show the DNSSEC keys of all servers, and what may be removed; drop a key", run_keys, false,
     LOCUM_OPTION_JSON | LOCUM_OPTION_FORCE, "[drop TAG ZONE]"},
    {"drain", "drain [--for 30m] [--reason TEXT] [--wait] [--force]",
     "name this node only if no better one is available", run_admin, false, LEAVE_OPTIONS, NULL},
    {"ready", "ready [--reason TEXT] [--wait]", "end drain or maint", run_admin, false,
     READY_OPTIONS, NULL},
    {"maint", "maint [--for 30m] [--reason TEXT] [--wait] [--force]", "treat this node as failing",
     run_admin, false, LEAVE_OPTIONS, NULL},
    {"exclude", "exclude NODE", "exclude a peer from this node's answers", run_exclude, false, 0,
     "NODE"},
    {"include", "include NODE", "end the exclusion of a peer", run_exclude, false, 0, "NODE"},
    {"reload", "reload", "reload the configuration: all of it takes effect, or nothing", run_reload,
     false, 0, NULL},
    {"acme", "acme set NAME VALUE [--for 10m] | unset NAME [VALUE] | account NAME",
     "answer a value of an ACME challenge (dns-01) on all nodes, or end that", run_acme, false,
     LOCUM_OPTION_FOR, "set|unset|account NAME [VALUE]"},
    {"hooks", "hooks test [N]",
     "send a test event to each hook, or to hook N, and show the outcomes", run_hooks, false, 0,
     "test [N]"},
    {"replace", "replace", "run the program on the disk in place of the daemon, without a pause",
     run_replace, false, 0, NULL},
    {"dump", "dump > FILE", "what this node took in during the last minutes, for a bug report",
     run_dump, false, 0, NULL},
    {0},
};
