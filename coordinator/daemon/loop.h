/*
 * loop: iterations of the event loop.
 *
 * An iteration is every input that has arrived, then one commit (LOCUM_INPUT_COMMIT), all with one
 * time. A commit comes after the sockets that the kernel has reported; if the iteration is late,
 * after all sockets, since a stall leaves more to read than one report says; and at the latest
 * after 100 ms of sockets that stay readable. Between iterations the loop sleeps until the core's
 * next_commit, at most a second.
 */
#ifndef LOCUM_DAEMON_LOOP_H
#define LOCUM_DAEMON_LOOP_H

#include "base/clock.h"
#include "daemon/daemon.h"

struct locum_core;
struct locum_input;
struct locum_actions;

/* Prepare the timers; the first iteration begins with the first call of another function. */
void locum_daemon_loop_init(struct locum_daemon *self);

/* Hand an input to the core and perform what it asks for. The input's time is set here. */
void locum_daemon_loop_deliver(struct locum_daemon *self, struct locum_input *input);

/* The time of this iteration. Begins one if none is open; it will end with a commit. */
struct locum_now locum_daemon_loop_now(struct locum_daemon *self);

/* Called with each input, the actions that it led to, which are not yet performed, and the core. */
typedef void locum_daemon_loop_watch_fn(void *user, const struct locum_core *core,
                                        const struct locum_input *input,
                                        const struct locum_actions *actions);
void locum_daemon_loop_watch(struct locum_daemon *self, locum_daemon_loop_watch_fn *watch,
                             void *user);

/* Disarm the timers, before their loop is freed. */
void locum_daemon_loop_fini(struct locum_daemon *self);

#endif
