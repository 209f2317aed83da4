/*
 * site: a real control room on a temporary socket and a TCP port, handlers that record their
 * requests, and raw clients in the same loop. SIGPIPE is ignored, as in the daemon.
 */
#ifndef TESTS_UNIT_CONTROL_SITE_H
#define TESTS_UNIT_CONTROL_SITE_H

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/error.h"
#include "control/control.h"
#include "control/http.h"
#include "tests/unit/entries.h"

enum { DEADLINE_MS = 8000, CLIENT_BYTES = 160 * 1024 };

struct site {
    struct event_base *base;
    struct locum_config *config;
    struct locum_control *control;
    char folder[64];
    size_t descriptors; /* open before the test */
    /* What the handlers received, and whether they have a reply. */
    unsigned asked;
    unsigned finals;
    unsigned again;
    bool happened;
    char seen[1024];
};

struct client {
    int fd;
    char *bytes; /* CLIENT_BYTES + 1 */
    size_t length;
    bool closed;
};

/* Replies with the request. */
static inline struct locum_control_reply
echo(void *user, const struct locum_control_request *request)
{
    struct site *site = user;
    site->asked++;
    return locum_control_json(json_pack(
        "{s:s?, s:s?, s:s?, s:s?, s:O?, s:b}", "name", request->name, "if", request->cond, "after",
        request->after, "wait", request->wait, "body", request->body, "final", request->final));
}

/* Has no reply until something has happened. */
static inline struct locum_control_reply
hold_until_happened(void *user, const struct locum_control_request *request)
{
    struct site *site = user;
    site->asked++;
    site->again += request->again ? 1 : 0;
    site->finals += request->final ? 1 : 0;
    if (!site->happened && !request->final) {
        return (struct locum_control_reply){.later = true};
    }
    return locum_control_json(
        json_pack("{s:b, s:b}", "happened", site->happened, "final", request->final));
}

static inline struct locum_control_reply
never(void *user, const struct locum_control_request *request)
{
    (void)user;
    (void)request;
    return (struct locum_control_reply){.later = true};
}

static inline struct locum_control_reply
plain(void *user, const struct locum_control_request *request)
{
    (void)user;
    (void)request;
    return (struct locum_control_reply){.status = 200, .text = strdup("locum_up 1\n")};
}

static inline struct locum_control_reply
refuse(void *user, const struct locum_control_request *request)
{
    (void)user;
    (void)request;
    return locum_control_error(409, "fewer than min-serving (1) nodes would be wanted");
}

/* Four such replies do not fit into the buffer of a socket. */
static inline struct locum_control_reply
large(void *user, const struct locum_control_request *request)
{
    (void)user;
    (void)request;
    char *text = malloc(128 * 1024 + 1);
    memset(text, 'x', 128 * 1024);
    text[128 * 1024] = '\0';
    return (struct locum_control_reply){.status = 200, .text = text};
}

static inline bool
knows_host(void *user, const char *host)
{
    (void)user;
    return strcmp(host, "dc2") == 0 || strcmp(host, "x") == 0;
}

static inline struct locum_control_reply
html(void *user, const struct locum_control_request *request)
{
    struct site *site = user;
    (void)request;
    site->asked++;
    return (struct locum_control_reply){
        .status = 200, .text = strdup("<p>all</p>\n"), .policy = "default-src 'none'"};
}

static inline struct locum_control_reply
public_html(void *user, const struct locum_control_request *request)
{
    struct locum_control_reply reply = html(user, request);
    memcpy(reply.text, "<p>few</p>", 10);
    return reply;
}

static const struct locum_control_handlers handlers = {
    .page = html,
    .public_page = public_html,
    .status = echo,
    .explain = echo,
    .events = hold_until_happened,
    .zone = never,
    .metrics = plain,
    .healthz = large,
    .admin = echo,
    .exclude = refuse,
    .reload = plain,
    .replace = hold_until_happened,
    .knows_host = knows_host,
};

/* A port that was free a moment ago. */
static inline uint16_t
free_port(void)
{
    struct locum_address address;
    struct sockaddr_storage storage;
    assert_int_equal(locum_address_parse(locum_slice_of("127.0.0.7"), &address), 0);
    socklen_t length = locum_address_to_sockaddr(&address, &storage);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&storage, length), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&storage, &length), 0);
    (void)close(fd);
    assert_int_equal(locum_address_from_sockaddr((struct sockaddr *)&storage, &address), 0);
    return address.port;
}

static inline int
create(struct site *site, struct locum_text *why)
{
    return locum_control_create(site->base, site->config, &handlers, site, &site->control, why);
}

