/*
 * struct locum_redis against Redis and Sentinel servers that answer from a table: what an operator
 * reads, which master is used, what ends a connection and what does not.
 */
#include "whole.h"

#include <stdio.h>

#include "redis/link.h"

static bool
is_quiet(void *user)
{
    (void)user;
    return get_status().error[0] == '\0';
}

static bool
logged(void *user)
{
    return strstr(redis[DC2].log, user) != NULL;
}

static bool
has_heartbeat(void *user)
{
    (void)user;
    return received.heartbeats > 0;
}

static void
test_login_and_role_come_first(void **state)
{
    (void)state;
    SET_TEXT(config->redis.user, "locum");
    SET_TEXT(config->redis.password, "secret");
    config->redis.db = 3;
    fake_rule(&redis[DC2], "AUTH locum secret", "+OK\r\n");
    start_locum();
    assert_true(wait_until(base, is_subscribed, NULL, 2000));
    assert_non_null(strstr(redis[DC2].log, "AUTH locum secret\nCLIENT SETNAME locum-dc2\nROLE\n"
                                           "SELECT 3\n"));
    assert_non_null(strstr(redis[DC2].log, "SUBSCRIBE locum:get:heartbeat\n"
                                           "SUBSCRIBE _mirrorbits_cluster\n"));
    fake_broadcast(&redis[DC2], "message locum:get:heartbeat x");
    fake_broadcast(&redis[DC2], "message elsewhere y");
    assert_true(wait_until(base, has_heartbeat, NULL, 2000));
    assert_string_equal(received.heartbeat, "x");
    assert_int_equal(received.heartbeats, 1);
}

static void
test_writes_go_out_as_documented(void **state)
{
    (void)state;
    static const struct locum_field fields[] = {{"role", "server"}, {"note", "two words"}};
    config->events_keep = 77;
    start_locum();
    locum_redis_publish(locum, locum_slice_of("early")); /* dropped */
    assert_true(wait_until(base, is_subscribed, NULL, 2000));
    locum_redis_publish(locum, locum_slice_of("message"));
    locum_redis_write_node(locum, fields, LOCUM_COUNT(fields), 1763863261373);
    add_event(&received, fields, 1);
    locum_redis_events_added(locum);
    assert_true(wait_until(base, logged, "XADD", 2000));
    const char *published = strstr(redis[DC2].log, "PUBLISH locum:get:heartbeat message\n");
    assert_non_null(published);
    assert_non_null(strstr(published, "HSET locum:get:node:dc2 role server note two words\n"
                                      "PEXPIRE locum:get:node:dc2 604800000\n"
                                      "ZADD locum:get:nodes 1763863261373 dc2\n"
                                      "ZREMRANGEBYSCORE locum:get:nodes -inf 1763258461373\n"
                                      "XADD locum:get:events MAXLEN ~ 77 * role server\n"));
    assert_null(strstr(redis[DC2].log, "early"));
    assert_true(get_status().commands > 8);
}

static void
test_an_error_of_a_write_is_only_reported(void **state)
{
    (void)state;
    static const struct {
        const char *command, *reply, *want;
    } rows[] = {
        {"HSET", "-LOADING Redis is loading the dataset in memory\r\n", "HSET refused (LOADING)"},
        {"HSET", "-MISCONF Redis is configured to save\r\n", "HSET refused (MISCONF)"},
        {"ZADD", "-NOREPLICAS Not enough good replicas\r\n", "min-replicas-to-write"},
        {"PEXPIRE", "-NOPERM this user\r\n", "PEXPIRE refused (NOPERM)"},
        {"XADD", "-WRONGTYPE Operation against\r\n", "XADD refused (WRONGTYPE)"},
        {"HSET", "-ERR what?\r\n", "HSET refused: 'ERR what?'"},
        {"HSET", "*1\r\n*1\r\n*0\r\n", ""},
    };
    static const struct locum_field field = {"role", "server"};
    start_locum();
    assert_true(wait_until(base, is_subscribed, NULL, 2000));
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        const struct fake_rule *rule = redis[DC2].rules;
        while (strcmp(rule->match, rows[i].command) != 0) {
            rule++;
        }
        const char *before = rule->reply;
        fake_rule(&redis[DC2], rows[i].command, rows[i].reply);
        locum_redis_publish(locum, locum_slice_of("message"));
        locum_redis_write_node(locum, &field, 1, 0);
        add_event(&received, &field, 1);
        locum_redis_events_added(locum);
        assert_says(rows[i].want);
        fake_rule(&redis[DC2], rows[i].command, before);
        locum_redis_publish(locum, locum_slice_of("message"));
        locum_redis_write_node(locum, &field, 1, 0);
        add_event(&received, &field, 1);
        locum_redis_events_added(locum);
        assert_true(wait_until(base, is_quiet, NULL, 2000));
    }
    assert_int_equal(received.lost, 0);
    assert_int_equal(received.won, 1);
}

