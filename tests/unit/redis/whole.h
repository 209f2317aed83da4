/*
 * whole: struct locum_redis against Redis and Sentinel servers that answer from a table.
 */
#ifndef TESTS_REDIS_WHOLE_H
#define TESTS_REDIS_WHOLE_H

#include "fake.h"

enum { DC2 = 0, DC3 = 1, NS0 = 2, NODES = 3 };

#define MASTER_ROLE  "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"
#define REPLICA_ROLE "*2\r\n$5\r\nslave\r\n$1\r\nx\r\n"

static struct event_base *base;
static struct locum_config *config;
static struct locum_redis *locum;
static struct received received;
static struct fake redis[2];        /* of dc2, dc3 */
static struct fake sentinel[NODES]; /* started where a test wants them */
static char addresses[NODES][128];  /* "@ip port" of each Sentinel */
static char masters[NODES][512];

static inline int
setup(void **state)
{
    (void)state;
    memset(&received, 0, sizeof(received));
    base = event_base_new();
    assert_int_equal(event_base_priority_init(base, 3), 0); /* as the daemon has */
    config = make_config(DC2);
    config->redis.timeout_ms = 300;
    config->core.sentinel_poll_ms = 100;
    for (size_t i = 0; i < LOCUM_COUNT(redis); i++) {
        fake_start(&redis[i], base);
        fake_rule(&redis[i], "ROLE", i == DC2 ? MASTER_ROLE : REPLICA_ROLE);
        fake_rule(&redis[i], "CLIENT SETNAME", "+OK\r\n");
        fake_rule(&redis[i], "SELECT", "+OK\r\n");
        fake_rule(&redis[i], "PUBLISH", ":1\r\n");
        fake_rule(&redis[i], "HSET", ":1\r\n");
        fake_rule(&redis[i], "PEXPIRE", ":1\r\n");
        fake_rule(&redis[i], "ZADD", ":1\r\n");
        fake_rule(&redis[i], "ZREMRANGEBYSCORE", ":0\r\n");
        fake_rule(&redis[i], "XADD", "$3\r\n0-1\r\n");
        set_endpoint(&config->nodes[i].redis, redis[i].address.port);
    }
    return 0;
}

static inline int
teardown(void **state)
{
    (void)state;
    locum_redis_destroy(locum);
    locum = NULL;
    for (size_t i = 0; i < LOCUM_COUNT(redis); i++) {
        fake_stop(&redis[i]);
    }
    for (size_t i = 0; i < NODES; i++) {
        if (sentinel[i].base != NULL) {
            fake_stop(&sentinel[i]);
        }
    }
    free(config);
    event_base_free(base);
    return received.repeated == 0 ? 0 : -1;
}

static inline void
start_locum(void)
{
    assert_int_equal(locum_redis_create(base, config, &received_events, &received, &locum), 0);
}

/* Let the Sentinel at `node` report this master. */
static inline void
set_master(size_t node, uint16_t port, const char *epoch)
{
    struct locum_text text = locum_text_init(addresses[node], sizeof(addresses[node]));
    locum_text_add(&text, "@127.0.0.1 ");
    locum_text_add_u64(&text, port);
    fake_rule(&sentinel[node], "SENTINEL GET-MASTER-ADDR-BY-NAME mirrorbits", addresses[node]);
    text = locum_text_init(masters[node], sizeof(masters[node]));
    locum_text_add(&text, "@ip 127.0.0.1 port ");
    locum_text_add_u64(&text, port);
    locum_text_add(&text, " flags master config-epoch ");
    locum_text_add(&text, epoch);
    fake_rule(&sentinel[node], "SENTINEL MASTER mirrorbits", masters[node]);
}

static inline void
start_sentinel(size_t node, uint16_t port, const char *epoch)
{
    fake_start(&sentinel[node], base);
    fake_rule(&sentinel[node], "CLIENT SETNAME", "+OK\r\n");
    fake_rule(&sentinel[node], "SENTINEL REPLICAS", "*0\r\n");
    fake_rule(&sentinel[node], "SENTINEL SENTINELS", "*0\r\n");
    fake_rule(&sentinel[node], "INFO", "$29\r\n# Sentinel\r\nsentinel_tilt:0\r\n\r\n");
    set_master(node, port, epoch);
    set_endpoint(&config->nodes[node].sentinel, sentinel[node].address.port);
}

static inline struct locum_redis_status
get_status(void)
{
    struct locum_redis_status status;
    locum_redis_status(locum, &status);
    return status;
}

static inline bool
is_subscribed(void *user)
{
    (void)user;
    return received.subscribed;
}

static inline bool
is_lost(void *user)
{
    (void)user;
    return received.lost > 0;
}

static inline bool
says(void *user)
{
    return strstr(get_status().error, user) != NULL;
}

static inline void
assert_says(const char *want)
{
    char copy[256];
    SET_TEXT(copy, want);
    if (!wait_until(base, says, copy, 3000)) {
        fail_msg("wanted \"%s\", status says \"%s\"", want, get_status().error);
    }
}

static inline bool
has_polls(void *user)
{
    (void)user;
    return received.sentinel[NS0].polls > 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
