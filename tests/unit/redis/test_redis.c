/*
 * The whole room against Redis and Sentinel servers that answer from a table: what an operator
 * reads, what is followed, what ends a connection and what does not.
 */
#include "fake.h"

enum { DC2 = 0, DC3 = 1, NS0 = 2, NODES = 3 };

#define MASTER_ROLE  "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"
#define REPLICA_ROLE "*2\r\n$5\r\nslave\r\n$1\r\nx\r\n"

static struct event_base *base;
static struct locum_config *config;
static struct locum_redis *room;
static struct ears ears;
static struct fake redis[2];        /* of dc2, dc3 */
static struct fake sentinel[NODES]; /* started where a test wants them */
static char told[NODES][128];       /* "@ip port" of each Sentinel */
static char masters[NODES][512];

static int
setup(void **state)
{
    (void)state;
    memset(&ears, 0, sizeof(ears));
    base = event_base_new();
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
        fake_rule(&redis[i], "XADD", "$3\r\n0-1\r\n");
        set_endpoint(&config->nodes[i].redis, redis[i].address.port);
    }
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    locum_redis_destroy(room);
    room = NULL;
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
    return ears.repeated == 0 ? 0 : -1;
}

static void
start_room(void)
{
    assert_int_equal(locum_redis_create(base, config, &ears_events, &ears, &room), 0);
}

/* What the Sentinel at `node` says of the master. */
static void
tell_master(size_t node, uint16_t port, const char *epoch)
{
    struct locum_text text = locum_text_init(told[node], sizeof(told[node]));
    locum_text_add(&text, "@127.0.0.1 ");
    locum_text_add_u64(&text, port);
    fake_rule(&sentinel[node], "SENTINEL GET-MASTER-ADDR-BY-NAME mirrorbits", told[node]);
    text = locum_text_init(masters[node], sizeof(masters[node]));
    locum_text_add(&text, "@ip 127.0.0.1 port ");
    locum_text_add_u64(&text, port);
    locum_text_add(&text, " flags master config-epoch ");
    locum_text_add(&text, epoch);
    fake_rule(&sentinel[node], "SENTINEL MASTER mirrorbits", masters[node]);
}

static void
start_sentinel(size_t node, uint16_t port, const char *epoch)
{
    fake_start(&sentinel[node], base);
    fake_rule(&sentinel[node], "CLIENT SETNAME", "+OK\r\n");
    fake_rule(&sentinel[node], "SENTINEL REPLICAS", "*0\r\n");
    fake_rule(&sentinel[node], "SENTINEL SENTINELS", "*0\r\n");
    fake_rule(&sentinel[node], "INFO", "$29\r\n# Sentinel\r\nsentinel_tilt:0\r\n\r\n");
    tell_master(node, port, epoch);
    set_endpoint(&config->nodes[node].sentinel, sentinel[node].address.port);
}

static struct locum_redis_status
get_status(void)
{
    struct locum_redis_status status;
    locum_redis_status(room, &status);
    return status;
}

static bool
is_subscribed(void *user)
{
    (void)user;
    return ears.subscribed;
}

static bool
is_lost(void *user)
{
    (void)user;
    return ears.lost > 0;
}

static bool
says(void *user)
{
    return strstr(get_status().error, user) != NULL;
}

static void
assert_says(const char *want)
{
    char copy[256];
    SET_TEXT(copy, want);
    if (!wait_until(base, says, copy, 3000)) {
        fail_msg("wanted \"%s\", status says \"%s\"", want, get_status().error);
    }
}

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
has_line(void *user)
{
    (void)user;
    return ears.lines > 0;
}

static void
it_says_who_it_is_and_checks_first(void **state)
{
    (void)state;
    SET_TEXT(config->redis.user, "locum");
    SET_TEXT(config->redis.password, "secret");
    config->redis.db = 3;
    fake_rule(&redis[DC2], "AUTH locum secret", "+OK\r\n");
    start_room();
    assert_true(wait_until(base, is_subscribed, NULL, 2000));
    assert_non_null(strstr(redis[DC2].log, "AUTH locum secret\nCLIENT SETNAME locum-dc2\nROLE\n"
                                           "SELECT 3\n"));
    assert_non_null(strstr(redis[DC2].log, "SUBSCRIBE locum:get:heartbeat\n"
                                           "SUBSCRIBE _mirrorbits_cluster\n"));
    fake_broadcast(&redis[DC2], "message locum:get:heartbeat x");
    fake_broadcast(&redis[DC2], "message elsewhere y");
    assert_true(wait_until(base, has_line, NULL, 2000));
    assert_string_equal(ears.line, "x");
    assert_int_equal(ears.lines, 1);
}

