/* world: the cluster's shape, and the loop. */
#include <stdlib.h>
#include <string.h>

#include "forge.h"

/* splitmix64 (S. Vigna, public domain) */
static uint64_t
next(struct sim *sim)
{
    uint64_t z = sim->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t
sim_random(struct sim *sim, uint64_t below)
{
    return next(sim) % below;
}

locum_ms
sim_between(struct sim *sim, locum_ms from, locum_ms to)
{
    return from + (locum_ms)sim_random(sim, (uint64_t)(to - from) + 1);
}

bool
sim_chance(struct sim *sim, unsigned permille)
{
    return permille > 0 && sim_random(sim, 1000) < permille;
}

const struct sim_world sim_world_usual = {
    .seed = 1,
    .servers = 2,
    .witnesses = 1,
    .interval = 125,
    .timeout = 1000,
    .recover_after = 5000,
    .down_after = 500,
    .udp = 1,
    .delay_min = 8,
    .delay_max = 8,
    .end = SIM_END_MS,
};

static void
add_node(struct sim *sim, enum locum_role role, const char *prefix, unsigned number)
{
    struct locum_core_node *node = &sim->config.nodes[sim->config.node_count++];
    struct locum_text name = locum_text_init(node->name, sizeof(node->name));
    locum_text_add(&name, prefix);
    locum_text_add_u64(&name, number);
    node->role = role;
    node->has[LOCUM_V4] = role != LOCUM_ROLE_SENTINEL;
    node->has[LOCUM_V6] = role != LOCUM_ROLE_SENTINEL && sim->schedule.world.dual != 0;
    node->redis = role == LOCUM_ROLE_SERVER;
}

static void
add_name(struct sim *sim, locum_node owner, enum locum_policy policy)
{
    sim->config.names[sim->config.name_count++] = (struct locum_core_name){
        .owner = owner, .policy = policy, .ttl_s = 60, .failover_ttl_s = 15};
}

/* dc2, dc3, ..., then ns0, ... and s0, ... */
static void
add_nodes(struct sim *sim)
{
    const struct sim_world *world = &sim->schedule.world;
    for (unsigned i = 0; i < world->servers; i++) {
        add_node(sim, LOCUM_ROLE_SERVER, "dc", 2 + i);
    }
    for (unsigned i = 0; i < world->witnesses; i++) {
        add_node(sim, LOCUM_ROLE_WITNESS, "ns", i);
    }
    for (unsigned i = 0; i < world->sentinels; i++) {
        add_node(sim, LOCUM_ROLE_SENTINEL, "s", i);
    }
}

void
sim_world_config(struct sim *sim)
{
    const struct sim_world *world = &sim->schedule.world;
    struct locum_core_config *config = &sim->config;
    *config = (struct locum_core_config){
        .cluster = "get",
        .checks = {{.counts = true,
                    .rise = 2,
                    .fall = 3,
                    .fast_fail = true,
                    .interval_ms = SIM_CHECK_MS}},
        .check_count = 1,
        .interval_ms = world->interval,
        .timeout_ms = world->timeout,
        .recover_after_ms = world->recover_after,
        .sentinel_poll_ms = 500,
        .redis = true,
        .min_serving = 1,
        .digest = "a1b2c3d4",
        .version = "0.1.0",
    };
    add_nodes(sim);
    add_name(sim, LOCUM_NODE_NONE, LOCUM_ANSWER_SELF);
    add_name(sim, LOCUM_NODE_NONE, LOCUM_ANSWER_ALL);
    for (locum_node i = 0; i < world->servers; i++) {
        add_name(sim, i, LOCUM_ANSWER_SELF);
    }
    sim->nodes = config->node_count;
    for (locum_node node = 0; node < sim->nodes; node++) {
        config->nodes[node].sentinel = world->lone == 0 || node + 1u == sim->nodes;
    }
    sim->servers = (size_t)world->servers;
    config->quorum = world->quorum > 0 ? (uint32_t)world->quorum : (uint32_t)sim->nodes / 2 + 1;
}

static void
make_site(struct sim *sim, locum_node node)
{
    struct sim_sentinel *sentinel = &sim->sentinel[node];
    struct sim_redis *redis = &sim->redis[node];
    struct sim_node *self = &sim->node[node];
    redis->exists = redis->alive = sim->config.nodes[node].role == LOCUM_ROLE_SERVER;
    redis->demote_at = LOCUM_NEVER;
    sentinel->exists = sentinel->alive = sim->config.nodes[node].sentinel;
    self->host_up = true;
    self->older = sim->schedule.world.newcomer != 0 && node + 1u != sim->nodes;
    self->suspended_at = LOCUM_NEVER;
    memset(self->warned, -1, sizeof(self->warned)); /* LOCUM_NEVER */
    self->accepts = 1;
    self->service_ok = true;
    for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
        self->address_known[family] = true;
        self->said_lost[family] = self->address_back[family] = LOCUM_NEVER;
    }
    sentinel->lied = LOCUM_NEVER;
    self->mono_offset = sim_between(sim, 1000, 1000000);
    self->boot_offset = self->mono_offset + sim_between(sim, 0, 1000000);
    self->wall_offset = 1763863200000 + sim_between(sim, -300, 300);
    for (locum_node other = 0; other < sim->nodes; other++) {
        for (int i = 0; i < SIM_INSTANCES; i++) {
            sentinel->next_ping[other][i] = sim_between(sim, 0, 999);
            sentinel->unanswered[other][i] = LOCUM_NEVER;
        }
        sim->pair[node][other] = (struct sim_pair){
            .heard = LOCUM_NEVER,
            .accepted = LOCUM_NEVER,
            .gap = LOCUM_NEVER,
            .held_down = LOCUM_NEVER,
        };
        for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
            sim->pair[node][other].family[family] =
                (struct sim_family_pair){.heard = LOCUM_NEVER,
                                         .accepted = LOCUM_NEVER,
                                         .gap = LOCUM_NEVER,
                                         .lost = LOCUM_NEVER};
        }
    }
}

