#include "core/step.h"

#include <string.h>

#include "core/degraded.h"
#include "core/receive.h"

struct locum_action *
locum_core_add_action(struct locum_actions *actions, enum locum_action_kind kind)
{
    LOCUM_INVARIANT(actions->count < LOCUM_ACTIONS_MAX);
    struct locum_action *action = &actions->at[actions->count++];
    memset(action, 0, sizeof(*action));
    action->kind = kind;
    return action;
}

struct locum_event *
locum_core_add_event(struct locum_actions *actions, enum locum_event_kind kind)
{
    struct locum_event *event = &locum_core_add_action(actions, LOCUM_ACTION_EVENT)->event;
    event->kind = kind;
    return event;
}

/* HEARTBEAT-1: a change of condition is sent to the peers at once. */
static void
add_condition_events(struct locum_core *self, const struct locum_condition_event *events,
                     size_t count, struct locum_actions *actions)
{
    for (size_t i = 0; i < count; i++) {
        locum_core_add_event(actions, LOCUM_EVENT_CONDITION)->condition = events[i];
        self->send_wanted = true;
    }
}

static void
grace(struct locum_core *self, locum_nodes which, struct locum_now now,
      struct locum_actions *actions)
{
    struct locum_condition_event events[LOCUM_NODES_MAX];
    const size_t count = locum_detector_grace(&self->detector, &self->config, which, now, events);
    add_condition_events(self, events, count, actions);
}

/* GRACE-2: this commit comes more than timeout/2 late. */
static void
check_stall(struct locum_core *self, struct locum_now now, struct locum_actions *actions)
{
    const locum_ms late = self->next_commit == LOCUM_NEVER ? 0 : now.mono - self->next_commit;
    if (late <= self->config.timeout_ms / 2) {
        return;
    }
    self->view.grace = now.mono;
    locum_core_add_event(actions, LOCUM_EVENT_STALL)->late_ms = late;
    grace(self, ~(locum_nodes)0, now, actions);
}

/*
 * Check the own Mirrorbits: heard recently is a pass. Not heard is a failure only if own heartbeats
 * came back through Redis during the whole window; otherwise a loss of Redis would make every node
 * fail. Nor is it one while every Mirrorbits may still be at the old Redis master (SERVICE-7).
 */
static void
sample_mirrorbits(struct locum_core *self, size_t check, struct locum_now now)
{
    if (locum_view_mirrorbits_seen(&self->view, self->config.self, now.mono)) {
        locum_service_sample(&self->service, &self->config, check, LOCUM_SAMPLE_PASS, now);
    } else if (locum_view_redis_worked(&self->view, &self->config, LOCUM_MIRRORBITS_FORGET_MS,
                                       now.mono) &&
               !locum_view_mirrorbits_moves(&self->view, now.mono)) {
        locum_service_sample(&self->service, &self->config, check, LOCUM_SAMPLE_FAIL, now);
    }
}

static void
run_own_checks(struct locum_core *self, struct locum_now now)
{
    for (size_t i = 0; i < self->config.check_count; i++) {
        struct locum_check_state *state = &self->service.check[i];
        if (self->config.checks[i].mirrorbits && now.mono >= state->next_sample) {
            state->next_sample = now.mono + self->config.checks[i].interval_ms;
            sample_mirrorbits(self, i, now);
        }
    }
}

static void
advance_service(struct locum_core *self, struct locum_now now, struct locum_actions *actions)
{
    const enum locum_service before = self->service.state;
    run_own_checks(self, now);
    if (locum_service_advance(&self->service, &self->config, now)) {
        struct locum_event *event = locum_core_add_event(actions, LOCUM_EVENT_SERVICE);
        event->service.from = before;
        event->service.to = self->service.state;
        self->send_wanted = true;
    }
}

static void
add_admin_event(struct locum_core *self, enum locum_admin before, enum locum_cause cause,
                struct locum_actions *actions)
{
    struct locum_event *event = locum_core_add_event(actions, LOCUM_EVENT_ADMIN);
    event->admin.from = before;
    event->admin.to = self->admin.state;
    event->admin.cause = cause;
    self->send_wanted = true;
    locum_core_add_action(actions, LOCUM_ACTION_PERSIST);
}

