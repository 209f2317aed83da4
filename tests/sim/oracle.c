/*
 * oracle: checks that use facts which no node can know: which nodes run, which links work, which
 * heartbeats were accepted.
 */
#include "forge.h"

/* INV-2: a verdict on a peer has ended; the peer must not be dead. */
static void
retracted(struct sim *sim, locum_node node, locum_node peer)
{
    struct sim_pair *pair = &sim->pair[node][peer];
    pair->dead_verdict = false;
    if (sim->now >= sim->forged_until && !sim->node[peer].running &&
        sim->node[peer].run == pair->verdict_run) {
        sim_violated(sim, node, SIM_TAKEOVER_IN_TIME, "%s is dead, and is %s again",
                     sim_name(sim, peer),
                     locum_names_condition(locum_core_condition(&sim->node[node].core, peer)));
    }
}

/* Record what `node` has accepted, to find periods in which it accepted nothing. */
void
sim_oracle_heard(struct sim *sim, locum_node node)
{
    const struct locum_core *core = &sim->node[node].core;
    for (locum_node peer = 0; peer < sim->nodes; peer++) {
        struct sim_pair *pair = &sim->pair[node][peer];
        if (locum_core_condition(core, peer) == LOCUM_DOWN) {
            pair->held_down = sim->now;
        } else if (pair->dead_verdict) {
            retracted(sim, node, peer);
        }
        if (core->view.peer[peer].heard == pair->heard) {
            continue;
        }
        const locum_ms before = pair->accepted == LOCUM_NEVER ? 0 : pair->accepted;
        if (sim->now - before >= sim->config.timeout_ms) {
            pair->gap = sim->now;
        }
        pair->heard = core->view.peer[peer].heard;
        pair->accepted = sim->now;
    }
}

/* The same by UDP in each family, and who says of itself that it has lost one. */
void
sim_oracle_heard_in_families(struct sim *sim, locum_node node)
{
    const struct locum_core *core = &sim->node[node].core;
    for (size_t i = 0; i < sim->nodes * LOCUM_FAMILIES; i++) {
        const size_t family = i % LOCUM_FAMILIES;
        struct sim_family_pair *pair = &sim->pair[node][i / LOCUM_FAMILIES].family[family];
        const locum_ms heard = core->view.peer[i / LOCUM_FAMILIES].family[family].heard;
        if (core->families.at[node][family].lost) {
            sim->node[node].said_lost[family] = sim->now;
        }
        if (heard == pair->heard) {
            continue;
        }
        if (sim->now - (pair->accepted == LOCUM_NEVER ? 0 : pair->accepted) >=
            sim->config.timeout_ms) {
            pair->gap = sim->now;
        }
        pair->heard = heard;
        pair->accepted = sim->now;
    }
}

/*
 * INV-1: within 2 x timeout the coordinator at `voter` had a period of timeout without an accepted
 * heartbeat of `peer`.
 */
static bool
had_gap(const struct sim *sim, locum_node voter, locum_node peer)
{
    const struct sim_pair *pair = &sim->pair[voter][peer];
    const locum_ms timeout = sim->config.timeout_ms;
    const locum_ms accepted = pair->accepted == LOCUM_NEVER ? 0 : pair->accepted;
    if (sim->config.nodes[voter].role == LOCUM_ROLE_SENTINEL) {
        return false; /* no coordinator runs there */
    }
    return sim->now - accepted >= timeout ||
           (pair->gap != LOCUM_NEVER && sim->now - pair->gap <= 2 * timeout);
}

/* VOTE-2: at the last poll the Sentinel at `voter` reported all of `peer` s_down, and it counts. */
static bool
sentinel_reported(const struct sim *sim, locum_node node, locum_node voter, locum_node peer)
{
    const struct sim_sentinel_report *report = &sim->node[node].reports[voter];
    const locum_ms at = sim->node[node].reported_at[voter];
    bool connected = false;
    for (locum_node other = 0; other < sim->nodes; other++) {
        connected = connected ||
                    (other != voter && other != peer && report->known[other] > report->down[other]);
    }
    return at != LOCUM_NEVER && sim->now - at <= 2 * sim->config.sentinel_poll_ms + 200 &&
           !report->tilt && connected && report->known[peer] >= 2 &&
           report->down[peer] == report->known[peer];
}

