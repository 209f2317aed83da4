/*
 * node: one coordinator. Does what the other rooms do around the core: delivers inputs and performs
 * actions. While the process is frozen, its inputs wait in the kernel.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/snapshot.h"
#include "dump.h"
#include "forge.h"

bool sim_snapshots;

struct locum_now
sim_node_now(const struct sim *sim, locum_node node)
{
    const struct sim_node *self = &sim->node[node];
    const bool still = self->suspended_at != LOCUM_NEVER;
    return (struct locum_now){
        .mono = (still ? self->suspended_at : sim->now) + self->mono_offset,
        .boot = sim->now + self->boot_offset,
        .wall = sim->now + self->wall_offset,
    };
}

bool
sim_node_frozen(const struct sim *sim, locum_node node)
{
    return sim->now < sim->node[node].frozen_until;
}

static void
commit_at(struct sim *sim, locum_node node, locum_ms at)
{
    struct sim_node *self = &sim->node[node];
    self->commit_at = at;
    sim_push(sim,
             (struct sim_event){
                 .at = at, .kind = SIM_EVENT_COMMIT, .node = node, .token = ++self->commit_token});
}

static uint64_t
cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* A heartbeat goes out twice: published, and as one datagram to each peer. */
static void
send_heartbeat(struct sim *sim, locum_node node)
{
    struct sim_node *self = &sim->node[node];
    const struct locum_now now = sim_node_now(sim, node);
    char buffer[SIM_LINE_MAX];
    sim->counts.heartbeats++;
    for (locum_node peer = 0; peer <= sim->nodes; peer++) {
        const bool publish = peer == sim->nodes;
        if (peer == node || (!publish && (peer >= self->core.config.node_count ||
                                          sim->config.nodes[peer].role == LOCUM_ROLE_SENTINEL))) {
            continue;
        }
        struct locum_text text = locum_text_init(buffer, sizeof(buffer));
        const uint64_t begin = sim->clock ? cpu_ns() : 0;
        locum_core_heartbeat(&self->core, publish ? LOCUM_NODE_NONE : peer, now, &text);
        sim->counts.cpu_ns += sim->clock ? cpu_ns() - begin : 0;
        sim_lie(sim, node, &text);
        if (self->next_version) {
            locum_text_add(&text, " x-next=1"); /* a field of a later version */
        }
        sim_keys_sign(sim, node, publish ? ~(locum_nodes)0 : locum_nodes_of(peer), &text);
        LOCUM_INVARIANT(!text.truncated);
        struct sim_text *sent = sim_text_make(buffer, text.length, self->sign);
        if (publish) {
            sim_redis_publish(sim, node, sent);
        } else {
            sim_datagram(sim, node, peer, sent);
        }
        sim_text_drop(sent);
    }
}

static const char *
boot_id(const struct sim_node *self)
{
    static char text[16];
    snprintf(text, sizeof(text), "boot-%u", self->boots);
    return text;
}

/* As the daemon does below /run: RESUME-1. */
static void
keep_state(struct sim *sim, locum_node node)
{
    struct sim_node *self = &sim->node[node];
    memcpy(self->state[1], self->state[0], self->state_length[0]);
    self->state_length[1] = self->state_length[0];
    struct locum_text text = locum_text_init(self->state[0], sizeof(self->state[0]));
    locum_core_save(&self->core, boot_id(self), 1, sim_node_now(sim, node), &text);
    LOCUM_INVARIANT(!text.truncated);
    self->state_length[0] = text.length;
}

static void
perform(struct sim *sim, locum_node node, const struct locum_action *action)
{
    struct sim_node *self = &sim->node[node];
    switch (action->kind) {
    case LOCUM_ACTION_HEARTBEAT: send_heartbeat(sim, node); break;
    case LOCUM_ACTION_PLAN: break; /* checked after each step */
    case LOCUM_ACTION_EVENT:
        if (action->event.kind != LOCUM_EVENT_DNS || sim->closes_dns) {
            sim_trace_event(sim, node, &action->event);
        }
        if (action->event.kind == LOCUM_EVENT_CONDITION) {
            sim_oracle_event(sim, node, &action->event.condition);
        } else if (action->event.kind == LOCUM_EVENT_FAMILY) {
            sim_oracle_family(sim, node, &action->event.family);
        }
        break;
    case LOCUM_ACTION_PERSIST:
        locum_core_saved(&self->core, &self->saved);
        self->has_saved = true;
        break;
    case LOCUM_ACTION_SAVE: keep_state(sim, node); break;
    case LOCUM_ACTION_LEFT:
        keep_state(sim, node);
        sim_node_stop(sim, node);
        break;
    }
}

