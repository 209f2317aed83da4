/*
 * keys: the states of DNSSEC keys between servers, the parent and restarts (dns/keymemory.h). Only
 * a server that signs zones has any.
 *
 * What this server shows is its document (daemon/documents.h), and the digest of that is in each
 * heartbeat, so that a peer knows whether its copy is the current one. Once a second it is looked
 * at what has changed; if other keys are to be published or to sign, the zones are signed again
 * beside the loop (dns/renewal.h), and then published.
 */
#ifndef LOCUM_DAEMON_KEYS_H
#define LOCUM_DAEMON_KEYS_H

#include "base/clock.h"
#include "daemon/daemon.h"
#include "dns/keymemory.h"

struct locum_daemon_keys {
    struct locum_keymemory *memory; /* NULL: not created */
    struct locum_signer *next;      /* its signatures are being made; NULL: none */
    bool wake;                      /* something may have changed */
    bool stays;                     /* the file could not be read nor renamed: do not replace it */
    bool too_long;                  /* not all that this server shows fits into its document */
    int64_t minute;                 /* of the last decision */
    int64_t served_s;               /* when what was decided was last known to be served */
    /* Of each zone of the configuration, mono: the answer of its parent that was taken. */
    locum_ms parent_taken[LOCUM_ZONES_MAX];
    /* Of each node, mono; LOCUM_NEVER (report/report.h). */
    locum_ms lack_since[LOCUM_NODES_MAX], nsec_differ_since[LOCUM_NODES_MAX];
};

/* Read what the last run remembers; self->config decides what of it counts. 0 or LOCUM_ERR_MEMORY.
 */
int locum_daemon_keys_create(struct locum_daemon *self) LOCUM_MUST_CHECK;
void locum_daemon_keys_destroy(struct locum_daemon *self);

/* The documents exist: subscribe to those of keys, and show the own one. */
void locum_daemon_keys_begin(struct locum_daemon *self);

/* What a new configuration would have: a signer for it, which is the caller's. Nothing is changed.
 * Errors as of locum_dns_signer_prepare(), or LOCUM_ERR_REFUSED: a zone must stay signed. */
int locum_daemon_keys_prepare(struct locum_daemon *self, const struct locum_config *next,
                              locum_problem_fn *report, void *user,
                              struct locum_signer **ret) LOCUM_MUST_CHECK;

/* A reload has begun: what is being signed for the configuration before is of no use. */
void locum_daemon_keys_give_up(struct locum_daemon *self);

/* The configuration is self->config now, with this signer of locum_daemon_keys_prepare(). */
void locum_daemon_keys_reconfigure(struct locum_daemon *self, const struct locum_signer *signer);

/* The thread that signs has ended. */
void locum_daemon_keys_signed(struct locum_daemon *self);

/* Once a second. */
void locum_daemon_keys_look(struct locum_daemon *self);

/* `locum keys drop`: drop a key from a zone. False: there is none that may be dropped. */
bool locum_daemon_keys_drop(struct locum_daemon *self, const char *zone, uint16_t tag);

#endif
