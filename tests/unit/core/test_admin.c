/* admin: leases end on the boot clock, which runs during suspend. */
#include "fixture.h"

/* A lease ends at its boot time, and its reason with it; exclusions stay. */
static void
test_lease_ends_on_the_boot_clock(void **state)
{
    (void)state;
    struct locum_admin_state admin = {
        .state = LOCUM_DRAIN, .until_boot = 5000, .reason = "disk", .excluded = 2};
    assert_false(locum_admin_advance(&admin, (struct locum_now){9000, 4999, 9000}));
    assert_int_equal(admin.state, LOCUM_DRAIN);
    assert_string_equal(admin.reason, "disk");
    assert_true(locum_admin_advance(&admin, (struct locum_now){0, 5000, 0}));
    assert_int_equal(admin.state, LOCUM_READY);
    assert_int_equal(admin.until_boot, LOCUM_NEVER);
    assert_string_equal(admin.reason, "");
    assert_int_equal(admin.excluded, 2);
    assert_false(locum_admin_advance(&admin, (struct locum_now){0, 9000, 0}));
}

/* Without a lease the state stays; ready has none. */
static void
test_without_a_lease_the_state_stays(void **state)
{
    (void)state;
    struct locum_admin_state maint = {.state = LOCUM_MAINT, .until_boot = LOCUM_NEVER};
    struct locum_admin_state ready = {.state = LOCUM_READY, .until_boot = 5};
    assert_false(locum_admin_advance(&maint, (struct locum_now){1, INT64_MAX, 1}));
    assert_int_equal(maint.state, LOCUM_MAINT);
    assert_false(locum_admin_advance(&ready, (struct locum_now){1, 10, 1}));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lease_ends_on_the_boot_clock),
        cmocka_unit_test(test_without_a_lease_the_state_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
