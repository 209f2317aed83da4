/*
 * sim: run schedules. Standard output is the same for the same arguments, except for --figures
 * cost; timings go to standard error.
 *
 *   sim                         random schedules without end
 *   sim --count K [--first N]   K of them, seeds N, N + 1, ... (N: 1)
 *   sim N                       one of them again, with its trace
 *   sim --replay FILE           the schedule in a file (text.c), with its trace
 *   sim --shrink N|FILE         the part of it that is needed to break an invariant
 *   sim --figures WHICH         measurements over many runs (figures.c)
 *
 * With --quick the first violation ends the run, and is not shrunk. Exit code: 0 no invariant was
 * broken, 1 one was, 2 wrong usage.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/version.h"
#include "dump.h"
#include "sim.h"

enum {
    TWICE = 10, /* of the schedules are run twice and compared (INV-7) */
    ENDLESS_CHUNK = 1000,
    FAILED_MAX = 3, /* stop after so many failed schedules */
    USAGE = 2,
};

struct options {
    uint64_t first, count, seed;
    bool quick;
    const char *replay, *shrink, *figures;
};

static uint64_t running_seed;

/* A LOCUM_INVARIANT failed: print the schedule. */
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
    _exit(written < 0 ? USAGE : 1);
}

/* Print the smallest schedule that breaks the same invariant, with its trace. */
static void
print_least(const struct sim_schedule *schedule)
{
    struct sim_schedule least = *schedule;
    sim_shrink(&least);
    const struct sim_outcome outcome = sim_schedule_run(&least, NULL);
    printf("# seed %lld, locum %s: %s\n", (long long)least.world.seed, LOCUM_VERSION,
           outcome.violated ? outcome.violation : "no invariant is broken");
    sim_world_print(&least.world, stdout);
    (void)sim_schedule_run(&least, stdout);
}

static struct sim_outcome
run_seed(uint64_t seed, bool twice)
{
    struct sim_schedule schedule;
    running_seed = seed;
    sim_schedule_random(&schedule, seed);
    struct sim_outcome outcome = sim_schedule_run(&schedule, NULL);
    if (twice && !outcome.violated && sim_schedule_run(&schedule, NULL).digest != outcome.digest) {
        outcome.violated = true;
        outcome.check = SIM_DETERMINISM;
        (void)snprintf(outcome.violation, sizeof(outcome.violation),
                       "invariant %s: a second run went another way",
                       sim_check_name(SIM_DETERMINISM));
    }
    return outcome;
}

static void
report(uint64_t seed, const struct sim_outcome *outcome, bool quick)
{
    struct sim_schedule schedule;
    printf("seed %llu, locum %s: %s\n", (unsigned long long)seed, LOCUM_VERSION,
           outcome->violation);
    if (!quick) {
        printf("what of it is needed (keep it in tests/sim/regressions/):\n");
        sim_schedule_random(&schedule, seed);
        print_least(&schedule);
    }
}

static void
print_judged(const uint64_t judged[SIM_CHECKS])
{
    for (size_t check = 0; check < SIM_CHECKS; check++) {
        printf("  invariant %s: judged %llu times\n", sim_check_name((enum sim_check)check),
               (unsigned long long)judged[check]);
    }
}

static int
run_many(const struct options *options, uint64_t first, uint64_t count)
{
    const uint64_t failed_max = options->quick ? 1 : FAILED_MAX;
    uint64_t failed = 0;
    uint64_t digest = 0;
    uint64_t steps = 0;
    uint64_t judged[SIM_CHECKS] = {0};
    printf("seeds %llu to %llu, %d s each\n", (unsigned long long)first,
           (unsigned long long)(first + count - 1), SIM_END_MS / 1000);
    fflush(stdout);
    for (uint64_t seed = first; seed < first + count && failed < failed_max; seed++) {
        const struct sim_outcome outcome = run_seed(seed, seed - first < TWICE);
        if (outcome.violated) {
            failed++;
            report(seed, &outcome, options->quick);
        }
        digest = (digest ^ outcome.digest) * 0x100000001b3u;
        steps += outcome.counts.steps;
        for (size_t check = 0; check < SIM_CHECKS; check++) {
            judged[check] += outcome.judged[check];
        }
        fflush(stdout);
    }
    printf("%llu schedules, %llu steps, %llu failed%s, digest %016llx\n", (unsigned long long)count,
           (unsigned long long)steps, (unsigned long long)failed,
           failed == failed_max ? " (then stopped)" : "", (unsigned long long)digest);
    print_judged(judged);
    return failed > 0 ? 1 : 0;
}

static double
seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int
run_on(const struct options *options)
{
    const double begin = seconds();
    const uint64_t chunk = options->count > 0 ? options->count : ENDLESS_CHUNK;
    uint64_t first = options->first;
    int status;
    do {
        status = run_many(options, first, chunk);
        fprintf(stderr, "%.1f s\n", seconds() - begin);
        first += chunk;
    } while (status == 0 && options->count == 0);
    return status;
}

