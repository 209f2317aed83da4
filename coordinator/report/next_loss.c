/* What one more failure would cost, for each node whose vote is available now. */
#include <stdlib.h>

#include "core/vote.h"
#include "report/report.h"

/* Address families in which no server known to work would be left. */
static void
lost_families(const struct locum_core *core, bool ret_lost[LOCUM_FAMILIES], bool *ret_all)
{
    *ret_all = true;
    for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
        bool asked = false;
        bool good = false;
        for (locum_node node = 0; node < core->config.node_count; node++) {
            const struct locum_core_node *config = &core->config.nodes[node];
            const bool has = config->role == LOCUM_ROLE_SERVER && config->has[family];
            asked = asked || has;
            good = good || (has && core->rank[node].in[family] < LOCUM_RANK_D);
        }
        ret_lost[family] = asked && !good;
        *ret_all = *ret_all && (ret_lost[family] || !asked);
    }
}

/* NULL: nothing. */
static const char *
cost_of(const struct locum_core *core, struct locum_core *copy, locum_node node,
        locum_nodes reachable)
{
    const locum_nodes left = reachable & ~locum_nodes_of(node);
    bool lost[LOCUM_FAMILIES];
    bool all;
    *copy = *core;
    if (core->config.nodes[node].role == LOCUM_ROLE_SERVER &&
        locum_core_assume(copy, node, locum_slice_of("excluded")) == 0) {
        lost_families(copy, lost, &all);
        if (all) {
            return "everything";
        }
        if (lost[LOCUM_V4]) {
            return "every A answer";
        }
        if (lost[LOCUM_V6]) {
            return "every AAAA answer";
        }
    }
    return (uint32_t)__builtin_popcount(left) < core->config.quorum ? "takeover (no quorum)" : NULL;
}

json_t *
locum_report_next_loss(const struct locum_core *core, struct locum_now now)
{
    json_t *losses = json_array();
    const locum_nodes reachable = locum_vote_reachable(&core->view, &core->config, now.mono);
    struct locum_core *copy = malloc(sizeof(*copy));
    for (locum_node node = 0; copy != NULL && node < core->config.node_count; node++) {
        const char *cost =
            locum_nodes_has(reachable, node) ? cost_of(core, copy, node, reachable) : NULL;
        if (cost != NULL) {
            (void)json_array_append_new(
                losses,
                json_pack("{s:s, s:s}", "node", core->config.nodes[node].name, "lost", cost));
        }
    }
    free(copy);
    return losses;
}
