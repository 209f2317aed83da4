#include "cli/plugin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/print.h"

/* Not more after this many bytes: NRPE before version 3 passes 1,023 on. */
enum { ITEMS_BYTES = 600 };

/* "; a; b": items of an array, each as the template says. */
static void
add_items(FILE *out, const json_t *items, const char *template)
{
    size_t i;
    const json_t *item;
    json_array_foreach(items, i, item)
    {
        if (ftell(out) > ITEMS_BYTES) {
            (void)fprintf(out, "; and %zu more", json_array_size(items) - i);
            return;
        }
        (void)fputs("; ", out);
        locum_print_json(out, item, template);
    }
}

/* "; dc3: drain": what an operator wants is shown, but no failure. */
static void
add_admins(FILE *out, const json_t *nodes)
{
    size_t i;
    const json_t *node;
    json_array_foreach(nodes, i, node)
    {
        const json_t *admin = json_object_get(node, "admin");
        if (json_is_object(admin) && !locum_print_is(admin, "state", "ready")) {
            locum_print_json(out, node,
                             "; {name}: {admin.state}[ for another {admin.left_ms:age}]"
                             "[, reason: {admin.reason}]");
        }
    }
}

static enum locum_plugin_code
code_of(const json_t *status)
{
    const json_t *degraded = json_object_get(status, "degraded");
    const json_t *warnings = json_object_get(status, "counted_warnings");
    return !json_is_array(degraded) || !json_is_integer(warnings) ? LOCUM_PLUGIN_UNKNOWN
           : json_array_size(degraded) > 0                        ? LOCUM_PLUGIN_CRITICAL
           : json_integer_value(warnings) > 0                     ? LOCUM_PLUGIN_WARNING
                                                                  : LOCUM_PLUGIN_OK;
}

static void
describe(FILE *out, const json_t *status, enum locum_plugin_code code)
{
    locum_print_json(out, status, "node {node} of cluster {cluster}: ");
    switch (code) {
    case LOCUM_PLUGIN_OK:
        locum_print_json(out, status,
                         locum_print_is(status, "summary", "OK") ? "serving {serving}"
                                                                 : "serving {serving}; {summary}");
        break;
    case LOCUM_PLUGIN_WARNING:
        locum_print_json(out, status, "serving {serving}");
        add_items(out, json_object_get(status, "warnings"), "{}");
        break;
    case LOCUM_PLUGIN_CRITICAL:
        locum_print_json(out, status, "degraded, serving {serving}");
        add_items(out, json_object_get(status, "degraded"), "{text}");
        break;
    case LOCUM_PLUGIN_UNKNOWN:
    default:
        (void)fputs("the daemon does not report its state; is it an older version?", out);
        return;
    }
    add_admins(out, json_object_get(status, "nodes"));
}

/* The text in one line; what begins performance data or ends a line is replaced. */
static void
print_line(enum locum_plugin_code code, const char *text)
{
    static const char *const names[] = {
        [LOCUM_PLUGIN_OK] = "OK",
        [LOCUM_PLUGIN_WARNING] = "WARNING",
        [LOCUM_PLUGIN_CRITICAL] = "CRITICAL",
        [LOCUM_PLUGIN_UNKNOWN] = "UNKNOWN",
    };
    (void)printf("LOCUM %s: ", names[code]);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c != '\n') {
            (void)putchar(*c == '|' ? '/' : *c);
        } else if (c[1] != '\0') {
            (void)fputs("; ", stdout);
        }
    }
}

static void
print_performance(const json_t *status)
{
    const json_t *dns = json_object_get(status, "dns");
    const json_t *quorum = json_object_get(status, "quorum");
    (void)printf(" | degraded=%zu warnings=%lld votes=%lld queries=%lldc uptime=%llds",
                 json_array_size(json_object_get(status, "degraded")),
                 json_integer_value(json_object_get(status, "counted_warnings")),
                 json_integer_value(json_object_get(quorum, "reachable")),
                 json_integer_value(json_object_get(dns, "queries")),
                 json_integer_value(json_object_get(status, "uptime_ms")) / 1000);
}

/* A daemon that may not be asked is not known to fail. */
static enum locum_plugin_code
code_without_answer(const char *socket, int result)
{
    const bool denied = access(socket, W_OK) != 0 && errno == EACCES;
    return result == LOCUM_EXIT_UNREACHABLE && !denied ? LOCUM_PLUGIN_CRITICAL
                                                       : LOCUM_PLUGIN_UNKNOWN;
}

int
locum_plugin_status(const char *socket)
{
    char *text = NULL;
    size_t size = 0;
    json_t *status = NULL;
    enum locum_plugin_code code = LOCUM_PLUGIN_UNKNOWN;
    FILE *out = open_memstream(&text, &size);
    if (out != NULL) {
        const int result = locum_client_ask(socket, "/status", NULL, out, &status);
        code = result == LOCUM_EXIT_OK ? code_of(status) : code_without_answer(socket, result);
        if (status != NULL) {
            describe(out, status, code);
        }
        (void)fclose(out);
    }
    print_line(code, text != NULL ? text : "out of memory");
    if (status != NULL && code != LOCUM_PLUGIN_UNKNOWN) {
        print_performance(status);
    }
    (void)putchar('\n');
    json_decref(status);
    free(text);
    return (int)code;
}

int
locum_plugin_unknown(const char *text)
{
    print_line(LOCUM_PLUGIN_UNKNOWN, text);
    (void)putchar('\n');
    return LOCUM_PLUGIN_UNKNOWN;
}