static void
make_links(struct sim *sim)
{
    const struct sim_world *world = &sim->schedule.world;
    for (locum_node a = 0; a < sim->nodes; a++) {
        for (locum_node b = 0; b < sim->nodes; b++) {
            if (a != b) {
                sim->link[a][b].delay_ms = sim_between(sim, world->delay_min, world->delay_max);
                sim->link[a][b].jitter_ms = world->jitter;
            }
        }
    }
    sim->delay_max_ms = world->delay_max + world->jitter;
}

/* Some coordinators have IPv6 too; some names have a list of successors. */
static void
mix_names(struct sim *sim)
{
    for (locum_node node = 0; node < sim->nodes && sim->schedule.world.mixed; node++) {
        struct locum_core_node *self = &sim->config.nodes[node];
        if (self->role != LOCUM_ROLE_SENTINEL) {
            self->has[LOCUM_V6] = sim_chance(sim, 500) || self->has[LOCUM_V6];
        }
        if (self->role == LOCUM_ROLE_SERVER && sim_chance(sim, 300)) {
            const locum_node other = (locum_node)sim_random(sim, sim->servers);
            self->failover[0] = other;
            self->failover_count = other == node ? 0 : 1;
        }
    }
}

/* Build the world of the schedule. */
static void
make_world(struct sim *sim)
{
    const struct sim_schedule *schedule = &sim->schedule;
    sim->random = (uint64_t)schedule->world.seed;
    sim->udp = schedule->world.udp != 0;
    sim->down_after_ms = schedule->world.down_after;
    sim->loss_permille = (unsigned)schedule->world.loss;
    sim->duplicate_permille = (unsigned)schedule->world.duplicate;
    sim->failover_at = LOCUM_NEVER;
    sim->last_fault = LOCUM_NEVER;
    sim->healed = LOCUM_NEVER;
    sim->end = schedule->world.end;
    sim->counts.first_down = sim->counts.last_down = sim->counts.disagree_since = LOCUM_NEVER;
    sim_world_config(sim);
    sim_keys_create(sim);
    for (locum_node node = 0; node < sim->nodes; node++) {
        make_site(sim, node);
    }
    make_links(sim);
    mix_names(sim);
    sim->redis[0].master = true;
    sim_push(sim, (struct sim_event){.at = 0, .kind = SIM_EVENT_WORLD});
    for (uint32_t i = 0; i < schedule->faults; i++) {
        const enum sim_fault_kind kind = schedule->fault[i].kind;
        sim->taping = sim->taping || kind == SIM_REPLAY;
        sim->closes_dns = sim->closes_dns || kind == SIM_DNS_BLOCK || kind == SIM_DNS_TAKEN;
        sim_push(sim, (struct sim_event){
                          .at = schedule->fault[i].at, .kind = SIM_EVENT_FAULT, .index = i});
    }
}