/* What a dump begins with is all that the core knows: the copy is the same byte for byte. */
static void
restart_from_snapshot(struct sim *sim, locum_node node)
{
    static char buffer[LOCUM_SNAPSHOT_BYTES_MAX];
    static struct locum_core copy;
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_snapshot_write(&text, &sim->node[node].core);
    struct locum_slice rest = {.at = buffer, .length = text.length};
    LOCUM_INVARIANT(!text.truncated && locum_snapshot_read(&rest, &copy) && rest.length == 0);
    LOCUM_INVARIANT(memcmp(&copy, &sim->node[node].core, sizeof(copy)) == 0);
    sim->node[node].core = copy;
}

void
sim_node_step(struct sim *sim, locum_node node, struct locum_input *event)
{
    static struct locum_actions actions;
    struct sim_node *self = &sim->node[node];
    const uint32_t run = self->run;
    event->now = sim_node_now(sim, node);
    const uint64_t begin = sim->clock ? cpu_ns() : 0;
    locum_core_step(&self->core, event, &actions);
    sim->counts.cpu_ns += sim->clock ? cpu_ns() - begin : 0;
    sim->counts.steps++;
    sim_oracle_heard(sim, node);
    sim_oracle_heard_in_families(sim, node);
    sim_trace_warnings(sim, node);
    for (size_t i = 0; i < actions.count && self->run == run; i++) {
        perform(sim, node, &actions.at[i]);
    }
    if (self->run != run) {
        return;
    }
    if (sim_snapshots && event->kind == LOCUM_INPUT_COMMIT && sim->counts.steps % 16 == 0) {
        restart_from_snapshot(sim, node);
    }
    if (event->kind == LOCUM_INPUT_COMMIT) {
        sim_check_accepted(sim, node);
        sim_check_commit(sim, node); /* the plan changes only at a commit */
        sim_check_next(sim, node);
    } else if (self->commit_at > sim->now && event->kind != LOCUM_INPUT_DNS) { /* DNS-4 */
        commit_at(sim, node, sim->now);
    }
}

void
sim_node_config(const struct sim *sim, locum_node node, struct locum_core_config *ret)
{
    const struct sim_node *self = &sim->node[node];
    *ret = sim->config;
    ret->self = node;
    if (self->next_version) {
        memcpy(ret->version, "0.2.0", 6);
    }
    if (self->older) {
        ret->node_count--;
        ret->name_count -= ret->nodes[ret->node_count].role == LOCUM_ROLE_SERVER ? 1 : 0;
        ret->quorum = (uint32_t)ret->node_count / 2 + 1;
        for (size_t i = 0; i < ret->node_count; i++) { /* of mix_names(): one at most */
            ret->nodes[i].failover_count =
                ret->nodes[i].failover[0] < ret->node_count ? ret->nodes[i].failover_count : 0;
        }
    }
    if (!self->variant) {
        return;
    }
    memcpy(ret->digest, "b2c3d4e5", 9);
    ret->recover_after_ms += SIM_VARIANT_MS;
    ret->checks[0].rise++;
    for (size_t i = 0; i < ret->name_count; i++) {
        ret->names[i].ttl_s = 30;
    }
    for (locum_node server = 0; server < sim->servers; server++) {
        const locum_node other = (locum_node)((server + sim->servers - 1) % sim->servers);
        ret->nodes[server].failover[0] = other;
        ret->nodes[server].failover_count = other == server ? 0 : 1;
    }
}

/* A new configuration for the running core. */
void
sim_node_reload(struct sim *sim, locum_node node, bool variant)
{
    static struct locum_core_config config;
    struct sim_node *self = &sim->node[node];
    if (self->running && !sim_node_frozen(sim, node)) {
        self->variant = variant;
        self->older = false;
        self->checked = false;
        sim_node_config(sim, node, &config);
        locum_core_reconfigure(&self->core, &config, 0, sim_node_now(sim, node));
        commit_at(sim, node, sim->now);
    }
}

