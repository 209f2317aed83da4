#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <signal.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "nsd-adapter/upstream.h"

/* A coordinator on a socket of its own, on the same loop, that answers `answer` with `status`. */
static struct event_base *base;
static struct evhttp *http;
static struct locum_nsd_upstream *upstream;
static char folder[40], path[64];
static const char *answer;
static int status;
static char asked[8][200];
static size_t asked_count, outcome_count;
static size_t wanted; /* so many outcomes end the loop */
static char outcomes[8][300];
static char posted[300];

static void
on_request(struct evhttp_request *request, void *user)
{
    struct evbuffer *body = evbuffer_new();
    (void)user;
    if (evhttp_request_get_command(request) == EVHTTP_REQ_POST) {
        struct evbuffer *input = evhttp_request_get_input_buffer(request);
        const ev_ssize_t length = evbuffer_copyout(input, posted, sizeof(posted) - 1);
        posted[length > 0 ? length : 0] = '\0';
        (void)event_base_loopbreak(base);
    } else if (asked_count < LOCUM_COUNT(asked)) {
        (void)snprintf(asked[asked_count++], sizeof(asked[0]), "%s",
                       evhttp_request_get_uri(request));
    }
    (void)evbuffer_add(body, answer, strlen(answer));
    evhttp_send_reply(request, status, NULL, body);
    evbuffer_free(body);
}

static bool
on_zone(void *user, const json_t *json, const char *why)
{
    (void)user;
    if (outcome_count < LOCUM_COUNT(outcomes)) {
        (void)snprintf(outcomes[outcome_count++], sizeof(outcomes[0]), "%s",
                       json != NULL ? "good" : why);
    }
    if (outcome_count >= wanted) {
        (void)event_base_loopbreak(base);
    }
    return json != NULL;
}

static int
setup(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)state;
    memcpy(folder, "/tmp/locum-up-XXXXXX", 21);
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/sock", folder);
    memcpy(address.sun_path, path, strlen(path) + 1);
    base = event_base_new();
    http = evhttp_new(base);
    struct evconnlistener *listener = evconnlistener_new_bind(
        base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE, -1, (struct sockaddr *)&address, sizeof(address));
    assert_non_null(listener);
    assert_non_null(evhttp_bind_listener(http, listener));
    evhttp_set_gencb(http, on_request, NULL);
    upstream = locum_nsd_upstream_create(base, path, "get.example.org.", on_zone, NULL);
    assert_non_null(upstream);
    asked_count = outcome_count = 0;
    posted[0] = '\0';
    status = 200;
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    locum_nsd_upstream_destroy(upstream);
    if (http != NULL) {
        evhttp_free(http);
    }
    event_base_free(base);
    (void)unlink(path);
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

static void
run_until(size_t count)
{
    const struct timeval limit = {.tv_sec = 20};
    wanted = count;
    (void)event_base_loopexit(base, &limit);
    (void)event_base_dispatch(base);
    assert_true(outcome_count >= count);
}

static void
test_next_request_waits_for_another_serial(void **state)
{
    (void)state;
    answer = "{\"serial\": 17}";
    run_until(2);
    assert_string_equal(asked[0], "/zone?name=get.example.org.");
    assert_string_equal(asked[1], "/zone?name=get.example.org.&wait=17");
    assert_string_equal(outcomes[1], "good");
}

static void
test_unusable_answer_is_reported_and_asked_again(void **state)
{
    static const struct {
        int status;
        const char *answer, *outcome;
    } cases[] = {
        {200, "", "JSON object"},
        {200, "[1]", "JSON object"},
        {200, "{\"serial\": 1, \"serial\": 2}", "JSON object"},
        {200, "{\"serial\": ", "JSON object"},
        {404, "{\"errors\": [\"no such zone\"]}", "HTTP status 404: no such zone"},
        {500, "<html>", "HTTP status 500"},
    };
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        assert_true(i == 0 || setup(NULL) == 0);
        answer = cases[i].answer;
        status = cases[i].status;
        run_until(2);
        assert_non_null(strstr(outcomes[0], cases[i].outcome));
        assert_string_equal(asked[1],
                            "/zone?name=get.example.org."); /* without wait: answered at once */
        assert_true(i + 1 == LOCUM_COUNT(cases) || teardown(NULL) == 0);
    }
}

static void
test_unreachable_coordinator_is_reported(void **state)
{
    (void)state;
    evhttp_free(http);
    http = NULL;
    run_until(3);
    assert_string_equal(outcomes[0], "Connection refused");
}

static void
test_report_is_posted(void **state)
{
    (void)state;
    answer = "{}";
    wanted = 8;
    locum_nsd_upstream_report(upstream, json_pack("{s:s}", "state", "served"));
    (void)event_base_dispatch(base);
    assert_string_equal(posted, "{\"state\":\"served\"}");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_next_request_waits_for_another_serial),
        TEST(test_unusable_answer_is_reported_and_asked_again),
        TEST(test_unreachable_coordinator_is_reported),
        TEST(test_report_is_posted),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
