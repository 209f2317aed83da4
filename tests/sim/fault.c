/* fault: perform the faults of a schedule or a story. */
#include <string.h>

#include "forge.h"

/* One more or one less reason; a link that was healed meanwhile stays healed. */
static void
count(unsigned *reasons, bool more)
{
    if (more) {
        ++*reasons;
    } else if (*reasons > 0) {
        --*reasons;
    }
}

static void
cut(struct sim *sim, locum_node from, locum_node to, bool more)
{
    count(&sim->link[from][to].cut, more);
}

static void
cut_from_all(struct sim *sim, locum_node node, bool more)
{
    for (locum_node other = 0; other < sim->nodes; other++) {
        if (other != node) {
            cut(sim, node, other, more);
            cut(sim, other, node, more);
        }
    }
}

static void
block(struct sim *sim, locum_node from, locum_node to, bool more)
{
    count(&sim->link[from][to].udp_cut, more);
}

/* Block one direction of all links of a node, for everything or for datagrams. */
static void
close_way(struct sim *sim, locum_node node, bool in, bool udp_only, bool more)
{
    for (locum_node other = 0; other < sim->nodes; other++) {
        const locum_node from = in ? other : node;
        const locum_node to = in ? node : other;
        if (other != node) {
            (udp_only ? block : cut)(sim, from, to, more);
        }
    }
}

/* One family, both directions or only out. */
static void
cut_family(struct sim *sim, locum_node node, enum locum_family family, bool out_only, bool more)
{
    for (locum_node other = 0; other < sim->nodes; other++) {
        if (other != node) {
            count(&sim->link[node][other].family_cut[family], more);
            if (!out_only) {
                count(&sim->link[other][node].family_cut[family], more);
            }
        }
    }
}

static void
set_address(struct sim *sim, locum_node node, enum locum_family family, bool lost)
{
    struct sim_node *self = &sim->node[node];
    if (self->address_lost[family] == lost || !sim->config.nodes[node].has[family]) {
        return;
    }
    self->address_lost[family] = lost;
    cut_family(sim, node, family, false, lost);
    if (!lost) {
        self->address_known[family] = true;
        self->address_back[family] = sim->now;
    }
    if (self->running) {
        sim_node_address(sim, node, family);
    }
}

static void
do_family(struct sim *sim, const struct sim_fault *fault)
{
    const locum_node a = fault->a;
    const enum locum_family family = fault->amount == 6 ? LOCUM_V6 : LOCUM_V4;
    switch (fault->kind) {
    case SIM_FAMILY_CUT:
        sim_oracle_family_cut(sim, a, family);
        cut_family(sim, a, family, false, true);
        break;
    case SIM_FAMILY_UNCUT: cut_family(sim, a, family, false, false); break;
    case SIM_FAMILY_MUTE:
    case SIM_FAMILY_UNMUTE: cut_family(sim, a, family, true, fault->kind == SIM_FAMILY_MUTE); break;
    case SIM_FAMILY_CUT_LINK:
    case SIM_FAMILY_UNCUT_LINK:
        count(&sim->link[a][fault->b].family_cut[family], fault->kind == SIM_FAMILY_CUT_LINK);
        count(&sim->link[fault->b][a].family_cut[family], fault->kind == SIM_FAMILY_CUT_LINK);
        break;
    case SIM_ADDRESS_LOST:
        sim_oracle_family_cut(sim, a, family);
        set_address(sim, a, family, true);
        break;
    case SIM_ADDRESS_BACK: set_address(sim, a, family, false); break;
    default: break;
    }
}

static void
lag(struct sim *sim, locum_node node, locum_ms longer)
{
    for (locum_node other = 0; other < sim->nodes; other++) {
        sim->link[node][other].lag_ms = other == node ? 0 : longer;
    }
}

static void
sentinel_start(struct sim *sim, locum_node node)
{
    struct sim_sentinel *sentinel = &sim->sentinel[node];
    sentinel->alive = sentinel->exists;
    for (locum_node other = 0; other < sim->nodes; other++) {
        for (int i = 0; i < SIM_INSTANCES; i++) {
            sentinel->unanswered[other][i] = LOCUM_NEVER;
        }
    }
}

