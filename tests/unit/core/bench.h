/*
 * bench: the article's site (servers dc2 and dc3, a third site ns0) and the core of dc2. The test
 * plays the other nodes.
 */
#ifndef LOCUM_TEST_CORE_BENCH_H
#define LOCUM_TEST_CORE_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "core/step.h"
#include "core/vote.h"

enum { DC2, DC3, NS0 };
enum { ITERATION_MS = 10 };

enum { START = 1000000, WALL = 1763863200 }; /* START ms monotonic is WALL s */

static inline struct locum_now
at(locum_ms mono)
{
    return (struct locum_now){
        .mono = mono, .boot = mono + 5000, .wall = (locum_ms)WALL * 1000 + mono - START};
}

static inline void
site_node(struct locum_core_config *config, const char *name, enum locum_role role)
{
    struct locum_core_node *node = &config->nodes[config->node_count++];
    strcpy(node->name, name);
    node->role = role;
    node->has[LOCUM_V4] = role != LOCUM_ROLE_SENTINEL;
}

static inline void
site_name(struct locum_core_config *config, locum_node owner, enum locum_policy policy)
{
    config->names[config->name_count++] = (struct locum_core_name){
        .owner = owner, .policy = policy, .ttl_s = 60, .failover_ttl_s = 15};
}

/* A cluster of nodes dc2, dc3, ...; ns0, ...; s0, without names. */
static inline struct locum_core_config
cluster(locum_node self, size_t servers, size_t witnesses, size_t sentinels)
{
    static const char *const names[3][6] = {
        {"dc2", "dc3", "dc4", "dc5", "dc6", "dc7"}, {"ns0", "ns1"}, {"s0", "s1"}};
    struct locum_core_config config = {
        .cluster = "get",
        .self = self,
        .interval_ms = 125,
        .timeout_ms = 1000,
        .recover_after_ms = 5000,
        .sentinel_poll_ms = 500,
        .min_serving = 1,
        .digest = "a1b2c3d4",
    };
    for (size_t i = 0; i < servers; i++) {
        site_node(&config, names[0][i], LOCUM_ROLE_SERVER);
    }
    for (size_t i = 0; i < witnesses; i++) {
        site_node(&config, names[1][i], LOCUM_ROLE_WITNESS);
    }
    for (size_t i = 0; i < sentinels; i++) {
        site_node(&config, names[2][i], LOCUM_ROLE_SENTINEL);
    }
    config.quorum = (uint32_t)config.node_count / 2 + 1;
    return config;
}

/* Two servers and a witness; a shared name (self) and a name of each server; one check. */
static inline struct locum_core_config
article(locum_node self)
{
    struct locum_core_config config = cluster(self, 2, 1, 0);
    site_name(&config, LOCUM_NODE_NONE, LOCUM_ANSWER_SELF);
    site_name(&config, DC2, LOCUM_ANSWER_SELF);
    site_name(&config, DC3, LOCUM_ANSWER_SELF);
    config.checks[0] = (struct locum_core_check){
        .counts = true, .rise = 2, .fall = 3, .fast_fail = true, .interval_ms = 500};
    config.check_count = 1;
    return config;
}

/* The same with a Sentinel-only third site, s0. */
static inline struct locum_core_config
article_sentinel(locum_node self)
{
    struct locum_core_config config = article(self);
    strcpy(config.nodes[NS0].name, "s0");
    config.nodes[NS0].role = LOCUM_ROLE_SENTINEL;
    return config;
}

struct bench {
    struct locum_core core;
    struct locum_actions actions; /* of the last step */
    locum_ms now;
    struct locum_heartbeat peer[3]; /* what each peer says next; its acks for dc2 filled in */
};

static inline void
bench_start(struct bench *self, const struct locum_core_config *config,
            const struct locum_saved *saved)
{
    memset(self, 0, sizeof(*self));
    self->now = START;
    locum_core_init(&self->core, config, saved, at(START));
    for (locum_node node = 0; node < 3; node++) {
        self->peer[node] = (struct locum_heartbeat){
            .sender = node,
            .incarnation = 700,
            .interval_ms = 125,
            .service = LOCUM_UP,
            .wall = (locum_ms)WALL * 1000,
            .digest = "a1b2c3d4",
            .acked = 7u & ~locum_nodes_of(node),
        };
    }
}

