/*
 * tape: an attacker without the secret. Recorded heartbeats are replayed on both paths; forged ones
 * have an invalid signature.
 */
#include "forge.h"

enum { ATTACK_EACH_MS = 20, NOBODYS_KEY = 7 };

/* Record a datagram; the oldest one is dropped. */
void
sim_tape(struct sim *sim, locum_node from, locum_node to, enum locum_family family,
         struct sim_text *text)
{
    struct sim_taped *taped = &sim->tape[sim->taped++ % SIM_TAPE_MAX];
    sim_text_drop(taped->text);
    text->holders++;
    *taped = (struct sim_taped){.from = from, .to = to, .family = family, .text = text};
}

void
sim_attack_deliver(struct sim *sim, locum_node to, enum locum_family family, struct sim_text *text)
{
    const struct sim_node *node = &sim->node[to];
    text->holders++;
    sim_push(sim, (struct sim_event){.at = sim->now,
                                     .kind = SIM_EVENT_DATAGRAM,
                                     .family = (uint8_t)family,
                                     .node = to,
                                     .token = node->run,
                                     .text = text});
    if (!node->redis.connected) {
        return;
    }
    text->holders++;
    sim_push(sim, (struct sim_event){.at = sim->now,
                                     .kind = SIM_EVENT_MESSAGE,
                                     .node = to,
                                     .token = node->redis.token,
                                     .text = text});
}

/* A random datagram of `node`. */
static void
replay(struct sim *sim, locum_node node)
{
    const size_t kept = sim->taped < SIM_TAPE_MAX ? sim->taped : SIM_TAPE_MAX;
    for (size_t tries = 0; kept > 0 && tries < 20; tries++) {
        const struct sim_taped *taped = &sim->tape[sim_random(sim, kept)];
        if (taped->from == node) {
            sim_attack_deliver(sim, taped->to, taped->family, taped->text);
            return;
        }
    }
}

/* A forged heartbeat of a later run of `node` that says `leaving`. */
static void
spoof(struct sim *sim, locum_node node)
{
    char buffer[LOCUM_HEARTBEAT_MAX];
    struct locum_heartbeat heartbeat = {.sender = node,
                                        .incarnation = (uint64_t)1 << 50,
                                        .seq = (uint64_t)sim->now + 1,
                                        .interval_ms = 125,
                                        .service = LOCUM_FAILING,
                                        .leaving = true,
                                        .digest = "deadbeef"};
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_heartbeat_add(&text, &sim->config, &heartbeat);
    struct sim_text *sent = sim_text_make(buffer, text.length, NOBODYS_KEY);
    for (locum_node to = 0; to < sim->nodes; to++) {
        sim_attack_deliver(sim, to, LOCUM_V4, sent);
    }
    sim_text_drop(sent);
}

void
sim_attack(struct sim *sim, const struct sim_event *event)
{
    const struct sim_fault *fault = &sim->schedule.fault[event->index];
    if (sim->healed != LOCUM_NEVER || sim->now >= fault->at + fault->amount) {
        return;
    }
    if (fault->kind == SIM_REPLAY) {
        replay(sim, fault->a);
    } else if (fault->kind == SIM_IMPERSONATE) {
        sim_keys_impersonate(sim, fault->a, fault->b);
    } else {
        spoof(sim, fault->a);
    }
    sim_push(sim, (struct sim_event){.at = sim->now + ATTACK_EACH_MS,
                                     .kind = SIM_EVENT_ATTACK,
                                     .index = event->index});
}
