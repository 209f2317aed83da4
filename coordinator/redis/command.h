/*
 * command: the one table of Redis and Sentinel commands, and the keys and channels this program
 * uses.
 *
 * A command that is not in the table cannot be sent, so an access list made from the table is
 * complete (`make acl`). Arguments are sent as an array (argv form), never spliced into a text.
 */
#ifndef LOCUM_REDIS_COMMAND_H
#define LOCUM_REDIS_COMMAND_H

#include "base/text.h"

enum locum_command {
    LOCUM_COMMAND_AUTH,
    LOCUM_COMMAND_CLIENT_SETNAME,
    LOCUM_COMMAND_SELECT,
    LOCUM_COMMAND_ROLE,
    LOCUM_COMMAND_PUBLISH,
    LOCUM_COMMAND_SUBSCRIBE, /* one channel each: one reply each */
    LOCUM_COMMAND_HSET,
    LOCUM_COMMAND_PEXPIRE,
    LOCUM_COMMAND_ZADD,
    LOCUM_COMMAND_ZREMRANGEBYSCORE,
    LOCUM_COMMAND_XADD,
    LOCUM_COMMAND_INFO,
    LOCUM_COMMAND_SENTINEL_ADDRESS,
    LOCUM_COMMAND_SENTINEL_MASTER,
    LOCUM_COMMAND_SENTINEL_MASTERS,
    LOCUM_COMMAND_SENTINEL_REPLICAS,
    LOCUM_COMMAND_SENTINEL_SENTINELS,
};
enum { LOCUM_COMMANDS = LOCUM_COMMAND_SENTINEL_SENTINELS + 1 };

/* One row of the table. */
struct locum_command_row {
    const char *name;       /* "CLIENT" */
    const char *subcommand; /* "SETNAME", or NULL */
    bool master;            /* used at the Redis master */
    bool sentinel;          /* used at a Sentinel */
    bool needs_no_grant;    /* AUTH: works before any right is checked */
};

extern const struct locum_command_row locum_command_table[LOCUM_COMMANDS];

/* Append "CLIENT SETNAME", for messages. */
void locum_command_add_name(enum locum_command command, struct locum_text *text);

/* A command with its arguments, all borrowed until it is sent. */
enum { LOCUM_COMMAND_ARGUMENTS_MAX = 72 };
struct locum_command_argv {
    enum locum_command command;
    const char *at[LOCUM_COMMAND_ARGUMENTS_MAX];
    size_t length[LOCUM_COMMAND_ARGUMENTS_MAX];
    size_t count;
};

/* The command's own words, and after them these arguments (const char *), ended by NULL. */
struct locum_command_argv locum_command_argv(enum locum_command command, ...)
    __attribute__((sentinel));

/* Append one more argument. */
void locum_command_add(struct locum_command_argv *self, const char *argument);
void locum_command_add_slice(struct locum_command_argv *self, struct locum_slice argument);

/* The channels of a Sentinel that report a change of what a poll asks for. */
enum { LOCUM_SENTINEL_CHANNELS = 7 };
extern const char *const locum_sentinel_channels[LOCUM_SENTINEL_CHANNELS];

/* The channel on which Mirrorbits announces itself; this program only subscribes to it. */
#define LOCUM_CHANNEL_MIRRORBITS "_mirrorbits_cluster"

enum { LOCUM_COMMAND_KEY_MAX = 63 };
struct locum_command_key {
    char text[LOCUM_COMMAND_KEY_MAX + 1];
};

/*
 * A key or channel of a cluster, "locum:CLUSTER:NAME[:NODE]".
 *
 * name  "heartbeat" (channel), "nodes" (sorted set), "node" (hash) or "events" (stream).
 * node  only for "node", otherwise NULL.
 */
struct locum_command_key locum_command_key(const char *cluster, const char *name, const char *node);

#endif
