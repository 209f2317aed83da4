/*
 * notify: report the state of the daemon to the service manager: started, reloading, stopping,
 * alive, and a line for `systemctl status`. It speaks the protocol of sd_notify(3): datagrams to
 * the socket in NOTIFY_SOCKET.
 *
 * Without a service manager nothing happens. Never blocks: a message that the manager does not
 * accept is kept, only the newest one, and sent again in the next iteration. Main thread only.
 *
 * Only locum_notify_iteration() sends WATCHDOG=1; the daemon calls it after the core has committed
 * an iteration. A loop that no longer reaches the core sends none, and the manager restarts it.
 */
#ifndef LOCUM_CONTROL_NOTIFY_H
#define LOCUM_CONTROL_NOTIFY_H

#include <sys/socket.h>
#include <sys/un.h>

#include "base/sockets.h"
#include "base/text.h"
#include "base/timer.h"

enum {
    LOCUM_NOTIFY_BYTES_MAX = 512,
    LOCUM_NOTIFY_BARRIER_MS = 2000, /* a manager that takes longer is not waited for */
};

/* The manager has handled all messages, or is not waited for any longer. From the loop. */
typedef void locum_notify_barrier_fn(void *user);

struct locum_notify {
    int fd; /* -1: there is no manager */
    struct sockaddr_un to;
    socklen_t to_length;
    locum_ms watchdog_ms; /* the manager restarts us after this silence; 0: no watchdog */
    locum_ms fed;         /* mono time of the last WATCHDOG=1; -1: none yet */
    bool ready;           /* READY=1 was sent */
    char unsent[LOCUM_NOTIFY_BYTES_MAX]; /* "": all messages are sent */
    char status[LOCUM_NOTIFY_BYTES_MAX]; /* the last one sent */
    struct event *barrier;               /* the read end of its pipe; NULL: none is waited for */
    locum_notify_barrier_fn *on_barrier;
    void *barrier_user;
};

/*
 * Read NOTIFY_SOCKET (a path, or @ and an abstract name), WATCHDOG_USEC and WATCHDOG_PID, and take
 * them out of the environment, so that no child process reports for us. Before the first thread.
 *
 * Returns 0, also without a manager, or LOCUM_ERR_INVALID (not such an address), LOCUM_ERR_IO; then
 * it behaves as without a manager.
 */
int locum_notify_open(struct locum_notify *self) LOCUM_MUST_CHECK;

/* The core has committed an iteration: send READY=1 the first time, and WATCHDOG=1 in time. */
void locum_notify_iteration(struct locum_notify *self, locum_ms mono);

/* A line for people; sent if it differs from the last one. */
void locum_notify_status(struct locum_notify *self, const char *status);

/* A reload begins; locum_notify_reloaded() reports its end, also after a failure. */
void locum_notify_reloading(struct locum_notify *self);
void locum_notify_reloaded(struct locum_notify *self);

/* An orderly stop begins. */
void locum_notify_stopping(struct locum_notify *self);

/*
 * The manager's store of descriptors, for locum_sockets_init(): FDSTORE=1 and FDSTOREREMOVE=1. A
 * message that the manager does not accept now is not kept here.
 */
struct locum_sockets_manager locum_notify_store(struct locum_notify *self);

/*
 * Call on_done once the manager has handled every message sent so far (BARRIER=1), at the latest
 * after LOCUM_NOTIFY_BARRIER_MS; without a manager in the loop's next iteration. One call at a time
 * is waited for (self->barrier): a second one replaces the first. 0, LOCUM_ERR_MEMORY, LOCUM_ERR_IO
 * (no pipe, or the manager does not accept it now): then on_done is not called.
 */
int locum_notify_barrier(struct locum_notify *self, struct event_base *base,
                         locum_notify_barrier_fn *on_done, void *user) LOCUM_MUST_CHECK;

/*
 * The variables by which the next program finds the manager, "NAME=VALUE", for execve(2). Returns
 * their number: 0, there is no manager; 1, there is no watchdog; 2.
 */
enum { LOCUM_NOTIFY_VARIABLES = 2 };
size_t locum_notify_environment(const struct locum_notify *self,
                                char ret[LOCUM_NOTIFY_VARIABLES][LOCUM_NOTIFY_BYTES_MAX]);

/* Before the loop is freed. */
void locum_notify_close(struct locum_notify *self);

#endif
