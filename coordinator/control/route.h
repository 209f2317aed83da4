/*
 * route: the table of the API. Path and method -> handler, and which query keys it takes.
 */
#ifndef LOCUM_CONTROL_ROUTE_H
#define LOCUM_CONTROL_ROUTE_H

#include "control/control.h"
#include "control/query.h"
#include "control/request.h"

/* How ?wait= of a path is read. */
enum locum_route_wait {
    LOCUM_ROUTE_ANSWERS,     /* never waits */
    LOCUM_ROUTE_WAIT_MS,     /* milliseconds, 0 .. LOCUM_CONTROL_WAIT_MAX_MS */
    LOCUM_ROUTE_WAIT_SERIAL, /* the serial that the client knows; waits LOCUM_CONTROL_WAIT_MAX_MS */
};

struct locum_route {
    const char *path;
    enum locum_http_method method;
    unsigned keys; /* bit 1 << locum_query_key for each that it takes */
    enum locum_route_wait wait;
    size_t handler_at; /* its offset in struct locum_control_handlers */
};

/* The route of a path; NULL if there is none, or no handler for it. */
const struct locum_route *locum_route_find(const struct locum_control_handlers *handlers,
                                           struct locum_slice path);

locum_handler_fn *locum_route_handler(const struct locum_control_handlers *handlers,
                                      const struct locum_route *route);

/* "GET /status, GET /explain, ...": the paths that have a handler; GETs only if `read_only`. */
void locum_route_add_all(struct locum_text *text, const struct locum_control_handlers *handlers,
                         bool read_only);

/*
 * Check the values of a query that have a form (numbers, what must be there) and say how long the
 * request may be held.
 *
 * ret_wait_ms  0: answer at once.
 * ret_why      on failure what is wrong and what would be right.
 * 0 or LOCUM_ERR_INVALID.
 */
int locum_route_check(const struct locum_route *route, const struct locum_query *query,
                      locum_ms *ret_wait_ms, struct locum_text *ret_why) LOCUM_MUST_CHECK;

#endif
