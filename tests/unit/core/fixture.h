/*
 * fixture: a small site under virtual time. Node 0 (dc2) is self; `say` has the next heartbeats of
 * the peers, and every action of the core is counted or kept.
 */
#ifndef TESTS_CORE_FIXTURE_H
#define TESTS_CORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "core/resume.h"
#include "core/step.h"

enum { DC2, DC3, NS0 }; /* in the usual site: two servers and a witness */
enum { INTERVAL = 125, TIMEOUT = 1000, RECOVER = 5000, POLL = 500 };
enum { EVENTS_KEPT = 64, ITERATION_MS = 10 };

static const struct locum_now beginning = {100000, 200000, 1763863200123};

struct site {
    struct locum_core core;
    struct locum_now now;
    struct locum_heartbeat say[LOCUM_NODES_MAX]; /* the last heartbeat of each peer */
    struct locum_actions actions;                /* of the last step */
    unsigned sent;                               /* heartbeats since forget() */
    size_t events;
    struct locum_event event[EVENTS_KEPT];
};

static inline void
add_node(struct locum_core_config *config, const char *stem, char digit, enum locum_role role)
{
    struct locum_core_node *node = &config->nodes[config->node_count++];
    struct locum_text name = locum_text_init(node->name, sizeof(node->name));
    locum_text_add(&name, stem);
    locum_text_add_char(&name, digit);
    node->role = role;
    node->has[LOCUM_V4] = role != LOCUM_ROLE_SENTINEL;
    node->has[LOCUM_V6] = role != LOCUM_ROLE_SENTINEL;
}

/* Servers dc2 dc3 ..., witnesses ns0 ns1 ..., sentinels sn0 ...; a shared name, one owned by each
 * server. */
static inline struct locum_core_config
config_of(unsigned servers, unsigned witnesses, unsigned sentinels)
{
    struct locum_core_config config = {.cluster = "get",
                                       .interval_ms = INTERVAL,
                                       .timeout_ms = TIMEOUT,
                                       .recover_after_ms = RECOVER,
                                       .sentinel_poll_ms = POLL,
                                       .min_serving = 1,
                                       .digest = "a1b2c3d4"};
    config.names[config.name_count++] = (struct locum_core_name){LOCUM_NODE_NONE, 0, 60, 10};
    for (unsigned i = 0; i < servers; i++) {
        add_node(&config, "dc", (char)('2' + i), LOCUM_ROLE_SERVER);
        config.names[config.name_count++] = (struct locum_core_name){(locum_node)i, 0, 300, 20};
    }
    for (unsigned i = 0; i < witnesses; i++) {
        add_node(&config, "ns", (char)('0' + i), LOCUM_ROLE_WITNESS);
    }
    for (unsigned i = 0; i < sentinels; i++) {
        add_node(&config, "sn", (char)('0' + i), LOCUM_ROLE_SENTINEL);
    }
    config.quorum = (uint32_t)config.node_count / 2 + 1;
    return config;
}

static inline void
forget(struct site *site)
{
    site->sent = 0;
    site->events = 0;
}

static inline void
begin(struct site *site, const struct locum_core_config *config, const struct locum_saved *saved)
{
    memset(site, 0, sizeof(*site));
    site->now = beginning;
    for (locum_node peer = 0; peer < LOCUM_NODES_MAX; peer++) {
        site->say[peer] = (struct locum_heartbeat){.sender = peer,
                                                   .incarnation = 1763863199001,
                                                   .interval_ms = INTERVAL,
                                                   .service = LOCUM_UP,
                                                   .wall = 1763863200000,
                                                   .digest = "a1b2c3d4"};
    }
    locum_core_init(&site->core, config, saved, site->now);
}

/* The usual site: two servers and a witness. */
static inline void
begin_usual(struct site *site)
{
    const struct locum_core_config config = config_of(2, 1, 0);
    begin(site, &config, NULL);
}

static inline void
step(struct site *site, struct locum_input event)
{
    event.now = site->now;
    locum_core_step(&site->core, &event, &site->actions);
    for (size_t i = 0; i < site->actions.count; i++) {
        const struct locum_action *action = &site->actions.at[i];
        site->sent += action->kind == LOCUM_ACTION_HEARTBEAT;
        if (action->kind == LOCUM_ACTION_EVENT) {
            assert_true(site->events < EVENTS_KEPT);
            site->event[site->events++] = action->event;
        }
    }
}

static inline void
sleep_ms(struct site *site, locum_ms ms)
{
    site->now.mono += ms;
    site->now.boot += ms;
    site->now.wall += ms;
}

