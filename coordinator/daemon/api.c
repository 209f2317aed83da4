/* The handlers of the control room: requests -> events of the core, and what is told. */
#include "daemon/daemon.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { FOR_S_MAX = 30 * 86400 };

static struct locum_control_reply
error_with(int status, const char *before, const char *what, const char *after)
{
    char line[256];
    struct locum_text text = locum_text_init(line, sizeof(line));
    locum_text_add(&text, before);
    locum_text_add_escaped(&text, what, strnlen(what, 100));
    locum_text_add(&text, after);
    return locum_control_error(status, line);
}

static struct locum_control_reply
handle_status(void *user, const struct locum_control_request *request)
{
    (void)request;
    return locum_control_json(locum_daemon_status(user));
}

static struct locum_control_reply
handle_metrics(void *user, const struct locum_control_request *request)
{
    (void)request;
    char *text = locum_daemon_metrics(user);
    return text == NULL ? locum_control_error(500, "out of memory")
                        : (struct locum_control_reply){.status = 200, .text = text};
}

/* Healthy: the loop turns, and the answers are those of the plan. */
static struct locum_control_reply
handle_healthz(void *user, const struct locum_control_request *request)
{
    const struct locum_daemon *self = user;
    (void)request;
    return self->publish_failed ? locum_control_error(503, "the answers are older than the plan")
                                : locum_control_json(json_pack("{s:b}", "ok", 1));
}

/* The plan's name for what the operator wrote: absolute or not, in any case. */
static bool
find_name(const struct locum_config *config, const char *wanted, size_t *ret)
{
    for (size_t i = 0; i < config->core.name_count; i++) {
        const char *name = config->names[i].name;
        const size_t length = strlen(name) - 1; /* without the last dot */
        if (strncasecmp(name, wanted, length) == 0 &&
            (wanted[length] == '\0' || strcmp(wanted + length, ".") == 0)) {
            *ret = i;
            return true;
        }
    }
    return false;
}

/* One NODE=WORD on a copy of the core. 0, or *ret_error. */
static int
suppose_one(struct locum_core *copy, struct locum_slice word, struct locum_control_reply *ret_error)
{
    struct locum_slice name;
    char written[128] = "";
    struct locum_text text = locum_text_init(written, sizeof(written));
    if (!locum_slice_cut(&word, '=', &name) || word.at == NULL) {
        *ret_error = locum_control_error(400, "if: write NODE=WORD, e.g. dc3=down");
        return LOCUM_ERR_INVALID;
    }
    const locum_node node = locum_nodes_find(&copy->config, name);
    if (node == LOCUM_NODE_NONE) {
        locum_text_add_bytes(&text, name.at, name.length);
        *ret_error = error_with(404, "no node is called ", written, ": locum status lists them");
        return LOCUM_ERR_NOT_FOUND;
    }
    const int status = locum_core_assume(copy, node, word);
    if (status != 0) {
        locum_text_add_bytes(&text, word.at, word.length);
        *ret_error = error_with(400, "", written,
                                ": instead write one of unknown alive suspect down returning up "
                                "failing probation ready drain maint excluded");
    }
    return status;
}

/* NODE=WORD,NODE=WORD ... on a copy of the core. */
static struct locum_control_reply
suppose(struct locum_daemon *self, size_t name, const char *supposed)
{
    struct locum_slice rest = locum_slice_of(supposed);
    struct locum_slice word;
    struct locum_control_reply reply;
    struct locum_core *copy = malloc(sizeof(*copy));
    if (copy == NULL) {
        return locum_control_error(500, "out of memory");
    }
    *copy = self->core;
    int status = 0;
    while (status == 0 && locum_slice_cut(&rest, ',', &word)) {
        status = suppose_one(copy, word, &reply);
    }
    if (status == 0) {
        reply = locum_control_json(locum_daemon_explain(self, name, copy, supposed));
    }
    free(copy);
    return reply;
}

static struct locum_control_reply
handle_explain(void *user, const struct locum_control_request *request)
{
    struct locum_daemon *self = user;
    size_t name;
    if (request->name == NULL) {
        return locum_control_error(400, "name: which name shall be explained?");
    }
    if (!find_name(self->config, request->name, &name)) {
        return error_with(404, "", request->name,
                          " is no shared or owned name of this cluster: locum status lists them");
    }
    return request->cond != NULL
               ? suppose(self, name, request->cond)
               : locum_control_json(locum_daemon_explain(self, name, &self->core, NULL));
}

