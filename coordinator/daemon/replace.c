#include "daemon/replace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/foreign.h"
#include "base/text_format.h"
#include "base/version.h"
#include "daemon/act.h"
#include "daemon/history.h"
#include "daemon/inside.h"
#include "daemon/loop.h"

enum {
    POLL_MS = 2,
    HOOKS_POLL_MS = 10,
    CLIENT_GONE_MS = 100,             /* until the held request was called again */
    REASON_BYTES = 400,               /* of what the check printed */
    KEPT_MAX = LOCUM_SOCKETS_MAX + 4, /* the handover, the client, the history, the signatures */
};

/* What `locum check --handover` prints if all is well, and if the program continues from what this
 * one hands over. Another program at this path does not, nor does a version without it. */
static const char check_is_well[] = ": OK: cluster ";
static const char takes_handover[] = "\n" LOCUM_HANDOVER "\n";

void
locum_replace_init(struct locum_daemon *self)
{
    self->replace.client = -1;
    if (locum_program_read(&self->replace.program) != 0) {
        self->replace.program.path[0] = '\0';
    }
}

/* The replace has failed: everything goes on as before. */
static void
fail(struct locum_daemon *self)
{
    struct locum_replace *replace = &self->replace;
    locum_timer_disarm(&replace->timer);
    if (replace->phase >= LOCUM_REPLACE_DRAINING) {
        locum_dns_pause_tcp(self->dns, false);
        locum_signals_release();
    }
    locum_daemon_act_emit(self, LOCUM_EVENT_REPLACE_FAILED, replace->why, NULL, NULL);
    replace->phase = LOCUM_REPLACE_FAILED;
    if (replace->client >= 0) {
        locum_control_wake(self->control);
        locum_timer_arm(&replace->timer, CLIENT_GONE_MS);
    } else {
        replace->phase = LOCUM_REPLACE_NONE;
    }
}

static void
fail_with(struct locum_daemon *self, const char *why)
{
    (void)locum_text_format_buffer(self->replace.why, sizeof(self->replace.why), "%s", why);
    fail(self);
}

static bool
contains(struct locum_slice output, const char *text)
{
    return memmem(output.at, output.length, text, strlen(text)) != NULL;
}

/* The line of the check's output that says most: the first error, or the last line. */
static struct locum_slice
find_reason(struct locum_slice output)
{
    struct locum_slice line = {.at = NULL};
    struct locum_slice last = line;
    while (locum_slice_cut(&output, '\n', &line)) {
        if (contains(line, "error:")) {
            return line;
        }
        last = line.length > 0 ? line : last;
    }
    return last;
}

/* Why the program must not be executed. False: it may be. */
static bool
refuses(struct locum_replace *self, const struct locum_process_result *result)
{
    const struct locum_slice output = locum_process_output(self->check);
    const bool fine = WIFEXITED(result->status) && WEXITSTATUS(result->status) == 0 &&
                      contains(output, check_is_well);
    const bool well = fine && contains(output, takes_handover);
    struct locum_text why = locum_text_init(self->why, sizeof(self->why));
    if (result->failure == 0 && !self->late && well) {
        return false;
    }
    locum_text_format(&why, "%s check ", self->program.path);
    if (result->failure != 0) {
        locum_text_format(&why, "cannot be run: %s", strerror(result->failure));
    } else if (self->late) {
        locum_text_format(&why, "did not end within %d s", LOCUM_REPLACE_CHECK_MS / 1000);
    } else if (WIFSIGNALED(result->status)) {
        locum_text_format(&why, "was killed by signal %d", WTERMSIG(result->status));
    } else if (WEXITSTATUS(result->status) != 0) {
        locum_text_format(&why, "ended with exit code %d", WEXITSTATUS(result->status));
    } else {
        locum_text_add(&why, fine ? "does not say that it continues from a running program; "
                                    "restart the service to run it"
                                  : "does not answer as locum does");
    }
    if (result->failure == 0 && output.length > 0) {
        locum_text_add(&why, ": ");
        locum_foreign_add(&why, find_reason(output), REASON_BYTES);
    }
    locum_text_add(&why, "; the running program goes on (`locum check` says more)");
    return true;
}

/* RESUME-3: the next program continues this run. */
static void
write_state(const struct locum_daemon *self, struct locum_handover *handover)
{
    struct locum_text text = locum_text_init(handover->state, sizeof(handover->state));
    locum_core_save(&self->core, self->boot_id, self->run.serial, locum_clock_read(), &text);
    LOCUM_INVARIANT(!text.truncated);
    handover->state_length = text.length;
}

