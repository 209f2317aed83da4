/*
 * redis: the Redis that Mirrorbits uses, and its Sentinels.
 *
 * In: endpoints of the configuration. Out, as callbacks: heartbeat lines (sealed; the daemon opens
 * them), subscription won and lost, each Sentinel's view, Mirrorbits' announcements. Takes:
 * heartbeats to publish, fields to write. Nothing here decides anything but which Redis is the
 * master (discovery.h, a pure file). Only this room includes hiredis (reader and formatter only).
 *
 * Every wait has a deadline; a Redis that is away is no error: it is tried for ever, with back-off.
 */
#ifndef LOCUM_REDIS_REDIS_H
#define LOCUM_REDIS_REDIS_H

#include <event2/event.h>

#include "base/log.h"
#include "config/config.h"

struct locum_redis;

/* Called from the event loop only, never from inside a function of this header. */
struct locum_redis_events {
    /* A message of the heartbeat channel, as it came; borrowed. */
    void (*line)(void *user, struct locum_slice line);
    /* The heartbeat channel of the master is subscribed now, or not any more. */
    void (*subscribed)(void *user, bool subscribed);
    /* A poll of the Sentinel at node `voter` is complete: instances it lists by node, of these
     * s_down. */
    void (*sentinel)(void *user, locum_node voter, bool tilt, const uint8_t known[LOCUM_NODES_MAX],
                     const uint8_t down[LOCUM_NODES_MAX]);
    /* The Mirrorbits of `node` announced itself for redis.db, as `instance` ("vm-23362");
     * borrowed. */
    void (*mirrorbits)(void *user, locum_node node, const char *instance);
};

enum { LOCUM_REDIS_ERROR_MAX = 511, LOCUM_REDIS_FIELDS_MAX = 32 };

/* A Mirrorbits has announced itself for this database, which is not redis.db. */
struct locum_redis_other_db {
    uint32_t db;
    locum_ms heard_mono; /* LOCUM_NEVER */
};

struct locum_redis_status {
    bool connected;                        /* to a master, and subscribed */
    struct locum_address master;           /* port 0: none known */
    locum_ms since_wall;                   /* of `connected`; LOCUM_NEVER */
    char error[LOCUM_REDIS_ERROR_MAX + 1]; /* what is wrong and what to do; "": nothing */
    struct {
        char where[LOCUM_HOST_MAX + 9]; /* "10.0.0.10:26379", as it is written */
        locum_node node;                /* whose it is; LOCUM_NODE_NONE: nobody's */
        bool connected;
        bool tilt;
        locum_ms polled_mono; /* LOCUM_NEVER */
        uint64_t polls;       /* complete ones, since it was configured */
        char error[LOCUM_REDIS_ERROR_MAX + 1];
    } sentinels[LOCUM_NODES_MAX];
    size_t sentinel_count;
    char unknown_instances[LOCUM_REDIS_ERROR_MAX +
                           1]; /* instances that belong to no node or to two; "" */
    struct locum_redis_other_db other_db[LOCUM_NODES_MAX]; /* by node */
    uint64_t commands;                                     /* sent so far */
    uint64_t failures; /* connections to a master that ended, attempts that failed */
};

/*
 * Begin. config is borrowed until the next locum_redis_reconfigure() or destroy. With no
 * redis.master-name configured it does nothing, for ever. 0 or LOCUM_ERR_MEMORY.
 */
int locum_redis_create(struct event_base *base, const struct locum_config *config,
                       const struct locum_redis_events *events, void *user,
                       struct locum_redis **ret) LOCUM_MUST_CHECK;

/* Take a new configuration: connections whose settings changed are made anew, others stay. */
void locum_redis_reconfigure(struct locum_redis *self, const struct locum_config *config);

/* Publish one sealed heartbeat; alone and first. Dropped silently while there is no connection. */
void locum_redis_publish(struct locum_redis *self, struct locum_slice line);

/*
 * State for people, best effort, of at most LOCUM_REDIS_FIELDS_MAX fields: the node's hash (with
 * its expiry of 7 d) and its score in the sorted set, dropped while there is no connection; an
 * entry of the event stream (capped at events.keep), which waits for one (backlog.h) and is then
 * given the field `at`: when it happened.
 */
void locum_redis_write_node(struct locum_redis *self, const struct locum_field *fields,
                            size_t count, locum_ms wall);
void locum_redis_add_event(struct locum_redis *self, const struct locum_field *fields,
                           size_t count);

void locum_redis_status(const struct locum_redis *self, struct locum_redis_status *ret);

/* Close all connections and free. NULL is fine. Not from inside a callback. */
void locum_redis_destroy(struct locum_redis *self);

#endif