/* SENTINEL RESET: what does not answer now is forgotten; what answers is found again at once. */
static void
sentinel_reset(struct sim *sim, locum_node node)
{
    struct sim_sentinel *sentinel = &sim->sentinel[node];
    for (locum_node other = 0; other < sim->nodes; other++) {
        for (int i = 0; i < SIM_INSTANCES; i++) {
            sentinel->forgotten[other][i] = sentinel->unanswered[other][i] != LOCUM_NEVER;
        }
    }
}

static void
redis_set(struct sim *sim, locum_node node, bool alive)
{
    struct sim_redis *redis = &sim->redis[node];
    alive = alive && redis->exists;
    redis->run += redis->alive != alive ? 1 : 0;
    redis->alive = alive;
}

void
sim_fault_host_crash(struct sim *sim, locum_node node)
{
    if (!sim->node[node].host_up) {
        return;
    }
    sim_oracle_crash(sim, node, true);
    sim_node_stop(sim, node);
    redis_set(sim, node, false);
    sim->sentinel[node].alive = false;
    sim->node[node].host_up = false;
}

static void
host_boot(struct sim *sim, locum_node node)
{
    if (sim->node[node].host_up) {
        return;
    }
    sim->node[node].host_up = true;
    sim->node[node].boots++;
    for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
        sim->node[node].address_known[family] = !sim->node[node].address_lost[family];
        sim->node[node].address_back[family] = LOCUM_NEVER;
    }
    redis_set(sim, node, true);
    sentinel_start(sim, node);
    sim_node_start(sim, node, SIM_LEFT_ALL);
}

static void
crash(struct sim *sim, locum_node node)
{
    if (sim->node[node].running) {
        sim_oracle_crash(sim, node, false);
        sim_node_stop(sim, node);
    }
}

/* An operator's command, as an input of the core. */
static void
operate(struct sim *sim, const struct sim_fault *fault)
{
    struct locum_input event = {.kind = LOCUM_INPUT_LEAVE};
    if (!sim->node[fault->a].running || sim_node_frozen(sim, fault->a)) {
        return;
    }
    if (fault->kind == SIM_ADMIN) {
        event.kind = LOCUM_INPUT_ADMIN;
        event.admin.state = (enum locum_admin)fault->b;
        event.admin.for_ms = fault->amount > 0 ? fault->amount : LOCUM_NEVER;
    } else if (fault->kind == SIM_EXCLUDE || fault->kind == SIM_INCLUDE) {
        event.kind = LOCUM_INPUT_EXCLUDE;
        event.exclude.node = fault->b;
        event.exclude.excluded = fault->kind == SIM_EXCLUDE;
    } else {
        sim->node[fault->a].ever_left = true;
    }
    if (event.kind != LOCUM_INPUT_EXCLUDE ||
        fault->b < sim->node[fault->a].core.config.node_count) {
        sim_node_step(sim, fault->a, &event);
    }
}

static void
freeze_host(struct sim *sim, const struct sim_fault *fault)
{
    sim_node_freeze(sim, fault->a, fault->amount);
    sim->redis[fault->a].frozen_until = sim->now + fault->amount;
    sim->sentinel[fault->a].frozen_until = sim->now + fault->amount;
}

/* Its monotonic clock does not advance meanwhile. */
static void
suspend(struct sim *sim, const struct sim_fault *fault)
{
    if (sim->node[fault->a].running && !sim_node_frozen(sim, fault->a)) {
        sim->node[fault->a].suspended_at = sim->now;
    }
    freeze_host(sim, fault);
}

