/* shrink: make a failing schedule smaller, one part at a time, as long as it fails the same way. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

struct sim_outcome
sim_schedule_run(const struct sim_schedule *schedule, FILE *trace)
{
    struct sim *sim = calloc(1, sizeof(*sim));
    LOCUM_INVARIANT(sim != NULL);
    sim->trace = trace;
    sim->schedule = *schedule;
    sim_run(sim);
    struct sim_outcome outcome = {.violated = sim->violated,
                                  .check = sim->violated_check,
                                  .digest = sim->digest,
                                  .counts = sim->counts};
    memcpy(outcome.violation, sim->violation, sizeof(outcome.violation));
    memcpy(outcome.judged, sim->judged, sizeof(outcome.judged));
    sim_fini(sim);
    free(sim);
    return outcome;
}

static bool
fails_alike(const struct sim_schedule *schedule, enum sim_check check)
{
    const struct sim_outcome outcome = sim_schedule_run(schedule, NULL);
    return outcome.violated && outcome.check == check;
}

/* Without the faults from `first` on, `count` of them. */
static bool
leave_out(struct sim_schedule *schedule, size_t first, size_t count, enum sim_check check)
{
    struct sim_schedule less = *schedule;
    memmove(&less.fault[first], &less.fault[first + count],
            (less.faults - first - count) * sizeof(less.fault[0]));
    less.faults -= count;
    if (!fails_alike(&less, check)) {
        return false;
    }
    *schedule = less;
    return true;
}

/* Set one parameter of the world to its default. */
static bool
as_usual(struct sim_schedule *schedule, int64_t *value, int64_t usual, enum sim_check check)
{
    const int64_t before = *value;
    if (before == usual) {
        return false;
    }
    *value = usual;
    if (fails_alike(schedule, check)) {
        return true;
    }
    *value = before;
    return false;
}

static bool
plainer_world(struct sim_schedule *schedule, enum sim_check check)
{
    struct sim_world *world = &schedule->world;
    bool less = as_usual(schedule, &world->loss, 0, check);
    less = as_usual(schedule, &world->duplicate, 0, check) || less;
    less = as_usual(schedule, &world->jitter, 0, check) || less;
    less = as_usual(schedule, &world->mixed, 0, check) || less;
    less = as_usual(schedule, &world->dual, 0, check) || less;
    return less;
}

void
sim_shrink(struct sim_schedule *schedule)
{
    const struct sim_outcome outcome = sim_schedule_run(schedule, NULL);
    bool less = outcome.violated;
    while (less) {
        less = plainer_world(schedule, outcome.check);
        for (size_t count = schedule->faults / 2; count > 0; count /= 2) {
            for (size_t first = 0; first + count <= schedule->faults;) {
                const bool out = leave_out(schedule, first, count, outcome.check);
                less = less || out;
                first += out ? 0 : count;
            }
        }
    }
}
