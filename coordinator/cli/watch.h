/*
 * watch: the commands that run until they are interrupted. If the daemon cannot be reached, each
 * reason is printed once on standard error, with the words that they wait; then they ask again, so
 * they survive its restart.
 */
#ifndef LOCUM_CLI_WATCH_H
#define LOCUM_CLI_WATCH_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/invariant.h"

/*
 * Print the status every second: on a terminal in the same place, otherwise one after the other,
 * each below its time, or with `json` in one line. SIGINT ends it with LOCUM_EXIT_OK; a refusal of
 * the daemon or lack of memory with LOCUM_EXIT_NOT_FINE.
 */
int locum_watch_status(const char *socket, bool json) LOCUM_MUST_CHECK;

/*
 * Print the events so far, and with `follow` new ones as they happen. Reports events that are
 * missing because the daemon had already dropped them. Returns as above; without `follow` also
 * LOCUM_EXIT_UNREACHABLE.
 */
int locum_watch_events(const char *socket, bool follow) LOCUM_MUST_CHECK;

/* Sleep that long, also if a signal arrives. */
void locum_watch_pause(locum_ms ms);

#endif
