/*
 * green: INV-8, no green lie. While the world does not change, a node that finds nothing degraded
 * is taken at its word: if any one node fails next, every name except those that it lists has a
 * healthy answer at every server that is left, and some server is left that answers DNS. A host is
 * killed in a copy of the world, and the copy runs until this is so, or until it is certain that it
 * will not be. Where one server alone answers DNS, its loss is tried at every such moment.
 */
#include <stdlib.h>
#include <string.h>

#include "core/degraded.h"
#include "core/loss.h"
#include "sim.h"

enum {
    TRIES_MAX = 4,     /* copies a run, */
    TRY_PERMILLE = 60, /* each at one of so many moments that would do (a moment each 100 ms) */
    PROBES_MS = 4000,  /* two probes of a peer's DNS */
    SETTLED_MS = 20000,
    LOSS_PERMILLE = 100, /* more of it is a change without end */
};

/* Random numbers that leave those of the run alone. */
static uint64_t
dice(const struct sim *sim, uint64_t salt)
{
    uint64_t z = (uint64_t)sim->schedule.world.seed * 0x9e3779b97f4a7c15u +
                 (uint64_t)sim->now * 0xbf58476d1ce4e5b9u + salt * 0x94d049bb133111ebu;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static locum_ms
longest(locum_ms a, locum_ms b)
{
    return a > b ? a : b;
}

/* The port 53 of some server is closed. */
static bool
is_dns_closed(const struct sim *sim)
{
    bool closed = false;
    for (locum_node node = 0; node < sim->servers; node++) {
        closed = closed || !sim_dns_is_open(sim, node);
    }
    return closed;
}

/* The only server that answers DNS now that some port is closed, or LOCUM_NODE_NONE. */
static locum_node
last_to_answer(const struct sim *sim)
{
    locum_node last = LOCUM_NODE_NONE;
    for (locum_node node = 0; node < sim->servers; node++) {
        if (sim_dns_is_open(sim, node)) {
            if (last != LOCUM_NODE_NONE) {
                return LOCUM_NODE_NONE;
            }
            last = node;
        }
    }
    return is_dns_closed(sim) ? last : LOCUM_NODE_NONE;
}

/*
 * The world has not changed for as long as a node may need to notice it. That its own port is
 * closed, a node may hear from those that have asked it.
 */
static bool
is_quiet(const struct sim *sim)
{
    const struct locum_core_config *config = &sim->config;
    const locum_ms limit = longest(config->timeout_ms, 4 * config->interval_ms);
    const locum_ms polls = 2 * config->sentinel_poll_ms + 200;
    const locum_ms probes = PROBES_MS + (is_dns_closed(sim) ? limit : 0);
    const locum_ms quiet = longest(polls, longest(limit, probes));
    bool still = sim->now - longest(sim->changed, sim->forged_until) >= quiet &&
                 sim->failover_at == LOCUM_NEVER && sim->loss_permille <= LOSS_PERMILLE;
    for (locum_node node = 0; node < sim->nodes; node++) {
        const struct sim_node *self = &sim->node[node];
        still = still && self->frozen_until <= sim->now - quiet &&
                sim->redis[node].frozen_until <= sim->now - quiet &&
                sim->sentinel[node].frozen_until <= sim->now - quiet && self->service_flaky == 0 &&
                !sim_sentinel_lied(sim, node) && self->kick_each == 0;
    }
    return still;
}

/* Two configurations are a warning, so nothing is green. */
static bool
is_configured_alike(const struct sim *sim)
{
    const struct sim_node *first = NULL;
    for (locum_node node = 0; node < sim->nodes; node++) {
        const struct sim_node *self = &sim->node[node];
        if (self->running && first != NULL &&
            (self->variant != first->variant || self->older != first->older)) {
            return false;
        }
        first = self->running ? self : first;
    }
    return true;
}

/* A copy without the faults that are still to come. */
static struct sim *
copy_of(const struct sim *sim)
{
    struct sim *copy = malloc(sizeof(*copy));
    LOCUM_INVARIANT(copy != NULL);
    *copy = *sim;
    copy->copy = true;
    copy->schedule.world.calm = 0;
    copy->trace = NULL;
    copy->taping = false;
    memset(copy->tape, 0, sizeof(copy->tape));
    copy->queue = NULL;
    copy->queued = copy->queue_room = 0;
    copy->end = sim->now + SETTLED_MS;
    for (locum_node node = 0; node < sim->nodes; node++) { /* nobody is frozen */
        copy->node[node].inbox = NULL;
        copy->node[node].inbox_count = copy->node[node].inbox_room = 0;
    }
    for (size_t i = 0; i < sim->queued; i++) {
        const struct sim_event *event = &sim->queue[i];
        if (event->kind != SIM_EVENT_FAULT && event->kind != SIM_EVENT_ATTACK) {
            if (event->text != NULL) {
                event->text->holders++;
            }
            sim_push_again(copy, *event);
        }
    }
    return copy;
}

/* Some node could know whether this family works at `node`: it has heard it there since its start
 * (FAMILY-2), or it is the node itself and has had the address (FAMILY-6). */
static bool
is_known(const struct sim *sim, locum_node node, size_t family)
{
    bool known = sim->node[node].address_lost[family] && sim->node[node].address_known[family];
    for (locum_node other = 0; other < sim->nodes; other++) {
        known =
            known || (other != node && sim->node[other].running &&
                      sim->node[other].core.view.peer[node].family[family].heard != LOCUM_NEVER);
    }
    return known;
}

/* Who downloads from there in this family gets what he wants, as far as anybody can know. */
static bool
is_healthy(const struct sim *sim, locum_node node, size_t family)
{
    bool reached = false;
    for (locum_node other = 0; other < sim->nodes; other++) {
        reached = reached || (other != node && sim->link[node][other].family_cut[family] == 0 &&
                              sim->link[other][node].family_cut[family] == 0);
    }
    return sim->node[node].host_up && sim->node[node].service_ok &&
           (reached || !is_known(sim, node, family));
}

static bool
anybody_answers(const struct sim *sim)
{
    bool any = false;
    for (locum_node node = 0; node < sim->servers; node++) {
        any = any || (sim->node[node].host_up && sim_dns_is_open(sim, node));
    }
    return any;
}

/* The name is said to be lost with `gone`. */
static bool
is_expected(const struct locum_losses *said, locum_node gone, size_t family, size_t name,
            bool by_configuration)
{
    bool expected = false;
    for (size_t i = 0; i < said->count; i++) {
        const struct locum_loss *loss = &said->at[i];
        expected = expected || (loss->node == gone && loss->lost[family][name] &&
                                (loss->by_configuration || !by_configuration));
    }
    return expected;
}

/*
 * A name that nobody answers, or a server that names a node which is not healthy; NULL: there is
 * none. A closed port is degraded, so only the configuration excuses that nobody answers.
 */
static const char *
find_unhealthy(const struct sim *sim, const struct locum_losses *said, locum_node gone)
{
    static char what[128];
    const bool answered = anybody_answers(sim);
    for (locum_node node = 0; node < sim->servers; node++) {
        const struct locum_core *core = &sim->node[node].core;
        for (size_t i = 0; i < core->config.name_count && sim->node[node].running; i++) {
            for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
                const locum_nodes nodes = core->plan.answers[i][family].nodes;
                const bool expected = is_expected(said, gone, family, i, false);
                if (!answered && nodes != 0 && !is_expected(said, gone, family, i, true)) {
                    (void)snprintf(what, sizeof(what), "nobody answers for name %zu family %zu", i,
                                   family);
                    return what;
                }
                for (locum_node named = 0; named < sim->nodes && !expected; named++) {
                    if (locum_nodes_has(nodes, named) && !is_healthy(sim, named, family)) {
                        (void)snprintf(what, sizeof(what), "%s names %s in name %zu family %zu",
                                       sim_name(sim, node), sim_name(sim, named), i, family);
                        return what;
                    }
                }
            }
        }
    }
    return NULL;
}

