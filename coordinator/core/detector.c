#include "core/detector.h"

#include <string.h>

#include "core/vote.h"

/* What the rows of the table need to know about one peer. */
struct subject {
    struct locum_condition_state *state;
    const struct locum_peer_facts *facts;
    const struct locum_view *view;
    const struct locum_core_config *config;
    locum_node peer;
    struct locum_now now;
    struct locum_condition_event *event; /* gets the cause and the voters */
};

void
locum_detector_init(struct locum_detector *self)
{
    memset(self, 0, sizeof(*self));
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        self->peer[i].since_wall = LOCUM_NEVER;
    }
}

static bool
has_condition(const struct locum_core_config *config, locum_node peer)
{
    return peer != config->self && config->nodes[peer].role != LOCUM_ROLE_SENTINEL; /* COND-13 */
}

void
locum_detector_heard(struct locum_detector *self, locum_node peer)
{
    self->peer[peer].accepted = true;
}

static bool
silent(const struct subject *subject)
{
    return locum_view_silent(subject->view, subject->config, subject->peer, subject->now.mono);
}

/* How old a voter's evidence is: its last heartbeat, or the last poll of its Sentinel. For this
 * node itself: how long the peer has been silent. */
static locum_ms
evidence_age(const struct subject *subject, locum_node voter)
{
    const struct locum_peer_facts *facts = &subject->view->peer[voter];
    if (voter == subject->config->self) {
        return subject->now.mono - locum_view_base(subject->view, subject->peer);
    }
    if (locum_view_heard_within_limit(subject->view, subject->config, voter, subject->now.mono)) {
        return subject->now.mono - facts->heard;
    }
    return subject->now.mono - facts->sentinel.polled; /* its Sentinel voted, so it was polled */
}

static void
note_voters(const struct subject *subject, enum locum_cause cause, locum_nodes voters)
{
    subject->event->cause = cause;
    subject->event->voters = voters;
    for (locum_node voter = 0; voter < subject->config->node_count; voter++) {
        if (locum_nodes_has(voters, voter)) {
            subject->event->age_ms[voter] = evidence_age(subject, voter);
        }
    }
}

static enum locum_condition
because(const struct subject *subject, enum locum_cause cause, enum locum_condition to)
{
    subject->event->cause = cause;
    return to;
}

/* VOTE-3 */
static bool
quorum(const struct subject *subject)
{
    const locum_nodes voters =
        locum_vote_count(subject->view, subject->config, subject->peer, subject->now.mono);
    if ((uint32_t)__builtin_popcount(voters) < subject->config->quorum) {
        return false;
    }
    note_voters(subject, LOCUM_CAUSE_QUORUM, voters);
    return true;
}

/* The peers, heard within their limits, that have this state code for it. */
static locum_nodes
reporters(const struct subject *subject, enum locum_condition code)
{
    locum_nodes voters = 0;
    for (locum_node voter = 0; voter < subject->config->node_count; voter++) {
        if (voter != subject->config->self && voter != subject->peer &&
            locum_view_heard_within_limit(subject->view, subject->config, voter,
                                          subject->now.mono) &&
            subject->view->peer[voter].state_codes[subject->peer] == code) {
            voters |= locum_nodes_of(voter);
        }
    }
    return voters;
}

/* COND-2: peers that are heard report it as down, and this node has not heard it itself. Together
 * they are a quorum: a single peer that lies has one vote here too. */
static bool
reported_down(const struct subject *subject)
{
    const locum_ms unheard = subject->now.mono - locum_view_base(subject->view, subject->peer);
    const locum_nodes voters = reporters(subject, LOCUM_DOWN);
    const uint32_t votes = 1 + (uint32_t)__builtin_popcount(voters);
    if (voters == 0 || votes < subject->config->quorum ||
        unheard < 2 * locum_view_interval(subject->view, subject->config, subject->peer)) {
        return false;
    }
    note_voters(subject, LOCUM_CAUSE_ADOPTED, voters);
    return true;
}

/* COND-14: what was so before the restart ends when a peer that is heard holds it alive. */
static bool
reported_alive(const struct subject *subject)
{
    const locum_nodes voters =
        subject->state->resumed ? reporters(subject, LOCUM_ALIVE) : (locum_nodes)0;
    if (voters == 0) {
        return false;
    }
    note_voters(subject, LOCUM_CAUSE_ADOPTED, voters);
    return true;
}

static enum locum_condition
fall(const struct subject *subject, bool adopted)
{
    subject->state->adopted = adopted;
    subject->state->resumed = false;
    subject->state->down_since = subject->now.boot;
    subject->state->left = subject->facts->leaving;
    subject->state->verdict = subject->now.mono;
    subject->state->down_incarnation = subject->facts->state_incarnation;
    return LOCUM_DOWN;
}

/* COND-8, COND-12: a degraded service is on trial no longer than one that is up. */
static bool
works(const struct subject *subject)
{
    return subject->facts->service == LOCUM_UP || subject->facts->service == LOCUM_SERVICE_DEGRADED;
}

/* COND-8, COND-9: down, and a heartbeat was accepted. */
static enum locum_condition
rise(const struct subject *subject)
{
    struct locum_condition_state *state = subject->state;
    const bool new_run_after_leaving =
        state->left && subject->facts->order.incarnation > state->down_incarnation;
    state->trusted = state->adopted || new_run_after_leaving;
    if (state->trusted && works(subject)) {
        return because(subject, LOCUM_CAUSE_HEARD, LOCUM_ALIVE);
    }
    state->returning_since = subject->now.mono;
    state->silent = false;
    return because(subject, LOCUM_CAUSE_HEARD, LOCUM_RETURNING);
}