/* For `node` the coordinator at `voter` votes, not its Sentinel (VOTE-1). */
static bool
is_heard(const struct sim *sim, locum_node node, locum_node voter)
{
    const struct locum_core *core = &sim->node[node].core;
    const struct locum_peer_facts *facts = &core->view.peer[voter];
    const locum_ms four = 4 * facts->interval_ms;
    const locum_ms limit = four > core->config.timeout_ms ? four : core->config.timeout_ms;
    return facts->heard != LOCUM_NEVER && sim_node_now(sim, node).mono - facts->heard <= limit;
}

static locum_nodes
liars_of(const struct sim *sim)
{
    locum_nodes liars = 0;
    for (locum_node node = 0; node < sim->nodes; node++) {
        liars |= sim_is_liar(sim, node) ? locum_nodes_of(node) : 0;
    }
    return liars;
}

static bool
is_just(const struct sim *sim, locum_node node, locum_node voter, locum_node peer)
{
    const bool silent = had_gap(sim, voter, peer) || sim->pair[voter][peer].adopted;
    return voter == node || is_heard(sim, node, voter) ? silent
                                                       : sentinel_reported(sim, node, voter, peer);
}

static void
check_voters(struct sim *sim, locum_node node, const struct locum_condition_event *event)
{
    const locum_nodes voters = event->voters;
    const locum_nodes liars = voters & liars_of(sim);
    sim->judged[SIM_NO_FALSE_TAKEOVER]++;
    if (__builtin_popcount(liars) > 1) {
        sim_violated(sim, node, SIM_NO_FALSE_TAKEOVER, "%s down by two votes of one insider",
                     sim_name(sim, event->peer));
    }
    if ((uint32_t)__builtin_popcount(voters) < sim->node[node].core.config.quorum ||
        !locum_nodes_has(voters, node) || locum_nodes_has(voters, event->peer)) {
        sim_violated(sim, node, SIM_NO_FALSE_TAKEOVER, "%s down without a quorum (voters %#x)",
                     sim_name(sim, event->peer), voters);
    }
    for (locum_node voter = 0; voter < sim->nodes; voter++) {
        if (locum_nodes_has(voters & ~liars, voter) && !is_just(sim, node, voter, event->peer)) {
            sim_violated(sim, node, SIM_NO_FALSE_TAKEOVER, "%s down by %s, which heard it",
                         sim_name(sim, event->peer), sim_name(sim, voter));
        }
    }
}

/* INV-6: without more than N - 1 - quorum of the others there is no quorum. */
static bool
too_many(const struct sim *sim, locum_node node, size_t others)
{
    const struct locum_core_config *config = &sim->node[node].core.config;
    return (int)others > (int)config->node_count - 1 - (int)config->quorum;
}

static void
check_really_gone(struct sim *sim, locum_node node, locum_node peer)
{
    size_t working = 0;
    for (locum_node other = 0; other < sim->node[node].core.config.node_count; other++) {
        working += other != peer && !sim_sentinel_lied(sim, other) && /* one vote, not more */
                           sim_path_working_for(sim, other, peer, sim->config.timeout_ms * 5 / 2)
                       ? 1
                       : 0;
    }
    if (too_many(sim, node, working)) {
        sim_violated(sim, node, SIM_NO_FALSE_TAKEOVER,
                     "%s down though %zu others have a working path to it", sim_name(sim, peer),
                     working);
    }
}

/* INV-6: confirmed by coordinators' votes although too many of them and the peer hear each other.
 */
static void
check_steady(struct sim *sim, locum_node node, const struct locum_condition_event *event)
{
    const locum_node peer = event->peer;
    size_t steady = 0;
    for (locum_node other = 0; other < sim->node[node].core.config.node_count; other++) {
        if (other != node && locum_nodes_has(event->voters, other) && !is_heard(sim, node, other)) {
            return; /* a Sentinel has voted: its pings take other paths */
        }
        steady += other != peer && !sim_is_liar(sim, other) && sim->node[peer].running &&
                          !had_gap(sim, other, peer) && !had_gap(sim, peer, other)
                      ? 1
                      : 0;
    }
    sim->judged[SIM_NO_FLAPPING]++;
    if (too_many(sim, node, steady)) {
        sim_violated(sim, node, SIM_NO_FLAPPING, "%s down though %zu others accept its heartbeats",
                     sim_name(sim, peer), steady);
    }
}

