/*
 * plan: ranks -> for each name and family the nodes to name, a TTL and a reason. Pure and
 * deterministic: nodes that hold the same ranks make the same plan for owned names.
 */
#ifndef LOCUM_CORE_PLAN_H
#define LOCUM_CORE_PLAN_H

#include "core/types.h"
#include "core/words.h"

/* Why a name is answered as it is; for a person. */
enum locum_plan_reason {
    LOCUM_REASON_NONE,      /* no server has this family: the RRset does not exist */
    LOCUM_REASON_SELF,      /* shared, self: this node */
    LOCUM_REASON_YIELDING,  /* shared, self: another node, which is better now */
    LOCUM_REASON_ALL,       /* shared, all */
    LOCUM_REASON_FAIL_OPEN, /* best rank E or F: nobody known to be good, so named all the same */
    LOCUM_REASON_OWNER,     /* owned: its owner */
    LOCUM_REASON_TAKEOVER,  /* owned: a successor */
};

struct locum_answer {
    locum_nodes nodes; /* empty only if no server has the family, or the owner of an owned name */
    uint32_t ttl_s;
    enum locum_plan_reason reason;
};

struct locum_plan {
    struct locum_answer answers[LOCUM_NAMES_MAX][LOCUM_FAMILIES]; /* name_count rows are valid */
};

/* What this node answers, in words: self, yielding(dc3), all(..), fail-open, +takeover(..). */
enum locum_serving_kind {
    LOCUM_SERVING_SELF,
    LOCUM_SERVING_YIELDING,
    LOCUM_SERVING_ALL,
    LOCUM_SERVING_FAIL_OPEN,
    LOCUM_SERVING_WITNESS,
};
struct locum_serving {
    enum locum_serving_kind kind;
    locum_nodes named; /* whom the first shared name names */
    locum_nodes taken; /* peers whose owned names are answered with this node */
};

/*
 * Make the plan.
 *
 * config  borrowed; successor orders are taken from it.
 * rank    of each node as this node sees it, node_count entries.
 * ret     written whole, so that two equal plans are equal in memory (memcmp).
 */
void locum_plan_make(const struct locum_core_config *config, const enum locum_rank *rank,
                     struct locum_plan *ret);

/* The serving word of a plan. */
struct locum_serving locum_plan_serving(const struct locum_core_config *config,
                                        const struct locum_plan *plan);

bool locum_serving_equal(struct locum_serving a, struct locum_serving b);
void locum_serving_add(struct locum_text *text, const struct locum_core_config *config,
                       struct locum_serving serving);

/* "takeover(dc3)", "yielding(dc3)", "self", ...: the reason of one answer of name `name`. */
void locum_reason_add(struct locum_text *text, const struct locum_core_config *config, size_t name,
                      const struct locum_answer *answer);

/*
 * Successor order of `first`: `first` itself is not in it; its failover list, then the other
 * servers in configured order (rotated to start after `first` where there is no list). Returns how
 * many were written, 0 .. node_count - 1; servers only.
 */
size_t locum_successors(const struct locum_core_config *config, locum_node first,
                        locum_node ret_order[LOCUM_NODES_MAX]);

#endif
