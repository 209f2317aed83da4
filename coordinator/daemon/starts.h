/*
 * starts: a brake for a program that starts again and again.
 *
 * The service manager restarts it at once (RestartSec=0), because the sockets that it keeps have
 * queries in their queues. A program that fails at each start would keep the machine busy. So the
 * times of the last starts are kept in a file beside the control socket, below /run.
 */
#ifndef LOCUM_DAEMON_STARTS_H
#define LOCUM_DAEMON_STARTS_H

#include "base/clock.h"
#include "base/invariant.h"

enum {
    LOCUM_STARTS_MAX = 5, /* within LOCUM_STARTS_MS: one more start brakes */
    LOCUM_STARTS_MS = 10000,
};

/*
 * Note a start now.
 *
 * control  path of the control socket.
 * Returns for how many ms to brake, at most LOCUM_STARTS_MS; 0: not at all. A file that cannot be
 * read or written brakes nothing.
 */
locum_ms locum_starts_note(const char *control, struct locum_now now);

/* Wait before a start that has failed is tried again by the manager; a signal ends the wait. */
void locum_starts_pause(locum_ms ms);

#endif
