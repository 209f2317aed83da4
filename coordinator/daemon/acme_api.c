#include "daemon/acme_api.h"

#include <string.h>

#include "base/error.h"
#include "daemon/acme.h"
#include "daemon/acme_held.h"
#include "daemon/inside.h"
#include "daemon/loop.h"
#include "report/report.h"

/* WAIT_MS: less than the control room holds the request. */
enum { WAIT_MS = 10000, REASON_BYTES = 512 };

static const char client[] = "cli";

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

static json_t *
names_of(const struct locum_daemon *self, locum_nodes nodes)
{
    return locum_report_names(&self->config->core, nodes);
}

/* Complete the reply: which servers answer the change, and which do not. */
static void
add_servers(const struct locum_daemon *self, locum_nodes missing, json_t *body)
{
    const struct locum_core_config *config = &self->config->core;
    locum_nodes answering = 0, down = 0;
    for (locum_node node = 0; node < config->node_count; node++) {
        if (config->nodes[node].role != LOCUM_ROLE_SERVER || locum_nodes_has(missing, node)) {
            continue;
        }
        if (node != config->self && self->core.detector.peer[node].condition == LOCUM_DOWN) {
            down |= locum_nodes_of(node);
        } else {
            answering |= locum_nodes_of(node);
        }
    }
    (void)json_object_set_new(body, "answering", names_of(self, answering));
    (void)json_object_set_new(body, "missing", names_of(self, missing));
    (void)json_object_set_new(body, "down", names_of(self, down));
}

/* Change what is wanted. 0 or an error of acme.h. */
static int
change(struct locum_daemon *self, const struct wanted *wanted,
       const struct locum_control_request *request)
{
    locum_acme_begin(self);
    const int status =
        wanted->set ? locum_acme_set(self, &wanted->name, wanted->value, wanted->for_ms, client)
                    : locum_acme_unset(self, &wanted->name, wanted->value, client);
    if (status < 0) {
        locum_acme_abort(self);
        return status;
    }
    return locum_acme_held_commit(self, request,
                                  json_pack("{s:s, s:i, s:I}", "name", wanted->name.owner,
                                            "removed", status, "for_s",
                                            (json_int_t)(wanted->set ? wanted->for_ms / 1000 : 0)),
                                  WAIT_MS);
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
    status = change(self, &wanted, request);
    if (status != 0) {
        return locum_acme_held_refusal(status);
    }
    return (struct locum_control_reply){.later = true};
}

struct locum_control_reply
locum_acme_api_handle(void *daemon, const struct locum_control_request *request)
{
    struct locum_daemon *self = daemon;
    (void)locum_daemon_loop_now(self);
    if (!request->again) {
        return begin(self, request);
    }
    struct locum_control_reply reply;
    locum_nodes missing;
    if (locum_acme_held_end(self, request, &reply, &missing)) {
        add_servers(self, missing, reply.body);
    }
    return reply;
}
