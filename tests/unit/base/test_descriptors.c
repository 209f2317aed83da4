/* descriptors: raising the limit, and the shares of clients. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/resource.h>

#include "base/descriptors.h"
#include "base/invariant.h"
#include "control/http.h"
#include "dns/tcp.h"

static struct rlimit before;

static void
set_soft(uint64_t soft)
{
    const struct rlimit limit = {.rlim_cur = soft, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static int
remember(void **state)
{
    (void)state;
    return getrlimit(RLIMIT_NOFILE, &before);
}

static int
restore(void **state)
{
    (void)state;
    return setrlimit(RLIMIT_NOFILE, &before);
}

static void
test_shares_add_up_to_the_clients_limit(void **state)
{
    (void)state;
    assert_int_equal(locum_dns_tcp_limits_default.connections_max + 2 * LOCUM_HTTP_CLIENTS_MAX,
                     LOCUM_DESCRIPTORS_CLIENTS);
}

static void
test_shares_shrink_with_the_limit(void **state)
{
    (void)state;
    static const struct {
        uint64_t limit;
        size_t wanted, share;
    } rows[] = {
        {592, 256, 256}, {100000, 256, 256}, {591, 256, 255}, {400, 256, 128}, {400, 64, 32},
        {208, 256, 1},   {64, 64, 1},        {214, 64, 1},    {220, 64, 2},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        if (rows[i].limit <= before.rlim_max) {
            set_soft(rows[i].limit);
            assert_int_equal(locum_descriptors_share(rows[i].wanted), rows[i].share);
        }
    }
}

static void
test_soft_limit_is_raised(void **state)
{
    (void)state;
    uint64_t limit = 0;
    if (before.rlim_max < 1088) {
        print_message("SKIP: the hard limit of descriptors is below 1088\n");
        skip();
    }
    set_soft(100);
    assert_true(locum_descriptors_raise(&limit));
    assert_int_equal(limit, 1088); /* room for a probe of each address of 31 peers, too */
    set_soft(1088);
    assert_true(locum_descriptors_raise(&limit));
    assert_int_equal(limit, 1088); /* left as it is */
}

/* Last: a hard limit does not rise again. */
static void
test_low_hard_limit_is_reported(void **state)
{
    (void)state;
    uint64_t limit = 0;
    const struct rlimit low = {.rlim_cur = 100, .rlim_max = 264};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_false(locum_descriptors_raise(&limit));
    assert_int_equal(limit, 264);
    assert_int_equal(locum_descriptors_share(256), 37);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_shares_add_up_to_the_clients_limit, remember, restore),
        cmocka_unit_test_setup_teardown(test_shares_shrink_with_the_limit, remember, restore),
        cmocka_unit_test_setup_teardown(test_soft_limit_is_raised, remember, restore),
        cmocka_unit_test(test_low_hard_limit_is_reported),
    };
    return cmocka_run_group_tests_name("base/descriptors", tests, NULL, NULL);
}