/* Everything that stays open across the exec. */
static size_t
list_kept(const struct locum_daemon *self, const struct locum_handover *handover, int memory,
          int ret[KEPT_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < self->sockets.count; i++) {
        if (self->sockets.at[i].fd >= 0) {
            ret[count++] = self->sockets.at[i].fd;
        }
    }
    ret[count++] = memory;
    if (handover->client >= 0) {
        ret[count++] = handover->client;
    }
    if (handover->history >= 0) {
        ret[count++] = handover->history;
    }
    if (handover->signatures >= 0) {
        ret[count++] = handover->signatures;
    }
    return count;
}

/* errno: it has failed. */
static int
execute_with(struct locum_daemon *self, const struct locum_handover *handover, int memory)
{
    int keep[KEPT_MAX];
    char number[32];
    char manager[LOCUM_NOTIFY_VARIABLES][LOCUM_NOTIFY_BYTES_MAX];
    const char *extra[1 + LOCUM_NOTIFY_VARIABLES + 1] = {number};
    (void)locum_text_format_buffer(number, sizeof(number), "LOCUM_HANDOVER=%d", memory);
    const size_t count = locum_notify_environment(&self->notify, manager);
    for (size_t i = 0; i < count; i++) {
        extra[1 + i] = manager[i];
    }
    return locum_program_execute(&self->replace.program, keep,
                                 list_kept(self, handover, memory, keep), extra);
}

/* From here to the exec nobody reads the sockets. Returns only if it fails. */
static void
execute(struct locum_daemon *self)
{
    struct locum_handover *handover = calloc(1, sizeof(*handover));
    if (handover == NULL) {
        fail_with(self, "out of memory");
        return;
    }
    locum_notify_reloading(&self->notify);
    locum_hooks_log_queued(self->hooks);
    locum_dns_close_surplus(self->dns);
    locum_sockets_retry(&self->sockets);
    locum_process_hold(true);
    handover->client = self->replace.client;
    handover->history = locum_daemon_history_hand_over(self);
    handover->signatures = locum_daemon_signatures_hand_over(self);
    handover->mono = locum_clock_read().mono;
    locum_dns_stop_workers(self->dns);
    locum_rfc2136_finish(self->rfc2136);
    (void)locum_text_format_buffer(handover->version, sizeof(handover->version), "%s",
                                   LOCUM_VERSION);
    write_state(self, handover);
    const int memory = locum_handover_write(handover, &self->sockets);
    const int error = memory >= 0 ? execute_with(self, handover, memory) : errno;
    locum_dns_start_workers(self->dns, locum_daemon_act_log_dns, self);
    locum_process_hold(false);
    (void)close(memory);
    (void)close(handover->history);
    (void)close(handover->signatures);
    free(handover);
    (void)locum_text_format_buffer(self->replace.why, sizeof(self->replace.why),
                                   "%s cannot be executed: %s; the running program goes on",
                                   self->replace.program.path, strerror(error));
    locum_notify_reloaded(&self->notify);
    fail(self);
}

/* All is answered, or the time is over. */
static void
get_ready(struct locum_daemon *self)
{
    struct locum_replace *replace = &self->replace;
    if (self->core.leaving) {
        fail_with(self, "the daemon is stopping");
    } else if (replace->client < 0) {
        execute(self);
    } else {
        replace->phase = LOCUM_REPLACE_READY;
        locum_control_wake(self->control);
        locum_timer_arm(&replace->timer, CLIENT_GONE_MS);
    }
}

/*
 * The hooks have nothing to deliver, or the time is over. Signals are blocked at least one
 * iteration before the exec, so that none is left in a handler of libevent.
 */
static void
begin_draining(struct locum_daemon *self)
{
    struct locum_replace *replace = &self->replace;
    replace->phase = LOCUM_REPLACE_DRAINING;
    replace->until = locum_clock_read().mono + LOCUM_REPLACE_DRAIN_MS;
    locum_signals_hold(LOCUM_SIGNAL_TERM); /* until the next program handles them */
    locum_dns_pause_tcp(self->dns, true);
    locum_timer_arm(&replace->timer, POLL_MS);
}

/* Begin to drain, or wait a little longer for the hooks, and for the keys that the next program is
 * to remember. */
static void
look_at_hooks(struct locum_daemon *self)
{
    struct locum_replace *replace = &self->replace;
    const bool ready =
        locum_hooks_queued(self->hooks) == 0 && !locum_state_writer_lacks_keys(self->writer);
    if (ready || locum_clock_read().mono >= replace->until) {
        begin_draining(self);
    } else {
        locum_timer_arm(&replace->timer, HOOKS_POLL_MS);
    }
}

/* No query is half read, and no new decision on keys waits for the disk. */
static bool
is_quiet(struct locum_daemon *self)
{
    return locum_dns_is_tcp_quiet(self->dns) && !locum_state_writer_lacks_keys(self->writer);
}

