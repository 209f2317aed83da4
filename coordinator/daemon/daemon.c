#include "daemon/daemon.h"

#include <event2/event.h>
#include <event2/thread.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/confine.h"
#include "base/descriptors.h"
#include "base/error.h"
#include "base/process.h"
#include "base/text_format.h"
#include "config/glimpse.h"
#include "daemon/act.h"
#include "daemon/fallback.h"
#include "daemon/history.h"
#include "daemon/inside.h"
#include "daemon/loop.h"
#include "daemon/replace.h"
#include "daemon/starts.h"
#include "daemon/wiring.h"

enum { SPARE_BYTES = 4 * 1024 * 1024, MAPPED_BYTES = 128 * 1024 };

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

static void
on_replace(evutil_socket_t signal_number, short what, void *user)
{
    (void)signal_number, (void)what;
    locum_replace_signal(user);
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
    static const event_callback_fn handlers[LOCUM_SIGNALS] = {[LOCUM_SIGNAL_TERM] = on_stop,
                                                              [LOCUM_SIGNAL_INT] = on_stop,
                                                              [LOCUM_SIGNAL_RELOAD] = on_reload,
                                                              [LOCUM_SIGNAL_REPLACE] = on_replace,
                                                              [LOCUM_SIGNAL_CHILD] = on_child};
    for (size_t i = 0; i < LOCUM_SIGNALS; i++) {
        self->signals[i] = evsignal_new(self->base, locum_signals[i], handlers[i], self);
        if (self->signals[i] == NULL || evsignal_add(self->signals[i], NULL) != 0) {
            return LOCUM_ERR_MEMORY;
        }
    }
    locum_signals_release(); /* a start holds some, a replace all */
    return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? LOCUM_ERR_IO : 0;
}

/* Did this program take the place of another one? */
static bool
is_replace(const struct locum_daemon *self)
{
    return self->handover.version[0] != '\0';
}

/* Begin the core with what the last run, or the program before this one, has left. */
static void
resume_core(struct locum_daemon *self, const struct locum_saved *saved, struct locum_now now)
{
    uint32_t serial = 0;
    char reason[512];
    struct locum_text why = locum_text_init(reason, sizeof(reason));
    struct locum_last_run last = {.how = LOCUM_START, .boot_id = self->boot_id, .saved = saved};
    locum_state_boot_id(self->boot_id);
    if (is_replace(self)) {
        last.how = LOCUM_REPLACE;
        last.text =
            (struct locum_slice){.at = self->handover.state, .length = self->handover.state_length};
    } else if (locum_state_load_run(self->config, self->run_text, &last.text, &why) != 0) {
        LOCUM_LOG(LOCUM_LOG_WARN, "last-run", "reason", reason, "effect",
                  "this node knows nothing of its peers until it hears them");
    }
    const enum locum_resumed outcome =
        locum_core_resume(&self->core, &self->config->core, &last, now, &serial);
    self->run.serial = serial > self->run.serial ? serial : self->run.serial;
    if (outcome != LOCUM_NOT_SAVED) {
        LOCUM_LOG(outcome == LOCUM_RESUME_MALFORMED ? LOCUM_LOG_WARN : LOCUM_LOG_INFO, "last-run",
                  "state", locum_resume_text(outcome));
    }
}

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
    resume_core(self, &saved, now);
    locum_recorder_open(&self->recorder);
    locum_recorder_begin(&self->recorder, &self->core, "start");
    self->run.started_mono = now.mono;
    self->run.serving_since = now.wall;
    self->run.serving_since_mono = now.mono;
    self->second_at = now.mono;
    locum_warned_init(&self->warned);
    locum_evidence_init(&self->evidence);
    if (locum_daemon_history_begin(self) != 0) {
        return LOCUM_ERR_MEMORY;
    }
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

/* Only a service manager restarts at once. */
static void
brake(struct locum_daemon *self, const char *config_path)
{
    char control[LOCUM_PATH_MAX + 1];
    if (self->notify.fd < 0) {
        return;
    }
    (void)locum_glimpse_control(config_path, control);
    const struct locum_now now = locum_clock_read();
    self->brake_ms = locum_starts_note(control, now);
    if (self->brake_ms > 0) {
        locum_sockets_brake(&self->sockets, now.mono + self->brake_ms);
        LOCUM_LOG(LOCUM_LOG_WARN, "starts", "reason", "more than five starts in 10 s", "effect",
                  "new sockets wait for some seconds; those that the service manager kept do not");
    }
}

