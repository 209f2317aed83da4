/* The state of a run as a whole: its start, its plan, its heartbeat, questions about it. */
#include <string.h>

#include "base/error.h"
#include "core/step.h"

static void
check_config(const struct locum_core_config *config)
{
    LOCUM_INVARIANT(config->node_count >= 1 && config->node_count <= LOCUM_NODES_MAX);
    LOCUM_INVARIANT(config->self < config->node_count);
    LOCUM_INVARIANT(config->nodes[config->self].role != LOCUM_ROLE_SENTINEL);
    LOCUM_INVARIANT(config->name_count <= LOCUM_NAMES_MAX);
    LOCUM_INVARIANT(config->check_count <= LOCUM_CHECKS_MAX);
    LOCUM_INVARIANT(config->quorum >= 1 && config->interval_ms > 0 && config->timeout_ms > 0);
}

uint64_t
locum_core_incarnation_after(uint64_t last, struct locum_now now)
{
    const uint64_t wall = now.wall > 0 ? (uint64_t)now.wall : 1;
    const uint64_t next = last / 2 < LOCUM_INCARNATION_MAX ? last + 1 : 1; /* INCARNATION-5 */
    return next > wall ? next : wall;
}

void
locum_core_init(struct locum_core *self, const struct locum_core_config *config,
                const struct locum_saved *saved, struct locum_now now)
{
    check_config(config);
    const uint64_t incarnation =
        locum_core_incarnation_after(saved != NULL ? saved->incarnation : 0, now);
    memset(self, 0, sizeof(*self));
    self->config = *config;
    locum_view_init(&self->view, now, incarnation);
    locum_detector_init(&self->detector);
    locum_family_init(&self->families);
    locum_service_init(&self->service, config);
    self->admin.until_boot = LOCUM_NEVER;
    if (saved != NULL) {
        self->admin = saved->admin;
        self->admin.excluded &= ~locum_nodes_of(config->self);
    }
    self->last_send = LOCUM_NEVER;
    self->next_commit = LOCUM_NEVER;
    self->duplicate_reported = LOCUM_NEVER;
    self->raise_reported = LOCUM_NEVER;
    (void)locum_core_replan(self);
}

enum locum_condition
locum_core_condition(const struct locum_core *self, locum_node node)
{
    return node == self->config.self ? LOCUM_ALIVE : self->detector.peer[node].condition;
}

enum locum_service
locum_core_service(const struct locum_core *self, locum_node node)
{
    return node == self->config.self ? self->service.state : self->view.peer[node].service;
}

enum locum_admin
locum_core_admin(const struct locum_core *self, locum_node node)
{
    return node == self->config.self ? self->admin.state : self->view.peer[node].admin;
}

static enum locum_rank
rank_of(const struct locum_core *self, locum_node node, enum locum_family family)
{
    return locum_rank_of((struct locum_standing){
        .excluded = locum_nodes_has(self->admin.excluded, node), /* RANK-1 */
        .condition = node == self->config.self
                         ? LOCUM_ALIVE
                         : locum_detector_rank_condition(&self->detector, node),
        .silent = self->detector.peer[node].silent,
        .service = locum_core_service(self, node),
        .admin = locum_core_admin(self, node),
        .lost = self->families.at[node][family].lost,
    });
}

enum locum_rank
locum_core_rank(const struct locum_core *self, locum_node node)
{
    const bool *has = self->config.nodes[node].has;
    const enum locum_rank *rank = self->rank[node].in;
    const bool v6 = has[LOCUM_V6] && (!has[LOCUM_V4] || rank[LOCUM_V6] < rank[LOCUM_V4]);
    return rank[v6 ? LOCUM_V6 : LOCUM_V4];
}

/* The ranks of a node as they are now. */
static struct locum_ranks
ranks_of(const struct locum_core *self, locum_node node)
{
    const enum locum_condition condition = self->detector.peer[node].condition;
    const bool stale =
        node == self->config.self
            ? locum_service_is_stale(&self->service, &self->config)
            : locum_detector_rank_condition(&self->detector, node) != condition; /* RANK-2 */
    return (struct locum_ranks){
        .in = {rank_of(self, node, LOCUM_V4), rank_of(self, node, LOCUM_V6)},
        .stale = stale ? 1 : 0,
    };
}

bool
locum_core_ranks_moved(const struct locum_core *self)
{
    for (locum_node node = 0; node < self->config.node_count; node++) {
        const struct locum_ranks ranks = ranks_of(self, node);
        if (memcmp(&ranks, &self->rank[node], sizeof(ranks)) != 0) {
            return true;
        }
    }
    return false;
}

