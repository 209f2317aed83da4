#include "core/family.h"

#include <string.h>

void
locum_family_init(struct locum_families *self)
{
    memset(self, 0, sizeof(*self));
    for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
        self->absent_since[family] = LOCUM_NEVER;
        for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
            self->at[i][family].since_wall = LOCUM_NEVER;
        }
    }
}

void
locum_family_address(struct locum_families *self, enum locum_family family, bool absent,
                     locum_ms now)
{
    if (absent != (self->absent_since[family] != LOCUM_NEVER)) {
        self->absent_since[family] = absent ? now : LOCUM_NEVER;
    }
}

/*
 * FAMILY-2: by UDP the peer has been heard in the other family alone for its limit, though it was
 * heard in this one too. Of one that falls silent, the last heartbeat came in either family: that
 * is no lack of one. A node whose own address is gone can tell nothing about others.
 */
static bool
is_unheard(const struct locum_families *self, const struct locum_view *view,
           const struct locum_core_config *config, locum_node peer, enum locum_family family,
           locum_ms now)
{
    const struct locum_peer_facts *facts = &view->peer[peer];
    const struct locum_family_facts *of = &facts->family[family];
    const struct locum_family_facts *other =
        &facts->family[family == LOCUM_V4 ? LOCUM_V6 : LOCUM_V4];
    const locum_ms limit = locum_view_limit(view, config, peer);
    const locum_ms base = locum_view_later(locum_view_later(of->heard, other->since),
                                           locum_view_later(view->grace, facts->grace));
    return config->nodes[config->self].has[family] && config->nodes[peer].has[family] &&
           self->absent_since[family] == LOCUM_NEVER && of->heard != LOCUM_NEVER &&
           other->heard != LOCUM_NEVER && now - other->heard <= limit && now - base >= limit &&
           other->heard - base >= limit / 2;
}

static void
cast_votes(struct locum_families *self, const struct locum_view *view,
           const struct locum_core_config *config, locum_ms now)
{
    for (enum locum_family family = LOCUM_V4; family <= LOCUM_V6; family++) {
        self->unheard[family] = 0;
        for (locum_node peer = 0; peer < config->node_count; peer++) {
            if (peer != config->self && is_unheard(self, view, config, peer, family, now)) {
                self->unheard[family] |= locum_nodes_of(peer);
            }
        }
    }
}

locum_nodes
locum_family_votes(const struct locum_families *self, const struct locum_view *view,
                   const struct locum_core_config *config, locum_node node,
                   enum locum_family family, locum_ms now)
{
    locum_nodes voters = 0;
    for (locum_node voter = 0; voter < config->node_count; voter++) {
        const bool own = voter == config->self;
        const locum_nodes against = own ? self->unheard[family] : view->peer[voter].unheard[family];
        if (voter != node && locum_nodes_has(against, node) && config->nodes[voter].has[family] &&
            (own || locum_view_heard_within_limit(view, config, voter, now))) {
            voters |= locum_nodes_of(voter);
        }
    }
    return voters;
}

bool
locum_family_votable(const struct locum_core_config *config, locum_node node,
                     enum locum_family family)
{
    uint32_t others = 0;
    for (locum_node voter = 0; voter < config->node_count; voter++) {
        others += voter != node && config->nodes[voter].has[family] ? 1 : 0;
    }
    return others >= config->quorum;
}

/* An own address of the family has been gone for `timeout` (FAMILY-6). */
static bool
is_gone(const struct locum_families *self, const struct locum_core_config *config,
        enum locum_family family, locum_ms now)
{
    const locum_ms since = self->absent_since[family];
    return since != LOCUM_NEVER && now - since >= config->timeout_ms;
}

/* FAMILY-4, FAMILY-5. Fills in the rest of the event: is it lost, and why? */
static void
judge(struct locum_families *self, const struct locum_view *view,
      const struct locum_core_config *config, struct locum_family_event *event, locum_ms now)
{
    const locum_node node = event->node;
    const enum locum_family family = event->family;
    struct locum_family_state *state = &self->at[node][family];
    const bool own = node == config->self;
    const bool gone = own && is_gone(self, config, family, now);
    const bool reported = !own && view->peer[node].lost[family];
    const locum_nodes voters = locum_family_votes(self, view, config, node, family, now);
    const bool quorum = (uint32_t)__builtin_popcount(voters) >= config->quorum;
    /* This node does not hear it; or as many others as a quorum, and that is its own fault. */
    const bool still_unheard =
        own ? (uint32_t)__builtin_popcount(self->unheard[family]) >= config->quorum
            : locum_nodes_has(self->unheard[family], node);
    const bool held = quorum || gone || still_unheard;
    if (state->held && !held) {
        state->trial = now;
    }
    state->held = held;
    state->voted =
        quorum || gone || (state->voted && (held || now - state->trial < config->recover_after_ms));
    event->lost = config->nodes[node].has[family] && (state->voted || reported);
    event->cause = !event->lost ? LOCUM_CAUSE_RECOVERED
                   : reported   ? LOCUM_CAUSE_REPORTED
                   : gone       ? LOCUM_CAUSE_ADDRESS
                                : LOCUM_CAUSE_QUORUM;
    event->voters = event->cause == LOCUM_CAUSE_QUORUM ? voters : 0;
}

size_t
locum_family_advance(struct locum_families *self, const struct locum_view *view,
                     const struct locum_core_config *config, struct locum_now now,
                     struct locum_family_event ret[LOCUM_NODES_MAX * LOCUM_FAMILIES])
{
    size_t count = 0;
    cast_votes(self, view, config, now.mono);
    for (locum_node node = 0; node < config->node_count; node++) {
        for (enum locum_family family = LOCUM_V4; family <= LOCUM_V6; family++) {
            struct locum_family_event *event = &ret[count];
            struct locum_family_state *state = &self->at[node][family];
            *event = (struct locum_family_event){.node = node, .family = family};
            judge(self, view, config, event, now.mono);
            if (event->lost != state->lost) {
                state->lost = event->lost;
                state->since_wall = now.wall;
                count++;
            }
        }
    }
    return count;
}
