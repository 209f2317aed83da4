/* control: requests and replies, held requests, limits; raw clients against a real room. */
#include "site.h"

static void
test_requests_get_status_and_reply(void **state)
{
    static const struct {
        const char *request, *status, *part;
    } cases[] = {
        {GET("/status"), "200 OK\r\n",
         "{\"name\":null,\"if\":null,\"after\":null,\"wait\":null,\"body\":null,\"final\":true}"},
        {GET("/status"), "200", "Content-Type: application/json\r\n"},
        {GET("/status"), "200", "Connection: close\r\n"},
        {GET("/explain?name=get.example.org.&if=dc3%3Ddown"), "200",
         "\"name\":\"get.example.org.\",\"if\":\"dc3=down\""},
        {GET("/metrics"), "200", "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"},
        {GET("/metrics"), "200", "\r\n\r\nlocum_up 1\n"},
        {GET("/nothing"), "404 Not Found\r\n",
         "no such path: /nothing; the paths are GET /, GET /status, "},
        {GET("/include"), "404", "{\"errors\":[\"no such path: /include; "},
        {GET("/status?x=1"), "400",
         "{\"errors\":[\"query key \\\"x\\\": no such key; /status takes no keys\"]}"},
        {GET("/events?wait=5000"), "400", "from 0 to 3000"},
        {GET("*"), "404", "no such path: *; "},
        {GET("/events?wait"), "400", "key=value"},
        {GET("/events?wait=1&wait=2"), "400", "given twice; /events takes after and wait"},
        {GET("/explain?name=a%0a"), "400", "printable ASCII"},
        {GET("/explain?name=a%ff"), "400", "printable ASCII"},
        {GET("/admin"), "405 Method Not Allowed\r\n", "Allow: POST\r\n"},
        {"POST /status HTTP/1.1\r\nHost: x\r\n\r\n", "405", "Allow: GET, HEAD\r\n"},
        {"DELETE /admin HTTP/1.1\r\nHost: x\r\n\r\n", "501", ""},
        {"POST /admin HTTP/1.1\r\nHost: x\r\nContent-Length: 17\r\n\r\n{\"admin\":\"drain\"}",
         "200", "\"body\":{\"admin\":\"drain\"}"},
        {"POST /admin HTTP/1.1\r\nHost: x\r\n\r\n", "200", "\"body\":null"},
        {"POST /admin HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{\"admin\":", "400",
         "the body is not JSON: line 1 column"},
        {"POST /admin HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]", "400",
         "must be a JSON object"},
        {"POST /admin HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n{\"a\":1,\"a\":2}", "400",
         "duplicate"},
        {"POST /exclude HTTP/1.1\r\nHost: x\r\n\r\n", "409 Conflict\r\n",
         "{\"errors\":[\"fewer than min-serving (1) nodes would be wanted\"]}"},
        {"hello\r\n\r\n", "400 Bad Request\r\n", ""},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        exchange(*state, true, cases[i].request, cases[i].status, cases[i].part);
    }
}

static void
test_tcp_is_read_only(void **state)
{
    struct site *site = *state;
    exchange(site, false, GET("/status"), "200", "\"final\":true");
    exchange(site, false, "POST /admin HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", "405",
             "Allow: GET, HEAD\r\n");
    exchange(site, false, "POST /reload HTTP/1.1\r\nHost: x\r\n\r\n", "405", "only GET");
    exchange(site, false, GET("/admin"), "404", "the paths are GET /, GET /status, ");
    assert_int_equal(site->asked, 1);
}

