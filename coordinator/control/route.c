#include "control/route.h"

#include <inttypes.h>
#include <string.h>
#include <sys/queue.h>

#include "base/error.h"
#include "base/text_format.h"
#include "control/notify.h"

/* For hooks that are tested, and for other nodes; less than the life of a connection, so that its
 * reply arrives. */
enum { HOOKS_HOLD_MS = 15000, ACME_HOLD_MS = 12000 };

/* The last two columns. */
#define HANDLER(name)      offsetof(struct locum_control_handlers, name), false
#define ACME_HANDLER(name) offsetof(struct locum_control_handlers, name), true

static const struct locum_route routes[] = {
    {"/", EVHTTP_REQ_GET, {NULL}, false, 0, HANDLER(page)},
    {"/status", EVHTTP_REQ_GET, {NULL}, false, 0, HANDLER(status)},
    {"/explain", EVHTTP_REQ_GET, {"name", "if"}, false, 0, HANDLER(explain)},
    {"/events", EVHTTP_REQ_GET, {"after", "wait"}, false, 0, HANDLER(events)},
    {"/history", EVHTTP_REQ_GET, {NULL}, false, 0, HANDLER(history)},
    {"/keys", EVHTTP_REQ_GET, {NULL}, false, 0, HANDLER(keys)},
    {"/zone", EVHTTP_REQ_GET, {"name", "wait"}, true, 0, HANDLER(zone)},
    {"/metrics", EVHTTP_REQ_GET, {NULL}, false, 0, HANDLER(metrics)},
    {"/healthz", EVHTTP_REQ_GET, {NULL}, false, 0, HANDLER(healthz)},
    {"/admin", EVHTTP_REQ_POST, {NULL}, false, 0, HANDLER(admin)},
    {"/exclude", EVHTTP_REQ_POST, {NULL}, false, 0, HANDLER(exclude)},
    {"/include", EVHTTP_REQ_POST, {NULL}, false, 0, HANDLER(include)},
    {"/reload", EVHTTP_REQ_POST, {NULL}, false, 2 * LOCUM_NOTIFY_BARRIER_MS, HANDLER(reload)},
    {"/replace", EVHTTP_REQ_POST, {NULL}, false, 8000, HANDLER(replace)},
    {"/dump", EVHTTP_REQ_POST, {NULL}, false, 0, HANDLER(dump)},
    {"/keys/drop", EVHTTP_REQ_POST, {NULL}, false, 0, HANDLER(drop_key)},
    {"/hooks", EVHTTP_REQ_POST, {NULL}, false, HOOKS_HOLD_MS, HANDLER(hooks)},
    {"/acme", EVHTTP_REQ_POST, {NULL}, false, ACME_HOLD_MS, HANDLER(acme)},
    {"/nsd", EVHTTP_REQ_POST, {NULL}, false, 0, HANDLER(nsd)},
    {"/present", EVHTTP_REQ_POST, {NULL}, false, ACME_HOLD_MS, ACME_HANDLER(present)},
    {"/cleanup", EVHTTP_REQ_POST, {NULL}, false, ACME_HOLD_MS, ACME_HANDLER(cleanup)},
    {"/update", EVHTTP_REQ_POST, {NULL}, false, ACME_HOLD_MS, ACME_HANDLER(update)},
};

const struct locum_route locum_route_public = {"/", EVHTTP_REQ_GET,      {NULL}, false,
                                               0,   HANDLER(public_page)};

locum_control_handler_fn *
locum_route_handler(const struct locum_control_handlers *handlers, const struct locum_route *route)
{
    locum_control_handler_fn *handler;
    memcpy(&handler, (const char *)handlers + route->handler_at, sizeof(handler));
    return handler;
}

const struct locum_route *
locum_route_find(const struct locum_control_handlers *handlers, const char *path)
{
    for (size_t i = 0; i < LOCUM_COUNT(routes); i++) {
        if (strcmp(path, routes[i].path) == 0) {
            return locum_route_handler(handlers, &routes[i]) != NULL ? &routes[i] : NULL;
        }
    }
    return NULL;
}

