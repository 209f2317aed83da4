/*
 * replace: puts the program on the disk in place of the running one, so that an upgrade loses no
 * query: POST /replace (`locum replace`) or SIGUSR2.
 *
 *   check   run `PROGRAM check` of the file on the disk, within LOCUM_REPLACE_CHECK_MS
 *   hooks   wait until they have their events, at most LOCUM_REPLACE_HOOKS_MS
 *   drain   accept no more DNS over TCP, answer what was sent, at most LOCUM_REPLACE_DRAIN_MS; who
 *           waits for other nodes to have an ACME challenge, at most LOCUM_REPLACE_ACME_MS more
 *   exec    execve(2): the same process, the sockets inherited, the state in a memfd (handover.h)
 *
 * Until the exec everything goes on: DNS over UDP, heartbeats, checks. If any of the four fails,
 * nothing has changed, and the caller and the log get the reason. The new program answers the
 * caller.
 */
#ifndef LOCUM_DAEMON_REPLACE_H
#define LOCUM_DAEMON_REPLACE_H

#include "base/process.h"
#include "base/program.h"
#include "base/timer.h"
#include "control/control.h"
#include "daemon/daemon.h"

enum {
    LOCUM_REPLACE_CHECK_MS = 5000,
    LOCUM_REPLACE_HOOKS_MS = 2000,
    LOCUM_REPLACE_DRAIN_MS = 200,
    LOCUM_REPLACE_ACME_MS = 3000,
    LOCUM_REPLACE_WHY_MAX = 1024,
};

enum locum_replace_phase {
    LOCUM_REPLACE_NONE,
    LOCUM_REPLACE_CHECKING,
    LOCUM_REPLACE_DELIVERING, /* to the hooks */
    LOCUM_REPLACE_DRAINING,
    LOCUM_REPLACE_READY,  /* to be executed, when the client's request is called again */
    LOCUM_REPLACE_FAILED, /* `why` is to be sent to the client */
};

struct locum_replace {
    enum locum_replace_phase phase;
    struct locum_program program;
    struct locum_process *check; /* NULL: it does not run */
    struct locum_timer timer;    /* the end of a phase */
    locum_ms until;              /* mono: the end of DELIVERING or DRAINING */
    bool late;                   /* the check was killed at its deadline */
    int client;                  /* whose request is held; -1: SIGUSR2 */
    char why[LOCUM_REPLACE_WHY_MAX];
};

/* Note which program this is. If /proc cannot tell, every replace will be refused. */
void locum_replace_init(struct locum_daemon *self);
void locum_replace_fini(struct locum_daemon *self);

/* SIGUSR2: begin; the outcome is in the log. */
void locum_replace_signal(struct locum_daemon *self);

/* POST /replace: called until it does not reply `later`. */
struct locum_control_reply locum_replace_handle(struct locum_daemon *self,
                                                const struct locum_control_request *request);

/* This program has replaced another one and runs: log it, and answer the client that asked for it.
 */
void locum_replace_finish(struct locum_daemon *self);

#endif
