/* The life of the daemon: begin, run, an orderly stop. */
#include "daemon/daemon.h"

#include <event2/event.h>
#include <event2/thread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/descriptors.h"
#include "base/error.h"

static void
on_stop(evutil_socket_t signal_number, short what, void *user)
{
    struct locum_daemon *self = user;
    (void)signal_number;
    (void)what;
    if (self->core.leaving) {
        locum_daemon_tell(self, LOCUM_LOG_INFO, LOCUM_TOLD_STOP, (const char *)NULL);
        (void)event_base_loopbreak(self->base); /* asked twice: at once */
        return;
    }
    locum_notify_stopping(&self->notify);
    struct locum_input event = {.kind = LOCUM_INPUT_LEAVE};
    locum_daemon_deliver(self, &event);
}

static void
on_reload(evutil_socket_t signal_number, short what, void *user)
{
    json_t *told;
    (void)signal_number;
    (void)what;
    (void)!locum_daemon_reload(user, &told); /* what was wrong has been logged */
    json_decref(told);
}

static int
add_signals(struct locum_daemon *self)
{
    static const struct {
        int number;
        event_callback_fn callback;
    } handlers[] = {{SIGTERM, on_stop}, {SIGINT, on_stop}, {SIGHUP, on_reload}};
    for (size_t i = 0; i < LOCUM_COUNT(handlers); i++) {
        self->signals[i] = evsignal_new(self->base, handlers[i].number, handlers[i].callback, self);
        if (self->signals[i] == NULL || evsignal_add(self->signals[i], NULL) != 0) {
            return LOCUM_ERR_MEMORY;
        }
    }
    /* Whoever started us may have ignored SIGCHLD: then no exit code of a check would be told. */
    return signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGCHLD, SIG_DFL) == SIG_ERR ? LOCUM_ERR_IO
                                                                                      : 0;
}

/* What the last run left, and the core on top of it. */
static int
begin_core(struct locum_daemon *self)
{
    char buffer[512];
    struct locum_saved saved = {0};
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    const struct locum_now now = locum_daemon_now(self);
    const int status = locum_state_load(self->config, now, &saved, &self->serial, &why);
    if (status != 0 || why.length > 0) {
        LOCUM_LOG(LOCUM_LOG_WARN, "state", "reason", buffer);
    }
    locum_core_init(&self->core, &self->config->core, &saved, now);
    self->started_mono = now.mono;
    self->second_at = now.mono;
    locum_evidence_init(&self->evidence);
    self->warned = json_object();
    self->serving_since = now.wall;
    self->serving_since_mono = now.mono;
    locum_story_keep(self->story, self->config->events_keep);
    return locum_state_writer_create(self->config, &self->writer);
}

static int
create_base(struct locum_daemon *self)
{
    struct event_config *settings = event_config_new();
    if (settings == NULL || evthread_use_pthreads() != 0) {
        if (settings != NULL) {
            event_config_free(settings);
        }
        return LOCUM_ERR_MEMORY;
    }
    (void)event_config_set_flag(settings, EVENT_BASE_FLAG_PRECISE_TIMER);
    (void)event_config_set_flag(settings, EVENT_BASE_FLAG_NOLOCK); /* no other thread touches it */
    self->base = event_base_new_with_config(settings);
    event_config_free(settings);
    self->story = locum_story_create();
    const bool made = self->base != NULL && self->story != NULL;
    return made && event_base_priority_init(self->base, LOCUM_DAEMON_PRIORITIES) == 0
               ? 0
               : LOCUM_ERR_MEMORY;
}

static void
raise_descriptors(void)
{
    uint64_t limit;
    if (locum_descriptors_raise(&limit)) {
        return;
    }
    char line[160];
    struct locum_text text = locum_text_init(line, sizeof(line));
    locum_text_add(&text, "only ");
    locum_text_add_u64(&text, limit);
    locum_text_add(&text, " may be open: fewer clients are served at a time; raise the limit "
                          "(systemd: LimitNOFILE) to ");
    locum_text_add_u64(&text, LOCUM_DESCRIPTORS_OWN + LOCUM_DESCRIPTORS_CLIENTS);
    LOCUM_LOG(LOCUM_LOG_WARN, "descriptors", "reason", line);
}

static int
build(struct locum_daemon *self, const char *config_path)
{
    if (locum_notify_open(&self->notify) != 0) {
        LOCUM_LOG(LOCUM_LOG_WARN, "notify", "reason",
                  "NOTIFY_SOCKET is no address of a socket here", "effect",
                  "the service manager is told nothing");
    }
    int status = locum_config_load(config_path, NULL, locum_problems_log, NULL, &self->config);
    if (status == 0) {
        status = locum_dns_check(self->config, locum_problems_log, NULL);
    }
    if (status == 0) {
        raise_descriptors();
        status = create_base(self);
    }
    if (status == 0) {
        status = locum_daemon_turn_create(self);
    }
    if (status == 0) {
        status = begin_core(self);
    }
    if (status == 0) {
        status = add_signals(self);
    }
    return status == 0 ? locum_daemon_rooms_create(self) : status;
}

int
locum_daemon_create(const char *config_path, struct locum_daemon **ret)
{
    struct locum_daemon *self = calloc(1, sizeof(*self));
    const int status = self == NULL ? LOCUM_ERR_MEMORY : build(self, config_path);
    if (status != 0) {
        LOCUM_LOG(LOCUM_LOG_ERR, "not-started", "reason",
                  status == LOCUM_ERR_MEMORY ? locum_error_text(status)
                                             : "what is wrong stands in the lines above");
        locum_daemon_destroy(self);
        return status;
    }
    *ret = self;
    return 0;
}

void
locum_daemon_destroy(struct locum_daemon *self)
{
    if (self == NULL) {
        return;
    }
    locum_daemon_rooms_destroy(self);
    locum_state_writer_destroy(self->writer);
    for (size_t i = 0; i < LOCUM_COUNT(self->signals); i++) {
        if (self->signals[i] != NULL) {
            event_free(self->signals[i]);
        }
    }
    if (self->tick != NULL) {
        event_free(self->tick);
    }
    if (self->late != NULL) {
        event_free(self->late);
    }
    if (self->press != NULL) {
        event_free(self->press);
    }
    locum_notify_close(&self->notify);
    locum_story_destroy(self->story);
    locum_daemon_nsd_forget(&self->nsd);
    json_decref(self->warned);
    if (self->base != NULL) {
        event_base_free(self->base);
    }
    locum_config_free(self->config);
    free(self);
}

int
locum_daemon_run(const char *config_path)
{
    struct locum_daemon *self;
    if (locum_daemon_create(config_path, &self) != 0) {
        return 1;
    }
    locum_daemon_tell(self, LOCUM_LOG_INFO, LOCUM_TOLD_START, "version", self->config->core.version,
                      "digest", self->config->core.digest, (const char *)NULL);
    (void)event_base_dispatch(self->base);
    locum_daemon_destroy(self);
    libevent_global_shutdown();
    return 0;
}
