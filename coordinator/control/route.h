/*
 * route: the table of the API. Path and method -> handler, and which query keys it takes.
 */
#ifndef LOCUM_CONTROL_ROUTE_H
#define LOCUM_CONTROL_ROUTE_H

#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "control/control.h"

/* listen.control, listen.http, listen.status, acme.listen. */
enum locum_route_listener {
    LOCUM_ROUTE_CONTROL,
    LOCUM_ROUTE_READ_ONLY,
    LOCUM_ROUTE_STATUS,
    LOCUM_ROUTE_ACME,
};

struct locum_route {
    const char *path;
    enum evhttp_cmd_type method; /* POST: on the control socket and acme.listen only */
    const char *keys[2];         /* query keys that it takes; NULL: fewer */
    bool waits_serial;           /* ?wait= is the serial that the client knows; else ms */
    locum_ms hold_ms;  /* a POST that takes time: how long it may be held; 0: not at all */
    size_t handler_at; /* its offset in struct locum_control_handlers */
    bool acme;         /* on acme.listen too */
};

/* The only one of listen.status. */
extern const struct locum_route locum_route_public;

/* The route of a path; NULL if there is none, or no handler for it. */
const struct locum_route *locum_route_find(const struct locum_control_handlers *handlers,
                                           const char *path);

locum_control_handler_fn *locum_route_handler(const struct locum_control_handlers *handlers,
                                              const struct locum_route *route);

/* "GET /status, GET /explain, ...": the paths of a listener that have a handler. */
void locum_route_add_all(struct locum_text *text, const struct locum_control_handlers *handlers,
                         enum locum_route_listener listener);

/*
 * Check a query: only keys that the path takes, each once; printable ASCII without blanks; numbers
 * where numbers are needed. A typing error is refused, not ignored.
 *
 * query        as evhttp_parse_query_str() makes it.
 * ret_wait_ms  how long the request may be held; 0: answer at once.
 * ret_why      on failure what is wrong and what would be valid.
 * 0 or LOCUM_ERR_INVALID.
 */
int locum_route_check(const struct locum_route *route, const struct evkeyvalq *query,
                      locum_ms *ret_wait_ms, struct locum_text *ret_why) LOCUM_MUST_CHECK;

#endif
