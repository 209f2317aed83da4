/*
 * choose: does this node report an event to its hooks? Pure: a core and an event in, a choice out.
 *
 * An event of the cluster is seen by several nodes, and one of them reports it: the first server in
 * configured order that is alive, other than the node that the event is about; without one, the
 * first other node that is. Each node knows by itself who that is. The others hold the event back
 * for LOCUM_HOOKS_HOLD_MS. They report it too if the reporter has failed by then, or has not shown
 * by its heartbeats that it sees what they see: two reports are better than none.
 *
 *   condition  of the cluster. `down`; `alive` after `down` or `returning`, or after a suspicion
 *              that was reported; `suspect` if it lasts for the hold.
 *   serving    of the cluster if all servers answer so, `all(...)` and `fail-open`. What one server
 *              answers alone (self, yielding) it reports itself, and each change of its takeovers.
 *   service    of the node itself: `failing`, `degraded`, and `up` after them (`probation` is only
 *              on the way).
 *   warning    of the node itself.
 */
#ifndef LOCUM_HOOKS_CHOOSE_H
#define LOCUM_HOOKS_CHOOSE_H

#include "core/step.h"

enum { LOCUM_HOOKS_HOLD_MS = 5000 };

enum locum_hooks_choice {
    LOCUM_HOOKS_REPORT,
    LOCUM_HOOKS_LEAVE, /* another node reports it, or it is no news */
    LOCUM_HOOKS_HOLD,  /* not known yet: ask again */
};

/* How long an event is held: long enough for a reporter that has failed to be silent. */
locum_ms locum_choose_hold_ms(const struct locum_core_config *config);

/*
 * Who reports an event that is about a node (LOCUM_NODE_NONE: about none), as this node sees it
 * now. This node itself is always alive.
 */
locum_node locum_choose_reporter(const struct locum_core *core, locum_node about);

/*
 * Does the reporter of an event of the cluster see it now, by the state codes of its last
 * heartbeat? Of a condition: the same, or `down` for a suspicion. Of what is served: all peers as
 * this node does, which has excluded none.
 */
bool locum_choose_agrees(const struct locum_core *core, const struct locum_event *event);

/* What has been since the event, or before. */
struct locum_choose_memory {
    locum_ms age_ms; /* of the event */
    bool agreed;     /* its reporter has seen it */
    bool reported;   /* a suspicion of this peer was reported, by some node */
    bool own;        /* this node reported that it is suspect or down */
};

/* Choose. event: of kind condition, service or serving; NULL: one of the node itself. */
enum locum_hooks_choice locum_hooks_choose(const struct locum_core *core,
                                           const struct locum_event *event,
                                           const struct locum_choose_memory *memory);

#endif