/* Kill `gone` in a copy, and wait until all answers are healthy. */
static void
try_loss(struct sim *sim, locum_node node, const struct locum_losses *said, locum_node gone)
{
    const locum_ms least =
        longest(sim->config.timeout_ms, 4 * sim->config.interval_ms) + 2 * sim->delay_max_ms + 100;
    struct sim *copy = copy_of(sim);
    struct sim_event event;
    const char *unhealthy = "";
    sim_fault_host_crash(copy, gone);
    while (unhealthy != NULL && !copy->violated && sim_pop(copy, &event)) {
        if (event.at > copy->end) {
            sim_text_drop(event.text);
            break;
        }
        copy->now = event.at;
        sim_happen(copy, &event);
        if (event.kind == SIM_EVENT_WORLD && copy->now >= sim->now + least) {
            unhealthy = find_unhealthy(copy, said, gone);
        }
    }
    if (copy->violated) {
        sim_violated(sim, node, SIM_NO_GREEN_LIE, "after the loss of %s: %s", sim_name(sim, gone),
                     copy->violation);
    } else if (unhealthy != NULL) {
        sim_violated(sim, node, SIM_NO_GREEN_LIE, "all is well, but without %s %s for %d ms",
                     sim_name(sim, gone), unhealthy, SETTLED_MS);
    }
    sim_fini(copy);
    free(copy);
}

void
sim_green_try(struct sim *sim)
{
    static struct locum_degraded_list degraded;
    static struct locum_losses losses;
    const locum_node node = (locum_node)(dice(sim, 1) % sim->nodes);
    const locum_node last = last_to_answer(sim);
    const locum_node gone =
        last != LOCUM_NODE_NONE ? last : (locum_node)(dice(sim, 2) % sim->nodes);
    const unsigned permille = last != LOCUM_NODE_NONE ? 1000 : TRY_PERMILLE;
    const struct sim_node *self = &sim->node[node];
    if (sim->copy || sim->lies_tried == TRIES_MAX || dice(sim, 3) % 1000 >= permille ||
        !self->running || gone >= self->core.config.node_count || !sim->node[gone].host_up ||
        !is_quiet(sim) || !is_configured_alike(sim)) {
        return;
    }
    const locum_ms now = sim_node_now(sim, node).mono;
    locum_degraded_find(&self->core, now, &degraded);
    if (degraded.count > 0) {
        return;
    }
    locum_loss_find(&self->core, now, &losses);
    sim->lies_tried++;
    sim->judged[SIM_NO_GREEN_LIE]++;
    try_loss(sim, node, &losses, gone);
}
