/*
 * upstream: the coordinator, over its control socket (HTTP/1.1, architecture.md "Names of the
 * API"): GET /zone?name=&wait=SERIAL all the time, POST /nsd when there is something to report.
 *
 * Whatever goes wrong with a question for the zone, the next one follows after a short, growing
 * wait, and says no serial, so that its answer comes at once.
 */
#ifndef LOCUM_NSD_ADAPTER_UPSTREAM_H
#define LOCUM_NSD_ADAPTER_UPSTREAM_H

#include <event2/event.h>
#include <jansson.h>

#include "base/text.h"

struct locum_nsd_upstream;

/*
 * An answer, or why there is none (then answer is NULL). Borrowed. For an answer the return value
 * says whether it could be used; if not, the next question comes after a wait as well.
 */
typedef bool locum_nsd_upstream_fn(void *user, const json_t *answer, const char *why);

/* socket, zone: borrowed for good. Nothing is asked yet. 0 or LOCUM_ERR_MEMORY. */
int locum_nsd_upstream_create(struct event_base *base, const char *socket, const char *zone,
                              locum_nsd_upstream_fn *on_zone, void *user,
                              struct locum_nsd_upstream **ret) LOCUM_MUST_CHECK;

/* Begin to ask, from the loop. */
void locum_nsd_upstream_start(struct locum_nsd_upstream *self);

/* Report; takes `body`. One that could not be sent yet is replaced. Lost if nobody is there. */
void locum_nsd_upstream_report(struct locum_nsd_upstream *self, json_t *body);

/* NULL is fine. */
void locum_nsd_upstream_destroy(struct locum_nsd_upstream *self);

#endif
