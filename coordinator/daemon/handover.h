/*
 * handover: what a program gives to the one that replaces it (replace.h), in a memfd whose number
 * is in the environment (LOCUM_HANDOVER), a `key value` a line, the state last:
 *
 *   version 0.1.0                     mono-ms 8123000
 *   client 21                         socket 7 udp-192.0.2.1-53-0
 *   stored 8 tcp-192.0.2.1-53-0       history 24
 *   signatures 25                     state 312
 *   locum-run 1 ...
 *
 * The descriptors named in it were inherited. A key of a later version is skipped.
 */
#ifndef LOCUM_DAEMON_HANDOVER_H
#define LOCUM_DAEMON_HANDOVER_H

#include "base/sockets.h"
#include "core/types.h"
#include "daemon/state.h"

/* What `locum check --handover` of a program prints that reads this form. */
#define LOCUM_HANDOVER "handover 1"

struct locum_handover {
    char version[LOCUM_VERSION_MAX + 1]; /* of the program before; "": this is no replace */
    locum_ms mono;                       /* when it stopped answering */
    int client;                          /* waits for the reply to POST /replace; -1: none */
    int history;                         /* another memfd, of locum_history_save(); -1: none */
    int signatures;                      /* and one of locum_signkeep_make(); -1: none */
    size_t state_length;
    char state[LOCUM_RESUME_BYTES_MAX]; /* of locum_core_save() */
};

/* A memfd with these bytes, which the caller closes; -1 with errno. */
int locum_handover_memory(const char *bytes, size_t length) LOCUM_MUST_CHECK;

/* Write it, with the sockets. Returns a descriptor that the caller closes, or -1 with errno. */
int locum_handover_write(const struct locum_handover *self,
                         const struct locum_sockets *sockets) LOCUM_MUST_CHECK;

/*
 * Read what the program before has left, add its sockets, and take LOCUM_HANDOVER out of the
 * environment. Without a handover, or with one that is malformed, ret->version is "".
 */
void locum_handover_read(struct locum_handover *ret, struct locum_sockets *sockets);

#endif
