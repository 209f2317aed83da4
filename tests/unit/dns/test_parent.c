/* parent: the watcher against resolvers that answer, deny, truncate, fail or say nothing. */
#include "dsreply.h"
#include "net.h"

#include "dns/parent.h"

enum { HOSTS = 2, NEVER_MS = 3600 * 1000, MESSAGE_BYTES = 2 + LOCUM_DS_REPLY_BYTES_MAX };

/* How a resolver replies. */
enum manner { SILENT, REPLY, SERVFAIL, BY_TCP, ENDLESS, STRAY, CLOSE };

static const char *const hosts[HOSTS] = {"127.0.0.1", "127.0.0.2"};

static struct {
    struct event_base *base;
    struct site *site;
    struct locum_parent *parent;
    char resolv_conf[64];
    uint16_t port;
    int udp[HOSTS], listener[HOSTS];
    enum manner manner[HOSTS];
    unsigned asked[HOSTS]; /* questions by UDP */
    unsigned by_tcp;
    struct ds_reply reply;
    size_t ended; /* calls of the callback */
    size_t zone;  /* of the last one */
} bench;

static void
on_ended(void *user, size_t zone)
{
    assert_ptr_equal(user, &bench);
    bench.ended++;
    bench.zone = zone;
}

static int
bound(int type, const char *host, uint16_t port)
{
    struct sockaddr_storage name;
    const struct locum_address at = address(host, port);
    const socklen_t length = locum_address_to_sockaddr(&at, &name);
    const int on = 1;
    const int fd = socket(AF_INET, type, 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&name, length), 0);
    return fd;
}

static void
begin(locum_ms retry_ms, locum_ms reply_ms)
{
    const struct locum_parent_settings settings = {.resolv_conf = bench.resolv_conf,
                                                   .port = bench.port,
                                                   .soon_ms = 2,
                                                   .period_ms = NEVER_MS,
                                                   .retry_first_ms = retry_ms,
                                                   .retry_max_ms = retry_ms,
                                                   .reply_ms = reply_ms};
    assert_int_equal(locum_parent_create(bench.base, &settings, on_ended, &bench, &bench.parent),
                     0);
    locum_parent_configure(bench.parent, &bench.site->config);
}

static int
setup(void **state)
{
    (void)state;
    memset(&bench, 0, sizeof(bench));
    bench.base = event_base_new();
    bench.site = site_new();
    strcpy(bench.site->config.zones[0].dnssec.keys, "/keys");
    strcpy(bench.resolv_conf, "/tmp/locum-resolv-XXXXXX");
    const int fd = mkstemp(bench.resolv_conf);
    static const char text[] = "nameserver 127.0.0.1\nnameserver 127.0.0.2\n";
    assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    close(fd);
    bench.port = free_port(hosts[0]);
    for (size_t i = 0; i < HOSTS; i++) {
        bench.udp[i] = bound(SOCK_DGRAM, hosts[i], bench.port);
        bench.listener[i] = bound(SOCK_STREAM, hosts[i], bench.port);
        assert_int_equal(listen(bench.listener[i], 8), 0);
        bench.manner[i] = REPLY;
    }
    bench.reply = (struct ds_reply){.answer = {DS_RECORD(7, 01), NULL}};
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    locum_parent_destroy(bench.parent);
    event_base_free(bench.base);
    (void)unlink(bench.resolv_conf);
    for (size_t i = 0; i < HOSTS; i++) {
        close(bench.udp[i]);
        close(bench.listener[i]);
    }
    free(bench.site);
    return 0;
}

static void
serve_udp(size_t host)
{
    uint8_t question[512], reply[LOCUM_DS_REPLY_BYTES_MAX];
    struct sockaddr_storage from;
    socklen_t from_length = sizeof(from);
    const ssize_t length = recvfrom(bench.udp[host], question, sizeof(question), MSG_DONTWAIT,
                                    (struct sockaddr *)&from, &from_length);
    if (length <= 0) {
        return;
    }
    struct ds_reply made = bench.reply;
    bench.asked[host]++;
    if (bench.manner[host] == SILENT) {
        return;
    }
    if (bench.manner[host] == SERVFAIL) {
        made = (struct ds_reply){.rcode = LDNS_RCODE_SERVFAIL};
    } else if (bench.manner[host] != REPLY && bench.manner[host] != STRAY) {
        made = (struct ds_reply){.truncated = true};
    }
    const size_t size = ds_write(&made, question, (size_t)length, reply);
    if (bench.manner[host] == STRAY) { /* someone else's first */
        reply[1] ^= 1;
        (void)sendto(bench.udp[host], reply, size, 0, (struct sockaddr *)&from, from_length);
        reply[1] ^= 1;
    }
    (void)sendto(bench.udp[host], reply, size, 0, (struct sockaddr *)&from, from_length);
}

