/* The node's hash in Redis. */
#include "view.h"

static const char *
field(const char *name)
{
    static struct locum_field fields[LOCUM_HASH_FIELDS];
    locum_report_hash(&view, fields);
    for (size_t i = 0; i < LOCUM_HASH_FIELDS; i++) {
        if (strcmp(fields[i].key, name) == 0) {
            return fields[i].value;
        }
    }
    fail_msg("no field %s", name);
    return NULL;
}

static void
test_the_hash_shows_this_node_and_the_others(void **state)
{
    (void)state;
    config.nodes[0].address_count = 2;
    config.nodes[0].address[0] =
        (struct locum_address){.family = LOCUM_V4, .bytes = {192, 0, 2, 12}};
    config.nodes[0].address[1] =
        (struct locum_address){.family = LOCUM_V4, .bytes = {192, 0, 2, 13}};
    config.core.name_count = 1;
    site.core.config.name_count = 1;
    assert_string_equal(field("role"), "server");
    assert_string_equal(field("service"), "up");
    assert_string_equal(field("admin"), "ready");
    assert_string_equal(field("serving"), "self");
    assert_string_equal(field("conditions"), "dc3=alive,ns0=alive");
    assert_string_equal(field("ranks"), "dc2=A,dc3=A");
    assert_string_equal(field("answers"),
                        "get.example.org./A=192.0.2.12+192.0.2.13 get.example.org./AAAA");
    assert_string_equal(field("since"), "2025-11-23T02:00:00.123Z");
    assert_string_equal(field("incarnation"), "1763863200123");
    assert_string_equal(field("digest"), "a1b2c3d4");
    assert_string_equal(field("heartbeat-ms"), "1763863203123");
    assert_string_equal(field("mirrorbits"), "");
}

/* A rank for each family only where they differ. */
static void
test_ranks_that_differ_by_family(void **state)
{
    (void)state;
    site.core.families.at[DC3][LOCUM_V6].lost = true;
    (void)locum_core_replan(&site.core);
    assert_string_equal(field("ranks"), "dc2=A,dc3=A/F");
    site.core.config.nodes[DC3].has[LOCUM_V6] = false;
    assert_string_equal(field("ranks"), "dc2=A,dc3=A");
}

static void
test_mirrorbits_is_shown_while_it_is_heard(void **state)
{
    (void)state;
    memcpy(run.mirrorbits, "vm-23362", 9);
    assert_string_equal(field("mirrorbits"), "");
    site.core.view.peer[DC2].mirrorbits = view.now.mono;
    assert_string_equal(field("mirrorbits"), "vm-23362");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_the_hash_shows_this_node_and_the_others, setup_view),
        cmocka_unit_test_setup(test_mirrorbits_is_shown_while_it_is_heard, setup_view),
        cmocka_unit_test_setup(test_ranks_that_differ_by_family, setup_view),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
