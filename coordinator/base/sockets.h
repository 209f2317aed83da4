/*
 * sockets: the bound sockets of this process, which outlive it, so that no packet is lost between
 * two runs.
 *
 *   service manager -> locum_sockets_inherit() -> locum_sockets_open() -> a room
 *   locum_sockets_open(), locum_sockets_close() -> struct locum_sockets_manager -> its store
 *
 * What arrives while no process reads a kept socket waits in its queue. Rooms open their sockets
 * here: one that was inherited is matched by its address and type (getsockname(2), SO_TYPE,
 * SO_ACCEPTCONN), not by its name; else a new one is bound. Each open socket is in the store of
 * the manager (systemd: FDSTORE=1 of sd_notify(3)) under a name of its own, such as
 * "udp-192.0.2.1-53-0". The store holds LOCUM_SOCKETS_STORED_MAX; a socket that it does not hold is
 * bound again by the next run.
 *
 * Where a room opens and closes sockets, self may be NULL: then they are of this process only. Main
 * thread only.
 */
#ifndef LOCUM_BASE_SOCKETS_H
#define LOCUM_BASE_SOCKETS_H

#include "base/address.h"
#include "base/clock.h"

enum {
    LOCUM_SOCKETS_MAX = 160, /* 8 addresses: TCP, heartbeats, UDP of 16 workers; and some more */
    LOCUM_SOCKETS_STORED_MAX = 64, /* FileDescriptorStoreMax of the unit */
    LOCUM_SOCKETS_NAME_MAX = 79,
    LOCUM_SOCKETS_RECEIVE_BYTES = 4 << 20, /* SO_RCVBUF of UDP; the kernel caps it (rmem_max) */
};

/*
 * The store of the service manager. Each function returns false if the manager does not accept a
 * message now: locum_sockets_retry() sends it again.
 */
struct locum_sockets_manager {
    bool (*store)(void *user, int fd, const char *name);
    bool (*remove)(void *user, const char *name);
    void *user;
};

struct locum_sockets_entry {
    int fd; /* -1: forgotten; only its removal from the store is still to be sent */
    int type;
    struct locum_address address;
    bool inherited, taken;                 /* taken: a room has it */
    bool stored;                           /* the manager has it, under `name` */
    char name[LOCUM_SOCKETS_NAME_MAX + 1]; /* "": none yet */
};

struct locum_sockets {
    struct locum_sockets_manager manager; /* store NULL: there is none */
    locum_ms bind_from; /* mono: before it no new socket is bound (locum_sockets_brake()) */
    size_t count;
    struct locum_sockets_entry at[LOCUM_SOCKETS_MAX];
};

/* Begin with nothing. manager: copied; NULL: there is none. */
void locum_sockets_init(struct locum_sockets *self, const struct locum_sockets_manager *manager);

/*
 * Take the descriptors that the service manager passed (LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES,
 * sd_listen_fds(3)), and take these variables out of the environment. Before any other descriptor
 * is opened. One that is no bound UDP socket and no listening TCP socket is closed, and removed
 * from the store.
 */
void locum_sockets_inherit(struct locum_sockets *self);

/* Is what this variable of the service manager ("LISTEN_PID") belongs to meant for this process? */
bool locum_sockets_is_for_this(const char *variable);

/* Take one descriptor, which `name` stands for in the store if `stored`. */
void locum_sockets_add(struct locum_sockets *self, int fd, const char *name, bool stored);

/* Do not bind new sockets before this time (mono), unless another one of their address was
 * inherited: a program that fails again and again must not keep the machine busy. */
void locum_sockets_brake(struct locum_sockets *self, locum_ms bind_from);

/* How many inherited sockets of this address and type no room has yet. */
size_t locum_sockets_unused(const struct locum_sockets *self, const struct locum_address *address,
                            int type);

/*
 * A socket for `address`: an inherited one that no room has yet, or a new one.
 *
 * type     SOCK_DGRAM or SOCK_STREAM (which then listens), with SOCK_NONBLOCK if wanted.
 * shared   locum_socket_bind().
 * backlog  of SOCK_STREAM, listen(2).
 * Returns a descriptor, which the caller closes with locum_sockets_close(), or at the end of the
 * process with close(2), so that it stays in the store. -1 with errno; EBUSY:
 * locum_sockets_brake().
 */
int locum_sockets_open(struct locum_sockets *self, const struct locum_address *address, int type,
                       bool shared, int backlog) LOCUM_MUST_CHECK;

/* Remove it from the store. The caller goes on using it, and closes it with close(2). */
void locum_sockets_forget(struct locum_sockets *self, int fd);

/* Remove it from the store and close it. */
void locum_sockets_close(struct locum_sockets *self, int fd);

/* The same for all inherited sockets that no room has. */
void locum_sockets_close_unused(struct locum_sockets *self);

/* Send again what the manager did not accept. */
void locum_sockets_retry(struct locum_sockets *self);

#endif
