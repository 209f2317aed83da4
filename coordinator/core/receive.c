#include "core/receive.h"

#include <string.h>

enum { DUPLICATE_QUIET_MS = 10000 }; /* between two events that a duplicate node causes */

/* (inc, seq) a is later than b. */
static bool
later(uint64_t inc_a, uint64_t seq_a, uint64_t inc_b, uint64_t seq_b)
{
    return inc_a != inc_b ? inc_a > inc_b : seq_a > seq_b;
}

/* An own heartbeat came back: Redis has worked since it was sent. */
static void
receive_own(struct locum_core *self, const struct locum_heartbeat *heartbeat, locum_ms mono,
            struct locum_actions *actions)
{
    struct locum_view *view = &self->view;
    if (heartbeat->incarnation > view->incarnation) { /* RECEIVE-2 */
        if (self->duplicate_reported == LOCUM_NEVER ||
            mono - self->duplicate_reported >= DUPLICATE_QUIET_MS) {
            self->duplicate_reported = mono;
            locum_core_add_event(actions, LOCUM_EVENT_DUPLICATE_NODE)->incarnation =
                heartbeat->incarnation;
        }
        return;
    }
    const locum_ms sent = locum_view_sent(view, heartbeat->incarnation, heartbeat->seq);
    if (sent == LOCUM_NEVER || sent < view->own_return) {
        return;
    }
    if (view->own_return_since == LOCUM_NEVER ||
        sent - view->own_return >= self->config.timeout_ms) {
        view->own_return_since = sent;
    }
    view->own_return = sent; /* RECEIVE-1 */
}

/*
 * RECEIVE-3: a peer remembers a later run of this node, because the state was lost or the clock was
 * set back. Two nodes with one name raise it alternately without end, so the event and the write to
 * disk are limited to one in DUPLICATE_QUIET_MS.
 */
static void
raise_incarnation(struct locum_core *self, uint64_t incarnation, locum_ms mono,
                  struct locum_actions *actions)
{
    if (incarnation <= self->view.incarnation) {
        return;
    }
    self->view.incarnation = incarnation + 1;
    self->send_wanted = true;
    if (self->raise_reported != LOCUM_NEVER && mono - self->raise_reported < DUPLICATE_QUIET_MS) {
        return;
    }
    self->raise_reported = mono;
    locum_core_add_event(actions, LOCUM_EVENT_INCARNATION)->incarnation = incarnation + 1;
    locum_core_add_action(actions, LOCUM_ACTION_PERSIST);
}

static void
report_one_way(struct locum_core *self, locum_node peer, bool one_way,
               struct locum_actions *actions)
{
    struct locum_peer_facts *facts = &self->view.peer[peer];
    if (facts->one_way != one_way) {
        locum_core_add_event(actions, one_way ? LOCUM_EVENT_ONE_WAY : LOCUM_EVENT_TWO_WAY)->peer =
            peer;
        facts->one_way = one_way;
    }
}

/* RECEIVE-7: the newest heartbeat of a peer acknowledges no recent one of this node. */
static void
note_one_way(struct locum_core *self, locum_node peer, locum_ms mono, struct locum_actions *actions)
{
    struct locum_peer_facts *facts = &self->view.peer[peer];
    if (facts->one_way_since == LOCUM_NEVER) {
        facts->one_way_since = mono; /* also after each restart, until the first exchange */
    }
    if (mono - facts->one_way_since >= 2 * self->config.timeout_ms) {
        report_one_way(self, peer, true, actions);
    }
}

/*
 * Its wall clock minus the own one. It was written after its sender had heard what this node sent
 * at `sent`, so between then and now. The smallest difference that this allows.
 */
static locum_ms
wall_offset_of(const struct locum_heartbeat *heartbeat, locum_ms sent, struct locum_now now)
{
    const locum_ms least = heartbeat->wall - now.wall;
    const locum_ms most = least + (now.mono - sent);
    return least > 0 ? least : most < 0 ? most : 0;
}

/*
 * RECEIVE-11. Two nodes with one name raise their incarnations alternately without end, so the
 * event is limited to one in DUPLICATE_QUIET_MS for each peer.
 */
static void
report_restart(struct locum_core *self, const struct locum_heartbeat *heartbeat, locum_ms mono,
               struct locum_actions *actions)
{
    struct locum_peer_facts *facts = &self->view.peer[heartbeat->sender];
    if (!facts->state_known || heartbeat->incarnation == facts->state_incarnation ||
        (facts->restart_reported != LOCUM_NEVER &&
         mono - facts->restart_reported < DUPLICATE_QUIET_MS)) {
        return;
    }
    facts->restart_reported = mono;
    struct locum_event *event = locum_core_add_event(actions, LOCUM_EVENT_RESTART);
    event->restart.peer = heartbeat->sender;
    event->restart.left = facts->leaving;
}

