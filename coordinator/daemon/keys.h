/*
 * keys: the states of DNSSEC keys between servers, the parent and restarts (dns/keymemory.h). Only
 * a server that signs zones has any.
 *
 * What this server shows is its document (daemon/documents.h), and the digest of that is in each
 * heartbeat, so that a peer knows whether its copy is the current one. Once a second it is looked
 * at what has changed; if other keys sign or are published, the answers are published again.
 *
 * The functions are called in an iteration, and need the state writer.
 */
#ifndef LOCUM_DAEMON_KEYS_H
#define LOCUM_DAEMON_KEYS_H

#include "daemon/daemon.h"
#include "dns/keymemory.h"

struct locum_daemon_keys {
    struct locum_keymemory *memory; /* NULL: not created */
    bool wake;                      /* something may have changed */
    bool too_long;                  /* not all that this server shows fits into its document */
    int64_t minute;                 /* of the last decision */
};

/* Read what the last run remembers. 0 or LOCUM_ERR_MEMORY. */
int locum_daemon_keys_create(struct locum_daemon *self) LOCUM_MUST_CHECK;
void locum_daemon_keys_destroy(struct locum_daemon *self);

/* The documents exist: subscribe to those of keys, and show the own one. */
void locum_daemon_keys_begin(struct locum_daemon *self);

/* DNS has the keys of self->config now: remember them and decide. The caller publishes. */
void locum_daemon_keys_take(struct locum_daemon *self);

/* Once a second. */
void locum_daemon_keys_look(struct locum_daemon *self);

/* `locum keys drop`: drop a key from a zone. False: there is none that may be dropped. */
bool locum_daemon_keys_drop(struct locum_daemon *self, const char *zone, uint16_t tag);

#endif
