/*
 * fuzz_resume: the state that a run has left. What is refused leaves a run that has just begun.
 * What is resumed can run, and is saved in a form that is resumed again without a change.
 */
#include "fuzz.h"

#include <string.h>

#include "core/resume.h"

const unsigned fuzz_mutations = 2000;

static const struct locum_now now = {5000000, 8200000, 1763863200123};

static const struct locum_core_config *
config(void)
{
    static struct locum_core_config made = {.cluster = "get",
                                            .interval_ms = 125,
                                            .timeout_ms = 1000,
                                            .recover_after_ms = 5000,
                                            .sentinel_poll_ms = 500,
                                            .quorum = 2,
                                            .check_count = 1,
                                            .checks = {{.counts = true, .rise = 1, .fall = 1}}};
    static const char *const names[] = {"dc2", "dc3", "ns0"};
    while (made.node_count < LOCUM_COUNT(names)) {
        struct locum_core_node *node = &made.nodes[made.node_count];
        strcpy(node->name, names[made.node_count]);
        node->role = made.node_count == 2 ? LOCUM_ROLE_WITNESS : LOCUM_ROLE_SERVER;
        node->has[LOCUM_V4] = node->has[LOCUM_V6] = true;
        made.names[made.node_count].owner =
            made.node_count == 2 ? LOCUM_NODE_NONE : (locum_node)made.node_count;
        made.name_count = ++made.node_count;
    }
    return &made;
}

static enum locum_resumed
resume(struct locum_core *core, enum locum_start how, struct locum_slice text)
{
    const struct locum_last_run last = {.how = how, .text = text, .boot_id = "boot-1"};
    uint32_t serial = 0;
    return locum_core_resume(core, config(), &last, now, &serial);
}

/* Some seconds without any other input. */
static void
run(struct locum_core *core)
{
    static struct locum_actions actions;
    struct locum_input commit = {.kind = LOCUM_INPUT_COMMIT, .now = now};
    for (size_t i = 0; i < 40; i++) {
        locum_core_step(core, &commit, &actions);
        commit.now.mono += 100;
        commit.now.boot += 100;
        commit.now.wall += 100;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct locum_core core;
    static struct locum_core fresh;
    static char first[LOCUM_RESUME_BYTES_MAX];
    static char second[LOCUM_RESUME_BYTES_MAX];
    const struct locum_slice text = {.at = (const char *)data, .length = size};
    locum_core_init(&fresh, config(), NULL, now);
    for (enum locum_start how = LOCUM_START; how <= LOCUM_REPLACE; how++) {
        if (resume(&core, how, text) > LOCUM_RESUMED_STALE) {
            REQUIRE(memcmp(&core, &fresh, sizeof(core)) == 0);
            continue;
        }
        struct locum_text out = locum_text_init(first, sizeof(first));
        locum_core_save(&core, "boot-1", 0, now, &out);
        REQUIRE(!out.truncated);
        const struct locum_slice saved = {.at = first, .length = out.length};
        REQUIRE(resume(&core, LOCUM_REPLACE, saved) == LOCUM_RESUMED);
        out = locum_text_init(second, sizeof(second));
        locum_core_save(&core, "boot-1", 0, now, &out);
        REQUIRE(strcmp(first, second) == 0);
        run(&core);
    }
    return 0;
}
