/* control: the status page for operators, and the one for everyone on listen.status. */
#include "site.h"

/* From now on, clients that are not local come to listen.status. */
static void
go_to_listen_status(struct site *site)
{
    site->config->listen_http = site->config->listen_status[0];
}

static void
test_the_page_has_headers_that_protect_it(void **state)
{
    static const char *const parts[] = {
        "Content-Type: text/html; charset=utf-8\r\n",
        "Content-Security-Policy: default-src 'none'\r\n",
        "Cache-Control: no-store\r\n",
        "X-Content-Type-Options: nosniff\r\n",
        "Referrer-Policy: no-referrer\r\n",
        "X-Frame-Options: DENY\r\n",
        "Content-Length: 11\r\n",
        "\r\n\r\n<p>all</p>\n",
    };
    for (size_t i = 0; i < LOCUM_COUNT(parts); i++) {
        exchange(*state, false, GET("/"), "200 OK\r\n", parts[i]);
    }
    exchange(*state, true, GET("/"), "200", "<p>all</p>");
    exchange(*state, false, GET("/?x=1"), "400", "/ takes no keys");
    exchange(*state, false, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "421", "");
    exchange(*state, true, "POST / HTTP/1.1\r\nHost: x\r\n\r\n", "405", "Allow: GET, HEAD\r\n");
}

/* What a HEAD is answered with; freed by the caller. */
static char *
head(struct site *site, const char *path)
{
    struct client client;
    char request[128];
    (void)snprintf(request, sizeof(request), "HEAD %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    client_open(&client, site, false);
    client_send(&client, request);
    client_finish(&client, site);
    char *reply = strdup(client.bytes);
    client_close(&client);
    return reply;
}

static void
test_head_is_get_without_the_body(void **state)
{
    struct site *site = *state;
    char *reply = head(site, "/");
    assert_non_null(strstr(reply, " 200 OK\r\n"));
    assert_non_null(strstr(reply, "Content-Length: 11\r\n"));
    assert_string_equal(strstr(reply, "\r\n\r\n"), "\r\n\r\n");
    free(reply);
    reply = head(site, "/nothing");
    assert_non_null(strstr(reply, " 404 "));
    assert_string_equal(strstr(reply, "\r\n\r\n"), "\r\n\r\n");
    free(reply);
    reply = head(site, "/admin"); /* not by GET either */
    assert_non_null(strstr(reply, " 404 "));
    free(reply);
    go_to_listen_status(site);
    reply = head(site, "/");
    assert_non_null(strstr(reply, " 200 OK\r\n"));
    free(reply);
}

static void
test_listen_status_has_one_path(void **state)
{
    struct site *site = *state;
    static const char *const others[] = {"/status",  "/explain?name=get.example.org.",
                                         "/events",  "/zone?name=a.",
                                         "/metrics", "/healthz",
                                         "/admin",   "/history",
                                         "//",       "/%2e",
                                         "*"};
    go_to_listen_status(site);
    exchange(site, false, GET("/"), "200", "\r\n\r\n<p>few</p>");
    exchange(site, false, "GET / HTTP/1.1\r\nHost: status.example.com\r\n\r\n", "200", "few");
    exchange(site, false, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "200",
             "Content-Security-Policy: default-src 'none'\r\n");
    for (size_t i = 0; i < LOCUM_COUNT(others); i++) {
        char request[128];
        (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", others[i]);
        exchange(site, false, request, "404", "the only path here is GET /\"");
    }
    exchange(site, false, "POST / HTTP/1.1\r\nHost: x\r\n\r\n", "405", "Allow: GET, HEAD\r\n");
    exchange(site, false, "POST /reload HTTP/1.1\r\nHost: x\r\n\r\n", "404", "");
    assert_int_equal(site->asked, 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_page_has_headers_that_protect_it),
        TEST(test_head_is_get_without_the_body),
        TEST(test_listen_status_has_one_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
