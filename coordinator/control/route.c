#include "control/route.h"

#include <string.h>

#include "base/error.h"

#define KEY(key)      (1u << LOCUM_QUERY_##key)
#define HANDLER(name) offsetof(struct locum_control_handlers, name)

static const struct locum_route routes[] = {
    {"/status", LOCUM_HTTP_GET, 0, LOCUM_ROUTE_ANSWERS, HANDLER(status)},
    {"/explain", LOCUM_HTTP_GET, KEY(NAME) | KEY(IF), LOCUM_ROUTE_ANSWERS, HANDLER(explain)},
    {"/events", LOCUM_HTTP_GET, KEY(AFTER) | KEY(WAIT), LOCUM_ROUTE_WAIT_MS, HANDLER(events)},
    {"/zone", LOCUM_HTTP_GET, KEY(NAME) | KEY(WAIT), LOCUM_ROUTE_WAIT_SERIAL, HANDLER(zone)},
    {"/metrics", LOCUM_HTTP_GET, 0, LOCUM_ROUTE_ANSWERS, HANDLER(metrics)},
    {"/healthz", LOCUM_HTTP_GET, 0, LOCUM_ROUTE_ANSWERS, HANDLER(healthz)},
    {"/admin", LOCUM_HTTP_POST, 0, LOCUM_ROUTE_ANSWERS, HANDLER(admin)},
    {"/exclude", LOCUM_HTTP_POST, 0, LOCUM_ROUTE_ANSWERS, HANDLER(exclude)},
    {"/include", LOCUM_HTTP_POST, 0, LOCUM_ROUTE_ANSWERS, HANDLER(include)},
    {"/reload", LOCUM_HTTP_POST, 0, LOCUM_ROUTE_ANSWERS, HANDLER(reload)},
    {"/nsd", LOCUM_HTTP_POST, 0, LOCUM_ROUTE_ANSWERS, HANDLER(nsd)},
};

locum_handler_fn *
locum_route_handler(const struct locum_control_handlers *handlers, const struct locum_route *route)
{
    locum_handler_fn *handler;
    memcpy(&handler, (const char *)handlers + route->handler_at, sizeof(handler));
    return handler;
}

const struct locum_route *
locum_route_find(const struct locum_control_handlers *handlers, struct locum_slice path)
{
    for (size_t i = 0; i < LOCUM_COUNT(routes); i++) {
        if (locum_slice_is(path, routes[i].path)) {
            return locum_route_handler(handlers, &routes[i]) != NULL ? &routes[i] : NULL;
        }
    }
    return NULL;
}

void
locum_route_add_all(struct locum_text *text, const struct locum_control_handlers *handlers,
                    bool read_only)
{
    const char *before = "";
    for (size_t i = 0; i < LOCUM_COUNT(routes); i++) {
        const bool get = routes[i].method == LOCUM_HTTP_GET;
        if (locum_route_handler(handlers, &routes[i]) == NULL || (read_only && !get)) {
            continue;
        }
        locum_text_add(text, before);
        locum_text_add(text, get ? "GET " : "POST ");
        locum_text_add(text, routes[i].path);
        before = ", ";
    }
}

/* The value of `key` must be a number up to `max`; absent is fine. */
static int
check_number(const struct locum_query *query, enum locum_query_key key, uint64_t max,
             const char *what, uint64_t *ret, struct locum_text *why)
{
    const char *value = locum_query_value(query, key);
    if (value == NULL || locum_slice_u64(locum_slice_of(value), max, ret) == 0) {
        return 0;
    }
    locum_text_add(why, what);
    locum_text_add(why, " is a number from 0 to ");
    locum_text_add_u64(why, max);
    locum_text_add(why, ", not \"");
    locum_text_add(why, value);
    locum_text_add_char(why, '"');
    return LOCUM_ERR_INVALID;
}

int
locum_route_check(const struct locum_route *route, const struct locum_query *query,
                  locum_ms *ret_wait_ms, struct locum_text *ret_why)
{
    uint64_t wait = 0;
    uint64_t after = 0;
    int error = check_number(query, LOCUM_QUERY_AFTER, INT64_MAX, "after (the id of an event)",
                             &after, ret_why);
    if (error == 0 && route->wait == LOCUM_ROUTE_WAIT_MS) {
        error = check_number(query, LOCUM_QUERY_WAIT, LOCUM_CONTROL_WAIT_MAX_MS,
                             "wait (milliseconds)", &wait, ret_why);
    }
    if (error == 0 && route->wait == LOCUM_ROUTE_WAIT_SERIAL) {
        error = check_number(query, LOCUM_QUERY_WAIT, UINT32_MAX, "wait (the serial you know)",
                             &wait, ret_why);
        wait = query->has[LOCUM_QUERY_WAIT] ? LOCUM_CONTROL_WAIT_MAX_MS : 0;
    }
    const bool named = (route->keys & KEY(NAME)) != 0;
    if (error == 0 && named && !query->has[LOCUM_QUERY_NAME]) {
        locum_text_add(ret_why, route->path);
        locum_text_add(ret_why, " needs ?name=, an absolute name such as get.example.org.");
        error = LOCUM_ERR_INVALID;
    }
    if (error == 0) {
        *ret_wait_ms = (locum_ms)wait;
    }
    return error;
}
