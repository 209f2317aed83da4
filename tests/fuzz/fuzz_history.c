/*
 * fuzz_history: the history that the last process has left. What is refused leaves it empty. What
 * is taken is saved in the same form, can be shown and goes on.
 */
#include "fuzz.h"

#include <string.h>

#include "report/history.h"

const unsigned fuzz_mutations = 1500;

static const struct locum_now now = {5000000, 8200000, 1763863200123};

static const struct locum_config *
config(void)
{
    static struct locum_config made = {.core = {.cluster = "get",
                                                .interval_ms = 125,
                                                .timeout_ms = 1000,
                                                .recover_after_ms = 5000,
                                                .sentinel_poll_ms = 500,
                                                .quorum = 2,
                                                .node_count = 3,
                                                .name_count = 2}};
    static const char *const nodes[] = {"dc2", "dc3", "ns0"};
    static const char *const names[] = {"get.example.org.", "dc3.get.example.org."};
    for (size_t i = 0; i < LOCUM_COUNT(nodes); i++) {
        strcpy(made.core.nodes[i].name, nodes[i]);
        made.core.nodes[i].has[LOCUM_V4] = true;
    }
    for (size_t i = 0; i < LOCUM_COUNT(names); i++) {
        strcpy(made.names[i].name, names[i]);
        made.core.names[i].owner = LOCUM_NODE_NONE;
    }
    return &made;
}

static enum locum_resumed
load(struct locum_history *history, enum locum_start how, struct locum_slice text)
{
    const struct locum_last_run last = {.how = how, .text = text, .boot_id = "boot-1"};
    return locum_history_load(history, &config()->core, &last, now);
}

static struct locum_slice
save(const struct locum_history *history, char *buffer)
{
    struct locum_text text = locum_text_init(buffer, locum_history_save_bytes(history));
    locum_history_save(history, &config()->core, "boot-1", &text);
    REQUIRE(!text.truncated);
    return (struct locum_slice){.at = buffer, .length = text.length};
}

/* Everything of it is read, and each span is within its times. */
static void
show(const struct locum_history *history, struct locum_now at)
{
    struct locum_history_span span;
    struct locum_history_row row;
    for (size_t i = 0; i < LOCUM_HISTORY_ROWS; i++) {
        struct locum_history_cursor cursor = {.begun = false};
        locum_ms last = locum_history_from(history, at);
        while (locum_history_row(history, i, &row) &&
               locum_history_next(history, i, at, &cursor, &span)) {
            REQUIRE(span.from >= last && span.from < span.until && span.until <= at.wall);
            last = span.until;
        }
    }
    json_t *json = locum_history_json(history, at);
    REQUIRE(json != NULL);
    json_decref(json);
}

/* The node runs with its own configuration, and all that was kept grows old. */
static void
go_on(struct locum_history *history)
{
    static struct locum_core core;
    struct locum_now later = now;
    locum_core_init(&core, &config()->core, NULL, now);
    locum_history_configure(history, config());
    show(history, later);
    for (int i = 0; i < 5; i++) {
        locum_history_note(history, &core, true, later);
        show(history, later);
        later.boot += 6 * 3600000;
        later.wall += 6 * 3600000;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char first[LOCUM_HISTORY_BYTES_MAX];
    static char second[LOCUM_HISTORY_BYTES_MAX];
    const struct locum_slice text = {.at = (const char *)data, .length = size};
    for (enum locum_start how = LOCUM_START; how <= LOCUM_REPLACE; how++) {
        struct locum_history *history = locum_history_create();
        struct locum_history *again = locum_history_create();
        REQUIRE(history != NULL && again != NULL);
        if (load(history, how, text) == LOCUM_RESUMED) {
            const struct locum_slice saved = save(history, first);
            REQUIRE(load(again, how, saved) == LOCUM_RESUMED);
            const struct locum_slice once_more = save(again, second);
            REQUIRE(saved.length == once_more.length && strcmp(first, second) == 0);
        } else {
            REQUIRE(save(history, first).length == 0);
        }
        go_on(history);
        locum_history_destroy(history);
        locum_history_destroy(again);
    }
    return 0;
}
