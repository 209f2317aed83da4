#include "core/degraded.h"

#include "core/loss.h"
#include "core/vote.h"

/* What is judged, and where the findings go. */
struct judge {
    const struct locum_core *core;
    const struct locum_core_config *config;
    const struct locum_view *view;
    locum_ms now;
    struct locum_degraded_list *list;
};

static void
find(const struct judge *self, enum locum_degraded_kind kind, locum_node node, locum_nodes peers)
{
    LOCUM_INVARIANT(self->list->count < LOCUM_DEGRADED_MAX);
    self->list->at[self->list->count++] =
        (struct locum_degraded){.kind = kind, .node = node, .peers = peers};
}

static void
find_if(const struct judge *self, bool broken, enum locum_degraded_kind kind, locum_node node)
{
    if (broken) {
        find(self, kind, node, 0);
    }
}

/* GREEN-4: the other coordinators, this one too, that a peer says it does not hold alive, and that
 * are alive to this node: of one that is not, its condition here says enough. */
static locum_nodes
not_alive_to(const struct judge *self, locum_node peer)
{
    locum_nodes set = 0;
    for (locum_node other = 0; other < self->config->node_count; other++) {
        if (other != peer && self->config->nodes[other].role != LOCUM_ROLE_SENTINEL &&
            locum_core_condition(self->core, other) == LOCUM_ALIVE &&
            self->view->peer[peer].state_codes[other] != LOCUM_ALIVE) {
            set |= locum_nodes_of(other);
        }
    }
    return set;
}

/* GREEN-4, GREEN-6, GREEN-12: of a peer that is not heard its condition says enough. */
static void
judge_heartbeats(const struct judge *self, locum_node peer)
{
    if (!locum_view_heard_within_limit(self->view, self->config, peer, self->now)) {
        return;
    }
    const locum_nodes not_alive = not_alive_to(self, peer);
    if (not_alive != 0) {
        find(self, LOCUM_DEGRADED_PEERS, peer, not_alive);
    }
    find_if(self,
            locum_view_path_missing(self->view, self->config, peer, LOCUM_PATH_UDP, self->now),
            LOCUM_DEGRADED_UDP, peer);
    find_if(self,
            locum_view_path_missing(self->view, self->config, peer, LOCUM_PATH_REDIS, self->now),
            LOCUM_DEGRADED_PATH, peer);
    find_if(self, locum_view_dns_fails(self->view, peer, self->now), LOCUM_DEGRADED_DNS, peer);
}

/* GREEN-2, GREEN-3: the states of a coordinator. What the operator plans is not broken. */
static void
judge_states(const struct judge *self, locum_node node)
{
    find_if(self, locum_core_condition(self->core, node) != LOCUM_ALIVE, LOCUM_DEGRADED_CONDITION,
            node);
    find_if(self,
            locum_core_service(self->core, node) != LOCUM_UP &&
                locum_core_admin(self->core, node) != LOCUM_MAINT,
            LOCUM_DEGRADED_SERVICE, node);
    find_if(self, locum_nodes_has(self->core->admin.excluded, node), LOCUM_DEGRADED_EXCLUDED, node);
}

/* The servers on which the Sentinel at `voter` should be able to vote by configuration, but
 * cannot. */
static locum_nodes
no_vote_on(const struct judge *self, locum_node voter)
{
    locum_nodes set = 0;
    for (locum_node peer = 0; peer < self->config->node_count; peer++) {
        const struct locum_core_node *node = &self->config->nodes[peer];
        if (peer != voter && peer != self->config->self && node->role == LOCUM_ROLE_SERVER &&
            node->redis && node->sentinel &&
            !locum_vote_sentinel_sees(self->view, self->config, voter, peer)) {
            set |= locum_nodes_of(peer);
        }
    }
    return set;
}

/* GREEN-8, GREEN-9 */
static void
judge_sentinel(const struct judge *self, locum_node node)
{
    const struct locum_sentinel_facts *facts = &self->view->peer[node].sentinel;
    if (!self->config->nodes[node].sentinel) {
        return;
    }
    if (!locum_vote_sentinel_speaks(self->view, self->config, node, self->now)) {
        find(self, facts->tilt ? LOCUM_DEGRADED_TILT : LOCUM_DEGRADED_SENTINEL, node, 0);
        return;
    }
    const locum_nodes no_vote = node == self->config->self ? 0 : no_vote_on(self, node);
    if (no_vote != 0) {
        find(self, LOCUM_DEGRADED_VOTE, node, no_vote);
    }
}