/* A web page can point its own name at this address, and then reads what it asks for. */
static void
test_tcp_refuses_names_of_others(void **state)
{
    struct site *site = *state;
    static const struct {
        const char *head;
        bool ours;
    } cases[] = {
        {"Host: dc2\r\n", true},
        {"Host: dc2:9854\r\n", true},
        {"Host: localhost:9854\r\n", true},
        {"Host: LOCALHOST\r\n", true},
        {"Host: 192.0.2.12:9854\r\n", true},
        {"Host: [2001:db8::12]:9854\r\n", true},
        {"Host: [::1]\r\n", true},
        {"", true}, /* no browser */
        {"Host: evil.example\r\n", false},
        {"Host: evil.example:9854\r\n", false},
        {"Host: 192.0.2.12.evil.example\r\n", false},
        {"Host: localhost.evil.example\r\n", false},
        {"Host: dc2.evil.example\r\n", false},
        {"Host: []\r\n", false},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        char request[256];
        (void)snprintf(request, sizeof(request), "GET /status HTTP/1.1\r\n%s\r\n", cases[i].head);
        exchange(site, false, request, cases[i].ours ? "200" : "421",
                 cases[i].ours ? "\"final\":true" : "{\"errors\":[\"the Host of this request");
    }
    exchange(site, false, "GET http://evil.example/status HTTP/1.1\r\nHost: dc2\r\n\r\n", "421",
             "");
    exchange(site, false, "POST /reload HTTP/1.1\r\nHost: evil.example\r\n\r\n", "421", "");
    /* No web page reaches the control socket. */
    exchange(site, true, "GET /status HTTP/1.1\r\nHost: evil.example\r\n\r\n", "200", "");
}

static void
test_oversized_requests_never_reach_a_handler(void **state)
{
    struct site *site = *state;
    struct client client;
    static char junk[10 * 1024 + 1];
    memset(junk, 'a', sizeof(junk) - 1);
    exchange(site, false, "POST /admin HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n", "413",
             "");
    client_open(&client, site, true);
    client_send(&client, "GET /status HTTP/1.1\r\nX: ");
    client_send(&client, junk);
    client_finish(&client, site);
    assert_true(strncmp(client.bytes, "HTTP/1.1 2", 10) != 0);
    client_close(&client);
    assert_int_equal(site->asked, 0);
}

