/* manager: the other end of sd_notify(3), a datagram socket as a service manager has it. */
#ifndef TESTS_UNIT_CONTROL_MANAGER_H
#define TESTS_UNIT_CONTROL_MANAGER_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Listen at a path, or at an abstract name behind an @, and put it into the environment. */
static int
manager_open(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const size_t length = strlen(name);
    memcpy(address.sun_path, name, length);
    address.sun_path[0] = name[0] == '@' ? '\0' : name[0];
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const socklen_t size =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (name[0] != '@'));
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, size), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    return fd;
}

/* The next message, "" if there is none. */
static const char *
manager_read(int fd)
{
    static char message[1024];
    const ssize_t length = recv(fd, message, sizeof(message) - 1, MSG_DONTWAIT);
    message[length > 0 ? length : 0] = '\0';
    return message;
}

#endif
