#include "daemon/nsd.h"

#include <string.h>

#include "daemon/daemon.h"

static const char *const keys[] = {"zone", "serial", "lag_ms", "state", "error"};

/* config->zone_count: there is no such zone. */
static size_t
find_zone(const struct locum_config *config, const char *name)
{
    size_t zone = 0;
    for (; zone < config->zone_count; zone++) {
        const char *own = config->zones[zone].name;
        const size_t length = strlen(own) - 1; /* without the last dot */
        if (strncasecmp(own, name, length) == 0 &&
            (name[length] == '\0' || strcmp(name + length, ".") == 0)) {
            break;
        }
    }
    return zone;
}

/* RFC 1982 3.2 */
static bool
is_after(uint32_t a, uint32_t b)
{
    return a != b && a - b < UINT32_C(1) << 31;
}

static const char *
find_mistake(const json_t *body)
{
    const json_t *serial = json_object_get(body, "serial");
    const json_t *lag = json_object_get(body, "lag_ms");
    const json_t *error = json_object_get(body, "error");
    if (!json_is_string(json_object_get(body, "zone")) ||
        !json_is_string(json_object_get(body, "state"))) {
        return "zone and state: strings, are needed";
    }
    if (!json_is_null(serial) && (!json_is_integer(serial) || json_integer_value(serial) < 0 ||
                                  json_integer_value(serial) > UINT32_MAX)) {
        return "serial: a number of 32 bits, or null, is needed";
    }
    if (lag != NULL && !json_is_null(lag) &&
        (!json_is_integer(lag) || json_integer_value(lag) < 0)) {
        return "lag_ms: a number, or null";
    }
    return error == NULL || json_is_null(error) || json_is_string(error)
               ? NULL
               : "error: a string, or null";
}

/* NSD serves a serial above ours: the next one of ours is above that. */
static void
pass(struct locum_daemon *self, const json_t *serial)
{
    const uint32_t served = (uint32_t)json_integer_value(serial);
    if (json_is_integer(serial) && is_after(served, self->serial)) {
        self->serial = served;
        locum_daemon_publish(self);
    }
}

struct locum_control_reply
locum_daemon_nsd_take(void *user, const struct locum_control_request *request)
{
    struct locum_daemon *self = user;
    const char *wrong = find_mistake(request->body);
    if (wrong != NULL) {
        return locum_control_error(400, wrong);
    }
    const char *name = json_string_value(json_object_get(request->body, "zone"));
    const size_t zone = find_zone(self->config, name);
    if (zone == self->config->zone_count) {
        return locum_control_error(404, "zone: no zone of this cluster");
    }
    json_t *report = json_object();
    for (size_t i = 0; i < LOCUM_COUNT(keys); i++) {
        json_t *value = json_object_get(request->body, keys[i]);
        (void)json_object_set_new(report, keys[i],
                                  value == NULL ? json_null() : json_incref(value));
    }
    json_decref(self->nsd.report[zone]);
    self->nsd.report[zone] = report;
    self->nsd.heard[zone] = locum_daemon_now(self).mono;
    pass(self, json_object_get(report, "serial"));
    return locum_control_json(json_pack("{s:b}", "ok", 1));
}

void
locum_daemon_nsd_forget(struct locum_daemon_nsd *self)
{
    for (size_t zone = 0; zone < LOCUM_ZONES_MAX; zone++) {
        json_decref(self->report[zone]);
        self->report[zone] = NULL;
    }
}

json_t *
locum_daemon_nsd_of(struct locum_daemon *daemon, size_t zone)
{
    const locum_ms age = locum_daemon_now(daemon).mono - daemon->nsd.heard[zone];
    if (daemon->nsd.report[zone] == NULL) {
        return NULL;
    }
    json_t *report = json_copy(daemon->nsd.report[zone]);
    (void)json_object_set_new(report, "heard_ms", json_integer((json_int_t)age));
    if (age > LOCUM_NSD_SILENT_MS) {
        (void)json_object_set_new(report, "state", json_string("silent"));
        (void)json_object_set_new(report, "error",
                                  json_string("locum-nsd has not reported for more than 10 s: "
                                              "NSD keeps the last zone; systemctl status "
                                              "locum-nsd"));
    }
    return report;
}

json_t *
locum_daemon_nsd(struct locum_daemon *daemon)
{
    json_t *worst = NULL;
    for (size_t zone = 0; zone < daemon->config->zone_count; zone++) {
        json_t *report = locum_daemon_nsd_of(daemon, zone);
        const bool wrong = json_is_string(json_object_get(report, "error"));
        if (report != NULL &&
            (worst == NULL || (wrong && !json_is_string(json_object_get(worst, "error"))))) {
            json_decref(worst);
            worst = report;
        } else {
            json_decref(report);
        }
    }
    return worst != NULL ? worst : json_null();
}
