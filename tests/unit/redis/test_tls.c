/*
 * TLS against real Redis servers and a real Sentinel: it works, and errors are named.
 */
#include "certificate.h"

#include <netinet/in.h>

enum { DC2 = 0, DC3 = 1, NS0 = 2 };

static struct process right, expired, careful, plain, sentinel, plain_sentinel, other_sentinel;
static struct event_base *base;
static struct locum_config *config;
static struct locum_redis *locum;
static struct received received;

static void
start_tls(struct process *process, const char *name, const char *clients)
{
    char port[8];
    char certificate[32];
    char key[32];
    process->port = free_port();
    snprintf(port, sizeof(port), "%u", process->port);
    snprintf(certificate, sizeof(certificate), "%s.pem", name);
    snprintf(key, sizeof(key), "%s.key", name);
    const char *const options[] = {"--port",
                                   "0",
                                   "--tls-port",
                                   port,
                                   "--tls-cert-file",
                                   certificate,
                                   "--tls-key-file",
                                   key,
                                   "--tls-ca-cert-file",
                                   "ca.pem",
                                   "--tls-auth-clients",
                                   clients,
                                   NULL};
    start_server(process, options);
}

static void
start_tls_sentinel(struct process *process, uint16_t master)
{
    char lines[512];
    process->port = free_port();
    snprintf(lines, sizeof(lines),
             "port 0\ntls-port %u\ntls-cert-file right.pem\ntls-key-file right.key\n"
             "tls-ca-cert-file ca.pem\ntls-auth-clients no\ntls-replication yes\n",
             process->port);
    start_sentinel(process, master, lines);
}

static int
start_site(void **state)
{
    (void)state;
    make_folder();
    struct issuer issuer = make_issuer("ca");
    struct issuer other = make_issuer("other-ca");
    issue(&issuer, "right", "DNS:localhost,IP:127.0.0.1", 86400);
    issue(&issuer, "expired", "DNS:localhost,IP:127.0.0.1", -3600);
    issue(&issuer, "client", "DNS:locum", 86400);
    issue(&other, "unknown", "DNS:locum", 86400);
    free_issuer(&issuer);
    free_issuer(&other);
    start_tls(&right, "right", "no");
    start_tls(&expired, "expired", "no");
    start_tls(&careful, "right", "yes");
    start_server(&plain, NULL);
    start_tls_sentinel(&sentinel, right.port);
    start_tls_sentinel(&other_sentinel, plain.port);
    start_sentinel(&plain_sentinel, right.port, "");
    return 0;
}

static int
end_site(void **state)
{
    (void)state;
    struct process *const all[] = {&right,    &expired,        &careful,       &plain,
                                   &sentinel, &plain_sentinel, &other_sentinel};
    for (size_t i = 0; i < LOCUM_COUNT(all); i++) {
        stop(all[i]);
    }
    return remove_folder();
}

static void
set_path(char *field, const char *name)
{
    snprintf(field, LOCUM_PATH_MAX + 1, "%s/%s", live_folder, name);
}

static int
setup(void **state)
{
    (void)state;
    memset(&received, 0, sizeof(received));
    base = event_base_new();
    assert_int_equal(event_base_priority_init(base, 3), 0);
    config = make_config(DC2);
    config->redis.timeout_ms = 500;
    config->redis.tls.on = true;
    set_path(config->redis.tls.ca_file, "ca.pem");
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    locum_redis_destroy(locum);
    locum = NULL;
    event_base_loop(base, EVLOOP_NONBLOCK);
    free(config);
    event_base_free(base);
    return 0;
}

static void
start_locum(const struct process *redis)
{
    set_endpoint(&config->nodes[DC2].redis, redis->port);
    assert_int_equal(locum_redis_create(base, config, &received_events, &received, &locum), 0);
}

static bool
is_subscribed(void *user)
{
    (void)user;
    return received.subscribed;
}

static bool
has_heartbeat_and_view(void *user)
{
    (void)user;
    return received.heartbeats > 0 && received.sentinel[NS0].polls > 0;
}

static bool
redis_says(void *user)
{
    struct locum_redis_status status;
    locum_redis_status(locum, &status);
    return strstr(status.error, user) != NULL;
}

static bool
sentinel_says(void *user)
{
    struct locum_redis_status status;
    locum_redis_status(locum, &status);
    return strstr(status.sentinels[0].error, user) != NULL;
}

static void
assert_says(bool (*says)(void *user), const char *want)
{
    char copy[256];
    SET_TEXT(copy, want);
    if (!wait_until(base, says, copy, 4000)) {
        struct locum_redis_status status;
        locum_redis_status(locum, &status);
        fail_msg("wanted \"%s\"; \"%s\", \"%s\"", want, status.error, status.sentinels[0].error);
    }
    assert_int_equal(received.won, 0);
    assert_int_equal(received.polls, 0);
}

