#include "base/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/socket.h"
#include "base/text_format.h"

enum {
    FIRST_FD = 3,     /* of LISTEN_FDS, sd_listen_fds(3) */
    PASSED_MAX = 1024 /* more than any store holds */
};

void
locum_sockets_init(struct locum_sockets *self, const struct locum_sockets_manager *manager)
{
    *self = (struct locum_sockets){.count = 0};
    if (manager != NULL) {
        self->manager = *manager;
    }
}

static bool
is_stream(int type)
{
    return (type & SOCK_STREAM) != 0;
}

/* "udp-192.0.2.1-53-0": a name in the store must not contain a colon. */
static void
make_name(const struct locum_sockets_entry *socket, unsigned number,
          char ret[LOCUM_SOCKETS_NAME_MAX + 1])
{
    const struct locum_address_text address = locum_address_host_text(&socket->address);
    struct locum_text text = locum_text_init(ret, LOCUM_SOCKETS_NAME_MAX + 1);
    locum_text_add(&text, is_stream(socket->type) ? "tcp-" : "udp-");
    for (const char *c = address.text; *c != '\0'; c++) {
        locum_text_add_char(&text, *c == ':' ? '_' : *c);
    }
    locum_text_format(&text, "-%u-%u", socket->address.port, number);
}

static struct locum_sockets_entry *
find_name(struct locum_sockets *self, const char *name)
{
    for (size_t i = 0; i < self->count; i++) {
        if (strcmp(self->at[i].name, name) == 0) {
            return &self->at[i];
        }
    }
    return NULL;
}

static struct locum_sockets_entry *
find_fd(struct locum_sockets *self, int fd)
{
    for (size_t i = 0; self != NULL && i < self->count; i++) {
        if (fd >= 0 && self->at[i].fd == fd) {
            return &self->at[i];
        }
    }
    return NULL;
}

static void
drop(struct locum_sockets *self, struct locum_sockets_entry *socket)
{
    *socket = self->at[--self->count];
}

static size_t
count_stored(const struct locum_sockets *self)
{
    size_t count = 0;
    for (size_t i = 0; i < self->count; i++) {
        count += self->at[i].stored;
    }
    return count;
}

/* Give it a name that no other has, and store it, if there is room. */
static void
store(struct locum_sockets *self, struct locum_sockets_entry *socket)
{
    char name[LOCUM_SOCKETS_NAME_MAX + 1];
    if (socket->name[0] == '\0') {
        unsigned number = 0;
        do {
            make_name(socket, number++, name);
        } while (find_name(self, name) != NULL);
        memcpy(socket->name, name, sizeof(name));
    }
    socket->stored = self->manager.store != NULL && count_stored(self) < LOCUM_SOCKETS_STORED_MAX &&
                     self->manager.store(self->manager.user, socket->fd, socket->name);
}

/* Remove a forgotten socket from the store; when that is done, its entry goes. */
static void
remove_stored(struct locum_sockets *self, struct locum_sockets_entry *socket)
{
    if (!socket->stored || self->manager.remove == NULL ||
        self->manager.remove(self->manager.user, socket->name)) {
        drop(self, socket);
    }
}

void
locum_sockets_retry(struct locum_sockets *self)
{
    for (size_t i = self->count; i-- > 0;) {
        struct locum_sockets_entry *socket = &self->at[i];
        if (socket->fd < 0) {
            remove_stored(self, socket);
        } else if (socket->taken && !socket->stored) {
            store(self, socket);
        }
    }
}

