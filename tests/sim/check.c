/*
 * check: what must hold after every commit. Ranks and plan are computed here a second time from
 * doc/decisions.md, without the core's code.
 */
#include <stdarg.h>
#include <string.h>

#include "forge.h"

enum { NEXT_EVERY = 16, ACCEPTED_TIMEOUTS = 5 };

const char *
sim_check_name(enum sim_check check)
{
    static const char *const names[SIM_CHECKS] = {
        [SIM_NO_FALSE_TAKEOVER] = "1 no false takeover",
        [SIM_TAKEOVER_IN_TIME] = "2 takeover in time, once",
        [SIM_NEVER_SILENT] = "3 never silent",         /* INV-3 */
        [SIM_NEVER_WORSE] = "4 never knowingly worse", /* INV-4 */
        [SIM_CONVERGENCE] = "5 convergence",
        [SIM_NO_FLAPPING] = "6 no flapping",
        [SIM_DETERMINISM] = "7 determinism",
        [SIM_NO_GREEN_LIE] = "8 no green lie",
        [SIM_RESTART] = "9 no worse by a restart",
        [SIM_ACCEPTED] = "10 accepted again",
    };
    return names[check];
}

/* The first violation is kept; the run ends with it. */
void
sim_violated(struct sim *sim, locum_node node, enum sim_check check, const char *format, ...)
{
    char what[400];
    va_list arguments;
    if (sim->violated) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    sim->violated = true;
    sim->violated_check = check;
    snprintf(sim->violation, sizeof(sim->violation), "invariant %s: %s", sim_check_name(check),
             what);
    sim_trace(sim, node, "VIOLATED %s", sim->violation);
}

/* RANK-2: unknown, but alive before this node restarted. */
static bool
is_stale(const struct locum_core *core, locum_node node)
{
    const struct locum_condition_state *state = &core->detector.peer[node];
    return node != core->config.self && state->condition == LOCUM_UNKNOWN && state->was_alive;
}

/* RANK-G to RANK-A, from the facts. */
static enum locum_rank
rank_of(const struct locum_core *core, locum_node node, size_t family)
{
    const bool self = node == core->config.self;
    const enum locum_condition condition = self ? LOCUM_ALIVE : core->detector.peer[node].condition;
    const enum locum_service service = self ? core->service.state : core->view.peer[node].service;
    const enum locum_admin admin = self ? core->admin.state : core->view.peer[node].admin;
    const bool away = (condition == LOCUM_SUSPECT || condition == LOCUM_UNKNOWN) &&
                      !is_stale(core, node); /* RANK-2 */
    if (locum_nodes_has(core->admin.excluded, node) || condition == LOCUM_DOWN ||
        (condition == LOCUM_RETURNING && core->detector.peer[node].silent)) {
        return LOCUM_RANK_G;
    }
    if (away && (service == LOCUM_FAILING || service == LOCUM_SERVICE_DEGRADED ||
                 service == LOCUM_PROBATION || admin != LOCUM_READY)) {
        return LOCUM_RANK_G;
    }
    if (service == LOCUM_FAILING || admin == LOCUM_MAINT) {
        return LOCUM_RANK_F;
    }
    if (core->families.at[node][family].lost && !away) {
        return LOCUM_RANK_F;
    }
    if (service == LOCUM_SERVICE_UNKNOWN &&
        (admin == LOCUM_DRAIN || condition == LOCUM_RETURNING)) {
        return LOCUM_RANK_F;
    }
    if (service == LOCUM_SERVICE_DEGRADED) {
        return LOCUM_RANK_D;
    }
    if (away || service == LOCUM_SERVICE_UNKNOWN) {
        return LOCUM_RANK_E;
    }
    if (admin == LOCUM_DRAIN) {
        return LOCUM_RANK_C;
    }
    return condition == LOCUM_RETURNING || service == LOCUM_PROBATION ? LOCUM_RANK_B : LOCUM_RANK_A;
}