static void
test_tls_works_by_address_and_by_name(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "localhost"};
    for (size_t i = 0; i < LOCUM_COUNT(hosts); i++) {
        set_endpoint(&config->nodes[NS0].sentinel, sentinel.port);
        SET_TEXT(config->nodes[NS0].sentinel.host, hosts[i]);
        start_locum(&right);
        assert_true(wait_until(base, is_subscribed, NULL, 5000));
        locum_redis_publish(locum, locum_slice_of("message"));
        assert_true(wait_until(base, has_heartbeat_and_view, NULL, 5000));
        assert_int_equal(received.sentinel[NS0].known[DC2], 1);
        assert_int_equal(teardown(state), 0);
        assert_int_equal(setup(state), 0);
    }
}

/* Case C: "TLS at Redis, plain Sentinels", and the reverse. */
static void
test_tls_at_redis_and_plain_sentinels(void **state)
{
    (void)state;
    static const struct {
        const struct process *redis, *sentinel;
        enum locum_tls_for to;
    } rows[] = {
        {&right, &plain_sentinel, LOCUM_TLS_FOR_REDIS},
        {&plain, &other_sentinel, LOCUM_TLS_FOR_SENTINELS},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        config->redis.tls.to = rows[i].to;
        set_endpoint(&config->nodes[NS0].sentinel, rows[i].sentinel->port);
        start_locum(rows[i].redis);
        assert_true(wait_until(base, is_subscribed, NULL, 5000));
        locum_redis_publish(locum, locum_slice_of("message"));
        assert_true(wait_until(base, has_heartbeat_and_view, NULL, 5000));
        assert_int_equal(received.lost, 0);
        assert_int_equal(teardown(state), 0);
        assert_int_equal(setup(state), 0);
    }
    /* Otherwise the message names the option. */
    set_endpoint(&config->nodes[NS0].sentinel, plain_sentinel.port);
    start_locum(&right);
    char want[] = "is this a port without TLS? Then set redis.tls.for";
    assert_true(wait_until(base, sentinel_says, want, 4000));
}

/* A Redis and a Sentinel give the same message. */
static void
test_each_certificate_error_is_named(void **state)
{
    (void)state;
    static const struct {
        const struct process *at;
        const char *ca, *name, *want;
    } rows[] = {
        {&right, "ca.pem", "redis.example.org", "redis.tls.name"},
        {&right, "ca.pem", "127.0.0.2", "redis.tls.name"},
        {&right, "other-ca.pem", "", "redis.tls.ca-file"},
        {&expired, "ca.pem", "", "expired"},
        {&plain, "ca.pem", "", "port without TLS"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        set_path(config->redis.tls.ca_file, rows[i].ca);
        SET_TEXT(config->redis.tls.name, rows[i].name);
        start_locum(rows[i].at);
        assert_says(redis_says, rows[i].want);
        assert_int_equal(teardown(state), 0);
        assert_int_equal(setup(state), 0);

        set_path(config->redis.tls.ca_file, rows[i].ca);
        SET_TEXT(config->redis.tls.name, rows[i].name);
        set_endpoint(&config->nodes[NS0].sentinel, rows[i].at->port);
        assert_int_equal(locum_redis_create(base, config, &received_events, &received, &locum), 0);
        assert_says(sentinel_says, rows[i].want);
        assert_int_equal(teardown(state), 0);
        assert_int_equal(setup(state), 0);
    }
}

static void
test_plain_text_to_a_tls_port_is_named(void **state)
{
    (void)state;
    config->redis.tls.on = false;
    start_locum(&right);
    assert_says(redis_says, "set redis.tls");
}

static void
test_a_required_client_certificate_is_sent(void **state)
{
    (void)state;
    start_locum(&careful);
    assert_says(redis_says, "set redis.tls.cert-file");
    assert_int_equal(teardown(state), 0);
    assert_int_equal(setup(state), 0);

    set_path(config->redis.tls.cert_file, "unknown.pem");
    set_path(config->redis.tls.key_file, "unknown.key");
    start_locum(&careful);
    assert_says(redis_says, "rejects the client certificate");
    assert_int_equal(teardown(state), 0);
    assert_int_equal(setup(state), 0);

    set_path(config->redis.tls.cert_file, "client.pem");
    set_path(config->redis.tls.key_file, "client.key");
    start_locum(&careful);
    assert_true(wait_until(base, is_subscribed, NULL, 5000));
}

/* A listening socket that never answers. */
static void
test_a_silent_server_is_reported_in_time(void **state)
{
    (void)state;
    struct process silent = {.port = free_port()};
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons(silent.port)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 8), 0);
    const locum_ms begin = locum_clock_read().mono;
    start_locum(&silent);
    assert_says(redis_says, "no TLS handshake within 500ms");
    assert_true(locum_clock_read().mono - begin >= 450);
    close(fd);
}