/* Add the event number `first` and those after it, up to `last`. */
static void
add_events(unsigned first, unsigned last)
{
    static char numbers[EVENTS_MAX][8];
    static struct locum_field fields[EVENTS_MAX];
    for (unsigned i = first; i <= last; i++) {
        (void)snprintf(numbers[i], sizeof(numbers[i]), "%u", i);
        fields[i] = (struct locum_field){"number", numbers[i]};
        add_event(&received, &fields[i], 1);
    }
    locum_redis_events_added(locum);
}

/* Wait until the Redis of dc2 has this many events. */
static bool
has_events(void *user)
{
    return fake_count(&redis[DC2], "XADD ") >= *(const size_t *)user;
}

static void
assert_events(size_t count)
{
    assert_true(wait_until(base, has_events, &count, 3000));
    assert_int_equal(fake_count(&redis[DC2], "XADD "), count);
}

/* More of them than commands may wait for a reply. */
static void
test_events_wait_for_a_connection_and_keep_their_order(void **state)
{
    (void)state;
    enum { EARLY = LOCUM_LINK_WAITING_MAX + 10 };
    start_locum();
    add_events(1, EARLY);
    for (size_t i = 0; i < EARLY; i++) { /* the clock was put back since: no matter */
        received.events[i].id += 3600 * 1000;
    }
    assert_events(EARLY);
    const char *at = redis[DC2].log;
    for (unsigned i = 1; i <= EARLY; i++) {
        char want[32];
        (void)snprintf(want, sizeof(want), " * number %u at 20", i);
        at = strstr(at, want);
        assert_non_null(at);
    }
    add_events(EARLY + 1, EARLY + 1);
    assert_events(EARLY + 1);
    assert_non_null(strstr(at, " * number 267\n"));
    assert_int_equal(received.lost, 0);
}

static void
test_only_an_unconfirmed_event_is_sent_again(void **state)
{
    (void)state;
    start_locum();
    assert_true(wait_until(base, is_subscribed, NULL, 2000));
    add_events(1, 1);
    assert_events(1);
    assert_true(wait_until(base, is_quiet, NULL, 2000));
    fake_rule(&redis[DC2], "XADD", FAKE_CLOSE);
    add_events(2, 2);
    assert_true(wait_until(base, is_lost, NULL, 2000));
    fake_rule(&redis[DC2], "XADD", "$3\r\n0-2\r\n");
    assert_events(3);
    assert_int_equal(fake_count(&redis[DC2], " number 1"), 1);
    assert_int_equal(fake_count(&redis[DC2], " number 2"), 2);
    assert_int_equal(fake_count(&redis[DC2], " number 2 at 20"), 1);
}

static void
test_a_refused_event_is_not_sent_again(void **state)
{
    (void)state;
    fake_rule(&redis[DC2], "XADD", "-WRONGTYPE Operation against\r\n");
    start_locum();
    add_events(1, 1);
    assert_says("XADD refused (WRONGTYPE)");
    for (size_t i = 0; i < FAKE_CLIENTS_MAX; i++) {
        fake_drop(&redis[DC2].clients[i]);
    }
    assert_true(wait_until(base, is_lost, NULL, 2000));
    fake_rule(&redis[DC2], "XADD", "$3\r\n0-2\r\n");
    add_events(2, 2);
    assert_events(2);
    assert_int_equal(fake_count(&redis[DC2], " number 1"), 1);
}

