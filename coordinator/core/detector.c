#include "core/detector.h"

#include <string.h>

#include "core/vote.h"

/* What one row of the table looks at. */
struct look {
    struct locum_condition_state *state;
    const struct locum_peer_facts *facts;
    const struct locum_view *view;
    const struct locum_core_config *config;
    locum_node peer;
    struct locum_now now;
    struct locum_condition_edge *edge; /* voters and cause of the edge, if there is one */
};

const char *
locum_cause_text(enum locum_cause cause)
{
    static const char *const words[] = {"heard", "silent",    "quorum",   "leaving",   "adopted",
                                        "grace", "recovered", "operator", "lease-end", "checks"};
    LOCUM_INVARIANT(cause < LOCUM_COUNT(words));
    return words[cause];
}

void
locum_detector_init(struct locum_detector *self)
{
    memset(self, 0, sizeof(*self));
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        self->peer[i].since_wall = LOCUM_NEVER;
    }
}

void
locum_detector_heard(struct locum_detector *self, locum_node peer)
{
    self->peer[peer].accepted = true;
}

static bool
has_condition(const struct locum_core_config *config, locum_node peer)
{
    return peer != config->self && config->nodes[peer].role != LOCUM_ROLE_SENTINEL;
}

static bool
silent(const struct look *look)
{
    return locum_view_silent(look->view, look->config, look->peer, look->now.mono);
}

/* How old the evidence of a voter is: its last word, or its Sentinel's last poll; mine: P's
 * silence. */
static locum_ms
evidence_age(const struct look *look, locum_node voter)
{
    const struct locum_peer_facts *facts = &look->view->peer[voter];
    if (voter == look->config->self) {
        return look->now.mono - locum_view_base(look->view, look->peer);
    }
    if (locum_view_heard_within_limit(look->view, look->config, voter, look->now.mono)) {
        return look->now.mono - facts->heard;
    }
    return look->now.mono - facts->sentinel.polled; /* its Sentinel voted, so it was polled */
}

static void
note_voters(const struct look *look, enum locum_cause cause, locum_nodes voters)
{
    look->edge->cause = cause;
    look->edge->voters = voters;
    for (locum_node voter = 0; voter < look->config->node_count; voter++) {
        if (locum_nodes_has(voters, voter)) {
            look->edge->age_ms[voter] = evidence_age(look, voter);
        }
    }
}

static enum locum_condition
because(const struct look *look, enum locum_cause cause, enum locum_condition to)
{
    look->edge->cause = cause;
    return to;
}

/* Silent for a quorum: for me and enough others. */
static bool
quorum(const struct look *look)
{
    const locum_nodes voters =
        locum_vote_count(look->view, look->config, look->peer, look->now.mono);
    if ((uint32_t)__builtin_popcount(voters) < look->config->quorum) {
        return false;
    }
    note_voters(look, LOCUM_CAUSE_QUORUM, voters);
    return true;
}

/* Peers that I hear hold it down, and I have not heard it: they know more than I. */
static bool
reported_down(const struct look *look)
{
    const locum_ms unheard = look->now.mono - locum_view_base(look->view, look->peer);
    locum_nodes tellers = 0;
    if (unheard < 2 * locum_view_interval(look->view, look->config, look->peer)) {
        return false;
    }
    for (locum_node voter = 0; voter < look->config->node_count; voter++) {
        if (voter != look->config->self && voter != look->peer &&
            locum_view_heard_within_limit(look->view, look->config, voter, look->now.mono) &&
            look->view->peer[voter].letters[look->peer] == LOCUM_DOWN) {
            tellers |= locum_nodes_of(voter);
        }
    }
    if (tellers == 0) {
        return false;
    }
    note_voters(look, LOCUM_CAUSE_ADOPTED, tellers);
    return true;
}

static enum locum_condition
fall(const struct look *look, bool adopted)
{
    look->state->adopted = adopted;
    look->state->left = look->facts->leaving;
    look->state->verdict = look->now.mono;
    look->state->down_incarnation = look->facts->word_incarnation;
    return LOCUM_DOWN;
}

/* down, and an accepted heartbeat came */
static enum locum_condition
rise(const struct look *look)
{
    struct locum_condition_state *state = look->state;
    const bool new_run_after_leaving =
        state->left && look->facts->incarnation > state->down_incarnation;
    state->trusted = state->adopted || new_run_after_leaving;
    if (state->trusted && look->facts->service == LOCUM_UP) {
        return because(look, LOCUM_CAUSE_HEARD, LOCUM_ALIVE);
    }
    state->returning_since = look->now.mono;
    state->silent = false;
    return because(look, LOCUM_CAUSE_HEARD, LOCUM_RETURNING);
}

