/*
 * struct locum_redis against real Redis and Sentinel processes on 127.0.0.1: a master, a replica
 * and three Sentinels, in a temporary folder, ended by process id.
 */
#include "live.h"

enum { SERVERS = 2, SENTINELS = 3, DC2 = 0, DC3 = 1, NS0 = 2 };

static struct site {
    struct process server[SERVERS]; /* of dc2 and dc3 */
    struct process sentinel[SENTINELS];
    struct event_base *base;
} site;

static bool
replica_is_in_sync(void *user)
{
    char info[4096];
    (void)user;
    ask_text(site.server[DC3].port, "INFO replication", info, sizeof(info));
    return strstr(info, "master_link_status:up") != NULL;
}

static int
start_site(void **state)
{
    (void)state;
    char port[8];
    make_folder();
    site.base = event_base_new();
    start_server(&site.server[DC2], NULL);
    snprintf(port, sizeof(port), "%u", site.server[DC2].port);
    const char *const replica[] = {"--replicaof", "127.0.0.1", port, NULL};
    start_server(&site.server[DC3], replica);
    assert_true(wait_until(site.base, replica_is_in_sync, NULL, 5000));
    for (size_t i = 0; i < SENTINELS; i++) {
        start_sentinel(&site.sentinel[i], site.server[DC2].port, "");
    }
    return 0;
}

static int
end_site(void **state)
{
    (void)state;
    for (size_t i = 0; i < SERVERS; i++) {
        stop(&site.server[i]);
    }
    for (size_t i = 0; i < SENTINELS; i++) {
        stop(&site.sentinel[i]);
    }
    event_base_free(site.base);
    return remove_folder();
}

/* A node of the site: its configuration, its connections, and what it received. */
static struct node {
    struct locum_config *config;
    struct locum_redis *redis;
    struct received received;
} dc2, dc3;

static void
node_prepare(struct node *node, locum_node self)
{
    memset(node, 0, sizeof(*node));
    node->config = make_config(self);
    for (size_t i = 0; i < SERVERS; i++) {
        set_endpoint(&node->config->nodes[i].redis, site.server[i].port);
    }
    for (size_t i = 0; i < SENTINELS; i++) {
        set_endpoint(&node->config->nodes[i].sentinel, site.sentinel[i].port);
    }
}

static void
node_start(struct node *node)
{
    assert_int_equal(locum_redis_create(site.base, node->config, &received_events, &node->received,
                                        &node->redis),
                     0);
}

static void
node_stop(struct node *node)
{
    locum_redis_destroy(node->redis);
    free(node->config);
    memset(node, 0, sizeof(*node));
}

/* After each test, also one that failed. */
static int
stop_nodes(void **state)
{
    (void)state;
    const unsigned repeated = dc2.received.repeated + dc3.received.repeated;
    node_stop(&dc2);
    node_stop(&dc3);
    return repeated == 0 ? 0 : -1;
}

static bool
is_subscribed(void *user)
{
    return ((struct node *)user)->received.subscribed;
}

static bool
is_lost(void *user)
{
    return ((struct node *)user)->received.lost > 0;
}

static bool
has_heartbeat(void *user)
{
    return ((struct node *)user)->received.heartbeats > 0;
}

/* Every Sentinel lists the whole site: five instances, all up. */
static bool
knows_all(void *user)
{
    const struct received *received = &((struct node *)user)->received;
    for (size_t i = 0; i < SENTINELS; i++) {
        if (received->sentinel[i].known[DC2] != 2 || received->sentinel[i].known[DC3] != 2 ||
            received->sentinel[i].known[NS0] != 1) {
            return false;
        }
    }
    return true;
}

static void
test_it_finds_the_master_publishes_and_receives(void **state)
{
    (void)state;
    struct locum_redis_status status;
    node_prepare(&dc2, DC2);
    node_prepare(&dc3, DC3);
    node_start(&dc2);
    node_start(&dc3);
    assert_true(wait_until(site.base, is_subscribed, &dc2, 3000));
    assert_true(wait_until(site.base, is_subscribed, &dc3, 3000));
    locum_redis_publish(dc2.redis, locum_slice_of("locum1 get dc2 \"two words\""));
    assert_true(wait_until(site.base, has_heartbeat, &dc3, 1000));
    assert_true(wait_until(site.base, has_heartbeat, &dc2, 1000));
    assert_string_equal(dc3.received.heartbeat, "locum1 get dc2 \"two words\"");
    locum_redis_status(dc2.redis, &status);
    assert_true(status.connected);
    assert_int_equal(status.master.port, site.server[DC2].port);
    assert_string_equal(status.error, "");
    assert_true(status.since_wall > 0);
    assert_int_equal(status.sentinel_count, SENTINELS);
}

