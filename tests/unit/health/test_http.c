#include "fixture.h"

enum { LONG_MS = 60000, SHORT_MS = 200 };

/* Short only where it is the end of the probe: a busy machine may take its time for the others. */
static locum_ms
timeout_of(const char *path)
{
    return strncmp(path, "/silent", 7) == 0 || strncmp(path, "/drip", 5) == 0 ? SHORT_MS : LONG_MS;
}

/* One probe of `path`; method and host NULL: GET and none. */
static void
probe(const char *path, const char *method, const char *host)
{
    struct locum_config_check *check = add_http(&the.address, path, LONG_MS, timeout_of(path));
    check->http.head = method != NULL && strcmp(method, "HEAD") == 0;
    if (host != NULL) {
        assert_int_equal(locum_slice_copy(locum_slice_of(host), check->http.host, 254), 0);
    }
    start_health();
    wait_for(&the.samples[0], 1);
}

static void
test_answers_are_judged(void **state)
{
    static const struct {
        const char *path;
        enum locum_sample outcome;
        const char *pattern;
    } rows[] = {
        {"/200", LOCUM_SAMPLE_PASS, "200 in * ms"},
        {"/204", LOCUM_SAMPLE_PASS, "204 in * ms"},
        {"/302", LOCUM_SAMPLE_PASS, "302 in * ms"}, /* not followed */
        {"/404", LOCUM_SAMPLE_FAIL, "404 in * ms, expected 200-399"},
        {"/503", LOCUM_SAMPLE_FAIL, "503 in * ms, expected 200-399"},
        {"/huge", LOCUM_SAMPLE_PASS, "200 in * ms"}, /* the rest is left unread */
        {"/silent", LOCUM_SAMPLE_FAIL, "no answer within 200 ms"},
        {"/drip-head", LOCUM_SAMPLE_FAIL, "200, but not complete within 200 ms"},
        {"/drip-body", LOCUM_SAMPLE_FAIL, "200, but not complete within 200 ms"},
        {"/short", LOCUM_SAMPLE_FAIL, "* with 7 bytes *"},
        {"/empty", LOCUM_SAMPLE_FAIL, "Empty reply from server"},
        {"/garbage", LOCUM_SAMPLE_FAIL, "the server does not speak HTTP/1.1 *"},
    };
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        probe(rows[i].path, NULL, NULL);
        assert_sample(rows[i].outcome, rows[i].pattern);
        assert_int_equal(the.requests, i + 1);
        end_probe();
    }
}

static void
test_a_web_server_that_was_up_answers_500_with_a_header_line_over_100_kib(void **state)
{
    (void)state;
    (void)add_http(&the.address, "/up-then-header-over-100-KiB", 20, LONG_MS);
    start_health();
    wait_for(&the.samples[0], 1);
    assert_sample(LOCUM_SAMPLE_PASS, "200 in * ms");
    wait_for(&the.samples[0], 2);
    assert_sample(LOCUM_SAMPLE_FAIL, "500, but a line of its headers is too long to be read");
}

static void
test_http2_only_server(void **state)
{
    (void)state;
    probe("/http2-only", NULL, NULL);
    assert_sample(
        LOCUM_SAMPLE_FAIL,
        "the server does not speak HTTP/1.1 on this port, but only HTTP/2 or another protocol");
}

static void
test_the_expected_range_is_inclusive(void **state)
{
    static const struct {
        uint16_t min, max;
        enum locum_sample outcome;
        const char *pattern;
    } rows[] = {
        {404, 404, LOCUM_SAMPLE_PASS, "404 in * ms"},
        {403, 404, LOCUM_SAMPLE_PASS, "404 in * ms"},
        {404, 405, LOCUM_SAMPLE_PASS, "404 in * ms"},
        {405, 499, LOCUM_SAMPLE_FAIL, "404 in * ms, expected 405-499"},
        {403, 403, LOCUM_SAMPLE_FAIL, "404 in * ms, expected 403"},
    };
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        struct locum_config_check *check = add_http(&the.address, "/404", LONG_MS, LONG_MS);
        check->http.expect[0] = (struct locum_status_range){rows[i].min, rows[i].max};
        start_health();
        wait_for(&the.samples[0], 1);
        assert_sample(rows[i].outcome, rows[i].pattern);
        end_probe();
    }
}

