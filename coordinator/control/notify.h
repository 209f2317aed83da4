/*
 * notify: tells the service manager how the daemon is: started, reloading, stopping, alive, and a
 * line for `systemctl status` (sd_notify(3), by hand: datagrams to the socket in NOTIFY_SOCKET).
 *
 * Without a service manager nothing happens. Never blocks: a message that the manager does not take
 * is kept, the newest one only, and tried again at the next turn. Main thread only.
 *
 * WATCHDOG=1 goes out from locum_notify_iteration() alone, which the daemon calls when the core has
 * had its turn: a loop that turns round something else starves the watchdog, and is replaced.
 */
#ifndef LOCUM_CONTROL_NOTIFY_H
#define LOCUM_CONTROL_NOTIFY_H

#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/text.h"

enum { LOCUM_NOTIFY_BYTES_MAX = 512 };

struct locum_notify {
    int fd; /* -1: nobody wants to know */
    struct sockaddr_un to;
    socklen_t to_length;
    locum_ms watchdog_ms; /* silence after which the manager ends us; 0: no watchdog */
    locum_ms fed;         /* mono time of the last WATCHDOG=1; -1: none yet */
    bool ready;           /* the first turn has been told */
    char unsent[LOCUM_NOTIFY_BYTES_MAX]; /* "": all was taken */
    char status[LOCUM_NOTIFY_BYTES_MAX]; /* the last one told */
};

/*
 * Read NOTIFY_SOCKET (a path, or @ and an abstract name), WATCHDOG_USEC and WATCHDOG_PID, and take
 * them out of the environment, so that no child speaks for us. Before the first thread.
 *
 * Returns 0, also where there is no manager, or LOCUM_ERR_INVALID (no such kind of address),
 * LOCUM_ERR_IO; then it is as without a manager.
 */
int locum_notify_open(struct locum_notify *self) LOCUM_MUST_CHECK;

/* The core has had a turn: READY=1 the first time, and WATCHDOG=1 often enough. */
void locum_notify_iteration(struct locum_notify *self, locum_ms mono);

/* A line for people; sent if it is another one than the last. */
void locum_notify_status(struct locum_notify *self, const char *status);

/* A reload begins; locum_notify_reloaded() tells its end, whatever came of it. */
void locum_notify_reloading(struct locum_notify *self);
void locum_notify_reloaded(struct locum_notify *self);

/* An orderly stop begins. */
void locum_notify_stopping(struct locum_notify *self);

void locum_notify_close(struct locum_notify *self);

#endif
