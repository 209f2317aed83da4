/*
 * rfc2136: UPDATE messages of programs that set ACME challenges, in the main thread.
 *
 *   dns/updates.h -> dns/update.h -> acme.h -> answer, when every server that is not held down has
 *     the change, or after LOCUM_RFC2136_WAIT_MS
 *
 * "Delete RRset" and "delete name" (RFC 2136 2.5.2, 2.5.3) remove only what this node has taken
 * under the same key: lego sends one before each value, and a client of another node may wait for
 * its own. A delete of one value removes it everywhere.
 *
 * A message that was done already is not done again: its MAC is remembered, on all nodes, for as
 * long as its signature could be accepted. While its answer waits, a repeat by UDP is dropped,
 * because a client that is not patient gets that answer too; one by TCP gets the same answer.
 */
#ifndef LOCUM_DAEMON_RFC2136_H
#define LOCUM_DAEMON_RFC2136_H

#include "daemon/daemon.h"

enum {
    LOCUM_RFC2136_WAIT_MS = 2000, /* for the other nodes */
    /* How long a value stays. Such clients remove it when they are done; this is for those that
     * were ended before. */
    LOCUM_RFC2136_FOR_MS = 3600 * 1000,
};

struct locum_rfc2136;

/* 0 or LOCUM_ERR_MEMORY. */
int locum_rfc2136_create(struct locum_daemon *daemon, struct locum_rfc2136 **ret) LOCUM_MUST_CHECK;

/* Answer what waits for other nodes, at once: it is done here. Before the program is replaced; the
 * new one goes on sending it, but no event names the nodes that are late. */
void locum_rfc2136_finish(struct locum_rfc2136 *self);

/* The same, and free it; before the DNS room is destroyed. NULL is fine. */
void locum_rfc2136_destroy(struct locum_rfc2136 *self);

#endif
