/*
 * replay: runs a target without libFuzzer: every input of its corpus, then mutations of them.
 *
 *     BUILD/tests/fuzz/fuzz_NAME [FILE...]     these files instead of tests/fuzz/corpus/NAME
 *
 * The mutations depend on SEED, which is printed; MUTATIONS in the environment sets their number.
 * An input that ends the program is kept in BUILD/logs.
 */
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum { INPUTS_MAX = 4096, INPUT_BYTES_MAX = 256 * 1024, MUTATIONS_A_RUN = 6 };

static struct input {
    uint8_t *at;
    size_t size;
} inputs[INPUTS_MAX];
static size_t input_count;

static struct input running; /* .at NULL: none */
static char kept[PATH_MAX];  /* path for an input that ends the program */

/* splitmix64 (public domain, S. Vigna). */
static uint64_t random_state;

static uint32_t
below(size_t bound)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((z >> 32) % (uint64_t)bound);
}

/* Only functions that a signal handler may call. */
static void
keep(void)
{
    static const char before[] = "the input is kept: ";
    if (running.at == NULL) {
        return;
    }
    const int fd = open(kept, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd >= 0 && write(fd, running.at, running.size) == (ssize_t)running.size) {
        (void)!write(STDOUT_FILENO, before, sizeof(before) - 1);
        (void)!write(STDOUT_FILENO, kept, strlen(kept));
        (void)!write(STDOUT_FILENO, "\n", 1);
    }
    running.at = NULL;
}

static void
on_signal(int number)
{
    keep();
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

/* A sanitizer calls this before it ends the program. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void
catch_ends(void)
{
    static const int numbers[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGTERM};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        (void)signal(numbers[i], on_signal);
    }
    (void)atexit(keep);
    if (__sanitizer_set_death_callback != NULL) {
        __sanitizer_set_death_callback(keep);
    }
}

static void
run(struct input input)
{
    running = input;
    (void)LLVMFuzzerTestOneInput(input.at, input.size);
    running.at = NULL;
}

static void
load(const char *path)
{
    static uint8_t buffer[INPUT_BYTES_MAX];
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t size = fd < 0 ? -1 : read(fd, buffer, sizeof(buffer));
    if (size < 0 || input_count == INPUTS_MAX) {
        perror(path);
        exit(2);
    }
    (void)close(fd);
    struct input *input = &inputs[input_count++];
    *input = (struct input){.at = malloc(size > 0 ? (size_t)size : 1), .size = (size_t)size};
    REQUIRE(input->at != NULL);
    memcpy(input->at, buffer, (size_t)size);
}

static int
is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void
load_folder(const char *name)
{
    char path[PATH_MAX];
    struct dirent **entries = NULL;
    (void)snprintf(path, sizeof(path), "tests/fuzz/corpus/%s", name);
    const int count = scandir(path, &entries, is_visible, alphasort);
    if (count < 1) {
        fprintf(stderr, "%s: no inputs (run it in the project's folder)\n", path);
        exit(2);
    }
    for (int i = 0; i < count; i++) {
        (void)snprintf(path, sizeof(path), "tests/fuzz/corpus/%s/%.255s", name, entries[i]->d_name);
        load(path);
        free(entries[i]);
    }
    free(entries);
}

/* Makes one change to `size` bytes in a buffer of twice INPUT_BYTES_MAX. Returns the new size. */
static size_t
mutate_once(uint8_t *at, size_t size)
{
    const size_t place = below(size + 1);
    const struct input *other = &inputs[below(input_count)];
    size_t count = 0;
    switch (below(7)) {
    case 0: return place; /* cut off */
    case 1:               /* replace the end by that of another input */
        count = below(other->size + 1);
        memcpy(at + place, other->at + (other->size - count), count);
        return place + count;
    case 2: /* repeat a part */
        count = below(size - place < 16 ? size - place + 1 : 16);
        memmove(at + place + count, at + place, size - place);
        return size + count;
    case 3: /* remove a part */
        count = below(size - place < 16 ? size - place + 1 : 16);
        memmove(at + place, at + place + count, size - place - count);
        return size - count;
    default: break;
    }
    if (place < size) {
        static const uint8_t likely[] = {0,    1,   0x7f, 0x80, 0xff, ' ',
                                         '\n', '"', '0',  '9',  ',',  ':'};
        const uint8_t bit = (uint8_t)(1u << below(8));
        at[place] = below(2) == 0 ? at[place] ^ bit : likely[below(sizeof(likely))];
    }
    return size;
}

static void
run_mutation(void)
{
    static uint8_t buffer[4 * INPUT_BYTES_MAX];
    const struct input *from = &inputs[below(input_count)];
    size_t size = from->size;
    memcpy(buffer, from->at, size);
    for (uint32_t i = 1 + below(MUTATIONS_A_RUN); i > 0; i--) {
        size = mutate_once(buffer, size);
        size = size < INPUT_BYTES_MAX ? size : INPUT_BYTES_MAX;
    }
    struct input exact = {.at = malloc(size > 0 ? size : 1), .size = size};
    REQUIRE(exact.at != NULL);
    memcpy(exact.at, buffer, size);
    run(exact);
    free(exact.at);
}

static uint64_t
number_from(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

int
main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    const char *name = (slash == NULL ? argv[0] : slash + 1) + strlen("fuzz_");
    const char *build = getenv("BUILD");
    const uint64_t mutations = argc > 1 ? 0 : number_from("MUTATIONS", fuzz_mutations);
    const uint64_t seed = number_from("SEED", 1);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)snprintf(kept, sizeof(kept), "%s/logs/fuzz-%s-input", build == NULL ? "build" : build,
                   name);
    for (int i = 1; i < argc; i++) {
        load(argv[i]);
    }
    if (argc == 1) {
        load_folder(name);
    }
    catch_ends();
    for (size_t i = 0; i < input_count; i++) {
        run(inputs[i]);
    }
    printf("ok %zu inputs of the corpus\n", input_count);
    random_state = seed;
    if (mutations > 0) {
        printf("SEED=%" PRIu64 " MUTATIONS=%" PRIu64 "\n", seed, mutations);
    }
    for (uint64_t i = 0; i < mutations; i++) {
        run_mutation();
    }
    printf(mutations > 0 ? "ok mutations of it\n" : "");
    for (size_t i = 0; i < input_count; i++) {
        free(inputs[i].at);
    }
    return 0;
}