static void
advance_plan(struct locum_core *self, struct locum_actions *actions)
{
    const struct locum_serving before = self->serving;
    if (self->plan_reported && !locum_core_ranks_moved(self)) {
        return;
    }
    if (locum_core_replan(self) || !self->plan_reported) {
        self->plan_reported = true;
        locum_core_add_action(actions, LOCUM_ACTION_PLAN);
    }
    if (!locum_plan_serving_equal(before, self->serving)) {
        struct locum_event *event = locum_core_add_event(actions, LOCUM_EVENT_SERVING);
        event->serving.from = before;
        event->serving.to = self->serving;
    }
}

/* LEAVE-1 */
static void
check_left(struct locum_core *self, locum_ms mono, struct locum_actions *actions)
{
    if (!self->leaving || self->left || self->leaving_seq == 0) {
        return;
    }
    bool all_acked = true;
    for (locum_node peer = 0; peer < self->config.node_count; peer++) {
        if (peer != self->config.self &&
            locum_view_heard_within_limit(&self->view, &self->config, peer, mono)) {
            all_acked = all_acked && self->view.peer[peer].acked_leaving;
        }
    }
    if (all_acked || mono - self->leaving_since >= LOCUM_LEAVING_MAX_MS) {
        self->left = true;
        locum_core_add_action(actions, LOCUM_ACTION_LEFT);
    }
}

/* HEARTBEAT-1 */
static void
send_heartbeat(struct locum_core *self, locum_ms mono, struct locum_actions *actions)
{
    const locum_ms gap = self->send_wanted ? LOCUM_SEND_GAP_MS : self->config.interval_ms;
    if (self->last_send != LOCUM_NEVER && mono - self->last_send < gap) {
        return;
    }
    self->send_wanted = false;
    self->last_send = mono;
    self->view.seq++;
    self->view.sent[self->view.seq % LOCUM_SENT_MAX] = mono;
    self->view.sent_as[self->view.seq % LOCUM_SENT_MAX] = self->view.incarnation;
    self->degraded = (uint32_t)locum_degraded_own(self, mono) + self->degraded_besides;
    if (self->leaving && self->leaving_seq == 0) {
        self->leaving_seq = self->view.seq;
    }
    locum_core_add_action(actions, LOCUM_ACTION_HEARTBEAT);
}

/*
 * True if a condition changed. HEARTBEAT-1: a changed state code is sent at once, also if the
 * condition did not change: COND-10.
 */
static bool
advance_conditions(struct locum_core *self, struct locum_now now, struct locum_actions *actions)
{
    struct locum_condition_event events[LOCUM_NODES_MAX];
    enum locum_condition before[LOCUM_NODES_MAX] = {LOCUM_UNKNOWN};
    for (locum_node peer = 0; peer < self->config.node_count; peer++) {
        before[peer] = locum_detector_state_code(&self->detector, peer);
    }
    const size_t count =
        locum_detector_advance(&self->detector, &self->view, &self->config, now, events);
    add_condition_events(self, events, count, actions);
    for (locum_node peer = 0; peer < self->config.node_count; peer++) {
        if (locum_detector_state_code(&self->detector, peer) != before[peer]) {
            self->send_wanted = true;
        }
    }
    return count > 0;
}

/* HEARTBEAT-1: a changed vote, and what this node says about itself, are sent at once. */
static void
advance_families(struct locum_core *self, struct locum_now now, struct locum_actions *actions)
{
    struct locum_family_event events[LOCUM_NODES_MAX * LOCUM_FAMILIES];
    struct locum_families *families = &self->families;
    const locum_nodes before[] = {families->unheard[LOCUM_V4], families->unheard[LOCUM_V6]};
    const size_t count = locum_family_advance(families, &self->view, &self->config, now, events);
    for (size_t i = 0; i < count; i++) {
        locum_core_add_event(actions, LOCUM_EVENT_FAMILY)->family = events[i];
    }
    if (count > 0 || memcmp(before, families->unheard, sizeof(before)) != 0) {
        self->send_wanted = true;
    }
}

