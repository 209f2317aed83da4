#include "daemon/loop.h"

#include "daemon/acme.h"
#include "daemon/act.h"
#include "daemon/documents.h"
#include "daemon/history.h"
#include "daemon/inside.h"

enum {
    /* If sockets stay readable for longer than twice this time, cut the iteration short so that
     * timers still run. Far below any timeout, far above what reading all sockets takes. */
    STARVATION_MS = 50,
    /* An iteration that is later than this commits only when the kernel reports no more sockets. */
    IN_TIME_MS = 20,
    SECOND_MS = 1000,
};

static void
begin_iteration(struct locum_daemon *self)
{
    self->now = locum_clock_read();
    self->in_iteration = true;
}

struct locum_now
locum_daemon_loop_now(struct locum_daemon *self)
{
    if (!self->in_iteration) {
        begin_iteration(self);
        locum_timer_fire(&self->commit);
        locum_timer_arm(&self->starvation_timer, STARVATION_MS);
    }
    return self->now;
}

static void
step(struct locum_daemon *self, const struct locum_input *input)
{
    locum_core_step(&self->core, input, &self->actions);
    locum_recorder_note(&self->recorder, &self->core, input, &self->actions);
    if (self->watch != NULL) {
        self->watch(self->watch_user, &self->core, input, &self->actions);
    }
    locum_daemon_act_perform(self);
}

void
locum_daemon_loop_deliver(struct locum_daemon *self, struct locum_input *input)
{
    input->now = locum_daemon_loop_now(self);
    step(self, input);
}

/*
 * Sleep until time alone asks for a commit, a document is to be sent again, or the value of
 * a challenge expires. If sockets keep it
 * away then, starvation_timer sees to it.
 */
static void
arm(struct locum_daemon *self)
{
    const locum_ms wait = self->core.next_commit - self->now.mono;
    const locum_ms most = self->documents.waits ? LOCUM_DOCUMENTS_REPEAT_MS : SECOND_MS;
    const locum_ms expiry = locum_acme_next_ms(self);
    locum_ms ms = wait < most ? wait : most;
    ms = expiry != LOCUM_NEVER && expiry < ms ? expiry : ms;
    locum_timer_arm(&self->commit, ms);
    locum_timer_arm(&self->starvation_timer, ms + STARVATION_MS);
}

/*
 * Once a second, but without an iteration of its own while heartbeats cause some anyway: a second
 * may be shorter by half an interval.
 */
static bool
begin_second(struct locum_daemon *self)
{
    const locum_ms half = self->config->core.interval_ms / 2;
    const locum_ms early = half < SECOND_MS / 8 ? half : SECOND_MS / 8;
    if (self->now.mono - self->second_at < SECOND_MS - early) {
        return false;
    }
    self->second_at = self->now.mono;
    return true;
}

/* GREEN-5: the peers hear of what only this node's status would show. */
static void
tell_degraded(struct locum_daemon *self)
{
    struct locum_input input = {.kind = LOCUM_INPUT_DEGRADED,
                                .degraded = locum_daemon_act_is_degraded_besides(self)};
    if (input.degraded != self->core.degraded_besides) {
        locum_daemon_loop_deliver(self, &input);
    }
}

/* DNS-1, DNS-2. A peer that stops in order is not asked: it closes its DNS. */
static void
ask_dns(struct locum_daemon *self)
{
    const struct locum_core *core = &self->core;
    const struct locum_peer_facts *facts = core->view.peer;
    locum_nodes peers = 0;
    struct locum_input input = {.kind = LOCUM_INPUT_DNS_CLAIM,
                                .dns_claim = locum_daemon_act_dns_claim(self)};
    if (input.dns_claim != facts[core->config.self].dns_claim) {
        locum_daemon_loop_deliver(self, &input);
    }
    for (locum_node node = 0; node < core->config.node_count; node++) {
        if (node != core->config.self && facts[node].dns_claim >= LOCUM_DNS_OPEN &&
            !facts[node].leaving) {
            peers |= locum_nodes_of(node);
        }
    }
    locum_dns_ask_second(self->dns_ask, peers);
}

static void
end_iteration(void *user)
{
    struct locum_daemon *self = user;
    begin_iteration(self);
    self->run.iterations++;
    if (self->core.next_commit != LOCUM_NEVER && self->now.mono >= self->core.next_commit) {
        locum_report_note_lag(&self->run.lag, self->now.mono - self->core.next_commit);
    }
    const bool second = begin_second(self);
    if (second) {
        ask_dns(self);
        tell_degraded(self);
    }
    const struct locum_input input = {.kind = LOCUM_INPUT_COMMIT, .now = self->now};
    step(self, &input);
    locum_hooks_look(self->hooks, &self->core, self->now.mono);
    locum_acme_look(self);
    locum_daemon_documents_look(self);
    locum_daemon_history_note(self);
    if (second) {
        locum_daemon_act_each_second(self);
    }
    locum_timer_disarm(&self->deferred_commit); /* starvation_timer may have come before it */
    arm(self);
    locum_notify_iteration(&self->notify, self->now.mono);
    self->starved = false;
    self->in_iteration = false;
}

static void
on_commit(void *user)
{
    struct locum_daemon *self = user;
    if (!self->in_iteration) {
        begin_iteration(self);
    }
    if (self->core.next_commit != LOCUM_NEVER &&
        self->now.mono - self->core.next_commit > IN_TIME_MS) {
        locum_timer_fire(&self->deferred_commit);
    } else {
        end_iteration(self);
    }
}

/*
 * It runs before all sockets, so once is not enough: after a stall they hold what would be missed
 * as silence. By the second time they have been read for STARVATION_MS.
 */
static void
on_starvation(void *user)
{
    struct locum_daemon *self = user;
    if (self->starved) {
        end_iteration(self);
        return;
    }
    self->starved = true;
    locum_timer_arm(&self->starvation_timer, STARVATION_MS);
}

void
locum_daemon_loop_watch(struct locum_daemon *self, locum_daemon_loop_watch_fn *watch, void *user)
{
    self->watch = watch;
    self->watch_user = user;
}

void
locum_daemon_loop_init(struct locum_daemon *self)
{
    locum_timer_init(&self->commit, self->base, on_commit, self);
    locum_timer_init(&self->deferred_commit, self->base, end_iteration, self);
    locum_timer_init(&self->starvation_timer, self->base, on_starvation, self);
    locum_timer_run_last(&self->deferred_commit);
    locum_timer_run_first(&self->starvation_timer);
}

void
locum_daemon_loop_fini(struct locum_daemon *self)
{
    locum_timer_fini(&self->commit);
    locum_timer_fini(&self->deferred_commit);
    locum_timer_fini(&self->starvation_timer);
}
