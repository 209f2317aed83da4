/* schedule: what goes wrong in a random schedule. All of it is over at SIM_HEAL_MS. */
#include "sim.h"

enum { FIRST_MS = 4000, LAST_MS = 18000 };

/* A fault that ends by another one; `back` is SIM_HEAL if it ends by itself. */
struct recipe {
    enum sim_fault_kind kind, back;
    unsigned weight;
    locum_ms at_least, at_most; /* how long, or `amount` where it ends by itself */
};

static const struct recipe recipes[] = {
    {SIM_HOST_CRASH, SIM_HOST_BOOT, 5, 300, 12000},
    {SIM_CRASH, SIM_START, 4, 100, 9000},
    {SIM_CRASH, SIM_START_EMPTY, 1, 100, 4000},
    {SIM_LEAVE, SIM_START, 3, 300, 6000},
    {SIM_FREEZE, SIM_HEAL, 3, 50, 6000},
    {SIM_FREEZE_HOST, SIM_HEAL, 2, 50, 6000},
    {SIM_CUT, SIM_UNCUT, 4, 100, 9000},
    {SIM_CUT_ONE_WAY, SIM_UNCUT_ONE_WAY, 3, 100, 9000},
    {SIM_ISOLATE, SIM_REJOIN, 3, 100, 9000},
    {SIM_UDP_BLOCK, SIM_UDP_UNBLOCK, 3, 100, 14000},
    {SIM_DEAF, SIM_UNDEAF, 2, 100, 14000},
    {SIM_LAG, SIM_LAG, 2, 100, 3000},
    {SIM_LOSS, SIM_LOSS, 2, 500, 9000},
    {SIM_REDIS_KILL, SIM_REDIS_START, 3, 100, 12000},
    {SIM_REDIS_FREEZE, SIM_HEAL, 3, 100, 9000},
    {SIM_KICK, SIM_HEAL, 2, 0, 0},
    {SIM_SENTINEL_KILL, SIM_SENTINEL_START, 2, 100, 9000},
    {SIM_TILT, SIM_UNTILT, 1, 1000, 12000},
    {SIM_WALL_STEP, SIM_HEAL, 2, -86400000, 86400000},
    {SIM_ADMIN, SIM_ADMIN, 2, 500, 9000},
    {SIM_SERVICE_FAIL, SIM_SERVICE_BACK, 5, 300, 6000},
    {SIM_EXCLUDE, SIM_INCLUDE, 1, 500, 9000},
};

static const struct recipe *
pick(struct sim *sim)
{
    unsigned all = 0;
    for (size_t i = 0; i < LOCUM_COUNT(recipes); i++) {
        all += recipes[i].weight;
    }
    unsigned left = (unsigned)sim_random(sim, all);
    for (size_t i = 0; i + 1 < LOCUM_COUNT(recipes); i++) {
        if (left < recipes[i].weight) {
            return &recipes[i];
        }
        left -= recipes[i].weight;
    }
    return &recipes[LOCUM_COUNT(recipes) - 1];
}

/* Short times as often as long ones. */
static locum_ms
duration(struct sim *sim, const struct recipe *recipe)
{
    const locum_ms most =
        sim_chance(sim, 500) ? recipe->at_most : recipe->at_least + recipe->at_most / 8;
    return most > recipe->at_least ? sim_between(sim, recipe->at_least, most) : recipe->at_least;
}

static void
add(struct sim *sim, const struct recipe *recipe)
{
    const bool server_only = recipe->kind == SIM_SERVICE_FAIL || recipe->kind == SIM_REDIS_KILL ||
                             recipe->kind == SIM_REDIS_FREEZE;
    const locum_node a = (locum_node)sim_random(sim, server_only ? sim->servers : sim->nodes);
    const locum_node b = (locum_node)((a + 1 + sim_random(sim, sim->nodes - 1)) % sim->nodes);
    const locum_ms at = sim_between(sim, FIRST_MS, LAST_MS);
    const locum_ms lasts = duration(sim, recipe);
    locum_ms amount = lasts;
    if (recipe->kind == SIM_LOSS) {
        amount = sim_between(sim, 0, 400);
    } else if (recipe->kind == SIM_ADMIN) {
        amount = sim_between(sim, LOCUM_DRAIN, LOCUM_MAINT);
    } else if (recipe->kind == SIM_SERVICE_FAIL) {
        amount = sim_between(sim, 0, 1);
    }
    sim_fault_add(sim, at, recipe->kind, a, b, amount);
    if (recipe->back != SIM_HEAL) {
        sim_fault_add(sim, at + lasts, recipe->back, a, b, 0);
    }
}

/* One crash on good lines; at times what it said last is on its way for long, or a Sentinel is mad.
 */
static void
add_crash(struct sim *sim)
{
    const locum_node node = (locum_node)sim_random(sim, sim->nodes);
    const locum_ms at = sim_between(sim, FIRST_MS, LAST_MS);
    const bool host = sim_chance(sim, 700);
    if (sim_chance(sim, 200)) {
        const locum_ms lag_ms = sim_between(sim, 500, 2000);
        sim_fault_add(sim, at - sim_between(sim, 0, 500), SIM_LAG, node, 0, lag_ms);
    }
    if (sim_chance(sim, 200)) {
        const locum_node mad = (locum_node)(sim->nodes - 1);
        sim_fault_add(sim, at - sim_between(sim, 0, 500), SIM_TILT, mad, 0, 0);
    }
    sim_fault_add(sim, at, host ? SIM_HOST_CRASH : SIM_CRASH, node, 0, 0);
}

void
sim_schedule_random(struct sim *sim)
{
    const uint64_t kind = sim_random(sim, 10);
    sim->duplicate_permille = sim_chance(sim, 200) ? 50 : 0;
    sim_fault_add(sim, SIM_HEAL_MS, SIM_HEAL, 0, 0, 0);
    if (kind == 0) { /* nothing but loss */
        sim->udp = true;
        sim->calm = true;
        sim->loss_permille = (unsigned)sim_random(sim, 101);
        return;
    }
    if (kind <= 2) {
        add_crash(sim);
        return;
    }
    sim->loss_permille = sim_chance(sim, 300) ? (unsigned)sim_random(sim, 101) : 0;
    for (size_t left = 1 + sim_random(sim, kind == 9 ? 14 : 5); left > 0; left--) {
        add(sim, pick(sim));
    }
}