/* HEARTBEAT-4, rotation of a secret: the new one last, then first, then alone. */
static void
set_secret(struct sim *sim, locum_node node, locum_ms stage)
{
    static const struct {
        unsigned sign, accepts;
    } stages[] = {{0, 1}, {0, 3}, {1, 3}, {1, 2}};
    if (stage < (locum_ms)LOCUM_COUNT(stages)) {
        sim->node[node].stage = (unsigned)stage;
        sim->node[node].sign = stages[stage].sign;
        sim->node[node].accepts = stages[stage].accepts;
    }
}

static void
set_flaky(struct sim *sim, const struct sim_fault *fault)
{
    struct sim_node *node = &sim->node[fault->a];
    node->service_lacks =
        fault->kind == SIM_SERVICE_LACK || (node->service_lacks && fault->kind != SIM_SERVICE_BACK);
    if (fault->kind == SIM_SERVICE_LACK) {
        return;
    }
    node->service_ok = fault->kind == SIM_SERVICE_BACK || fault->kind == SIM_SERVICE_FLAKY;
    node->service_refuses = fault->kind == SIM_SERVICE_REFUSE;
    node->service_degraded = fault->kind == SIM_SERVICE_DEGRADE;
    node->service_flaky = fault->kind == SIM_SERVICE_FLAKY ? (unsigned)fault->amount : 0;
}

static void
heal_links(struct sim *sim)
{
    sim->loss_permille = 0;
    sim->duplicate_permille = 0;
    for (locum_node a = 0; a < sim->nodes; a++) {
        for (locum_node b = 0; b < sim->nodes; b++) {
            sim->link[a][b].cut = 0;
            sim->link[a][b].udp_cut = 0;
            sim->link[a][b].lag_ms = 0;
            memset(sim->link[a][b].family_cut, 0, sizeof(sim->link[a][b].family_cut));
        }
    }
}

/*
 * Without datagrams a site is healthy once TCP has delivered what loss has delayed: a segment that
 * was lost five times arrives after six seconds.
 */
static locum_ms
streams_well_at(const struct sim *sim)
{
    locum_ms at = sim->now;
    for (locum_node node = 0; node < sim->nodes && !sim->udp; node++) {
        for (size_t way = 0; way < 2; way++) {
            const locum_ms arrival = sim->node[node].redis.last_arrival[way];
            at = arrival > at ? arrival : at;
        }
    }
    return at;
}

static void
heal(struct sim *sim)
{
    heal_links(sim);
    for (locum_node node = 0; node < sim->nodes; node++) {
        struct sim_node *self = &sim->node[node];
        set_address(sim, node, LOCUM_V4, false);
        set_address(sim, node, LOCUM_V6, false);
        host_boot(sim, node);
        sim_node_start(sim, node, SIM_LEFT_ALL);
        redis_set(sim, node, true);
        sim->redis[node].frozen_until = 0;
        sim->redis[node].loading = sim->redis[node].misconf = false;
        sim->sentinel[node].frozen_until = 0;
        if (!sim->sentinel[node].alive) {
            sentinel_start(sim, node);
        }
        sim->sentinel[node].tilt = sim->sentinel[node].removed = false;
        sim_sentinel_lie(sim, node, 0);
        sim->redis[node].unmapped = self->publish_refused = false;
        self->dns_blocked = self->dns_taken = false;
        self->service_ok = true;
        self->service_lacks = false;
        self->service_flaky = 0;
        self->kick_each = 0;
        self->accepts = 3;
        if (sim_node_frozen(sim, node)) {
            self->frozen_until = sim->now;
            sim_node_thaw(sim, node);
        }
        if (self->older) {
            sim_node_reload(sim, node, self->variant);
        }
        operate(sim, &(struct sim_fault){.kind = SIM_ADMIN, .a = node, .b = LOCUM_READY});
        for (locum_node other = 0; other < sim->nodes; other++) {
            if (other != node) {
                operate(sim, &(struct sim_fault){.kind = SIM_INCLUDE, .a = node, .b = other});
            }
        }
    }
    sim->healed = streams_well_at(sim);
}