/* Begin a run with what the last one has left, and take over what the oracles know of it. */
static void
resume(struct sim *sim, locum_node node, enum locum_start how, enum sim_left left)
{
    static struct locum_core_config config;
    static struct locum_core before;
    struct sim_node *self = &sim->node[node];
    struct locum_last_run last = {.how = how, .boot_id = boot_id(self)};
    uint32_t serial = 0;
    if (left != SIM_LEFT_NOTHING) {
        const size_t which = left == SIM_LEFT_OLDER ? 1 : 0;
        last.text =
            (struct locum_slice){.at = self->state[which], .length = self->state_length[which]};
        last.saved = self->has_saved ? &self->saved : NULL;
    }
    sim_node_config(sim, node, &config);
    before = self->core;
    const enum locum_resumed outcome =
        locum_core_resume(&self->core, &config, &last, sim_node_now(sim, node), &serial);
    LOCUM_INVARIANT(outcome != LOCUM_OTHER_VERSION && outcome != LOCUM_OTHER_NODE &&
                    outcome != LOCUM_RESUME_MALFORMED);
    for (locum_node peer = 0; peer < config.node_count; peer++) {
        struct sim_pair *pair = &sim->pair[node][peer];
        const struct locum_peer_facts *facts = &self->core.view.peer[peer];
        pair->heard = facts->heard;
        pair->family[LOCUM_V4].heard = facts->family[LOCUM_V4].heard;
        pair->family[LOCUM_V6].heard = facts->family[LOCUM_V6].heard;
        if (locum_core_condition(&self->core, peer) == LOCUM_DOWN) { /* COND-14 */
            pair->adopted = self->core.detector.peer[peer].adopted;
        }
    }
    if (left != SIM_LEFT_OLDER) {
        sim_check_restart(sim, node, &before, how, outcome);
    }
}

void
sim_node_start(struct sim *sim, locum_node node, enum sim_left left)
{
    struct sim_node *self = &sim->node[node];
    if (self->running || !self->host_up || sim->config.nodes[node].role == LOCUM_ROLE_SENTINEL) {
        return;
    }
    sim_paths_note(sim);
    self->running = true;
    self->checked = false;
    self->suspended_at = LOCUM_NEVER;
    self->run++;
    self->frozen_until = 0;
    self->up_since = LOCUM_NEVER;
    for (locum_node peer = 0; peer < sim->nodes; peer++) {
        sim->pair[node][peer].heard = LOCUM_NEVER;
        sim->pair[node][peer].dead_verdict = false;
        self->reported_at[peer] = LOCUM_NEVER;
        for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
            sim->pair[node][peer].family[family].heard = LOCUM_NEVER;
            sim->pair[node][peer].family[family].lost = LOCUM_NEVER;
        }
    }
    const uint64_t last = self->core.view.incarnation;
    resume(sim, node, LOCUM_START, left);
    for (locum_node peer = 0; peer < sim->nodes && self->core.view.incarnation < last; peer++) {
        if (peer != node) { /* its state is lost, and its clock was set back */
            sim_forge_disturbs(sim, node, peer);
        }
    }
    locum_core_saved(&self->core, &self->saved); /* as the daemon does at its start */
    self->has_saved = true;
    const enum sim_event_kind own[] = {SIM_EVENT_SHELL, SIM_EVENT_POLL, SIM_EVENT_SAMPLE};
    for (size_t i = 0; i < LOCUM_COUNT(own); i++) {
        sim_push(sim, (struct sim_event){.at = sim->now + sim_between(sim, 1, 40),
                                         .kind = (uint8_t)own[i],
                                         .node = node,
                                         .token = self->run});
    }
    sim_push(sim, (struct sim_event){.at = sim->now + SIM_DNS_MS / 2,
                                     .kind = SIM_EVENT_DNS,
                                     .node = node,
                                     .token = self->run});
    commit_at(sim, node, sim->now);
    sim_dns_claim(sim, node);
    sim_node_clock(sim, node);
    for (enum locum_family family = LOCUM_V4; family <= LOCUM_V6; family++) {
        sim_node_address(sim, node, family);
    }
}

