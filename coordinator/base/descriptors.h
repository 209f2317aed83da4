/*
 * descriptors: how many files and sockets the kernel lets this process have (RLIMIT_NOFILE), and
 * how many of them strangers may hold.
 *
 * Clients of DNS over TCP and of the API get shares of what the node's own work leaves (sockets,
 * Redis, Sentinels, checks, files), so that no flood of connections takes a descriptor from a
 * heartbeat, a check or the operator.
 */
#ifndef LOCUM_BASE_DESCRIPTORS_H
#define LOCUM_BASE_DESCRIPTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LOCUM_DESCRIPTORS_OWN = 144,     /* two a Sentinel, one a check, and the sockets and files */
    LOCUM_DESCRIPTORS_CLIENTS = 384, /* all that the rooms ask shares for, together */
};

/*
 * Raise the soft limit to what is wanted, as far as the hard one allows. False if that is not
 * enough: then the shares are smaller, and *ret_limit is the limit.
 */
bool locum_descriptors_raise(uint64_t *ret_limit);

/* Of `wanted` connections of clients, how many there may be at the present limit; at least 1. */
size_t locum_descriptors_share(size_t wanted);

#endif
