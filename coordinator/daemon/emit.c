#include "daemon/emit.h"

#include <string.h>

#include "base/text_format.h"
#include "daemon/inside.h"

enum { FAILING_BYTES_MAX = 512, KEY_BYTES_MAX = 64 };

void
locum_daemon_emit_view(const struct locum_daemon *self, struct locum_report *ret)
{
    *ret = (struct locum_report){.now = self->now,
                                 .config = self->config,
                                 .core = &self->core,
                                 .run = &self->run,
                                 .evidence = &self->evidence,
                                 .events = self->events,
                                 .nsd = &self->nsd,
                                 .state_written = locum_state_writer_written(self->writer)};
    struct locum_text why = locum_text_init(ret->state_error, sizeof(ret->state_error));
    (void)locum_state_writer_error(self->writer, &why);
    locum_redis_status(self->redis, &ret->redis);
    locum_dns_counts(self->dns, &ret->dns);
    locum_peer_counts(self->peer, &ret->peer);
    for (size_t i = 0; i < self->config->core.check_count; i++) {
        ret->checks[i] = locum_health_outcomes(self->health, i);
    }
}

/* To all outputs. Redis and waiting clients may not exist yet while the daemon starts. */
static void
emit(struct locum_daemon *self, const struct locum_event_facts *what)
{
    struct locum_event_fields fields;
    locum_events_describe(what, &self->config->core, &fields);
    /* at[0] is the event's name, which the log writes itself. */
    locum_log_fields(fields.level, fields.at[0].value, &fields.at[1], fields.count - 1);
    locum_events_add(self->events, self->now.wall, what->kind, &fields);
    if (self->redis != NULL) {
        locum_redis_events_added(self->redis);
    }
    if (self->control != NULL) {
        locum_control_wake(self->control);
    }
}

void
locum_daemon_emit(struct locum_daemon *self, int kind, const char *a, const char *b, const char *c)
{
    emit(self, &(struct locum_event_facts){.kind = kind, .texts = {a, b, c}});
}

void
locum_daemon_emit_core(struct locum_daemon *self, const struct locum_event *event)
{
    struct locum_event_facts what = {.kind = (int)event->kind, .event = event};
    char failing[FAILING_BYTES_MAX];
    if (event->kind == LOCUM_EVENT_ADMIN && self->core.admin.reason[0] != '\0') {
        what.texts[0] = self->core.admin.reason;
    }
    if (event->kind == LOCUM_EVENT_SERVICE && event->service.to == LOCUM_FAILING) {
        struct locum_report view;
        struct locum_text text = locum_text_init(failing, sizeof(failing));
        locum_daemon_emit_view(self, &view);
        locum_report_add_failing(&view, &text);
        what.texts[0] = failing;
    }
    emit(self, &what);
}

/* key: "ABOUT PEER" or "ABOUT"; reason: NULL if the warning is over. */
static void
emit_warning(struct locum_daemon *self, const char *key, const char *reason)
{
    char about[KEY_BYTES_MAX];
    const char *blank = strchr(key, ' ');
    (void)locum_text_format_buffer(about, sizeof(about), "%.*s", (int)strcspn(key, " "), key);
    locum_daemon_emit(self, reason != NULL ? LOCUM_EVENT_WARNING : LOCUM_EVENT_WARNING_OVER, about,
                      blank != NULL ? blank + 1 : NULL, reason);
}

void
locum_daemon_emit_warnings(struct locum_daemon *self)
{
    struct locum_report view;
    const char *key;
    json_t *text;
    locum_daemon_emit_view(self, &view);
    json_t *warnings = locum_warnings_find(&view);
    json_object_foreach(warnings, key, text)
    {
        if (locum_warnings_has_event(key) &&
            !json_equal(text, json_object_get(self->warned, key))) {
            emit_warning(self, key, json_string_value(text));
        }
    }
    json_object_foreach(self->warned, key, text)
    {
        if (locum_warnings_has_event(key) && json_object_get(warnings, key) == NULL) {
            emit_warning(self, key, NULL);
        }
    }
    json_decref(self->warned);
    self->warned = warnings;
}
