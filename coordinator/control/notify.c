#include "control/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text_format.h"

enum { WATCHDOG_PARTS = 4 }; /* WATCHDOG=1 is sent this often per watchdog time */

static const locum_ms never = -1;

/* A path, or @ and an abstract name, which begins with a NUL and ends where the address does. */
static bool
set_address(struct locum_notify *self, const char *name)
{
    const size_t length = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || length < 2 || length >= sizeof(self->to.sun_path)) {
        return false;
    }
    self->to = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(self->to.sun_path, name, length);
    self->to_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
    if (name[0] == '@') {
        self->to.sun_path[0] = '\0';
        self->to_length--;
    }
    return true;
}

/* The watchdog time, if it is meant for this process (sd_watchdog_enabled(3)); 0: none. */
static locum_ms
read_watchdog(void)
{
    const char *time = getenv("WATCHDOG_USEC");
    uint64_t us = 0;
    if (time == NULL || locum_slice_u64(locum_slice_of(time), INT64_MAX, &us) != 0 ||
        (getenv("WATCHDOG_PID") != NULL && !locum_sockets_is_for_this("WATCHDOG_PID"))) {
        return 0;
    }
    return (locum_ms)(us / 1000);
}

int
locum_notify_open(struct locum_notify *self)
{
    const char *name = getenv("NOTIFY_SOCKET");
    *self = (struct locum_notify){.fd = -1, .watchdog_ms = read_watchdog(), .fed = never};
    int status = 0;
    if (name != NULL && !set_address(self, name)) {
        status = LOCUM_ERR_INVALID;
    } else if (name != NULL) {
        self->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        status = self->fd < 0 ? LOCUM_ERR_IO : 0;
    }
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
    return status;
}