/* Run one schedule with its trace; if it fails, print the smaller one. */
static int
run_schedule(const struct sim_schedule *schedule, bool quick)
{
    running_seed = (uint64_t)schedule->world.seed;
    sim_world_print(&schedule->world, stdout);
    fflush(stdout);
    const struct sim_outcome outcome = sim_schedule_run(schedule, stdout);
    if (outcome.violated && !quick) {
        printf("\nwhat of it is needed:\n");
        print_least(schedule);
    }
    return outcome.violated ? 1 : 0;
}

static int
read_file(const char *name, FILE *echo, struct sim_schedule *ret)
{
    FILE *in = fopen(name, "r");
    if (in == NULL) {
        perror(name);
        return -1;
    }
    const int status = sim_schedule_read(in, name, echo, ret);
    (void)fclose(in);
    return status;
}

/* A whole file; free() it. NULL: a message was printed. */
static char *
read_whole(const char *name, size_t *ret_length)
{
    char *bytes = NULL;
    FILE *in = fopen(name, "r");
    FILE *out = open_memstream(&bytes, ret_length);
    char buffer[65536];
    if (in == NULL || out == NULL) {
        perror(name);
        exit(USAGE);
    }
    for (size_t got; (got = fread(buffer, 1, sizeof(buffer), in)) > 0;) {
        (void)fwrite(buffer, 1, got, out);
    }
    (void)fclose(in);
    (void)fclose(out);
    return bytes;
}

/* A schedule, or the recording of a daemon. */
static int
run_replay(const struct options *options)
{
    size_t length;
    char *bytes = read_whole(options->replay, &length);
    const struct locum_slice text = {.at = bytes, .length = length};
    const bool dump = sim_dump_is(text);
    const int status = dump ? sim_dump_replay(text, stdout, stderr) : 0;
    free(bytes);
    if (dump) {
        return status;
    }
    struct sim_schedule schedule;
    return read_file(options->replay, stdout, &schedule) == 0
               ? run_schedule(&schedule, options->quick)
               : USAGE;
}

static int
run_shrink(const char *what)
{
    struct sim_schedule schedule;
    uint64_t seed;
    if (locum_slice_u64(locum_slice_of(what), UINT32_MAX, &seed) == 0) {
        sim_schedule_random(&schedule, seed);
    } else if (read_file(what, stderr, &schedule) != 0) {
        return USAGE;
    }
    print_least(&schedule);
    return 0;
}

static int
run_seed_traced(const struct options *options)
{
    struct sim_schedule schedule;
    printf("# seed %llu, locum %s\n", (unsigned long long)options->seed, LOCUM_VERSION);
    sim_schedule_random(&schedule, options->seed);
    return run_schedule(&schedule, options->quick);
}

/* --NAME and its value; false if it is not an option. */
static bool
parse_pair(const char *name, const char *value, struct options *ret)
{
    static const char *const texts[] = {"--replay", "--shrink", "--figures"};
    const char **const text[] = {&ret->replay, &ret->shrink, &ret->figures};
    uint64_t *number = strcmp(name, "--count") == 0   ? &ret->count
                       : strcmp(name, "--first") == 0 ? &ret->first
                                                      : NULL;
    for (size_t i = 0; i < LOCUM_COUNT(texts) && value != NULL; i++) {
        if (strcmp(name, texts[i]) == 0) {
            *text[i] = value;
            return true;
        }
    }
    return value != NULL && number != NULL &&
           locum_slice_u64(locum_slice_of(value), UINT32_MAX, number) == 0;
}

static bool
parse(int argc, char **argv, struct options *ret)
{
    *ret = (struct options){.first = 1};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            ret->quick = true;
        } else if (strcmp(argv[i], "--snapshots") == 0) {
            sim_snapshots = true;
        } else if (parse_pair(argv[i], i + 1 < argc ? argv[i + 1] : NULL, ret)) {
            i++;
        } else if (locum_slice_u64(locum_slice_of(argv[i]), UINT32_MAX, &ret->seed) != 0) {
            return false;
        }
    }
    return true;
}

int
main(int argc, char **argv)
{
    struct options options;
    if (!parse(argc, argv, &options)) {
        fputs("usage: sim [N | --count K [--first N] | --replay FILE | --shrink N|FILE | "
              "--figures WHICH] [--quick] [--snapshots]\n",
              stderr);
        return USAGE;
    }
    signal(SIGILL, stopped);
    signal(SIGTRAP, stopped);
    if (options.figures != NULL) {
        return sim_figures(options.figures);
    }
    if (options.shrink != NULL) {
        return run_shrink(options.shrink);
    }
    if (options.replay != NULL) {
        return run_replay(&options);
    }
    return options.seed != 0 ? run_seed_traced(&options) : run_on(&options);
}
