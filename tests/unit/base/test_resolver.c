/*
 * Host names against a name server on 127.0.0.1 that answers from a table, answers NXDOMAIN, or
 * does not answer; and struct locum_redis with host names in its configuration.
 */
#include "tests/unit/redis/fake.h"

#include <stdio.h>

#include <event2/dns.h>
#include <event2/dns_struct.h>

#include "base/error.h"
#include "base/resolver.h"

enum { DC2 = 0, NS0 = 2, ATTEMPT_MS = 200 };

/* The records of the name server; changed by a test while it runs. */
static struct {
    const char *name, *v4, *v6;
} known[] = {{"dc2.test", NULL, NULL}, {"both.test", NULL, NULL}};

static struct event_base *base;
static struct evdns_server_port *server; /* NULL: silence */
static int server_fd;
static char conf[64];
static struct locum_resolver *resolver;
static unsigned changes;
static unsigned questions;

static void
answer(struct evdns_server_request *request, const char *name, int type)
{
    uint8_t bytes[16];
    for (size_t i = 0; i < LOCUM_COUNT(known); i++) {
        if (strcasecmp(known[i].name, name) != 0) {
            continue;
        }
        if (type == EVDNS_TYPE_A && known[i].v4 != NULL) {
            assert_int_equal(inet_pton(AF_INET, known[i].v4, bytes), 1);
            evdns_server_request_add_a_reply(request, name, 1, bytes, 60);
        } else if (type == EVDNS_TYPE_AAAA && known[i].v6 != NULL) {
            assert_int_equal(inet_pton(AF_INET6, known[i].v6, bytes), 1);
            evdns_server_request_add_aaaa_reply(request, name, 1, bytes, 60);
        }
        if (known[i].v4 != NULL || known[i].v6 != NULL) {
            evdns_server_request_respond(request, 0);
            return;
        }
    }
    evdns_server_request_respond(request, DNS_ERR_NOTEXIST);
}

static void
on_question(struct evdns_server_request *request, void *user)
{
    (void)user;
    questions++;
    answer(request, request->questions[0]->name, request->questions[0]->type);
}

static void
on_changed(void *user)
{
    (void)user;
    changes++;
}

