/* route: which queries are accepted, and how long a request may be held. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "control/http.h"
#include "control/route.h"

static struct locum_control_reply
no_handler(void *user, const struct locum_control_request *request)
{
    (void)user;
    (void)request;
    return locum_control_error(500, "not called here");
}

static void
test_queries_are_accepted_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *query; /* NULL: none */
        locum_ms wait_ms;
        const char *why; /* NULL: fine */
    } cases[] = {
        {"/status", NULL, 0, NULL},
        {"/events", NULL, 0, NULL},
        {"/events", "wait=0", 0, NULL},
        {"/events", "after=1763863258173&wait=3000", 3000, NULL},
        {"/events", "wait=3001", 0,
         "wait (milliseconds) must be a number from 0 to 3000, not \"3001\""},
        {"/events", "after=-1", 0, "after (the id of an event) must be a number"},
        {"/events", "after=9223372036854775808", 0, "after (the id of an event) must be a number"},
        {"/zone", "name=a.", 0, NULL},
        {"/zone", "name=a.&wait=0", LOCUM_CONTROL_WAIT_MAX_MS, NULL},
        {"/zone", "name=a.&wait=4294967295", LOCUM_CONTROL_WAIT_MAX_MS, NULL},
        {"/zone", "name=a.&wait=4294967296", 0, "wait (the known serial) must be a number"},
        {"/zone", "wait=1", 0, "/zone needs ?name="},
        {"/status", "x=1", 0, "query key \"x\": no such key; /status takes no keys"},
        {"/zone", "name=a.&after=1", 0, "\"after\": no such key; /zone takes name and wait"},
        {"/zone", "name=a.&name=b.", 0, "given twice"},
        {"/zone", "NAME=a.", 0, "no such key"},
        {"/zone", "name=", 0, "printable ASCII"},
        {"/zone", "name=a+b", 0, "printable ASCII"},
        {"/explain", NULL, 0, "/explain needs ?name="},
    };
    const struct locum_control_handlers handlers = {
        .status = no_handler, .events = no_handler, .zone = no_handler, .explain = no_handler};
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        const struct locum_route *route = locum_route_find(&handlers, cases[i].path);
        assert_non_null(route);
        struct evkeyvalq query;
        char buffer[256];
        struct locum_text why = locum_text_init(buffer, sizeof(buffer));
        locum_ms wait_ms = -1;
        const char *text = cases[i].query != NULL ? cases[i].query : "";
        assert_int_equal(evhttp_parse_query_str(text, &query), 0);
        const int error = locum_route_check(route, &query, &wait_ms, &why);
        assert_int_equal(error, cases[i].why != NULL ? LOCUM_ERR_INVALID : 0);
        assert_int_equal(wait_ms, error == 0 ? cases[i].wait_ms : -1);
        assert_true(error == 0 || strstr(buffer, cases[i].why) != NULL);
        evhttp_clear_headers(&query);
    }
    assert_null(locum_route_find(&handlers, "/nsd"));
    assert_null(locum_route_find(&handlers, "/statu"));
}

/* Or else the connection ends first, and the client gets no reply. */
static void
test_no_request_is_held_as_long_as_its_connection_lives(void **state)
{
    (void)state;
    static const char *const paths[] = {"/reload", "/replace", "/hooks"};
    const struct locum_control_handlers handlers = {
        .reload = no_handler, .replace = no_handler, .hooks = no_handler};
    for (size_t i = 0; i < LOCUM_COUNT(paths); i++) {
        const struct locum_route *route = locum_route_find(&handlers, paths[i]);
        assert_non_null(route);
        assert_in_range(route->hold_ms, 1, LOCUM_HTTP_LIFE_MS - 2000);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queries_are_accepted_or_refused),
        cmocka_unit_test(test_no_request_is_held_as_long_as_its_connection_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
