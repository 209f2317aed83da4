/* control: opening the sockets, the errors for those that cannot be opened, and the limits that
 * evhttp does not have. */
#include <sys/resource.h>

#include "site.h"

static void
test_control_socket_has_mode_0660(void **state)
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
test_socket_of_a_running_locum_is_refused(void **state)
{
    struct site *site = *state;
    assert_refused(site, LOCUM_ERR_IN_USE, "another locum");
    exchange(site, true, GET("/status"), "200", "final"); /* the first one still works */
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
test_file_that_is_not_a_socket_is_refused(void **state)
{
    struct site *site = *state;
    locum_control_destroy(site->control);
    site->control = NULL;
    FILE *file = fopen(site->config->listen_control, "w");
    assert_non_null(file);
    (void)fclose(file);
    assert_refused(site, LOCUM_ERR_INVALID, "not a socket");
    assert_int_equal(unlink(site->config->listen_control), 0);
}

static void
test_missing_directory_and_long_path_are_refused(void **state)
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
test_directory_without_write_permission_is_refused(void **state)
{
    struct site *site = *state;
    const uid_t user = geteuid();
    locum_control_destroy(site->control);
    site->control = NULL;
    assert_int_equal(chmod(site->folder, 0500), 0);
    if (user == 0) {
        assert_int_equal(seteuid(65534), 0); /* root may write to any directory */
    }
    assert_refused(site, LOCUM_ERR_DENIED, "writable");
    assert_int_equal(seteuid(user), 0);
    assert_int_equal(chmod(site->folder, 0700), 0);
}

/* A program listens on listen.http. */
static bool
is_open(const struct site *site)
{
    struct sockaddr_storage storage;
    const socklen_t length = locum_address_to_sockaddr(&site->config->listen_http, &storage);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const bool open = connect(fd, (struct sockaddr *)&storage, length) == 0;
    (void)close(fd);
    return open;
}

/* The control socket works meanwhile; listen.http is bound once it is free. */
static void
test_http_port_in_use_is_tried_again(void **state)
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
    assert_non_null(strstr(buffer, "another program"));
    assert_non_null(strstr(buffer, "every second. listen.status 127.0.0.7:"));
    exchange(site, true, GET("/status"), "200", "final");
    locum_control_destroy(site->control); /* the other program */
    site->control = NULL;
    const locum_ms start = locum_clock_read().mono;
    while (!is_open(site)) {
        assert_true(locum_clock_read().mono - start < DEADLINE_MS);
        run_once(site);
    }
    exchange(site, false, GET("/status"), "200", "final");
    locum_control_destroy(second);
    (void)strcpy(site->config->listen_control, kept);
}

/* --- limits that evhttp does not have, on a listener of their own --- */

static void
answer_at_once(struct evhttp_request *request, void *user)
{
    (void)user;
    evhttp_send_reply(request, 200, NULL, NULL);
}

static struct locum_http *
create_http(struct site *site, locum_ms life_ms, locum_http_request_fn *on_request, void *user)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_storage storage;
    struct locum_http *http = NULL;
    site->config->listen_http.port = free_port();
    const socklen_t length = locum_address_to_sockaddr(&site->config->listen_http, &storage);
    assert_int_equal(bind(fd, (struct sockaddr *)&storage, length), 0);
    assert_int_equal(listen(fd, 128), 0);
    assert_int_equal(locum_http_create(site->base, fd, life_ms, on_request, user, &http), 0);
    return http;
}

