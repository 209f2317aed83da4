/*
 * history: keeps the record of report/history.h for the next process. `locum replace` hands it over
 * in a memfd (handover.h). For a start after a stop or a crash it is in CONTROL-SOCKET.history,
 * which the state writer's thread writes every LOCUM_DAEMON_HISTORY_MS, and at an orderly stop; so
 * a crash loses at most the changes of that time, which then is part of the gap. In another boot it
 * begins empty.
 */
#ifndef LOCUM_DAEMON_HISTORY_H
#define LOCUM_DAEMON_HISTORY_H

#include "daemon/daemon.h"

enum {
    LOCUM_DAEMON_HISTORY_MS = 10000,
    LOCUM_DAEMON_HISTORY_DISK_MS = 60000, /* instead, where its folder is not in memory */
};

/* Begin with what the last process has left, and log it if that is refused. 0 or
 * LOCUM_ERR_MEMORY. */
int locum_daemon_history_begin(struct locum_daemon *self) LOCUM_MUST_CHECK;

/* After each commit: note it; keep it if it is time. */
void locum_daemon_history_note(struct locum_daemon *self);

/* Note and keep it now. Without memory the file stays as it was. */
void locum_daemon_history_keep(struct locum_daemon *self);

/* Note it; it in a memfd, which the caller closes; -1: there is none. */
int locum_daemon_history_hand_over(struct locum_daemon *self);

#endif
