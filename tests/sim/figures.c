/*
 * figures: measurements over many runs, as tables for doc/simulation.md. Except for the CPU time
 * they are the same in each run.
 */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum {
    RUNS = 400,
    FAULT_MS = 15000, /* UDP that was never heard counts as closed by then */
    DAY_HOURS = 24,
    HOUR_MS = 3600000,
    COST_S = 30,
};

static int
compare(const void *a, const void *b)
{
    const locum_ms x = *(const locum_ms *)a;
    const locum_ms y = *(const locum_ms *)b;
    return (x > y) - (x < y);
}

/* One row: quantiles of `count` times; LOCUM_NEVER: it did not happen. */
static void
print_times(const char *what, locum_ms *times, size_t count)
{
    qsort(times, count, sizeof(times[0]), compare);
    size_t never = 0;
    while (never < count && times[never] == LOCUM_NEVER) {
        never++;
    }
    const size_t happened = count - never;
    if (happened == 0) {
        printf("| %s | - | - | - | - | %zu |\n", what, never);
        return;
    }
    const locum_ms *sorted = times + never;
    printf("| %s | %lld | %lld | %lld | %lld | %zu |\n", what, (long long)sorted[happened / 2],
           (long long)sorted[happened * 9 / 10], (long long)sorted[happened * 99 / 100],
           (long long)sorted[happened - 1], never);
}

/* Links within a continent: 5 to 15 ms, and up to 5 ms of jitter. */
static struct sim_world
world_of(uint64_t seed)
{
    struct sim_world world = sim_world_usual;
    world.seed = (int64_t)seed;
    world.delay_min = 5;
    world.delay_max = 15;
    world.jitter = 5;
    world.end = FAULT_MS + 30000;
    return world;
}

static void
add_fault(struct sim_schedule *schedule, locum_ms at, enum sim_fault_kind kind, locum_node a)
{
    sim_schedule_add(schedule, (struct sim_fault){.at = at, .kind = kind, .a = a});
}

static const struct takeover {
    const char *what;
    int64_t servers, witnesses, sentinels, down_after, loss, udp;
} takeovers[] = {
    {"two servers and a witness", 2, 1, 0, 500, 0, 1},
    {"the same, 5 % loss", 2, 1, 0, 500, 50, 1},
    {"the same, 10 % loss", 2, 1, 0, 500, 100, 1},
    {"the same, UDP closed, the Redis master dies with the host", 2, 1, 0, 500, 0, 0},
    {"two servers and a Sentinel, `down-after` 500 ms", 2, 0, 1, 500, 0, 1},
    {"two servers and a Sentinel, `down-after` 1 s", 2, 0, 1, 1000, 0, 1},
    {"three servers", 3, 0, 0, 500, 0, 1},
    {"five servers", 5, 0, 0, 500, 0, 1},
    {"nine servers and two witnesses", 9, 2, 0, 500, 0, 1},
};

/* From the death of a host, which has the Redis master, until the last of the others knows. */
static void
print_takeovers(void)
{
    static locum_ms times[RUNS];
    printf("| a host dies | median | 90 %% | 99 %% | most | never |\n"
           "| --- | --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < LOCUM_COUNT(takeovers); i++) {
        const struct takeover *row = &takeovers[i];
        for (uint64_t run = 0; run < RUNS; run++) {
            const locum_ms at = FAULT_MS + (locum_ms)run;
            struct sim_schedule schedule = {.world = world_of(run + 1)};
            schedule.world.servers = row->servers;
            schedule.world.witnesses = row->witnesses;
            schedule.world.sentinels = row->sentinels;
            schedule.world.down_after = row->down_after;
            schedule.world.loss = row->loss;
            schedule.world.udp = row->udp;
            add_fault(&schedule, at, SIM_HOST_CRASH, 0);
            const struct sim_outcome outcome = sim_schedule_run(&schedule, NULL);
            times[run] = outcome.counts.last_down == LOCUM_NEVER ? LOCUM_NEVER
                                                                 : outcome.counts.last_down - at;
        }
        print_times(row->what, times, RUNS);
    }
}

