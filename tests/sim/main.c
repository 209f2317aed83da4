/*
 * sim: run schedules. Standard output is the same for the same arguments; timings go to standard
 * error.
 *
 *   sim                         random schedules without end
 *   sim --count K [--first N]   K of them, seeds N, N + 1, ... (N: 1)
 *   sim N, sim --seed N         one of them again, the first form with its trace
 *   sim --story NAME            a story, with its trace; --stories lists them
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"

enum {
    TWICE = 10, /* so many of the schedules are run twice and compared */
    ENDLESS_CHUNK = 1000,
    FAILED_MAX = 10, /* enough to look at */
};

static uint64_t running_seed;

/* The core stopped itself (LOCUM_INVARIANT): say in which schedule. */
static void
stopped(int number)
{
    char line[80];
    struct locum_text text = locum_text_init(line, sizeof(line));
    locum_text_add(&text, "seed ");
    locum_text_add_u64(&text, running_seed);
    locum_text_add(&text, ": the core stopped, signal ");
    locum_text_add_i64(&text, number);
    locum_text_add_char(&text, '\n');
    const ssize_t written = write(STDOUT_FILENO, line, text.length);
    _exit(written < 0 ? 2 : 1);
}

static struct sim *
create(FILE *trace)
{
    struct sim *sim = calloc(1, sizeof(*sim));
    if (sim == NULL) {
        fputs("sim: out of memory\n", stderr);
        exit(2);
    }
    sim->trace = trace;
    return sim;
}

struct outcome {
    unsigned violations;
    uint64_t digest, steps;
};

static struct outcome
run_seed(uint64_t seed, FILE *trace)
{
    struct sim *sim = create(trace);
    running_seed = seed;
    sim_world_random(sim, seed);
    if (trace != NULL) {
        fprintf(trace,
                "# %zu servers of %zu nodes, quorum %u, timeout %lld ms, interval %lld ms, "
                "UDP %s, loss %u per mille%s\n",
                sim->servers, sim->nodes, sim->config.quorum, (long long)sim->config.timeout_ms,
                (long long)sim->config.interval_ms, sim->udp ? "open" : "closed",
                sim->loss_permille, sim->calm ? ", calm" : "");
    }
    sim_run(sim);
    const struct outcome outcome = {sim->violations, sim->digest, sim->steps};
    sim_fini(sim);
    free(sim);
    return outcome;
}

static int
run_many(uint64_t first, uint64_t count)
{
    uint64_t failed = 0;
    uint64_t digest = 0;
    uint64_t steps = 0;
    printf("seeds %llu to %llu, %d s each\n", (unsigned long long)first,
           (unsigned long long)(first + count - 1), SIM_END_MS / 1000);
    fflush(stdout);
    for (uint64_t seed = first; seed < first + count && failed < FAILED_MAX; seed++) {
        struct outcome outcome = run_seed(seed, NULL);
        if (seed - first < TWICE && outcome.violations == 0 &&
            run_seed(seed, NULL).digest != outcome.digest) {
            printf("seed %llu: invariant 7 determinism: a second run went another way\n",
                   (unsigned long long)seed);
            outcome.violations++;
        }
        failed += outcome.violations > 0 ? 1 : 0;
        digest = (digest ^ outcome.digest) * 0x100000001b3u;
        steps += outcome.steps;
        fflush(stdout);
    }
    printf("%llu schedules, %llu steps, %llu failed%s, digest %016llx\n", (unsigned long long)count,
           (unsigned long long)steps, (unsigned long long)failed,
           failed == FAILED_MAX ? " (then stopped)" : "", (unsigned long long)digest);
    return failed > 0 ? 1 : 0;
}

static int
run_story(const char *name)
{
    struct sim *sim = create(stdout);
    if (!sim_story(sim, name)) {
        fprintf(stderr, "sim: no story is called %s; these are:\n", name);
        sim_story_list(stderr);
        free(sim);
        return 2;
    }
    sim_run(sim);
    const int status = sim->violations > 0 ? 1 : 0;
    sim_fini(sim);
    free(sim);
    return status;
}

struct options {
    uint64_t first, count, seed;
    bool trace, list;
    const char *story;
};

/* --NAME and its value; 0, or -1 if that is no option. */
static int
parse_pair(const char *name, const char *value, struct options *ret)
{
    uint64_t *number = strcmp(name, "--count") == 0   ? &ret->count
                       : strcmp(name, "--first") == 0 ? &ret->first
                       : strcmp(name, "--seed") == 0  ? &ret->seed
                                                      : NULL;
    if (value != NULL && strcmp(name, "--story") == 0) {
        ret->story = value;
        return 0;
    }
    if (value == NULL || number == NULL) {
        return -1;
    }
    return locum_slice_u64(locum_slice_of(value), UINT32_MAX, number) == 0 ? 0 : -1;
}

static int
parse(int argc, char **argv, struct options *ret)
{
    *ret = (struct options){.first = 1};
    if (argc == 2 && locum_slice_u64(locum_slice_of(argv[1]), UINT32_MAX, &ret->seed) == 0) {
        ret->trace = true;
        return 0;
    }
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--trace") == 0) {
            ret->trace = true;
        } else if (strcmp(argv[i], "--stories") == 0) {
            ret->list = true;
        } else if (parse_pair(argv[i], i + 1 < argc ? argv[i + 1] : NULL, ret) == 0) {
            i++;
        } else {
            return -1;
        }
    }
    return 0;
}

static double
seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int
run_one(const struct options *options)
{
    printf("seed %llu\n", (unsigned long long)options->seed);
    fflush(stdout);
    return run_seed(options->seed, options->trace ? stdout : NULL).violations > 0 ? 1 : 0;
}

int
main(int argc, char **argv)
{
    struct options options;
    if (parse(argc, argv, &options) != 0) {
        fputs("usage: sim [N | --seed N [--trace] | --count K [--first N] | --story NAME | "
              "--stories]\n",
              stderr);
        return 2;
    }
    signal(SIGILL, stopped);
    signal(SIGTRAP, stopped);
    if (options.list) {
        sim_story_list(stdout);
        return 0;
    }
    if (options.story != NULL) {
        return run_story(options.story);
    }
    if (options.seed != 0) {
        return run_one(&options);
    }
    const double begin = seconds();
    const uint64_t chunk = options.count > 0 ? options.count : ENDLESS_CHUNK;
    int status;
    do {
        status = run_many(options.first, chunk);
        fprintf(stderr, "%.1f s\n", seconds() - begin);
        options.first += chunk;
    } while (status == 0 && options.count == 0);
    return status;
}
