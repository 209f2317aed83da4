/* world: the cluster's shape, and the loop. */
#include <stdlib.h>

#include "sim.h"

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

static void
add_node(struct sim *sim, enum locum_role role, const char *prefix, unsigned number)
{
    struct locum_core_node *node = &sim->config.nodes[sim->config.node_count++];
    struct locum_text name = locum_text_init(node->name, sizeof(node->name));
    locum_text_add(&name, prefix);
    locum_text_add_u64(&name, number);
    node->role = role;
    node->has[LOCUM_V4] = role == LOCUM_ROLE_SERVER;
}

static void
add_name(struct sim *sim, locum_node owner, enum locum_policy policy)
{
    sim->config.names[sim->config.name_count++] = (struct locum_core_name){
        .owner = owner, .policy = policy, .ttl_s = 60, .failover_ttl_s = 15};
}

static void
make_config(struct sim *sim, size_t servers, size_t witnesses, size_t sentinels)
{
    struct locum_core_config *config = &sim->config;
    struct locum_text cluster = locum_text_init(config->cluster, sizeof(config->cluster));
    locum_text_add(&cluster, "get");
    for (unsigned i = 0; i < servers; i++) {
        add_node(sim, LOCUM_ROLE_SERVER, "dc", 2 + i);
    }
    for (unsigned i = 0; i < witnesses; i++) {
        add_node(sim, LOCUM_ROLE_WITNESS, "ns", i);
    }
    for (unsigned i = 0; i < sentinels; i++) {
        add_node(sim, LOCUM_ROLE_SENTINEL, "s", i);
    }
    add_name(sim, LOCUM_NODE_NONE, LOCUM_ANSWER_SELF);
    add_name(sim, LOCUM_NODE_NONE, LOCUM_ANSWER_ALL);
    for (locum_node i = 0; i < servers; i++) {
        add_name(sim, i, LOCUM_ANSWER_SELF);
    }
    config->checks[0] = (struct locum_core_check){
        .counts = true, .rise = 2, .fall = 3, .fast_fail = true, .interval_ms = SIM_CHECK_MS};
    config->check_count = 1;
    config->interval_ms = 125;
    config->timeout_ms = 1000;
    config->recover_after_ms = 5000;
    config->sentinel_poll_ms = 500;
    config->quorum = (uint32_t)config->node_count / 2 + 1;
    config->min_serving = 1;
    struct locum_text digest = locum_text_init(config->digest, sizeof(config->digest));
    locum_text_add(&digest, "a1b2c3d4");
    struct locum_text version = locum_text_init(config->version, sizeof(config->version));
    locum_text_add(&version, "0.1.0");
}

static void
make_site(struct sim *sim, locum_node node)
{
    const enum locum_role role = sim->config.nodes[node].role;
    struct sim_sentinel *sentinel = &sim->sentinel[node];
    sim->redis[node].exists = sim->redis[node].alive = role == LOCUM_ROLE_SERVER;
    sim->redis[node].demote_at = LOCUM_NEVER;
    sentinel->exists = sentinel->alive = true;
    sim->node[node].host_up = true;
    sim->node[node].service_ok = true;
    sim->node[node].mono_offset = sim_between(sim, 1000, 1000000);
    sim->node[node].wall_offset = 1763863200000 + sim_between(sim, -300, 300);
    for (locum_node other = 0; other < sim->nodes; other++) {
        for (int i = 0; i < SIM_INSTANCES; i++) {
            sentinel->next_ping[other][i] = sim_between(sim, 0, 999);
            sentinel->unanswered[other][i] = LOCUM_NEVER;
        }
        sim->link[node][other].delay_ms = node == other ? 0 : 8;
        sim->pair[node][other] = (struct sim_pair){
            .heard = LOCUM_NEVER,
            .accepted = LOCUM_NEVER,
            .gap = LOCUM_NEVER,
            .held_down = LOCUM_NEVER,
        };
    }
}

void
sim_world_shape(struct sim *sim, uint64_t seed, size_t servers, size_t witnesses, size_t sentinels)
{
    sim->seed = seed;
    sim->random = seed;
    sim->udp = true;
    sim->down_after_ms = 500;
    sim->delay_max_ms = 8;
    sim->failover_at = LOCUM_NEVER;
    sim->last_fault = LOCUM_NEVER;
    sim->healed = LOCUM_NEVER;
    sim->end = SIM_END_MS;
    make_config(sim, servers, witnesses, sentinels);
    sim->nodes = sim->config.node_count;
    sim->servers = servers;
    for (locum_node node = 0; node < sim->nodes; node++) {
        make_site(sim, node);
    }
    sim->redis[0].master = true;
    sim_push(sim, (struct sim_event){.at = 0, .kind = SIM_EVENT_WORLD});
}

