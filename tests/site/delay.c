/*
 * delay: joins pairs of network interfaces and delays every frame between them, as a long network
 * link would. Keeps the order and loses no frame unless the queue is full.
 *
 *     delay A:B:DELAY_US:JITTER_US...
 *
 * A frame that arrives at A leaves at B after DELAY to DELAY + JITTER microseconds, and vice versa.
 * A and B are ends of veth pairs in this network namespace, which has no addresses. Packet sockets
 * receive their frames with the offloads that the kernel has not done yet (checksum, segmentation)
 * described before each frame (PACKET_VNET_HDR), so no offload needs to be switched off at the
 * hosts. Needs CAP_NET_RAW in this namespace and no device. An interface that is down loses its
 * frames: this is how a link is cut.
 *
 * Prints "ready" when all links work. Ends at the end of its standard input.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    LINKS_MAX = 16,
    QUEUE_LENGTH = 8192, /* frames on their way in one direction; more are lost */
    FRAME_SIZE_MAX = sizeof(struct virtio_net_hdr) + 65536 + ETH_HLEN,
};

struct frame {
    int64_t due_us;
    size_t size_bytes;
    unsigned char *bytes;
};

/* One direction of a link. */
struct way {
    int from, to; /* packet sockets */
    int64_t delay_us, jitter_us;
    struct frame queue[QUEUE_LENGTH]; /* ring; due times never decrease */
    size_t first, count;
};

static struct way ways[2 * LINKS_MAX];
static size_t ways_count;

static _Noreturn void
die(const char *what, const char *about)
{
    fprintf(stderr, "delay: %s: %s: %s\n", about, what, strerror(errno));
    exit(1);
}

static int64_t
now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
set(int fd, int option, const char *interface)
{
    int on = 1;

    if (setsockopt(fd, SOL_PACKET, option, &on, sizeof on) != 0) {
        die("setsockopt", interface);
    }
}

/* A packet socket on one interface that does not see the frames this program sends there. */
static int
open_interface(const char *interface)
{
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    int size_bytes = 4 << 20;
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        die("socket", interface);
    }
    set(fd, PACKET_VNET_HDR, interface);
    set(fd, PACKET_IGNORE_OUTGOING, interface);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size_bytes, sizeof size_bytes) != 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size_bytes, sizeof size_bytes);
    }
    at.sll_ifindex = (int)if_nametoindex(interface);
    if (at.sll_ifindex == 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0) {
        die("bind", interface);
    }
    return fd;
}

/* Returns false for an argument that does not describe a link. */
static bool
add_link(const char *words)
{
    char a[IF_NAMESIZE], b[IF_NAMESIZE];
    int64_t delay_us, jitter_us;
    int fd_a, fd_b;

    if (ways_count == 2 * LINKS_MAX ||
        sscanf(words, "%15[^:]:%15[^:]:%" SCNd64 ":%" SCNd64, a, b, &delay_us, &jitter_us) != 4) {
        return false;
    }
    fd_a = open_interface(a);
    fd_b = open_interface(b);
    for (int back = 0; back < 2; back++) {
        struct way *way = &ways[ways_count++];

        way->from = back ? fd_b : fd_a;
        way->to = back ? fd_a : fd_b;
        way->delay_us = delay_us;
        way->jitter_us = jitter_us;
    }
    return true;
}

/* Queue the frames that have arrived at one end. */
static void
receive(struct way *self, int64_t now)
{
    static unsigned char buffer[FRAME_SIZE_MAX];
    ssize_t size;

    while ((size = recv(self->from, buffer, sizeof buffer, MSG_TRUNC)) > 0) {
        size_t last = (self->first + self->count - 1) % QUEUE_LENGTH;
        struct frame *frame = &self->queue[(self->first + self->count) % QUEUE_LENGTH];
        int64_t due_us = now + self->delay_us;

        if ((size_t)size > sizeof buffer || self->count == QUEUE_LENGTH ||
            (frame->bytes = malloc((size_t)size)) == NULL) {
            continue;
        }
        if (self->jitter_us > 0) {
            due_us += random() % self->jitter_us;
        }
        if (self->count > 0 && self->queue[last].due_us > due_us) {
            due_us = self->queue[last].due_us;
        }
        frame->due_us = due_us;
        frame->size_bytes = (size_t)size;
        memcpy(frame->bytes, buffer, frame->size_bytes);
        self->count++;
    }
}

/* Send the frames that are due. Returns when the next one is due, or INT64_MAX. */
static int64_t
deliver(struct way *self, int64_t now)
{
    while (self->count > 0) {
        struct frame *frame = &self->queue[self->first];

        if (frame->due_us > now) {
            return frame->due_us;
        }
        (void)!send(self->to, frame->bytes, frame->size_bytes,
                    0); /* interface down: lost, as intended */
        free(frame->bytes);
        self->first = (self->first + 1) % QUEUE_LENGTH;
        self->count--;
    }
    return INT64_MAX;
}

static void
run(void)
{
    struct pollfd polls[1 + 2 * LINKS_MAX] = {{.fd = STDIN_FILENO, .events = POLLIN}};
    char end;

    for (size_t i = 0; i < ways_count; i++) {
        polls[1 + i] = (struct pollfd){.fd = ways[i].from, .events = POLLIN};
    }
    for (;;) {
        int64_t now = now_us(), next = INT64_MAX, wait_us;
        struct timespec wait;

        for (size_t i = 0; i < ways_count; i++) {
            int64_t due = deliver(&ways[i], now);

            next = due < next ? due : next;
        }
        wait_us = next == INT64_MAX ? 1000000 : next > (now = now_us()) ? next - now : 0;
        wait = (struct timespec){wait_us / 1000000, wait_us % 1000000 * 1000};
        if (ppoll(polls, (nfds_t)(1 + ways_count), &wait, NULL) < 0 && errno != EINTR) {
            die("poll", "lines");
        }
        if (polls[0].revents != 0 && read(STDIN_FILENO, &end, 1) <= 0) {
            return;
        }
        now = now_us();
        for (size_t i = 0; i < ways_count; i++) {
            if (polls[1 + i].revents != 0) {
                receive(&ways[i], now);
            }
        }
    }
}

int
main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (!add_link(argv[i])) {
            fprintf(stderr, "delay: %s: not A:B:DELAY_US:JITTER_US\n", argv[i]);
            return 2;
        }
    }
    prctl(PR_SET_TIMERSLACK, 1UL);
    printf("ready\n");
    fflush(stdout);
    run();
    return 0;
}
