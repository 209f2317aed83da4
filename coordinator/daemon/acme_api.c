#include "daemon/acme_api.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "daemon/acme.h"
#include "daemon/inside.h"
#include "daemon/loop.h"
#include "report/report.h"

/* WAIT_MS: less than the control room holds the request. */
enum { WAIT_MS = 10000, REASON_BYTES = 512 };

static const char client[] = "cli";

/* A request that waits. */
struct locum_acme_request {
    struct locum_acme_request *next;
    struct locum_daemon *daemon;
    int client;                   /* its connection */
    struct locum_acme_wait *wait; /* NULL: it is over */
    locum_nodes missing;          /* then */
    char owner[LOCUM_DOMAIN_MAX + 1];
    locum_ms for_ms; /* 0: values were removed */
    int removed;
};

/* A request as it is written. */
struct wanted {
    bool set;
    struct locum_acme_name name;
    const char *value; /* NULL: all */
    locum_ms for_ms;
};

/* NULL if it is well formed, else what is wrong. */
static const char *
parse(const json_t *body, struct wanted *ret)
{
    const char *action = json_string_value(json_object_get(body, "action"));
    const json_t *value = json_object_get(body, "value");
    const json_t *for_s = json_object_get(body, "for_s");
    if (action == NULL || (strcmp(action, "set") != 0 && strcmp(action, "unset") != 0)) {
        return "action: write set or unset";
    }
    ret->set = strcmp(action, "set") == 0;
    ret->value = json_string_value(value);
    ret->for_ms = LOCUM_ACME_FOR_MS;
    if (!json_is_string(json_object_get(body, "name"))) {
        return "name: missing; add a name such as get.example.org";
    }
    if (ret->value == NULL && (ret->set || (value != NULL && !json_is_null(value)))) {
        return "value: write a text";
    }
    if (ret->set && for_s != NULL && !json_is_null(for_s)) {
        const json_int_t seconds = json_integer_value(for_s);
        if (!json_is_integer(for_s) || seconds < 1 || seconds > LOCUM_CHALLENGE_FOR_MS_MAX / 1000) {
            return "for_s: seconds from 1 to 86400 (24h)";
        }
        ret->for_ms = (locum_ms)seconds * 1000;
    }
    return NULL;
}

/* Whatever a connection was waiting for. */
static void
forget(struct locum_daemon *self, int connection)
{
    for (struct locum_acme_request **at = &self->acme_requests; *at != NULL;) {
        struct locum_acme_request *request = *at;
        if (request->client == connection) {
            locum_acme_cancel(self, request->wait);
            *at = request->next;
            free(request);
        } else {
            at = &request->next;
        }
    }
}

static json_t *
names_of(const struct locum_daemon *self, locum_nodes nodes)
{
    return locum_report_names(&self->config->core, nodes);
}

/* The reply, and the end of the request. */
static struct locum_control_reply
finish(struct locum_daemon *self, struct locum_acme_request *ended)
{
    const struct locum_core_config *config = &self->config->core;
    locum_nodes answering = 0, down = 0;
    ended->missing = ended->wait != NULL ? locum_acme_missing(self) : ended->missing;
    for (locum_node node = 0; node < config->node_count; node++) {
        if (config->nodes[node].role != LOCUM_ROLE_SERVER ||
            locum_nodes_has(ended->missing, node)) {
            continue;
        }
        if (node != config->self && self->core.detector.peer[node].condition == LOCUM_DOWN) {
            down |= locum_nodes_of(node);
        } else {
            answering |= locum_nodes_of(node);
        }
    }
    const struct locum_control_reply reply = locum_control_json(
        json_pack("{s:s, s:i, s:I, s:o, s:o, s:o}", "name", ended->owner, "removed", ended->removed,
                  "for_s", (json_int_t)ended->for_ms / 1000, "answering", names_of(self, answering),
                  "missing", names_of(self, ended->missing), "down", names_of(self, down)));
    forget(self, ended->client);
    return reply;
}

static void
on_done(void *user, const struct locum_acme_outcome *outcome)
{
    struct locum_acme_request *request = user;
    request->wait = NULL;
    request->missing = outcome->missing;
    if (request->daemon->control != NULL) {
        locum_control_wake(request->daemon->control);
    }
}

/* Change what is wanted. The number of values removed, or an error. */
static int
change(struct locum_daemon *self, const struct wanted *wanted, struct locum_acme_request *request)
{
    locum_acme_begin(self);
    int status = wanted->set
                     ? locum_acme_set(self, &wanted->name, wanted->value, wanted->for_ms, client)
                     : locum_acme_unset(self, &wanted->name, wanted->value, client);
    if (status < 0) {
        locum_acme_abort(self);
        return status;
    }
    request->removed = status;
    return locum_acme_commit(self, WAIT_MS, on_done, request, &request->wait);
}

static struct locum_control_reply
begin(struct locum_daemon *self, const struct locum_control_request *request)
{
    char reason[REASON_BYTES];
    struct locum_text why = locum_text_init(reason, sizeof(reason));
    struct wanted wanted;
    const char *wrong = parse(request->body, &wanted);
    if (wrong != NULL) {
        return locum_control_error(400, wrong);
    }
    int status = locum_acme_find(self, json_string_value(json_object_get(request->body, "name")),
                                 &wanted.name, &why);
    if (status != 0) {
        return locum_control_error(status == LOCUM_ERR_NOT_FOUND ? 404 : 409, reason);
    }
    forget(self, request->client);
    struct locum_acme_request *new = malloc(sizeof(*new));
    if (new == NULL) {
        return locum_control_error(500, "out of memory");
    }
    *new = (struct locum_acme_request){
        .daemon = self, .client = request->client, .for_ms = wanted.set ? wanted.for_ms : 0};
    memcpy(new->owner, wanted.name.owner, sizeof(new->owner));
    status = change(self, &wanted, new);
    if (status != 0) {
        free(new);
        return locum_control_error(status == LOCUM_ERR_INVALID ? 400 : 409,
                                   locum_acme_error_text(status));
    }
    new->next = self->acme_requests;
    self->acme_requests = new;
    return (struct locum_control_reply){.later = true};
}

struct locum_control_reply
locum_acme_api_handle(void *daemon, const struct locum_control_request *request)
{
    struct locum_daemon *self = daemon;
    (void)locum_daemon_loop_now(self);
    struct locum_acme_request *waiting = self->acme_requests;
    if (!request->again) {
        return begin(self, request);
    }
    while (waiting != NULL && waiting->client != request->client) {
        waiting = waiting->next;
    }
    if (waiting == NULL) {
        return locum_control_error(500, "the request is not known any more");
    }
    if (waiting->wait != NULL && !request->final) {
        return (struct locum_control_reply){.later = true};
    }
    return finish(self, waiting);
}

void
locum_acme_api_destroy(struct locum_daemon *self)
{
    while (self->acme_requests != NULL) {
        struct locum_acme_request *request = self->acme_requests;
        self->acme_requests = request->next;
        locum_acme_cancel(self, request->wait);
        free(request);
    }
}
