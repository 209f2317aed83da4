/* names, nodes: every text is written and read, and nothing else is read. */
#include "fixture.h"

static const char *const roles[] = {"server", "witness", "sentinel"};
static const char *const conditions[] = {"unknown", "alive", "suspect", "down", "returning"};
static const char *const services[] = {"unknown", "up", "failing", "probation", "degraded"};
static const char *const admins[] = {"ready", "drain", "maint"};
static const char *const policies[] = {"self", "all"};
static const char *const not_names[] = {"", "UP", "alivee", "aliv", " alive", "ready ", "serve"};

/* Every text is written and read as the manual spells it. */
static void
test_texts_are_written_and_read(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LOCUM_COUNT(conditions); i++) {
        enum locum_condition condition_read;
        assert_string_equal(locum_names_condition(i), conditions[i]);
        assert_true(locum_names_find_condition(locum_slice_of(conditions[i]), &condition_read));
        assert_int_equal(condition_read, i);
    }
    for (unsigned i = 0; i < LOCUM_COUNT(services); i++) {
        enum locum_service service;
        assert_string_equal(locum_names_service(i), services[i]);
        assert_true(locum_names_find_service(locum_slice_of(services[i]), &service));
        assert_int_equal(service, i);
    }
    for (unsigned i = 0; i < LOCUM_COUNT(admins); i++) {
        enum locum_admin admin;
        assert_string_equal(locum_names_admin(i), admins[i]);
        assert_true(locum_names_find_admin(locum_slice_of(admins[i]), &admin));
        assert_int_equal(admin, i);
    }
}

/* Any other text is refused, and the output is unchanged. */
static void
test_other_texts_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(not_names); i++) {
        const struct locum_slice text = locum_slice_of(not_names[i]);
        enum locum_condition condition_read = LOCUM_DOWN;
        enum locum_service service = LOCUM_FAILING;
        enum locum_admin admin = LOCUM_MAINT;
        assert_false(locum_names_find_condition(text, &condition_read));
        assert_false(locum_names_find_service(text, &service));
        assert_false(locum_names_find_admin(text, &admin));
        assert_true(condition_read == LOCUM_DOWN && service == LOCUM_FAILING &&
                    admin == LOCUM_MAINT);
    }
}

/* HEARTBEAT-3: the state codes are u a s d r. */
static void
test_state_codes(void **state)
{
    (void)state;
    static const char state_codes[] = "uasdr";
    enum locum_condition read = LOCUM_DOWN;
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(locum_names_state_code(i), state_codes[i]);
        assert_true(locum_names_find_state_code(state_codes[i], &read));
        assert_int_equal(read, i);
    }
    assert_false(locum_names_find_state_code('x', &read));
    assert_false(locum_names_find_state_code('\0', &read));
    assert_int_equal(read, LOCUM_RETURNING);
}

/* Texts of roles, policies, ranks, paths and causes. */
static void
test_texts_that_are_only_written(void **state)
{
    (void)state;
    static const char *const causes[] = {"heard", "silent",    "quorum",   "leaving",   "adopted",
                                         "grace", "recovered", "operator", "lease-end", "checks"};
    for (unsigned i = 0; i < LOCUM_COUNT(roles); i++) {
        assert_string_equal(locum_names_role(i), roles[i]);
    }
    for (unsigned i = 0; i < LOCUM_COUNT(policies); i++) {
        assert_string_equal(locum_names_policy(i), policies[i]);
    }
    for (unsigned i = 0; i <= LOCUM_RANK_G; i++) {
        assert_int_equal(locum_names_rank(i)[0], 'A' + (int)i);
        assert_int_equal(locum_names_rank(i)[1], '\0');
    }
    assert_string_equal(locum_names_path(LOCUM_PATH_REDIS), "redis");
    assert_string_equal(locum_names_path(LOCUM_PATH_UDP), "udp");
    for (unsigned i = 0; i <= LOCUM_CAUSE_CHECKS; i++) {
        assert_string_equal(locum_names_cause(i), causes[i]);
    }
}

/* A set of nodes is written in configured order; the empty set is "-". */
static void
test_sets_of_nodes(void **state)
{
    (void)state;
    static const struct {
        locum_nodes set;
        const char *text;
    } table[] = {{0, "-"}, {1, "dc2"}, {4, "ns0"}, {5, "dc2,ns0"}, {7, "dc2,dc3,ns0"}};
    const struct locum_core_config config = config_of(2, 1, 0);
    for (size_t i = 0; i < LOCUM_COUNT(table); i++) {
        char buffer[64];
        struct locum_text text = locum_text_init(buffer, sizeof(buffer));
        locum_nodes_add(&text, &config, table[i].set);
        assert_string_equal(buffer, table[i].text);
    }
}

/* A node is found by its whole name. */
static void
test_node_is_found_by_its_whole_name(void **state)
{
    (void)state;
    const struct locum_core_config config = config_of(2, 1, 0);
    assert_int_equal(locum_nodes_find(&config, locum_slice_of("dc2")), DC2);
    assert_int_equal(locum_nodes_find(&config, locum_slice_of("ns0")), NS0);
    assert_int_equal(locum_nodes_find(&config, locum_slice_of("ns")), LOCUM_NODE_NONE);
    assert_int_equal(locum_nodes_find(&config, locum_slice_of("ns00")), LOCUM_NODE_NONE);
    assert_int_equal(locum_nodes_find(&config, locum_slice_of("")), LOCUM_NODE_NONE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_are_written_and_read),
        cmocka_unit_test(test_other_texts_are_refused),
        cmocka_unit_test(test_state_codes),
        cmocka_unit_test(test_texts_that_are_only_written),
        cmocka_unit_test(test_sets_of_nodes),
        cmocka_unit_test(test_node_is_found_by_its_whole_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
