/*
 * resp: what Redis and Sentinel reply (RESP, the Redis serialization protocol), decoded. Every
 * function checks type and length at each level and trusts nothing: replies may be of any shape
 * that hiredis' reader lets through.
 *
 * Pure. Sources: redis.io "Redis serialization protocol specification", "High availability with
 * Redis Sentinel", "ROLE", "Redis Pub/Sub"; Mirrorbits' cluster announcements.
 */
#ifndef LOCUM_REDIS_RESP_H
#define LOCUM_REDIS_RESP_H

#include <hiredis/hiredis.h>

#include "base/address.h"

/* An instance that a Sentinel lists, as that Sentinel sees it. */
enum { LOCUM_INSTANCE_HOST_MAX = 127 };
struct locum_instance {
    struct locum_address address;           /* only the port if there is a host name */
    bool down;                              /* s_down (or o_down, which implies it) */
    char host[LOCUM_INSTANCE_HOST_MAX + 1]; /* its host name; "": the Sentinel gives an address */
};

enum { LOCUM_INSTANCES_MAX = 128 };
struct locum_instances {
    struct locum_instance at[LOCUM_INSTANCES_MAX];
    size_t count;
};

/*
 * A reader, freed by redisReaderFree(). It refuses an array of more than LOCUM_RESP_ELEMENTS_MAX
 * elements or nested deeper than LOCUM_RESP_DEPTH_MAX, with the error REDIS_ERR_OOM.
 *
 * functions  written here and used by the reader as long as it lives.
 * NULL: no memory.
 */
enum {
    LOCUM_RESP_ELEMENTS_MAX = 4096,
    LOCUM_RESP_DEPTH_MAX = 4,  /* that of ROLE is 3 */
    LOCUM_RESP_SHOWN_MAX = 96, /* characters of a reply that a message shows */
};
redisReader *locum_resp_reader(redisReplyObjectFunctions *functions);

/* Is it an error? Its text then, borrowed. */
bool locum_resp_error(const redisReply *reply, struct locum_slice *ret_text);

/*
 * SENTINEL GET-MASTER-ADDR-BY-NAME: [ip, port], or a host name with `sentinel announce-hostnames`.
 * 0, LOCUM_ERR_INVALID (neither address nor host name), LOCUM_ERR_PROTOCOL (also nil: no such
 * master).
 */
int locum_resp_address(const redisReply *reply, struct locum_instance *ret) LOCUM_MUST_CHECK;

/* SENTINEL MASTER: its config-epoch. 0 or LOCUM_ERR_PROTOCOL. */
int locum_resp_epoch(const redisReply *map, uint64_t *ret_epoch) LOCUM_MUST_CHECK;

/*
 * SENTINEL MASTER: append the one instance. An instance with port 0 (how Sentinel marks an address
 * that is no longer valid) is left out. 0, LOCUM_ERR_INVALID (as above), LOCUM_ERR_SPACE,
 * LOCUM_ERR_PROTOCOL.
 */
int locum_resp_instance(const redisReply *map, struct locum_instances *list) LOCUM_MUST_CHECK;

/* SENTINEL REPLICAS and SENTINELS: append every instance; errors as above. */
int locum_resp_instances(const redisReply *reply, struct locum_instances *list) LOCUM_MUST_CHECK;

/* SENTINEL MASTERS: append "name, name"; "none" if there are none. 0 or LOCUM_ERR_PROTOCOL. */
int locum_resp_masters(const redisReply *reply, struct locum_text *text) LOCUM_MUST_CHECK;

/* ROLE: "master", "slave" or "sentinel" of a real one; borrowed. 0 or LOCUM_ERR_PROTOCOL. */
int locum_resp_role(const redisReply *reply, struct locum_slice *ret) LOCUM_MUST_CHECK;

/* INFO sentinel: sentinel_tilt. 0 or LOCUM_ERR_PROTOCOL. */
int locum_resp_tilt(const redisReply *reply, bool *ret_tilt) LOCUM_MUST_CHECK;

/* On a subscribed connection: ["message", channel, payload]? Both borrowed. */
bool locum_resp_message(const redisReply *reply, struct locum_slice *ret_channel,
                        struct locum_slice *ret_payload);

/* Is it the confirmation ["subscribe", channel, count]? */
bool locum_resp_subscribed(const redisReply *reply, const char *channel);

/*
 * Mirrorbits' announcement "HELLO<db> <host>-<5 digits>": the database, the host, and the whole
 * instance. Both texts borrowed. 0 or LOCUM_ERR_INVALID.
 */
int locum_resp_mirrorbits(struct locum_slice payload, uint32_t *ret_db,
                          struct locum_slice *ret_host,
                          struct locum_slice *ret_instance) LOCUM_MUST_CHECK;

#endif