/* The timers of a node, until its run ends. */
static void
own_timer(struct sim *sim, const struct sim_event *event)
{
    const struct sim_node *self = &sim->node[event->node];
    const locum_ms period = event->kind == SIM_EVENT_SHELL  ? SIM_SHELL_MS
                            : event->kind == SIM_EVENT_POLL ? sim->config.sentinel_poll_ms
                            : event->kind == SIM_EVENT_DNS  ? SIM_DNS_MS
                                                            : SIM_CHECK_MS;
    if (event->token != self->run || !self->running) {
        return;
    }
    struct sim_event again = *event;
    again.at = sim->now + period;
    sim_push(sim, again);
    if (event->kind == SIM_EVENT_SAMPLE) {
        if (sim->config.nodes[event->node].role == LOCUM_ROLE_SERVER) {
            sim_node_input(sim, event);
        }
    } else if (!sim_node_frozen(sim, event->node)) {
        if (event->kind == SIM_EVENT_SHELL) {
            sim_redis_shell(sim, event->node);
        } else if (event->kind == SIM_EVENT_DNS) {
            sim_dns_ask(sim, event->node);
        } else {
            sim_sentinel_poll(sim, event->node);
        }
    }
}

/* Redis closes the subscriber's connection once more. */
static void
kick(struct sim *sim, const struct sim_event *event)
{
    struct sim_node *self = &sim->node[event->node];
    if (event->token == self->kick_token && self->kick_each > 0) {
        sim_redis_drop(sim, event->node);
        sim->changed = sim->now;
        struct sim_event again = *event;
        again.at = sim->now + self->kick_each;
        sim_push(sim, again);
    }
}

void
sim_happen(struct sim *sim, struct sim_event *event)
{
    switch ((enum sim_event_kind)event->kind) {
    case SIM_EVENT_FAULT: sim_fault_do(sim, event->index); break;
    case SIM_EVENT_THAW:
        if (event->token == sim->node[event->node].run) {
            sim_node_thaw(sim, event->node);
        }
        break;
    case SIM_EVENT_WORLD:
        sim_sentinel_world(sim);
        sim_push(sim, (struct sim_event){.at = sim->now + SIM_WORLD_MS, .kind = SIM_EVENT_WORLD});
        sim_green_try(sim);
        break;
    case SIM_EVENT_PUBLISH: sim_redis_arrived(sim, event); break;
    case SIM_EVENT_MESSAGE: sim_redis_message(sim, event); break;
    case SIM_EVENT_DATAGRAM:
    case SIM_EVENT_CLOCK:
    case SIM_EVENT_ADDRESS:
    case SIM_EVENT_POLLED: sim_node_input(sim, event); break;
    case SIM_EVENT_POLL:
    case SIM_EVENT_SAMPLE:
    case SIM_EVENT_DNS:
    case SIM_EVENT_SHELL: own_timer(sim, event); break;
    case SIM_EVENT_KICK: kick(sim, event); break;
    case SIM_EVENT_ATTACK: sim_attack(sim, event); break;
    case SIM_EVENT_VERDICT: sim_oracle_verdict(sim, event->index); break;
    case SIM_EVENT_COMMIT: sim_node_commit(sim, event); break;
    }
    sim_text_drop(event->text);
}

void
sim_run(struct sim *sim)
{
    struct sim_event event;
    make_world(sim);
    for (locum_node node = 0; node < sim->nodes; node++) {
        sim_node_start(sim, node, SIM_LEFT_NOTHING);
    }
    while (!sim->violated && sim_pop(sim, &event)) {
        if (event.at > sim->end && !sim_check_end(sim)) {
            sim_text_drop(event.text);
            break;
        }
        sim->now = event.at;
        sim_happen(sim, &event);
    }
}

void
sim_fini(struct sim *sim)
{
    struct sim_event event;
    while (sim_pop(sim, &event)) {
        sim_text_drop(event.text);
    }
    for (locum_node node = 0; node < sim->nodes; node++) {
        for (size_t i = 0; i < sim->node[node].inbox_count; i++) {
            sim_text_drop(sim->node[node].inbox[i].text);
        }
        free(sim->node[node].inbox);
    }
    for (size_t i = 0; i < SIM_TAPE_MAX; i++) {
        sim_text_drop(sim->tape[i].text);
    }
    sim_keys_destroy(sim);
    free(sim->queue);
}
