#include "daemon/reload.h"

#include <string.h>

#include "base/error.h"
#include "base/text_format.h"
#include "daemon/act.h"
#include "daemon/emit.h"
#include "daemon/inside.h"
#include "daemon/loop.h"
#include "daemon/wiring.h"

enum { SERVING_BYTES_MAX = 1024 };

/* What the client that asked for the reload gets: arrays of texts. */
struct reload_findings {
    json_t *errors;
    json_t *warnings;
};

static void
collect(void *user, const struct locum_problem *problem)
{
    const struct reload_findings *findings = user;
    const bool error = problem->severity == LOCUM_SEVERITY_ERROR;
    char line[1024];
    struct locum_text text = locum_text_init(line, sizeof(line));
    locum_problems_format(&text, problem);
    LOCUM_LOG(error ? LOCUM_LOG_ERR : LOCUM_LOG_WARN, error ? "reload-refused" : "config", "reason",
              line);
    (void)json_array_append_new(error ? findings->errors : findings->warnings, json_string(line));
}

static int
refuse(json_t *errors, const char *what, const char *why)
{
    char line[256];
    (void)locum_text_format_buffer(line, sizeof(line), "%s%s", what, why);
    LOCUM_LOG(LOCUM_LOG_ERR, "reload-refused", "reason", line);
    (void)json_array_append_new(errors, json_string(line));
    return LOCUM_ERR_REFUSED;
}

/* Read and check everything that can be refused, before anything is touched. */
static int
prepare(struct locum_daemon *self, struct reload_findings *findings, struct locum_config **ret,
        struct locum_health **ret_health)
{
    const char *key;
    struct locum_config *next = NULL;
    int status = locum_config_load(self->config->path, NULL, collect, findings, &next);
    if (status == 0) {
        status = locum_dns_check(next, collect, findings);
    }
    if (status == 0 && locum_config_reloadable(self->config, next, &key) != 0) {
        status = refuse(findings->errors, key, " changed: this needs a restart of the coordinator");
    }
    if (status == 0) {
        status = locum_daemon_wiring_create_health(self, next, ret_health);
    }
    if (status != 0) {
        locum_config_free(next);
        if (json_array_size(findings->errors) == 0) {
            (void)refuse(findings->errors, "reload failed: ", locum_error_text(status));
        }
        return status;
    }
    *ret = next;
    return 0;
}

static void
add_serving(const struct locum_daemon *self, char ret[SERVING_BYTES_MAX])
{
    struct locum_text text = locum_text_init(ret, SERVING_BYTES_MAX);
    locum_plan_serving_add(&text, &self->core.config, self->core.serving);
}

/*
 * Everything has been checked: switch to the new configuration. The rooms borrow it, so the old one
 * is freed last. Checks start again; connections whose settings are the same stay.
 */
static void
apply(struct locum_daemon *self, struct locum_config *next, struct locum_health *health)
{
    char before[SERVING_BYTES_MAX];
    char after[SERVING_BYTES_MAX];
    add_serving(self, before);
    struct locum_config *old = self->config;
    locum_core_reconfigure(&self->core, &next->core, locum_daemon_loop_now(self));
    self->config = next;
    locum_redis_reconfigure(self->redis, next);
    locum_peer_reconfigure(self->peer, next);
    locum_events_keep(self->events, next->events_keep);
    locum_warnings_init(&self->evidence);
    for (size_t zone = 0; zone < LOCUM_ZONES_MAX; zone++) {
        json_decref(self->nsd.report[zone]); /* a zone may have another index now; the adapters
                                              * report again within 2 s */
        self->nsd.report[zone] = NULL;
    }
    locum_health_destroy(self->health);
    self->health = health;
    locum_daemon_act_publish(self);
    locum_daemon_emit(self, LOCUM_EVENT_RELOAD, next->core.digest, NULL, NULL);
    add_serving(self, after);
    if (strcmp(before, after) != 0) { /* compared as texts: a node may have another index now */
        self->run.serving_since = self->now.wall;
        self->run.serving_since_mono = self->now.mono;
        locum_daemon_emit(self, LOCUM_EVENT_SERVING, before, after, NULL);
    }
    locum_config_free(old);
}

int
locum_daemon_reload(struct locum_daemon *self, json_t **ret_messages)
{
    struct locum_config *next = NULL;
    struct locum_health *health = NULL;
    struct reload_findings findings = {.errors = json_array(), .warnings = json_array()};
    locum_notify_reloading(&self->notify);
    locum_log_repeat(); /* so that a second attempt logs the same errors again */
    const int status = prepare(self, &findings, &next, &health);
    if (status == 0) {
        apply(self, next, health);
    }
    *ret_messages = status != 0 ? findings.errors : findings.warnings;
    json_decref(status != 0 ? findings.warnings : findings.errors);
    locum_notify_reloaded(&self->notify);
    return status;
}