static void
writes_go_out_as_documented(void **state)
{
    (void)state;
    static const struct locum_field fields[] = {{"role", "server"}, {"note", "two words"}};
    config->events_keep = 77;
    start_room();
    locum_redis_publish(room, locum_slice_of("early")); /* dropped */
    assert_true(wait_until(base, is_subscribed, NULL, 2000));
    locum_redis_publish(room, locum_slice_of("line"));
    locum_redis_write_node(room, fields, LOCUM_COUNT(fields), 1763863261373);
    locum_redis_add_event(room, fields, 1);
    assert_true(wait_until(base, logged, "XADD", 2000));
    assert_non_null(strstr(redis[DC2].log, "PUBLISH locum:get:heartbeat line\n"
                                           "HSET locum:get:node:dc2 role server note two words\n"
                                           "PEXPIRE locum:get:node:dc2 604800000\n"
                                           "ZADD locum:get:nodes 1763863261373 dc2\n"
                                           "XADD locum:get:events MAXLEN ~ 77 * role server\n"));
    assert_null(strstr(redis[DC2].log, "early"));
    assert_true(get_status().commands > 8);
}

static void
errors_of_writes_cost_a_sentence_only(void **state)
{
    (void)state;
    static const struct {
        const char *command, *reply, *want;
    } rows[] = {
        {"HSET", "-LOADING Redis is loading the dataset in memory\r\n", "is loading its data"},
        {"HSET", "-MISCONF Redis is configured to save\r\n", "cannot save to its disk"},
        {"ZADD", "-NOREPLICAS Not enough good replicas\r\n", "set min-replicas-to-write 0"},
        {"PEXPIRE", "-NOPERM this user\r\n", "does not let our user run PEXPIRE"},
        {"XADD", "-WRONGTYPE Operation against\r\n", "where XADD writes"},
        {"PUBLISH", "-NOPERM this user\r\n", "does not let our user run PUBLISH"},
        {"HSET", "-ERR what?\r\n", "answered HSET with: ERR what?"},
        {"HSET", "*1\r\n*1\r\n*0\r\n", ""},
    };
    static const struct locum_field field = {"role", "server"};
    start_room();
    assert_true(wait_until(base, is_subscribed, NULL, 2000));
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        const struct fake_rule *rule = redis[DC2].rules;
        while (strcmp(rule->match, rows[i].command) != 0) {
            rule++;
        }
        const char *before = rule->reply;
        fake_rule(&redis[DC2], rows[i].command, rows[i].reply);
        locum_redis_publish(room, locum_slice_of("line"));
        locum_redis_write_node(room, &field, 1, 0);
        locum_redis_add_event(room, &field, 1);
        assert_says(rows[i].want);
        fake_rule(&redis[DC2], rows[i].command, before);
        locum_redis_publish(room, locum_slice_of("line"));
        locum_redis_write_node(room, &field, 1, 0);
        locum_redis_add_event(room, &field, 1);
        assert_true(wait_until(base, is_quiet, NULL, 2000));
    }
    assert_int_equal(ears.lost, 0);
    assert_int_equal(ears.won, 1);
}

static void
without_its_database_no_key_is_written(void **state)
{
    (void)state;
    static const struct locum_field field = {"role", "server"};
    fake_rule(&redis[DC2], "SELECT", "-ERR DB index is out of range\r\n");
    start_room();
    assert_true(wait_until(base, is_subscribed, NULL, 2000));
    assert_says("answered SELECT with: ERR DB index is out of range");
    locum_redis_write_node(room, &field, 1, 0);
    locum_redis_publish(room, locum_slice_of("line"));
    assert_true(wait_until(base, logged, "PUBLISH", 2000));
    assert_null(strstr(redis[DC2].log, "HSET"));
}

