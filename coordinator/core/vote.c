#include "core/vote.h"

enum { SENTINEL_SLACK_MS = 200 }; /* VOTE-2: a poll counts for two poll intervals and this */

/* VOTE-2: was its Sentinel polled recently, and is it not in TILT? */
static bool
sentinel_speaks(const struct locum_view *view, const struct locum_core_config *config,
                locum_node voter, locum_ms now)
{
    const struct locum_sentinel_facts *facts = &view->peer[voter].sentinel;
    return facts->polled != LOCUM_NEVER && !facts->tilt &&
           now - facts->polled <= 2 * config->sentinel_poll_ms + SENTINEL_SLACK_MS;
}

/* VOTE-2: it sees an instance of a third node up, so it is not the one that is cut off. */
static bool
sentinel_connected(const struct locum_sentinel_facts *facts, const struct locum_core_config *config,
                   locum_node voter, locum_node peer)
{
    for (locum_node other = 0; other < config->node_count; other++) {
        if (other != voter && other != peer && facts->known[other] > facts->down[other]) {
            return true;
        }
    }
    return false;
}

/* VOTE-1, or else VOTE-2 */
static bool
vote(const struct locum_view *view, const struct locum_core_config *config, locum_node voter,
     locum_node peer, locum_ms now)
{
    if (locum_view_heard_within_limit(view, config, voter, now)) {
        const enum locum_condition code = view->peer[voter].state_codes[peer];
        return code == LOCUM_SUSPECT || code == LOCUM_DOWN;
    }
    const struct locum_sentinel_facts *facts = &view->peer[voter].sentinel;
    return sentinel_speaks(view, config, voter, now) &&
           sentinel_connected(facts, config, voter, peer) && facts->known[peer] >= 2 &&
           facts->down[peer] == facts->known[peer];
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
        if (sentinel_speaks(view, config, node, now) && facts->known[peer] > 0 &&
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
        if (sentinel_speaks(view, config, node, now)) {
            return true;
        }
    }
    return false;
}

locum_nodes
locum_vote_reachable(const struct locum_view *view, const struct locum_core_config *config,
                     locum_ms now)
{
    locum_nodes reachable = locum_nodes_of(config->self);
    for (locum_node node = 0; node < config->node_count; node++) {
        if (node != config->self && (locum_view_heard_within_limit(view, config, node, now) ||
                                     sentinel_speaks(view, config, node, now))) {
            reachable |= locum_nodes_of(node);
        }
    }
    return reachable;
}
