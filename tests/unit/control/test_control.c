/* control: requests and answers, held ones, limits; raw clients against a real room. */
#include "site.h"

static void
test_answers(void **state)
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
        {GET("/nothing"), "404 Not Found\r\n", "no such path: /nothing; there are GET /status, "},
        {GET("/include"), "404", "{\"errors\":[\"no such path: /include; there are "},
        {GET("/status?x=1"), "400",
         "{\"errors\":[\"query key \\\"x\\\": no such key; nothing is taken here\"]}"},
        {GET("/events?wait=5000"), "400", "from 0 to 3000"},
        {GET("*"), "400", "must be a path"},
        {GET("/admin"), "405 Method Not Allowed\r\n", "Allow: POST\r\n"},
        {"POST /status HTTP/1.1\r\nHost: x\r\n\r\n", "405", "Allow: GET\r\n"},
        {"DELETE /admin HTTP/1.1\r\nHost: x\r\n\r\n", "405", "{\"errors\":[\"this path takes POST"},
        {"POST /admin HTTP/1.1\r\nHost: x\r\nContent-Length: 17\r\n\r\n{\"admin\":\"drain\"}",
         "200", "\"body\":{\"admin\":\"drain\"}"},
        {"POST /admin HTTP/1.1\r\nHost: x\r\n\r\n", "200", "\"body\":null"},
        {"POST /admin HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{\"admin\":", "400",
         "the body is no JSON: line 1 column"},
        {"POST /admin HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]", "400",
         "must be a JSON object"},
        {"POST /admin HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n{\"a\":1,\"a\":2}", "400",
         "duplicate"},
        {"POST /exclude HTTP/1.1\r\nHost: x\r\n\r\n", "409 Conflict\r\n",
         "{\"errors\":[\"fewer than min-serving (1) nodes would be wanted\"]}"},
        {"GET /status HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", "400", "no body"},
        {"GET / HTTP/3.0\r\nHost: x\r\n\r\n", "505", "{\"errors\":[\"only HTTP/1.1"},
        {"hello\r\n\r\n", "400 Bad Request\r\n", "{\"errors\":[\"not HTTP"},
        {"\x16\x03\x01", "400", "{\"errors\":[\"not HTTP"},
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
             "Allow: GET\r\n");
    exchange(site, false, "POST /reload HTTP/1.1\r\nHost: x\r\n\r\n", "405",
             "only GET is taken on this port");
    exchange(site, false, GET("/admin"), "404", "there are GET /status, ");
    assert_int_equal(site->asked, 1);
}

static void
test_head_has_no_body(void **state)
{
    struct client client;
    client_open(&client, *state, true);
    client_send(&client, "HEAD /status HTTP/1.1\r\nHost: x\r\n\r\n");
    client_finish(&client, *state);
    assert_has(&client, "HTTP/1.1 405 ");
    assert_string_equal(client.bytes + client.length - 4, "\r\n\r\n");
    client_close(&client);
}

