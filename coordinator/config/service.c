/* service: what is checked of this node's own service. */
#include <string.h>

#include "config/load.h"
#include "config/value.h"

static void
name_http(struct locum_config_check *check)
{
    const struct locum_slice url = locum_slice_of(check->http.url);
    const struct locum_slice authority = locum_value_url_authority(url);
    const char *path = authority.at + authority.length;
    struct locum_text name = locum_text_init(check->name, sizeof(check->name));
    locum_text_add(&name, locum_slice_starts(url, "https") ? "https " : "http ");
    if (strcmp(check->http.method, "GET") != 0) {
        locum_text_add(&name, check->http.method);
        locum_text_add_char(&name, ' ');
    }
    locum_text_add_bytes(&name, authority.at, authority.length);
    locum_text_add(&name, strcmp(path, "/") == 0 ? "" : path);
    if (check->http.host[0] != '\0') {
        locum_text_add(&name, " host ");
        locum_text_add(&name, check->http.host);
    }
    if (check->http.connect_to.port != 0) {
        locum_text_add(&name, " at ");
        locum_address_add_port(&check->http.connect_to, &name);
    }
}

static void
name_command(struct locum_config_check *check)
{
    struct locum_text name = locum_text_init(check->name, sizeof(check->name));
    const char *word = check->command.words;
    locum_text_add(&name, "command");
    for (size_t i = 0; i < check->command.count; i++, word++) {
        locum_text_add_char(&name, ' ');
        for (; *word != '\0'; word++) {
            locum_text_add_char(&name, *word >= ' ' && *word < 127 ? *word : '?');
        }
    }
}

static void
name_check(struct locum_config_check *check)
{
    struct locum_text name = locum_text_init(check->name, sizeof(check->name));
    switch (check->kind) {
    case LOCUM_CHECK_HTTP: name_http(check); break;
    case LOCUM_CHECK_TCP:
        locum_text_add(&name, "tcp ");
        locum_address_add_port(&check->tcp, &name);
        break;
    case LOCUM_CHECK_COMMAND: name_command(check); break;
    case LOCUM_CHECK_MIRRORBITS: locum_text_add(&name, "mirrorbits"); break;
    }
}

/* The one kind that is written in item `index`; false, and a complaint, if it is not one. */
static bool
kind_of(struct locum_load *self, size_t index, enum locum_check_kind *ret)
{
    const yaml_node_t *item = self->check_items[index];
    const bool http = locum_load_value(self, "service.checks[].http", index)->node != NULL;
    const bool tcp = locum_load_value(self, "service.checks[].tcp", index)->node != NULL;
    const bool command = locum_load_value(self, "service.checks[].command", index)->node != NULL;
    if (item->type != YAML_MAPPING_NODE) {
        return false; /* complained about already */
    }
    if (item->data.mapping.pairs.top - item->data.mapping.pairs.start != 1) {
        locum_problems_error(
            &self->problems, locum_document_at(item),
            "a check has one key, http, tcp, command or mirrorbits: write each check "
            "as an item of its own, and its settings inside that key");
        return false;
    }
    *ret = http      ? LOCUM_CHECK_HTTP
           : tcp     ? LOCUM_CHECK_TCP
           : command ? LOCUM_CHECK_COMMAND
                     : LOCUM_CHECK_MIRRORBITS;
    return true;
}

/* The words of a command; those that are no good are complained about. */
static void
take_command(struct locum_load *self, size_t index)
{
    static const char key[] = "service.checks[].command.argv";
    struct locum_config_command *command = &self->config->checks[index].command;
    struct locum_text words = locum_text_init(command->words, sizeof(command->words));
    const size_t count = locum_load_items(self, key, index);
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *item = locum_load_item(self, key, index, i);
        const struct locum_slice word = locum_document_text(item);
        if (i == 0 && (word.length == 0 || word.at[0] != '/')) {
            locum_problems_error(&self->problems, locum_document_at(item),
                                 "argv begins with %s: write the whole path of a program, as in "
                                 "/usr/local/lib/check",
                                 locum_quote(word).text);
            return;
        }
        if (memchr(word.at, '\0', word.length) != NULL) {
            locum_problems_error(&self->problems, locum_document_at(item),
                                 "a NUL in argv: write the word without it");
            return;
        }
        locum_text_add_bytes(&words, word.at, word.length);
        locum_text_add_bytes(&words, "", 1);
    }
    if (words.truncated) {
        locum_problems_error(&self->problems,
                             locum_load_at(self, key, index, (struct locum_position){0}),
                             "argv is longer than %d characters: put the command into a script",
                             LOCUM_COMMAND_BYTES_MAX - 1);
        return;
    }
    command->count = count;
}

