/*
 * fixture: what the tests of health/ share. A base, a small web server in the test's own loop whose
 * answer depends on the path asked for, a configuration, and the samples that came. The teardown
 * compares the open descriptors with those before.
 */
#ifndef LOCUM_TESTS_HEALTH_FIXTURE_H
#define LOCUM_TESTS_HEALTH_FIXTURE_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <fnmatch.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "health/health.h"
#include "tests/unit/entries.h"

enum { PATIENCE_S = 5, DRIP_MS = 20, SLOW_MS = 150, CONNECTIONS_MAX = 16 };

struct connection {
    struct bufferevent *stream; /* NULL: free */
    struct event *timer;        /* drips, or answers late */
};

struct fixture {
    size_t descriptors; /* open before the test */
    struct event_base *base;
    struct evconnlistener *listener;
    struct locum_address address; /* of the server */
    struct connection connections[CONNECTIONS_MAX];
    size_t requests;
    size_t open, open_max; /* connections open now, and their maximum */
    char request[2048];    /* head of the last request */
    struct locum_config *config;
    struct locum_health *health;
    size_t samples[LOCUM_CHECKS_MAX];
    enum locum_sample outcome[LOCUM_CHECKS_MAX]; /* of the last sample */
    char text[LOCUM_CHECKS_MAX][256];
};

static struct fixture the;

static void
close_connection(struct connection *self)
{
    if (self->timer != NULL) {
        event_free(self->timer);
    }
    if (self->stream != NULL) {
        bufferevent_free(self->stream);
        the.open--;
    }
    *self = (struct connection){0};
}

static void
on_connection_flushed(struct bufferevent *stream, void *user)
{
    (void)stream;
    close_connection(user);
}

static void
on_connection_event(struct bufferevent *stream, short what, void *user)
{
    (void)stream, (void)what;
    close_connection(user);
}

/* The answer goes out, then the connection is closed. */
static void
answer(struct connection *self, const char *text)
{
    (void)evbuffer_add(bufferevent_get_output(self->stream), text, strlen(text));
    bufferevent_setcb(self->stream, NULL, on_connection_flushed, on_connection_event, self);
}

static void
on_drip(evutil_socket_t fd, short what, void *user)
{
    struct connection *self = user;
    (void)fd, (void)what;
    (void)evbuffer_add(bufferevent_get_output(self->stream), "x", 1);
}