static void
check_adopted(struct sim *sim, locum_node node, const struct locum_condition_event *event)
{
    const locum_nodes liars = liars_of(sim);
    if (event->voters == 0 ||
        1 + (uint32_t)__builtin_popcount(event->voters) < sim->node[node].core.config.quorum) {
        sim_violated(sim, node, SIM_NO_FALSE_TAKEOVER,
                     "%s adopted as down without a quorum (voters %#x)", sim_name(sim, event->peer),
                     event->voters);
    }
    for (locum_node voter = 0; voter < sim->nodes; voter++) {
        const locum_ms held = sim->pair[voter][event->peer].held_down;
        if (locum_nodes_has(event->voters & ~liars, voter) &&
            (held == LOCUM_NEVER || sim->now - held > 3 * sim->config.timeout_ms)) {
            sim_violated(sim, node, SIM_NO_FALSE_TAKEOVER,
                         "%s adopted as down from %s, for nothing", sim_name(sim, event->peer),
                         sim_name(sim, voter));
        }
    }
}

static void
fell(struct sim *sim, locum_node node, const struct locum_condition_event *event)
{
    struct sim_pair *pair = &sim->pair[node][event->peer];
    pair->dead_verdict = !sim->node[event->peer].running;
    pair->verdict_run = sim->node[event->peer].run;
    pair->adopted = event->cause == LOCUM_CAUSE_ADOPTED;
    if (sim_is_liar(sim, node) || sim_is_liar(sim, event->peer)) {
        return; /* an insider gives away what it wants, and its own names */
    }
    if (event->cause == LOCUM_CAUSE_QUORUM) {
        sim->counts.downs++;
        sim->counts.last_down = sim->now;
        if (sim->counts.first_down == LOCUM_NEVER) {
            sim->counts.first_down = sim->now;
        }
        check_voters(sim, node, event);
        check_really_gone(sim, node, event->peer);
        check_steady(sim, node, event);
    } else if (event->cause == LOCUM_CAUSE_ADOPTED) {
        check_adopted(sim, node, event);
    } else if (!sim->node[event->peer].ever_left) {
        sim_violated(sim, node, SIM_NO_FALSE_TAKEOVER, "%s never said that it leaves",
                     sim_name(sim, event->peer));
    }
}

void
sim_oracle_event(struct sim *sim, locum_node node, const struct locum_condition_event *event)
{
    const struct sim_node *peer = &sim->node[event->peer];
    struct sim_pair *pair = &sim->pair[node][event->peer];
    if (event->to == LOCUM_DOWN) {
        fell(sim, node, event);
    } else if (event->from == LOCUM_DOWN) {
        pair->returned = sim->now;
    }
    if (event->to == LOCUM_ALIVE && event->from >= LOCUM_DOWN && !pair->adopted &&
        !peer->ever_left && sim->now - pair->returned < sim->config.recover_after_ms) {
        sim_violated(sim, node, SIM_NO_FLAPPING, "%s trusted after %lld ms",
                     sim_name(sim, event->peer), (long long)(sim->now - pair->returned));
    }
    pair->adopted = pair->adopted && event->to != LOCUM_ALIVE;
    sim->counts.suspicions += event->to == LOCUM_SUSPECT ? 1 : 0;
    if (sim->schedule.world.calm && event->to == LOCUM_SUSPECT && sim->now > 3000) {
        sim_violated(sim, node, SIM_NO_FLAPPING, "%s suspected at %u per mille loss",
                     sim_name(sim, event->peer), sim->loss_permille);
    }
}

/* INV-1 for one family: each voter has had a gap in it, and not too many have a working path. */
static void
check_family_voters(struct sim *sim, locum_node node, const struct locum_family_event *event)
{
    const struct locum_core_config *config = &sim->node[node].core.config;
    const locum_ms timeout = sim->config.timeout_ms;
    const enum locum_family family = event->family;
    const locum_nodes liars = liars_of(sim);
    size_t working = 0;
    sim->judged[SIM_NO_FALSE_TAKEOVER]++;
    if ((uint32_t)__builtin_popcount(event->voters) < config->quorum ||
        locum_nodes_has(event->voters, event->node)) {
        sim_violated(sim, node, SIM_NO_FALSE_TAKEOVER, "%s lost a family without a quorum",
                     sim_name(sim, event->node));
    }
    for (locum_node voter = 0; voter < config->node_count; voter++) {
        const struct sim_family_pair *pair = &sim->pair[voter][event->node].family[family];
        const bool gap = sim->now - pair->accepted >= timeout ||
                         (pair->gap != LOCUM_NEVER && sim->now - pair->gap <= 2 * timeout);
        if (locum_nodes_has(event->voters & ~liars, voter) &&
            (!config->nodes[voter].has[family] || pair->accepted == LOCUM_NEVER || !gap)) {
            sim_violated(sim, node, SIM_NO_FALSE_TAKEOVER, "%s lost a family by %s, which heard it",
                         sim_name(sim, event->node), sim_name(sim, voter));
        }
        working += voter != event->node &&
                           sim_family_working_for(sim, voter, event->node, family, timeout * 5 / 2)
                       ? 1
                       : 0;
    }
    if (too_many(sim, node, working)) {
        sim_violated(sim, node, SIM_NO_FALSE_TAKEOVER,
                     "%s lost a family though %zu others have a working path to it",
                     sim_name(sim, event->node), working);
    }
}

