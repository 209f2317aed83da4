/* control: how the sockets are opened and what is said when they cannot be; the deadline. */
#include "site.h"

static void
test_socket_mode(void **state)
{
    struct site *site = *state;
    struct stat file;
    assert_int_equal(lstat(site->config->listen_control, &file), 0);
    assert_true(S_ISSOCK(file.st_mode));
    assert_int_equal(file.st_mode & 0777, 0660);
}

/* Create a second room and expect this failure. */
static void
assert_refused(struct site *site, int error, const char *part)
{
    char buffer[512];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    struct locum_control *second = NULL;
    assert_int_equal(locum_control_create(site->base, site->config, &handlers, site, &second, &why),
                     error);
    assert_null(second);
    if (strstr(buffer, part) == NULL) {
        fail_msg("\"%s\" has no \"%s\"", buffer, part);
    }
}

static void
test_socket_in_use(void **state)
{
    struct site *site = *state;
    assert_refused(site, LOCUM_ERR_IN_USE, "another locum answers on it: stop that one first");
    exchange(site, true, GET("/status"), "200", "final"); /* and it is not hurt */
}

static void
test_stale_socket_is_replaced(void **state)
{
    struct site *site = *state;
    locum_control_destroy(site->control);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)strcpy(address.sun_path, site->config->listen_control);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    (void)close(fd);
    char buffer[512];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    assert_int_equal(create(site, &why), 0);
    exchange(site, true, GET("/status"), "200", "final");
}

static void
test_no_socket_there(void **state)
{
    struct site *site = *state;
    locum_control_destroy(site->control);
    site->control = NULL;
    FILE *file = fopen(site->config->listen_control, "w");
    assert_non_null(file);
    (void)fclose(file);
    assert_refused(site, LOCUM_ERR_INVALID, "it is there and is no socket: remove it");
    assert_int_equal(unlink(site->config->listen_control), 0);
}

static void
test_folder_missing_and_path_too_long(void **state)
{
    struct site *site = *state;
    char *path = site->config->listen_control;
    char kept[LOCUM_PATH_MAX + 1];
    (void)strcpy(kept, path);
    (void)snprintf(path, LOCUM_PATH_MAX, "%s/none/sock", site->folder);
    assert_refused(site, LOCUM_ERR_NOT_FOUND, "RuntimeDirectory=locum");
    memset(path, 'a', 120);
    path[0] = '/';
    path[120] = '\0';
    assert_refused(site, LOCUM_ERR_RANGE, "at most 107 characters");
    (void)strcpy(path, kept);
}

static void
test_folder_not_writable(void **state)
{
    struct site *site = *state;
    const uid_t user = geteuid();
    locum_control_destroy(site->control);
    site->control = NULL;
    assert_int_equal(chmod(site->folder, 0500), 0);
    if (user == 0) {
        assert_int_equal(seteuid(65534), 0); /* no mode stops root */
    }
    assert_refused(site, LOCUM_ERR_DENIED, "must be writable");
    assert_int_equal(seteuid(user), 0);
    assert_int_equal(chmod(site->folder, 0700), 0);
}

/* listen.http in use costs the port, not the control socket. */
static void
test_port_in_use(void **state)
{
    struct site *site = *state;
    char kept[LOCUM_PATH_MAX + 1];
    (void)strcpy(kept, site->config->listen_control);
    (void)snprintf(site->config->listen_control, sizeof(site->config->listen_control), "%s/second",
                   site->folder);
    char buffer[512];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    struct locum_control *second = NULL;
    assert_int_equal(locum_control_create(site->base, site->config, &handlers, site, &second, &why),
                     0);
    assert_non_null(strstr(buffer, "listen.http 127.0.0.7:"));
    assert_non_null(strstr(buffer, "another program listens there"));
    exchange(site, true, GET("/status"), "200", "final");
    locum_control_destroy(second);
    (void)strcpy(site->config->listen_control, kept);
}

/* --- the deadline, on a listener of its own with a short one --- */

static void
on_request(void *user, struct locum_server_client *client, const struct locum_http_head *head,
           struct locum_slice body)
{
    (void)user;
    (void)head;
    (void)body;
    locum_server_answer(client, &(struct locum_server_answer){200, "text/plain", NULL, "ok"});
}

static void
on_refused(void *user, struct locum_server_client *client, const struct locum_http_refusal *refusal)
{
    (void)user;
    locum_server_answer(
        client, &(struct locum_server_answer){refusal->status, "text/plain", NULL, refusal->text});
}

/* A byte now and then does not buy more time. */
static void
test_slow_client(void **state)
{
    struct site *site = *state;
    static const struct locum_server_events events = {.request = on_request, .refused = on_refused};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_storage storage;
    site->config->listen_http.port = free_port();
    const socklen_t length = locum_address_to_sockaddr(&site->config->listen_http, &storage);
    assert_int_equal(bind(fd, (struct sockaddr *)&storage, length), 0);
    assert_int_equal(listen(fd, 8), 0);
    struct locum_server *http = NULL;
    assert_int_equal(locum_server_create(site->base, fd, 150, &events, site, &http), 0);
    struct client client;
    client_open(&client, site, false);
    const locum_ms start = locum_now_read().mono;
    client_send(&client, "GET /status HTTP/1.1\r\nX: ");
    locum_ms sent = start;
    while (client.length == 0) {
        assert_true(locum_now_read().mono - start < DEADLINE_MS);
        if (locum_now_read().mono - sent >= 10) {
            client_send(&client, "a");
            sent = locum_now_read().mono;
        }
        turn(site);
        client_read(&client);
    }
    assert_true(locum_now_read().mono - start >= 140);
    assert_has(&client, "HTTP/1.1 408 Request Timeout\r\n");
    client_close(&client);
    locum_server_destroy(http);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_socket_mode),
        TEST(test_socket_in_use),
        TEST(test_stale_socket_is_replaced),
        TEST(test_no_socket_there),
        TEST(test_folder_missing_and_path_too_long),
        TEST(test_folder_not_writable),
        TEST(test_port_in_use),
        TEST(test_slow_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
