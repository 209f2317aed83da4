#include "core/receive.h"

#include <string.h>

#include "core/incarnation.h"

enum { DUPLICATE_QUIET_MS = 10000 }; /* between two events that a duplicate node causes */

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
    if (heartbeat->incarnation != facts->order.incarnation) {
        self->send_wanted = true; /* RECEIVE-5 */
    }
    facts->order = (struct locum_order){heartbeat->incarnation, heartbeat->seq};
    facts->refusing.since = LOCUM_NEVER;
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
    facts->keys = heartbeat->keys;
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

/* RECEIVE-4: older than what was accepted, by this path or in this family; equal counts too. */
static bool
is_old(const struct locum_peer_facts *facts, struct locum_order last, struct locum_order order)
{
    return order.incarnation < facts->order.incarnation || !locum_view_is_later(order, last);
}

/*
 * RECEIVE-6. True: it is the newest of late. RECEIVE-5: a run that is new here is answered at once,
 * and once more when it is accepted, because only then is it acknowledged to a peer whose last run
 * was accepted of late.
 */
static bool
note_authentic(struct locum_core *self, locum_node peer, struct locum_order order, locum_ms mono)
{
    struct locum_peer_facts *facts = &self->view.peer[peer];
    const bool over = facts->authentic_at == LOCUM_NEVER ||
                      mono - facts->authentic_at > 2 * self->config.timeout_ms;
    if (!over && locum_view_is_later(facts->authentic, order)) {
        return false;
    }
    const bool newest = over || locum_view_is_later(order, facts->authentic);
    if (order.incarnation != facts->authentic.incarnation) {
        self->send_wanted = true;
    }
    facts->authentic = order;
    facts->authentic_at = mono;
    return newest;
}

static void
reset_order(struct locum_peer_facts *facts, locum_ms mono)
{
    const struct locum_order none = {0};
    facts->order = none;
    for (size_t path = 0; path < LOCUM_PATHS; path++) {
        facts->path[path].order = none;
    }
    for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
        facts->family[family].order = none;
    }
    facts->order_reset = mono;
}

/* Heartbeats that are further apart are no series. */
static locum_ms
gap_ms_of(const struct locum_core *self, const struct locum_heartbeat *heartbeat)
{
    return locum_view_later(self->config.timeout_ms, 4 * heartbeat->interval_ms);
}

/*
 * RECEIVE-14: a peer is accepted, and heartbeats of another run of it go on coming. A node that has
 * restarted says nothing more as its last run, and is soon accepted as its new one.
 */
static void
note_other_run(struct locum_core *self, const struct locum_heartbeat *heartbeat, locum_ms mono)
{
    struct locum_peer_facts *facts = &self->view.peer[heartbeat->sender];
    const struct locum_order order = {heartbeat->incarnation, heartbeat->seq};
    const locum_ms gap_ms = gap_ms_of(self, heartbeat);
    if (order.incarnation == facts->order.incarnation ||
        !locum_view_heard_within_limit(&self->view, &self->config, heartbeat->sender, mono)) {
        return;
    }
    const bool goes_on = facts->others.since != LOCUM_NEVER && mono - facts->others.last < gap_ms;
    if (goes_on && !locum_view_is_later(order, facts->other)) {
        return; /* a copy, or late */
    }
    facts->other = order;
    locum_view_note_series(&facts->others, gap_ms, mono);
    if (mono - facts->others.since > 2 * self->config.timeout_ms) {
        facts->duplicate = mono;
    }
}

/*
 * RECEIVE-12: a heartbeat that is fresh but before order[P]. A node that is gone leaves nothing
 * to replay that stays fresh for so long, and one that is accepted meanwhile ends the series, so
 * order[P] was not one of its own.
 */
static void
note_refused(struct locum_core *self, const struct locum_heartbeat *heartbeat,
             struct locum_order order, locum_ms mono)
{
    struct locum_peer_facts *facts = &self->view.peer[heartbeat->sender];
    const locum_ms timeout = self->config.timeout_ms;
    const locum_ms gap_ms = gap_ms_of(self, heartbeat);
    const bool goes_on =
        facts->refusing.since != LOCUM_NEVER && mono - facts->refusing.last < gap_ms;
    if (goes_on && !locum_view_is_later(order, facts->refused)) {
        return; /* a copy, or late */
    }
    facts->refused = order;
    locum_view_note_series(&facts->refusing, gap_ms, mono);
    if (mono - facts->refusing.since > 2 * timeout) {
        reset_order(facts, mono);
    }
}

/* FAMILY-1: a datagram. The same heartbeat comes once in each family that both nodes have. */
static void
note_family(struct locum_core *self, locum_node peer, struct locum_order order,
            enum locum_family family, locum_ms mono)
{
    struct locum_family_facts *facts = &self->view.peer[peer].family[family];
    if (is_old(&self->view.peer[peer], facts->order, order)) {
        return;
    }
    facts->order = order;
    if (facts->heard == LOCUM_NEVER ||
        mono - facts->heard >= locum_view_limit(&self->view, &self->config, peer)) {
        facts->since = mono;
    }
    facts->heard = mono;
}

