#include "core/detector.h"

#include <string.h>

#include "core/vote.h"

/* What one row of the table looks at. */
struct context {
    struct locum_condition_state *state;
    const struct locum_peer_facts *facts;
    const struct locum_view *view;
    const struct locum_core_config *config;
    locum_node peer;
    struct locum_now now;
    struct locum_condition_event *event; /* voters and cause of the event, if there is one */
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
silent(const struct context *context)
{
    return locum_view_silent(context->view, context->config, context->peer, context->now.mono);
}

/* How old the evidence of a voter is: its last word, or its Sentinel's last poll; mine: P's
 * silence. */
static locum_ms
evidence_age(const struct context *context, locum_node voter)
{
    const struct locum_peer_facts *facts = &context->view->peer[voter];
    if (voter == context->config->self) {
        return context->now.mono - locum_view_base(context->view, context->peer);
    }
    if (locum_view_heard_within_limit(context->view, context->config, voter, context->now.mono)) {
        return context->now.mono - facts->heard;
    }
    return context->now.mono - facts->sentinel.polled; /* its Sentinel voted, so it was polled */
}

static void
note_voters(const struct context *context, enum locum_cause cause, locum_nodes voters)
{
    context->event->cause = cause;
    context->event->voters = voters;
    for (locum_node voter = 0; voter < context->config->node_count; voter++) {
        if (locum_nodes_has(voters, voter)) {
            context->event->age_ms[voter] = evidence_age(context, voter);
        }
    }
}

static enum locum_condition
because(const struct context *context, enum locum_cause cause, enum locum_condition to)
{
    context->event->cause = cause;
    return to;
}

/* Silent for a quorum: for me and enough others. */
static bool
quorum(const struct context *context)
{
    const locum_nodes voters =
        locum_vote_count(context->view, context->config, context->peer, context->now.mono);
    if ((uint32_t)__builtin_popcount(voters) < context->config->quorum) {
        return false;
    }
    note_voters(context, LOCUM_CAUSE_QUORUM, voters);
    return true;
}

/* Peers that I hear hold it down, and I have not heard it: they know more than I. */
static bool
reported_down(const struct context *context)
{
    const locum_ms unheard = context->now.mono - locum_view_base(context->view, context->peer);
    locum_nodes tellers = 0;
    if (unheard < 2 * locum_view_interval(context->view, context->config, context->peer)) {
        return false;
    }
    for (locum_node voter = 0; voter < context->config->node_count; voter++) {
        if (voter != context->config->self && voter != context->peer &&
            locum_view_heard_within_limit(context->view, context->config, voter,
                                          context->now.mono) &&
            context->view->peer[voter].state_codes[context->peer] == LOCUM_DOWN) {
            tellers |= locum_nodes_of(voter);
        }
    }
    if (tellers == 0) {
        return false;
    }
    note_voters(context, LOCUM_CAUSE_ADOPTED, tellers);
    return true;
}

static enum locum_condition
fall(const struct context *context, bool adopted)
{
    context->state->adopted = adopted;
    context->state->left = context->facts->leaving;
    context->state->verdict = context->now.mono;
    context->state->down_incarnation = context->facts->state_incarnation;
    return LOCUM_DOWN;
}

/* down, and an accepted heartbeat came */
static enum locum_condition
rise(const struct context *context)
{
    struct locum_condition_state *state = context->state;
    const bool new_run_after_leaving =
        state->left && context->facts->incarnation > state->down_incarnation;
    state->trusted = state->adopted || new_run_after_leaving;
    if (state->trusted && context->facts->service == LOCUM_UP) {
        return because(context, LOCUM_CAUSE_HEARD, LOCUM_ALIVE);
    }
    state->returning_since = context->now.mono;
    state->silent = false;
    return because(context, LOCUM_CAUSE_HEARD, LOCUM_RETURNING);
}

static enum locum_condition
next_returning(const struct context *context)
{
    struct locum_condition_state *state = context->state;
    if (state->accepted) {
        state->silent = false;
    }
    if (context->facts->gap > state->returning_since) {
        state->returning_since = context->facts->gap;
        state->trusted = false;
    }
    if (silent(context)) {
        state->silent = true;
        state->trusted = false;
        state->returning_since = context->now.mono;
        return quorum(context) ? fall(context, false) : LOCUM_RETURNING;
    }
    const bool waited = state->trusted || context->now.mono - state->returning_since >=
                                              context->config->recover_after_ms;
    if (waited && !state->silent && context->facts->service == LOCUM_UP) {
        return because(context, LOCUM_CAUSE_RECOVERED, LOCUM_ALIVE);
    }
    return LOCUM_RETURNING;
}

/* The table, row for row. */
static enum locum_condition
next_condition(const struct context *context)
{
    struct locum_condition_state *state = context->state;
    switch (state->condition) {
    case LOCUM_UNKNOWN:
        if (state->accepted) {
            return because(context, LOCUM_CAUSE_HEARD, LOCUM_ALIVE);
        }
        if (reported_down(context)) {
            return fall(context, true); /* adopted after my restart or stall */
        }
        return silent(context) ? because(context, LOCUM_CAUSE_SILENT, LOCUM_SUSPECT)
                               : LOCUM_UNKNOWN;
    case LOCUM_ALIVE:
        return silent(context) ? because(context, LOCUM_CAUSE_SILENT, LOCUM_SUSPECT) : LOCUM_ALIVE;
    case LOCUM_SUSPECT:
        if (state->accepted) {
            return because(context, LOCUM_CAUSE_HEARD, LOCUM_ALIVE);
        }
        if (context->facts->leaving) {
            note_voters(context, LOCUM_CAUSE_LEFT, locum_nodes_of(context->config->self));
            return fall(context, false);
        }
        return quorum(context) ? fall(context, false) : LOCUM_SUSPECT; /* gives names away */
    case LOCUM_DOWN: return state->accepted ? rise(context) : LOCUM_DOWN;
    case LOCUM_RETURNING:
    default: return next_returning(context); /* the only event that gives them back is in here */
    }
}

static void
clear_event(struct locum_condition_event *event, locum_node peer)
{
    *event = (struct locum_condition_event){.peer = peer};
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        event->age_ms[i] = LOCUM_NEVER;
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
        clear_event(event, peer);
        event->from = state->condition;
        event->to = next_condition(&(struct context){.state = state,
                                                     .facts = &view->peer[peer],
                                                     .view = view,
                                                     .config = config,
                                                     .peer = peer,
                                                     .now = now,
                                                     .event = event});
        state->accepted = false;
        if (event->to != event->from) {
            state->condition = event->to;
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
            clear_event(&ret_event[count], peer);
            ret_event[count].from = LOCUM_SUSPECT;
            ret_event[count].to = LOCUM_UNKNOWN;
            ret_event[count].cause = LOCUM_CAUSE_GRACE;
            count++;
            state->condition = LOCUM_UNKNOWN;
            state->since_wall = now.wall;
        }
    }
    return count;
}

enum locum_condition
locum_detector_state_code(const struct locum_detector *self, locum_node peer)
{
    const struct locum_condition_state *state = &self->peer[peer];
    return state->condition == LOCUM_RETURNING && state->silent ? LOCUM_SUSPECT : state->condition;
}
