/*
 * restart: the usual site of fixture.h with one check, its state as a text, and a process that
 * begins with it. For the tests of core/resume.h.
 */
#ifndef TESTS_CORE_RESTART_H
#define TESTS_CORE_RESTART_H

#include "fixture.h"

#define HEAR_NS0  locum_nodes_of(NS0)
#define HEAR_BOTH (locum_nodes_of(DC3) | locum_nodes_of(NS0))

static const char boot_id[] = "0b8e5c1e-7f3a-4d39-9d4e-6f1f5a0c7e21";

static struct site site;
static struct locum_core_config config;
static char text[LOCUM_RESUME_BYTES_MAX];

static inline int
set_up(void **state)
{
    (void)state;
    config = config_of(2, 1, 0);
    config.checks[0] = (struct locum_core_check){
        .counts = true, .rise = 2, .fall = 3, .id = 7, .interval_ms = 500};
    config.check_count = 1;
    begin_well(&site, &config);
    step(&site, (struct locum_input){.kind = LOCUM_INPUT_SAMPLE});
    commit(&site);
    forget(&site);
    return 0;
}

static inline void
save(void)
{
    struct locum_text out = locum_text_init(text, sizeof(text));
    locum_core_save(&site.core, boot_id, 42, site.now, &out);
    assert_false(out.truncated);
}

static inline struct locum_last_run
last_run(enum locum_start how)
{
    return (struct locum_last_run){
        .how = how, .text = {text, strlen(text)}, .boot_id = boot_id, .saved = NULL};
}

/* A process begins that long after the state was saved; it has not committed yet. */
static inline enum locum_resumed
resume(enum locum_start how, locum_ms later)
{
    uint32_t serial = 0;
    const struct locum_last_run last = last_run(how);
    sleep_ms(&site, later);
    const enum locum_resumed outcome =
        locum_core_resume(&site.core, &config, &last, site.now, &serial);
    assert_int_equal(serial, outcome <= LOCUM_RESUMED_STALE ? 42 : 0);
    forget(&site);
    return outcome;
}

static inline enum locum_rank
rank(locum_node node)
{
    return site.core.rank[node].in[LOCUM_V4];
}

static inline const struct locum_answer *
answer(size_t name)
{
    return &site.core.plan.answers[name][LOCUM_V4];
}

/* dc3 dies, and this node takes over its name. */
static inline void
lose_dc3(void)
{
    site.say[NS0].acks[DC3].state_code = LOCUM_SUSPECT;
    pass_hearing(&site, TIMEOUT + 200, HEAR_NS0);
    assert_int_equal(condition(&site, DC3), LOCUM_DOWN);
}

static inline void
bring_back_dc3(void)
{
    lose_dc3();
    site.say[NS0].acks[DC3].state_code = LOCUM_ALIVE;
    pass_hearing(&site, 500, HEAR_BOTH);
    assert_int_equal(condition(&site, DC3), LOCUM_RETURNING);
}

#endif
