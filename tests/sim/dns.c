/*
 * dns: the port 53 of each server, and what the coordinators know of it: each says of its own
 * whether it is open, and asks that of each peer in each family (DNS-1, DNS-2). Questions use no
 * random numbers, so a schedule without a closed port runs as if nobody asked: one that passes is
 * not lost, and one is answered at once. The peer port and what closes it do not matter to them.
 */
#include "sim.h"

bool
sim_dns_is_open(const struct sim *sim, locum_node node)
{
    return !sim->node[node].dns_blocked && !sim->node[node].dns_taken;
}

/* DNS-1. A firewall in front of the port is not seen from inside. */
void
sim_dns_claim(struct sim *sim, locum_node node)
{
    const struct sim_node *self = &sim->node[node];
    const bool server = sim->config.nodes[node].role == LOCUM_ROLE_SERVER;
    struct locum_input input = {.kind = LOCUM_INPUT_DNS_CLAIM,
                                .dns_claim = !server           ? LOCUM_DNS_NONE
                                             : self->dns_taken ? LOCUM_DNS_CLOSED
                                                               : LOCUM_DNS_OPEN};
    if (self->core.view.peer[node].dns_claim != input.dns_claim) {
        sim_node_step(sim, node, &input);
    }
}

static enum locum_dns_state
answer(const struct sim *sim, locum_node node, locum_node peer, enum locum_family family)
{
    if (sim->node[peer].dns_blocked || !sim_family_connects(sim, node, peer, family)) {
        return LOCUM_DNS_SILENT;
    }
    return sim->node[peer].dns_taken ? LOCUM_DNS_REFUSED : LOCUM_DNS_OK;
}

/* DNS-2, by UDP. As in the daemon, a peer that leaves is not asked. */
void
sim_dns_ask(struct sim *sim, locum_node node)
{
    const struct locum_core *core = &sim->node[node].core;
    sim_dns_claim(sim, node);
    for (locum_node peer = 0; peer < core->config.node_count; peer++) {
        const struct locum_peer_facts *facts = &core->view.peer[peer];
        if (peer == node || facts->dns_claim < LOCUM_DNS_OPEN || facts->leaving) {
            continue;
        }
        for (enum locum_family family = LOCUM_V4; family <= LOCUM_V6; family++) {
            struct locum_input input = {.kind = LOCUM_INPUT_DNS};
            input.dns.peer = peer;
            input.dns.family = family;
            input.dns.transport = LOCUM_TRANSPORT_UDP;
            input.dns.state = answer(sim, node, peer, family);
            if (core->config.nodes[node].has[family] && core->config.nodes[peer].has[family]) {
                sim_node_step(sim, node, &input);
            }
        }
    }
}