static bool
has_accepted(void *user)
{
    return redis[DC2].accepted >= *(const unsigned *)user;
}

static bool
is_won_again(void *user)
{
    (void)user;
    return received.won == 2;
}

/* Case A: "The Redis user may not PUBLISH (ACL changed at run time)". Peers are heard meanwhile. */
static void
test_a_user_that_may_not_publish_is_not_connected(void **state)
{
    (void)state;
    start_locum();
    assert_true(wait_until(base, is_subscribed, NULL, 2000));
    fake_rule(&redis[DC2], "PUBLISH", "-NOPERM this user has no permissions\r\n");
    locum_redis_publish(locum, locum_slice_of("message"));
    assert_true(wait_until(base, is_lost, NULL, 2000));
    assert_says("PUBLISH refused (NOPERM): the user has no permission");
    assert_false(get_status().connected);
    fake_broadcast(&redis[DC2], "message locum:get:heartbeat x");
    assert_true(wait_until(base, has_heartbeat, NULL, 2000));
    fake_rule(&redis[DC2], "PUBLISH", ":1\r\n");
    locum_redis_publish(locum, locum_slice_of("message"));
    assert_true(wait_until(base, is_won_again, NULL, 2000));
    assert_true(wait_until(base, is_quiet, NULL, 2000));
    assert_int_equal(fake_count(&redis[DC2], "CLIENT SETNAME"), 2); /* still the same connections */
}

/* Case C: "CLIENT PAUSE … WRITE around a failover". ROLE and SUBSCRIBE are answered, PUBLISH is
 * not: one loss, and no connection is reported before it works again. */
static void
test_a_client_pause_around_a_failover_does_not_flap(void **state)
{
    (void)state;
    start_locum();
    assert_true(wait_until(base, is_subscribed, NULL, 2000));
    fake_rule(&redis[DC2], "PUBLISH", FAKE_PAUSE);
    locum_redis_publish(locum, locum_slice_of("message"));
    assert_true(wait_until(base, is_lost, NULL, 2000));
    unsigned wanted = redis[DC2].accepted + 6; /* three more attempts */
    assert_true(wait_until(base, has_accepted, &wanted, 6000));
    assert_int_equal(received.won, 1);
    assert_int_equal(received.lost, 1);
    fake_rule(&redis[DC2], "PUBLISH", ":1\r\n");
    assert_true(wait_until(base, is_won_again, NULL, 4000));
    assert_int_equal(received.lost, 1);
}

/* Case A: "redis.db is out of the server's range". */
static void
test_a_redis_db_out_of_the_servers_range_is_reported(void **state)
{
    (void)state;
    static const struct locum_field field = {"role", "server"};
    fake_rule(&redis[DC2], "SELECT", "-ERR DB index is out of range\r\n");
    start_locum();
    assert_true(wait_until(base, is_subscribed, NULL, 2000));
    assert_says("SELECT refused (ERR): it has no database with the number redis.db");
    locum_redis_write_node(locum, &field, 1, 0);
    locum_redis_publish(locum, locum_slice_of("message"));
    assert_true(wait_until(base, logged, "PUBLISH", 2000));
    assert_null(strstr(redis[DC2].log, "HSET"));
    fake_rule(&redis[DC2], "SELECT", "+OK\r\n"); /* it is asked for again */
    assert_true(wait_until(base, is_quiet, NULL, 2000));
    locum_redis_write_node(locum, &field, 1, 0);
    assert_true(wait_until(base, logged, "HSET", 2000));
    assert_int_equal(received.lost, 0);
}

static void
test_a_master_that_becomes_a_replica_is_left(void **state)
{
    (void)state;
    static const char *const how[][2] = {
        {"ROLE", REPLICA_ROLE},
        {"HSET", "-READONLY You can't write against a read only replica.\r\n"},
    };
    static const struct locum_field field = {"role", "server"};
    for (size_t i = 0; i < LOCUM_COUNT(how); i++) {
        start_locum();
        assert_true(wait_until(base, is_subscribed, NULL, 2000));
        fake_rule(&redis[DC2], how[i][0], how[i][1]);
        locum_redis_write_node(locum, &field, 1, 0);
        assert_true(wait_until(base, is_lost, NULL, 2000));
        assert_says("not the master");
        fake_rule(&redis[DC2], "ROLE", REPLICA_ROLE);
        fake_rule(&redis[DC3], "ROLE", MASTER_ROLE);
        assert_true(wait_until(base, is_subscribed, NULL, 3000));
        assert_int_equal(get_status().master.port, redis[DC3].address.port);
        assert_int_equal(teardown(state), 0);
        assert_int_equal(setup(state), 0);
    }
}