static inline int
setup(void **state)
{
    (void)signal(SIGPIPE, SIG_IGN);
    struct site *site = calloc(1, sizeof(*site));
    site->descriptors = count_entries("/proc/self/fd");
    site->base = event_base_new();
    site->config = calloc(1, sizeof(*site->config));
    (void)strcpy(site->folder, "/tmp/locum-control-XXXXXX");
    assert_non_null(mkdtemp(site->folder));
    (void)snprintf(site->config->listen_control, sizeof(site->config->listen_control), "%s/sock",
                   site->folder);
    assert_int_equal(locum_address_parse(locum_slice_of("127.0.0.7"), &site->config->listen_http),
                     0);
    site->config->listen_http.port = free_port();
    site->config->listen_status[0] = site->config->listen_http;
    site->config->listen_status[0].port = free_port();
    site->config->listen_status_count = 1;
    char buffer[512];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    assert_int_equal(create(site, &why), 0);
    assert_string_equal(buffer, "");
    *state = site;
    return 0;
}

static inline int
teardown(void **state)
{
    struct site *site = *state;
    locum_control_destroy(site->control);
    struct stat file;
    assert_int_equal(lstat(site->config->listen_control, &file), -1);
    assert_int_equal(rmdir(site->folder), 0);
    event_base_free(site->base);
    assert_int_equal(count_entries("/proc/self/fd"), site->descriptors);
    free(site->config);
    free(site);
    return 0;
}

static inline void
run_once(struct site *site)
{
    const struct timeval pause = {.tv_usec = 2000};
    (void)event_base_loopexit(site->base, &pause);
    (void)event_base_loop(site->base, EVLOOP_ONCE);
}

static inline void
client_open(struct client *client, const struct site *site, bool local)
{
    *client = (struct client){.bytes = malloc(CLIENT_BYTES + 1)};
    struct sockaddr_storage storage = {0};
    socklen_t length;
    if (local) {
        struct sockaddr_un *address = (struct sockaddr_un *)&storage;
        address->sun_family = AF_UNIX;
        (void)strcpy(address->sun_path, site->config->listen_control);
        length = sizeof(*address);
    } else {
        length = locum_address_to_sockaddr(&site->config->listen_http, &storage);
    }
    client->fd = socket(storage.ss_family, SOCK_STREAM, 0);
    assert_int_equal(connect(client->fd, (struct sockaddr *)&storage, length), 0);
}

static inline void
client_send(struct client *client, const char *bytes)
{
    assert_int_equal(send(client->fd, bytes, strlen(bytes), 0), (ssize_t)strlen(bytes));
}

static inline void
client_close(struct client *client)
{
    (void)close(client->fd);
    free(client->bytes);
    client->bytes = NULL;
}

static inline void
client_read(struct client *client)
{
    const ssize_t got = recv(client->fd, client->bytes + client->length,
                             CLIENT_BYTES - client->length, MSG_DONTWAIT);
    if (got > 0) {
        client->length += (size_t)got;
    } else if (got == 0 || errno != EAGAIN) {
        client->closed = true;
        assert_int_equal(got, 0); /* not reset: the reply must arrive whole */
    }
    client->bytes[client->length] = '\0';
}

/* Run the loop until the server closes the connection. */
static inline void
client_finish(struct client *client, struct site *site)
{
    const locum_ms start = locum_clock_read().mono;
    while (!client->closed) {
        assert_true(locum_clock_read().mono - start < DEADLINE_MS);
        run_once(site);
        client_read(client);
    }
}

/* Run until the handlers were called this often. */
static inline void
until_asked(struct site *site, unsigned times)
{
    const locum_ms start = locum_clock_read().mono;
    while (site->asked < times) {
        assert_true(locum_clock_read().mono - start < DEADLINE_MS);
        run_once(site);
    }
}

static inline void
assert_has(const struct client *client, const char *part)
{
    if (strstr(client->bytes, part) == NULL) {
        fail_msg("\"%.600s\" has no \"%s\"", client->bytes, part);
    }
}

/* One request from start to end: the status line and a part of the answer. */
static inline void
exchange(struct site *site, bool local, const char *request, const char *status, const char *part)
{
    struct client client;
    client_open(&client, site, local);
    client_send(&client, request);
    client_finish(&client, site);
    assert_int_equal(strncmp(client.bytes, "HTTP/1.1 ", 9), 0);
    if (strncmp(client.bytes + 9, status, strlen(status)) != 0) {
        fail_msg("\"%.80s\" answered \"%.300s\", not %s", request, client.bytes, status);
    }
    assert_has(&client, part);
    client_close(&client);
}

#define GET(target) "GET " target " HTTP/1.1\r\nHost: x\r\n\r\n"
#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