static bool
parse_number(const char *text, uint64_t *ret)
{
    return text == NULL || locum_slice_u64(locum_slice_of(text), (uint64_t)1 << 53, ret) == 0;
}

static struct locum_control_reply
handle_events(void *user, const struct locum_control_request *request)
{
    const struct locum_daemon *self = user;
    uint64_t after = 0;
    size_t count;
    if (!parse_number(request->after, &after)) {
        return locum_control_error(400, "after: an id of an event, a number");
    }
    json_t *events = locum_story_since(self->story, after, &count);
    if (count == 0 && request->wait != NULL && !request->final) {
        json_decref(events);
        return (struct locum_control_reply){.later = true};
    }
    return locum_control_json(events);
}

/* Every server in every answer: for a name server that has lost its coordinator. */
static void
fail_open_plan(const struct locum_core_config *config, struct locum_plan *ret)
{
    const enum locum_rank all_well[LOCUM_NODES_MAX] = {0};
    locum_plan_make(config, all_well, ret);
    for (size_t i = 0; i < config->name_count; i++) {
        for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
            struct locum_answer *answer = &ret->answers[i][family];
            for (locum_node node = 0; node < config->node_count; node++) {
                if (answer->nodes != 0 && config->nodes[node].role == LOCUM_ROLE_SERVER &&
                    config->nodes[node].has[family]) {
                    answer->nodes |= locum_nodes_of(node);
                }
            }
            answer->ttl_s = config->names[i].failover_ttl_s;
        }
    }
}

static struct locum_control_reply
zone_reply(struct locum_daemon *self, size_t zone)
{
    struct locum_plan open;
    char *text = NULL;
    char *open_text = NULL;
    json_t *body = NULL;
    fail_open_plan(&self->config->core, &open);
    if (locum_dns_zone_text(self->config, zone, &self->core.plan, self->serial, &text) == 0 &&
        locum_dns_zone_text(self->config, zone, &open, self->serial, &open_text) == 0) {
        body = json_pack("{s:I, s:s, s:s}", "serial", (json_int_t)self->serial, "zone", text,
                         "fail_open", open_text);
    }
    free(text);
    free(open_text);
    return locum_control_json(body);
}

static struct locum_control_reply
handle_zone(void *user, const struct locum_control_request *request)
{
    struct locum_daemon *self = user;
    uint64_t known = 0;
    if (request->name == NULL || !parse_number(request->wait, &known)) {
        return locum_control_error(400, "write /zone?name=ZONE&wait=SERIAL");
    }
    for (size_t zone = 0; zone < self->config->zone_count; zone++) {
        const char *name = self->config->zones[zone].name;
        const size_t length = strlen(name) - 1;
        if (strncasecmp(name, request->name, length) == 0 &&
            (request->name[length] == '\0' || strcmp(request->name + length, ".") == 0)) {
            const bool same = request->wait != NULL && known == self->serial;
            return same && !request->final ? (struct locum_control_reply){.later = true}
                                           : zone_reply(self, zone);
        }
    }
    return error_with(404, "", request->name, " is no zone of this cluster");
}

/* The body of POST /admin; NULL if it is well formed, else what is wrong. */
static const char *
parse_admin(const json_t *body, struct locum_input *event, bool *ret_force)
{
    const json_t *word = json_object_get(body, "admin");
    const json_t *for_s = json_object_get(body, "for_s");
    const json_t *reason = json_object_get(body, "reason");
    const json_t *force = json_object_get(body, "force");
    event->admin.for_ms = LOCUM_NEVER;
    if (!json_is_string(word) ||
        !locum_names_find_admin(locum_slice_of(json_string_value(word)), &event->admin.state)) {
        return "admin: write ready, drain or maint";
    }
    if (for_s != NULL && !json_is_null(for_s)) {
        const json_int_t seconds = json_integer_value(for_s);
        if (!json_is_integer(for_s) || seconds < 1 || seconds > FOR_S_MAX) {
            return "for_s: seconds from 1 to 2592000 (30 days)";
        }
        event->admin.for_ms = (locum_ms)seconds * 1000;
    }
    if (reason != NULL && !json_is_null(reason)) {
        struct locum_text text = locum_text_init(event->admin.reason, sizeof(event->admin.reason));
        for (const char *c = json_string_value(reason); c != NULL && *c != '\0'; c++) {
            locum_text_add_char(&text, (unsigned char)*c < ' ' ? ' ' : *c);
        }
        if (!json_is_string(reason) || text.truncated) {
            return "reason: a text of at most 79 bytes";
        }
    }
    if (force != NULL && !json_is_null(force) && !json_is_boolean(force)) {
        return "force: true or false";
    }
    *ret_force = json_is_true(force);
    return NULL;
}