/* RESUME-1: a crash may follow, so what the plan is made of is saved whenever it changes. */
static void
note_inputs(struct locum_core *self, struct locum_actions *actions)
{
    struct locum_noted noted = {0};
    for (locum_node node = 0; node < self->config.node_count; node++) {
        const struct locum_condition_state *state = &self->detector.peer[node];
        const uint8_t inputs[] = {(uint8_t)state->condition,
                                  state->silent || state->was_alive ? 1 : 0,
                                  (uint8_t)locum_core_service(self, node),
                                  (uint8_t)locum_core_admin(self, node),
                                  self->view.peer[node].leaving ? 1 : 0,
                                  self->families.at[node][LOCUM_V4].lost ? 1 : 0,
                                  self->families.at[node][LOCUM_V6].lost ? 1 : 0};
        memcpy(noted.node[node], inputs, sizeof(inputs));
    }
    for (size_t i = 0; i < self->config.check_count; i++) {
        noted.check[i] = (uint8_t)self->service.check[i].verdict;
    }
    if (memcmp(&noted, &self->noted, sizeof(noted)) != 0) {
        self->noted = noted;
        self->save_wanted = true;
    }
    if (self->save_wanted) {
        self->save_wanted = false;
        locum_core_add_action(actions, LOCUM_ACTION_SAVE);
    }
}

static void
commit(struct locum_core *self, struct locum_now now, struct locum_actions *actions)
{
    const enum locum_admin admin = self->admin.state;
    check_stall(self, now, actions);
    advance_service(self, now, actions);
    if (locum_admin_advance(&self->admin, now)) {
        add_admin_event(self, admin, LOCUM_CAUSE_LEASE, actions);
    }
    const bool moved = advance_conditions(self, now, actions);
    advance_families(self, now, actions);
    advance_plan(self, actions);
    send_heartbeat(self, now.mono, actions);
    check_left(self, now.mono, actions);
    note_inputs(self, actions);
    /* One change can make the next one possible: suspect, and the votes have arrived already. */
    self->next_commit = moved ? now.mono + 1 : locum_core_next(self, now);
}

/* The heartbeat channel was (re)subscribed or lost. */
static void
redis_changed(struct locum_core *self, bool subscribed, struct locum_now now,
              struct locum_actions *actions)
{
    struct locum_view *view = &self->view;
    locum_nodes unheard = 0;
    view->own_return_since = LOCUM_NEVER;
    view->subscribed = subscribed;
    if (!subscribed) {
        return;
    }
    view->subscribed_at = now.mono;
    /* GRACE-3 */
    for (locum_node peer = 0; peer < self->config.node_count; peer++) {
        if (!locum_view_direct(view, peer, now.mono)) {
            view->peer[peer].grace = now.mono;
            unheard |= locum_nodes_of(peer);
        }
    }
    grace(self, unheard, now, actions);
}

static void
sentinel_polled(struct locum_core *self, const struct locum_input *input)
{
    LOCUM_INVARIANT(input->sentinel.voter < self->config.node_count);
    struct locum_sentinel_facts *facts = &self->view.peer[input->sentinel.voter].sentinel;
    facts->polled = input->now.mono;
    facts->tilt = input->sentinel.tilt;
    memcpy(facts->known, input->sentinel.known, sizeof(facts->known));
    memcpy(facts->down, input->sentinel.down, sizeof(facts->down));
}

static void
admin_wanted(struct locum_core *self, const struct locum_input *input,
             struct locum_actions *actions)
{
    const enum locum_admin before = self->admin.state;
    const bool leased = input->admin.state != LOCUM_READY && input->admin.for_ms != LOCUM_NEVER;
    self->admin.state = input->admin.state;
    self->admin.until_boot = leased ? input->now.boot + input->admin.for_ms : LOCUM_NEVER;
    memcpy(self->admin.reason, input->admin.reason, sizeof(self->admin.reason));
    if (input->admin.state == LOCUM_READY) {
        self->admin.reason[0] = '\0';
    }
    add_admin_event(self, before, LOCUM_CAUSE_OPERATOR, actions);
}

