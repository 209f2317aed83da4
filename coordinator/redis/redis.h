/*
 * redis: the Redis that Mirrorbits uses, and its Sentinels.
 *
 * In: endpoints of the configuration, heartbeats to publish, fields to write. Out, as callbacks:
 * messages of the heartbeat channel (signed; the daemon verifies them), subscription gained and
 * lost, each Sentinel's view, Mirrorbits' announcements. Nothing here decides anything except which
 * Redis is the master (discovery.h, a pure file). Only this folder includes hiredis.
 *
 * A connection begins with a password, so it goes to configured addresses only: of the Sentinels,
 * and of nodes.X.redis if there is any. What Sentinels name beyond them is reported.
 *
 * Every wait has a deadline. An unreachable Redis is no error: it is tried again without limit,
 * with back-off.
 */
#ifndef LOCUM_REDIS_REDIS_H
#define LOCUM_REDIS_REDIS_H

#include <event2/event.h>

#include "base/log.h"
#include "config/config.h"

struct locum_redis;

enum { LOCUM_REDIS_ERROR_MAX = 511, LOCUM_REDIS_FIELDS_MAX = 16 };

/* An event of this node, for the event stream. All texts are borrowed. */
struct locum_redis_event {
    uint64_t id;      /* its wall time in Unix ms, or more: each event has a higher one */
    const char *time; /* the same as RFC 3339, in UTC */
    size_t count;
    struct locum_field fields[LOCUM_REDIS_FIELDS_MAX];
};

/* Called from the event loop only, never from inside a function of this header unless it says so.
 */
struct locum_redis_events {
    /* A message of the heartbeat channel, as it came; borrowed. */
    void (*heartbeat)(void *user, struct locum_slice message);
    /* The heartbeat channel of the master is now subscribed, or no longer. */
    void (*subscribed)(void *user, bool subscribed);
    /* A poll of the Sentinel at node `voter` is complete: the number of instances it lists, and of
     * those that are s_down, by node. */
    void (*sentinel)(void *user, locum_node voter, bool tilt, const uint8_t known[LOCUM_NODES_MAX],
                     const uint8_t down[LOCUM_NODES_MAX]);
    /* The Mirrorbits of `node` announced itself for redis.db, as `instance` ("vm-23362");
     * borrowed. */
    void (*mirrorbits)(void *user, locum_node node, const char *instance);
    /*
     * Get the first kept event with an id > `after`; its fields must stay valid until the next
     * call. false: there is none. Also called inside locum_redis_events_added().
     */
    bool (*next_event)(void *user, uint64_t after, struct locum_redis_event *ret);
};

struct locum_redis_sentinel {
    char where[LOCUM_HOST_MAX + 9]; /* "10.0.0.10:26379", as it is written */
    locum_node node;                /* it belongs to; LOCUM_NODE_NONE: none */
    bool connected;                 /* a poll is complete since it connected, and not too old */
    bool tilt;                      /* at the last poll */
    locum_ms polled_mono;           /* LOCUM_NEVER */
    uint64_t polls;                 /* complete ones, since it was configured */
    /* The master that it named last, if that is no nodes.X.redis; port 0: it is one. */
    struct locum_address unlisted_master;
    char error[LOCUM_REDIS_ERROR_MAX + 1];
};

/* A Mirrorbits has announced itself for this database, which is not redis.db. */
struct locum_redis_other_db {
    uint32_t db;
    locum_ms heard_mono; /* LOCUM_NEVER */
};

/* A Mirrorbits has announced itself for redis.db under a host name that is no node's. */
struct locum_redis_mirrorbits {
    char host[LOCUM_HOST_MAX + 4]; /* as messages show it */
    locum_ms heard_mono;           /* LOCUM_NEVER */
};

struct locum_redis_status {
    bool connected;                        /* to a master, and subscribed */
    struct locum_address master;           /* port 0: none known */
    locum_ms since_wall;                   /* of `connected`; LOCUM_NEVER */
    char error[LOCUM_REDIS_ERROR_MAX + 1]; /* what is wrong and what to do; "": nothing */
    struct locum_redis_sentinel sentinels[LOCUM_NODES_MAX];
    size_t sentinel_count;
    /* Instances that Sentinels list and that belong to no node or to two, "a, b"; "": none */
    char unknown_instances[LOCUM_REDIS_ERROR_MAX + 1];
    struct locum_redis_other_db other_db[LOCUM_NODES_MAX]; /* by node */
    struct locum_redis_mirrorbits unknown_mirrorbits;      /* the last one */
    uint64_t commands;                                     /* sent so far */
    uint64_t oversized; /* messages of more than LOCUM_TRIM_BYTES_MAX, which were dropped */
    uint64_t failures;  /* connections to a master that ended, and attempts that failed */
};

/*
 * Begin. Without redis.master-name it does nothing.
 *
 * config  borrowed until the next locum_redis_reconfigure() or destroy.
 * Returns 0 or LOCUM_ERR_MEMORY.
 */
int locum_redis_create(struct event_base *base, const struct locum_config *config,
                       const struct locum_redis_events *events, void *user,
                       struct locum_redis **ret) LOCUM_MUST_CHECK;

/*
 * Take a new configuration. Connections whose settings changed are closed and opened again; the
 * others stay. The old configuration must exist until this returns.
 */
void locum_redis_reconfigure(struct locum_redis *self, const struct locum_config *config);

/* Publish one signed heartbeat at once. Dropped silently while there is no connection. */
void locum_redis_publish(struct locum_redis *self, struct locum_slice message);

/*
 * Write the node's hash (at most LOCUM_REDIS_FIELDS_MAX fields; it expires after 7 d) and its score
 * in the sorted set. Dropped while there is no connection.
 */
void locum_redis_write_node(struct locum_redis *self, const struct locum_field *fields,
                            size_t count, locum_ms wall);

/*
 * There are new events: add them to the event stream (capped at events.keep) with next_event. While
 * there is no connection they wait where they are kept, and are added later with the field `at`:
 * when they happened. What the last connection did not confirm is added again, so an event may
 * appear twice. It is lost only if it is no longer kept, or if Redis refuses it.
 */
void locum_redis_events_added(struct locum_redis *self);

void locum_redis_status(const struct locum_redis *self, struct locum_redis_status *ret);

/* Close all connections and free. NULL is fine. Not from inside a callback. */
void locum_redis_destroy(struct locum_redis *self);

#endif