/* The node learns whether its kernel calls the clock synchronised; before that it is not. */
void
sim_node_clock(struct sim *sim, locum_node node)
{
    struct sim_node *self = &sim->node[node];
    if (self->running && self->core.view.clock_synchronised == self->unsynchronised) {
        sim_push(sim, (struct sim_event){.at = sim->now,
                                         .kind = SIM_EVENT_CLOCK,
                                         .node = node,
                                         .index = !self->unsynchronised,
                                         .token = self->run});
    }
}

/* The node learns whether its address is there; one that it never had is not known. */
void
sim_node_address(struct sim *sim, locum_node node, enum locum_family family)
{
    struct sim_node *self = &sim->node[node];
    if (self->address_known[family] &&
        (self->address_lost[family] || self->address_back[family] != LOCUM_NEVER)) {
        sim_push(sim, (struct sim_event){.at = sim->now,
                                         .kind = SIM_EVENT_ADDRESS,
                                         .node = node,
                                         .family = (uint8_t)family,
                                         .index = self->address_lost[family],
                                         .token = self->run});
    }
}

void
sim_node_stop(struct sim *sim, locum_node node)
{
    struct sim_node *self = &sim->node[node];
    sim_paths_note(sim);
    self->running = false;
    self->replacing = false;
    self->run++;
    self->commit_token++;
    for (size_t i = 0; i < self->inbox_count; i++) {
        sim_text_drop(self->inbox[i].text);
    }
    self->inbox_count = 0;
    self->inbox_datagrams = 0;
    sim_redis_drop(sim, node);
}

static enum locum_sample
sample(struct sim *sim, const struct sim_node *self)
{
    if (self->service_lacks) {
        return LOCUM_SAMPLE_NOT_RUN;
    }
    if (self->service_ok && !sim_chance(sim, self->service_flaky)) {
        return LOCUM_SAMPLE_PASS;
    }
    return self->service_degraded  ? LOCUM_SAMPLE_DEGRADED
           : self->service_refuses ? LOCUM_SAMPLE_REFUSED
                                   : LOCUM_SAMPLE_FAIL;
}

/* One input, for a process that runs. */
static void
handle(struct sim *sim, const struct sim_event *in)
{
    struct sim_node *self = &sim->node[in->node];
    struct locum_input event = {.kind = LOCUM_INPUT_HEARTBEAT};
    struct sim_sentinel_report report;
    switch ((enum sim_event_kind)in->kind) {
    case SIM_EVENT_DATAGRAM:
    case SIM_EVENT_MESSAGE:
        event.heartbeat.path = in->kind == SIM_EVENT_MESSAGE ? LOCUM_PATH_REDIS : LOCUM_PATH_UDP;
        event.heartbeat.family = (enum locum_family)in->family;
        if (!sim_keys_open(sim, in->node, in->text, &event.heartbeat.text)) {
            return;
        }
        break;
    case SIM_EVENT_POLLED:
        event.kind = LOCUM_INPUT_SENTINEL;
        memcpy(&report, in->text->at, sizeof(report));
        if (report.voter >= self->core.config.node_count) {
            return; /* it does not know this node */
        }
        event.sentinel.voter = report.voter;
        event.sentinel.tilt = report.tilt;
        memcpy(event.sentinel.known, report.known, sizeof(report.known));
        memcpy(event.sentinel.down, report.down, sizeof(report.down));
        self->reports[report.voter] = report;
        self->reported_at[report.voter] = sim->now;
        break;
    case SIM_EVENT_ADDRESS:
        event.kind = LOCUM_INPUT_ADDRESS;
        event.address.family = (enum locum_family)in->family;
        event.address.absent = in->index != 0;
        break;
    case SIM_EVENT_CLOCK:
        event.kind = LOCUM_INPUT_CLOCK;
        event.synchronised = in->index != 0;
        break;
    case SIM_EVENT_SAMPLE:
        event.kind = LOCUM_INPUT_SAMPLE;
        event.sample.outcome = sample(sim, self);
        break;
    default: return;
    }
    sim_node_step(sim, in->node, &event);
}

/* A message of a connection that was closed while the process was frozen is dropped. */
static bool
is_void(const struct sim *sim, const struct sim_event *in)
{
    const struct sim_node *self = &sim->node[in->node];
    return in->token != (in->kind == SIM_EVENT_MESSAGE ? self->redis.token : self->run);
}