static void
test_largest_body_may_arrive_in_pieces(void **state)
{
    struct site *site = *state;
    struct client client;
    client_open(&client, site, true);
    client_send(&client, "POST /admin HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                         "Content-Length: 65536\r\n\r\n");
    const locum_ms start = locum_clock_read().mono;
    while (client.length == 0) {
        assert_true(locum_clock_read().mono - start < DEADLINE_MS);
        run_once(site);
        client_read(&client);
    }
    assert_string_equal(client.bytes, "HTTP/1.1 100 Continue\r\n\r\n");
    static char body[65536 + 1];
    memset(body, ' ', sizeof(body) - 1);
    body[0] = '{';
    body[65535] = '}';
    for (size_t sent = 0; sent < 65536; sent += 8192) {
        assert_int_equal(send(client.fd, body + sent, 8192, 0), 8192);
        run_once(site);
    }
    client_finish(&client, site);
    assert_has(&client, "\r\n\r\nHTTP/1.1 200 OK\r\n");
    assert_has(&client, "\"body\":{}");
    client_close(&client);
}

static void
test_request_may_arrive_byte_by_byte(void **state)
{
    struct site *site = *state;
    struct client client;
    client_open(&client, site, true);
    for (const char *at = GET("/status"); *at != '\0'; at++) {
        const char one[2] = {*at, '\0'};
        client_send(&client, one);
        run_once(site);
    }
    client_finish(&client, site);
    assert_has(&client, "HTTP/1.1 200 OK\r\n");
    client_close(&client);
}

static void
test_large_reply_is_sent_whole(void **state)
{
    struct client client;
    client_open(&client, *state, true);
    client_send(&client, GET("/healthz"));
    client_finish(&client, *state);
    assert_has(&client, "Content-Length: 131072\r\n");
    assert_true(client.length > 131072);
    client_close(&client);
}

/* A POST that takes time; the next program may send the reply. */
static void
test_replace_is_held_until_it_is_done(void **state)
{
    struct site *site = *state;
    struct client client;
    client_open(&client, site, true);
    client_send(&client, "POST /replace HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}");
    until_asked(site, 1);
    assert_int_equal(site->finals, 0);
    site->happened = true;
    locum_control_wake(site->control);
    client_finish(&client, site);
    assert_has(&client, "\"happened\":true,\"final\":false");
    client_close(&client);
}

static void
test_a_late_reply_is_whole_and_the_last(void **state)
{
    char bytes[256];
    int ends[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    locum_control_reply_late(ends[0], locum_control_json(json_pack("{s:b}", "replaced", 1)));
    const ssize_t length = recv(ends[1], bytes, sizeof(bytes) - 1, MSG_WAITALL);
    assert_true(length > 0);
    bytes[length] = '\0';
    assert_string_equal(bytes, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                               "Content-Length: 17\r\nConnection: close\r\n\r\n"
                               "{\"replaced\":true}");
    (void)close(ends[1]);
}

static void
test_wake_calls_held_handlers_again(void **state)
{
    struct site *site = *state;
    struct client client;
    client_open(&client, site, true);
    client_send(&client, GET("/events?after=5&wait=3000"));
    until_asked(site, 1);
    locum_control_wake(site->control); /* no reply yet: still held */
    assert_int_equal(site->asked, 1);  /* never from within the call */
    until_asked(site, 2);
    site->happened = true;
    locum_control_wake(site->control);
    locum_control_wake(site->control);
    client_finish(&client, site);
    assert_has(&client, "{\"happened\":true,\"final\":false}");
    assert_int_equal(site->asked, 3);
    assert_int_equal(site->again, 2);
    client_close(&client);
    locum_control_wake(site->control);
    run_once(site);
    assert_int_equal(site->asked, 3);
}

static void
test_held_request_is_answered_when_its_wait_is_over(void **state)
{
    struct site *site = *state;
    struct client client;
    const locum_ms start = locum_clock_read().mono;
    client_open(&client, site, true);
    client_send(&client, GET("/events?wait=80"));
    client_finish(&client, site);
    assert_has(&client, "{\"happened\":false,\"final\":true}");
    assert_true(locum_clock_read().mono - start >= 70); /* libevent's clock is coarse */
    assert_int_equal(site->finals, 1);
    client_close(&client);
    exchange(site, true, GET("/events"), "200", "{\"happened\":false,\"final\":true}");
}

static void
test_handler_without_a_final_reply_gets_500(void **state)
{
    exchange(*state, true, GET("/zone?name=get.example.org."), "500",
             "{\"errors\":[\"no reply was ready in time\"]}");
}

/* The disconnection is noticed when the wait is over, at the latest. */
static void
test_client_that_disconnects_is_forgotten(void **state)
{
    struct site *site = *state;
    struct client client;
    const size_t before = count_entries("/proc/self/fd");
    client_open(&client, site, false);
    client_send(&client, GET("/events?wait=200"));
    until_asked(site, 1);
    client_close(&client);
    const locum_ms start = locum_clock_read().mono;
    while (count_entries("/proc/self/fd") > before) {
        assert_true(locum_clock_read().mono - start < DEADLINE_MS);
        run_once(site);
    }
    const unsigned asked = site->asked;
    site->happened = true;
    locum_control_wake(site->control);
    run_once(site);
    assert_int_equal(site->asked, asked);
}

/* They must neither disturb the reply nor stop the process. */
static void
test_bytes_after_a_held_request_are_ignored(void **state)
{
    struct site *site = *state;
    struct client client;
    client_open(&client, site, true);
    client_send(&client, GET("/events?wait=100") GET("/status"));
    until_asked(site, 1);
    for (int i = 0; i < 10; i++) {
        client_send(&client, GET("/status"));
        run_once(site);
    }
    until_asked(site, 2);
    run_once(site);
    assert_int_equal(site->finals, 1);
    assert_int_equal(recv(client.fd, client.bytes, 15, MSG_DONTWAIT), 15);
    assert_memory_equal(client.bytes, "HTTP/1.1 200 OK", 15);
    client_close(&client);
    exchange(site, true, GET("/status"), "200", "final");
}

static void
test_destroy_closes_clients_and_calls_no_handler(void **state)
{
    struct site *site = *state;
    struct client clients[4];
    for (size_t i = 0; i < LOCUM_COUNT(clients); i++) {
        client_open(&clients[i], site, i % 2 == 0);
        client_send(&clients[i], i < 2 ? GET("/events?wait=3000") : "GET /sta");
    }
    until_asked(site, 2);
    locum_control_wake(site->control); /* must not fire any more */
    locum_control_destroy(site->control);
    site->control = NULL;
    run_once(site);
    assert_int_equal(site->asked, 2);
    for (size_t i = 0; i < LOCUM_COUNT(clients); i++) {
        client_close(&clients[i]);
    }
}

/* The other listener is not affected. */
static void
test_a_quarter_of_the_slots_is_for_requests_that_do_not_wait(void **state)
{
    enum { COUNT = LOCUM_HTTP_CLIENTS_MAX / 4 * 3, MORE = LOCUM_HTTP_CLIENTS_MAX };
    struct site *site = *state;
    struct client clients[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        client_open(&clients[i], site, false);
        client_send(&clients[i], GET("/events?wait=3000"));
    }
    until_asked(site, COUNT);
    for (int i = 0; i < MORE; i++) {
        exchange(site, false, GET("/events?wait=3000"), "503",
                 "{\"errors\":[\"too many clients wait ");
        exchange(site, false, GET("/events"), "200", "{\"happened\":false,");
    }
    exchange(site, true, GET("/events?wait=1"), "200", "{\"happened\":false,\"final\":true}");
    site->happened = true;
    locum_control_wake(site->control);
    for (size_t i = 0; i < COUNT; i++) {
        client_finish(&clients[i], site);
        assert_has(&clients[i], "{\"happened\":true,");
        client_close(&clients[i]);
    }
    site->happened = false;
    exchange(site, false, GET("/events?wait=1"), "200", "{\"happened\":false,\"final\":true}");
}

/* It changes something, and could not say what has become of it. */
static void
test_a_post_that_could_not_be_held_is_not_begun(void **state)
{
    enum { COUNT = LOCUM_HTTP_CLIENTS_MAX / 4 * 3 };
    struct site *site = *state;
    struct client clients[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        client_open(&clients[i], site, true);
        client_send(&clients[i], GET("/events?wait=3000"));
    }
    until_asked(site, COUNT);
    exchange(site, true, "POST /replace HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", "503",
             "so nothing was done: try again");
    assert_int_equal(site->asked, COUNT);
    site->happened = true;
    locum_control_wake(site->control);
    for (size_t i = 0; i < COUNT; i++) {
        client_finish(&clients[i], site);
        client_close(&clients[i]);
    }
    exchange(site, true, "POST /replace HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", "200",
             "{\"happened\":true,");
    site->happened = false;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_requests_get_status_and_reply),
        TEST(test_tcp_is_read_only),
        TEST(test_tcp_refuses_names_of_others),
        TEST(test_oversized_requests_never_reach_a_handler),
        TEST(test_largest_body_may_arrive_in_pieces),
        TEST(test_request_may_arrive_byte_by_byte),
        TEST(test_large_reply_is_sent_whole),
        TEST(test_replace_is_held_until_it_is_done),
        TEST(test_a_late_reply_is_whole_and_the_last),
        TEST(test_wake_calls_held_handlers_again),
        TEST(test_held_request_is_answered_when_its_wait_is_over),
        TEST(test_handler_without_a_final_reply_gets_500),
        TEST(test_client_that_disconnects_is_forgotten),
        TEST(test_bytes_after_a_held_request_are_ignored),
        TEST(test_destroy_closes_clients_and_calls_no_handler),
        TEST(test_a_quarter_of_the_slots_is_for_requests_that_do_not_wait),
        TEST(test_a_post_that_could_not_be_held_is_not_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
