/*
 * ask: the question for the SOA, over UDP, to NSD itself: what it serves is what it answers. A
 * socket of its own for each question, with a random port and id, so that an old reply is never
 * taken for a new one. Within LOCUM_NSD_ASK_MS.
 */
#ifndef LOCUM_NSD_ADAPTER_ASK_H
#define LOCUM_NSD_ADAPTER_ASK_H

#include <event2/event.h>

#include "base/address.h"
#include "nsd-adapter/soa.h"

enum { LOCUM_NSD_ASK_MS = 250 };

struct locum_nsd_asker;

/* serial: with SERIAL. why: with NONE and SILENT, for people; borrowed. */
typedef void locum_nsd_ask_fn(void *user, enum locum_nsd_soa outcome, uint32_t serial,
                              const char *why);

/* address, zone (absolute): borrowed for good. NULL: no memory, or no such name. */
struct locum_nsd_asker *locum_nsd_asker_create(struct event_base *base,
                                               const struct locum_address *address,
                                               const char *zone, locum_nsd_ask_fn *on_done,
                                               void *user);

/* Ask; a question under way is forgotten. on_done comes from the loop, never from here, always. */
void locum_nsd_asker_ask(struct locum_nsd_asker *self);

/* Without a word to on_done. NULL is fine. */
void locum_nsd_asker_destroy(struct locum_nsd_asker *self);

#endif