/* best(first) in the order of PLAN-5. */
static locum_node
best(const struct locum_core_config *config, const struct locum_ranks *rank, locum_node first,
     size_t family)
{
    const struct locum_core_node *head = &config->nodes[first];
    locum_node order[1 + 2 * LOCUM_NODES_MAX] = {first};
    size_t count = 1;
    locum_node found = LOCUM_NODE_NONE;
    for (size_t i = 0; i < head->failover_count; i++) {
        order[count++] = head->failover[i];
    }
    const size_t start = head->failover_count > 0 ? 0 : first;
    for (size_t i = 0; i < config->node_count; i++) {
        order[count++] = (locum_node)((start + i) % config->node_count);
    }
    for (size_t i = 0; i < count; i++) {
        const struct locum_core_node *node = &config->nodes[order[i]];
        if (node->role == LOCUM_ROLE_SERVER && node->has[family] &&
            (found == LOCUM_NODE_NONE || rank[order[i]].in[family] < rank[found].in[family])) {
            found = order[i];
        }
    }
    return found;
}

static locum_nodes
one(locum_node node)
{
    return node == LOCUM_NODE_NONE ? 0 : locum_nodes_of(node);
}

/* PLAN-1 to 6 for one name and family. */
static locum_nodes
answer_of(const struct locum_core_config *config, const struct locum_ranks *rank,
          const struct locum_core_name *name, size_t family)
{
    if (name->owner != LOCUM_NODE_NONE) {
        const enum locum_rank owner = rank[name->owner].in[family];
        if (!config->nodes[name->owner].has[family]) {
            return 0;
        }
        return owner == LOCUM_RANK_A || owner == LOCUM_RANK_E
                   ? locum_nodes_of(name->owner)
                   : one(best(config, rank, name->owner, family));
    }
    const locum_node first = best(config, rank, config->self, family);
    if (name->policy == LOCUM_ANSWER_SELF || first == LOCUM_NODE_NONE) {
        return one(first);
    }
    locum_nodes all = 0;
    for (locum_node node = 0; node < config->node_count; node++) {
        const enum locum_rank leads = rank[first].in[family];
        const enum locum_rank its = rank[node].in[family];
        const bool also = leads <= LOCUM_RANK_D && its == LOCUM_RANK_E;
        if (config->nodes[node].role == LOCUM_ROLE_SERVER && config->nodes[node].has[family] &&
            (its == leads || also)) {
            all |= locum_nodes_of(node);
        }
    }
    return all;
}

/* INV-1: the names of P are given away only for a reason. */
static bool
may_give_away(const struct locum_core *core, locum_node owner, size_t family)
{
    const enum locum_condition condition = locum_core_condition(core, owner);
    const enum locum_service service = locum_core_service(core, owner);
    return condition == LOCUM_DOWN || condition == LOCUM_RETURNING || service == LOCUM_FAILING ||
           service == LOCUM_SERVICE_DEGRADED || service == LOCUM_PROBATION ||
           locum_core_admin(core, owner) != LOCUM_READY ||
           locum_nodes_has(core->admin.excluded, owner) || core->families.at[owner][family].lost;
}

/* RESUME-5: a check that counts has had no sample in this run, so self is not sure of its service.
 */
static bool
waits_for_samples(const struct locum_core *core)
{
    bool waits = false;
    for (size_t i = 0; i < core->config.check_count; i++) {
        waits = waits || (core->service.check[i].stale && core->config.checks[i].counts &&
                          !core->config.checks[i].mirrorbits);
    }
    return waits;
}

/* PLAN-4 */
static uint32_t
ttl_of(const struct locum_core *core, const struct locum_core_name *name, locum_nodes right,
       locum_nodes well, size_t family)
{
    bool sure = right == well;
    for (locum_node node = 0; node < core->config.node_count; node++) {
        const bool known =
            node == core->config.self ? !waits_for_samples(core) : !is_stale(core, node);
        sure = sure && (!locum_nodes_has(right, node) ||
                        (core->rank[node].in[family] == LOCUM_RANK_A && known));
    }
    return sure ? name->ttl_s : name->failover_ttl_s;
}

