/* schedule: the faults of a random schedule. All of them have healed at SIM_HEAL_MS. */
#include "forge.h"

enum {
    FIRST_MS = 4000,
    LAST_MS = 18000,
    NEWCOMER_EACH = 19,
    DNS_PERMILLE = 150,
    DNS_DICE = 53,
    KEYS_PERMILLE = 100,
    KEYS_DICE = 87,
    LIE_PERMILLE = 350,
    LIE_DICE = 4711
};

/* A fault that another one ends; `back` is SIM_HEAL if it ends by itself. */
struct recipe {
    enum sim_fault_kind kind, back;
    unsigned weight;
    locum_ms at_least, at_most; /* how long, or `amount` where it ends by itself */
};

static const struct recipe recipes[] = {
    {SIM_HOST_CRASH, SIM_HOST_BOOT, 5, 300, 12000},
    {SIM_CRASH, SIM_START, 5, 50, 9000},
    {SIM_CRASH, SIM_START_EMPTY, 1, 100, 4000},
    {SIM_CRASH, SIM_START_OLDER, 2, 50, 9000},
    {SIM_REPLACE, SIM_HEAL, 4, 5, 3000},
    {SIM_LEAVE, SIM_START, 3, 300, 6000},
    {SIM_LEAVE, SIM_START_NEXT, 2, 300, 2000},
    {SIM_FREEZE, SIM_HEAL, 3, 50, 6000},
    {SIM_FREEZE_HOST, SIM_HEAL, 2, 50, 6000},
    {SIM_SUSPEND, SIM_HEAL, 3, 50, 6000},
    {SIM_CUT, SIM_UNCUT, 4, 100, 9000},
    {SIM_CUT_ONE_WAY, SIM_UNCUT_ONE_WAY, 3, 100, 9000},
    {SIM_ISOLATE, SIM_REJOIN, 3, 100, 9000},
    {SIM_MUTE, SIM_UNMUTE, 2, 100, 9000},
    {SIM_BLOCK_IN, SIM_UNBLOCK_IN, 2, 100, 9000},
    {SIM_UDP_BLOCK, SIM_UDP_UNBLOCK, 3, 100, 14000},
    {SIM_UDP_BLOCK_IN, SIM_UDP_UNBLOCK_IN, 2, 100, 14000},
    {SIM_FAMILY_CUT, SIM_FAMILY_UNCUT, 5, 100, 14000},
    {SIM_FAMILY_MUTE, SIM_FAMILY_UNMUTE, 2, 100, 9000},
    {SIM_FAMILY_CUT_LINK, SIM_FAMILY_UNCUT_LINK, 3, 100, 14000},
    {SIM_ADDRESS_LOST, SIM_ADDRESS_BACK, 3, 100, 14000},
    {SIM_LAG, SIM_LAG, 2, 100, 3000},
    {SIM_LOSS, SIM_LOSS, 2, 500, 9000},
    {SIM_REDIS_KILL, SIM_REDIS_START, 3, 100, 12000},
    {SIM_REDIS_FREEZE, SIM_HEAL, 3, 100, 9000},
    {SIM_REDIS_MISCONF, SIM_REDIS_WELL, 2, 500, 9000},
    {SIM_REDIS_LOADING, SIM_REDIS_WELL, 1, 500, 9000},
    {SIM_KICK, SIM_HEAL, 2, 0, 0},
    {SIM_KICK_EACH, SIM_KICK_EACH, 1, 1000, 9000},
    {SIM_SENTINEL_KILL, SIM_SENTINEL_START, 2, 100, 9000},
    {SIM_TILT, SIM_UNTILT, 1, 1000, 12000},
    {SIM_LIE, SIM_HONEST, 3, 1000, 12000},
    {SIM_REMOVE, SIM_MONITOR, 2, 1000, 12000},
    {SIM_UNMAP, SIM_MAP, 2, 1000, 12000},
    {SIM_RESET, SIM_HEAL, 1, 0, 0},
    {SIM_REFUSE, SIM_ALLOW, 2, 1000, 12000},
    {SIM_WALL_STEP, SIM_HEAL, 2, -86400000, 86400000},
    {SIM_ADMIN, SIM_ADMIN, 2, 500, 9000},
    {SIM_SERVICE_FAIL, SIM_SERVICE_BACK, 3, 300, 6000},
    {SIM_SERVICE_REFUSE, SIM_SERVICE_BACK, 3, 100, 6000},
    {SIM_SERVICE_FLAKY, SIM_SERVICE_BACK, 2, 1000, 9000},
    {SIM_SERVICE_DEGRADE, SIM_SERVICE_BACK, 4, 300, 9000},
    {SIM_SERVICE_LACK, SIM_SERVICE_BACK, 3, 300, 16000},
    {SIM_EXCLUDE, SIM_INCLUDE, 1, 500, 9000},
    {SIM_RECONFIGURE, SIM_RECONFIGURE, 2, 100, 9000},
    {SIM_REPLAY, SIM_HEAL, 1, 500, 4000},
    {SIM_SPOOF, SIM_HEAL, 1, 500, 4000},
};

