/*
 * master: two connections to the Redis that is held to be the master: one for commands, one that
 * listens.
 *
 * In: an address; heartbeats and fields to write. Out: messages, "ready" won and lost, the end of
 * the attempt with its reason. It is ready when ROLE has said master and the heartbeat channel is
 * subscribed. Both connections live and die together.
 *
 * It is asked something on each connection every quarter of redis.timeout: ROLE on one (a master
 * can become a replica), SUBSCRIBE again on the other if no message came meanwhile. A reply of any
 * kind is life. An error reply
 * costs nothing but a sentence in `trouble`, unless it says that this is no master or lets us not
 * in.
 */
#ifndef LOCUM_REDIS_MASTER_H
#define LOCUM_REDIS_MASTER_H

#include "redis/discovery.h"
#include "redis/login.h"
#include "redis/redis.h"

struct locum_master;

/* No callback runs inside a function of this header. */
struct locum_master_events {
    /* locum_master_is_ready() changed. */
    void (*changed)(void *user);
    /* Messages of the two channels, while ready. */
    void (*heartbeat)(void *user, struct locum_slice line);
    void (*announcement)(void *user, struct locum_slice payload);
    /* The connection to, or the attempt at, `address` is over; `why` is a sentence; borrowed. */
    void (*left)(void *user, const struct locum_address *address,
                 enum locum_discovery_failure failure, const char *why);
};

struct locum_master_settings {
    struct locum_login login;
    const struct locum_tls *tls; /* NULL: plain text; borrowed */
    uint32_t db;
    locum_ms timeout_ms;
    const char *cluster; /* borrowed */
    const char *node;    /* own name; borrowed */
};

/* events, settings' strings and commands are borrowed. NULL: no memory. */
struct locum_master *locum_master_create(struct event_base *base,
                                         const struct locum_master_settings *settings,
                                         const struct locum_master_events *events, void *user,
                                         uint64_t *commands);

/* New settings, for the next connection; while one is open, only its tls may be another. */
void locum_master_settings_set(struct locum_master *self,
                               const struct locum_master_settings *settings);

/*
 * Begin with this address; not while another is in use. Its end comes by `left`, always later.
 *
 * name  what its certificate must be for; NULL: the address.
 */
void locum_master_connect(struct locum_master *self, const struct locum_address *address,
                          const char *name);

/* Leave, without a callback. */
void locum_master_leave(struct locum_master *self);

/* The address in use or being tried, or NULL. */
const struct locum_address *locum_master_address(const struct locum_master *self);

bool locum_master_is_ready(const struct locum_master *self);

/* What is wrong though connected; "": nothing. */
const char *locum_master_diagnosis(const struct locum_master *self);

/* See redis.h. Dropped unless connected and known to be a master, but for events, which wait. */
void locum_master_publish(struct locum_master *self, struct locum_slice line);
void locum_master_write_node(struct locum_master *self, const struct locum_field *fields,
                             size_t count, locum_ms wall);
void locum_master_add_event(struct locum_master *self, const struct locum_field *fields,
                            size_t count, uint32_t keep);

/* NULL is fine. Not from inside a callback. */
void locum_master_destroy(struct locum_master *self);

#endif
