/*
 * Sentinels of struct locum_redis: which master is followed, how views are assigned to nodes, and
 * how unusable and hostile replies are reported.
 */
#include "whole.h"

#include "base/timer.h"

static void
test_the_higher_epoch_is_followed_at_once(void **state)
{
    (void)state;
    start_sentinel(DC2, redis[DC2].address.port, "5");
    start_sentinel(NS0, redis[DC2].address.port, "5");
    fake_rule(&redis[DC3], "ROLE", MASTER_ROLE);
    start_locum();
    assert_true(wait_until(base, is_subscribed, NULL, 2000));
    assert_int_equal(get_status().master.port, redis[DC2].address.port);
    /* One Sentinel has a higher epoch; its event causes a poll. */
    set_master(NS0, redis[DC3].address.port, "6");
    fake_broadcast(&sentinel[NS0], "message +switch-master whatever");
    assert_true(wait_until(base, is_lost, NULL, 1000));
    assert_true(wait_until(base, is_subscribed, NULL, 1000));
    assert_int_equal(get_status().master.port, redis[DC3].address.port);
    /* The old one is not used again, although it still calls itself master. */
    assert_int_equal(received.won, 2);
    assert_int_equal(received.lost, 1);
}

static void
test_a_view_is_assigned_to_nodes(void **state)
{
    (void)state;
    static char lists[2][256];
    start_sentinel(NS0, redis[DC2].address.port, "5");
    set_endpoint(&config->nodes[DC3].sentinel, sentinel[NS0].address.port);
    config->nodes[DC3].sentinel.port = 0;
    struct locum_text text = locum_text_init(lists[0], sizeof(lists[0]));
    locum_text_add(&text, "*2\r\n*6\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n$4\r\nport\r\n$5\r\n");
    locum_text_add_u64(&text, redis[DC3].address.port);
    locum_text_add(&text, "\r\n$5\r\nflags\r\n$12\r\ns_down,slave\r\n"
                          "*6\r\n$2\r\nip\r\n$9\r\n127.0.0.9\r\n$4\r\nport\r\n$5\r\n26379\r\n"
                          "$5\r\nflags\r\n$5\r\nslave\r\n");
    fake_rule(&sentinel[NS0], "SENTINEL REPLICAS", lists[0]);
    fake_rule(&sentinel[NS0], "INFO", "$15\r\nsentinel_tilt:1\r\n");
    start_locum();
    assert_true(wait_until(base, has_polls, NULL, 2000));
    assert_true(received.sentinel[NS0].tilt);
    assert_int_equal(received.sentinel[NS0].known[DC2], 1);
    assert_int_equal(received.sentinel[NS0].down[DC2], 0);
    assert_int_equal(received.sentinel[NS0].known[DC3], 1);
    assert_int_equal(received.sentinel[NS0].down[DC3], 1);
    assert_int_equal(received.sentinel[NS0].known[NS0], 1);
    const struct locum_redis_status status = get_status();
    assert_string_equal(status.unknown_instances, "127.0.0.9:26379");
    assert_int_equal(status.sentinel_count, 1);
    assert_int_equal(status.sentinels[0].node, NS0);
    assert_true(status.sentinels[0].connected);
    assert_true(status.sentinels[0].tilt);
}

/* Sentinels of mirrorbits-config report the master, and give no evidence about nodes. */
static void
test_a_sentinel_of_no_node_leads_to_the_master(void **state)
{
    (void)state;
    start_sentinel(NS0, redis[DC2].address.port, "5");
    config->redis.sentinels[0] = config->nodes[NS0].sentinel;
    config->redis.sentinel_count = 1;
    memset(&config->nodes[NS0].sentinel, 0, sizeof(config->nodes[NS0].sentinel));
    config->redis.server = config->nodes[DC3].redis;
    config->nodes[DC2].redis.port = config->nodes[DC3].redis.port = 0;
    start_locum();
    assert_true(wait_until(base, is_subscribed, NULL, 2000));
    const struct locum_redis_status status = get_status();
    assert_int_equal(status.master.port, redis[DC2].address.port);
    assert_int_equal(status.sentinel_count, 1);
    assert_int_equal(status.sentinels[0].node, LOCUM_NODE_NONE);
    assert_non_null(strstr(status.sentinels[0].where, "127.0.0.1:"));
    assert_int_equal(received.polls, 0);
}

static bool
sentinel_says(void *user)
{
    return strstr(get_status().sentinels[0].error, user) != NULL;
}

static bool
has_many_polls(void *user)
{
    return received.sentinel[NS0].polls >= *(const unsigned *)user;
}

static bool
has_asked(void *user)
{
    return fake_count(&sentinel[NS0], "INFO sentinel\n") >= *(const size_t *)user;
}

