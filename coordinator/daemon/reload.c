/* The configuration read again: all of it is valid and takes effect, or none of it does. */
#include "daemon/daemon.h"

#include <string.h>

#include "base/error.h"

enum { SERVING_BYTES_MAX = 1024 };

/* What is told to who asked for the reload: arrays of texts. */
struct findings {
    json_t *errors;
    json_t *warnings;
};

static void
collect(void *user, const struct locum_problem *problem)
{
    const struct findings *findings = user;
    const bool error = problem->severity == LOCUM_SEVERITY_ERROR;
    char line[1024];
    struct locum_text text = locum_text_init(line, sizeof(line));
    locum_problems_format(&text, problem);
    LOCUM_LOG(error ? LOCUM_LOG_ERR : LOCUM_LOG_WARN, error ? "reload-refused" : "config", "reason",
              line);
    (void)json_array_append_new(error ? findings->errors : findings->warnings, json_string(line));
}

static int
refuse(json_t *errors, const char *before, const char *what, const char *after)
{
    char line[256];
    struct locum_text text = locum_text_init(line, sizeof(line));
    locum_text_add(&text, before);
    locum_text_add(&text, what);
    locum_text_add(&text, after);
    LOCUM_LOG(LOCUM_LOG_ERR, "reload-refused", "reason", line);
    (void)json_array_append_new(errors, json_string(line));
    return LOCUM_ERR_REFUSED;
}

/* Read and check everything that can be refused, before anything is touched. */
static int
prepare(struct locum_daemon *self, struct findings *findings, struct locum_config **ret,
        struct locum_health **ret_health)
{
    const char *key;
    const struct locum_core_config *core = &self->config->core;
    const char *node = core->nodes[core->self].name;
    struct locum_config *next = NULL;
    int status = locum_config_load(self->config->path, NULL, collect, findings, &next);
    if (status == 0) {
        status = locum_dns_check(next, collect, findings);
    }
    if (status == 0 && locum_config_reloadable(self->config, next, &key) != 0) {
        status =
            refuse(findings->errors, "", key, " changed: this needs a restart of the coordinator");
    }
    if (status == 0) {
        status = locum_daemon_health_create(self, next, ret_health);
    }
    if (status != 0) {
        locum_config_free(next);
        if (json_array_size(findings->errors) == 0) {
            (void)refuse(findings->errors, node, ": ", locum_error_text(status));
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

/* A reload that changes what is served is a change of serving like any other. */
static void
tell_serving(struct locum_daemon *self, const char *before)
{
    char after[SERVING_BYTES_MAX];
    add_serving(self, after);
    if (strcmp(before, after) != 0) {
        self->serving_since = locum_daemon_now(self).wall;
        self->serving_since_mono = locum_daemon_now(self).mono;
        locum_daemon_tell(self, LOCUM_LOG_INFO, LOCUM_TOLD_SERVING, "from", before, "to", after,
                          (const char *)NULL);
    }
}

static int
reload(struct locum_daemon *self, json_t **ret_told)
{
    struct locum_config *next = NULL;
    struct locum_health *health = NULL;
    struct findings findings = {.errors = json_array(), .warnings = json_array()};
    locum_log_repeat(); /* the same mistake twice is an answer, too */
    const int status = prepare(self, &findings, &next, &health);
    *ret_told = status != 0 ? findings.errors : findings.warnings;
    json_decref(status != 0 ? findings.warnings : findings.errors);
    if (status != 0) {
        return status;
    }
    char before[SERVING_BYTES_MAX];
    add_serving(self, before);
    locum_core_reconfigure(&self->core, &next->core, locum_daemon_now(self));
    struct locum_config *old = self->config;
    self->config = next;
    locum_redis_reconfigure(self->redis, next);
    locum_peer_reconfigure(self->peer, next);
    locum_story_keep(self->story, next->events_keep);
    locum_evidence_init(&self->evidence);
    locum_daemon_nsd_forget(&self->nsd); /* they report again within 2 s */
    locum_health_destroy(self->health);
    self->health = health;
    locum_config_free(old);
    locum_daemon_publish(self);
    locum_daemon_tell(self, LOCUM_LOG_INFO, LOCUM_TOLD_RELOAD, "digest", next->core.digest,
                      (const char *)NULL);
    tell_serving(self, before);
    return 0;
}

int
locum_daemon_reload(struct locum_daemon *self, json_t **ret_told)
{
    locum_notify_reloading(&self->notify);
    const int status = reload(self, ret_told);
    locum_notify_reloaded(&self->notify);
    return status;
}