/* Take a connection; the client waits in the loop, so each piece that is read makes it go on. */
static void
serve_tcp(size_t host)
{
    uint8_t question[512], reply[MESSAGE_BYTES];
    const int fd =
        readable(bench.listener[host], 0) ? accept(bench.listener[host], NULL, NULL) : -1;
    if (fd < 0) {
        return;
    }
    size_t got = 0;
    for (int i = 0; i < 1000 && (got < 2 || got < 2u + locum_packet_u16(question)); i++) {
        (void)event_base_loop(bench.base, EVLOOP_NONBLOCK);
        got += readable(fd, 1) ? (size_t)recv(fd, question + got, sizeof(question) - got, 0) : 0;
    }
    assert_true(got > 2);
    bench.by_tcp++;
    size_t size = ds_write(&bench.reply, question + 2, got - 2, reply + 2);
    locum_packet_put_u16(reply, bench.manner[host] == ENDLESS ? 65535 : (uint16_t)size);
    size = bench.manner[host] == CLOSE ? 0 : size + 2;
    for (size_t at = 0; at < size; at += 40) { /* in pieces */
        const size_t piece = size - at < 40 ? size - at : 40;
        (void)!send(fd, reply + at, piece, MSG_NOSIGNAL);
        (void)event_base_loop(bench.base, EVLOOP_NONBLOCK);
    }
    close(fd);
}

/* Until the callback was called once more. */
static const struct locum_parent_zone *
wait_for_end(void)
{
    const size_t before = bench.ended;
    const locum_ms end = now_ms() + 4 * (locum_ms)PATIENCE_MS;
    while (bench.ended == before) {
        assert_true(now_ms() < end);
        (void)event_base_loop(bench.base, EVLOOP_NONBLOCK);
        for (size_t host = 0; host < HOSTS; host++) {
            serve_udp(host);
            serve_tcp(host);
        }
        (void)poll(NULL, 0, 1);
    }
    return locum_parent_of(bench.parent, bench.zone);
}

static void
test_answer(void **state)
{
    (void)state;
    begin(NEVER_MS, NEVER_MS);
    const struct locum_parent_zone *zone = locum_parent_of(bench.parent, 0);
    assert_false(zone->known);
    assert_true(zone->failing_mono == LOCUM_NEVER);
    assert_int_equal(bench.ended, 0);
    assert_ptr_equal(wait_for_end(), zone);
    assert_true(zone->known);
    assert_int_equal(zone->answer.count, 1);
    assert_int_equal(zone->answer.ds[0].tag, 7);
    assert_int_equal(zone->answer.ttl_s, 86400);
    assert_true(zone->failing_mono == LOCUM_NEVER);
    assert_string_equal(zone->why, "");
    const int64_t now_s = locum_clock_read().wall / 1000;
    assert_true(zone->answered_s <= now_s && zone->answered_s >= now_s - 60);
    assert_int_equal(bench.asked[0], 1);
    assert_int_equal(bench.asked[1], 0);
}

static void
test_no_ds_is_an_answer(void **state)
{
    (void)state;
    bench.reply = (struct ds_reply){.authority = {DS_DENIED, NULL}};
    begin(NEVER_MS, NEVER_MS);
    const struct locum_parent_zone *zone = wait_for_end();
    assert_true(zone->known);
    assert_int_equal(zone->answer.count, 0);
}

static void
test_the_next_resolver_is_asked(void **state)
{
    (void)state;
    bench.manner[0] = SERVFAIL;
    begin(NEVER_MS, NEVER_MS);
    assert_true(wait_for_end()->known);
    assert_int_equal(bench.asked[0], 1);
    assert_int_equal(bench.asked[1], 1);
}

static void
test_a_silent_one_too(void **state)
{
    (void)state;
    bench.manner[0] = SILENT;
    begin(20, 200);
    while (!wait_for_end()->known) {
    }
    assert_true(bench.asked[0] >= 1);
}

static void
test_a_closed_port_too(void **state)
{
    (void)state;
    close(bench.udp[0]);
    bench.udp[0] = -1;
    begin(NEVER_MS, NEVER_MS);
    assert_true(wait_for_end()->known);
    assert_int_equal(bench.asked[1], 1);
}

