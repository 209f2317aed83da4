#include "daemon/api.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text_format.h"
#include "daemon/act.h"
#include "daemon/adapter.h"
#include "daemon/emit.h"
#include "daemon/inside.h"
#include "daemon/loop.h"
#include "daemon/reload.h"

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

/* The view of a request: with the time of an iteration, which this begins. */
static void
make_view(struct locum_daemon *self, struct locum_report *ret)
{
    (void)locum_daemon_loop_now(self);
    locum_daemon_emit_view(self, ret);
}

static struct locum_control_reply
handle_status(void *user, const struct locum_control_request *request)
{
    struct locum_report view;
    (void)request;
    make_view(user, &view);
    return locum_control_json(locum_report_status(&view));
}

static struct locum_control_reply
handle_metrics(void *user, const struct locum_control_request *request)
{
    struct locum_report view;
    (void)request;
    make_view(user, &view);
    char *text = locum_report_metrics(&view);
    return text == NULL ? locum_control_error(500, "out of memory")
                        : (struct locum_control_reply){.status = 200, .text = text};
}

/* Healthy: the loop runs, and the answers are those of the plan. */
static struct locum_control_reply
handle_healthz(void *user, const struct locum_control_request *request)
{
    const struct locum_daemon *self = user;
    (void)request;
    return self->run.publish_failed
               ? locum_control_error(503, "the answers are older than the plan")
               : locum_control_json(json_pack("{s:b}", "ok", 1));
}

/* The plan's name for what the operator wrote: absolute or not, in any case. */
static bool
find_name(const struct locum_config *config, const char *written, size_t *ret)
{
    size_t i = 0;
    while (i < config->core.name_count &&
           !locum_daemon_adapter_is_name(config->names[i].name, written)) {
        i++;
    }
    *ret = i;
    return i < config->core.name_count;
}

/* Assume NODE=STATE on a copy of the core. 0, or *ret_error. */
static int
suppose_one(struct locum_core *copy, struct locum_slice state,
            struct locum_control_reply *ret_error)
{
    struct locum_slice name;
    char written[128] = "";
    struct locum_text text = locum_text_init(written, sizeof(written));
    if (!locum_slice_cut(&state, '=', &name) || state.at == NULL) {
        *ret_error = locum_control_error(400, "if: write NODE=STATE, for example dc3=down");
        return LOCUM_ERR_INVALID;
    }
    const locum_node node = locum_nodes_find(&copy->config, name);
    if (node == LOCUM_NODE_NONE) {
        locum_text_add_bytes(&text, name.at, name.length);
        *ret_error = error_with(404, "there is no node ", written, ": locum status lists them");
        return LOCUM_ERR_NOT_FOUND;
    }
    const int status = locum_core_assume(copy, node, state);
    if (status != 0) {
        locum_text_add_bytes(&text, state.at, state.length);
        *ret_error = error_with(400, "", written,
                                ": write one of unknown alive suspect down returning up failing "
                                "probation ready drain maint excluded");
    }
    return status;
}

/* Explain under the assumptions NODE=STATE,NODE=STATE ..., on a copy of the core. */
static struct locum_control_reply
suppose(const struct locum_report *view, size_t name, const char *supposed)
{
    struct locum_slice rest = locum_slice_of(supposed);
    struct locum_slice state;
    struct locum_control_reply reply;
    struct locum_core *copy = malloc(sizeof(*copy));
    if (copy == NULL) {
        return locum_control_error(500, "out of memory");
    }
    *copy = *view->core;
    int status = 0;
    while (status == 0 && locum_slice_cut(&rest, ',', &state)) {
        status = suppose_one(copy, state, &reply);
    }
    if (status == 0) {
        reply = locum_control_json(locum_report_explain(view, name, copy, supposed));
    }
    free(copy);
    return reply;
}

static struct locum_control_reply
handle_explain(void *user, const struct locum_control_request *request)
{
    struct locum_daemon *self = user;
    struct locum_report view;
    size_t name;
    if (request->name == NULL) {
        return locum_control_error(400, "name: write the name to explain");
    }
    if (!find_name(self->config, request->name, &name)) {
        return error_with(
            404, "", request->name,
            " is not a shared or owned name of this cluster: locum status lists them");
    }
    make_view(self, &view);
    return request->cond != NULL
               ? suppose(&view, name, request->cond)
               : locum_control_json(locum_report_explain(&view, name, view.core, NULL));
}

/* Events after an id. With `wait`, the answer is held back until there is one (long polling). */
static struct locum_control_reply
handle_events(void *user, const struct locum_control_request *request)
{
    const struct locum_daemon *self = user;
    uint64_t after = 0;
    size_t count;
    if (request->after != NULL &&
        locum_slice_u64(locum_slice_of(request->after), (uint64_t)1 << 53, &after) != 0) {
        return locum_control_error(400, "after: write the id of an event, a number");
    }
    json_t *events = locum_events_since(self->events, after, &count);
    if (count == 0 && request->wait != NULL && !request->final) {
        json_decref(events);
        return (struct locum_control_reply){.later = true};
    }
    return locum_control_json(events);
}