static struct locum_control_reply
refuse_admin(const struct locum_daemon *self, size_t left)
{
    char line[256];
    struct locum_text text = locum_text_init(line, sizeof(line));
    locum_text_add(&text, "this would leave ");
    locum_text_add_u64(&text, left);
    locum_text_add(&text, " server(s) wanted, and min-serving is ");
    locum_text_add_u64(&text, self->config->core.min_serving);
    locum_text_add(&text, ": bring another back first, or say --force if you mean it");
    return locum_control_error(409, line);
}

static struct locum_control_reply
handle_admin(void *user, const struct locum_control_request *request)
{
    struct locum_daemon *self = user;
    struct locum_input event = {.kind = LOCUM_INPUT_ADMIN};
    bool force;
    size_t left;
    const char *wrong = parse_admin(request->body, &event, &force);
    if (wrong != NULL) {
        return locum_control_error(400, wrong);
    }
    if (event.admin.state != LOCUM_READY &&
        self->core.config.nodes[self->core.config.self].role == LOCUM_ROLE_WITNESS) {
        return locum_control_error(409, "this node is a witness: no answer names it, so there is "
                                        "nothing to take out of service; just stop it");
    }
    if (locum_core_admin_check(&self->core, event.admin.state, force, &left) != 0) {
        return refuse_admin(self, left);
    }
    const locum_ms wait_ms = event.admin.state == LOCUM_READY ? 0 : locum_daemon_named_ms(self);
    const char *word = locum_names_admin(event.admin.state);
    locum_daemon_deliver(self, &event);
    return locum_control_json(
        json_pack("{s:s, s:I}", "admin", word, "wait_ms", (json_int_t)wait_ms));
}

static struct locum_control_reply
exclude(struct locum_daemon *self, const struct locum_control_request *request, bool excluded)
{
    const char *name = json_string_value(json_object_get(request->body, "node"));
    const struct locum_core_config *config = &self->config->core;
    struct locum_input event = {.kind = LOCUM_INPUT_EXCLUDE};
    if (name == NULL) {
        return locum_control_error(400, "node: which node?");
    }
    const locum_node node = locum_nodes_find(config, locum_slice_of(name));
    if (node == LOCUM_NODE_NONE) {
        return error_with(404, "no node is called ", name, ": locum status lists them");
    }
    if (node == config->self || config->nodes[node].role != LOCUM_ROLE_SERVER) {
        return error_with(409, "", name,
                          node == config->self ? " is this node: use locum drain or locum maint"
                                               : " is no server: it is never named in an answer");
    }
    event.exclude.node = node;
    event.exclude.excluded = excluded;
    locum_daemon_deliver(self, &event);
    return locum_control_json(
        json_pack("{s:o}", "excluded", locum_daemon_names_of(config, self->core.admin.excluded)));
}

static struct locum_control_reply
handle_exclude(void *user, const struct locum_control_request *request)
{
    return exclude(user, request, true);
}

static struct locum_control_reply
handle_include(void *user, const struct locum_control_request *request)
{
    return exclude(user, request, false);
}

static struct locum_control_reply
handle_reload(void *user, const struct locum_control_request *request)
{
    json_t *told;
    (void)request;
    return locum_daemon_reload(user, &told) == 0
               ? locum_control_json(json_pack("{s:b, s:o}", "reloaded", 1, "warnings", told))
               : (struct locum_control_reply){.status = 409,
                                              .body = json_pack("{s:o}", "errors", told)};
}

const struct locum_control_handlers locum_daemon_handlers = {
    .status = handle_status,
    .explain = handle_explain,
    .events = handle_events,
    .zone = handle_zone,
    .metrics = handle_metrics,
    .healthz = handle_healthz,
    .admin = handle_admin,
    .exclude = handle_exclude,
    .include = handle_include,
    .reload = handle_reload,
    .nsd = locum_daemon_nsd_take,
};
