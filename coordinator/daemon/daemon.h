/*
 * daemon: runs the coordinator.
 *
 *   redis/ peer/ health/ control/ --inputs--> wiring.c, api.c --> loop.c --> core
 *   core --actions--> act.c --> dns/ redis/ peer/, the state file, events
 *
 * One thread runs the loop. Nothing here waits for a disk, a peer or a Redis. What people are shown
 * is made in report/. The files call each other in one direction only:
 *
 *   daemon.c > api.c > replace.c > wiring.c > loop.c > act.c > state.c
 */
#ifndef LOCUM_DAEMON_DAEMON_H
#define LOCUM_DAEMON_DAEMON_H

#include <stdbool.h>

#include "base/invariant.h"

struct event_base;
struct locum_daemon; /* daemon/inside.h */

/*
 * Run until SIGTERM or SIGINT. Returns the exit code of the program: 0 after an orderly stop, 1 if
 * it could not start; the reason has been logged.
 *
 * fallback  if the file is refused, run with the last configuration that took effect (fallback.h).
 */
int locum_daemon_run(const char *config_path, bool fallback);

/*
 * The same in two halves, for tests. create builds everything on a loop that is not run yet: the
 * caller runs locum_daemon_loop(). 0, or an error that has been logged.
 */
int locum_daemon_create(const char *config_path, bool fallback,
                        struct locum_daemon **ret) LOCUM_MUST_CHECK;
void locum_daemon_destroy(struct locum_daemon *self); /* NULL is fine */

/* The daemon's loop; borrowed until destroy. */
struct event_base *locum_daemon_loop(struct locum_daemon *self);

#endif