/* RECEIVE-10 */
static void
accept(struct locum_core *self, const struct locum_heartbeat *heartbeat, locum_ms sent,
       struct locum_now now, struct locum_actions *actions)
{
    const locum_node peer = heartbeat->sender;
    struct locum_peer_facts *facts = &self->view.peer[peer];
    const locum_ms silence = now.mono - locum_view_base(&self->view, peer);
    if (facts->heard == LOCUM_NEVER ||
        silence >= locum_view_limit(&self->view, &self->config, peer)) {
        facts->gap = now.mono;
    }
    facts->heard = now.mono;
    facts->one_way_since = LOCUM_NEVER;
    report_one_way(self, peer, false, actions);
    report_restart(self, heartbeat, now.mono, actions);
    if (heartbeat->service != LOCUM_SERVICE_UNKNOWN || !facts->state_known) {
        facts->service = heartbeat->service;
    }
    facts->state_known = true;
    facts->state_incarnation = heartbeat->incarnation;
    facts->admin = heartbeat->admin;
    facts->leaving = heartbeat->leaving;
    facts->interval_ms = heartbeat->interval_ms;
    facts->dns_claim = heartbeat->dns;
    facts->wall_offset = wall_offset_of(heartbeat, sent, now);
    facts->degraded = heartbeat->degraded;
    memcpy(facts->digest, heartbeat->digest, sizeof(facts->digest));
    memcpy(facts->sections, heartbeat->sections, sizeof(facts->sections));
    memcpy(facts->version, heartbeat->version, sizeof(facts->version));
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        facts->state_codes[i] = heartbeat->acks[i].state_code; /* absent: unknown */
    }
    memcpy(facts->lost, heartbeat->lost, sizeof(facts->lost));
    memcpy(facts->unheard, heartbeat->unheard, sizeof(facts->unheard));
    locum_detector_heard(&self->detector, peer);
}

/* RECEIVE-4. False: drop it, it is a replay, out of order or older. */
static bool
in_order(struct locum_peer_facts *facts, struct locum_path_facts *path,
         const struct locum_heartbeat *heartbeat)
{
    const bool newer = later(heartbeat->incarnation, heartbeat->seq, path->incarnation, path->seq);
    path->received++;
    if (!newer || heartbeat->incarnation < facts->incarnation) {
        const bool equal =
            heartbeat->incarnation == path->incarnation && heartbeat->seq == path->seq;
        path->dropped += equal ? 0 : 1;
        return false;
    }
    path->incarnation = heartbeat->incarnation;
    path->seq = heartbeat->seq;
    return true;
}

/* FAMILY-1: a datagram. The same heartbeat comes once in each family that both nodes have. */
static void
note_family(struct locum_core *self, const struct locum_heartbeat *heartbeat,
            enum locum_family family, bool acknowledged, locum_ms mono)
{
    const locum_node peer = heartbeat->sender;
    struct locum_family_facts *facts = &self->view.peer[peer].family[family];
    if (heartbeat->incarnation < self->view.peer[peer].incarnation ||
        !later(heartbeat->incarnation, heartbeat->seq, facts->incarnation, facts->seq)) {
        return; /* as RECEIVE-4 */
    }
    facts->incarnation = heartbeat->incarnation;
    facts->seq = heartbeat->seq;
    if (!acknowledged) {
        return;
    }
    if (facts->heard == LOCUM_NEVER ||
        mono - facts->heard >= locum_view_limit(&self->view, &self->config, peer)) {
        facts->since = mono;
    }
    facts->heard = mono;
}

static void
receive_peer(struct locum_core *self, const struct locum_heartbeat *heartbeat,
             const struct locum_input *input, struct locum_actions *actions)
{
    const enum locum_path by = input->heartbeat.path;
    const struct locum_now now = input->now;
    struct locum_view *view = &self->view;
    const locum_node peer = heartbeat->sender;
    struct locum_peer_facts *facts = &view->peer[peer];
    const struct locum_ack *ack = &heartbeat->acks[self->config.self];
    raise_incarnation(self, ack->incarnation, now.mono, actions);
    const locum_ms sent = locum_view_sent(view, ack->incarnation, ack->seq);
    const bool acknowledged =
        sent != LOCUM_NEVER && now.mono - sent <= 2 * self->config.timeout_ms; /* HEARTBEAT-6 */
    if (by == LOCUM_PATH_UDP) {
        note_family(self, heartbeat, input->heartbeat.family, acknowledged, now.mono);
    }
    if (!in_order(facts, &facts->path[by], heartbeat)) {
        return;
    }
    if (heartbeat->incarnation != facts->incarnation) {
        self->send_wanted = true; /* RECEIVE-5 */
    }
    const bool newest =
        later(heartbeat->incarnation, heartbeat->seq, facts->incarnation, facts->seq);
    if (newest) { /* RECEIVE-6 */
        facts->incarnation = heartbeat->incarnation;
        facts->seq = heartbeat->seq;
        facts->unlisted =
            locum_nodes_has(heartbeat->acked, self->config.self) ? LOCUM_NEVER : now.mono;
    }
    if (!acknowledged) {
        if (newest && facts->unlisted == LOCUM_NEVER) { /* no firewall: it knows no such node */
            note_one_way(self, peer, now.mono, actions);
        }
        return;
    }
    if (self->leaving_seq != 0 && ack->seq >= self->leaving_seq) {
        facts->acked_leaving = true; /* LEAVE-1 */
    }
    facts->path[by].heard = now.mono; /* RECEIVE-8 */
    facts->path[by].accepted++;
    if (!newest) {
        return; /* the other path was quicker */
    }
    const struct locum_condition_state *state = &self->detector.peer[peer];
    if (state->condition == LOCUM_DOWN && sent < state->verdict) {
        return; /* RECEIVE-9 */
    }
    accept(self, heartbeat, sent, now, actions);
}

void
locum_receive(struct locum_core *self, const struct locum_input *input,
              struct locum_actions *actions)
{
    struct locum_heartbeat heartbeat;
    if (!locum_heartbeat_parse(input->heartbeat.text, &self->config, &heartbeat)) {
        self->ignored++;
    } else if (heartbeat.sender != self->config.self) {
        receive_peer(self, &heartbeat, input, actions);
    } else if (input->heartbeat.path == LOCUM_PATH_REDIS) {
        receive_own(self, &heartbeat, input->now.mono, actions);
    } else {
        self->ignored++; /* no node sends a datagram to itself */
    }
}
