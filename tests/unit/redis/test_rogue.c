/*
 * A Sentinel that names another master, with an epoch above all others. A server that is connected
 * to receives the password, so nothing is sent to an address that is not configured.
 */
#include "whole.h"

enum { MORE_POLLS = 5 };

static struct fake elsewhere; /* answers as a master does */

static int
setup_with_passwords(void **state)
{
    (void)setup(state);
    SET_TEXT(config->redis.user, "locum");
    SET_TEXT(config->redis.password, "password");
    SET_TEXT(config->redis.sentinel_password, "password");
    for (size_t i = 0; i < LOCUM_COUNT(redis); i++) {
        fake_rule(&redis[i], "AUTH", "+OK\r\n");
    }
    fake_start(&elsewhere, base);
    fake_rule(&elsewhere, "ROLE", MASTER_ROLE);
    fake_rule(&elsewhere, "", "+OK\r\n");
    return 0;
}

static int
teardown_all(void **state)
{
    fake_stop(&elsewhere);
    return teardown(state);
}

static void
start_with_master(size_t node, const struct fake *master, const char *epoch)
{
    start_sentinel(node, master->address.port, epoch);
    fake_rule(&sentinel[node], "AUTH", "+OK\r\n");
}

static void
start_rogue(void)
{
    start_with_master(NS0, &elsewhere, "9223372036854775807");
}

/* What the status says of the Sentinel at ns0, which is configured last. */
static struct locum_redis_sentinel
rogue_status(void)
{
    const struct locum_redis_status status = get_status();
    assert_true(status.sentinel_count > 0);
    return status.sentinels[status.sentinel_count - 1];
}

static bool
is_named(void *user)
{
    (void)user;
    const struct locum_redis_sentinel status = rogue_status();
    return locum_address_equal(&status.unlisted_master, &elsewhere.address);
}

static bool
has_more_polls(void *user)
{
    return received.sentinel[NS0].polls >= *(const unsigned *)user + MORE_POLLS;
}

static void
poll_some_times(void)
{
    unsigned polls = received.sentinel[NS0].polls;
    assert_true(wait_until(base, has_more_polls, &polls, 5000));
}

static void
assert_undisturbed(void)
{
    assert_int_equal(elsewhere.accepted, 0);
    assert_int_equal(received.won, 1);
    assert_int_equal(received.lost, 0);
    assert_int_equal(get_status().master.port, redis[DC2].address.port);
    assert_string_equal(get_status().error, "");
    assert_int_equal(fake_count(&redis[DC2], "AUTH locum password\n"), 2); /* two connections */
}

static void
test_one_of_two_sentinels_changes_nothing(void **state)
{
    (void)state;
    start_with_master(DC2, &redis[DC2], "5");
    start_rogue();
    start_locum();
    assert_true(wait_until(base, is_subscribed, NULL, 3000));
    assert_true(wait_until(base, is_named, NULL, 3000));
    fake_broadcast(&sentinel[NS0], "message +switch-master whatever");
    poll_some_times();
    assert_undisturbed();
    set_master(NS0, redis[DC2].address.port, "6"); /* corrected */
    poll_some_times();
    assert_int_equal(rogue_status().unlisted_master.port, 0);
    assert_undisturbed();
}

static void
test_the_only_sentinel_changes_nothing(void **state)
{
    (void)state;
    start_rogue();
    start_locum();
    assert_true(wait_until(base, is_subscribed, NULL, 5000)); /* by ROLE */
    assert_true(wait_until(base, is_named, NULL, 3000));
    poll_some_times();
    assert_undisturbed();
}

static void
test_a_connection_in_use_stays(void **state)
{
    (void)state;
    start_with_master(NS0, &redis[DC2], "5");
    start_locum();
    assert_true(wait_until(base, is_subscribed, NULL, 3000));
    set_master(NS0, elsewhere.address.port, "6");
    assert_true(wait_until(base, is_named, NULL, 3000));
    poll_some_times();
    assert_undisturbed();
}

/* No configured Redis is the master: the status says which one the Sentinels name. */
static void
test_the_master_that_is_not_configured_is_named(void **state)
{
    (void)state;
    char want[128];
    fake_rule(&redis[DC2], "ROLE", REPLICA_ROLE);
    start_rogue();
    start_locum();
    (void)snprintf(want, sizeof(want), "names the master 127.0.0.1:%u, which is no nodes.X.redis",
                   elsewhere.address.port);
    assert_says(want);
    poll_some_times();
    assert_says(want);
    assert_false(get_status().connected);
    assert_int_equal(elsewhere.accepted, 0);
}