/* Run until the polls that connecting and subscribing cause are over. */
static void
start_polls(void)
{
    size_t want = 3;
    start_sentinel(NS0, redis[DC2].address.port, "5");
    start_locum();
    assert_true(wait_until(base, has_asked, &want, 3000));
}

/* How long this number of polls takes. */
static locum_ms
time_of_polls(size_t polls)
{
    const locum_ms begin = locum_clock_read().mono;
    size_t want = fake_count(&sentinel[NS0], "INFO sentinel\n") + polls;
    assert_true(wait_until(base, has_asked, &want, 10000));
    return locum_clock_read().mono - begin;
}

static void
test_polls_keep_their_interval(void **state)
{
    (void)state;
    start_polls();
    assert_in_range(time_of_polls(8), 7 * 90, 8 * 200);
}

/* An event asks for a poll early. While its answer is awaited, the timer starts no second poll. */
static void
test_a_slow_poll_is_not_started_twice(void **state)
{
    (void)state;
    unsigned polled = 3; /* those that connecting and subscribing cause */
    config->redis.timeout_ms = 1000;
    config->core.sentinel_poll_ms = 400;
    start_sentinel(NS0, redis[DC2].address.port, "5");
    start_locum();
    assert_true(wait_until(base, has_many_polls, &polled, 2000));
    fake_rule(&sentinel[NS0], "INFO", FAKE_SILENCE);
    size_t asked = fake_count(&sentinel[NS0], "INFO sentinel\n") + 1;
    fake_broadcast(&sentinel[NS0], "message +sdown x");
    assert_true(wait_until(base, has_asked, &asked, 300));
    asked++;
    assert_false(wait_until(base, has_asked, &asked, 600));
    for (size_t i = 0; i < FAKE_CLIENTS_MAX; i++) {
        struct fake_client *client = &sentinel[NS0].clients[i];
        if (client->bev != NULL && !client->subscribed) {
            (void)fake_send(client, "$29\r\n# Sentinel\r\nsentinel_tilt:0\r\n\r\n");
        }
    }
    polled = received.sentinel[NS0].polls + 1;
    assert_true(wait_until(base, has_many_polls, &polled, 2000));
    assert_true(wait_until(base, has_asked, &asked, 500)); /* the next interval */
}

/* Each fourth poll subscribes again, which checks that connection. */
static void
test_each_fourth_poll_checks_the_subscription(void **state)
{
    (void)state;
    config->core.sentinel_poll_ms = 50;
    start_polls();
    (void)time_of_polls(21);
    const size_t polls = fake_count(&sentinel[NS0], "INFO sentinel\n");
    const size_t others = fake_count(&sentinel[NS0], "SUBSCRIBE +switch-master\n");
    assert_true(polls >= 24);
    assert_true(others >= 1 + polls / 4 && others <= 1 + (polls + 3) / 4);
}

