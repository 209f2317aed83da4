/*
 * commands: the one table of Redis and Sentinel commands, keys and channels that this program uses.
 *
 * A command that is not in the table cannot be sent, so an access list made from the table is
 * complete. Arguments are sent as an array (argv form), never spliced into a text.
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

/* "CLIENT SETNAME", for people. */
void locum_command_add_name(enum locum_command command, struct locum_text *text);

/* A command with its arguments, all borrowed until it is sent. */
enum { LOCUM_ARGV_COUNT_MAX = 72 };
struct locum_command_argv {
    enum locum_command command;
    const char *at[LOCUM_ARGV_COUNT_MAX];
    size_t length[LOCUM_ARGV_COUNT_MAX];
    size_t count;
};

/* Start with the command's own words. */
struct locum_command_argv locum_command_argv_init(enum locum_command command);
void locum_command_argv_add(struct locum_command_argv *self, const char *argument);
void locum_command_argv_add_slice(struct locum_command_argv *self, struct locum_slice argument);

/* Channels of a Sentinel: what makes it worth asking again at once. */
enum { LOCUM_SENTINEL_CHANNELS = 7 };
extern const char *const locum_sentinel_channels[LOCUM_SENTINEL_CHANNELS];

/* The channel on which Mirrorbits announces itself (it is only listened to). */
#define LOCUM_CHANNEL_MIRRORBITS "_mirrorbits_cluster"

/* Keys and the channel of a cluster; `node` is a node's name. */
enum { LOCUM_KEY_MAX = 63, LOCUM_KEY_EXPIRY_MS = 7 * 24 * 3600 * 1000 };
struct locum_command_key {
    char text[LOCUM_KEY_MAX + 1];
};
struct locum_command_key locum_command_key_heartbeat(const char *cluster); /* channel */
struct locum_command_key locum_command_key_nodes(const char *cluster);     /* sorted set */
struct locum_command_key locum_command_key_node(const char *cluster, const char *node); /* hash */
struct locum_command_key locum_command_key_events(const char *cluster);                 /* stream */

#endif