/* GREEN-10: a server that could not be confirmed as down now, though by configuration it could. */
static bool
lacks_quorum(const struct judge *self, locum_node peer)
{
    uint32_t votes = 1; /* VOTE-3 */
    if (peer == self->config->self || self->config->nodes[peer].role != LOCUM_ROLE_SERVER ||
        locum_core_condition(self->core, peer) == LOCUM_DOWN) {
        return false;
    }
    for (locum_node voter = 0; voter < self->config->node_count; voter++) {
        votes += voter != self->config->self && voter != peer &&
                 locum_vote_possible(self->view, self->config, voter, peer, self->now);
    }
    return votes < self->config->quorum && locum_loss_has_quorum(self->config, peer);
}

/* GREEN-13. Of a family that is lost the votes say no more. */
static void
judge_families(const struct judge *self, locum_node node)
{
    const struct locum_families *families = &self->core->families;
    for (enum locum_family family = LOCUM_V4; family <= LOCUM_V6; family++) {
        const bool lost = families->at[node][family].lost;
        if (lost || locum_nodes_has(families->unheard[family], node)) {
            find(self, lost ? LOCUM_DEGRADED_FAMILY : LOCUM_DEGRADED_UNHEARD, node, 0);
            self->list->at[self->list->count - 1].family = family;
        }
    }
}

/* GREEN-14 */
static void
judge_mirrorbits(const struct judge *self, locum_node node)
{
    const bool heard = node == self->config->self ||
                       locum_view_heard_within_limit(self->view, self->config, node, self->now);
    find_if(self,
            heard && locum_core_admin(self->core, node) != LOCUM_MAINT &&
                locum_view_mirrorbits_silent(self->view, self->config, node, self->now),
            LOCUM_DEGRADED_MIRRORBITS, node);
}

/* GREEN-16. In maint nobody wants to know. */
static bool
cannot_check(const struct judge *self)
{
    return locum_core_admin(self->core, self->config->self) != LOCUM_MAINT &&
           locum_service_not_run(&self->core->service, self->config) < self->config->check_count;
}

static void
judge_node(const struct judge *self, locum_node node)
{
    if (self->config->nodes[node].role != LOCUM_ROLE_SENTINEL) {
        judge_states(self, node);
        if (node != self->config->self) {
            judge_heartbeats(self, node);
        } else {
            find_if(self, locum_view_dns_fails(self->view, node, self->now), LOCUM_DEGRADED_DNS,
                    node);
            find_if(self, cannot_check(self), LOCUM_DEGRADED_CHECK, node);
        }
    }
    judge_mirrorbits(self, node);
    judge_families(self, node);
    judge_sentinel(self, node);
    find_if(self, lacks_quorum(self, node), LOCUM_DEGRADED_QUORUM, node);
}

static void
judge_reports(const struct judge *self)
{
    for (locum_node peer = 0; peer < self->config->node_count; peer++) {
        find_if(self,
                self->view->peer[peer].degraded > 0 &&
                    locum_view_heard_within_limit(self->view, self->config, peer, self->now),
                LOCUM_DEGRADED_REPORTED, peer);
    }
}

void
locum_degraded_find(const struct locum_core *core, locum_ms now, struct locum_degraded_list *ret)
{
    const struct judge self = {
        .core = core, .config = &core->config, .view = &core->view, .now = now, .list = ret};
    ret->count = 0;
    for (locum_node node = 0; node < core->config.node_count; node++) {
        judge_node(&self, node);
    }
    /* GREEN-7 */
    find_if(&self,
            core->config.redis && !locum_view_redis_worked(&core->view, &core->config, 0, now),
            LOCUM_DEGRADED_REDIS, LOCUM_NODE_NONE);
    /* GREEN-11 */
    find_if(&self, core->serving.kind == LOCUM_SERVING_FAIL_OPEN, LOCUM_DEGRADED_FAIL_OPEN,
            LOCUM_NODE_NONE);
    /* GREEN-5: most of what a peer finds is found here too. */
    if (ret->count == 0) {
        judge_reports(&self);
    }
}

size_t
locum_degraded_own(const struct locum_core *core, locum_ms now)
{
    struct locum_degraded_list list;
    size_t own = 0;
    locum_degraded_find(core, now, &list);
    for (size_t i = 0; i < list.count; i++) {
        own +=
            list.at[i].kind != LOCUM_DEGRADED_PEERS && list.at[i].kind != LOCUM_DEGRADED_REPORTED;
    }
    return own;
}
