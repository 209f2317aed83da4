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

/* The next message, "" if there is none, and the descriptor that came with it, or -1. */
static const char *
manager_read_with(int fd, int *ret_passed)
{
    static char message[1024];
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {.iov_base = message, .iov_len = sizeof(message) - 1};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control)};
    const ssize_t length = recvmsg(fd, &header, MSG_DONTWAIT);
    const struct cmsghdr *rights = length >= 0 ? CMSG_FIRSTHDR(&header) : NULL;
    *ret_passed = -1;
    if (rights != NULL && rights->cmsg_type == SCM_RIGHTS) {
        memcpy(ret_passed, CMSG_DATA(rights), sizeof(*ret_passed));
    }
    message[length > 0 ? length : 0] = '\0';
    return message;
}

/* The same without a descriptor. */
static const char *
manager_read(int fd)
{
    int passed;
    const char *message = manager_read_with(fd, &passed);
    if (passed >= 0) {
        (void)close(passed);
    }
    return message;
}

#endif