void
sim_oracle_family(struct sim *sim, locum_node node, const struct locum_family_event *event)
{
    struct sim_family_pair *pair = &sim->pair[node][event->node].family[event->family];
    const struct sim_node *self = &sim->node[event->node];
    const locum_ms said = self->said_lost[event->family];
    if (sim_is_liar(sim, event->node) || sim_is_liar(sim, node)) {
        pair->lost = LOCUM_NEVER;
        return;
    }
    if (!event->lost) {
        if (pair->lost != LOCUM_NEVER &&
            sim->now - pair->lost < sim->node[node].core.config.recover_after_ms) {
            sim_violated(sim, node, SIM_NO_FLAPPING, "the family of %s is trusted after %lld ms",
                         sim_name(sim, event->node), (long long)(sim->now - pair->lost));
        }
        return;
    }
    pair->lost = event->cause == LOCUM_CAUSE_REPORTED ? LOCUM_NEVER : sim->now;
    if (sim->schedule.world.calm) {
        sim_violated(sim, node, SIM_NO_FLAPPING, "%s lost a family at %u per mille loss",
                     sim_name(sim, event->node), sim->loss_permille);
    }
    if (event->cause == LOCUM_CAUSE_QUORUM) {
        sim->counts.families_lost++;
        check_family_voters(sim, node, event);
    } else if (event->cause == LOCUM_CAUSE_ADDRESS
                   ? !self->address_lost[event->family]
                   : said == LOCUM_NEVER || sim->now - said > 3 * sim->config.timeout_ms) {
        sim_violated(sim, node, SIM_NO_FALSE_TAKEOVER, "the family of %s is not lost",
                     sim_name(sim, event->node));
    }
}

/* INV-2 for one family: the node is about to lose it alone. */
void
sim_oracle_family_cut(struct sim *sim, locum_node node, enum locum_family family)
{
    const locum_ms deadline = sim->config.timeout_ms + 2 * sim->delay_max_ms + 50;
    struct sim_crash cut = {.node = node,
                            .at = sim->now,
                            .run = sim->node[node].run,
                            .family_only = true,
                            .family = family};
    if (!sim->node[node].running || sim->crashes + 1 > SIM_FAULTS_MAX ||
        !sim->config.nodes[node].has[family]) {
        return;
    }
    for (locum_node other = 0; other < sim->nodes; other++) {
        if (other != node &&
            sim_family_clean_for(sim, other, node, family, sim->config.timeout_ms * 5 / 2)) {
            cut.witnesses |= locum_nodes_of(other);
        }
    }
    sim->crash[sim->crashes] = cut;
    sim_push(sim, (struct sim_event){.at = sim->now + deadline,
                                     .kind = SIM_EVENT_VERDICT,
                                     .index = (uint32_t)sim->crashes++});
}

/* The deadline: each node that could know holds the family lost, and no condition has changed. */
static void
family_verdict(struct sim *sim, const struct sim_crash *cut)
{
    const enum locum_family other = cut->family == LOCUM_V4 ? LOCUM_V6 : LOCUM_V4;
    const locum_ms elapsed = sim->now - cut->at + sim->config.timeout_ms * 5 / 2;
    if (sim->node[cut->node].run != cut->run || sim->last_fault != cut->at) {
        return;
    }
    for (locum_node node = 0; node < sim->nodes; node++) {
        const struct locum_core *core = &sim->node[node].core;
        size_t votes = 0;
        if (!sim->node[node].running || cut->node >= core->config.node_count ||
            (node != cut->node && !sim_family_clean_for(sim, node, cut->node, other, elapsed))) {
            continue;
        }
        for (locum_node voter = 0; voter < core->config.node_count; voter++) {
            votes += locum_nodes_has(cut->witnesses, voter) &&
                             sim_family_clean_for(sim, voter, cut->node, other, elapsed) &&
                             (voter == node || sim_path_clean_for(sim, node, voter, elapsed))
                         ? 1
                         : 0;
        }
        sim->judged[SIM_TAKEOVER_IN_TIME] += votes >= core->config.quorum ? 1 : 0;
        if (votes >= core->config.quorum && !core->families.at[cut->node][cut->family].lost) {
            sim_violated(sim, node, SIM_TAKEOVER_IN_TIME,
                         "%s lost a family %lld ms ago with %zu votes against it",
                         sim_name(sim, cut->node), (long long)(sim->now - cut->at), votes);
        }
    }
}