/* INV-4, from the facts and not from ranks: self knows that this server works, well or not. */
static bool
is_known_to_work(const struct locum_core *core, locum_node node, size_t family)
{
    const enum locum_condition condition = locum_core_condition(core, node);
    const enum locum_service service = locum_core_service(core, node);
    return core->config.nodes[node].role == LOCUM_ROLE_SERVER &&
           core->config.nodes[node].has[family] && !locum_nodes_has(core->admin.excluded, node) &&
           (condition == LOCUM_ALIVE || is_stale(core, node) ||
            (condition == LOCUM_RETURNING && !core->detector.peer[node].silent)) &&
           (service == LOCUM_UP || service == LOCUM_SERVICE_DEGRADED ||
            service == LOCUM_PROBATION) &&
           locum_core_admin(core, node) != LOCUM_MAINT && !core->families.at[node][family].lost;
}

/* INV-4: while a server is known to work, no shared name and no name that was taken over is
 * answered with others alone, such as a dead one that no quorum can confirm down. */
static void
check_works(struct sim *sim, locum_node node, const struct locum_core_name *name,
            locum_nodes answer, size_t family)
{
    const struct locum_core *core = &sim->node[node].core;
    locum_nodes working = 0;
    for (locum_node other = 0; other < core->config.node_count; other++) {
        working |= is_known_to_work(core, other, family) ? locum_nodes_of(other) : 0;
    }
    const bool moved =
        name->owner == LOCUM_NODE_NONE || (answer & locum_nodes_of(name->owner)) == 0;
    if (answer != 0 && moved && working != 0 && (answer & working) == 0) {
        sim_violated(sim, node, SIM_NEVER_WORSE,
                     "nodes %#x are named, though %#x are known to work", answer, working);
    }
}

static void
check_answer(struct sim *sim, locum_node node, size_t i, size_t family)
{
    static const struct locum_ranks all_well[LOCUM_NODES_MAX];
    const struct locum_core *core = &sim->node[node].core;
    const struct locum_core_name *name = &core->config.names[i];
    const struct locum_answer *answer = &core->plan.answers[i][family];
    sim->judged[SIM_NEVER_SILENT]++;
    sim->judged[SIM_NEVER_WORSE]++;
    const locum_nodes right = answer_of(&core->config, core->rank, name, family);
    const locum_nodes well = answer_of(&core->config, all_well, name, family);
    if ((answer->nodes == 0) != (well == 0)) {
        sim_violated(sim, node, SIM_NEVER_SILENT, "name %zu family %zu is empty", i, family);
    }
    if (answer->nodes != right) {
        sim_violated(sim, node, SIM_NEVER_WORSE,
                     "name %zu family %zu answers nodes %#x, the rules say %#x", i, family,
                     answer->nodes, right);
    }
    check_works(sim, node, name, answer->nodes, family);
    if (answer->ttl_s != ttl_of(core, name, right, well, family)) {
        sim_violated(sim, node, SIM_NEVER_WORSE, "name %zu has a TTL of %u s", i, answer->ttl_s);
    }
    if (name->owner != LOCUM_NODE_NONE && answer->nodes != 0 &&
        answer->nodes != locum_nodes_of(name->owner) && !may_give_away(core, name->owner, family)) {
        sim_violated(sim, node, SIM_NO_FALSE_TAKEOVER, "the name of %s is given away for nothing",
                     sim_name(sim, name->owner));
    }
}

