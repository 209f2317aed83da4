/*
 * vote: which other nodes find a peer silent (VOTE-1 to 3). A coordinator that is heard votes with
 * its state code. If it is not heard, the Sentinel of its site votes. Pure.
 */
#ifndef LOCUM_CORE_VOTE_H
#define LOCUM_CORE_VOTE_H

#include "core/view.h"

/* The nodes that vote that `peer` is silent now; always with this node itself (VOTE-3). */
locum_nodes locum_vote_count(const struct locum_view *view, const struct locum_core_config *config,
                             locum_node peer, locum_ms now);

/*
 * Could `voter` vote on `peer` now, if the peer fell silent (GREEN-10)? All conditions of VOTE-1 or
 * VOTE-2 hold, apart from the verdict itself. Neither is this node's own.
 */
bool locum_vote_possible(const struct locum_view *view, const struct locum_core_config *config,
                         locum_node voter, locum_node peer, locum_ms now);

/* VOTE-2: the Sentinel at this node was polled completely of late, and it is not in TILT. */
bool locum_vote_sentinel_speaks(const struct locum_view *view,
                                const struct locum_core_config *config, locum_node node,
                                locum_ms now);

/* VOTE-2: it lists two instances of the peer, and a third node's as up. */
bool locum_vote_sentinel_sees(const struct locum_view *view, const struct locum_core_config *config,
                              locum_node voter, locum_node peer);

/* The nodes whose Sentinel reports all instances of `peer` s_down now (shown in status). */
locum_nodes locum_vote_sentinels(const struct locum_view *view,
                                 const struct locum_core_config *config, locum_node peer,
                                 locum_ms now);

/* At least one Sentinel was polled recently and is not in TILT. */
bool locum_vote_sentinels_speak(const struct locum_view *view,
                                const struct locum_core_config *config, locum_ms now);

/* The nodes whose vote this node could get now, itself included (quorum.reachable in status): those
 * that could vote on every server but themselves and this one. */
locum_nodes locum_vote_reachable(const struct locum_view *view,
                                 const struct locum_core_config *config, locum_ms now);

#endif
