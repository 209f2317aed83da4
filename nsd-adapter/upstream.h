/*
 * upstream: talks to the coordinator over its control socket (HTTP/1.1, doc/architecture.md "API").
 *
 * GET /zone?name=&wait=SERIAL is sent again and again; the coordinator answers when the zone
 * changes, or after 3 s. Or, without a zone, GET /status is sent every 2 s. POST /nsd reports what
 * NSD serves. After a failed or unusable answer the next GET follows after a growing pause and
 * names no serial, so that the zone is sent at once.
 */
#ifndef LOCUM_NSD_ADAPTER_UPSTREAM_H
#define LOCUM_NSD_ADAPTER_UPSTREAM_H

#include <event2/event.h>
#include <jansson.h>

#include "base/text.h"

struct locum_nsd_upstream;

/*
 * The coordinator has answered, or has not.
 *
 * answer  the JSON object, borrowed; NULL: none, and `why` has the reason.
 * Returns whether the answer is usable.
 */
typedef bool locum_nsd_upstream_fn(void *user, const json_t *answer, const char *why);

/*
 * socket, zone  borrowed until the end; zone needs no escapes in a URL (struct locum_nsd_settings);
 *               NULL: the status.
 * on_zone       called from the loop only.
 * Returns NULL: out of memory.
 */
struct locum_nsd_upstream *locum_nsd_upstream_create(struct event_base *base, const char *socket,
                                                     const char *zone,
                                                     locum_nsd_upstream_fn *on_zone, void *user);

/* Report; takes `body` (NULL is fine). Replaces one that is still being sent. May get lost. */
void locum_nsd_upstream_report(struct locum_nsd_upstream *self, json_t *body);

/* on_zone is not called any more. NULL is fine. */
void locum_nsd_upstream_destroy(struct locum_nsd_upstream *self);

#endif
