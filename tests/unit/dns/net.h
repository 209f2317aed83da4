/*
 * net: clients over real sockets on loopback for the tests of this room. Every wait has a deadline.
 */
#ifndef LOCUM_TESTS_DNS_NET_H
#define LOCUM_TESTS_DNS_NET_H

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fixture.h"

enum { PATIENCE_MS = 5000 };

/* A port that is free on this address for UDP and TCP alike. */
static inline uint16_t
free_port(const char *host)
{
    for (;;) {
        struct sockaddr_storage name;
        struct locum_address at = address(host, 0);
        socklen_t length = locum_address_to_sockaddr(&at, &name);
        const int tcp = socket(name.ss_family, SOCK_STREAM, 0);
        const int udp = socket(name.ss_family, SOCK_DGRAM, 0);
        assert_true(tcp >= 0 && udp >= 0);
        assert_int_equal(bind(tcp, (const struct sockaddr *)&name, length), 0);
        assert_int_equal(getsockname(tcp, (struct sockaddr *)&name, &length), 0);
        assert_int_equal(locum_address_from_sockaddr((const struct sockaddr *)&name, &at), 0);
        const bool both = bind(udp, (const struct sockaddr *)&name, length) == 0;
        close(tcp);
        close(udp);
        if (both) {
            return at.port;
        }
    }
}

/* A socket of `type` bound to `from` (NULL: any address) and connected to `to`. */
static inline int
connect_from(const char *from, const struct locum_address *to, int type)
{
    struct sockaddr_storage name;
    const socklen_t length = locum_address_to_sockaddr(to, &name);
    const int fd = socket(name.ss_family, type, 0);
    const int on = 1;
    assert_true(fd >= 0);
    if (from != NULL) {
        const struct locum_address source = address(from, 0);
        struct sockaddr_storage local;
        const socklen_t local_length = locum_address_to_sockaddr(&source, &local);
        assert_int_equal(bind(fd, (const struct sockaddr *)&local, local_length), 0);
    }
    assert_int_equal(connect(fd, (const struct sockaddr *)&name, length), 0);
    if (type == SOCK_STREAM) {
        assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
    }
    return fd;
}

static inline bool
readable(int fd, int wait_ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, wait_ms) == 1;
}

/* One datagram, or 0 after wait_ms. */
static inline size_t
receive_datagram(int fd, uint8_t *bytes, size_t size, int wait_ms)
{
    const ssize_t length = readable(fd, wait_ms) ? recv(fd, bytes, size, 0) : 0;
    return length > 0 ? (size_t)length : 0;
}

/* A query with its length before it, as TCP wants it; returns all its bytes. */
static inline size_t
make_message(const struct ask *ask, uint16_t id, uint8_t *bytes)
{
    const size_t length = make_query(ask, bytes + 2);
    locum_packet_put_u16(bytes, (uint16_t)length);
    locum_packet_put_u16(bytes + 2, id);
    return 2 + length;
}

static inline void
send_all(int fd, const uint8_t *bytes, size_t length)
{
    assert_int_equal(send(fd, bytes, length, MSG_NOSIGNAL), length);
}

/* `length` bytes; false at the end of the stream or after PATIENCE_MS of nothing. */
static inline bool
receive_all(int fd, uint8_t *bytes, size_t length)
{
    for (size_t at = 0; at < length;) {
        const ssize_t n = readable(fd, PATIENCE_MS) ? recv(fd, bytes + at, length - at, 0) : 0;
        if (n <= 0) {
            return false;
        }
        at += (size_t)n;
    }
    return true;
}

/* One TCP message; 0 at the end of the stream. */
static inline size_t
receive_message(int fd, uint8_t *bytes, size_t size)
{
    uint8_t prefix[2];
    if (!receive_all(fd, prefix, sizeof(prefix))) {
        return 0;
    }
    const size_t length = locum_packet_u16(prefix);
    assert_true(length <= size);
    return receive_all(fd, bytes, length) ? length : 0;
}

static inline locum_ms
now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * (locum_ms)1000 + now.tv_nsec / 1000000;
}

/* True if the peer closes the stream within wait_ms; what it still sends is thrown away. */
static inline bool
is_closed_within(int fd, locum_ms wait_ms)
{
    const locum_ms end = now_ms() + wait_ms;
    for (;;) {
        uint8_t bytes[4096];
        const locum_ms left = end - now_ms();
        if (left <= 0 || !readable(fd, (int)left)) {
            return false;
        }
        if (recv(fd, bytes, sizeof(bytes), 0) <= 0) {
            return true;
        }
    }
}

#endif