static void
a_master_that_becomes_a_replica_is_left(void **state)
{
    (void)state;
    static const char *const how[][2] = {
        {"ROLE", REPLICA_ROLE},
        {"HSET", "-READONLY You can't write against a read only replica.\r\n"},
    };
    static const struct locum_field field = {"role", "server"};
    for (size_t i = 0; i < LOCUM_COUNT(how); i++) {
        start_room();
        assert_true(wait_until(base, is_subscribed, NULL, 2000));
        fake_rule(&redis[DC2], how[i][0], how[i][1]);
        locum_redis_write_node(room, &field, 1, 0);
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

/* Whatever it answers, the room goes on, and says what is wrong. */
static void
what_is_no_master_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *match, *reply, *greeting, *want;
    } rows[] = {
        {"ROLE", REPLICA_ROLE, NULL, "is a replica, not the master"},
        {"ROLE", "*1\r\n$8\r\nsentinel\r\n", NULL, "is a Sentinel, not a Redis server"},
        {"ROLE", "*0\r\n", NULL, "answers ROLE with something else"},
        {"ROLE", ":1\r\n", NULL, "answers ROLE with something else"},
        {"ROLE", "-NOAUTH Authentication required.\r\n", NULL, "asks for a password"},
        {"ROLE", "-NOPERM this user\r\n", NULL, "does not let our user run ROLE"},
        {"*", FAKE_SILENCE, NULL, "no reply to CLIENT SETNAME within 300ms"},
        {"ROLE", FAKE_CLOSE, NULL, "it closed the connection"},
        {"CLIENT", "-NOAUTH Authentication required.\r\n", NULL, "asks for a password"},
        {"CLIENT", "-DENIED Redis is running in protected mode\r\n", NULL, "is in protected mode"},
        {"SUBSCRIBE", ":1\r\n", NULL, "answers SUBSCRIBE with something else"},
        {"SUBSCRIBE", "@subscribe elsewhere 1", NULL, "answers SUBSCRIBE with something else"},
        {"SUBSCRIBE", "-NOPERM this user\r\n", NULL, "does not let our user run SUBSCRIBE"},
        {"-", "", "+OK\r\n", "is this a Redis?"},
        {"-", "", "@message locum:get:heartbeat x", "is this a Redis?"},
        {"-", "", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", "Redis' protocol"},
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
        start_room();
        assert_says(rows[i].want);
        assert_false(get_status().connected);
        assert_int_equal(ears.won, 0);
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
attempts_keep_their_distance(void **state)
{
    (void)state;
    config->nodes[DC3].redis.port = 0;
    redis[DC2].greeting = FAKE_CLOSE;
    const locum_ms began = locum_now_read().mono;
    start_room();
    /* Four attempts of two connections each. */
    assert_true(wait_until(base, has_accepted_some, NULL, 8000));
    assert_true(locum_now_read().mono - began >= 3 * 200);
}

static void
a_silent_master_is_left_in_time(void **state)
{
    (void)state;
    config->nodes[DC3].redis.port = 0;
    start_room();
    assert_true(wait_until(base, is_subscribed, NULL, 2000));
    const locum_ms frozen = locum_now_read().mono;
    fake_rule(&redis[DC2], "ROLE", FAKE_SILENCE);
    assert_true(wait_until(base, is_lost, NULL, 2000));
    assert_in_range(ears.lost_at - frozen, 200, 300 + 300 / 4 + 150);
    assert_non_null(strstr(get_status().error, "no reply to ROLE within 300ms"));
}

static void
the_higher_epoch_is_followed_at_once(void **state)
{
    (void)state;
    start_sentinel(DC2, redis[DC2].address.port, "5");
    start_sentinel(NS0, redis[DC2].address.port, "5");
    fake_rule(&redis[DC3], "ROLE", MASTER_ROLE);
    start_room();
    assert_true(wait_until(base, is_subscribed, NULL, 2000));
    assert_int_equal(get_status().master.port, redis[DC2].address.port);
    /* One Sentinel knows more; the event makes us ask. */
    tell_master(NS0, redis[DC3].address.port, "6");
    fake_broadcast(&sentinel[NS0], "message +switch-master whatever");
    assert_true(wait_until(base, is_lost, NULL, 1000));
    assert_true(wait_until(base, is_subscribed, NULL, 1000));
    assert_int_equal(get_status().master.port, redis[DC3].address.port);
    /* The old one is not gone back to, though it still calls itself master. */
    assert_int_equal(ears.won, 2);
    assert_int_equal(ears.lost, 1);
}

static bool
has_polls(void *user)
{
    (void)user;
    return ears.sentinel[NS0].polls > 0;
}

static void
a_view_is_sorted_to_nodes(void **state)
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
    start_room();
    assert_true(wait_until(base, has_polls, NULL, 2000));
    assert_true(ears.sentinel[NS0].tilt);
    assert_int_equal(ears.sentinel[NS0].known[DC2], 1);
    assert_int_equal(ears.sentinel[NS0].down[DC2], 0);
    assert_int_equal(ears.sentinel[NS0].known[DC3], 1);
    assert_int_equal(ears.sentinel[NS0].down[DC3], 1);
    assert_int_equal(ears.sentinel[NS0].known[NS0], 1);
    const struct locum_redis_status status = get_status();
    assert_string_equal(status.strangers, "127.0.0.9:26379");
    assert_int_equal(status.sentinel_count, 1);
    assert_int_equal(status.sentinels[0].node, NS0);
    assert_true(status.sentinels[0].connected);
    assert_true(status.sentinels[0].tilt);
}

/* Of mirrorbits-config: they lead to the master, and are nobody's evidence. */
static void
a_sentinel_of_no_node_leads_to_the_master(void **state)
{
    (void)state;
    start_sentinel(NS0, redis[DC2].address.port, "5");
    config->redis.sentinels[0] = config->nodes[NS0].sentinel;
    config->redis.sentinel_count = 1;
    memset(&config->nodes[NS0].sentinel, 0, sizeof(config->nodes[NS0].sentinel));
    config->redis.server = config->nodes[DC3].redis;
    config->nodes[DC2].redis.port = config->nodes[DC3].redis.port = 0;
    start_room();
    assert_true(wait_until(base, is_subscribed, NULL, 2000));
    const struct locum_redis_status status = get_status();
    assert_int_equal(status.master.port, redis[DC2].address.port);
    assert_int_equal(status.sentinel_count, 1);
    assert_int_equal(status.sentinels[0].node, LOCUM_NODE_NONE);
    assert_non_null(strstr(status.sentinels[0].where, "127.0.0.1:"));
    assert_int_equal(ears.polls, 0);
}

static bool
sentinel_says(void *user)
{
    return strstr(get_status().sentinels[0].error, user) != NULL;
}

/* No view comes of a reply that is wrong in one place; the room says what is wrong. */
static void
a_wrong_sentinel_is_told_and_gives_no_view(void **state)
{
    (void)state;
    static const struct {
        const char *match, *reply, *want;
    } rows[] = {
        {"SENTINEL REPLICAS", ":1\r\n", "sent a reply that makes no sense"},
        {"SENTINEL REPLICAS", "*1\r\n*1\r\n*0\r\n", "sent a reply that makes no sense"},
        {"SENTINEL SENTINELS", "$-1\r\n", "sent a reply that makes no sense"},
        {"SENTINEL MASTER mirrorbits", "@ip 127.0.0.1 port 1 flags master",
         "sent a reply that makes no sense"},
        {"SENTINEL MASTER mirrorbits", "@ip dc/2 port 1 flags master config-epoch 1",
         "neither an address nor a host name"},
        {"SENTINEL GET-MASTER-ADDR-BY-NAME mirrorbits", "+OK\r\n", "makes no sense"},
        {"SENTINEL GET-MASTER-ADDR-BY-NAME mirrorbits", "*-1\r\n",
         "knows no master named 'mirrorbits': check redis.master-name; it knows: (no list)"},
        {"INFO", "$0\r\n\r\n", "makes no sense"},
        {"INFO", "-NOPERM this user\r\n", "does not let our user run INFO"},
        {"INFO", FAKE_SILENCE, "no reply to INFO within 300ms"},
        {"INFO", FAKE_CLOSE, "it closed the connection"},
        {"INFO", "$14\r\nsentinel_tilt:", "no reply to INFO"},
        {"CLIENT SETNAME", "-NOAUTH Authentication required.\r\n",
         "asks for a password: set redis.sentinel-password-file"},
        {"SUBSCRIBE", ":1\r\n", "answers SUBSCRIBE with something else"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        char want[128];
        SET_TEXT(want, rows[i].want);
        start_sentinel(NS0, redis[DC2].address.port, "5");
        fake_rule(&sentinel[NS0], "SENTINEL MASTERS", ":1\r\n");
        fake_rule(&sentinel[NS0], rows[i].match, rows[i].reply);
        start_room();
        if (!wait_until(base, sentinel_says, want, 3000)) {
            fail_msg("row %zu: %s", i, get_status().sentinels[0].error);
        }
        if (strcmp(rows[i].match, "SUBSCRIBE") != 0) {
            assert_int_equal(ears.polls, 0);
        }
        assert_int_equal(teardown(state), 0);
        assert_int_equal(setup(state), 0);
    }
}

static bool
was_accepted_twice(void *user)
{
    (void)user;
    return sentinel[NS0].accepted >= 4 && ears.polls > 0;
}

static void
a_sentinel_that_comes_back_is_asked_again(void **state)
{
    (void)state;
    start_sentinel(NS0, redis[DC2].address.port, "5");
    sentinel[NS0].greeting = FAKE_CLOSE;
    start_room();
    char want[] = "it closed the connection";
    assert_true(wait_until(base, sentinel_says, want, 2000));
    sentinel[NS0].greeting = NULL;
    assert_true(wait_until(base, was_accepted_twice, NULL, 3000));
    assert_string_equal(get_status().sentinels[0].error, "");
}

static void
a_reload_keeps_what_did_not_change(void **state)
{
    (void)state;
    struct locum_config *next = malloc(sizeof(*next));
    assert_non_null(next);
    start_sentinel(NS0, redis[DC2].address.port, "5");
    start_room();
    assert_true(wait_until(base, is_subscribed, NULL, 2000));
    const unsigned accepted = redis[DC2].accepted;
    const unsigned sentinel_accepted = sentinel[NS0].accepted;
    *next = *config;
    next->events_keep = 5;
    locum_redis_reconfigure(room, next);
    free(config);
    config = next;
    ears.sentinel[NS0].polls = 0;
    assert_true(wait_until(base, has_polls, NULL, 2000));
    assert_int_equal(redis[DC2].accepted, accepted);
    assert_int_equal(sentinel[NS0].accepted, sentinel_accepted);
    assert_int_equal(ears.lost, 0);

    /* No Redis any more: what was won is lost, told by the loop. */
    next = malloc(sizeof(*next));
    assert_non_null(next);
    *next = *config;
    next->redis.master_name[0] = '\0';
    locum_redis_reconfigure(room, next);
    free(config);
    config = next;
    assert_int_equal(ears.lost, 0);
    assert_true(wait_until(base, is_lost, NULL, 1000));
    assert_string_equal(get_status().error, "");
    assert_int_equal(get_status().sentinel_count, 0);
}

static bool
is_later(void *user)
{
    return locum_now_read().mono > *(const locum_ms *)user;
}

static void
without_a_master_name_it_does_nothing(void **state)
{
    (void)state;
    locum_ms later = locum_now_read().mono + 300;
    config->redis.master_name[0] = '\0';
    start_room();
    locum_redis_publish(room, locum_slice_of("line"));
    assert_true(wait_until(base, is_later, &later, 2000));
    assert_int_equal(redis[DC2].accepted, 0);
    assert_string_equal(get_status().error, "");
    assert_int_equal(get_status().master.port, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_says_who_it_is_and_checks_first),
        TEST(writes_go_out_as_documented),
        TEST(errors_of_writes_cost_a_sentence_only),
        TEST(without_its_database_no_key_is_written),
        TEST(a_master_that_becomes_a_replica_is_left),
        TEST(what_is_no_master_is_told),
        TEST(attempts_keep_their_distance),
        TEST(a_silent_master_is_left_in_time),
        TEST(the_higher_epoch_is_followed_at_once),
        TEST(a_view_is_sorted_to_nodes),
        TEST(a_sentinel_of_no_node_leads_to_the_master),
        TEST(a_wrong_sentinel_is_told_and_gives_no_view),
        TEST(a_sentinel_that_comes_back_is_asked_again),
        TEST(a_reload_keeps_what_did_not_change),
        TEST(without_a_master_name_it_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