/* The body of POST /admin; NULL if it is well formed, else what is wrong. */
static const char *
parse_admin(const json_t *body, struct locum_input *input, bool *ret_force)
{
    const json_t *state = json_object_get(body, "admin");
    const json_t *for_s = json_object_get(body, "for_s");
    const json_t *reason = json_object_get(body, "reason");
    const json_t *force = json_object_get(body, "force");
    input->admin.for_ms = LOCUM_NEVER;
    if (!json_is_string(state) ||
        !locum_names_find_admin(locum_slice_of(json_string_value(state)), &input->admin.state)) {
        return "admin: write ready, drain or maint";
    }
    if (for_s != NULL && !json_is_null(for_s)) {
        const json_int_t seconds = json_integer_value(for_s);
        if (!json_is_integer(for_s) || seconds < 1 || seconds > FOR_S_MAX) {
            return "for_s: seconds from 1 to 2592000 (30 days)";
        }
        input->admin.for_ms = (locum_ms)seconds * 1000;
    }
    if (reason != NULL && !json_is_null(reason)) {
        struct locum_text text = locum_text_init(input->admin.reason, sizeof(input->admin.reason));
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

/* A drain or maint that would take away too many servers needs --force. */
static struct locum_control_reply
refuse_admin(const struct locum_daemon *self, size_t left)
{
    char line[256];
    (void)locum_text_format_buffer(line, sizeof(line),
                                   "this would leave %zu healthy servers, fewer than min-serving "
                                   "(%u): bring another server back first, or use --force",
                                   left, self->config->core.min_serving);
    return locum_control_error(409, line);
}

static struct locum_control_reply
handle_admin(void *user, const struct locum_control_request *request)
{
    struct locum_daemon *self = user;
    struct locum_input input = {.kind = LOCUM_INPUT_ADMIN};
    bool force;
    size_t left;
    const char *wrong = parse_admin(request->body, &input, &force);
    if (wrong != NULL) {
        return locum_control_error(400, wrong);
    }
    if (input.admin.state != LOCUM_READY &&
        self->core.config.nodes[self->core.config.self].role == LOCUM_ROLE_WITNESS) {
        return locum_control_error(409,
                                   "this node is a witness: no answer names it, so it needs no "
                                   "drain; stop it");
    }
    if (locum_core_admin_check(&self->core, input.admin.state, force, &left) != 0) {
        return refuse_admin(self, left);
    }
    const locum_ms mono = locum_daemon_loop_now(self).mono;
    const locum_ms wait_ms =
        input.admin.state == LOCUM_READY ? 0 : locum_daemon_act_named_ms(self, mono);
    const char *state = locum_names_admin(input.admin.state);
    locum_daemon_loop_deliver(self, &input);
    return locum_control_json(
        json_pack("{s:s, s:I}", "admin", state, "wait_ms", (json_int_t)wait_ms));
}

/* An exclusion holds on this node only: each node decides by itself what it answers. */
static struct locum_control_reply
exclude(struct locum_daemon *self, const struct locum_control_request *request, bool excluded)
{
    const char *name = json_string_value(json_object_get(request->body, "node"));
    const struct locum_core_config *config = &self->config->core;
    struct locum_input input = {.kind = LOCUM_INPUT_EXCLUDE};
    if (name == NULL) {
        return locum_control_error(400, "node: write the name of a node");
    }
    const locum_node node = locum_nodes_find(config, locum_slice_of(name));
    if (node == LOCUM_NODE_NONE) {
        return error_with(404, "there is no node ", name, ": locum status lists them");
    }
    if (node == config->self || config->nodes[node].role != LOCUM_ROLE_SERVER) {
        return error_with(409, "", name,
                          node == config->self ? " is this node: use locum drain or locum maint"
                                               : " is not a server: no answer names it");
    }
    input.exclude.node = node;
    input.exclude.excluded = excluded;
    locum_daemon_loop_deliver(self, &input);
    return locum_control_json(
        json_pack("{s:o}", "excluded", locum_report_names(config, self->core.admin.excluded)));
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
    json_t *messages;
    (void)request;
    return locum_daemon_reload(user, &messages) == 0
               ? locum_control_json(json_pack("{s:b, s:o}", "reloaded", 1, "warnings", messages))
               : (struct locum_control_reply){.status = 409,
                                              .body = json_pack("{s:o}", "errors", messages)};
}

const struct locum_control_handlers locum_daemon_handlers = {
    .status = handle_status,
    .explain = handle_explain,
    .events = handle_events,
    .zone = locum_daemon_adapter_zone,
    .metrics = handle_metrics,
    .healthz = handle_healthz,
    .admin = handle_admin,
    .exclude = handle_exclude,
    .include = handle_include,
    .reload = handle_reload,
    .nsd = locum_daemon_adapter_report,
};