/* With a descriptor, or -1. False: the manager does not accept it now. */
static bool
send_with(struct locum_notify *self, const char *message, int fd)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS,
                            .cmsg_len = CMSG_LEN(sizeof(int))}};
    struct iovec part = {.iov_base = (void *)(uintptr_t)message, .iov_len = strlen(message)};
    struct msghdr header = {
        .msg_name = &self->to, .msg_namelen = self->to_length, .msg_iov = &part, .msg_iovlen = 1};
    ssize_t sent;
    if (fd >= 0) {
        memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
        header.msg_control = &control;
        header.msg_controllen = sizeof(control.bytes);
    }
    do {
        sent = sendmsg(self->fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

static bool
send_now(struct locum_notify *self, const char *message)
{
    return send_with(self, message, -1);
}

static void
send_message(struct locum_notify *self, const char *message)
{
    if (self->fd < 0) {
        return;
    }
    (void)locum_text_format_buffer(self->unsent, sizeof(self->unsent), "%s",
                                   send_now(self, message) ? "" : message);
}

void
locum_notify_iteration(struct locum_notify *self, locum_ms mono)
{
    if (self->fd < 0) {
        return;
    }
    if (self->unsent[0] != '\0' && send_now(self, self->unsent)) {
        self->unsent[0] = '\0';
    }
    if (!self->ready) {
        self->ready = true;
        send_message(self, "READY=1");
    }
    if (self->watchdog_ms > 0 &&
        (self->fed == never || mono - self->fed >= self->watchdog_ms / WATCHDOG_PARTS)) {
        self->fed = mono;
        (void)send_now(self, "WATCHDOG=1"); /* if it fails: the next one follows soon */
    }
}

/* A newline would end the line; it is replaced by a blank. */
void
locum_notify_status(struct locum_notify *self, const char *status)
{
    char message[LOCUM_NOTIFY_BYTES_MAX];
    struct locum_text text = locum_text_init(message, sizeof(message));
    if (self->fd < 0 || self->unsent[0] != '\0' || strcmp(status, self->status) == 0) {
        return;
    }
    locum_text_add(&text, "STATUS=");
    for (const char *c = status; *c != '\0'; c++) {
        locum_text_add_char(&text, *c == '\n' ? ' ' : *c);
    }
    if (send_now(self, message)) {
        (void)locum_text_format_buffer(self->status, sizeof(self->status), "%s", status);
    }
}

void
locum_notify_reloading(struct locum_notify *self)
{
    char message[LOCUM_NOTIFY_BYTES_MAX];
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    (void)locum_text_format_buffer(message, sizeof(message), "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
                                   (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    send_message(self, message);
}

void
locum_notify_reloaded(struct locum_notify *self)
{
    send_message(self, "READY=1");
}

void
locum_notify_stopping(struct locum_notify *self)
{
    send_message(self, "STOPPING=1");
}

/* FDPOLL=0: the store must not drop a socket that reports an error. */
static bool
store(void *user, int fd, const char *name)
{
    struct locum_notify *self = user;
    char message[LOCUM_NOTIFY_BYTES_MAX];
    (void)locum_text_format_buffer(message, sizeof(message), "FDSTORE=1\nFDNAME=%s\nFDPOLL=0",
                                   name);
    return self->fd < 0 || send_with(self, message, fd);
}

static bool
remove_stored(void *user, const char *name)
{
    struct locum_notify *self = user;
    char message[LOCUM_NOTIFY_BYTES_MAX];
    (void)locum_text_format_buffer(message, sizeof(message), "FDSTOREREMOVE=1\nFDNAME=%s", name);
    return self->fd < 0 || send_now(self, message);
}

struct locum_sockets_manager
locum_notify_store(struct locum_notify *self)
{
    return (struct locum_sockets_manager){.store = store, .remove = remove_stored, .user = self};
}

static void
end_barrier(struct locum_notify *self)
{
    if (self->barrier != NULL) {
        (void)close(event_get_fd(self->barrier));
        event_free(self->barrier);
        self->barrier = NULL;
    }
}

/* The manager has closed the other end of the pipe, or takes too long. */
static void
on_barrier(evutil_socket_t fd, short what, void *user)
{
    struct locum_notify *self = user;
    (void)fd, (void)what;
    end_barrier(self);
    self->on_barrier(self->barrier_user);
}

int
locum_notify_barrier(struct locum_notify *self, struct event_base *base,
                     locum_notify_barrier_fn *on_done, void *user)
{
    const struct timeval patience = locum_timer_timeval(LOCUM_NOTIFY_BARRIER_MS);
    int ends[2];
    end_barrier(self);
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        return LOCUM_ERR_IO;
    }
    self->on_barrier = on_done;
    self->barrier_user = user;
    self->barrier = event_new(base, ends[0], EV_READ, on_barrier, self);
    if (self->barrier == NULL || event_add(self->barrier, &patience) != 0) {
        if (self->barrier == NULL) {
            (void)close(ends[0]);
        }
        end_barrier(self);
        (void)close(ends[1]);
        return LOCUM_ERR_MEMORY;
    }
    const bool sent = self->fd < 0 || send_with(self, "BARRIER=1", ends[1]);
    (void)close(ends[1]);
    if (!sent) {
        end_barrier(self);
    }
    return sent ? 0 : LOCUM_ERR_IO;
}

size_t
locum_notify_environment(const struct locum_notify *self,
                         char ret[LOCUM_NOTIFY_VARIABLES][LOCUM_NOTIFY_BYTES_MAX])
{
    const size_t offset = offsetof(struct sockaddr_un, sun_path);
    const bool path = self->to.sun_path[0] != '\0';
    if (self->fd < 0) {
        return 0;
    }
    (void)locum_text_format_buffer(ret[0], LOCUM_NOTIFY_BYTES_MAX, "NOTIFY_SOCKET=%c%.*s",
                                   path ? self->to.sun_path[0] : '@',
                                   (int)(self->to_length - offset - 1), self->to.sun_path + 1);
    if (self->watchdog_ms == 0) {
        return 1;
    }
    (void)locum_text_format_buffer(ret[1], LOCUM_NOTIFY_BYTES_MAX, "WATCHDOG_USEC=%" PRIi64,
                                   self->watchdog_ms * 1000);
    return 2;
}

void
locum_notify_close(struct locum_notify *self)
{
    end_barrier(self);
    if (self->fd >= 0) {
        (void)close(self->fd);
        self->fd = -1;
    }
}
