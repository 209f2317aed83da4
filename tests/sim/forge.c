/*
 * forge: who has the secret and lies. An attacker sends single heartbeats in a node's name, with a
 * number that jumps; an insider is a node that lies in its own name for a while. Each disturbs
 * what it touches for a bounded time only, SIM_FORGED_TIMEOUTS.
 */
#include "forge.h"

/* Numbers that a liar invents: a little more than the true one, or far away. */
static uint64_t
jump(uint64_t true_one, locum_ms power)
{
    return power == 0 ? true_one + 1000 : (uint64_t)1 << power;
}

void
sim_forge_disturbs(struct sim *sim, locum_node a, locum_node b)
{
    const locum_ms until = sim->now + SIM_FORGED_TIMEOUTS * sim->config.timeout_ms;
    sim->pair[a][b].forged_until = sim->pair[b][a].forged_until = until;
    sim->forged_until = until;
}

/* What `node` would send to `to` now. False: it has another configuration. */
static bool
true_heartbeat(const struct sim *sim, locum_node node, locum_node to, struct locum_heartbeat *ret)
{
    const struct locum_core *core = &sim->node[node].core;
    char buffer[LOCUM_HEARTBEAT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    if (to >= core->config.node_count) {
        return false;
    }
    locum_core_heartbeat(core, to, sim_node_now(sim, node), &text);
    return locum_heartbeat_parse((struct locum_slice){buffer, text.length}, &core->config, ret) &&
           ret->seq > 0;
}

/* In the name of fault->a, to fault->b, by both paths. */
void
sim_forge(struct sim *sim, const struct sim_fault *fault)
{
    const struct sim_node *node = &sim->node[fault->a];
    struct locum_heartbeat heartbeat;
    char buffer[SIM_LINE_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    if (!node->running || !true_heartbeat(sim, fault->a, fault->b, &heartbeat)) {
        return;
    }
    struct locum_ack *ack = &heartbeat.acks[fault->b];
    const struct locum_core *receiver = &sim->node[fault->b].core;
    const bool accepted = locum_view_heard_within_limit(&receiver->view, &receiver->config,
                                                        fault->a, sim_node_now(sim, fault->b).mono);
    if (fault->kind == SIM_FORGE_SEQ) {
        heartbeat.seq = jump(heartbeat.seq, fault->amount);
    } else if (fault->kind == SIM_FORGE_RUN) {
        heartbeat.incarnation = jump(heartbeat.incarnation, fault->amount);
    } else if (fault->kind == SIM_FORGE_STALE) {
        heartbeat.seq = jump(heartbeat.seq, fault->amount);
        ack->incarnation = ack->seq = 0;
    } else {
        heartbeat.seq++;
        ack->incarnation = jump(receiver->view.incarnation, fault->amount);
    }
    locum_heartbeat_add(&text, &node->core.config, &heartbeat);
    sim_keys_sign(sim, fault->a, locum_nodes_of(fault->b), &text);
    struct sim_text *sent = sim_text_make(buffer, text.length, node->sign);
    sim_attack_deliver(sim, fault->b, LOCUM_V4, sent);
    sim_text_drop(sent);
    const bool harmless = fault->kind == SIM_FORGE_STALE || fault->kind == SIM_FORGE_ACK;
    if (!harmless || !accepted) {
        sim_forge_disturbs(sim, fault->a, fault->b);
    }
}

void
sim_insider_begin(struct sim *sim, const struct sim_fault *fault)
{
    struct sim_node *self = &sim->node[fault->a];
    self->lies = fault->b;
    self->lies_until = sim->now + fault->amount;
    self->ever_left = true; /* it may say so */
}

bool
sim_is_liar(const struct sim *sim, locum_node node)
{
    return sim->now < sim->pair[node][node].forged_until;
}

static void
lie_of_peers(struct sim *sim, const struct sim_node *self, struct locum_heartbeat *heartbeat)
{
    static const enum locum_condition codes[] = {LOCUM_SUSPECT, LOCUM_DOWN, LOCUM_ALIVE};
    static const locum_ms powers[] = {0, 0, 45, 52, 53};
    for (locum_node peer = 0; peer < self->core.config.node_count; peer++) {
        struct locum_ack *ack = &heartbeat->acks[peer];
        if (self->lies & SIM_LIE_VOTES) {
            ack->state_code = codes[sim_random(sim, sim_chance(sim, 800) ? 2 : 3)];
        }
        if (self->lies & SIM_LIE_ACKS && ack->has_number) {
            ack->incarnation = jump(ack->incarnation, powers[sim_random(sim, 5)]);
            ack->seq += sim_random(sim, 2);
        }
        if (self->lies & SIM_LIE_FAMILIES && peer != heartbeat->sender) {
            heartbeat->unheard[sim_random(sim, LOCUM_FAMILIES)] |= locum_nodes_of(peer);
        }
    }
}

static void
lie_of_itself(struct sim *sim, const struct sim_node *self, struct locum_heartbeat *heartbeat)
{
    static const locum_ms powers[] = {0, 45, 53};
    if (self->lies & SIM_LIE_SEQ) {
        heartbeat->seq = jump(heartbeat->seq, powers[sim_random(sim, 3)]);
    }
    if (self->lies & SIM_LIE_RUN) {
        heartbeat->incarnation = jump(heartbeat->incarnation, powers[sim_random(sim, 3)]);
    }
    if (self->lies & SIM_LIE_STATES) {
        heartbeat->service = (enum locum_service)sim_random(sim, LOCUM_SERVICES);
        heartbeat->admin = (enum locum_admin)sim_random(sim, 3);
        heartbeat->leaving = sim_chance(sim, 300);
        heartbeat->degraded = (uint32_t)sim_random(sim, 3);
        heartbeat->interval_ms = sim_chance(sim, 200) ? 3600000 : heartbeat->interval_ms;
        heartbeat->lost[sim_random(sim, LOCUM_FAMILIES)] = sim_chance(sim, 300);
    }
}

void
sim_lie(struct sim *sim, locum_node node, struct locum_text *text)
{
    const struct sim_node *self = &sim->node[node];
    struct locum_heartbeat heartbeat;
    if (sim->now >= self->lies_until || sim->healed != LOCUM_NEVER ||
        !locum_heartbeat_parse((struct locum_slice){text->at, text->length}, &self->core.config,
                               &heartbeat)) {
        return;
    }
    for (locum_node other = 0; other < sim->nodes; other++) {
        sim_forge_disturbs(sim, node, other);
    }
    if (sim_chance(sim, 200)) {
        return; /* one that never tells the truth is not heard */
    }
    lie_of_peers(sim, self, &heartbeat);
    lie_of_itself(sim, self, &heartbeat);
    *text = locum_text_init(text->at, SIM_LINE_MAX);
    locum_heartbeat_add(text, &self->core.config, &heartbeat);
}
