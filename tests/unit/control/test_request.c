/* request, query and route: every refusal, by table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "control/query.h"
#include "control/request.h"
#include "control/route.h"

#define HOST "Host: x\r\n"

struct parse_case {
    const char *bytes;
    enum locum_http_parsed parsed;
    int status;        /* of a refusal */
    const char *text;  /* part of its text */
    size_t body_bytes; /* when read */
    bool expect_continue;
};

static const struct parse_case parse_cases[] = {
    {"", LOCUM_HTTP_MORE, 0, NULL, 0, false},
    {"GET /status HTTP/1.1\r", LOCUM_HTTP_MORE, 0, NULL, 0, false},
    {"GET /status HTTP/1.1\r\n" HOST, LOCUM_HTTP_MORE, 0, NULL, 0, false},
    {"GET /status HTTP/1.1\r\n" HOST "\r\n", LOCUM_HTTP_READ, 0, NULL, 0, false},
    {"GET /status HTTP/1.0\r\n\r\n", LOCUM_HTTP_READ, 0, NULL, 0, false},
    {"POST /admin HTTP/1.1\r\n" HOST "content-LENGTH:  7\t\r\n\r\n", LOCUM_HTTP_READ, 0, NULL, 7,
     false},
    {"POST /admin HTTP/1.1\r\n" HOST "Content-Length: 65536\r\nExpect: 100-Continue\r\n\r\n",
     LOCUM_HTTP_READ, 0, NULL, 65536, true},
    {"GET /status HTTP/1.1\r\n\r\n", LOCUM_HTTP_REFUSED, 400, "Host header is missing", 0, false},
    {"GET /status HTTP/1.1\r\n" HOST HOST "\r\n", LOCUM_HTTP_REFUSED, 400, "once only", 0, false},
    {"GET /status HTTP/1.1\n\n", LOCUM_HTTP_REFUSED, 400, "CRLF", 0, false},
    {"\n", LOCUM_HTTP_REFUSED, 400, "CRLF", 0, false},
    {"GET /st\ratus HTTP/1.1\r\n\r\n", LOCUM_HTTP_REFUSED, 400, "carriage return", 0, false},
    {"GET /\x01 HTTP/1.1\r\n\r\n", LOCUM_HTTP_REFUSED, 400, "control character", 0, false},
    {"\x16\x03\x01", LOCUM_HTTP_REFUSED, 400, "control character", 0, false},
    {"\r\n\r\n", LOCUM_HTTP_REFUSED, 400, "first line", 0, false},
    {"GET\r\n\r\n", LOCUM_HTTP_REFUSED, 400, "first line", 0, false},
    {"GET /status\r\n\r\n", LOCUM_HTTP_REFUSED, 400, "first line", 0, false},
    {"GET  HTTP/1.1\r\n\r\n", LOCUM_HTTP_REFUSED, 400, "first line", 0, false},
    {"GET /a b HTTP/1.1\r\n\r\n", LOCUM_HTTP_REFUSED, 400, "first line", 0, false},
    {"G(T / HTTP/1.1\r\n\r\n", LOCUM_HTTP_REFUSED, 400, "first line", 0, false},
    {"GET / SIP/2.0\r\n\r\n", LOCUM_HTTP_REFUSED, 400, "first line", 0, false},
    {"GET / HTTP/2.0\r\n\r\n", LOCUM_HTTP_REFUSED, 505, "HTTP/1.1", 0, false},
    {"GET / HTTP/1.1\r\n" HOST "Bad : x\r\n\r\n", LOCUM_HTTP_REFUSED, 400, "header line", 0, false},
    {"GET / HTTP/1.1\r\n" HOST " folded\r\n\r\n", LOCUM_HTTP_REFUSED, 400, "header line", 0, false},
    {"GET / HTTP/1.1\r\n" HOST "nocolon\r\n\r\n", LOCUM_HTTP_REFUSED, 400, "header line", 0, false},
    {"GET / HTTP/1.1\r\n" HOST ": x\r\n\r\n", LOCUM_HTTP_REFUSED, 400, "header line", 0, false},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", LOCUM_HTTP_REFUSED, 400,
     "Content-Length", 0, false},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", LOCUM_HTTP_REFUSED, 400,
     "Content-Length", 0, false},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
     LOCUM_HTTP_REFUSED, 400, "Content-Length", 0, false},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 65537\r\n\r\n", LOCUM_HTTP_REFUSED, 413, "64 KiB",
     0, false},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\n",
     LOCUM_HTTP_REFUSED, 413, "64 KiB", 0, false},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", LOCUM_HTTP_REFUSED, 411,
     "Transfer-Encoding", 0, false},
    {"POST / HTTP/1.1\r\n" HOST "Expect: cookies\r\n\r\n", LOCUM_HTTP_REFUSED, 417, "Expect", 0,
     false},
};