/* One unusable reply in a poll: no view, and the status says why. */
static void
test_an_unusable_reply_is_reported_and_gives_no_view(void **state)
{
    (void)state;
    static const struct {
        const char *match, *reply, *want;
    } rows[] = {
        {"SENTINEL REPLICAS", ":1\r\n", "unexpected reply"},
        {"SENTINEL REPLICAS", "*1\r\n*1\r\n*0\r\n", "unexpected reply"},
        {"SENTINEL SENTINELS", "$-1\r\n", "unexpected reply"},
        {"SENTINEL MASTER mirrorbits", "@ip 127.0.0.1 port 1 flags master", "unexpected reply"},
        {"SENTINEL MASTER mirrorbits", "@ip dc/2 port 1 flags master config-epoch 1",
         "neither an address nor a host name"},
        {"SENTINEL GET-MASTER-ADDR-BY-NAME mirrorbits", "+OK\r\n", "unexpected reply"},
        {"SENTINEL GET-MASTER-ADDR-BY-NAME mirrorbits", "*-1\r\n",
         "'mirrorbits'; set redis.master-name to one of: (no list)"},
        {"INFO", "$0\r\n\r\n", "unexpected reply"},
        {"INFO", "-NOPERM this user\r\n", "INFO refused (NOPERM)"},
        {"INFO", FAKE_SILENCE, "no reply to INFO within 300ms"},
        {"INFO", FAKE_CLOSE, "connection closed"},
        {"INFO", "$14\r\nsentinel_tilt:", "no reply to INFO"},
        {"CLIENT SETNAME", "-NOAUTH Authentication required.\r\n",
         "set redis.sentinel-password-file"},
        {"SUBSCRIBE", ":1\r\n", "unexpected reply to SUBSCRIBE"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        char want[128];
        SET_TEXT(want, rows[i].want);
        start_sentinel(NS0, redis[DC2].address.port, "5");
        fake_rule(&sentinel[NS0], "SENTINEL MASTERS", ":1\r\n");
        fake_rule(&sentinel[NS0], rows[i].match, rows[i].reply);
        start_locum();
        if (!wait_until(base, sentinel_says, want, 3000)) {
            fail_msg("row %zu: %s", i, get_status().sentinels[0].error);
        }
        if (strcmp(rows[i].match, "SUBSCRIBE") != 0) {
            assert_int_equal(received.polls, 0);
        }
        assert_int_equal(teardown(state), 0);
        assert_int_equal(setup(state), 0);
    }
}

/*
 * A greeting is taken for the first reply, and each reply for the next one: which of them is found
 * wrong first, one without a command, a list or a confirmation, depends on how they arrive.
 */
#define NO_SENTINEL ": is this a "

/* A server that is no Sentinel, or breaks the protocol: reported, tried again, never followed. */
static void
test_a_hostile_server_is_reported_and_gives_no_view(void **state)
{
    (void)state;
    static const struct {
        const char *greeting, *master; /* the reply to SENTINEL MASTER; NULL: a valid one */
        bool endless, reads_nothing;
        const char *want;
    } rows[] = {
        {"+OK\r\n", NULL, false, false, NO_SENTINEL},
        {":1\r\n", NULL, false, false, NO_SENTINEL},
        {"@message +sdown x", NULL, false, false, NO_SENTINEL},
        {"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", NULL, false, false, "protocol"},
        {"HTTP/1.1 200 OK\r\n", NULL, false, false, "protocol"},
        {"-DENIED Redis is running in protected mode\r\n", NULL, false, false, "protected mode"},
        {FAKE_CLOSE, NULL, false, false, "TLS port"},
        {NULL, NULL, false, true, "no reply to CLIENT SETNAME within 100ms"},
        {"$1000000000\r\n", NULL, true, false, "longer than 256 KiB"},
        {NULL, "*1000000000\r\n", false, false, "more than 4096 elements"},
        {NULL, "-LOADING Redis is loading\r\n", false, false, "(LOADING)"},
        {NULL, "-MISCONF no\r\n", false, false, "(MISCONF)"},
        {NULL, "-NOPERM this user\r\n", false, false, "locum-sentinel.acl"},
        {NULL, "-ERR \x1b[31mred\r\n", false, false, "SENTINEL MASTER refused: 'ERR ?[31mred"},
        {NULL, "*2\r\n*2\r\n:1\r\n:2\r\n$-1\r\n", false, false, "unexpected reply"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        char want[128];
        SET_TEXT(want, rows[i].want);
        config->redis.timeout_ms = 100; /* it waits that long for a Sentinel at the start */
        start_sentinel(NS0, redis[DC2].address.port, "5");
        if (rows[i].master != NULL) {
            fake_rule(&sentinel[NS0], "SENTINEL MASTER mirrorbits", rows[i].master);
        }
        sentinel[NS0].greeting = rows[i].greeting;
        sentinel[NS0].endless = rows[i].endless;
        sentinel[NS0].reads_nothing = rows[i].reads_nothing;
        start_locum();
        if (!wait_until(base, sentinel_says, want, 3000)) {
            fail_msg("row %zu: %s", i, get_status().sentinels[0].error);
        }
        assert_int_equal(received.polls, 0);
        /* The configured Redis is found without it. */
        assert_true(wait_until(base, is_subscribed, NULL, 3000));
        assert_int_equal(teardown(state), 0);
        assert_int_equal(setup(state), 0);
    }
}

static bool
was_accepted_twice(void *user)
{
    (void)user;
    return sentinel[NS0].accepted >= 4 && received.polls > 0;
}

static void
test_a_sentinel_that_returns_is_polled_again(void **state)
{
    (void)state;
    start_sentinel(NS0, redis[DC2].address.port, "5");
    sentinel[NS0].greeting = FAKE_CLOSE;
    start_locum();
    char want[] = "connection closed";
    assert_true(wait_until(base, sentinel_says, want, 2000));
    sentinel[NS0].greeting = NULL;
    assert_true(wait_until(base, was_accepted_twice, NULL, 3000));
    assert_string_equal(get_status().sentinels[0].error, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_higher_epoch_is_followed_at_once),
        TEST(test_a_view_is_assigned_to_nodes),
        TEST(test_a_sentinel_of_no_node_leads_to_the_master),
        TEST(test_an_unusable_reply_is_reported_and_gives_no_view),
        TEST(test_a_hostile_server_is_reported_and_gives_no_view),
        TEST(test_polls_keep_their_interval),
        TEST(test_a_slow_poll_is_not_started_twice),
        TEST(test_each_fourth_poll_checks_the_subscription),
        TEST(test_a_sentinel_that_returns_is_polled_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