/* Sockets of the name server and a resolv.conf that names it. */
static int
setup(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    base = event_base_new();
    SET_TEXT(conf, "/tmp/locum-test-resolv-XXXXXX");
    const int fd = mkstemp(conf);
    assert_true(fd >= 0);
    server_fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(server_fd, (const struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(server_fd, (struct sockaddr *)&address, &length), 0);
    assert_true(dprintf(fd, "nameserver 127.0.0.1:%u\n", ntohs(address.sin_port)) > 0);
    close(fd);
    for (size_t i = 0; i < LOCUM_COUNT(known); i++) {
        known[i].v4 = known[i].v6 = NULL;
    }
    changes = questions = 0;
    return 0;
}

static void
listen_now(void)
{
    server = evdns_add_server_port_with_base(base, server_fd, 0, on_question, NULL);
    assert_non_null(server);
}

static int
teardown(void **state)
{
    (void)state;
    locum_resolver_destroy(resolver);
    resolver = NULL;
    event_base_loop(base, EVLOOP_NONBLOCK);
    if (server != NULL) {
        evdns_close_server_port(server);
        server = NULL;
    }
    close(server_fd);
    unlink(conf);
    event_base_free(base);
    return 0;
}

static void
start_resolver(const char *name)
{
    const struct locum_resolver_settings settings = {conf, ATTEMPT_MS, 2 * ATTEMPT_MS};
    resolver = locum_resolver_create(base, &settings, on_changed, NULL);
    assert_non_null(resolver);
    locum_resolver_add(resolver, name);
    locum_resolver_trim(resolver);
    assert_int_equal(changes, 0);
}

/* "127.0.0.2 2001:db8::2", in the order of the answer. */
static const char *
addresses_of(const char *name)
{
    static char buffer[256];
    const struct locum_address *addresses;
    const char *why;
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    const size_t count = locum_resolver_addresses(resolver, name, &addresses, &why);
    for (size_t i = 0; i < count; i++) {
        locum_text_add(&text, i > 0 ? " " : "");
        locum_text_add(&text, locum_address_host_text(&addresses[i]).text);
        assert_int_equal(addresses[i].port, 0);
    }
    return buffer;
}

static const char *
error_of(const char *name)
{
    const struct locum_address *addresses;
    const char *why;
    (void)locum_resolver_addresses(resolver, name, &addresses, &why);
    return why;
}

static bool
is_dc2(void *user)
{
    return strcmp(addresses_of("dc2.test"), user) == 0;
}

static bool
has_both(void *user)
{
    (void)user;
    const char *text = addresses_of("both.test");
    return strstr(text, "127.0.0.2") != NULL && strstr(text, "::1") != NULL;
}

static bool
says(void *user)
{
    const char *why = error_of("dc2.test");
    const char *want = user;
    return want[0] == '\0' ? why[0] == '\0' : strstr(why, want) != NULL;
}

static void
test_both_families_are_found(void **state)
{
    (void)state;
    known[1].v4 = "127.0.0.2";
    known[1].v6 = "::1";
    listen_now();
    start_resolver("both.test");
    assert_true(wait_until(base, has_both, NULL, 3000));
    assert_int_equal(changes, 1);
    assert_string_equal(error_of("both.test"), "");
}

static void
test_an_unknown_name_is_reported_and_found_later(void **state)
{
    (void)state;
    char why[] = "no such name";
    char want[] = "127.0.0.3";
    listen_now();
    start_resolver("dc2.test");
    assert_true(wait_until(base, says, why, 3000));
    known[0].v4 = want;
    assert_true(wait_until(base, is_dc2, want, 8000));
    assert_string_equal(error_of("dc2.test"), "");
}

static void
test_a_silent_name_server_is_reported_in_time(void **state)
{
    (void)state;
    char why[] = "no name server answers";
    char want[] = "127.0.0.3";
    start_resolver("dc2.test");
    const locum_ms begin = locum_clock_read().mono;
    assert_true(wait_until(base, says, why, 8000));
    assert_in_range(locum_clock_read().mono - begin, 2 * ATTEMPT_MS, 10 * ATTEMPT_MS);
    known[0].v4 = want;
    listen_now();
    assert_true(wait_until(base, is_dc2, want, 10000));
}

/* A refresh looks up again; until the answer, the known addresses stay. */
static void
test_a_refresh_looks_up_again(void **state)
{
    (void)state;
    char first[] = "127.0.0.3";
    char second[] = "127.0.0.4";
    known[0].v4 = first;
    listen_now();
    start_resolver("dc2.test");
    assert_true(wait_until(base, is_dc2, first, 3000));
    known[0].v4 = second;
    for (int i = 0; i < 100; i++) {
        locum_resolver_refresh(resolver, "dc2.test"); /* many refreshes do not postpone it */
    }
    assert_string_equal(addresses_of("dc2.test"), first);
    assert_true(wait_until(base, is_dc2, second, 3000));
    assert_int_equal(changes, 2);
    assert_true(questions <= 4);
    known[0].v4 = NULL;
    locum_resolver_refresh(resolver, "dc2.test");
    char why[] = "";
    assert_true(wait_until(base, is_dc2, second, 100));
    assert_true(says(why));
}

/* With a lookup under way: no callback comes afterwards. */
static void
test_names_may_be_removed_during_a_lookup(void **state)
{
    (void)state;
    start_resolver("dc2.test");
    locum_resolver_add(resolver, "both.test");
    event_base_loop(base, EVLOOP_NONBLOCK);
    event_base_loop(base, EVLOOP_NONBLOCK);
    locum_resolver_trim(resolver);
    assert_string_equal(addresses_of("dc2.test"), "");
    locum_resolver_add(resolver, "dc2.test");
    locum_resolver_trim(resolver);
    locum_resolver_destroy(resolver);
    resolver = NULL;
    event_base_loop(base, EVLOOP_NONBLOCK);
    assert_int_equal(changes, 0);
}

/* Sentinels whose instances have ever new names: those that are listed no more make room. */
static void
test_listed_names_make_room_for_others(void **state)
{
    enum { FORGET_MS = 200 };
    (void)state;
    char name[32];
    char want[] = "127.0.0.3";
    known[0].v4 = want;
    listen_now();
    start_resolver("gone.test");
    locum_resolver_list(resolver, "gone.test", FORGET_MS); /* it stays the configuration's */
    for (int i = 0; i < LOCUM_RESOLVER_LISTED_MAX; i++) {
        snprintf(name, sizeof(name), "other%d.test", i);
        locum_resolver_list(resolver, name, FORGET_MS);
    }
    locum_resolver_list(resolver, "dc2.test", FORGET_MS);
    assert_false(wait_until(base, is_dc2, want, FORGET_MS + FORGET_MS / 2));
    for (int i = 1; i < LOCUM_RESOLVER_LISTED_MAX; i++) { /* all are still listed but one */
        snprintf(name, sizeof(name), "other%d.test", i);
        locum_resolver_list(resolver, name, FORGET_MS);
    }
    locum_resolver_list(resolver, "dc2.test", FORGET_MS);
    assert_true(wait_until(base, is_dc2, want, 5000));
    locum_resolver_list(resolver, "one-more.test", FORGET_MS);
    assert_string_equal(error_of("one-more.test"), "");
    assert_string_not_equal(error_of("gone.test"), "");
}

/*
 * A machine whose network comes up late: many names fail, each at its own times, and resolv.conf
 * names a server that does not answer. One name was removed while its lookup was under way.
 */
static void
test_new_name_servers_are_used_although_many_names_fail(void **state)
{
    (void)state;
    enum { OTHERS = 30 };
    char name[32];
    char want[] = "127.0.0.3";
    char good[sizeof(conf)];
    memcpy(good, conf, sizeof(conf));
    SET_TEXT(conf, "/tmp/locum-test-resolv-XXXXXX");
    const int fd = mkstemp(conf);
    const int silent = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    assert_int_equal(bind(silent, (const struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(silent, (struct sockaddr *)&address, &length), 0);
    assert_true(dprintf(fd, "nameserver 127.0.0.1:%u\n", ntohs(address.sin_port)) > 0);
    close(fd);
    known[0].v4 = want;
    listen_now();
    start_resolver("gone.test");
    assert_false(wait_until(base, is_dc2, want, 50));
    locum_resolver_add(resolver, "dc2.test");
    for (int i = 0; i < OTHERS; i++) {
        snprintf(name, sizeof(name), "other%d.test", i);
        locum_resolver_add(resolver, name);
        if (i == 0) {
            locum_resolver_trim(resolver);
        }
        assert_false(wait_until(base, is_dc2, want, ATTEMPT_MS / 10));
    }
    assert_int_equal(rename(good, conf), 0);
    const bool found = wait_until(base, is_dc2, want, 10000);
    close(silent);
    assert_true(found);
}

/* struct locum_redis: localhost is in /etc/hosts, with one address or two. */
static struct locum_redis *locum;
static struct received received;
static struct fake redis, sentinel;

static bool
is_connected(void *user)
{
    struct locum_redis_status status;
    (void)user;
    locum_redis_status(locum, &status);
    return received.subscribed && received.sentinel[NS0].polls > 0 && status.error[0] == '\0';
}

static bool
locum_says(void *user)
{
    struct locum_redis_status status;
    locum_redis_status(locum, &status);
    return strstr(status.error, user) != NULL;
}

static void
serve(struct fake *fake)
{
    fake_start(fake, base);
    fake_rule(fake, "CLIENT SETNAME", "+OK\r\n");
    fake_rule(fake, "SELECT", "+OK\r\n");
    fake_rule(fake, "ROLE", "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
    fake_rule(fake, "SENTINEL REPLICAS", "*0\r\n");
    fake_rule(fake, "SENTINEL SENTINELS", "*0\r\n");
    fake_rule(fake, "INFO", "$29\r\n# Sentinel\r\nsentinel_tilt:0\r\n\r\n");
}

static void
test_a_site_with_host_names_connects(void **state)
{
    (void)state;
    static char master[128];
    static char map[160];
    struct locum_config *config = make_config(DC2);
    memset(&received, 0, sizeof(received));
    serve(&redis);
    serve(&sentinel);
    set_endpoint(&config->nodes[DC2].redis, redis.address.port);
    set_endpoint(&config->nodes[NS0].sentinel, sentinel.address.port);
    SET_TEXT(config->nodes[DC2].redis.host, "LocalHost");
    SET_TEXT(config->nodes[NS0].sentinel.host, "localhost");
    /* It announces host names; first one that no node has. */
    fake_rule(&sentinel, "SENTINEL GET-MASTER-ADDR-BY-NAME mirrorbits", "@elsewhere 6379");
    snprintf(map, sizeof(map), "@ip localhost port %u flags master config-epoch 1",
             redis.address.port);
    fake_rule(&sentinel, "SENTINEL MASTER mirrorbits", map);
    config->core.sentinel_poll_ms = 100;
    assert_int_equal(locum_redis_create(base, config, &received_events, &received, &locum), 0);
    char want[] = "elsewhere:6379";
    assert_true(wait_until(base, locum_says, want, 5000));
    snprintf(master, sizeof(master), "@localhost %u", redis.address.port);
    fake_rule(&sentinel, "SENTINEL GET-MASTER-ADDR-BY-NAME mirrorbits", master);
    const bool connected = wait_until(base, is_connected, NULL, 8000);
    assert_int_equal(received.sentinel[NS0].known[DC2], 1);
    locum_redis_destroy(locum);
    event_base_loop(base, EVLOOP_NONBLOCK);
    fake_stop(&redis);
    fake_stop(&sentinel);
    free(config);
    assert_true(connected);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_both_families_are_found),
        TEST(test_an_unknown_name_is_reported_and_found_later),
        TEST(test_a_silent_name_server_is_reported_in_time),
        TEST(test_a_refresh_looks_up_again),
        TEST(test_names_may_be_removed_during_a_lookup),
        TEST(test_listed_names_make_room_for_others),
        TEST(test_new_name_servers_are_used_although_many_names_fail),
        TEST(test_a_site_with_host_names_connects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
