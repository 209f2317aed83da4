/*
 * options: the arguments of a sub-command.
 */
#ifndef LOCUM_CLI_OPTIONS_H
#define LOCUM_CLI_OPTIONS_H

#include "base/clock.h"
#include "base/invariant.h"
#include "cli/cli.h"
#include "core/types.h"

/* Every option that some sub-command takes; bits of a mask. */
enum locum_option {
    LOCUM_OPTION_JSON = 1,
    LOCUM_OPTION_IF = 2,
    LOCUM_OPTION_FOLLOW = 4,
    LOCUM_OPTION_FOR = 8,
    LOCUM_OPTION_REASON = 16,
    LOCUM_OPTION_WAIT = 32,
    LOCUM_OPTION_FORCE = 64,
    LOCUM_OPTION_WATCH = 128,
};

enum { LOCUM_SUPPOSED_MAX = 8 };

struct locum_options {
    unsigned given;                           /* bits of the options that were there */
    const char *supposed[LOCUM_SUPPOSED_MAX]; /* each --if NODE=WORD, in their order */
    size_t supposed_count;
    locum_ms for_ms;      /* --for, whole seconds, at least 1 s; LOCUM_NEVER if not given */
    const char *reason;   /* --reason; NULL if not given */
    const char *argument; /* the one argument beside the options; NULL if none is taken */
};

/*
 * Read argv.
 *
 * allowed   bits of the options that are taken.
 * argument  what the one argument is called ("NAME"); NULL: none is taken.
 * ret       borrowed from argv.
 * Returns LOCUM_EXIT_OK or LOCUM_EXIT_USAGE (what is wrong and the usage are on stderr).
 */
int locum_options_read(int argc, char **argv, unsigned allowed, const char *argument,
                       struct locum_options *ret) LOCUM_MUST_CHECK;

#endif