static void
test_sentinels_list_every_instance(void **state)
{
    (void)state;
    struct locum_redis_status status;
    node_prepare(&dc2, DC2);
    node_start(&dc2);
    assert_true(wait_until(site.base, knows_all, &dc2, 6000));
    for (size_t i = 0; i < SENTINELS; i++) {
        assert_int_equal(dc2.received.sentinel[i].down[DC2], 0);
        assert_int_equal(dc2.received.sentinel[i].down[DC3], 0);
        assert_false(dc2.received.sentinel[i].tilt);
    }
    locum_redis_status(dc2.redis, &status);
    assert_string_equal(status.unknown_instances, "");
    for (size_t i = 0; i < status.sentinel_count; i++) {
        assert_true(status.sentinels[i].connected);
        assert_string_equal(status.sentinels[i].error, "");
    }
}

static bool
has_event(void *user)
{
    (void)user;
    return ask_number(site.server[DC2].port, "XLEN locum:get:events") > 0;
}

static void
test_keys_are_written(void **state)
{
    (void)state;
    static const struct locum_field fields[] = {
        {"role", "server"}, {"serving", "self+takeover(dc3)"}, {"mirrorbits", ""}};
    static const struct locum_field event[] = {{"node", "dc2"}, {"event", "condition"}};
    const uint16_t port = site.server[DC2].port;
    char text[8192];
    node_prepare(&dc2, DC2);
    node_start(&dc2);
    assert_true(wait_until(site.base, is_subscribed, &dc2, 3000));
    locum_redis_write_node(dc2.redis, fields, LOCUM_COUNT(fields), 1763863261373);
    add_event(&dc2.received, event, LOCUM_COUNT(event));
    locum_redis_events_added(dc2.redis);
    assert_true(wait_until(site.base, has_event, NULL, 2000));
    ask_text(port, "TYPE locum:get:node:dc2", text, sizeof(text));
    assert_string_equal(text, "hash");
    ask_text(port, "HGET locum:get:node:dc2 serving", text, sizeof(text));
    assert_string_equal(text, "self+takeover(dc3)");
    const long long left = ask_number(port, "PTTL locum:get:node:dc2");
    assert_true(left > 604800000 - 5000 && left <= 604800000);
    ask_text(port, "TYPE locum:get:nodes", text, sizeof(text));
    assert_string_equal(text, "zset");
    ask_text(port, "ZSCORE locum:get:nodes dc2", text, sizeof(text));
    assert_string_equal(text, "1763863261373");
    ask_text(port, "TYPE locum:get:events", text, sizeof(text));
    assert_string_equal(text, "stream");
    ask_text(port, "CLIENT LIST", text, sizeof(text));
    assert_non_null(strstr(text, "name=locum-dc2"));
}

static bool
has_announcement(void *user)
{
    return ((struct node *)user)->received.announcements > 0;
}

static void
test_announcements_of_mirrorbits_are_received(void **state)
{
    (void)state;
    char text[16];
    node_prepare(&dc2, DC2);
    node_start(&dc2);
    assert_true(wait_until(site.base, is_subscribed, &dc2, 3000));
    ask_text(site.server[DC2].port, "PUBLISH _mirrorbits_cluster garbage", text, sizeof(text));
    redisContext *context = reach(site.server[DC2].port);
    freeReplyObject(redisCommand(context, "PUBLISH _mirrorbits_cluster %s", "HELLO3 dc3-23361"));
    freeReplyObject(redisCommand(context, "PUBLISH _mirrorbits_cluster %s", "HELLO0 dc3-23362"));
    redisFree(context);
    assert_true(wait_until(site.base, has_announcement, &dc2, 2000));
    assert_int_equal(dc2.received.announcements, 1);
    assert_int_equal(dc2.received.announced, DC3);
    assert_string_equal(dc2.received.instance, "dc3-23362");
    struct locum_redis_status status; /* an announcement for another database */
    locum_redis_status(dc2.redis, &status);
    assert_int_equal(status.other_db[DC3].db, 3);
    assert_int_not_equal(status.other_db[DC3].heard_mono, LOCUM_NEVER);
    assert_int_equal(status.other_db[DC2].heard_mono, LOCUM_NEVER);
}

/* Case D: "Mirrorbits announces its full host name": it is no announcement of a node, but noted. */
static void
test_a_full_host_name_is_that_of_its_first_label(void **state)
{
    (void)state;
    struct locum_redis_status status;
    node_prepare(&dc2, DC2);
    node_start(&dc2);
    assert_true(wait_until(site.base, is_subscribed, &dc2, 3000));
    redisContext *context = reach(site.server[DC2].port);
    freeReplyObject(
        redisCommand(context, "PUBLISH _mirrorbits_cluster %s", "HELLO3 dc9.example.org-23361"));
    freeReplyObject(
        redisCommand(context, "PUBLISH _mirrorbits_cluster %s", "HELLO0 dc9.example.org-23361"));
    freeReplyObject(
        redisCommand(context, "PUBLISH _mirrorbits_cluster %s", "HELLO0 dc3.example.org-23362"));
    redisFree(context);
    assert_true(wait_until(site.base, has_announcement, &dc2, 2000));
    assert_int_equal(dc2.received.announcements, 1);
    locum_redis_status(dc2.redis, &status);
    assert_string_equal(status.unknown_mirrorbits.host, "dc9.example.org");
    assert_int_not_equal(status.unknown_mirrorbits.heard_mono, LOCUM_NEVER);
}