void
sim_check_restart(struct sim *sim, locum_node node, const struct locum_core *before,
                  enum locum_start how, enum locum_resumed outcome)
{
    const struct locum_core *core = &sim->node[node].core;
    if (outcome > LOCUM_RESUMED_STALE || locum_core_ranks_moved(before)) {
        return; /* nothing to resume, or inputs that no commit has seen were lost */
    }
    sim->judged[SIM_RESTART]++;
    for (size_t i = 0; i < core->config.name_count * LOCUM_FAMILIES; i++) {
        const struct locum_answer *now =
            &core->plan.answers[i / LOCUM_FAMILIES][i % LOCUM_FAMILIES];
        const struct locum_answer *then =
            &before->plan.answers[i / LOCUM_FAMILIES][i % LOCUM_FAMILIES];
        const bool continues = how == LOCUM_REPLACE && outcome == LOCUM_RESUMED;
        if (now->nodes != then->nodes) {
            sim_violated(sim, node, SIM_RESTART, "name %zu answers %#x after a restart, %#x before",
                         i / LOCUM_FAMILIES, now->nodes, then->nodes);
        }
        if (now->ttl_s > then->ttl_s || (continues && now->ttl_s != then->ttl_s)) {
            sim_violated(sim, node, SIM_RESTART, "name %zu has a TTL of %u s after a restart",
                         i / LOCUM_FAMILIES, now->ttl_s);
        }
    }
}

/* INV-7: equal ranks, equal owned names; and the core gives the same plan a second time. */
static void
check_alike(struct sim *sim, locum_node node)
{
    static struct locum_core copy;
    const struct locum_core *core = &sim->node[node].core;
    copy = *core;
    sim->judged[SIM_DETERMINISM]++;
    if (locum_core_replan(&copy)) {
        sim_violated(sim, node, SIM_DETERMINISM, "the same facts give another plan");
    }
    for (locum_node other = 0; other < sim->nodes; other++) {
        const struct locum_core *its = &sim->node[other].core;
        if (!sim->node[other].running || sim->node[other].variant != sim->node[node].variant ||
            its->config.node_count != core->config.node_count ||
            memcmp(core->rank, its->rank, sim->nodes * sizeof(core->rank[0])) != 0) {
            continue;
        }
        for (size_t i = 0; i < core->config.name_count; i++) {
            if (core->config.names[i].owner != LOCUM_NODE_NONE &&
                memcmp(core->plan.answers[i], its->plan.answers[i],
                       sizeof(core->plan.answers[i])) != 0) {
                sim_violated(sim, node, SIM_DETERMINISM, "name %zu differs from that of %s", i,
                             sim_name(sim, other));
            }
        }
    }
}

/* SERVICE-8: nobody says for long that a service is up which he cannot check. */
static void
check_not_run(struct sim *sim, locum_node node)
{
    const struct sim_node *self = &sim->node[node];
    const struct locum_check_state *check = &self->core.service.check[0];
    const locum_ms bound = LOCUM_NOT_RUN_KEPT_MS + 5 * SIM_CHECK_MS;
    const enum locum_service state = self->core.service.state;
    if (check->not_run && sim->now - check->not_run_since > bound &&
        self->frozen_until < sim->now - 5 * SIM_CHECK_MS &&
        (state == LOCUM_UP || state == LOCUM_PROBATION)) {
        sim_violated(sim, node, SIM_NEVER_WORSE, "says up, and could not check it");
    }
}

static void
note_service(struct sim *sim, locum_node node)
{
    struct sim_node *self = &sim->node[node];
    check_not_run(sim, node);
    if (self->core.service.state != LOCUM_UP) {
        self->up_since = LOCUM_NEVER;
    } else if (self->up_since == LOCUM_NEVER) {
        self->up_since = sim->now;
    }
}

/* Do two running nodes answer an owned name differently? For the figures. */
static void
note_disagreement(struct sim *sim, locum_node node)
{
    struct sim_counts *counts = &sim->counts;
    bool differ = false;
    for (locum_node other = 0; other < sim->nodes && !differ; other++) {
        for (size_t i = 2; i < sim->config.name_count && sim->node[other].running; i++) {
            const locum_nodes its = sim->node[other].core.plan.answers[i][LOCUM_V4].nodes;
            differ = differ || its != sim->node[node].core.plan.answers[i][LOCUM_V4].nodes;
        }
    }
    if (differ && counts->disagree_since == LOCUM_NEVER) {
        counts->disagree_since = sim->now;
    } else if (!differ && counts->disagree_since != LOCUM_NEVER) {
        const locum_ms lasted = sim->now - counts->disagree_since;
        counts->disagreed = lasted > counts->disagreed ? lasted : counts->disagreed;
        counts->disagree_since = LOCUM_NEVER;
    }
}