static int
option_of(int fd, int option)
{
    int value = 0;
    socklen_t length = sizeof(value);
    return getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

/* Is it a bound UDP socket that is not connected, or a listening TCP socket? Then fill in what it
 * is. */
static bool
recognise(struct locum_sockets_entry *socket)
{
    struct sockaddr_storage name = {0};
    struct sockaddr_storage peer;
    socklen_t length = sizeof(name);
    socklen_t peer_length = sizeof(peer);
    socket->type = option_of(socket->fd, SO_TYPE);
    const bool fits =
        socket->type == SOCK_STREAM
            ? option_of(socket->fd, SO_ACCEPTCONN) == 1
            : socket->type == SOCK_DGRAM &&
                  getpeername(socket->fd, (struct sockaddr *)&peer, &peer_length) != 0;
    return fits && getsockname(socket->fd, (struct sockaddr *)&name, &length) == 0 &&
           locum_address_from_sockaddr((const struct sockaddr *)&name, &socket->address) == 0 &&
           socket->address.port != 0;
}

/* Would this process give it this name? */
static bool
is_name_of(const struct locum_sockets_entry *socket, const char *name)
{
    char expected[LOCUM_SOCKETS_NAME_MAX + 1];
    const char *dash = strrchr(name, '-');
    uint64_t number;
    if (dash == NULL || locum_slice_u64(locum_slice_of(dash + 1), UINT16_MAX, &number) != 0) {
        return false;
    }
    make_name(socket, (unsigned)number, expected);
    return strcmp(expected, name) == 0;
}

void
locum_sockets_add(struct locum_sockets *self, int fd, const char *name, bool stored)
{
    struct locum_sockets_entry socket = {.fd = fd, .inherited = true, .stored = stored};
    const int flags = fcntl(fd, F_GETFD);
    if (flags < 0 || fcntl(fd, F_SETFD, flags | FD_CLOEXEC) != 0) {
        return; /* it is not open */
    }
    const bool fits = self->count < LOCUM_SOCKETS_MAX && recognise(&socket);
    struct locum_sockets_entry *other = find_name(self, name);
    if (fits && is_name_of(&socket, name) && other == NULL) {
        (void)locum_text_format_buffer(socket.name, sizeof(socket.name), "%s", name);
    } else if (stored && self->manager.remove != NULL) {
        /* It is stored again, under a name of its own, when a room opens it. */
        (void)self->manager.remove(self->manager.user, name);
        socket.stored = false;
        if (other != NULL) {
            other->stored = false; /* all sockets of this name have left the store */
        }
    }
    if (fits) {
        self->at[self->count++] = socket;
    } else {
        (void)close(fd);
    }
}

bool
locum_sockets_is_for_this(const char *variable)
{
    const char *process = getenv(variable);
    uint64_t pid = 0;
    return process != NULL && locum_slice_u64(locum_slice_of(process), INT32_MAX, &pid) == 0 &&
           (pid_t)pid == getpid();
}

/* How many descriptors were passed to this process; 0: none. */
static int
count_passed(void)
{
    const char *passed = getenv("LISTEN_FDS");
    uint64_t count = 0;
    return passed != NULL && locum_sockets_is_for_this("LISTEN_PID") &&
                   locum_slice_u64(locum_slice_of(passed), PASSED_MAX, &count) == 0
               ? (int)count
               : 0;
}

void
locum_sockets_inherit(struct locum_sockets *self)
{
    const char *const passed_names = getenv("LISTEN_FDNAMES");
    struct locum_slice names = locum_slice_of(passed_names != NULL ? passed_names : "");
    const int count = count_passed();
    for (int i = 0; i < count; i++) {
        char text[LOCUM_SOCKETS_NAME_MAX + 1] = "";
        struct locum_slice name = {0};
        (void)locum_slice_cut(&names, ':', &name);
        /* A name that is too long is not one of ours: without a name it is not removed. */
        const bool stored = locum_slice_copy(name, text, sizeof(text)) == 0 && name.length > 0;
        locum_sockets_add(self, FIRST_FD + i, text, stored);
    }
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
}

void
locum_sockets_brake(struct locum_sockets *self, locum_ms bind_from)
{
    self->bind_from = bind_from;
}

static bool
is_unused(const struct locum_sockets_entry *socket, const struct locum_address *address, int type)
{
    return socket->fd >= 0 && !socket->taken && is_stream(socket->type) == is_stream(type) &&
           locum_address_equal(&socket->address, address);
}

size_t
locum_sockets_unused(const struct locum_sockets *self, const struct locum_address *address,
                     int type)
{
    size_t count = 0;
    for (size_t i = 0; self != NULL && i < self->count; i++) {
        count += is_unused(&self->at[i], address, type);
    }
    return count;
}

/* The unused socket with the lowest name, so that those of the first workers are used first. */
static struct locum_sockets_entry *
find_unused(struct locum_sockets *self, const struct locum_address *address, int type)
{
    struct locum_sockets_entry *found = NULL;
    for (size_t i = 0; i < self->count; i++) {
        if (is_unused(&self->at[i], address, type) &&
            (found == NULL || strverscmp(self->at[i].name, found->name) < 0)) {
            found = &self->at[i];
        }
    }
    return found;
}

/* Another process may have set it up for itself. */
static bool
prepare(int fd, int type, bool shared, int backlog)
{
    static const int on = 1;
    const int flags = fcntl(fd, F_GETFL);
    const int wanted = (type & SOCK_NONBLOCK) != 0 ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    return flags >= 0 && fcntl(fd, F_SETFL, wanted) == 0 &&
           (!shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0) &&
           (!is_stream(type) || listen(fd, backlog) == 0);
}

static bool
is_address_inherited(const struct locum_sockets *self, const struct locum_address *address)
{
    bool found = false;
    for (size_t i = 0; i < self->count; i++) {
        found =
            found || (self->at[i].inherited && locum_address_equal(&self->at[i].address, address));
    }
    return found;
}

static int
open_new(struct locum_sockets *self, const struct locum_address *address, int type, bool shared,
         int backlog)
{
    if (self != NULL && locum_clock_read().mono < self->bind_from &&
        !is_address_inherited(self, address)) {
        errno = EBUSY;
        return -1;
    }
    const int fd = is_stream(type) ? locum_socket_listen(address, backlog)
                                   : locum_socket_bind(address, type, shared);
    if (fd >= 0 && self != NULL && self->count < LOCUM_SOCKETS_MAX) {
        struct locum_sockets_entry *socket = &self->at[self->count++];
        *socket = (struct locum_sockets_entry){
            .fd = fd, .type = type, .address = *address, .taken = true};
        store(self, socket);
    }
    return fd;
}

int
locum_sockets_open(struct locum_sockets *self, const struct locum_address *address, int type,
                   bool shared, int backlog)
{
    static const int bytes = LOCUM_SOCKETS_RECEIVE_BYTES;
    struct locum_sockets_entry *socket = self != NULL ? find_unused(self, address, type) : NULL;
    if (socket != NULL && !prepare(socket->fd, type, shared, backlog)) {
        const int error = errno;
        locum_sockets_close(self, socket->fd);
        errno = error;
        return -1;
    }
    if (socket != NULL) {
        socket->taken = true;
        if (!socket->stored) {
            store(self, socket);
        }
    }
    const int fd = socket != NULL ? socket->fd : open_new(self, address, type, shared, backlog);
    if (fd >= 0 && !is_stream(type)) { /* if it fails, the queue is shorter */
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    }
    return fd;
}

void
locum_sockets_forget(struct locum_sockets *self, int fd)
{
    struct locum_sockets_entry *socket = find_fd(self, fd);
    if (socket != NULL) {
        socket->fd = -1;
        remove_stored(self, socket);
    }
}

void
locum_sockets_close(struct locum_sockets *self, int fd)
{
    locum_sockets_forget(self, fd);
    (void)close(fd);
}

void
locum_sockets_close_unused(struct locum_sockets *self)
{
    for (size_t i = self->count; i-- > 0;) {
        if (self->at[i].fd >= 0 && !self->at[i].taken) {
            locum_sockets_close(self, self->at[i].fd);
        }
    }
}