/* The random numbers, and the schedule that they fill. */
struct draw {
    struct sim dice;
    struct sim_schedule *schedule;
    size_t nodes, servers;
};

static const struct recipe *
pick(struct sim *dice)
{
    unsigned all = 0;
    for (size_t i = 0; i < LOCUM_COUNT(recipes); i++) {
        all += recipes[i].weight;
    }
    unsigned left = (unsigned)sim_random(dice, all);
    const struct recipe *recipe = recipes;
    while (left >= recipe->weight) {
        left -= recipe->weight;
        recipe++;
    }
    return recipe;
}

/* Short times as often as long ones. */
static locum_ms
duration(struct sim *dice, const struct recipe *recipe)
{
    const locum_ms most =
        sim_chance(dice, 500) ? recipe->at_most : recipe->at_least + recipe->at_most / 8;
    return most > recipe->at_least ? sim_between(dice, recipe->at_least, most) : recipe->at_least;
}

void
sim_schedule_add(struct sim_schedule *schedule, struct sim_fault fault)
{
    if (schedule->faults < SIM_FAULTS_MAX) {
        schedule->fault[schedule->faults++] = fault;
    }
}

static void
add(struct draw *draw, locum_ms at, enum sim_fault_kind kind, size_t a, size_t b, locum_ms amount)
{
    sim_schedule_add(
        draw->schedule,
        (struct sim_fault){
            .at = at, .kind = kind, .a = (locum_node)a, .b = (locum_node)b, .amount = amount});
}

static locum_ms
amount_of(struct sim *dice, enum sim_fault_kind kind, locum_ms lasts)
{
    switch (kind) {
    case SIM_LOSS: return sim_between(dice, 0, 400);
    case SIM_KICK_EACH: return sim_between(dice, 200, 1500);
    case SIM_SERVICE_FLAKY: return sim_between(dice, 100, 900);
    case SIM_RECONFIGURE: return 1;
    case SIM_FAMILY_CUT:
    case SIM_FAMILY_MUTE:
    case SIM_FAMILY_CUT_LINK:
    case SIM_ADDRESS_LOST: return sim_chance(dice, 700) ? 6 : 4;
    case SIM_ADMIN: return sim_chance(dice, 500) ? lasts / 2 : 0;
    default: return lasts;
    }
}

static void
add_recipe(struct draw *draw, const struct recipe *recipe)
{
    struct sim *dice = &draw->dice;
    const bool server_only =
        (recipe->kind >= SIM_SERVICE_FAIL && recipe->kind <= SIM_SERVICE_BACK) ||
        recipe->kind == SIM_UNMAP;
    const bool redis = recipe->kind >= SIM_REDIS_KILL && recipe->kind <= SIM_REDIS_WELL;
    const size_t a = sim_random(dice, server_only || redis ? draw->servers : draw->nodes);
    size_t b = (a + 1 + sim_random(dice, draw->nodes - 1)) % draw->nodes;
    const locum_ms at = sim_between(dice, FIRST_MS, LAST_MS);
    const locum_ms lasts = duration(dice, recipe);
    if (recipe->kind == SIM_ADMIN) {
        b = (size_t)sim_between(dice, LOCUM_DRAIN, LOCUM_MAINT);
    }
    const locum_ms amount = amount_of(dice, recipe->kind, lasts);
    const bool family = recipe->kind >= SIM_FAMILY_CUT && recipe->kind <= SIM_ADDRESS_BACK;
    add(draw, at, recipe->kind, a, b, amount);
    if (recipe->back != SIM_HEAL) {
        add(draw, at + lasts, recipe->back, a, recipe->kind == SIM_ADMIN ? LOCUM_READY : b,
            family ? amount : 0);
    }
}