static void
test_any_expected_range_passes(void **state)
{
    (void)state;
    static const struct locum_status_range ranges[] = {{200, 299}, {302, 302}};
    static const struct {
        const char *path;
        enum locum_sample outcome;
        const char *pattern;
    } rows[] = {
        {"/200", LOCUM_SAMPLE_PASS, "200 in * ms"},
        {"/302", LOCUM_SAMPLE_PASS, "302 in * ms"},
        {"/404", LOCUM_SAMPLE_FAIL, "404 in * ms, expected 200-299,302"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        memcpy(add_http(&the.address, rows[i].path, LONG_MS, LONG_MS)->http.expect, ranges,
               sizeof(ranges));
        start_health();
        wait_for(&the.samples[0], 1);
        assert_sample(rows[i].outcome, rows[i].pattern);
        end_probe();
    }
}

static void
set_pattern(char field[LOCUM_PATTERN_MAX + 1], const char *pattern)
{
    assert_int_equal(locum_slice_copy(locum_slice_of(pattern), field, LOCUM_PATTERN_MAX + 1), 0);
}

/* A Mirrorbits that has lost its database redirects to a fallback. */
static void
test_target_of_a_redirect_is_judged(void **state)
{
    static const struct {
        const char *path, *location, *location_not;
        enum locum_sample outcome;
        const char *pattern;
    } rows[] = {
        {"/mirror", "", "://fallback", LOCUM_SAMPLE_PASS, "302 in * ms to http://m1.example.org/f"},
        {"/fallback", "", "://fallback", LOCUM_SAMPLE_DEGRADED,
         "302 in * ms to http://fallback1.example.org/f, which matches location-not"},
        {"/200", "", "://fallback", LOCUM_SAMPLE_FAIL, "200 in * ms, which is not a redirect"},
        {"/404", "", "://fallback", LOCUM_SAMPLE_FAIL, "404 in * ms, expected 200-399"},
        {"/mirror", "^http://m[0-9]\\.", "", LOCUM_SAMPLE_PASS, "302 in * ms to http://m1.*"},
        {"/fallback", "^http://m[0-9]\\.", "", LOCUM_SAMPLE_FAIL,
         "302 in * ms to http://fallback1.example.org/f, which does not match location"},
        {"/fallback", "^http://m[0-9]\\.", "://fallback", LOCUM_SAMPLE_FAIL,
         "302 in * ms to http://fallback1.example.org/f, which does not match location"},
        {"/302", "^http://127.0.0.1:[0-9]+/200$", "", LOCUM_SAMPLE_PASS, "302 in * ms to *"},
        {"/mirror", "/f$", "m1", LOCUM_SAMPLE_DEGRADED,
         "302 in * ms to *, which matches location-not"},
    };
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        struct locum_config_check *check = add_http(&the.address, rows[i].path, LONG_MS, LONG_MS);
        set_pattern(check->http.location, rows[i].location);
        set_pattern(check->http.location_not, rows[i].location_not);
        start_health();
        wait_for(&the.samples[0], 1);
        assert_sample(rows[i].outcome, rows[i].pattern);
        end_probe();
    }
}