static bool
is_not_subscribed(void *user)
{
    return !((struct node *)user)->received.subscribed;
}

/* Case A: "The Redis user may not PUBLISH (ACL changed at run time)"; case C: "CLIENT PAUSE … WRITE
 * around a failover". One event each, and back again. */
static void
test_a_redis_that_takes_no_publish_is_not_connected(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"ACL SETUSER default -publish", "ACL SETUSER default +publish"},
        {"CLIENT PAUSE 4000 WRITE", "CLIENT UNPAUSE"},
    };
    char text[16];
    struct process alone = {0}; /* Sentinels would begin a failover */
    start_server(&alone, NULL);
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        node_prepare(&dc2, DC2);
        memset(dc2.config->nodes, 0, sizeof(dc2.config->nodes));
        set_endpoint(&dc2.config->nodes[DC2].redis, alone.port);
        node_start(&dc2);
        assert_true(wait_until(site.base, is_subscribed, &dc2, 3000));
        ask_text(alone.port, rows[i][0], text, sizeof(text));
        const locum_ms end = locum_clock_read().mono + 2500;
        while (locum_clock_read().mono < end) {
            locum_redis_publish(dc2.redis, locum_slice_of("message"));
            (void)wait_until(site.base, is_subscribed, &dc2, 0);
            event_base_loop(site.base, EVLOOP_ONCE);
        }
        assert_true(is_not_subscribed(&dc2));
        assert_int_equal(dc2.received.lost, 1);
        assert_int_equal(dc2.received.won, 1);
        ask_text(alone.port, rows[i][1], text, sizeof(text));
        for (unsigned tries = 0; tries < 500 && !is_subscribed(&dc2); tries++) {
            locum_redis_publish(dc2.redis, locum_slice_of("message"));
            (void)wait_until(site.base, is_subscribed, &dc2, 10);
        }
        assert_int_equal(dc2.received.won, 2);
        node_stop(&dc2);
    }
    stop(&alone);
}

/* Wait for a text in the error of the status; fail with the present one. */
struct expected {
    const struct node *node;
    const char *want;
};

static bool
says(void *user)
{
    const struct expected *expected = user;
    struct locum_redis_status status;
    locum_redis_status(expected->node->redis, &status);
    return strstr(status.error, expected->want) != NULL;
}

static void
assert_says(const struct node *node, const char *want)
{
    struct expected expected = {node, want};
    if (!wait_until(site.base, says, &expected, 4000)) {
        struct locum_redis_status status;
        locum_redis_status(node->redis, &status);
        fail_msg("wanted \"%s\", status says \"%s\"", want, status.error);
    }
}

static void
test_an_unknown_master_name_is_reported(void **state)
{
    (void)state;
    node_prepare(&dc2, DC2);
    SET_TEXT(dc2.config->redis.master_name, "mirorbits");
    for (size_t i = 0; i < SERVERS; i++) {
        dc2.config->nodes[i].redis.port = 0;
    }
    node_start(&dc2);
    assert_says(&dc2, "'mirorbits'; set redis.master-name to one of: mirrorbits");
}

static void
test_without_a_sentinel_the_configured_master_is_used(void **state)
{
    (void)state;
    node_prepare(&dc2, DC2);
    for (size_t i = 0; i < SENTINELS; i++) {
        dc2.config->nodes[i].sentinel.port = 0;
    }
    /* The replica is tried first. */
    set_endpoint(&dc2.config->nodes[DC2].redis, site.server[DC3].port);
    set_endpoint(&dc2.config->nodes[DC3].redis, site.server[DC2].port);
    node_start(&dc2);
    assert_true(wait_until(site.base, is_subscribed, &dc2, 3000));
    struct locum_redis_status status;
    locum_redis_status(dc2.redis, &status);
    assert_int_equal(status.master.port, site.server[DC2].port);
}

static void
test_a_replica_is_not_used_as_master(void **state)
{
    (void)state;
    node_prepare(&dc2, DC2);
    for (size_t i = 0; i < SENTINELS; i++) {
        dc2.config->nodes[i].sentinel.port = 0;
    }
    dc2.config->nodes[DC2].redis.port = 0;
    node_start(&dc2);
    assert_says(&dc2, "replica");
    assert_int_equal(dc2.received.won, 0);
}