static void
exclude_wanted(struct locum_core *self, locum_node node, bool excluded,
               struct locum_actions *actions)
{
    LOCUM_INVARIANT(node < self->config.node_count && node != self->config.self);
    if (locum_nodes_has(self->admin.excluded, node) == excluded) {
        return;
    }
    self->admin.excluded ^= locum_nodes_of(node);
    locum_core_add_event(actions, excluded ? LOCUM_EVENT_EXCLUDED : LOCUM_EVENT_INCLUDED)->peer =
        node;
    locum_core_add_action(actions, LOCUM_ACTION_PERSIST);
}

/* DNS-3. No rank, vote or plan reads it (DNS-4). */
static void
dns_asked(struct locum_core *self, const struct locum_input *input, struct locum_actions *actions)
{
    LOCUM_INVARIANT(input->dns.peer < self->config.node_count &&
                    input->dns.peer != self->config.self);
    const enum locum_dns_state state = input->dns.state;
    struct locum_dns_facts *facts =
        &self->view.peer[input->dns.peer].dns[input->dns.family][input->dns.transport];
    const enum locum_dns_state before = locum_view_dns(
        &self->view, input->dns.peer, input->dns.family, input->dns.transport, input->now.mono);
    const bool fails = state > LOCUM_DNS_OK;
    facts->asked = input->now.mono;
    facts->state = before;
    if (!fails) {
        facts->misses = 0;
    } else if (facts->misses < LOCUM_DNS_MISSES) {
        facts->misses++;
    }
    if (fails && facts->misses < LOCUM_DNS_MISSES) {
        return;
    }
    facts->state = state;
    if (fails != (before > LOCUM_DNS_OK)) {
        struct locum_event *event = locum_core_add_event(actions, LOCUM_EVENT_DNS);
        event->dns.peer = input->dns.peer;
        event->dns.family = input->dns.family;
        event->dns.transport = input->dns.transport;
        event->dns.from = before;
        event->dns.to = state;
    }
}

static void
leave(struct locum_core *self, locum_ms mono, struct locum_actions *actions)
{
    if (self->leaving) {
        return;
    }
    self->leaving = true;
    self->leaving_since = mono;
    self->send_wanted = true;
    locum_core_add_event(actions, LOCUM_EVENT_LEAVING);
}

void
locum_core_step(struct locum_core *self, const struct locum_input *input,
                struct locum_actions *ret_actions)
{
    const struct locum_now now = input->now;
    ret_actions->count = 0;
    switch (input->kind) { /* unreachable: none of these */
    case LOCUM_INPUT_COMMIT: commit(self, now, ret_actions); break;
    case LOCUM_INPUT_HEARTBEAT: locum_receive(self, input, ret_actions); break;
    case LOCUM_INPUT_REDIS: redis_changed(self, input->subscribed, now, ret_actions); break;
    case LOCUM_INPUT_SENTINEL: sentinel_polled(self, input); break;
    case LOCUM_INPUT_SAMPLE:
        locum_service_sample(&self->service, &self->config, input->sample.check,
                             input->sample.outcome, now);
        break;
    case LOCUM_INPUT_MIRRORBITS: self->view.peer[input->node].mirrorbits = now.mono; break;
    case LOCUM_INPUT_ADMIN: admin_wanted(self, input, ret_actions); break;
    case LOCUM_INPUT_EXCLUDE:
        exclude_wanted(self, input->exclude.node, input->exclude.excluded, ret_actions);
        break;
    case LOCUM_INPUT_DNS: dns_asked(self, input, ret_actions); break;
    case LOCUM_INPUT_DNS_CLAIM:
        self->send_wanted =
            self->send_wanted || self->view.peer[self->config.self].dns_claim != input->dns_claim;
        self->view.peer[self->config.self].dns_claim = input->dns_claim;
        break;
    case LOCUM_INPUT_ADDRESS:
        locum_family_address(&self->families, input->address.family, input->address.absent,
                             now.mono);
        break;
    case LOCUM_INPUT_CLOCK: self->view.clock_synchronised = input->synchronised; break;
    case LOCUM_INPUT_DEGRADED: self->degraded_besides = input->degraded; break;
    case LOCUM_INPUT_KEYS: self->view.peer[self->config.self].keys = input->keys; break;
    case LOCUM_INPUT_LEAVE: leave(self, now.mono, ret_actions); break;
    }
}