static void
do_host(struct sim *sim, const struct sim_fault *fault)
{
    struct sim_node *node = &sim->node[fault->a];
    switch (fault->kind) {
    case SIM_HOST_CRASH: sim_fault_host_crash(sim, fault->a); break;
    case SIM_HOST_BOOT: host_boot(sim, fault->a); break;
    case SIM_CRASH: crash(sim, fault->a); break;
    case SIM_START: sim_node_start(sim, fault->a, SIM_LEFT_ALL); break;
    case SIM_START_EMPTY: sim_node_start(sim, fault->a, SIM_LEFT_NOTHING); break;
    case SIM_START_OLDER: sim_node_start(sim, fault->a, SIM_LEFT_OLDER); break;
    case SIM_START_NEXT:
        node->next_version = true;
        sim_node_start(sim, fault->a, SIM_LEFT_ALL);
        break;
    case SIM_REPLACE: sim_node_replace(sim, fault->a, fault->amount); break;
    case SIM_FREEZE: sim_node_freeze(sim, fault->a, fault->amount); break;
    case SIM_FREEZE_HOST: freeze_host(sim, fault); break;
    case SIM_SUSPEND: suspend(sim, fault); break;
    case SIM_WALL_STEP: node->wall_offset += fault->amount; break;
    case SIM_SERVICE_FAIL:
    case SIM_SERVICE_REFUSE:
    case SIM_SERVICE_FLAKY:
    case SIM_SERVICE_DEGRADE:
    case SIM_SERVICE_LACK:
    case SIM_SERVICE_BACK: set_flaky(sim, fault); break;
    case SIM_RECONFIGURE: sim_node_reload(sim, fault->a, fault->amount != 0); break;
    case SIM_SECRET: set_secret(sim, fault->a, fault->amount); break;
    case SIM_UNSYNC:
    case SIM_SYNC:
        node->unsynchronised = fault->kind == SIM_UNSYNC;
        sim_node_clock(sim, fault->a);
        break;
    default: operate(sim, fault); break;
    }
}

static void
do_net(struct sim *sim, const struct sim_fault *fault)
{
    const locum_node a = fault->a;
    const locum_node b = fault->b;
    switch (fault->kind) {
    case SIM_CUT:
    case SIM_UNCUT:
        cut(sim, a, b, fault->kind == SIM_CUT);
        cut(sim, b, a, fault->kind == SIM_CUT);
        break;
    case SIM_CUT_ONE_WAY: cut(sim, a, b, true); break;
    case SIM_UNCUT_ONE_WAY: cut(sim, a, b, false); break;
    case SIM_ISOLATE: cut_from_all(sim, a, true); break;
    case SIM_REJOIN: cut_from_all(sim, a, false); break;
    case SIM_MUTE: close_way(sim, a, false, false, true); break;
    case SIM_UNMUTE: close_way(sim, a, false, false, false); break;
    case SIM_BLOCK_IN: close_way(sim, a, true, false, true); break;
    case SIM_UNBLOCK_IN: close_way(sim, a, true, false, false); break;
    case SIM_UDP_BLOCK:
    case SIM_UDP_UNBLOCK:
        block(sim, a, b, fault->kind == SIM_UDP_BLOCK);
        block(sim, b, a, fault->kind == SIM_UDP_BLOCK);
        break;
    case SIM_UDP_BLOCK_IN: close_way(sim, a, true, true, true); break;
    case SIM_UDP_UNBLOCK_IN: close_way(sim, a, true, true, false); break;
    case SIM_LAG: lag(sim, a, fault->amount); break;
    case SIM_LOSS: sim->loss_permille = (unsigned)fault->amount; break;
    default: break;
    }
}

static void
do_dns(struct sim *sim, const struct sim_fault *fault)
{
    struct sim_node *node = &sim->node[fault->a];
    if (fault->kind == SIM_DNS_BLOCK || fault->kind == SIM_DNS_UNBLOCK) {
        node->dns_blocked = fault->kind == SIM_DNS_BLOCK;
    } else {
        node->dns_taken = fault->kind == SIM_DNS_TAKEN;
    }
}