/* Unusable files: nothing is connected, not even in plain text; a reload with good ones connects.
 */
static void
test_unusable_files_prevent_connections(void **state)
{
    (void)state;
    static const char *const rows[][4] = {
        {"right.key", "", "", "redis.tls.ca-file"},
        {"ca.pem", "ca.pem", "right.key", "redis.tls.key-file"},
        {"ca.pem", "right.key", "right.key", "redis.tls.cert-file"},
        {"fifo", "", "", "redis.tls.ca-file"},
        {"ca.pem", "right.pem", "fifo", "redis.tls.key-file"},
        {"ca.pem", "fifo", "right.key", "redis.tls.cert-file"},
    };
    char fifo[LOCUM_PATH_MAX + 1];
    set_path(fifo, "fifo");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        set_path(config->redis.tls.ca_file, rows[i][0]);
        if (rows[i][1][0] != '\0') {
            set_path(config->redis.tls.cert_file, rows[i][1]);
            set_path(config->redis.tls.key_file, rows[i][2]);
        }
        start_locum(&plain);
        assert_says(redis_says, rows[i][3]);
        struct locum_redis_status status;
        locum_redis_status(locum, &status);
        assert_int_equal(status.commands, 0);
        assert_int_equal(teardown(state), 0);
        assert_int_equal(setup(state), 0);
    }
    struct locum_config *fixed = malloc(sizeof(*fixed));
    assert_non_null(fixed);
    set_path(config->redis.tls.ca_file, "right.key");
    start_locum(&right);
    assert_says(redis_says, "redis.tls.ca-file");
    *fixed = *config;
    set_path(fixed->redis.tls.ca_file, "ca.pem");
    locum_redis_reconfigure(locum, fixed);
    free(config);
    config = fixed;
    assert_true(wait_until(base, is_subscribed, NULL, 5000));
    /* A reload with the same settings keeps the connection. */
    locum_redis_reconfigure(locum, config);
    locum_redis_publish(locum, locum_slice_of("message"));
    event_base_loop(base, EVLOOP_NONBLOCK);
    assert_int_equal(received.lost, 0);
}

/* Replace a link by an empty file. */
static int
truncate_link(const char *path)
{
    FILE *file = unlink(path) == 0 ? fopen(path, "w") : NULL;
    return file != NULL ? fclose(file) : -1;
}

/* A reload while a certificate is being replaced reports it, and keeps the connections. */
static void
test_files_that_became_unusable_disturb_no_connection(void **state)
{
    (void)state;
    char copy[LOCUM_PATH_MAX + 1];
    char good[LOCUM_PATH_MAX + 1];
    set_path(copy, "renewed.pem");
    set_path(good, "ca.pem");
    assert_int_equal(symlink(good, copy), 0);
    set_path(config->redis.tls.ca_file, "renewed.pem");
    set_endpoint(&config->nodes[NS0].sentinel, sentinel.port);
    start_locum(&right);
    assert_true(wait_until(base, is_subscribed, NULL, 5000));
    assert_int_equal(truncate_link(copy), 0);
    received.sentinel[NS0].polls = 0;
    locum_redis_reconfigure(locum, config);
    locum_redis_publish(locum, locum_slice_of("message"));
    assert_true(wait_until(base, has_heartbeat_and_view, NULL, 5000));
    assert_int_equal(received.lost, 0);
    assert_true(redis_says("redis.tls.ca-file"));
    assert_int_equal(unlink(copy), 0);
    assert_int_equal(symlink(good, copy), 0);
    locum_redis_reconfigure(locum, config);
    assert_false(redis_says("PEM"));
    assert_int_equal(received.lost, 0);
    assert_int_equal(unlink(copy), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_tls_works_by_address_and_by_name),
        TEST(test_tls_at_redis_and_plain_sentinels),
        TEST(test_each_certificate_error_is_named),
        TEST(test_plain_text_to_a_tls_port_is_named),
        TEST(test_a_required_client_certificate_is_sent),
        TEST(test_a_silent_server_is_reported_in_time),
        TEST(test_unusable_files_prevent_connections),
        TEST(test_files_that_became_unusable_disturb_no_connection),
    };
    signal(SIGPIPE, SIG_IGN);
    return is_redis_installed() ? cmocka_run_group_tests(tests, start_site, end_site) : 0;
}