/* RECEIVE-9: it answers something that was sent before the peer was held down. */
static bool
is_late(const struct locum_core *self, locum_node peer, locum_ms sent)
{
    const struct locum_condition_state *state = &self->detector.peer[peer];
    return state->condition == LOCUM_DOWN && sent < state->verdict;
}

/* What a fresh heartbeat says of the order, whatever its path has brought before. */
static void
note_order(struct locum_core *self, const struct locum_heartbeat *heartbeat,
           const struct locum_input *input, locum_ms sent)
{
    const struct locum_order order = {heartbeat->incarnation, heartbeat->seq};
    if (locum_view_is_later(self->view.peer[heartbeat->sender].order, order)) {
        note_refused(self, heartbeat, order, input->now.mono);
    }
    if (input->heartbeat.path == LOCUM_PATH_UDP && !is_late(self, heartbeat->sender, sent)) {
        note_family(self, heartbeat->sender, order, input->heartbeat.family, input->now.mono);
    }
}

/* A heartbeat that acknowledges one that was sent at `sent`, not long ago. */
static void
receive_fresh(struct locum_core *self, const struct locum_heartbeat *heartbeat,
              const struct locum_input *input, locum_ms sent, struct locum_actions *actions)
{
    const struct locum_order order = {heartbeat->incarnation, heartbeat->seq};
    struct locum_peer_facts *facts = &self->view.peer[heartbeat->sender];
    struct locum_path_facts *path = &facts->path[input->heartbeat.path];
    const uint64_t acked = heartbeat->acks[self->config.self].seq;
    if (self->leaving_seq != 0 && acked >= self->leaving_seq) {
        facts->acked_leaving = true; /* LEAVE-1 */
    }
    path->heard = input->now.mono; /* RECEIVE-8 */
    path->accepted++;
    if (is_late(self, heartbeat->sender, sent)) {
        return;
    }
    path->order = order;
    if (locum_view_is_later(order, facts->order)) { /* otherwise the other path was quicker */
        accept(self, heartbeat, sent, input->now, actions);
    }
}

static void
receive_peer(struct locum_core *self, const struct locum_heartbeat *heartbeat,
             const struct locum_input *input, struct locum_actions *actions)
{
    const struct locum_order order = {heartbeat->incarnation, heartbeat->seq};
    const struct locum_ack *ack = &heartbeat->acks[self->config.self];
    const locum_ms mono = input->now.mono;
    const locum_node peer = heartbeat->sender;
    struct locum_peer_facts *facts = &self->view.peer[peer];
    struct locum_path_facts *path = &facts->path[input->heartbeat.path];
    const bool newest = note_authentic(self, peer, order, mono);
    if (newest) {
        facts->unlisted = locum_nodes_has(heartbeat->acked, self->config.self) ? LOCUM_NEVER : mono;
        locum_incarnation_acknowledged(self, peer, ack->incarnation, input->now, actions);
    }
    const locum_ms sent = locum_view_sent(&self->view, ack->incarnation, ack->seq);
    const bool fresh = sent != LOCUM_NEVER && mono - sent <= 2 * self->config.timeout_ms;
    path->received++;
    note_other_run(self, heartbeat, mono);
    if (fresh) {
        note_order(self, heartbeat, input, sent);
    }
    if (is_old(facts, path->order, order)) {
        const bool equal =
            order.incarnation == path->order.incarnation && order.seq == path->order.seq;
        path->dropped += equal ? 0 : 1;
    } else if (fresh) { /* HEARTBEAT-6 */
        receive_fresh(self, heartbeat, input, sent, actions);
    } else if (newest && facts->unlisted == LOCUM_NEVER) {
        /* RECEIVE-7. One that does not list this node is not behind a firewall. */
        note_one_way(self, peer, mono, actions);
    }
}

/* One with a valid signature that is not of this cluster's configured nodes, or not readable. */
static void
ignore(struct locum_core *self, const struct locum_input *input)
{
    const locum_node sender = locum_heartbeat_node(input->heartbeat.text, &self->config);
    self->ignored++;
    if (sender != LOCUM_NODE_NONE) {
        self->view.peer[sender].ignored = input->now.mono; /* RECEIVE-13 */
    }
}

void
locum_receive(struct locum_core *self, const struct locum_input *input,
              struct locum_actions *actions)
{
    struct locum_heartbeat heartbeat;
    if (!locum_heartbeat_parse(input->heartbeat.text, &self->config, &heartbeat)) {
        ignore(self, input);
    } else if (heartbeat.sender != self->config.self) {
        receive_peer(self, &heartbeat, input, actions);
    } else if (input->heartbeat.path == LOCUM_PATH_REDIS) {
        receive_own(self, &heartbeat, input->now.mono, actions);
    } else {
        self->ignored++; /* no node sends a datagram to itself */
    }
}