static inline void
step(struct bench *self, struct locum_input event)
{
    event.now = at(self->now);
    locum_core_step(&self->core, &event, &self->actions);
}

static inline void
commit(struct bench *self, locum_ms now)
{
    self->now = now;
    step(self, (struct locum_input){.kind = LOCUM_INPUT_COMMIT});
}

static inline void
hear_text(struct bench *self, enum locum_path path, const char *text)
{
    struct locum_input event = {.kind = LOCUM_INPUT_HEARTBEAT};
    event.heartbeat.path = path;
    event.heartbeat.text = locum_slice_of(text);
    step(self, event);
}

/* This heartbeat arrives unchanged. */
static inline void
hear_as_is(struct bench *self, enum locum_path path, const struct locum_heartbeat *heartbeat)
{
    char buffer[LOCUM_HEARTBEAT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_heartbeat_add(&text, &self->core.config, heartbeat);
    hear_text(self, path, buffer);
}

/* The next heartbeat of a peer arrives; it acknowledges the last own one. */
static inline void
hear(struct bench *self, enum locum_path path, locum_node peer)
{
    struct locum_heartbeat *next = &self->peer[peer];
    next->seq++;
    next->acks[self->core.config.self].has_number = true;
    next->acks[self->core.config.self].incarnation = self->core.view.incarnation;
    next->acks[self->core.config.self].seq = self->core.view.seq;
    hear_as_is(self, path, next);
}

static inline size_t
count_actions(const struct bench *self, enum locum_action_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < self->actions.count; i++) {
        count += self->actions.at[i].kind == kind ? 1 : 0;
    }
    return count;
}

/* The event of this kind; NULL: none. */
static inline const struct locum_event *
event_of(const struct bench *self, enum locum_event_kind kind)
{
    const struct locum_event *found = NULL;
    for (size_t i = 0; i < self->actions.count; i++) {
        const struct locum_action *action = &self->actions.at[i];
        if (action->kind == LOCUM_ACTION_EVENT && action->event.kind == kind) {
            assert_null(found);
            found = &action->event;
        }
    }
    return found;
}

static inline enum locum_condition
condition(const struct bench *self, locum_node node)
{
    return locum_core_condition(&self->core, node);
}

/* Both peers are alive and the own service is up, at START + 100. */
static inline void
bench_start_well(struct bench *self, const struct locum_core_config *config)
{
    bench_start(self, config, NULL);
    struct locum_input sample = {.kind = LOCUM_INPUT_SAMPLE};
    step(self, sample);
    commit(self, START);
    self->now = START + 100;
    hear(self, LOCUM_PATH_UDP, DC3);
    hear(self, LOCUM_PATH_UDP, NS0);
    commit(self, START + 100);
    assert_int_equal(condition(self, DC3), LOCUM_ALIVE);
    assert_int_equal(condition(self, NS0), LOCUM_ALIVE);
}

/* Commits until `until`; ns0 is heard every 100 ms, dc3 is not. */
static inline void
run_without_dc3(struct bench *self, locum_ms until)
{
    while (self->now < until) {
        const locum_ms next = self->now + ITERATION_MS;
        if (next % 100 == 0) {
            self->now = next;
            hear(self, LOCUM_PATH_UDP, NS0);
        }
        commit(self, next);
    }
}

/* dc3 is confirmed down by dc2 and ns0 together. */
static inline void
bench_start_without_dc3(struct bench *self, const struct locum_core_config *config)
{
    bench_start_well(self, config);
    run_without_dc3(self, START + 1100);
    assert_int_equal(condition(self, DC3), LOCUM_SUSPECT);
    self->peer[NS0].acks[DC3].state_code = LOCUM_SUSPECT;
    hear(self, LOCUM_PATH_UDP, NS0);
    commit(self, START + 1110);
    assert_int_equal(condition(self, DC3), LOCUM_DOWN);
}

#endif