static void
test_body_is_searched_for_patterns(void **state)
{
    static const struct {
        const char *path, *body, *body_not;
        enum locum_sample outcome;
        const char *pattern;
    } rows[] = {
        {"/lines", "^ok$", "", LOCUM_SAMPLE_PASS, "200 in * ms"},
        {"/lines", "^okay$", "", LOCUM_SAMPLE_FAIL,
         "200 in * ms, and its body does not match body"},
        {"/lines", "", "^last", LOCUM_SAMPLE_FAIL, "200 in * ms, and its body matches body-not"},
        {"/lines", "ok", "error", LOCUM_SAMPLE_PASS, "200 in * ms"},
        {"/204", "ok", "", LOCUM_SAMPLE_FAIL, "204 in * ms, and its body does not match body"},
        {"/huge", "^begin", "", LOCUM_SAMPLE_PASS, "200 in * ms"}, /* its first 64 KiB */
    };
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        struct locum_config_check *check = add_http(&the.address, rows[i].path, LONG_MS, LONG_MS);
        set_pattern(check->http.body, rows[i].body);
        set_pattern(check->http.body_not, rows[i].body_not);
        start_health();
        wait_for(&the.samples[0], 1);
        assert_sample(rows[i].outcome, rows[i].pattern);
        end_probe();
    }
}

/* Of the check of Mirrorbits' database: what it means that no mirror is found. */
static void
test_a_body_that_says_more_if_it_is_absent(void **state)
{
    static const struct {
        const char *path, *pattern;
    } rows[] = {
        {"/lines", "200 in * ms, but there is none: do it"},
        {"/503", "503 in * ms, expected 200-399"},
    };
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        struct locum_config_check *check = add_http(&the.address, rows[i].path, LONG_MS, LONG_MS);
        set_pattern(check->http.body, "^okay$");
        check->http.body_absent = "there is none: do it";
        start_health();
        wait_for(&the.samples[0], 1);
        assert_sample(LOCUM_SAMPLE_FAIL, rows[i].pattern);
        end_probe();
    }
}

/* In the order of the file, after Host; an empty one is sent too. */
static void
test_headers_are_sent(void **state)
{
    (void)state;
    static const char headers[] = "X-Forwarded-Proto: https\0User-Agent: probe\0X-Empty;";
    struct locum_config_check *check = add_http(&the.address, "/200", LONG_MS, LONG_MS);
    memcpy(check->http.headers.at, headers, sizeof(headers));
    check->http.headers.count = 3;
    memcpy(check->http.host, "get.example.org", sizeof("get.example.org"));
    start_health();
    wait_for(&the.samples[0], 1);
    assert_sample(LOCUM_SAMPLE_PASS, "200 in * ms");
    assert_non_null(strstr(the.request, "\r\nHost: get.example.org\r\n"));
    assert_non_null(strstr(the.request, "\r\nX-Forwarded-Proto: https\r\n"));
    assert_non_null(strstr(the.request, "\r\nUser-Agent: probe\r\n"));
    assert_non_null(strstr(the.request, "\r\nX-Empty:\r\n"));
    assert_null(strstr(the.request, "locum/"));
}

/* The name of the URL is not looked up, and is sent to the server. */
static void
test_connect_to_replaces_the_host(void **state)
{
    (void)state;
    struct locum_config_check *check = add_http(&the.address, "/", LONG_MS, LONG_MS);
    assert_int_equal(
        locum_slice_copy(locum_slice_of("http://unknown.test/200"), check->http.url, 512), 0);
    check->http.connect_to = the.address;
    start_health();
    wait_for(&the.samples[0], 1);
    assert_sample(LOCUM_SAMPLE_PASS, "200 in * ms");
    assert_non_null(strstr(the.request, "\r\nHost: unknown.test\r\n"));
}

static void
test_refused_connection_is_its_own_outcome(void **state)
{
    (void)state;
    const struct locum_address closed = free_address();
    (void)add_http(&closed, "/", LONG_MS, LONG_MS);
    start_health();
    wait_for(&the.samples[0], 1);
    assert_sample(LOCUM_SAMPLE_REFUSED, "connection refused");
}

