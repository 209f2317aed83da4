/*
 * options: the options and the argument of a sub-command.
 */
#ifndef LOCUM_CLI_OPTIONS_H
#define LOCUM_CLI_OPTIONS_H

#include "base/address.h"
#include "base/clock.h"
#include "cli/cli.h"
#include "core/types.h"

/* Every option of a sub-command; bits of a mask. */
enum locum_options_bit {
    LOCUM_OPTION_JSON = 1,
    LOCUM_OPTION_IF = 2,
    LOCUM_OPTION_FOLLOW = 4,
    LOCUM_OPTION_FOR = 8,
    LOCUM_OPTION_REASON = 16,
    LOCUM_OPTION_WAIT = 32,
    LOCUM_OPTION_FORCE = 64,
    LOCUM_OPTION_WATCH = 128,
    LOCUM_OPTION_CLUSTER = 256,
    LOCUM_OPTION_NO_FALLBACK = 512,
    LOCUM_OPTION_HANDOVER = 1024,
    LOCUM_OPTION_NODE = 2048,
    LOCUM_OPTION_CHECK = 4096,
    LOCUM_OPTION_RESOLVER = 8192,
    LOCUM_OPTION_PARENT = 16384,
    LOCUM_OPTION_PORT = 32768,
    LOCUM_OPTION_URL = 65536,
    LOCUM_OPTION_ALGORITHM = 131072,
    LOCUM_OPTION_FOLDER = 262144,
};

/* One option: parsing, --help and completion read this table. */
struct locum_options_row {
    const char *text; /* "--for" */
    enum locum_options_bit option;
    const char *value; /* what stands for its value in --help ("DURATION"); NULL: it takes none */
    const char *needs; /* with a value: what is wrong with another one */
    const char *help;  /* one line */
};

/* Ended by a row whose text is NULL. */
extern const struct locum_options_row locum_options_rows[];

enum { LOCUM_SUPPOSED_MAX = 8, LOCUM_SERVERS_MAX = 4 };

/* Name servers that an option names; port 53 if it gives none. */
struct locum_options_servers {
    struct locum_address at[LOCUM_SERVERS_MAX];
    size_t count;
};

struct locum_options {
    const char *command;                      /* its name */
    unsigned given;                           /* bits of the options that were given */
    const char *supposed[LOCUM_SUPPOSED_MAX]; /* each --if NODE=STATE, in their order */
    size_t supposed_count;
    locum_ms for_ms;    /* --for, whole seconds, at least 1 s; LOCUM_NEVER if not given */
    const char *reason; /* --reason; NULL if not given */
    struct locum_options_servers resolvers; /* each --resolver */
    struct locum_options_servers parents;   /* each --parent */
    uint16_t port;                          /* --port; 0 if not given */
    const char *url;                        /* --url; NULL if not given */
    const char *algorithm;                  /* --algorithm; NULL if not given */
    const char *folder;                     /* --folder; NULL if not given */
    const char *argument; /* the argument that is not an option; NULL if the command has none */
    const char *second;   /* the one after it; NULL if there is none */
    const char *third;    /* and after that */
};

#endif
