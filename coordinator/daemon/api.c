/* What the control room asks the daemon (control/control.h lists the paths). */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/nearest.h"
#include "base/text_format.h"
#include "config/domain.h"
#include "daemon/acme_api.h"
#include "daemon/act.h"
#include "daemon/alerts.h"
#include "daemon/inside.h"
#include "daemon/keys_api.h"
#include "daemon/loop.h"
#include "daemon/replace.h"
#include "daemon/wiring.h"
#include "report/page.h"

enum { FOR_S_MAX = 30 * 86400, PUBLIC_PAGE_MS = 1000 };

static struct locum_control_reply
error_with(int status, const char *before, struct locum_slice what, const char *after)
{
    char line[1536];
    struct locum_text text = locum_text_init(line, sizeof(line));
    locum_text_add(&text, before);
    locum_text_add_escaped(&text, what.at, what.length < 100 ? what.length : 100);
    locum_text_add(&text, after);
    return locum_control_error(status, line);
}

/* The view of a request: with the time of an iteration, which this begins. */
static void
make_view(struct locum_daemon *self, struct locum_report *ret)
{
    (void)locum_daemon_loop_now(self);
    locum_daemon_act_view(self, ret);
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
page_reply(char *page)
{
    return page == NULL ? locum_control_error(500, "out of memory")
                        : (struct locum_control_reply){
                              .status = 200, .text = page, .policy = locum_page_policy()};
}

static struct locum_control_reply
handle_page(void *user, const struct locum_control_request *request)
{
    struct locum_report view;
    (void)request;
    make_view(user, &view);
    return page_reply(locum_page_make(&view, LOCUM_PAGE_OPERATORS));
}

/* Anyone may ask for it, so it is made once a second at most. */
static struct locum_control_reply
handle_public_page(void *user, const struct locum_control_request *request)
{
    struct locum_daemon *self = user;
    struct locum_report view;
    (void)request;
    make_view(self, &view);
    if (self->public_page == NULL || self->now.mono - self->public_page_mono >= PUBLIC_PAGE_MS) {
        free(self->public_page);
        self->public_page = locum_page_make(&view, LOCUM_PAGE_EVERYONE);
        self->public_page_mono = self->now.mono;
    }
    return page_reply(self->public_page != NULL ? strdup(self->public_page) : NULL);
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

/* Is `written`, with or without the last dot and in any case, this absolute name? */
static bool
is_name(const char *name, const char *written)
{
    const size_t length = strlen(name) - 1; /* without the last dot */
    return strncasecmp(name, written, length) == 0 &&
           (written[length] == '\0' || strcmp(written + length, ".") == 0);
}

/* The index of the plan's name that the operator wrote; name_count: there is none. */
static size_t
find_name(const struct locum_config *config, const char *written)
{
    size_t i = 0;
    while (i < config->core.name_count && !is_name(config->names[i].name, written)) {
        i++;
    }
    return i;
}

/* The nodes are few: list all. */
static struct locum_control_reply
no_node(const struct locum_core_config *config, struct locum_slice written)
{
    char known[1024];
    struct locum_text text = locum_text_init(known, sizeof(known));
    for (locum_node node = 0; node < config->node_count; node++) {
        locum_text_add(&text, node == 0 ? "; the nodes are " : ", ");
        locum_text_add(&text, config->nodes[node].name);
    }
    return error_with(404, "there is no node ", written, known);
}

/* The names can be many: show the one that was probably meant. */
static struct locum_control_reply
no_name(const struct locum_config *config, const char *written)
{
    char advice[LOCUM_DOMAIN_MAX + 64];
    struct locum_text text = locum_text_init(advice, sizeof(advice));
    struct locum_slice name = locum_slice_of(written);
    name.length -= name.length > 0 && name.at[name.length - 1] == '.' ? 1 : 0;
    struct locum_nearest nearest = {.written = name};
    for (size_t i = 0; i < config->core.name_count; i++) {
        struct locum_slice known = locum_slice_of(config->names[i].name);
        known.length--; /* without the last dot */
        locum_nearest_try(&nearest, known);
    }
    locum_text_add(&text, " is not a shared or owned name of this cluster");
    if (nearest.match.at != NULL) {
        locum_text_add(&text, "; did you mean ");
        locum_text_add_bytes(&text, nearest.match.at, nearest.match.length);
        locum_text_add(&text, "?");
    } else {
        locum_text_add(&text, ": locum status lists them");
    }
    return error_with(404, "", locum_slice_of(written), advice);
}

/* Assume NODE=STATE on a copy of the core. 0, or *ret_error. */
static int
suppose_one(struct locum_core *copy, struct locum_slice state,
            struct locum_control_reply *ret_error)
{
    struct locum_slice name;
    if (!locum_slice_cut(&state, '=', &name) || state.at == NULL) {
        *ret_error = locum_control_error(400, "if: write NODE=STATE, for example dc3=down");
        return LOCUM_ERR_INVALID;
    }
    const locum_node node = locum_nodes_find(&copy->config, name);
    if (node == LOCUM_NODE_NONE) {
        *ret_error = no_node(&copy->config, name);
        return LOCUM_ERR_NOT_FOUND;
    }
    const int status = locum_core_assume(copy, node, state);
    if (status != 0) {
        *ret_error = error_with(400, "", state,
                                ": write one of unknown alive suspect down returning up degraded "
                                "failing probation ready drain maint excluded");
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
    if (request->name == NULL) {
        return locum_control_error(
            400, "name: missing; add the name to explain, as in name=get.example.org");
    }
    size_t name = find_name(self->config, request->name);
    if (name == self->config->core.name_count) {
        name = locum_dns_plan_name(self->dns, request->name); /* a wildcard may answer it */
    }
    if (name >= self->config->core.name_count) {
        return no_name(self->config, request->name);
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

static struct locum_control_reply
handle_history(void *user, const struct locum_control_request *request)
{
    struct locum_report view;
    (void)request;
    make_view(user, &view);
    return locum_control_json(locum_history_json(view.history, view.now));
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
        return locum_control_error(400, "node: missing; add the name of a node");
    }
    const struct locum_slice written = locum_slice_of(name);
    const locum_node node = locum_nodes_find(config, written);
    if (node == LOCUM_NODE_NONE) {
        return no_node(config, written);
    }
    if (node == config->self || config->nodes[node].role != LOCUM_ROLE_SERVER) {
        return error_with(409, "", written,
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

/* The reply waits until the signatures are made, and the addresses that left the configuration are
 * free for other programs. */
static struct locum_control_reply
handle_reload(void *user, const struct locum_control_request *request)
{
    struct locum_daemon *self = user;
    if (!request->again) {
        json_t *messages;
        const int status = locum_daemon_wiring_reload(self, &messages);
        json_decref(self->reload_errors);
        json_decref(self->reload_warnings);
        self->reload_errors = status != 0 ? messages : NULL;
        self->reload_warnings = status == 0 ? messages : NULL;
    }
    if (self->reload_errors != NULL) {
        return (struct locum_control_reply){
            .status = 409, .body = json_pack("{s:O}", "errors", self->reload_errors)};
    }
    const bool pending = self->pending.config != NULL;
    if ((pending || locum_dns_has_surplus(self->dns)) && !request->final) {
        return (struct locum_control_reply){.later = true};
    }
    return locum_control_json(json_pack("{s:b, s:O}", "reloaded", !pending, "warnings",
                                        pending ? self->pending.warnings : self->reload_warnings));
}

static struct locum_control_reply
handle_replace(void *user, const struct locum_control_request *request)
{
    return locum_replace_handle(user, request);
}

/* A POST, although it changes nothing: listen.http, which everybody may read, takes GET alone. */
static struct locum_control_reply
handle_dump(void *user, const struct locum_control_request *request)
{
    struct locum_daemon *self = user;
    (void)request;
    char *text = locum_recorder_text(&self->recorder);
    return text == NULL ? locum_control_error(503, "nothing is recorded: the machine has no memory "
                                                   "for it (memfd_create(2))")
                        : (struct locum_control_reply){.status = 200, .text = text};
}

/*
 * The adapters (locum-nsd, one a zone) read their zone and report what NSD serves.
 *
 * The reports are shown in status, metrics and warnings and are no input to the plan, with one
 * exception: if NSD serves a higher serial than ours, as after the loss of our state, our next
 * serial is above it, because NSD's secondaries ignore a zone whose serial goes back.
 */
static size_t
find_zone(const struct locum_config *config, const char *name)
{
    size_t zone = 0;
    while (zone < config->zone_count && !is_name(config->zones[zone].name, name)) {
        zone++;
    }
    return zone;
}

/* Every server in every answer: for a name server that cannot reach its coordinator. */
static void
fail_open_plan(const struct locum_core_config *config, struct locum_plan *ret)
{
    const struct locum_ranks all_well[LOCUM_NODES_MAX] = {0};
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

/* The zone as text, and the fail-open zone for the time in which the adapter cannot ask again. */
static struct locum_control_reply
zone_reply(struct locum_daemon *self, size_t zone)
{
    struct locum_plan open;
    char *text = NULL;
    char *open_text = NULL;
    json_t *body = NULL;
    fail_open_plan(&self->config->core, &open);
    int status = locum_dns_zone_text(self->dns, self->config, zone, &self->core.plan,
                                     self->acme.answers, self->run.serial, &text);
    if (status == LOCUM_ERR_TIMEOUT) {
        return locum_control_error(503, "the signatures of the zone are being made: ask again");
    }
    if (status == 0) {
        status = locum_dns_zone_text(self->dns, self->config, zone, &open, NULL,
                                     locum_daemon_act_open_serial(self), &open_text);
    }
    if (status == 0) {
        body = json_pack("{s:I, s:s, s:s}", "serial", (json_int_t)self->run.serial, "zone", text,
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
    if (request->name == NULL ||
        (request->wait != NULL &&
         locum_slice_u64(locum_slice_of(request->wait), (uint64_t)1 << 53, &known) != 0)) {
        return locum_control_error(400, "write /zone?name=ZONE&wait=SERIAL");
    }
    const size_t zone = find_zone(self->config, request->name);
    if (zone == self->config->zone_count) {
        return locum_control_error(404, "name: not a zone of this cluster");
    }
    if (request->wait != NULL && known == self->run.serial && !request->final) {
        return (struct locum_control_reply){.later = true};
    }
    return zone_reply(self, zone);
}

static const char *const keys[] = {"zone", "serial", "lag_ms", "state", "error", "warning"};

static const char *
find_error(const json_t *body)
{
    const json_t *serial = json_object_get(body, "serial");
    const json_t *lag = json_object_get(body, "lag_ms");
    const json_t *error = json_object_get(body, "error");
    const json_t *warning = json_object_get(body, "warning");
    if (!json_is_string(json_object_get(body, "zone")) ||
        !json_is_string(json_object_get(body, "state"))) {
        return "zone, state: strings, both required";
    }
    if (!json_is_null(serial) && (!json_is_integer(serial) || json_integer_value(serial) < 0 ||
                                  json_integer_value(serial) > UINT32_MAX)) {
        return "serial: required, a 32-bit number or null";
    }
    if (lag != NULL && !json_is_null(lag) &&
        (!json_is_integer(lag) || json_integer_value(lag) < 0)) {
        return "lag_ms: a number, or null";
    }
    if (warning != NULL && !json_is_null(warning) && !json_is_string(warning)) {
        return "warning: a string, or null";
    }
    return error == NULL || json_is_null(error) || json_is_string(error)
               ? NULL
               : "error: a string, or null";
}

static struct locum_control_reply
handle_nsd(void *user, const struct locum_control_request *request)
{
    struct locum_daemon *self = user;
    const char *error = find_error(request->body);
    if (error != NULL) {
        return locum_control_error(400, error);
    }
    const size_t zone =
        find_zone(self->config, json_string_value(json_object_get(request->body, "zone")));
    if (zone == self->config->zone_count) {
        return locum_control_error(404, "zone: not a zone of this cluster");
    }
    json_t *report = json_object();
    for (size_t i = 0; i < LOCUM_COUNT(keys); i++) {
        json_t *value = json_object_get(request->body, keys[i]);
        (void)json_object_set_new(report, keys[i],
                                  value == NULL ? json_null() : json_incref(value));
    }
    json_decref(self->nsd.report[zone]);
    self->nsd.report[zone] = report;
    self->nsd.heard[zone] = locum_daemon_loop_now(self).mono;
    const json_t *serial = json_object_get(report, "serial");
    const uint32_t served = (uint32_t)json_integer_value(serial);
    if (json_is_integer(serial) && (int32_t)(served - self->run.serial) > 0) { /* RFC 1982 3.2 */
        self->run.serial = served;
        locum_daemon_act_publish(self);
    }
    return locum_control_json(json_pack("{s:b}", "ok", 1));
}

static bool
knows_host(void *user, const char *host)
{
    const struct locum_daemon *self = user;
    return locum_domain_is_of_cluster(self->config, locum_slice_of(host));
}

const struct locum_control_handlers locum_daemon_handlers = {
    .page = handle_page,
    .public_page = handle_public_page,
    .status = handle_status,
    .explain = handle_explain,
    .events = handle_events,
    .history = handle_history,
    .keys = locum_keys_api_get,
    .zone = handle_zone,
    .metrics = handle_metrics,
    .healthz = handle_healthz,
    .admin = handle_admin,
    .exclude = handle_exclude,
    .include = handle_include,
    .reload = handle_reload,
    .replace = handle_replace,
    .dump = handle_dump,
    .hooks = locum_alerts_test,
    .drop_key = locum_keys_api_drop,
    .nsd = handle_nsd,
    .present = locum_acmehttp_present,
    .cleanup = locum_acmehttp_cleanup,
    .update = locum_acmehttp_update,
    .knows_token = locum_acmehttp_knows_token,
    .acme = locum_acme_api_handle,
    .knows_host = knows_host,
};