static void
test_replies_of_others_are_not_read(void **state)
{
    (void)state;
    bench.manner[0] = STRAY;
    begin(NEVER_MS, NEVER_MS);
    assert_true(wait_for_end()->known);
    assert_int_equal(bench.asked[1], 0);
}

static void
test_truncated_comes_by_tcp(void **state)
{
    (void)state;
    bench.manner[0] = BY_TCP;
    begin(NEVER_MS, NEVER_MS);
    const struct locum_parent_zone *zone = wait_for_end();
    assert_true(zone->known);
    assert_int_equal(zone->answer.ds[0].tag, 7);
    assert_int_equal(bench.by_tcp, 1);
    assert_int_equal(bench.asked[1], 0);
}

static void
test_faults_by_tcp(void **state)
{
    (void)state;
    static const struct {
        enum manner manner;
        bool truncated;
        const char *why;
    } rows[] = {
        {ENDLESS, false, "too long"}, {CLOSE, false, "closes"}, {BY_TCP, true, "truncated"}};
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        bench.manner[0] = bench.manner[1] = rows[i].manner;
        bench.reply.truncated = rows[i].truncated;
        begin(NEVER_MS, NEVER_MS);
        const struct locum_parent_zone *zone = wait_for_end();
        print_message("%s\n", zone->why);
        assert_false(zone->known);
        assert_non_null(strstr(zone->why, rows[i].why));
        assert_true(zone->failing_mono != LOCUM_NEVER);
        locum_parent_destroy(bench.parent);
        bench.parent = NULL;
    }
}

static void
test_no_resolver(void **state)
{
    (void)state;
    (void)unlink(bench.resolv_conf);
    begin(NEVER_MS, NEVER_MS);
    assert_string_equal(wait_for_end()->why, "/etc/resolv.conf names no resolver");
    assert_int_equal(bench.asked[0] + bench.asked[1], 0);
}

/* What was known stays, and it is asked again with back-off. */
static void
test_failures(void **state)
{
    (void)state;
    begin(20, NEVER_MS);
    const struct locum_parent_zone *zone = wait_for_end();
    bench.manner[0] = bench.manner[1] = SERVFAIL;
    locum_parent_configure(bench.parent, &bench.site->config);
    assert_ptr_equal(wait_for_end(), zone);
    assert_true(zone->known);
    assert_int_equal(zone->answer.count, 1);
    assert_string_equal(zone->why, "it answers SERVFAIL");
    const locum_ms since = zone->failing_mono;
    assert_true(since != LOCUM_NEVER);
    (void)wait_for_end();
    assert_int_equal(zone->failing_mono, since);
    bench.manner[1] = REPLY;
    bench.reply = (struct ds_reply){.authority = {DS_DENIED, NULL}};
    while (zone->failing_mono != LOCUM_NEVER) {
        (void)wait_for_end();
    }
    assert_int_equal(zone->answer.count, 0);
    assert_string_equal(zone->why, "");
}

static void
test_reload(void **state)
{
    (void)state;
    struct locum_config *config = &bench.site->config;
    assert_int_equal(config->zone_count, 1);
    begin(NEVER_MS, NEVER_MS);
    (void)wait_for_end();
    /* The zone is the second one now, and the new first one is not signed. */
    struct locum_config next = *config;
    next.zones[1] = config->zones[0];
    strcpy(next.zones[0].name, "other.example.");
    next.zones[0].dnssec.keys[0] = '\0';
    next.zone_count = 2;
    locum_parent_configure(bench.parent, &next);
    assert_null(locum_parent_of(bench.parent, 0));
    assert_true(locum_parent_of(bench.parent, 1)->known);
    (void)wait_for_end();
    assert_int_equal(bench.zone, 1);
    next.core.nodes[next.core.self].role = LOCUM_ROLE_WITNESS;
    locum_parent_configure(bench.parent, &next);
    assert_null(locum_parent_of(bench.parent, 1));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_answer),
        TEST(test_no_ds_is_an_answer),
        TEST(test_the_next_resolver_is_asked),
        TEST(test_a_silent_one_too),
        TEST(test_a_closed_port_too),
        TEST(test_replies_of_others_are_not_read),
        TEST(test_truncated_comes_by_tcp),
        TEST(test_faults_by_tcp),
        TEST(test_no_resolver),
        TEST(test_failures),
        TEST(test_reload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