/* Nothing that the answers depend on has changed since they were checked. */
static bool
judged_already(struct sim_node *self)
{
    const size_t bytes = self->core.config.name_count * sizeof(self->plan[0]);
    const bool same = self->checked &&
                      memcmp(self->rank, self->core.rank, sizeof(self->rank)) == 0 &&
                      memcmp(self->plan, self->core.plan.answers, bytes) == 0;
    memcpy(self->plan, self->core.plan.answers, bytes);
    self->checked = true;
    return same;
}

void
sim_check_commit(struct sim *sim, locum_node node)
{
    struct sim_node *self = &sim->node[node];
    const struct locum_core *core = &self->core;
    for (size_t i = 0; i < LOCUM_FAMILIES * core->config.node_count; i++) {
        const locum_node other = (locum_node)(i / LOCUM_FAMILIES);
        const enum locum_rank has = core->rank[other].in[i % LOCUM_FAMILIES];
        const enum locum_rank right = rank_of(core, other, i % LOCUM_FAMILIES);
        if (has != right) {
            sim_violated(sim, node, SIM_NEVER_WORSE, "%s has rank %s, the rules say %s",
                         sim_name(sim, other), locum_names_rank(has), locum_names_rank(right));
        }
    }
    note_service(sim, node);
    if (judged_already(self)) {
        return;
    }
    for (size_t i = 0; i < core->config.name_count; i++) {
        for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
            check_answer(sim, node, i, family);
        }
    }
    memcpy(self->rank, core->rank, sizeof(self->rank));
    check_alike(sim, node);
    note_disagreement(sim, node);
}

/*
 * Before `next_commit` the passing of time changes nothing: a copy of the core with a commit at an
 * earlier moment performs no action and stays equal. The latest such moment finds most errors, so
 * it is used half of the time. A copy is expensive, so only one commit in NEXT_EVERY is checked.
 */
void
sim_check_next(struct sim *sim, locum_node node)
{
    static struct locum_core copy;
    static struct locum_actions actions;
    const struct locum_core *core = &sim->node[node].core;
    struct locum_input commit = {.kind = LOCUM_INPUT_COMMIT, .now = sim_node_now(sim, node)};
    const locum_ms wait = core->next_commit - commit.now.mono;
    const uint64_t draw = sim->counts.steps * 0x9e3779b97f4a7c15u >> 32; /* not of sim->random */
    if (wait < 1 || wait > core->config.interval_ms) {
        sim_violated(sim, node, SIM_TAKEOVER_IN_TIME, "the next commit is %lld ms ahead",
                     (long long)wait);
    }
    if (wait <= 1 || draw % NEXT_EVERY != 0) {
        return;
    }
    const locum_ms early =
        draw / NEXT_EVERY % 2 == 0 ? wait - 1 : 1 + (locum_ms)(draw >> 8) % (wait - 1);
    commit.now.mono += early;
    commit.now.boot += early;
    commit.now.wall += early;
    copy = *core;
    locum_core_step(&copy, &commit, &actions);
    for (locum_node peer = 0; peer < sim->nodes; peer++) {
        if (copy.detector.peer[peer].silent) { /* it always starts at now */
            copy.detector.peer[peer].returning_since = core->detector.peer[peer].returning_since;
        }
    }
    if (actions.count > 0 || memcmp(&copy, core, sizeof(copy)) != 0) {
        sim_violated(sim, node, SIM_TAKEOVER_IN_TIME,
                     "a commit %lld ms before the next one changes something",
                     (long long)(wait - early));
    }
}