/* The service manager's variables are read before there is a thread or a child that could use
 * them, and its sockets before another descriptor is opened. */
static void
meet_manager(struct locum_daemon *self, const char *config_path)
{
    const int status = locum_notify_open(&self->notify);
    const struct locum_sockets_manager store = locum_notify_store(&self->notify);
    locum_sockets_init(&self->sockets, &store);
    locum_handover_read(&self->handover, &self->sockets);
    locum_sockets_inherit(&self->sockets);
    if (status != 0) {
        LOCUM_LOG(LOCUM_LOG_WARN, "notify", "reason",
                  "NOTIFY_SOCKET is not the address of a socket", "effect",
                  "the service manager gets no notifications");
    }
    if (is_replace(self)) {
        locum_process_adopt();
    } else {
        brake(self, config_path);
    }
}

/* Check everything that can be refused before anything is opened. */
static int
build(struct locum_daemon *self, const char *config_path, bool fallback)
{
    meet_manager(self, config_path);
    struct locum_fallback_reason reason;
    int status = locum_fallback_start(config_path, fallback, &self->config, &reason);
    if (status != 0) {
        return status;
    }
    memcpy(self->run.kept_since, reason.since, sizeof(reason.since));
    raise_descriptors();
    if ((status = locum_signature_prepare(&self->config->secrets)) != 0 ||
        (status = create_base(self)) != 0) {
        return status;
    }
    locum_daemon_loop_init(self);
    if ((status = begin_core(self)) != 0 || (status = add_signals(self)) != 0) {
        return status;
    }
    if ((status = locum_daemon_wiring_create(self, &locum_daemon_handlers)) != 0 ||
        (status = check_spare_memory()) != 0) {
        return status;
    }
    locum_state_writer_keep(self->writer, self->config, reason.error);
    return 0;
}

int
locum_daemon_create(const char *config_path, bool fallback, struct locum_daemon **ret)
{
    locum_signals_hold(LOCUM_SIGNAL_RELOAD); /* until add_signals() */
    struct locum_daemon *self = calloc(1, sizeof(*self));
    const int status = self == NULL ? LOCUM_ERR_MEMORY : build(self, config_path, fallback);
    if (status != 0) {
        LOCUM_LOG(LOCUM_LOG_ERR, "not-started", "reason",
                  status == LOCUM_ERR_MEMORY ? locum_error_text(status) : "see the errors above");
        if (self != NULL && self->brake_ms > 0) {
            locum_starts_pause(self->brake_ms);
        }
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
    locum_replace_fini(self);
    locum_daemon_wiring_destroy(self);
    locum_recorder_close(&self->recorder);
    locum_state_writer_destroy(self->writer);
    for (size_t i = 0; i < LOCUM_COUNT(self->signals); i++) {
        if (self->signals[i] != NULL) {
            event_free(self->signals[i]);
        }
    }
    locum_daemon_loop_fini(self);
    locum_notify_close(&self->notify);
    locum_events_destroy(self->events);
    locum_history_destroy(self->history);
    for (size_t zone = 0; zone < LOCUM_ZONES_MAX; zone++) {
        json_decref(self->nsd.report[zone]);
    }
    locum_warned_fini(&self->warned);
    if (self->base != NULL) {
        (void)event_base_loop(self->base, EVLOOP_NONBLOCK); /* lookups end (base/resolver.h) */
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
locum_daemon_run(const char *config_path, bool fallback)
{
    struct locum_daemon *self;
    locum_confine();
    /* With a fixed limit, a large block never becomes a part of the heap: it goes back when it is
     * freed, and pages of it that nobody uses are no memory. */
    (void)mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
    if (locum_daemon_create(config_path, fallback, &self) != 0) {
        return 1;
    }
    locum_replace_init(self);
    if (is_replace(self)) {
        locum_replace_finish(self);
    } else {
        locum_daemon_act_emit(self, LOCUM_EVENT_START, self->config->core.version,
                              self->config->core.digest, NULL);
    }
    (void)event_base_dispatch(self->base);
    locum_daemon_destroy(self);
    libevent_global_shutdown();
    return 0;
}