static void
test_a_missing_and_a_wrong_password_are_reported(void **state)
{
    (void)state;
    struct process server = {0};
    static const char *const locked[] = {"--requirepass", "right", NULL};
    start_server(&server, locked);
    node_prepare(&dc2, DC2);
    for (size_t i = 0; i < SENTINELS; i++) {
        dc2.config->nodes[i].sentinel.port = 0;
    }
    set_endpoint(&dc2.config->nodes[DC2].redis, server.port);
    dc2.config->nodes[DC3].redis.port = 0;
    node_start(&dc2);
    assert_says(&dc2, "set redis.password");

    struct locum_config *wrong = malloc(sizeof(*wrong));
    assert_non_null(wrong);
    *wrong = *dc2.config;
    SET_TEXT(wrong->redis.password, "wrong");
    locum_redis_reconfigure(dc2.redis, wrong);
    assert_says(&dc2, "check redis.user and redis.password");
    assert_int_equal(dc2.received.won, 0);

    SET_TEXT(dc2.config->redis.password, "right");
    locum_redis_reconfigure(dc2.redis, dc2.config);
    free(wrong);
    assert_true(wait_until(site.base, is_subscribed, &dc2, 4000));
    assert_says(&dc2, "");
    stop(&server);
}

static bool
is_on_dc3(void *user)
{
    struct locum_redis_status status;
    locum_redis_status(((struct node *)user)->redis, &status);
    return status.connected && status.master.port == site.server[DC3].port;
}

static bool
holds_dc2_down(void *user)
{
    const struct received *received = &((struct node *)user)->received;
    return received->sentinel[NS0].down[DC2] == 1 && received->sentinel[DC3].down[DC2] == 1;
}

static void
test_a_failover_is_followed_and_a_frozen_master_is_noticed(void **state)
{
    (void)state;
    node_prepare(&dc3, DC3);
    node_start(&dc3);
    assert_true(wait_until(site.base, is_subscribed, &dc3, 3000));
    assert_true(wait_until(site.base, knows_all, &dc3, 6000));

    const locum_ms killed = locum_clock_read().mono;
    stop(&site.server[DC2]);
    assert_true(wait_until(site.base, is_lost, &dc3, 500));
    /* About 2 s; 6 s more if the Sentinels' votes are split. */
    assert_true(wait_until(site.base, is_on_dc3, &dc3, 20000));
    print_message("failover followed after %d ms\n", (int)(locum_clock_read().mono - killed));
    assert_true(wait_until(site.base, holds_dc2_down, &dc3, 3000));
    assert_int_equal(dc3.received.won, 2);
    locum_redis_publish(dc3.redis, locum_slice_of("after"));
    assert_true(wait_until(site.base, has_heartbeat, &dc3, 1000));

    dc3.received.lost = 0;
    const locum_ms frozen = locum_clock_read().mono;
    kill(site.server[DC3].pid, SIGSTOP);
    assert_true(wait_until(site.base, is_lost, &dc3, 2000));
    print_message("frozen master noticed after %d ms\n", (int)(dc3.received.lost_at - frozen));
    /* redis.timeout, and at most a quarter of it until the next check */
    assert_in_range(dc3.received.lost_at - frozen, 700, 1400);
    kill(site.server[DC3].pid, SIGCONT);
    assert_true(wait_until(site.base, is_subscribed, &dc3, 5000));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_it_finds_the_master_publishes_and_receives, stop_nodes),
        cmocka_unit_test_teardown(test_keys_are_written, stop_nodes),
        cmocka_unit_test_teardown(test_announcements_of_mirrorbits_are_received, stop_nodes),
        cmocka_unit_test_teardown(test_a_full_host_name_is_that_of_its_first_label, stop_nodes),
        cmocka_unit_test_teardown(test_a_redis_that_takes_no_publish_is_not_connected, stop_nodes),
        cmocka_unit_test_teardown(test_an_unknown_master_name_is_reported, stop_nodes),
        cmocka_unit_test_teardown(test_without_a_sentinel_the_configured_master_is_used,
                                  stop_nodes),
        cmocka_unit_test_teardown(test_a_replica_is_not_used_as_master, stop_nodes),
        cmocka_unit_test_teardown(test_a_missing_and_a_wrong_password_are_reported, stop_nodes),
        cmocka_unit_test_teardown(test_sentinels_list_every_instance, stop_nodes),
        cmocka_unit_test_teardown(test_a_failover_is_followed_and_a_frozen_master_is_noticed,
                                  stop_nodes),
    };
    signal(SIGPIPE, SIG_IGN);
    if (!is_redis_installed()) {
        return 0;
    }
    return cmocka_run_group_tests(tests, start_site, end_site);
}