static void
test_a_dripping_server_ends_at_the_deadline(void **state)
{
    (void)state;
    const locum_ms before = locum_clock_read().mono;
    probe("/drip-head", NULL, NULL);
    const locum_ms took = locum_clock_read().mono - before;
    assert_int_equal(the.outcome[0], LOCUM_SAMPLE_FAIL);
    assert_true(took >= SHORT_MS - 10);
}

static void
test_a_huge_body_is_not_read_to_its_end(void **state)
{
    (void)state;
    probe("/huge", NULL, NULL); /* the end never comes */
    assert_sample(LOCUM_SAMPLE_PASS, "200 in * ms");
}

static void
test_the_request_is_as_configured(void **state)
{
    (void)state;
    probe("/200", NULL, NULL);
    char host[96];
    struct locum_text text = locum_text_init(host, sizeof(host));
    locum_text_add(&text, "\r\nHost: ");
    locum_text_add(&text, locum_address_text(&the.address).text);
    locum_text_add(&text, "\r\n");
    assert_ptr_equal(strstr(the.request, "GET /200 HTTP/1.1\r\n"), the.request);
    assert_non_null(strstr(the.request, host));
    assert_non_null(strstr(the.request, "\r\nUser-Agent: locum/1.2.3\r\n"));
    end_probe();
    probe("/silent?deep=1", "HEAD", "get.example.org");
    assert_ptr_equal(strstr(the.request, "HEAD /silent?deep=1 HTTP/1.1\r\n"), the.request);
    assert_non_null(strstr(the.request, "\r\nHost: get.example.org\r\n"));
    assert_null(strstr(strstr(the.request, "Host:") + 1, "Host:"));
    end_probe();
    probe("/200", "HEAD", NULL);
    assert_sample(LOCUM_SAMPLE_PASS, "200 in * ms");
}

static void
test_a_proxy_of_the_environment_is_ignored(void **state)
{
    (void)state;
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1/", 1), 0);
    probe("/200", NULL, NULL);
    assert_int_equal(unsetenv("http_proxy"), 0);
    assert_sample(LOCUM_SAMPLE_PASS, "200 in * ms");
}

/* One probe of exactly this URL. */
static void
probe_url(const char *url, locum_ms timeout_ms)
{
    struct locum_config_check *check = add_http(&the.address, "/", LONG_MS, timeout_ms);
    assert_int_equal(locum_slice_copy(locum_slice_of(url), check->http.url, 512), 0);
    start_health();
    wait_for(&the.samples[0], 1);
}

static void
test_invalid_urls_fail_with_the_reason(void **state)
{
    (void)state;
    probe_url("file:///etc/passwd", LONG_MS);
    assert_sample(LOCUM_SAMPLE_FAIL, "Protocol \"file\" *");
    end_probe();
    probe_url("http://a b/", LONG_MS);
    assert_int_equal(the.outcome[0], LOCUM_SAMPLE_FAIL);
    assert_string_not_equal(the.text[0], "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_answers_are_judged),
        TEST(test_a_web_server_that_was_up_answers_500_with_a_header_line_over_100_kib),
        TEST(test_http2_only_server),
        TEST(test_the_expected_range_is_inclusive),
        TEST(test_any_expected_range_passes),
        TEST(test_target_of_a_redirect_is_judged),
        TEST(test_body_is_searched_for_patterns),
        TEST(test_a_body_that_says_more_if_it_is_absent),
        TEST(test_headers_are_sent),
        TEST(test_connect_to_replaces_the_host),
        TEST(test_refused_connection_is_its_own_outcome),
        TEST(test_a_dripping_server_ends_at_the_deadline),
        TEST(test_a_huge_body_is_not_read_to_its_end),
        TEST(test_the_request_is_as_configured),
        TEST(test_a_proxy_of_the_environment_is_ignored),
        TEST(test_invalid_urls_fail_with_the_reason),
    };
    return cmocka_run_group_tests_name("health: http", tests, NULL, NULL);
}