static void
test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(parse_cases); i++) {
        const struct parse_case *expected = &parse_cases[i];
        struct locum_http_head head = {0};
        struct locum_http_refusal refusal = {0};
        const enum locum_http_parsed parsed =
            locum_http_parse(locum_slice_of(expected->bytes), &head, &refusal);
        if (parsed != expected->parsed || refusal.status != expected->status) {
            fail_msg("case %zu \"%s\": parsed %d, status %d", i, expected->bytes, parsed,
                     refusal.status);
        }
        if (parsed == LOCUM_HTTP_REFUSED && strstr(refusal.text, expected->text) == NULL) {
            fail_msg("case %zu: \"%s\" does not say \"%s\"", i, refusal.text, expected->text);
        }
        if (parsed == LOCUM_HTTP_READ) {
            assert_int_equal(head.body_bytes, expected->body_bytes);
            assert_int_equal(head.expect_continue, expected->expect_continue);
            assert_int_equal(head.head_bytes, strlen(expected->bytes));
        }
    }
}

static void
test_parse_method_and_target(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        enum locum_http_method method;
    } cases[] = {{"GET", LOCUM_HTTP_GET},
                 {"POST", LOCUM_HTTP_POST},
                 {"HEAD", LOCUM_HTTP_HEAD},
                 {"get", LOCUM_HTTP_OTHER},
                 {"PROPFIND", LOCUM_HTTP_OTHER}};
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        char buffer[128];
        struct locum_text text = locum_text_init(buffer, sizeof(buffer));
        locum_text_add(&text, cases[i].word);
        locum_text_add(&text, " /events?after=1 HTTP/1.1\r\n" HOST "\r\nrest");
        struct locum_http_head head;
        struct locum_http_refusal refusal;
        assert_int_equal(locum_http_parse(locum_slice_of(buffer), &head, &refusal),
                         LOCUM_HTTP_READ);
        assert_int_equal(head.method, cases[i].method);
        assert_true(locum_slice_is(head.target, "/events?after=1"));
        assert_string_equal(buffer + head.head_bytes, "rest");
    }
}

/* Just fits, and one byte too long: no more is read than 8 KiB. */
static void
test_parse_longest_head(void **state)
{
    (void)state;
    static char bytes[LOCUM_HTTP_HEAD_BYTES_MAX + 1];
    static const char start[] = "GET / HTTP/1.1\r\n" HOST "X: ";
    memset(bytes, 'a', sizeof(bytes));
    memcpy(bytes, start, sizeof(start) - 1);
    struct locum_slice slice = {.at = bytes, .length = LOCUM_HTTP_HEAD_BYTES_MAX};
    struct locum_http_head head;
    struct locum_http_refusal refusal = {0};
    assert_int_equal(locum_http_parse(slice, &head, &refusal), LOCUM_HTTP_MORE);
    memcpy(bytes + slice.length - 4, "\r\n\r\n", 4);
    assert_int_equal(locum_http_parse(slice, &head, &refusal), LOCUM_HTTP_READ);
    memset(bytes + slice.length - 4, 'a', 4);
    slice.length++;
    assert_int_equal(locum_http_parse(slice, &head, &refusal), LOCUM_HTTP_REFUSED);
    assert_int_equal(refusal.status, 431);
}

static void
test_target(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        const char *path; /* NULL: refused */
        const char *query;
    } cases[] = {
        {"/status", "/status", NULL},
        {"/zone?name=a.&wait=1", "/zone", "name=a.&wait=1"},
        {"/zone?", "/zone", ""},
        {"http://locum/status?x", "/status", "x"},
        {"http://locum", NULL, NULL},
        {"status", NULL, NULL},
        {"*", NULL, NULL},
        {"/status#top", NULL, NULL},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        struct locum_slice path;
        struct locum_slice query;
        const int error = locum_target_cut(locum_slice_of(cases[i].target), &path, &query);
        assert_int_equal(error, cases[i].path != NULL ? 0 : LOCUM_ERR_INVALID);
        if (error == 0) {
            assert_true(locum_slice_is(path, cases[i].path));
            assert_int_equal(query.at != NULL, cases[i].query != NULL);
            assert_true(query.at == NULL || locum_slice_is(query, cases[i].query));
        }
    }
}

static void
test_query_values(void **state)
{
    (void)state;
    struct locum_query query;
    char why_text[256];
    struct locum_text why = locum_text_init(why_text, sizeof(why_text));
    const unsigned allowed = 1u << LOCUM_QUERY_NAME | 1u << LOCUM_QUERY_IF;
    assert_int_equal(
        locum_query_parse(locum_slice_of("name=a%2eb.&if=dc3=down"), allowed, &query, &why), 0);
    assert_string_equal(locum_query_value(&query, LOCUM_QUERY_NAME), "a.b.");
    assert_string_equal(locum_query_value(&query, LOCUM_QUERY_IF), "dc3=down");
    assert_null(locum_query_value(&query, LOCUM_QUERY_WAIT));
    assert_int_equal(locum_query_parse((struct locum_slice){0}, allowed, &query, &why), 0);
    assert_null(locum_query_value(&query, LOCUM_QUERY_NAME));
}