static enum locum_condition
next_returning(const struct look *look)
{
    struct locum_condition_state *state = look->state;
    if (state->accepted) {
        state->silent = false;
    }
    if (look->facts->gap > state->returning_since) {
        state->returning_since = look->facts->gap;
        state->trusted = false;
    }
    if (silent(look)) {
        state->silent = true;
        state->trusted = false;
        state->returning_since = look->now.mono;
        return quorum(look) ? fall(look, false) : LOCUM_RETURNING;
    }
    const bool waited =
        state->trusted || look->now.mono - state->returning_since >= look->config->recover_after_ms;
    if (waited && !state->silent && look->facts->service == LOCUM_UP) {
        return because(look, LOCUM_CAUSE_RECOVERED, LOCUM_ALIVE);
    }
    return LOCUM_RETURNING;
}

/* The table, row for row. */
static enum locum_condition
next_condition(const struct look *look)
{
    struct locum_condition_state *state = look->state;
    switch (state->condition) {
    case LOCUM_UNKNOWN:
        if (state->accepted) {
            return because(look, LOCUM_CAUSE_HEARD, LOCUM_ALIVE);
        }
        if (reported_down(look)) {
            return fall(look, true); /* adopted after my restart or stall */
        }
        return silent(look) ? because(look, LOCUM_CAUSE_SILENT, LOCUM_SUSPECT) : LOCUM_UNKNOWN;
    case LOCUM_ALIVE:
        return silent(look) ? because(look, LOCUM_CAUSE_SILENT, LOCUM_SUSPECT) : LOCUM_ALIVE;
    case LOCUM_SUSPECT:
        if (state->accepted) {
            return because(look, LOCUM_CAUSE_HEARD, LOCUM_ALIVE);
        }
        if (look->facts->leaving) {
            note_voters(look, LOCUM_CAUSE_LEFT, locum_nodes_of(look->config->self));
            return fall(look, false);
        }
        return quorum(look) ? fall(look, false) : LOCUM_SUSPECT; /* gives names away */
    case LOCUM_DOWN: return state->accepted ? rise(look) : LOCUM_DOWN;
    case LOCUM_RETURNING:
    default: return next_returning(look); /* the only edge that gives them back is in here */
    }
}

static void
clear_edge(struct locum_condition_edge *edge, locum_node peer)
{
    *edge = (struct locum_condition_edge){.peer = peer};
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        edge->age_ms[i] = LOCUM_NEVER;
    }
}

size_t
locum_detector_advance(struct locum_detector *self, const struct locum_view *view,
                       const struct locum_core_config *config, struct locum_now now,
                       struct locum_condition_edge ret_edge[LOCUM_NODES_MAX])
{
    size_t count = 0;
    for (locum_node peer = 0; peer < config->node_count; peer++) {
        struct locum_condition_state *state = &self->peer[peer];
        struct locum_condition_edge *edge = &ret_edge[count];
        if (!has_condition(config, peer)) {
            continue;
        }
        clear_edge(edge, peer);
        edge->from = state->condition;
        edge->to = next_condition(&(struct look){.state = state,
                                                 .facts = &view->peer[peer],
                                                 .view = view,
                                                 .config = config,
                                                 .peer = peer,
                                                 .now = now,
                                                 .edge = edge});
        state->accepted = false;
        if (edge->to != edge->from) {
            state->condition = edge->to;
            state->since_wall = now.wall;
            count++;
        }
    }
    return count;
}

size_t
locum_detector_grace(struct locum_detector *self, const struct locum_core_config *config,
                     locum_nodes which, struct locum_now now,
                     struct locum_condition_edge ret_edge[LOCUM_NODES_MAX])
{
    size_t count = 0;
    for (locum_node peer = 0; peer < config->node_count; peer++) {
        struct locum_condition_state *state = &self->peer[peer];
        if (!locum_nodes_has(which, peer) || !has_condition(config, peer)) {
            continue;
        }
        state->returning_since = now.mono;
        if (state->condition == LOCUM_SUSPECT) {
            clear_edge(&ret_edge[count], peer);
            ret_edge[count].from = LOCUM_SUSPECT;
            ret_edge[count].to = LOCUM_UNKNOWN;
            ret_edge[count].cause = LOCUM_CAUSE_GRACE;
            count++;
            state->condition = LOCUM_UNKNOWN;
            state->since_wall = now.wall;
        }
    }
    return count;
}

enum locum_condition
locum_detector_letter(const struct locum_detector *self, locum_node peer)
{
    const struct locum_condition_state *state = &self->peer[peer];
    return state->condition == LOCUM_RETURNING && state->silent ? LOCUM_SUSPECT : state->condition;
}
