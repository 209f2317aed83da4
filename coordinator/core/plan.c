#include "core/plan.h"

#include <string.h>

size_t
locum_plan_successors(const struct locum_core_config *config, locum_node first,
                      locum_node ret_order[LOCUM_NODES_MAX])
{
    const struct locum_core_node *node = &config->nodes[first];
    const size_t start = node->failover_count > 0 ? 0 : (size_t)first + 1;
    locum_nodes listed = locum_nodes_of(first);
    size_t count = 0;
    for (size_t i = 0; i < node->failover_count; i++) {
        ret_order[count++] = node->failover[i];
        listed |= locum_nodes_of(node->failover[i]);
    }
    for (size_t i = 0; i < config->node_count; i++) {
        const locum_node next = (locum_node)((start + i) % config->node_count);
        if (config->nodes[next].role == LOCUM_ROLE_SERVER && !locum_nodes_has(listed, next)) {
            ret_order[count++] = next;
        }
    }
    return count;
}

static bool
candidate(const struct locum_core_config *config, locum_node node, enum locum_family family)
{
    return config->nodes[node].role == LOCUM_ROLE_SERVER && config->nodes[node].has[family];
}

/* best(first): of those of the best rank, `first`, else the first successor. NONE: there is none.
 */
static locum_node
best(const struct locum_core_config *config, const struct locum_ranks *rank, locum_node first,
     enum locum_family family)
{
    locum_node order[LOCUM_NODES_MAX];
    const size_t count = locum_plan_successors(config, first, order);
    locum_node found = candidate(config, first, family) ? first : LOCUM_NODE_NONE;
    for (size_t i = 0; i < count; i++) {
        if (candidate(config, order[i], family) &&
            (found == LOCUM_NODE_NONE || rank[order[i]].in[family] < rank[found].in[family])) {
            found = order[i];
        }
    }
    return found;
}

/* PLAN-2 */
static locum_nodes
all_of_best(const struct locum_core_config *config, const struct locum_ranks *rank,
            enum locum_family family)
{
    const locum_node leader = best(config, rank, config->self, family);
    locum_nodes set = 0;
    for (locum_node node = 0; node < config->node_count; node++) {
        if (candidate(config, node, family) &&
            (rank[node].in[family] == rank[leader].in[family] ||
             (rank[leader].in[family] <= LOCUM_RANK_D && rank[node].in[family] == LOCUM_RANK_E))) {
            set |= locum_nodes_of(node);
        }
    }
    return set;
}

static locum_nodes
set_of(locum_node node)
{
    return node == LOCUM_NODE_NONE ? 0 : locum_nodes_of(node);
}

/* The nodes to name for one name and family. */
static locum_nodes
choose(const struct locum_core_config *config, const struct locum_ranks *rank,
       const struct locum_core_name *name, enum locum_family family)
{
    const locum_node owner = name->owner;
    if (owner == LOCUM_NODE_NONE) {
        return name->policy == LOCUM_ANSWER_ALL
                   ? all_of_best(config, rank, family)                 /* PLAN-2 */
                   : set_of(best(config, rank, config->self, family)); /* PLAN-1 */
    }
    if (!config->nodes[owner].has[family]) {
        return 0; /* PLAN-6 */
    }
    if (rank[owner].in[family] == LOCUM_RANK_A ||
        rank[owner].in[family] == LOCUM_RANK_E) { /* PLAN-3 */
        return locum_nodes_of(owner);
    }
    return set_of(best(config, rank, owner, family));
}

static enum locum_plan_reason
reason_of(const struct locum_core_config *config, const struct locum_ranks *rank,
          const struct locum_core_name *name, enum locum_family family, locum_nodes nodes)
{
    if (nodes == 0) {
        return LOCUM_REASON_NONE;
    }
    if (name->owner != LOCUM_NODE_NONE) {
        return nodes == locum_nodes_of(name->owner) ? LOCUM_REASON_OWNER : LOCUM_REASON_TAKEOVER;
    }
    if (rank[__builtin_ctz(nodes)].in[family] >= LOCUM_RANK_F) {
        return LOCUM_REASON_FAIL_OPEN;
    }
    if (name->policy == LOCUM_ANSWER_ALL) {
        return LOCUM_REASON_ALL;
    }
    return nodes == locum_nodes_of(config->self) ? LOCUM_REASON_SELF : LOCUM_REASON_YIELDING;
}

/* PLAN-4: every node of the answer is known to work now. */
static bool
all_of_rank_a(const struct locum_ranks *rank, locum_nodes nodes, enum locum_family family)
{
    bool all = true;
    for (locum_nodes left = nodes; left != 0; left &= left - 1) {
        const struct locum_ranks *of = &rank[__builtin_ctz(left)];
        all = all && of->in[family] == LOCUM_RANK_A && of->stale == 0;
    }
    return all;
}

