/*
 * ask: query NSD for the zone's SOA over UDP, because what NSD answers is what it serves.
 *
 * Each query has a socket of its own, with a random port and id, so that a late reply to an earlier
 * query is not mistaken for the current one. A query takes at most LOCUM_NSD_ASK_MS.
 */
#ifndef LOCUM_NSD_ADAPTER_ASK_H
#define LOCUM_NSD_ADAPTER_ASK_H

#include "base/address.h"
#include "base/timer.h"
#include "dns/soa.h"
#include "nsd-adapter/reply.h"

enum { LOCUM_NSD_ASK_MS = 250 };

/* serial: valid with SERIAL. why: the reason of NONE and SILENT, else NULL; borrowed. */
typedef void locum_nsd_ask_fn(void *user, enum locum_nsd_soa outcome, uint32_t serial,
                              const char *why);

struct locum_nsd_ask {
    struct event_base *base;
    const struct locum_address *address;
    const char *zone;
    locum_nsd_ask_fn *on_done;
    void *user;
    int fd;                      /* -1: no query is in progress */
    struct event reply;          /* `fd` is readable; added while there is one */
    struct locum_timer deadline; /* due at once if the query could not be sent */
    int failure;                 /* errno of that; 0: it was sent */
    uint8_t query[LOCUM_SOA_QUESTION_MAX];
    size_t length;
};

/* address, zone: borrowed until the end; zone as in locum_soa_question(). */
void locum_nsd_ask_init(struct locum_nsd_ask *self, struct event_base *base,
                        const struct locum_address *address, const char *zone,
                        locum_nsd_ask_fn *on_done, void *user);

/* Send a query; an earlier one is forgotten. on_done is always called, later, from the loop. */
void locum_nsd_ask_send(struct locum_nsd_ask *self);

/* on_done is not called any more. One of zeros, never initialised, is fine. */
void locum_nsd_ask_fini(struct locum_nsd_ask *self);

#endif