/* A day of two servers and a witness with nothing but loss, on both paths alike. */
static void
print_suspicions(void)
{
    static const int64_t losses[] = {0, 50, 100, 200, 300, 400};
    printf("| loss | suspicions a day | false deaths a day |\n| --- | --- | --- |\n");
    for (size_t i = 0; i < LOCUM_COUNT(losses); i++) {
        struct sim_counts sum = {0};
        for (uint64_t hour = 0; hour < DAY_HOURS; hour++) {
            struct sim_schedule schedule = {.world = world_of(hour + 1)};
            schedule.world.loss = losses[i];
            schedule.world.end = HOUR_MS;
            const struct sim_outcome outcome = sim_schedule_run(&schedule, NULL);
            sum.suspicions += outcome.counts.suspicions;
            sum.downs += outcome.counts.downs;
        }
        printf("| %lld %% | %llu | %llu |\n", (long long)losses[i] / 10,
               (unsigned long long)sum.suspicions, (unsigned long long)sum.downs);
        (void)fflush(stdout);
    }
}

static const struct {
    const char *what;
    enum sim_fault_kind kind, back;
    locum_ms lasts;
} disagreements[] = {
    {"a web server refuses connections", SIM_SERVICE_REFUSE, SIM_HEAL, 0},
    {"a web server times out", SIM_SERVICE_FAIL, SIM_HEAL, 0},
    {"a host dies", SIM_HOST_CRASH, SIM_HEAL, 0},
    {"a host dies and is back after 5 s", SIM_HOST_CRASH, SIM_HOST_BOOT, 5000},
    {"a coordinator is stopped in order and is back after 0.5 s", SIM_LEAVE, SIM_START, 500},
};

/* The longest time in which two running nodes answer an owned name differently. */
static void
print_disagreements(void)
{
    static locum_ms times[RUNS];
    printf("| three servers, one fault | median | 90 %% | 99 %% | most | none |\n"
           "| --- | --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < LOCUM_COUNT(disagreements); i++) {
        for (uint64_t run = 0; run < RUNS; run++) {
            const locum_ms at = FAULT_MS + (locum_ms)run;
            struct sim_schedule schedule = {.world = world_of(run + 1)};
            schedule.world.servers = 3;
            schedule.world.witnesses = 0;
            add_fault(&schedule, at, disagreements[i].kind, 0);
            if (disagreements[i].lasts > 0) {
                add_fault(&schedule, at + disagreements[i].lasts, disagreements[i].back, 0);
            }
            const struct sim_outcome outcome = sim_schedule_run(&schedule, NULL);
            times[run] = outcome.counts.disagreed > 0 ? outcome.counts.disagreed : LOCUM_NEVER;
        }
        print_times(disagreements[i].what, times, RUNS);
    }
}

/* The cost of a second without any fault. */
static void
print_cost(void)
{
    static const int64_t sizes[] = {3, 9, 16, 32};
    printf(
        "| nodes | heartbeats | datagrams | their kB | published | delivered | its kB | core, ms "
        "|\n| --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < LOCUM_COUNT(sizes); i++) {
        struct sim *sim = calloc(1, sizeof(*sim));
        LOCUM_INVARIANT(sim != NULL);
        sim->clock = true;
        sim->schedule.world = world_of(1);
        sim->schedule.world.servers = sizes[i] - 1;
        sim->schedule.world.end = COST_S * 1000;
        sim_run(sim);
        const struct sim_counts *counts = &sim->counts;
        const double seconds = COST_S;
        printf("| %lld | %.1f | %llu | %.0f | %llu | %llu | %.0f | %.2f |\n", (long long)sizes[i],
               (double)counts->heartbeats / seconds / (double)sizes[i],
               (unsigned long long)counts->datagrams / COST_S,
               (double)counts->datagram_bytes / seconds / 1000,
               (unsigned long long)counts->publications / COST_S,
               (unsigned long long)counts->deliveries / COST_S,
               (double)counts->delivered_bytes / seconds / 1000,
               (double)counts->cpu_ns / 1e6 / seconds / (double)sizes[i]);
        sim_fini(sim);
        free(sim);
    }
}

static const struct {
    const char *name, *what;
    void (*print)(void);
} tables[] = {
    {"takeover", "ms from a death until the last of the others has taken over", print_takeovers},
    {"suspicion", "suspicions and false deaths in a day, all nodes together", print_suspicions},
    {"disagreement", "ms in which two nodes answer an owned name differently", print_disagreements},
    {"cost", "a second of the whole site; heartbeats and CPU of one node", print_cost},
};

int
sim_figures(const char *which)
{
    bool known = false;
    for (size_t i = 0; i < LOCUM_COUNT(tables); i++) {
        if (strcmp(which, tables[i].name) == 0 || strcmp(which, "all") == 0) {
            printf("%s: %s\n\n", tables[i].name, tables[i].what);
            tables[i].print();
            printf("\n");
            known = true;
        }
    }
    if (!known) {
        fputs("sim: figures are: all takeover suspicion disagreement cost\n", stderr);
    }
    return known ? 0 : 2;
}