static inline void
commit(struct site *site)
{
    step(site, (struct locum_input){.kind = LOCUM_INPUT_COMMIT});
}

/* Iterations of 10 ms without inputs. */
static inline void
pass(struct site *site, locum_ms ms)
{
    for (locum_ms gone = 0; gone < ms; gone += ITERATION_MS) {
        sleep_ms(site, ITERATION_MS);
        commit(site);
    }
}

/* This heartbeat arrives unchanged. */
static inline void
hear_as_is(struct site *site, const struct locum_heartbeat *heartbeat, enum locum_path path)
{
    char buffer[LOCUM_HEARTBEAT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_heartbeat_add(&text, &site->core.config, heartbeat);
    assert_false(text.truncated);
    step(site, (struct locum_input){.kind = LOCUM_INPUT_HEARTBEAT,
                                    .heartbeat = {.path = path, .text = {buffer, text.length}}});
}

/* The next heartbeat of a peer that has not heard self: ack 0,0. */
static inline void
hear_without_ack(struct site *site, locum_node peer, enum locum_path path)
{
    struct locum_heartbeat *say = &site->say[peer];
    say->seq++;
    say->acked = (locum_nodes)((1ull << site->core.config.node_count) - 1) & ~locum_nodes_of(peer);
    say->acks[DC2].has_number = true;
    say->acks[DC2].incarnation = 0;
    say->acks[DC2].seq = 0;
    hear_as_is(site, say, path);
}

/* The next heartbeat of a peer, which acknowledges the own heartbeat `seq`. */
static inline void
hear_ack(struct site *site, locum_node peer, enum locum_path path, uint64_t seq)
{
    struct locum_heartbeat *say = &site->say[peer];
    say->seq++;
    say->acked = (locum_nodes)((1ull << site->core.config.node_count) - 1) & ~locum_nodes_of(peer);
    say->acks[DC2].has_number = true;
    say->acks[DC2].incarnation = site->core.view.incarnation;
    say->acks[DC2].seq = seq;
    hear_as_is(site, say, path);
}

/* The next heartbeat of a peer that has heard the last own one. */
static inline void
hear(struct site *site, locum_node peer, enum locum_path path)
{
    hear_ack(site, peer, path, site->core.view.seq);
}

/* Iterations in which these peers are heard by UDP, every interval. */
static inline void
pass_hearing(struct site *site, locum_ms ms, locum_nodes peers)
{
    for (locum_ms gone = 0; gone < ms; gone += ITERATION_MS) {
        sleep_ms(site, ITERATION_MS);
        for (locum_node peer = 0; peer < site->core.config.node_count; peer++) {
            if (locum_nodes_has(peers, peer) && gone / 120 != (gone + ITERATION_MS) / 120) {
                hear(site, peer, LOCUM_PATH_UDP);
            }
        }
        commit(site);
    }
}

/* A site whose peers have all been heard for a second. */
static inline void
begin_well(struct site *site, const struct locum_core_config *config)
{
    locum_nodes peers = 0;
    for (locum_node node = 1; node < config->node_count; node++) {
        peers |= config->nodes[node].role == LOCUM_ROLE_SENTINEL ? 0 : locum_nodes_of(node);
    }
    begin(site, config, NULL);
    commit(site);
    pass_hearing(site, 1000, peers);
    forget(site);
}

static inline void
begin_usual_well(struct site *site)
{
    const struct locum_core_config config = config_of(2, 1, 0);
    begin_well(site, &config);
}

static inline enum locum_condition
condition(const struct site *site, locum_node peer)
{
    return locum_core_condition(&site->core, peer);
}

/* The last event of this kind since forget(), or NULL. */
static inline const struct locum_event *
last_event(const struct site *site, enum locum_event_kind kind)
{
    for (size_t i = site->events; i > 0; i--) {
        if (site->event[i - 1].kind == kind) {
            return &site->event[i - 1];
        }
    }
    return NULL;
}

static inline size_t
count_events(const struct site *site, enum locum_event_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < site->events; i++) {
        count += site->event[i].kind == kind;
    }
    return count;
}

static inline void
set_subscribed(struct site *site, bool subscribed)
{
    step(site, (struct locum_input){.kind = LOCUM_INPUT_REDIS, .subscribed = subscribed});
}

/* The own heartbeat `seq` comes back through Redis. */
static inline void
hear_own(struct site *site, uint64_t incarnation, uint64_t seq)
{
    struct locum_heartbeat own = site->say[DC2];
    own.incarnation = incarnation;
    own.seq = seq;
    hear_as_is(site, &own, LOCUM_PATH_REDIS);
}

#endif
