/*
 * wire: the other side of a TCP connection that the program under test opens: it sends the given
 * bytes and closes. connect() is replaced here, so no port and no address is needed.
 */
#ifndef LOCUM_TESTS_FUZZ_WIRE_H
#define LOCUM_TESTS_FUZZ_WIRE_H

#include "fuzz.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

enum { WIRES_MAX = 2, WIRE_BYTES_MAX = 64 * 1024 };

/* The bytes for the next connections, in order; the open ends. */
static struct wire {
    const uint8_t *say;
    size_t size;
    int end;
} wires[WIRES_MAX];
static size_t wire_count;

int
connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t length)
{
    int ends[2];
    (void)address;
    (void)length;
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    REQUIRE(dup2(ends[0], fd) == fd);
    (void)close(ends[0]);
    if (wire_count == WIRES_MAX) {
        (void)close(ends[1]);
        return 0;
    }
    struct wire *wire = &wires[wire_count++];
    wire->end = ends[1];
    REQUIRE(send(wire->end, wire->say, wire->size, MSG_NOSIGNAL) == (ssize_t)wire->size);
    REQUIRE(shutdown(wire->end, SHUT_WR) == 0);
    return 0;
}

static void
hang_up(void)
{
    for (size_t i = 0; i < wire_count; i++) {
        (void)close(wires[i].end);
    }
    wire_count = 0;
}

/* A loop with priorities as in the daemon; one for all runs. */
static struct event_base *
loop(void)
{
    static struct event_base *base;
    if (base == NULL) {
        base = event_base_new();
        REQUIRE(base != NULL && event_base_priority_init(base, 3) == 0);
    }
    return base;
}

/* Enough iterations to read everything: a read takes at least 4 KiB. */
static void
turn_until(const bool *over)
{
    for (int i = 0; i < 8 + WIRE_BYTES_MAX / 4096 && !*over; i++) {
        (void)event_base_loop(loop(), EVLOOP_NONBLOCK);
    }
}

#endif
