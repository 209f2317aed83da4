/*
 * fixture: a configuration made by hand, callbacks that record what the daemon would receive, and
 * waiting with a deadline.
 */
#ifndef TESTS_REDIS_FIXTURE_H
#define TESTS_REDIS_FIXTURE_H

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "redis/redis.h"

enum { EVENTS_MAX = 300 };

/* What the daemon of one node received, and the events that it keeps. */
struct received {
    unsigned heartbeats, polls, announcements, won, lost;
    unsigned repeated; /* `subscribed` without a change: never */
    bool subscribed;
    char heartbeat[256];
    char instance[256];
    locum_node announced;
    locum_ms lost_at;
    struct locum_redis_event events[EVENTS_MAX];
    size_t event_count;
    struct {
        unsigned polls;
        bool tilt;
        uint8_t known[LOCUM_NODES_MAX], down[LOCUM_NODES_MAX];
    } sentinel[LOCUM_NODES_MAX];
};

static void
receive_heartbeat(void *user, struct locum_slice message)
{
    struct received *received = user;
    received->heartbeats++;
    if (locum_slice_copy(message, received->heartbeat, sizeof(received->heartbeat)) != 0) {
        received->heartbeat[0] = '\0';
    }
}

static void
receive_subscribed(void *user, bool subscribed)
{
    struct received *received = user;
    received->repeated += subscribed == received->subscribed;
    received->subscribed = subscribed;
    received->won += subscribed;
    received->lost += !subscribed;
    received->lost_at = subscribed ? received->lost_at : locum_clock_read().mono;
}

static void
receive_sentinel(void *user, locum_node voter, bool tilt, const uint8_t known[LOCUM_NODES_MAX],
                 const uint8_t down[LOCUM_NODES_MAX])
{
    struct received *received = user;
    received->polls++;
    received->sentinel[voter].polls++;
    received->sentinel[voter].tilt = tilt;
    memcpy(received->sentinel[voter].known, known, LOCUM_NODES_MAX);
    memcpy(received->sentinel[voter].down, down, LOCUM_NODES_MAX);
}

static void
receive_mirrorbits(void *user, locum_node node, const char *instance)
{
    struct received *received = user;
    received->announcements++;
    received->announced = node;
    struct locum_text text = locum_text_init(received->instance, sizeof(received->instance));
    locum_text_add(&text, instance);
}

static bool
next_event(void *user, uint64_t after, struct locum_redis_event *ret)
{
    const struct received *received = user;
    for (size_t i = 0; i < received->event_count; i++) {
        if (received->events[i].id > after) {
            *ret = received->events[i];
            return true;
        }
    }
    return false;
}

/* Keep an event; the texts are borrowed. */
static inline void
add_event(struct received *received, const struct locum_field *fields, size_t count)
{
    assert_true(received->event_count < EVENTS_MAX);
    const uint64_t last =
        received->event_count > 0 ? received->events[received->event_count - 1].id : 0;
    struct locum_redis_event *event = &received->events[received->event_count++];
    const uint64_t wall = (uint64_t)locum_clock_read().wall;
    event->id = wall > last ? wall : last + 1;
    event->time = "2025-11-23T02:00:58.173Z";
    event->count = count;
    memcpy(event->fields, fields, count * sizeof(*fields));
}

static const struct locum_redis_events received_events = {
    .heartbeat = receive_heartbeat,
    .subscribed = receive_subscribed,
    .sentinel = receive_sentinel,
    .mirrorbits = receive_mirrorbits,
    .next_event = next_event,
};

static inline void
set_text(char *buffer, size_t size, const char *string)
{
    struct locum_text text = locum_text_init(buffer, size);
    locum_text_add(&text, string);
    assert_false(text.truncated);
}
#define SET_TEXT(array, string) set_text(array, sizeof(array), string)

/* Nodes dc2, dc3 and ns0; no endpoints yet. The caller frees it. */
static inline struct locum_config *
make_config(locum_node self)
{
    static const char *const names[] = {"dc2", "dc3", "ns0"};
    struct locum_config *config = calloc(1, sizeof(*config));
    assert_non_null(config);
    SET_TEXT(config->core.cluster, "get");
    config->core.self = self;
    config->core.node_count = LOCUM_COUNT(names);
    for (size_t i = 0; i < LOCUM_COUNT(names); i++) {
        SET_TEXT(config->core.nodes[i].name, names[i]);
        SET_TEXT(config->nodes[i].mirrorbits, names[i]);
    }
    config->core.sentinel_poll_ms = 200;
    SET_TEXT(config->redis.master_name, "mirrorbits");
    config->redis.timeout_ms = 1000;
    config->events_keep = 1000;
    return config;
}

static inline void
set_endpoint(struct locum_endpoint *endpoint, uint16_t port)
{
    SET_TEXT(endpoint->host, "127.0.0.1");
    endpoint->port = port;
}

/* Run the loop until the condition holds; false after the deadline. */
typedef bool condition_fn(void *user);
static inline bool
wait_until(struct event_base *base, condition_fn *holds, void *user, locum_ms deadline_ms)
{
    const locum_ms end = locum_clock_read().mono + deadline_ms;
    while (!holds(user)) {
        if (locum_clock_read().mono >= end) {
            return false;
        }
        const struct timeval tv = {.tv_usec = 5000};
        event_base_loopexit(base, &tv);
        event_base_dispatch(base);
    }
    return true;
}

/* A port of 127.0.0.1 that is free now. */
static inline uint16_t
free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    close(fd);
    return ntohs(address.sin_port);
}

#endif
