/*
 * room: for benchmarks of dns/ as a whole: a zone, an address for it, a client that asks, medians.
 */
#ifndef TESTS_BENCH_ROOM_H
#define TESTS_BENCH_ROOM_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "config/config.h"

enum { ROOM_PORT = 15353, ROOM_RECORD_BYTES = 96 };

static inline void
require(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
        exit(1);
    }
}

static inline double
now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* A loopback address that no other process has. */
static inline struct locum_address
room_address(void)
{
    const unsigned pid = (unsigned)getpid();
    return (struct locum_address){.family = LOCUM_V4,
                                  .port = ROOM_PORT,
                                  .bytes = {127, (uint8_t)(80 + pid / 65536 % 100),
                                            (uint8_t)(pid / 256), (uint8_t)(1 + pid % 254)}};
}

/* A socket for questions to it. */
static inline int
room_connect(void)
{
    const struct locum_address room = room_address();
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(ROOM_PORT)};
    const struct timeval patience = {.tv_sec = 5};
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    memcpy(&at.sin_addr, room.bytes, sizeof(at.sin_addr));
    require(fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 &&
                setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0,
            "no socket");
    return fd;
}

/* Zone number `index`, with room for this many records. */
static inline struct locum_config_zone *
room_zone(struct locum_config *config, size_t index, size_t records)
{
    struct locum_config_zone *zone = &config->zones[index];
    (void)snprintf(zone->name, sizeof(zone->name), "z%zu.example.org.", index);
    zone->ttl_s = zone->failover_ttl_s = 60;
    (void)strcpy(zone->ns[zone->ns_count++], "ns.example.com.");
    (void)strcpy(zone->soa.mname, "ns.example.com.");
    (void)strcpy(zone->soa.rname, "hostmaster.example.com.");
    zone->soa.refresh_s = zone->soa.retry_s = zone->soa.expire_s = zone->soa.minimum_s = 60;
    zone->records = calloc(records, sizeof(*zone->records));
    require(zone->records != NULL, "out of memory");
    return zone;
}

/* Add a record; the caller writes its text, of ROOM_RECORD_BYTES at most. */
static inline char *
room_record(struct locum_config_zone *zone)
{
    char *text = malloc(ROOM_RECORD_BYTES);
    require(text != NULL, "out of memory");
    zone->records[zone->record_count++].text = text;
    return text;
}

/* For locum_dns_create(): an address that cannot be opened is an error. */
static inline void
room_report(void *user, const struct locum_address *address, int error, const char *text)
{
    (void)user, (void)address, (void)error;
    require(false, text);
}

static inline int
compare_times(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;
    return (left > right) - (left < right);
}

static inline double
median(double *times, size_t count)
{
    qsort(times, count, sizeof(times[0]), compare_times);
    return times[count / 2];
}

#endif