void
sim_node_input(struct sim *sim, const struct sim_event *event)
{
    struct sim_node *self = &sim->node[event->node];
    if (!self->running || is_void(sim, event)) {
        return;
    }
    if (!sim_node_frozen(sim, event->node)) {
        handle(sim, event);
        return;
    }
    const bool datagram = event->kind == SIM_EVENT_DATAGRAM;
    if (event->kind == SIM_EVENT_SAMPLE || self->inbox_count == SIM_INBOX_MAX ||
        (datagram && self->inbox_datagrams == SIM_DATAGRAMS_MAX)) {
        return;
    }
    self->inbox_datagrams += datagram ? 1 : 0;
    if (self->inbox_count == self->inbox_room) {
        self->inbox_room = self->inbox_room == 0 ? 64 : 2 * self->inbox_room;
        self->inbox = realloc(self->inbox, self->inbox_room * sizeof(*self->inbox));
        LOCUM_INVARIANT(self->inbox != NULL);
    }
    self->inbox[self->inbox_count++] = *event;
    if (event->text != NULL) {
        event->text->holders++;
    }
}

void
sim_node_freeze(struct sim *sim, locum_node node, locum_ms duration)
{
    struct sim_node *self = &sim->node[node];
    if (!self->running || sim_node_frozen(sim, node)) {
        return;
    }
    sim_paths_note(sim);
    self->frozen_until = sim->now + duration;
    sim_push(sim, (struct sim_event){.at = self->frozen_until,
                                     .kind = SIM_EVENT_THAW,
                                     .node = node,
                                     .token = self->run});
}

/* The sockets of DNS and of the peer port stay, and what arrives meanwhile waits in them. */
void
sim_node_replace(struct sim *sim, locum_node node, locum_ms duration)
{
    struct sim_node *self = &sim->node[node];
    if (!self->running || sim_node_frozen(sim, node) || self->core.leaving) {
        return;
    }
    keep_state(sim, node);
    sim_redis_drop(sim, node);
    sim_node_freeze(sim, node, duration);
    self->replacing = true;
}

/* Read what has waited in the kernel. */
static void
read_inbox(struct sim *sim, locum_node node)
{
    struct sim_node *self = &sim->node[node];
    for (size_t i = 0; i < self->inbox_count; i++) {
        if (self->running && !is_void(sim, &self->inbox[i])) {
            handle(sim, &self->inbox[i]);
        }
        sim_text_drop(self->inbox[i].text);
    }
    self->inbox_count = 0;
    self->inbox_datagrams = 0;
}

/* The process continues: it reads what has arrived, and then sees the new time. */
void
sim_node_thaw(struct sim *sim, locum_node node)
{
    struct sim_node *self = &sim->node[node];
    if (sim_node_frozen(sim, node) || !self->running) {
        return;
    }
    sim->now--; /* it was frozen until now */
    sim_paths_note(sim);
    sim->now++;
    sim->changed = sim->now;
    if (self->suspended_at != LOCUM_NEVER) {
        self->mono_offset -= sim->now - self->suspended_at;
        self->suspended_at = LOCUM_NEVER;
    }
    self->redis.last_reply = sim->now; /* all replies have arrived */
    if (self->replacing) {
        self->replacing = false;
        self->checked = false;
        resume(sim, node, LOCUM_REPLACE, SIM_LEFT_ALL);
        sim_dns_claim(sim, node);
        sim_node_clock(sim, node);
        sim_node_address(sim, node, LOCUM_V4);
        sim_node_address(sim, node, LOCUM_V6);
    }
    commit_at(sim, node, sim->now);
    read_inbox(sim, node);
}

void
sim_node_commit(struct sim *sim, const struct sim_event *event)
{
    struct sim_node *self = &sim->node[event->node];
    if (!self->running || event->token != self->commit_token || sim_node_frozen(sim, event->node)) {
        return;
    }
    struct locum_input commit = {.kind = LOCUM_INPUT_COMMIT};
    sim_node_step(sim, event->node, &commit);
    if (self->running && self->commit_token == event->token) {
        commit_at(sim, event->node, self->core.next_commit - self->mono_offset);
    }
}