/* A host name is looked up, and its address is not configured. */
static void
test_a_host_name_leads_nowhere_else(void **state)
{
    (void)state;
    static char name[64];
    start_with_master(DC2, &redis[DC2], "5");
    start_rogue();
    (void)snprintf(name, sizeof(name), "@localhost %u", elsewhere.address.port);
    fake_rule(&sentinel[NS0], "SENTINEL GET-MASTER-ADDR-BY-NAME mirrorbits", name);
    start_locum();
    assert_true(wait_until(base, is_subscribed, NULL, 3000));
    poll_some_times();
    assert_undisturbed();
}

/* The endpoint is a host name, and the Sentinels name its address. */
static void
test_the_address_of_a_configured_host_name_is_used(void **state)
{
    (void)state;
    SET_TEXT(config->nodes[DC2].redis.host, "localhost");
    config->nodes[DC3].redis.port = 0;
    start_with_master(NS0, &redis[DC2], "5");
    start_locum();
    assert_true(wait_until(base, is_subscribed, NULL, 5000));
    poll_some_times();
    assert_int_equal(rogue_status().unlisted_master.port, 0);
    assert_undisturbed();
}

static bool
is_left(void *user)
{
    (void)user;
    return received.lost > 0;
}

static void
test_a_reload_that_removes_its_address_leaves_the_master(void **state)
{
    (void)state;
    start_with_master(NS0, &redis[DC2], "5");
    start_locum();
    assert_true(wait_until(base, is_subscribed, NULL, 3000));
    struct locum_config *other = malloc(sizeof(*other));
    assert_non_null(other);
    *other = *config;
    other->nodes[DC2].redis.port = 0;
    locum_redis_reconfigure(locum, other);
    free(config);
    config = other;
    assert_true(wait_until(base, is_left, NULL, 3000));
    const unsigned accepted = redis[DC2].accepted;
    poll_some_times();
    assert_int_equal(redis[DC2].accepted, accepted);
    assert_int_equal(rogue_status().unlisted_master.port, redis[DC2].address.port);
}

/* A Sentinel lists other Sentinels and replicas. Their state is evidence; none is connected to. */
static void
test_a_sentinel_or_replica_that_is_only_listed_is_not_connected_to(void **state)
{
    (void)state;
    static char list[256];
    start_with_master(NS0, &redis[DC2], "5");
    (void)snprintf(list, sizeof(list),
                   "*1\r\n*6\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n$4\r\nport\r\n$5\r\n%u\r\n"
                   "$5\r\nflags\r\n$8\r\nsentinel\r\n",
                   elsewhere.address.port);
    fake_rule(&sentinel[NS0], "SENTINEL SENTINELS", list);
    fake_rule(&sentinel[NS0], "SENTINEL REPLICAS", list);
    start_locum();
    assert_true(wait_until(base, is_subscribed, NULL, 3000));
    poll_some_times();
    assert_undisturbed();
}

static bool
is_reached(void *user)
{
    (void)user;
    return fake_count(&elsewhere, "AUTH locum password\n") > 0;
}

/* `locum check` warns of it. */
static void
test_without_configured_servers_a_sentinel_chooses(void **state)
{
    (void)state;
    start_rogue();
    config->nodes[DC2].redis.port = config->nodes[DC3].redis.port = 0;
    start_locum();
    assert_true(wait_until(base, is_reached, NULL, 5000));
    assert_int_equal(rogue_status().unlisted_master.port, 0);
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_with_passwords, teardown_all)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_of_two_sentinels_changes_nothing),
        TEST(test_the_only_sentinel_changes_nothing),
        TEST(test_a_connection_in_use_stays),
        TEST(test_the_master_that_is_not_configured_is_named),
        TEST(test_a_host_name_leads_nowhere_else),
        TEST(test_the_address_of_a_configured_host_name_is_used),
        TEST(test_a_reload_that_removes_its_address_leaves_the_master),
        TEST(test_a_sentinel_or_replica_that_is_only_listed_is_not_connected_to),
        TEST(test_without_configured_servers_a_sentinel_chooses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
