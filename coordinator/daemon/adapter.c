#include "daemon/adapter.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/act.h"
#include "daemon/inside.h"
#include "daemon/loop.h"

bool
locum_daemon_adapter_is_name(const char *name, const char *written)
{
    const size_t length = strlen(name) - 1; /* without the last dot */
    return strncasecmp(name, written, length) == 0 &&
           (written[length] == '\0' || strcmp(written + length, ".") == 0);
}

static bool
find_zone(const struct locum_config *config, const char *name, size_t *ret)
{
    size_t zone = 0;
    while (zone < config->zone_count &&
           !locum_daemon_adapter_is_name(config->zones[zone].name, name)) {
        zone++;
    }
    *ret = zone;
    return zone < config->zone_count;
}

/* Every server in every answer: for a name server that cannot reach its coordinator. */
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

/* The zone as text, and the fail-open zone for the time in which the adapter cannot ask again. */
static struct locum_control_reply
zone_reply(struct locum_daemon *self, size_t zone)
{
    struct locum_plan open;
    char *text = NULL;
    char *open_text = NULL;
    json_t *body = NULL;
    fail_open_plan(&self->config->core, &open);
    if (locum_dns_zone_text(self->config, zone, &self->core.plan, self->run.serial, &text) == 0 &&
        locum_dns_zone_text(self->config, zone, &open, self->run.serial, &open_text) == 0) {
        body = json_pack("{s:I, s:s, s:s}", "serial", (json_int_t)self->run.serial, "zone", text,
                         "fail_open", open_text);
    }
    free(text);
    free(open_text);
    return locum_control_json(body);
}

struct locum_control_reply
locum_daemon_adapter_zone(void *user, const struct locum_control_request *request)
{
    struct locum_daemon *self = user;
    uint64_t known = 0;
    size_t zone;
    if (request->name == NULL ||
        (request->wait != NULL &&
         locum_slice_u64(locum_slice_of(request->wait), (uint64_t)1 << 53, &known) != 0)) {
        return locum_control_error(400, "write /zone?name=ZONE&wait=SERIAL");
    }
    if (!find_zone(self->config, request->name, &zone)) {
        return locum_control_error(404, "name: not a zone of this cluster");
    }
    const bool same = request->wait != NULL && known == self->run.serial;
    return same && !request->final ? (struct locum_control_reply){.later = true}
                                   : zone_reply(self, zone);
}

static const char *const keys[] = {"zone", "serial", "lag_ms", "state", "error"};

/* RFC 1982, section 3.2: serial number arithmetic. */
static bool
is_after(uint32_t a, uint32_t b)
{
    return a != b && a - b < UINT32_C(1) << 31;
}

static const char *
find_error(const json_t *body)
{
    const json_t *serial = json_object_get(body, "serial");
    const json_t *lag = json_object_get(body, "lag_ms");
    const json_t *error = json_object_get(body, "error");
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
    return error == NULL || json_is_null(error) || json_is_string(error)
               ? NULL
               : "error: a string, or null";
}

struct locum_control_reply
locum_daemon_adapter_report(void *user, const struct locum_control_request *request)
{
    struct locum_daemon *self = user;
    const char *error = find_error(request->body);
    size_t zone;
    if (error != NULL) {
        return locum_control_error(400, error);
    }
    const char *name = json_string_value(json_object_get(request->body, "zone"));
    if (!find_zone(self->config, name, &zone)) {
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
    if (json_is_integer(serial) && is_after(served, self->run.serial)) {
        self->run.serial = served;
        locum_daemon_act_publish(self);
    }
    return locum_control_json(json_pack("{s:b}", "ok", 1));
}