static void
test_query_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        const char *why;
    } cases[] = {
        {"nme=x", "query key \"nme\": no such key; taken here: name, if"},
        {"after=1", "query key \"after\": no such key; taken here: name, if"},
        {"", "query key \"\": not of the form key=value; taken here: name, if"},
        {"name", "query key \"name\": not of the form key=value; taken here: name, if"},
        {"name=a&name=b", "query key \"name\": this key is there twice; taken here: name, if"},
        {"name=%0a", "the value must be printable ASCII"},
        {"name=%00", "the value must be printable ASCII"},
        {"name=%4", "the value must be printable ASCII"},
        {"name=%zz", "the value must be printable ASCII"},
        {"name=\xc3\xa4", "the value must be printable ASCII"},
        {"name=", "the value must be printable ASCII"},
    };
    const unsigned allowed = 1u << LOCUM_QUERY_NAME | 1u << LOCUM_QUERY_IF;
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        struct locum_query query;
        char why_text[256];
        struct locum_text why = locum_text_init(why_text, sizeof(why_text));
        assert_int_equal(locum_query_parse(locum_slice_of(cases[i].query), allowed, &query, &why),
                         LOCUM_ERR_INVALID);
        if (strstr(why_text, cases[i].why) == NULL) {
            fail_msg("\"%s\": \"%s\" does not say \"%s\"", cases[i].query, why_text, cases[i].why);
        }
    }
}

static void
test_query_too_long(void **state)
{
    (void)state;
    char text[LOCUM_QUERY_VALUE_MAX + 16];
    memset(text, 'a', sizeof(text));
    memcpy(text, "name=", 5);
    struct locum_query query;
    char why_text[256];
    struct locum_text why = locum_text_init(why_text, sizeof(why_text));
    struct locum_slice slice = {.at = text, .length = LOCUM_QUERY_VALUE_MAX + 5};
    assert_int_equal(locum_query_parse(slice, 1u << LOCUM_QUERY_NAME, &query, &why), 0);
    slice.length++;
    assert_int_equal(locum_query_parse(slice, 1u << LOCUM_QUERY_NAME, &query, &why),
                     LOCUM_ERR_RANGE);
    assert_non_null(strstr(why_text, "longer than 255"));
    why = locum_text_init(why_text, sizeof(why_text));
    assert_int_equal(locum_query_parse(slice, 0, &query, &why), LOCUM_ERR_INVALID);
    assert_non_null(strstr(why_text, "nothing is taken here"));
}

static struct locum_reply
no_handler(void *user, const struct locum_request *request)
{
    (void)user;
    (void)request;
    return locum_reply_error(500, "not called here");
}

static void
test_route_check(void **state)
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
        {"/events", "wait=3001", 0, "wait (milliseconds) is a number from 0 to 3000, not \"3001\""},
        {"/events", "after=-1", 0, "after (the id of an event) is a number"},
        {"/events", "after=9223372036854775808", 0, "after (the id of an event) is a number"},
        {"/zone", "name=a.", 0, NULL},
        {"/zone", "name=a.&wait=0", LOCUM_CONTROL_WAIT_MAX_MS, NULL},
        {"/zone", "name=a.&wait=4294967295", LOCUM_CONTROL_WAIT_MAX_MS, NULL},
        {"/zone", "name=a.&wait=4294967296", 0, "wait (the serial you know) is a number"},
        {"/zone", "wait=1", 0, "/zone needs ?name="},
        {"/explain", NULL, 0, "/explain needs ?name="},
    };
    const struct locum_control_handlers handlers = {
        .status = no_handler, .events = no_handler, .zone = no_handler, .explain = no_handler};
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        const struct locum_route *route =
            locum_route_find(&handlers, locum_slice_of(cases[i].path));
        assert_non_null(route);
        struct locum_slice text = {0};
        if (cases[i].query != NULL) {
            text = locum_slice_of(cases[i].query);
        }
        struct locum_query query;
        char buffer[256];
        struct locum_text why = locum_text_init(buffer, sizeof(buffer));
        locum_ms wait_ms = -1;
        assert_int_equal(locum_query_parse(text, route->keys, &query, &why), 0);
        const int error = locum_route_check(route, &query, &wait_ms, &why);
        assert_int_equal(error, cases[i].why != NULL ? LOCUM_ERR_INVALID : 0);
        assert_int_equal(wait_ms, error == 0 ? cases[i].wait_ms : -1);
        assert_true(error == 0 || strstr(buffer, cases[i].why) != NULL);
    }
    assert_null(locum_route_find(&handlers, locum_slice_of("/nsd")));
    assert_null(locum_route_find(&handlers, locum_slice_of("/statu")));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_method_and_target),
        cmocka_unit_test(test_parse_longest_head),
        cmocka_unit_test(test_target),
        cmocka_unit_test(test_query_values),
        cmocka_unit_test(test_query_refusals),
        cmocka_unit_test(test_query_too_long),
        cmocka_unit_test(test_route_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
