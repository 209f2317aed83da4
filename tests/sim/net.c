/* net: the links between the sites, and their state for the oracles. */
#include "sim.h"

bool
sim_passes(const struct sim *sim, locum_node from, locum_node to)
{
    return sim->node[from].host_up && sim->node[to].host_up &&
           (from == to || sim->link[from][to].cut == 0);
}

bool
sim_connects(const struct sim *sim, locum_node a, locum_node b)
{
    return sim_passes(sim, a, b) && sim_passes(sim, b, a);
}

static locum_ms
one_way(struct sim *sim, locum_node from, locum_node to)
{
    const struct sim_link *link = &sim->link[from][to];
    return link->delay_ms + link->lag_ms +
           (link->jitter_ms > 0 ? sim_between(sim, 0, link->jitter_ms) : 0);
}

static bool
udp_passes(const struct sim *sim, locum_node from, locum_node to)
{
    return sim->udp && sim_passes(sim, from, to) && sim->link[from][to].udp_cut == 0;
}

/* Both have an address of the family. */
static bool
share(const struct sim *sim, locum_node a, locum_node b, enum locum_family family)
{
    return sim->config.nodes[a].has[family] && sim->config.nodes[b].has[family];
}

static bool
family_passes(const struct sim *sim, locum_node from, locum_node to, enum locum_family family)
{
    return share(sim, from, to, family) && udp_passes(sim, from, to) &&
           sim->link[from][to].family_cut[family] == 0;
}

bool
sim_family_connects(const struct sim *sim, locum_node a, locum_node b, enum locum_family family)
{
    return share(sim, a, b, family) && sim_connects(sim, a, b) &&
           sim->link[a][b].family_cut[family] == 0 && sim->link[b][a].family_cut[family] == 0;
}

static void
send_datagram(struct sim *sim, locum_node from, locum_node to, enum locum_family family,
              struct sim_text *text)
{
    sim->counts.datagrams++;
    sim->counts.datagram_bytes += text->length;
    if (sim->taping) {
        sim_tape(sim, from, to, family, text);
    }
    const unsigned copies = sim_chance(sim, sim->duplicate_permille) ? 2 : 1;
    for (unsigned i = 0; i < copies; i++) {
        const locum_ms delay = one_way(sim, from, to);
        if (!family_passes(sim, from, to, family) || sim_chance(sim, sim->loss_permille)) {
            continue;
        }
        text->holders++;
        sim_push(sim, (struct sim_event){.at = sim->now + delay,
                                         .kind = SIM_EVENT_DATAGRAM,
                                         .family = (uint8_t)family,
                                         .node = to,
                                         .token = sim->node[to].run,
                                         .text = text});
    }
}

void
sim_datagram(struct sim *sim, locum_node from, locum_node to, struct sim_text *text)
{
    for (enum locum_family family = LOCUM_V4; family <= LOCUM_V6; family++) {
        if (share(sim, from, to, family)) {
            send_datagram(sim, from, to, family, text);
        }
    }
}

/* RFC 6298: a lost segment is sent again after 200 ms (Linux' least), then after twice as long. */
locum_ms
sim_tcp_delay(struct sim *sim, locum_node from, locum_node to)
{
    locum_ms delay = from == to ? 0 : one_way(sim, from, to);
    locum_ms timeout = 200;
    while (from != to && timeout <= 3200 && sim_chance(sim, sim->loss_permille)) {
        delay += timeout;
        timeout *= 2;
    }
    return delay;
}

static bool
knows(const struct sim *sim, locum_node a, locum_node b)
{
    return b < sim->node[a].core.config.node_count;
}

static bool
both_run(const struct sim *sim, locum_node a, locum_node b)
{
    return knows(sim, a, b) && knows(sim, b, a) && sim->node[a].running && sim->node[b].running &&
           !sim_node_frozen(sim, a) && !sim_node_frozen(sim, b);
}

/* Datagrams arrive within the delay of the link, and the receiver has the sender's secret. */
static bool
in_time(const struct sim *sim, locum_node from, locum_node to, enum locum_family family)
{
    return family_passes(sim, from, to, family) && sim->link[from][to].lag_ms == 0 &&
           (sim->node[to].accepts >> sim->node[from].sign & 1u) != 0;
}

/* When it was last bad: as recorded, or because of a forged heartbeat, which disturbs a pair. */
static locum_ms
last_bad(const struct sim *sim, locum_node a, locum_node b, locum_ms recorded)
{
    const locum_ms until = sim->pair[a][b].forged_until;
    const locum_ms forged = until < sim->now ? until : sim->now;
    return forged > recorded ? forged : recorded;
}

/* Record one time in the pair and one in each of its families. */
static void
note_pair(struct sim *sim, locum_node a, locum_node b)
{
    struct sim_pair *pair = &sim->pair[a][b];
    bool any = false;
    for (enum locum_family family = LOCUM_V4; family <= LOCUM_V6; family++) {
        const bool both =
            both_run(sim, a, b) && in_time(sim, a, b, family) && in_time(sim, b, a, family);
        any = any || both;
        if (!both || sim->loss_permille > 100) {
            pair->family[family].not_working = sim->now;
        }
        if (!both || sim->loss_permille > 0) {
            pair->family[family].not_clean = sim->now;
        }
    }
    if (!any || sim->loss_permille > 100) {
        pair->not_working = sim->now;
    }
    if (!any || sim->loss_permille > 0) {
        pair->not_clean = sim->now;
    }
}

void
sim_paths_note(struct sim *sim)
{
    for (locum_node a = 0; a < sim->nodes; a++) {
        for (locum_node b = 0; b < sim->nodes; b++) {
            note_pair(sim, a, b);
        }
    }
}

bool
sim_path_working_for(struct sim *sim, locum_node a, locum_node b, locum_ms duration)
{
    sim_paths_note(sim);
    return sim->now - last_bad(sim, a, b, sim->pair[a][b].not_working) >= duration;
}

bool
sim_path_clean_for(struct sim *sim, locum_node a, locum_node b, locum_ms duration)
{
    sim_paths_note(sim);
    return sim->now - last_bad(sim, a, b, sim->pair[a][b].not_clean) >= duration;
}

bool
sim_family_working_for(struct sim *sim, locum_node a, locum_node b, enum locum_family family,
                       locum_ms duration)
{
    sim_paths_note(sim);
    return sim->now - last_bad(sim, a, b, sim->pair[a][b].family[family].not_working) >= duration;
}

bool
sim_family_clean_for(struct sim *sim, locum_node a, locum_node b, enum locum_family family,
                     locum_ms duration)
{
    sim_paths_note(sim);
    return sim->now - last_bad(sim, a, b, sim->pair[a][b].family[family].not_clean) >= duration;
}
