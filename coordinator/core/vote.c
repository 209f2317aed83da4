#include "core/vote.h"

enum { SENTINEL_SLACK_MS = 200 }; /* VOTE-2: a poll counts for two poll intervals and this */

bool
locum_vote_sentinel_speaks(const struct locum_view *view, const struct locum_core_config *config,
                           locum_node node, locum_ms now)
{
    const struct locum_sentinel_facts *facts = &view->peer[node].sentinel;
    return facts->polled != LOCUM_NEVER && !facts->tilt &&
           now - facts->polled <= 2 * config->sentinel_poll_ms + SENTINEL_SLACK_MS;
}

bool
locum_vote_sentinel_sees(const struct locum_view *view, const struct locum_core_config *config,
                         locum_node voter, locum_node peer)
{
    const struct locum_sentinel_facts *facts = &view->peer[voter].sentinel;
    for (locum_node other = 0; other < config->node_count; other++) {
        /* It sees a third node's instance up, so it is not the one that is cut off. */
        if (other != voter && other != peer && facts->known[other] > facts->down[other]) {
            return facts->known[peer] >= 2;
        }
    }
    return false;
}

/* VOTE-2, apart from the verdict itself. */
static bool
sentinel_votes(const struct locum_view *view, const struct locum_core_config *config,
               locum_node voter, locum_node peer, locum_ms now)
{
    return locum_vote_sentinel_speaks(view, config, voter, now) &&
           locum_vote_sentinel_sees(view, config, voter, peer);
}

bool
locum_vote_possible(const struct locum_view *view, const struct locum_core_config *config,
                    locum_node voter, locum_node peer, locum_ms now)
{
    return locum_view_heard_within_limit(view, config, voter, now) ||
           sentinel_votes(view, config, voter, peer, now);
}

/* VOTE-1, or else VOTE-2 */
static bool
vote(const struct locum_view *view, const struct locum_core_config *config, locum_node voter,
     locum_node peer, locum_ms now)
{
    const struct locum_peer_facts *facts = &view->peer[voter];
    if (locum_view_heard_within_limit(view, config, voter, now)) {
        const enum locum_condition code = facts->state_codes[peer];
        return code == LOCUM_SUSPECT || code == LOCUM_DOWN;
    }
    return sentinel_votes(view, config, voter, peer, now) &&
           facts->sentinel.down[peer] == facts->sentinel.known[peer];
}

locum_nodes
locum_vote_count(const struct locum_view *view, const struct locum_core_config *config,
                 locum_node peer, locum_ms now)
{
    locum_nodes voters = locum_nodes_of(config->self); /* VOTE-3: 1 + ... */
    for (locum_node voter = 0; voter < config->node_count; voter++) {
        if (voter != config->self && voter != peer && vote(view, config, voter, peer, now)) {
            voters |= locum_nodes_of(voter);
        }
    }
    return voters;
}

locum_nodes
locum_vote_sentinels(const struct locum_view *view, const struct locum_core_config *config,
                     locum_node peer, locum_ms now)
{
    locum_nodes sentinels = 0;
    for (locum_node node = 0; node < config->node_count; node++) {
        const struct locum_sentinel_facts *facts = &view->peer[node].sentinel;
        if (locum_vote_sentinel_speaks(view, config, node, now) && facts->known[peer] > 0 &&
            facts->down[peer] == facts->known[peer]) {
            sentinels |= locum_nodes_of(node);
        }
    }
    return sentinels;
}

bool
locum_vote_sentinels_speak(const struct locum_view *view, const struct locum_core_config *config,
                           locum_ms now)
{
    for (locum_node node = 0; node < config->node_count; node++) {
        if (locum_vote_sentinel_speaks(view, config, node, now)) {
            return true;
        }
    }
    return false;
}

static bool
is_reachable(const struct locum_view *view, const struct locum_core_config *config,
             locum_node voter, locum_ms now)
{
    bool votes = locum_view_heard_within_limit(view, config, voter, now) ||
                 locum_vote_sentinel_speaks(view, config, voter, now);
    for (locum_node peer = 0; peer < config->node_count; peer++) {
        if (peer != config->self && peer != voter &&
            config->nodes[peer].role == LOCUM_ROLE_SERVER) {
            votes = votes && locum_vote_possible(view, config, voter, peer, now);
        }
    }
    return votes;
}

locum_nodes
locum_vote_reachable(const struct locum_view *view, const struct locum_core_config *config,
                     locum_ms now)
{
    locum_nodes reachable = locum_nodes_of(config->self);
    for (locum_node node = 0; node < config->node_count; node++) {
        if (node != config->self && is_reachable(view, config, node, now)) {
            reachable |= locum_nodes_of(node);
        }
    }
    return reachable;
}
