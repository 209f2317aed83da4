/*
 * watch: the commands that go on until they are interrupted. A daemon that cannot be reached is
 * told once, for each reason, on standard error and asked again, so that they outlive its restart.
 */
#ifndef LOCUM_CLI_WATCH_H
#define LOCUM_CLI_WATCH_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/invariant.h"

/*
 * The status each second. On a terminal it is drawn anew in the same place; elsewhere each is a
 * block under its time, or with `json` one line. Ends with LOCUM_EXIT_OK by SIGINT, else with what
 * the daemon's refusal or lack of memory gives.
 */
int locum_watch_status(const char *socket, bool json) LOCUM_MUST_CHECK;

/*
 * The events so far, and with `follow` those that come. Of events that the daemon no longer had
 * when it was asked for them it is said that they are missing. Returns as above; without `follow`
 * also LOCUM_EXIT_UNREACHABLE.
 */
int locum_watch_events(const char *socket, bool follow) LOCUM_MUST_CHECK;

/* Sleep that long, whatever signals come that do not end the program. */
void locum_watch_pause(locum_ms ms);

#endif