/* The answer must arrive although the client has more to send: no reset. */
static void
test_oversized(void **state)
{
    struct site *site = *state;
    struct client client;
    static char junk[40 * 1024 + 1];
    memset(junk, 'a', sizeof(junk) - 1);
    client_open(&client, site, false);
    client_send(&client, "POST /admin HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
    client_send(&client, junk);
    client_finish(&client, site);
    assert_has(&client, "HTTP/1.1 413 Content Too Large\r\n");
    assert_has(&client, "{\"errors\":[\"the body is longer than 64 KiB\"]}");
    client_close(&client);

    client_open(&client, site, true);
    client_send(&client, "GET /status HTTP/1.1\r\nX: ");
    client_send(&client, junk);
    client_finish(&client, site);
    assert_has(&client, "HTTP/1.1 431 ");
    client_close(&client);
    assert_int_equal(site->asked, 0);
}

static void
test_largest_body_in_pieces(void **state)
{
    struct site *site = *state;
    struct client client;
    client_open(&client, site, true);
    client_send(&client, "POST /admin HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                         "Content-Length: 65536\r\n\r\n");
    const locum_ms start = locum_now_read().mono;
    while (client.length == 0) {
        assert_true(locum_now_read().mono - start < DEADLINE_MS);
        turn(site);
        client_read(&client);
    }
    assert_string_equal(client.bytes, "HTTP/1.1 100 Continue\r\n\r\n");
    static char body[65536 + 1];
    memset(body, ' ', sizeof(body) - 1);
    body[0] = '{';
    body[65535] = '}';
    for (size_t sent = 0; sent < 65536; sent += 8192) {
        assert_int_equal(send(client.fd, body + sent, 8192, 0), 8192);
        turn(site);
    }
    client_finish(&client, site);
    assert_has(&client, "\r\n\r\nHTTP/1.1 200 OK\r\n");
    assert_has(&client, "\"body\":{}");
    client_close(&client);
}

static void
test_byte_by_byte(void **state)
{
    struct site *site = *state;
    struct client client;
    client_open(&client, site, true);
    for (const char *at = GET("/status"); *at != '\0'; at++) {
        const char one[2] = {*at, '\0'};
        client_send(&client, one);
        turn(site);
    }
    client_finish(&client, site);
    assert_has(&client, "HTTP/1.1 200 OK\r\n");
    client_close(&client);
}

/* A client that sends its end of file with its request still reads the answer. */
static void
test_half_closed(void **state)
{
    struct client client;
    client_open(&client, *state, false);
    client_send(&client, GET("/status"));
    assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
    client_finish(&client, *state);
    assert_has(&client, "HTTP/1.1 200 OK\r\n");
    client_close(&client);
}

static void
test_large_answer(void **state)
{
    struct client client;
    client_open(&client, *state, true);
    client_send(&client, GET("/healthz"));
    client_finish(&client, *state);
    assert_has(&client, "Content-Length: 131072\r\n");
    assert_true(client.length > 131072);
    client_close(&client);
}

static void
test_poke_answers(void **state)
{
    struct site *site = *state;
    struct client client;
    client_open(&client, site, true);
    client_send(&client, GET("/events?after=5&wait=3000"));
    until_asked(site, 1);
    locum_control_poke(site->control); /* nothing to say yet: held on */
    assert_int_equal(site->asked, 1);  /* never from within the call */
    until_asked(site, 2);
    site->happened = true;
    locum_control_poke(site->control);
    locum_control_poke(site->control);
    client_finish(&client, site);
    assert_has(&client, "{\"happened\":true,\"final\":false}");
    assert_int_equal(site->asked, 3);
    client_close(&client);
    locum_control_poke(site->control);
    turn(site);
    assert_int_equal(site->asked, 3);
}

static void
test_wait_is_over(void **state)
{
    struct site *site = *state;
    struct client client;
    const locum_ms start = locum_now_read().mono;
    client_open(&client, site, true);
    client_send(&client, GET("/events?wait=80"));
    client_finish(&client, site);
    assert_has(&client, "{\"happened\":false,\"final\":true}");
    assert_true(locum_now_read().mono - start >= 70); /* libevent's clock is coarse */
    assert_int_equal(site->finals, 1);
    client_close(&client);
    exchange(site, true, GET("/events"), "200", "{\"happened\":false,\"final\":true}");
}

/* A handler that says `later` to a final request is answered for. */
static void
test_later_for_ever(void **state)
{
    exchange(*state, true, GET("/zone?name=get.example.org."), "500",
             "{\"errors\":[\"no answer was made in time\"]}");
}

static void
test_client_goes_away(void **state)
{
    struct site *site = *state;
    struct client client;
    const size_t before = count_descriptors();
    client_open(&client, site, false);
    client_send(&client, GET("/events?wait=3000"));
    until_asked(site, 1);
    client_close(&client);
    const locum_ms start = locum_now_read().mono;
    while (count_descriptors() > before) {
        assert_true(locum_now_read().mono - start < 2000); /* long before its wait is over */
        turn(site);
    }
    site->happened = true;
    locum_control_poke(site->control);
    turn(site);
    assert_int_equal(site->asked, 1);
}

static void
test_destroy_with_clients(void **state)
{
    struct site *site = *state;
    struct client clients[4];
    for (size_t i = 0; i < LOCUM_COUNT(clients); i++) {
        client_open(&clients[i], site, i % 2 == 0);
        client_send(&clients[i], i < 2 ? GET("/events?wait=3000") : "GET /sta");
    }
    until_asked(site, 2);
    locum_control_poke(site->control); /* must not fire any more */
    locum_control_destroy(site->control);
    site->control = NULL;
    turn(site);
    assert_int_equal(site->asked, 2);
    for (size_t i = 0; i < LOCUM_COUNT(clients); i++) {
        client_close(&clients[i]);
    }
}

/* The 65th waits until one of the 64 goes. */
static void
test_at_most_64(void **state)
{
    struct site *site = *state;
    struct client held[LOCUM_SERVER_CLIENTS_MAX];
    struct client late;
    for (size_t i = 0; i < LOCUM_COUNT(held); i++) {
        client_open(&held[i], site, false);
        client_send(&held[i], GET("/events?wait=3000"));
        until_asked(site, (unsigned)i + 1);
    }
    client_open(&late, site, false);
    client_send(&late, GET("/status"));
    for (int i = 0; i < 20; i++) {
        turn(site);
    }
    assert_int_equal(site->asked, LOCUM_SERVER_CLIENTS_MAX);
    exchange(site, true, GET("/status"), "200", "final"); /* the other listener is not touched */
    client_close(&held[0]);
    client_finish(&late, site);
    assert_has(&late, "HTTP/1.1 200 OK\r\n");
    client_close(&late);
    site->happened = true;
    locum_control_poke(site->control);
    for (size_t i = 1; i < LOCUM_COUNT(held); i++) {
        client_finish(&held[i], site);
        client_close(&held[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_answers),
        TEST(test_tcp_is_read_only),
        TEST(test_head_has_no_body),
        TEST(test_oversized),
        TEST(test_largest_body_in_pieces),
        TEST(test_byte_by_byte),
        TEST(test_half_closed),
        TEST(test_large_answer),
        TEST(test_poke_answers),
        TEST(test_wait_is_over),
        TEST(test_later_for_ever),
        TEST(test_client_goes_away),
        TEST(test_destroy_with_clients),
        TEST(test_at_most_64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