/* One crash on good links. Sometimes its last heartbeats arrive late, a Sentinel is in TILT, or an
 * attacker replays its heartbeats. */
static void
add_crash(struct draw *draw)
{
    struct sim *dice = &draw->dice;
    const size_t node = sim_random(dice, draw->nodes);
    const locum_ms at = sim_between(dice, FIRST_MS, LAST_MS);
    const bool host = sim_chance(dice, 700);
    if (sim_chance(dice, 200)) {
        const locum_ms lag_ms = sim_between(dice, 500, 2000);
        add(draw, at - sim_between(dice, 0, 500), SIM_LAG, node, 0, lag_ms);
    }
    if (sim_chance(dice, 200)) {
        add(draw, at - sim_between(dice, 0, 500), SIM_TILT, draw->nodes - 1, 0, 0);
    }
    if (sim_chance(dice, 200)) {
        add(draw, at + sim_between(dice, 0, 2000), SIM_REPLAY, node, 0, 4000);
    }
    add(draw, at, host ? SIM_HOST_CRASH : SIM_CRASH, node, 0, 0);
}

/* One node loses one address family on good links: its address, or only the way to it. */
static void
add_family_cut(struct draw *draw)
{
    struct sim *dice = &draw->dice;
    const size_t node = sim_random(dice, draw->nodes);
    const locum_ms at = sim_between(dice, FIRST_MS, LAST_MS);
    const bool address = sim_chance(dice, 300);
    draw->schedule->world.dual = 1;
    add(draw, at, address ? SIM_ADDRESS_LOST : SIM_FAMILY_CUT, node, 0,
        sim_chance(dice, 600) ? 6 : 4);
}

/* A service that fails and recovers again and again. */
static void
add_flapping(struct draw *draw)
{
    struct sim *dice = &draw->dice;
    const size_t node = sim_random(dice, draw->servers);
    locum_ms at = sim_between(dice, FIRST_MS, 8000);
    while (at < SIM_HEAL_MS) {
        const enum sim_fault_kind kinds[] = {SIM_SERVICE_FAIL, SIM_SERVICE_REFUSE,
                                             SIM_SERVICE_DEGRADE, SIM_SERVICE_LACK};
        add(draw, at, kinds[sim_random(dice, LOCUM_COUNT(kinds))], node, 0, 0);
        at += sim_between(dice, 800, 3000);
        add(draw, at, SIM_SERVICE_BACK, node, 0, 0);
        at += sim_between(dice, 300, 4000);
    }
}

/*
 * A new secret last on every node, then first, then alone; or another configuration on one node
 * after the other; or another version.
 */
static void
add_rollover(struct draw *draw)
{
    struct sim *dice = &draw->dice;
    const uint64_t what = sim_random(dice, 3);
    const int64_t stages = what == 0 ? 3 : 1;
    locum_ms at = FIRST_MS;
    for (int64_t stage = 1; stage <= stages; stage++) {
        for (size_t node = 0; node < draw->nodes; node++) {
            at += sim_between(dice, 10, 4 * SIM_END_MS / (locum_ms)(10 * draw->nodes));
            if (what == 2) {
                add(draw, at, SIM_LEAVE, node, 0, 0);
                add(draw, at + sim_between(dice, 220, 900), SIM_START_NEXT, node, 0, 0);
            } else {
                add(draw, at, what == 0 ? SIM_SECRET : SIM_RECONFIGURE, node, 0, stage);
            }
        }
    }
}

