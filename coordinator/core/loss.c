#include "core/loss.h"

#include <string.h>

#include "core/vote.h"

/* What the cluster has before the loss. */
struct cluster {
    const struct locum_core_config *config;
    locum_nodes works[LOCUM_FAMILIES]; /* LOSS-1: servers that may be named as healthy */
    locum_nodes keeps[LOCUM_FAMILIES]; /* LOSS-3: they stay named until they are confirmed down */
    locum_nodes answers;               /* LOSS-2: servers that answer DNS */
    locum_nodes confirmed;             /* LOSS-3: nodes on which a quorum could vote */
    locum_nodes down;                  /* already */
};

static bool
is_server(const struct locum_core_config *config, locum_node node)
{
    return config->nodes[node].role == LOCUM_ROLE_SERVER;
}

/* LOSS-1, LOSS-2: is this name without a healthy answer once `gone` is lost? */
static bool
is_lost(const struct cluster *self, const struct locum_core_name *name, enum locum_family family,
        locum_node gone)
{
    const locum_nodes left = ~locum_nodes_of(gone);
    if ((self->works[family] & left) == 0 || (self->answers & left) == 0) {
        return true;
    }
    /* LOSS-4: it is named on, and nobody answers there. */
    return locum_nodes_has(self->keeps[family] & ~self->confirmed, gone) &&
           (name->owner == gone ||
            (name->owner == LOCUM_NODE_NONE && name->policy == LOCUM_ANSWER_ALL));
}

/* PLAN-6: does the RRset exist? */
static bool
exists(const struct locum_core_config *config, const struct locum_core_name *name,
       enum locum_family family)
{
    bool any = false;
    for (locum_node node = 0; node < config->node_count; node++) {
        any = any || (is_server(config, node) && config->nodes[node].has[family] &&
                      (name->owner == LOCUM_NODE_NONE || name->owner == node));
    }
    return any;
}

/* Add the names that are lost with `gone`, without those in `without`, if there are any. */
static const struct locum_loss *
add_loss(const struct cluster *self, locum_node gone, bool by_configuration,
         const struct locum_loss *without, struct locum_losses *ret)
{
    struct locum_loss *loss = &ret->at[ret->count];
    memset(loss, 0, sizeof(*loss));
    loss->node = gone;
    loss->by_configuration = by_configuration;
    for (size_t i = 0; i < self->config->name_count; i++) {
        const struct locum_core_name *name = &self->config->names[i];
        for (enum locum_family family = LOCUM_V4; family <= LOCUM_V6; family++) {
            loss->lost[family][i] = exists(self->config, name, family) &&
                                    is_lost(self, name, family, gone) &&
                                    (without == NULL || !without->lost[family][i]);
            loss->count += loss->lost[family][i];
        }
    }
    if (loss->count == 0) {
        return NULL;
    }
    ret->count++;
    return loss;
}

/* VOTE-2 by configuration: the Sentinel there lists both instances, and a third node's. */
static bool
sentinel_may_vote(const struct locum_core_config *config, locum_node voter, locum_node peer)
{
    bool third = false;
    for (locum_node other = 0; other < config->node_count; other++) {
        third = third || (other != voter && other != peer &&
                          (config->nodes[other].redis || config->nodes[other].sentinel));
    }
    return third && config->nodes[voter].sentinel && config->nodes[peer].redis &&
           config->nodes[peer].sentinel;
}

bool
locum_loss_has_quorum(const struct locum_core_config *config, locum_node peer)
{
    uint32_t votes = 0;
    for (locum_node voter = 0; voter < config->node_count; voter++) {
        votes += voter != peer && (config->nodes[voter].role != LOCUM_ROLE_SENTINEL ||
                                   sentinel_may_vote(config, voter, peer));
    }
    return votes >= config->quorum;
}

/* LOSS-5: every node is alive, and all that is configured works. */
static struct cluster
cluster_of_config(const struct locum_core_config *config)
{
    struct cluster self = {.config = config};
    for (locum_node node = 0; node < config->node_count; node++) {
        const locum_nodes one = locum_nodes_of(node);
        for (enum locum_family family = LOCUM_V4; family <= LOCUM_V6; family++) {
            if (is_server(config, node) && config->nodes[node].has[family]) {
                self.works[family] |= one;
                self.keeps[family] |= one;
            }
        }
        self.answers |= is_server(config, node) ? one : 0;
        self.confirmed |= locum_loss_has_quorum(config, node) ? one : 0;
    }
    return self;
}

/* Could the others confirm that `peer` is down? This node knows its own chances; if it is itself
 * the peer, what it hears of the others is the best it knows. */
static bool
has_quorum(const struct locum_core *core, locum_node peer, locum_ms now)
{
    uint32_t votes = 0;
    for (locum_node voter = 0; voter < core->config.node_count; voter++) {
        votes +=
            voter != peer && (voter == core->config.self ||
                              locum_vote_possible(&core->view, &core->config, voter, peer, now));
    }
    return votes >= core->config.quorum;
}

static struct cluster
cluster_now(const struct locum_core *core, locum_ms now)
{
    struct cluster self = {.config = &core->config};
    for (locum_node node = 0; node < core->config.node_count; node++) {
        const locum_nodes one = locum_nodes_of(node);
        for (enum locum_family family = LOCUM_V4; family <= LOCUM_V6; family++) {
            const enum locum_rank rank = core->rank[node].in[family];
            if (is_server(&core->config, node) && core->config.nodes[node].has[family]) {
                self.works[family] |= rank <= LOCUM_RANK_C ? one : 0;
                self.keeps[family] |= rank == LOCUM_RANK_A || rank == LOCUM_RANK_E ? one : 0;
            }
        }
        self.answers |=
            is_server(&core->config, node) && !locum_view_dns_is_lost(&core->view, node, now) ? one
                                                                                              : 0;
        self.confirmed |= has_quorum(core, node, now) ? one : 0;
        self.down |= locum_core_condition(core, node) == LOCUM_DOWN ? one : 0;
    }
    return self;
}

void
locum_loss_find(const struct locum_core *core, locum_ms now, struct locum_losses *ret)
{
    const struct cluster configured = cluster_of_config(&core->config);
    const struct cluster current = cluster_now(core, now);
    ret->count = 0;
    for (locum_node node = 0; node < core->config.node_count; node++) {
        if (!locum_nodes_has(current.down, node)) {
            (void)add_loss(&current, node, false, add_loss(&configured, node, true, NULL, ret),
                           ret);
        }
    }
}

void
locum_loss_plan(const struct locum_core *core, locum_node node, struct locum_plan *ret)
{
    struct locum_ranks rank[LOCUM_NODES_MAX];
    memcpy(rank, core->rank, sizeof(rank));
    rank[node].in[LOCUM_V4] = rank[node].in[LOCUM_V6] = LOCUM_RANK_G;
    locum_plan_make(&core->config, rank, ret);
}

void
locum_loss_of_config(const struct locum_core_config *config, struct locum_losses *ret)
{
    const struct cluster configured = cluster_of_config(config);
    ret->count = 0;
    for (locum_node node = 0; node < config->node_count; node++) {
        (void)add_loss(&configured, node, true, NULL, ret);
    }
}
