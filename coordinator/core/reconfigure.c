/* A new configuration for a running core: the facts of a node move with its name to its new index.
 */
#include <string.h>

#include "core/step.h"

/* The old index of each new node; LOCUM_NODE_NONE: it is new, or there is no such node. */
struct moves {
    locum_node from[LOCUM_NODES_MAX];
};

static struct moves
find_moves(const struct locum_core_config *old, const struct locum_core_config *new)
{
    struct moves moves;
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        moves.from[i] = i < new->node_count
                            ? locum_nodes_find(old, locum_slice_of(new->nodes[i].name))
                            : LOCUM_NODE_NONE;
    }
    return moves;
}

static void
move_counts(const struct moves *moves, const uint8_t old[LOCUM_NODES_MAX],
            uint8_t ret[LOCUM_NODES_MAX])
{
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        ret[i] = moves->from[i] != LOCUM_NODE_NONE ? old[moves->from[i]] : 0;
    }
}

static locum_nodes
move_set(const struct moves *moves, locum_nodes old)
{
    locum_nodes set = 0;
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        if (moves->from[i] != LOCUM_NODE_NONE && locum_nodes_has(old, moves->from[i])) {
            set |= locum_nodes_of((locum_node)i);
        }
    }
    return set;
}

static void
move_facts(const struct moves *moves, const struct locum_peer_facts *old,
           struct locum_peer_facts *ret)
{
    *ret = *old;
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        ret->state_codes[i] =
            moves->from[i] != LOCUM_NODE_NONE ? old->state_codes[moves->from[i]] : LOCUM_UNKNOWN;
    }
    move_counts(moves, old->sentinel.known, ret->sentinel.known);
    move_counts(moves, old->sentinel.down, ret->sentinel.down);
    for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
        ret->unheard[family] = move_set(moves, old->unheard[family]);
    }
}

/* The checks start again; the service state stays until they have verdicts. */
static void
restart_checks(struct locum_core *self)
{
    struct locum_service_state fresh;
    locum_service_init(&fresh, &self->config);
    memcpy(self->service.check, fresh.check, sizeof(fresh.check));
    if (self->config.nodes[self->config.self].role == LOCUM_ROLE_WITNESS) {
        self->service.state = LOCUM_UP;
    }
}

/* GREEN-14: what is silent under a configuration that has changed may be announced no more. One
 * that may still be at an old master is kept. */
static void
forget_mirrorbits(struct locum_core *self, locum_nodes changed, locum_ms now)
{
    for (locum_node node = 0; node < self->config.node_count; node++) {
        if (locum_nodes_has(changed, node) &&
            locum_view_mirrorbits_silent(&self->view, &self->config, node, now) &&
            !locum_view_mirrorbits_moves(&self->view, now)) {
            self->view.peer[node].mirrorbits = LOCUM_NEVER;
        }
    }
}

void
locum_core_reconfigure(struct locum_core *self, const struct locum_core_config *config,
                       locum_nodes mirrorbits, struct locum_now now)
{
    const struct locum_slice own = locum_slice_of(self->config.nodes[self->config.self].name);
    LOCUM_INVARIANT(locum_slice_is(own, config->nodes[config->self].name));
    LOCUM_INVARIANT(strcmp(self->config.cluster, config->cluster) == 0);
    const struct moves moves = find_moves(&self->config, config);
    const struct locum_view old_view = self->view;
    const struct locum_detector old_detector = self->detector;
    const struct locum_families old_families = self->families;
    struct locum_view fresh;
    locum_view_init(&fresh, now, old_view.incarnation);
    locum_detector_init(&self->detector);
    locum_family_init(&self->families);
    for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
        self->families.absent_since[family] = old_families.absent_since[family];
        self->families.unheard[family] = move_set(&moves, old_families.unheard[family]);
    }
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        self->view.peer[i] = fresh.peer[i];
        self->view.peer[i].grace = now.mono; /* a new peer had no time to be heard yet */
        if (moves.from[i] != LOCUM_NODE_NONE) {
            move_facts(&moves, &old_view.peer[moves.from[i]], &self->view.peer[i]);
            memcpy(self->families.at[i], old_families.at[moves.from[i]],
                   sizeof(self->families.at[i]));
            if (config->nodes[i].role != LOCUM_ROLE_SENTINEL) { /* COND-13 */
                self->detector.peer[i] = old_detector.peer[moves.from[i]];
            }
        }
    }
    self->admin.excluded = move_set(&moves, self->admin.excluded);
    if (locum_view_mirrorbits_checked(&self->config, self->config.self) &&
        !locum_view_mirrorbits_checked(config, config->self)) {
        mirrorbits |= locum_nodes_of(config->self);
    }
    self->config = *config;
    forget_mirrorbits(self, mirrorbits, now.mono);
    restart_checks(self);
    (void)locum_core_replan(self);
    self->plan_reported = true;
}