static void
draw_world(struct draw *draw, uint64_t seed)
{
    struct sim *dice = &draw->dice;
    struct sim_world *world = &draw->schedule->world;
    *world = sim_world_usual;
    world->seed = (int64_t)seed;
    world->servers = sim_chance(dice, 600) ? sim_between(dice, 2, 3) : sim_between(dice, 2, 9);
    world->witnesses = sim_between(dice, 0, 2);
    world->sentinels = sim_chance(dice, 400) ? sim_between(dice, 1, 2) : 0;
    world->lone = sim_chance(dice, 50) ? 1 : 0;
    world->quorum =
        world->servers == 2 && world->witnesses + world->sentinels == 0 && sim_chance(dice, 500)
            ? 1
            : 0;
    world->udp = sim_chance(dice, 150) ? 0 : 1;
    world->mixed = 1;
    world->dual = sim_chance(dice, 400) ? 1 : 0;
    if (sim_chance(dice, 300)) {
        world->timeout = sim_between(dice, 800, 2000);
        world->interval = sim_between(dice, 60, world->timeout / 8);
        world->recover_after = sim_between(dice, 2000, 5000);
    }
    world->down_after = sim_chance(dice, 500) ? 500 : 1000;
    world->delay_min = 1;
    world->delay_max = sim_between(dice, 2, 50);
    world->jitter = sim_between(dice, 0, 25);
    world->duplicate = sim_chance(dice, 200) ? 50 : 0;
    draw->servers = (size_t)world->servers;
    draw->nodes = (size_t)(world->servers + world->witnesses + world->sentinels);
}

static void
draw_faults(struct draw *draw)
{
    struct sim *dice = &draw->dice;
    struct sim_world *world = &draw->schedule->world;
    const uint64_t kind = sim_random(dice, 16);
    if (kind == 0) { /* only loss */
        world->udp = 1;
        world->calm = 1;
        world->loss = sim_between(dice, 0, 100);
        return;
    }
    if (kind <= 2) {
        add_crash(draw);
        return;
    }
    if (kind >= 14) {
        add_family_cut(draw);
        return;
    }
    world->loss = sim_chance(dice, 300) ? sim_between(dice, 0, 100) : 0;
    if (kind == 3) {
        add_flapping(draw);
    } else if (kind == 4) {
        add_rollover(draw);
    }
    for (size_t left = 1 + sim_random(dice, kind == 5 ? 14 : 5); left > 0; left--) {
        add_recipe(draw, pick(dice));
    }
}

/* The last node is new: the others are reloaded one after the other. */
static void
add_newcomer(struct draw *draw)
{
    draw->schedule->world.newcomer = 1;
    for (size_t node = 0; node + 1 < draw->nodes; node++) {
        add(draw, sim_between(&draw->dice, 500, LAST_MS), SIM_RECONFIGURE, node, 0, 0);
    }
}

/*
 * The port 53 of one server is closed for a while, or that of all but one: in some of all
 * schedules, whatever else they have. Dice of its own leave the rest of them as it is.
 */
static void
add_dns(struct draw *draw, uint64_t seed)
{
    struct sim *dice = &draw->dice;
    dice->random = seed ^ DNS_DICE;
    if (!sim_chance(dice, DNS_PERMILLE)) {
        return;
    }
    const bool taken = sim_chance(dice, 300);
    const bool most = sim_chance(dice, 600);
    const size_t chosen = sim_random(dice, draw->servers);
    for (size_t node = 0; node < draw->servers; node++) {
        const locum_ms at = sim_between(dice, FIRST_MS, 8000);
        const locum_ms lasts = sim_between(dice, 1000, SIM_HEAL_MS - FIRST_MS);
        if (most != (node == chosen)) {
            add(draw, at, taken ? SIM_DNS_TAKEN : SIM_DNS_BLOCK, node, 0, 0);
            add(draw, at + lasts, taken ? SIM_DNS_FREED : SIM_DNS_UNBLOCK, node, 0, 0);
        }
    }
}

