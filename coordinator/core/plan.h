/*
 * plan: ranks -> for each name and family the nodes to name, a TTL and a reason (PLAN-1 to 8). Pure
 * and deterministic: nodes that have the same ranks make the same plan for owned names (INV-7).
 */
#ifndef LOCUM_CORE_PLAN_H
#define LOCUM_CORE_PLAN_H

#include "core/nodes.h"

/* Why a name is answered as it is, for operators. */
enum locum_plan_reason {
    LOCUM_REASON_NONE,      /* no server has this family: the RRset does not exist */
    LOCUM_REASON_SELF,      /* shared, self: this node */
    LOCUM_REASON_YIELDING,  /* shared, self: another node, which has a better rank */
    LOCUM_REASON_ALL,       /* shared, all */
    LOCUM_REASON_FAIL_OPEN, /* the best rank is F or G, but no answer may become empty (PLAN-8) */
    LOCUM_REASON_OWNER,     /* owned: its owner */
    LOCUM_REASON_TAKEOVER,  /* owned: a successor of its owner */
};

struct locum_answer {
    locum_nodes nodes; /* empty only if no server has the family, or the owner of an owned name */
    uint32_t ttl_s;
    enum locum_plan_reason reason;
};

struct locum_plan {
    struct locum_answer answers[LOCUM_NAMES_MAX][LOCUM_FAMILIES]; /* name_count rows are valid */
};

/* A summary of what this node answers: self, yielding(dc3), all(..), fail-open, +takeover(..). */
enum locum_serving_kind {
    LOCUM_SERVING_SELF,
    LOCUM_SERVING_YIELDING,
    LOCUM_SERVING_ALL,
    LOCUM_SERVING_FAIL_OPEN,
    LOCUM_SERVING_WITNESS,
};
struct locum_serving {
    enum locum_serving_kind kind;
    locum_nodes named; /* the nodes in the answer of the first shared name */
    locum_nodes taken; /* peers whose owned names are answered with this node */
};

/*
 * Make the plan.
 *
 * config  borrowed; successor orders are taken from it.
 * rank    of each node in each family as this node sees it, node_count rows.
 * ret     written whole, so that two equal plans are equal in memory (memcmp).
 */
void locum_plan_make(const struct locum_core_config *config, const struct locum_ranks *rank,
                     struct locum_plan *ret);

/* The summary of a plan. */
struct locum_serving locum_plan_serving(const struct locum_core_config *config,
                                        const struct locum_plan *plan);

bool locum_plan_serving_equal(struct locum_serving a, struct locum_serving b);
void locum_plan_serving_add(struct locum_text *text, const struct locum_core_config *config,
                            struct locum_serving serving);

/* "takeover(dc3)", "yielding(dc3)", "self", ...: the reason of one answer of name `name`. */
void locum_plan_reason_add(struct locum_text *text, const struct locum_core_config *config,
                           size_t name, const struct locum_answer *answer);

/*
 * Successor order of `first` (PLAN-5), without `first` itself; servers only. Returns how many were
 * written, 0 .. node_count - 1.
 */
size_t locum_plan_successors(const struct locum_core_config *config, locum_node first,
                             locum_node ret_order[LOCUM_NODES_MAX]);

#endif
