/*
 * The pure files: which Redis is used and when, to which node an instance belongs, advice on
 * errors.
 */
#include "fixture.h"

#include <stdio.h>

#include "redis/command.h"
#include "redis/diagnosis.h"
#include "redis/discovery.h"
#include "redis/endpoints.h"

enum { FRESH_MS = 1200, START_MS = 1000 };

static struct locum_address
address_of(const char *text)
{
    struct locum_address address;
    assert_int_equal(locum_address_parse_port(locum_slice_of(text), &address), 0);
    return address;
}

/* The chosen address as text, "none", or "wait" if it may not be tried yet. */
static const char *
choice(const struct locum_discovery *self, const char *current, locum_ms now)
{
    static char buffer[LOCUM_ADDRESS_TEXT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    struct locum_address in_use;
    struct locum_address address;
    locum_ms not_before;
    if (current != NULL) {
        in_use = address_of(current);
    }
    if (!locum_discovery_choose(self, current != NULL ? &in_use : NULL, now, &address,
                                &not_before)) {
        return "none";
    }
    if (not_before > now) {
        return "wait";
    }
    locum_text_add(&text, locum_address_text(&address).text);
    return buffer;
}

#define A "10.0.0.12:6379"
#define B "10.0.0.13:6379"
#define C "10.0.0.14:6379"

static void
test_the_highest_epoch_is_chosen(void **state)
{
    (void)state;
    static const struct {
        struct {
            const char *address; /* NULL: this Sentinel has not reported anything */
            uint64_t epoch;
            locum_ms when;
        } candidates[3];
        const char *current;
        const char *want; /* at 10000 */
    } rows[] = {
        {{{NULL, 0, 0}, {NULL, 0, 0}, {NULL, 0, 0}}, NULL, "none"},
        {{{A, 0, 10000}, {NULL, 0, 0}, {NULL, 0, 0}}, NULL, A},
        {{{A, 5, 10000}, {B, 6, 10000}, {A, 5, 10000}}, NULL, B},
        {{{A, 5, 10000}, {B, 6, 10000}, {A, 5, 10000}}, A, B},
        {{{B, 6, 8800}, {A, 5, 10000}, {A, 5, 10000}}, A, B},
        {{{B, 6, 8799}, {A, 5, 10000}, {A, 5, 10000}}, A, A},     /* stale */
        {{{A, 5, 10000}, {B, 5, 10000}, {B, 5, 10000}}, NULL, B}, /* most reports */
        {{{A, 5, 10000}, {B, 5, 10000}, {B, 5, 10000}}, A, A},    /* the one in use has priority */
        {{{A, 5, 10000}, {B, 5, 10000}, {B, 4, 10000}}, NULL, A}, /* even: the first Sentinel */
        {{{A, 5, 10000}, {B, 5, 10000}, {C, 4, 10000}}, C, A},    /* in use, older epoch */
        {{{A, 5, 100}, {B, 6, 100}, {NULL, 0, 0}}, A, A},         /* none is fresh: keep */
        {{{A, 5, 100}, {B, 6, 100}, {NULL, 0, 0}}, NULL, B},      /* ... or the last reported */
        {{{A, 5, 100}, {NULL, 0, 0}, {NULL, 0, 0}}, C, C},        /* ... also an unreported one */
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        struct locum_discovery self;
        locum_discovery_init(&self, true, FRESH_MS, 1000000, 0);
        if (i == 11) {
            self.start_ms = START_MS;
        }
        for (size_t j = 0; j < 3; j++) {
            if (rows[i].candidates[j].address != NULL) {
                const struct locum_address address = address_of(rows[i].candidates[j].address);
                locum_discovery_report(&self, (locum_node)j, &address, rows[i].candidates[j].epoch,
                                       rows[i].candidates[j].when);
            }
        }
        const char *got = choice(&self, rows[i].current, 10000);
        if (strcmp(got, rows[i].want) != 0) {
            fail_msg("row %zu: %s, not %s", i, got, rows[i].want);
        }
    }
}

static void
test_a_replica_is_left_out_and_no_older_epoch_is_chosen(void **state)
{
    (void)state;
    struct locum_discovery self;
    const struct locum_address a = address_of(A);
    const struct locum_address b = address_of(B);
    locum_discovery_init(&self, true, FRESH_MS, START_MS, 0);
    locum_discovery_report(&self, 0, &a, 5, 1000);
    locum_discovery_report(&self, 1, &b, 6, 1000);
    locum_discovery_tried(&self, &b, 1000);
    locum_discovery_failed(&self, &b, LOCUM_DISCOVERY_NOT_MASTER, 0, 1000);
    assert_string_equal(choice(&self, NULL, 1500), "none");
    locum_discovery_report(&self, 0, &a, 5, 2000);
    locum_discovery_report(&self, 1, &b, 6, 2000);
    assert_string_equal(choice(&self, NULL, 2000), B);
    /* A new report allows an attempt at once. */
    locum_discovery_tried(&self, &b, 2000);
    locum_discovery_failed(&self, &b, LOCUM_DISCOVERY_NOT_MASTER, 0, 2000);
    locum_discovery_report(&self, 0, &b, 7, 2100);
    assert_string_equal(choice(&self, NULL, 2100), "wait");
    assert_string_equal(choice(&self, NULL, 2200), B);
}

/* Case C: "The master's address as Sentinels tell it cannot be reached (NAT, containers), the
 * configured nodes.X.redis works". */
static void
test_a_reported_address_that_cannot_be_reached_falls_back_to_the_configured(void **state)
{
    (void)state;
    struct locum_discovery self;
    const struct locum_address reported = address_of("172.17.0.2:6379");
    const struct locum_address a = address_of(A);
    const struct locum_address b = address_of(B);
    locum_discovery_init(&self, true, FRESH_MS, START_MS, 0);
    locum_discovery_add_server(&self, &a);
    locum_discovery_add_server(&self, &b);
    locum_discovery_report(&self, 0, &reported, 5, 1000);
    for (locum_ms now = 1000; now < 2000; now += 500) {
        assert_string_equal(choice(&self, NULL, now), "172.17.0.2:6379");
        locum_discovery_tried(&self, &reported, now);
        locum_discovery_failed(&self, &reported, LOCUM_DISCOVERY_UNREACHABLE, 0, now);
    }
    assert_string_equal(choice(&self, NULL, 1500), A);
    locum_discovery_tried(&self, &a, 1500);
    assert_string_equal(choice(&self, A, 1700), A);
    locum_discovery_failed(&self, &a, LOCUM_DISCOVERY_NOT_MASTER, 0, 1500); /* ROLE decides */
    assert_string_equal(choice(&self, NULL, 1500), B);
    locum_discovery_tried(&self, &b, 1500);
    locum_discovery_worked(&self, &b);
    locum_discovery_report(&self, 0, &reported, 5, 2000);
    assert_string_equal(choice(&self, B, 2000), B); /* kept */
    /* The reported address takes its turn without a connection, and is not left while it is tried.
     */
    locum_discovery_failed(&self, &b, LOCUM_DISCOVERY_UNREACHABLE, 0, 2000);
    locum_discovery_failed(&self, &a, LOCUM_DISCOVERY_NOT_MASTER, 4000, 2000);
    assert_string_equal(choice(&self, NULL, 2100), "172.17.0.2:6379");
    locum_discovery_tried(&self, &reported, 2600);
    assert_string_equal(choice(&self, "172.17.0.2:6379", 2900), "172.17.0.2:6379");
    /* A failover back to it is no reason to distrust it. */
    locum_discovery_report(&self, 0, &reported, 6, 2900);
    assert_string_equal(choice(&self, B, 2900), "172.17.0.2:6379");
    /* Something new is tried first. */
    const struct locum_address next = address_of("172.17.0.3:6379");
    locum_discovery_report(&self, 0, &next, 7, 3000);
    assert_string_equal(choice(&self, B, 3000), "172.17.0.3:6379");
    /* An address that is only no master is no reason. */
    locum_discovery_failed(&self, &next, LOCUM_DISCOVERY_NOT_MASTER, 0, 3000);
    locum_discovery_failed(&self, &next, LOCUM_DISCOVERY_NOT_MASTER, 0, 3100);
    assert_string_equal(choice(&self, NULL, 3200), "none");
}

static void
test_attempts_have_a_gap_and_back_off(void **state)
{
    (void)state;
    struct locum_discovery self;
    const struct locum_address a = address_of(A);
    locum_ms now = 5000;
    locum_ms longest = 0;
    locum_discovery_init(&self, false, FRESH_MS, START_MS, 0);
    locum_discovery_add_server(&self, &a);
    for (int i = 0; i < 10; i++) {
        struct locum_address address;
        locum_ms not_before;
        locum_discovery_tried(&self, &a, now);
        locum_discovery_failed(&self, &a, LOCUM_DISCOVERY_UNREACHABLE, UINT32_MAX, now);
        assert_true(locum_discovery_choose(&self, NULL, now, &address, &not_before));
        assert_in_range(not_before - now, LOCUM_DISCOVERY_GAP_MS, LOCUM_DISCOVERY_WAIT_MAX_MS);
        longest = not_before - now > longest ? not_before - now : longest;
        now = not_before;
    }
    assert_true(longest >= LOCUM_DISCOVERY_WAIT_MAX_MS / 2);
    /* After a success the waits are short again. */
    locum_discovery_worked(&self, &a);
    locum_discovery_failed(&self, &a, LOCUM_DISCOVERY_UNREACHABLE, UINT32_MAX, now);
    assert_string_equal(choice(&self, NULL, now + 2 * LOCUM_DISCOVERY_GAP_MS), A);
}

static void
test_without_sentinels_the_servers_are_tried_in_turn(void **state)
{
    (void)state;
    struct locum_discovery self;
    const struct locum_address a = address_of(A);
    const struct locum_address b = address_of(B);
    locum_discovery_init(&self, true, FRESH_MS, START_MS, 0);
    locum_discovery_add_server(&self, &a);
    locum_discovery_add_server(&self, &b);
    assert_string_equal(choice(&self, NULL, START_MS - 1), "none");
    assert_string_equal(choice(&self, NULL, START_MS), A);
    locum_discovery_tried(&self, &a, 1000);
    locum_discovery_failed(&self, &a, LOCUM_DISCOVERY_NOT_MASTER, 0, 1001);
    assert_string_equal(choice(&self, NULL, 1001), B);
    locum_discovery_tried(&self, &b, 1001);
    locum_discovery_failed(&self, &b, LOCUM_DISCOVERY_UNREACHABLE, UINT32_MAX, 1002);
    assert_string_equal(choice(&self, NULL, 1002), "wait");
    assert_string_equal(choice(&self, NULL, 1202), A);
    assert_string_equal(choice(&self, C, 1202), C);
}

static void
test_the_newest_report_is_kept_when_addresses_overflow(void **state)
{
    (void)state;
    struct locum_discovery self;
    struct locum_address address = address_of(A);
    locum_discovery_init(&self, true, FRESH_MS, START_MS, 0);
    for (uint16_t port = 1; port < 1000; port++) {
        address.port = port;
        locum_discovery_report(&self, port % LOCUM_NODES_MAX, &address, port, 1000 + port);
        locum_discovery_tried(&self, &address, 1000 + port);
    }
    assert_string_equal(choice(&self, NULL, 5000 - FRESH_MS), "10.0.0.12:999");
}

/* An instance as a Sentinel lists it: "10.0.0.12:6379", or by a host name. */
static struct locum_instance
instance_at(const char *where, bool down)
{
    struct locum_instance instance = {.down = down};
    if (locum_address_parse_port(locum_slice_of(where), &instance.address) != 0) {
        const char *colon = strchr(where, ':');
        snprintf(instance.host, sizeof(instance.host), "%.*s", (int)(colon - where), where);
        instance.address.port = (uint16_t)atoi(colon + 1);
    }
    return instance;
}

static void
test_instances_are_assigned_to_nodes_by_address(void **state)
{
    (void)state;
    struct locum_config *config = make_config(0);
    struct locum_endpoints endpoints;
    struct locum_endpoints_view view;
    for (uint16_t i = 0; i < 3; i++) {
        set_endpoint(&config->nodes[i].redis, (uint16_t)(7000 + i));
        set_endpoint(&config->nodes[i].sentinel, (uint16_t)(8000 + i));
    }
    config->nodes[2].redis.port = 7001; /* belongs to two nodes */
    locum_endpoints_init(&endpoints, config);
    const struct locum_instances instances = {
        .at =
            {
                instance_at("127.0.0.1:7000", true),
                instance_at("127.0.0.1:8000", true),
                instance_at("127.0.0.1:7001", true),
                instance_at("127.0.0.1:8001", false),
                instance_at("127.0.0.1:8001", true), /* again */
                instance_at("127.0.0.2:7000", true),
                instance_at("[::1]:7000", false),
                instance_at("[::1]:7000", false),
            },
        .count = 8,
    };
    locum_endpoints_sort(&endpoints, &instances, 2, &view);
    assert_int_equal(view.known[0], 2);
    assert_int_equal(view.down[0], 2);
    assert_int_equal(view.known[1], 1);
    assert_int_equal(view.down[1], 0);
    assert_int_equal(view.known[2], 1);
    assert_int_equal(view.down[2], 0);
    assert_int_equal(view.unknown_count, 3);
    assert_string_equal(view.unknown_instances[2], "[::1]:7000");
    free(config);
}

/*
 * Case C: "Sentinels and one RedisAddress, no nodes.X.redis". An instance at a node's address is
 * that node's, listed once or twice; two nodes that share an address own nothing there.
 */
static void
test_an_instance_at_a_nodes_address_is_that_nodes(void **state)
{
    (void)state;
    struct locum_config *config = make_config(0);
    struct locum_endpoints endpoints;
    struct locum_endpoints_view view;
    config->nodes[0].address[0] = address_of("10.0.0.12:1");
    config->nodes[1].address[0] = address_of("10.0.0.13:1");
    config->nodes[1].address[1] = address_of("[2001:db8::13]:1");
    config->nodes[2].address[0] = address_of("10.0.0.13:1");
    config->nodes[0].address_count = 1;
    config->nodes[1].address_count = 2;
    SET_TEXT(config->redis.server.host, "10.0.0.12");
    config->redis.server.port = 6379;
    locum_endpoints_init(&endpoints, config);
    const struct locum_instances instances = {
        .at =
            {
                instance_at("10.0.0.12:6379", false),
                instance_at("10.0.0.13:6379", true),
                instance_at("[2001:db8::13]:26379", true),
                instance_at("10.0.0.13:6379", false), /* again */
                instance_at("10.0.0.14:6379", true),
            },
        .count = 5,
    };
    locum_endpoints_sort(&endpoints, &instances, LOCUM_NODE_NONE, &view);
    assert_int_equal(view.known[0], 1);
    assert_int_equal(view.down[0], 0);
    assert_int_equal(view.known[1], 2);
    assert_int_equal(view.down[1], 1);
    assert_int_equal(view.unknown_count, 1);
    assert_string_equal(view.unknown_instances[0], "10.0.0.14:6379");
    config->nodes[2].address_count = 1;
    locum_endpoints_sort(&endpoints, &instances, LOCUM_NODE_NONE, &view);
    assert_int_equal(view.known[1], 1);
    assert_int_equal(view.known[2], 0);
    assert_int_equal(view.unknown_count, 2);
    assert_string_equal(view.unknown_instances[0], "10.0.0.13:6379");
    free(config);
}

/* The configuration has host names; Sentinels list addresses, or those names. */
static void
test_instances_are_assigned_to_nodes_by_host_name(void **state)
{
    (void)state;
    struct locum_config *config = make_config(0);
    struct locum_endpoints endpoints;
    struct locum_endpoints_view view;
    struct locum_address found;
    static const char *const hosts[] = {"dc2.example.org", "dc3.example.org"};
    for (uint16_t i = 0; i < 2; i++) {
        SET_TEXT(config->nodes[i].redis.host, hosts[i]);
        SET_TEXT(config->nodes[i].sentinel.host, hosts[i]);
        config->nodes[i].redis.port = 6379;
        config->nodes[i].sentinel.port = 26379;
    }
    SET_TEXT(config->redis.sentinels[0].host, "10.0.0.99");
    config->redis.sentinels[0].port = 26379;
    config->redis.sentinel_count = 1;
    locum_endpoints_init(&endpoints, config);
    const struct locum_address addresses[] = {address_of("10.0.0.12:1"),
                                              address_of("[2001:db8::12]:1")};
    locum_endpoints_set(&endpoints.at[0], addresses, 2);
    const struct locum_instances instances = {
        .at =
            {
                instance_at("10.0.0.12:6379", true),
                instance_at("[2001:db8::12]:6379", true), /* the same one */
                instance_at("DC2.example.org:26379", true),
                instance_at("dc3.example.org:6379",
                            true), /* known by name, though it has no address */
                instance_at("10.0.0.13:26379", true),
                instance_at("10.0.0.99:26379", false), /* known, but of no node */
                instance_at("elsewhere:6379", true),
            },
        .count = 7,
    };
    locum_endpoints_sort(&endpoints, &instances, LOCUM_NODE_NONE, &view);
    assert_int_equal(view.known[0], 2);
    assert_int_equal(view.down[0], 2);
    assert_int_equal(view.known[1], 1);
    assert_int_equal(view.down[1], 1);
    assert_int_equal(view.known[2], 0);
    assert_int_equal(view.unknown_count, 2);
    assert_string_equal(view.unknown_instances[0], "10.0.0.13:26379");
    assert_string_equal(view.unknown_instances[1], "elsewhere:6379");

    const struct locum_instance by_name = instance_at("dc2.example.org:6379", false);
    const struct locum_instance unresolved = instance_at("dc3.example.org:6379", false);
    const struct locum_instance other_port = instance_at("dc2.example.org:6380", false);
    assert_true(locum_endpoints_locate(&endpoints, &by_name, NULL, 0, &found));
    assert_true(locum_address_equal(&found, &instances.at[0].address));
    assert_true(locum_endpoints_locate(&endpoints, &by_name, NULL, 1, &found));
    assert_true(locum_address_equal(&found, &instances.at[1].address));
    /* The address in use stays if the name still has it. */
    const struct locum_address in_use = found;
    assert_true(locum_endpoints_locate(&endpoints, &by_name, &in_use, 0, &found));
    assert_true(locum_address_equal(&found, &in_use));
    assert_true(locum_endpoints_locate(&endpoints, &by_name, &instances.at[4].address, 0, &found));
    assert_true(locum_address_equal(&found, &instances.at[0].address));
    assert_false(locum_endpoints_locate(&endpoints, &unresolved, NULL, 0, &found));
    assert_false(locum_endpoints_locate(&endpoints, &other_port, NULL, 0, &found));
    assert_true(locum_endpoints_locate(&endpoints, &instances.at[4], NULL, 0, &found));
    free(config);
}

static void
test_each_error_has_advice(void **state)
{
    (void)state;
    static const struct {
        bool sentinel;
        const char *error, *want;
    } rows[] = {
        {false, "NOAUTH Authentication required.", "set redis.password"},
        {true, "NOAUTH Authentication required.", "set redis.sentinel-password-file"},
        {false, "WRONGPASS invalid username-password pair", "check redis.user and"},
        {true, "WRONGPASS invalid username-password pair", "check redis.sentinel-user and"},
        {false, "ERR invalid password", "check redis.password"},
        {false, "LOADING Redis is loading the dataset in memory", "(LOADING)"},
        {false, "MISCONF Redis is configured to save RDB", "(MISCONF)"},
        {false, "NOREPLICAS Not enough good replicas", "min-replicas-to-write"},
        {false, "NOPERM this user has no permissions", "/locum.acl"},
        {true, "NOPERM this user has no permissions", "/locum-sentinel.acl"},
        {false, "WRONGTYPE Operation against a key", "(WRONGTYPE)"},
        {false, "READONLY You can't write", "(READONLY)"},
        {false, "OOM command not allowed", "maxmemory"},
        {false, "ERR some\nthing", "refused: 'ERR some?thing'"},
        {false, "", "refused: ''"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        const struct locum_diagnosis got =
            locum_diagnosis_of(rows[i].sentinel, LOCUM_COMMAND_HSET, locum_slice_of(rows[i].error));
        if (strncmp(got.text, "HSET ", 5) != 0 || strstr(got.text, rows[i].want) == NULL) {
            fail_msg("row %zu: %s", i, got.text);
        }
    }
}

/* A server without AUTH quotes its arguments. */
static void
test_a_password_is_never_quoted(void **state)
{
    (void)state;
    const struct locum_diagnosis got =
        locum_diagnosis_of(false, LOCUM_COMMAND_AUTH,
                           locum_slice_of("ERR unknown command 'AUTH', with args beginning with: "
                                          "'locum' 'secret'"));
    assert_null(strstr(got.text, "secret"));
    assert_non_null(strstr(got.text, "AUTH refused"));
}

/* After "Sentinel HOST:PORT: " with the longest host name, and with the longest command. */
static void
test_the_longest_advice_fits(void **state)
{
    (void)state;
    enum { BEFORE = sizeof("Sentinel :65535: ") - 1 + LOCUM_HOST_MAX };
    static const char *const errors[] = {"NOAUTH",   "WRONGPASS",  "ERR invalid password",
                                         "READONLY", "MASTERDOWN", "LOADING",
                                         "MISCONF",  "NOREPLICAS", "OOM",
                                         "DENIED",   "NOPERM",     "ERR max number of clients",
                                         "WRONGTYPE"};
    for (size_t i = 0; i < LOCUM_COUNT(errors); i++) {
        const struct locum_diagnosis got =
            locum_diagnosis_of(true, LOCUM_COMMAND_SENTINEL_ADDRESS, locum_slice_of(errors[i]));
        if (strlen(got.text) >= LOCUM_REDIS_ERROR_MAX - BEFORE) {
            fail_msg("%s: %s", errors[i], got.text);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_highest_epoch_is_chosen),
        cmocka_unit_test(test_a_replica_is_left_out_and_no_older_epoch_is_chosen),
        cmocka_unit_test(
            test_a_reported_address_that_cannot_be_reached_falls_back_to_the_configured),
        cmocka_unit_test(test_attempts_have_a_gap_and_back_off),
        cmocka_unit_test(test_without_sentinels_the_servers_are_tried_in_turn),
        cmocka_unit_test(test_the_newest_report_is_kept_when_addresses_overflow),
        cmocka_unit_test(test_instances_are_assigned_to_nodes_by_address),
        cmocka_unit_test(test_an_instance_at_a_nodes_address_is_that_nodes),
        cmocka_unit_test(test_instances_are_assigned_to_nodes_by_host_name),
        cmocka_unit_test(test_each_error_has_advice),
        cmocka_unit_test(test_a_password_is_never_quoted),
        cmocka_unit_test(test_the_longest_advice_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