static void
on_late(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what;
    answer(user, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

static void
start_timer(struct connection *self, event_callback_fn callback, short flags, int wait_ms)
{
    self->timer = event_new(the.base, -1, flags, callback, self);
    assert_non_null(self->timer);
    assert_int_equal(event_add(self->timer, &(struct timeval){.tv_usec = wait_ms * 1000}), 0);
}

static void
serve(struct connection *self, struct locum_slice path)
{
    static const struct {
        const char *path, *text;
    } answers[] = {
        {"/200", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
        {"/204", "HTTP/1.1 204 No Content\r\n\r\n"},
        {"/302", "HTTP/1.1 302 Found\r\nLocation: /200\r\nContent-Length: 0\r\n\r\n"},
        {"/mirror", "HTTP/1.1 302 Found\r\nLocation: http://m1.example.org/f\r\n"
                    "Content-Length: 0\r\n\r\n"},
        {"/fallback", "HTTP/1.1 302 Found\r\nLocation: http://fallback1.example.org/f\r\n"
                      "Content-Length: 0\r\n\r\n"},
        {"/lines", "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\nfirst\nok\nlast\n"},
        {"/404", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"},
        {"/503", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"},
        {"/short", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"},
        {"/empty", ""},
        {"/garbage", "\xff\xfe\n\n"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(answers); i++) {
        if (locum_slice_is(path, answers[i].path)) {
            if (answers[i].text[0] == '\0') {
                close_connection(self);
            } else {
                answer(self, answers[i].text);
            }
            return;
        }
    }
    struct evbuffer *output = bufferevent_get_output(self->stream);
    if (locum_slice_is(path, "/up-then-header-over-100-KiB")) {
        static char line[120 * 1024 + 1];
        memset(line, 'x', sizeof(line) - 1);
        if (the.requests > 1) {
            (void)evbuffer_add_printf(output,
                                      "HTTP/1.1 500 Internal Server Error\r\nX-Long: %s\r\n", line);
        }
        answer(self, the.requests == 1 ? "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
                                       : "Content-Length: 0\r\n\r\n");
    } else if (locum_slice_is(path, "/http2-only")) { /* SETTINGS and GOAWAY, RFC 9113 4.1 */
        static const char frames[] = "\0\0\0\4\0\0\0\0\0\0\0\10\7\0\0\0\0\0\0\0\0\0\0\0\0\1";
        (void)evbuffer_add(output, frames, sizeof(frames) - 1);
        answer(self, "");
    } else if (locum_slice_is(path, "/drip-head")) {
        (void)evbuffer_add_printf(output, "HTTP/1.1 200 OK\r\nX-Drip: ");
        start_timer(self, on_drip, EV_PERSIST, DRIP_MS);
    } else if (locum_slice_is(path, "/drip-body")) {
        (void)evbuffer_add_printf(output, "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n");
        start_timer(self, on_drip, EV_PERSIST, DRIP_MS);
    } else if (locum_slice_is(path, "/slow")) {
        start_timer(self, on_late, 0, SLOW_MS);
    } else if (locum_slice_is(path, "/huge")) {
        static const char block[1 << 16] = "begin";
        (void)evbuffer_add_printf(output, "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n");
        for (size_t i = 0; i < 64; i++) {
            (void)evbuffer_add_reference(output, block, sizeof(block), NULL, NULL);
        }
    } /* /silent: no answer */
}

static void
on_request(struct bufferevent *stream, void *user)
{
    struct evbuffer *input = bufferevent_get_input(stream);
    const struct evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, NULL);
    if (end.pos < 0) {
        return;
    }
    const int length = evbuffer_remove(input, the.request, sizeof(the.request) - 1);
    assert_true(length > 0);
    the.request[length] = '\0';
    the.requests++;
    struct locum_slice rest = locum_slice_of(the.request);
    struct locum_slice path;
    assert_true(locum_slice_cut(&rest, ' ', &path));
    assert_true(locum_slice_cut(&rest, ' ', &path));
    serve(user, path);
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *name, int length,
          void *user)
{
    struct connection *self = the.connections;
    (void)listener, (void)name, (void)length, (void)user;
    while (self->stream != NULL) {
        self++;
        assert_true(self < the.connections + CONNECTIONS_MAX);
    }
    self->stream = bufferevent_socket_new(the.base, fd, BEV_OPT_CLOSE_ON_FREE);
    assert_non_null(self->stream);
    the.open++;
    the.open_max = the.open > the.open_max ? the.open : the.open_max;
    bufferevent_setcb(self->stream, on_request, NULL, on_connection_event, self);
    assert_int_equal(bufferevent_enable(self->stream, EV_READ | EV_WRITE), 0);
}

/* The address that a socket was given by the kernel. */
static struct locum_address
address_of_socket(int fd)
{
    struct sockaddr_storage name;
    socklen_t length = sizeof(name);
    struct locum_address address;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &length), 0);
    assert_int_equal(locum_address_from_sockaddr((struct sockaddr *)&name, &address), 0);
    return address;
}

static struct locum_address
loopback(void)
{
    return (struct locum_address){.family = LOCUM_V4, .bytes = {127, 0, 0, 1}};
}

/* An address that no socket listens on: the kernel chooses a port, which is closed again. */
__attribute__((unused)) static struct locum_address
free_address(void)
{
    struct sockaddr_storage name;
    const struct locum_address any = loopback();
    const socklen_t length = locum_address_to_sockaddr(&any, &name);
    const int fd = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, length), 0);
    const struct locum_address address = address_of_socket(fd);
    (void)close(fd);
    return address;
}

static int
setup(void **state)
{
    struct sockaddr_storage name;
    const struct locum_address any = loopback();
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN); /* as the daemon does: a probe may be gone before its answer */
    the = (struct fixture){.descriptors = count_entries("/proc/self/fd")};
    the.base = event_base_new();
    assert_non_null(the.base);
    const int length = (int)locum_address_to_sockaddr(&any, &name);
    the.listener = evconnlistener_new_bind(the.base, on_accept, NULL,
                                           LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 16,
                                           (struct sockaddr *)&name, length);
    assert_non_null(the.listener);
    the.address = address_of_socket(evconnlistener_get_fd(the.listener));
    the.config = calloc(1, sizeof(*the.config));
    assert_non_null(the.config);
    memcpy(the.config->core.version, "1.2.3", 6);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    locum_health_destroy(the.health);
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        close_connection(&the.connections[i]);
    }
    evconnlistener_free(the.listener);
    event_base_free(the.base);
    free(the.config);
    assert_int_equal(count_entries("/proc/self/fd"), the.descriptors);
    return 0;
}