static enum locum_condition
next_returning(const struct subject *subject)
{
    struct locum_condition_state *state = subject->state;
    if (state->accepted) {
        state->silent = false;
    }
    if (subject->facts->gap > state->returning_since) { /* COND-12: each within its limit */
        state->returning_since = subject->facts->gap;
        state->trusted = false;
    }
    if (silent(subject)) { /* COND-10, COND-11 */
        state->silent = true;
        state->trusted = false;
        state->returning_since = subject->now.mono;
        return quorum(subject) ? fall(subject, false) : LOCUM_RETURNING;
    }
    const bool waited = state->trusted || subject->now.mono - state->returning_since >=
                                              subject->config->recover_after_ms;
    /* COND-12; a trial that was resumed begins with its first heartbeat. */
    if (waited && !state->silent && subject->facts->heard != LOCUM_NEVER && works(subject)) {
        return because(subject, LOCUM_CAUSE_RECOVERED, LOCUM_ALIVE);
    }
    return LOCUM_RETURNING;
}

/* The table of doc/decisions.md, row by row. */
static enum locum_condition
next_condition(const struct subject *subject)
{
    struct locum_condition_state *state = subject->state;
    switch (state->condition) {
    case LOCUM_UNKNOWN:
        if (state->accepted) { /* COND-1 */
            return because(subject, LOCUM_CAUSE_HEARD, LOCUM_ALIVE);
        }
        if (reported_down(subject)) { /* COND-2 */
            return fall(subject, true);
        }
        return silent(subject) ? because(subject, LOCUM_CAUSE_SILENT, LOCUM_SUSPECT) /* COND-3 */
                               : LOCUM_UNKNOWN;
    case LOCUM_ALIVE: /* COND-3 */
        return silent(subject) ? because(subject, LOCUM_CAUSE_SILENT, LOCUM_SUSPECT) : LOCUM_ALIVE;
    case LOCUM_SUSPECT:
        if (state->accepted) { /* COND-4 */
            return because(subject, LOCUM_CAUSE_HEARD, LOCUM_ALIVE);
        }
        if (subject->facts->leaving) { /* COND-6, LEAVE-2 */
            note_voters(subject, LOCUM_CAUSE_LEFT, locum_nodes_of(subject->config->self));
            return fall(subject, false);
        }
        return quorum(subject) ? fall(subject, false) : LOCUM_SUSPECT; /* COND-5 */
    case LOCUM_DOWN:
        if (state->accepted) { /* COND-8, COND-9 */
            return rise(subject);
        }
        return reported_alive(subject) ? LOCUM_UNKNOWN : LOCUM_DOWN; /* COND-14 */
    case LOCUM_RETURNING:
    default: return next_returning(subject);
    }
}

size_t
locum_detector_advance(struct locum_detector *self, const struct locum_view *view,
                       const struct locum_core_config *config, struct locum_now now,
                       struct locum_condition_event ret_event[LOCUM_NODES_MAX])
{
    size_t count = 0;
    for (locum_node peer = 0; peer < config->node_count; peer++) {
        struct locum_condition_state *state = &self->peer[peer];
        struct locum_condition_event *event = &ret_event[count];
        if (!has_condition(config, peer)) {
            continue;
        }
        *event = (struct locum_condition_event){.peer = peer, .from = state->condition};
        event->to = next_condition(&(struct subject){.state = state,
                                                     .facts = &view->peer[peer],
                                                     .view = view,
                                                     .config = config,
                                                     .peer = peer,
                                                     .now = now,
                                                     .event = event});
        state->accepted = false;
        if (event->to != event->from) {
            state->condition = event->to;
            state->was_alive = false;
            state->since_wall = now.wall;
            count++;
        }
    }
    return count;
}

size_t
locum_detector_grace(struct locum_detector *self, const struct locum_core_config *config,
                     locum_nodes which, struct locum_now now,
                     struct locum_condition_event ret_event[LOCUM_NODES_MAX])
{
    size_t count = 0;
    for (locum_node peer = 0; peer < config->node_count; peer++) {
        struct locum_condition_state *state = &self->peer[peer];
        if (!locum_nodes_has(which, peer) || !has_condition(config, peer)) {
            continue;
        }
        state->returning_since = now.mono;
        if (state->condition == LOCUM_SUSPECT) {
            ret_event[count++] = (struct locum_condition_event){.peer = peer,
                                                                .from = LOCUM_SUSPECT,
                                                                .to = LOCUM_UNKNOWN,
                                                                .cause = LOCUM_CAUSE_GRACE};
            state->condition = LOCUM_UNKNOWN; /* COND-7 */
            state->since_wall = now.wall;
        }
    }
    return count;
}

enum locum_condition
locum_detector_rank_condition(const struct locum_detector *self, locum_node peer)
{
    const struct locum_condition_state *state = &self->peer[peer];
    return state->condition == LOCUM_UNKNOWN && state->was_alive ? LOCUM_ALIVE : state->condition;
}

enum locum_condition
locum_detector_state_code(const struct locum_detector *self, locum_node peer)
{
    const struct locum_condition_state *state = &self->peer[peer];
    return state->condition == LOCUM_RETURNING && state->silent ? LOCUM_SUSPECT : state->condition;
}