static void
on_timer(void *user)
{
    struct locum_daemon *self = user;
    struct locum_replace *replace = &self->replace;
    switch (replace->phase) {
    case LOCUM_REPLACE_NONE: break;
    case LOCUM_REPLACE_CHECKING:
        replace->late = true;
        locum_process_kill(replace->check);
        break;
    case LOCUM_REPLACE_DELIVERING: look_at_hooks(self); break;
    case LOCUM_REPLACE_DRAINING:
        locum_rfc2136_finish(self->rfc2136);
        if (is_quiet(self) || locum_clock_read().mono >= replace->until) {
            get_ready(self);
        } else {
            locum_timer_arm(&replace->timer, POLL_MS);
        }
        break;
    case LOCUM_REPLACE_READY:
        fail_with(self, "the client that asked for it is gone");
        replace->phase = LOCUM_REPLACE_NONE;
        break;
    case LOCUM_REPLACE_FAILED: replace->phase = LOCUM_REPLACE_NONE; break;
    }
}

static void
on_checked(void *user, const struct locum_process_result *result)
{
    struct locum_daemon *self = user;
    struct locum_replace *replace = &self->replace;
    const bool refused = refuses(replace, result);
    locum_timer_disarm(&replace->timer);
    locum_process_destroy(replace->check);
    replace->check = NULL;
    if (refused) {
        fail(self);
    } else {
        replace->phase = LOCUM_REPLACE_DELIVERING;
        replace->until = locum_clock_read().mono + LOCUM_REPLACE_HOOKS_MS;
        look_at_hooks(self);
    }
}

/* Begin, for a client or a signal (-1). */
static void
begin(struct locum_daemon *self, int client)
{
    struct locum_replace *replace = &self->replace;
    char path[PATH_MAX];
    replace->client = client;
    replace->late = false;
    locum_timer_init(&replace->timer, self->base, on_timer, self);
    if (replace->program.path[0] == '\0') {
        fail_with(self, "the path of this program is not known: /proc could not be read");
    } else if (self->core.leaving) {
        fail_with(self, "the daemon is stopping");
    } else if (realpath(self->config->path, path) == NULL) {
        char why[LOCUM_REPLACE_WHY_MAX];
        (void)locum_text_format_buffer(why, sizeof(why), "%s: %s; the running program goes on",
                                       self->config->path, strerror(errno));
        fail_with(self, why);
    } else {
        const char *const argv[] = {replace->program.path, "check", "--handover", "-c", path, NULL};
        const int status = locum_process_start(self->base, argv, on_checked, self, &replace->check);
        if (status != 0) {
            fail_with(self, locum_error_text(status));
            return;
        }
        replace->phase = LOCUM_REPLACE_CHECKING;
        locum_timer_arm(&replace->timer, LOCUM_REPLACE_CHECK_MS);
    }
}

void
locum_replace_signal(struct locum_daemon *self)
{
    if (self->replace.phase == LOCUM_REPLACE_NONE) {
        begin(self, -1);
    }
}

static struct locum_control_reply
reply_failure(struct locum_replace *self)
{
    self->phase = LOCUM_REPLACE_NONE;
    locum_timer_disarm(&self->timer);
    return locum_control_error(409, self->why);
}

struct locum_control_reply
locum_replace_handle(struct locum_daemon *self, const struct locum_control_request *request)
{
    struct locum_replace *replace = &self->replace;
    (void)locum_daemon_loop_now(self);
    if (replace->phase == LOCUM_REPLACE_NONE) {
        begin(self, request->client);
    } else if (replace->client != request->client) {
        return locum_control_error(409, "the program is being replaced already");
    } else if (replace->phase == LOCUM_REPLACE_READY && self->core.leaving) {
        fail_with(self, "the daemon is stopping");
    } else if (replace->phase == LOCUM_REPLACE_READY) {
        execute(self);
    }
    return replace->phase == LOCUM_REPLACE_FAILED || replace->phase == LOCUM_REPLACE_NONE
               ? reply_failure(replace)
               : (struct locum_control_reply){.later = true};
}

void
locum_replace_finish(struct locum_daemon *self)
{
    struct locum_handover *before = &self->handover;
    char pause[24];
    const locum_ms pause_ms = self->answering_mono - before->mono;
    (void)locum_text_format_buffer(pause, sizeof(pause), "%" PRIi64, pause_ms);
    locum_daemon_act_emit(self, LOCUM_EVENT_REPLACED, before->version, LOCUM_VERSION, pause);
    if (before->client >= 0) {
        locum_control_reply_late(before->client,
                                 locum_control_json(json_pack(
                                     "{s:b, s:s, s:s, s:I}", "replaced", 1, "from", before->version,
                                     "to", LOCUM_VERSION, "pause_ms", (json_int_t)pause_ms)));
        before->client = -1;
    }
}

void
locum_replace_fini(struct locum_daemon *self)
{
    locum_timer_fini(&self->replace.timer);
    locum_process_destroy(self->replace.check);
}
