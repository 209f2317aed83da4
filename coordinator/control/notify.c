#include "control/notify.h"

#include <errno.h>
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
    const char *process = getenv("WATCHDOG_PID");
    uint64_t us = 0;
    uint64_t pid = 0;
    if (time == NULL || locum_slice_u64(locum_slice_of(time), INT64_MAX, &us) != 0 ||
        (process != NULL && (locum_slice_u64(locum_slice_of(process), INT32_MAX, &pid) != 0 ||
                             (pid_t)pid != getpid()))) {
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

/* False: the manager does not accept it now. */
static bool
send_now(struct locum_notify *self, const char *message)
{
    ssize_t sent;
    do {
        sent = sendto(self->fd, message, strlen(message), MSG_DONTWAIT | MSG_NOSIGNAL,
                      (const struct sockaddr *)&self->to, self->to_length);
    } while (sent < 0 && errno == EINTR);
    return sent >= 0;
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

void
locum_notify_close(struct locum_notify *self)
{
    if (self->fd >= 0) {
        (void)close(self->fd);
        self->fd = -1;
    }
}