/* Clients that send a byte now and then use all slots: the oldest ones are closed. */
static void
test_slow_clients_make_room(void **state)
{
    struct site *site = *state;
    struct locum_http *http = create_http(site, 150, answer_at_once, site);
    struct client slow[LOCUM_HTTP_CLIENTS_MAX];
    struct client late;
    for (size_t i = 0; i < LOCUM_COUNT(slow); i++) {
        client_open(&slow[i], site, false);
        client_send(&slow[i], "GET /status HTTP/1.1\r\nX: ");
        run_once(site);
    }
    client_open(&late, site, false);
    client_send(&late, "GET /status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const locum_ms start = locum_clock_read().mono;
    while (late.length == 0) {
        assert_true(locum_clock_read().mono - start < DEADLINE_MS);
        for (size_t i = 0; i < LOCUM_COUNT(slow); i++) {
            (void)send(slow[i].fd, "a", 1, MSG_NOSIGNAL);
        }
        run_once(site);
        client_read(&late);
    }
    assert_has(&late, "HTTP/1.1 200 OK\r\n");
    client_close(&late);
    for (size_t i = 0; i < LOCUM_COUNT(slow); i++) {
        client_close(&slow[i]);
    }
    locum_http_destroy(http);
}

struct waiting {
    struct evhttp_request *requests[LOCUM_HTTP_CLIENTS_MAX + 6];
    size_t count;
};

static void
keep_waiting(struct evhttp_request *request, void *user)
{
    struct waiting *waiting = user;
    waiting->requests[waiting->count++] = request;
}

static void
until_waiting(struct site *site, const struct waiting *waiting, size_t count)
{
    const locum_ms start = locum_clock_read().mono;
    while (waiting->count < count) {
        assert_true(locum_clock_read().mono - start < DEADLINE_MS);
        run_once(site);
    }
}

/* The 65th to 70th connection wait in the kernel until slots are free. */
static void
test_connections_are_limited(void **state)
{
    struct site *site = *state;
    struct waiting waiting = {0};
    struct locum_http *http = create_http(site, LOCUM_HTTP_LIFE_MS, keep_waiting, &waiting);
    struct client clients[LOCUM_COUNT(waiting.requests)];
    for (size_t i = 0; i < LOCUM_COUNT(clients); i++) {
        client_open(&clients[i], site, false);
        client_send(&clients[i], "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    }
    until_waiting(site, &waiting, LOCUM_HTTP_CLIENTS_MAX);
    for (int i = 0; i < 20; i++) {
        run_once(site);
    }
    assert_int_equal(waiting.count, LOCUM_HTTP_CLIENTS_MAX);
    for (size_t i = 0; i < LOCUM_COUNT(clients); i++) {
        until_waiting(site, &waiting, i + 1);
        evhttp_send_reply(waiting.requests[i], 200, NULL, NULL);
    }
    for (size_t i = 0; i < LOCUM_COUNT(clients); i++) {
        client_finish(&clients[i], site);
        assert_has(&clients[i], "HTTP/1.1 200 OK\r\n");
        client_close(&clients[i]);
    }
    locum_http_destroy(http);
}

/* Many more connections than slots send no request: a client that sends one gets its reply. */
static void
test_idle_clients_make_room(void **state)
{
    enum { IDLE = 3 * LOCUM_HTTP_CLIENTS_MAX, EACH_MS = 5 }; /* more would fill the queue */
    struct site *site = *state;
    struct client *idle = calloc(IDLE, sizeof(*idle));
    struct client held;
    client_open(&held, site, false);
    client_send(&held, GET("/events?wait=3000"));
    until_asked(site, 1);
    const locum_ms start = locum_clock_read().mono;
    for (size_t i = 0; i < IDLE; i++) {
        client_open(&idle[i], site, false);
        if (i % 2 == 0) {
            client_send(&idle[i], "GET /status HTTP/1.1\r\n");
        }
        while (locum_clock_read().mono - start < (locum_ms)i * EACH_MS) {
            run_once(site);
        }
    }
    assert_true(count_entries("/proc/self/fd") - site->descriptors <
                IDLE + LOCUM_HTTP_CLIENTS_MAX + 16);
    exchange(site, false, GET("/status"), "200", "final");
    assert_true(locum_clock_read().mono - start < LOCUM_HTTP_IDLE_S * 1000);
    site->happened = true; /* who has asked was not put out */
    locum_control_wake(site->control);
    client_finish(&held, site);
    assert_has(&held, "{\"happened\":true,");
    client_close(&held);
    for (size_t i = 0; i < IDLE; i++) {
        client_close(&idle[i]);
    }
    free(idle);
}

/* The loop does not spin, and the connection is served once there is a descriptor. */
static void
test_accepting_stops_while_no_descriptor_is_left(void **state)
{
    struct site *site = *state;
    struct client client;
    int taken[1024];
    size_t count = 0;
    struct rlimit old;
    client_open(&client, site, false);
    client_send(&client, GET("/status"));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    const struct rlimit few = {.rlim_cur = 256, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    while (count < LOCUM_COUNT(taken) && (taken[count] = dup(0)) >= 0) {
        count++;
    }
    size_t iterations = 0; /* each takes 2 ms, or less if there is work */
    const locum_ms start = locum_clock_read().mono;
    while (locum_clock_read().mono - start < 300) {
        run_once(site);
        iterations++;
    }
    while (count > 0) {
        (void)close(taken[--count]);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(site->asked, 0);
    assert_true(iterations < 1000);
    client_finish(&client, site);
    assert_has(&client, "HTTP/1.1 200 OK\r\n");
    client_close(&client);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_control_socket_has_mode_0660),
        TEST(test_socket_of_a_running_locum_is_refused),
        TEST(test_stale_socket_is_replaced),
        TEST(test_file_that_is_not_a_socket_is_refused),
        TEST(test_missing_directory_and_long_path_are_refused),
        TEST(test_directory_without_write_permission_is_refused),
        TEST(test_http_port_in_use_is_tried_again),
        TEST(test_slow_clients_make_room),
        TEST(test_connections_are_limited),
        TEST(test_idle_clients_make_room),
        TEST(test_accepting_stops_while_no_descriptor_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
