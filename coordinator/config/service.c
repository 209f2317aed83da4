/* service: the checks of this node's own service. */
#include <string.h>

#include "base/text_format.h"
#include "config/load.h"
#include "config/value.h"

/* What the status and the metrics call a check, e.g. "http 127.0.0.1:8080". */
static void
name_check(struct locum_config_check *check)
{
    struct locum_text name = locum_text_init(check->name, sizeof(check->name));
    const struct locum_slice url = locum_slice_of(check->http.url);
    const char *word = check->command.words;
    struct locum_slice authority;
    switch (check->kind) {
    case LOCUM_CHECK_HTTP:
        authority = locum_value_url_authority(url);
        const char *path = authority.at + authority.length;
        locum_text_format(&name, "%s %s%.*s%s", locum_slice_starts(url, "https") ? "https" : "http",
                          check->http.head ? "HEAD " : "", LOCUM_SLICE(authority),
                          strcmp(path, "/") == 0 ? "" : path);
        if (check->http.host[0] != '\0') {
            locum_text_format(&name, " host %s", check->http.host);
        }
        if (check->http.connect_to.port != 0) {
            locum_text_format(&name, " at %s", locum_address_text(&check->http.connect_to).text);
        }
        break;
    case LOCUM_CHECK_TCP:
        locum_text_format(&name, "tcp %s", locum_address_text(&check->tcp).text);
        break;
    case LOCUM_CHECK_COMMAND:
        locum_text_add(&name, "command");
        for (size_t i = 0; i < check->command.count; i++, word++) {
            locum_text_add_char(&name, ' ');
            for (; *word != '\0'; word++) {
                locum_text_add_char(&name, *word >= ' ' && *word < 127 ? *word : '?');
            }
        }
        break;
    case LOCUM_CHECK_MIRRORBITS: locum_text_add(&name, "mirrorbits"); break;
    }
}

/* The one kind that is written in item `index`; false, and an error, if it is not one. */
static bool
find_kind(struct locum_bind *bind, size_t index, enum locum_check_kind *ret)
{
    const yaml_node_t *item = locum_bind_item(bind, LOCUM_KEY_CHECKS, 0, index);
    if (item->type != YAML_MAPPING_NODE) {
        return false; /* the binder has reported it */
    }
    if (item->data.mapping.pairs.top - item->data.mapping.pairs.start != 1) {
        LOCUM_BIND_ERROR(bind, item,
                         "checks: a check has exactly one key: http, tcp, command or mirrorbits; "
                         "write each check as an item, with its settings inside that key");
        return false;
    }
    *ret = locum_bind_written(bind, LOCUM_KEY_HTTP, index)      ? LOCUM_CHECK_HTTP
           : locum_bind_written(bind, LOCUM_KEY_TCP, index)     ? LOCUM_CHECK_TCP
           : locum_bind_written(bind, LOCUM_KEY_COMMAND, index) ? LOCUM_CHECK_COMMAND
                                                                : LOCUM_CHECK_MIRRORBITS;
    return true;
}

/* argv as execve(2) wants it; the binder stores no lists of free text. */
static void
load_command(struct locum_bind *bind, size_t index)
{
    struct locum_config *config = bind->target;
    struct locum_config_command *command = &config->checks[index].command;
    struct locum_text words = locum_text_init(command->words, sizeof(command->words));
    const size_t count = locum_bind_items(bind, LOCUM_KEY_COMMAND_ARGV, index);
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *item = locum_bind_item(bind, LOCUM_KEY_COMMAND_ARGV, index, i);
        const struct locum_slice word = locum_document_text(item);
        const bool relative = i == 0 && (word.length == 0 || word.at[0] != '/');
        if (relative || memchr(word.at, '\0', word.length) != NULL) {
            LOCUM_BIND_ERROR(bind, item, "argv: %s %s", locum_problems_quote(word).text,
                             relative ? "is not an absolute path; write the path of the program, "
                                        "as in /usr/local/lib/check"
                                      : "contains a NUL; remove it");
            return;
        }
        locum_text_add_bytes(&words, word.at, word.length);
        locum_text_add_bytes(&words, "", 1);
    }
    if (words.truncated) {
        locum_bind_error(bind, LOCUM_KEY_COMMAND_ARGV, index,
                         "argv: longer than %d characters; put the command into a script",
                         LOCUM_COMMAND_BYTES_MAX - 1);
        return;
    }
    command->count = count;
}

