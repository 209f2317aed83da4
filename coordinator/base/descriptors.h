/*
 * descriptors: how many files and sockets the kernel lets this process open (RLIMIT_NOFILE), and
 * how many of them clients may use.
 *
 * The node's own work (sockets, Redis, Sentinels, checks, files) has priority. Clients of DNS over
 * TCP and of the API share the rest, so a flood of connections cannot take a descriptor from a
 * heartbeat, a check or the operator.
 */
#ifndef LOCUM_BASE_DESCRIPTORS_H
#define LOCUM_BASE_DESCRIPTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LOCUM_DESCRIPTORS_OWN = 208,     /* two per Sentinel, one per check, 64 of NOTIFY, the other
                                        sockets and files */
    LOCUM_DESCRIPTORS_CLIENTS = 384, /* the sum of the shares that all rooms ask for */
    LOCUM_DESCRIPTORS_PROBES = 496,  /* for seconds: each of 31 peers' 8 addresses, UDP and TCP */
};

/*
 * Raise the soft limit to the sum of all, as far as the hard limit allows.
 *
 * Returns false if it stays below that of the first two, *ret_limit: then the shares are smaller.
 */
bool locum_descriptors_raise(uint64_t *ret_limit);

/* How many of `wanted` client connections the current limit allows; at least 1. */
size_t locum_descriptors_share(size_t wanted);

#endif