static void
random_timing(struct sim *sim)
{
    struct locum_core_config *config = &sim->config;
    if (sim_chance(sim, 300)) {
        config->timeout_ms = sim_between(sim, 800, 2000);
        config->interval_ms = sim_between(sim, 60, config->timeout_ms / 8);
        config->recover_after_ms = sim_between(sim, 2000, 5000);
    }
    sim->down_after_ms = sim_chance(sim, 500) ? 500 : 1000;
    const locum_ms delay_max = sim_between(sim, 2, 50);
    const locum_ms jitter_max = sim_between(sim, 0, 25);
    for (locum_node a = 0; a < sim->nodes; a++) {
        for (locum_node b = 0; b < sim->nodes; b++) {
            if (a != b) {
                sim->link[a][b].delay_ms = sim_between(sim, 1, delay_max);
                sim->link[a][b].jitter_ms = jitter_max;
            }
        }
    }
    sim->delay_max_ms = delay_max + jitter_max;
}

/* Some servers have IPv6 too; some names have a list of successors. */
static void
random_names(struct sim *sim)
{
    for (locum_node node = 0; node < sim->servers; node++) {
        struct locum_core_node *self = &sim->config.nodes[node];
        self->has[LOCUM_V6] = sim_chance(sim, 500);
        if (sim_chance(sim, 300)) {
            const locum_node other = (locum_node)sim_random(sim, sim->servers);
            self->failover[0] = other;
            self->failover_count = other == node ? 0 : 1;
        }
    }
}

void
sim_world_random(struct sim *sim, uint64_t seed)
{
    sim->random = seed;
    const size_t servers = 2 + sim_random(sim, 4);
    const size_t witnesses = sim_random(sim, 3);
    const size_t sentinels = servers + witnesses < SIM_NODES_MAX ? sim_random(sim, 2) : 0;
    sim_world_shape(sim, seed, servers, witnesses, sentinels);
    if (sim->nodes == 2 && sim_chance(sim, 500)) {
        sim->config.quorum = 1;
    }
    sim->udp = !sim_chance(sim, 150);
    random_timing(sim);
    random_names(sim);
    sim_schedule_random(sim);
}

/* A node's own timers run as long as its run does. */
static void
own_timer(struct sim *sim, const struct sim_event *event)
{
    const struct sim_node *self = &sim->node[event->node];
    const locum_ms period = event->kind == SIM_EVENT_SHELL  ? SIM_SHELL_MS
                            : event->kind == SIM_EVENT_POLL ? sim->config.sentinel_poll_ms
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
        } else {
            sim_sentinel_poll(sim, event->node);
        }
    }
}

static void
happen(struct sim *sim, struct sim_event *event)
{
    switch (event->kind) {
    case SIM_EVENT_FAULT: sim_fault_do(sim, &sim->fault[event->index]); break;
    case SIM_EVENT_THAW:
        if (event->token == sim->node[event->node].run) {
            sim_node_thaw(sim, event->node);
        }
        break;
    case SIM_EVENT_WORLD:
        sim_sentinel_world(sim);
        sim_push(sim, (struct sim_event){.at = sim->now + SIM_WORLD_MS, .kind = SIM_EVENT_WORLD});
        break;
    case SIM_EVENT_PUBLISH: sim_redis_arrived(sim, event); break;
    case SIM_EVENT_MESSAGE: sim_redis_message(sim, event); break;
    case SIM_EVENT_DATAGRAM:
    case SIM_EVENT_POLLED: sim_node_input(sim, event); break;
    case SIM_EVENT_POLL:
    case SIM_EVENT_SAMPLE:
    case SIM_EVENT_SHELL: own_timer(sim, event); break;
    case SIM_EVENT_VERDICT: sim_oracle_verdict(sim, event->index); break;
    case SIM_EVENT_TURN: sim_node_turn(sim, event); break;
    }
    sim_text_drop(event->text);
}

void
sim_run(struct sim *sim)
{
    struct sim_event event;
    for (locum_node node = 0; node < sim->nodes; node++) {
        sim_node_start(sim, node, false);
    }
    while (sim->violations == 0 && sim_pop(sim, &event)) {
        if (event.at > sim->end && !sim_check_end(sim)) {
            sim_text_drop(event.text);
            break;
        }
        sim->now = event.at;
        happen(sim, &event);
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
    }
    free(sim->queue);
}