/* INV-5: when `node` must hold `peer` alive after all faults have healed; LOCUM_NEVER: unknown. */
static locum_ms
deadline_of(const struct sim *sim, locum_node node, locum_node peer)
{
    const struct locum_core_config *config = &sim->config;
    const struct sim_connection *own = &sim->node[node].redis;
    const struct sim_connection *its = &sim->node[peer].redis;
    locum_ms from = sim->healed;
    if (sim->node[peer].up_since == LOCUM_NEVER ||
        (!sim->udp && !(own->connected && its->connected))) {
        return LOCUM_NEVER;
    }
    from = sim->node[peer].up_since > from ? sim->node[peer].up_since : from;
    from = sim->forged_until > from ? sim->forged_until : from;
    from = !sim->udp && own->since > from ? own->since : from;
    from = !sim->udp && its->since > from ? its->since : from;
    return from + config->recover_after_ms + SIM_VARIANT_MS + config->timeout_ms +
           2 * config->interval_ms + 2 * sim->delay_max_ms + 100;
}

/*
 * INV-10: after every fault two nodes accept each other again within a bounded time: a restart with
 * the state lost and the clock set back, a forged number, an insider's lies.
 */
void
sim_check_accepted(struct sim *sim, locum_node node)
{
    const struct locum_core *core = &sim->node[node].core;
    const struct locum_core_config *config = &core->config;
    const locum_ms mono = sim_node_now(sim, node).mono;
    const locum_ms bound = ACCEPTED_TIMEOUTS * config->timeout_ms + 4 * config->interval_ms +
                           4 * sim->delay_max_ms + 100;
    for (locum_node peer = 0; peer < config->node_count; peer++) {
        const struct sim_pair *pair = &sim->pair[node][peer];
        if (peer == node || sim->now - pair->not_clean < bound) {
            continue;
        }
        if (locum_view_heard_within_limit(&core->view, config, peer, mono)) {
            sim->judged[SIM_ACCEPTED]++;
        } else if (sim_path_clean_for(sim, node, peer, bound)) {
            sim_violated(sim, node, SIM_ACCEPTED,
                         "%s is not accepted, though it was heard for %lld ms", sim_name(sim, peer),
                         (long long)bound);
        }
    }
}

static void
check_converged(struct sim *sim, locum_node node)
{
    for (locum_node peer = 0; peer < sim->nodes; peer++) {
        const struct locum_core *core = &sim->node[node].core;
        if (peer == node || sim->config.nodes[peer].role == LOCUM_ROLE_SENTINEL) {
            continue;
        }
        sim->judged[SIM_CONVERGENCE]++;
        if (locum_core_condition(core, peer) != LOCUM_ALIVE) {
            sim_violated(sim, node, SIM_CONVERGENCE, "%s is still %s", sim_name(sim, peer),
                         locum_names_condition(locum_core_condition(core, peer)));
        }
        for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
            const enum locum_rank rank = core->rank[peer].in[family];
            if (rank != LOCUM_RANK_A) {
                sim_violated(sim, node, SIM_CONVERGENCE, "%s still has rank %s",
                             sim_name(sim, peer), locum_names_rank(rank));
            }
        }
    }
}

bool
sim_check_end(struct sim *sim)
{
    const locum_ms latest = sim->healed + LOCUM_PROBATION_MAX_MS + 20000;
    locum_ms until = sim->now;
    if (sim->healed == LOCUM_NEVER) {
        return false;
    }
    for (locum_node node = 0; node < sim->nodes; node++) {
        for (locum_node peer = 0; peer < sim->nodes; peer++) {
            if (peer != node && sim->node[node].running && sim->node[peer].running) {
                const locum_ms deadline = deadline_of(sim, node, peer);
                until = deadline == LOCUM_NEVER ? latest : deadline > until ? deadline : until;
            }
        }
    }
    if (until > sim->now && sim->now < latest) {
        sim->end = until < latest ? until : latest;
        return true;
    }
    for (locum_node node = 0; node < sim->nodes; node++) {
        if (sim->node[node].running) {
            check_converged(sim, node);
        }
    }
    return false;
}