static struct locum_config_check *
add_check(enum locum_check_kind kind, locum_ms interval_ms, locum_ms timeout_ms)
{
    const size_t index = the.config->core.check_count++;
    the.config->core.checks[index].interval_ms = interval_ms;
    the.config->checks[index].kind = kind;
    the.config->checks[index].timeout_ms = timeout_ms;
    return &the.config->checks[index];
}

/* GET, any status from 200 to 399. */
__attribute__((unused)) static struct locum_config_check *
add_http(const struct locum_address *address, const char *path, locum_ms interval_ms,
         locum_ms timeout_ms)
{
    struct locum_config_check *check = add_check(LOCUM_CHECK_HTTP, interval_ms, timeout_ms);
    struct locum_text url = locum_text_init(check->http.url, sizeof(check->http.url));
    locum_text_add(&url, "http://");
    locum_text_add(&url, locum_address_text(address).text);
    locum_text_add(&url, path);
    check->http.expect[0] = (struct locum_status_range){200, 399};
    return check;
}

static void
on_sample(void *user, size_t check, enum locum_sample outcome, const char *text)
{
    assert_ptr_equal(user, &the);
    the.samples[check]++;
    the.outcome[check] = outcome;
    assert_int_equal(locum_slice_copy(locum_slice_of(text), the.text[check], 256), 0);
}

__attribute__((unused)) static void
start_health(void)
{
    assert_int_equal(locum_health_create(the.base, the.config, on_sample, &the, &the.health), 0);
    assert_int_equal(the.samples[0], 0);
    assert_string_equal(locum_health_outcomes(the.health, 0).last, "");
}

/* End what start_health() started; the next check may be added. */
__attribute__((unused)) static void
end_probe(void)
{
    locum_health_destroy(the.health);
    the.health = NULL;
    the.config->core.check_count = 0;
    the.samples[0] = 0;
}

static void
on_deadline(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what;
    *(bool *)user = true;
}

/* Run the loop until *counter reaches `want`, or fail. */
static void
wait_for(const size_t *counter, size_t want)
{
    bool over = false;
    struct event *deadline = evtimer_new(the.base, on_deadline, &over);
    assert_non_null(deadline);
    assert_int_equal(evtimer_add(deadline, &(struct timeval){.tv_sec = PATIENCE_S}), 0);
    while (*counter < want && !over) {
        assert_int_not_equal(event_base_loop(the.base, EVLOOP_ONCE), -1);
    }
    event_free(deadline);
    assert_true(*counter >= want);
}

/* The last sample of check 0; `pattern` as in fnmatch(3): for milliseconds, and words that libcurl
 * has changed. */
__attribute__((unused)) static void
assert_sample(enum locum_sample outcome, const char *pattern)
{
    if (the.outcome[0] != outcome || fnmatch(pattern, the.text[0], 0) != 0) {
        fail_msg("outcome %d, \"%s\"; expected %d, \"%s\"", (int)the.outcome[0], the.text[0],
                 (int)outcome, pattern);
    }
    assert_string_equal(locum_health_outcomes(the.health, 0).last, the.text[0]);
}

/* Check 0 has just ended a probe. One that had connected would wait for its answer: without a
 * descriptor the server cannot accept it. */
__attribute__((unused)) static void
wait_for_pause(void)
{
    wait_for(&the.samples[0], the.samples[0] + 1);
}

/* While no descriptor is left, the checks are not run, and say why; later they are again. */
__attribute__((unused)) static void
assert_lack_is_no_failure(const char *lack)
{
    struct rlimit before;
    size_t samples[LOCUM_CHECKS_MAX];
    const size_t count = the.config->core.check_count;
    wait_for_pause();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(
        setrlimit(RLIMIT_NOFILE, &(struct rlimit){.rlim_cur = 3, .rlim_max = before.rlim_max}), 0);
    memcpy(samples, the.samples, sizeof(samples));
    for (size_t i = 0; i < count; i++) {
        wait_for(&the.samples[i], samples[i] + 5);
        assert_int_equal(the.outcome[i], LOCUM_SAMPLE_NOT_RUN);
        assert_int_equal(fnmatch(lack, the.text[i], 0), 0);
        assert_string_equal(locum_health_outcomes(the.health, i).last, the.text[i]);
        assert_in_range(locum_health_outcomes(the.health, i).counts[LOCUM_SAMPLE_NOT_RUN], 5, 500);
    }
    wait_for_pause();
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    memcpy(samples, the.samples, sizeof(samples));
    for (size_t i = 0; i < count; i++) {
        wait_for(&the.samples[i], samples[i] + 1);
        assert_int_not_equal(the.outcome[i], LOCUM_SAMPLE_NOT_RUN);
        assert_string_equal(locum_health_outcomes(the.health, i).last, the.text[i]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