void
sim_oracle_crash(struct sim *sim, locum_node node, bool host)
{
    const locum_ms by_peers = sim->config.timeout_ms + 2 * sim->delay_max_ms + 50;
    const locum_ms by_sentinels = sim->down_after_ms + 1100 + 500 + 2 * sim->delay_max_ms + 50;
    struct sim_crash crash = {.node = node, .at = sim->now, .run = sim->node[node].run + 1};
    if (!sim->node[node].running || sim->crashes + 2 > SIM_FAULTS_MAX) {
        return;
    }
    for (locum_node other = 0; other < sim->nodes; other++) {
        if (other != node && sim_path_clean_for(sim, other, node, sim->config.timeout_ms * 5 / 2)) {
            crash.witnesses |= locum_nodes_of(other);
        }
    }
    sim->crash[sim->crashes] = crash;
    sim_push(sim, (struct sim_event){.at = sim->now + by_peers,
                                     .kind = SIM_EVENT_VERDICT,
                                     .index = (uint32_t)sim->crashes++});
    if (!host || !sim->redis[node].exists || sim->redis[node].frozen_until > sim->now ||
        (sim->last_fault != LOCUM_NEVER && sim->now - sim->last_fault < 3000)) {
        return;
    }
    crash.sentinels = true;
    sim->crash[sim->crashes] = crash;
    sim_push(sim, (struct sim_event){.at = sim->now +
                                           (by_peers > by_sentinels ? by_peers : by_sentinels),
                                     .kind = SIM_EVENT_VERDICT,
                                     .index = (uint32_t)sim->crashes++});
}

/* A site without a coordinator whose Sentinel has seen it all, without any other fault. */
static bool
sentinel_votes(const struct sim *sim, const struct sim_crash *crash, locum_node node,
               locum_node voter)
{
    return crash->sentinels && sim->last_fault == crash->at &&
           sim->config.nodes[voter].role == LOCUM_ROLE_SENTINEL && !sim->sentinel[voter].tilt &&
           !sim_sentinel_lied(sim, voter) && sim->sentinel[voter].frozen_until < crash->at - 3000 &&
           sim->sentinel[node].frozen_until < crash->at - 3000 &&
           sim_sentinel_answers(sim, voter, node) && sim_sentinel_answers(sim, node, voter);
}

/* INV-2: the deadline after a crash has come: each node that could know must have taken over. */
void
sim_oracle_verdict(struct sim *sim, size_t index)
{
    const struct sim_crash *crash = &sim->crash[index];
    const locum_ms elapsed = sim->now - crash->at + sim->config.timeout_ms * 5 / 2;
    if (crash->family_only) {
        family_verdict(sim, crash);
        return;
    }
    if (sim->node[crash->node].run != crash->run) {
        return;
    }
    for (locum_node node = 0; node < sim->nodes; node++) {
        if (!locum_nodes_has(crash->witnesses, node) ||
            crash->node >= sim->node[node].core.config.node_count ||
            !sim_path_clean_for(sim, node, node, elapsed)) {
            continue;
        }
        size_t votes = 1;
        for (locum_node voter = 0; voter < sim->node[node].core.config.node_count; voter++) {
            const bool coordinator = voter != node && locum_nodes_has(crash->witnesses, voter) &&
                                     sim_path_clean_for(sim, node, voter, elapsed);
            votes += coordinator || sentinel_votes(sim, crash, node, voter) ? 1 : 0;
        }
        const enum locum_condition holds = locum_core_condition(&sim->node[node].core, crash->node);
        const uint32_t quorum = sim->node[node].core.config.quorum;
        sim->judged[SIM_TAKEOVER_IN_TIME] += votes >= quorum ? 1 : 0;
        if (votes >= quorum && holds != LOCUM_DOWN) {
            sim_violated(sim, node, SIM_TAKEOVER_IN_TIME,
                         "%s died %lld ms ago with %zu votes against it, and is %s",
                         sim_name(sim, crash->node), (long long)(sim->now - crash->at), votes,
                         locum_names_condition(holds));
        }
    }
}