void
locum_plan_make(const struct locum_core_config *config, const struct locum_ranks *rank,
                struct locum_plan *ret)
{
    static const struct locum_ranks all_a[LOCUM_NODES_MAX];
    memset(ret, 0, sizeof(*ret));
    for (size_t i = 0; i < config->name_count; i++) {
        const struct locum_core_name *name = &config->names[i];
        for (enum locum_family family = LOCUM_V4; family <= LOCUM_V6; family++) {
            struct locum_answer *answer = &ret->answers[i][family];
            answer->nodes = choose(config, rank, name, family);
            answer->reason = reason_of(config, rank, name, family, answer->nodes);
            const bool sure = answer->nodes == choose(config, all_a, name, family) &&
                              all_of_rank_a(rank, answer->nodes, family); /* PLAN-4 */
            answer->ttl_s = sure ? name->ttl_s : name->failover_ttl_s;
        }
    }
}

/* The peers whose owned names are answered with this node alone. */
static locum_nodes
taken_by_self(const struct locum_core_config *config, const struct locum_plan *plan)
{
    locum_nodes taken = 0;
    for (size_t i = 0; i < config->name_count; i++) {
        const locum_node owner = config->names[i].owner;
        if (owner == LOCUM_NODE_NONE || owner == config->self) {
            continue;
        }
        for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
            if (plan->answers[i][family].nodes == locum_nodes_of(config->self)) {
                taken |= locum_nodes_of(owner);
            }
        }
    }
    return taken;
}

/* The answer of the first shared name that has one; NULL: there is none. */
static const struct locum_answer *
first_shared(const struct locum_core_config *config, const struct locum_plan *plan)
{
    for (size_t i = 0; i < config->name_count; i++) {
        for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
            if (config->names[i].owner == LOCUM_NODE_NONE && plan->answers[i][family].nodes != 0) {
                return &plan->answers[i][family];
            }
        }
    }
    return NULL;
}

struct locum_serving
locum_plan_serving(const struct locum_core_config *config, const struct locum_plan *plan)
{
    struct locum_serving serving = {.kind = LOCUM_SERVING_SELF};
    if (config->nodes[config->self].role != LOCUM_ROLE_SERVER) {
        serving.kind = LOCUM_SERVING_WITNESS;
        return serving;
    }
    serving.taken = taken_by_self(config, plan);
    serving.named = locum_nodes_of(config->self);
    const struct locum_answer *answer = first_shared(config, plan);
    if (answer == NULL) {
        return serving;
    }
    serving.named = answer->nodes;
    serving.kind = answer->reason == LOCUM_REASON_YIELDING    ? LOCUM_SERVING_YIELDING
                   : answer->reason == LOCUM_REASON_ALL       ? LOCUM_SERVING_ALL
                   : answer->reason == LOCUM_REASON_FAIL_OPEN ? LOCUM_SERVING_FAIL_OPEN
                                                              : LOCUM_SERVING_SELF;
    return serving;
}

bool
locum_plan_serving_equal(struct locum_serving a, struct locum_serving b)
{
    return a.kind == b.kind && a.named == b.named && a.taken == b.taken;
}

/* "takeover(dc2,dc3)"; without nodes "takeover" */
static void
add_with_nodes(struct locum_text *text, const struct locum_core_config *config, const char *what,
               locum_nodes nodes)
{
    locum_text_add(text, what);
    if (nodes != 0) {
        locum_text_add_char(text, '(');
        locum_nodes_add(text, config, nodes);
        locum_text_add_char(text, ')');
    }
}

void
locum_plan_serving_add(struct locum_text *text, const struct locum_core_config *config,
                       struct locum_serving serving)
{
    static const char *const texts[] = {
        [LOCUM_SERVING_SELF] = "self",       [LOCUM_SERVING_YIELDING] = "yielding",
        [LOCUM_SERVING_ALL] = "all",         [LOCUM_SERVING_FAIL_OPEN] = "fail-open",
        [LOCUM_SERVING_WITNESS] = "witness",
    };
    const bool with_nodes =
        serving.kind == LOCUM_SERVING_YIELDING || serving.kind == LOCUM_SERVING_ALL;
    add_with_nodes(text, config, texts[serving.kind], with_nodes ? serving.named : 0);
    if (serving.taken != 0) {
        add_with_nodes(text, config, "+takeover", serving.taken);
    }
}

void
locum_plan_reason_add(struct locum_text *text, const struct locum_core_config *config, size_t name,
                      const struct locum_answer *answer)
{
    static const char *const texts[] = {
        [LOCUM_REASON_NONE] = "none",           [LOCUM_REASON_SELF] = "self",
        [LOCUM_REASON_YIELDING] = "yielding",   [LOCUM_REASON_ALL] = "all",
        [LOCUM_REASON_FAIL_OPEN] = "fail-open", [LOCUM_REASON_OWNER] = "owner",
        [LOCUM_REASON_TAKEOVER] = "takeover",
    };
    locum_nodes nodes = 0;
    if (answer->reason == LOCUM_REASON_YIELDING || answer->reason == LOCUM_REASON_ALL) {
        nodes = answer->nodes;
    } else if (answer->reason == LOCUM_REASON_TAKEOVER) {
        nodes = locum_nodes_of(config->names[name].owner);
    }
    add_with_nodes(text, config, texts[answer->reason], nodes);
}