static void
kick_each(struct sim *sim, locum_node node, locum_ms each)
{
    struct sim_node *self = &sim->node[node];
    self->kick_each = each;
    self->kick_token++;
    sim_push(sim,
             (struct sim_event){
                 .at = sim->now, .kind = SIM_EVENT_KICK, .node = node, .token = self->kick_token});
}

static void
do_redis(struct sim *sim, const struct sim_fault *fault)
{
    const locum_node a = fault->a;
    const bool up = sim->node[a].host_up;
    struct sim_redis *redis = &sim->redis[a];
    switch (fault->kind) {
    case SIM_REDIS_KILL: redis_set(sim, a, false); break;
    case SIM_REDIS_START: redis_set(sim, a, up); break;
    case SIM_REDIS_FREEZE: redis->frozen_until = sim->now + fault->amount; break;
    case SIM_REDIS_LOADING: redis->loading = true; break;
    case SIM_REDIS_MISCONF: redis->misconf = true; break;
    case SIM_REDIS_WELL: redis->loading = redis->misconf = false; break;
    case SIM_KICK: sim_redis_drop(sim, a); break;
    case SIM_KICK_EACH: kick_each(sim, a, fault->amount); break;
    case SIM_SENTINEL_KILL: sim->sentinel[a].alive = false; break;
    case SIM_SENTINEL_START:
        if (up) {
            sentinel_start(sim, a);
        }
        break;
    case SIM_TILT: sim->sentinel[a].tilt = true; break;
    case SIM_UNTILT: sim->sentinel[a].tilt = false; break;
    case SIM_LIE:
    case SIM_HONEST:
        sim_sentinel_lie(sim, a, fault->kind == SIM_LIE ? locum_nodes_of(fault->b) : 0);
        break;
    case SIM_REMOVE:
    case SIM_MONITOR: sim->sentinel[a].removed = fault->kind == SIM_REMOVE; break;
    case SIM_UNMAP:
    case SIM_MAP: redis->unmapped = fault->kind == SIM_UNMAP; break;
    case SIM_RESET: sentinel_reset(sim, a); break;
    case SIM_REFUSE:
    case SIM_ALLOW: sim->node[a].publish_refused = fault->kind == SIM_REFUSE; break;
    default: break;
    }
}

void
sim_fault_do(struct sim *sim, size_t index)
{
    const struct sim_fault *fault = &sim->schedule.fault[index];
    if (sim->healed != LOCUM_NEVER) {
        return;
    }
    sim_trace_fault(sim, fault);
    sim_paths_note(sim);
    sim->changed = sim->now;
    if (fault->kind == SIM_HEAL) {
        heal(sim);
    } else if (fault->kind >= SIM_REPLAY && fault->kind <= SIM_IMPERSONATE) {
        sim_attack(sim, &(struct sim_event){.kind = SIM_EVENT_ATTACK, .index = (uint32_t)index});
        sim->changed = sim->now + fault->amount;
        return; /* it has no effect on what is expected of the others */
    } else if (fault->kind >= SIM_FORGE_SEQ && fault->kind <= SIM_FORGE_ACK) {
        sim_forge(sim, fault);
    } else if (fault->kind == SIM_INSIDER) {
        sim_insider_begin(sim, fault);
        sim->changed += fault->amount;
    } else if (fault->kind >= SIM_DNS_BLOCK && fault->kind <= SIM_DNS_FREED) {
        do_dns(sim, fault);
        return; /* DNS-4: no vote and no plan reads it */
    } else if (fault->kind >= SIM_FAMILY_CUT && fault->kind <= SIM_ADDRESS_BACK) {
        do_family(sim, fault);
    } else if (fault->kind >= SIM_CUT && fault->kind <= SIM_LOSS) {
        do_net(sim, fault);
    } else if (fault->kind >= SIM_REDIS_KILL && fault->kind <= SIM_ALLOW) {
        do_redis(sim, fault);
    } else {
        do_host(sim, fault);
    }
    sim_paths_note(sim);
    sim->last_fault = sim->now;
}
