/*
 * nsd: what the adapters (locum-nsd, one a zone) have reported with POST /nsd. Shown in status,
 * metrics and warnings; no input to the plan. One thing follows from it: a serial above our own, as
 * after the loss of our state, is passed, for NSD's secondaries take none that goes back.
 */
#ifndef LOCUM_DAEMON_NSD_H
#define LOCUM_DAEMON_NSD_H

#include <jansson.h>

#include "config/config.h"
#include "control/control.h"

/* An adapter reports every 2 s. */
enum { LOCUM_NSD_SILENT_MS = 10000 };

struct locum_daemon;

struct locum_daemon_nsd {
    json_t *report[LOCUM_ZONES_MAX]; /* of config->zones[i]; NULL: none */
    locum_ms heard[LOCUM_ZONES_MAX]; /* mono */
};

/* POST /nsd */
struct locum_control_reply locum_daemon_nsd_take(void *user,
                                                 const struct locum_control_request *request);

/* Forget all: the zones may have other places. */
void locum_daemon_nsd_forget(struct locum_daemon_nsd *self);

/* The report of a zone with heard_ms, of an adapter that has fallen silent with state `silent` and
 * an error; NULL: there is none. A new reference. */
json_t *locum_daemon_nsd_of(struct locum_daemon *daemon, size_t zone);

/* For status: of several zones one with an error, if there is; null: none. A new reference. */
json_t *locum_daemon_nsd(struct locum_daemon *daemon);

#endif
