/*
 * vote: who else holds a peer silent. A coordinator that is heard votes with its code; for a site
 * whose coordinator is not heard its Sentinel votes. Pure.
 */
#ifndef LOCUM_CORE_VOTE_H
#define LOCUM_CORE_VOTE_H

#include "core/view.h"

/* The nodes that vote against `peer` now; this node is in it always, for the count of 1 +. */
locum_nodes locum_vote_count(const struct locum_view *view, const struct locum_core_config *config,
                             locum_node peer, locum_ms now);

/* The nodes whose Sentinel holds all instances of `peer` s_down now (shown in status). */
locum_nodes locum_vote_sentinels(const struct locum_view *view,
                                 const struct locum_core_config *config, locum_node peer,
                                 locum_ms now);

/* Some Sentinel was polled lately and is not in TILT. */
bool locum_vote_sentinels_speak(const struct locum_view *view,
                                const struct locum_core_config *config, locum_ms now);

/* The nodes whose vote this node could get now, itself included (quorum.reachable in status). */
locum_nodes locum_vote_reachable(const struct locum_view *view,
                                 const struct locum_core_config *config, locum_ms now);

#endif
