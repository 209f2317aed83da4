/*
 * master: two connections to the Redis that discovery.h chose as the master: one for commands, one
 * that subscribes.
 *
 * In: an address; heartbeats and fields to write. Out: messages, "ready" gained and lost, the end
 * of the attempt with its reason. It is ready when ROLE has said master, the heartbeat channel
 * is subscribed, and the last PUBLISH was accepted (a paused or forbidden one is not). Both
 * connections open and close together.
 *
 * Each quarter of redis.timeout it checks both: ROLE on one (a master can become a replica),
 * SUBSCRIBE again on the other if no message came meanwhile. Any reply shows that the connection
 * works. An error reply is only reported (locum_master_diagnosis()), unless it says that this is
 * not the master or that the login is rejected.
 */
#ifndef LOCUM_REDIS_MASTER_H
#define LOCUM_REDIS_MASTER_H

#include "redis/discovery.h"
#include "redis/link.h"
#include "redis/redis.h"

struct locum_master;

/* No callback runs inside a function of this header unless it says so. */
struct locum_master_events {
    /* locum_master_is_ready() changed. */
    void (*changed)(void *user);
    /* A message of Mirrorbits' channel, while ready; borrowed. */
    void (*announcement)(void *user, struct locum_slice payload);
    /* The connection to `address`, or the attempt, has ended. why: "Redis 10.0.0.12:6379: reason",
     * borrowed. */
    void (*left)(void *user, const struct locum_address *address,
                 enum locum_discovery_failure failure, const char *why);
};

/* All pointers are borrowed. */
struct locum_master_settings {
    struct locum_link_settings link;
    const struct locum_config *config;
    const struct locum_redis_events *owner; /* for `heartbeat`, while ready, and `next_event` */
    void *owner_user;
};

/*
 * settings  borrowed; may change while a connection is open only as link.h allows, and in what
 *           `config` says about other things than this connection.
 * events    borrowed.
 * NULL: no memory.
 */
struct locum_master *locum_master_create(const struct locum_master_settings *settings,
                                         const struct locum_master_events *events, void *user);

/*
 * Connect to this address; not while another is in use. Its end comes by `left`, always later.
 *
 * name  the name in its certificate; NULL: the address.
 */
void locum_master_connect(struct locum_master *self, const struct locum_address *address,
                          const char *name);

/* Disconnect, without a callback. */
void locum_master_leave(struct locum_master *self);

/* The address in use or being tried, or NULL. */
const struct locum_address *locum_master_address(const struct locum_master *self);

bool locum_master_is_ready(const struct locum_master *self);

/* What is wrong although it is connected: "Redis 10.0.0.12:6379: reason"; "": nothing. */
const char *locum_master_diagnosis(const struct locum_master *self);

/* See redis.h. Dropped unless connected to a known master; events wait instead. */
void locum_master_publish(struct locum_master *self, struct locum_slice message);
void locum_master_write_node(struct locum_master *self, const struct locum_field *fields,
                             size_t count, locum_ms wall);
void locum_master_events_added(struct locum_master *self);

/* NULL is fine. Not from inside a callback. */
void locum_master_destroy(struct locum_master *self);

#endif