/* What goes wrong with settings that are right each by itself. */
static void
check_http(struct locum_load *self, size_t index)
{
    const struct locum_config_check *check = &self->config->checks[index];
    static const char *const of_body[] = {"service.checks[].http.body",
                                          "service.checks[].http.body-not"};
    for (size_t i = 0; i < LOCUM_COUNT(of_body); i++) {
        if (locum_load_good(self, of_body[i], index) && strcmp(check->http.method, "HEAD") == 0) {
            locum_problems_error(&self->problems,
                                 locum_load_at(self, of_body[i], index, (struct locum_position){0}),
                                 "the answer to HEAD has no body: write method: GET");
        }
    }
    if (locum_load_good(self, "service.checks[].http.ca-file", index) &&
        !locum_slice_starts(locum_slice_of(check->http.url), "https")) {
        locum_problems_error(
            &self->problems,
            locum_load_at(self, "service.checks[].http.ca-file", index, (struct locum_position){0}),
            "ca-file is for an https:// URL");
    }
}

static void
check_is_new(struct locum_load *self, size_t index)
{
    const struct locum_config *config = self->config;
    for (size_t i = 0; i < index; i++) {
        if (config->checks[index].name[0] != '\0' &&
            strcmp(config->checks[i].name, config->checks[index].name) == 0) {
            locum_problems_error(&self->problems, locum_document_at(self->check_items[index]),
                                 "check \"%s\" stands at line %u already: remove one",
                                 config->checks[index].name,
                                 locum_document_at(self->check_items[i]).line);
            return;
        }
    }
}

/* Returns true if it is a check that can tell the service's health by itself. */
static bool
take_check(struct locum_load *self, size_t index)
{
    struct locum_config_check *check = &self->config->checks[index];
    struct locum_core_check *core = &self->config->core.checks[index];
    if (!kind_of(self, index, &check->kind)) {
        return true;
    }
    core->mirrorbits = check->kind == LOCUM_CHECK_MIRRORBITS;
    core->counts = core->counts || !core->mirrorbits;
    if (core->mirrorbits && self->config->redis.master_name[0] == '\0') {
        locum_problems_error(&self->problems, locum_document_at(self->check_items[index]),
                             "a mirrorbits check listens to Redis: write the nodes' redis and "
                             "sentinel endpoints");
    }
    if (check->kind == LOCUM_CHECK_COMMAND) {
        take_command(self, index);
    }
    const bool complete = (check->kind != LOCUM_CHECK_HTTP || check->http.url[0] != '\0') &&
                          (check->kind != LOCUM_CHECK_TCP || check->tcp.port != 0) &&
                          (check->kind != LOCUM_CHECK_COMMAND || check->command.count > 0);
    if (complete) {
        name_check(check);
        check_is_new(self, index);
        if (check->kind == LOCUM_CHECK_HTTP) {
            check_http(self, index);
        }
    }
    return !core->mirrorbits;
}

void
locum_load_service(struct locum_load *self)
{
    struct locum_core_config *core = &self->config->core;
    bool probed = locum_load_bad(self, "service.checks", 0) || locum_load_bad(self, "service", 0);
    for (size_t i = 0; i < core->check_count; i++) {
        probed |= take_check(self, i);
    }
    if (core->self == LOCUM_NODE_NONE) {
        return;
    }
    if (core->nodes[core->self].role == LOCUM_ROLE_WITNESS) {
        core->check_count = 0;
    } else if (!probed) {
        locum_problems_error(
            &self->problems,
            locum_load_at(self, "service.checks", 0,
                          locum_load_at(self, "service", 0, (struct locum_position){0})),
            "a server needs at least one http, tcp or command check in service.checks, as in "
            "{http: {url: \"http://127.0.0.1:8080/\"}}");
    }
}
