/*
 * flood: queries with forged sources of one /24 beside honest ones from elsewhere, for
 * tests/bench/flood and tests/program/test_flood.py. For a network namespace in which all addresses
 * of 198.51.100.0/24 and 203.0.0.0/16 are local: a socket bound to an address of the /24 sends what
 * a forger would, and nobody reads what it gets.
 *
 *     flood ADDRESS PORT FORGED-PER-SECOND SECONDS names|random
 *
 * names: the forged queries are for get.example.org; random: each for another name below it. 2,000
 * honest queries a second come from 64 other networks. What could not be sent in time,
 * because this program did not get a processor, is not sent later: a burst would be more than the
 * rate. Prints a line of JSON: forged and honest queries sent, honest ones without their answer a
 * second after the end, answers to them that the kernel dropped here, and the seconds it took.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/sock_diag.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    FORGED_SOCKETS = 256,
    HONEST_SOCKETS = 64,
    HONEST_PER_S = 2000,
    LATE_MAX_US = 2000, /* more than this is never made up for */
    BATCH = 32,
    QUERY_BYTES = 64,
    QUERIES_MAX = 1 << 20, /* honest ones */
    FORGED_BUFFER = 1,     /* as small as the kernel allows: what arrives is thrown away */
    HONEST_BUFFER = 1 << 20,
    LAST_MS = 1000,
};

static int forged[FORGED_SOCKETS], honest[HONEST_SOCKETS];
static bool answered[QUERIES_MAX];
static size_t honest_sent, honest_answered;
static uint32_t turn;

static int
open_socket(uint32_t from, const struct sockaddr_in *to, int buffer)
{
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    const struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(from)};
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer)) != 0 ||
        bind(fd, (const struct sockaddr *)&source, sizeof(source)) != 0 ||
        connect(fd, (const struct sockaddr *)to, sizeof(*to)) != 0) {
        perror("flood: socket");
        exit(1);
    }
    return fd;
}

static uint64_t
now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* A query for get.example.org, or for a name of 8 random letters below it. Its length. */
static size_t
make_query(uint8_t *to, uint16_t id, bool random_name)
{
    static const uint8_t header[12] = {[5] = 1};
    static const char zone[] = "\3get\7example\3org\0\0\1\0\1";
    size_t length = sizeof(header);
    memcpy(to, header, length);
    to[0] = (uint8_t)(id >> 8);
    to[1] = (uint8_t)id;
    if (random_name) {
        uint32_t value = turn++ * 2654435761u;
        to[length++] = 8;
        for (int i = 0; i < 8; i++, value >>= 4) {
            to[length++] = (uint8_t)('a' + (value & 15));
        }
    }
    memcpy(to + length, zone, sizeof(zone) - 1);
    return length + sizeof(zone) - 1;
}

/* At most a batch of forged queries, from one address. How many were sent. */
static size_t
send_forged(size_t count, bool random_name)
{
    static uint8_t queries[BATCH][QUERY_BYTES];
    struct mmsghdr messages[BATCH] = {0};
    struct iovec parts[BATCH];
    count = count < BATCH ? count : BATCH;
    for (size_t i = 0; i < count; i++) {
        const size_t length = make_query(queries[i], (uint16_t)i, random_name);
        parts[i] = (struct iovec){.iov_base = queries[i], .iov_len = length};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int sent = sendmmsg(forged[turn++ % FORGED_SOCKETS], messages, (unsigned)count, 0);
    return sent > 0 ? (size_t)sent : 0;
}

/* Query number n goes through socket n % HONEST_SOCKETS and has the identifier n / HONEST_SOCKETS.
 */
static void
send_honest(void)
{
    uint8_t query[QUERY_BYTES];
    const size_t number = honest_sent++;
    const size_t length = make_query(query, (uint16_t)(number / HONEST_SOCKETS), false);
    (void)!send(honest[number % HONEST_SOCKETS], query, length, 0);
}

/* Take the answers that are there: only a whole one counts. */
static void
read_honest(void)
{
    uint8_t answer[512];
    for (size_t i = 0; i < HONEST_SOCKETS; i++) {
        ssize_t length;
        while ((length = recv(honest[i], answer, sizeof(answer), 0)) >= 12) {
            const size_t number = ((size_t)answer[0] << 8 | answer[1]) * HONEST_SOCKETS + i;
            const bool whole = (answer[2] & 2) == 0 && (answer[3] & 15) == 0 && answer[7] > 0;
            if (whole && number < honest_sent && !answered[number]) {
                answered[number] = true;
                honest_answered++;
            }
        }
    }
}

/* How many are to be sent between two times, at this rate. */
static uint64_t
due(uint64_t from_us, uint64_t to_us, uint64_t rate)
{
    return to_us * rate / 1000000 - from_us * rate / 1000000;
}

/* What the kernel dropped at the sockets of the honest clients (SO_MEMINFO, socket(7)). */
static uint64_t
dropped_here(void)
{
    uint64_t count = 0;
    for (size_t i = 0; i < HONEST_SOCKETS; i++) {
        uint32_t info[SK_MEMINFO_VARS] = {0};
        socklen_t length = sizeof(info);
        (void)getsockopt(honest[i], SOL_SOCKET, SO_MEMINFO, info, &length);
        count += info[SK_MEMINFO_DROPS];
    }
    return count;
}

int
main(int argc, char **argv)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    if (argc != 6 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) {
        (void)fprintf(stderr, "usage: flood ADDRESS PORT FORGED-PER-SECOND SECONDS names|random\n");
        return 2;
    }
    to.sin_port = htons((uint16_t)atoi(argv[2]));
    const uint64_t rate = strtoull(argv[3], NULL, 10);
    const uint64_t last_us = strtoull(argv[4], NULL, 10) * 1000000;
    const bool random_name = strcmp(argv[5], "random") == 0;
    for (uint32_t i = 0; i < FORGED_SOCKETS; i++) {
        forged[i] = open_socket(0xc6336400 + i, &to, FORGED_BUFFER); /* 198.51.100.i */
    }
    for (uint32_t i = 0; i < HONEST_SOCKETS; i++) {
        honest[i] = open_socket(0xcb000001 + (i << 8), &to, HONEST_BUFFER); /* 203.0.i.1 */
    }
    const uint64_t begin = now_us();
    uint64_t forged_sent = 0, forged_due = 0, honest_due = 0, passed = 0, last = 0;
    while ((passed = now_us() - begin) < last_us && honest_sent < QUERIES_MAX) {
        forged_due += due(last, passed, rate);
        honest_due += due(last, passed, HONEST_PER_S);
        last = passed;
        const uint64_t most = rate * LATE_MAX_US / 1000000;
        forged_due = forged_due < most ? forged_due : most;
        const size_t sent = send_forged(forged_due, random_name);
        forged_sent += sent;
        forged_due -= sent;
        for (; honest_due > 0; honest_due--) {
            send_honest();
        }
        read_honest();
        if (forged_due < BATCH / 2) {
            (void)usleep(100);
        }
    }
    for (uint64_t end = now_us() + LAST_MS * 1000;
         now_us() < end && honest_answered < honest_sent;) {
        (void)usleep(1000);
        read_honest();
    }
    (void)printf("{\"forged\": %" PRIu64
                 ", \"honest\": %zu, \"lost\": %zu, \"client_drops\": %" PRIu64
                 ", \"seconds\": %.2f}\n",
                 forged_sent, honest_sent, honest_sent - honest_answered, dropped_here(),
                 (double)passed / 1e6);
    return 0;
}
