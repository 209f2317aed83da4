#include "daemon/daemon.h"

#include <event2/event.h>
#include <event2/thread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/descriptors.h"
#include "base/error.h"
#include "base/process.h"
#include "base/text_format.h"
#include "daemon/act.h"
#include "daemon/inside.h"
#include "daemon/loop.h"
#include "daemon/wiring.h"

enum { SPARE_BYTES = 4 * 1024 * 1024 };

static void
on_stop(evutil_socket_t signal_number, short what, void *user)
{
    struct locum_daemon *self = user;
    (void)signal_number;
    (void)what;
    if (self->core.leaving) { /* a second signal: stop at once */
        (void)locum_daemon_loop_now(self);
        locum_daemon_act_emit(self, LOCUM_EVENT_STOP, NULL, NULL, NULL);
        (void)event_base_loopbreak(self->base);
        return;
    }
    locum_notify_stopping(&self->notify);
    struct locum_input input = {.kind = LOCUM_INPUT_LEAVE};
    locum_daemon_loop_deliver(self, &input);
}

static void
on_reload(evutil_socket_t signal_number, short what, void *user)
{
    json_t *messages;
    (void)signal_number;
    (void)what;
    (void)!locum_daemon_wiring_reload(user, &messages); /* its errors have been logged */
    json_decref(messages);
}

/* SIGCHLD must have a handler: with it ignored, as the parent process may have left it, the exit
 * codes of checks would be lost. */
static void
on_child(evutil_socket_t signal_number, short what, void *user)
{
    (void)signal_number, (void)what, (void)user;
    locum_process_reap_inherited();
}

static int
add_signals(struct locum_daemon *self)
{
    static const struct {
        int number;
        event_callback_fn callback;
    } handlers[] = {
        {SIGTERM, on_stop}, {SIGINT, on_stop}, {SIGHUP, on_reload}, {SIGCHLD, on_child}};
    for (size_t i = 0; i < LOCUM_COUNT(handlers); i++) {
        self->signals[i] = evsignal_new(self->base, handlers[i].number, handlers[i].callback, self);
        if (self->signals[i] == NULL || evsignal_add(self->signals[i], NULL) != 0) {
            return LOCUM_ERR_MEMORY;
        }
    }
    return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? LOCUM_ERR_IO : 0;
}

/* Load what the last run saved, and start the core with it. */
static int
begin_core(struct locum_daemon *self)
{
    char buffer[512];
    struct locum_saved saved = {0};
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    const struct locum_now now = locum_daemon_loop_now(self);
    const int status = locum_state_load(self->config, now, &saved, &self->run.serial, &why);
    if (status != 0 || why.length > 0) {
        LOCUM_LOG(LOCUM_LOG_WARN, "state", "reason", buffer);
    }
    locum_core_init(&self->core, &self->config->core, &saved, now);
    self->run.started_mono = now.mono;
    self->run.serving_since = now.wall;
    self->run.serving_since_mono = now.mono;
    self->second_at = now.mono;
    self->warned = json_object();
    locum_warnings_init(&self->evidence);
    return locum_state_writer_create(self->config, &self->writer);
}

/* The loop. Timers are precise to 1 ms: a heartbeat interval may be 50 ms. */
static int
create_base(struct locum_daemon *self)
{
    /* No other thread touches it. */
    const int flags = EVENT_BASE_FLAG_PRECISE_TIMER | EVENT_BASE_FLAG_NOLOCK;
    return evthread_use_pthreads() == 0 && (self->base = locum_timer_base(flags)) != NULL &&
                   event_base_priority_init(self->base, LOCUM_DAEMON_PRIORITIES) == 0 &&
                   (self->events = locum_events_create(self->config->events_keep)) != NULL
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
    (void)locum_text_format_buffer(line, sizeof(line),
                                   "only %llu file descriptors are allowed, so fewer clients are "
                                   "served at a time: raise the limit (systemd: LimitNOFILE) to %d",
                                   (unsigned long long)limit,
                                   LOCUM_DESCRIPTORS_OWN + LOCUM_DESCRIPTORS_CLIENTS);
    LOCUM_LOG(LOCUM_LOG_WARN, "descriptors", "reason", line);
}

/*
 * Without some memory to spare a run would start, and fail at its first status. It is asked for and
 * given back, not used.
 */
static int
check_spare_memory(void)
{
    void *volatile spare = malloc(SPARE_BYTES);
    const bool enough = spare != NULL;
    free(spare);
    return enough ? 0 : LOCUM_ERR_MEMORY;
}

/*
 * Check everything that can be refused before anything is opened. The service manager's variables
 * are read first, before there is a thread or a child that could use them.
 */
static int
build(struct locum_daemon *self, const char *config_path)
{
    if (locum_notify_open(&self->notify) != 0) {
        LOCUM_LOG(LOCUM_LOG_WARN, "notify", "reason",
                  "NOTIFY_SOCKET is not the address of a socket", "effect",
                  "the service manager gets no notifications");
    }
    int status = locum_config_load(config_path, NULL, locum_problems_log, NULL, &self->config);
    if (status != 0 || (status = locum_dns_check(self->config, locum_problems_log, NULL)) != 0) {
        return status;
    }
    raise_descriptors();
    if ((status = locum_signature_prepare(&self->config->secrets)) != 0 ||
        (status = create_base(self)) != 0) {
        return status;
    }
    locum_daemon_loop_init(self);
    if ((status = begin_core(self)) != 0 || (status = add_signals(self)) != 0) {
        return status;
    }
    status = locum_daemon_wiring_create(self, &locum_daemon_handlers);
    return status != 0 ? status : check_spare_memory();
}

int
locum_daemon_create(const char *config_path, struct locum_daemon **ret)
{
    struct locum_daemon *self = calloc(1, sizeof(*self));
    const int status = self == NULL ? LOCUM_ERR_MEMORY : build(self, config_path);
    if (status != 0) {
        LOCUM_LOG(LOCUM_LOG_ERR, "not-started", "reason",
                  status == LOCUM_ERR_MEMORY ? locum_error_text(status) : "see the errors above");
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
    locum_daemon_wiring_destroy(self);
    locum_state_writer_destroy(self->writer);
    for (size_t i = 0; i < LOCUM_COUNT(self->signals); i++) {
        if (self->signals[i] != NULL) {
            event_free(self->signals[i]);
        }
    }
    locum_daemon_loop_fini(self);
    locum_notify_close(&self->notify);
    locum_events_destroy(self->events);
    for (size_t zone = 0; zone < LOCUM_ZONES_MAX; zone++) {
        json_decref(self->nsd.report[zone]);
    }
    json_decref(self->warned);
    if (self->base != NULL) {
        event_base_free(self->base);
    }
    locum_config_free(self->config);
    free(self);
}

struct event_base *
locum_daemon_loop(struct locum_daemon *self)
{
    return self->base;
}

int
locum_daemon_run(const char *config_path)
{
    struct locum_daemon *self;
    if (locum_daemon_create(config_path, &self) != 0) {
        return 1;
    }
    locum_daemon_act_emit(self, LOCUM_EVENT_START, self->config->core.version,
                          self->config->core.digest, NULL);
    (void)event_base_dispatch(self->base);
    locum_daemon_destroy(self);
    libevent_global_shutdown();
    return 0;
}
