/*
 * echo: the least that a UDP server does: it sends each datagram back. tests/bench/dns takes its
 * CPU time as the unit for that of name servers.
 *
 *     echo ADDRESS PORT [DROP]
 *
 * One thread, with the socket and the options of a worker of Locum (dns/udp.h): recvmmsg() of what
 * is in the queue, then one sendmmsg(). DROP: each DROP-th datagram gets no answer, for the test of
 * the generator. It runs until it is killed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/socket.h"
#include "base/sockets.h"

enum { BATCH = 32, DATAGRAM_BYTES = 1536, IDLE_S = 1 };

static uint8_t datagrams[BATCH][DATAGRAM_BYTES];
static struct sockaddr_storage peers[BATCH];
static struct mmsghdr messages[BATCH];
static struct iovec parts[BATCH];

/* Answer what has come, at most a batch. */
static void
serve(int fd, unsigned long drop, unsigned long *seen)
{
    for (size_t i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){.iov_base = datagrams[i], .iov_len = DATAGRAM_BYTES};
        messages[i].msg_hdr = (struct msghdr){.msg_name = &peers[i],
                                              .msg_namelen = sizeof(peers[i]),
                                              .msg_iov = &parts[i],
                                              .msg_iovlen = 1};
    }
    const int received = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
    size_t replies = 0;
    for (size_t i = 0; received > 0 && i < (size_t)received; i++) {
        if (drop > 0 && ++*seen % drop == 0) {
            continue;
        }
        parts[i].iov_len = messages[i].msg_len;
        messages[replies++] = messages[i];
    }
    for (size_t sent = 0; sent < replies;) {
        const int n = sendmmsg(fd, messages + sent, (unsigned)(replies - sent), MSG_DONTWAIT);
        sent += n > 0 ? (size_t)n : 1;
    }
}

int
main(int argc, char **argv)
{
    static const struct timeval idle = {.tv_sec = IDLE_S};
    static const int room = LOCUM_SOCKETS_RECEIVE_BYTES;
    struct locum_address address;
    if (argc < 3 || argc > 4 || locum_address_parse(locum_slice_of(argv[1]), &address) != 0) {
        (void)fprintf(stderr, "usage: echo ADDRESS PORT [DROP]\n");
        return 2;
    }
    address.port = (uint16_t)strtoul(argv[2], NULL, 10);
    const unsigned long drop = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
    const int fd = locum_socket_bind(&address, SOCK_DGRAM, false);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof(idle)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) != 0) {
        perror("echo: socket");
        return 1;
    }
    for (unsigned long seen = 0;;) {
        serve(fd, drop, &seen);
    }
}