bool
locum_core_replan(struct locum_core *self)
{
    struct locum_plan plan;
    for (locum_node node = 0; node < self->config.node_count; node++) {
        self->rank[node] = ranks_of(self, node);
    }
    locum_plan_make(&self->config, self->rank, &plan);
    const struct locum_serving serving = locum_plan_serving(&self->config, &plan);
    const bool changed = memcmp(&plan, &self->plan, sizeof(plan)) != 0 ||
                         !locum_plan_serving_equal(serving, self->serving);
    self->plan = plan;
    self->serving = serving;
    return changed;
}

/* The first `room` nodes of the set. */
static locum_nodes
first_of(locum_nodes set, size_t *room)
{
    locum_nodes first = 0;
    for (; set != 0 && *room > 0; --*room) {
        first |= set & -set;
        set &= set - 1;
    }
    return first;
}

void
locum_core_heartbeat(const struct locum_core *self, locum_node to, struct locum_now now,
                     struct locum_text *text)
{
    const struct locum_core_config *config = &self->config;
    struct locum_heartbeat heartbeat = {
        .sender = config->self,
        .incarnation = self->view.incarnation,
        .seq = self->view.seq,
        .interval_ms = config->interval_ms,
        .service = self->service.state,
        .admin = self->admin.state,
        .leaving = self->leaving,
        .degraded = self->degraded,
        .wall = now.wall > 0 ? now.wall : 0,
        .dns = self->view.peer[config->self].dns_claim,
        .keys = self->view.peer[config->self].keys,
    };
    memcpy(heartbeat.digest, config->digest, sizeof(heartbeat.digest));
    memcpy(heartbeat.sections, config->sections, sizeof(heartbeat.sections));
    memcpy(heartbeat.version, config->version, sizeof(heartbeat.version));
    for (locum_node peer = 0; peer < config->node_count; peer++) {
        if (peer == config->self || config->nodes[peer].role == LOCUM_ROLE_SENTINEL) {
            continue;
        }
        const struct locum_order order =
            locum_view_acknowledged(&self->view, config, peer, now.mono);
        heartbeat.acked |= locum_nodes_of(peer);
        heartbeat.acks[peer] = (struct locum_ack){
            .has_number = to == LOCUM_NODE_NONE || to == peer, /* HEARTBEAT-3 */
            .incarnation = order.incarnation,
            .seq = order.seq,
            .state_code = locum_detector_state_code(&self->detector, peer),
        };
    }
    size_t room = LOCUM_UNHEARD_MAX;
    for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
        heartbeat.lost[family] = self->families.at[config->self][family].lost;
        heartbeat.unheard[family] = first_of(self->families.unheard[family], &room);
    }
    locum_heartbeat_add(text, config, &heartbeat);
}

void
locum_core_saved(const struct locum_core *self, struct locum_saved *ret)
{
    *ret = (struct locum_saved){.incarnation = self->view.incarnation, .admin = self->admin};
}

int
locum_core_admin_check(const struct locum_core *self, enum locum_admin state, bool force,
                       size_t *ret_left)
{
    size_t left = 0;
    for (locum_node node = 0; node < self->config.node_count; node++) {
        const bool works = self->rank[node].in[LOCUM_V4] <= LOCUM_RANK_B &&
                           self->rank[node].in[LOCUM_V6] <= LOCUM_RANK_B;
        if (node != self->config.self && self->config.nodes[node].role == LOCUM_ROLE_SERVER &&
            works) {
            left++;
        }
    }
    *ret_left = left;
    const bool gives_up_a_server =
        state != LOCUM_READY && self->config.nodes[self->config.self].role == LOCUM_ROLE_SERVER;
    return gives_up_a_server && !force && left < self->config.min_serving ? LOCUM_ERR_REFUSED : 0;
}

int
locum_core_assume(struct locum_core *copy, locum_node node, struct locum_slice state)
{
    const bool self = node == copy->config.self;
    struct locum_condition_state *detected = &copy->detector.peer[node];
    struct locum_peer_facts *facts = &copy->view.peer[node];
    enum locum_condition condition;
    const bool is_condition = locum_names_find_condition(state, &condition);
    if (copy->config.nodes[node].role == LOCUM_ROLE_SENTINEL) {
        return LOCUM_ERR_INVALID; /* COND-13: it has no state */
    }
    if (locum_slice_is(state, "excluded") || (self && is_condition && condition == LOCUM_DOWN)) {
        copy->admin.excluded |= locum_nodes_of(node); /* self is never down to itself: rank G */
    } else if (!self && is_condition) {
        detected->condition = condition;
        detected->silent = detected->was_alive = false;
    } else if (!locum_names_find_service(state, self ? &copy->service.state : &facts->service) &&
               !locum_names_find_admin(state, self ? &copy->admin.state : &facts->admin)) {
        return LOCUM_ERR_INVALID;
    }
    (void)locum_core_replan(copy);
    return 0;
}