/* Whatever the server answers: the status says what is wrong. */
static void
test_each_server_that_is_not_a_master_is_reported(void **state)
{
    (void)state;
    static const struct {
        const char *match, *reply, *greeting, *want;
    } rows[] = {
        {"ROLE", REPLICA_ROLE, NULL, "replica"},
        {"ROLE", "*1\r\n$8\r\nsentinel\r\n", NULL, "Sentinel"},
        {"ROLE", "*0\r\n", NULL, "unexpected reply to ROLE"},
        {"ROLE", ":1\r\n", NULL, "unexpected reply to ROLE"},
        {"ROLE", "*1\r\n+masterx\r\n", NULL, "unexpected reply to ROLE"},
        {"ROLE", "-NOAUTH Authentication required.\r\n", NULL, "(NOAUTH)"},
        {"ROLE", "-NOPERM this user\r\n", NULL, "ROLE refused (NOPERM)"},
        {"*", FAKE_SILENCE, NULL, "no reply to CLIENT SETNAME within 300ms"},
        {"ROLE", FAKE_CLOSE, NULL, "connection closed"},
        {"CLIENT", "-NOAUTH Authentication required.\r\n", NULL, "(NOAUTH)"},
        {"CLIENT", "-DENIED Redis is running in protected mode\r\n", NULL, "protected mode"},
        {"SUBSCRIBE", ":1\r\n", NULL, "unexpected reply to SUBSCRIBE"},
        {"SUBSCRIBE", "@subscribe elsewhere 1", NULL, "unexpected reply to SUBSCRIBE"},
        {"SUBSCRIBE", "-NOPERM this user\r\n", NULL, "SUBSCRIBE refused (NOPERM)"},
        {"-", "", "+OK\r\n", "is this a Redis server?"},
        {"-", "", "@message locum:get:heartbeat x", "is this a Redis server?"},
        {"-", "", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
         "invalid Redis protocol"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        config->nodes[DC3].redis.port = 0;
        struct fake_rule *first = &redis[DC2].rules[0];
        for (struct fake_rule *rule = first; rule->match != NULL; rule++) {
            if (strncmp(rule->match, rows[i].match, strlen(rows[i].match)) == 0) {
                rule->match = rows[i].match;
                rule->reply = rows[i].reply;
            }
        }
        if (rows[i].match[0] == '*') {
            memset(redis[DC2].rules, 0, sizeof(redis[DC2].rules));
            fake_rule(&redis[DC2], "", FAKE_SILENCE);
        } else if (strcmp(rows[i].match, "SUBSCRIBE") == 0) {
            fake_rule(&redis[DC2], "SUBSCRIBE", rows[i].reply);
        }
        redis[DC2].greeting = rows[i].greeting;
        start_locum();
        assert_says(rows[i].want);
        assert_false(get_status().connected);
        assert_int_equal(received.won, 0);
        assert_int_equal(teardown(state), 0);
        assert_int_equal(setup(state), 0);
    }
}

static bool
has_accepted_some(void *user)
{
    (void)user;
    return redis[DC2].accepted >= 8;
}

static void
test_attempts_have_a_gap(void **state)
{
    (void)state;
    config->nodes[DC3].redis.port = 0;
    redis[DC2].greeting = FAKE_CLOSE;
    const locum_ms began = locum_clock_read().mono;
    start_locum();
    /* Four attempts of two connections each. */
    assert_true(wait_until(base, has_accepted_some, NULL, 8000));
    assert_true(locum_clock_read().mono - began >= 3 * 200);
}

static void
test_a_silent_master_is_left_in_time(void **state)
{
    (void)state;
    config->nodes[DC3].redis.port = 0;
    start_locum();
    assert_true(wait_until(base, is_subscribed, NULL, 2000));
    const locum_ms frozen = locum_clock_read().mono;
    fake_rule(&redis[DC2], "ROLE", FAKE_SILENCE);
    assert_true(wait_until(base, is_lost, NULL, 2000));
    assert_in_range(received.lost_at - frozen, 200, 300 + 300 / 4 + 150);
    assert_non_null(strstr(get_status().error, "no reply to ROLE within 300ms"));
}

/* Case C: "The master's address as Sentinels tell it cannot be reached (NAT, containers)". */
static void
test_a_master_behind_nat_is_used_at_its_configured_address(void **state)
{
    (void)state;
    start_sentinel(NS0, free_port(), "1");
    start_locum();
    assert_true(wait_until(base, is_subscribed, NULL, 5000));
    assert_int_equal(get_status().master.port, redis[DC2].address.port);
    const unsigned polls = received.sentinel[NS0].polls;
    while (received.sentinel[NS0].polls < polls + 5) {
        event_base_loop(base, EVLOOP_ONCE);
    }
    assert_int_equal(received.won, 1);
    assert_int_equal(received.lost, 0);
    assert_string_equal(get_status().error, "");
}

static bool
has_lost_its_sentinel(void *user)
{
    (void)user;
    return !get_status().sentinels[0].connected;
}

/* Case A: "A Sentinel no longer knows the master". One poll may fail, then it is not connected. */
static void
test_a_sentinel_that_no_longer_knows_the_master_is_not_connected(void **state)
{
    (void)state;
    start_sentinel(NS0, redis[DC2].address.port, "1");
    start_locum();
    assert_true(wait_until(base, has_polls, NULL, 2000));
    assert_true(get_status().sentinels[0].connected);
    fake_rule(&sentinel[NS0], "SENTINEL GET-MASTER-ADDR-BY-NAME mirrorbits", "*-1\r\n");
    fake_rule(&sentinel[NS0], "SENTINEL MASTER mirrorbits", "-ERR No such master\r\n");
    fake_rule(&sentinel[NS0], "SENTINEL MASTERS", "*0\r\n");
    assert_true(wait_until(base, has_lost_its_sentinel, NULL, 2000));
    assert_non_null(strstr(get_status().sentinels[0].error, "no master is named 'mirrorbits'"));
    assert_in_range(locum_clock_read().mono - get_status().sentinels[0].polled_mono, 400, 1000);
    set_master(NS0, redis[DC2].address.port, "1");
    const unsigned polls = received.sentinel[NS0].polls;
    while (received.sentinel[NS0].polls == polls) {
        event_base_loop(base, EVLOOP_ONCE);
    }
    assert_true(get_status().sentinels[0].connected);
}

static bool
knows_dc3(void *user)
{
    (void)user;
    return received.sentinel[NS0].known[DC3] == 1;
}

/* Case A: "Sentinels list a site by host names that no node has": they are looked up. */
static void
test_a_host_name_that_no_node_has_is_looked_up(void **state)
{
    (void)state;
    char replica[256];
    (void)snprintf(
        replica, sizeof(replica),
        "*1\r\n*6\r\n$2\r\nip\r\n$9\r\nlocalhost\r\n$4\r\nport\r\n$5\r\n%u\r\n$5\r\nflags"
        "\r\n$12\r\ns_down,slave\r\n",
        redis[DC3].address.port);
    start_sentinel(NS0, redis[DC2].address.port, "1");
    fake_rule(&sentinel[NS0], "SENTINEL REPLICAS", replica);
    start_locum();
    assert_true(wait_until(base, has_polls, NULL, 2000));
    assert_true(wait_until(base, knows_dc3, NULL, 5000));
    assert_int_equal(received.sentinel[NS0].down[DC3], 1);
    assert_string_equal(get_status().unknown_instances, "");
}

static void
test_a_reload_keeps_unchanged_connections(void **state)
{
    (void)state;
    struct locum_config *next = malloc(sizeof(*next));
    assert_non_null(next);
    start_sentinel(NS0, redis[DC2].address.port, "5");
    start_locum();
    assert_true(wait_until(base, is_subscribed, NULL, 2000));
    const unsigned accepted = redis[DC2].accepted;
    const unsigned sentinel_accepted = sentinel[NS0].accepted;
    *next = *config;
    next->events_keep = 5;
    locum_redis_reconfigure(locum, next);
    free(config);
    config = next;
    received.sentinel[NS0].polls = 0;
    assert_true(wait_until(base, has_polls, NULL, 2000));
    assert_int_equal(redis[DC2].accepted, accepted);
    assert_int_equal(sentinel[NS0].accepted, sentinel_accepted);
    assert_int_equal(received.lost, 0);

    /* Without redis.master-name the subscription is lost, reported by the loop. */
    next = malloc(sizeof(*next));
    assert_non_null(next);
    *next = *config;
    next->redis.master_name[0] = '\0';
    locum_redis_reconfigure(locum, next);
    free(config);
    config = next;
    assert_int_equal(received.lost, 0);
    assert_true(wait_until(base, is_lost, NULL, 1000));
    assert_string_equal(get_status().error, "");
    assert_int_equal(get_status().sentinel_count, 0);
}

static bool
has_won(void *user)
{
    return received.won == *(const unsigned *)user;
}

/* Run the loop until a poll's last command has arrived, and some more iterations. */
static void
stop_within_a_poll(unsigned iterations)
{
    const size_t before = sentinel[NS0].text.length;
    while (strstr(sentinel[NS0].log + before, "INFO") == NULL) {
        event_base_loop(base, EVLOOP_ONCE);
    }
    for (unsigned i = 0; i < iterations; i++) {
        event_base_loop(base, EVLOOP_ONCE);
    }
}

/* A reload that closes the connection reports the loss at every phase of a poll. */
static void
test_a_reload_that_reconnects_reports_the_loss(void **state)
{
    (void)state;
    struct locum_config *next = malloc(sizeof(*next));
    assert_non_null(next);
    config->core.sentinel_poll_ms = 50;
    start_sentinel(NS0, redis[DC2].address.port, "5");
    start_locum();
    for (unsigned i = 1; i <= 10; i++) {
        assert_true(wait_until(base, has_won, &i, 3000));
        assert_int_equal(received.lost, i - 1);
        stop_within_a_poll(i % 4);
        *next = *config;
        next->redis.db++;
        locum_redis_reconfigure(locum, next);
        struct locum_config *before = config;
        config = next;
        next = before;
    }
    assert_true(wait_until(base, is_subscribed, NULL, 3000));
    free(next);
}

static bool
is_later(void *user)
{
    return locum_clock_read().mono > *(const locum_ms *)user;
}

static void
test_without_a_master_name_it_does_nothing(void **state)
{
    (void)state;
    locum_ms later = locum_clock_read().mono + 300;
    config->redis.master_name[0] = '\0';
    start_locum();
    locum_redis_publish(locum, locum_slice_of("message"));
    assert_true(wait_until(base, is_later, &later, 2000));
    assert_int_equal(redis[DC2].accepted, 0);
    assert_string_equal(get_status().error, "");
    assert_int_equal(get_status().master.port, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_login_and_role_come_first),
        TEST(test_writes_go_out_as_documented),
        TEST(test_an_error_of_a_write_is_only_reported),
        TEST(test_events_wait_for_a_connection_and_keep_their_order),
        TEST(test_only_an_unconfirmed_event_is_sent_again),
        TEST(test_a_refused_event_is_not_sent_again),
        TEST(test_a_user_that_may_not_publish_is_not_connected),
        TEST(test_a_client_pause_around_a_failover_does_not_flap),
        TEST(test_a_redis_db_out_of_the_servers_range_is_reported),
        TEST(test_a_master_that_becomes_a_replica_is_left),
        TEST(test_each_server_that_is_not_a_master_is_reported),
        TEST(test_attempts_have_a_gap),
        TEST(test_a_silent_master_is_left_in_time),
        TEST(test_a_master_behind_nat_is_used_at_its_configured_address),
        TEST(test_a_sentinel_that_no_longer_knows_the_master_is_not_connected),
        TEST(test_a_host_name_that_no_node_has_is_looked_up),
        TEST(test_a_reload_keeps_unchanged_connections),
        TEST(test_a_reload_that_reconnects_reports_the_loss),
        TEST(test_without_a_master_name_it_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