/* Settings that are right by themselves and wrong together. */
static void
check_http(struct locum_bind *bind, size_t index)
{
    const struct locum_config *config = bind->target;
    const struct locum_config_check *check = &config->checks[index];
    static const size_t of_body[] = {LOCUM_KEY_HTTP_BODY, LOCUM_KEY_HTTP_BODY_NOT};
    for (size_t i = 0; i < LOCUM_COUNT(of_body); i++) {
        if (locum_bind_good(bind, of_body[i], index) && check->http.head) {
            locum_bind_error(bind, of_body[i], index,
                             "%s: a HEAD request returns no body; use method: GET",
                             locum_schema_name(&locum_keys.rows[of_body[i]]));
        }
    }
    if (locum_bind_good(bind, LOCUM_KEY_HTTP_CA_FILE, index) &&
        !locum_slice_starts(locum_slice_of(check->http.url), "https")) {
        locum_bind_error(bind, LOCUM_KEY_HTTP_CA_FILE, index,
                         "ca-file: the URL is not https://; remove this key");
    }
}

/* Two checks of the same name would look the same in the status and the metrics. */
static void
check_is_unique(struct locum_bind *bind, size_t index)
{
    const struct locum_config *config = bind->target;
    for (size_t i = 0; i < index; i++) {
        if (strcmp(config->checks[i].name, config->checks[index].name) == 0) {
            LOCUM_BIND_ERROR(bind, locum_bind_item(bind, LOCUM_KEY_CHECKS, 0, index),
                             "checks: \"%s\" is already used at line %u; remove one of them",
                             config->checks[i].name,
                             locum_document_at(locum_bind_item(bind, LOCUM_KEY_CHECKS, 0, i)).line);
            return;
        }
    }
}

/* Returns true unless it is a mirrorbits check, which cannot judge the service alone. */
static bool
load_check(struct locum_bind *bind, size_t index)
{
    struct locum_config *config = bind->target;
    struct locum_config_check *check = &config->checks[index];
    struct locum_core_check *core = &config->core.checks[index];
    if (!find_kind(bind, index, &check->kind)) {
        return true;
    }
    core->mirrorbits = check->kind == LOCUM_CHECK_MIRRORBITS;
    core->counts = core->counts || !core->mirrorbits;
    if (core->mirrorbits && config->redis.master_name[0] == '\0') {
        LOCUM_BIND_ERROR(bind, locum_bind_item(bind, LOCUM_KEY_CHECKS, 0, index),
                         "mirrorbits: this check needs Redis; set redis and sentinel of the nodes");
    }
    if (check->kind == LOCUM_CHECK_COMMAND) {
        load_command(bind, index);
    }
    const bool complete = (check->kind != LOCUM_CHECK_HTTP || check->http.url[0] != '\0') &&
                          (check->kind != LOCUM_CHECK_TCP || check->tcp.port != 0) &&
                          (check->kind != LOCUM_CHECK_COMMAND || check->command.count > 0);
    if (complete) {
        name_check(check);
        check_is_unique(bind, index);
        if (check->kind == LOCUM_CHECK_HTTP) {
            check_http(bind, index);
        }
    }
    return !core->mirrorbits;
}

void
locum_load_service(struct locum_bind *bind)
{
    struct locum_config *config = bind->target;
    struct locum_core_config *core = &config->core;
    bool probed =
        locum_bind_bad(bind, LOCUM_KEY_CHECKS, 0) || locum_bind_bad(bind, LOCUM_KEY_SERVICE, 0);
    for (size_t i = 0; i < core->check_count; i++) {
        probed |= load_check(bind, i);
    }
    if (core->self == LOCUM_NODE_NONE) {
        return;
    }
    if (core->nodes[core->self].role == LOCUM_ROLE_WITNESS) {
        core->check_count = 0;
    } else if (!probed) {
        locum_bind_error(bind, LOCUM_KEY_CHECKS, 0,
                         "service.checks: a server needs at least one http, tcp or command check, "
                         "as in {http: {url: \"http://127.0.0.1:8080/\"}}");
    }
}