/* Heartbeats in the name of one node that reach another one, and that it did not send. */
static void
add_forged(struct draw *draw)
{
    static const enum sim_fault_kind kinds[] = {SIM_FORGE_SEQ, SIM_FORGE_RUN, SIM_FORGE_STALE,
                                                SIM_FORGE_ACK};
    static const locum_ms powers[] = {0, 41, 45, 52, 53};
    struct sim *dice = &draw->dice;
    for (size_t left = 1 + sim_random(dice, 4); left > 0; left--) {
        const size_t a = sim_random(dice, draw->nodes);
        const size_t b = (a + 1 + sim_random(dice, draw->nodes - 1)) % draw->nodes;
        add(draw, sim_between(dice, FIRST_MS, LAST_MS), kinds[sim_random(dice, 4)], a, b,
            powers[sim_random(dice, 5)]);
    }
}

/* A node that starts without what it had saved and with its clock set back. */
static void
add_lost_number(struct draw *draw)
{
    struct sim *dice = &draw->dice;
    const size_t node = sim_random(dice, draw->nodes);
    const locum_ms at = sim_between(dice, FIRST_MS, LAST_MS);
    add(draw, at, SIM_CRASH, node, 0, 0);
    add(draw, at, SIM_WALL_STEP, node, 0, -sim_between(dice, 1000, 3 * 86400000));
    add(draw, at + sim_between(dice, 50, 5000), SIM_START_EMPTY, node, 0, 0);
}

/*
 * A clock that is not synchronised; forged heartbeats, an insider or a lost number: in some of all
 * schedules, whatever else they have, with dice of its own.
 */
static void
add_lies(struct draw *draw, uint64_t seed)
{
    struct sim *dice = &draw->dice;
    dice->random = seed ^ LIE_DICE;
    if (!sim_chance(dice, LIE_PERMILLE)) {
        return;
    }
    if (sim_chance(dice, 300)) {
        add(draw, sim_between(dice, 0, LAST_MS), SIM_UNSYNC, sim_random(dice, draw->nodes), 0, 0);
    }
    const uint64_t what = sim_random(dice, 3);
    if (what == 0) {
        add_forged(draw);
    } else if (what == 1) {
        add_lost_number(draw);
    } else {
        add(draw, sim_between(dice, FIRST_MS, LAST_MS), SIM_INSIDER, sim_random(dice, draw->nodes),
            1 + sim_random(dice, SIM_LIES - 1), sim_between(dice, 500, 8000));
    }
}

/* In some of all schedules the coordinators have keys, and often someone knows those of one of them
 * and speaks in the name of another. */
static void
add_keys(struct draw *draw, uint64_t seed)
{
    struct sim *dice = &draw->dice;
    const size_t coordinators =
        draw->nodes - (size_t)draw->schedule->world.sentinels; /* these come last */
    dice->random = seed ^ KEYS_DICE;
    draw->schedule->world.keys = sim_chance(dice, KEYS_PERMILLE) ? 1 : 0;
    if (draw->schedule->world.keys == 0 || draw->schedule->world.calm) {
        return;
    }
    for (size_t left = sim_random(dice, 3); left > 0; left--) {
        const size_t insider = sim_random(dice, coordinators);
        const size_t other = (insider + 1 + sim_random(dice, coordinators - 1)) % coordinators;
        if (other != insider) {
            add(draw, sim_between(dice, FIRST_MS, LAST_MS), SIM_IMPERSONATE, insider,
                (locum_node)other, sim_between(dice, 500, 8000));
        }
    }
}

void
sim_schedule_random(struct sim_schedule *ret, uint64_t seed)
{
    static struct draw draw;
    draw.dice.random = ~seed; /* different random numbers than those of the run */
    draw.schedule = ret;
    ret->faults = 0;
    draw_world(&draw, seed);
    add(&draw, SIM_HEAL_MS, SIM_HEAL, 0, 0, 0);
    draw_faults(&draw);
    if (seed % NEWCOMER_EACH == 0 && draw.nodes > 2 && !ret->world.calm) {
        add_newcomer(&draw);
    }
    if (!ret->world.calm) {
        add_dns(&draw, seed);
        add_lies(&draw, seed);
    }
    add_keys(&draw, seed);
}