void
locum_route_add_all(struct locum_text *text, const struct locum_control_handlers *handlers,
                    enum locum_route_listener listener)
{
    const char *before = "";
    for (size_t i = 0; i < LOCUM_COUNT(routes); i++) {
        const bool get = routes[i].method == EVHTTP_REQ_GET;
        if (locum_route_handler(handlers, &routes[i]) == NULL ||
            (listener == LOCUM_ROUTE_READ_ONLY && !get) ||
            (listener == LOCUM_ROUTE_ACME && !routes[i].acme)) {
            continue;
        }
        locum_text_format(text, "%s%s %s", before, get ? "GET" : "POST", routes[i].path);
        before = ", ";
    }
}

static bool
takes(const struct locum_route *route, const char *key)
{
    for (size_t i = 0; i < LOCUM_COUNT(route->keys); i++) {
        if (route->keys[i] != NULL && strcmp(route->keys[i], key) == 0) {
            return true;
        }
    }
    return false;
}

static bool
is_printable(const char *value)
{
    for (const char *c = value; *c != '\0'; c++) {
        if (*c <= ' ' || *c >= 127) {
            return false;
        }
    }
    return value[0] != '\0';
}

static int
refuse_key(const struct locum_route *route, const char *key, const char *what,
           struct locum_text *why)
{
    locum_text_add(why, "query key \"");
    locum_text_add_escaped(why, key, strnlen(key, 64));
    locum_text_format(why, "\": %s; ", what);
    if (route->keys[0] == NULL) {
        locum_text_format(why, "%s takes no keys", route->path);
    } else {
        locum_text_format(why, "%s takes %s%s%s", route->path, route->keys[0],
                          route->keys[1] != NULL ? " and " : "",
                          route->keys[1] != NULL ? route->keys[1] : "");
    }
    return LOCUM_ERR_INVALID;
}

static int
check_pairs(const struct locum_route *route, const struct evkeyvalq *query, struct locum_text *why)
{
    const struct evkeyval *pair;
    TAILQ_FOREACH(pair, query, next)
    {
        if (!takes(route, pair->key)) {
            return refuse_key(route, pair->key, "no such key", why);
        }
        const struct evkeyval *first = TAILQ_FIRST(query);
        while (strcmp(first->key, pair->key) != 0) {
            first = TAILQ_NEXT(first, next);
        }
        if (first != pair) {
            return refuse_key(route, pair->key, "given twice", why);
        }
        if (!is_printable(pair->value)) {
            return refuse_key(route, pair->key, "the value must be printable ASCII without blanks",
                              why);
        }
    }
    return 0;
}

/* The value of `key` must be a number up to `max`; it may be absent. */
static int
check_number(const struct evkeyvalq *query, const char *key, uint64_t max, const char *what,
             uint64_t *ret, struct locum_text *why)
{
    const char *value = evhttp_find_header(query, key);
    if (value == NULL || locum_slice_u64(locum_slice_of(value), max, ret) == 0) {
        return 0;
    }
    locum_text_format(why, "%s%s must be a number from 0 to %" PRIu64 ", not \"", key, what, max);
    locum_text_add_escaped(why, value, strnlen(value, 64));
    locum_text_add_char(why, '"');
    return LOCUM_ERR_INVALID;
}

int
locum_route_check(const struct locum_route *route, const struct evkeyvalq *query,
                  locum_ms *ret_wait_ms, struct locum_text *ret_why)
{
    uint64_t wait = 0;
    uint64_t after = 0;
    const bool serial = route->waits_serial;
    if (check_pairs(route, query, ret_why) != 0 ||
        check_number(query, "after", INT64_MAX, " (the id of an event)", &after, ret_why) != 0 ||
        check_number(query, "wait", serial ? UINT32_MAX : LOCUM_CONTROL_WAIT_MAX_MS,
                     serial ? " (the known serial)" : " (milliseconds)", &wait, ret_why) != 0) {
        return LOCUM_ERR_INVALID;
    }
    if (takes(route, "name") && evhttp_find_header(query, "name") == NULL) {
        locum_text_format(ret_why, "%s needs ?name=, an absolute name such as get.example.org.",
                          route->path);
        return LOCUM_ERR_INVALID;
    }
    if (serial && evhttp_find_header(query, "wait") != NULL) {
        wait = LOCUM_CONTROL_WAIT_MAX_MS;
    }
    *ret_wait_ms = route->hold_ms != 0 ? route->hold_ms : (locum_ms)wait;
    return 0;
}
